//! A top-up is an order without items: it is paid like any other, and what is paid goes to a prepaid balance.

use chrono::Duration;
use sqlx::PgConnection;

use super::{Opened, Order, Status, buyer, sql};
use crate::domain::customers;
use crate::domain::outbox::{self, Event, Template, TopUpFacts};
use crate::domain::payments::Gateways;
use crate::domain::resellers::{self, Reseller, ResellerId};
use crate::domain::shops::{Shop, Tenant};
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::money::Cents;
use crate::kit::page::{Page, Place, Window};
use crate::kit::values::Email;

/// How long an invoice waits for its payment (contract 2.3.4). Nothing is set aside for it.
pub const TOP_UP_OPEN_FOR: Duration = Duration::hours(24);

/// Whose balance an order tops up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp {
    pub reseller: ResellerId,
    /// It was opened by itself, because the balance fell below its threshold.
    pub auto: bool,
}

/// Opens an invoice over `amount` of the shop's currency for a balance.
///
/// # Errors
/// [`Error::Invalid`] on `amount` beyond [`resellers::TOP_UP_CENTS_MAX`] or below the least;
/// [`Conflict::WrongState`] where the relationship is not active.
pub async fn top_up(
    db: &mut PgConnection,
    shop: &Shop,
    env: &Env,
    gateways: &Gateways,
    reseller: &Reseller,
    amount: Cents,
) -> Result<Opened> {
    if reseller.status != resellers::Status::Active {
        let word = reseller.status.word();
        return Err(Error::Conflict(Conflict::WrongState(format!("the relationship is {word}"))));
    }
    if !(resellers::TOP_UP_CENTS_MIN..=resellers::TOP_UP_CENTS_MAX).contains(&amount.get()) {
        let [least, most] = [resellers::TOP_UP_CENTS_MIN, resellers::TOP_UP_CENTS_MAX]
            .map(|cents| Cents::new(cents).map(|cents| shop.currency.display(cents)).unwrap_or_default());
        return Err(Error::invalid("amount", format!("must be between {least} and {most}")));
    }
    let top_up = TopUp { reseller: reseller.id, auto: false };
    let order = open(db, shop, env, gateways, reseller, amount, top_up).await?;
    let order = order.ok_or_else(|| Error::Internal("an invoice was not written".into()))?;
    let token = buyer::admit(db, shop.tenant, env, order.id).await?;
    Ok(Opened { order, items: Vec::new(), token })
}

/// The same by itself, as the relationship has it, told of by mail. `None` where one is open already: a balance
/// has one at most, and the database decides which.
pub async fn auto_top_up(
    db: &mut PgConnection,
    shop: &Shop,
    env: &Env,
    gateways: &Gateways,
    reseller: &Reseller,
) -> Result<Option<Order>> {
    let Some(wanted) = reseller.alerts.auto_top_up else { return Ok(None) };
    let top_up = TopUp { reseller: reseller.id, auto: true };
    let order = open(db, shop, env, gateways, reseller, wanted.amount, top_up).await?;
    if let Some(order) = &order {
        outbox::queue_mail(db, shop.tenant, env, Template::TopUpOpened, *order.id, &order.customer_email).await?;
    }
    Ok(order)
}

async fn open(
    db: &mut PgConnection,
    shop: &Shop,
    env: &Env,
    gateways: &Gateways,
    reseller: &Reseller,
    amount: Cents,
    top_up: TopUp,
) -> Result<Option<Order>> {
    let email = Email::parse(&reseller.email);
    let email = email.ok_or_else(|| Error::Internal(format!("reseller {} has no address", reseller.id)))?;
    let gateway = gateways.choose(shop.mode, amount, None)?;
    let order = Order {
        id: env.id(),
        status: Status::AwaitingPayment,
        failure: None,
        customer: customers::ensure(db, shop.tenant, env, &email).await?,
        customer_email: reseller.email.clone(),
        currency: shop.currency,
        subtotal: amount,
        discount: Cents::ZERO,
        total: amount,
        refunded: Cents::ZERO,
        refunding: Cents::ZERO,
        gateway,
        payment: None,
        return_url: None,
        note: None,
        mail: true,
        top_up: Some(top_up),
        expires_at: env.now() + TOP_UP_OPEN_FOR,
        paid_at: None,
    };
    if !sql::insert_order(db, shop.tenant.uuid(), &order, &serde_json::json!({}), env.now()).await? {
        return Ok(None);
    }
    outbox::emit(db, shop.tenant, env, &[Event::OrderCreated(order.facts())]).await?;
    Ok(Some(order))
}

/// The top-ups of a relationship, newest first.
pub async fn top_ups(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    reseller: ResellerId,
    window: Window<Order>,
    place: &Place,
) -> Result<Page<Order>> {
    let rows = sql::top_ups(db, shop.uuid(), *reseller, window.after(), window.rows()).await?;
    let orders = rows.into_iter().map(Order::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(orders, &window, place, &env.vault, |order| *order.id))
}

/// Tells of a top-up that is paid.
pub(super) async fn announce(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    order: &Order,
    top_up: TopUp,
) -> Result<()> {
    let facts = TopUpFacts {
        shop_id: shop.uuid(),
        reseller_relationship_id: *top_up.reseller,
        reseller_email: order.customer_email.clone(),
        invoice_id: *order.id,
        amount_cents: order.total.get(),
        currency: order.currency.code(),
        auto_top_up: top_up.auto,
    };
    outbox::emit(db, shop, env, &[Event::ResellerTopUpPaid(facts)]).await
}
