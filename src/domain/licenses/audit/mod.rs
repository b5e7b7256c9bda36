//! The trail of licenses: what happened to them, and every attempt to use one. Kept in weekly
//! partitions, made ahead by the worker and dropped whole when their time is over.

mod sql;

use std::net::IpAddr;

use chrono::{DateTime, Datelike as _, Duration, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::LicenseId;
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::page::{Page, Place, Window};

/// Partitions are made for this week and so many more.
const WEEKS_AHEAD: i64 = 2;
const PREFIX: &str = "license_events_w";

pub type EntryId = Id<Entry>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ValidationSuccess,
    ValidationFailed,
    Throttled,
    HwidBound,
    HwidChanged,
    HwidReset,
    IpLockChanged,
    StatusChanged,
    ExpirationExtended,
    LimitChanged,
    KeyRotated,
    FileIssued,
    Created,
    Deleted,
}

impl Kind {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ValidationSuccess => "VALIDATION_SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::Throttled => "THROTTLED",
            Self::HwidBound => "HWID_BOUND",
            Self::HwidChanged => "HWID_CHANGED",
            Self::HwidReset => "HWID_RESET",
            Self::IpLockChanged => "IP_LOCK_CHANGED",
            Self::StatusChanged => "STATUS_CHANGED",
            Self::ExpirationExtended => "EXPIRATION_EXTENDED",
            Self::LimitChanged => "LIMIT_CHANGED",
            Self::KeyRotated => "KEY_ROTATED",
            Self::FileIssued => "FILE_ISSUED",
            Self::Created => "CREATED",
            Self::Deleted => "DELETED",
        }
    }
}

/// What is to be written down.
#[derive(Clone, Debug)]
pub struct Note {
    pub kind: Kind,
    /// `None`: of a key that is nobody's.
    pub license: Option<LicenseId>,
    pub code: Option<&'static str>,
    pub ip: Option<IpAddr>,
    pub hwid: Option<String>,
    pub key_hash: Option<[u8; 16]>,
    /// The API key; `None` is the house itself.
    pub actor: Option<Uuid>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub attempts: i32,
}

impl Note {
    #[must_use]
    pub const fn of(kind: Kind, license: Option<LicenseId>, actor: Option<Uuid>) -> Self {
        Self {
            kind,
            license,
            actor,
            code: None,
            ip: None,
            hwid: None,
            key_hash: None,
            old: None,
            new: None,
            attempts: 1,
        }
    }

    #[must_use]
    pub fn change(self, old: Option<String>, new: Option<String>) -> Self {
        Self { old, new, ..self }
    }
}

/// What was written down.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: EntryId,
    pub license: Option<LicenseId>,
    pub kind: String,
    pub code: Option<String>,
    pub ip: Option<String>,
    pub hwid: Option<String>,
    pub actor: Option<Uuid>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}

impl Entity for Entry {
    const PREFIX: &'static str = "lev";
}

/// Writes notes down, in order, in one statement.
pub async fn write(db: &mut PgConnection, shop: Tenant, env: &Env, notes: &[Note]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut columns = sql::Columns::default();
    for note in notes {
        columns.ids.push(*env.id::<Entry>());
        columns.licenses.push(note.license.map(Id::uuid));
        columns.kinds.push(note.kind.word().to_owned());
        columns.codes.push(note.code.map(str::to_owned));
        columns.ips.push(note.ip.map(|ip| ip.to_string()));
        columns.hwids.push(note.hwid.clone());
        columns.key_hashes.push(note.key_hash.map(|hash| hash.to_vec()));
        columns.actors.push(note.actor);
        columns.olds.push(note.old.clone());
        columns.news.push(note.new.clone());
        columns.attempts.push(note.attempts);
    }
    Ok(sql::insert(db, shop.uuid(), &columns, env.now()).await?)
}

/// One license's trail, newest first.
pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    license: LicenseId,
    window: Window<Entry>,
    place: &Place,
) -> Result<Page<Entry>> {
    let rows = sql::list(db, shop.uuid(), *license, window.after(), window.rows()).await?;
    let entries = rows.into_iter().map(Entry::from).collect();
    Ok(Page::cut(entries, &window, place, &env.vault, |entry| *entry.id))
}

/// Up to `limit` entries of one license after `after`, oldest first: an export reads page by page and
/// holds nothing in between.
pub async fn export(
    db: &mut PgConnection,
    shop: Tenant,
    license: LicenseId,
    after: Option<EntryId>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let rows = sql::export(db, shop.uuid(), *license, after.map(Id::uuid), limit).await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// Makes the partitions of this week and the next ones; answers how many were missing. What fell into
/// the default partition meanwhile moves over.
pub async fn make_partitions(db: &mut PgConnection, now: DateTime<Utc>) -> Result<usize> {
    let mut made = 0;
    for week in 0..=WEEKS_AHEAD {
        let monday = monday(now + Duration::weeks(week));
        let name = format!("{PREFIX}{}", monday.format("%Y%m%d"));
        if sql::is_partition(db, &name).await? {
            continue;
        }
        sql::lock(db).await?;
        if !sql::is_partition(db, &name).await? {
            let (from, until) = (bound(monday)?, bound(monday + Duration::weeks(1))?);
            sql::make_partition(db, &name, from, until).await?;
            made += 1;
        }
    }
    Ok(made)
}

/// Drops the partitions whose last day is older than the retention; answers how many.
pub async fn drop_partitions(db: &mut PgConnection, now: DateTime<Utc>, kept_days: u32) -> Result<usize> {
    let oldest = monday(now - Duration::days(kept_days.into()));
    let mut dropped = 0;
    sql::lock(db).await?;
    for name in sql::partitions(db, PREFIX).await? {
        let start = name.strip_prefix(PREFIX).and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
        if start.is_some_and(|start| start < oldest) {
            sql::drop_partition(db, &name).await?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

fn monday(at: DateTime<Utc>) -> NaiveDate {
    let day = at.date_naive();
    day - Duration::days(day.weekday().num_days_from_monday().into())
}

/// The smallest id of that day.
fn bound(day: NaiveDate) -> Result<Uuid> {
    let midnight = day.and_hms_opt(0, 0, 0).ok_or_else(|| Error::Internal(format!("{day} has no midnight")))?;
    Ok(*EntryId::earliest(midnight.and_utc()))
}

impl From<sql::Row> for Entry {
    fn from(row: sql::Row) -> Self {
        Self {
            id: Id::from(row.id),
            license: row.license_id.map(Id::from),
            kind: row.r#type,
            code: row.code,
            ip: row.ip,
            hwid: row.hardware_id,
            actor: row.actor_id,
            old: row.old,
            new: row.new,
            attempts: row.attempts,
            created_at: row.created_at,
        }
    }
}
