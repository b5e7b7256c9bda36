//! Statements as they stand in `src`, so that the reference cannot drift away from the server.

use anyhow::Context as _;

pub const BOUGHT: &str = include_str!("../src/domain/resellers/limits/sql.rs");
pub const CUSTOMERS: &str = include_str!("../src/domain/customers/sql.rs");
pub const FULFILLMENTS: &str = include_str!("../src/domain/fulfillments/sql.rs");
pub const ITEMS: &str = include_str!("../src/domain/orders/items/sql.rs");
pub const LEDGER: &str = include_str!("../src/domain/ledger/sql.rs");
pub const LICENSES: &str = include_str!("../src/domain/licenses/sql.rs");
pub const LICENSE_LIST: &str = include_str!("../src/domain/licenses/list/sql.rs");
pub const LOT: &str = include_str!("../src/domain/serials/lot/sql.rs");
pub const OUTBOX: &str = include_str!("../src/domain/outbox/sql.rs");
pub const PRODUCTS: &str = include_str!("../src/domain/products/sql.rs");
pub const ORDERS: &str = include_str!("../src/domain/orders/sql.rs");
pub const SERIALS: &str = include_str!("../src/domain/serials/sql.rs");
pub const SHOPS: &str = include_str!("../src/domain/shops/sql.rs");

/// The first SQL statement of a function.
pub fn statement(source: &str, function: &str) -> anyhow::Result<String> {
    let found = || {
        let body = &source[source.find(&format!("fn {function}("))?..];
        let query = &body[body.find("sqlx::query")?..];
        let (before, text) = query.split_once('"')?;
        let end = if before.ends_with("r#") { "\"#" } else { "\"" };
        Some(text[..text.find(end)?].to_owned())
    };
    found().with_context(|| format!("no statement is found in fn {function}"))
}
