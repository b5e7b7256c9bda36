//! A new password for who forgot theirs. Who asks learns nothing: the mail goes to whoever has the address.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::accounts;
use crate::error::{Error, Result};
use crate::http::door::limit::allow;
use crate::http::door::mailed::Mailed;
use crate::http::door::person::{Client, Guest};
use crate::http::door::write::Write;
use crate::http::door::{Data, Reply};
use crate::kit::json::{Form, Wire};
use crate::kit::password::{Password, new_password};
use crate::kit::secret::Kind;
use crate::kit::values::{Email, email};

/// Asked for in a minute from one address of a client, and for one mailbox.
const ASKED_A_CLIENT: u32 = 10;
const ASKED_A_MAILBOX: u32 = 2;

#[derive(Debug, Serialize, ToSchema)]
pub struct Asked {
    /// Always, whether or not somebody has that address.
    accepted: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Set {
    password_set: bool,
}

/// Asks for a link by mail that sets a new password. It works once, within an hour.
#[utoipa::path(post, path = "/password-resets", tag = "password resets", request_body = AskBody,
    responses((status = 202, body = Data<Asked>)))]
pub async fn ask(Client(client): Client, write: Write<Ask>) -> Result<Reply> {
    let (app, guest) = (write.app(), Guest::of(&write.body.email.key()));
    allow(&app, "reset from", client.to_string().as_bytes(), ASKED_A_CLIENT)?;
    allow(&app, "reset for", write.body.email.key().as_bytes(), ASKED_A_MAILBOX)?;
    write
        .once(&guest, StatusCode::ACCEPTED, async move |db, body| {
            accounts::ask_reset(db, &app.env, &body.email).await?;
            Ok(Data { data: Asked { accepted: true } })
        })
        .await
}

/// Sets a new password, with the token of the mail. Every session ends.
#[utoipa::path(post, path = "/password-resets/{token}", tag = "password resets", params(("token" = String, Path)),
    request_body = NewPasswordBody, responses((status = 200, body = Data<Set>)))]
pub async fn set(mailed: Mailed, write: Write<NewPassword>) -> Result<Reply> {
    let hash = mailed.hash(Kind::PasswordReset, "password reset")?;
    let app = write.app();
    let open = accounts::is_reset_open(&mut *write.read().await?, &hash, app.env.now()).await?;
    write.let_go().await;
    // Nothing is hashed for who brings no good token; a retry still finds its answer below.
    let hashed = if open { Some(app.passwords.hash(&app.env, &write.body.0).await?) } else { None };
    let guest = Guest::with(accounts::PEOPLE, &hash);
    write
        .once(&guest, StatusCode::OK, async move |db, _| {
            let hashed = hashed.as_ref().ok_or(Error::NotFound("password reset"))?;
            accounts::reset(db, &app.env, &hash, hashed).await?;
            Ok(Data { data: Set { password_set: true } })
        })
        .await
}

/// Whose password is forgotten.
pub struct Ask {
    email: Email,
}

/// Whose password is forgotten.
#[derive(ToSchema)]
#[schema(as = PasswordReset)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct AskBody {
    #[schema(example = "ada@example.com")]
    email: String,
}

impl Wire for Ask {
    fn read(form: &mut Form) -> Option<Self> {
        Some(Self { email: form.required("email", email)? })
    }
}

/// What it becomes.
pub struct NewPassword(Password);

/// The password to come.
#[derive(ToSchema)]
#[schema(as = NewPassword)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewPasswordBody {
    /// At least 10 characters, and none of the common ones.
    #[schema(format = Password, min_length = 10, max_length = 1024, example = "correct horse battery staple")]
    password: String,
}

impl Wire for NewPassword {
    fn read(form: &mut Form) -> Option<Self> {
        form.required("password", new_password).map(Self)
    }
}
