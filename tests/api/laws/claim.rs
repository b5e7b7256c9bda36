//! The claim of codes, as the planner runs it (promises F2 and F4).

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use super::sql::cached;
use crate::house::empty_database;

const SOLD: i32 = 20_000;
const FREE: i32 = 500;
const BUFFERS_MAX: u64 = 20;

/// Runs a test on a pool with a graveyard of sold codes before its free ones.
fn graveyard(test: impl AsyncFn(&mut PgConnection, Pool)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = empty_database().await;
        let mut db = PgConnection::connect(&database.url).await.unwrap();
        let pool = Pool { shop: Uuid::from_u128(1), id: Uuid::from_u128(2) };
        let fill = format!(
            "insert into serials (shop_id, id, pool_id, code_hash, sealed, created_at)
             select '{}', gen_random_uuid(), '{}', decode(md5(n::text), 'hex'), repeat('x', 60)::bytea, now()
             from generate_series(1, {}) n",
            pool.shop,
            pool.id,
            SOLD + FREE
        );
        db.execute(AssertSqlSafe(fill)).await.unwrap();
        let sell = format!(
            "update serials set status = 'sold', sold_at = now(), order_item_id = gen_random_uuid() where pos <= {SOLD}"
        );
        db.execute(AssertSqlSafe(sell)).await.unwrap();
        db.execute("vacuum analyze serials").await.unwrap();
        test(&mut db, pool).await;
        db.close().await.unwrap();
        database.discard().await;
    });
}

struct Pool {
    shop: Uuid,
    id: Uuid,
}

/// The claim from a cursor on.
fn claim() -> String {
    let claims: Vec<_> = cached().into_iter().filter(|query| query.text.contains("update serials")).collect();
    let mut from_cursor = claims.into_iter().filter(|query| query.text.contains("pos > $3"));
    let (Some(query), None) = (from_cursor.next(), from_cursor.next()) else { panic!("one claim has a cursor") };
    assert!(query.text.contains("as materialized") && query.text.contains("skip locked"), "{}", query.text);
    query.text
}

impl Pool {
    /// The call of the prepared claim for this many codes.
    fn execute(&self, count: i32) -> String {
        let (shop, pool, item) = (self.shop, self.id, Uuid::from_u128(3));
        format!("execute claim('{shop}', '{pool}', 0, {count}, 'sold', now(), '{item}')")
    }
}

async fn prepare(db: &mut PgConnection) {
    db.execute(AssertSqlSafe(format!("prepare claim as {}", claim()))).await.unwrap();
}

#[test]
fn a_claim_reads_its_own_index_and_little_of_it_behind_any_number_of_sold_codes() {
    graveyard(async |db, pool| {
        prepare(db).await;
        for mode in ["force_custom_plan", "force_generic_plan"] {
            db.execute(AssertSqlSafe(format!("set plan_cache_mode = {mode}"))).await.unwrap();
            let explain = format!("explain (analyze, buffers, format json) {}", pool.execute(1));
            let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *db).await.unwrap();
            let picked = find(&plan, &|node| node["Subplan Name"] == "CTE picked").expect("the CTE is materialised");
            let scan = find(picked, &|node| node["Index Name"] == "serials_claim");
            assert!(scan.is_some(), "{mode}: the claim does not use serials_claim: {picked:#}");
            let pages = |node: &Value| {
                node["Shared Hit Blocks"].as_u64().unwrap() + node["Shared Read Blocks"].as_u64().unwrap()
            };
            println!("{mode}: picked {} buffers, claimed {}", pages(picked), pages(&plan[0]["Plan"]));
            assert!(pages(picked) <= BUFFERS_MAX, "{mode}: {picked:#}");
        }
    });
}

#[test]
fn a_claim_takes_its_limit_however_the_planner_joins() {
    graveyard(async |db, pool| {
        prepare(db).await;
        for setting in ["hashjoin", "mergejoin", "sort", "material", "indexscan", "indexonlyscan", "bitmapscan"] {
            db.execute(AssertSqlSafe(format!("set enable_{setting} = off"))).await.unwrap();
            for count in [1, 7] {
                let mut transaction = db.begin().await.unwrap();
                let execute = AssertSqlSafe(pool.execute(count));
                let taken: Vec<i64> = sqlx::query_scalar(execute).fetch_all(&mut *transaction).await.unwrap();
                assert_eq!(taken.len(), usize::try_from(count).unwrap(), "without {setting}");
                let first = i64::from(SOLD) + 1;
                let mut sorted = taken.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (first..first + i64::from(count)).collect::<Vec<_>>(), "the oldest codes first");
                transaction.rollback().await.unwrap();
            }
        }
    });
}

/// Promises F2, for the codes of a group of fulfillments.
#[test]
fn a_group_finds_its_codes_in_the_claim_index_behind_any_number_of_sold_ones() {
    graveyard(async |db, pool| {
        let lots =
            cached().into_iter().find(|query| query.text.contains("limit w.wanted")).expect("a group's lock").text;
        db.execute(AssertSqlSafe(format!("prepare lots as {lots}"))).await.unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            db.execute(AssertSqlSafe(format!("set plan_cache_mode = {mode}"))).await.unwrap();
            let execute = format!("execute lots('{}', '{{{}}}', '{{0}}', '{{3}}')", pool.shop, pool.id);
            let explain = AssertSqlSafe(format!("explain (analyze, buffers, format json) {execute}"));
            let plan: Value = sqlx::query_scalar(explain).fetch_one(&mut *db).await.unwrap();
            assert!(find(&plan, &|node| node["Index Name"] == "serials_claim").is_some(), "{mode}: {plan:#}");
            let top = &plan[0]["Plan"];
            assert_eq!(top["Actual Rows"].as_f64(), Some(3.0), "{mode}: {plan:#}");
            let pages = top["Shared Hit Blocks"].as_u64().unwrap() + top["Shared Read Blocks"].as_u64().unwrap();
            assert!(pages <= BUFFERS_MAX, "{mode}: {plan:#}");
        }
    });
}

fn find<'a>(plan: &'a Value, wanted: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    match plan {
        Value::Array(items) => items.iter().find_map(|item| find(item, wanted)),
        Value::Object(_) if wanted(plan) => Some(plan),
        Value::Object(node) => node.values().find_map(|value| find(value, wanted)),
        _ => None,
    }
}
