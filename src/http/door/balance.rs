//! A prepaid balance and its statement, as the merchant and the reseller see them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use chrono::SecondsFormat;
use futures_util::stream::try_unfold;
use serde::Serialize;
use serde_json::Number;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::csv;
use super::params::Query;
use super::read::Read;
use super::wire::CursorList;
use crate::app::App;
use crate::domain::ledger::{self, Line, prepaid};
use crate::domain::resellers::{self, Reseller, ResellerId};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Place, Window};

/// Of these surfaces' lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;
/// Of one step of an export: between two nothing is held.
const EXPORT_ROWS: i64 = 1_000;
/// The last is for the shop alone.
const COLUMNS: [&str; 9] =
    ["id", "type", "amount", "balance_after", "currency", "reference", "reason", "created_at", "made_by"];

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrepaidBalance)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
pub struct Balance {
    #[schema(value_type = f64, example = 200.0)]
    balance: Number,
    /// The same: a debit is done when it is answered, so nothing is ever set aside.
    #[schema(value_type = f64, example = 200.0)]
    available_balance: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    auto_top_up: AutoTopUp,
    /// Falling below any of these is an event, once each time.
    #[schema(value_type = Vec<f64>)]
    low_balance: Vec<Number>,
}

/// Opens an invoice by itself when the balance falls below the threshold; it charges nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PrepaidAutoTopUp)]
struct AutoTopUp {
    enabled: bool,
    #[schema(value_type = Option<f64>, example = 50.0)]
    threshold: Option<Number>,
    #[schema(value_type = Option<f64>, example = 200.0)]
    amount: Option<Number>,
}

/// One entry of a balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLine {
    id: String,
    /// `TOP_UP`, `FULFILLMENT_DEBIT`, `REFUND` or `ADJUSTMENT`.
    #[schema(example = "FULFILLMENT_DEBIT")]
    r#type: &'static str,
    /// Positive came in, negative went out.
    #[schema(value_type = f64, example = -19.9)]
    amount: Number,
    #[schema(value_type = f64, example = 180.1)]
    balance_after: Number,
    #[schema(example = "USD")]
    currency: &'static str,
    /// The invoice or fulfillment it is for.
    reference: String,
    /// Why the shop put it right by hand.
    reason: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

/// The same for the shop, which sees who of its own made it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShopStatementLine {
    #[serde(flatten)]
    line: StatementLine,
    /// The API key that put it right by hand.
    made_by: Option<String>,
}

/// Who reads a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Shop,
    Reseller,
}

impl Reader {
    const fn columns(self) -> usize {
        match self {
            Self::Shop => COLUMNS.len(),
            Self::Reseller => COLUMNS.len() - 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("csv", Format::Csv)];

impl Balance {
    pub async fn load(db: &mut PgConnection, shop: Tenant, reseller: &Reseller) -> Result<Self> {
        let (held, currency) = resellers::balance(db, shop, reseller.id).await?;
        let amount = |cents: Cents| currency.major(cents);
        let top_up = reseller.alerts.auto_top_up;
        Ok(Self {
            balance: amount(held),
            available_balance: amount(held),
            currency: currency.code(),
            auto_top_up: AutoTopUp {
                enabled: top_up.is_some(),
                threshold: top_up.map(|top_up| amount(top_up.below)),
                amount: top_up.map(|top_up| amount(top_up.amount)),
            },
            low_balance: reseller.alerts.low.iter().copied().map(amount).collect(),
        })
    }
}

/// The statement, newest first: a page, or with `format=csv` all of it.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Malformed`] for a query that cannot be read.
pub async fn statement(
    app: Arc<App>,
    mut db: Read,
    reader: Reader,
    (shop, id): (Tenant, ResellerId),
    query: &Query,
) -> Result<Response> {
    let currency = shops::get(&mut db, shop).await?.currency;
    match query.set("format", FORMATS)?.as_slice() {
        [] | [Format::Json] => {}
        [Format::Csv] => {
            drop(db);
            return Ok(export(app, reader, (shop, id), currency));
        }
        _ => return Err(Error::invalid("format", "must be one of json, csv")),
    }
    let place = place(shop, id);
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let page = ledger::statement(&mut db, shop, &app.env, &prepaid(*id), currency, window, &place).await?;
    Ok(match reader {
        Reader::Shop => Json(CursorList::from(page.map(ShopStatementLine::from))).into_response(),
        Reader::Reseller => Json(CursorList::from(page.map(StatementLine::from))).into_response(),
    })
}

fn place(shop: Tenant, id: ResellerId) -> Place {
    Place::new("statement", shop.uuid(), &id.to_string())
}

/// Where an export stands: before its first line, before this version, or at its end.
enum At {
    Head,
    From(Option<String>),
    End,
}

fn export(app: Arc<App>, reader: Reader, (shop, id): (Tenant, ResellerId), currency: Currency) -> Response {
    csv::answer(try_unfold(At::Head, move |at| {
        let app = app.clone();
        async move {
            let cursor = match at {
                At::Head => {
                    let head = csv::line(COLUMNS.map(Some).into_iter().take(reader.columns()))?;
                    return Ok(Some((head, At::From(None))));
                }
                At::From(cursor) => cursor,
                At::End => return Ok::<_, Error>(None),
            };
            let (env, place) = (&app.env, place(shop, id));
            let after = cursor.map(|cursor| place.open(&env.vault, &cursor)).transpose()?;
            let window = Window { limit: EXPORT_ROWS, after };
            let mut db = app.requests.acquire().await?;
            let page = ledger::statement(&mut db, shop, env, &prepaid(*id), currency, window, &place).await?;
            drop(db);
            let mut bytes = Vec::new();
            for line in page.data {
                bytes.extend_from_slice(&written(line, reader)?);
            }
            let next = page.next_cursor.map_or(At::End, |cursor| At::From(Some(cursor)));
            Ok(Some((Bytes::from(bytes), next)))
        }
    }))
}

/// With all the decimals of its currency.
fn written(line: Line, reader: Reader) -> Result<Bytes> {
    let (amount, balance_after) = (line.currency.decimal(line.amount), line.currency.decimal(line.balance_after));
    let ShopStatementLine { line, made_by } = line.into();
    let fields = [
        Some(line.id.as_str()),
        Some(line.r#type),
        Some(&amount),
        Some(&balance_after),
        Some(line.currency),
        Some(&line.reference),
        line.reason.as_deref(),
        Some(&line.created_at),
        made_by.as_deref(),
    ];
    csv::line(fields.into_iter().take(reader.columns()))
}

impl From<Line> for ShopStatementLine {
    fn from(line: Line) -> Self {
        Self { made_by: line.made_by.map(|key| key.to_string()), line: line.into() }
    }
}

impl From<Line> for StatementLine {
    fn from(line: Line) -> Self {
        Self {
            id: line.id.uuid().to_string(),
            r#type: line.kind.word(),
            amount: line.currency.major(line.amount),
            balance_after: line.currency.major(line.balance_after),
            currency: line.currency.code(),
            reference: line.reference.to_string(),
            reason: line.reason,
            created_at: line.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        }
    }
}
