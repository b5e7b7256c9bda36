//! Every operation of every document, and for each how to make a valid request. The laws walk this
//! table; an operation without an entry fails them by name.

use axum::http::Method;
use keyhouse::domain::accounts;
use keyhouse::domain::resellers::ResellerId;
use keyhouse::domain::shops::{Mode, Tenant};
use keyhouse::http::door::Surface;
use keyhouse::http::openapi::{SURFACES, describe};
use keyhouse::kit::secret::reveal;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::house::actor::{Actor, Answer};
use crate::house::money::payout_body;
use crate::house::people::{PASSWORD, TestPerson};
use crate::house::reseller::{TestReseller, order};
use crate::house::{TestApp, TestShop, product_body, unique};

/// For laws that ask more than a minute allows.
pub const NO_LIMITS: &str = "rate_limits = \"off\"";

/// An operation as its document describes it.
pub struct Operation {
    pub surface: Surface,
    pub method: Method,
    /// With `{id}` where an object's id goes.
    pub path: String,
    pub needs: Needs,
    pub document: Value,
}

/// What the document says a caller must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// It is public.
    Nothing,
    /// A payment provider's own signature.
    Signature,
    /// A token of the object itself.
    Token,
    /// A person who is signed in, and whose it is.
    Session,
    /// A key of the surface, with any scope.
    AnyKey,
    /// A key with this scope.
    Scope(String),
}

impl Operation {
    /// Those that our clients call. A payment provider's call carries its own proof, name and body: what
    /// holds for it stands in tests/api/checkout/gateways.rs.
    pub fn all() -> Vec<Self> {
        SURFACES.into_iter().flat_map(Self::of).filter(|operation| operation.needs != Needs::Signature).collect()
    }

    pub fn of(surface: Surface) -> Vec<Self> {
        let document = serde_json::to_value(describe(surface)).unwrap();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
                let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method);
                if known {
                    let (path, document) = (path.clone(), operation.clone());
                    operations.push(Self { surface, method, path, needs: Needs::of(operation), document });
                }
            }
        }
        operations
    }

    pub fn writes() -> Vec<Self> {
        Self::all().into_iter().filter(|operation| operation.method != Method::GET).collect()
    }

    /// `POST /v1/products`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it is about one thing that belongs to somebody.
    pub fn has_object(&self) -> bool {
        self.path.contains("{id}") || self.path.contains("{relationship}")
    }

    /// Whether refusals of this surface are problem+json, and members that nobody knows are refused.
    pub fn speaks_problem(&self) -> bool {
        matches!(self.surface, Surface::V1 | Surface::Checkout)
    }

    /// A valid request of this operation, with everything that it needs made in `side`.
    pub async fn call(&self, side: &Side<'_>) -> Call {
        let name = self.name();
        let Some(made) = prepare(side, &name).await else {
            panic!("{name} has no place in the laws: give it an entry in tests/api/laws/operations.rs");
        };
        let path = match (&made.path, &made.object) {
            (Some(path), _) => path.clone(),
            (None, Some(id)) => fill(&self.path, id),
            (None, None) => self.path.clone(),
        };
        assert!(!path.contains('{'), "{name}: its entry names no object");
        let token = made.token.or_else(|| side.token(self.surface));
        Call { name, method: self.method.clone(), path, token, body: made.body, other: made.other }
    }
}

impl Needs {
    fn of(operation: &Value) -> Self {
        let Some(security) = operation.get("security") else { return Self::Nothing };
        let one = security.as_array().filter(|all| all.len() == 1).expect("one way to be let in");
        let (scheme, scopes) = one[0].as_object().unwrap().iter().next().unwrap();
        match (scheme.as_str(), scopes.as_array().unwrap().as_slice()) {
            ("signature", []) => Self::Signature,
            ("token", []) => Self::Token,
            ("session", []) => Self::Session,
            ("key", []) => Self::AnyKey,
            ("key", [scope]) => Self::Scope(scope.as_str().unwrap().to_owned()),
            other => panic!("the laws do not know what {other:?} asks for"),
        }
    }
}

/// An address of ours without its host.
pub fn path_of(url: &str) -> String {
    url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default()
}

/// The documented path with this id in every place where one goes.
pub fn fill(path: &str, id: &str) -> String {
    let filled = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
    path.split('/').map(filled).collect::<Vec<_>>().join("/")
}

/// A request, ready to be sent.
pub struct Call {
    pub name: String,
    pub method: Method,
    pub path: String,
    pub token: Option<String>,
    pub body: Option<Value>,
    /// Another body, as valid, for the same object and in the same idempotency scope.
    pub other: Option<Value>,
}

impl Call {
    /// Whoever may make this call.
    pub fn caller<'a>(&self, app: &'a TestApp) -> Actor<'a> {
        Actor::new(app, self.token.clone())
    }

    /// The path with one more parameter.
    pub fn path_with(&self, query: &str) -> String {
        let sign = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{sign}{query}", self.path)
    }

    pub async fn send(&self, actor: &Actor<'_>) -> Answer {
        self.send_to(actor, &self.path, self.body.as_ref()).await
    }

    pub async fn send_to(&self, actor: &Actor<'_>, path: &str, body: Option<&Value>) -> Answer {
        actor.send(self.method.clone(), path, body.map(|body| body.to_string().into_bytes())).await
    }
}

/// One of the two shops of a merchant: where a law makes what it needs.
pub struct Side<'a> {
    pub app: &'a TestApp,
    pub shop: &'a TestShop,
    pub mode: Mode,
}

impl<'a> Side<'a> {
    pub fn live(app: &'a TestApp) -> Self {
        Self { app, shop: &app.shop, mode: Mode::Live }
    }

    pub fn test(app: &'a TestApp) -> Self {
        Self { app, shop: &app.shop, mode: Mode::Test }
    }

    pub fn both(app: &'a TestApp) -> [Self; 2] {
        [Self::live(app), Self::test(app)]
    }

    /// The key that may do everything on this surface, on this side.
    pub fn token(&self, surface: Surface) -> Option<String> {
        let (live, test) = match surface {
            Surface::V1 => (&self.shop.live, &self.shop.test),
            Surface::Dev => (&self.shop.developer, &self.shop.developer_test),
            // Where one was made.
            Surface::Reseller => return self.cell().get().map(|reseller| reseller.token.clone()),
            Surface::Checkout | Surface::Portal => return None,
        };
        Some(if self.mode == Mode::Live { live.clone() } else { test.clone() })
    }

    fn cell(&self) -> &'a OnceCell<TestReseller> {
        &self.shop.relationships[usize::from(self.mode == Mode::Test)]
    }

    /// The relationship of this side, with money.
    pub async fn relationship(&self) -> &'a TestReseller {
        let tenant = if self.mode == Mode::Live { self.shop.row.tenant } else { self.shop.row.twin };
        let make = async || {
            let made = self.app.reseller_of(tenant).await;
            self.app.fund(&made, 10_000_000).await;
            made
        };
        self.cell().get_or_init(make).await
    }

    /// A product with codes that the relationship may sell.
    async fn sellable(&self) -> String {
        let codes: Vec<String> = (0..5).map(|_| format!("LAW-{}", unique())).collect();
        self.app.sellable(&self.merchant(), self.relationship().await, &codes).await
    }

    /// A fulfillment's id.
    async fn fulfillment(&self) -> String {
        let body = order(&format!("law-{}", unique()), &self.sellable().await, 2);
        let reseller = Actor::new(self.app, Some(self.relationship().await.token.clone()));
        let made = reseller.post("/reseller/v1/fulfillments", body).await;
        made.is(201).json()["data"]["id"].as_str().unwrap().to_owned()
    }

    fn merchant(&self) -> Actor<'a> {
        Actor::new(self.app, self.token(Surface::V1))
    }

    /// Nothing to pay where no gateway takes real money yet.
    pub fn product_body(&self) -> Value {
        let mut body = product_body(&format!("Law {}", unique()));
        if self.mode == Mode::Live {
            body["price_cents"] = json!(0);
        }
        body
    }

    pub async fn product(&self) -> String {
        let made = self.merchant().post("/v1/products", self.product_body()).await;
        made.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    async fn stocked(&self) -> String {
        let product = self.product().await;
        let codes: Vec<String> = (0..5).map(|_| format!("LAW-{}", unique())).collect();
        self.merchant().post(&format!("/v1/products/{product}/keys"), json!({ "keys": codes })).await.is(201);
        product
    }

    async fn cart(&self, quantity: i64, email: &str) -> Value {
        let product = self.stocked().await;
        json!({
            "shop": self.shop.row.slug, "mode": self.mode.word(), "email": email,
            "items": [{ "product_id": product, "quantity": quantity }],
        })
    }

    async fn session(&self) -> Value {
        let cart = self.cart(1, &format!("law{}@example.com", unique())).await;
        let opened = Actor::new(self.app, None).post("/checkout/v1/sessions", cart).await;
        opened.is(201).json().clone()
    }

    /// The path of a link to a file that was sold.
    async fn download(&self) -> String {
        let twin = if self.mode == Mode::Live { self.shop.row.tenant } else { self.shop.row.twin };
        let body = json!({ "name": format!("Law {}", unique()), "type": "file_download", "price_cents": 0, "currency": "USD" });
        let product = self.app.sells_file_as(&self.merchant(), twin, body, "law.pdf", b"the law").await;
        let cart = json!({
            "shop": self.shop.row.slug, "mode": self.mode.word(), "email": "law@example.com",
            "items": [{ "product_id": product, "quantity": 1 }],
        });
        let opened = Actor::new(self.app, None).post("/checkout/v1/sessions", cart).await;
        let opened = opened.is(201).json().clone();
        let buyer = Actor::new(self.app, Some(opened["token"].as_str().unwrap().to_owned()));
        let seen = buyer.get(&format!("/checkout/v1/sessions/{}", opened["id"].as_str().unwrap())).await;
        path_of(seen.is(200).json()["items"][0]["download_url"].as_str().unwrap())
    }

    async fn order(&self) -> String {
        self.session().await["order_id"].as_str().unwrap().to_owned()
    }

    /// A checkout of something that costs money, not paid.
    async fn unpaid_order(&self) -> String {
        let name = format!("Mug {}", unique());
        let body = json!({ "name": name, "type": "physical", "price_cents": 900, "currency": "USD" });
        let product = self.merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let cart = json!({
            "shop": self.shop.row.slug, "mode": self.mode.word(), "email": format!("law{}@example.com", unique()),
            "items": [{ "product_id": product, "quantity": 1 }],
        });
        let opened = Actor::new(self.app, None).post("/checkout/v1/sessions", cart).await;
        opened.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// The same, paid; it waits for the merchant.
    async fn paid_order(&self) -> String {
        let order = self.unpaid_order().await;
        let developer = Actor::new(self.app, self.token(Surface::Dev));
        developer.post(&format!("/dev/v1/orders/{order}/complete"), json!({})).await.is(200);
        order
    }

    /// An order whose code is in the buyer's hands.
    async fn delivered_order(&self) -> String {
        let body =
            json!({ "name": format!("Gift {}", unique()), "type": "license_key", "price_cents": 0, "currency": "USD" });
        let product = self.merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let keys = format!("/v1/products/{}/keys", product.as_str().unwrap());
        self.merchant().post(&keys, json!({ "keys": ["LAW"] })).await.is(201);
        let cart = json!({
            "shop": self.shop.row.slug, "mode": self.mode.word(), "email": format!("law{}@example.com", unique()),
            "items": [{ "product_id": product, "quantity": 1 }],
        });
        let opened = Actor::new(self.app, None).post("/checkout/v1/sessions", cart).await;
        opened.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Of what an order has brought in.
    async fn payout(&self) {
        self.paid_order().await;
        self.merchant().post("/v1/payouts", payout_body(100)).await.is(201);
    }

    /// A paid order of dynamic goods whose webhook did not answer.
    async fn undelivered_order(&self) -> String {
        let body = json!({
            "name": format!("Dynamic {}", unique()), "type": "dynamic", "price_cents": 0, "currency": "USD",
            "dynamic_webhook": "https://hook.example/",
        });
        let product = self.merchant().post("/v1/products", body).await.is(201).json()["id"].clone();
        let cart = json!({
            "shop": self.shop.row.slug, "mode": self.mode.word(), "email": format!("law{}@example.com", unique()),
            "items": [{ "product_id": product, "quantity": 1 }],
        });
        let opened = Actor::new(self.app, None).post("/checkout/v1/sessions", cart).await;
        self.app.settle().await; // no name resolves in a test
        opened.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    async fn customer(&self) -> String {
        self.session().await;
        let newest = self.merchant().get("/v1/customers?limit=1").await;
        newest.is(200).json()["data"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn license_body(&self) -> Value {
        let far = "2099-01-01T00:00:00Z";
        let product = self.product().await;
        json!({ "product_id": product, "customer_email": format!("law{}@example.com", unique()), "expires_at": far })
    }

    /// With its key.
    async fn license(&self) -> Value {
        let developer = Actor::new(self.app, self.token(Surface::Dev));
        let made = developer.post("/dev/v1/licenses", self.license_body().await).await;
        made.is(200).json()["data"]["productLicense"].clone()
    }

    /// Gives a balance some entries.
    async fn adjusted(&self, reseller: &str) {
        let developer = Actor::new(self.app, self.token(Surface::Dev));
        for amount in 1..5 {
            let body = json!({ "amount": amount, "reason": "law" });
            developer.post(&format!("/dev/v1/resellers/{reseller}/balance/adjustments"), body).await.is(201);
        }
    }

    /// The id of a relationship.
    async fn purse(&self) -> String {
        self.app.purse_of(self.tenant()).await.id.uuid().to_string()
    }

    fn tenant(&self) -> Tenant {
        if self.mode == Mode::Live { self.shop.row.tenant } else { self.shop.row.twin }
    }

    /// Somebody in this side's program; their path to it.
    async fn reseller(&self) -> (TestPerson, String) {
        let person = self.app.person().await;
        let id = self.app.joins(self.tenant(), &person).await;
        (person, format!("/portal/v1/programs/{}", id.uuid()))
    }

    /// Somebody in this side's program whose own shop sold a few codes; their path to it.
    async fn selling(&self) -> (TestPerson, String) {
        let (person, path) = self.reseller().await;
        let id = ResellerId::parse(path.rsplit('/').next().unwrap()).unwrap();
        let token = self.app.reseller_key(self.tenant(), id, &[]).await;
        let seller = TestReseller { id, shop: self.tenant(), token };
        self.app.fund(&seller, 10_000).await;
        let codes: Vec<String> = (0..3).map(|_| format!("LAW-{}", unique())).collect();
        let product = self.app.sellable(&self.merchant(), &seller, &codes).await;
        let till = self.app.bearer(seller.token.clone());
        for name in ["one", "two", "three"] {
            till.post("/reseller/v1/fulfillments", order(name, &product, 1)).await.is(201);
        }
        (person, path)
    }

    /// A `shr_` key of somebody in this side's program, made in the portal; with the path to it.
    async fn reseller_key(&self) -> (TestPerson, String) {
        let (person, program) = self.reseller().await;
        let keys = format!("{program}/api-keys");
        let made = self.app.signed_in(&person).post(&keys, json!({ "name": "till" })).await;
        let id = made.is(201).json()["data"]["id"].as_str().unwrap().to_owned();
        (person, format!("{keys}/{id}"))
    }

    /// The token of a mail that sets a new password.
    async fn password_reset(&self) -> String {
        let person = self.app.person().await;
        let mut db = self.app.db().await;
        accounts::ask_reset(&mut db, &self.app.app.env, &person.account.email).await.unwrap();
        let mailed = sqlx::query_scalar("select subject_id from mails where recipient = $1");
        let id = mailed.bind(person.account.email.as_str()).fetch_one(&mut db).await.unwrap();
        reveal(&accounts::reset_token(&self.app.app.env, id))
    }

    async fn api_key(&self) -> String {
        let minted = self.merchant().post("/v1/api-keys", self.api_key_body("to be looked at")).await;
        minted.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// An endpoint that nothing is sent to by itself.
    async fn webhook(&self) -> String {
        let made = self.merchant().post("/v1/webhooks", Self::webhook_body("payout.failed")).await;
        made.is(201).json()["id"].as_str().unwrap().to_owned()
    }

    fn webhook_body(event: &str) -> Value {
        json!({ "url": "https://hook.example/", "events": [event] })
    }

    fn api_key_body(&self, name: &str) -> Value {
        json!({ "name": name, "abilities": ["orders:read"], "mode": self.mode.word() })
    }
}

/// What an operation's entry makes.
#[derive(Default)]
struct Made {
    object: Option<String>,
    /// The whole path, where it is not one object's.
    path: Option<String>,
    token: Option<String>,
    body: Option<Value>,
    other: Option<Value>,
}

impl Made {
    fn plain() -> Self {
        Self::default()
    }

    fn of(object: String) -> Self {
        Self { object: Some(object), ..Self::default() }
    }

    fn at(path: String) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    fn of_session(session: &Value) -> Self {
        let text = |field: &str| session[field].as_str().unwrap().to_owned();
        Self { object: Some(text("id")), token: Some(text("token")), ..Self::default() }
    }

    /// What only this person may see.
    fn of_person(self, person: TestPerson) -> Self {
        Self { token: Some(person.token), ..self }
    }

    fn with(self, body: Value, other: Value) -> Self {
        Self { body: Some(body), other: Some(other), ..self }
    }
}

/// The table: a valid request of each operation. A body comes with another one, as valid.
async fn prepare(side: &Side<'_>, operation: &str) -> Option<Made> {
    Some(match operation {
        "GET /v1/api-keys" | "GET /v1/products" | "GET /v1/orders" | "GET /v1/customers" => Made::plain(),
        "POST /v1/api-keys" => Made::plain().with(side.api_key_body("till"), side.api_key_body("second till")),
        "DELETE /v1/api-keys/{id}" => Made::of(side.api_key().await),
        "POST /v1/products" => Made::plain().with(side.product_body(), side.product_body()),
        "GET /v1/products/{id}" | "DELETE /v1/products/{id}" => Made::of(side.product().await),
        "PATCH /v1/products/{id}" => {
            Made::of(side.product().await).with(json!({ "name": "Renamed" }), json!({ "price_cents": 0 }))
        }
        "POST /v1/products/{id}/keys" => {
            let keys = |n: u32| json!({ "keys": [format!("KEY-{n}-1"), format!("KEY-{n}-2")] });
            Made::of(side.product().await).with(keys(unique()), keys(unique()))
        }
        "GET /v1/orders/{id}" => Made::of(side.order().await),
        "POST /v1/orders/{id}/refund" => {
            Made::of(side.paid_order().await).with(json!({ "amount_cents": 1 }), json!({ "amount_cents": 2 }))
        }
        "POST /v1/orders/{id}/resend" => Made::of(side.delivered_order().await),
        "GET /v1/payouts" => {
            side.payout().await;
            Made::plain()
        }
        "POST /v1/payouts" => {
            side.paid_order().await;
            Made::plain().with(payout_body(100), payout_body(200))
        }
        "GET /v1/customers/{id}" => Made::of(side.customer().await),
        "GET /v1/webhooks" => Made::plain(),
        "POST /v1/webhooks" => {
            Made::plain().with(Side::webhook_body("payout.failed"), Side::webhook_body("payout.queued"))
        }
        "DELETE /v1/webhooks/{id}" | "POST /v1/webhooks/{id}/enable" => Made::of(side.webhook().await),
        "POST /v1/webhooks/{id}/test" => {
            let body = |event: &str| json!({ "event": event });
            Made::of(side.webhook().await).with(body("order.paid"), body("product.created"))
        }
        "POST /v1/webhooks/{id}/recover" => {
            let body = |days: i64| json!({ "since": side.app.now() - chrono::Duration::days(days) });
            Made::of(side.webhook().await).with(body(1), body(2))
        }
        "GET /dev/v1/me" | "GET /dev/v1/me/capabilities" => Made::plain(),
        "POST /dev/v1/products/" => {
            let body = |title: &str| json!({ "title": title, "type": "SERIALS", "price": 9.5, "serials": ["A", "B"] });
            Made::plain().with(body("One"), body("Another"))
        }
        "GET /dev/v1/products/" => Made::plain(),
        "GET /dev/v1/products/{id}" | "DELETE /dev/v1/products/{id}" => Made::of(side.product().await),
        "PATCH /dev/v1/products/{id}" => {
            Made::of(side.product().await).with(json!({ "title": "Renamed" }), json!({ "price": 12 }))
        }
        "GET /dev/v1/licenses" => {
            side.license().await;
            Made::plain()
        }
        "POST /dev/v1/licenses" => {
            let (one, other) = (side.license_body().await, side.license_body().await);
            Made::plain().with(one, other)
        }
        "POST /dev/v1/licenses/validate" => {
            let license = side.license().await;
            let body = |hwid: &str| {
                json!({ "key": license["license_key"], "product_id": license["product_id"],
                                            "hardware_id": hwid, "nonce": "0123456789abcdef" })
            };
            Made::plain().with(body("machine-1"), body("machine-2"))
        }
        "GET /dev/v1/licenses/{id}"
        | "DELETE /dev/v1/licenses/{id}"
        | "GET /dev/v1/licenses/{id}/events"
        | "POST /dev/v1/licenses/{id}/reset-hwid"
        | "POST /dev/v1/licenses/{id}/rotate-key" => Made::of(side.license().await["id"].as_str().unwrap().to_owned()),
        "PATCH /dev/v1/licenses/{id}" => {
            let id = side.license().await["id"].as_str().unwrap().to_owned();
            Made::of(id).with(json!({ "status": "SUSPENDED" }), json!({ "max_uses": 3 }))
        }
        "PATCH /dev/v1/licenses/keys/{key}/hwid" => {
            let key = side.license().await["license_key"].as_str().unwrap().to_owned();
            Made::of(key).with(json!({ "hardware_id": "machine-1" }), json!({ "hardware_id": "machine-2" }))
        }
        "POST /dev/v1/licenses/{id}/extend" => {
            let id = side.license().await["id"].as_str().unwrap().to_owned();
            Made::of(id).with(json!({ "days": 30 }), json!({ "days": 31 }))
        }
        "POST /dev/v1/licenses/{id}/file" => {
            let id = side.license().await["id"].as_str().unwrap().to_owned();
            Made::of(id).with(json!({ "hardware_id": "machine-1" }), json!({ "hardware_id": "machine-2" }))
        }
        "GET /dev/v1/orders/{id}" => Made::of(side.order().await),
        "GET /dev/v1/invoices" => {
            side.order().await;
            Made::plain()
        }
        "GET /dev/v1/invoices/{id}" => Made::of(side.order().await),
        "POST /dev/v1/invoices/{id}/complete" => {
            Made::of(side.unpaid_order().await).with(json!({ "note": "cash" }), json!({ "note": "by wire" }))
        }
        "GET /dev/v1/resellers/{id}/balance" => Made::of(side.purse().await),
        "GET /dev/v1/resellers/{id}/balance/statement" => {
            let reseller = side.purse().await;
            side.adjusted(&reseller).await;
            Made::of(reseller)
        }
        "POST /dev/v1/resellers/{id}/balance/adjustments" => {
            let body = |amount: i64| json!({ "amount": amount, "reason": "law" });
            Made::of(side.purse().await).with(body(5), body(6))
        }
        "POST /dev/v1/orders/{id}/complete" => {
            Made::of(side.unpaid_order().await).with(json!({ "note": "cash" }), json!({ "note": "by wire" }))
        }
        "POST /dev/v1/orders/{id}/fulfill" => {
            Made::of(side.paid_order().await).with(json!({ "note": "by post" }), json!({ "note": "by hand" }))
        }
        "POST /dev/v1/orders/{id}/retry-delivery" => Made::of(side.undelivered_order().await),
        "GET /dev/v1/resellers/{id}/fulfillments" => {
            side.fulfillment().await;
            Made::of(side.relationship().await.id.uuid().to_string())
        }
        "POST /dev/v1/resellers/{id}/fulfillments/{fulfillment}/replace" => {
            let (reseller, one) = (side.relationship().await.id.uuid(), side.fulfillment().await);
            let made = Made::at(format!("/dev/v1/resellers/{reseller}/fulfillments/{one}/replace"));
            made.with(json!({ "quantity": 1 }), json!({ "quantity": 2 }))
        }
        "GET /reseller/v1/me" | "GET /reseller/v1/balance" => {
            side.relationship().await;
            Made::plain()
        }
        "GET /reseller/v1/balance/statement" => {
            let reseller = side.relationship().await;
            for cents in [100, 200, 300] {
                side.app.fund(reseller, cents).await;
            }
            Made::plain()
        }
        "GET /reseller/v1/products" => {
            side.sellable().await;
            Made::plain()
        }
        "GET /reseller/v1/fulfillments" => {
            side.fulfillment().await;
            Made::plain()
        }
        "GET /reseller/v1/fulfillments/{id}" => Made::of(side.fulfillment().await),
        "POST /reseller/v1/fulfillments" => {
            let (product, name) = (side.sellable().await, format!("law-{}", unique()));
            Made::plain().with(order(&name, &product, 1), order(&name, &product, 2))
        }
        "GET /reseller/v1/fulfillments/dynamic" | "POST /reseller/v1/fulfillments/dynamic" => {
            let (product, name) = (side.sellable().await, format!("law-{}", unique()));
            let query =
                format!("external_order_id={name}&customer_email=ada@example.com&product_id={product}&quantity=1");
            Made::at(format!("/reseller/v1/fulfillments/dynamic?{query}"))
        }
        "GET /dev/v1/reseller-program" => Made::plain(),
        "PATCH /dev/v1/reseller-program" => {
            Made::plain().with(json!({ "default_commission_percent": 10 }), json!({ "default_mode": "STOCK" }))
        }
        "POST /dev/v1/resellers/invite" => {
            side.app.opens_program(&Actor::new(side.app, side.token(Surface::Dev)), json!({})).await;
            let body = || json!({ "email": format!("rae{}@example.com", unique()), "mode": "STOCK" });
            Made::plain().with(body(), body())
        }
        "GET /dev/v1/resellers" => {
            side.purse().await;
            Made::plain()
        }
        "GET /dev/v1/resellers/{id}"
        | "POST /dev/v1/resellers/{id}/suspend"
        | "POST /dev/v1/resellers/{id}/reactivate"
        | "POST /dev/v1/resellers/{id}/terminate" => Made::of(side.purse().await),
        "PATCH /dev/v1/resellers/{id}" => {
            Made::of(side.purse().await).with(json!({ "mode": "BOTH" }), json!({ "purchase_limit_daily": 3 }))
        }
        "POST /checkout/v1/sessions" => {
            let email = format!("law{}@example.com", unique());
            Made::plain().with(side.cart(1, &email).await, side.cart(2, &email).await)
        }
        "GET /checkout/v1/shops/{shop}/products" => {
            Made::at(format!("/checkout/v1/shops/{}/products?mode={}", side.shop.row.slug, side.mode.word()))
        }
        "GET /checkout/v1/shops/{shop}/products/{product}" => {
            let (shop, product) = (&side.shop.row.slug, side.product().await);
            Made::at(format!("/checkout/v1/shops/{shop}/products/{product}?mode={}", side.mode.word()))
        }
        "GET /checkout/v1/downloads/{token}" => Made::at(side.download().await),
        "GET /checkout/v1/sessions/{id}" => Made::of_session(&side.session().await),
        "POST /checkout/v1/sessions/{id}/pay" => {
            Made::of_session(&side.session().await).with(json!({}), json!({ "outcome": "succeed" }))
        }
        "POST /portal/v1/sessions" => {
            let person = side.app.person().await;
            let email = person.account.email.as_str();
            let body = |email: &str| json!({ "email": email, "password": PASSWORD });
            Made::plain().with(body(email), body(&email.to_uppercase()))
        }
        "DELETE /portal/v1/sessions/current" => Made::plain().of_person(side.app.person().await),
        "GET /portal/v1/invitations/{token}" => {
            Made::of(side.app.invites(side.tenant(), &format!("law{}@example.com", unique())).await)
        }
        "POST /portal/v1/invitations/{token}/accept" => {
            let token = side.app.invites(side.tenant(), &format!("law{}@example.com", unique())).await;
            let body = |name: &str| json!({ "name": name, "password": PASSWORD });
            Made::of(token).with(body("Ada"), body("Bea"))
        }
        "POST /portal/v1/password-resets" => {
            let person = side.app.person().await;
            let email = person.account.email.as_str();
            Made::plain().with(json!({ "email": email }), json!({ "email": email.to_uppercase() }))
        }
        "POST /portal/v1/password-resets/{token}" => {
            let body = |password: &str| json!({ "password": password });
            Made::of(side.password_reset().await).with(body("another sentence"), body("and another one"))
        }
        "GET /portal/v1/programs" => {
            let (person, _) = side.reseller().await;
            for _ in 0..2 {
                side.app.joins(side.app.another_shop().await.row.twin, &person).await;
            }
            Made::plain().of_person(person)
        }
        "GET /portal/v1/programs/{relationship}" => {
            let (person, path) = side.reseller().await;
            Made::at(path).of_person(person)
        }
        "GET /portal/v1/programs/{relationship}/fulfillments" => {
            let (person, path) = side.selling().await;
            Made::at(format!("{path}/fulfillments")).of_person(person)
        }
        "GET /portal/v1/programs/{relationship}/api-keys" => {
            let (person, path) = side.reseller().await;
            for name in ["one", "two", "three"] {
                let keys = format!("{path}/api-keys");
                side.app.signed_in(&person).post(&keys, json!({ "name": name })).await.is(201);
            }
            Made::at(format!("{path}/api-keys")).of_person(person)
        }
        "POST /portal/v1/programs/{relationship}/api-keys" => {
            let (person, path) = side.reseller().await;
            let body = |name: &str| json!({ "name": name });
            Made::at(format!("{path}/api-keys")).of_person(person).with(body("till"), body("second till"))
        }
        "GET /portal/v1/programs/{relationship}/balance" => {
            let (person, path) = side.reseller().await;
            Made::at(format!("{path}/balance")).of_person(person)
        }
        "GET /portal/v1/programs/{relationship}/balance/statement" => {
            let (person, path) = side.reseller().await;
            let id = path.rsplit('/').next().unwrap_or_default();
            side.adjusted(id).await;
            Made::at(format!("{path}/balance/statement")).of_person(person)
        }
        "GET /portal/v1/programs/{relationship}/balance/top-ups" => {
            let (person, path) = side.reseller().await;
            for amount in 1..4 {
                let invoices = format!("{path}/balance/top-ups");
                side.app.signed_in(&person).post(&invoices, json!({ "amount": amount })).await.is(201);
            }
            Made::at(format!("{path}/balance/top-ups")).of_person(person)
        }
        "POST /portal/v1/programs/{relationship}/balance/top-ups" => {
            let (person, path) = side.reseller().await;
            let body = |amount: i64| json!({ "amount": amount });
            Made::at(format!("{path}/balance/top-ups")).of_person(person).with(body(20), body(30))
        }
        "PATCH /portal/v1/programs/{relationship}/balance/auto-top-up" => {
            let (person, path) = side.reseller().await;
            let body = |amount: i64| json!({ "enabled": true, "threshold": 5, "amount": amount });
            Made::at(format!("{path}/balance/auto-top-up")).of_person(person).with(body(20), body(30))
        }
        "DELETE /portal/v1/programs/{relationship}/api-keys/{id}" => {
            let (person, path) = side.reseller_key().await;
            Made::at(path).of_person(person)
        }
        _ => return None,
    })
}
