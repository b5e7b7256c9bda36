//! `/portal/v1`, for people who are resellers: every route and who may call it, on one screen. The way in is
//! an invitation; a session does the rest.

mod api_keys;
mod balance;
mod balance_body;
mod fulfillments;
mod invitations;
mod password_resets;
mod program;
mod programs;
mod sessions;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sessions::open)) //              who knows the password
        .routes(routes!(sessions::end)) //               the session
        .routes(routes!(invitations::get)) //            the invitation's token
        .routes(routes!(invitations::accept)) //         the invitation's token
        .routes(routes!(password_resets::ask)) //        anybody
        .routes(routes!(password_resets::set)) //        the mail's token
        .routes(routes!(programs::list)) //              a session
        .routes(routes!(programs::get)) //               a session of that reseller
        .routes(routes!(balance::get)) //                a session of that reseller
        .routes(routes!(balance::statement)) //          a session of that reseller
        .routes(routes!(balance::top_ups, balance::top_up)) // a session of that reseller
        .routes(routes!(balance::watch)) //              a session of that reseller
        .routes(routes!(fulfillments::list)) //          a session of that reseller
        .routes(routes!(api_keys::list, api_keys::mint)) // a session of that reseller
        .routes(routes!(api_keys::revoke)) //            a session of that reseller
}
