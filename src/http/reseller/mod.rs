//! `/reseller/v1`, the reseller's surface. Its rooms come later; until then no key opens it, and every
//! address answers 401 in its own envelope.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
}
