//! A license as this surface shows it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::domain::licenses::{self, Key, Stats};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::http::door::Data;
use crate::http::door::pagination::Pagination;
use crate::kit::env::Env;

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the contract calls it license_key")]
pub struct License {
    id: String,
    uniqid: String,
    shop_id: String,
    product_id: String,
    invoice_id: Option<String>,
    #[schema(example = "7QW3K-9ZVB2-HD5XN-4MPRT-C8J6F")]
    license_key: String,
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// The machine it is bound to.
    hardware_id: Option<String>,
    /// Bound to none yet.
    hwid_pending: bool,
    /// Empty: from anywhere.
    allowed_ips: Vec<String>,
    uses: i64,
    max_uses: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    customer_email: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// The verdict as a compact JWS, where a `nonce` was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
}

/// `{"productLicense": …}`, as making and changing one answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wrapped {
    #[serde(rename = "productLicense")]
    product_license: License,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Licenses {
    data: LicensesData,
    pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
struct LicensesData {
    #[serde(rename = "productLicenses")]
    product_licenses: Vec<License>,
    /// As of a few seconds ago, whatever the filters.
    total: i64,
    stats: LicenseStats,
}

#[derive(Debug, Serialize, ToSchema)]
struct LicenseStats {
    total: i64,
    active: i64,
    /// Used at least once.
    used: i64,
    expired: i64,
}

/// `2026-05-26T07:18:03.250Z`.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl License {
    pub fn of(shop: Tenant, license: &licenses::License, key: &str, now: DateTime<Utc>) -> Self {
        let id = license.id.uuid().to_string();
        Self {
            uniqid: id.clone(),
            id,
            shop_id: shop.uuid().to_string(),
            product_id: license.product.uuid().to_string(),
            invoice_id: license.invoice.map(|id| id.to_string()),
            license_key: key.to_owned(),
            status: license.status_at(now).word(),
            hardware_id: license.hwid.as_ref().map(|hwid| hwid.as_str().to_owned()),
            hwid_pending: license.hwid.is_none(),
            allowed_ips: license.allowed_ips.iter().map(ToString::to_string).collect(),
            uses: license.uses,
            max_uses: license.max_uses,
            expires_at: license.expires_at.map(instant),
            customer_email: license.customer_email.clone(),
            created_at: instant(license.created_at),
            updated_at: instant(license.updated_at),
            signed: None,
        }
    }

    pub async fn load(db: &mut PgConnection, env: &Env, shop: Tenant, license: &licenses::License) -> Result<Self> {
        let keys = licenses::keys_of(db, shop, env, std::slice::from_ref(license)).await?;
        Ok(Self::of(shop, license, keys.first().map_or("", Key::as_str), env.now()))
    }
}

impl Wrapped {
    pub fn of(shop: Tenant, license: &licenses::License, key: &Key, now: DateTime<Utc>) -> Data<Self> {
        Data { data: Self { product_license: License::of(shop, license, key.as_str(), now) } }
    }

    pub async fn load(
        db: &mut PgConnection,
        env: &Env,
        shop: Tenant,
        license: &licenses::License,
    ) -> Result<Data<Self>> {
        Ok(Data { data: Self { product_license: License::load(db, env, shop, license).await? } })
    }
}

impl Licenses {
    pub fn of(product_licenses: Vec<License>, stats: Stats, next_cursor: Option<String>) -> Self {
        let Stats { total, active, used, expired } = stats;
        Self {
            data: LicensesData { product_licenses, total, stats: LicenseStats { total, active, used, expired } },
            pagination: Pagination::to(next_cursor),
        }
    }
}
