//! The trail of a license: page by page, or whole, as CSV or NDJSON.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::try_unfold;
use serde::Serialize;
use utoipa::ToSchema;

use super::LIMIT_DEFAULT;
use super::license::instant;
use crate::app::App;
use crate::domain::keys::developer::LicensesRead;
use crate::domain::licenses::audit::{self, Entry, EntryId};
use crate::domain::licenses::{self, LicenseId};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::http::door::caller::Developer;
use crate::http::door::csv;
use crate::http::door::pagination::Pagination;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::kit::page::Place;

/// Of one step of an export: between two nothing is held.
const EXPORT_ROWS: i64 = 1_000;
const COLUMNS: [&str; 12] = [
    "id",
    "license_id",
    "type",
    "code",
    "ip",
    "hardware_id",
    "actor_type",
    "actor_id",
    "old",
    "new",
    "attempts",
    "created_at",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Ndjson,
}

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("csv", Format::Csv), ("ndjson", Format::Ndjson)];

#[derive(Debug, Serialize, ToSchema)]
pub struct LicenseEvents {
    data: Vec<LicenseEvent>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, ToSchema)]
struct LicenseEvent {
    id: String,
    license_id: Option<String>,
    #[schema(example = "VALIDATION_FAILED")]
    r#type: String,
    /// Why it failed.
    #[schema(example = "LICENSE_HWID_MISMATCH")]
    code: Option<String>,
    ip: Option<String>,
    hardware_id: Option<String>,
    actor: EventActor,
    old: Option<String>,
    new: Option<String>,
    /// Of THROTTLED: how many in that second.
    attempts: i32,
    #[schema(format = DateTime)]
    created_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct EventActor {
    /// `api_key` or `system`.
    r#type: &'static str,
    id: Option<String>,
}

/// The trail of a license, newest first. `format=csv` and `format=ndjson` answer all of it, oldest first.
#[utoipa::path(get, path = "/licenses/{id}/events", tag = "licenses", security(("key" = ["licenses.read"])), params(
    ("id" = String, Path),
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "50 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ("format" = Option<String>, Query, description = "json, csv or ndjson"),
), responses((status = 200, body = LicenseEvents)))]
pub async fn events(
    caller: Developer<LicensesRead>,
    State(app): State<Arc<App>>,
    PathId(id): PathId<licenses::License>,
    query: Query,
    mut db: Read,
) -> Result<Response> {
    licenses::get(&mut db, caller.shop, id).await?;
    let format = match query.set("format", FORMATS)?.as_slice() {
        [] => Format::Json,
        [one] => *one,
        _ => return Err(Error::invalid("format", "must be one of json, csv, ndjson")),
    };
    if format != Format::Json {
        drop(db);
        return Ok(export(app, caller.shop, id, format));
    }
    let place = Place::new("license events", caller.shop.uuid(), &id.to_string());
    let window = query.window_of(LIMIT_DEFAULT, &place, &app.env.vault)?;
    let page = audit::list(&mut db, caller.shop, &app.env, id, window, &place).await?;
    let pagination = Pagination::to(page.next_cursor);
    let data = page.data.into_iter().map(LicenseEvent::from).collect();
    Ok(Json(LicenseEvents { data, pagination }).into_response())
}

/// Where an export stands: before its first row, after this one, or at its end.
enum At {
    Head,
    After(Option<EntryId>),
    End,
}

fn export(app: Arc<App>, shop: Tenant, license: LicenseId, format: Format) -> Response {
    let rows = try_unfold(At::Head, move |at| {
        let app = app.clone();
        async move {
            let after = match at {
                At::Head if format == Format::Csv => return Ok(Some((csv::line(COLUMNS.map(Some))?, At::After(None)))),
                At::Head => None,
                At::After(id) => id,
                At::End => return Ok::<_, Error>(None),
            };
            let mut db = app.requests.acquire().await?;
            let entries = audit::export(&mut db, shop, license, after, EXPORT_ROWS).await?;
            drop(db);
            let full = i64::try_from(entries.len()).unwrap_or(0) == EXPORT_ROWS;
            let next = entries.last().filter(|_| full).map_or(At::End, |last| At::After(Some(last.id)));
            let mut bytes = Vec::new();
            for entry in entries {
                bytes.extend_from_slice(&LicenseEvent::from(entry).line(format)?);
            }
            Ok(Some((Bytes::from(bytes), next)))
        }
    });
    let mut response = Response::new(Body::from_stream(rows));
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/x-ndjson" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

impl LicenseEvent {
    fn line(&self, format: Format) -> Result<Bytes> {
        if format == Format::Ndjson {
            let mut line = serde_json::to_vec(self).map_err(|e| Error::Internal(format!("export: {e}")))?;
            line.push(b'\n');
            return Ok(Bytes::from(line));
        }
        let attempts = self.attempts.to_string();
        csv::line([
            Some(self.id.as_str()),
            self.license_id.as_deref(),
            Some(&self.r#type),
            self.code.as_deref(),
            self.ip.as_deref(),
            self.hardware_id.as_deref(),
            Some(self.actor.r#type),
            self.actor.id.as_deref(),
            self.old.as_deref(),
            self.new.as_deref(),
            Some(&attempts),
            Some(&self.created_at),
        ])
    }
}

impl From<Entry> for LicenseEvent {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.uuid().to_string(),
            license_id: entry.license.map(|id| id.uuid().to_string()),
            r#type: entry.kind,
            code: entry.code,
            ip: entry.ip,
            hardware_id: entry.hwid,
            actor: EventActor {
                r#type: if entry.actor.is_some() { "api_key" } else { "system" },
                id: entry.actor.map(|id| id.to_string()),
            },
            old: entry.old,
            new: entry.new,
            attempts: entry.attempts,
            created_at: instant(entry.created_at),
        }
    }
}
