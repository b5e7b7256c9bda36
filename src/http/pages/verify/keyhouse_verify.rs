//! Checks what a Keyhouse signed: answers to validations, and license files for offline use.
//! Needs the crates `ring`, `base64` and `serde_json`. Whatever is `Err` is a no; only `Ok` is a yes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The server's own refusal (`LICENSE_…`), or in lower case what is wrong with the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

pub struct Verifier {
    keys: Vec<(String, Vec<u8>)>,
    issuer: String,
    product_id: String,
}

/// What this program knows of itself.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    pub key: &'a str,
    pub hardware_id: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Verifier {
    /// `jwks`: `/.well-known/jwks.json` as it was when this program was built. Ship it with the program;
    /// if you fetch it at run time, a fake server can hand out its own.
    pub fn new(jwks: &Value, issuer: &str, product_id: &str) -> Self {
        let public = |key: &Value| Some((key["kid"].as_str()?.to_owned(), decode(key["x"].as_str()?)?));
        let keys = jwks["keys"].as_array().into_iter().flatten().filter_map(public).collect();
        Self { keys, issuer: issuer.to_owned(), product_id: product_id.to_owned() }
    }

    /// Checks `signed` of an answer to a validation. `nonce` is the one that this very request sent:
    /// at least 16 fresh random characters.
    pub fn verdict(&self, signed: &str, here: Here, nonce: &str) -> Result<Value, Refused> {
        let claims = self.claims(signed, "kh-verdict+jwt", here)?;
        ensure(!nonce.is_empty() && claims["nonce"] == nonce, "wrong_nonce")?;
        check_times(&claims, here.now, 5 * MINUTE)?;
        let verdict = claims["verdict"].as_str().unwrap_or("malformed");
        ensure(verdict == "VALID", verdict)?;
        Ok(claims)
    }

    /// Checks a license file without a network. `last_seen` is what the last call returned, kept on disk;
    /// for a file that came just now, `now`. Returns the claims and the next `last_seen`.
    pub fn license_file(&self, signed: &str, here: Here, last_seen: Option<i64>) -> Result<(Value, i64), Refused> {
        let claims = self.claims(signed, "kh-license+jwt", here)?;
        ensure(claims["hardware_id_hash"].is_string(), "other_hardware")?; // a file is of one machine
        // Where somebody deleted what we had seen: validate online, and get a new file.
        let last_seen = last_seen.ok_or_else(|| Refused("ask_online".into()))?;
        ensure(here.now >= last_seen.saturating_sub(HOUR), "clock_set_back")?;
        check_times(&claims, here.now, 90 * DAY)?;
        Ok((claims, last_seen.max(here.now)))
    }

    fn claims(&self, signed: &str, typ: &str, here: Here) -> Result<Value, Refused> {
        let parts: Vec<&str> = signed.split('.').collect();
        let &[head, body, signature] = parts.as_slice() else { return Err(Refused("malformed".into())) };
        let header = json(head)?;
        let (claims, signature) = (decode(body), decode(signature));
        let (Some(_), Some(signature)) = (&claims, signature) else { return Err(Refused("malformed".into())) };
        ensure(header.get("crit").is_none(), "malformed")?; // an extension that we do not know
        ensure(header["typ"] == typ, "wrong_type")?;
        ensure(header["alg"] == "EdDSA", "bad_signature")?;
        let key = self.keys.iter().find(|(kid, _)| header["kid"] == kid.as_str());
        let (_, key) = key.ok_or_else(|| Refused("unknown_key".into()))?;
        let signed = format!("{head}.{body}");
        let good = UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature);
        ensure(good.is_ok(), "bad_signature")?;
        let claims = json(body)?;
        ensure(claims["iss"] == self.issuer, "wrong_issuer")?;
        ensure(claims["product_id"] == self.product_id, "other_product")?;
        ensure(claims["key_hash"] == sha256(here.key.trim()), "other_license")?;
        let machine = here.hardware_id.map(|id| sha256(&id.trim().to_ascii_lowercase()));
        ensure(claims["hardware_id_hash"].as_str() == machine.as_deref(), "other_hardware")?;
        Ok(claims)
    }
}

fn check_times(claims: &Value, now: i64, life_max: i64) -> Result<(), Refused> {
    let times = claims["iat"].as_i64().zip(claims["exp"].as_i64());
    let (issued, expires) = times.ok_or_else(|| Refused("malformed".into()))?;
    ensure(expires.saturating_sub(issued) <= life_max, "malformed")?;
    ensure(now >= issued.saturating_sub(5 * MINUTE), "clock_set_back")?;
    ensure(now < expires, "expired")
}

fn ensure(holds: bool, code: &str) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused(code.to_owned())) }
}

/// Exactly one spelling of the bytes: this decoder takes no other.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn json(part: &str) -> Result<Value, Refused> {
    let value = decode(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    value.filter(Value::is_object).ok_or_else(|| Refused("malformed".into()))
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
