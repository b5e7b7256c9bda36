use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::License;
use super::draft::Draft;
use crate::kit::ip_rule::IpRule;

pub struct Row {
    pub id: Uuid,
    pub product_id: Uuid,
    pub invoice_id: Option<Uuid>,
    pub key_hash: Vec<u8>,
    pub status: String,
    pub hardware_id: Option<String>,
    pub allowed_ips: Vec<String>,
    pub uses: i64,
    pub max_uses: Option<i64>,
    pub limit_told: bool,
    pub expires_at: Option<DateTime<Utc>>,
    pub customer_email: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub count_uses: String,
}

pub struct SealedRow {
    pub id: Uuid,
    pub sealed: Vec<u8>,
}

pub struct SealedOfItem {
    pub item: Uuid,
    pub id: Uuid,
    pub sealed: Vec<u8>,
}

/// What an attempt may change, in columns.
#[derive(Default)]
pub struct Used {
    pub ids: Vec<Uuid>,
    pub statuses: Vec<String>,
    pub hwids: Vec<Option<String>>,
    pub uses: Vec<i64>,
    pub limits_told: Vec<bool>,
    pub updated: Vec<DateTime<Utc>>,
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn by_keys(db: &mut PgConnection, shop: Uuid, key_hashes: &[Vec<u8>]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.key_hash = any($2)",
        shop,
        key_hashes
    )
    .fetch_all(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

/// Locked in the order of their ids, so that two groups cannot deadlock.
pub async fn lock_by_keys(db: &mut PgConnection, shop: Uuid, key_hashes: &[Vec<u8>]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.key_hash = any($2)
         order by l.id for no key update",
        shop,
        key_hashes
    )
    .fetch_all(db)
    .await
}

pub async fn sealed(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<SealedRow>> {
    sqlx::query_as!(SealedRow, "select id, sealed from licenses where shop_id = $1 and id = any($2)", shop, ids)
        .fetch_all(db)
        .await
}

/// Those whose key and unit are free; answers their ids. In the order of their keys, so that two sales whose
/// codes are the same cannot wait for each other.
pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    drafts: &[Draft],
    sealed: &[Vec<u8>],
) -> sqlx::Result<Vec<Uuid>> {
    let ids = |of: fn(&Draft) -> Uuid| drafts.iter().map(of).collect::<Vec<_>>();
    let texts = |of: fn(&Draft) -> Option<String>| drafts.iter().map(of).collect::<Vec<_>>();
    let numbers = |of: fn(&Draft) -> Option<i64>| drafts.iter().map(of).collect::<Vec<_>>();
    let hashes: Vec<Vec<u8>> = drafts.iter().map(|draft| draft.license.key_hash.to_vec()).collect();
    let items: Vec<Option<Uuid>> = drafts.iter().map(|draft| draft.unit.map(|(item, _)| item)).collect();
    let units: Vec<Option<i32>> = drafts.iter().map(|draft| draft.unit.map(|(_, number)| number)).collect();
    let invoices: Vec<Option<Uuid>> = drafts.iter().map(|draft| draft.license.invoice).collect();
    let expires: Vec<Option<DateTime<Utc>>> = drafts.iter().map(|draft| draft.license.expires_at).collect();
    let created: Vec<DateTime<Utc>> = drafts.iter().map(|draft| draft.license.created_at).collect();
    sqlx::query_scalar!(
        "insert into licenses (shop_id, id, product_id, invoice_id, order_item_id, unit, key_hash, sealed, status,
                               hardware_id, allowed_ips, uses, max_uses, count_uses, expires_at, customer_email,
                               created_at, updated_at)
         select $1, n.id, n.product_id, n.invoice_id, n.item_id, n.unit, n.key_hash, n.sealed, n.status, n.hardware_id,
                coalesce(string_to_array(n.rules, ' '), '{}'), n.uses, n.max_uses, n.count_uses, n.expires_at, n.email,
                n.created_at, n.created_at
         from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::bytea[], $8::bytea[], $9::text[],
                     $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::timestamptz[],
                     $16::text[], $17::timestamptz[])
              as n (id, product_id, invoice_id, item_id, unit, key_hash, sealed, status, hardware_id, rules, uses,
                    max_uses, count_uses, expires_at, email, created_at)
         order by n.key_hash
         on conflict do nothing
         returning id",
        shop,
        &ids(|draft| *draft.license.id),
        &ids(|draft| *draft.license.product),
        &invoices as &[Option<Uuid>],
        &items as &[Option<Uuid>],
        &units as &[Option<i32>],
        &hashes,
        sealed,
        &texts(|draft| Some(draft.license.status.kept().to_owned())) as &[Option<String>],
        &texts(|draft| draft.license.hwid.as_ref().map(|hwid| hwid.as_str().to_owned())) as &[Option<String>],
        &texts(|draft| rules(&draft.license)) as &[Option<String>],
        &numbers(|draft| Some(draft.license.uses)) as &[Option<i64>],
        &numbers(|draft| draft.license.max_uses) as &[Option<i64>],
        &texts(|draft| Some(draft.license.count_uses.word().to_owned())) as &[Option<String>],
        &expires as &[Option<DateTime<Utc>>],
        &texts(|draft| draft.license.customer_email.clone()) as &[Option<String>],
        &created
    )
    .fetch_all(db)
    .await
}

pub async fn update(db: &mut PgConnection, shop: Uuid, license: &License) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses set status = $3, hardware_id = $4, allowed_ips = $5, max_uses = $6, limit_told = $7,
                expires_at = $8, updated_at = $9
         where shop_id = $1 and id = $2",
        shop,
        *license.id,
        license.status.kept(),
        license.hwid.as_ref().map(super::Hwid::as_str),
        &license.allowed_ips.iter().map(IpRule::to_string).collect::<Vec<_>>(),
        license.max_uses,
        license.limit_told,
        license.expires_at,
        license.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn update_used(db: &mut PgConnection, shop: Uuid, used: &Used) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses l set status = u.status, hardware_id = u.hardware_id, uses = u.uses, limit_told = u.limit_told,
                updated_at = u.updated_at
         from unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bool[], $7::timestamptz[])
             as u (id, status, hardware_id, uses, limit_told, updated_at)
         where l.shop_id = $1 and l.id = u.id",
        shop,
        &used.ids,
        &used.statuses,
        &used.hwids as &[Option<String>],
        &used.uses,
        &used.limits_told,
        &used.updated
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn shops_with_expired(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from licenses where status = 'active' and expires_at <= $1", now)
        .fetch_all(db)
        .await
}

pub async fn expire_due(db: &mut PgConnection, shop: Uuid, now: DateTime<Utc>, limit: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "with due as materialized (
             select id from licenses where shop_id = $1 and status = 'active' and expires_at <= $2
             order by expires_at limit $3 for no key update skip locked)
         update licenses l set status = 'expired', updated_at = $2
         from due where l.shop_id = $1 and l.id = due.id
         returning l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses,
                l.max_uses, l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at, l.count_uses",
        shop,
        now,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn rotate(db: &mut PgConnection, shop: Uuid, license: &License, sealed: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses set key_hash = $3, sealed = $4, updated_at = $5 where shop_id = $1 and id = $2",
        shop,
        *license.id,
        &license.key_hash,
        sealed,
        license.updated_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn delete(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("delete from licenses where shop_id = $1 and id = $2", shop, id).execute(db).await.map(drop)
}

/// Those that came with an order and are not revoked yet, locked in the order of their ids.
pub async fn lock_of_invoice(db: &mut PgConnection, shop: Uuid, invoice: Uuid) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select l.id, l.product_id, l.invoice_id, l.key_hash, l.status, l.hardware_id, l.allowed_ips, l.uses, l.max_uses,
                l.limit_told, l.expires_at, l.customer_email, l.created_at, l.updated_at,
                l.count_uses
         from licenses l
         where l.shop_id = $1 and l.invoice_id = $2 and l.order_item_id is not null and l.status <> 'revoked'
         order by l.id for no key update",
        shop,
        invoice
    )
    .fetch_all(db)
    .await
}

pub async fn revoke_of_invoice(
    db: &mut PgConnection,
    shop: Uuid,
    invoice: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update licenses set status = 'revoked', updated_at = $3
         where shop_id = $1 and invoice_id = $2 and order_item_id is not null and status <> 'revoked'",
        shop,
        invoice,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn sealed_of_items(db: &mut PgConnection, shop: Uuid, items: &[Uuid]) -> sqlx::Result<Vec<SealedOfItem>> {
    sqlx::query_as!(
        SealedOfItem,
        r#"select order_item_id as "item!", id, sealed from licenses
           where shop_id = $1 and order_item_id = any($2) order by order_item_id, unit"#,
        shop,
        items
    )
    .fetch_all(db)
    .await
}

/// As one text, which the statement takes apart: Postgres knows no list of lists of various lengths.
fn rules(license: &License) -> Option<String> {
    let rules: Vec<String> = license.allowed_ips.iter().map(IpRule::to_string).collect();
    (!rules.is_empty()).then(|| rules.join(" "))
}
