//! `keyhouse payouts …`: the operator's side of payouts that nobody sends by itself.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::arguments::{Of, PayoutsCommand};
use super::database::Session;
use super::shop::explain;
use super::source::{LISTED_MAX, said};
use crate::config::Config;
use crate::domain::payouts::{self, Broadcast, Decimal, Payout, PayoutId, Progress, Status};
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::Error;

pub async fn command(config: &Config, command: PayoutsCommand) -> anyhow::Result<ExitCode> {
    match command {
        PayoutsCommand::List { of, mode, status } => {
            let statuses: Vec<Status> = status.into_iter().map(Status::from).collect();
            list(config, of, mode.into(), &statuses).await
        }
        PayoutsCommand::Broadcast { of, tx, asset_amount, rate, rate_source, payout } => {
            let sent = Broadcast {
                tx_hash: said("--tx", &tx)?,
                asset_amount: decimal("--asset-amount", &asset_amount)?,
                rate: decimal("--rate", &rate)?,
                rate_source: said("--rate-source", &rate_source)?,
            };
            record(config, of, &payout, Progress::Broadcast(sent)).await
        }
        PayoutsCommand::Confirm { of, payout } => record(config, of, &payout, Progress::Confirmed).await,
        PayoutsCommand::Fail { of, reason, payout } => {
            let why = said("--reason", &reason)?;
            record(config, of, &payout, Progress::Failed { why }).await
        }
    }
}

fn decimal(flag: &str, text: &str) -> anyhow::Result<Decimal> {
    Decimal::parse(text).with_context(|| {
        format!("{flag} {text:?} must be a decimal above zero such as 48.99, with at most 18 digits behind the point")
    })
}

async fn list(config: &Config, of: Of, mode: Mode, statuses: &[Status]) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let shop = shops::find(&mut session.db, &of.shop, mode).await.map_err(explain)?;
    let found = payouts::newest(&mut session.db, shop.tenant, statuses, LISTED_MAX).await.map_err(explain)?;
    session.close().await?;
    if of.json {
        println!("{}", found.iter().map(document).collect::<Value>());
        return Ok(ExitCode::SUCCESS);
    }
    for payout in &found {
        let amount = payout.currency.display(payout.amount);
        let memo = payout.memo.as_ref().map(|memo| format!(", memo {memo:?}")).unwrap_or_default();
        let (id, status, asset) = (payout.id, payout.status.word(), &payout.asset);
        let (chain, address) = (payout.chain.word(), &payout.destination_address);
        println!("{id}  {status:<9}  {amount} as {asset} on {chain} to {address}{memo}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn record(config: &Config, of: Of, payout: &str, progress: Progress) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let mut transaction = session.db.begin().await?;
    let (shop, id) = find(&mut transaction, &of.shop, payout).await?;
    let moved = payouts::record(&mut transaction, shop, &session.env, id, None, &progress).await.map_err(explain)?;
    transaction.commit().await?;
    session.close().await?;
    let moved = moved.context("the payout has moved on meanwhile")?;
    if of.json {
        println!("{}", document(&moved));
    } else {
        println!("{} is {}", moved.id, moved.status.word());
    }
    Ok(ExitCode::SUCCESS)
}

/// A payout of the shop, live or of its sandbox.
async fn find(db: &mut PgConnection, shop: &str, payout: &str) -> anyhow::Result<(Tenant, PayoutId)> {
    let found = shops::find(db, shop, Mode::Live).await.map_err(explain)?;
    let id = PayoutId::parse(payout).with_context(|| format!("{payout:?} is not a payout id such as po_01J2…"))?;
    for tenant in [found.tenant, found.twin] {
        match payouts::get(db, tenant, id).await {
            Ok(_) => return Ok((tenant, id)),
            Err(Error::NotFound(_)) => {}
            Err(e) => return Err(explain(e)),
        }
    }
    bail!("shop {shop:?} has no payout {payout}, live or in its sandbox")
}

fn document(payout: &Payout) -> Value {
    let sent = payout.broadcast.as_ref();
    json!({
        "id": payout.id.to_string(), "status": payout.status.word(), "chain": payout.chain.word(),
        "asset": payout.asset, "amount_cents": payout.amount.get(), "currency": payout.currency.code(),
        "destination_address": payout.destination_address, "memo": payout.memo,
        "tx_hash": sent.map(|sent| &sent.tx_hash), "asset_amount": sent.map(|sent| sent.asset_amount.as_str()),
        "rate": sent.map(|sent| sent.rate.as_str()), "rate_source": sent.map(|sent| &sent.rate_source),
        "created_at": payout.created_at(), "confirmed_at": payout.confirmed_at, "error": payout.error,
    })
}
