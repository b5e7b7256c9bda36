//! `/checkout/v1`, the public door: anybody opens a checkout, its token does the rest.

mod downloads;
mod gateways;
mod sessions;
mod shops;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::open)) // anybody
        .routes(routes!(sessions::get)) //  the session's token
        .routes(routes!(sessions::pay)) //  the session's token
        .routes(routes!(downloads::get)) // a link of the session
        .routes(routes!(gateways::callback)) // the provider's signature
        .routes(routes!(shops::list)) //    anybody
        .routes(routes!(shops::get)) //     anybody
}
