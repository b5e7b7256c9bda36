//! Every error on every surface: its status, its words, and what they never say.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;
use keyhouse::error::{Conflict, Error, Fields, LicenseRefusal, ResellerRefusal, Unauthenticated};
use keyhouse::http::door::render::render;
use keyhouse::http::door::trace::trace;
use keyhouse::http::door::{Door, Surface};
use keyhouse::http::openapi::SURFACES;
use keyhouse::http::pages::errors::ENTRIES;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::house::{TestApp, house};

/// What only the log may hold.
const SECRET: &str = "hunter2";

/// Every variant and its samples. The match has no wildcard, so a new variant does not compile until it
/// has a row here.
macro_rules! errors {
    ($($variant:pat => [$($sample:expr),+],)*) => {
        const VARIANTS: &[&str] = &[$(stringify!($variant)),*];

        fn samples() -> Vec<Error> {
            vec![$($($sample),+),*]
        }

        fn variant(error: &Error) -> &'static str {
            match error {
                $($variant => stringify!($variant)),*
            }
        }
    };
}

errors! {
    Error::Malformed(_) => [Error::Malformed("the body is not valid JSON".into())],
    Error::Invalid(_) => [Error::invalid("price_cents", "must be a whole number"), two_fields(), missing()],
    Error::Unauthenticated(Unauthenticated::Missing) => [Error::Unauthenticated(Unauthenticated::Missing)],
    Error::Unauthenticated(Unauthenticated::Invalid) => [Error::Unauthenticated(Unauthenticated::Invalid)],
    Error::Unauthenticated(Unauthenticated::WrongPassword) => [Error::Unauthenticated(Unauthenticated::WrongPassword)],
    Error::Unauthenticated(Unauthenticated::WrongKind { .. }) => [Error::Unauthenticated(Unauthenticated::WrongKind {
        sent: "a checkout token (cs_…)", wanted: "a merchant API key (sx_…)",
    })],
    Error::Unauthenticated(Unauthenticated::KeyInQuery) => [Error::Unauthenticated(Unauthenticated::KeyInQuery)],
    Error::Unauthenticated(Unauthenticated::Inactive) => [Error::Unauthenticated(Unauthenticated::Inactive)],
    Error::MissingScope(_) => [Error::MissingScope("orders:read")],
    Error::Forbidden(_) => [Error::Forbidden("A test key makes test keys only.")],
    Error::NotFound(_) => [Error::NotFound("order")],
    Error::Gone(_) => [Error::Gone("This link has expired.")],
    Error::RangeNotSatisfiable { .. } => [Error::RangeNotSatisfiable { size_bytes: 7 }],
    Error::Conflict(Conflict::IdempotencyMismatch) => [Error::Conflict(Conflict::IdempotencyMismatch)],
    Error::Conflict(Conflict::IdempotencyInProgress) => [Error::Conflict(Conflict::IdempotencyInProgress)],
    Error::Conflict(Conflict::OutOfStock { .. }) => [Error::Conflict(Conflict::OutOfStock { product: "Pro".into() })],
    Error::Conflict(Conflict::WrongState(_)) => [Error::Conflict(Conflict::WrongState("the order is failed".into()))],
    Error::License { .. } => [
        license(LicenseRefusal::NotFound, None), license(LicenseRefusal::Revoked, None),
        license(LicenseRefusal::Suspended, None), license(LicenseRefusal::Expired, None),
        license(LicenseRefusal::IpBlocked, None), license(LicenseRefusal::HwidMismatch, Some("head.claims.signature")),
        license(LicenseRefusal::MaxUsesReached, None)
    ],
    Error::Reseller(_) => [
        Error::Reseller(ResellerRefusal::ProgramDisabled), Error::Reseller(ResellerRefusal::ModeNotAllowed),
        Error::Reseller(ResellerRefusal::ProductNotAllowed), Error::Reseller(ResellerRefusal::ProductNotEligible),
        Error::Reseller(ResellerRefusal::QuantityOutOfRange { min: 1, max: Some(10) }),
        Error::Reseller(ResellerRefusal::QuantityOutOfRange { min: 5, max: None }),
        Error::Reseller(ResellerRefusal::PurchaseLimitReached { limit: 100, unit: "day" }),
        Error::Reseller(ResellerRefusal::PriceChanged { unit_cost: "4.90 USD".into() })
    ],
    Error::InsufficientFunds => [Error::InsufficientFunds],
    Error::MethodNotAllowed => [Error::MethodNotAllowed],
    Error::RequestTimeout => [Error::RequestTimeout],
    Error::BodyTooLarge { .. } => [Error::BodyTooLarge { limit_bytes: 1_048_576 }],
    Error::UriTooLong { .. } => [Error::UriTooLong { limit_bytes: 8_192 }],
    Error::HeadersTooLarge => [Error::HeadersTooLarge],
    Error::UnsupportedMediaType => [Error::UnsupportedMediaType],
    Error::RateLimited { .. } => [Error::RateLimited { retry_after_s: 17 }],
    Error::Unavailable { .. } => [Error::Unavailable { retry_after_s: 3 }],
    Error::Unknown => [Error::Unknown],
    Error::Database(_) => [
        Error::Database(sqlx::Error::PoolTimedOut),
        Error::Database(sqlx::Error::Io(std::io::Error::other(SECRET))),
        Error::Database(sqlx::Error::ColumnNotFound(SECRET.into()))
    ],
    Error::FileStore(_) => [Error::FileStore(SECRET.into())],
    Error::Internal(_) => [Error::Internal(SECRET.into())],
}

fn license(refusal: LicenseRefusal, signed: Option<&str>) -> Error {
    Error::License { refusal, signed: signed.map(str::to_owned) }
}

fn two_fields() -> Error {
    let mut fields = Fields::one("name", "is too long");
    fields.wrong("price_cents", "must be between 0 and 99999999999");
    fields.wrong("price_cents", "must be a whole number");
    fields.into()
}

fn missing() -> Error {
    let mut fields = Fields::default();
    fields.missing("name");
    fields.into()
}

/// An error as a client of a surface sees it.
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Sends the error through the layers that a surface has.
async fn see(app: &TestApp, surface: Surface, error: Error) -> Seen {
    let error = Arc::new(Mutex::new(Some(error)));
    let router: Router = Router::new()
        .fallback(move || async move { error.lock().unwrap().take().unwrap().into_response() })
        .layer(from_fn_with_state(Door { app: app.app.clone(), surface }, render))
        .layer(from_fn_with_state(app.app.clone(), trace));
    let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).expect("an error is JSON");
    Seen { status: parts.status.as_u16(), headers: parts.headers, body }
}

const fn speaks_problem(surface: Surface) -> bool {
    matches!(surface, Surface::V1 | Surface::Checkout)
}

#[test]
fn every_error_has_a_sample() {
    let sampled: BTreeSet<&str> = samples().iter().map(variant).collect();
    assert_eq!(sampled, VARIANTS.iter().copied().collect());
}

#[test]
fn every_error_has_its_words_on_every_surface() {
    house(async |app| {
        let mut table = String::new();
        for error in samples() {
            writeln!(table, "{error:?}").unwrap();
            for surface in [Surface::V1, Surface::Dev] {
                let seen = see(app, surface, twin(&error)).await;
                let mut body = seen.body.clone();
                for member in ["request_id", "trace_id"] {
                    if let Some(id) = body.get_mut(member) {
                        *id = format!("[{member}]").into();
                    }
                }
                let retry = seen.header("retry-after").map_or(String::new(), |s| format!(", again in {s} s"));
                writeln!(table, "  {}: {}{retry} {body}", surface.name(), seen.status).unwrap();
            }
        }
        insta::assert_snapshot!("every_error", table);
    });
}

#[test]
fn a_problem_names_its_request() {
    house(async |app| {
        for surface in SURFACES.into_iter().filter(|surface| speaks_problem(*surface)) {
            for error in samples() {
                let is_invalid = matches!(error, Error::Invalid(_));
                let has_code = matches!(error, Error::Conflict(_) | Error::License { .. } | Error::Reseller(_));
                let seen = see(app, surface, error).await;
                let body = &seen.body;
                assert_eq!(seen.header("content-type"), Some("application/problem+json"), "{body}");
                assert_eq!(body["status"], seen.status, "{body}");
                for text in ["type", "title", "detail", "request_id"] {
                    assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {body}");
                }
                assert_eq!(body["request_id"].as_str(), seen.header("x-request-id"), "{body}");
                assert_eq!(body.get("trace_id").is_some(), seen.status == 500, "{body}");
                assert_eq!(body.get("errors").is_some(), is_invalid, "{body}");
                assert_eq!(body.get("code").is_some(), has_code, "{body}");
            }
        }
    });
}

#[test]
fn an_envelope_says_where_to_read_on() {
    house(async |app| {
        for surface in SURFACES.into_iter().filter(|surface| !speaks_problem(*surface)) {
            for error in samples() {
                let has_details = matches!(error, Error::Invalid(_) | Error::License { signed: Some(_), .. });
                let seen = see(app, surface, error).await;
                let body = &seen.body["error"];
                assert_eq!(seen.header("content-type"), Some("application/json"), "{body}");
                assert!(seen.header("x-request-id").is_some(), "{body}");
                let code = body["code"].as_str().unwrap();
                assert!(code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{code}");
                assert_eq!(body["doc_url"], format!("{}/docs/errors#{code}", app.app.public_url));
                assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
                let details = body.get("details").and_then(Value::as_array).map_or(0, Vec::len);
                assert_eq!(details > 0, has_details, "{body}");
            }
        }
    });
}

#[test]
fn every_error_has_its_place_on_the_page_that_explains_them() {
    house(async |app| {
        let page = app.stranger().get("/docs/errors").await.is(200).text();
        let mut spoken = BTreeSet::new();
        for surface in SURFACES {
            for error in samples() {
                let seen = see(app, surface, error).await;
                let words = if speaks_problem(surface) {
                    vec![&seen.body["type"], &seen.body["code"]]
                } else {
                    vec![&seen.body["error"]["code"]]
                };
                for word in words.into_iter().filter_map(Value::as_str) {
                    assert!(page.contains(&format!("id=\"{word}\"")), "{word} is not on /docs/errors");
                    spoken.insert((seen.status, word.to_owned()));
                }
            }
        }
        for entry in ENTRIES {
            for word in [Some(entry.slug), entry.detail, Some(entry.code)].into_iter().flatten() {
                assert!(spoken.contains(&(entry.status, word.to_owned())), "no error is {} {word}", entry.status);
            }
        }
    });
}

#[test]
fn who_is_sent_away_is_told_when_to_come_back_and_what_to_bring() {
    house(async |app| {
        for surface in SURFACES {
            for error in samples() {
                let in_progress = matches!(error, Error::Conflict(Conflict::IdempotencyInProgress));
                let seen = see(app, surface, error).await;
                let later = matches!(seen.status, 429 | 503) || in_progress;
                let seconds = seen.header("retry-after").map(|text| text.parse::<u64>().unwrap());
                assert_eq!(seconds.is_some_and(|seconds| seconds > 0), later, "{}", seen.body);
                assert_eq!(seen.header("www-authenticate"), (seen.status == 401).then_some("Bearer"), "{}", seen.body);
            }
        }
    });
}

#[test]
fn what_broke_inside_is_not_told() {
    house(async |app| {
        for surface in SURFACES {
            for error in samples().into_iter().filter(breaks_inside) {
                let seen = see(app, surface, error).await;
                let body = seen.body.to_string();
                assert!(!body.contains(SECRET) && !body.contains("sqlx") && !body.contains("pool"), "{body}");
                assert!(matches!(seen.status, 500 | 503), "{body}");
            }
        }
    });
}

const fn breaks_inside(error: &Error) -> bool {
    matches!(error, Error::Internal(_) | Error::Database(_) | Error::FileStore(_))
}

/// The same sample once more; errors cannot be copied.
fn twin(error: &Error) -> Error {
    samples().into_iter().find(|sample| format!("{sample:?}") == format!("{error:?}")).unwrap()
}
