//! From the cart to the codes.

use serde_json::json;

use crate::house::house;

#[test]
fn a_paid_checkout_hands_out_the_codes_in_the_same_answer() {
    house(async |app| {
        let product = app.stocked(&["AAAA-1", "AAAA-2", "AAAA-3"]).await;
        let session = app.checkout(&product, 2).await;
        let paid = app.pay(&session).await;
        assert_eq!(paid["status"], "completed");
        assert_eq!(paid["items"][0]["codes"], json!(["AAAA-1", "AAAA-2"]));
        assert_eq!(paid["delivery"]["state"], "delivered");
    });
}
