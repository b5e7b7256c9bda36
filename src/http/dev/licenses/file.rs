//! The offline license file: a signed snapshot with its own date, for machines without a network.

use axum::http::StatusCode;
use chrono::Duration;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::body::hwid;
use super::license::instant;
use crate::domain::keys::developer::LicensesWrite;
use crate::domain::licenses::{self, Hwid};
use crate::error::Result;
use crate::http::door::caller::Developer;
use crate::http::door::params::PathId;
use crate::http::door::write::Write;
use crate::http::door::{Data, Reply};
use crate::kit::json::{Form, Wire, whole};
use crate::kit::jws;
use crate::kit::vault::hex;

/// 30 days unless said, an hour to 90 days (LIC-4).
const HOURS_DEFAULT: i64 = 30 * 24;
const HOURS_MAX: i64 = 90 * 24;

pub struct Wanted {
    hwid: Option<Hwid>,
    hours: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LicenseFile {
    /// A compact JWS of type `kh-license+jwt`.
    license_file: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    license_id: String,
    product_id: String,
    key_hash: String,
    hardware_id_hash: String,
    status: &'static str,
    /// What the license is good for.
    entitlements: Entitlements,
    iat: i64,
    exp: i64,
}

#[derive(Serialize)]
struct Entitlements {
    expires_at: Option<String>,
    max_uses: Option<i64>,
}

/// Makes a license file for the license's machine. An unbound license is bound to `hardware_id` first.
/// It ends with the license, if that is earlier; a revocation takes effect when it is to be renewed.
#[utoipa::path(post, path = "/licenses/{id}/file", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), request_body = WantedBody, responses((status = 200, body = Data<LicenseFile>)))]
pub async fn file(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Wanted>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, wanted| {
            let issued = licenses::issue_file(db, shop, &app.env, actor, id, wanted.hwid.clone()).await?;
            let now = app.env.now();
            let until = now + Duration::hours(wanted.hours);
            let until = issued.license.expires_at.map_or(until, |end| end.min(until));
            let claims = Claims {
                iss: &app.public_url,
                license_id: id.uuid().to_string(),
                product_id: issued.license.product.uuid().to_string(),
                key_hash: hex(&Sha256::digest(issued.key.as_str())),
                hardware_id_hash: issued.hwid.hash(),
                status: issued.license.status.word(),
                entitlements: Entitlements {
                    expires_at: issued.license.expires_at.map(instant),
                    max_uses: issued.license.max_uses,
                },
                iat: now.timestamp(),
                exp: until.timestamp(),
            };
            let license_file = app.env.signing.sign(jws::LICENSE, &claims)?;
            Ok(Data { data: LicenseFile { license_file, expires_at: instant(until) } })
        })
        .await
}

impl Wire for Wanted {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let hwid = form.optional("hardware_id", hwid);
        let hours = form.optional("ttl_hours", whole(1, HOURS_MAX));
        Some(Self { hwid: hwid?, hours: hours?.unwrap_or(HOURS_DEFAULT) })
    }
}

/// For which machine a license file is, and for how long.
#[derive(ToSchema)]
#[schema(as = LicenseFileRequest)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct WantedBody {
    /// Needed where the license is unbound.
    #[schema(max_length = 256)]
    hardware_id: Option<String>,
    /// 720 unless said.
    #[schema(minimum = 1, maximum = 2_160)]
    ttl_hours: Option<i64>,
}
