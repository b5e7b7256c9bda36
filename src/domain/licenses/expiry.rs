//! A license whose date passes expires by itself, whether anybody asks for it or not.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::audit::{self, Kind, Note};
use super::{License, Status, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Shops in which an active license has run out of time.
pub async fn shops_with_expired(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Tenant>> {
    Ok(sql::shops_with_expired(db, now).await?.into_iter().map(Tenant::new).collect())
}

/// Writes down, of up to `limit` licenses of a shop, that they have expired, and tells of it; answers of
/// how many. One that a validation holds is skipped: what that finds out, it writes down itself.
pub async fn expire_due(db: &mut PgConnection, shop: Tenant, env: &Env, limit: i64) -> Result<usize> {
    let rows = sql::expire_due(db, shop.uuid(), env.now(), limit).await?;
    let expired: Vec<License> = rows.into_iter().map(License::try_from).collect::<Result<_>>()?;
    if expired.is_empty() {
        return Ok(0);
    }
    tell(db, shop, env, &expired).await?;
    Ok(expired.len())
}

/// Writes down and tells that these licenses, which were active, have expired.
pub(super) async fn tell(db: &mut PgConnection, shop: Tenant, env: &Env, expired: &[License]) -> Result<()> {
    let (old, new) = (Status::Active.word(), Status::Expired.word());
    let note = |license: &License| {
        Note::of(Kind::StatusChanged, Some(license.id), None).change(Some(old.to_owned()), Some(new.to_owned()))
    };
    audit::write(db, shop, env, &expired.iter().map(note).collect::<Vec<_>>()).await?;
    let events: Vec<Event> = expired.iter().map(|license| Event::LicenseExpired(license.facts())).collect();
    outbox::emit(db, shop, env, &events).await
}
