//! What is in the database, whole: so that a law can say "nothing changed" and mean it.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection};

/// Every table but the migrator's own.
pub async fn tables(db: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
           and relname <> '_sqlx_migrations'
         order by relname",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// A digest of every row, by table.
pub async fn contents(db: &mut PgConnection) -> BTreeMap<String, String> {
    of_each(db, "coalesce(md5(string_agg(t::text, E'\\n' order by t::text)), 'empty')").await
}

/// The number of rows, by table.
pub async fn counts(db: &mut PgConnection) -> BTreeMap<String, i64> {
    let counted = of_each(db, "count(*)::text").await;
    counted.into_iter().map(|(table, count)| (table, count.parse().unwrap())).collect()
}

/// What came in between, by table.
pub fn growth(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    after.iter().map(|(table, count)| (table.clone(), count - before[table])).collect()
}

async fn of_each(db: &mut PgConnection, figure: &str) -> BTreeMap<String, String> {
    let tables = tables(db).await;
    let each = tables.iter().map(|table| format!("select '{table}', {figure} from {table} t"));
    let all = each.collect::<Vec<_>>().join(" union all ");
    sqlx::query_as(AssertSqlSafe(all)).fetch_all(db).await.unwrap().into_iter().collect()
}
