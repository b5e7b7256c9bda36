//! A shop's program and its settings.

mod sql;

use sqlx::PgConnection;

use super::{Mode, Program};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;
use crate::kit::money::{Cents, Percent};
use crate::kit::patch::Patch as Field;

/// What a change may say; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ProgramPatch {
    pub enabled: Option<bool>,
    pub mode: Option<Mode>,
    pub commission: Field<Percent>,
    pub wholesale_discount: Field<Percent>,
    pub min_payout: Field<Cents>,
    pub require_verification: Option<bool>,
    pub commission_hold_days: Option<i32>,
    pub terms_url: Field<String>,
}

impl ProgramPatch {
    fn apply(self, before: Program) -> Program {
        Program {
            enabled: self.enabled.unwrap_or(before.enabled),
            mode: self.mode.unwrap_or(before.mode),
            commission: self.commission.apply(before.commission),
            wholesale_discount: self.wholesale_discount.apply(before.wholesale_discount),
            min_payout: self.min_payout.apply(before.min_payout),
            require_verification: self.require_verification.unwrap_or(before.require_verification),
            commission_hold_days: self.commission_hold_days.unwrap_or(before.commission_hold_days),
            terms_url: self.terms_url.apply(before.terms_url),
        }
    }
}

/// The shop's program; one that was never set is off.
pub async fn program(db: &mut PgConnection, shop: Tenant) -> Result<Program> {
    sql::get(db, shop.uuid()).await?.map_or_else(|| Ok(Program::default()), Program::try_from)
}

/// Changes the program. Off, it refuses what is new; what was bought and earned stays (R44).
pub async fn update_program(db: &mut PgConnection, shop: Tenant, env: &Env, patch: ProgramPatch) -> Result<Program> {
    sql::lock(db, shop.uuid(), env.now()).await?;
    let after = patch.apply(program(db, shop).await?);
    sql::update(db, shop.uuid(), &after, env.now()).await?;
    Ok(after)
}
