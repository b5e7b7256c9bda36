//! What every request passes on its way in, and every answer on its way out.

pub mod balance;
pub mod callback;
pub mod caller;
pub mod cookie;
pub mod credential;
pub mod csv;
pub mod dynamic;
pub mod enter;
pub mod envelope;
pub mod fulfillment;
pub mod join;
pub mod limit;
pub mod mailed;
pub mod pagination;
pub mod params;
pub mod person;
pub mod posted;
pub mod problem;
pub mod read;
pub mod render;
pub mod reseller;
pub mod session_cookie;
pub mod trace;
pub mod wire;
pub mod write;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::error::{Error, Result};

/// Which face of the house a route belongs to: its credentials, its error words, its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    V1,
    Dev,
    Reseller,
    Checkout,
    /// People, who are resellers.
    Portal,
}

/// An error in a surface's words.
#[derive(Debug)]
pub struct Words {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// The door of one surface.
#[derive(Clone)]
pub struct Door {
    pub app: Arc<App>,
    pub surface: Surface,
}

/// An error on its way out: it crosses the router as it is, and is put into words at the surface's door.
#[derive(Clone, Debug)]
pub struct Refusal(pub Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Refusal(Arc::new(self)));
        response
    }
}

/// An answer whose bytes are settled, because they may be stored and sent again.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
    pub replayed: bool,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

/// What a read answers.
pub type Answer<T> = Result<Json<T>>;

/// `{data: …}`, the success envelope of `/dev/v1`, `/reseller/v1` and `/portal/v1`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Data<T> {
    pub data: T,
}
