//! Signing in and out.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::accounts::{self, Account, SESSION_LIVES};
use crate::error::{Error, Result, Unauthenticated};
use crate::http::door::envelope::Envelope;
use crate::http::door::limit::allow;
use crate::http::door::person::{Client, Guest, Leaving};
use crate::http::door::wire::Instant;
use crate::http::door::write::Write;
use crate::http::door::{Data, Reply, session_cookie};
use crate::kit::json::{Form, Nothing, Wire};
use crate::kit::password::{Password, password};
use crate::kit::secret;
use crate::kit::values::{Email, email};

/// Passwords tried in a minute from one address of a client, and for one person.
const TRIES_A_CLIENT: u32 = 30;
const TRIES_A_PERSON: u32 = 10;

/// A session just opened. Its token is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    #[schema(example = "ses_…")]
    token: String,
    expires_at: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SignedOut {
    signed_out: bool,
}

/// Signs in. In a browser the answer sets a cookie too. A session lasts 30 days.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = SignInBody,
    responses((status = 201, body = Data<SignedIn>),
        (status = 401, body = Envelope, description = "The address or the password is wrong")))]
pub async fn open(Client(client): Client, write: Write<SignIn>) -> Result<Response> {
    let (app, guest) = (write.app(), Guest::of(&write.body.email.key()));
    count(&app, client, &write.body.email)?;
    // Who asks again has sent the same password, or the key would name another request.
    let reply = match write.before(&guest).await? {
        Some(reply) => reply,
        None => prove_and_open(write, &app, &guest).await?,
    };
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let token = answer["data"]["token"].as_str().unwrap_or_default();
    let cookie = session_cookie::set(token, SESSION_LIVES, &app.public_url)?;
    Ok(with_cookie(reply, cookie))
}

async fn prove_and_open(write: Write<SignIn>, app: &Arc<App>, guest: &Guest) -> Result<Reply> {
    let account = accounts::by_email(&mut *write.read().await?, &write.body.email).await?;
    write.let_go().await;
    let account = prove(app, account, &write.body.password).await?;
    let app = app.clone();
    write
        .once(guest, StatusCode::CREATED, async move |db, _| {
            let session = accounts::open_session(db, &app.env, &account).await?;
            let (token, expires_at) = (secret::reveal(&session.token), Instant(session.expires_at));
            Ok(Data { data: SignedIn { token, expires_at } })
        })
        .await
}

/// Signs out: the session ends.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", security(("session" = [])),
    responses((status = 200, body = Data<SignedOut>)))]
pub async fn end(leaving: Leaving, write: Write<Nothing>) -> Result<Response> {
    let (app, hash) = (write.app(), leaving.0);
    let cookie = session_cookie::clear(&app.public_url)?;
    let reply = write
        .once(&leaving, StatusCode::OK, async move |db, _| {
            accounts::sign_out(db, &hash, app.env.now()).await?;
            Ok(Data { data: SignedOut { signed_out: true } })
        })
        .await?;
    Ok(with_cookie(reply, cookie))
}

/// Counts a password that is tried.
pub fn count(app: &App, client: IpAddr, email: &Email) -> Result<()> {
    allow(app, "sign in from", client.to_string().as_bytes(), TRIES_A_CLIENT)?;
    allow(app, "sign in as", email.key().as_bytes(), TRIES_A_PERSON)
}

/// The account, where this is its password. Nobody's takes as long and is refused alike.
pub async fn prove(app: &App, account: Option<Account>, password: &Password) -> Result<Account> {
    let kept = account.as_ref().map(|account| account.password_hash.as_str());
    let right = app.passwords.verify(&app.env, password, kept).await?;
    account.filter(|_| right).ok_or(Error::Unauthenticated(Unauthenticated::WrongPassword))
}

fn with_cookie(reply: Reply, cookie: HeaderValue) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// Who signs in.
pub struct SignIn {
    email: Email,
    password: Password,
}

/// Who signs in.
#[derive(ToSchema)]
#[schema(as = SignIn)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct SignInBody {
    #[schema(example = "ada@example.com")]
    email: String,
    #[schema(format = Password, max_length = 1024, example = "correct horse battery staple")]
    password: String,
}

impl Wire for SignIn {
    fn read(form: &mut Form) -> Option<Self> {
        let email = form.required("email", email);
        let password = form.required("password", password);
        Some(Self { email: email?, password: password? })
    }
}
