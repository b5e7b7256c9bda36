//! How many products a shop has, and of how many little is left.

use chrono::Duration;
use sqlx::PgConnection;

use super::sql;
use crate::domain::shops::Tenant;
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
    let known = sql::stats(db, shop.uuid()).await?;
    if let Some((stats, counted_at)) = known
        && (now - counted_at < LAST || !sql::begin_count(db, shop.uuid(), counted_at, now).await?)
    {
        return Ok(stats);
    }
    sql::count_products(db, shop.uuid(), LOW_STOCK_MAX, now).await?;
    let counted = sql::stats(db, shop.uuid()).await?;
    counted.map(|(stats, _)| stats).ok_or_else(|| Error::Internal("the figures of products were not kept".into()))
}
