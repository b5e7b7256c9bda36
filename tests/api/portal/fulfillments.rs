//! What a reseller's own shop sold, as the reseller sees it.

use keyhouse::domain::resellers;
use serde_json::json;

use crate::house::people::TestPerson;
use crate::house::reseller::{TestReseller, order};
use crate::house::{TestApp, house};

/// Somebody in the sandbox shop's program, with money, whose own shop may sell a product of three codes.
async fn seller(app: &TestApp) -> (TestPerson, TestReseller, String) {
    let (person, shop) = (app.person().await, app.shop.row.twin);
    let id = app.joins(shop, &person).await;
    let reseller = TestReseller { id, shop, token: app.reseller_key(shop, id, &[]).await };
    app.fund(&reseller, 2_000).await;
    let codes = ["PORTAL-CODE-1", "PORTAL-CODE-2", "PORTAL-CODE-3"].map(str::to_owned);
    let product = app.sellable(&app.test_merchant(), &reseller, &codes).await;
    (person, reseller, product)
}

async fn sells(app: &TestApp, reseller: &TestReseller, name: &str, product: &str) {
    let till = app.bearer(reseller.token.clone());
    till.post("/reseller/v1/fulfillments", order(name, product, 1)).await.is(201);
}

fn path(reseller: &TestReseller) -> String {
    format!("/portal/v1/programs/{}/fulfillments", reseller.id.uuid())
}

#[test]
fn the_reseller_sees_whole_codes_as_through_the_api_and_the_shop_their_ends() {
    house(async |app| {
        let (person, reseller, product) = seller(app).await;
        sells(app, &reseller, "one", &product).await;
        sells(app, &reseller, "two", &product).await;
        let (me, till) = (app.signed_in(&person), app.bearer(reseller.token.clone()));
        let listed = me.get(&path(&reseller)).await;
        assert_eq!(listed.is(200).json(), till.get("/reseller/v1/fulfillments").await.is(200).json());
        let oldest = &listed.json()["data"][1];
        assert_eq!(oldest["external_order_id"], "one");
        assert_eq!(oldest["items"][0]["serial"], "PORTAL-CODE-1");
        let one = me.get(&format!("{}?external_order_id=one", path(&reseller))).await;
        assert_eq!(one.is(200).json()["data"], json!([oldest]));

        let at_shop = format!("/dev/v1/resellers/{}/fulfillments", reseller.id.uuid());
        let shop = app.test_developer().get(&at_shop).await;
        assert_eq!(shop.is(200).json()["data"][1]["items"][0]["serial_last4"], "DE-1");
        assert!(!shop.text().contains("PORTAL-CODE"), "{}", shop.text());
    });
}

#[test]
fn somebody_elses_sales_are_not_there() {
    house(async |app| {
        let ((_, theirs, product), (other, own, _)) = (seller(app).await, seller(app).await);
        sells(app, &theirs, "one", &product).await;
        let me = app.signed_in(&other);
        me.get(&path(&theirs)).await.is(404).has_code("NOT_FOUND");
        assert_eq!(me.get(&path(&own)).await.is(200).json()["data"], json!([]));
        app.stranger().get(&path(&theirs)).await.is(401);
        app.bearer(theirs.token.clone()).get(&path(&theirs)).await.is(401);
    });
}

#[test]
fn who_is_suspended_still_reads_what_was_sold() {
    house(async |app| {
        let (person, reseller, product) = seller(app).await;
        sells(app, &reseller, "one", &product).await;
        resellers::suspend(&mut app.db().await, reseller.shop, &app.app.env, reseller.id).await.unwrap();
        let listed = app.signed_in(&person).get(&path(&reseller)).await;
        assert_eq!(listed.is(200).json()["data"][0]["items"][0]["serial"], "PORTAL-CODE-1");
    });
}
