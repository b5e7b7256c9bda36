//! Everything at once: the lock order holds, so nobody waits in a circle.

use chrono::Duration;
use keyhouse::domain::keys;
use keyhouse::domain::shops::Mode;
use keyhouse::worker;
use rand::rngs::ChaCha20Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::operations::NO_LIMITS;
use super::{patiently, together};
use crate::house::actor::Answer;
use crate::house::money::payout_body;
use crate::house::{TestApp, house_with, product_body, unique};

const TASKS: u64 = 16;
const OPERATIONS: usize = 25;

/// Waiting in a circle is found out after a second; a client must not see it, and here there is none.
pub async fn deadlocks(app: &TestApp) -> i64 {
    for pool in [&app.app.requests, &app.app.worker] {
        let mut held = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            let mut connection = pool.acquire().await.unwrap();
            sqlx::query("select pg_stat_force_next_flush()").execute(&mut *connection).await.unwrap();
            held.push(connection);
        }
    }
    let mut db = app.db().await;
    sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()")
        .fetch_one(&mut db)
        .await
        .unwrap()
}

/// What the tasks fight for: products by twos, with pools and with counted stock.
struct Shop {
    pooled: [String; 2],
    counted: [String; 2],
}

impl Shop {
    async fn open(app: &TestApp) -> Self {
        let codes = |n: u32| (0..40).map(move |i| format!("CODE-{n}-{i}")).collect::<Vec<_>>();
        let mut pooled = Vec::new();
        for n in 0..2 {
            let codes = codes(n);
            pooled.push(app.stocked(&codes.iter().map(String::as_str).collect::<Vec<_>>()).await);
        }
        let mut counted = Vec::new();
        for _ in 0..2 {
            let mut body = product_body("Mug");
            body["type"] = json!("physical");
            body["stock"] = json!(10_000);
            let made = app.test_merchant().post("/v1/products", body).await;
            counted.push(made.is(201).json()["id"].as_str().unwrap().to_owned());
        }
        Self { pooled: pooled.try_into().unwrap(), counted: counted.try_into().unwrap() }
    }

    /// A cart of two products, in either order.
    fn cart(&self, app: &TestApp, rng: &mut ChaCha20Rng) -> Value {
        let two = if rng.random_range(0..2) == 0 { &self.pooled } else { &self.counted };
        let first = rng.random_range(0..2);
        let line =
            |n: usize, rng: &mut ChaCha20Rng| json!({ "product_id": two[n], "quantity": rng.random_range(1..=2) });
        let items = [line(first, rng), line(1 - first, rng)];
        json!({
            "shop": app.shop.row.slug, "mode": "test", "items": items,
            "email": format!("buyer{}@example.com", rng.random_range(0..5)),
        })
    }
}

/// A client sees success, or a refusal that the state explains; never a fault. That the house is busy
/// (503) is none: sixteen share eight connections. That nobody was sent away for a deadlock, the count says.
#[track_caller]
fn is_no_fault(answer: &Answer) {
    assert!(answer.status < 500, "{}: {}", answer.status, answer.text());
}

async fn work(app: &TestApp, shop: &Shop, seed: u64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (mut open, mut paid): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for _ in 0..OPERATIONS {
        match rng.random_range(0..15) {
            0..=4 => {
                let cart = shop.cart(app, &mut rng);
                let opened = patiently(async || app.stranger().post("/checkout/v1/sessions", cart.clone()).await).await;
                is_no_fault(&opened);
                if opened.status == 201 {
                    open.push(opened.json().clone());
                }
            }
            5..=7 => {
                let Some(session) = open.pop() else { continue };
                let outcome = if rng.random_range(0..3) == 0 { "fail" } else { "succeed" };
                let path = format!("/checkout/v1/sessions/{}/pay", session["id"].as_str().unwrap());
                let buyer = app.bearer(session["token"].as_str().unwrap());
                is_no_fault(&patiently(async || buyer.post(&path, json!({ "outcome": outcome })).await).await);
                paid.push(session);
            }
            8..=9 => {
                let product = &shop.pooled[rng.random_range(0..2)];
                let keys: Vec<String> = (0..3).map(|_| format!("MORE-{}", rng.random_range(0..500))).collect();
                let path = format!("/v1/products/{product}/keys");
                let merchant = app.test_merchant();
                is_no_fault(&patiently(async || merchant.post(&path, json!({ "keys": keys })).await).await);
            }
            11..=12 => {
                let Some(session) = paid.last() else { continue };
                let path = format!("/v1/orders/{}/refund", session["id"].as_str().unwrap());
                let body = if rng.random_range(0..2) == 0 { json!({}) } else { json!({ "amount_cents": 1_000 }) };
                is_no_fault(&patiently(async || app.test_merchant().post(&path, body.clone()).await).await);
            }
            13 => {
                let body = payout_body(rng.random_range(100..5_000));
                is_no_fault(&patiently(async || app.test_merchant().post("/v1/payouts", body.clone()).await).await);
            }
            10 => {
                app.advance(Duration::minutes(7));
                worker::settle(&app.app).await.unwrap();
            }
            _ => revoke_while_it_works(app, shop).await,
        }
    }
}

/// A key is revoked while it is at work: what it does before counts, what comes after is refused.
async fn revoke_while_it_works(app: &TestApp, shop: &Shop) {
    let body = json!({ "name": "short-lived", "abilities": ["products:write"], "mode": "test" });
    let minted = patiently(async || app.test_merchant().post("/v1/api-keys", body.clone()).await).await;
    let minted = minted.is(201).json().clone();
    let import = async {
        let short_lived = app.bearer(minted["secret"].as_str().unwrap());
        let path = format!("/v1/products/{}/keys", shop.pooled[0]);
        let body = json!({ "keys": [format!("LATE-{}", unique())] });
        patiently(async || short_lived.post(&path, body.clone()).await).await
    };
    let revoke = async {
        let master = app.test_merchant();
        let path = format!("/v1/api-keys/{}", minted["id"].as_str().unwrap());
        patiently(async || master.delete(&path).await).await
    };
    let (imported, revoked) = tokio::join!(import, revoke);
    assert!(matches!(imported.status, 201 | 401), "{}", imported.text());
    revoked.is(200);
}

#[test]
fn everything_at_once_never_waits_in_a_circle() {
    house_with(NO_LIMITS, async |app| {
        let shop = Shop::open(app).await;
        together((0..TASKS).map(|seed| work(app, &shop, seed))).await;
        assert_eq!(deadlocks(app).await, 0);
    });
}

#[test]
fn two_keys_that_revoke_each_other_leave_one_standing() {
    house_with(NO_LIMITS, async |app| {
        let all = keys::Surface::Merchant.scopes();
        let (one, other) = (
            app.key_with(keys::Surface::Merchant, Mode::Live, all).await,
            app.key_with(keys::Surface::Merchant, Mode::Live, all).await,
        );
        let listed = app.merchant().get("/v1/api-keys?limit=2").await.json()["data"].clone();
        let path = |n: usize| format!("/v1/api-keys/{}", listed[n]["id"].as_str().unwrap());
        let (of_other, of_one) = (path(0), path(1));
        let (by_one, by_other) = tokio::join!(one.delete(&of_other), other.delete(&of_one));
        let mut statuses = [by_one.status, by_other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401], "{} {}", by_one.text(), by_other.text());
        let standing = [one.get("/v1/products").await.status, other.get("/v1/products").await.status];
        assert!(standing == [200, 401] || standing == [401, 200], "{standing:?}");
    });
}
