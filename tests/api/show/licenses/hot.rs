//! LIC-11: one cracked key that thousands share takes nobody else's service, and fills no table.

use serde_json::json;

use super::{VALIDATE, licenses};
use crate::dev::licenses::check;
use crate::house::{TestApp, house_with};
use crate::laws::together;

/// A minute, of one license.
const LIMIT: usize = 20;
const SECONDS: usize = 5;
const OFFERED: usize = 300;
const OTHERS: usize = 30;

#[test]
fn a_license_that_everybody_asks_for_costs_the_others_nothing_and_one_row_a_second() {
    let settings = format!("[limits]\nvalidations = {LIMIT}\nvalidators = 60000\nwrites = 1000");
    house_with(&settings, async |app| {
        let licenses = licenses(app, 1 + OTHERS, &json!({})).await;
        // So that the shop's key is known, and the crowd needs no connection to be told no.
        app.developer().post(VALIDATE, check(&licenses[1], json!({}))).await.is(200);
        let (mut served, mut refused) = (0, 0);
        for _ in 0..SECONDS {
            // Those who are many come first, and every tenth of them is somebody else.
            let asked: Vec<usize> = (0..OFFERED).map(|n| if n % 10 == 9 { 1 + n / 10 % OTHERS } else { 0 }).collect();
            let tries = asked.iter().map(|which| {
                let body = check(&licenses[*which], json!({}));
                let developer = app.developer();
                async move { developer.post(VALIDATE, body).await }
            });
            for (which, answer) in asked.iter().zip(together(tries).await) {
                match (which, answer.status) {
                    (0, 200) => served += 1,
                    (0, _) => refused += usize::from(answer.is(429).has_code("RATE_LIMITED").status == 429),
                    _ => drop(answer.is(200)),
                }
            }
            app.settle().await;
            app.advance(chrono::Duration::seconds(1));
        }
        assert_eq!((served, refused), (LIMIT, SECONDS * (OFFERED - OTHERS) - LIMIT));
        let id = licenses[0]["id"].as_str().unwrap();
        let (attempts, throttled) = (count(app, id, "VALIDATION_SUCCESS").await, count(app, id, "THROTTLED").await);
        assert_eq!(attempts, (LIMIT, LIMIT));
        assert_eq!(throttled, (SECONDS, refused), "a row a second, and none of the attempts is lost");
    });
}

/// Rows of this kind, and the attempts that they stand for.
async fn count(app: &TestApp, license: &str, kind: &str) -> (usize, usize) {
    let rows = "select count(*), coalesce(sum(attempts), 0) from license_events
                where shop_id = $1 and license_id = $2::uuid and type = $3";
    let query = sqlx::query_as::<_, (i64, i64)>(rows).bind(app.shop.row.tenant.uuid()).bind(license).bind(kind);
    let (rows, attempts) = query.fetch_one(&mut app.db().await).await.unwrap();
    (usize::try_from(rows).unwrap(), usize::try_from(attempts).unwrap())
}
