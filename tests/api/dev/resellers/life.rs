use serde_json::json;

use super::path;
use crate::house::{TestApp, house};
use crate::laws::together;

async fn moves(app: &TestApp, id: &str, verb: &str) -> String {
    let answer = app.developer().post(&format!("{}/{verb}", path(id)), json!({})).await;
    match answer.status {
        200 => answer.json()["data"]["status"].as_str().unwrap().to_owned(),
        _ => answer.json()["error"]["code"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn a_relationship_is_suspended_and_comes_back() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        for (verb, status) in [
            ("reactivate", "ACTIVE"),
            ("suspend", "SUSPENDED"),
            ("suspend", "SUSPENDED"),
            ("reactivate", "ACTIVE"),
            ("reactivate", "ACTIVE"),
        ] {
            assert_eq!(moves(app, &id, verb).await, status, "{verb}");
        }
    });
}

#[test]
fn the_end_is_final() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        for (verb, answer) in [
            ("suspend", "SUSPENDED"),
            ("terminate", "TERMINATED"),
            ("terminate", "TERMINATED"),
            ("suspend", "WRONG_STATE"),
            ("reactivate", "WRONG_STATE"),
        ] {
            assert_eq!(moves(app, &id, verb).await, answer, "{verb}");
        }
        app.developer().patch(&path(&id), json!({ "mode": "BOTH" })).await.is(409).has_code("WRONG_STATE");
        let shown = app.developer().get(&path(&id)).await.is(200).json()["data"]["status"].clone();
        assert_eq!(shown, "TERMINATED");
    });
}

#[test]
fn a_post_needs_no_body() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        let suspended = app.developer().send(axum::http::Method::POST, &format!("{}/suspend", path(&id)), None).await;
        assert_eq!(suspended.is(200).json()["data"]["status"], "SUSPENDED");
    });
}

#[test]
fn a_relationship_of_another_shop_or_mode_is_not_there() {
    house(async |app| {
        let id = app.invited(&app.developer(), json!({})).await;
        let other = app.another_shop().await;
        for stranger in [app.bearer(other.developer.clone()), app.test_developer()] {
            stranger.get(&path(&id)).await.is(404).has_code("NOT_FOUND");
            stranger.patch(&path(&id), json!({ "mode": "BOTH" })).await.is(404).has_code("NOT_FOUND");
            for verb in ["suspend", "reactivate", "terminate"] {
                let refused = stranger.post(&format!("{}/{verb}", path(&id)), json!({})).await;
                refused.is(404).has_code("NOT_FOUND");
            }
            assert_eq!(stranger.get("/dev/v1/resellers").await.is(200).json()["data"], json!([]));
        }
    });
}

#[test]
fn whoever_races_the_end_does_not_outlive_it() {
    house(async |app| {
        for _ in 0..10 {
            let id = app.invited(&app.developer(), json!({})).await;
            let verbs = ["suspend", "terminate", "reactivate", "suspend"];
            let ends = together(verbs.map(|verb| moves(app, &id, verb))).await;
            assert_eq!(ends[1], "TERMINATED");
            let shown = app.developer().get(&path(&id)).await.is(200).json()["data"]["status"].clone();
            assert_eq!(shown, "TERMINATED", "{ends:?}");
        }
    });
}
