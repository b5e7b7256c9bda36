//! Licenses page by page, and the shop's figures.

mod sql;

use sqlx::PgConnection;

use super::{License, LicenseId, Status, key_hash};
use crate::domain::products::ProductId;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::page::{Page, Place, Window};

/// The figures of a list are at most this old.
const STATS_LAST: chrono::Duration = chrono::Duration::seconds(10);

/// What narrows a list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub product: Option<ProductId>,
    /// A key, a buyer's address, or the id of a license or an invoice: the whole of it.
    pub search: Option<String>,
}

/// How many there are, as of a few seconds ago.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    pub total: i64,
    pub active: i64,
    pub used: i64,
    pub expired: i64,
}

pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    filter: &Filter,
    window: Window<License>,
    place: &Place,
) -> Result<Page<License>> {
    let statuses: Vec<String> = filter.statuses.iter().map(|status| status.kept().to_owned()).collect();
    let wanted = sql::Wanted {
        statuses: (!statuses.is_empty()).then_some(statuses),
        product: filter.product.map(Id::uuid),
        key_hash: filter.search.as_deref().map(|text| key_hash(env, shop, text).to_vec()),
        id: filter.search.as_deref().and_then(LicenseId::parse).map(Id::uuid),
        email: filter.search.as_ref().map(|text| text.to_lowercase()),
        now: env.now(),
    };
    let rows = sql::list(db, shop.uuid(), &wanted, window.after(), window.rows()).await?;
    let licenses = rows.into_iter().map(License::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(licenses, &window, place, &env.vault, |license| *license.id))
}

/// The shop's figures, counted again where they are too old. Whoever comes while they are counted has
/// the old ones.
pub async fn stats(db: &mut PgConnection, shop: Tenant, env: &Env) -> Result<Stats> {
    let now = env.now();
    let known = sql::stats(db, shop.uuid()).await?;
    if let Some((stats, counted_at)) = known
        && (now - counted_at < STATS_LAST || !sql::begin_count(db, shop.uuid(), counted_at, now).await?)
    {
        return Ok(stats);
    }
    sql::count(db, shop.uuid(), now).await?;
    let counted = sql::stats(db, shop.uuid()).await?;
    counted.map(|(stats, _)| stats).ok_or_else(|| Error::Internal("the figures of licenses were not kept".into()))
}
