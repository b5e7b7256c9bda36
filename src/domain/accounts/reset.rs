//! A new password for who forgot theirs: a link by mail, good once and for an hour. Its token is derived
//! from the house's own key, so that the mail is rendered late and nobody keeps the token itself.

use chrono::{DateTime, Duration, Utc};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PEOPLE, by_email, sql};
use crate::domain::outbox::{self, Template};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::Entity;
use crate::kit::secret::{self, Kind, Minted};
use crate::kit::values::Email;

/// R49.
pub const LIVES: Duration = Duration::hours(1);

enum Reset {}
impl Entity for Reset {
    const PREFIX: &'static str = "rst";
}

/// Sends a link to the person with this address, if there is one: whoever asks is not told.
pub async fn ask_reset(db: &mut PgConnection, env: &Env, email: &Email) -> Result<()> {
    let Some(account) = by_email(db, email).await? else { return Ok(()) };
    let id = *env.id::<Reset>();
    let now = env.now();
    sql::insert_session(db, &derive(env, id).hash, "password_reset", account.id, now, now + LIVES).await?;
    outbox::queue_mail(db, PEOPLE, env, Template::PasswordReset, id, account.email.as_str()).await?;
    Ok(())
}

/// What the mail of this reset carries.
#[must_use]
pub fn reset_token(env: &Env, id: Uuid) -> SecretString {
    derive(env, id).secret
}

/// Whether this token still sets a password.
pub async fn is_reset_open(db: &mut PgConnection, hash: &[u8; 32], now: DateTime<Utc>) -> Result<bool> {
    Ok(sql::is_reset_open(db, hash, now).await?)
}

/// Sets the password, and ends every session and every other reset of that person.
///
/// # Errors
/// [`Error::NotFound`] where the token was used, is too old, or never was.
pub async fn reset(db: &mut PgConnection, env: &Env, hash: &[u8; 32], password_hash: &str) -> Result<Uuid> {
    let account = sql::use_reset(db, hash, env.now()).await?.ok_or(Error::NotFound("password reset"))?;
    sql::set_password(db, account, password_hash, env.now()).await?;
    sql::end_all(db, account).await?;
    Ok(account)
}

fn derive(env: &Env, id: Uuid) -> Minted {
    let seed = env.vault.mac("password reset", &[id.as_bytes()]);
    secret::mint(Kind::PasswordReset, &mut ChaCha20Rng::from_seed(seed))
}
