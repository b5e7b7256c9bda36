//! Many at once: one machine wins, every attempt is written down, and nothing is counted twice.

use serde_json::{Value, json};

use super::{check, license, trail, validate};
use crate::house::{house, house_with};
use crate::laws::together;

const NO_LIMITS: &str = "rate_limits = \"off\"";

#[test]
fn of_64_machines_one_is_bound_and_all_are_written_down() {
    house_with(NO_LIMITS, async |app| {
        let licenses = [license(app, json!({})).await, license(app, json!({})).await];
        let tries = (0..128).map(|n| validate(app, &licenses[n % 2], json!({ "hardware_id": format!("m{}", n / 2) })));
        let answers = together(tries).await;
        for (license, first) in licenses.iter().zip(0..) {
            let of = answers.iter().skip(first).step_by(2);
            assert_eq!(of.clone().filter(|answer| answer.status == 200).count(), 1);
            assert_eq!(of.filter(|answer| answer.text().contains("LICENSE_HWID_MISMATCH")).count(), 63);
            let trail = trail(app, license).await;
            assert_eq!(trail.iter().filter(|kind| kind.starts_with("VALIDATION")).count(), 64);
        }
    });
}

#[test]
fn uses_are_counted_once_each_under_a_crowd() {
    house_with(NO_LIMITS, async |app| {
        let license = license(app, json!({ "max_uses": 40 })).await;
        let answers = together((0..100).map(|_| validate(app, &license, json!({})))).await;
        let mut uses: Vec<i64> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.json()["data"]["uses"].as_i64().unwrap())
            .collect();
        uses.sort_unstable();
        assert_eq!(uses, (1..=40).collect::<Vec<_>>());
        let refused = answers.iter().filter(|answer| answer.text().contains("LICENSE_MAX_USES_REACHED"));
        assert_eq!(refused.count(), 60);
    });
}

#[test]
fn a_status_change_and_a_crowd_do_not_undo_each_other() {
    house_with(NO_LIMITS, async |app| {
        let license = license(app, json!({})).await;
        let developer = app.developer();
        let crowd = together((0..100).map(|_| validate(app, &license, json!({ "hardware_id": "one" }))));
        let path = super::path(&license);
        let revoke = developer.patch(&path, json!({ "status": "REVOKED" }));
        let (answers, revoked) = tokio::join!(crowd, revoke);
        revoked.is(200);
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.text().contains("LICENSE_REVOKED")));
        let after: Value = developer.get(&path).await.is(200).json()["data"].clone();
        assert_eq!(after["status"], "REVOKED");
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(after["uses"], good);
    });
}

#[test]
fn a_revoked_api_key_is_refused_though_its_owner_is_remembered() {
    house(async |app| {
        let license = license(app, json!({})).await;
        let surface = keyhouse::domain::keys::Surface::Developer;
        let client = app.key_with(surface, keyhouse::domain::shops::Mode::Live, &["licenses.validate"]).await;
        let body = check(&license, json!({}));
        client.post("/dev/v1/licenses/validate", body.clone()).await.is(200);
        let revoke = "update api_keys set revoked_at = created_at where scopes = '{licenses.validate}'";
        sqlx::query(revoke).execute(&mut app.db().await).await.unwrap();
        for _ in 0..2 {
            client.post("/dev/v1/licenses/validate", body.clone()).await.is(401).has_code("UNAUTHORIZED");
        }
    });
}

#[test]
fn a_crowd_with_a_key_that_nobody_used_yet_is_let_in() {
    house_with(&format!("{NO_LIMITS}\n[pools]\nrequests = 1"), async |app| {
        let license = license(app, json!({})).await;
        app.app.known.forget(&keyhouse::kit::secret::hash(&app.shop.developer));
        let answers = together((0..600).map(|_| validate(app, &license, json!({})))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
    });
}
