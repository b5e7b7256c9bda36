//! The front of the house: surfaces behind their doors, health and documents, and the socket itself.

pub mod checkout;
pub mod dev;
pub mod door;
mod health;
pub mod openapi;
pub mod pages;
pub mod portal;
pub mod reseller;
mod serve;
pub mod v1;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

pub use serve::serve;

use crate::app::App;
use crate::error::Error;
use door::enter::enter;
use door::render::render;
use door::trace::trace;
use door::{Door, Surface};

/// Everything that answers, in one router.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for surface in openapi::SURFACES {
        router = router.nest(surface.prefix(), mount(app, surface));
    }
    router.merge(beside(app)).with_state(app.clone())
}

/// A surface's routes behind its door. Layers are listed from the inside out: what a request meets
/// first stands last.
fn mount(app: &Arc<App>, surface: Surface) -> Router<Arc<App>> {
    let door = Door { app: app.clone(), surface };
    let (routes, _) = routes(surface).split_for_parts();
    routes
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .route_layer(from_fn_with_state(door.clone(), enter))
        .fallback(|| async { Error::NotFound("address") })
        .layer(from_fn_with_state(door, render))
        .layer(from_fn_with_state(app.clone(), trace))
        .layer(map_response(harden))
}

/// The routes of a surface, with what they say of themselves.
pub(crate) fn routes(surface: Surface) -> OpenApiRouter<Arc<App>> {
    match surface {
        Surface::V1 => v1::routes(),
        Surface::Dev => dev::routes(),
        Surface::Reseller => reseller::routes(),
        Surface::Checkout => checkout::routes(),
        Surface::Portal => portal::routes(),
    }
}

/// Health and figures alone: of a worker, which serves nobody.
pub fn watch_router(app: &Arc<App>) -> Router {
    plain(app, watched()).with_state(app.clone())
}

fn watched() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
}

/// Pages, health, figures, documents; and everything that is no surface at all.
fn beside(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = pages::routes(Door { app: app.clone(), surface: Surface::Checkout });
    plain(app, pages.merge(watched()).route("/openapi/{document}", get(openapi::document)))
}

/// Routes behind no door.
fn plain(app: &Arc<App>, routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .fallback(|| async { Error::NotFound("address") })
        .layer(from_fn_with_state(Door { app: app.clone(), surface: Surface::V1 }, render))
        .layer(from_fn_with_state(app.clone(), trace))
        .layer(map_response(harden))
}

/// Headers that every answer carries: nothing here is to be cached, framed, or guessed at.
async fn harden(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
