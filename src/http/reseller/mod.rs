//! `/reseller/v1`: a reseller's own shop sells the merchant's codes. A key names one relationship; every route
//! takes any of its keys.

mod balance;
mod dynamic;
mod fulfillments;
mod me;
mod offers;
mod order;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(me::get))
        .routes(routes!(balance::get))
        .routes(routes!(balance::statement))
        .routes(routes!(offers::list))
        .routes(routes!(fulfillments::list, fulfillments::create))
        .routes(routes!(dynamic::get, dynamic::post))
        .routes(routes!(fulfillments::get))
}
