//! The program is turned off: what relies on it is done before the answer, or not at all (R44).

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::house::people::PASSWORD;
use crate::house::reseller::order;
use crate::house::{TestApp, house};

/// Until so many sessions wait for a lock; or for a while, where they do not.
async fn waiting(app: &TestApp, sessions: i64) {
    let mut db = app.db().await;
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..100 {
        if sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await.unwrap() >= sessions {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn rows(app: &TestApp, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(sql).fetch_one(&mut app.db().await).await.unwrap()
}

/// Does something, holds it back half-way by a lock on the rows of `held`, turns the sandbox's program off meanwhile,
/// and lets go. Answers what was done, and how many rows `table` had when the program was off.
async fn off_during<T>(app: &TestApp, work: impl Future<Output = T>, held: &str, table: &str) -> (T, i64) {
    let mut db = app.db().await;
    let mut holder = db.begin().await.unwrap();
    let hold = AssertSqlSafe(format!("select from {held} for update"));
    sqlx::query(hold).execute(&mut *holder).await.unwrap();
    let turn_off = async {
        waiting(app, 1).await;
        let off = json!({ "is_enabled": false });
        app.test_developer().patch("/dev/v1/reseller-program", off).await.is(200);
        rows(app, table).await
    };
    let let_go = async {
        waiting(app, 2).await;
        holder.rollback().await.unwrap();
    };
    let (done, at_the_answer, ()) = tokio::join!(work, turn_off, let_go);
    (done, at_the_answer)
}

#[test]
fn a_fulfillment_on_its_way_is_done_before_the_program_is_off() {
    house(async |app| {
        let reseller = app.reseller().await;
        app.fund(&reseller, 2_000).await;
        let product = app.sellable(&app.test_merchant(), &reseller, &["A".into(), "B".into(), "C".into()]).await;
        let key = app.bearer(reseller.token.clone());
        let buy = async |name: &str| key.post("/reseller/v1/fulfillments", order(name, &product, 1)).await;
        buy("first").await.is(201);
        let (second, at_the_answer) = off_during(app, buy("second"), "reseller_purchases", "fulfillments").await;
        assert_eq!(rows(app, "fulfillments").await, at_the_answer, "one came after the answer: {}", second.text());
        second.is(201);
        buy("third").await.is(401).has_code("UNAUTHORIZED");
    });
}

#[test]
fn an_acceptance_on_its_way_is_done_before_the_program_is_off() {
    house(async |app| {
        let token = app.invites(app.shop.row.twin, "rae@example.com").await;
        let accept = async {
            let body = json!({ "name": "Rae", "password": PASSWORD });
            app.stranger().post(&format!("/portal/v1/invitations/{token}/accept"), body).await
        };
        let (accepted, at_the_answer) = off_during(app, accept, "reseller_invitations", "resellers").await;
        assert_eq!(rows(app, "resellers").await, at_the_answer, "one came after the answer: {}", accepted.text());
        accepted.is(201);
    });
}
