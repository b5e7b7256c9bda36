//! What a license is made and changed with. Names come in `snake_case` or `camelCase`; `hwid_pending` is
//! ignored, for it follows from the machine (R30).

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::licenses::{Extension, Hwid, Key, LicensePatch, NewLicense, Status};
use crate::domain::products::ProductId;
use crate::http::door::params::date_time;
use crate::kit::id::{Entity, Id};
use crate::kit::ip_rule::{IpRule, RULES_MAX};
use crate::kit::json::{Form, Json, Reading, Wire, list, text, whole, wrong};
use crate::kit::patch::Patch;
use crate::kit::values::{email, one_of};

const USES_MAX: i64 = 1_000_000_000_000;
/// A hundred years.
const DAYS_MAX: i64 = 36_500;

#[derive(Clone, Debug)]
pub struct Create(pub NewLicense);

#[derive(Clone, Debug)]
pub struct Change(pub LicensePatch);

#[derive(Clone, Copy, Debug)]
pub struct Extend(pub Extension);

/// Which machine a key is bound to from now on.
#[derive(Clone, Debug)]
pub struct Hardware {
    pub product: Option<ProductId>,
    hwid: Option<Hwid>,
}

impl Hardware {
    /// Absent is null: reset.
    pub fn hwid(&self) -> Patch<Hwid> {
        self.hwid.clone().map_or(Patch::Null, Patch::Value)
    }
}

impl Wire for Create {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let product = form.required("product_id", id);
        let invoice = form.optional("invoice_id", invoice);
        let key = form.optional("license_key", key);
        let status = form.optional("status", one_of(Status::WORDS));
        let hwid = form.optional("hardware_id", hwid);
        let allowed_ips = form.optional("allowed_ips", rules);
        let max_uses = form.optional("max_uses", whole(1, USES_MAX));
        let expires_at = form.optional("expires_at", instant);
        let customer = form.optional("customer_email", email);
        Some(Self(NewLicense {
            product: product?,
            invoice: invoice?,
            key: key?,
            status: status?.unwrap_or(Status::Active),
            hwid: hwid?,
            uses: 0,
            allowed_ips: allowed_ips?.unwrap_or_default(),
            max_uses: max_uses?,
            expires_at: expires_at?,
            customer_email: customer?.map(|email| email.as_str().to_owned()),
        }))
    }
}

impl Wire for Change {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let status = form.optional("status", one_of(Status::WORDS));
        let hwid = form.patch("hardware_id", hwid);
        let allowed_ips = form.patch("allowed_ips", rules);
        let max_uses = form.patch("max_uses", whole(1, USES_MAX));
        let expires_at = form.patch("expires_at", instant);
        Some(Self(LicensePatch {
            status: status?,
            hwid: hwid?,
            allowed_ips: allowed_ips?,
            max_uses: max_uses?,
            expires_at: expires_at?,
        }))
    }
}

impl Wire for Hardware {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let product = form.optional("product_id", id);
        let hwid = form.optional("hardware_id", hwid);
        Some(Self { product: product?, hwid: hwid? })
    }
}

impl Wire for Extend {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let days = form.optional("days", whole(1, DAYS_MAX))?;
        let until = form.optional("expires_at", instant)?;
        match (days.and_then(|days| i32::try_from(days).ok()), until) {
            (Some(days), None) => Some(Self(Extension::Days(days))),
            (None, Some(until)) => Some(Self(Extension::Until(until))),
            _ => {
                form.wrong("days", "send either this or expires_at");
                None
            }
        }
    }
}

pub(super) fn hwid(value: Json) -> Reading<Hwid> {
    Hwid::parse(&text(value)?).map_err(wrong)
}

fn key(value: Json) -> Reading<Key> {
    Key::parse(&text(value)?).map_err(wrong)
}

fn id<T: Entity>(value: Json) -> Reading<Id<T>> {
    Id::parse(&text(value)?).ok_or_else(|| wrong("is not an id"))
}

fn invoice(value: Json) -> Reading<Uuid> {
    id::<crate::domain::orders::Order>(value).map(Id::uuid)
}

fn rules(value: Json) -> Reading<Vec<IpRule>> {
    list(0, RULES_MAX, |rule| IpRule::parse(&text(rule)?).map_err(wrong))(value)
}

fn instant(value: Json) -> Reading<DateTime<Utc>> {
    let text = text(value)?;
    date_time(&text).ok_or_else(|| wrong("must be a date-time with its zone, such as 2026-12-31T00:00:00Z"))
}

/// A license to be issued.
#[derive(ToSchema)]
#[schema(as = NewLicense)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct CreateBody {
    product_id: String,
    invoice_id: Option<String>,
    /// Generated where there is none.
    #[schema(max_length = 512)]
    license_key: Option<String>,
    #[schema(example = "ACTIVE")]
    status: Option<String>,
    /// Printable ASCII; compared without regard to case.
    #[schema(max_length = 256)]
    hardware_id: Option<String>,
    /// Addresses, CIDRs, or ranges such as 10.0.0.1-10.0.0.9.
    #[schema(max_items = 100)]
    allowed_ips: Option<Vec<String>>,
    #[schema(minimum = 1)]
    max_uses: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    customer_email: Option<String>,
}

/// What changes of a license; absent fields stay.
#[derive(ToSchema)]
#[schema(as = LicensePatch)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ChangeBody {
    #[schema(example = "SUSPENDED")]
    status: Option<String>,
    /// Null unbinds.
    #[schema(max_length = 256)]
    hardware_id: Option<String>,
    /// Null or empty: from anywhere.
    #[schema(max_items = 100)]
    allowed_ips: Option<Vec<String>>,
    /// Null: as often as one likes.
    #[schema(minimum = 1)]
    max_uses: Option<i64>,
    /// Null: for ever. A date to come makes an expired license active again.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// The machine that a license is bound to from now on; without one, the next that validates it.
#[derive(ToSchema)]
#[schema(as = LicenseHardware)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct HardwareBody {
    /// The key must be of this product.
    product_id: Option<String>,
    /// Null or absent: bound to none.
    hardware_id: Option<String>,
}

/// How much longer a license holds: days, or a date; one of the two.
#[derive(ToSchema)]
#[schema(as = LicenseExtension)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ExtendBody {
    #[schema(minimum = 1, maximum = 36_500)]
    days: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}
