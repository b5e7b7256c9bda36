//! How many products a shop has, and of how many little is left.

use chrono::Duration;
use sqlx::PgConnection;
use uuid::Uuid;

use super::sql;
use crate::domain::outbox;
use crate::domain::products;
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::{Error, Result};
use crate::kit::env::Env;

/// The figures are at most this old (design section 5).
const LAST: Duration = Duration::seconds(10);
/// So many left, or fewer, is little; none is not little, but out.
pub const LOW_STOCK_MAX: i64 = 5;

/// Of a shop's products, as of a few seconds ago; archived ones are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    pub total: i64,
    /// On sale, and anybody may see them.
    pub published: i64,
    pub low_stock: i64,
    pub out_of_stock: i64,
}

/// The shop's figures, counted again where they are too old. Whoever comes while they are counted has the old ones.
pub async fn stats(db: &mut PgConnection, shop: Tenant, env: &Env) -> Result<Stats> {
    let now = env.now();
    if let Some(known) = sql::stats(db, shop.uuid()).await?
        && (now - known.counted_at < LAST || !sql::begin_count(db, shop.uuid(), known.counted_at, now).await?)
    {
        return Ok(known.into());
    }
    sql::count_products(db, shop.uuid(), LOW_STOCK_MAX, now).await?;
    let counted = sql::stats(db, shop.uuid()).await?;
    counted.map(Stats::from).ok_or_else(|| Error::Internal("the figures of products were not kept".into()))
}

impl From<sql::Figures> for Stats {
    fn from(row: sql::Figures) -> Self {
        let sql::Figures { total, published, low_stock, out_of_stock, .. } = row;
        Self { total, published, low_stock, out_of_stock }
    }
}

/// Mails the owner of a live shop, where there is one, that little is left in these pools.
pub(super) async fn tell_owner(db: &mut PgConnection, shop: Tenant, env: &Env, pools: &[Uuid]) -> Result<()> {
    let shop = shops::get(db, shop).await?;
    let Some(owner) = shop.owner_email.as_deref().filter(|_| shop.mode == Mode::Live) else { return Ok(()) };
    for product in products::on_sale_from(db, shop.tenant, pools).await? {
        outbox::stock_is_low(db, shop.tenant, env, *product, owner).await?;
    }
    Ok(())
}
