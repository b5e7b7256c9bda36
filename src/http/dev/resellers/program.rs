//! The shop's reseller program.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::terms::MODES;
use crate::domain::keys::developer::{ResellerProgramsRead, ResellerProgramsWrite};
use crate::domain::resellers::{self, ProgramPatch};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Fields, Result};
use crate::http::door::caller::Developer;
use crate::http::door::read::Read;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::{Form, Json as Value, Reading, Wire, text, truth, whole, wrong};
use crate::kit::money::{Currency, Percent};
use crate::kit::patch::Patch;
use crate::kit::values::{Major, major, one_of, percent};
use crate::kit::web_address::{Reach, WebAddress};

const HOLD_DAYS_MAX: i64 = 365;

#[derive(Debug, Serialize, ToSchema)]
pub struct ResellerProgram {
    id: String,
    uniqid: String,
    is_enabled: bool,
    /// `AFFILIATE`, `STOCK` or `BOTH`.
    #[schema(example = "BOTH")]
    default_mode: &'static str,
    #[schema(value_type = Option<f64>, example = 10)]
    default_commission_percent: Option<Number>,
    #[schema(value_type = Option<f64>, example = 25)]
    default_wholesale_discount_percent: Option<Number>,
    /// In the shop's currency, major units.
    #[schema(value_type = Option<f64>, example = 50)]
    min_payout_threshold: Option<Number>,
    require_verification: bool,
    commission_hold_days: i32,
    terms_url: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Change {
    rest: ProgramPatch,
    min_payout: Patch<Major>,
}

impl Change {
    fn patch(&self, currency: Currency) -> Result<ProgramPatch> {
        let min_payout = match &self.min_payout {
            Patch::Absent => Patch::Absent,
            Patch::Null => Patch::Null,
            Patch::Value(amount) => Patch::Value(amount.in_currency(currency).map_err(|wrong| {
                let mut fields = Fields::default();
                fields.absorb("min_payout_threshold", wrong);
                Error::Invalid(fields)
            })?),
        };
        Ok(ProgramPatch { min_payout, ..self.rest.clone() })
    }
}

impl Wire for Change {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let enabled = form.optional("is_enabled", truth);
        let mode = form.optional("default_mode", one_of(MODES));
        let commission = form.patch("default_commission_percent", percent);
        let wholesale_discount = form.patch("default_wholesale_discount_percent", percent);
        let min_payout = form.patch("min_payout_threshold", major);
        let require_verification = form.optional("require_verification", truth);
        let hold = form.optional("commission_hold_days", whole(0, HOLD_DAYS_MAX));
        let terms_url = form.patch("terms_url", page);
        let rest = ProgramPatch {
            enabled: enabled?,
            mode: mode?,
            commission: commission?,
            wholesale_discount: wholesale_discount?,
            min_payout: Patch::Absent,
            require_verification: require_verification?,
            commission_hold_days: hold?.and_then(|days| i32::try_from(days).ok()),
            terms_url: terms_url?,
        };
        Some(Self { rest, min_payout: min_payout? })
    }
}

/// A page for people, who come to it by https.
fn page(value: Value) -> Reading<String> {
    let address = WebAddress::parse(&text(value)?, Reach::Public).map_err(wrong)?;
    Ok(address.as_str().to_owned())
}

/// Fetches the reseller program; it is off unless it was turned on.
#[utoipa::path(get, path = "/reseller-program", tag = "resellers", security(("key" = ["reseller_programs.read"])),
    responses((status = 200, body = Data<ResellerProgram>)))]
pub async fn program(caller: Developer<ResellerProgramsRead>, mut db: Read) -> Answer<Data<ResellerProgram>> {
    let currency = shops::get(&mut db, caller.shop).await?.currency;
    let program = resellers::program(&mut db, caller.shop).await?;
    Ok(Json(ResellerProgram::of(caller.shop, program, currency)))
}

/// Changes the program; absent fields stay. Turned off, it takes nobody new and sells nothing; what was
/// bought and earned stays.
#[utoipa::path(patch, path = "/reseller-program", tag = "resellers", security(("key" = ["reseller_programs.write"])),
    request_body = ChangeBody, responses((status = 200, body = Data<ResellerProgram>)))]
pub async fn update_program(caller: Developer<ResellerProgramsWrite>, write: Write<Change>) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let currency = shops::get(db, shop).await?.currency;
            let program = resellers::update_program(db, shop, &app.env, body.patch(currency)?).await?;
            Ok(ResellerProgram::of(shop, program, currency))
        })
        .await
}

impl ResellerProgram {
    fn of(shop: Tenant, program: resellers::Program, currency: Currency) -> Data<Self> {
        let id = shop.uuid().to_string();
        Data {
            data: Self {
                uniqid: id.clone(),
                id,
                is_enabled: program.enabled,
                default_mode: program.mode.word(),
                default_commission_percent: program.commission.map(Percent::number),
                default_wholesale_discount_percent: program.wholesale_discount.map(Percent::number),
                min_payout_threshold: program.min_payout.map(|amount| currency.major(amount)),
                require_verification: program.require_verification,
                commission_hold_days: program.commission_hold_days,
                terms_url: program.terms_url,
            },
        }
    }
}

/// What changes of the reseller program; absent fields stay.
#[derive(ToSchema)]
#[schema(as = ResellerProgramPatch)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ChangeBody {
    is_enabled: Option<bool>,
    /// `AFFILIATE`, `STOCK` or `BOTH`.
    default_mode: Option<String>,
    #[schema(minimum = 0, maximum = 100)]
    default_commission_percent: Option<f64>,
    #[schema(minimum = 0, maximum = 100)]
    default_wholesale_discount_percent: Option<f64>,
    #[schema(minimum = 0)]
    min_payout_threshold: Option<f64>,
    require_verification: Option<bool>,
    #[schema(minimum = 0, maximum = 365)]
    commission_hold_days: Option<i64>,
    /// An https address.
    terms_url: Option<String>,
}
