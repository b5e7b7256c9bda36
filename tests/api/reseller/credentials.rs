use keyhouse::domain::keys;
use keyhouse::kit::secret;

use super::{holder, ready};
use crate::house::house;
use crate::house::reseller::order;

#[test]
fn no_key_and_a_key_of_another_surface_are_told_apart() {
    house(async |app| {
        let answer = app.stranger().get("/reseller/v1/balance").await;
        answer.is(401).has_code("UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let answer = app.developer().get("/reseller/v1/me").await;
        answer.is(401).has_code("UNAUTHORIZED");
        assert!(answer.text().contains("shx_") && answer.text().contains("shr_"), "{}", answer.text());
        let (reseller, _) = ready(app, 0, 0).await;
        holder(app, &reseller).get("/dev/v1/me").await.is(401);
        holder(app, &reseller).get("/reseller/v1/nowhere").await.is(404);
    });
}

#[test]
fn a_suspended_relationship_and_a_program_that_is_off_stop_the_keys() {
    house(async |app| {
        let (reseller, product) = ready(app, 1_000, 1).await;
        let key = holder(app, &reseller);
        let wish = order("one", &product, 1);
        for change in ["status = 'SUSPENDED'", "status = 'TERMINATED'"] {
            app.set_reseller(&reseller, change).await;
            for answer in [key.get("/reseller/v1/me").await, key.post("/reseller/v1/fulfillments", wish.clone()).await]
            {
                assert!(answer.is(401).has_code("UNAUTHORIZED").text().contains("not active"), "{}", answer.text());
            }
        }
        app.set_reseller(&reseller, "status = 'ACTIVE'").await;
        sqlx::query("update reseller_programs set is_enabled = false").execute(&mut app.db().await).await.unwrap();
        key.get("/reseller/v1/balance").await.is(401);
        key.post("/reseller/v1/fulfillments", wish).await.is(401);
        assert_eq!(app.left_of(&reseller).await, 1_000);
    });
}

#[test]
fn a_revoked_key_is_refused_by_reads_and_by_the_lane_that_remembers_it() {
    house(async |app| {
        let (reseller, product) = ready(app, 1_000, 2).await;
        let key = holder(app, &reseller);
        key.post("/reseller/v1/fulfillments", order("one", &product, 1)).await.is(201);
        let caller = keys::authenticate(&mut app.db().await, &secret::hash(&reseller.token)).await.unwrap().unwrap();
        let id = reseller.id.uuid();
        keys::revoke_of(&mut app.db().await, reseller.shop, &app.app.env, id, caller.key).await.unwrap();
        key.post("/reseller/v1/fulfillments", order("two", &product, 1)).await.is(401).has_code("UNAUTHORIZED");
        key.post("/reseller/v1/fulfillments", order("one", &product, 1)).await.is(401);
        key.get("/reseller/v1/me").await.is(401);
        let stranger = app.reseller().await;
        let theirs = keys::revoke_of(&mut app.db().await, reseller.shop, &app.app.env, *stranger.id, caller.key).await;
        assert!(theirs.is_err(), "another relationship's key");
        assert_eq!(app.left_of(&reseller).await, 610);
    });
}

#[test]
fn a_key_bound_to_addresses_is_refused_from_others() {
    house(async |app| {
        let (reseller, product) = ready(app, 1_000, 2).await;
        let near = app.reseller_key(reseller.shop, reseller.id, &["127.0.0.0/8"]).await;
        let far = app.reseller_key(reseller.shop, reseller.id, &["192.0.2.0/24", "2001:db8::1"]).await;
        app.bearer(near.clone()).get("/reseller/v1/me").await.is(200);
        app.bearer(near).post("/reseller/v1/fulfillments", order("one", &product, 1)).await.is(201);
        app.bearer(far.clone()).get("/reseller/v1/me").await.is(403).has_code("FORBIDDEN");
        let refused = app.bearer(far).post("/reseller/v1/fulfillments", order("two", &product, 1)).await;
        refused.is(403).has_code("FORBIDDEN");
        assert_eq!(app.left_of(&reseller).await, 610);
    });
}
