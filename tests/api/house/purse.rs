//! A relationship with a prepaid balance, without the ways that lead to one.

use chrono::Duration;
use keyhouse::domain::orders::{self, Opened};
use keyhouse::domain::resellers::{self, AlertsPatch, Reseller, ResellerId};
use keyhouse::domain::shops::{self, Tenant};
use keyhouse::kit::id::Id;
use keyhouse::kit::money::Cents;
use keyhouse::kit::secret::reveal;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{TestApp, unique};

/// An active relationship of one shop.
pub struct Purse<'a> {
    app: &'a TestApp,
    pub shop: Tenant,
    pub id: ResellerId,
}

pub fn cents(amount: i64) -> Cents {
    Cents::new(amount).unwrap()
}

impl TestApp {
    /// One of the sandbox shop.
    pub async fn purse(&self) -> Purse<'_> {
        self.purse_of(self.shop.row.twin).await
    }

    pub async fn purse_of(&self, shop: Tenant) -> Purse<'_> {
        let (account, id) = (self.app.env.id::<Reseller>(), self.app.env.id::<Reseller>());
        let email = format!("rae{}@example.com", unique());
        let mut db = self.db().await;
        let person = "insert into accounts (id, email, email_key, name, password_hash, created_at, updated_at)
                      values ($1, $2, $2, 'Rae', '', $3, $3)";
        sqlx::query(person).bind(*account).bind(&email).bind(self.now()).execute(&mut db).await.unwrap();
        let one = "insert into resellers (shop_id, id, account_id, email, code, mode, created_at, updated_at)
                   values ($1, $2, $3, $4, $5, 'STOCK', $6, $6)";
        let one =
            sqlx::query(one).bind(shop.uuid()).bind(*id).bind(*account).bind(&email).bind(format!("R{}", unique()));
        one.bind(self.now()).execute(&mut db).await.unwrap();
        Purse { app: self, shop, id: Id::from(*id) }
    }
}

impl Purse<'_> {
    pub fn path(&self, rest: &str) -> String {
        format!("/dev/v1/resellers/{}/{rest}", self.id.uuid())
    }

    pub async fn row(&self) -> Reseller {
        resellers::get(&mut self.app.db().await, self.shop, self.id).await.unwrap()
    }

    pub async fn balance(&self) -> i64 {
        resellers::balance(&mut self.app.db().await, self.shop, self.id).await.unwrap().0.get()
    }

    /// Opens an invoice over this amount; answers it as a checkout's session.
    pub async fn top_up(&self, amount: i64) -> Value {
        let opened = self.try_top_up(amount).await.unwrap();
        json!({ "id": opened.order.id.uuid().to_string(), "order_id": opened.order.id.to_string(),
                "token": reveal(&opened.token) })
    }

    pub async fn try_top_up(&self, amount: i64) -> keyhouse::error::Result<Opened> {
        let (reseller, app) = (self.row().await, &self.app.app);
        let mut db = self.app.db().await;
        let mut work = db.begin().await.unwrap();
        let shop = shops::get(&mut work, self.shop).await?;
        let opened = orders::top_up(&mut work, &shop, &app.env, &app.gateways, &reseller, cents(amount)).await?;
        work.commit().await.unwrap();
        Ok(opened)
    }

    /// Pays in.
    pub async fn fund(&self, amount: i64) {
        let invoice = self.top_up(amount).await;
        self.app.pay(&invoice).await;
    }

    /// Takes out, or puts in, by hand.
    pub async fn adjust(&self, amount: i64) -> keyhouse::error::Result<i64> {
        let mut db = self.app.db().await;
        let mut work = db.begin().await.unwrap();
        let env = &self.app.app.env;
        let by = (env.id(), "slip".into());
        let (_, after) = resellers::adjust(&mut work, self.shop, env, self.id, cents(amount), by).await?;
        work.commit().await.unwrap();
        Ok(after.get())
    }

    pub async fn set_alerts(&self, patch: AlertsPatch) -> keyhouse::error::Result<Reseller> {
        let mut db = self.app.db().await;
        let mut work = db.begin().await.unwrap();
        let set = resellers::set_alerts(&mut work, self.shop, &self.app.app.env, self.id, patch).await?;
        work.commit().await.unwrap();
        Ok(set)
    }

    /// Below 50.00 an invoice over 200.00 opens by itself.
    pub async fn tops_up_itself(&self) {
        let patch =
            AlertsPatch { auto_top_up: Some(true), below: Some(cents(5_000)), amount: Some(cents(20_000)), low: None };
        self.set_alerts(patch).await.unwrap();
    }

    /// Its invoices, oldest first: status, amount, and whether it opened by itself.
    pub async fn invoices(&self) -> Vec<(String, i64, bool)> {
        let query =
            "select status, total_cents, auto_top_up from orders where shop_id = $1 and reseller_id = $2 order by id";
        let query = sqlx::query_as(query).bind(self.shop.uuid()).bind(*self.id);
        query.fetch_all(&mut self.app.db().await).await.unwrap()
    }

    /// After every invoice ran out of time.
    pub async fn outlives_its_invoices(&self) {
        self.app.advance(orders::TOP_UP_OPEN_FOR + Duration::seconds(1));
        self.app.settle().await;
    }
}
