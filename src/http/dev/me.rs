//! Who am I, and what may I do.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::keys::developer::Any;
use crate::domain::shops;
use crate::http::door::caller::Developer;
use crate::http::door::read::Read;
use crate::http::door::{Answer, Data};

#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    id: String,
    shop_id: String,
    store_name: String,
    slug: String,
    /// The owner's, where one was given.
    email: Option<String>,
    currency: &'static str,
    /// Unix seconds.
    created_at: i64,
    auth: Auth,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Auth {
    #[schema(example = "api_key")]
    r#type: &'static str,
    key_id: String,
    #[schema(example = "website")]
    name: String,
    scopes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Capabilities {
    #[schema(example = "api_key")]
    auth_type: &'static str,
    scopes: Vec<String>,
    shop_id: String,
    features: Features,
}

/// What this server can do for the shop today.
#[derive(Debug, Serialize, ToSchema)]
pub struct Features {
    resellers: bool,
    licenses: bool,
    /// The key acts on the sandbox.
    sandbox: bool,
}

/// The shop this key belongs to, and the key itself.
#[utoipa::path(get, path = "/me", tag = "me", security(("key" = [])), responses((status = 200, body = Data<Me>)))]
pub async fn get(caller: Developer<Any>, mut db: Read) -> Answer<Data<Me>> {
    let shop = shops::get(&mut db, caller.shop).await?;
    Ok(Json(Data {
        data: Me {
            id: shop.tenant.uuid().to_string(),
            shop_id: shop.tenant.uuid().to_string(),
            store_name: shop.name,
            slug: shop.slug,
            email: shop.owner_email,
            currency: shop.currency.code(),
            created_at: shop.created_at.timestamp(),
            auth: Auth {
                r#type: "api_key",
                key_id: caller.key.uuid().to_string(),
                name: caller.name.clone(),
                scopes: caller.scopes.clone(),
            },
        },
    }))
}

/// The scopes of this key, and which features the shop has.
#[utoipa::path(get, path = "/me/capabilities", tag = "me", security(("key" = [])),
    responses((status = 200, body = Data<Capabilities>)))]
pub async fn capabilities(caller: Developer<Any>) -> Answer<Data<Capabilities>> {
    Ok(Json(Data {
        data: Capabilities {
            auth_type: "api_key",
            scopes: caller.scopes.clone(),
            shop_id: caller.shop.uuid().to_string(),
            features: Features {
                resellers: true,
                licenses: true,
                sandbox: caller.mode == crate::domain::shops::Mode::Test,
            },
        },
    }))
}
