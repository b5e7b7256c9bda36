//! `keyhouse refunds …`: the operator's side of refunds whose money nobody gives back by itself.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::arguments::{Of, RefundsCommand};
use super::database::Session;
use super::shop::explain;
use super::source::{LISTED_MAX, said};
use crate::config::Config;
use crate::domain::orders::{self, Refund, RefundId};
use crate::domain::payments::RefundOutcome;
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::Error;

pub async fn command(config: &Config, command: RefundsCommand) -> anyhow::Result<ExitCode> {
    match command {
        RefundsCommand::List { of, mode } => list(config, of, mode.into()).await,
        RefundsCommand::Complete { of, tx, refund } => {
            let tx = tx.map(|tx| said("--tx", &tx)).transpose()?;
            end(config, of, &refund, RefundOutcome::Sent { tx }).await
        }
        RefundsCommand::Fail { of, reason, refund } => {
            let why = said("--reason", &reason)?;
            end(config, of, &refund, RefundOutcome::Refused { why }).await
        }
    }
}

async fn list(config: &Config, of: Of, mode: Mode) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let db = &mut session.db;
    let shop = shops::find(db, &of.shop, mode).await.map_err(explain)?;
    let open = orders::open_refunds(db, shop.tenant, LISTED_MAX).await.map_err(explain)?;
    let mut shown = Vec::with_capacity(open.len());
    for refund in open {
        let (order, _) = orders::get(db, shop.tenant, refund.order).await.map_err(explain)?;
        if of.json {
            let mut document = document(&refund);
            document["currency"] = order.currency.code().into();
            document["customer_email"] = order.customer_email.into();
            shown.push(document);
        } else {
            let amount = order.currency.display(refund.amount);
            let (id, gateway, order_id) = (refund.id, refund.gateway.word(), refund.order);
            println!("{id}  {amount} to {} by {gateway}, of {order_id}", order.customer_email);
        }
    }
    if of.json {
        println!("{}", Value::from(shown));
    }
    session.close().await?;
    Ok(ExitCode::SUCCESS)
}

async fn end(config: &Config, of: Of, refund: &str, outcome: RefundOutcome) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let mut transaction = session.db.begin().await?;
    let (shop, id) = find(&mut transaction, &of.shop, refund).await?;
    let ended = orders::end_refund(&mut transaction, shop, &session.env, id, None, &outcome).await.map_err(explain)?;
    transaction.commit().await?;
    session.close().await?;
    let ended = ended.context("the refund has ended meanwhile")?;
    if of.json {
        println!("{}", document(&ended));
    } else {
        println!("{} is {}", ended.id, ended.status.word());
    }
    Ok(ExitCode::SUCCESS)
}

/// A refund of the shop, live or of its sandbox.
async fn find(db: &mut PgConnection, shop: &str, refund: &str) -> anyhow::Result<(Tenant, RefundId)> {
    let found = shops::find(db, shop, Mode::Live).await.map_err(explain)?;
    let id = RefundId::parse(refund).with_context(|| format!("{refund:?} is not a refund id such as rf_01J2…"))?;
    for tenant in [found.tenant, found.twin] {
        match orders::refund_by_id(db, tenant, id).await {
            Ok(_) => return Ok((tenant, id)),
            Err(Error::NotFound(_)) => {}
            Err(e) => return Err(explain(e)),
        }
    }
    bail!("shop {shop:?} has no refund {refund}, live or in its sandbox")
}

fn document(refund: &Refund) -> Value {
    json!({
        "id": refund.id.to_string(), "order_id": refund.order.to_string(), "status": refund.status.word(),
        "amount_cents": refund.amount.get(), "reason": refund.reason.word(), "note": refund.note,
        "gateway": refund.gateway.word(), "destination_tx": refund.destination_tx, "error": refund.error,
    })
}
