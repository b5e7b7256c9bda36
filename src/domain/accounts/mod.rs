//! People, who sign in with an address and a password. They are no tenants: one person may belong to the
//! programs of many shops.

mod hashing;
mod reset;
mod session;
mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use hashing::Hashing;
pub use reset::{ask_reset, is_reset_open, reset, reset_token};
pub use session::{SESSION_LIVES, Session, by_session, open_session, session_stands, sign_out};

use super::shops::Tenant;
use crate::error::{Error, OnConstraint as _, Result, Unauthenticated};
use crate::kit::env::Env;
use crate::kit::id::Entity;
use crate::kit::values::Email;

/// Where the idempotency keys and the mails of people are kept, who belong to no shop. There is no such
/// shop, so nothing else is ever found there.
pub const PEOPLE: Tenant = Tenant::new(Uuid::nil());

#[derive(Clone, Debug)]
pub struct Account {
    pub id: Uuid,
    pub email: Email,
    pub name: String,
    /// As it was when the account was read: what is done with a password is done only while it is this one.
    pub password_hash: String,
    pub created_at: DateTime<Utc>,
}

impl Entity for Account {
    const PREFIX: &'static str = "acct";
}

/// Makes a person known. The hash is from [`Hashing::hash`].
///
/// # Errors
/// [`Unauthenticated::WrongPassword`] where somebody has this address already: only who knows the password
/// is that person.
pub async fn create(
    db: &mut PgConnection,
    env: &Env,
    email: &Email,
    name: &str,
    password_hash: &str,
) -> Result<Account> {
    let account = Account {
        id: *env.id::<Account>(),
        email: email.clone(),
        name: name.to_owned(),
        password_hash: password_hash.to_owned(),
        created_at: env.now(),
    };
    let taken = || Error::Unauthenticated(Unauthenticated::WrongPassword);
    sql::insert(db, &account).await.on_constraint("accounts_email_taken", taken)?;
    Ok(account)
}

/// The person with this address, however it is spelled.
pub async fn by_email(db: &mut PgConnection, email: &Email) -> Result<Option<Account>> {
    sql::by_email(db, &email.key()).await?.map(Account::try_from).transpose()
}

/// Deletes sessions and resets whose time is over, a batch at a time; answers how many.
pub async fn sweep(db: &mut PgConnection, now: DateTime<Utc>) -> Result<u64> {
    Ok(sql::sweep(db, now).await?)
}

impl TryFrom<sql::Row> for Account {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let email = Email::parse(&row.email);
        Ok(Self {
            id: row.id,
            email: email.ok_or_else(|| Error::Internal(format!("account {} has no address", row.id)))?,
            name: row.name,
            password_hash: row.password_hash,
            created_at: row.created_at,
        })
    }
}
