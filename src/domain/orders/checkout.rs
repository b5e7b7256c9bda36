//! A checkout opens an order: what is bought at today's prices, for how much, with the stock set aside.

use chrono::Duration;
use sqlx::PgConnection;

use super::{DeliveryState, Item, Method, Opened, Order, Status, buyer, delivery, goods, items, payment, sql};
use crate::domain::customers;
use crate::domain::outbox::{self, Event};
use crate::domain::payments::{Gateway, Gateways};
use crate::domain::products::{self, Product, ProductId};
use crate::domain::serials::{self, Cursors};
use crate::domain::shops::{Shop, Tenant};
use crate::error::{Error, Fields, Result};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};
use crate::kit::values::Email;

/// Lines of one cart.
pub const ITEMS_MAX: usize = 50;
/// Units of one line.
pub const QUANTITY_MAX: i64 = 1_000;
/// How long a checkout keeps its stock (contract 8.3).
pub const RESERVED_FOR: Duration = Duration::minutes(30);

#[derive(Clone, Debug)]
pub struct Line {
    pub product: ProductId,
    /// 1 to [`QUANTITY_MAX`].
    pub quantity: i32,
}

#[derive(Clone, Debug)]
pub struct NewOrder {
    pub items: Vec<Line>,
    pub email: Email,
    pub gateway: Option<Gateway>,
    pub return_url: Option<String>,
    pub custom_fields: serde_json::Value,
}

/// Opens an order and reserves its stock; one of total 0 is paid and delivered at once.
///
/// # Errors
/// [`Error::Invalid`] by line; [`crate::error::Conflict::OutOfStock`].
pub async fn open(
    db: &mut PgConnection,
    shop: &Shop,
    env: &Env,
    cursors: &Cursors,
    gateways: &Gateways,
    new: NewOrder,
) -> Result<Opened> {
    let tenant = shop.tenant;
    let ids: Vec<ProductId> = new.items.iter().map(|line| line.product).collect();
    let catalogue = products::get_all(db, tenant, &ids).await?;
    let cart = Cart::price(&new.items, &catalogue)?;
    let gateway = gateways.choose(shop.mode, cart.total, new.gateway)?;
    let customer = customers::ensure(db, tenant, env, &new.email).await?;

    let order = Order {
        id: env.id(),
        status: Status::AwaitingPayment,
        failure: None,
        customer,
        customer_email: new.email.as_str().to_owned(),
        currency: cart.currency,
        subtotal: cart.total,
        discount: Cents::ZERO,
        total: cart.total,
        refunded: Cents::ZERO,
        refunding: Cents::ZERO,
        gateway,
        payment: None,
        return_url: new.return_url,
        note: None,
        mail: true,
        top_up: None,
        expires_at: env.now() + RESERVED_FOR,
        paid_at: None,
    };
    let items: Vec<Item> = cart.lines.iter().map(|line| line.item(tenant, env, &order)).collect::<Result<_>>()?;
    sql::insert_order(db, tenant.uuid(), &order, &new.custom_fields, env.now()).await?;
    items::insert(db, tenant, &items).await?;
    let token = buyer::admit(db, tenant, env, order.id).await?;
    outbox::emit(db, tenant, env, &[Event::OrderCreated(order.facts())]).await?;
    serials::reserve(db, tenant, env, cursors, &delivery::demands(&items)).await?;
    // Counted stock is a row that every sale of the product needs: last, so that it is held briefly, and
    // in product order, so that two carts cannot wait for each other.
    let mut counted: Vec<_> = cart.lines.iter().filter(|line| line.product.pool.is_none()).collect();
    counted.sort_unstable_by_key(|line| line.product.id);
    for line in counted {
        products::take_counted(db, tenant, line.product, line.quantity).await?;
    }

    let (order, items) = if order.total == Cents::ZERO {
        payment::settle(db, tenant, env, cursors, order, items).await?
    } else {
        (order, items)
    };
    Ok(Opened { order, items, token })
}

struct Cart<'a> {
    lines: Vec<PricedLine<'a>>,
    currency: Currency,
    total: Cents,
}

struct PricedLine<'a> {
    product: &'a Product,
    quantity: i32,
    subtotal: Cents,
}

impl<'a> Cart<'a> {
    /// Prices every line, telling all that is wrong at once.
    fn price(lines: &[Line], catalogue: &'a [Product]) -> Result<Self> {
        let mut wrong = Fields::default();
        let mut priced = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let on_sale = |p: &&Product| p.id == line.product && p.is_on_sale();
            let Some(product) = catalogue.iter().find(on_sale) else {
                wrong.wrong(format!("items[{index}].product_id"), "is not a product on sale in this shop");
                continue;
            };
            match product.price.times(line.quantity.into()) {
                Some(subtotal) => priced.push(PricedLine { product, quantity: line.quantity, subtotal }),
                None => wrong.wrong(format!("items[{index}].quantity"), "makes the amount too large"),
            }
        }
        let total = priced.iter().try_fold(Cents::ZERO, |sum, line| sum.plus(line.subtotal));
        let currency = priced.first().map(|line| line.product.currency);
        if priced.iter().any(|line| Some(line.product.currency) != currency) {
            wrong.wrong("items", "must all be in one currency");
        }
        if total.is_none() {
            wrong.wrong("items", "make the amount too large");
        }
        match (currency, total) {
            (Some(currency), Some(total)) if wrong.is_empty() => Ok(Self { lines: priced, currency, total }),
            _ => Err(Error::Invalid(wrong)),
        }
    }
}

impl PricedLine<'_> {
    fn item(&self, shop: Tenant, env: &Env, order: &Order) -> Result<Item> {
        let id = env.id();
        let method = Method::by(self.product);
        // What a dynamic call answers takes this place later.
        let text = self.product.source.text.as_deref().filter(|_| method != Method::Dynamic);
        Ok(Item {
            id,
            order: order.id,
            product: self.product.id,
            product_name: self.product.name.clone(),
            kind: self.product.r#type.word().to_owned(),
            quantity: self.quantity,
            unit: self.product.price,
            subtotal: self.subtotal,
            pool: self.product.pool,
            counted: self.product.counted.is_some(),
            licensed: self.product.licensing.enabled,
            method,
            goods: text.map(|text| goods::seal(shop, env, id, text)).transpose()?,
            delivery: DeliveryState::Pending,
            delivered_at: None,
        })
    }
}
