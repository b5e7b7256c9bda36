//! Files that were sold, by links that prove themselves. Whether a link still gives anything is asked each
//! time, so one that was shared ends with a refund.

use sqlx::PgConnection;

use super::link::Link;
use super::{Item, goods};
use crate::domain::files::File;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;

const EXPIRED: &str = "This link has expired. The page of the order has a fresh one.";
const NOTHING_THERE: &str = "This link leads to no file any more: what it was for is not delivered, or was refunded.";

/// What a link leads to.
///
/// # Errors
/// [`Error::NotFound`] for a link that we did not make, [`Error::Gone`] for one that has expired, and
/// for one of an item that is not delivered (any more).
pub async fn download(db: &mut PgConnection, env: &Env, token: &str) -> Result<(Tenant, File)> {
    let link = Link::read(&env.vault, token).ok_or(Error::NotFound("download"))?;
    if link.expires_at <= env.now() {
        return Err(Error::Gone(EXPIRED));
    }
    let (order, items) = super::get(db, link.shop, link.order).await?;
    let sold: Vec<Item> = items.into_iter().filter(|item| item.id == link.item).collect();
    let goods = goods::goods(db, link.shop, env, &order, &sold).await?;
    let download = goods.into_iter().find_map(|goods| goods.download).ok_or(Error::Gone(NOTHING_THERE))?;
    Ok((link.shop, download.file))
}
