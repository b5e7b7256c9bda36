//! What a broadcaster, or the operator, says of a payout becomes true: once, under the payout's lock.

use chrono::Duration;
use sqlx::PgConnection;

use super::{Payout, PayoutId, Progress, Route, Status, out_of_the_house, sql};
use crate::domain::ledger;
use crate::domain::outbox::{self, Event, Template};
use crate::domain::shops::{self, Tenant};
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;

/// A payout on its way is looked for this often.
const LOOK_EVERY: Duration = Duration::seconds(15);

/// Records the next step of a payout: under the lease of this `attempt`, or as the operator says, who has none. `None`
/// where a later lease, or another step, came first: then nothing is recorded.
///
/// # Errors
/// [`Error::NotFound`]; for the operator [`Conflict::WrongState`] where the payout is not in a state to take that
/// step, or takes its steps by itself.
pub async fn record(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: PayoutId,
    attempt: Option<i32>,
    progress: &Progress,
) -> Result<Option<Payout>> {
    let row = sql::lock(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("payout"))?;
    let newest = row.attempt;
    let mut payout = Payout::try_from(row)?;
    match attempt {
        Some(attempt) if attempt != newest => return Ok(None),
        None if payout.route != Route::Manual => {
            return Err(wrong_state("the sandbox moves its payouts by itself"));
        }
        _ => {}
    }
    let before = payout.status;
    let (now, mut due_at) = (env.now(), None);
    match progress {
        Progress::Broadcast(sent) => {
            payout.status = Status::Broadcast;
            payout.broadcast = Some(sent.clone());
            payout.broadcast_at = Some(now);
            due_at = (payout.route != Route::Manual).then_some(now);
        }
        Progress::Confirmed => {
            payout.status = Status::Confirmed;
            payout.confirmed_at = Some(now);
        }
        Progress::Failed { why } => {
            payout.status = Status::Failed;
            payout.failed_at = Some(now);
            payout.error = Some(why.clone());
        }
        Progress::Waiting | Progress::ByHand => {
            let due_at = (*progress == Progress::Waiting).then_some(now + LOOK_EVERY);
            sql::set_due(db, shop.uuid(), *id, due_at).await?;
            return Ok(Some(payout));
        }
    }
    if !before.can_become(payout.status) {
        let words = format!("the payout is {}, so it cannot become {}", before.word(), payout.status.word());
        return if attempt.is_some() { Ok(None) } else { Err(wrong_state(&words)) };
    }
    sql::update(db, shop.uuid(), &payout, before.word(), due_at).await?;
    follow(db, shop, env, &payout).await?;
    Ok(Some(payout))
}

/// What hangs on the new state.
async fn follow(db: &mut PgConnection, shop: Tenant, env: &Env, payout: &Payout) -> Result<()> {
    let event = match payout.status {
        Status::Queued => Event::PayoutQueued(payout.facts()),
        Status::Broadcast => Event::PayoutBroadcast(payout.facts()),
        Status::Confirmed => {
            ledger::settle(db, shop, env, payout.transfer, &out_of_the_house()).await?;
            Event::PayoutConfirmed(payout.facts())
        }
        Status::Failed => {
            ledger::void(db, shop, env, payout.transfer, &ledger::payable()).await?;
            if let Some(owner) = shops::get(db, shop).await?.owner_email {
                outbox::queue_mail(db, shop, env, Template::PayoutFailed, *payout.id, &owner).await?;
            }
            Event::PayoutFailed(payout.facts())
        }
    };
    outbox::emit(db, shop, env, &[event]).await
}

fn wrong_state(text: &str) -> Error {
    Error::Conflict(Conflict::WrongState(text.to_owned()))
}
