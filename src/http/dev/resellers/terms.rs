//! Terms and access as a body says them, for an invitation and for a change alike. Names come in
//! `snake_case` or `camelCase`.

use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::domain::products::{self, Product, ProductId};
use crate::domain::resellers::{self, Access, Mode};
use crate::domain::shops::Tenant;
use crate::error::{Error, Fields, Result};
use crate::kit::id::Id;
use crate::kit::json::{Form, Json, Reading, Unknown, Wire, list, object, text, truth, whole, wrong};
use crate::kit::money::{Cents, Currency, Percent};
use crate::kit::patch::Patch;
use crate::kit::values::{Major, major, one_of, percent};

/// Modes, and what the vendors' guides call two of them (contract, C5).
pub(super) const MODES: &[(&str, Mode)] = &[
    ("AFFILIATE", Mode::Affiliate),
    ("STOCK", Mode::Stock),
    ("BOTH", Mode::Both),
    ("WHOLESALE", Mode::Stock),
    ("HYBRID", Mode::Both),
];
/// Products that one relationship lists.
const ACCESS_MAX: usize = 1_000;
/// Items of a limit, or of one purchase.
const ITEMS_MAX: i64 = 1_000_000_000;

#[derive(Clone, Debug)]
pub struct Terms {
    pub mode: Option<Mode>,
    pub commission: Patch<Percent>,
    pub wholesale_discount: Patch<Percent>,
    pub limit_daily: Patch<i32>,
    pub limit_monthly: Patch<i32>,
    access: Option<Vec<Entry>>,
}

/// A member of `product_access`, or of `product_ids`, which says no more than its id.
#[derive(Clone, Debug)]
struct Entry {
    /// Where it stands in the body, for what is wrong with it.
    at: String,
    product: ProductId,
    commission: Option<Percent>,
    wholesale: Option<Major>,
    auto_fulfilled: bool,
    min_resale: Option<Major>,
    max_resale: Option<Major>,
    min_quantity: Option<i32>,
    max_quantity: Option<i32>,
}

impl Terms {
    pub(super) fn read(form: &mut Form) -> Option<Self> {
        let mode = form.optional("mode", one_of(MODES));
        let commission = form.patch("custom_commission_percent", percent);
        let wholesale_discount = form.patch("custom_wholesale_discount_percent", percent);
        let limit_daily = form.patch("purchase_limit_daily", items(0));
        let limit_monthly = form.patch("purchase_limit_monthly", items(0));
        let plain = form.optional("product_ids", list(0, ACCESS_MAX, product));
        let detailed = form.optional("product_access", list(0, ACCESS_MAX, object(Unknown::Ignored)));
        let access = match (plain?, detailed?) {
            (None, None) => None,
            (plain, detailed) => Some(merged(form, plain.unwrap_or_default(), detailed.unwrap_or_default())),
        };
        Some(Self {
            mode: mode?,
            commission: commission?,
            wholesale_discount: wholesale_discount?,
            limit_daily: limit_daily?,
            limit_monthly: limit_monthly?,
            access,
        })
    }

    /// Terms of a new relationship; what is absent is as the program has it.
    pub(super) fn granted(&self, default: Mode) -> resellers::Terms {
        resellers::Terms {
            mode: self.mode.unwrap_or(default),
            commission: self.commission.apply(None),
            wholesale_discount: self.wholesale_discount.apply(None),
            limit_daily: self.limit_daily.apply(None),
            limit_monthly: self.limit_monthly.apply(None),
        }
    }

    /// The list of products, each held against the shop's own, in its currency.
    ///
    /// # Errors
    /// [`Error::Invalid`] for products of nobody or of another shop, and for prices that are none.
    pub(super) async fn access(&self, db: &mut PgConnection, shop: Tenant) -> Result<Option<Vec<Access>>> {
        let Some(entries) = &self.access else { return Ok(None) };
        let ids: Vec<ProductId> = entries.iter().map(|entry| entry.product).collect();
        let products = products::get_all(db, shop, &ids).await?;
        let (mut mistakes, mut access) = (Fields::default(), Vec::with_capacity(entries.len()));
        for entry in entries {
            match products.iter().find(|product| product.id == entry.product) {
                Some(product) => access.extend(entry.of(product, &mut mistakes)),
                None => mistakes.wrong(entry.at.clone(), "names no product of this shop"),
            }
        }
        if mistakes.is_empty() { Ok(Some(access)) } else { Err(Error::Invalid(mistakes)) }
    }
}

/// Both lists as one; a product that both name is as the detailed one has it.
fn merged(form: &mut Form, plain: Vec<ProductId>, detailed: Vec<Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, entry) in detailed.into_iter().enumerate() {
        let at = format!("product_access[{index}]");
        if entries.iter().any(|one| one.product == entry.product) {
            form.wrong(&at, "names a product that is in the list already");
        }
        entries.push(Entry { at, ..entry });
    }
    for (index, id) in plain.into_iter().enumerate() {
        if !entries.iter().any(|one| one.product == id) {
            entries.push(Entry::plain(format!("product_ids[{index}]"), id));
        }
    }
    if entries.len() > ACCESS_MAX {
        form.wrong("product_access", &format!("must have at most {ACCESS_MAX} products, with product_ids"));
    }
    entries
}

impl Entry {
    const fn plain(at: String, product: ProductId) -> Self {
        Self {
            at,
            product,
            commission: None,
            wholesale: None,
            auto_fulfilled: false,
            min_resale: None,
            max_resale: None,
            min_quantity: None,
            max_quantity: None,
        }
    }

    fn of(&self, product: &Product, mistakes: &mut Fields) -> Option<Access> {
        let mut amount = |name: &str, amount: Option<&Major>| {
            cents(amount, product.currency).map_err(|wrong| mistakes.absorb(&format!("{}.{name}", self.at), wrong)).ok()
        };
        let wholesale = amount("wholesale_price_override", self.wholesale.as_ref());
        let min_resale = amount("min_resale_price", self.min_resale.as_ref());
        let max_resale = amount("max_resale_price", self.max_resale.as_ref());
        if let (Some(Some(min)), Some(Some(max))) = (min_resale, max_resale)
            && min > max
        {
            mistakes.wrong(format!("{}.min_resale_price", self.at), "must not be above max_resale_price");
        }
        Some(Access {
            product: self.product,
            commission: self.commission,
            wholesale: wholesale?,
            auto_fulfilled: self.auto_fulfilled,
            min_resale: min_resale?,
            max_resale: max_resale?,
            min_quantity: self.min_quantity,
            max_quantity: self.max_quantity,
        })
    }
}

fn cents(amount: Option<&Major>, currency: Currency) -> Reading<Option<Cents>> {
    amount.map(|amount| amount.in_currency(currency)).transpose()
}

impl Wire for Entry {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let product = form.required("product_id", product);
        let commission = form.optional("commission_percent_override", percent);
        let wholesale = form.optional("wholesale_price_override", major);
        let auto_fulfilled = form.optional("auto_fulfilled_enabled", truth);
        let [min_resale, max_resale] = ["min_resale_price", "max_resale_price"].map(|name| form.optional(name, major));
        let [min, max] = ["min_quantity", "max_quantity"].map(|name| form.optional(name, items(1)));
        if let (Some(Some(min)), Some(Some(max))) = (min, max)
            && min > max
        {
            form.wrong("min_quantity", "must not be above max_quantity");
        }
        Some(Self {
            commission: commission?,
            wholesale: wholesale?,
            auto_fulfilled: auto_fulfilled?.unwrap_or_default(),
            min_resale: min_resale?,
            max_resale: max_resale?,
            min_quantity: min?,
            max_quantity: max?,
            ..Self::plain(String::new(), product?)
        })
    }
}

fn product(value: Json) -> Reading<ProductId> {
    Id::parse(&text(value)?).ok_or_else(|| wrong("is not an id"))
}

fn items(min: i64) -> impl FnOnce(Json) -> Reading<i32> {
    move |value| i32::try_from(whole(min, ITEMS_MAX)(value)?).map_err(|_| wrong("is too large"))
}

/// A product that a reseller may sell, and the terms of its own that it has; amounts are in the product's currency.
#[derive(ToSchema)]
#[schema(as = ProductAccessInput)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct EntryBody {
    product_id: String,
    commission_percent_override: Option<f64>,
    /// For one unit; beats every discount.
    wholesale_price_override: Option<f64>,
    auto_fulfilled_enabled: Option<bool>,
    min_resale_price: Option<f64>,
    max_resale_price: Option<f64>,
    /// Of one purchase.
    #[schema(minimum = 1)]
    min_quantity: Option<i32>,
    #[schema(minimum = 1)]
    max_quantity: Option<i32>,
}
