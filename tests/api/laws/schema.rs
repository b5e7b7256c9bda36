//! The tables, as a migrated database has them.

use sqlx::PgConnection;

use super::state;
use crate::house::house;

/// Tables that are no tenant's, and why.
pub const NOT_TENANTS: &[(&str, &str)] = &[
    ("shops", "the tenants themselves"),
    ("accounts", "people; one may belong to several shops"),
    ("sessions", "of people"),
    ("directory", "what must be found before its shop is known"),
    ("data_keys", "the house's own keys, shared by all shops"),
];

pub fn is_tenants(table: &str) -> bool {
    !NOT_TENANTS.iter().any(|(name, _)| *name == table)
}

async fn names(db: &mut PgConnection, query: &'static str) -> Vec<(String, String)> {
    sqlx::query_as(query).fetch_all(db).await.unwrap()
}

#[test]
fn every_key_of_a_tenants_table_begins_with_its_shop() {
    house(async |app| {
        let keys = names(
            &mut app.db().await,
            "select c.conrelid::regclass::text, c.conname::text from pg_constraint c
             join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
             where c.connamespace = 'public'::regnamespace and c.contype in ('p', 'u', 'f') and a.attname <> 'shop_id'
             union
             select i.indrelid::regclass::text, i.indexrelid::regclass::text from pg_index i
             join pg_class t on t.oid = i.indrelid and t.relnamespace = 'public'::regnamespace
             left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
             where i.indisunique and a.attname is distinct from 'shop_id'
             union
             select c.conrelid::regclass::text, c.conname::text from pg_constraint c
             join pg_attribute a on a.attrelid = c.confrelid and a.attnum = c.confkey[1]
             where c.connamespace = 'public'::regnamespace and c.contype = 'f' and a.attname <> 'shop_id'",
        )
        .await;
        let tenants: Vec<_> =
            keys.iter().filter(|(table, _)| is_tenants(table) && table != "_sqlx_migrations").collect();
        assert!(tenants.is_empty(), "keys that do not begin with shop_id: {tenants:?}");
    });
}

#[test]
fn every_tenants_table_has_its_shop_and_a_primary_key() {
    house(async |app| {
        let mut db = app.db().await;
        for table in state::tables(&mut db).await.into_iter().filter(|table| is_tenants(table)) {
            let has: (bool, bool) = sqlx::query_as(
                "select exists (select from pg_attribute where attrelid = $1::regclass and attname = 'shop_id'
                                and attnotnull and atttypid = 'uuid'::regtype),
                        exists (select from pg_constraint where conrelid = $1::regclass and contype = 'p')",
            )
            .bind(&table)
            .fetch_one(&mut db)
            .await
            .unwrap();
            assert_eq!(has, (true, true), "{table}: shop_id uuid not null, and a primary key");
        }
    });
}

#[test]
fn every_word_that_is_a_state_has_a_check() {
    house(async |app| {
        let unchecked = names(
            &mut app.db().await,
            r"select c.oid::regclass::text, a.attname::text from pg_class c
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and a.atttypid in ('text'::regtype, 'varchar'::regtype)
                and a.attname ~ '(^|_)(status|state|mode|failure|surface)$|^type$|^purpose$|^gateway$|^template$'
                and not exists (select from pg_constraint k
                                where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey))",
        )
        .await;
        assert!(unchecked.is_empty(), "{unchecked:?}");
    });
}

#[test]
fn money_is_whole_cents() {
    house(async |app| {
        let wrong = names(
            &mut app.db().await,
            r"select c.oid::regclass::text, a.attname::text from pg_class c
              join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
              where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and (a.attname ~ '(^|_)(cents|amount|price|total|balance)$' and a.atttypid not in ('bigint'::regtype, 'bigint[]'::regtype)
                     or a.atttypid in ('real'::regtype, 'double precision'::regtype, 'money'::regtype))
                and c.relname <> '_sqlx_migrations'",
        )
        .await;
        assert!(wrong.is_empty(), "{wrong:?}");
    });
}

#[test]
fn an_instant_has_a_zone() {
    house(async |app| {
        let wrong = names(
            &mut app.db().await,
            "select c.oid::regclass::text, a.attname::text from pg_class c
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
               and a.atttypid = 'timestamp without time zone'::regtype",
        )
        .await;
        assert!(wrong.is_empty(), "{wrong:?}");
    });
}
