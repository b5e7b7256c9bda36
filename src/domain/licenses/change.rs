//! Changing a license, under its lock; each change is written down with what was and what became.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::{self, Kind, Note};
use super::draft::fit;
use super::expiry;
use super::new::taken;
use super::{Hwid, Key, License, LicenseId, Pattern, Status, key_hash, keys_of, lock, place, product_of, sql};
use crate::domain::outbox::{self, Event};
use crate::domain::products::ProductId;
use crate::domain::shops::Tenant;
use crate::error::{Error, LicenseRefusal, OnConstraint as _, Result};
use crate::kit::env::Env;
use crate::kit::ip_rule::IpRule;
use crate::kit::patch::Patch as Field;

/// What a change may say.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    pub status: Option<Status>,
    /// Null unbinds.
    pub hwid: Field<Hwid>,
    /// Null or empty: from anywhere.
    pub allowed_ips: Field<Vec<IpRule>>,
    pub max_uses: Field<i64>,
    pub expires_at: Field<DateTime<Utc>>,
}

/// Changes a license; what is absent stays.
///
/// # Errors
/// [`Error::Invalid`] where status and date do not go together (R31).
pub async fn update(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    id: LicenseId,
    patch: Patch,
) -> Result<License> {
    let kept = lock(db, shop, id).await?;
    let mut before = kept.clone();
    before.expire_if_due(env.now());
    let after = apply(before.clone(), patch, env.now())?;
    if before.status != kept.status && after.status == before.status {
        expiry::tell(db, shop, env, std::slice::from_ref(&before)).await?; // the sweep will not find it any more
    }
    save(db, shop, env, actor, &before, &after).await?;
    Ok(after)
}

fn apply(before: License, patch: Patch, now: DateTime<Utc>) -> Result<License> {
    let moves_date = !patch.expires_at.is_absent();
    let expires_at = patch.expires_at.apply(before.expires_at);
    let to_come = expires_at.is_none_or(|at| at > now);
    // A new date brings an expired license back; a past one ends an active license.
    let status = patch.status.unwrap_or(match before.status {
        Status::Expired if moves_date && to_come => Status::Active,
        Status::Active if moves_date && !to_come => Status::Expired,
        unchanged => unchanged,
    });
    let (status, expires_at) = fit(status, expires_at, now)?;
    let max_uses = patch.max_uses.apply(before.max_uses);
    Ok(License {
        status,
        expires_at,
        hwid: patch.hwid.apply(before.hwid),
        allowed_ips: patch.allowed_ips.apply(Some(before.allowed_ips)).unwrap_or_default(),
        limit_told: before.limit_told && max_uses == before.max_uses,
        max_uses,
        updated_at: now,
        ..before
    })
}

/// Moves the date: by days from the later of now and the date so far, or to an instant.
///
/// # Errors
/// [`Error::Invalid`] for a license without a date that is to be moved by days, and a date that is past.
pub async fn extend(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    id: LicenseId,
    by: Extension,
) -> Result<License> {
    let now = env.now();
    let license = lock(db, shop, id).await?;
    let until = match by {
        Extension::Until(at) => at,
        Extension::Days(days) => {
            let from = license.expires_at.ok_or_else(|| Error::invalid("days", "the license never expires"))?;
            let moved = from.max(now).checked_add_signed(Duration::days(days.into()));
            moved.ok_or_else(|| Error::invalid("days", "is too many"))?
        }
    };
    if until <= now {
        return Err(Error::invalid("expires_at", "must be to come"));
    }
    update(db, shop, env, actor, id, Patch { expires_at: Field::Value(until), ..Patch::default() }).await
}

/// How [`extend`] moves a date.
#[derive(Clone, Copy, Debug)]
pub enum Extension {
    Days(i32),
    Until(DateTime<Utc>),
}

/// Unbinds: the next call that carries a machine binds it.
pub async fn reset_hwid(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    id: LicenseId,
) -> Result<License> {
    update(db, shop, env, actor, id, Patch { hwid: Field::Null, ..Patch::default() }).await
}

/// Which license has this key; a product, where one is named, must be its own.
///
/// # Errors
/// [`Error::License`]: not found.
pub async fn find_by_key(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    key: &str,
    product: Option<ProductId>,
) -> Result<LicenseId> {
    let found = sql::by_keys(db, shop.uuid(), &[key_hash(env, shop, key).to_vec()]).await?.into_iter().next();
    let license = found.map(License::try_from).transpose()?;
    let license = license.filter(|license| product.is_none_or(|product| product == license.product));
    license.map(|license| license.id).ok_or(Error::License { refusal: LicenseRefusal::NotFound, signed: None })
}

/// Gives the license another key, for one that leaked: the old one is nobody's from now on.
pub async fn rotate_key(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    id: LicenseId,
) -> Result<(License, Key)> {
    let before = lock(db, shop, id).await?;
    let product = product_of(db, shop, before.product).await?;
    let key = Pattern::of(&product)?.make(&mut env.fork_rng());
    let after = License { key_hash: key_hash(env, shop, key.as_str()), updated_at: env.now(), ..before };
    let sealed = env.vault.seal(place(shop, id), key.as_str().as_bytes(), &mut env.fork_rng())?;
    sql::rotate(db, shop.uuid(), &after, &sealed).await.on_constraint("licenses_key_taken", taken)?;
    audit::write(db, shop, env, &[Note::of(Kind::KeyRotated, Some(id), actor)]).await?;
    Ok((after, key))
}

/// Deletes a license; its trail stays.
pub async fn remove(db: &mut PgConnection, shop: Tenant, env: &Env, actor: Option<Uuid>, id: LicenseId) -> Result<()> {
    lock(db, shop, id).await?;
    sql::delete(db, shop.uuid(), *id).await?;
    audit::write(db, shop, env, &[Note::of(Kind::Deleted, Some(id), actor)]).await
}

async fn save(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    before: &License,
    after: &License,
) -> Result<()> {
    sql::update(db, shop.uuid(), after).await?;
    let note = |kind, old, new| Note::of(kind, Some(after.id), actor).change(old, new);
    let (mut notes, mut events) = (Vec::new(), Vec::new());
    if before.status != after.status {
        let word = |status: Status| Some(status.word().to_owned());
        notes.push(note(Kind::StatusChanged, word(before.status), word(after.status)));
        events.push(Event::LicenseStatusChanged(after.facts()));
    }
    if before.hwid != after.hwid {
        let text = |hwid: &Option<Hwid>| hwid.as_ref().map(|hwid| hwid.as_str().to_owned());
        let kind = if after.hwid.is_none() { Kind::HwidReset } else { Kind::HwidChanged };
        notes.push(note(kind, text(&before.hwid), text(&after.hwid)));
        if after.hwid.is_none() {
            events.push(Event::LicenseHwidReset(after.facts()));
        }
    }
    if before.allowed_ips != after.allowed_ips {
        let text = |rules: &[IpRule]| Some(rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        notes.push(note(Kind::IpLockChanged, text(&before.allowed_ips), text(&after.allowed_ips)));
    }
    if before.max_uses != after.max_uses {
        let text = |max: Option<i64>| max.map(|max| max.to_string());
        notes.push(note(Kind::LimitChanged, text(before.max_uses), text(after.max_uses)));
    }
    if before.expires_at != after.expires_at {
        let text = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        notes.push(note(Kind::ExpirationExtended, text(before.expires_at), text(after.expires_at)));
    }
    audit::write(db, shop, env, &notes).await?;
    if events.is_empty() {
        return Ok(());
    }
    outbox::emit(db, shop, env, &events).await
}

/// What a license file is made of.
#[derive(Debug)]
pub struct FileFacts {
    pub license: License,
    pub key: Key,
    pub hwid: Hwid,
}

/// Writes down that a license file is made, and binds an unbound license to its machine.
///
/// # Errors
/// [`Error::License`] for a license that is not active, or bound to another machine; [`Error::Invalid`]
/// for an unbound one where no machine is named.
pub async fn issue_file(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    actor: Option<Uuid>,
    id: LicenseId,
    hwid: Option<Hwid>,
) -> Result<FileFacts> {
    let refuse = |refusal| Err(Error::License { refusal, signed: None });
    let license = lock(db, shop, id).await?;
    match license.status_at(env.now()) {
        Status::Active => {}
        Status::Suspended => return refuse(LicenseRefusal::Suspended),
        Status::Revoked => return refuse(LicenseRefusal::Revoked),
        Status::Expired => return refuse(LicenseRefusal::Expired),
    }
    let bound = match (&license.hwid, hwid) {
        (Some(bound), Some(other)) if *bound != other => return refuse(LicenseRefusal::HwidMismatch),
        (Some(bound), _) => bound.clone(),
        (None, Some(new)) => new,
        (None, None) => return Err(Error::invalid("hardware_id", "is needed, for the license is bound to none")),
    };
    let license = if license.hwid.is_some() {
        license
    } else {
        let patch = Patch { hwid: Field::Value(bound.clone()), ..Patch::default() };
        update(db, shop, env, actor, id, patch).await?
    };
    audit::write(db, shop, env, &[Note::of(Kind::FileIssued, Some(id), actor)]).await?;
    let keys = keys_of(db, shop, env, std::slice::from_ref(&license)).await?;
    let key = keys.into_iter().next().ok_or_else(|| Error::Internal("a license without a key".into()))?;
    Ok(FileFacts { license, key, hwid: bound })
}
