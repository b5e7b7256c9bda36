//! What a product is made and changed with on this surface. Names come in `snake_case` or `camelCase`.

use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::licenses::Pattern;
use crate::domain::products::{Licensing, Listing, NewProduct, Product, ProductPatch, Source, Status, Type, Uses};
use crate::domain::serials::Code;
use crate::error::{Error, Result};
use crate::kit::json::{Form, Json, Reading, Wire, list, text, truth, whole, wrong};
use crate::kit::money::Currency;
use crate::kit::patch::Patch;
use crate::kit::values::{Major, currency, major, name, one_of, prose, web_address};
use crate::kit::web_address::WebAddress;

/// Codes of one request, as `/v1` takes them.
const SERIALS_MAX: usize = 5_000;
const TEXT_CHARS_MAX: usize = 20_000;
const STOCK_MAX: i64 = 1_000_000_000;
/// A hundred years.
const PERIOD_DAYS_MAX: i64 = 36_500;

/// Contract 9.2: what a `/v1` type is called here.
pub const TYPES: &[(&str, Type)] = &[
    ("SERIALS", Type::LicenseKey),
    ("SERVICE", Type::Physical),
    ("DYNAMIC", Type::Dynamic),
    ("FILE", Type::FileDownload),
    ("SUBSCRIPTION", Type::Subscription),
];

#[derive(Clone, Debug)]
pub struct Create {
    title: String,
    r#type: Type,
    price: Major,
    currency: Option<Currency>,
    description: Option<String>,
    stock: Option<i32>,
    pub source: Source,
    listing: Listing,
    licensing: Licensing,
    pub serials: Vec<Code>,
}

impl Create {
    /// # Errors
    /// [`Error::Invalid`] for a price that is none in this currency.
    pub fn new_product(&self, of_shop: Currency) -> Result<NewProduct> {
        let currency = self.currency.unwrap_or(of_shop);
        Ok(NewProduct {
            name: self.title.clone(),
            r#type: self.r#type,
            price: self.price.in_currency(currency).map_err(|wrong| under("price", wrong))?,
            currency,
            description: self.description.clone(),
            stock: self.stock,
            source: self.source.clone(),
            listing: self.listing,
            licensing: self.licensing.clone(),
        })
    }
}

impl Wire for Create {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let title = form.required("title", name);
        let r#type = form.required("type", one_of(TYPES));
        let price = form.required("price", major);
        let currency = form.optional("currency", currency);
        let description = form.optional("description", prose(TEXT_CHARS_MAX));
        let stock = form.optional("stock", stock);
        let webhook = form.optional("dynamic_webhook", web_address);
        let service_text = form.optional("service_text", prose(TEXT_CHARS_MAX));
        let flags = ["unlisted", "private", "on_hold", "licensing_enabled"].map(|flag| form.optional(flag, truth));
        let period = form.optional("license_period", period);
        let uses = form.optional("count_uses", one_of(Uses::WORDS));
        let pattern = form.optional("license_key_pattern", pattern);
        let serials = form.optional("serials", serials);
        if r#type.is_some_and(|kind| !kind.takes_codes()) && matches!(&serials, Some(Some(codes)) if !codes.is_empty())
        {
            form.wrong("serials", "belong to a product of type SERIALS");
        }
        if r#type == Some(Type::LicenseKey) && matches!(stock, Some(Some(Some(_)))) {
            form.wrong("stock", "of a SERIALS product is the number of its free serials");
        }
        let [unlisted, private, on_hold, licensed] = flags;
        Some(Self {
            title: title?,
            r#type: r#type?,
            price: price?,
            currency: currency?,
            description: description?,
            stock: stock?.flatten(),
            source: Source { webhook: webhook?, text: service_text?, file: None },
            listing: Listing {
                unlisted: unlisted?.unwrap_or_default(),
                private: private?.unwrap_or_default(),
                on_hold: on_hold?.unwrap_or_default(),
            },
            licensing: Licensing {
                enabled: licensed?.unwrap_or_default(),
                period_days: period?,
                uses: uses?.unwrap_or_default(),
                key_pattern: pattern?,
            },
            serials: serials?.unwrap_or_default(),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Change {
    price: Option<Major>,
    rest: ProductPatch,
    /// Replaces the free serials of the pool.
    pub serials: Option<Vec<Code>>,
}

impl Change {
    #[must_use]
    pub const fn webhook(&self) -> Option<&WebAddress> {
        self.rest.webhook.value()
    }

    /// # Errors
    /// The change of this product. A draft, which is on hold and private here, goes on sale when either ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a price that is none in the product's currency.
    pub fn patch(&self, before: &Product) -> Result<ProductPatch> {
        let price = self.price.as_ref().map(|price| price.in_currency(before.currency)).transpose();
        let opens = [self.rest.private, self.rest.on_hold].contains(&Some(false));
        Ok(ProductPatch {
            price: price.map_err(|wrong| under("price", wrong))?,
            status: (opens && before.status == Status::Draft).then_some(Status::Active),
            ..self.rest.clone()
        })
    }
}

impl Wire for Change {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let title = form.optional("title", name);
        let price = form.optional("price", major);
        let description = form.patch("description", prose(TEXT_CHARS_MAX));
        let stock = form.patch("stock", stock);
        let webhook = form.patch("dynamic_webhook", web_address);
        let service_text = form.patch("service_text", prose(TEXT_CHARS_MAX));
        let flags = ["unlisted", "private", "on_hold", "licensing_enabled"].map(|flag| form.optional(flag, truth));
        let period = form.patch("license_period", period);
        let uses = form.optional("count_uses", one_of(Uses::WORDS));
        let pattern = form.patch("license_key_pattern", pattern);
        let serials = form.optional("serials", serials);
        let [unlisted, private, on_hold, licensed] = flags;
        Some(Self {
            price: price?,
            rest: ProductPatch {
                name: title?,
                description: description?,
                stock: match stock? {
                    Patch::Value(None) | Patch::Null => Patch::Null,
                    Patch::Value(Some(stock)) => Patch::Value(stock),
                    Patch::Absent => Patch::Absent,
                },
                webhook: webhook?,
                text: service_text?,
                unlisted: unlisted?,
                private: private?,
                on_hold: on_hold?,
                licensing_enabled: licensed?,
                license_period_days: period?,
                license_uses: uses?,
                license_key_pattern: pattern?,
                ..ProductPatch::default()
            },
            serials: serials?,
        })
    }
}

/// -1 is unlimited here.
fn stock(value: Json) -> Reading<Option<i32>> {
    let stock = whole(-1, STOCK_MAX)(value)?;
    Ok(i32::try_from(stock).ok().filter(|stock| *stock >= 0))
}

fn period(value: Json) -> Reading<i32> {
    let days = whole(1, PERIOD_DAYS_MAX)(value)?;
    i32::try_from(days).map_err(|_| wrong("is too large"))
}

fn pattern(value: Json) -> Reading<String> {
    Pattern::parse(&text(value)?).map(|pattern| pattern.as_str().to_owned()).map_err(wrong)
}

/// A list, or one text with a code a line, as published clients send it.
fn serials(value: Json) -> Reading<Vec<Code>> {
    let lines = match value {
        Json::Text(text) => {
            let filled = text.lines().filter(|line| !line.trim().is_empty());
            Json::List(filled.map(|line| Json::Text(line.to_owned())).collect())
        }
        other => other,
    };
    list(0, SERIALS_MAX, |line| Code::parse(&text(line)?).map_err(wrong))(lines)
}

fn under(field: &str, inner: crate::error::Fields) -> Error {
    let mut fields = crate::error::Fields::default();
    fields.absorb(field, inner);
    Error::Invalid(fields)
}

/// A product and how it is sold. In a change every field may be left out, and stays as it is.
#[derive(ToSchema)]
#[schema(as = ProductInput)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ProductInput {
    #[schema(min_length = 1, max_length = 200, example = "Studio Pro")]
    title: String,
    /// `SERIALS`, `SERVICE`, `DYNAMIC`, `FILE` or `SUBSCRIPTION`; it cannot change.
    #[schema(example = "SERIALS")]
    r#type: String,
    /// Major units, with at most as many decimals as the currency has.
    #[schema(example = 49.0)]
    price: f64,
    /// The shop's, unless said; it cannot change.
    #[schema(example = "USD")]
    currency: Option<String>,
    description: Option<String>,
    /// Of a product without serials; -1 and null are unlimited.
    stock: Option<i64>,
    /// A list, or one text with a serial a line. In a change they replace the free serials of the pool.
    #[schema(example = json!(["AAAA-BBBB", "CCCC-DDDD"]))]
    serials: Option<Value>,
    dynamic_webhook: Option<String>,
    service_text: Option<String>,
    unlisted: Option<bool>,
    private: Option<bool>,
    on_hold: Option<bool>,
    /// Each unit that is delivered brings a license: its key is the serial, where the product has serials, else made
    /// by `license_key_pattern`.
    licensing_enabled: Option<bool>,
    /// Days; null is for ever.
    #[schema(minimum = 1, maximum = 36_500)]
    license_period: Option<i64>,
    /// `validation` (unless said) or `activation`: what counts as a use.
    count_uses: Option<String>,
    /// How generated license keys look: each `X` becomes a random letter or digit, at least 25 of them. Null is the house's.
    #[schema(max_length = 128, example = "ACME-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX")]
    license_key_pattern: Option<String>,
}
