//! Everything that is written down, as one value: what a refusal must leave as it was.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::TestApp;

impl TestApp {
    /// Rows and a digest of every table's contents.
    pub async fn books(&self) -> BTreeMap<String, String> {
        let mut db = self.db().await;
        let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut db).await.unwrap();
        let mut books = BTreeMap::new();
        for table in tables {
            let sql =
                format!("select concat(count(*), ' ', md5(string_agg(t::text, '|' order by t::text))) from {table} t");
            let digest = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut db).await.unwrap();
            books.insert(table, digest);
        }
        books
    }
}
