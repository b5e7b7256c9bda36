//! When the fair is over: who waits, what is still to come, and what must then be true.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fair, PATIENCE, Plot, Sale, restock};
use crate::house::process::{keyhouse, run};
use crate::house::socket::{Call, Client};
use crate::house::{MASTER_KEY, TestApp};
use crate::show::{codes_of, codes_that_are, insist};

/// Who waits for codes, and who should and does not.
pub struct Queue {
    pub orders: usize,
    pub codes: usize,
    /// Paid orders of which an item is neither delivered, nor waiting for codes, nor with the shop.
    pub nowhere: Vec<Uuid>,
}

pub async fn queue(db: &mut PgConnection) -> Queue {
    let waiting = "select i.quantity from order_items i join orders o on o.shop_id = i.shop_id and o.id = i.order_id
                   where o.paid_at is not null and i.delivery_state = 'awaiting_stock'";
    let waiting: Vec<i32> = sqlx::query_scalar(waiting).fetch_all(&mut *db).await.unwrap();
    let nowhere = "select o.id from order_items i join orders o on o.shop_id = i.shop_id and o.id = i.order_id
                   where o.paid_at is not null and i.delivery_state not in ('delivered', 'awaiting_stock')
                     and not (i.delivery_state = 'pending' and i.method = 'merchant')";
    Queue {
        orders: waiting.len(),
        codes: usize::try_from(waiting.iter().sum::<i32>()).unwrap(),
        nowhere: sqlx::query_scalar(nowhere).fetch_all(db).await.unwrap(),
    }
}

/// The codes come that were still owed, and the shop hands over what was its own to deliver.
pub async fn end_well(app: &TestApp, fair: &Fair, mut client: Client, owed: &Queue, sales: &[Sale]) {
    restock(fair, &mut client, owed.codes).await;
    for sale in sales.iter().filter(|sale| matches!(sale.plot, Plot::Counted | Plot::Mixed)) {
        let path = format!("/dev/v1/orders/{}/fulfill", sale.session["id"].as_str().unwrap());
        let call = Call::post(path, json!({})).bearer(app.shop.developer_test.as_str());
        let heard = insist(&mut client, &call, &fair.tally).await;
        assert_eq!(heard.status, 200, "{}", heard.text());
    }
    let mut db = app.db().await;
    let deadline = Instant::now() + PATIENCE;
    let unfinished = "select count(*) from orders where status not in ('completed', 'failed')";
    while sqlx::query_scalar::<_, i64>(unfinished).fetch_one(&mut db).await.unwrap() > 0 {
        assert!(Instant::now() < deadline, "an order is neither completed nor over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every buyer sees what was paid for: each code once in all, and nothing where nothing was paid.
pub async fn check_sessions(address: SocketAddr, fair: &Fair, sales: &[Sale]) {
    let (mut client, mut seen) = (Client::new(address), HashSet::new());
    let imported = fair.codes.lock().unwrap().clone();
    for Sale { plot, session } in sales {
        let path = format!("/checkout/v1/sessions/{}", session["id"].as_str().unwrap());
        let look = Call::get(path).bearer(session["token"].as_str().unwrap());
        let shown = insist(&mut client, &look, &fair.tally).await.json();
        assert_eq!(shown["status"], if plot.is_paid() { "completed" } else { "failed" }, "{plot:?}: {shown}");
        let mut due = 0;
        for item in shown["items"].as_array().unwrap() {
            let is_text = item["product"] == "text" && plot.is_paid();
            assert_eq!(item["text"], if is_text { json!("Welcome aboard.") } else { Value::Null }, "{plot:?}");
            let coded = ["pooled", "scarce", "free"].iter().any(|name| item["product"] == *name);
            due += if coded && plot.is_paid() { item["qty"].as_u64().unwrap() } else { 0 };
        }
        let codes = codes_of(&shown);
        assert_eq!(codes.len() as u64, due, "{plot:?}: {shown}");
        for code in codes {
            assert!(imported.contains(&code), "{code} was never imported");
            assert!(seen.insert(code.clone()), "{code} went out twice");
        }
    }
}

pub async fn check_books(app: &TestApp, db: &mut PgConnection, fair: &Fair, sales: &[Sale]) {
    let total = |sale: &Sale| sale.session["total_cents"].as_i64().unwrap();
    let paid: i64 = sales.iter().filter(|sale| sale.plot.is_paid()).map(total).sum();
    let taken = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                 join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id where a.kind = 'sales'";
    assert_eq!(sqlx::query_scalar::<_, i64>(taken).fetch_one(&mut *db).await.unwrap(), paid, "what came in");

    let counted = "select p.stock + (select coalesce(sum(i.quantity), 0) from order_items i
                       join orders o on o.shop_id = i.shop_id and o.id = i.order_id
                       where i.counted and o.paid_at is not null)
                   from products p where p.name = 'counted'";
    let counted: i64 = sqlx::query_scalar(counted).fetch_one(&mut *db).await.unwrap();
    assert_eq!(counted, fair.counted, "counted goods: in stock, or sold");
    assert_eq!(codes_that_are(db, "reserved").await, 0);

    let mut doctor = keyhouse(&app.app.config.data_dir, &["doctor", "--books"]);
    doctor.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
    run(doctor).is(0);
}
