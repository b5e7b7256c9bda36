//! Where a merchant wants events sent: addresses with what each is told of, and whether it still is.

mod secret;
mod sql;
mod subscription;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::PgConnection;

pub(super) use secret::open as open_secret;
pub use subscription::{NAMES, Subscriptions, WILDCARDS};

use super::{Template, deliveries, queue_mail};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::page::{Page, Place, Window};
use crate::kit::web_address::{Reach, WebAddress};

pub type EndpointId = Id<Endpoint>;

/// Of one shop. Each is sent every event that it asks for, so they multiply what the shop causes.
pub const ENDPOINTS_MAX: i64 = 100;

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub url: WebAddress,
    pub events: Vec<String>,
    pub description: Option<String>,
    /// Why nothing is sent to it; `None` while it is active.
    pub disabled: Option<Reason>,
    pub created_at: DateTime<Utc>,
}

impl Entity for Endpoint {
    const PREFIX: &'static str = "wh";
}

/// Why an endpoint was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Every attempt of the last [`deliveries::FAILING_MAX`] failed.
    Failing,
    /// It answered 410.
    Gone,
}

impl Reason {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    fn of(word: &str) -> Result<Self> {
        match word {
            "failing" => Ok(Self::Failing),
            "gone" => Ok(Self::Gone),
            other => Err(Error::Internal(format!("unknown reason {other:?}"))),
        }
    }
}

#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub url: WebAddress,
    pub events: Subscriptions,
    pub description: Option<String>,
}

/// Registers an endpoint; the only time its secret is shown.
///
/// # Errors
/// [`Error::Invalid`] where the shop has [`ENDPOINTS_MAX`] already. Two that come at once may both be let in:
/// it bounds what a shop causes, and one more does no harm.
pub async fn create(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    new: NewEndpoint,
) -> Result<(Endpoint, SecretString)> {
    let endpoint = Endpoint {
        id: env.id(),
        url: new.url,
        events: new.events.words().to_vec(),
        description: new.description,
        disabled: None,
        created_at: env.now(),
    };
    let secret = secret::make(env);
    let sealed = secret::seal(&secret, shop, endpoint.id, env)?;
    if !sql::insert(db, shop.uuid(), &endpoint, &sealed, ENDPOINTS_MAX).await? {
        return Err(Error::invalid("url", format!("cannot be added: a shop has at most {ENDPOINTS_MAX} endpoints")));
    }
    Ok((endpoint, secret))
}

/// The shop's endpoints, newest first.
pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    window: Window<Endpoint>,
    place: &Place,
) -> Result<Page<Endpoint>> {
    let rows = sql::list(db, shop.uuid(), window.after(), window.rows()).await?;
    let endpoints = rows.into_iter().map(Endpoint::try_from).collect::<Result<_>>()?;
    Ok(Page::cut(endpoints, &window, place, &env.vault, |endpoint| *endpoint.id))
}

/// # Errors
/// [`Error::NotFound`].
pub async fn get(db: &mut PgConnection, shop: Tenant, id: EndpointId) -> Result<Endpoint> {
    sql::get(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("endpoint"))?.try_into()
}

/// The secret that signs what is sent there.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn secret(db: &mut PgConnection, shop: Tenant, env: &Env, id: EndpointId) -> Result<SecretString> {
    let sealed = sql::secret(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("endpoint"))?;
    open_secret(&sealed, shop, id, env)
}

/// Deletes an endpoint, its secret, and what was still to be sent there. Once this has committed, no attempt
/// begins: a lease locks the endpoint's row, so it came before, or finds none.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete(db: &mut PgConnection, shop: Tenant, env: &Env, id: EndpointId) -> Result<()> {
    if !sql::delete(db, shop.uuid(), *id).await? {
        return Err(Error::NotFound("endpoint"));
    }
    deliveries::cancel_closed(db, shop, env.now(), &[id]).await
}

/// Sends events there again, from now on; what it missed is for [`deliveries::recover`]. Its clock of failures
/// begins anew.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn enable(db: &mut PgConnection, shop: Tenant, id: EndpointId) -> Result<Endpoint> {
    sql::enable(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("endpoint"))?.try_into()
}

/// Takes note of an attempt that succeeded: nothing is failing.
pub(super) async fn succeeded(db: &mut PgConnection, shop: Tenant, id: EndpointId) -> Result<()> {
    Ok(sql::succeeded(db, shop.uuid(), *id).await?)
}

/// Takes note of an attempt that failed. An endpoint that is gone, or has failed for too long, is disabled,
/// what waits for it is cancelled, and the shop's owner is told.
pub(super) async fn failed(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: EndpointId,
    gone: bool,
) -> Result<Option<Reason>> {
    let now = env.now();
    sql::failed(db, shop.uuid(), *id, now).await?;
    let (reason, failing_before) =
        if gone { (Reason::Gone, None) } else { (Reason::Failing, Some(now - deliveries::FAILING_MAX)) };
    if !sql::disable(db, shop.uuid(), *id, reason.word(), failing_before).await? {
        return Ok(None);
    }
    if let Some(owner) = shops::get(db, shop).await?.owner_email {
        queue_mail(db, shop, env, Template::EndpointDisabled, *id, &owner).await?;
    }
    Ok(Some(reason))
}

impl TryFrom<sql::Row> for Endpoint {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        // How far out this server calls now is looked at when it calls.
        let url = WebAddress::parse(&row.url, Reach::Loopback);
        Ok(Self {
            url: url.map_err(|wrong| Error::Internal(format!("the address of endpoint {} {wrong}", row.id)))?,
            id: Id::from(row.id),
            events: row.events,
            description: row.description,
            disabled: row.disabled_reason.as_deref().map(Reason::of).transpose()?,
            created_at: row.created_at,
        })
    }
}
