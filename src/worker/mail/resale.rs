//! To resellers, and in their name to who buys from them.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::sales::{Line, is_test, page};
use super::{Words, from};
use crate::app::App;
use crate::domain::fulfillments::{self, FulfillmentId};
use crate::domain::orders::{self, OrderId};
use crate::domain::outbox::Mail;
use crate::domain::{accounts, products, resellers, shops};
use crate::error::Result;
use crate::kit::secret;
use crate::mailer::Sender;

/// Goods in a reseller's name (R42): neither the house nor the merchant is named.
#[derive(Debug, Serialize)]
pub(super) struct Resold {
    pub test: bool,
    /// As the reseller's shop names it.
    pub order: String,
    pub lines: Vec<Line>,
    #[serde(skip)]
    pub sender: Sender,
}

/// Codes that a reseller's own shop sold.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct FulfillmentDelivered(pub Resold);

impl Words for FulfillmentDelivered {
    const TEMPLATE: &'static str = "fulfillment_delivered";

    fn subject(&self) -> String {
        format!("Your order {}", self.0.order)
    }

    fn sender(&self) -> Sender {
        self.0.sender.clone()
    }

    fn is_sandbox(&self) -> bool {
        self.0.test
    }
}

/// Good codes for bad ones: all that are good now.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct FulfillmentReplaced(pub Resold);

impl Words for FulfillmentReplaced {
    const TEMPLATE: &'static str = "fulfillment_replaced";

    fn subject(&self) -> String {
        format!("New codes for your order {}", self.0.order)
    }

    fn sender(&self) -> Sender {
        self.0.sender.clone()
    }

    fn is_sandbox(&self) -> bool {
        self.0.test
    }
}

pub(super) async fn fulfillment_delivered(app: &App, mail: &Mail) -> Result<FulfillmentDelivered> {
    resold(app, mail).await.map(FulfillmentDelivered)
}

pub(super) async fn fulfillment_replaced(app: &App, mail: &Mail) -> Result<FulfillmentReplaced> {
    resold(app, mail).await.map(FulfillmentReplaced)
}

async fn resold(app: &App, mail: &Mail) -> Result<Resold> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let id = FulfillmentId::from(mail.subject_id);
    let one = fulfillments::find(&mut db, mail.shop, &app.env, id).await?;
    let product = products::get(&mut db, mail.shop, one.product).await?;
    let reseller = resellers::get(&mut db, mail.shop, one.reseller).await?;
    let line = Line {
        product: product.name,
        quantity: one.quantity,
        delivered: true,
        codes: one.items.iter().map(|item| item.code.as_str().to_owned()).collect(),
        ..Line::default()
    };
    let sender = Sender { name: reseller.delivery.display_name, reply_to: reseller.delivery.reply_to };
    Ok(Resold { test: is_test(&shop), order: one.external_order_id, lines: vec![line], sender })
}

/// The invoice that a low balance has opened, with a token of its own.
#[derive(Debug, Serialize)]
pub(super) struct TopUpOpened {
    pub shop: String,
    pub test: bool,
    pub total: String,
    pub until: String,
    pub page: String,
}

impl Words for TopUpOpened {
    const TEMPLATE: &'static str = "top_up_opened";

    fn subject(&self) -> String {
        format!("Your balance at {} is low", self.shop)
    }

    fn sender(&self) -> Sender {
        from(&self.shop)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn top_up_opened(app: &App, mail: &Mail) -> Result<TopUpOpened> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let (order, _) = orders::get(&mut db, mail.shop, OrderId::from(mail.subject_id)).await?;
    Ok(TopUpOpened {
        page: page(app, &mut db, mail, &order).await?,
        test: is_test(&shop),
        shop: shop.name,
        total: order.currency.display(order.total),
        until: moment(order.expires_at),
    })
}

/// The link carries the invitation's newest token, derived now: an older one would open nothing.
#[derive(Debug, Serialize)]
pub(super) struct ResellerInvited {
    pub shop: String,
    pub test: bool,
    pub until: String,
    pub page: String,
}

impl Words for ResellerInvited {
    const TEMPLATE: &'static str = "reseller_invited";

    fn subject(&self) -> String {
        format!("{} invites you to sell its products", self.shop)
    }

    fn sender(&self) -> Sender {
        from(&self.shop)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn reseller_invited(app: &App, mail: &Mail) -> Result<ResellerInvited> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let id = resellers::InvitationId::from(mail.subject_id);
    let invitation = resellers::invitation(&mut db, mail.shop, id).await?;
    let token = secret::reveal(&invitation.token(mail.shop, &app.env));
    Ok(ResellerInvited {
        test: is_test(&shop),
        shop: shop.name,
        until: moment(invitation.expires_at),
        page: format!("{}/portal/invitations/{token}", app.public_url),
    })
}

/// A link that sets a new password. People belong to no shop, so no shop speaks.
#[derive(Debug, Serialize)]
pub(super) struct PasswordReset {
    pub host: String,
    pub page: String,
}

impl Words for PasswordReset {
    const TEMPLATE: &'static str = "password_reset";

    fn subject(&self) -> String {
        "A new password".into()
    }

    fn sender(&self) -> Sender {
        from("Reseller portal")
    }
}

pub(super) fn password_reset(app: &App, mail: &Mail) -> PasswordReset {
    let token = secret::reveal(&accounts::reset_token(&app.env, mail.subject_id));
    PasswordReset { host: app.public_url.clone(), page: format!("{}/portal/password-resets/{token}", app.public_url) }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%H:%M UTC on %-d %B %Y").to_string()
}
