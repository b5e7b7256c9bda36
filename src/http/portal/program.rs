//! A program as its reseller sees it.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use crate::domain::products::{self, Product, ProductId};
use crate::domain::resellers::{self, Access, Reseller};
use crate::domain::serials;
use crate::domain::shops::{self, Mode, Shop, Tenant};
use crate::error::Result;
use crate::http::door::wire::Instant;
use crate::kit::money::{Cents, Currency, Percent};

/// One of a person's programs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Program {
    /// Of the relationship.
    id: String,
    shop: ProgramShop,
    /// `ACTIVE`, `SUSPENDED` or `TERMINATED`.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// `AFFILIATE`, `STOCK` or `BOTH`.
    #[schema(example = "BOTH")]
    mode: &'static str,
    reseller_code: String,
    /// Sales that come by it are the reseller's. Null: this house has no such links yet.
    link: Option<String>,
    created_at: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProgramShop {
    id: String,
    #[schema(example = "Acme Keys")]
    name: String,
    slug: String,
    #[schema(example = "USD")]
    currency: &'static str,
    /// Nothing in it is real money.
    sandbox: bool,
}

/// A program with its terms and products.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgramDetail {
    #[serde(flatten)]
    program: Program,
    terms: Terms,
    limits: Limits,
    /// Nothing was ever listed: every product is open to links and campaigns, and none to stock and the API.
    every_product: bool,
    products: Vec<Offered>,
    /// Codes that are free in all of them.
    available_stock: i64,
}

/// What the relationship has, or else the program.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "as /dev/v1 calls it")]
struct Terms {
    #[schema(value_type = Option<f64>, example = 10.0)]
    commission_percent: Option<Number>,
    #[schema(value_type = Option<f64>, example = 30.0)]
    wholesale_discount_percent: Option<Number>,
    terms_url: Option<String>,
}

/// Items a UTC day and month; null is none.
#[derive(Debug, Serialize, ToSchema)]
struct Limits {
    purchase_limit_daily: Option<i32>,
    purchase_limit_monthly: Option<i32>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Offered {
    product_id: String,
    title: String,
    #[schema(value_type = f64, example = 49.0)]
    price: Number,
    /// What the reseller pays for one; null where it is not sold by stock and API now.
    #[schema(value_type = Option<f64>, example = 34.3)]
    wholesale_price: Option<Number>,
    currency: &'static str,
    #[schema(value_type = Option<f64>)]
    commission_percent: Option<Number>,
    auto_fulfilled_enabled: bool,
    #[schema(value_type = Option<f64>)]
    min_resale_price: Option<Number>,
    #[schema(value_type = Option<f64>)]
    max_resale_price: Option<Number>,
    min_quantity: Option<i32>,
    max_quantity: Option<i32>,
    /// Null is unlimited.
    available_stock: Option<i64>,
}

impl Program {
    pub async fn load(db: &mut PgConnection, shop: Tenant, reseller: &Reseller) -> Result<Self> {
        Ok(Self::of(&shops::get(db, shop).await?, reseller))
    }

    fn of(shop: &Shop, reseller: &Reseller) -> Self {
        Self {
            id: reseller.id.uuid().to_string(),
            shop: ProgramShop::of(shop),
            status: reseller.status.word(),
            mode: reseller.terms.mode.word(),
            reseller_code: reseller.code.clone(),
            link: None,
            created_at: Instant(reseller.created_at),
        }
    }
}

impl ProgramShop {
    pub fn of(shop: &Shop) -> Self {
        Self {
            id: shop.tenant.uuid().to_string(),
            name: shop.name.clone(),
            slug: shop.slug.clone(),
            currency: shop.currency.code(),
            sandbox: shop.mode == Mode::Test,
        }
    }
}

impl ProgramDetail {
    pub async fn load(db: &mut PgConnection, shop: Tenant, reseller: &Reseller) -> Result<Self> {
        let row = shops::get(db, shop).await?;
        let program = resellers::program(db, shop).await?;
        let access = resellers::whole_access(db, shop, reseller.id).await?;
        let ids: Vec<ProductId> = access.iter().map(|access| access.product).collect();
        let products = products::get_all(db, shop, &ids).await?;
        let stock = serials::stock_of_products(db, shop, &products).await?;
        let access: HashMap<ProductId, &Access> = access.iter().map(|access| (access.product, access)).collect();
        let offered = |(product, stock): (&Product, &Option<i64>)| {
            let access = access.get(&product.id)?;
            let offer = resellers::offer(product, reseller, Some(access), &program).ok();
            Some(Offered::of(product, access, offer.map(|offer| offer.wholesale), *stock))
        };
        let products: Vec<Offered> = products.iter().zip(&stock).filter_map(offered).collect();
        let commission = reseller.terms.commission.or(program.commission);
        let discount = reseller.terms.wholesale_discount.or(program.wholesale_discount);
        Ok(Self {
            program: Program::of(&row, reseller),
            terms: Terms {
                commission_percent: commission.map(Percent::number),
                wholesale_discount_percent: discount.map(Percent::number),
                terms_url: program.terms_url,
            },
            limits: Limits {
                purchase_limit_daily: reseller.terms.limit_daily,
                purchase_limit_monthly: reseller.terms.limit_monthly,
            },
            every_product: !reseller.access_listed,
            available_stock: products.iter().filter_map(|product| product.available_stock).sum(),
            products,
        })
    }
}

impl Offered {
    fn of(product: &Product, access: &Access, wholesale: Option<Cents>, stock: Option<i64>) -> Self {
        let currency: Currency = product.currency;
        let major = |cents: Option<Cents>| cents.map(|cents| currency.major(cents));
        Self {
            product_id: product.id.uuid().to_string(),
            title: product.name.clone(),
            price: currency.major(product.price),
            wholesale_price: major(wholesale),
            currency: currency.code(),
            commission_percent: access.commission.map(Percent::number),
            auto_fulfilled_enabled: access.auto_fulfilled,
            min_resale_price: major(access.min_resale),
            max_resale_price: major(access.max_resale),
            min_quantity: access.min_quantity,
            max_quantity: access.max_quantity,
            available_stock: stock,
        }
    }
}
