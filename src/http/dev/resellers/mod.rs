//! The reseller program, as a shop runs it. `{id}` is always that of a relationship.

mod change;
mod invite;
mod program;
mod reseller;
mod terms;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use self::change::{Change, ChangeBody};
use self::reseller::{Reseller, ResellerDetail};
use crate::app::App;
use crate::domain::keys::developer::{ResellersRead, ResellersWrite};
use crate::domain::resellers::{self, Status};
use crate::error::Result;
use crate::http::door::caller::Developer;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::CursorList;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::Nothing;
use crate::kit::page::{Page, Place};

pub use self::invite::{__path_invite, invite};
pub use self::program::{__path_program, __path_update_program, program, update_program};

/// Of this surface's lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;

/// What a list shows: relationships, and those who are only invited where they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Invited,
    Standing(Status),
}

const SHOWN: &[(&str, Shown)] = &[
    ("INVITED", Shown::Invited),
    ("ACTIVE", Shown::Standing(Status::Active)),
    ("SUSPENDED", Shown::Standing(Status::Suspended)),
    ("TERMINATED", Shown::Standing(Status::Terminated)),
];

/// Lists resellers, newest first. Open invitations are among them where `status` names INVITED.
#[utoipa::path(get, path = "/resellers", tag = "resellers", security(("key" = ["resellers.read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query,
        description = "One or more of INVITED, ACTIVE, SUSPENDED, TERMINATED, separated by commas"),
), responses((status = 200, body = CursorList<Reseller>)))]
pub async fn list(
    caller: Developer<ResellersRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<Reseller>> {
    let shown = query.set("status", SHOWN)?;
    let statuses: Vec<Status> = shown
        .iter()
        .filter_map(|shown| match shown {
            Shown::Standing(status) => Some(*status),
            Shown::Invited => None,
        })
        .collect();
    let place = Place::new("resellers", caller.shop.uuid(), &query.filters(&["status"]));
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let mut rows: Vec<(Uuid, Reseller)> = Vec::new();
    if shown.is_empty() || !statuses.is_empty() {
        let standing = resellers::list(&mut db, caller.shop, &statuses, window).await?;
        rows.extend(standing.iter().map(|one| (one.id.uuid(), one.into())));
    }
    if shown.contains(&Shown::Invited) {
        let open = resellers::open_invitations(&mut db, caller.shop, &app.env, window).await?;
        rows.extend(open.iter().map(|one| (one.id.uuid(), one.into())));
        rows.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    }
    let page = Page::cut(rows, &window, &place, &app.env.vault, |(id, _)| *id).map(|(_, one)| one);
    Ok(Json(page.into()))
}

/// Fetches a reseller, with everything that it may sell.
#[utoipa::path(get, path = "/resellers/{id}", tag = "resellers", security(("key" = ["resellers.read"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<ResellerDetail>)))]
pub async fn get(
    caller: Developer<ResellersRead>,
    PathId(id): PathId<resellers::Reseller>,
    mut db: Read,
) -> Answer<Data<ResellerDetail>> {
    let reseller = resellers::get(&mut db, caller.shop, id).await?;
    Ok(Json(ResellerDetail::load(&mut db, caller.shop, &reseller).await?))
}

/// Changes a reseller's terms; absent fields stay. `product_ids` and `product_access` replace everything
/// that it may sell.
#[utoipa::path(patch, path = "/resellers/{id}", tag = "resellers", security(("key" = ["resellers.write"])),
    params(("id" = String, Path)), request_body = ChangeBody,
    responses((status = 200, body = Data<ResellerDetail>)))]
pub async fn update(
    caller: Developer<ResellersWrite>,
    PathId(id): PathId<resellers::Reseller>,
    write: Write<Change>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let patch = body.patch(db, shop).await?;
            let reseller = resellers::update(db, shop, &app.env, id, patch).await?;
            ResellerDetail::load(db, shop, &reseller).await
        })
        .await
}

/// Suspends a reseller: its keys open nothing, and it sells nothing, until it is reactivated.
#[utoipa::path(post, path = "/resellers/{id}/suspend", tag = "resellers", security(("key" = ["resellers.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<ResellerDetail>)))]
pub async fn suspend(
    caller: Developer<ResellersWrite>,
    PathId(id): PathId<resellers::Reseller>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let reseller = resellers::suspend(db, shop, &app.env, id).await?;
            ResellerDetail::load(db, shop, &reseller).await
        })
        .await
}

/// Ends a suspension.
#[utoipa::path(post, path = "/resellers/{id}/reactivate", tag = "resellers", security(("key" = ["resellers.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<ResellerDetail>)))]
pub async fn reactivate(
    caller: Developer<ResellersWrite>,
    PathId(id): PathId<resellers::Reseller>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let reseller = resellers::reactivate(db, shop, &app.env, id).await?;
            ResellerDetail::load(db, shop, &reseller).await
        })
        .await
}

/// Ends a relationship for good. The person may be invited anew.
#[utoipa::path(post, path = "/resellers/{id}/terminate", tag = "resellers", security(("key" = ["resellers.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<ResellerDetail>)))]
pub async fn terminate(
    caller: Developer<ResellersWrite>,
    PathId(id): PathId<resellers::Reseller>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop) = (write.app(), caller.shop);
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let reseller = resellers::terminate(db, shop, &app.env, id).await?;
            ResellerDetail::load(db, shop, &reseller).await
        })
        .await
}

/// `2026-05-26T07:18:03.250Z`.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
