//! Resellers: a relationship with its key, what it may sell, and its balance.

use keyhouse::domain::keys::{self, NewResellerKey};
use keyhouse::domain::ledger::{self, Account, Kind, Purpose, Transfer, prepaid};
use keyhouse::domain::resellers::ResellerId;
use keyhouse::domain::shops::Tenant;
use keyhouse::kit::id::Id;
use keyhouse::kit::ip_rule::IpRule;
use keyhouse::kit::money::{Cents, Currency};
use keyhouse::kit::secret::{self, reveal};
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::actor::Actor;
use super::{TestApp, product_body, unique};

/// A relationship of mode BOTH, ACTIVE, in a program that is on.
pub struct TestReseller {
    pub id: ResellerId,
    pub shop: Tenant,
    pub token: String,
}

impl TestApp {
    /// A relationship of the sandbox shop, without access and without money.
    pub async fn reseller(&self) -> TestReseller {
        self.reseller_of(self.shop.row.twin).await
    }

    pub async fn reseller_of(&self, shop: Tenant) -> TestReseller {
        let mut db = self.db().await;
        let (account, id) = (self.app.env.id::<TestApp>().uuid(), self.app.env.id::<TestApp>().uuid());
        let email = format!("rae{}@example.com", unique());
        let name = format!("r{}", unique());
        let now = self.now();
        let person = "insert into accounts (id, email, email_key, name, password_hash, created_at, updated_at)
                      values ($1, $2, $2, 'Rae', 'none', $3, $3)";
        sqlx::query(person).bind(account).bind(&email).bind(now).execute(&mut db).await.unwrap();
        let program = "insert into reseller_programs (shop_id, is_enabled, updated_at) values ($1, true, $2)
                       on conflict (shop_id) do update set is_enabled = true";
        sqlx::query(program).bind(shop.uuid()).bind(now).execute(&mut db).await.unwrap();
        let relationship =
            "insert into resellers (shop_id, id, account_id, email, code, mode, access_listed, created_at, updated_at)
                            values ($1, $2, $3, $4, $5, 'BOTH', true, $6, $6)";
        let relationship = sqlx::query(relationship).bind(shop.uuid()).bind(id).bind(account).bind(&email).bind(name);
        relationship.bind(now).execute(&mut db).await.unwrap();
        let id = Id::from(id);
        let token = self.reseller_key(shop, id, &[]).await;
        TestReseller { id, shop, token }
    }

    /// One more key of a relationship.
    pub async fn reseller_key(&self, shop: Tenant, id: ResellerId, allowed_ips: &[&str]) -> String {
        let allowed_ips = allowed_ips.iter().map(|rule| IpRule::parse(rule).unwrap()).collect();
        let new = NewResellerKey { name: "till".into(), allowed_ips };
        let minted = keys::mint_for(&mut self.db().await, shop, &self.app.env, id.uuid(), new).await.unwrap();
        reveal(&minted.secret)
    }

    /// Revokes a key of a relationship; it is answered when this returns.
    pub async fn revoke_reseller_key(&self, reseller: &TestReseller, token: &str) {
        let mut db = self.db().await;
        let key = sqlx::query_scalar("select id from directory where hash = $1").bind(secret::hash(token).to_vec());
        let key: uuid::Uuid = key.fetch_one(&mut db).await.unwrap();
        let mut work = db.begin().await.unwrap();
        let (env, of) = (&self.app.env, reseller.id.uuid());
        keys::revoke_of(&mut work, reseller.shop, env, of, Id::from(key)).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Lets the relationship sell this product at that wholesale price.
    pub async fn allow(&self, reseller: &TestReseller, product: &str, cents: i64) {
        let product = keyhouse::domain::products::ProductId::parse(product).unwrap();
        let access = "insert into reseller_access (shop_id, reseller_id, product_id, wholesale_cents)
                      values ($1, $2, $3, $4)
                      on conflict (shop_id, reseller_id, product_id) do update set wholesale_cents = $4";
        let access = sqlx::query(access).bind(reseller.shop.uuid()).bind(*reseller.id).bind(*product).bind(cents);
        access.execute(&mut self.db().await).await.unwrap();
    }

    /// Changes a column of the relationship.
    pub async fn set_reseller(&self, reseller: &TestReseller, change: &'static str) {
        let update = format!("update resellers set {change} where shop_id = $1 and id = $2");
        let update = sqlx::query(sqlx::AssertSqlSafe(update)).bind(reseller.shop.uuid()).bind(*reseller.id);
        update.execute(&mut self.db().await).await.unwrap();
    }

    /// Pays into the prepaid balance.
    pub async fn fund(&self, reseller: &TestReseller, cents: i64) {
        let (from, to) = (Account::recording(Kind::Clearing, "manual"), prepaid(reseller.id.uuid()));
        let amount = Cents::new(cents).unwrap();
        let transfer = Transfer::between(Purpose::TopUp, self.app.env.id::<TestApp>().uuid(), usd(), from, to, amount);
        ledger::post(&mut self.db().await, reseller.shop, &self.app.env, &transfer).await.unwrap();
    }

    /// What is left of it.
    pub async fn left_of(&self, reseller: &TestReseller) -> i64 {
        let account = prepaid(reseller.id.uuid());
        ledger::balance(&mut self.db().await, reseller.shop, &account, usd()).await.unwrap()
    }

    /// A product of `merchant` with these codes, which the relationship sells at 3.90; its id.
    pub async fn sellable(&self, merchant: &Actor<'_>, reseller: &TestReseller, codes: &[String]) -> String {
        let mut body = product_body(&format!("Resold {}", unique()));
        body["price_cents"] = json!(0);
        let made = merchant.post("/v1/products", body).await;
        let product = made.is(201).json()["id"].as_str().unwrap().to_owned();
        for some in codes.chunks(5_000) {
            merchant.post(&format!("/v1/products/{product}/keys"), json!({ "keys": some })).await.is(201);
        }
        self.allow(reseller, &product, 390).await;
        product
    }
}

impl keyhouse::kit::id::Entity for TestApp {
    const PREFIX: &'static str = "t";
}

/// The body of a fulfillment.
pub fn order(name: &str, product: &str, quantity: i64) -> Value {
    json!({
        "external_order_id": name, "product_id": product, "quantity": quantity, "customer_email": "ada@example.com",
    })
}

pub fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}
