//! A shop's program and its settings.

mod sql;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Mode, Program};
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;
use crate::kit::money::{Cents, Percent};
use crate::kit::patch::Patch as Field;
use crate::kit::secret;

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
            updated_at: before.updated_at,
        }
    }
}

/// The shop's program; one that was never set is off.
pub async fn program(db: &mut PgConnection, shop: Tenant) -> Result<Program> {
    sql::get(db, shop.uuid()).await?.map_or_else(|| Ok(Program::default()), Program::try_from)
}

/// The program, which stays as it is until this transaction ends: for what a program that is off refuses (R44).
/// Before any row is locked.
pub async fn hold_program(db: &mut PgConnection, shop: Tenant) -> Result<Program> {
    sql::lock_shared(db, program_lock(shop.uuid())).await?;
    program(db, shop).await // a later statement: one that waited itself would see the program of before
}

/// The number of the lock that holds a program: shared by who relies on it, exclusive to who changes it. Not a
/// lock of its row: those who share one let later ones in, and so a busy shop would never be turned off.
#[must_use]
pub fn program_lock(shop: Uuid) -> i64 {
    secret::lock_number(&secret::hash(&format!("reseller program {shop}")))
}

/// Changes the program. Off, it refuses what is new; what was bought and earned stays (R44). Waits for those who
/// [hold](hold_program) it, and keeps later ones out: once this has committed, nothing that relies on the program
/// of before can commit.
pub async fn update_program(db: &mut PgConnection, shop: Tenant, env: &Env, patch: ProgramPatch) -> Result<Program> {
    sql::lock_exclusively(db, program_lock(shop.uuid())).await?;
    sql::lock(db, shop.uuid(), env.now()).await?;
    let after = patch.apply(program(db, shop).await?);
    sql::update(db, shop.uuid(), &after, env.now()).await?;
    Ok(Program { updated_at: env.now(), ..after })
}
