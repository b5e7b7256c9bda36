//! Invitations: what was offered, and taking it. Who is known signs in or shows their password; who is not
//! chooses one.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::program::{Program, ProgramShop};
use super::sessions::{count, prove};
use crate::app::App;
use crate::domain::accounts::{self, Account};
use crate::domain::{resellers, shops};
use crate::error::{Error, Fields, Result};
use crate::http::door::envelope::Envelope;
use crate::http::door::mailed::Mailed;
use crate::http::door::person::{Client, Guest, Person, Somebody};
use crate::http::door::read::Read;
use crate::http::door::wire::Instant;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::{Form, Wire};
use crate::kit::password::{Password, password};
use crate::kit::secret::Kind;
use crate::kit::values::{Email, name};

/// An offer, as its link shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitation {
    shop: ProgramShop,
    /// To whom it was sent, and for whom alone it is.
    #[schema(example = "ada@example.com")]
    email: String,
    /// `AFFILIATE`, `STOCK` or `BOTH`.
    #[schema(example = "BOTH")]
    mode: &'static str,
    /// Somebody has that address here already: accepting asks for their password, and sets none.
    has_account: bool,
    expires_at: Instant,
}

/// Shows an invitation, while it can be accepted.
#[utoipa::path(get, path = "/invitations/{token}", tag = "invitations", params(("token" = String, Path)),
    responses((status = 200, body = Data<Invitation>)))]
pub async fn get(mailed: Mailed, State(app): State<Arc<App>>, mut db: Read) -> Answer<Data<Invitation>> {
    let hash = mailed.hash(Kind::Invitation, "invitation")?;
    let (shop, invitation) = resellers::invitation_by_token(&mut db, &hash).await?;
    if !invitation.is_open(app.env.now()) {
        return Err(Error::NotFound("invitation"));
    }
    let has_account = accounts::by_email(&mut db, &invitation.email).await?.is_some();
    let shop = shops::get(&mut db, shop).await?;
    Ok(Json(Data {
        data: Invitation {
            shop: ProgramShop::of(&shop),
            email: invitation.email.as_str().to_owned(),
            mode: invitation.grant.terms.mode.word(),
            has_account,
            expires_at: Instant(invitation.expires_at),
        },
    }))
}

/// Accepts an invitation: the answer is the program. Who has an account already sends its password, or is
/// signed in; who has none sends a name and a new password.
#[utoipa::path(post, path = "/invitations/{token}/accept", tag = "invitations", params(("token" = String, Path)),
    request_body = AcceptBody, responses((status = 201, body = Data<Program>),
        (status = 401, body = Envelope, description = "The address has an account, and this is not its password")))]
pub async fn accept(
    mailed: Mailed,
    Client(client): Client,
    Somebody(person): Somebody,
    write: Write<Accept>,
) -> Result<Reply> {
    let hash = mailed.hash(Kind::Invitation, "invitation")?;
    let app = write.app();
    let (shop, invitation, known) = {
        let mut db = write.read().await?;
        let (shop, invitation) = resellers::invitation_by_token(&mut db, &hash).await?;
        let known = accounts::by_email(&mut db, &invitation.email).await?;
        (shop, invitation, known)
    };
    write.let_go().await;
    let who = if invitation.is_open(app.env.now()) {
        Some(Who::accepts(&app, client, &invitation.email, person, known, &write.body).await?)
    } else {
        None // a retry still finds its answer below
    };
    let (guest, id, email) = (Guest::with(shop, &hash), invitation.id, invitation.email);
    write
        .once(&guest, StatusCode::CREATED, async move |db, _| {
            let env = &app.env;
            let account = match &who {
                None => return Err(Error::NotFound("invitation")),
                Some(Who::Known(account)) => *account,
                Some(Who::New { name, password_hash }) => {
                    accounts::create(db, env, &email, name, password_hash).await?.id
                }
            };
            let reseller = resellers::accept(db, shop, env, (id, hash), account, &email).await?;
            Ok(Data { data: Program::load(db, shop, &reseller).await? })
        })
        .await
}

/// Who accepts.
enum Who {
    Known(Uuid),
    New { name: String, password_hash: String },
}

impl Who {
    /// Who is signed in with this address, or shows its password; or, where nobody has it, who chooses one.
    async fn accepts(
        app: &App,
        client: IpAddr,
        email: &Email,
        person: Option<Person>,
        known: Option<Account>,
        body: &Accept,
    ) -> Result<Self> {
        if let Some(person) = person {
            let meant = known.is_some_and(|known| known.id == person.account.id);
            return if meant { Ok(Self::Known(person.account.id)) } else { Err(Error::NotFound("invitation")) };
        }
        let mut fields = Fields::default();
        if body.password.is_none() {
            fields.missing("password");
        }
        if known.is_none() && body.name.is_none() {
            fields.missing("name");
        }
        let (Some(password), true) = (body.password.clone(), fields.is_empty()) else { return Err(fields.into()) };
        count(app, client, email)?;
        if known.is_some() {
            return prove(app, known, &password).await.map(|account| Self::Known(account.id));
        }
        let chosen = password.choose().map_err(|refused| {
            fields.absorb("password", refused);
            fields
        })?;
        let password_hash = app.passwords.hash(&app.env, &chosen).await?;
        Ok(Self::New { name: body.name.clone().unwrap_or_default(), password_hash })
    }
}

/// Who accepts, as they say.
pub struct Accept {
    name: Option<String>,
    password: Option<Password>,
}

/// Who accepts: the password of the account that there is, or a name and a password for a new one.
#[derive(ToSchema)]
#[schema(as = AcceptInvitation)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct AcceptBody {
    /// Required where the address has no account yet.
    #[schema(max_length = 200, example = "Ada Lovelace")]
    name: Option<String>,
    /// Of the account that there is; or of the new one, at least 10 characters. Not needed by who is signed in.
    #[schema(format = Password, max_length = 1024, example = "correct horse battery staple")]
    password: Option<String>,
}

impl Wire for Accept {
    fn read(form: &mut Form) -> Option<Self> {
        let name = form.optional("name", name);
        let password = form.optional("password", password);
        Some(Self { name: name?, password: password? })
    }
}
