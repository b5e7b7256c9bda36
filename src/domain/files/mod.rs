//! Files that products sell: what is known of each. Their bytes lie in [`crate::kit::file_store`], under
//! the shop and the id; they are written before their row, so a row never names what is not there.

mod name;
mod sql;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub use name::{NAME_BYTES_MAX, clean_name, content_type};

use super::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::file_store::{Key, Stored};
use crate::kit::id::{Entity, Id};

pub type FileId = Id<File>;

/// A stored file. Another version of it is another file.
#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    /// As [`clean_name`] made it.
    pub name: String,
    pub size_bytes: i64,
    pub sha256: [u8; 32],
    pub content_type: String,
    pub created_at: DateTime<Utc>,
}

impl Entity for File {
    const PREFIX: &'static str = "file";
}

/// Where the bytes of a shop's file lie.
#[must_use]
pub fn key(shop: Tenant, id: FileId) -> Key {
    Key { shop: shop.uuid(), file: *id }
}

/// Records a file whose object is stored under [`key`], by the name that somebody gave it.
pub async fn put(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: FileId,
    name: &str,
    stored: Stored,
) -> Result<File> {
    let name = clean_name(name);
    let file = File {
        id,
        content_type: content_type(&name).to_owned(),
        name,
        size_bytes: i64::try_from(stored.size_bytes).map_err(|_| Error::Internal("a file beyond all sizes".into()))?,
        sha256: stored.sha256,
        created_at: env.now(),
    };
    sql::insert(db, shop.uuid(), &file).await?;
    Ok(file)
}

/// The files of these ids.
pub async fn get_all(db: &mut PgConnection, shop: Tenant, ids: &[FileId]) -> Result<Vec<File>> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    sql::by_ids(db, shop.uuid(), &ids).await?.into_iter().map(File::try_from).collect()
}

impl TryFrom<sql::Row> for File {
    type Error = Error;

    fn try_from(row: sql::Row) -> Result<Self> {
        let id = Id::from(row.id);
        let sha256 = row.sha256.try_into().map_err(|_| Error::Internal(format!("the hash of file {id}")))?;
        let sql::Row { name, size_bytes, content_type, created_at, .. } = row;
        Ok(Self { id, name, size_bytes, sha256, content_type, created_at })
    }
}
