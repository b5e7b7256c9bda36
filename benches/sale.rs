//! P5's reference: what one sale writes, from the buyer's row to the delivery mail, in one transaction.
//! It reads nothing, and knows beforehand what the server has to look up.

use anyhow::ensure;
use uuid::Uuid;

use crate::house::Stage;
use crate::pgbench::{Param, Script};
use crate::source::{self, statement};

/// Ids in the order of time, as the server's are: of each transaction one a number.
pub const FUNCTION: &str = "
    create function bench_sale(k bigint, n bigint) returns uuid language sql stable as $$
        select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 3, '0') || '8'
                || lpad(to_hex(k), 15, '0'))::uuid
    $$";
const PRICE: i64 = 4_900;
/// Of ids in one transaction.
const KINDS: usize = 32;

/// What is sold.
pub struct Ware {
    /// Of the sandbox, where the payments are.
    pub shop: Uuid,
    pub product: Uuid,
    pub pool: Uuid,
}

struct Sale {
    script: Script,
    shop: Uuid,
}

/// The statements in the order in which the server runs them.
pub async fn script(stage: &mut Stage, ware: &Ware) -> anyhow::Result<Script> {
    let Ware { shop, product, pool } = ware;
    let [buyer, order, item, transfer] = [0, 1, 2, 3].map(id);
    let email = format!("'buyer-' || {buyer} || '@example.com'");
    let now = || as_is("now()");
    let mut sale = Sale { script: Script::default(), shop: *shop };

    let new_buyer = [as_is(&buyer), as_is(&email), as_is(&email), now()];
    sale.add(source::CUSTOMERS, "insert", &new_buyer)?;
    sale.event("customer.created", &buyer, 10)?;
    sale.add(source::ORDERS, "insert_order", &new_order(&order, &buyer, &email))?;
    sale.add(source::ITEMS, "insert", &new_item(&item, &order, product, pool))?;
    let token = [as_is(&format!("sha256(uuid_send({order}))")), is("checkout"), is(shop), as_is(&order)];
    sale.script = run(sale.script, source::SHOPS, "list", &token)?;
    sale.event("order.created", &order, 11)?;
    let reserved = [is(pool), as_is(":kept_pos"), is(1), is("reserved"), Param::Null("timestamptz"), as_is(&item)];
    sale.add(source::SERIALS, "take", &reserved)?;
    sale.script = sale.script.keep("pos");
    sale.add(source::SERIALS, "insert_deltas", &[is(format!("{{{pool}}}")), array(&id(12)), is("{-1}")])?;

    let posted = [
        as_is(&transfer),
        is("sale"),
        is("posted"),
        as_is(&order),
        is("USD"),
        now(),
        Param::Null("text"),
        Param::Null("uuid"),
    ];
    sale.add(source::LEDGER, "open", &posted)?;
    sale.add(source::LEDGER, "enter", &entries(stage, *shop, &transfer).await?)?;
    sale.add(source::SERIALS, "sell", &[array(&item), now()])?;
    sale.add(source::ITEMS, "set_delivery", &[array(&item), is("{delivered}"), array("now()"), is("{null}")])?;
    let none = || Param::Null("text");
    let paid = [as_is(&order), is("awaiting_payment"), is("completed"), now(), is("sandbox"), none(), none(), none()];
    sale.add(source::ORDERS, "settle", &[&paid[..], &[now(), none(), is(true)]].concat())?;
    sale.add(source::CUSTOMERS, "record_payment", &[as_is(&buyer), is(PRICE), now()])?;
    sale.event("order.paid", &order, 13)?;
    sale.event("order.delivered", &order, 14)?;
    // The server's worker leaves it alone.
    let later = as_is("now() + interval '10 years'");
    let mail = [as_is(&id(15)), is("order_delivered"), as_is(&order), as_is(&email), later];
    sale.add(source::OUTBOX, "insert_mail", &mail)?;
    Ok(sale.script.in_one_transaction())
}

impl Sale {
    /// The first statement of a function, with the shop for its first parameter.
    fn add(&mut self, source: &str, function: &str, params: &[Param]) -> anyhow::Result<()> {
        let params = [&[is(self.shop)], params].concat();
        self.script = run(std::mem::take(&mut self.script), source, function, &params)?;
        Ok(())
    }

    fn event(&mut self, topic: &str, subject: &str, kind: usize) -> anyhow::Result<()> {
        // As long as a payload of the server's, in Postgres's spelling of an array.
        let payload = r#"{"{\"id\": \"019e6325-d0f2-7282-886f-7a7a123e3404\", \"status\": \"completed\",
            \"total_cents\": 4900, \"currency\": \"USD\", \"customer_email\": \"buyer-1-100000@example.com\",
            \"paid_at\": \"2026-05-26T07:18:03.250Z\"}"}"#;
        let params = [array(&id(kind)), is(format!("{{{topic}}}")), array(subject), is(payload), as_is("now()")];
        self.add(source::OUTBOX, "insert_events", &params)
    }
}

/// Adds the first statement of a function.
pub fn run(script: Script, source: &str, function: &str, params: &[Param]) -> anyhow::Result<Script> {
    // A column of that name cannot be kept.
    let sql = statement(source, function)?.replace("\"pos!\"", "pos");
    script.statement(&sql, params)
}

fn new_order(order: &str, buyer: &str, email: &str) -> Vec<Param> {
    let ends = as_is("now() + interval '30 minutes'");
    let amounts = [is(PRICE), is(0), is(PRICE)];
    let who = [as_is(order), is("awaiting_payment"), as_is(buyer), as_is(email), is("USD")];
    let how = [is("sandbox"), Param::Null("text"), is("{}"), ends, as_is("now()")];
    let no_top_up = [Param::Null("uuid"), is(false)];
    [&who[..], &amounts, &how, &no_top_up].concat()
}

fn new_item(item: &str, order: &str, product: &Uuid, pool: &Uuid) -> Vec<Param> {
    let price = || is(format!("{{{PRICE}}}"));
    let what = [array(item), array(order), is(format!("{{{product}}}")), is("{Bench}"), is("{license_key}")];
    let how = [is(format!("{{{pool}}}")), is("{false}"), is("{false}"), is("{codes}"), is("{null}")];
    [&what[..], &[is("{1}"), price(), price()], &how].concat()
}

/// Out of the gateway's account and into the shop's sales: the same two as the server's.
async fn entries(stage: &mut Stage, shop: Uuid, transfer: &str) -> anyhow::Result<Vec<Param>> {
    let sql = "select id, kind, owner from ledger_accounts where shop_id = $1 order by kind";
    let accounts: Vec<(Uuid, String, String)> = sqlx::query_as(sql).bind(shop).fetch_all(&mut stage.db).await?;
    ensure!(accounts.len() == 2, "{} accounts are there after the first sale", accounts.len());
    let list = |of: fn(&(Uuid, String, String)) -> String| {
        is(format!(
            "{{{}}}",
            accounts.iter().map(|account| format!("\"{}\"", of(account))).collect::<Vec<_>>().join(",")
        ))
    };
    Ok(vec![
        as_is(transfer),
        is("USD"),
        as_is(&format!("array[{}, {}]", id(16), id(17))),
        list(|(id, ..)| id.to_string()),
        is(format!("{{-{PRICE},{PRICE}}}")),
        is("{null,null}"),
        is("{null,null}"),
        list(|(id, ..)| id.to_string()),
        list(|(_, kind, _)| kind.clone()),
        list(|(.., owner)| owner.clone()),
        as_is("now()"),
    ])
}

pub fn id(kind: usize) -> String {
    format!("bench_sale(:k, :client_id * {KINDS} + {kind})")
}

pub fn is(value: impl std::fmt::Display) -> Param {
    Param::Is(value.to_string())
}

pub fn as_is(expression: &str) -> Param {
    Param::As(expression.to_owned())
}

pub fn array(expression: &str) -> Param {
    Param::As(format!("array[{expression}]"))
}
