//! Money on its way, with somebody dying between two steps (promises IDM-8): a lease that runs out is taken over, and
//! what comes late changes nothing.

use chrono::Duration;
use keyhouse::domain::orders;
use keyhouse::domain::payments::RefundOutcome;
use keyhouse::domain::payouts::{self, Progress};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::house::money::{order_of, payout_body};
use crate::house::{TestApp, house};

/// What IDM-8 allows from the request to the end.
const PATIENCE: Duration = Duration::seconds(60);

async fn refunds(app: &TestApp, order: &str) -> Value {
    app.order(order).await["refunds"].clone()
}

async fn payout(app: &TestApp) -> Value {
    app.test_merchant().get("/v1/payouts").await.is(200).json()["data"][0].clone()
}

/// A worker that takes the lease of a refund, and dies.
async fn leases_a_refund(app: &TestApp) -> orders::DueRefund {
    let mut db = app.db().await;
    let leased = orders::lease_refunds(&mut db, app.shop.row.twin, app.now(), 10).await.unwrap();
    <[_; 1]>::try_from(leased).unwrap().into_iter().next().unwrap()
}

async fn leases_a_payout(app: &TestApp) -> payouts::DuePayout {
    let mut db = app.db().await;
    let leased = payouts::lease(&mut db, app.shop.row.twin, app.now(), 10).await.unwrap();
    <[_; 1]>::try_from(leased).unwrap().into_iter().next().unwrap()
}

#[test]
fn a_refund_whose_worker_died_is_finished_by_another_within_a_minute() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        app.refund(order_of(&paid), json!({ "amount_cents": 900 })).await.is(200);
        let lost = leases_a_refund(app).await;
        app.settle().await;
        assert_eq!(refunds(app, order_of(&paid)).await[0]["status"], "processing", "it is under lease");
        app.advance(PATIENCE / 2);
        app.settle().await;
        assert_eq!(refunds(app, order_of(&paid)).await[0]["status"], "completed");

        // The dead one comes back, with another answer.
        let late = RefundOutcome::Refused { why: "too late".into() };
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (env, id) = (&app.app.env, lost.refund.id);
        let told = orders::end_refund(&mut work, lost.shop, env, id, Some(lost.attempt), &late).await.unwrap();
        work.commit().await.unwrap();
        assert!(told.is_none());
        assert_eq!(app.order(order_of(&paid)).await["refunded_cents"], 900);
    });
}

#[test]
fn a_lease_that_was_taken_over_ends_nothing() {
    house(async |app| {
        let paid = app.sold(&["A"]).await;
        app.refund(order_of(&paid), json!({ "amount_cents": 900 })).await.is(200);
        let first = leases_a_refund(app).await;
        app.advance(PATIENCE / 2);
        let second = leases_a_refund(app).await;
        let sent = RefundOutcome::Sent { tx: None };
        let mut db = app.db().await;
        for (due, counts) in [(&first, false), (&second, true), (&second, false)] {
            let mut work = db.begin().await.unwrap();
            let (env, id) = (&app.app.env, due.refund.id);
            let told = orders::end_refund(&mut work, due.shop, env, id, Some(due.attempt), &sent).await.unwrap();
            work.commit().await.unwrap();
            assert_eq!(told.is_some(), counts);
        }
        assert_eq!(app.order(order_of(&paid)).await["refunded_cents"], 900);
    });
}

#[test]
fn a_payout_whose_worker_died_at_any_step_is_finished_within_a_minute() {
    house(async |app| {
        app.sold(&["A", "B"]).await;
        for step in ["queued", "broadcast"] {
            app.test_merchant().post("/v1/payouts", payout_body(900)).await.is(201);
            if step == "broadcast" {
                let due = leases_a_payout(app).await;
                let sent = app.app.broadcasters.ask(&due.payout).await.unwrap();
                assert!(record(app, &due, &sent).await);
            }
            assert_eq!(payout(app).await["status"], step);
            let lost = leases_a_payout(app).await;
            app.settle().await;
            assert_eq!(payout(app).await["status"], step, "it is under lease");
            app.advance(PATIENCE / 2);
            app.settle().await;
            assert_eq!(payout(app).await["status"], "confirmed");
            assert!(!record(app, &lost, &Progress::Failed { why: "too late".into() }).await);
            assert_eq!(payout(app).await["status"], "confirmed");
        }
    });
}

/// Whether it counted.
async fn record(app: &TestApp, due: &payouts::DuePayout, progress: &Progress) -> bool {
    let mut db = app.db().await;
    let mut work = db.begin().await.unwrap();
    let (env, id) = (&app.app.env, due.payout.id);
    let told = payouts::record(&mut work, due.shop, env, id, Some(due.attempt), progress).await.unwrap();
    work.commit().await.unwrap();
    told.is_some()
}

#[test]
fn a_payout_on_its_way_is_looked_for_again() {
    house(async |app| {
        app.sold(&["A"]).await;
        app.test_merchant().post("/v1/payouts", payout_body(900)).await.is(201);
        let due = leases_a_payout(app).await;
        assert!(record(app, &due, &Progress::Waiting).await);
        app.settle().await;
        assert_eq!(payout(app).await["status"], "queued");
        app.advance(Duration::seconds(15));
        app.settle().await;
        assert_eq!(payout(app).await["status"], "confirmed");
    });
}

#[test]
fn what_a_person_does_waits_for_no_worker() {
    house(async |app| {
        let order = app.sold_for_cash(900).await;
        app.refund(&order, json!({})).await.is(200);
        for _ in 0..3 {
            app.settle().await;
            app.advance(Duration::hours(1));
        }
        assert_eq!(refunds(app, &order).await[0]["status"], "processing");
        let asked: i32 =
            sqlx::query_scalar("select attempt from refunds").fetch_one(&mut app.db().await).await.unwrap();
        assert_eq!(asked, 1, "nobody is asked again");
    });
}
