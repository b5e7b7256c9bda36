//! What a product is made and changed with, and the codes that are loaded for it.

use utoipa::ToSchema;

use crate::domain::files::FileId;
use crate::domain::products::{Licensing, Listing, NewProduct, ProductPatch, Source, Status, Type};
use crate::domain::serials::Code;
use crate::kit::json::{Form, Json as Tree, Reading, Wire, list as array, text, whole, wrong};
use crate::kit::patch::Patch;
use crate::kit::values::{currency, name, one_of, price, prose, web_address};

/// Codes of one import.
const KEYS_MAX: usize = 5_000;
const DESCRIPTION_CHARS_MAX: usize = 20_000;
const SERVICE_TEXT_CHARS_MAX: usize = 20_000;
const STOCK_MAX: i64 = 1_000_000_000;

/// A product to be sold: what it is, what it costs, and what it delivers.
#[derive(ToSchema)]
#[schema(as = NewProduct)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewProductBody {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(example = "license_key")]
    r#type: String,
    #[schema(minimum = 0, maximum = 99_999_999_999_i64)]
    price_cents: i64,
    /// ISO 4217, upper case.
    #[schema(example = "USD")]
    currency: String,
    /// Markdown.
    #[schema(max_length = 20_000)]
    description: Option<String>,
    /// Null is unlimited. Refused for `license_key`, whose stock is its free codes.
    #[schema(minimum = 0)]
    stock: Option<i64>,
    /// Of a `dynamic` product: https. It is called when the product was paid, and answers with the goods.
    dynamic_webhook: Option<String>,
    /// Handed over with the goods, or as the goods where there is nothing else.
    #[schema(max_length = 20_000)]
    service_text: Option<String>,
    /// Of a `file_download` product.
    file_id: Option<String>,
}

impl Wire for NewProduct {
    fn read(form: &mut Form) -> Option<Self> {
        let name = form.required("name", name);
        let r#type = form.required("type", one_of(Type::WORDS));
        let price = form.required("price_cents", price);
        let currency = form.required("currency", currency);
        let description = form.optional("description", prose(DESCRIPTION_CHARS_MAX));
        let stock = form.optional("stock", stock);
        let webhook = form.optional("dynamic_webhook", web_address);
        let text = form.optional("service_text", prose(SERVICE_TEXT_CHARS_MAX));
        let file = form.optional("file_id", file);
        if r#type == Some(Type::LicenseKey) && matches!(stock, Some(Some(_))) {
            form.wrong("stock", "of a pooled product is the number of its free codes");
        }
        Some(Self {
            name: name?,
            r#type: r#type?,
            price: price?,
            currency: currency?,
            description: description?,
            stock: stock?,
            source: Source { webhook: webhook?, text: text?, file: file? },
            listing: Listing::default(),
            licensing: Licensing::default(),
        })
    }
}

/// What changes of a product; absent fields stay.
#[derive(ToSchema)]
#[schema(as = ProductPatch)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ProductPatchBody {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(minimum = 0, maximum = 99_999_999_999_i64)]
    price_cents: Option<i64>,
    /// active, archived or draft.
    status: Option<String>,
    /// Markdown; null empties it.
    #[schema(max_length = 20_000)]
    description: Option<String>,
    /// Of a product without a pool; null is unlimited.
    #[schema(minimum = 0)]
    stock: Option<i64>,
    /// Of a `dynamic` product; its signing secret is made with its first one and stays.
    dynamic_webhook: Option<String>,
    #[schema(max_length = 20_000)]
    service_text: Option<String>,
    /// Of a `file_download` product.
    file_id: Option<String>,
}

impl Wire for ProductPatch {
    fn read(form: &mut Form) -> Option<Self> {
        let name = given(form.patch("name", name), form, "name");
        let price = given(form.patch("price_cents", price), form, "price_cents");
        let status = given(form.patch("status", one_of(Status::WORDS)), form, "status");
        let description = form.patch("description", prose(DESCRIPTION_CHARS_MAX));
        let stock = form.patch("stock", stock);
        let webhook = form.patch("dynamic_webhook", web_address);
        let text = form.patch("service_text", prose(SERVICE_TEXT_CHARS_MAX));
        let file = form.patch("file_id", file);
        Some(Self {
            name: name?,
            price: price?,
            status: status?,
            description: description?,
            stock: stock?,
            webhook: webhook?,
            text: text?,
            file: file?,
            ..Self::default()
        })
    }
}

/// A field that may be left out and not emptied.
#[expect(clippy::option_option, reason = "the outer is a mistake, the inner an absence")]
fn given<T>(patch: Option<Patch<T>>, form: &mut Form, field: &str) -> Option<Option<T>> {
    match patch? {
        Patch::Absent => Some(None),
        Patch::Value(value) => Some(Some(value)),
        Patch::Null => {
            form.wrong(field, "must not be null");
            None
        }
    }
}

fn file(value: Tree) -> Reading<FileId> {
    FileId::parse(&text(value)?).ok_or_else(|| wrong("is not a file of this shop"))
}

fn stock(value: Tree) -> Reading<i32> {
    let stock = whole(0, STOCK_MAX)(value)?;
    i32::try_from(stock).map_err(|_| wrong("is too large"))
}

/// The body of an import.
#[derive(Debug)]
pub struct Keys {
    pub keys: Vec<Code>,
}

/// Codes for the pool of a product.
#[derive(ToSchema)]
#[schema(as = Keys)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct KeysBody {
    /// Cut of surrounding white space, 4,096 bytes each.
    #[schema(min_items = 1, max_items = 5_000, example = json!(["AAAA-BBBB-CCCC", "DDDD-EEEE-FFFF"]))]
    keys: Vec<String>,
}

impl Wire for Keys {
    fn read(form: &mut Form) -> Option<Self> {
        let code = |value| Code::parse(&text(value)?).map_err(wrong);
        let keys = form.required("keys", array(1, KEYS_MAX, code));
        Some(Self { keys: keys? })
    }
}
