//! Licenses, as a developer manages them.

mod body;
mod events;
mod file;
mod license;
mod validate;

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use utoipa::ToSchema;

use self::body::{Change, ChangeBody, Create, CreateBody, Extend, ExtendBody, Hardware, HardwareBody};
use self::license::{License, Licenses, Wrapped};
use crate::app::App;
use crate::domain::keys::developer::{LicensesRead, LicensesWrite};
use crate::domain::licenses::{self, Filter, LicensePatch, Status};
use crate::domain::products::ProductId;
use crate::error::{Error, Result};
use crate::http::door::caller::Developer;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::write::Write;
use crate::http::door::{Answer, Data, Reply};
use crate::kit::json::Nothing;
use crate::kit::page::Place;

pub use self::events::{__path_events, events};
pub use self::file::{__path_file, file};
pub use self::validate::{__path_validate, validate};

/// Of this surface's lists (contract 1.3).
const LIMIT_DEFAULT: i64 = 50;
const SEARCH_CHARS_MAX: usize = 512;

#[derive(Debug, serde::Serialize, ToSchema)]
pub struct Deletion {
    deleted: bool,
}

/// Lists licenses, newest first, with the shop's figures.
#[utoipa::path(get, path = "/licenses", tag = "licenses", security(("key" = ["licenses.read"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("status" = Option<String>, Query, description = "One or more of ACTIVE, SUSPENDED, REVOKED, EXPIRED, separated by commas"),
    ("product_id" = Option<String>, Query),
    ("search" = Option<String>, Query, description = "A whole key, e-mail address, license id or invoice id"),
), responses((status = 200, body = Licenses)))]
pub async fn list(
    caller: Developer<LicensesRead>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<Licenses> {
    let product = query.get("product_id").map(|text| ProductId::parse(text).ok_or_else(no_product)).transpose()?;
    let search = query.get("search").map(str::to_owned);
    if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH_CHARS_MAX) {
        return Err(Error::invalid("search", format!("must have at most {SEARCH_CHARS_MAX} characters")));
    }
    let filter = Filter { statuses: query.set("status", Status::WORDS)?, product, search };
    let place = Place::new("licenses", caller.shop.uuid(), &query.filters(&["status", "product_id", "search"]));
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let page = licenses::list(&mut db, caller.shop, &app.env, &filter, window, &place).await?;
    let keys = licenses::keys_of(&mut db, caller.shop, &app.env, &page.data).await?;
    let stats = licenses::stats(&mut db, caller.shop, &app.env).await?;
    let now = app.env.now();
    let shown = page.data.iter().zip(&keys).map(|(license, key)| License::of(caller.shop, license, key.as_str(), now));
    Ok(Json(Licenses::of(shown.collect(), stats, page.next_cursor)))
}

/// Makes a license. Without `license_key` one is generated.
#[utoipa::path(post, path = "/licenses", tag = "licenses", security(("key" = ["licenses.write"])),
    request_body = CreateBody, responses((status = 200, body = Data<Wrapped>)))]
pub async fn create(caller: Developer<LicensesWrite>, write: Write<Create>) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let (license, key) = licenses::create(db, shop, &app.env, actor, body.0.clone()).await?;
            Ok(Wrapped::of(shop, &license, &key, app.env.now()))
        })
        .await
}

/// Fetches a license.
#[utoipa::path(get, path = "/licenses/{id}", tag = "licenses", security(("key" = ["licenses.read"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<License>)))]
pub async fn get(
    caller: Developer<LicensesRead>,
    State(app): State<Arc<App>>,
    PathId(id): PathId<licenses::License>,
    mut db: Read,
) -> Answer<Data<License>> {
    let license = licenses::get(&mut db, caller.shop, id).await?;
    let data = License::load(&mut db, &app.env, caller.shop, &license).await?;
    Ok(Json(Data { data }))
}

/// Changes a license; absent fields stay. `hardware_id: null` unbinds it.
#[utoipa::path(patch, path = "/licenses/{id}", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), request_body = ChangeBody, responses((status = 200, body = Data<Wrapped>)))]
pub async fn update(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Change>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let license = licenses::update(db, shop, &app.env, actor, id, body.0.clone()).await?;
            Wrapped::load(db, &app.env, shop, &license).await
        })
        .await
}

/// Deletes a license; its trail stays.
#[utoipa::path(delete, path = "/licenses/{id}", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Deletion>)))]
pub async fn remove(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            licenses::remove(db, shop, &app.env, actor, id).await?;
            Ok(Data { data: Deletion { deleted: true } })
        })
        .await
}

/// Unbinds a license: the next call that carries a machine binds it.
#[utoipa::path(post, path = "/licenses/{id}/reset-hwid", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Wrapped>)))]
pub async fn reset_hwid(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let license = licenses::reset_hwid(db, shop, &app.env, actor, id).await?;
            Wrapped::load(db, &app.env, shop, &license).await
        })
        .await
}

/// Binds the license of a key to another machine, or without one to none.
#[utoipa::path(patch, path = "/licenses/keys/{key}/hwid", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("key" = String, Path, description = "The license's key")), request_body = HardwareBody,
    responses((status = 200, body = Data<Wrapped>)))]
pub async fn replace_hwid(
    caller: Developer<LicensesWrite>,
    params: RawPathParams,
    write: Write<Hardware>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    let key = params.iter().find(|(name, _)| *name == "key").map_or(String::new(), |(_, key)| key.to_owned());
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let id = licenses::find_by_key(db, shop, &app.env, &key, body.product).await?;
            let patch = LicensePatch { hwid: body.hwid(), ..LicensePatch::default() };
            let license = licenses::update(db, shop, &app.env, actor, id, patch).await?;
            Wrapped::load(db, &app.env, shop, &license).await
        })
        .await
}

/// Gives a license another key, for one that leaked: the old one opens nothing from now on.
#[utoipa::path(post, path = "/licenses/{id}/rotate-key", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), responses((status = 200, body = Data<Wrapped>)))]
pub async fn rotate_key(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            let (license, key) = licenses::rotate_key(db, shop, &app.env, actor, id).await?;
            Ok(Wrapped::of(shop, &license, &key, app.env.now()))
        })
        .await
}

/// Moves the date: by days, from the later of today and the date so far, or to an instant.
#[utoipa::path(post, path = "/licenses/{id}/extend", tag = "licenses", security(("key" = ["licenses.write"])),
    params(("id" = String, Path)), request_body = ExtendBody, responses((status = 200, body = Data<Wrapped>)))]
pub async fn extend(
    caller: Developer<LicensesWrite>,
    PathId(id): PathId<licenses::License>,
    write: Write<Extend>,
) -> Result<Reply> {
    let (app, shop, actor) = (write.app(), caller.shop, Some(*caller.key));
    write
        .once(&caller, StatusCode::OK, async move |db, body| {
            let license = licenses::extend(db, shop, &app.env, actor, id, body.0).await?;
            Wrapped::load(db, &app.env, shop, &license).await
        })
        .await
}

fn no_product() -> Error {
    Error::invalid("product_id", "is no product of this shop")
}
