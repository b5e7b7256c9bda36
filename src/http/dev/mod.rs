//! `/dev/v1`, the developer's surface: every route and the scope it asks for, on one screen.

mod balance;
mod fulfillments;
mod invoices;
mod licenses;
mod me;
mod order;
mod orders;
mod product;
mod product_body;
mod products;
mod resellers;

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
        .routes(routes!(invoices::list)) //           invoices.read or orders.read
        .routes(routes!(invoices::get)) //            invoices.read or orders.read
        .routes(routes!(invoices::complete)) //       invoices.write or orders.write
        .routes(routes!(balance::get)) //             resellers.read
        .routes(routes!(balance::statement)) //       resellers.read
        .routes(routes!(balance::adjust)) //          resellers.write
        .routes(routes!(resellers::program, resellers::update_program)) // reseller_programs.read, reseller_programs.write
        .routes(routes!(resellers::invite)) //        resellers.write
        .routes(routes!(resellers::list)) //          resellers.read
        .routes(routes!(resellers::get, resellers::update)) // resellers.read, resellers.write
        .routes(routes!(resellers::suspend)) //       resellers.write
        .routes(routes!(resellers::reactivate)) //    resellers.write
        .routes(routes!(resellers::terminate)) //     resellers.write
        .routes(routes!(fulfillments::list)) //       reseller_sales.read
        .routes(routes!(fulfillments::replace)) //    reseller_stock.write
}
