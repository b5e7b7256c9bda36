//! Data, made by set-based SQL straight into the tables.

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::say;

const CHUNK: i64 = 250_000;

/// What follows `n` in time sorts behind it: version 7, one row a millisecond.
const FUNCTION: &str = "
    create function bench_id(ms bigint, n bigint) returns uuid language sql immutable as $$
        select (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid
    $$";

/// Makes the function that makes ids, and answers the instant at which the seeds' time begins.
pub async fn prepare(db: &mut PgConnection) -> anyhow::Result<i64> {
    sqlx::raw_sql(FUNCTION).execute(&mut *db).await?;
    // Foreign keys hold by construction, and looking each up takes most of the time.
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut *db).await?;
    let month_ago = "select (extract(epoch from now() - interval '30 days') * 1000)::bigint";
    Ok(sqlx::query_scalar(month_ago).fetch_one(db).await?)
}

/// Rows `from` to `until`, both included, of one kind.
#[derive(Clone, Copy)]
pub struct Range {
    pub shop: Uuid,
    pub base_ms: i64,
    pub from: i64,
    pub until: i64,
}

impl Range {
    /// Runs statements with $1 shop, $2 base, $3 from, $4 until, a chunk at a time.
    async fn fill(self, db: &mut PgConnection, what: &str, statements: &[&str]) -> anyhow::Result<()> {
        let mut from = self.from;
        while from <= self.until {
            let until = self.until.min(from + CHUNK - 1);
            for sql in statements {
                let sql = sql.replace("$1", &format!("'{}'::uuid", self.shop)).replace("$2", &self.base_ms.to_string());
                let sql = sql.replace("$3", &from.to_string()).replace("$4", &until.to_string());
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await?;
            }
            if self.until - self.from > CHUNK {
                say(&format!("  seeding {what}: {} of {}", until - self.from + 1, self.until - self.from + 1));
            }
            from = until + 1;
        }
        Ok(())
    }
}

/// Four of five have a pool with a stock of a hundred.
pub async fn products(db: &mut PgConnection, range: Range) -> anyhow::Result<()> {
    let statements = [
        "insert into pools (shop_id, id, created_at)
         select $1, bench_id($2 + n, -n), now() from generate_series($3::bigint, $4::bigint) n where n % 5 <> 0",
        "insert into stock_levels (shop_id, pool_id, level)
         select $1, bench_id($2 + n, -n), 100 from generate_series($3::bigint, $4::bigint) n where n % 5 <> 0",
        "insert into products (shop_id, id, type, name, slug, description, price_cents, currency, status, pool_id,
                               created_at, updated_at)
         select $1, bench_id($2 + n, n), case n % 5 when 0 then 'physical' else 'license_key' end, 'Product ' || n,
                'product-' || n, repeat('A good thing to have. ', 10), 1999, 'USD', 'active',
                case n % 5 when 0 then null else bench_id($2 + n, -n) end, now(), now()
         from generate_series($3::bigint, $4::bigint) n",
    ];
    range.fill(db, "products", &statements).await
}

/// A thousand customers share them. Without items, which a list of orders does not read.
pub async fn orders(db: &mut PgConnection, range: Range) -> anyhow::Result<()> {
    let statements = [
        "insert into customers (shop_id, id, email, email_key, first_seen_at, last_seen_at)
         select $1, bench_id($2, n), 'buyer' || n || '@example.com', 'buyer' || n || '@example.com', now(), now()
         from generate_series(0, 999) n on conflict do nothing",
        "insert into orders (shop_id, id, status, customer_id, customer_email, currency, subtotal_cents, total_cents,
                             gateway, payment_provider, expires_at, paid_at, updated_at)
         select $1, bench_id($2 + n, n), 'completed', bench_id($2, n % 1000), 'buyer' || n % 1000 || '@example.com',
                'USD', 1999, 1999, 'sandbox', 'sandbox', now(), now(), now()
         from generate_series($3::bigint, $4::bigint) n",
    ];
    range.fill(db, "orders", &statements).await
}

/// Codes of one pool, as an import leaves them (69 sealed bytes hold a code of 24), or sold.
pub async fn codes(db: &mut PgConnection, range: Range, pool: Uuid, sold: bool) -> anyhow::Result<()> {
    let state = if sold { "'sold', bench_id($2 + n, -n), now()" } else { "'available', null, null" };
    let sql = format!(
        "insert into serials (shop_id, id, pool_id, code_hash, sealed, created_at, status, order_item_id, sold_at)
         select $1, bench_id($2 + n, n), '{pool}', decode(md5('{pool}' || n), 'hex'),
                decode(repeat(md5(n::text), 4) || 'deadbeef00', 'hex'), now(), {state}
         from generate_series($3::bigint, $4::bigint) n order by n"
    );
    range.fill(db, if sold { "sold codes" } else { "codes" }, &[&sql]).await
}

/// The books of a pool that was filled behind their back.
pub async fn balance(db: &mut PgConnection, shop: Uuid, pool: Uuid) -> anyhow::Result<()> {
    let sql = "insert into stock_levels (shop_id, pool_id, level)
               select $1, $2, count(*) from serials where shop_id = $1 and pool_id = $2 and status = 'available'
               on conflict (shop_id, pool_id) do update set level = excluded.level";
    sqlx::query(sql).bind(shop).bind(pool).execute(db).await?;
    Ok(())
}

/// Drops the indexes of a table, and answers what makes them again: building one over ten million
/// rows takes seconds, growing it a row at a time takes minutes.
pub async fn drop_indexes(db: &mut PgConnection, table: &str) -> anyhow::Result<Vec<String>> {
    let of_constraints = "select format('alter table %I drop constraint %I', $1::text, conname),
                                 format('alter table %I add constraint %I %s', $1::text, conname, pg_get_constraintdef(oid))
                          from pg_constraint where conrelid = $1::text::regclass and contype in ('p', 'u')";
    let others = "select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
                  from pg_index where indrelid = $1::text::regclass";
    let mut make_again = Vec::new();
    for sql in [of_constraints, others] {
        for (drop, make) in sqlx::query_as::<_, (String, String)>(sql).bind(table).fetch_all(&mut *db).await? {
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *db).await?;
            make_again.push(make);
        }
    }
    Ok(make_again)
}

pub async fn make_indexes(db: &mut PgConnection, definitions: Vec<String>) -> anyhow::Result<()> {
    sqlx::raw_sql("set maintenance_work_mem = '512MB'").execute(&mut *db).await?;
    for definition in definitions {
        say(&format!("  {definition}"));
        sqlx::raw_sql(AssertSqlSafe(definition)).execute(&mut *db).await?;
    }
    Ok(())
}

/// As a database that has been at work for a while: statistics known, nothing left to write back.
pub async fn settle(db: &mut PgConnection) -> anyhow::Result<()> {
    for sql in ["vacuum (analyze)", "checkpoint"] {
        sqlx::raw_sql(sql).execute(&mut *db).await?;
    }
    Ok(())
}
