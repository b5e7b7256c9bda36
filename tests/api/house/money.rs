//! Money that a shop has taken in, and what is left of it.

use keyhouse::domain::ledger::{self, Account, Kind};
use keyhouse::domain::orders;
use keyhouse::domain::payments::RefundOutcome;
use keyhouse::domain::shops::Tenant;
use keyhouse::kit::money::Currency;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::TestApp;
use super::actor::{Actor, Answer};

/// A contract that everybody knows: an address of Tron with its checksum.
pub const TRON: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

pub fn payout_body(cents: i64) -> Value {
    json!({ "chain": "tron", "asset": "USDT", "amount_cents": cents, "destination_address": TRON })
}

impl TestApp {
    /// A sandbox sale of these codes at 49.00 each; answers the session as paid.
    pub async fn sold(&self, codes: &[&str]) -> Value {
        let product = self.stocked(codes).await;
        self.pay(&self.checkout(&product, codes.len() as i64).await).await
    }

    /// A live sale of goods by hand, whose payment the shop confirms; answers the order's `/v1` id.
    pub async fn sold_live(&self, cents: i64) -> String {
        self.sold_by_hand(&self.merchant(), &self.developer(), "live", cents).await
    }

    /// The same in the sandbox: also there such money is for the operator to give back.
    pub async fn sold_for_cash(&self, cents: i64) -> String {
        self.sold_by_hand(&self.test_merchant(), &self.test_developer(), "test", cents).await
    }

    async fn sold_by_hand(&self, merchant: &Actor<'_>, developer: &Actor<'_>, mode: &str, cents: i64) -> String {
        let body = json!({ "name": "Mug", "type": "physical", "price_cents": cents, "currency": "USD" });
        let product = merchant.post("/v1/products", body).await.is(201).json()["id"].clone();
        let mut cart = self.cart(product.as_str().unwrap(), 1);
        cart["mode"] = json!(mode);
        let opened = self.stranger().post("/checkout/v1/sessions", cart).await.is(201).json().clone();
        developer.post(&format!("/dev/v1/orders/{}/complete", opened["id"].as_str().unwrap()), json!({})).await.is(200);
        opened["order_id"].as_str().unwrap().to_owned()
    }

    /// Asks for a refund of a sandbox order.
    pub async fn refund(&self, order: &str, body: Value) -> Answer {
        self.test_merchant().post(&format!("/v1/orders/{order}/refund"), body).await
    }

    /// Refunds a sandbox order in full, to the end, while the worker does nothing.
    pub async fn refund_at_once(&self, order: &str) {
        self.refund(order, json!({})).await.is(200);
        let (shop, env) = (self.shop.row.twin, &self.app.env);
        let mut db = self.db().await;
        let mut work = db.begin().await.unwrap();
        for due in orders::lease_refunds(&mut work, shop, self.now(), 1).await.unwrap() {
            let sent = RefundOutcome::Sent { tx: None };
            let ended = orders::end_refund(&mut work, shop, env, due.refund.id, Some(due.attempt), &sent).await;
            assert!(ended.unwrap().is_some());
        }
        work.commit().await.unwrap();
    }

    /// A sandbox order, as the merchant sees it.
    pub async fn order(&self, order: &str) -> Value {
        self.test_merchant().get(&format!("/v1/orders/{order}")).await.is(200).json().clone()
    }

    /// What an account of the shop holds in its currency.
    pub async fn held(&self, shop: Tenant, account: &Account) -> i64 {
        let currency = Currency::parse("USD").unwrap();
        ledger::balance(&mut self.db().await, shop, account, currency).await.unwrap()
    }

    /// What the shop could be paid out now.
    pub async fn payable(&self, shop: Tenant) -> i64 {
        let mut sum = self.held(shop, &ledger::payable()).await;
        for kind in [Kind::Sales, Kind::Wholesale, Kind::Adjustments] {
            sum += self.held(shop, &Account::recording(kind, "")).await;
        }
        sum
    }
}

pub fn order_of(session: &Value) -> &str {
    session["order_id"].as_str().unwrap()
}
