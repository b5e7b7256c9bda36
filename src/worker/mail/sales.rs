//! To buyers, in the shop's name.

use serde::Serialize;

use super::{Words, from};
use crate::app::App;
use crate::domain::orders::{self, DeliveryState, Goods, Item, Order, OrderId, RefundId, RefundStatus, Status};
use crate::domain::outbox::Mail;
use crate::domain::shops::{self, Mode, Shop};
use crate::error::Result;
use crate::kit::money::Cents;
use crate::kit::secret;
use crate::mailer::Sender;

/// A line of an order, with what was handed over for it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    pub product: String,
    pub quantity: i32,
    pub delivered: bool,
    pub codes: Vec<String>,
    /// License keys.
    pub keys: Vec<String>,
    /// The name of a file.
    pub file: Option<String>,
    pub text: Option<String>,
}

/// Everything that was bought is here.
#[derive(Debug, Serialize)]
pub(super) struct OrderDelivered {
    pub shop: String,
    pub test: bool,
    pub order: String,
    pub total: String,
    pub lines: Vec<Line>,
    /// Where files are fetched, if there are any.
    pub page: Option<String>,
}

impl Words for OrderDelivered {
    const TEMPLATE: &'static str = "order_delivered";

    fn subject(&self) -> String {
        format!("Your order from {}", self.shop)
    }

    fn sender(&self) -> Sender {
        from(&self.shop)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn order_delivered(app: &App, mail: &Mail) -> Result<OrderDelivered> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let (order, items) = orders::get(&mut db, mail.shop, OrderId::from(mail.subject_id)).await?;
    let goods = orders::goods(&mut db, mail.shop, &app.env, &order, &items).await?;
    let page = if goods.iter().any(|goods| goods.download.is_some()) {
        // A link to a file ends within a day; the page has a fresh one whenever the mail is read.
        Some(page(app, &mut db, mail, &order).await?)
    } else {
        None
    };
    Ok(OrderDelivered {
        test: is_test(&shop),
        shop: shop.name,
        order: order.id.to_string(),
        total: order.currency.display(order.total),
        lines: items.iter().zip(goods).map(|(item, goods)| Line::of(item, goods)).collect(),
        page,
    })
}

/// The receipt of an order of which something is still to come. One that is delivered in the moment of its
/// payment has none: the mail that brings the goods says what was paid.
#[derive(Debug, Serialize)]
pub(super) struct OrderPaid {
    pub shop: String,
    pub test: bool,
    pub order: String,
    /// Nothing to pay: `None`.
    pub total: Option<String>,
    pub lines: Vec<Line>,
    pub page: String,
}

impl Words for OrderPaid {
    const TEMPLATE: &'static str = "order_paid";

    fn subject(&self) -> String {
        format!("Your order at {} is on its way", self.shop)
    }

    fn sender(&self) -> Sender {
        from(&self.shop)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn order_paid(app: &App, mail: &Mail) -> Result<OrderPaid> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let (order, items) = orders::get(&mut db, mail.shop, OrderId::from(mail.subject_id)).await?;
    let line = |item: &Item| Line {
        product: item.product_name.clone(),
        quantity: item.quantity,
        delivered: item.delivery == DeliveryState::Delivered,
        ..Line::default()
    };
    Ok(OrderPaid {
        page: page(app, &mut db, mail, &order).await?,
        test: is_test(&shop),
        shop: shop.name,
        order: order.id.to_string(),
        total: (order.total > Cents::ZERO).then(|| order.currency.display(order.total)),
        lines: items.iter().map(line).collect(),
    })
}

/// Money went back.
#[derive(Debug, Serialize)]
pub(super) struct OrderRefunded {
    pub shop: String,
    pub test: bool,
    pub order: String,
    pub amount: String,
    /// With this one, nothing of what was paid is left with the shop.
    pub full: bool,
    /// Something was bought; a top-up has no goods.
    pub goods: bool,
}

impl Words for OrderRefunded {
    const TEMPLATE: &'static str = "order_refunded";

    fn subject(&self) -> String {
        format!("{} of your order from {} refunded", self.amount, self.shop)
    }

    fn sender(&self) -> Sender {
        from(&self.shop)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn order_refunded(app: &App, mail: &Mail) -> Result<OrderRefunded> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let refund = orders::refund_by_id(&mut db, mail.shop, RefundId::from(mail.subject_id)).await?;
    let (order, items) = orders::get(&mut db, mail.shop, refund.order).await?;
    // Of several that ended before the first mail was written, only the last one made it full.
    let all = orders::refunds_of(&mut db, mail.shop, order.id).await?;
    let last = all.iter().filter(|one| one.status == RefundStatus::Completed).max_by_key(|one| (one.ended_at, one.id));
    Ok(OrderRefunded {
        shop: shop.name,
        test: shop.mode == Mode::Test,
        order: order.id.to_string(),
        amount: order.currency.display(refund.amount),
        full: order.status == Status::Refunded && last.is_some_and(|last| last.id == refund.id),
        goods: !items.is_empty(),
    })
}

impl Line {
    fn of(item: &Item, goods: Goods) -> Self {
        Self {
            product: item.product_name.clone(),
            quantity: item.quantity,
            delivered: item.delivery == DeliveryState::Delivered,
            codes: goods.codes.iter().map(|code| code.as_str().to_owned()).collect(),
            keys: goods.license_keys.iter().map(|key| key.as_str().to_owned()).collect(),
            file: goods.download.map(|download| download.file.name),
            text: goods.text,
        }
    }
}

/// The order's page, with a token of this mail's own.
pub(super) async fn page(app: &App, db: &mut sqlx::PgConnection, mail: &Mail, order: &Order) -> Result<String> {
    let token = orders::admit(db, mail.shop, &app.env, order.id).await?;
    Ok(format!("{}/checkout/{}#token={}", app.public_url, order.id.uuid(), secret::reveal(&token)))
}

/// Whether a shop is a sandbox.
pub(super) fn is_test(shop: &Shop) -> bool {
    shop.mode == Mode::Test
}
