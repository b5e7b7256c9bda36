use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::ledger::{Account, Transfer};

pub struct HeldRow {
    pub id: Uuid,
    pub balance: i64,
    pub version: i64,
    pub place: String,
}

#[derive(Debug, Default)]
pub struct Transfers {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    references: Vec<Uuid>,
    currencies: Vec<String>,
}

impl Transfers {
    pub fn push(&mut self, id: Uuid, transfer: &Transfer) {
        self.ids.push(id);
        self.kinds.push(transfer.purpose.word().to_owned());
        self.references.push(transfer.reference);
        self.currencies.push(transfer.currency.code().to_owned());
    }

    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[derive(Debug, Default)]
pub struct Entries {
    ids: Vec<Uuid>,
    transfers: Vec<Uuid>,
    accounts: Vec<Uuid>,
    amounts: Vec<i64>,
    versions: Vec<Option<i64>>,
    balances: Vec<Option<i64>>,
}

impl Entries {
    pub fn push(&mut self, id: Uuid, transfer: Uuid, account: Uuid, amount: i64, chain: Option<(i64, i64)>) {
        self.ids.push(id);
        self.transfers.push(transfer);
        self.accounts.push(account);
        self.amounts.push(amount);
        self.versions.push(chain.map(|(version, _)| version));
        self.balances.push(chain.map(|(_, balance)| balance));
    }
}

/// Held accounts as they will be.
#[derive(Default)]
pub struct Accounts {
    ids: Vec<Uuid>,
    before: Vec<i64>,
    versions: Vec<i64>,
    balances: Vec<i64>,
    places: Vec<String>,
}

impl Accounts {
    pub fn push(&mut self, id: Uuid, before: i64, version: i64, balance: i64, place: String) {
        self.ids.push(id);
        self.before.push(before);
        self.versions.push(version);
        self.balances.push(balance);
        self.places.push(place);
    }

    pub const fn len(&self) -> usize {
        self.ids.len()
    }
}

/// Recording accounts, made as they are needed.
#[derive(Default)]
pub struct Recording {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    owners: Vec<String>,
    currencies: Vec<String>,
}

impl Recording {
    pub fn push(&mut self, id: Uuid, account: &Account, currency: &str) {
        self.ids.push(id);
        self.kinds.push(account.kind.word().to_owned());
        self.owners.push(account.owner.clone());
        self.currencies.push(currency.to_owned());
    }
}

pub async fn lock(db: &mut PgConnection, shop: Uuid, ids: &[Uuid]) -> sqlx::Result<Vec<HeldRow>> {
    sqlx::query_as!(
        HeldRow,
        r#"select id, balance, version, ctid::text as "place!" from ledger_accounts
           where shop_id = $1 and id = any($2) and held order by id for no key update"#,
        shop,
        ids
    )
    .fetch_all(db)
    .await
}

/// The same of those that lie where they are thought to. `is true` keeps the planner from any index, in which it would
/// meet every version that an old snapshot keeps.
pub async fn lock_at(db: &mut PgConnection, shop: Uuid, ids: &[Uuid], places: &[String]) -> sqlx::Result<Vec<HeldRow>> {
    sqlx::query_as!(
        HeldRow,
        r#"select id, balance, version, ctid::text as "place!" from ledger_accounts
           where ctid = any($3::text[]::tid[]) and (shop_id = $1 and id = any($2) and held) is true
           order by id for no key update"#,
        shop,
        ids,
        places
    )
    .fetch_all(db)
    .await
}

/// Once an account, however many entries it got; answers those that were as they had been read, where they had been
/// locked, with the place where each lies now.
pub async fn update(db: &mut PgConnection, shop: Uuid, accounts: &Accounts) -> sqlx::Result<Vec<(Uuid, String)>> {
    sqlx::query!(
        r#"update ledger_accounts a set balance = u.balance, version = u.version
           from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
               as u (id, before, version, balance, place)
           where a.ctid = u.place::tid and (a.shop_id = $1 and a.id = u.id and a.version = u.before) is true
           returning a.id, a.ctid::text as "place!""#,
        shop,
        &accounts.ids,
        &accounts.before,
        &accounts.versions,
        &accounts.balances,
        &accounts.places
    )
    .map(|row| (row.id, row.place))
    .fetch_all(db)
    .await
}

/// One statement for everything that is only appended.
pub async fn write(
    db: &mut PgConnection,
    shop: Uuid,
    transfers: &Transfers,
    entries: &Entries,
    recording: &Recording,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with named as (
             insert into ledger_accounts (shop_id, id, kind, owner, currency, held)
             select $1, a.id, a.kind, a.owner, a.currency, false
             from unnest($12::uuid[], $13::text[], $14::text[], $15::text[]) as a (id, kind, owner, currency)
             on conflict do nothing),
         transfers as (
             insert into ledger_transfers (shop_id, id, kind, state, reference_id, currency, created_at, settled_at)
             select $1, t.id, t.kind, 'posted', t.reference_id, t.currency, $16, $16
             from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[]) as t (id, kind, reference_id, currency)),
         lines as materialized (
             select * from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[], $11::bigint[])
                 as e (id, transfer_id, account_id, amount, version, balance_after)),
         open as (
             insert into ledger_open (shop_id, account_id, entry_id, amount)
             select $1, account_id, id, amount from lines where version is null)
         insert into ledger_entries (shop_id, id, transfer_id, account_id, amount, version, balance_after, created_at)
         select $1, id, transfer_id, account_id, amount, version, balance_after, $16 from lines",
        shop,
        &transfers.ids,
        &transfers.kinds,
        &transfers.references,
        &transfers.currencies,
        &entries.ids,
        &entries.transfers,
        &entries.accounts,
        &entries.amounts,
        &entries.versions as &[Option<i64>],
        &entries.balances as &[Option<i64>],
        &recording.ids,
        &recording.kinds,
        &recording.owners,
        &recording.currencies,
        now
    )
    .execute(db)
    .await
    .map(drop)
}
