//! `/reseller/v1` has no rooms yet: every address answers 401, in its own envelope.

use crate::house::house;

#[test]
fn every_address_answers_401_in_the_surfaces_own_envelope() {
    house(async |app| {
        let answer = app.stranger().get("/reseller/v1/balance").await;
        answer.is(401).has_code("UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    });
}

#[test]
fn a_key_of_another_surface_is_told_so() {
    house(async |app| {
        let answer = app.developer().get("/reseller/v1/me").await;
        answer.is(401).has_code("UNAUTHORIZED");
        assert!(answer.text().contains("shx_") && answer.text().contains("shr_"), "{}", answer.text());
    });
}
