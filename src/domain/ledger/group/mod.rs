//! The transfers of a group: held accounts are locked and read at once, decided on in memory one transfer
//! after the other, and written at once. Their chains are as if each had been posted alone.

mod sql;

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, Entry, Transfer};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};
use crate::kit::places::Places;

/// What a group has read of its held accounts, and what it will have posted.
#[derive(Debug)]
pub struct Group {
    shop: Tenant,
    held: HashMap<Uuid, Held>,
    recording: HashMap<Uuid, (Account, Currency)>,
    transfers: sql::Transfers,
    entries: sql::Entries,
}

#[derive(Debug)]
struct Held {
    before: i64,
    version: i64,
    balance: i64,
    /// Where the row lies, which is locked.
    place: String,
}

impl Group {
    /// Locks these held accounts, first those whose place is known, each time in the order of their ids; one that never
    /// held money is not there yet. Who locks several at once has locked their owners before.
    pub async fn lock(
        db: &mut PgConnection,
        shop: Tenant,
        places: &Places,
        accounts: &[(Account, Currency)],
    ) -> Result<Self> {
        let mut ids: Vec<Uuid> = accounts.iter().map(|(account, currency)| account.id(shop, *currency)).collect();
        let mut held = HashMap::with_capacity(ids.len());
        let (known, at) = places.of(&ids);
        let mut rows = Vec::new();
        if !known.is_empty() {
            rows = sql::lock_at(db, shop.uuid(), &known, &at).await?;
            ids.retain(|id| rows.iter().all(|row| row.id != *id));
        }
        if !ids.is_empty() {
            rows.extend(sql::lock(db, shop.uuid(), &ids).await?);
        }
        for row in rows {
            let (version, balance, place) = (row.version, row.balance, row.place);
            held.insert(row.id, Held { before: version, version, balance, place });
        }
        let (transfers, entries) = (sql::Transfers::default(), sql::Entries::default());
        Ok(Self { shop, held, recording: HashMap::new(), transfers, entries })
    }

    /// What a held account holds, after all that was posted in this group.
    #[must_use]
    pub fn balance(&self, account: &Account, currency: Currency) -> Cents {
        let held = self.held.get(&account.id(self.shop, currency));
        held.and_then(|held| Cents::new(held.balance)).unwrap_or(Cents::ZERO)
    }

    /// Posts a transfer in memory, whole or not at all.
    ///
    /// # Errors
    /// [`Error::InsufficientFunds`] where a held account would fall below zero.
    pub fn post(&mut self, env: &Env, transfer: &Transfer) -> Result<()> {
        transfer.check()?;
        let leg_of = |leg: &super::Leg| (leg.account.id(self.shop, transfer.currency), leg.amount.get());
        let held: Vec<(Uuid, i64)> = transfer.legs.iter().filter(|leg| leg.account.held).map(leg_of).collect();
        let after = |(id, amount): &(Uuid, i64)| Some(self.held.get(id)?.balance.checked_add(*amount)? >= 0);
        if !held.iter().all(|leg| after(leg) == Some(true)) {
            return Err(Error::InsufficientFunds);
        }
        let id = *env.id::<Transfer>();
        self.transfers.push(id, transfer);
        for leg in &transfer.legs {
            let (account, amount) = leg_of(leg);
            let chain = self.held.get_mut(&account).filter(|_| leg.account.held).map(|held| {
                held.version += 1;
                held.balance += amount;
                (held.version, held.balance)
            });
            if chain.is_none() {
                self.recording.entry(account).or_insert_with(|| (leg.account.clone(), transfer.currency));
            }
            self.entries.push(*env.id::<Entry>(), id, account, amount, chain);
        }
        Ok(())
    }

    /// Writes what was posted.
    ///
    /// # Errors
    /// [`Error::Internal`] where a held account is not as it was read: its lock was not held.
    pub async fn write(self, db: &mut PgConnection, env: &Env, places: &Places) -> Result<()> {
        if self.transfers.is_empty() {
            return Ok(());
        }
        let mut accounts = sql::Accounts::default();
        for (id, held) in self.held.iter().filter(|(_, held)| held.version > held.before) {
            accounts.push(*id, held.before, held.version, held.balance, held.place.clone());
        }
        let updated = sql::update(db, self.shop.uuid(), &accounts).await?;
        if updated.len() != accounts.len() {
            return Err(Error::Internal("a held account changed under its lock".into()));
        }
        for (id, place) in updated {
            places.put(id, place);
        }
        let mut recording = sql::Recording::default();
        for (id, (account, currency)) in &self.recording {
            recording.push(*id, account, currency.code());
        }
        Ok(sql::write(db, self.shop.uuid(), &self.transfers, &self.entries, &recording, env.now()).await?)
    }
}
