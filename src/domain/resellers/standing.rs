//! The life of a relationship after it began: its terms, and whether it stands.

use sqlx::PgConnection;

use super::{Access, Mode, Reseller, ResellerId, Status, get, lock_all, sql};
use crate::domain::shops::Tenant;
use crate::error::{Conflict, Error, Result};
use crate::kit::env::Env;
use crate::kit::money::Percent;
use crate::kit::page::Window;
use crate::kit::patch::Patch as Field;

/// What a change may say; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ResellerPatch {
    pub mode: Option<Mode>,
    pub commission: Field<Percent>,
    pub wholesale_discount: Field<Percent>,
    pub limit_daily: Field<i32>,
    pub limit_monthly: Field<i32>,
    /// The whole list, in place of the one before (R43).
    pub access: Option<Vec<Access>>,
    pub verified: Option<bool>,
    pub by_mail: Option<bool>,
    pub display_name: Field<String>,
    pub reply_to: Field<String>,
}

impl ResellerPatch {
    fn apply(self, mut it: Reseller, env: &Env) -> Reseller {
        it.terms.mode = self.mode.unwrap_or(it.terms.mode);
        it.terms.commission = self.commission.apply(it.terms.commission);
        it.terms.wholesale_discount = self.wholesale_discount.apply(it.terms.wholesale_discount);
        it.terms.limit_daily = self.limit_daily.apply(it.terms.limit_daily);
        it.terms.limit_monthly = self.limit_monthly.apply(it.terms.limit_monthly);
        it.access_listed |= self.access.is_some();
        it.verified_at = match self.verified {
            None => it.verified_at,
            Some(true) => it.verified_at.or(Some(env.now())),
            Some(false) => None,
        };
        it.delivery.by_mail = self.by_mail.unwrap_or(it.delivery.by_mail);
        it.delivery.display_name = self.display_name.apply(it.delivery.display_name);
        it.delivery.reply_to = self.reply_to.apply(it.delivery.reply_to);
        it.updated_at = env.now();
        it
    }
}

impl Status {
    /// Whether a relationship of this status may become that one; staying as it is is always fine.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match self {
            Self::Active | Self::Suspended => true,
            Self::Terminated => next == Self::Terminated,
        }
    }

    /// From which statuses one gets to this.
    fn sources(self) -> Vec<String> {
        let sources = Self::WORDS.iter().filter(|(_, from)| from.can_become(self));
        sources.map(|(word, _)| (*word).to_owned()).collect()
    }
}

/// Relationships, newest first. Empty `statuses` narrow nothing.
pub async fn list(
    db: &mut PgConnection,
    shop: Tenant,
    statuses: &[Status],
    window: Window<Reseller>,
) -> Result<Vec<Reseller>> {
    let words: Vec<String> = statuses.iter().map(|status| status.word().to_owned()).collect();
    let words = (!words.is_empty()).then_some(words.as_slice());
    let rows = sql::list(db, shop.uuid(), words, window.after(), window.rows()).await?;
    rows.into_iter().map(Reseller::try_from).collect()
}

/// Changes terms and access of a relationship that is not over.
///
/// # Errors
/// [`Error::NotFound`]; [`Conflict::WrongState`] for a terminated one.
pub async fn update(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    id: ResellerId,
    patch: ResellerPatch,
) -> Result<Reseller> {
    let before = lock_all(db, shop, &[id]).await?.pop().ok_or(Error::NotFound("reseller"))?;
    if before.status == Status::Terminated {
        return Err(is_over());
    }
    if let Some(access) = &patch.access {
        sql::replace_access(db, shop.uuid(), *id, &super::kept(access)?).await?;
    }
    let after = patch.apply(before, env);
    sql::update(db, shop.uuid(), &after).await?;
    Ok(after)
}

/// Its keys open nothing until it is reactivated.
///
/// # Errors
/// As [`update`].
pub async fn suspend(db: &mut PgConnection, shop: Tenant, env: &Env, id: ResellerId) -> Result<Reseller> {
    become_(db, shop, env, id, Status::Suspended).await
}

/// Ends a suspension.
///
/// # Errors
/// As [`update`].
pub async fn reactivate(db: &mut PgConnection, shop: Tenant, env: &Env, id: ResellerId) -> Result<Reseller> {
    become_(db, shop, env, id, Status::Active).await
}

/// Ends the relationship for good; the person may be invited anew.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn terminate(db: &mut PgConnection, shop: Tenant, env: &Env, id: ResellerId) -> Result<Reseller> {
    become_(db, shop, env, id, Status::Terminated).await
}

/// One who is that already stays as it is, so that asking again is harmless.
async fn become_(db: &mut PgConnection, shop: Tenant, env: &Env, id: ResellerId, next: Status) -> Result<Reseller> {
    let moved = sql::set_status(db, shop.uuid(), *id, next.word(), &next.sources(), env.now()).await?;
    let reseller = get(db, shop, id).await?;
    if moved || reseller.status == next { Ok(reseller) } else { Err(is_over()) }
}

fn is_over() -> Error {
    Error::Conflict(Conflict::WrongState(
        "The relationship is terminated, which is final; invite the person anew.".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_terminated_stays_so() {
        for (_, next) in Status::WORDS {
            assert_eq!(Status::Terminated.can_become(*next), *next == Status::Terminated);
        }
        assert_eq!(Status::Active.sources(), ["ACTIVE", "SUSPENDED"]);
        assert_eq!(Status::Terminated.sources(), ["ACTIVE", "SUSPENDED", "TERMINATED"]);
    }
}
