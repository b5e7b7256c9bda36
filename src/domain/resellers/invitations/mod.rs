//! Invitations: an offer to one address, taken once. The token in its link is derived from the house's
//! own key, so that a mail can be rendered late and nobody keeps the token itself.

mod sql;

use chrono::{DateTime, Duration, Utc};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use secrecy::SecretString;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Grant, Reseller, begin, hold_program, stands_already};
use crate::domain::outbox::{self, Event, MailId, ResellerAcceptedFacts, ResellerInvitedFacts, Template};
use crate::domain::shops::{self, Listed, Tenant};
use crate::error::{Error, ResellerRefusal, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};
use crate::kit::page::Window;
use crate::kit::secret::{self, Kind, Minted};
use crate::kit::values::Email;

pub type InvitationId = Id<Invitation>;

#[derive(Clone, Debug)]
pub struct Invitation {
    pub id: InvitationId,
    pub email: Email,
    pub grant: Grant,
    /// Counts its tokens; the newest alone opens it.
    token_number: i32,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Entity for Invitation {
    const PREFIX: &'static str = "inv";
}

impl Invitation {
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.accepted_at.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }

    /// What its link carries.
    #[must_use]
    pub fn token(&self, shop: Tenant, env: &Env) -> SecretString {
        token(shop, env, self.id, self.token_number).secret
    }
}

/// An invitation just sent.
#[derive(Debug)]
pub struct Invited {
    pub invitation: Invitation,
    pub token: SecretString,
    pub mail: MailId,
}

/// Invites an address. One that is invited already keeps its invitation, which gets these terms, a new
/// token and a new date; the token before opens nothing any more.
///
/// # Errors
/// [`ResellerRefusal::ProgramDisabled`]; [`WrongState`](crate::error::Conflict) for who is a reseller already.
pub async fn invite(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    email: &Email,
    grant: Grant,
    expires_in: Duration,
) -> Result<Invited> {
    if !hold_program(db, shop).await?.enabled {
        return Err(Error::Reseller(ResellerRefusal::ProgramDisabled));
    }
    if super::sql::stands(db, shop.uuid(), &email.key()).await? {
        return Err(stands_already());
    }
    let id = env.id();
    let first = token(shop, env, id, 1);
    let new = Invitation {
        id,
        email: email.clone(),
        grant,
        token_number: 1,
        created_at: env.now(),
        expires_at: env.now() + expires_in,
        accepted_at: None,
        revoked_at: None,
    };
    let (row, old_hash) = sql::upsert(db, shop.uuid(), &new, &new.grant.write()?, &first.hash).await?;
    let invitation = Invitation::try_from(row)?;
    let minted = if invitation.id == id {
        first
    } else {
        let next = token(shop, env, invitation.id, invitation.token_number);
        shops::unlist(db, shop, &old_hash.try_into().unwrap_or_default()).await?;
        sql::set_token(db, shop.uuid(), *invitation.id, &next.hash).await?;
        next
    };
    shops::list(db, shop, Listed::Invitation, &minted.hash, *invitation.id).await?;
    let address = invitation.email.as_str();
    let mail = outbox::queue_mail(db, shop, env, Template::ResellerInvited, *invitation.id, address).await?;
    outbox::emit(db, shop, env, &[Event::ResellerInvited(invitation.facts(shop))]).await?;
    Ok(Invited { invitation, token: minted.secret, mail })
}

/// The invitation that this token's hash opens, and whose it is; open or not.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn invitation_by_token(db: &mut PgConnection, hash: &[u8; 32]) -> Result<(Tenant, Invitation)> {
    let unknown = || Error::NotFound("invitation");
    let (shop, id) = shops::look_up(db, Listed::Invitation, hash).await?.ok_or_else(unknown)?;
    Ok((shop, invitation(db, shop, InvitationId::from(id)).await?))
}

/// # Errors
/// [`Error::NotFound`].
pub async fn invitation(db: &mut PgConnection, shop: Tenant, id: InvitationId) -> Result<Invitation> {
    sql::get(db, shop.uuid(), *id).await?.ok_or(Error::NotFound("invitation"))?.try_into()
}

/// Open invitations, newest first.
pub async fn open_invitations(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    window: Window<Reseller>,
) -> Result<Vec<Invitation>> {
    let rows = sql::list_open(db, shop.uuid(), env.now(), window.after(), window.rows()).await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// Makes the relationship that was offered, for who holds the newest token of it. Who is not meant, or comes too
/// late or twice, learns no more than who has no invitation.
///
/// # Errors
/// [`Error::NotFound`]; [`ResellerRefusal::ProgramDisabled`]; [`WrongState`](crate::error::Conflict) for who is a
/// reseller already.
pub async fn accept(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    (id, token_hash): (InvitationId, [u8; 32]),
    account: Uuid,
    email: &Email,
) -> Result<Reseller> {
    let now = env.now();
    if !hold_program(db, shop).await?.enabled {
        return Err(Error::Reseller(ResellerRefusal::ProgramDisabled));
    }
    let taken = sql::accept(db, shop.uuid(), *id, &token_hash, &email.key(), now).await?;
    let invitation = Invitation::try_from(taken.ok_or(Error::NotFound("invitation"))?)?;
    let reseller = begin(db, shop, env, account, &invitation.email, &invitation.grant).await?;
    let event = Event::ResellerAccepted(ResellerAcceptedFacts {
        shop_id: shop.uuid(),
        reseller_relationship_id: *reseller.id,
        reseller_email: reseller.email.clone(),
        invitation_id: *id,
        mode: reseller.terms.mode.word(),
        accepted_at: now,
    });
    outbox::emit(db, shop, env, &[event]).await?;
    Ok(reseller)
}

fn token(shop: Tenant, env: &Env, id: InvitationId, number: i32) -> Minted {
    let seed = env.vault.mac("invitation", &[shop.uuid().as_bytes(), id.uuid().as_bytes(), &number.to_be_bytes()]);
    secret::mint(Kind::Invitation, &mut ChaCha20Rng::from_seed(seed))
}

impl Invitation {
    fn facts(&self, shop: Tenant) -> ResellerInvitedFacts {
        ResellerInvitedFacts {
            shop_id: shop.uuid(),
            reseller_relationship_id: None,
            reseller_email: self.email.as_str().to_owned(),
            invitation_id: *self.id,
            email: self.email.as_str().to_owned(),
            mode: self.grant.terms.mode.word(),
            expires_at: self.expires_at,
        }
    }
}

impl TryFrom<sql::Row> for Invitation {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let fault = || Error::Internal(format!("invitation {} cannot be read", row.id));
        Ok(Self {
            id: Id::from(row.id),
            email: Email::parse(&row.email).ok_or_else(fault)?,
            grant: Grant::read(row.terms)?,
            token_number: row.token_number,
            created_at: row.created_at,
            expires_at: row.expires_at,
            accepted_at: row.accepted_at,
            revoked_at: row.revoked_at,
        })
    }
}
