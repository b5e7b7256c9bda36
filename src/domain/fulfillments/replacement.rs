//! Good codes for bad ones, at no charge (R22): the bad ones are burned, and never handed out again.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fulfillment, FulfillmentId, sql, with_codes};
use crate::domain::outbox::{self, Template};
use crate::domain::products;
use crate::domain::resellers::{self, ResellerId};
use crate::domain::serials::{self, Cursors, Demand, Handed, SerialId};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::id::{Entity, Id};

/// Which codes are bad.
#[derive(Clone, Debug)]
pub enum Bad {
    /// The newest ones, as many as that.
    Newest(usize),
    Ids(Vec<SerialId>),
    Codes(Vec<String>),
}

/// A fulfillment as it is now, and what it got.
#[derive(Debug)]
pub struct Replaced {
    pub fulfillment: Fulfillment,
    pub burned: Vec<SerialId>,
    pub good: Vec<Handed>,
}

/// One code that stands for another.
#[derive(Debug)]
enum Replacement {}

impl Entity for Replacement {
    const PREFIX: &'static str = "rep";
}

/// Burns the bad codes of a fulfillment and gives as many good ones.
///
/// # Errors
/// [`Error::Invalid`] where a code is not one of its good ones; [`crate::error::Conflict::OutOfStock`] where the
/// pool is too small, and then nothing is burned.
pub async fn replace(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    cursors: &Cursors,
    (reseller, id): (ResellerId, FulfillmentId),
    bad: &Bad,
    reason: Option<&str>,
) -> Result<Replaced> {
    let row = sql::lock(db, shop.uuid(), *reseller, *id).await?.ok_or(Error::NotFound("fulfillment"))?;
    let before = with_codes(db, shop, env, vec![row]).await?.pop().ok_or(Error::NotFound("fulfillment"))?;
    let burned = bad.among(&before)?;
    let product = products::get(db, shop, before.product).await?;
    let pool = product.pool.ok_or_else(|| Error::Internal(format!("{} has lost its pool", product.id)))?;
    let quantity = i64::try_from(burned.len()).unwrap_or(i64::MAX);
    let demand = Demand { pool, item: *id, quantity, product: product.name };
    let good = serials::exchange(db, shop, env, cursors, &demand, &burned).await?;
    let ids: Vec<Uuid> = burned.iter().map(|_| *env.id::<Replacement>()).collect();
    let column = |ids: Vec<SerialId>| ids.into_iter().map(Id::uuid).collect::<Vec<Uuid>>();
    let pairs = sql::Pairs { ids, bad: column(burned.clone()), good: column(good.iter().map(|one| one.id).collect()) };
    sql::insert_replacements(db, shop.uuid(), *id, &pairs, reason, env.now()).await?;
    let fulfillment = super::get(db, shop, env, reseller, id).await?;
    let told = fulfillment.mail(&resellers::get(db, shop, reseller).await?, Template::FulfillmentReplaced);
    outbox::queue_mails(db, shop, env, told.as_slice()).await?;
    Ok(Replaced { fulfillment, burned, good })
}

impl Bad {
    /// Those that are meant, each a good code of this fulfillment until now.
    fn among(&self, one: &Fulfillment) -> Result<Vec<SerialId>> {
        let wrong =
            |field: &str| Error::invalid(field, "must be codes of this fulfillment, not replaced yet, each once");
        let mut found: Vec<SerialId> = match self {
            Self::Newest(count) => {
                let items = one.items.iter().rev().take(*count).map(|item| item.id);
                let found: Vec<SerialId> = items.collect();
                if found.len() < *count {
                    return Err(Error::invalid("quantity", "must not be more than the fulfillment has"));
                }
                found
            }
            Self::Ids(ids) => {
                let there = |id: &SerialId| one.items.iter().any(|item| item.id == *id);
                if !ids.iter().all(there) {
                    return Err(wrong("serial_ids"));
                }
                ids.clone()
            }
            Self::Codes(codes) => {
                let find =
                    |code: &String| one.items.iter().find(|item| item.code.as_str() == code.trim()).map(|item| item.id);
                codes.iter().map(find).collect::<Option<_>>().ok_or_else(|| wrong("serials"))?
            }
        };
        let named = found.len();
        found.sort_unstable();
        found.dedup();
        if found.len() == named { Ok(found) } else { Err(wrong("serials")) }
    }
}
