//! May this software run here? The answer leaves after its row in the trail is durable.

use std::net::IpAddr;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::body::hwid;
use super::license::{License, instant};
use crate::app::App;
use crate::domain::keys::developer::Validation;
use crate::domain::licenses::{self, Attempt, Hwid, Named, Outcome, Request, Verdict};
use crate::domain::products::ProductId;
use crate::domain::shops::Tenant;
use crate::error::{Error, LicenseRefusal, Result};
use crate::http::door::join::Join;
use crate::http::door::limit::count_in;
use crate::http::door::{Data, Reply};
use crate::kit::env::Env;
use crate::kit::ip_rule;
use crate::kit::json::{Form, Json, Reading, Wire, text, wrong};
use crate::kit::jws;
use crate::kit::vault::hex;

/// A signed verdict is fresh for so long.
const FRESH_S: i64 = 300;
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=128;

pub struct Check {
    key: String,
    product: Option<ProductId>,
    hwid: Option<Hwid>,
    ip: Option<IpAddr>,
    nonce: Option<String>,
}

/// What is signed.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    license_id: Option<String>,
    product_id: Option<String>,
    /// SHA-256 of the key as presented.
    key_hash: String,
    hardware_id_hash: Option<String>,
    verdict: &'static str,
    status: Option<&'static str>,
    expires_at: Option<String>,
    nonce: &'a str,
    iat: i64,
    exp: i64,
}

/// What an answer is made of, besides the outcome.
#[derive(Clone)]
struct Asked {
    shop: Tenant,
    key: String,
    product: Option<ProductId>,
    hwid: Option<Hwid>,
    nonce: Option<String>,
}

/// Checks a key: its product, status, date, address, machine and uses, in this order. An unbound license
/// is bound to the machine that comes first. With a `nonce` the answer carries a signed verdict, refusals
/// too.
#[utoipa::path(post, path = "/licenses/validate", tag = "licenses", security(("key" = ["licenses.read"])),
    request_body = CheckBody, responses((status = 200, body = Data<License>)))]
pub async fn validate(join: Join<Validation, Check>) -> Response {
    let (app, shop) = (join.app.clone(), join.caller.shop);
    let key_hash = licenses::key_hash(&app.env, shop, &join.body.key);
    let counted = count_in(
        &app,
        "license",
        &[shop.uuid().as_bytes(), key_hash.as_slice()].concat(),
        app.config.limits.validations,
    );
    let mut response = match counted {
        Some(verdict) if !verdict.allowed => {
            app.throttled.note(shop, key_hash);
            Error::RateLimited { retry_after_s: verdict.reset_s }.into_response()
        }
        _ => decide(join, &app, key_hash).await.into_response(),
    };
    if let Some(verdict) = counted {
        response.extensions_mut().insert(verdict);
    }
    response
}

async fn decide(join: Join<Validation, Check>, app: &App, key_hash: [u8; 16]) -> Result<Reply> {
    let Check { key, product, hwid, ip, nonce } = &join.body;
    let asked =
        Asked { shop: join.caller.shop, key: key.clone(), product: *product, hwid: hwid.clone(), nonce: nonce.clone() };
    let named = join.claim(format!("license:{}", hex(&key_hash))).map(|claim| {
        let (env, url, asked) = (app.env.clone(), app.public_url.clone(), asked.clone());
        Named { claim, render: Box::new(move |outcome| asked.render(&env, &url, outcome)) }
    });
    let request = Request {
        caller: join.caller.clone(),
        lock: join.lock(),
        key_hash,
        attempt: Attempt { product: *product, hwid: hwid.clone(), ip: ip.unwrap_or(join.client) },
        named,
    };
    let answer = app.validations.submit(request).await;
    if matches!(answer, Err(Error::Unauthenticated(_))) {
        join.forget_caller();
    }
    let ok = |body, replayed| Reply { status: axum::http::StatusCode::OK, body, replayed };
    match answer? {
        licenses::Answer::Stored(stored) => Ok(ok(stored.body, false)),
        licenses::Answer::Replay(stored) => Ok(ok(stored.body, true)),
        licenses::Answer::Fresh(outcome) => match outcome.verdict {
            Verdict::Valid { .. } => Ok(ok(asked.render(&app.env, &app.public_url, &outcome)?, false)),
            Verdict::Refused(refusal) => {
                Err(Error::License { refusal, signed: asked.sign(&app.env, &app.public_url, &outcome)? })
            }
        },
    }
}

impl Asked {
    fn render(&self, env: &Env, issuer: &str, outcome: &Outcome) -> Result<Vec<u8>> {
        let license = outcome.license.as_ref().ok_or_else(|| Error::Internal("valid, and no license".into()))?;
        let mut data = License::of(self.shop, license, self.key.trim(), outcome.at);
        data.signed = self.sign(env, issuer, outcome)?;
        serde_json::to_vec(&Data { data }).map_err(|e| Error::Internal(format!("answer: {e}")))
    }

    /// The verdict, where a nonce asks for it. Of a key that is not this product's nothing is told but that.
    fn sign(&self, env: &Env, issuer: &str, outcome: &Outcome) -> Result<Option<String>> {
        let Some(nonce) = &self.nonce else { return Ok(None) };
        let not_found = outcome.verdict == Verdict::Refused(LicenseRefusal::NotFound);
        let license = outcome.license.as_ref().filter(|_| !not_found);
        let at: DateTime<Utc> = outcome.at;
        let claims = Claims {
            iss: issuer,
            license_id: license.map(|license| license.id.uuid().to_string()),
            product_id: self.product.map(|product| product.uuid().to_string()),
            key_hash: hex(&Sha256::digest(self.key.trim())),
            hardware_id_hash: self.hwid.as_ref().map(Hwid::hash),
            verdict: outcome.verdict.code(),
            status: license.map(|license| license.status_at(at).word()),
            expires_at: license.and_then(|license| license.expires_at).map(instant),
            nonce,
            iat: at.timestamp(),
            exp: at.timestamp() + FRESH_S,
        };
        env.signing.sign(jws::VERDICT, &claims).map(Some)
    }
}

impl Wire for Check {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let key = form.required("key", plain);
        let product = form.required("product_id", plain);
        let hwid = form.optional("hardware_id", hwid);
        let ip = form.optional("ip", address);
        let nonce = form.optional("nonce", nonce);
        // An id that can be none is not a mistake of form: there is no such license.
        Some(Self { key: key?, product: ProductId::parse(&product?), hwid: hwid?, ip: ip?, nonce: nonce? })
    }
}

fn plain(value: Json) -> Reading<String> {
    let text = text(value)?;
    if text.trim().is_empty() {
        return Err(wrong("must not be empty"));
    }
    if text.contains('\0') { Err(wrong("must not hold a NUL character")) } else { Ok(text) }
}

fn address(value: Json) -> Reading<IpAddr> {
    ip_rule::address(&text(value)?).ok_or_else(|| wrong("must be an IPv4 or IPv6 address"))
}

fn nonce(value: Json) -> Reading<String> {
    let nonce = text(value)?;
    let fits = NONCE_CHARS.contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(nonce) } else { Err(wrong("must have 16 to 128 visible ASCII characters")) }
}

/// A license key, its product, and where it is used.
#[derive(ToSchema)]
#[schema(as = LicenseCheck)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct CheckBody {
    key: String,
    product_id: String,
    /// Printable ASCII; compared without regard to case.
    #[schema(max_length = 256)]
    hardware_id: Option<String>,
    /// Where the machine is, if not at the address that calls.
    ip: Option<String>,
    /// Asks for a signed verdict, and comes back in it.
    #[schema(min_length = 16, max_length = 128)]
    nonce: Option<String>,
}
