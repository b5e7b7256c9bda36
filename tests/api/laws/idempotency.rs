//! One key, one effect, one answer: for every write of every document (promises IDM-4 and IDM-5).

use std::collections::BTreeSet;

use chrono::Duration;
use keyhouse::domain::idempotency::KEPT_FOR;
use keyhouse::domain::keys;
use keyhouse::domain::shops::Mode;
use keyhouse::http::door::Surface;
use keyhouse::http::openapi::describe;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::operations::{Call, NO_LIMITS, Needs, Operation, Side, fill};
use super::{spelling, state, together};
use crate::house::actor::{Actor, Answer};
use crate::house::{TestApp, house_with, unique};

/// Writes whose answer shows a secret, and how it is kept from who did not make it (R1, R24).
const SHOWS_A_SECRET: &[(&str, Guard)] = &[
    ("POST /checkout/v1/sessions", Guard::LongKey),
    ("POST /dev/v1/resellers/invite", Guard::ItsMakerAlone),
    ("POST /portal/v1/programs/{relationship}/api-keys", Guard::ItsMakerAlone),
    ("POST /portal/v1/programs/{relationship}/balance/top-ups", Guard::ItsMakerAlone),
    ("POST /portal/v1/sessions", Guard::Password),
    ("POST /v1/api-keys", Guard::ItsMakerAlone),
    ("POST /v1/webhooks", Guard::ItsMakerAlone),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Replays to the very key that made the request.
    ItsMakerAlone,
    /// The idempotency key is too long to be guessed.
    LongKey,
    /// Whoever asks again shows the password again.
    Password,
}

/// Writes after which there is nothing left to do them to.
const GONE_AFTERWARDS: &[(&str, u16)] = &[
    ("DELETE /dev/v1/licenses/{id}", 404),
    ("DELETE /portal/v1/sessions/current", 401),
    ("DELETE /v1/webhooks/{id}", 404),
    ("POST /portal/v1/invitations/{token}/accept", 404),
    ("POST /portal/v1/password-resets/{token}", 404),
];

const CASES: usize = 48;
const TWINS: usize = 16;

/// Long enough for every surface.
fn fresh_key() -> String {
    format!("a-key-that-nobody-guesses-{}", unique())
}

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[track_caller]
fn ran(name: &str, answer: &Answer) {
    assert!(is_good(answer) && !replayed(answer), "{name} ran: {} {}", answer.status, answer.text());
}

#[track_caller]
fn is_replay(name: &str, answer: &Answer, first: &Answer) {
    assert!(replayed(answer), "{name} was not replayed: {} {}", answer.status, answer.text());
    assert_eq!(answer.status, first.status, "{name}");
    assert_eq!(answer.bytes, first.bytes, "{name}: other bytes");
    assert_ne!(answer.header("x-request-id"), first.header("x-request-id"), "{name}");
}

#[track_caller]
fn is_mismatch(operation: &Operation, answer: &Answer, first: &Answer) {
    assert_eq!(answer.status, 409, "{}: {}", operation.name(), answer.text());
    if operation.speaks_problem() {
        answer.is_conflict("idempotency_payload_mismatch");
    } else {
        answer.has_code("IDEMPOTENCY_CONFLICT");
    }
    let told = first.json().as_object().into_iter().flatten();
    for (member, value) in told.filter(|(_, value)| value.as_str().is_some_and(|text| text.len() > 16)) {
        assert!(
            !answer.text().contains(value.as_str().unwrap()),
            "{}: {member} of the first is told",
            operation.name()
        );
    }
}

impl Call {
    fn under<'a>(&self, app: &'a TestApp, key: &str) -> Actor<'a> {
        self.caller(app).idempotent(key)
    }
}

#[test]
fn the_same_request_twice_has_one_effect_and_one_answer() {
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        for operation in Operation::writes() {
            let (call, key) = (operation.call(&Side::test(app)).await, fresh_key());
            let first = call.send(&call.under(app, &key)).await;
            ran(&call.name, &first);
            let before = state::contents(&mut db).await;
            let second = call.send(&call.under(app, &key)).await;
            is_replay(&call.name, &second, &first);
            let quoted = call.send(&call.under(app, &format!("\"{key}\""))).await;
            is_replay(&call.name, &quoted, &first);
            assert_eq!(state::contents(&mut db).await, before, "{}: a replay changed something", call.name);
        }
    });
}

#[test]
fn the_same_key_with_another_request_is_refused_and_tells_nothing() {
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        for operation in Operation::writes() {
            let side = Side::test(app);
            let (call, another, key) = (operation.call(&side).await, operation.call(&side).await, fresh_key());
            let actor = call.under(app, &key);
            let first = call.send(&actor).await;
            ran(&call.name, &first);
            let before = state::contents(&mut db).await;
            if let Some(other) = &call.other {
                is_mismatch(&operation, &call.send_to(&actor, &call.path, Some(other)).await, &first);
            }
            let elsewhere = call.path_with("other=path");
            is_mismatch(&operation, &call.send_to(&actor, &elsewhere, call.body.as_ref()).await, &first);
            if operation.has_object() && !matches!(operation.needs, Needs::Token | Needs::Session) {
                is_mismatch(&operation, &call.send_to(&actor, &another.path, call.body.as_ref()).await, &first);
            }
            assert_eq!(state::contents(&mut db).await, before, "{}: a refusal changed something", call.name);
            is_replay(&call.name, &call.send(&actor).await, &first);
        }
    });
}

#[test]
fn a_refusal_stores_nothing_and_what_is_mended_runs_under_the_same_key() {
    const UNKNOWN: &str = "019e0000-0000-7000-8000-000000000000";
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        for operation in Operation::writes() {
            let (call, key) = (operation.call(&Side::test(app)).await, fresh_key());
            let actor = call.under(app, &key);
            let before = state::contents(&mut db).await;
            let mut wrong = call.body.clone().unwrap_or_else(|| json!({}));
            if operation.speaks_problem() {
                wrong["no_such_field"] = json!(1);
                call.send_to(&actor, &call.path, Some(&wrong)).await.is(422).blames("no_such_field");
            } else if call.body.is_some() {
                // These surfaces ignore what they do not know, so what they know is of the wrong kind.
                wrong.as_object_mut().unwrap().values_mut().for_each(|member| *member = json!([{}]));
                call.send_to(&actor, &call.path, Some(&wrong)).await.is(422).has_code("VALIDATION_ERROR");
            }
            if operation.has_object() {
                let nowhere = fill(&operation.path, UNKNOWN);
                call.send_to(&actor, &nowhere, call.body.as_ref()).await.is(404);
            }
            assert_eq!(state::contents(&mut db).await, before, "{}: a refusal left something", call.name);
            ran(&call.name, &call.send(&actor).await);
        }
    });
}

#[test]
fn a_conflict_is_not_stored_so_the_same_request_succeeds_after_a_restock() {
    house_with(NO_LIMITS, async |app| {
        let product = app.stocked(&["ONE"]).await;
        let buyer = app.stranger().idempotent(&fresh_key());
        let cart = app.cart(&product, 2);
        buyer.post("/checkout/v1/sessions", cart.clone()).await.is_conflict("out_of_stock");
        let keys = json!({ "keys": ["TWO"] });
        app.test_merchant().post(&format!("/v1/products/{product}/keys"), keys).await.is(201);
        ran("the checkout", &buyer.post("/checkout/v1/sessions", cart).await);
    });
}

#[test]
fn a_key_is_kept_for_72_hours_to_the_microsecond() {
    house_with(NO_LIMITS, async |app| {
        assert_eq!(KEPT_FOR, Duration::hours(72));
        for operation in Operation::writes() {
            let (call, key) = (operation.call(&Side::test(app)).await, fresh_key());
            let actor = call.under(app, &key);
            let first = call.send(&actor).await;
            ran(&call.name, &first);
            app.settle().await; // what can be done once more only after it failed again has failed by then
            app.advance(KEPT_FOR - Duration::microseconds(1));
            is_replay(&call.name, &call.send(&actor).await, &first);
            app.advance(Duration::microseconds(1));
            let anew = call.send(&actor).await;
            if let Some((_, status)) = GONE_AFTERWARDS.iter().find(|(name, _)| *name == call.name) {
                anew.is(*status);
                continue;
            }
            ran(&call.name, &anew);
            is_replay(&call.name, &call.send(&actor).await, &anew);
        }
    });
}

#[test]
fn live_and_test_do_not_share_keys() {
    house_with(NO_LIMITS, async |app| {
        for operation in Operation::writes() {
            let key = fresh_key();
            for side in Side::both(app) {
                let call = operation.call(&side).await;
                ran(&call.name, &call.send(&call.under(app, &key)).await);
            }
        }
    });
}

#[test]
fn two_shops_do_not_share_keys() {
    house_with(NO_LIMITS, async |app| {
        let other = app.another_shop().await;
        for operation in Operation::writes() {
            let key = fresh_key();
            for side in [Side::test(app), Side { app, shop: &other, mode: Mode::Test }] {
                let call = operation.call(&side).await;
                ran(&call.name, &call.send(&call.under(app, &key)).await);
            }
        }
    });
}

#[test]
fn a_key_that_is_rotated_in_the_middle_of_a_retry_finds_the_same_answer() {
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        let keyed = |operation: &Operation| matches!(operation.needs, Needs::AnyKey | Needs::Scope(_));
        for operation in Operation::writes().into_iter().filter(keyed) {
            let (call, key) = (operation.call(&Side::test(app)).await, fresh_key());
            let first = call.send(&call.under(app, &key)).await;
            ran(&call.name, &first);
            let rotated = another_key(app, operation.surface).await.idempotent(&key);
            let before = state::contents(&mut db).await;
            let again = call.send(&rotated).await;
            if SHOWS_A_SECRET.iter().any(|(name, _)| *name == call.name) {
                is_mismatch(&operation, &again, &first);
            } else {
                is_replay(&call.name, &again, &first);
            }
            assert_eq!(state::contents(&mut db).await, before, "{}", call.name);
        }
    });
}

/// Of the sandbox shop, or of its relationship.
async fn another_key(app: &TestApp, surface: Surface) -> Actor<'_> {
    match surface {
        Surface::V1 => app.key_with(keys::Surface::Merchant, Mode::Test, keys::Surface::Merchant.scopes()).await,
        Surface::Dev => app.key_with(keys::Surface::Developer, Mode::Test, &["*"]).await,
        Surface::Reseller | Surface::Checkout | Surface::Portal => {
            let reseller = Side::test(app).relationship().await;
            app.bearer(app.reseller_key(reseller.shop, reseller.id, &[]).await)
        }
    }
}

#[test]
fn every_write_that_shows_a_secret_is_known_and_guarded() {
    let mut showing = BTreeSet::new();
    for operation in Operation::writes() {
        let document = serde_json::to_value(describe(operation.surface)).unwrap();
        let answers = operation.document["responses"].as_object().unwrap();
        let shows = answers.iter().filter(|(status, _)| status.starts_with('2')).any(|(_, answer)| {
            let mut schema = String::new();
            spell_out(answer, &document, &mut BTreeSet::new(), &mut schema);
            ["\"secret\"", "\"signing_secret\"", "\"token\"", "\"password\""].iter().any(|s| schema.contains(s))
        });
        if shows {
            showing.insert(operation.name());
        }
    }
    assert_eq!(showing, SHOWS_A_SECRET.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// The schema with everything that it refers to, however deep.
fn spell_out(schema: &Value, document: &Value, seen: &mut BTreeSet<String>, into: &mut String) {
    let text = schema.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        if seen.insert(reference.to_owned())
            && let Some(target) = document.pointer(reference)
        {
            spell_out(target, document, seen, into);
        }
    }
    into.push_str(&text);
}

#[test]
fn where_anybody_may_replay_a_secret_a_short_key_is_refused() {
    house_with(NO_LIMITS, async |app| {
        for operation in Operation::writes() {
            if SHOWS_A_SECRET.contains(&(operation.name().as_str(), Guard::LongKey)) {
                let call = operation.call(&Side::test(app)).await;
                let short = call.under(app, "twenty-one-characters");
                call.send(&short).await.is(400).is_problem("invalid_request");
                ran(&call.name, &call.send(&call.under(app, "twenty-two--characters")).await);
            }
        }
    });
}

#[test]
fn sixteen_twins_at_once_have_one_effect() {
    house_with(NO_LIMITS, async |app| {
        let mut db = app.db().await;
        for operation in Operation::writes() {
            let side = Side::test(app);
            let (opening, alone, call) =
                (operation.call(&side).await, operation.call(&side).await, operation.call(&side).await);
            // The very first of its kind may open what later ones find.
            ran(&opening.name, &opening.send(&opening.under(app, &fresh_key())).await);
            let at_first = state::counts(&mut db).await;
            ran(&alone.name, &alone.send(&alone.under(app, &fresh_key())).await);
            let before = state::counts(&mut db).await;
            let key = fresh_key();
            let actors: Vec<_> = (0..TWINS).map(|_| call.under(app, &key)).collect();
            let answers = together(actors.iter().map(|actor| call.send(actor))).await;
            let after = state::counts(&mut db).await;
            assert_eq!(state::growth(&before, &after), state::growth(&at_first, &before), "{}", call.name);
            let first: Vec<_> = answers.iter().filter(|answer| !replayed(answer)).collect();
            assert_eq!(first.len(), 1, "{}: one works, the others replay", call.name);
            assert!(answers.iter().all(|answer| answer.status == first[0].status), "{}", call.name);
            assert!(answers.iter().all(|answer| answer.bytes == first[0].bytes), "{}", call.name);
        }
    });
}

#[test]
fn another_spelling_replays_and_another_value_is_refused() {
    house_with(NO_LIMITS, async |app| {
        let mut runner = TestRunner::deterministic();
        let mut db = app.db().await;
        for case in 0..CASES {
            let body = spelling::products().new_tree(&mut runner).unwrap().current();
            let merchant = app.test_merchant().idempotent(&fresh_key());
            let first = merchant.post("/v1/products", body.clone()).await;
            ran(&body.to_string(), &first);
            let before = state::contents(&mut db).await;
            for seed in 0..4 {
                let spelled = spelling::spell(&body, seed + 4 * case as u64);
                is_replay(&spelled, &merchant.post_bytes("/v1/products", spelled.clone()).await, &first);
            }
            for mutated in spelling::mutations(&body) {
                let answer = merchant.post("/v1/products", mutated.clone()).await;
                assert_eq!(answer.status, 409, "{body} then {mutated}: {}", answer.text());
                answer.is_conflict("idempotency_payload_mismatch");
            }
            assert_eq!(state::contents(&mut db).await, before, "{body}");
        }
    });
}
