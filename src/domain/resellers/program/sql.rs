use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::resellers::{Mode, Program};
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Percent};

pub struct Row {
    is_enabled: bool,
    default_mode: String,
    default_commission_percent: Option<i32>,
    default_wholesale_discount_percent: Option<i32>,
    min_payout_threshold_cents: Option<i64>,
    require_verification: bool,
    commission_hold_days: i32,
    terms_url: Option<String>,
    updated_at: DateTime<Utc>,
}

pub async fn get(db: &mut PgConnection, shop: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select is_enabled, default_mode, default_commission_percent, default_wholesale_discount_percent,
                min_payout_threshold_cents, require_verification, commission_hold_days, terms_url, updated_at
         from reseller_programs where shop_id = $1",
        shop
    )
    .fetch_optional(db)
    .await
}

pub async fn lock_shared(db: &mut PgConnection, lock: i64) -> sqlx::Result<()> {
    sqlx::query!(r#"select pg_advisory_xact_lock_shared($1)::text as "done""#, lock).fetch_one(db).await.map(drop)
}

pub async fn lock_exclusively(db: &mut PgConnection, lock: i64) -> sqlx::Result<()> {
    sqlx::query!(r#"select pg_advisory_xact_lock($1)::text as "done""#, lock).fetch_one(db).await.map(drop)
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reseller_programs (shop_id, updated_at) values ($1, $2)
         on conflict (shop_id) do update set updated_at = excluded.updated_at",
        shop,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn update(db: &mut PgConnection, shop: Uuid, program: &Program, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "update reseller_programs
         set is_enabled = $2, default_mode = $3, default_commission_percent = $4,
             default_wholesale_discount_percent = $5, min_payout_threshold_cents = $6, require_verification = $7,
             commission_hold_days = $8, terms_url = $9, updated_at = $10
         where shop_id = $1",
        shop,
        program.enabled,
        program.mode.word(),
        program.commission.map(Percent::get),
        program.wholesale_discount.map(Percent::get),
        program.min_payout.map(Cents::get),
        program.require_verification,
        program.commission_hold_days,
        program.terms_url,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

impl TryFrom<Row> for Program {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let mode = Mode::of(&row.default_mode);
        Ok(Self {
            enabled: row.is_enabled,
            mode: mode.ok_or_else(|| Error::Internal("a reseller program of an unknown mode".into()))?,
            commission: row.default_commission_percent.and_then(Percent::new),
            wholesale_discount: row.default_wholesale_discount_percent.and_then(Percent::new),
            min_payout: row.min_payout_threshold_cents.and_then(Cents::new),
            require_verification: row.require_verification,
            commission_hold_days: row.commission_hold_days,
            terms_url: row.terms_url,
            updated_at: row.updated_at,
        })
    }
}
