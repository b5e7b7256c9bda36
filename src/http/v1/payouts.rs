//! Payouts of what the shop has sold for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::merchant::{PayoutsRead, PayoutsWrite};
use crate::domain::payouts::{self, Chain, NewPayout, Status};
use crate::domain::shops;
use crate::error::Result;
use crate::http::door::caller::Merchant;
use crate::http::door::params::Query;
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::json::{Form, Json as Value, Reading, Wire, text, whole, wrong};
use crate::kit::money::{Cents, MAX_CENTS};
use crate::kit::page::Place;
use crate::kit::values::one_of;

/// What the longest memo of any chain holds (Solana's takes more than anybody writes by hand).
const MEMO_CHARS_MAX: usize = 256;

/// A payout.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payout {
    #[schema(example = "po_01J2PW2K4M0000000000000000")]
    id: String,
    /// `queued`, `broadcast`, `confirmed` or `failed`.
    #[schema(example = "queued")]
    status: &'static str,
    #[schema(example = "tron")]
    chain: &'static str,
    #[schema(example = "USDT")]
    asset: String,
    /// Minor units of `currency`.
    amount_cents: i64,
    /// The shop's.
    currency: &'static str,
    destination_address: String,
    memo: Option<String>,
    /// Null until it is broadcast, as are the four below.
    tx_hash: Option<String>,
    /// What went out of the asset, as a decimal.
    #[schema(example = "49.00")]
    asset_amount: Option<String>,
    /// Units of `currency` for one of the asset, as a decimal.
    #[schema(example = "1.0002")]
    rate: Option<String>,
    rate_source: Option<String>,
    rate_at: Option<Instant>,
    /// Why it failed; its amount can be paid out again.
    error: Option<String>,
    created_at: Instant,
    confirmed_at: Option<Instant>,
}

/// Lists payouts, newest first.
#[utoipa::path(get, path = "/payouts", tag = "payouts", security(("key" = ["payouts:read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query, description = "One or more of queued, broadcast, confirmed, failed, separated by commas"),
), responses((status = 200, body = List<Payout>)))]
pub async fn list(
    caller: Merchant<PayoutsRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<Payout>> {
    let statuses = query.set("status", Status::WORDS)?;
    let place = Place::new("payouts", caller.shop.uuid(), &query.filters(&["status"]));
    let window = query.window(&place, &app.env.vault)?;
    let page = payouts::list(&mut db, caller.shop, &app.env, &statuses, window, &place).await?;
    Ok(Json(page.into()))
}

/// Pays out: the amount is held at once, and given back if the payout fails. In the sandbox it is confirmed by itself
/// and moves nothing.
#[utoipa::path(post, path = "/payouts", tag = "payouts", security(("key" = ["payouts:write"])),
    request_body = NewPayoutBody, responses((status = 201, body = Payout)))]
pub async fn create(caller: Merchant<PayoutsWrite>, write: Write<NewPayout>) -> Result<Reply> {
    let (app, tenant) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::CREATED, async move |db, new| {
            let shop = shops::get(db, tenant).await?;
            let assets = app.config.payouts.sent_on(new.chain.word());
            let made = payouts::create(db, &shop, &app.env, &app.broadcasters, assets, new.clone()).await?;
            Ok(Payout::from(made))
        })
        .await
}

impl From<payouts::Payout> for Payout {
    fn from(payout: payouts::Payout) -> Self {
        let sent = payout.broadcast.as_ref();
        Self {
            id: payout.id.to_string(),
            status: payout.status.word(),
            chain: payout.chain.word(),
            amount_cents: payout.amount.get(),
            currency: payout.currency.code(),
            tx_hash: sent.map(|sent| sent.tx_hash.clone()),
            asset_amount: sent.map(|sent| sent.asset_amount.as_str().to_owned()),
            rate: sent.map(|sent| sent.rate.as_str().to_owned()),
            rate_source: sent.map(|sent| sent.rate_source.clone()),
            rate_at: payout.broadcast_at.map(Instant),
            created_at: Instant(payout.created_at()),
            confirmed_at: payout.confirmed_at.map(Instant),
            asset: payout.asset,
            destination_address: payout.destination_address,
            memo: payout.memo,
            error: payout.error,
        }
    }
}

impl Wire for NewPayout {
    fn read(form: &mut Form) -> Option<Self> {
        let chain = form.required("chain", one_of(Chain::WORDS));
        let asset = form.required("asset", text);
        let amount = form.required("amount_cents", whole(1, MAX_CENTS));
        let address = form.required("destination_address", text);
        let memo = form.optional("memo", memo);
        Some(Self {
            chain: chain?,
            asset: asset?,
            amount: Cents::new(amount?)?,
            destination_address: address?,
            memo: memo?,
        })
    }
}

/// One line: a memo that arrives otherwise than it was written credits somebody else.
fn memo(value: Value) -> Reading<String> {
    let memo = text(value)?;
    if !(1..=MEMO_CHARS_MAX).contains(&memo.chars().count()) {
        return Err(wrong(format!("must have 1 to {MEMO_CHARS_MAX} characters")));
    }
    if memo.chars().any(char::is_control) {
        return Err(wrong("must not hold control characters"));
    }
    Ok(memo)
}

/// How much is sent, of what, and where to.
#[derive(ToSchema)]
#[schema(as = NewPayout)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewPayoutBody {
    /// `tron`, `base`, `ethereum`, `bitcoin`, `solana`, `polygon` or `bsc`.
    #[schema(example = "tron")]
    chain: String,
    /// One that is sent on the chain.
    #[schema(example = "USDT")]
    asset: String,
    /// Minor units of the shop's currency.
    #[schema(minimum = 1, example = 4900)]
    amount_cents: i64,
    #[schema(example = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")]
    destination_address: String,
    /// In the sandbox a payout with the memo `fail` fails.
    #[schema(max_length = 256)]
    memo: Option<String>,
}
