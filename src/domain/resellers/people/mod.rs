//! A person's programs, whatever their shops: what the portal may show to whom.

mod sql;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Reseller, ResellerId, get};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::page::{Page, Place, Window};

/// The person's relationship of this id, with the shop that it is in; nobody else's.
pub async fn of_person(db: &mut PgConnection, account: Uuid, id: ResellerId) -> Result<Option<(Tenant, Reseller)>> {
    let Some(shop) = sql::shop_of(db, account, *id).await?.map(Tenant::new) else { return Ok(None) };
    Ok(Some((shop, get(db, shop, id).await?)))
}

/// The person's relationships, newest first, ended ones too.
pub async fn programs_of(
    db: &mut PgConnection,
    env: &Env,
    account: Uuid,
    window: Window<Reseller>,
    place: &Place,
) -> Result<Page<(Tenant, Reseller)>> {
    let rows = sql::relationships_of(db, account, window.after(), window.rows()).await?;
    let page = Page::cut(rows, &window, place, &env.vault, |(_, id)| *id);
    let mut data = Vec::with_capacity(page.data.len());
    for (shop, id) in page.data {
        let shop = Tenant::new(shop);
        data.push((shop, get(db, shop, Id::from(id)).await?));
    }
    Ok(Page { data, next_cursor: page.next_cursor })
}
