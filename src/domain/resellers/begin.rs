//! The beginning of a relationship.

use rand::Rng as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{BalanceAlerts, Grant, Reseller, Status, WhiteLabel, kept, sql};
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, OnConstraint as _, Result};
use crate::kit::env::Env;
use crate::kit::values::Email;

/// Crockford's alphabet: nothing in it is taken for anything else.
const CODE_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 40 bits: short enough to be read out.
const CODE_CHARS: usize = 8;
/// Two draws in a row that are taken already do not happen.
const CODE_DRAWS_MAX: u32 = 10;

/// Makes a relationship with a code that nobody else has in this shop.
pub(super) async fn begin(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    account: Uuid,
    email: &Email,
    grant: &Grant,
) -> Result<Reseller> {
    let mut reseller = Reseller {
        id: env.id(),
        account,
        email: email.as_str().to_owned(),
        code: String::new(),
        status: Status::Active,
        terms: grant.terms.clone(),
        access_listed: grant.access.is_some(),
        verified_at: None,
        delivery: WhiteLabel::default(),
        alerts: BalanceAlerts::default(),
        created_at: env.now(),
        updated_at: env.now(),
    };
    for _ in 0..CODE_DRAWS_MAX {
        reseller.code = code(env);
        let inserted = sql::insert(db, shop.uuid(), &reseller).await;
        if inserted.on_constraint("resellers_one_standing", stands_already)? {
            let access = grant.access.as_deref().unwrap_or_default();
            sql::replace_access(db, shop.uuid(), *reseller.id, &kept(access)?).await?;
            return Ok(reseller);
        }
    }
    Err(Error::Internal("every reseller code that was drawn is taken".into()))
}

pub(super) fn stands_already() -> Error {
    Error::Conflict(Conflict::WrongState("This person is a reseller of the shop already.".into()))
}

fn code(env: &Env) -> String {
    let mut rng = env.fork_rng();
    (0..CODE_CHARS).map(|_| char::from(CODE_ALPHABET[(rng.next_u32() & 31) as usize])).collect()
}
