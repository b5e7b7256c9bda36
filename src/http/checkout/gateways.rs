//! Where payment providers report.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::orders;
use crate::domain::payments::{self, Gateway};
use crate::error::{Error, Result};
use crate::http::door::Reply;
use crate::http::door::callback::{Callback, Signed};

/// What a report did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Receipt {
    received: bool,
    /// `paid`, `declined`, `already_paid`, `not_payable`, `wrong_gateway`, `wrong_currency`, `wrong_amount`
    /// or `repeated`. Whatever is not `paid` or `declined` left the order as it was.
    #[schema(example = "paid")]
    verdict: &'static str,
}

/// Takes in a provider's own signed call. A wrong amount or currency is recorded and never pays; a
/// repeated call changes nothing. The sandbox signs as `X-Sandbox-Signature: t=…,v1=…`.
#[utoipa::path(post, path = "/gateways/{gateway}/callback", tag = "gateways", security(("signature" = [])),
    params(("gateway" = String, Path, example = "sandbox")), responses((status = 200, body = Receipt)))]
pub async fn callback(Path(gateway): Path<String>, callback: Callback) -> Result<Reply> {
    let Callback { headers, body, write } = callback;
    let app = write.app();
    let gateway = Gateway::of(&gateway).ok_or(Error::NotFound("gateway"))?;
    let call = payments::Callback { headers, body };
    let event = app.gateways.get(gateway)?.read(&call, app.env.now()).await?;
    let authority = Signed(event.order.shop);
    write
        .once(&authority, StatusCode::OK, async move |db, ()| {
            let verdict = orders::receive(db, &app.env, &app.cursors, &event).await?;
            Ok(Receipt { received: true, verdict: verdict.word() })
        })
        .await
}
