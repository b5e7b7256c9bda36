//! What the page of an order says: of the whole, of its money, and of each item.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::orders::{DeliveryState, Goods, Item, Method, Order, Status};
use crate::domain::payments::{Gateway, Provider};
use crate::domain::shops::{Mode, Shop};
use crate::kit::money::Cents;

#[derive(Serialize)]
pub struct View<'a> {
    shop: &'a str,
    sandbox: bool,
    order: String,
    here: String,
    email: &'a str,
    /// Changes whenever there is something new to see.
    state: String,
    title: &'static str,
    words: String,
    /// `good`, `bad`, or neither.
    tone: &'static str,
    /// Whether something will change without the buyer doing anything.
    awaits: bool,
    items: Vec<Line<'a>>,
    total: String,
    discount: Option<String>,
    refunded: Option<String>,
    pay: Pay,
    return_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    product: &'a str,
    quantity: i32,
    subtotal: String,
    /// Of an item that is paid and not delivered yet.
    words: Option<&'static str>,
    codes: Vec<String>,
    license_keys: Vec<String>,
    text: Option<String>,
    file: Option<File>,
}

#[derive(Serialize)]
struct File {
    name: String,
    size: String,
    href: String,
}

/// What the buyer can do about the money.
#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "by")]
enum Pay {
    Nothing,
    /// Two buttons.
    Sandbox {
        late: bool,
    },
    Instructions {
        text: &'static str,
    },
}

impl<'a> View<'a> {
    pub fn of(
        shop: &'a Shop,
        order: &'a Order,
        items: &'a [Item],
        goods: Vec<Goods>,
        provider: Option<&dyn Provider>,
        now: DateTime<Utc>,
    ) -> Self {
        let (title, words, tone) = if order.top_up.is_some() { said_of_top_up(order) } else { said(order, items, now) };
        let money = |amount: Cents| (amount > Cents::ZERO).then(|| order.currency.display(amount));
        let paid = order.status.is_paid();
        let open = |item: &Item| item.delivery != DeliveryState::Delivered;
        let awaits = order.is_open() || (paid && items.iter().any(open));
        let states: Vec<&str> = items.iter().map(|item| item.delivery.word()).collect();
        Self {
            shop: &shop.name,
            sandbox: shop.mode == Mode::Test,
            order: order.id.to_string(),
            here: format!("/checkout/{}", order.id.uuid()),
            email: &order.customer_email,
            state: format!("{} {title} {}", order.status.word(), states.join(" ")),
            title,
            words,
            tone,
            awaits,
            items: lines(order, items, goods),
            total: order.currency.display(order.total),
            discount: money(order.discount),
            refunded: money(order.refunded),
            pay: Pay::of(order, provider),
            return_url: order.return_url.as_deref(),
        }
    }
}

/// Title, words and tone of the whole. Nothing is called paid before it is.
fn said(order: &Order, items: &[Item], now: DateTime<Utc>) -> (&'static str, String, &'static str) {
    let until = order.expires_at.format("%H:%M UTC on %-d %B %Y");
    match order.status {
        Status::Pending | Status::AwaitingPayment if order.expires_at > now => {
            ("Waiting for your payment", format!("Everything is set aside for you until {until}."), "")
        }
        Status::Pending | Status::AwaitingPayment => {
            ("Waiting for your payment", "What was set aside for you is free for others again any moment.".into(), "")
        }
        Status::Failed if order.is_payable() => {
            let words = "Nothing arrived in time, so nothing is set aside any more. Money that still comes \
                         counts: then you get what you ordered, or a place in the queue for it.";
            ("The time to pay is over", words.into(), "bad")
        }
        Status::Failed => ("The payment was declined", "Nothing was charged, and the order is closed.".into(), "bad"),
        Status::Refunded => {
            ("Refunded", "This order was refunded in full, so what it held is no longer shown.".into(), "")
        }
        Status::Completed if order.total == Cents::ZERO => ("Yours", "There was nothing to pay.".into(), "good"),
        Status::Completed if order.mail => {
            ("Paid and delivered", "Everything is below, and in your mail.".into(), "good")
        }
        Status::Completed => ("Paid and delivered", "Everything is below.".into(), "good"),
        Status::Paid | Status::Delivering => {
            let some = items.iter().any(|item| item.delivery == DeliveryState::Delivered);
            let words =
                if some { "A part is below; the rest follows." } else { "Your payment is here; the goods follow." };
            ("Paid, on its way", words.into(), "good")
        }
    }
}

/// The same of a payment into a prepaid balance: nothing is set aside for it, and nothing is delivered.
fn said_of_top_up(order: &Order) -> (&'static str, String, &'static str) {
    let until = order.expires_at.format("%H:%M UTC on %-d %B %Y");
    match order.status {
        Status::Pending | Status::AwaitingPayment => {
            ("Waiting for your payment", format!("What you pay goes to your prepaid balance. Open until {until}."), "")
        }
        Status::Failed if order.is_payable() => {
            ("The time to pay is over", "Money that still comes counts: it goes to your balance.".into(), "bad")
        }
        Status::Failed => ("The payment was declined", "Nothing was charged, and the invoice is closed.".into(), "bad"),
        Status::Refunded => ("Refunded", "This top-up was refunded in full.".into(), ""),
        Status::Paid | Status::Delivering | Status::Completed => {
            ("Paid", "The amount is in your prepaid balance.".into(), "good")
        }
    }
}

impl Pay {
    fn of(order: &Order, provider: Option<&dyn Provider>) -> Self {
        match provider {
            Some(provider) if order.is_payable() && order.total > Cents::ZERO => match provider.gateway() {
                Gateway::Sandbox => Self::Sandbox { late: !order.is_open() },
                Gateway::Manual => Self::Instructions { text: provider.instructions() },
            },
            _ => Self::Nothing,
        }
    }
}

/// What is paid for: a top-up is a line of its own.
fn lines<'a>(order: &Order, items: &'a [Item], goods: Vec<Goods>) -> Vec<Line<'a>> {
    if order.top_up.is_some() {
        return vec![Line::top_up(order)];
    }
    items.iter().zip(goods).map(|(item, goods)| Line::of(order, item, goods)).collect()
}

impl<'a> Line<'a> {
    fn top_up(order: &Order) -> Self {
        let subtotal = order.currency.display(order.subtotal);
        Self {
            product: "Balance top-up",
            quantity: 1,
            subtotal,
            words: None,
            codes: Vec::new(),
            license_keys: Vec::new(),
            text: None,
            file: None,
        }
    }

    fn of(order: &Order, item: &'a Item, goods: Goods) -> Self {
        Self {
            product: &item.product_name,
            quantity: item.quantity,
            subtotal: order.currency.display(item.subtotal),
            words: if order.status.is_paid() { awaited(item) } else { None },
            codes: goods.codes.iter().map(|code| code.as_str().to_owned()).collect(),
            license_keys: goods.license_keys.iter().map(|key| key.as_str().to_owned()).collect(),
            text: goods.text,
            file: goods.download.map(|download| File {
                size: size(download.file.size_bytes),
                name: download.file.name,
                href: format!("/checkout/v1/downloads/{}", download.token),
            }),
        }
    }
}

/// What a paid item waits for.
const fn awaited(item: &Item) -> Option<&'static str> {
    Some(match (item.delivery, item.method) {
        (DeliveryState::Delivered, Method::Access) if item.licensed => "It begins with your payment.",
        (DeliveryState::Delivered, Method::Access) => "It begins with your payment; there is nothing to fetch.",
        (DeliveryState::Delivered, Method::Merchant) => "The shop has delivered it.",
        (DeliveryState::Delivered, _) => return None,
        (DeliveryState::AwaitingStock, _) => {
            "Sold out at the moment. You are in the queue: the shop's next codes go to the oldest orders first."
        }
        (DeliveryState::Cancelled, _) => "It was refunded.",
        (DeliveryState::Failed, _) => "Something went wrong on the shop's side. The shop is working on it.",
        (DeliveryState::Pending, Method::Merchant) => "The shop delivers this itself.",
        (DeliveryState::Pending, _) => "It is being prepared.",
    })
}

/// `14 bytes`, `57.2 MiB`: in tenths, cut off.
fn size(bytes: i64) -> String {
    let units = [(1_i64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None if bytes == 1 => "1 byte".into(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_for_people() {
        for (bytes, said) in [(1, "1 byte"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (60_000_000, "57.2 MiB")] {
            assert_eq!(super::size(bytes), said);
        }
    }
}
