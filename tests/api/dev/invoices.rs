//! An order is an invoice; so is a top-up.

use chrono::Duration;
use serde_json::{Value, json};

use crate::house::{TestApp, house};

fn path(session: &Value, verb: &str) -> String {
    format!("/dev/v1/invoices/{}{verb}", session["id"].as_str().unwrap())
}

async fn listed(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.test_developer().get(&format!("/dev/v1/invoices{query}")).await;
    answer.is(200).json()["data"].as_array().unwrap().iter().map(|one| one["uniqid"].clone()).collect()
}

#[test]
fn an_invoice_is_its_order_and_what_invoices_have_besides() {
    house(async |app| {
        let session = app.checkout(&app.stocked(&["A"]).await, 1).await;
        app.pay(&session).await;
        let mut invoice = app.test_developer().get(&path(&session, "")).await.is(200).json()["data"].clone();
        let order = format!("/dev/v1/orders/{}", session["id"].as_str().unwrap());
        let order = app.test_developer().get(&order).await.is(200).json()["data"].clone();
        assert_eq!(invoice["product"]["title"], "Studio Pro");
        for (name, value) in [("type", json!("PRODUCT")), ("origin", json!("API")), ("subtype", json!(null))] {
            assert_eq!(invoice[name], value);
        }
        for name in ["type", "origin", "subtype", "product"] {
            invoice.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(invoice, order);
    });
}

#[test]
fn invoices_are_found_by_status_and_address() {
    house(async |app| {
        let product = app.stocked(&["A", "B", "C"]).await;
        let (open, paid) = (app.checkout(&product, 1).await, app.checkout(&product, 1).await);
        app.pay(&paid).await;
        let mut cart = app.cart(&product, 1);
        cart["email"] = json!("bob@example.com");
        let other = app.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        let [open, paid, other] = [&open, &paid, &other].map(|one| one["id"].clone());
        assert_eq!(listed(app, "").await, [other.clone(), paid.clone(), open.clone()]);
        assert_eq!(listed(app, "?status=PENDING").await, [other.clone(), open.clone()]);
        assert_eq!(listed(app, "?status=COMPLETED,VOIDED").await, [paid]);
        for name in ["customer_email", "customerEmail"] {
            let bob = format!("?{name}=BOB@example.com&status=PENDING");
            assert_eq!(listed(app, &bob).await, std::slice::from_ref(&other));
            assert!(listed(app, &format!("?{name}=nobody@example.com")).await.is_empty());
            let refused = app.test_developer().get(&format!("/dev/v1/invoices?{name}=x")).await;
            assert_eq!(refused.is(422).json()["error"]["details"][0]["field"], name);
        }
        app.test_developer().get("/dev/v1/invoices?status=paid").await.is(422);
    });
}

#[test]
fn a_status_that_is_published_and_never_happens_here_matches_nothing() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let (open, paid) = (app.checkout(&product, 1).await, app.checkout(&product, 1).await);
        app.pay(&paid).await;
        for word in ["PARTIAL", "WAITING_FOR_CONFIRMATIONS", "CUSTOMER_DISPUTE_ONGOING", "REVERSED"] {
            assert!(listed(app, &format!("?status={word}")).await.is_empty(), "{word}");
            assert_eq!(listed(app, &format!("?status=PENDING,{word}")).await, [open["id"].clone()], "{word}");
        }
        assert!(listed(app, "?status=PARTIAL,REVERSED").await.is_empty());
    });
}

#[test]
fn a_cursor_goes_on_under_the_address_that_it_began_with() {
    house(async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let (first, second) = (app.checkout(&product, 1).await, app.checkout(&product, 1).await);
        let of_ada = "?customer_email=ada@example.com&limit=1";
        let page = app.test_developer().get(&format!("/dev/v1/invoices{of_ada}")).await;
        assert_eq!(page.is(200).json()["data"][0]["uniqid"], second["id"]);
        let cursor = page.json()["pagination"]["next_cursor"].as_str().unwrap();
        assert_eq!(listed(app, &format!("{of_ada}&cursor={cursor}")).await, [first["id"].clone()]);
        let elsewhere = format!("/dev/v1/invoices?customer_email=bob@example.com&limit=1&cursor={cursor}");
        app.test_developer().get(&elsewhere).await.is(400);
    });
}

#[test]
fn completing_a_top_up_credits_its_balance_once() {
    house(async |app| {
        let reseller = app.purse().await;
        let invoice = reseller.top_up(20_000).await;
        for _ in 0..2 {
            let done = app.test_developer().post(&path(&invoice, "/complete"), json!({ "note": "by wire" })).await;
            let done = done.is(200).json()["data"].clone();
            assert_eq!((&done["status"], &done["type"]), (&json!("COMPLETED"), &json!("TOP_UP")));
            assert_eq!(done["status_details"], "Credited to the balance: by wire");
        }
        assert_eq!(reseller.balance().await, 20_000);
        let events = app.events().await;
        assert_eq!(events.iter().filter(|topic| *topic == "reseller:top_up_paid").count(), 1);
        assert!(!events.iter().any(|topic| topic == "order.delivered"), "nothing was delivered");
        app.settle().await;
        assert_eq!(app.mails(), Vec::<String>::new());
    });
}

#[test]
fn a_top_up_that_is_paid_late_counts_and_a_declined_one_does_not() {
    house(async |app| {
        let reseller = app.purse().await;
        let late = reseller.top_up(1_000).await;
        app.advance(Duration::hours(25));
        app.settle().await;
        assert_eq!(reseller.invoices().await[0].0, "failed");
        app.pay(&late).await;
        assert_eq!(reseller.balance().await, 1_000);

        let declined = reseller.top_up(500).await;
        let pay = format!("/checkout/v1/sessions/{}/pay", declined["id"].as_str().unwrap());
        app.bearer(declined["token"].as_str().unwrap()).post(&pay, json!({ "outcome": "fail" })).await.is(200);
        app.test_developer().post(&path(&declined, "/complete"), json!({})).await.is(409).has_code("WRONG_STATE");
        assert_eq!(reseller.balance().await, 1_000);
    });
}

#[test]
fn a_top_up_is_called_what_it_is_wherever_it_is_seen() {
    house(async |app| {
        let reseller = app.purse().await;
        let invoice = reseller.top_up(20_000).await;
        let page = || async {
            let cookie =
                format!("kh_checkout_{}={}", invoice["id"].as_str().unwrap(), invoice["token"].as_str().unwrap());
            let reader = app.stranger().header("cookie", &cookie);
            reader.get(&format!("/checkout/{}", invoice["id"].as_str().unwrap())).await.is(200).text()
        };
        let before = page().await;
        assert!(before.contains("Balance top-up") && before.contains("goes to your prepaid balance"), "{before}");
        assert!(!before.contains("set aside"), "{before}");
        app.pay(&invoice).await;
        let after = page().await;
        assert!(after.contains("in your prepaid balance") && !after.contains("delivered"), "{after}");
        let order = app.test_merchant().get(&format!("/v1/orders/{}", invoice["order_id"].as_str().unwrap())).await;
        let order = order.is(200).json();
        assert_eq!((&order["items"], &order["status"]), (&json!([]), &json!("completed")));
        assert_eq!((&order["delivery"]["kind"], &order["delivery"]["state"]), (&json!("top_up"), &json!("delivered")));
    });
}
