//! `/v1`, the merchant's surface: every route and the ability it asks for, on one screen.

mod api_keys;
mod customers;
mod orders;
mod payouts;
mod products;
mod refunds;
mod webhooks;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api_keys::list, api_keys::mint)) //     every ability
        .routes(routes!(api_keys::revoke)) //                   every ability
        .routes(routes!(products::list, products::create)) //   products:read, products:write
        .routes(routes!(products::get, products::update, products::archive)) // read, write, write
        .routes(routes!(products::import_keys)) //              products:write
        .routes(routes!(orders::list)) //                       orders:read
        .routes(routes!(orders::get)) //                        orders:read
        .routes(routes!(refunds::refund)) //                    orders:write
        .routes(routes!(orders::resend)) //                     orders:write
        .routes(routes!(customers::list)) //                    customers:read
        .routes(routes!(customers::get)) //                     customers:read
        .routes(routes!(payouts::list, payouts::create)) //     payouts:read, payouts:write
        .routes(routes!(webhooks::list, webhooks::create)) //   webhooks:read, webhooks:write
        .routes(routes!(webhooks::delete)) //                   webhooks:write
        .routes(routes!(webhooks::enable)) //                   webhooks:write
        .routes(routes!(webhooks::recover)) //                  webhooks:write
        .routes(routes!(webhooks::test)) //                     webhooks:write
}
