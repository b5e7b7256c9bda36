use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Access, AutoTopUp, BalanceAlerts, Mode, Reseller, ResellerId, Status, Terms, WhiteLabel};
use crate::error::{Error, Result};
use crate::kit::id::Id;
use crate::kit::money::{Cents, Percent};

pub struct Row {
    id: Uuid,
    account_id: Uuid,
    email: String,
    code: String,
    status: String,
    mode: String,
    custom_commission_percent: Option<i32>,
    custom_wholesale_discount_percent: Option<i32>,
    purchase_limit_daily: Option<i32>,
    purchase_limit_monthly: Option<i32>,
    access_listed: bool,
    verified_at: Option<DateTime<Utc>>,
    deliver_by_mail: bool,
    display_name: Option<String>,
    reply_to: Option<String>,
    auto_top_up: bool,
    auto_top_up_below_cents: i64,
    auto_top_up_cents: Option<i64>,
    low_balance_cents: Vec<i64>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub struct AccessRow {
    reseller_id: Uuid,
    product_id: Uuid,
    commission_percent: Option<i32>,
    wholesale_cents: Option<i64>,
    auto_fulfilled: bool,
    min_resale_cents: Option<i64>,
    max_resale_cents: Option<i64>,
    min_quantity: Option<i32>,
    max_quantity: Option<i32>,
}

pub async fn get(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, account_id, email, code, status, mode, custom_commission_percent,
                custom_wholesale_discount_percent, purchase_limit_daily, purchase_limit_monthly, access_listed,
                verified_at, deliver_by_mail, display_name, reply_to, auto_top_up, auto_top_up_below_cents,
                auto_top_up_cents, low_balance_cents, created_at, updated_at
         from resellers where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn lock_all(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, account_id, email, code, status, mode, custom_commission_percent,
                custom_wholesale_discount_percent, purchase_limit_daily, purchase_limit_monthly, access_listed,
                verified_at, deliver_by_mail, display_name, reply_to, auto_top_up, auto_top_up_below_cents,
                auto_top_up_cents, low_balance_cents, created_at, updated_at
         from resellers where shop_id = $1 and id = any($2) order by id for no key update",
        shop,
        ids
    )
    .fetch_all(db)
    .await
}

pub async fn access(
    db: &mut PgConnection,
    shop: Uuid,
    resellers: &[Uuid],
    products: &[Uuid],
) -> sqlx::Result<Vec<AccessRow>> {
    sqlx::query_as!(
        AccessRow,
        "select a.reseller_id, a.product_id, a.commission_percent, a.wholesale_cents, a.auto_fulfilled,
                a.min_resale_cents, a.max_resale_cents, a.min_quantity, a.max_quantity
         from unnest($2::uuid[], $3::uuid[]) as w (reseller_id, product_id)
         join reseller_access a
             on a.shop_id = $1 and a.reseller_id = w.reseller_id and a.product_id = w.product_id",
        shop,
        resellers,
        products
    )
    .fetch_all(db)
    .await
}

/// Whether it was inserted: its code may be taken.
pub async fn insert(db: &mut PgConnection, shop: Uuid, it: &Reseller) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into resellers (shop_id, id, account_id, email, code, mode, custom_commission_percent,
             custom_wholesale_discount_percent, purchase_limit_daily, purchase_limit_monthly, access_listed,
             created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
         on conflict (shop_id, code) do nothing",
        shop,
        *it.id,
        it.account,
        it.email,
        it.code,
        it.terms.mode.word(),
        it.terms.commission.map(Percent::get),
        it.terms.wholesale_discount.map(Percent::get),
        it.terms.limit_daily,
        it.terms.limit_monthly,
        it.access_listed,
        it.created_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn update(db: &mut PgConnection, shop: Uuid, it: &Reseller) -> sqlx::Result<()> {
    sqlx::query!(
        "update resellers
         set mode = $3, custom_commission_percent = $4, custom_wholesale_discount_percent = $5,
             purchase_limit_daily = $6, purchase_limit_monthly = $7, access_listed = $8, verified_at = $9,
             deliver_by_mail = $10, display_name = $11, reply_to = $12, updated_at = $13
         where shop_id = $1 and id = $2",
        shop,
        *it.id,
        it.terms.mode.word(),
        it.terms.commission.map(Percent::get),
        it.terms.wholesale_discount.map(Percent::get),
        it.terms.limit_daily,
        it.terms.limit_monthly,
        it.access_listed,
        it.verified_at,
        it.delivery.by_mail,
        it.delivery.display_name,
        it.delivery.reply_to,
        it.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

/// Whether it moved: it does from one of these statuses alone, and not to where it is.
pub async fn set_status(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    status: &str,
    sources: &[String],
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update resellers set status = $3, updated_at = $5
         where shop_id = $1 and id = $2 and status = any($4) and status <> $3",
        shop,
        id,
        status,
        sources,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether somebody of this address is in the program, suspended or not.
pub async fn stands(db: &mut PgConnection, shop: Uuid, email_key: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from resellers where shop_id = $1 and lower(email) = $2
                          and status <> 'TERMINATED') as "stands!""#,
        shop,
        email_key
    )
    .fetch_one(db)
    .await
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    statuses: Option<&[String]>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, account_id, email, code, status, mode, custom_commission_percent,
                custom_wholesale_discount_percent, purchase_limit_daily, purchase_limit_monthly, access_listed,
                verified_at, deliver_by_mail, display_name, reply_to, auto_top_up, auto_top_up_below_cents,
                auto_top_up_cents, low_balance_cents, created_at, updated_at
         from resellers
         where shop_id = $1 and ($2::text[] is null or status = any($2)) and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        shop,
        statuses,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

/// `rows` are objects with the names of the columns.
pub async fn replace_access(db: &mut PgConnection, shop: Uuid, reseller: Uuid, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!("delete from reseller_access where shop_id = $1 and reseller_id = $2", shop, reseller)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "insert into reseller_access (shop_id, reseller_id, product_id, commission_percent, wholesale_cents,
             auto_fulfilled, min_resale_cents, max_resale_cents, min_quantity, max_quantity)
         select $1, $2, a.product_id, a.commission_percent, a.wholesale_cents, a.auto_fulfilled, a.min_resale_cents,
                a.max_resale_cents, a.min_quantity, a.max_quantity
         from jsonb_to_recordset($3) as a (product_id uuid, commission_percent integer, wholesale_cents bigint,
             auto_fulfilled boolean, min_resale_cents bigint, max_resale_cents bigint, min_quantity integer,
             max_quantity integer)",
        shop,
        reseller,
        rows
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn whole_access(db: &mut PgConnection, shop: Uuid, reseller: Uuid) -> sqlx::Result<Vec<AccessRow>> {
    sqlx::query_as!(
        AccessRow,
        "select reseller_id, product_id, commission_percent, wholesale_cents, auto_fulfilled, min_resale_cents,
                max_resale_cents, min_quantity, max_quantity
         from reseller_access where shop_id = $1 and reseller_id = $2 order by product_id",
        shop,
        reseller
    )
    .fetch_all(db)
    .await
}

impl TryFrom<Row> for Reseller {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let fault = || Error::Internal(format!("reseller {} cannot be read", row.id));
        let low: Option<Vec<Cents>> = row.low_balance_cents.iter().copied().map(Cents::new).collect();
        let amount = row.auto_top_up_cents.filter(|_| row.auto_top_up);
        let auto_top_up = amount.map(|amount| {
            let (below, amount) = Cents::new(row.auto_top_up_below_cents).zip(Cents::new(amount)).ok_or_else(fault)?;
            Ok::<_, Error>(AutoTopUp { below, amount })
        });
        Ok(Self {
            id: Id::from(row.id),
            account: row.account_id,
            code: row.code,
            status: Status::of(&row.status).ok_or_else(fault)?,
            terms: Terms {
                mode: Mode::of(&row.mode).ok_or_else(fault)?,
                commission: row.custom_commission_percent.and_then(Percent::new),
                wholesale_discount: row.custom_wholesale_discount_percent.and_then(Percent::new),
                limit_daily: row.purchase_limit_daily,
                limit_monthly: row.purchase_limit_monthly,
            },
            access_listed: row.access_listed,
            verified_at: row.verified_at,
            delivery: WhiteLabel {
                by_mail: row.deliver_by_mail,
                display_name: row.display_name,
                reply_to: row.reply_to,
            },
            alerts: BalanceAlerts { low: low.ok_or_else(fault)?, auto_top_up: auto_top_up.transpose()? },
            created_at: row.created_at,
            updated_at: row.updated_at,
            email: row.email,
        })
    }
}

impl TryFrom<AccessRow> for (ResellerId, Access) {
    type Error = Error;

    fn try_from(row: AccessRow) -> Result<Self> {
        let access = Access {
            product: Id::from(row.product_id),
            commission: row.commission_percent.and_then(Percent::new),
            wholesale: row.wholesale_cents.and_then(Cents::new),
            auto_fulfilled: row.auto_fulfilled,
            min_resale: row.min_resale_cents.and_then(Cents::new),
            max_resale: row.max_resale_cents.and_then(Cents::new),
            min_quantity: row.min_quantity,
            max_quantity: row.max_quantity,
        };
        Ok((Id::from(row.reseller_id), access))
    }
}
