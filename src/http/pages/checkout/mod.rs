//! The page of an order, at its `checkout_url`: what is bought, paying for it, and what was paid for.
//!
//! It opens to whoever shows the order's token: once in a form, or behind `#token=` in the address, which
//! no browser sends and no log sees. From then on the order's cookie opens it. To everybody else it says
//! nothing of the order, not even whether there is one.

mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use minijinja::value::Serde;
use minijinja::{Value, context};

use super::template;
use crate::app::App;
use crate::domain::orders::{self, Order, OrderId};
use crate::domain::payments::Outcome;
use crate::domain::shops::{self, Listed};
use crate::error::{Conflict, Error, Result, Unauthenticated};
use crate::http::door::caller::Buyer;
use crate::http::door::enter::enter;
use crate::http::door::params::PathId;
use crate::http::door::posted::Posted;
use crate::http::door::read::Read;
use crate::http::door::render::dress;
use crate::http::door::{Door, Refusal, Words, cookie, problem};
use crate::kit::secret::{self, Kind};
use view::View;

const NOT_ITS_TOKEN: &str =
    "That token does not open this order. It begins with cs_ and stands in your mail, or where you bought.";

/// The routes, behind the public checkout's door; refusals are pages too.
pub fn routes(door: Door) -> Router<Arc<App>> {
    Router::new()
        .route("/checkout/{id}", get(show)) //            the order's cookie
        .route("/checkout/{id}/session", post(open)) //   the order's token, for the cookie
        .route("/checkout/{id}/pay", post(pay)) //        the order's cookie, and a page of ours
        .route_layer(from_fn_with_state(door, enter))
        .route_layer(map_response(refuse_in_words))
}

/// `GET /checkout/{id}`.
async fn show(
    buyer: Result<Buyer>,
    PathId(id): PathId<Order>,
    State(app): State<Arc<App>>,
    mut db: Read,
) -> Result<Response> {
    let buyer = match buyer {
        Ok(buyer) if buyer.order == *id => buyer,
        Ok(_) | Err(Error::Unauthenticated(_)) => return locked(id, ""),
        Err(other) => return Err(other),
    };
    let shop = shops::get(&mut db, buyer.shop).await?;
    let (order, items) = orders::get(&mut db, buyer.shop, id).await?;
    let goods = orders::goods(&mut db, buyer.shop, &app.env, &order, &items).await?;
    drop(db);
    let provider = order.gateway.map(|gateway| app.gateways.get(gateway)).transpose()?;
    let view = View::of(&shop, &order, &items, goods, provider, app.env.now());
    template::page("checkout.html", Value::from(Serde(view)))
}

/// `POST /checkout/{id}/session`: lets the holder of the token in. Shops may post it from their own pages.
async fn open(PathId(id): PathId<Order>, State(app): State<Arc<App>>, posted: Posted) -> Result<Response> {
    let given = posted.fields.get("token").unwrap_or("").trim();
    // Who pastes the whole address means its end.
    let token = given.rsplit_once("#token=").map_or(given, |(_, token)| token);
    let found = if secret::recognise(token) == Some(Kind::Checkout) {
        let mut db = posted.write.read().await?;
        shops::look_up(&mut db, Listed::Checkout, &secret::hash(token)).await?
    } else {
        None
    };
    if found.is_none_or(|(_, order)| order != *id) {
        let mut response = locked(id, NOT_ITS_TOKEN)?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let mut response = back_to(id)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie::set(*id, token, &app.public_url)?);
    Ok(response)
}

/// `POST /checkout/{id}/pay`: does what the sandbox is told. Whatever became of it, the page says.
async fn pay(buyer: Buyer, PathId(id): PathId<Order>, posted: Posted) -> Result<Response> {
    if buyer.order != *id {
        return Err(Error::Unauthenticated(Unauthenticated::Invalid));
    }
    let outcome = posted.fields.set("outcome", Outcome::WORDS)?;
    let [outcome] = outcome[..] else { return Err(Error::invalid("outcome", "must be succeed or fail")) };
    let (app, shop) = (posted.write.app(), buyer.shop);
    let paid = posted.write.once(&buyer, StatusCode::OK, async move |db, ()| {
        orders::pay(db, shop, &app.env, &app.cursors, id, outcome).await.map(drop)
    });
    match paid.await {
        Ok(_) | Err(Error::Conflict(Conflict::WrongState(_))) => back_to(id),
        Err(other) => Err(other),
    }
}

fn back_to(id: OrderId) -> Result<Response> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let place = HeaderValue::try_from(format!("/checkout/{}", id.uuid()));
    let place = place.map_err(|e| Error::Internal(format!("an address: {e}")))?;
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

/// The same page for every order that there is or is not.
fn locked(id: OrderId, said: &str) -> Result<Response> {
    template::page("checkout_locked.html", context! { action => format!("/checkout/{}/session", id.uuid()), said })
}

/// A refusal as a page for people: the words of the API, and the way back.
pub(super) async fn refuse_in_words(method: Method, mut response: Response) -> Response {
    let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() else { return response };
    let status = problem::words(&error, "").status;
    if status.is_server_error() {
        tracing::error!(error = %error, status = status.as_u16(), "a page failed");
    }
    let detail = match &*error {
        Error::Unauthenticated(_) => "Open the order's page with its token first.".to_owned(),
        other => problem::detail(other),
    };
    let title = if status.is_server_error() { "That did not work just now" } else { "That is not possible" };
    let again = method == Method::GET;
    let page = template::html("checkout_refused.html", context! { title, detail, again });
    let body = page.unwrap_or_default().into_bytes();
    dress(&mut response, &error, Words { status, content_type: "text/html; charset=utf-8", body });
    response
}
