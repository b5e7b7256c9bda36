//! `/dev/v1`, the developer's surface: every route and the scope it asks for, on one screen.

mod licenses;
mod me;
mod order;
mod orders;
mod product;
mod product_body;
mod products;

use std::sync::Arc;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(me::get)) //                  any scope
        .routes(routes!(me::capabilities)) //         any scope
        .routes(routes!(products::list, products::create)) // products.read, products.write
        .route("/products", get(products::list).post(products::create)) // the same: clients write it both ways
        .routes(routes!(products::get, products::update, products::remove)) // products.read, products.write
        .routes(routes!(licenses::validate)) //       licenses.read or licenses.validate
        .routes(routes!(licenses::list, licenses::create)) // licenses.read, licenses.write
        .routes(routes!(licenses::get, licenses::update, licenses::remove)) // licenses.read, licenses.write
        .routes(routes!(licenses::events)) //         licenses.read
        .routes(routes!(licenses::reset_hwid)) //     licenses.write
        .routes(routes!(licenses::replace_hwid)) //   licenses.write
        .routes(routes!(licenses::rotate_key)) //     licenses.write
        .routes(routes!(licenses::extend)) //         licenses.write
        .routes(routes!(licenses::file)) //           licenses.write
        .routes(routes!(orders::get)) //              orders.read
        .routes(routes!(orders::complete)) //         orders.write
        .routes(routes!(orders::fulfill)) //          orders.write
        .routes(routes!(orders::retry_delivery)) //   orders.write
}
