//! What a product without codes hands over (contract R12): an address that answers with the goods, a
//! text, or a file.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sqlx::PgConnection;

use super::{Product, ProductId, Status, Type, sql};
use crate::domain::files::FileId;
use crate::domain::shops::Tenant;
use crate::error::{Error, Fields, Result};
use crate::kit::env::Env;
use crate::kit::vault::Place;
use crate::kit::web_address::WebAddress;

/// Of a signing secret: 256 bits of chance.
const SECRET_BYTES: usize = 32;

#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Called when a `dynamic` product was paid; its answer is the goods.
    pub webhook: Option<WebAddress>,
    /// Handed over by itself where the product has no codes, file or webhook, and besides them where it has.
    pub text: Option<String>,
    /// What a `file_download` product is.
    pub file: Option<FileId>,
}

/// How a dynamic product is asked for its goods.
#[derive(Debug)]
pub struct Dynamic {
    pub webhook: WebAddress,
    /// Signs the call.
    pub secret: SecretString,
}

/// A signing secret, made now.
pub(super) struct Secret {
    pub plain: SecretString,
    pub sealed: Vec<u8>,
}

impl Product {
    /// Whether the shop has said how it is delivered; other types need no source.
    #[must_use]
    pub const fn is_deliverable(&self) -> bool {
        match self.r#type {
            Type::Dynamic => self.source.webhook.is_some(),
            Type::FileDownload => self.source.file.is_some(),
            _ => true,
        }
    }

    /// # Errors
    /// [`Error::Invalid`] for a source of another type, and for an active product with nothing to deliver.
    pub(super) fn checked(self) -> Result<Self> {
        let mut wrong = Fields::default();
        if self.source.webhook.is_some() && self.r#type != Type::Dynamic {
            wrong.wrong("dynamic_webhook", "belongs to a product of type dynamic");
        }
        if self.source.file.is_some() && self.r#type != Type::FileDownload {
            wrong.wrong("file_id", "belongs to a product of type file_download");
        }
        if self.status == Status::Active && !self.is_deliverable() {
            let needed = if self.r#type == Type::Dynamic { "dynamic_webhook" } else { "file_id" };
            let word = self.r#type.word();
            wrong.wrong("status", format!("a {word} product cannot be active without its {needed}"));
        }
        if wrong.is_empty() { Ok(self) } else { Err(Error::Invalid(wrong)) }
    }
}

/// How to call the webhook of this product; `None` where it has none (any more).
pub async fn dynamic(db: &mut PgConnection, shop: Tenant, env: &Env, id: ProductId) -> Result<Option<Dynamic>> {
    let product = super::get(db, shop, id).await?;
    let (Some(webhook), Some(sealed)) = (product.source.webhook, sql::dynamic_secret(db, shop.uuid(), *id).await?)
    else {
        return Ok(None);
    };
    let plain = env.vault.open(place(shop, id), &sealed)?;
    let secret = String::from_utf8(plain).map_err(|_| Error::Internal(format!("the secret of product {id}")))?;
    Ok(Some(Dynamic { webhook, secret: SecretString::from(secret) }))
}

/// A secret for a product that has a webhook.
pub(super) fn first_secret(product: &Product, shop: Tenant, env: &Env) -> Result<Option<Secret>> {
    if product.source.webhook.is_none() {
        return Ok(None);
    }
    let plain = format!("dws_{}", BASE64_URL_SAFE_NO_PAD.encode(env.random::<SECRET_BYTES>()));
    let sealed = env.vault.seal(place(shop, product.id), plain.as_bytes(), &mut env.fork_rng())?;
    Ok(Some(Secret { plain: SecretString::from(plain), sealed }))
}

fn place(shop: Tenant, id: ProductId) -> Place {
    Place { shop: shop.uuid(), table: "products", id: *id }
}
