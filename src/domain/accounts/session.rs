//! Sessions: what a person holds after signing in.

use chrono::{DateTime, Duration, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;

use super::{Account, sql};
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::env::Env;
use crate::kit::secret::{self, Kind};

/// Signing in once a month.
pub const SESSION_LIVES: Duration = Duration::days(30);

/// A session just opened: the only time its token is known.
#[derive(Debug)]
pub struct Session {
    pub token: SecretString,
    pub expires_at: DateTime<Utc>,
}

/// Signs in who showed the account's password.
///
/// # Errors
/// [`Unauthenticated::WrongPassword`] where the password has changed since the account was read.
pub async fn open_session(db: &mut PgConnection, env: &Env, account: &Account) -> Result<Session> {
    // A change of the password waits for this, and then ends the session too.
    if !sql::lock_while_password_is(db, account.id, &account.password_hash).await? {
        return Err(Error::Unauthenticated(Unauthenticated::WrongPassword));
    }
    let minted = secret::mint(Kind::Session, &mut env.fork_rng());
    let (now, expires_at) = (env.now(), env.now() + SESSION_LIVES);
    sql::insert_session(db, &minted.hash, "session", account.id, now, expires_at).await?;
    Ok(Session { token: minted.secret, expires_at })
}

/// Whose session this is, while it lasts.
pub async fn by_session(db: &mut PgConnection, hash: &[u8; 32], now: DateTime<Utc>) -> Result<Option<Account>> {
    sql::by_session(db, hash, now).await?.map(Account::try_from).transpose()
}

/// Whether the session still stands; it does until this transaction ends.
pub async fn session_stands(db: &mut PgConnection, hash: &[u8; 32], now: DateTime<Utc>) -> Result<bool> {
    Ok(sql::lock_session(db, hash, now).await?)
}

/// Ends a session. Whatever it was about to do is done or refused by then.
///
/// # Errors
/// [`Error::Unauthenticated`] where there is none.
pub async fn sign_out(db: &mut PgConnection, hash: &[u8; 32], now: DateTime<Utc>) -> Result<()> {
    if sql::end_session(db, hash, now).await? { Ok(()) } else { Err(Error::Unauthenticated(Unauthenticated::Invalid)) }
}
