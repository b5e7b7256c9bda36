use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Product;
use crate::error::{Error, OnConstraint as _, Result};
use crate::kit::id::Id;
use crate::kit::web_address::WebAddress;

/// How often a taken slug is counted on before the id settles it.
const SLUG_ATTEMPTS: u32 = 5;
/// The constraint that a product's file is one of its shop's.
const FILE_IS_OURS: &str = "products_file_of_shop";

#[expect(clippy::struct_excessive_bools, reason = "as the table has them")]
pub struct Row {
    pub id: Uuid,
    pub r#type: String,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    pub price_cents: i64,
    pub currency: String,
    pub status: String,
    pub pool_id: Option<Uuid>,
    pub stock: Option<i32>,
    pub dynamic_webhook: Option<String>,
    pub service_text: Option<String>,
    pub file_id: Option<Uuid>,
    pub unlisted: bool,
    pub private: bool,
    pub on_hold: bool,
    pub licensing_enabled: bool,
    pub license_period_days: Option<i32>,
    pub license_uses: String,
    pub license_key_pattern: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    statuses: &[String],
    types: Option<&[String]>,
    listed: bool,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, type, name, slug, description, price_cents, currency, status, pool_id, stock,
                dynamic_webhook, service_text, file_id, unlisted, private, on_hold, licensing_enabled,
                license_period_days, license_uses, license_key_pattern, created_at, updated_at, archived_at
         from products
         where shop_id = $1 and status = any($2) and ($3::text[] is null or type = any($3))
           and (not $4 or not (unlisted or private)) and ($5::uuid is null or id < $5)
         order by id desc limit $6",
        shop,
        statuses,
        types,
        listed,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, type, name, slug, description, price_cents, currency, status, pool_id, stock,
                dynamic_webhook, service_text, file_id, unlisted, private, on_hold, licensing_enabled,
                license_period_days, license_uses, license_key_pattern, created_at, updated_at, archived_at
         from products where shop_id = $1 and id = $2",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn by_slug(db: &mut PgConnection, shop: Uuid, slug: &str) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, type, name, slug, description, price_cents, currency, status, pool_id, stock,
                dynamic_webhook, service_text, file_id, unlisted, private, on_hold, licensing_enabled,
                license_period_days, license_uses, license_key_pattern, created_at, updated_at, archived_at
         from products where shop_id = $1 and slug = $2",
        shop,
        slug
    )
    .fetch_optional(db)
    .await
}

pub async fn by_ids(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, type, name, slug, description, price_cents, currency, status, pool_id, stock,
                dynamic_webhook, service_text, file_id, unlisted, private, on_hold, licensing_enabled,
                license_period_days, license_uses, license_key_pattern, created_at, updated_at, archived_at
         from products where shop_id = $1 and id = any($2)",
        shop,
        ids
    )
    .fetch_all(db)
    .await
}

pub async fn on_sale_from(db: &mut PgConnection, shop: Uuid, pools: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select id from products where shop_id = $1 and pool_id = any($2) and status = 'active' order by id",
        shop,
        pools
    )
    .fetch_all(db)
    .await
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        "select id, type, name, slug, description, price_cents, currency, status, pool_id, stock,
                dynamic_webhook, service_text, file_id, unlisted, private, on_hold, licensing_enabled,
                license_period_days, license_uses, license_key_pattern, created_at, updated_at, archived_at
         from products where shop_id = $1 and id = $2 for no key update",
        shop,
        id
    )
    .fetch_optional(db)
    .await
}

pub async fn insert_pool(db: &mut PgConnection, shop: Uuid, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("insert into pools (shop_id, id, created_at) values ($1, $2, $3)", shop, id, now)
        .execute(db)
        .await
        .map(drop)
}

pub async fn lock_pool(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("select id from pools where shop_id = $1 and id = $2 for no key update", shop, id)
        .fetch_one(db)
        .await
        .map(drop)
}

/// Inserts under the first free of `slug`, `slug-2`, `slug-3` …: the database refuses a taken one, so
/// two equal names at once both find a place. Where counting does not settle it, the id does.
pub async fn insert_with_free_slug(
    db: &mut PgConnection,
    shop: Uuid,
    mut product: Product,
    secret: Option<&[u8]>,
) -> Result<Product> {
    let base = product.slug.clone();
    for attempt in 1..=SLUG_ATTEMPTS {
        if insert(db, shop, &product, secret).await? {
            return Ok(product);
        }
        product.slug = if attempt < SLUG_ATTEMPTS - 1 {
            format!("{base}-{}", highest_suffix(db, shop, &base).await? + 1)
        } else {
            format!("{base}-{}", product.id.simple())
        };
    }
    Err(Error::Internal("no free slug".into()))
}

async fn insert(db: &mut PgConnection, shop: Uuid, product: &Product, secret: Option<&[u8]>) -> Result<bool> {
    let done = sqlx::query!(
        "insert into products (shop_id, id, type, name, slug, description, price_cents, currency, status, pool_id,
                               stock, dynamic_webhook, dynamic_secret, service_text, file_id, unlisted, private, on_hold,
                               licensing_enabled, license_period_days, license_uses, license_key_pattern, created_at,
                               updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $23)
         on conflict (shop_id, slug) do nothing",
        shop,
        *product.id,
        product.r#type.word(),
        product.name,
        product.slug,
        product.description,
        product.price.get(),
        product.currency.code(),
        product.status.word(),
        product.pool.map(Id::uuid),
        product.counted,
        product.source.webhook.as_ref().map(WebAddress::as_str),
        secret,
        product.source.text,
        product.source.file.map(Id::uuid),
        product.listing.unlisted,
        product.listing.private,
        product.listing.on_hold,
        product.licensing.enabled,
        product.licensing.period_days,
        product.licensing.uses.word(),
        product.licensing.key_pattern,
        product.created_at
    )
    .execute(db)
    .await
    .on_constraint(FILE_IS_OURS, no_such_file)?;
    Ok(done.rows_affected() == 1)
}

/// The largest n of `base-n`; the bare slug counts as 1. A slug holds no wildcard characters.
async fn highest_suffix(db: &mut PgConnection, shop: Uuid, base: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select coalesce(max(substring(slug from '-([0-9]{1,9})$')::bigint), 1) as "highest!"
           from products
           where shop_id = $1 and slug like $2 || '-%' and slug ~ ('^' || $2 || '-[0-9]{1,9}$')"#,
        shop,
        base
    )
    .fetch_one(db)
    .await
}

fn no_such_file() -> Error {
    Error::invalid("file_id", "is not a file of this shop")
}

pub async fn dynamic_secret(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!("select dynamic_secret from products where shop_id = $1 and id = $2", shop, id)
        .fetch_optional(db)
        .await
        .map(Option::flatten)
}

/// Writes the product as it is now; its signing secret only where it is new.
pub async fn update(db: &mut PgConnection, shop: Uuid, product: &Product, new_secret: Option<&[u8]>) -> Result<()> {
    sqlx::query!(
        "update products
         set name = $3, description = $4, price_cents = $5, status = $6, stock = $7, updated_at = $8, archived_at = $9,
             dynamic_webhook = $10, dynamic_secret = coalesce($11, dynamic_secret), service_text = $12, file_id = $13,
             unlisted = $14, private = $15, on_hold = $16, licensing_enabled = $17, license_period_days = $18,
             license_uses = $19, license_key_pattern = $20
         where shop_id = $1 and id = $2",
        shop,
        *product.id,
        product.name,
        product.description,
        product.price.get(),
        product.status.word(),
        product.counted,
        product.updated_at,
        product.archived_at,
        product.source.webhook.as_ref().map(WebAddress::as_str),
        new_secret,
        product.source.text,
        product.source.file.map(Id::uuid),
        product.listing.unlisted,
        product.listing.private,
        product.listing.on_hold,
        product.licensing.enabled,
        product.licensing.period_days,
        product.licensing.uses.word(),
        product.licensing.key_pattern
    )
    .execute(db)
    .await
    .on_constraint(FILE_IS_OURS, no_such_file)
    .map(drop)
}

/// Counted stock ends with the first code: from then on stock is the number of free codes.
pub async fn give_pool(db: &mut PgConnection, shop: Uuid, id: Uuid, pool: Uuid) -> sqlx::Result<()> {
    sqlx::query!("update products set pool_id = $3, stock = null where shop_id = $1 and id = $2", shop, id, pool)
        .execute(db)
        .await
        .map(drop)
}

pub async fn take_counted(db: &mut PgConnection, shop: Uuid, id: Uuid, quantity: i32) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update products set stock = stock - $3
         where shop_id = $1 and id = $2 and pool_id is null and (stock is null or stock >= $3)",
        shop,
        id,
        quantity
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn release_counted(db: &mut PgConnection, shop: Uuid, id: Uuid, quantity: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "update products set stock = stock + $3 where shop_id = $1 and id = $2 and stock is not null",
        shop,
        id,
        quantity
    )
    .execute(db)
    .await
    .map(drop)
}
