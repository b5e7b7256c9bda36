//! How a buyer gets at an order: with a token, which is shown once and kept as a hash.

use secrecy::SecretString;
use sqlx::PgConnection;

use super::{Item, Order, OrderId};
use crate::domain::shops::{self, Listed, Tenant};
use crate::error::Result;
use crate::kit::env::Env;
use crate::kit::secret::{self, Kind};

/// A fresh order and the buyer's token, which is known only now.
#[derive(Debug)]
pub struct Opened {
    pub order: Order,
    pub items: Vec<Item>,
    pub token: SecretString,
}

/// A token that opens this order for its buyer: the session's own, or another one for a mail, since the
/// first is known by its hash alone.
pub async fn admit(db: &mut PgConnection, shop: Tenant, env: &Env, order: OrderId) -> Result<SecretString> {
    let token = secret::mint(Kind::Checkout, &mut env.fork_rng());
    shops::list(db, shop, Listed::Checkout, &token.hash, *order).await?;
    Ok(token.secret)
}
