//! A person's programs, whatever their shops: what the portal may show to whom.

mod sql;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Reseller, ResellerId, get};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::id::Id;

/// The person's relationship of this id, with the shop that it is in; nobody else's.
pub async fn of_person(db: &mut PgConnection, account: Uuid, id: ResellerId) -> Result<Option<(Tenant, Reseller)>> {
    let Some(shop) = sql::shop_of(db, account, *id).await?.map(Tenant::new) else { return Ok(None) };
    Ok(Some((shop, get(db, shop, id).await?)))
}

/// Every relationship of the person, newest first, ended ones too.
pub async fn programs_of(db: &mut PgConnection, account: Uuid) -> Result<Vec<(Tenant, Reseller)>> {
    let mut programs = Vec::new();
    for (shop, id) in sql::relationships_of(db, account).await? {
        let shop = Tenant::new(shop);
        programs.push((shop, get(db, shop, Id::from(id)).await?));
    }
    Ok(programs)
}
