//! The keys that sign. One signs; its successor is published a whole rotation ahead, so that a client
//! that pins the published keys has it before it signs; and the one before stays published for what it
//! signed. So nothing that was signed is refused while processes read the new order, one after another.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use rand::Rng;
use sqlx::PgConnection;

use super::{place, sql};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::jws::{Kept, KeyRing};

pub(super) const PURPOSE: &str = "signing";
/// The one that signs, and its successor.
const LIVE_MIN: usize = 2;
/// And the one before.
const LIVE_MAX: usize = 3;
/// A key that stopped signing is published for at least this long: five minutes for its verdicts to run
/// out (contract 8.5), and as many for every process to have read that it does not sign any more.
const FADES: Duration = Duration::minutes(10);

/// What became of a rotation.
#[derive(Debug)]
pub enum Rotation {
    /// Names of keys.
    Done { signs: String, successor: String, before: Option<String>, retired: Vec<String> },
    /// The key that would be retired may have signed a moment ago.
    TooSoon { until: DateTime<Utc> },
}

/// Reads the signing keys again.
pub async fn reload_signing(db: &mut PgConnection, keys: &KeyRing) -> Result<()> {
    let kept: Vec<Kept> =
        sql::signing(db).await?.into_iter().map(|row| Kept { place: place(row.id), sealed: row.sealed }).collect();
    keys.load(&kept)
}

/// Makes the signing keys that are missing. Of two processes that do so at once, the database takes the
/// keys of one.
pub(super) async fn make_missing(
    db: &mut PgConnection,
    keys: &KeyRing,
    rng: &mut impl Rng,
    now: DateTime<Utc>,
) -> Result<()> {
    loop {
        // Read before they are counted: where another process makes one after the count, it takes our number.
        let newest = newest(db).await?;
        if sql::signing(db).await?.len() >= LIVE_MIN {
            return Ok(());
        }
        make(db, keys, &newest, rng, now).await?;
    }
}

async fn newest(db: &mut PgConnection) -> Result<sql::Newest> {
    sql::newest(db).await?.ok_or_else(|| Error::Internal("the data keys were never made".into()))
}

async fn make(
    db: &mut PgConnection,
    keys: &KeyRing,
    newest: &sql::Newest,
    rng: &mut impl Rng,
    now: DateTime<Utc>,
) -> Result<()> {
    let id = newest.id + 1;
    let kept = keys.make(place(id), rng)?;
    Ok(sql::insert(db, id, PURPOSE, &kept.sealed, &newest.master_id, now).await?)
}

/// The successor signs from now on, and gets a successor. The key that signed until now stays published
/// until the next rotation; with `leaked` it is retired at once, and what it signed is refused.
/// Other processes follow when they next [read the keys](reload_signing).
pub async fn rotate_signing(db: &mut PgConnection, env: &Env, leaked: bool) -> Result<Rotation> {
    sql::lock(db).await?;
    reload_signing(db, &env.signing).await?;
    let rows = sql::signing(db).await?;
    let until = rows.first().map_or(env.now(), |newest| newest.created_at + FADES);
    if rows.len() >= LIVE_MAX && until > env.now() && !leaked {
        return Ok(Rotation::TooSoon { until });
    }
    let before: BTreeSet<String> = env.signing.kids().into_iter().collect();
    let newest = newest(db).await?;
    make(db, &env.signing, &newest, &mut env.fork_rng(), env.now()).await?;
    let stays = if leaked { LIVE_MIN } else { LIVE_MAX };
    sql::retire(db, i64::try_from(stays).unwrap_or(i64::MAX)).await?;
    reload_signing(db, &env.signing).await?;
    let live = env.signing.kids();
    let retired = before.into_iter().filter(|kid| !live.contains(kid)).collect();
    let mut live = live.into_iter();
    match (live.next(), live.next()) {
        (Some(successor), Some(signs)) => Ok(Rotation::Done { signs, successor, before: live.next(), retired }),
        _ => Err(Error::Internal("a rotation left too few signing keys".into())),
    }
}
