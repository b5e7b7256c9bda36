//! Licenses and their trail, seeded.

use std::ops::RangeInclusive;

use keyhouse::domain::data_keys;
use keyhouse::kit::clock::Clock;
use keyhouse::kit::vault::{MasterKey, Vault};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::house::{MASTER_KEY, Stage};
use crate::{say, seed};

pub const MACHINE: &str = "bench-machine-0001";
const CHUNK: i64 = 250_000;
/// Of a trail that is kept for 400 days.
pub const WEEKS: i64 = 57;
/// In each week before this one.
pub const ROWS_A_PAST_WEEK: i64 = 1_000;

pub fn license_key(n: i64) -> String {
    format!("BENCH-{n:08}-7QW3K-9ZVB2-HD5XN")
}

/// What licenses are seeded with.
pub struct Seed {
    pub product: Uuid,
    /// When the oldest was made.
    pub base_ms: i64,
    vault: Vault,
}

impl Seed {
    pub async fn new(stage: &mut Stage) -> anyhow::Result<Self> {
        let base_ms = seed::prepare(&mut stage.db).await?;
        let master = MasterKey::parse(MASTER_KEY).ok_or_else(|| anyhow::anyhow!("the master key is none"))?;
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (vault, _) = data_keys::open(&mut stage.db, &master, &mut rng, Clock::System.now()).await?;
        Ok(Self { product: Uuid::from_u128(0x019e_0000_0000_7000_8000_0000_0000_0001), vault, base_ms })
    }

    /// So many of ours. Each `step`th is [`license_key`] `n / step`, and found by the server's own hash;
    /// between them lie others, which nobody asks for.
    pub async fn ours(&self, stage: &mut Stage, number: i64, step: i64) -> anyhow::Result<()> {
        for from in (1..=number).step_by(usize::try_from(CHUNK)?) {
            let until = number.min(from + CHUNK - 1);
            let shop = stage.shop;
            let hash = |n: i64| self.vault.lookup_hash(shop, &license_key(n)).to_vec();
            let hashes: Vec<Vec<u8>> = ((from - 1) / step + 1..=until / step).map(hash).collect();
            self.insert(&mut stage.db, shop, from..=until, step, &hashes).await?;
            if number > CHUNK {
                say(&format!("  seeding licenses: {until} of {number}"));
            }
        }
        Ok(())
    }

    /// So many of another shop's, found by MD5: pgbench knows no other hash.
    pub async fn others(&self, db: &mut PgConnection, shop: Uuid, number: i64) -> anyhow::Result<()> {
        self.insert(db, shop, 1..=number, 1, &[]).await
    }

    /// `hashes` are of every `step`th, from the first in the range on.
    async fn insert(
        &self,
        db: &mut PgConnection,
        shop: Uuid,
        range: RangeInclusive<i64>,
        step: i64,
        hashes: &[Vec<u8>],
    ) -> anyhow::Result<()> {
        let sql =
            "insert into licenses (shop_id, id, product_id, key_hash, sealed, hardware_id, count_uses, created_at,
                                         updated_at)
                   select $1, bench_id($2 + n, n), $3, coalesce(h, decode(md5(n::text), 'hex')),
                          decode(repeat('ab', 57), 'hex'), $4, 'validation', now(), now()
                   from generate_series($5::bigint, $6::bigint) n
                   left join unnest($7::bytea[]) with ordinality as u (h, i) on n = (($5 - 1) / $8 + i) * $8
                   order by n";
        let query = sqlx::query(sql).bind(shop).bind(self.base_ms).bind(self.product).bind(MACHINE);
        query.bind(range.start()).bind(range.end()).bind(hashes).bind(step).execute(db).await?;
        Ok(())
    }
}

/// What stands in for a hundred million rows: all the weeks before this one as partitions, each with a
/// few rows, and a whole week's share in the one that is written to.
pub async fn grow_old(db: &mut PgConnection, shop: Uuid, weekly: i64) -> anyhow::Result<()> {
    let monday = "date_trunc('week', now() at time zone 'utc')";
    for week in 1..WEEKS {
        let bound = |weeks: i64| {
            format!(
                "select rpad(lpad(to_hex((extract(epoch from {monday} - interval '{weeks} weeks') * 1000)::bigint), 12, '0'),
                             32, '0')::uuid::text"
            )
        };
        let from: String = sqlx::query_scalar(AssertSqlSafe(bound(week))).fetch_one(&mut *db).await?;
        let until: String = sqlx::query_scalar(AssertSqlSafe(bound(week - 1))).fetch_one(&mut *db).await?;
        let sql = format!(
            "create table bench_events_{week} partition of license_events for values from ('{from}') to ('{until}')"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await?;
        fill(db, shop, week, ROWS_A_PAST_WEEK).await?;
    }
    say(&format!("  seeding the trail: {weekly} rows of this week"));
    fill(db, shop, 0, weekly).await
}

/// Rows of one week, from its Monday on, each of some license.
async fn fill(db: &mut PgConnection, shop: Uuid, week: i64, rows: i64) -> anyhow::Result<()> {
    let sql = "insert into license_events (shop_id, id, license_id, type, ip, hardware_id, actor_id, created_at)
               select $1, bench_id(base + n / 10, n), gen_random_uuid(), 'VALIDATION_SUCCESS', '127.0.0.1', $4, $1, now()
               from generate_series(1, $3::bigint) n,
                    (select (extract(epoch from date_trunc('week', now() at time zone 'utc')
                             - $2 * interval '1 week') * 1000)::bigint as base) as monday";
    sqlx::query(sql).bind(shop).bind(week as f64).bind(rows).bind(MACHINE).execute(db).await?;
    Ok(())
}
