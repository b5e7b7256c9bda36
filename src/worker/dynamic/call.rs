//! One call: what is to be asked, what was answered, and what becomes of the item.

use std::time::Duration;

use sqlx::Acquire as _;

use super::request;
use crate::app::App;
use crate::domain::dynamic::{self, Call, Outcome, State};
use crate::domain::orders::{self, ItemId, OrderId};
use crate::domain::{products, shops};
use crate::error::{Error, Result};
use crate::outbound::Answer;

/// Goods are a text for people: far more than any key or account, and little enough to show and to mail.
const GOODS_BYTES_MAX: usize = 64 * 1024;
/// Goods that were answered are worth some patience with a database that is away for a moment.
const RECORDS_MAX: u32 = 5;
const RECORD_PAUSE: Duration = Duration::from_secs(1);

enum Ended {
    Goods(String),
    Failed(String),
    /// The order wants it no more; nobody was called.
    Unwanted,
}

/// Makes the call and records how it ended. What cannot be recorded counts as lost once its lease is over.
pub async fn make(app: &App, call: &Call) {
    let made = async {
        let (ended, status) = ask(app, call).await?;
        tell(call, &ended, status);
        record_with_patience(app, call, &ended, status).await
    };
    if let Err(e) = made.await {
        metrics::counter!("worker_failures_total", "step" => "make a dynamic call").increment(1);
        tracing::error!(item = %ItemId::from(call.item), attempt = call.attempt, error = %e,
            "a dynamic call was not recorded");
    }
}

/// Renders and sends, with no connection held while it is out.
async fn ask(app: &App, call: &Call) -> Result<(Ended, Option<u16>)> {
    if call.lost {
        return Ok((Ended::Failed("the outcome is unknown: the call was broken off by a restart".into()), None));
    }
    let mut db = app.worker.acquire().await?;
    let (order, items) = orders::get(&mut db, call.shop, OrderId::from(call.order)).await?;
    let item = items.iter().find(|item| *item.id == call.item).ok_or(Error::NotFound("order item"))?;
    if !orders::owes(&order, item) {
        return Ok((Ended::Unwanted, None));
    }
    if order.is_going_back() {
        return Ok((Ended::Failed("the order is being refunded".into()), None));
    }
    let Some(source) = products::dynamic(&mut db, call.shop, &app.env, call.product).await? else {
        return Ok((Ended::Failed("the product has no address to call".into()), None));
    };
    let shop = shops::get(&mut db, call.shop).await?;
    let product = products::get(&mut db, call.shop, call.product).await?;
    let details = orders::details(&mut db, call.shop, &[order.id]).await?.remove(&order.id);
    let details = details.ok_or(Error::NotFound("order"))?;
    drop(db);
    let sold = request::Sold { shop: &shop, product: &product, order: &order, details: &details, item };
    let body = request::body(&sold);
    let headers = request::headers(&source.secret, &item.id.to_string(), app.env.now(), &body)?;
    Ok(match app.outbound.post(&source.webhook, headers, body, GOODS_BYTES_MAX).await {
        Ok(answer) => (judge(&answer), Some(answer.status)),
        Err(failure) => (Ended::Failed(failure.to_string()), None),
    })
}

/// The whole body of a good answer is the goods, whatever its type: what the merchant wrote is what the
/// buyer reads. White space around it is nobody's goods.
fn judge(answer: &Answer) -> Ended {
    if !(200..300).contains(&answer.status) {
        return Ended::Failed(format!("it answered {}", answer.status));
    }
    if answer.cut {
        return Ended::Failed(format!("it answered more than {GOODS_BYTES_MAX} bytes"));
    }
    match std::str::from_utf8(&answer.body).map(str::trim) {
        Ok("") => Ended::Failed("it answered with nothing".into()),
        Ok(text) if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            Ended::Failed("it answered with control characters".into())
        }
        Ok(text) => Ended::Goods(text.to_owned()),
        Err(_) => Ended::Failed("its answer is not UTF-8".into()),
    }
}

fn tell(call: &Call, ended: &Ended, status: Option<u16>) {
    metrics::counter!("dynamic_calls_total", "outcome" => ended.state().word()).increment(1);
    if let Ended::Failed(why) = ended {
        tracing::warn!(item = %ItemId::from(call.item), attempt = call.attempt, status, why, "a dynamic call failed");
    }
}

async fn record_with_patience(app: &App, call: &Call, ended: &Ended, status: Option<u16>) -> Result<()> {
    for _ in 1..RECORDS_MAX {
        match record(app, call, ended, status).await {
            Err(e) if e.is_passing() => tokio::time::sleep(RECORD_PAUSE).await,
            done => return done,
        }
    }
    record(app, call, ended, status).await
}

/// Item and call change together, and only where the lease still stands.
async fn record(app: &App, call: &Call, ended: &Ended, status: Option<u16>) -> Result<()> {
    let mut db = app.worker.acquire().await?;
    let mut transaction = db.begin().await?;
    let item = ItemId::from(call.item);
    let mut state = ended.state();
    match ended {
        // Refunded while the call was out: the buyer gets nothing more.
        Ended::Goods(text) => {
            if !orders::complete_item(&mut transaction, call.shop, &app.env, item, Some(text.clone())).await? {
                state = State::Cancelled;
            }
        }
        Ended::Failed(_) => orders::fail_item(&mut transaction, call.shop, item).await?,
        Ended::Unwanted => {}
    }
    let error = if let Ended::Failed(why) = ended { Some(why.clone()) } else { None };
    let outcome = Outcome { state, http_status: status, error };
    if !dynamic::record(&mut transaction, call, app.env.now(), &outcome).await? {
        return Ok(()); // dropped: rolled back
    }
    transaction.commit().await?;
    app.work.notify_one();
    Ok(())
}

impl Ended {
    const fn state(&self) -> State {
        match self {
            Self::Goods(_) => State::Delivered,
            Self::Failed(_) => State::Failed,
            Self::Unwanted => State::Cancelled,
        }
    }
}
