//! Who may do what, for every operation of every document.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use keyhouse::domain::keys;
use keyhouse::domain::shops::Mode;
use keyhouse::http::door::Surface;
use keyhouse::http::openapi::SURFACES;
use serde_json::Value;

use super::operations::{NO_LIMITS, Needs, Operation, Side, fill};
use super::source;
use crate::house::actor::{Actor, Answer};
use crate::house::{TestApp, house, house_with};

/// Open to anybody, without a credential.
const PUBLIC: &[&str] = &[
    "GET /checkout/v1/downloads/{token}",
    "POST /checkout/v1/sessions",
    "GET /checkout/v1/shops/{shop}/products",
    "GET /checkout/v1/shops/{shop}/products/{product}",
    "GET /portal/v1/invitations/{token}",
    "POST /portal/v1/invitations/{token}/accept",
    "POST /portal/v1/password-resets",
    "POST /portal/v1/password-resets/{token}",
    "POST /portal/v1/sessions",
];

/// Documented routes that answer at another address as well, and why.
const SECOND_ADDRESSES: &[(&str, &str)] =
    &[("/products", "the published documents show no slash at the end, and the published client sends one")];

/// Scopes that do as well as the documented one, and for this operation alone.
const ALSO_ENOUGH: &[(&str, &str)] = &[
    ("POST /dev/v1/licenses/validate", "licenses.validate"),
    // An order is an invoice.
    ("GET /dev/v1/invoices", "orders.read"),
    ("GET /dev/v1/invoices/{id}", "orders.read"),
    ("POST /dev/v1/invoices/{id}/complete", "orders.write"),
];

/// Where a live key reaches objects of the sandbox, and why.
const LIVE_REACHES_TEST: &[(&str, &str)] =
    &[("DELETE /v1/api-keys/{id}", "a live key manages keys of both modes (R21)")];

/// The id of nothing at all.
const UNKNOWN: &str = "019e0000-0000-7000-8000-000000000000";

#[test]
fn every_operation_has_a_place_in_the_laws_and_does_what_it_says() {
    house_with(NO_LIMITS, async |app| {
        for side in Side::both(app) {
            for operation in Operation::all() {
                let call = operation.call(&side).await;
                let answer = call.send(&call.caller(app)).await;
                assert!((200..300).contains(&answer.status), "{}: {}", call.name, answer.text());
                let status = answer.status.to_string();
                let documented = operation.document["responses"].get(&status).is_some();
                assert!(documented, "{} answers {status}, which its document does not mention", call.name);
            }
        }
    });
}

#[test]
fn the_operations_that_are_open_to_anybody_are_these() {
    let open: Vec<String> =
        Operation::all().iter().filter(|o| o.needs == Needs::Nothing).map(Operation::name).collect();
    assert_eq!(open, PUBLIC);
}

#[test]
fn who_shows_no_credential_is_refused_in_the_surfaces_own_words() {
    house_with(NO_LIMITS, async |app| {
        for operation in secured() {
            let call = operation.call(&Side::test(app)).await;
            let answer = call.send(&app.stranger()).await;
            is_unauthenticated(&operation, &answer);
        }
    });
}

#[test]
fn a_credential_of_another_surface_is_refused() {
    house_with(NO_LIMITS, async |app| {
        let side = Side::test(app);
        for operation in secured() {
            let call = operation.call(&side).await;
            for other in SURFACES.into_iter().filter(|other| *other != operation.surface) {
                let Some(token) = side.token(other) else { continue };
                is_unauthenticated(&operation, &call.send(&app.bearer(token)).await);
            }
        }
    });
}

#[test]
fn every_scope_but_the_one_that_is_needed_does_not_do() {
    house_with(NO_LIMITS, async |app| {
        for (operation, scope) in scoped() {
            for mut held in all_but(operation.surface, &scope) {
                held.retain(|one| !ALSO_ENOUGH.contains(&(operation.name().as_str(), one)));
                let call = operation.call(&Side::live(app)).await;
                let actor = key(app, operation.surface, &held).await;
                let answer = call.send(&actor).await;
                assert_eq!(answer.status, 403, "{} with {held:?}: {}", call.name, answer.text());
                if operation.speaks_problem() {
                    answer.is_problem("forbidden_scope");
                } else {
                    answer.has_code("FORBIDDEN");
                }
                assert!(answer.text().contains(&scope), "{}: the refusal names no scope", call.name);
            }
        }
    });
}

#[test]
fn the_scope_that_is_needed_is_enough() {
    house_with(NO_LIMITS, async |app| {
        for (operation, scope) in scoped() {
            let held = match scope.as_str() {
                "every ability" => key_surface(operation.surface).scopes().to_vec(),
                one => vec![one],
            };
            let call = operation.call(&Side::live(app)).await;
            let answer = call.send(&key(app, operation.surface, &held).await).await;
            assert!((200..300).contains(&answer.status), "{} with {held:?}: {}", call.name, answer.text());
        }
    });
}

#[test]
fn where_no_scope_is_named_any_key_of_the_surface_does() {
    house_with(NO_LIMITS, async |app| {
        // A reseller's keys have one scope.
        let any = |o: &Operation| o.needs == Needs::AnyKey && o.surface != Surface::Reseller;
        for operation in Operation::all().into_iter().filter(any) {
            let call = operation.call(&Side::live(app)).await;
            for scope in key_surface(operation.surface).scopes() {
                let answer = call.send(&key(app, operation.surface, &[scope]).await).await;
                assert!((200..300).contains(&answer.status), "{} with {scope}: {}", call.name, answer.text());
            }
        }
    });
}

#[test]
fn what_is_another_tenants_is_not_there() {
    house_with(NO_LIMITS, async |app| {
        let other = app.another_shop().await;
        for mode in [Mode::Live, Mode::Test] {
            let (ours, theirs) = (Side { mode, ..Side::live(app) }, Side { app, shop: &other, mode });
            for operation in Operation::all().into_iter().filter(Operation::has_object) {
                is_hidden(&operation, &ours, &theirs).await;
            }
        }
    });
}

#[test]
fn what_is_of_the_other_mode_is_not_there() {
    house_with(NO_LIMITS, async |app| {
        for operation in Operation::all().into_iter().filter(Operation::has_object) {
            is_hidden(&operation, &Side::test(app), &Side::live(app)).await;
            if !LIVE_REACHES_TEST.iter().any(|(name, _)| *name == operation.name()) {
                is_hidden(&operation, &Side::live(app), &Side::test(app)).await;
            }
        }
    });
}

#[test]
fn a_token_opens_its_own_object_alone() {
    house_with(NO_LIMITS, async |app| {
        for operation in Operation::all().into_iter().filter(|operation| operation.needs == Needs::Token) {
            is_hidden(&operation, &Side::test(app), &Side::test(app)).await;
        }
    });
}

#[test]
fn what_is_another_tenants_cannot_be_bought() {
    house_with(NO_LIMITS, async |app| {
        let other = app.another_shop().await;
        let foreign = Side { app, shop: &other, mode: Mode::Test };
        let theirs = [foreign.product().await, Side::live(app).product().await];
        let nothing = app.stranger().post("/checkout/v1/sessions", app.cart(UNKNOWN, 1)).await;
        nothing.is(422).blames("items[0].product_id");
        for product in theirs {
            let answer = app.stranger().post("/checkout/v1/sessions", app.cart(&product, 1)).await;
            assert_eq!(unnamed(&answer), unnamed(&nothing), "a foreign product can be told from none");
        }
    });
}

#[test]
fn what_is_another_tenants_is_not_in_the_public_listing() {
    house_with(NO_LIMITS, async |app| {
        let other = app.another_shop().await;
        let foreign = Side { app, shop: &other, mode: Mode::Test };
        let theirs = [foreign.product().await, Side::live(app).product().await];
        let at = |product: &str| format!("/checkout/v1/shops/{}/products/{product}?mode=test", app.shop.row.slug);
        let nothing = app.stranger().get(&at(UNKNOWN)).await;
        nothing.is(404);
        app.stranger().get(&at(&Side::test(app).product().await)).await.is(200);
        for product in theirs {
            assert_eq!(unnamed(&app.stranger().get(&at(&product)).await), unnamed(&nothing));
        }
    });
}

#[test]
fn an_address_takes_the_methods_that_are_documented_and_no_other() {
    house_with(NO_LIMITS, async |app| {
        Side::test(app).relationship().await; // whose key is asked for below
        let mut paths: BTreeMap<String, (Surface, BTreeSet<String>)> = BTreeMap::new();
        for operation in Operation::all() {
            let entry = paths.entry(operation.path.clone()).or_insert_with(|| (operation.surface, BTreeSet::new()));
            entry.1.insert(operation.method.to_string());
        }
        for (path, (surface, documented)) in paths {
            let actor = Actor::new(app, Side::test(app).token(surface));
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer = actor.send(method.clone(), &fill(&path, UNKNOWN), None).await;
                let name = format!("{method} {path}");
                assert!(!answer.text().contains("no such address"), "{name} is documented and not routed");
                assert_eq!(answer.status == 405, !documented.contains(method.as_str()), "{name}: {}", answer.text());
                if answer.status == 405 {
                    let allowed = answer.header("allow").unwrap_or("").split(',').map(str::to_owned);
                    let allowed: BTreeSet<String> = allowed.filter(|method| method != "HEAD").collect();
                    assert_eq!(allowed, documented, "{name}: what the Allow header says");
                }
            }
        }
        let nowhere = app.merchant().get("/v1/nowhere").await;
        assert!(nowhere.is(404).text().contains("no such address"), "the words that this law looks for");
    });
}

#[test]
fn every_route_that_is_written_down_is_documented() {
    for surface in SURFACES {
        let folder = if surface == Surface::Dev { "dev" } else { surface.name() };
        let index = source::read(&format!("http/{folder}/mod.rs"));
        let written: Vec<String> = routes_in(&index.code);
        let documented = Operation::of(surface).len();
        assert_eq!(written.len(), documented, "{folder}: {written:?}");
        for file in source::all().iter().filter(|file| file.path.starts_with(&format!("http/{folder}/"))) {
            let known = SECOND_ADDRESSES.iter().map(|(path, _)| format!(".route(\"{path}\", "));
            let known: usize = known.map(|route| file.text.matches(&route).count()).sum();
            let all = file.code.matches(".route(").count();
            assert_eq!(all, known, "{}: `.route(` escapes the document; use `routes!`", file.path);
        }
    }
}

#[test]
fn a_query_parameter_never_carries_a_key() {
    house(async |app| {
        let path = format!("/v1/products?api_key={}", app.shop.live);
        app.stranger().get(&path).await.is(401).is_problem("unauthenticated");
        app.merchant().get(&path).await.is(401).is_problem("unauthenticated");
    });
}

/// The handlers in `routes!(a::b, c::d)`.
fn routes_in(code: &str) -> Vec<String> {
    let lists = code.split("routes!(").skip(1).map(|rest| rest.split(')').next().unwrap());
    lists.flat_map(|list| list.split(',')).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn secured() -> Vec<Operation> {
    Operation::all().into_iter().filter(|operation| operation.needs != Needs::Nothing).collect()
}

fn scoped() -> Vec<(Operation, String)> {
    let scope = |operation: Operation| match operation.needs.clone() {
        Needs::Scope(scope) => Some((operation, scope)),
        _ => None,
    };
    Operation::all().into_iter().filter_map(scope).collect()
}

const fn key_surface(surface: Surface) -> keys::Surface {
    match surface {
        Surface::V1 => keys::Surface::Merchant,
        Surface::Dev => keys::Surface::Developer,
        Surface::Reseller => keys::Surface::Reseller,
        Surface::Checkout | Surface::Portal => panic!("a shop's keys do not open this surface"),
    }
}

/// The widest sets of scopes that lack `scope`: one set, or for "every ability" one for each ability.
fn all_but(surface: Surface, scope: &str) -> Vec<Vec<&'static str>> {
    let all: Vec<&str> = key_surface(surface).scopes().iter().copied().filter(|one| *one != "*").collect();
    let without = |left_out: &str| all.iter().copied().filter(|one| *one != left_out).collect::<Vec<_>>();
    if scope == "every ability" {
        return all.iter().map(|one| without(one)).collect();
    }
    assert!(all.contains(&scope), "{scope} is no scope of this surface");
    vec![without(scope)]
}

async fn key<'a>(app: &'a TestApp, surface: Surface, scopes: &[&str]) -> Actor<'a> {
    app.key_with(key_surface(surface), Mode::Live, scopes).await
}

fn is_unauthenticated(operation: &Operation, answer: &Answer) {
    assert_eq!(answer.status, 401, "{}: {}", operation.name(), answer.text());
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{}", operation.name());
    if operation.speaks_problem() {
        answer.is_problem("unauthenticated");
    } else {
        answer.has_code("UNAUTHORIZED");
    }
}

/// Their object, asked for by us, is answered word for word as an id of nothing.
async fn is_hidden(operation: &Operation, ours: &Side<'_>, theirs: &Side<'_>) {
    let (own, foreign) = (operation.call(ours).await, operation.call(theirs).await);
    let actor = own.caller(ours.app);
    let there = foreign.send(&actor).await;
    let nowhere = own.send_to(&actor, &fill(&operation.path, UNKNOWN), own.body.as_ref()).await;
    assert_eq!(there.status, 404, "{}: {}", own.name, there.text());
    assert_eq!(unnamed(&there), unnamed(&nowhere), "{}: a foreign object can be told from none", own.name);
    let again = foreign.send(&foreign.caller(theirs.app)).await;
    assert!((200..300).contains(&again.status), "{}: it was there all the time: {}", own.name, again.text());
}

/// The answer without what differs from request to request.
fn unnamed(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json().clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (answer.status, body)
}
