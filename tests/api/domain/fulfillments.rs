//! Fulfillments in groups are what they would have been one by one (promises LED-7).

use keyhouse::domain::fulfillments::{Answer, Fulfillment, Named, Order, Request};
use keyhouse::domain::idempotency::{Claim, hash};
use keyhouse::domain::keys::{self, Caller};
use keyhouse::domain::products::ProductId;
use keyhouse::error::{Conflict, Error, Result};
use keyhouse::kit::secret;
use keyhouse::kit::values::Email;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::house::reseller::{TestReseller, order};
use crate::house::{TestApp, house};
use crate::laws::together as in_one_go;

const CASES: usize = 12;

#[derive(Clone, Debug)]
struct Wish {
    name: u8,
    /// Of two.
    product: usize,
    quantity: i32,
    key: Option<u8>,
    email: &'static str,
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let email = prop_oneof![4 => Just("ada@example.com"), 1 => Just("grace@example.com")];
    let one = (0..12_u8, 0..2_usize, 1..4_i32, prop::option::weighted(0.3, 0..4_u8), email)
        .prop_map(|(name, product, quantity, key, email)| Wish { name, product, quantity, key, email });
    prop::collection::vec(one, 1..40)
}

/// A relationship with two products, and who calls for it.
struct Stand {
    reseller: TestReseller,
    products: [ProductId; 2],
    caller: Caller,
}

async fn stand(app: &TestApp) -> Stand {
    let reseller = app.reseller().await;
    app.fund(&reseller, 390 * 14).await;
    let mut products = Vec::new();
    for letter in ["A", "B"] {
        let codes: Vec<String> = (0..9).map(|n| format!("{letter}-{n}")).collect();
        let product = app.sellable(&app.test_merchant(), &reseller, &codes).await;
        products.push(ProductId::parse(&product).unwrap());
    }
    let hash = secret::hash(&reseller.token);
    let caller = keys::authenticate(&mut app.db().await, &hash).await.unwrap().unwrap();
    Stand { reseller, products: [products[0], products[1]], caller }
}

impl Stand {
    fn request(&self, wish: &Wish) -> Request {
        let named = wish.key.map(|key| Named {
            claim: Claim {
                scope: format!("reseller:{}", self.reseller.id),
                key_hash: hash(&[key]),
                fingerprint: secret::hash(&format!("{} {} {} {}", wish.name, wish.product, wish.quantity, wish.email)),
            },
            render: |one| Ok(shown(one).into_bytes()),
        });
        let order = Order {
            external_order_id: format!("o-{}", wish.name),
            product: self.products[wish.product],
            quantity: wish.quantity,
            email: Email::parse(wish.email).unwrap(),
            max_unit_cost: None,
        };
        let lock = secret::lock_number(&secret::hash(&self.reseller.token));
        Request { caller: self.caller.clone(), reseller: self.reseller.id, lock, order, named }
    }
}

/// What both runs must agree on.
fn shown(one: &Fulfillment) -> String {
    let codes: Vec<&str> = one.items.iter().map(|item| item.code.as_str()).collect();
    format!("{} {} {codes:?}", one.external_order_id, one.balance_after.get())
}

fn kind(answer: &Result<Answer>) -> String {
    match answer {
        Ok(Answer::Fresh(one)) => format!("new {}", shown(one)),
        Ok(Answer::Again(one)) => format!("again {}", shown(one)),
        Ok(Answer::Stored(one)) => format!("stored {} {}", one.status, String::from_utf8_lossy(&one.body)),
        Ok(Answer::Replay(one)) => format!("replay {} {}", one.status, String::from_utf8_lossy(&one.body)),
        Err(Error::Conflict(Conflict::OutOfStock { .. })) => "out of stock".into(),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn a_group_answers_and_leaves_what_one_by_one_would_have() {
    house(async |app| {
        let mut runner = TestRunner::deterministic();
        for _ in 0..CASES {
            let wishes = wishes().new_tree(&mut runner).unwrap().current();
            let (alone, together) = (stand(app).await, stand(app).await);
            let mut one_by_one = Vec::new();
            for wish in &wishes {
                one_by_one.push(kind(&app.app.fulfillments.submit(alone.request(wish)).await));
            }
            let group = in_one_go(wishes.iter().map(|wish| app.app.fulfillments.submit(together.request(wish)))).await;
            let group: Vec<String> = group.iter().map(kind).collect();
            assert_eq!(group, one_by_one, "{wishes:#?}");
            assert_eq!(app.left_of(&together.reseller).await, app.left_of(&alone.reseller).await);
        }
    });
}

#[test]
fn where_a_row_is_thought_to_lie_need_not_be_right() {
    house(async |app| {
        let reseller = app.reseller().await;
        app.fund(&reseller, 390).await;
        let codes: Vec<String> = (0..4).map(|n| format!("CODE-{n}")).collect();
        let product = app.sellable(&app.test_merchant(), &reseller, &codes).await;
        let (key, mut db) = (app.bearer(reseller.token.clone()), app.db().await);
        let buy = async |name: &str| key.post("/reseller/v1/fulfillments", order(name, &product, 1)).await;
        buy("first").await.is(201);
        buy("poor").await.is(402);
        app.fund(&reseller, 390).await; // lies elsewhere now
        buy("second").await.is(201);
        app.fund(&app.reseller().await, 1_000).await; // where the other one lay, may be
        for table in ["ledger_accounts", "reseller_purchases"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("vacuum full {table}"))).execute(&mut db).await.unwrap();
        }
        app.fund(&reseller, 390).await;
        buy("third").await.is(201);
        app.advance(chrono::Duration::days(1));
        app.fund(&reseller, 390).await;
        buy("fourth").await.is(201);
        let bought = "select items from reseller_purchases order by day";
        let bought: Vec<i64> = sqlx::query_scalar(bought).fetch_all(&mut db).await.unwrap();
        assert_eq!((bought, app.left_of(&reseller).await), (vec![3, 1], 0));
    });
}
