use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Mail;

#[derive(Default)]
pub struct Rows {
    pub ids: Vec<Uuid>,
    pub topics: Vec<String>,
    pub subjects: Vec<Uuid>,
    pub payloads: Vec<serde_json::Value>,
}

#[derive(Default)]
pub struct MailRows {
    pub ids: Vec<Uuid>,
    pub templates: Vec<String>,
    pub subjects: Vec<Uuid>,
    pub recipients: Vec<String>,
}

pub struct MailRow {
    pub id: Uuid,
    pub template: String,
    pub subject_id: Uuid,
    pub recipient: String,
    pub attempt: i32,
}

pub async fn insert_events(db: &mut PgConnection, shop: Uuid, rows: &Rows, now: DateTime<Utc>) -> sqlx::Result<()> {
    // A topic with a dot goes to the endpoints that ask for it, for its kind, or for everything.
    sqlx::query!(
        "with written as (
             insert into events (shop_id, id, topic, subject_id, payload, created_at)
             select $1, v.id, v.topic, v.subject_id, v.payload, $6
             from unnest($2::uuid[], $3::text[], $4::uuid[], $5::jsonb[]) as v (id, topic, subject_id, payload))
         insert into webhook_deliveries (shop_id, endpoint_id, event_id, due_at, created_at)
         select $1, e.id, v.id, $6, $6
         from unnest($2::uuid[], $3::text[]) as v (id, topic)
         join webhook_endpoints e on e.shop_id = $1 and e.status = 'active'
          and e.events && array['*', split_part(v.topic, '.', 1) || '.*', v.topic]
         where strpos(v.topic, '.') > 0",
        shop,
        &rows.ids,
        &rows.topics,
        &rows.subjects,
        &rows.payloads,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn insert_mails(db: &mut PgConnection, shop: Uuid, rows: &MailRows, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into mails (shop_id, id, template, subject_id, recipient, due_at, created_at)
         select $1, m.id, m.template, m.subject_id, m.recipient, $6, $6
         from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[]) as m (id, template, subject_id, recipient)",
        shop,
        &rows.ids,
        &rows.templates,
        &rows.subjects,
        &rows.recipients,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

/// Whether a mail of low stock was queued for this product since then.
pub async fn told_of_stock(
    db: &mut PgConnection,
    shop: Uuid,
    product: Uuid,
    since: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from mails where shop_id = $1 and template = 'stock_low' and subject_id = $2
                          and created_at > $3) as "told!""#,
        shop,
        product,
        since
    )
    .fetch_one(db)
    .await
}

pub async fn shops_with_due_mail(db: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    // A loose index scan: one probe a shop, however long the queues are.
    sqlx::query_scalar!(
        r#"with recursive shop as (
             (select shop_id, due_at from mails where state = 'queued' order by shop_id, due_at limit 1)
             union all
             select next.shop_id, next.due_at
             from shop, lateral (
                 select m.shop_id, m.due_at from mails m
                 where m.state = 'queued' and m.shop_id > shop.shop_id
                 order by m.shop_id, m.due_at limit 1) next)
         select shop_id as "shop_id!" from shop where due_at <= $1"#,
        now
    )
    .fetch_all(db)
    .await
}

pub async fn lease_mails(
    db: &mut PgConnection,
    shop: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<MailRow>> {
    sqlx::query_as!(
        MailRow,
        "with due as materialized (
             select id from mails
             where shop_id = $1 and state = 'queued' and due_at <= $2
             order by due_at limit $4
             for update skip locked)
         update mails m set attempt = m.attempt + 1, due_at = $3
         from due where m.shop_id = $1 and m.id = due.id
         returning m.id, m.template, m.subject_id, m.recipient, m.attempt",
        shop,
        now,
        until,
        limit
    )
    .fetch_all(db)
    .await
}

pub async fn record_mail(
    db: &mut PgConnection,
    mail: &Mail,
    state: &str,
    error: Option<&str>,
    now: DateTime<Utc>,
    retry_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update mails set state = $4, last_error = $5, due_at = $7, sent_at = case when $4 = 'sent' then $6::timestamptz end
         where shop_id = $1 and id = $2 and attempt = $3 and state = 'queued'",
        mail.shop.uuid(),
        *mail.id,
        mail.attempt,
        state,
        error,
        now,
        retry_at
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn mail_backlog(db: &mut PgConnection) -> sqlx::Result<(i64, Option<DateTime<Utc>>)> {
    sqlx::query!(r#"select count(*) as "queued!", min(created_at) as oldest from mails where state = 'queued'"#)
        .map(|row| (row.queued, row.oldest))
        .fetch_one(db)
        .await
}
