//! `/reseller/v1`.

mod credentials;
mod dynamic;
mod fulfill;
mod reads;
mod refusals;
mod replay;
mod watch;

use crate::house::TestApp;
use crate::house::actor::Actor;
use crate::house::reseller::TestReseller;

/// A relationship of the sandbox with money, and a product of so many codes that it sells at 3.90.
async fn ready(app: &TestApp, cents: i64, codes: usize) -> (TestReseller, String) {
    let reseller = app.reseller().await;
    if cents > 0 {
        app.fund(&reseller, cents).await;
    }
    let codes: Vec<String> = (0..codes).map(|n| format!("CODE-{n:03}")).collect();
    let product = app.sellable(&app.test_merchant(), &reseller, &codes).await;
    (reseller, product)
}

fn holder<'a>(app: &'a TestApp, reseller: &TestReseller) -> Actor<'a> {
    app.bearer(reseller.token.clone())
}

async fn stock(app: &TestApp, product: &str) -> i64 {
    app.test_merchant().get(&format!("/v1/products/{product}")).await.is(200).json()["stock"].as_i64().unwrap()
}
