use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use uuid::Uuid;

#[derive(Default)]
pub struct Columns {
    pub ids: Vec<Uuid>,
    pub licenses: Vec<Option<Uuid>>,
    pub kinds: Vec<String>,
    pub codes: Vec<Option<String>>,
    pub ips: Vec<Option<String>>,
    pub hwids: Vec<Option<String>>,
    pub key_hashes: Vec<Option<Vec<u8>>>,
    pub actors: Vec<Option<Uuid>>,
    pub olds: Vec<Option<String>>,
    pub news: Vec<Option<String>>,
    pub attempts: Vec<i32>,
}

pub struct Row {
    pub id: Uuid,
    pub license_id: Option<Uuid>,
    pub r#type: String,
    pub code: Option<String>,
    pub ip: Option<String>,
    pub hardware_id: Option<String>,
    pub actor_id: Option<Uuid>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}

pub async fn insert(db: &mut PgConnection, shop: Uuid, rows: &Columns, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into license_events (shop_id, id, license_id, type, code, ip, hardware_id, key_hash, actor_id, old, new,
                                     attempts, created_at)
         select $1, e.id, e.license_id, e.type, e.code, e.ip::inet, e.hardware_id, e.key_hash, e.actor_id, e.old, e.new,
                e.attempts, $13
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::uuid[],
                     $10::text[], $11::text[], $12::int[])
             as e (id, license_id, type, code, ip, hardware_id, key_hash, actor_id, old, new, attempts)",
        shop,
        &rows.ids,
        &rows.licenses as &[Option<Uuid>],
        &rows.kinds,
        &rows.codes as &[Option<String>],
        &rows.ips as &[Option<String>],
        &rows.hwids as &[Option<String>],
        &rows.key_hashes as &[Option<Vec<u8>>],
        &rows.actors as &[Option<Uuid>],
        &rows.olds as &[Option<String>],
        &rows.news as &[Option<String>],
        &rows.attempts,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

pub async fn list(
    db: &mut PgConnection,
    shop: Uuid,
    license: Uuid,
    before: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, license_id, type, code, host(ip) as ip, hardware_id, actor_id, old, new, attempts, created_at
         from license_events
         where shop_id = $1 and license_id = $2 and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        shop,
        license,
        before,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn export(
    db: &mut PgConnection,
    shop: Uuid,
    license: Uuid,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select id, license_id, type, code, host(ip) as ip, hardware_id, actor_id, old, new, attempts, created_at
         from license_events
         where shop_id = $1 and license_id = $2 and ($3::uuid is null or id > $3)
         order by id limit $4",
        shop,
        license,
        after,
        rows
    )
    .fetch_all(db)
    .await
}

pub async fn is_partition(db: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from pg_class where relname = $1 and relispartition
                          and relnamespace = current_schema()::text::regnamespace) as "is!""#,
        name
    )
    .fetch_one(db)
    .await
}

pub async fn partitions(db: &mut PgConnection, prefix: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select relname::text as "name!" from pg_class
           where relispartition and relkind = 'r' and relname like $1 || '%'
             and relnamespace = current_schema()::text::regnamespace
           order by relname"#,
        prefix
    )
    .fetch_all(db)
    .await
}

/// Until the transaction ends, nobody else makes or drops partitions, and new rows wait: one on its way
/// into the default partition would be refused there, once its week has a partition of its own.
pub async fn lock(db: &mut PgConnection) -> sqlx::Result<()> {
    db.execute("lock table license_events in share row exclusive mode").await.map(drop)
}

pub async fn make_partition(db: &mut PgConnection, name: &str, from: Uuid, until: Uuid) -> sqlx::Result<()> {
    let range = format!("'{from}' and id < '{until}'");
    let sql = format!(
        "create table {name} (like license_events including defaults including constraints);
         with moved as (delete from license_events_default where id >= {range} returning *)
         insert into {name} select * from moved;
         alter table license_events attach partition {name} for values from ('{from}') to ('{until}')"
    );
    db.execute(AssertSqlSafe(sql)).await.map(drop)
}

pub async fn drop_partition(db: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    db.execute(AssertSqlSafe(format!("drop table {name}"))).await.map(drop)
}
