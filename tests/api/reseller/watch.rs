//! Thresholds of a balance are amounts of the shop's currency.

use keyhouse::domain::ledger::{self, Account, Kind, Purpose, Transfer, prepaid};
use keyhouse::kit::money::{Cents, Currency};
use serde_json::json;

use super::holder;
use crate::house::reseller::{TestReseller, order};
use crate::house::{TestApp, house, product_body};

/// Pays into the balance in another currency than the shop's.
async fn fund_in_euros(app: &TestApp, reseller: &TestReseller, cents: i64) {
    let (from, to) = (Account::recording(Kind::Clearing, "manual"), prepaid(reseller.id.uuid()));
    let (euros, amount) = (Currency::parse("EUR").unwrap(), Cents::new(cents).unwrap());
    let paid = Transfer::between(Purpose::TopUp, app.app.env.id::<TestApp>().uuid(), euros, from, to, amount);
    ledger::post(&mut app.db().await, reseller.shop, &app.app.env, &paid).await.unwrap();
}

/// A product that is sold in euros, at 3.90.
async fn in_euros(app: &TestApp, reseller: &TestReseller) -> String {
    let mut body = product_body("Europe alone");
    body["currency"] = json!("EUR");
    let made = app.test_merchant().post("/v1/products", body).await;
    let product = made.is(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/products/{product}/keys");
    app.test_merchant().post(&path, json!({ "keys": ["EU-1", "EU-2"] })).await.is(201);
    app.allow(reseller, &product, 390).await;
    product
}

async fn told_and_due(app: &TestApp) -> (usize, i64) {
    let due = sqlx::query_scalar("select count(*) from reseller_top_ups_due");
    let told = app.events().await.into_iter().filter(|topic| topic == "reseller:balance_low").count();
    (told, due.fetch_one(&mut app.db().await).await.unwrap())
}

#[test]
fn a_balance_in_another_currency_falls_through_no_threshold() {
    house(async |app| {
        let reseller = app.reseller().await;
        app.fund(&reseller, 1_000).await;
        fund_in_euros(app, &reseller, 1_000).await;
        let watch = "low_balance_cents = '{900}', auto_top_up = true, auto_top_up_below_cents = 800,
                     auto_top_up_cents = 5000";
        app.set_reseller(&reseller, watch).await;
        let (europe, home) =
            (in_euros(app, &reseller).await, app.sellable(&app.test_merchant(), &reseller, &["US-1".into()]).await);
        let key = holder(app, &reseller);
        let sold = key.post("/reseller/v1/fulfillments", order("e", &europe, 2)).await;
        assert_eq!(sold.is(201).json()["data"]["balance_after"], json!(2.2));
        assert_eq!(told_and_due(app).await, (0, 0), "2.20 EUR is no 9.00 USD");
        key.post("/reseller/v1/fulfillments", order("h", &home, 1)).await.is(201);
        assert_eq!(told_and_due(app).await, (1, 1));
    });
}
