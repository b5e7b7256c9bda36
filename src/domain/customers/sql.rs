use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Customer, CustomerId};
use crate::kit::values::Email;

pub async fn find(db: &mut PgConnection, shop: Uuid, key: &str) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("select id from customers where shop_id = $1 and email_key = $2", shop, key)
        .fetch_optional(db)
        .await
}

pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    email: &Email,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into customers (shop_id, id, email, email_key, first_seen_at, last_seen_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (shop_id, email_key) do nothing",
        shop,
        id,
        email.as_str(),
        email.key(),
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn record_payment(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    cents: i64,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers
         set orders_count = orders_count + 1, lifetime_cents = lifetime_cents + $3,
             last_seen_at = greatest(last_seen_at, $4)
         where shop_id = $1 and id = $2",
        shop,
        id,
        cents,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn record_refund(db: &mut PgConnection, shop: Uuid, id: Uuid, cents: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "update customers set lifetime_cents = lifetime_cents - $3 where shop_id = $1 and id = $2",
        shop,
        id,
        cents
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn list(db: &mut PgConnection, shop: Uuid, after: Option<Uuid>, rows: i64) -> sqlx::Result<Vec<Customer>> {
    sqlx::query_as!(
        Customer,
        r#"select id as "id: CustomerId", email, orders_count, lifetime_cents, first_seen_at, last_seen_at
           from customers
           where shop_id = $1 and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
        shop,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn by_id(db: &mut PgConnection, shop: Uuid, id: Uuid) -> sqlx::Result<Option<Customer>> {
    sqlx::query_as!(
        Customer,
        r#"select id as "id: CustomerId", email, orders_count, lifetime_cents, first_seen_at, last_seen_at
           from customers where shop_id = $1 and id = $2"#,
        shop,
        id
    )
    .fetch_optional(db)
    .await
}
