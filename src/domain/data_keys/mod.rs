//! The keys that everything else is sealed, looked up and signed with: made once, together with an empty
//! database, sealed by the operator's master key, and shared by every process on this database.

mod signing;
mod sql;

use chrono::{DateTime, Utc};
use rand::Rng;
use sqlx::PgConnection;
use uuid::Uuid;

pub use signing::{Rotation, reload_signing, rotate_signing};

use crate::error::{Error, Result};
use crate::kit::jws::KeyRing;
use crate::kit::vault::{MasterKey, Place, SealingKey, Vault};

/// What the database says of its keys.
pub enum Found {
    /// None yet: the database is new.
    None,
    /// Sealed by the master key of this id.
    SealedBy(String),
}

/// Which master key this database needs. Waits for another process that is just making the keys.
pub async fn find(db: &mut PgConnection) -> Result<Found> {
    sql::lock(db).await?;
    Ok(sql::any_master_id(db).await?.map_or(Found::None, Found::SealedBy))
}

/// Opens the data keys. Signing keys that an older database lacks are made.
///
/// # Errors
/// [`Error::Internal`] where the master key does not open them.
pub async fn open(
    db: &mut PgConnection,
    master: &MasterKey,
    rng: &mut impl Rng,
    now: DateTime<Utc>,
) -> Result<(Vault, KeyRing)> {
    let under = master.vault()?;
    let mut sealing = Vec::new();
    let mut lookup = None;
    for row in sql::all(db).await? {
        if row.purpose == signing::PURPOSE {
            continue;
        }
        let key = <[u8; 32]>::try_from(under.open(place(row.id), &row.sealed)?)
            .map_err(|_| Error::Internal(format!("data key {} has the wrong size", row.id)))?;
        match row.purpose.as_str() {
            "lookup" => lookup = Some(key),
            _ => sealing.push(SealingKey { id: row.id.unsigned_abs(), key }),
        }
    }
    let vault = Vault::new(&sealing, lookup.ok_or_else(|| Error::Internal("no look-up key".into()))?)?;
    let keys = KeyRing::new(under);
    signing::make_missing(db, &keys, rng, now).await?;
    signing::reload_signing(db, &keys).await?;
    Ok((vault, keys))
}

/// Makes the keys of a new database; [`open`] adds those that sign.
pub async fn create(db: &mut PgConnection, master: &MasterKey, rng: &mut impl Rng, now: DateTime<Utc>) -> Result<()> {
    let under = master.vault()?;
    for (id, purpose) in [(1, "sealing"), (2, "lookup")] {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let sealed = under.seal(place(id), &key, rng)?;
        sql::insert(db, id, purpose, &sealed, &master.id(), now).await?;
    }
    Ok(())
}

fn place(id: i32) -> Place {
    Place { shop: Uuid::nil(), table: "data_keys", id: Uuid::from_u128(u128::from(id.unsigned_abs())) }
}
