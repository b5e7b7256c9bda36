//! One of each mail, with made-up words: for looking at, and for the test that every template renders.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::owner::{EndpointDisabled, PayoutFailed, StockLow};
use super::resale::{FulfillmentDelivered, FulfillmentReplaced, PasswordReset, ResellerInvited, Resold, TopUpOpened};
use super::sales::{Line, OrderDelivered, OrderPaid, OrderRefunded};
use super::{Draft, Words};
use crate::error::Result;
use crate::mailer::{Letter, Sender};

const SHOP: &str = "Acme Keys";
const ORDER: &str = "ord_06ywcdw54k00000000000000n8";
const PAGE: &str = "https://shop.example/checkout/019e6326-1542-7000-8000-5a1e00000002#token=cs_Sample";

/// A mail under the name of its templates.
#[derive(Clone, Debug)]
pub struct Sample {
    pub name: &'static str,
    pub letter: Letter,
}

/// One of each, in the order of their names.
///
/// # Errors
/// Where a template asks for something impossible.
pub fn samples() -> Result<Vec<Sample>> {
    let mut all = [to_buyers()?, to_resellers()?, to_owners()?].concat();
    all.sort_by_key(|(name, _)| *name);
    let ids = 1_u128..;
    let sample = |(number, (name, draft)): (u128, (&'static str, Draft))| {
        let id = Uuid::from_u128(0x019e_6326_1542_7000_8000_5a1e_0000_0000 + number);
        Sample { name, letter: draft.addressed(id, "ada@example.com", moment()) }
    };
    Ok(ids.zip(all).map(sample).collect())
}

type Named = (&'static str, Draft);

fn named<W: Words>(words: &W) -> Result<Named> {
    Ok((W::TEMPLATE, words.draft()?))
}

fn to_buyers() -> Result<Vec<Named>> {
    let (shop, order) = (SHOP.to_owned(), ORDER.to_owned());
    Ok(vec![
        named(&OrderDelivered {
            shop: shop.clone(),
            test: false,
            order: order.clone(),
            total: "102.00 USD".into(),
            lines: vec![codes(), license(), file()],
            page: Some(PAGE.into()),
        })?,
        named(&OrderPaid {
            shop: shop.clone(),
            test: true,
            order: order.clone(),
            total: Some("98.00 USD".into()),
            lines: vec![codes(), license()],
            page: PAGE.into(),
        })?,
        named(&OrderRefunded { shop, test: false, order, amount: "49.00 USD".into(), full: true, goods: true })?,
    ])
}

fn to_resellers() -> Result<Vec<Named>> {
    let sender = Sender { name: Some("Keys & More".into()), reply_to: Some("help@reseller.example".into()) };
    let resold = || Resold { test: false, order: "order-1001".into(), lines: vec![codes()], sender: sender.clone() };
    let until = moment().format("%H:%M UTC on %-d %B %Y").to_string();
    Ok(vec![
        named(&FulfillmentDelivered(resold()))?,
        named(&FulfillmentReplaced(resold()))?,
        named(&TopUpOpened {
            shop: SHOP.into(),
            test: false,
            total: "200.00 USD".into(),
            until: until.clone(),
            page: PAGE.into(),
        })?,
        named(&ResellerInvited {
            shop: SHOP.into(),
            test: false,
            until,
            page: "https://shop.example/portal/invitations/inv_Sample".into(),
        })?,
        named(&PasswordReset {
            host: "https://shop.example".into(),
            page: "https://shop.example/portal/password-resets/rst_Sample".into(),
        })?,
    ])
}

fn to_owners() -> Result<Vec<Named>> {
    let shop = SHOP.to_owned();
    Ok(vec![
        named(&StockLow {
            shop: shop.clone(),
            slug: "acme".into(),
            product: "Studio Pro, one seat".into(),
            product_id: "prod_06ywcdw54k00000000000000n8".into(),
            left: 4,
        })?,
        named(&EndpointDisabled {
            shop: shop.clone(),
            test: false,
            endpoint: "wh_06ywcdw54k00000000000000n8".into(),
            host: Some("hooks.shop.example".into()),
            gone: false,
        })?,
        named(&PayoutFailed {
            shop,
            test: false,
            payout: "po_06ywcdw54k00000000000000n8".into(),
            amount: "1250.00 USD".into(),
            asset: "USDT".into(),
            chain: "tron".into(),
            address: "TSampleAddress00000000000000000000".into(),
            reason: Some("The address is not on this network.".into()),
        })?,
    ])
}

fn codes() -> Line {
    let codes = ["7C4A-91D0-WS12-AAAA", "7C4A-91D0-WS12-BBBB"].map(str::to_owned).to_vec();
    Line { product: "Studio Pro <one seat>".into(), quantity: 2, delivered: true, codes, ..Line::default() }
}

fn license() -> Line {
    let text = "Download the installer from https://vendor.example/setup,\nthen enter the key on first start.";
    Line {
        product: "Backup Tool, one year".into(),
        quantity: 1,
        keys: vec!["SAMPLE-LICENSE-0000-0000".into()],
        text: Some(text.into()),
        ..Line::default()
    }
}

fn file() -> Line {
    Line {
        product: "Field Guide".into(),
        quantity: 1,
        delivered: true,
        file: Some("field-guide.pdf".into()),
        ..Line::default()
    }
}

fn moment() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_779_779_883)
}
