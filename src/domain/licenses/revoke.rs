//! What was refunded in full may not run any longer.

use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::{self, Kind, Note};
use super::{License, Status, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Revokes every license that came with this order and is not revoked yet; answers how many.
pub async fn revoke_of_order(db: &mut PgConnection, shop: Tenant, env: &Env, order: Uuid) -> Result<usize> {
    let mut notes = Vec::new();
    let mut events = Vec::new();
    for row in sql::lock_of_invoice(db, shop.uuid(), order).await? {
        let before = License::try_from(row)?;
        let after = License { status: Status::Revoked, updated_at: env.now(), ..before.clone() };
        let (old, new) = (before.status_at(env.now()).word().to_owned(), after.status.word().to_owned());
        notes.push(Note::of(Kind::StatusChanged, Some(after.id), None).change(Some(old), Some(new)));
        events.push(Event::LicenseStatusChanged(after.facts()));
    }
    if events.is_empty() {
        return Ok(0);
    }
    sql::revoke_of_invoice(db, shop.uuid(), order, env.now()).await?;
    audit::write(db, shop, env, &notes).await?;
    outbox::emit(db, shop, env, &events).await?;
    Ok(events.len())
}
