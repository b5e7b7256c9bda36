//! What a session is opened and paid with.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::orders::{ITEMS_MAX, Line, QUANTITY_MAX};
use crate::domain::payments::{Gateway, Outcome};
use crate::domain::products::ProductId;
use crate::domain::shops::Mode;
use crate::kit::json::{Form, Json, Reading, Unknown, Wire, list, object, text, whole, wrong};
use crate::kit::values::{Email, email, name, one_of, prose};

const RETURN_URL_CHARS_MAX: usize = 2_048;
const CUSTOM_FIELDS_MAX: usize = 20;
const CUSTOM_FIELD_CHARS_MAX: usize = 500;

#[derive(Debug)]
pub struct NewSession {
    pub shop: String,
    pub mode: Mode,
    pub items: Vec<Line>,
    pub email: Email,
    pub gateway: Option<Gateway>,
    pub return_url: Option<String>,
    pub custom_fields: Value,
}

impl Wire for NewSession {
    fn read(form: &mut Form) -> Option<Self> {
        let shop = form.required("shop", name);
        let mode = form.optional("mode", one_of(Mode::WORDS));
        let items = form.required("items", list(1, ITEMS_MAX, object::<Line>(Unknown::Refused)));
        let email = form.required("email", email);
        let gateway = form.optional("gateway", one_of(Gateway::WORDS));
        let return_url = form.optional("return_url", return_url);
        let custom_fields = form.optional("custom_fields", custom_fields);
        // No shop has a coupon, a campaign or a listing yet, so every one of them is unknown. An
        // unknown reseller code sells unattributed (R46).
        for token in ["coupon_code", "campaign", "listing"] {
            form.optional(token, |_| Err::<(), _>(wrong("is not known in this shop")));
        }
        form.optional("ref", text);
        Some(Self {
            shop: shop?,
            mode: mode?.unwrap_or(Mode::Live),
            items: items?,
            email: email?,
            gateway: gateway?,
            return_url: return_url?,
            custom_fields: custom_fields?.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        })
    }
}

impl Wire for Line {
    fn read(form: &mut Form) -> Option<Self> {
        let product = form.required("product_id", |value| {
            ProductId::parse(&text(value)?).ok_or_else(|| wrong("is not a product on sale in this shop"))
        });
        let quantity = form.required("quantity", whole(1, QUANTITY_MAX));
        form.optional("variant_id", |_| Err::<(), _>(wrong("the product has no variants")));
        Some(Self { product: product?, quantity: i32::try_from(quantity?).unwrap_or(i32::MAX) })
    }
}

fn return_url(value: Json) -> Reading<String> {
    let url = prose(RETURN_URL_CHARS_MAX)(value)?;
    let web = url.starts_with("https://") || url.starts_with("http://");
    if web && !url.contains(char::is_whitespace) { Ok(url) } else { Err(wrong("must be a web address")) }
}

fn custom_fields(value: Json) -> Reading<Value> {
    let Json::Object(fields) = value else { return Err(wrong("must be an object")) };
    if fields.len() > CUSTOM_FIELDS_MAX {
        return Err(wrong(format!("must have at most {CUSTOM_FIELDS_MAX} entries")));
    }
    let read = |(key, value): (String, Json)| {
        let key = prose(CUSTOM_FIELD_CHARS_MAX)(Json::Text(key))?;
        Ok((key, Value::String(prose(CUSTOM_FIELD_CHARS_MAX)(value)?)))
    };
    fields.into_iter().map(read).collect::<Reading<serde_json::Map<_, _>>>().map(Value::Object)
}

/// A cart: what is bought, in which shop, and by whom.
#[derive(ToSchema)]
#[schema(as = NewSession)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewSessionBody {
    /// The shop's slug or id.
    #[schema(example = "demo")]
    shop: String,
    /// live (unless said) or test.
    mode: Option<String>,
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<LineBody>,
    #[schema(example = "ada@example.com")]
    email: String,
    coupon_code: Option<String>,
    /// sandbox, in test mode; manual. The first that the shop takes, unless said.
    gateway: Option<String>,
    campaign: Option<String>,
    listing: Option<String>,
    /// A reseller's code; an unknown one is ignored.
    r#ref: Option<String>,
    return_url: Option<String>,
    custom_fields: Option<BTreeMap<String, String>>,
}

/// One line of a cart.
#[derive(ToSchema)]
#[schema(as = Line)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct LineBody {
    product_id: String,
    variant_id: Option<String>,
    #[schema(minimum = 1, maximum = 1_000)]
    quantity: i64,
}

#[derive(Debug)]
pub struct Pay {
    pub outcome: Outcome,
}

impl Wire for Pay {
    fn read(form: &mut Form) -> Option<Self> {
        let outcome = form.optional("outcome", one_of(Outcome::WORDS));
        Some(Self { outcome: outcome?.unwrap_or(Outcome::Succeeded) })
    }
}

/// How a payment in the sandbox ends.
#[derive(ToSchema)]
#[schema(as = Pay)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct PayBody {
    /// succeed (unless said) or fail.
    outcome: Option<String>,
}
