//! API keys. A live key manages both modes; a test key sees and mints test keys only (R21).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::domain::keys::merchant::Everything;
use crate::domain::keys::{self, NewKey, Surface};
use crate::domain::shops::Mode;
use crate::error::{Error, Result};
use crate::http::door::caller::Merchant;
use crate::http::door::params::{PathId, Query};
use crate::http::door::read::Read;
use crate::http::door::wire::{Instant, List};
use crate::http::door::write::Write;
use crate::http::door::{Answer, Reply};
use crate::kit::json::{Form, Nothing, Wire, list as array, text};
use crate::kit::page::Place;
use crate::kit::secret;
use crate::kit::values::{name, one_of};

/// More than there are abilities.
const ABILITIES_MAX: usize = 50;

#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKey {
    #[schema(example = "apik_01J2PR0000000000000000000A")]
    id: String,
    #[schema(example = "website")]
    name: String,
    #[schema(example = json!(["orders:read"]))]
    abilities: Vec<String>,
    #[schema(example = "test")]
    mode: &'static str,
    /// The end of the secret, to tell keys apart.
    last4: String,
    created_at: Instant,
    last_used_at: Option<Instant>,
    /// A revoked key stays listed for 90 days.
    revoked_at: Option<Instant>,
}

/// A key just made. The secret is shown in this answer alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct MintedKey {
    id: String,
    #[schema(example = "website")]
    name: String,
    #[schema(example = json!(["orders:read"]))]
    abilities: Vec<String>,
    mode: &'static str,
    #[schema(example = "sx_test_…")]
    secret: String,
    created_at: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    id: String,
    revoked: bool,
}

/// Lists the shop's merchant keys, newest first.
#[utoipa::path(get, path = "/api-keys", tag = "api keys", security(("key" = ["every ability"])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = List<ApiKey>)))]
pub async fn list(
    caller: Merchant<Everything>,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<List<ApiKey>> {
    let only = reach(caller.mode);
    let place = Place::new("api-keys", caller.shop.uuid(), "");
    let window = query.window(&place, &app.env.vault)?;
    let page = keys::list(&mut db, caller.owner, &app.env, Surface::Merchant, only, window, &place).await?;
    Ok(Json(page.into()))
}

/// Makes a key. It never holds more than the key that makes it.
#[utoipa::path(post, path = "/api-keys", tag = "api keys", security(("key" = ["every ability"])),
    request_body = NewApiKeyBody, responses((status = 201, body = MintedKey)))]
pub async fn mint(caller: Merchant<Everything>, write: Write<NewApiKey>) -> Result<Reply> {
    let (app, owner, own_mode) = (write.app(), caller.owner, caller.mode);
    write
        .private()
        .once(&caller, StatusCode::CREATED, async move |db, body| {
            let mode = body.mode.unwrap_or(own_mode);
            if own_mode == Mode::Test && mode == Mode::Live {
                return Err(Error::Forbidden("A test key makes test keys only."));
            }
            let new =
                NewKey { name: body.name.clone(), surface: Surface::Merchant, mode, scopes: body.abilities.clone() };
            let minted = keys::mint(db, owner, &app.env, new).await?;
            Ok(MintedKey {
                id: minted.key.id.to_string(),
                name: minted.key.name,
                abilities: minted.key.scopes,
                mode: mode.word(),
                secret: secret::reveal(&minted.secret),
                created_at: Instant(minted.key.created_at),
            })
        })
        .await
}

/// Revokes a key at once: after this answer nothing older of it takes effect.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "api keys", security(("key" = ["every ability"])),
    params(("id" = String, Path)), responses((status = 200, body = Revoked)))]
pub async fn revoke(
    caller: Merchant<Everything>,
    PathId(id): PathId<keys::ApiKey>,
    write: Write<Nothing>,
) -> Result<Reply> {
    let (app, owner, only) = (write.app(), caller.owner, reach(caller.mode));
    write
        .once(&caller, StatusCode::OK, async move |db, _| {
            keys::revoke(db, owner, &app.env, Surface::Merchant, only, id).await?;
            Ok(Revoked { id: id.to_string(), revoked: true })
        })
        .await
}

/// The modes whose keys a key of this mode may see.
const fn reach(mode: Mode) -> Option<Mode> {
    match mode {
        Mode::Live => None,
        Mode::Test => Some(Mode::Test),
    }
}

impl From<keys::ApiKey> for ApiKey {
    fn from(key: keys::ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            abilities: key.scopes,
            mode: key.mode.word(),
            last4: key.last4,
            created_at: Instant(key.created_at),
            last_used_at: key.last_used_at.map(Instant),
            revoked_at: key.revoked_at.map(Instant),
        }
    }
}

/// The body of a new key.
#[derive(Debug)]
pub struct NewApiKey {
    name: String,
    abilities: Vec<String>,
    mode: Option<Mode>,
}

/// An API key to be made, and what it may do.
#[derive(ToSchema)]
#[schema(as = NewApiKey)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewApiKeyBody {
    #[schema(min_length = 1, max_length = 200, example = "website")]
    name: String,
    #[schema(min_items = 1, example = json!(["orders:read"]))]
    abilities: Vec<String>,
    /// live or test; the maker's own unless said.
    mode: Option<String>,
}

impl Wire for NewApiKey {
    fn read(form: &mut Form) -> Option<Self> {
        let name = form.required("name", name);
        let abilities = form.required("abilities", array(1, ABILITIES_MAX, text));
        let mode = form.optional("mode", one_of(Mode::WORDS));
        Some(Self { name: name?, abilities: abilities?, mode: mode? })
    }
}
