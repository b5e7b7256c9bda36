//! Payouts: the shop takes out what it has sold for. Asking for one holds its amount at once; it is brought onto its
//! chain afterwards, outside of any transaction, and each step is recorded once, by [`record`].
//!
//! `queued → broadcast → confirmed`; `queued | broadcast → failed`, which gives the amount back.

mod broadcast;
mod chain;
mod lease;
mod record;
mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub use broadcast::{Asking, Broadcast, Broadcaster, Broadcasters, Decimal, Progress, Route};
pub use chain::Chain;
pub use lease::{DuePayout, lease, shops_with_due};
pub use record::record;

use super::ledger::{self, Account, Kind, Purpose, Transfer, TransferId};
use super::outbox::{self, Event, PayoutFacts};
use super::shops::{Shop, Tenant};
use crate::error::{Error, Fields, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::money::{Cents, Currency};
use crate::kit::page::{Page, Place, Window};

pub type PayoutId = Id<Payout>;

#[derive(Clone, Debug)]
pub struct Payout {
    pub id: PayoutId,
    pub status: Status,
    pub chain: Chain,
    pub asset: String,
    /// In the shop's currency (R6).
    pub amount: Cents,
    pub currency: Currency,
    pub destination_address: String,
    pub memo: Option<String>,
    /// Who brings it onto its chain.
    pub route: Route,
    /// What went out.
    pub broadcast: Option<Broadcast>,
    /// When it went out, at the rate of that instant.
    pub broadcast_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<String>,
    /// What holds its amount.
    transfer: TransferId,
}

impl Entity for Payout {
    const PREFIX: &'static str = "po";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Queued,
    Broadcast,
    Confirmed,
    Failed,
}

impl Status {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("queued", Self::Queued),
        ("broadcast", Self::Broadcast),
        ("confirmed", Self::Confirmed),
        ("failed", Self::Failed),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, s)| *s)
    }

    /// The legal moves.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        use Status::{Broadcast, Confirmed, Failed, Queued};
        matches!((self, next), (Queued, Broadcast | Failed) | (Broadcast, Confirmed | Failed))
    }
}

#[derive(Clone, Debug)]
pub struct NewPayout {
    pub chain: Chain,
    pub asset: String,
    /// Above zero.
    pub amount: Cents,
    pub destination_address: String,
    pub memo: Option<String>,
}

/// Queues a payout and holds its amount. `assets` are those that are sent on its chain.
///
/// # Errors
/// [`Error::Invalid`] on `asset` for one that is not sent there, on `destination_address` for one that nothing can
/// arrive at, and on `amount_cents` beyond what can be paid out.
pub async fn create(
    db: &mut PgConnection,
    shop: &Shop,
    env: &Env,
    broadcasters: &Broadcasters,
    assets: &[String],
    new: NewPayout,
) -> Result<Payout> {
    new.check(assets)?;
    let (tenant, currency, id) = (shop.tenant, shop.currency, env.id::<Payout>());
    let available = ledger::collect(db, tenant, env, *id, currency).await?;
    if available < new.amount.get() {
        let most = available.max(0);
        return Err(Error::invalid("amount_cents", format!("must be at most {most}, which is what can be paid out")));
    }
    let goal = out_of_the_house();
    let held = Transfer::between(Purpose::Payout, *id, currency, ledger::payable(), goal, new.amount);
    let payout = Payout {
        id,
        status: Status::Queued,
        chain: new.chain,
        asset: new.asset,
        amount: new.amount,
        currency,
        destination_address: new.destination_address,
        memo: new.memo,
        route: broadcasters.choose(shop.mode)?,
        broadcast: None,
        broadcast_at: None,
        confirmed_at: None,
        failed_at: None,
        error: None,
        transfer: ledger::hold(db, tenant, env, &held).await?,
    };
    sql::insert(db, tenant.uuid(), &payout, env.now()).await?;
    outbox::emit(db, tenant, env, &[Event::PayoutQueued(payout.facts())]).await?;
    Ok(payout)
}

pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    statuses: &[Status],
    window: Window<Payout>,
    place: &Place,
) -> Result<Page<Payout>> {
    let words: Vec<String> = statuses.iter().map(|status| status.word().to_owned()).collect();
    let words = (!words.is_empty()).then_some(words.as_slice());
    let rows = sql::list(db, shop.uuid(), words, window.after(), window.rows()).await?;
    let payouts = rows.into_iter().map(Payout::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(payouts, &window, place, &env.vault, |payout| *payout.id))
}

/// The newest payouts of a shop in any of these states, up to `limit`: for its operator.
pub async fn newest(db: &mut PgConnection, shop: Tenant, statuses: &[Status], limit: i64) -> Result<Vec<Payout>> {
    let words: Vec<String> = statuses.iter().map(|status| status.word().to_owned()).collect();
    let words = (!words.is_empty()).then_some(words.as_slice());
    sql::list(db, shop.uuid(), words, None, limit).await?.into_iter().map(Payout::try_from).collect()
}

pub async fn get(db: &mut PgConnection, shop: Tenant, id: PayoutId) -> Result<Payout> {
    sql::by_id(db, shop.uuid(), *id).await?.map(Payout::try_from).ok_or(Error::NotFound("payout"))?
}

/// Where payouts leave the books.
fn out_of_the_house() -> Account {
    Account::recording(Kind::Clearing, "payouts")
}

impl NewPayout {
    fn check(&self, assets: &[String]) -> Result<()> {
        let mut wrong = Fields::default();
        if !assets.contains(&self.asset) {
            let (chain, sent) = (self.chain.word(), assets.join(", "));
            wrong.wrong("asset", format!("is not sent on {chain}; what is: {sent}"));
        }
        if let Err(why) = self.chain.check(&self.destination_address) {
            wrong.wrong("destination_address", why);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
    }
}

impl Payout {
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }

    fn facts(&self) -> PayoutFacts {
        let sent = self.broadcast.as_ref();
        PayoutFacts {
            id: *self.id,
            status: self.status.word(),
            chain: self.chain.word(),
            asset: self.asset.clone(),
            amount_cents: self.amount.get(),
            currency: self.currency.code(),
            destination_address: self.destination_address.clone(),
            tx_hash: sent.map(|sent| sent.tx_hash.clone()),
            asset_amount: sent.map(|sent| sent.asset_amount.as_str().to_owned()),
            rate: sent.map(|sent| sent.rate.as_str().to_owned()),
            rate_source: sent.map(|sent| sent.rate_source.clone()),
            rate_at: self.broadcast_at,
            created_at: self.created_at(),
            confirmed_at: self.confirmed_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_an_end_and_nothing_is_queued_again() {
        for (_, status) in Status::WORDS {
            assert!(!Status::Confirmed.can_become(*status) && !Status::Failed.can_become(*status));
            assert!(!status.can_become(Status::Queued) && !status.can_become(*status));
        }
        assert!(!Status::Queued.can_become(Status::Confirmed), "what was never sent has not arrived");
    }
}
