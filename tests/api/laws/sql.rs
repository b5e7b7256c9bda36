//! Every cached query, held against a freshly migrated database: it still means what it meant when it
//! was checked, it touches its own room's tables alone, and it never looks across shops.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Column as _, Either, Executor as _, PgConnection, SqlSafeStr as _, Statement as _, TypeInfo as _,
};

use super::source::{self, Source, words};
use super::{schema, state};
use crate::house::house;

/// Which tables are whose. `directory` is shared by the rooms whose things must be found before their shop.
const ROOMS: &[(&str, &[&str])] = &[
    ("data_keys", &["data_keys"]),
    ("shops", &["shops", "directory"]),
    ("outbox", &["events", "mails", "webhook_attempts", "webhook_deliveries", "webhook_endpoints"]),
    ("idempotency", &["idempotency"]),
    ("keys", &["api_keys", "directory"]),
    ("accounts", &["accounts", "sessions"]),
    ("files", &["files"]),
    ("products", &["products", "pools"]),
    ("customers", &["customers"]),
    ("serials", &["product_stats", "serials", "stock_deltas", "stock_levels"]),
    ("licenses", &["licenses", "license_events", "license_stats"]),
    ("ledger", &["ledger_accounts", "ledger_entries", "ledger_open", "ledger_transfers"]),
    (
        "resellers",
        &[
            "directory",
            "reseller_access",
            "reseller_invitations",
            "reseller_programs",
            "reseller_purchases",
            "reseller_top_ups_due",
            "resellers",
        ],
    ),
    ("payments", &["payment_events"]),
    ("dynamic", &["dynamic_calls"]),
    ("orders", &["orders", "order_items", "refunds"]),
    ("fulfillments", &["fulfillments", "fulfillment_replacements"]),
    ("payouts", &["payouts"]),
];

/// Queries that look across shops, and why they may.
const ACROSS_SHOPS: &[(&str, &str)] = &[
    ("dynamic::shops_with_due", "the worker asks which shops have something to do"),
    ("idempotency::sweep", "the worker deletes what is expired, whosever it is"),
    ("licenses::shops_with_expired", "the worker asks which shops have something to do"),
    ("ledger::fold", "it deletes by their places the rows of one shop that it has locked"),
    ("ledger::shops_to_fold", "the worker asks which shops have something to do"),
    ("orders::shops_awaiting_stock", "the worker asks which shops have something to do"),
    ("orders::shops_with_expired", "the worker asks which shops have something to do"),
    ("orders::shops_with_refunds_due", "the worker asks which shops have something to do"),
    ("payouts::shops_with_due", "the worker asks which shops have something to do"),
    ("outbox::shops_with_due_mail", "the worker asks which shops have something to do"),
    ("outbox::cancel_closed", "it changes by their places the rows of one shop that it has locked"),
    ("outbox::due", "the worker asks which endpoints have something to do"),
    ("outbox::sweep_attempts", "the worker deletes what is past its time, whosever it is"),
    ("outbox::sweep_deliveries", "the worker deletes what is past its time, whosever it is"),
    ("outbox::sweep_events", "the worker deletes what is past its time, whosever it is"),
    ("outbox::mail_backlog", "the operator's figures are of the whole house"),
    ("resellers::shops_with_auto_top_ups", "the worker asks which shops have something to do"),
    ("resellers::shops_with_top_ups_due", "the worker asks which shops have something to do"),
    ("resellers::relationships_of", "a person sees their own programs, whatever their shops"),
    ("resellers::shop_of", "a person's own program says which shop it is in"),
    ("serials::fold_stock", "it deletes by their places the rows of one shop that it has locked"),
    ("serials::shops_to_fold", "the worker asks which shops have something to do"),
];

/// A query of the cache, and where it stands in the source.
pub struct Cached {
    pub text: String,
    parameters: Vec<Value>,
    columns: Vec<(String, Value)>,
    /// `room::function`, once for each place.
    places: Vec<String>,
}

pub fn cached() -> Vec<Cached> {
    let sources = source::all();
    let mut files: Vec<_> = fs::read_dir(source::root().join(".sqlx")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let json: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let text = json["query"].as_str().unwrap().to_owned();
        let described = &json["describe"];
        let columns = described["columns"].as_array().unwrap();
        Cached {
            places: places(&sources, &text),
            parameters: described["parameters"]["Left"].as_array().unwrap().clone(),
            columns: columns.iter().map(|c| (c["name"].as_str().unwrap().to_owned(), c["type_info"].clone())).collect(),
            text,
        }
    };
    files.iter().map(read).collect()
}

/// The functions in which this text stands.
fn places(sources: &[Source], text: &str) -> Vec<String> {
    let mut places = Vec::new();
    for source in sources {
        for (at, _) in source.text.match_indices(text) {
            // The same words may begin a longer query: a literal ends where the text ends.
            if source.text[at + text.len()..].starts_with('"') && source.text[..at].ends_with('"') {
                let before = words(&source.text[..at], "fn").last().unwrap();
                let name: String =
                    source.text[before + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let room = source.path.strip_prefix("domain/").map(|path| path.split('/').next().unwrap());
                places.push(format!("{}::{name}", room.unwrap_or(source.path.as_str())));
            }
        }
    }
    places
}

#[test]
fn every_cached_query_stands_in_the_source() {
    for query in cached() {
        assert!(!query.places.is_empty(), "nobody asks this any more; refresh .sqlx:\n{}", query.text);
    }
}

#[test]
fn every_cached_query_still_means_the_same() {
    house(async |app| {
        let mut db = app.db().await;
        for query in cached() {
            let sql = AssertSqlSafe(query.text.clone()).into_sql_str();
            let statement = (&mut db).prepare(sql).await.unwrap_or_else(|e| panic!("{e}:\n{}", query.text));
            let parameters: Vec<String> = match statement.parameters() {
                Some(Either::Left(types)) => types.iter().map(|t| plain(t.name())).collect(),
                other => panic!("{other:?}"),
            };
            let columns: Vec<(String, String)> =
                statement.columns().iter().map(|c| (c.name().to_owned(), plain(c.type_info().name()))).collect();
            assert_eq!(parameters, query.parameters.iter().map(cached_type).collect::<Vec<_>>(), "{}", query.text);
            let cached: Vec<_> = query.columns.iter().map(|(name, t)| (name.clone(), cached_type(t))).collect();
            assert_eq!(columns, cached, "{}", query.text);
        }
    });
}

/// `TIMESTAMPTZ[]` and `TimestamptzArray` are the same.
fn plain(name: &str) -> String {
    name.to_lowercase().replace("[]", "array").replace('"', "")
}

fn cached_type(name: &Value) -> String {
    plain(name.as_str().unwrap_or_else(|| panic!("{name} is no built-in type")))
}

#[test]
fn every_table_has_one_room() {
    house(async |app| {
        let tables: BTreeSet<String> = state::tables(&mut app.db().await).await.into_iter().collect();
        let owned: BTreeSet<String> = ROOMS.iter().flat_map(|(_, own)| *own).map(|table| (*table).to_owned()).collect();
        assert_eq!(tables, owned, "the tables of the database against the rooms of this law");
        let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (room, own) in ROOMS {
            own.iter().for_each(|table| owners.entry(table).or_default().push(room));
        }
        let shared: Vec<_> = owners.iter().filter(|(_, rooms)| rooms.len() > 1).map(|(table, _)| *table).collect();
        assert_eq!(shared, ["directory"]);
    });
}

#[test]
fn a_room_touches_its_own_tables_alone() {
    let all: BTreeSet<&str> = ROOMS.iter().flat_map(|(_, own)| *own).copied().collect();
    for query in cached() {
        let touched: Vec<&str> =
            all.iter().copied().filter(|table| words(&query.text, table).next().is_some()).collect();
        for place in &query.places {
            let room = place.split("::").next().unwrap();
            let own = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, own)| *own);
            let foreign: Vec<_> = touched.iter().filter(|table| !own.contains(table)).collect();
            assert!(foreign.is_empty(), "{place} touches {foreign:?}:\n{}", query.text);
        }
    }
}

#[test]
fn rows_whose_place_is_known_are_found_by_it_however_they_are_planned() {
    house(async |app| {
        let mut db = app.db().await;
        db.execute("set enable_seqscan = off").await.unwrap(); // as in a lane
        let by_place: Vec<_> = cached().into_iter().filter(|query| query.text.contains("::tid")).collect();
        assert_eq!(by_place.len(), 3);
        for query in by_place {
            let plan = generic_plan(&mut db, &query).await.to_string();
            assert!(plan.contains("Tid Scan") && !plan.contains("Index"), "{:?}: {plan}", query.places);
        }
    });
}

#[test]
fn no_query_looks_across_shops() {
    house(async |app| {
        let mut db = app.db().await;
        let mut across = BTreeSet::new();
        for query in cached() {
            let open = open_scans(&mut db, &query).await;
            if !open.is_empty() {
                println!("{:?}: {open:?}", query.places);
                across.extend(query.places);
            }
        }
        let known: BTreeSet<String> = ACROSS_SHOPS.iter().map(|(place, _)| (*place).to_owned()).collect();
        assert_eq!(across, known, "queries without shop_id, against those that this law knows");
    });
}

/// Tables of tenants that the query reads or writes without their `shop_id`. The planner is asked, not
/// the text: each scan must have a condition on it, of its own or by a join.
async fn open_scans(db: &mut PgConnection, query: &Cached) -> Vec<String> {
    let tenants = ROOMS.iter().flat_map(|(_, own)| *own).filter(|table| schema::is_tenants(table));
    if tenants.filter(|table| words(&query.text, table).next().is_some()).count() == 0 {
        return Vec::new();
    }
    let plan = generic_plan(db, query).await;
    let (mut scans, mut conditions) = (Vec::new(), String::new());
    walk(&plan, &mut scans, &mut conditions);
    let text = query.text.split_whitespace().collect::<Vec<_>>().join(" ");
    scans.retain(|(table, alias, inserts)| {
        let scoped = if *inserts {
            let begins = |how: &str| text.contains(&format!("insert into {table}{how} (shop_id,"));
            begins("") || begins(&format!(" as {alias}"))
        } else {
            [format!("{alias}.shop_id = "), format!("= {alias}.shop_id")].iter().any(|c| conditions.contains(c))
        };
        schema::is_tenants(table) && !scoped
    });
    scans.into_iter().map(|(table, alias, _)| format!("{table} {alias}")).collect()
}

async fn generic_plan(db: &mut PgConnection, query: &Cached) -> Value {
    db.execute("set plan_cache_mode = force_generic_plan").await.unwrap();
    db.execute(AssertSqlSafe(format!("prepare asked as {}", query.text))).await.unwrap();
    let nulls = vec!["null"; query.parameters.len()].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let explain = format!("explain (verbose, costs off, format json) execute asked{nulls}");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *db).await.unwrap();
    db.execute("deallocate asked").await.unwrap();
    plan
}

/// Every relation of a plan with its alias, and whether it is inserted into; and every condition.
fn walk(plan: &Value, scans: &mut Vec<(String, String, bool)>, conditions: &mut String) {
    match plan {
        Value::Array(items) => items.iter().for_each(|item| walk(item, scans, conditions)),
        Value::Object(node) => {
            let text = |name: &str| node.get(name).and_then(Value::as_str);
            if let (Some(table), Some(alias)) = (text("Relation Name"), text("Alias")) {
                let modifies = text("Node Type") == Some("ModifyTable");
                let inserts = text("Operation") == Some("Insert");
                if inserts || !modifies {
                    scans.push((table.to_owned(), alias.to_owned(), inserts));
                }
            }
            for (name, value) in node {
                if let Some(condition) = value.as_str().filter(|_| name.ends_with("Cond") || name.ends_with("Filter")) {
                    conditions.push_str(condition);
                    conditions.push('\n');
                }
                walk(value, scans, conditions);
            }
        }
        _ => {}
    }
}
