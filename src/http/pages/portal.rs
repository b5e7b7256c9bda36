//! The portal's pages for people: signing in, and the two addresses that mails name. What they send goes to
//! `/portal/v1`, by a script of theirs, so that a page does what any program could.
//!
//! A link of a mail that was used, is too old, or never was, opens one and the same page.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;
use sqlx::PgConnection;

use super::checkout::refuse_in_words;
use super::template;
use crate::app::App;
use crate::domain::accounts;
use crate::domain::resellers::{self, Reseller};
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::{Error, Result};
use crate::http::door::Door;
use crate::http::door::enter::enter;
use crate::http::door::mailed::Mailed;
use crate::http::door::params::Query;
use crate::http::door::person::Somebody;
use crate::http::door::read::Read;
use crate::kit::page::Place;
use crate::kit::secret::Kind;

/// The routes, behind the portal's door; refusals are pages too.
pub fn routes(door: Door) -> Router<Arc<App>> {
    Router::new()
        .route("/portal", get(home)) //                             anybody; who is signed in sees their programs
        .route("/portal/invitations/{token}", get(invitation)) //   the invitation's token
        .route("/portal/password-resets/{token}", get(reset)) //    the mail's token
        .route_layer(from_fn_with_state(door, enter))
        .route_layer(map_response(refuse_in_words))
}

/// `GET /portal`: the programs of who is signed in, or the way in.
async fn home(Somebody(person): Somebody, State(app): State<Arc<App>>, query: Query, mut db: Read) -> Result<Response> {
    let Some(person) = person else { return template::page("portal_sign_in.html", context! {}) };
    let account = person.account.id;
    let place = Place::new("portal", account, "");
    let window = query.window(&place, &app.env.vault)?;
    let page = resellers::programs_of(&mut db, &app.env, account, window, &place).await?;
    let mut programs = Vec::with_capacity(page.data.len());
    for (shop, reseller) in page.data {
        programs.push(Line::load(&mut db, shop, &reseller).await?);
    }
    let (email, next) = (person.account.email.as_str(), page.next_cursor);
    template::page("portal_home.html", context! { email, next, programs => Serde(programs) })
}

/// A program, as one line.
#[derive(Serialize)]
struct Line {
    shop: String,
    sandbox: bool,
    status: &'static str,
    balance: String,
    code: String,
}

impl Line {
    async fn load(db: &mut PgConnection, shop: Tenant, reseller: &Reseller) -> Result<Self> {
        let (balance, currency) = resellers::balance(db, shop, reseller.id).await?;
        let shop = shops::get(db, shop).await?;
        Ok(Self {
            sandbox: shop.mode == Mode::Test,
            shop: shop.name,
            status: match reseller.status {
                resellers::Status::Active => "active",
                resellers::Status::Suspended => "suspended",
                resellers::Status::Terminated => "ended",
            },
            balance: currency.display(balance),
            code: reseller.code.clone(),
        })
    }
}

/// `GET /portal/invitations/{token}`: who invites, and accepting it.
async fn invitation(
    mailed: Mailed,
    Somebody(person): Somebody,
    State(app): State<Arc<App>>,
    mut db: Read,
) -> Result<Response> {
    let found = match mailed.hash(Kind::Invitation, "invitation") {
        Ok(hash) => resellers::invitation_by_token(&mut db, &hash).await,
        Err(e) => Err(e),
    };
    let (shop, invitation) = match found {
        Ok((shop, invitation)) if invitation.is_open(app.env.now()) => (shop, invitation),
        Ok(_) | Err(Error::NotFound(_)) => return opens_nothing(),
        Err(other) => return Err(other),
    };
    let known = accounts::by_email(&mut db, &invitation.email).await?;
    let shop = shops::get(&mut db, shop).await?;
    // Who is signed in as somebody else is told of nothing but that.
    let other = person.as_ref().filter(|person| known.as_ref().is_none_or(|known| known.id != person.account.id));
    template::page(
        "portal_invitation.html",
        context! {
            token => mailed.text(),
            shop => shop.name,
            sandbox => shop.mode == Mode::Test,
            email => invitation.email.as_str(),
            mode => invitation.grant.terms.mode.word(),
            until => invitation.expires_at.format("%H:%M UTC on %-d %B %Y").to_string(),
            known => known.is_some(),
            signed_in => person.is_some(),
            other => other.map(|person| person.account.email.as_str()),
        },
    )
}

/// `GET /portal/password-resets/{token}`: choosing a new password.
async fn reset(mailed: Mailed, State(app): State<Arc<App>>, mut db: Read) -> Result<Response> {
    let open = match mailed.hash(Kind::PasswordReset, "password reset") {
        Ok(hash) => accounts::is_reset_open(&mut db, &hash, app.env.now()).await?,
        Err(_) => false,
    };
    if open { template::page("portal_password.html", context! { token => mailed.text() }) } else { opens_nothing() }
}

/// The one page of every link that is good no more, or never was.
fn opens_nothing() -> Result<Response> {
    let mut response = template::page("portal_closed.html", context! {})?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}
