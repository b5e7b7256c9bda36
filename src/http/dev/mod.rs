//! `/dev/v1`, the developer's surface: every route and the scope it asks for, on one screen.

mod me;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(me::get)) //            any scope
        .routes(routes!(me::capabilities)) //   any scope
}
