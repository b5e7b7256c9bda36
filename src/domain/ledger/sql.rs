use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Account, Transfer};
use crate::error::{Conflict, Error, OnConstraint as _, Result};

/// Columns of the entries of one transfer, and of the recording accounts they need.
#[derive(Default)]
pub struct Entries {
    ids: Vec<Uuid>,
    accounts: Vec<Uuid>,
    amounts: Vec<i64>,
    versions: Vec<Option<i64>>,
    balances: Vec<Option<i64>>,
    account_ids: Vec<Uuid>,
    kinds: Vec<String>,
    owners: Vec<String>,
}

impl Entries {
    pub fn push(&mut self, id: Uuid, account: Uuid, amount: i64, chain: Option<(i64, i64)>) {
        self.ids.push(id);
        self.accounts.push(account);
        self.amounts.push(amount);
        self.versions.push(chain.map(|(version, _)| version));
        self.balances.push(chain.map(|(_, balance)| balance));
    }

    pub fn account(&mut self, id: Uuid, account: &Account) {
        self.account_ids.push(id);
        self.kinds.push(account.kind.word().to_owned());
        self.owners.push(account.owner.clone());
    }
}

pub async fn open(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    transfer: &Transfer,
    state: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "insert into ledger_transfers (shop_id, id, kind, state, reference_id, currency, created_at, settled_at, reason,
                                       made_by)
         values ($1, $2, $3, $4, $5, $6, $7, case when $4 = 'posted' then $7::timestamptz end, $8, $9)",
        shop,
        id,
        transfer.purpose.word(),
        state,
        transfer.reference,
        transfer.currency.code(),
        now,
        transfer.reason,
        transfer.made_by
    )
    .execute(db)
    .await
    .on_constraint("ledger_transfers_one_for_each", || {
        Error::Conflict(Conflict::WrongState("this was posted already".into()))
    })
    .map(drop)
}

/// The currency of the transfer that was pending and is no longer; `None` where it was not.
pub async fn end(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    state: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "update ledger_transfers set state = $3, settled_at = $4
         where shop_id = $1 and id = $2 and state = 'pending' returning currency",
        shop,
        id,
        state,
        now
    )
    .fetch_optional(db)
    .await
}

/// What a transfer has put into an account.
pub async fn entered(db: &mut PgConnection, shop: Uuid, transfer: Uuid, account: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0)::bigint as "amount!" from ledger_entries
           where shop_id = $1 and transfer_id = $2 and account_id = $3"#,
        shop,
        transfer,
        account
    )
    .fetch_one(db)
    .await
}

/// Takes from a held account, which must be there. Version and balance after; the floor is a check in
/// the database, so no race gets below it.
pub async fn debit_held(db: &mut PgConnection, shop: Uuid, id: Uuid, amount: i64) -> Result<(i64, i64)> {
    sqlx::query!(
        "update ledger_accounts set balance = balance - $3, version = version + 1
         where shop_id = $1 and id = $2 returning version, balance",
        shop,
        id,
        amount
    )
    .map(|row| (row.version, row.balance))
    .fetch_optional(db)
    .await
    .on_constraint("ledger_accounts_floor", || Error::InsufficientFunds)?
    .ok_or(Error::InsufficientFunds)
}

/// Adds to a held account, which is made with its first money. Version and balance after.
pub async fn credit_held(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    account: &Account,
    currency: &str,
    amount: i64,
) -> sqlx::Result<(i64, i64)> {
    sqlx::query!(
        "insert into ledger_accounts as a (shop_id, id, kind, owner, currency, held, balance, version)
         values ($1, $2, $3, $4, $5, true, $6, 1)
         on conflict (shop_id, id) do update set balance = a.balance + $6, version = a.version + 1
         returning version, balance",
        shop,
        id,
        account.kind.word(),
        account.owner,
        currency,
        amount
    )
    .map(|row| (row.version, row.balance))
    .fetch_one(db)
    .await
}

/// What a held account holds, its row locked; it is made where it never held anything.
pub async fn lock_held(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    account: &Account,
    currency: &str,
) -> sqlx::Result<i64> {
    sqlx::query!(
        "insert into ledger_accounts (shop_id, id, kind, owner, currency, held)
         values ($1, $2, $3, $4, $5, true) on conflict do nothing",
        shop,
        id,
        account.kind.word(),
        account.owner,
        currency
    )
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar!(
        "select balance from ledger_accounts where shop_id = $1 and id = $2 for no key update",
        shop,
        id
    )
    .fetch_one(db)
    .await
}

/// One statement for everything that is only appended. Recording accounts are made as they are needed;
/// one that is there is read and not touched.
pub async fn enter(
    db: &mut PgConnection,
    shop: Uuid,
    transfer: Uuid,
    currency: &str,
    entries: &Entries,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with named as (
             insert into ledger_accounts (shop_id, id, kind, owner, currency, held)
             select $1, a.id, a.kind, a.owner, $3, false
             from unnest($9::uuid[], $10::text[], $11::text[]) as a (id, kind, owner)
             on conflict do nothing),
         lines as materialized (
             select * from unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[])
                 as e (id, account_id, amount, version, balance_after)),
         open as (
             insert into ledger_open (shop_id, account_id, entry_id, amount)
             select $1, account_id, id, amount from lines where version is null)
         insert into ledger_entries (shop_id, id, transfer_id, account_id, amount, version, balance_after, created_at)
         select $1, id, $2, account_id, amount, version, balance_after, $12 from lines",
        shop,
        transfer,
        currency,
        &entries.ids,
        &entries.accounts,
        &entries.amounts,
        &entries.versions as &[Option<i64>],
        &entries.balances as &[Option<i64>],
        &entries.account_ids,
        &entries.kinds,
        &entries.owners,
        now
    )
    .execute(db)
    .await
    .map(drop)
}

/// Total and open entries in one snapshot.
pub async fn balance(db: &mut PgConnection, shop: Uuid, account: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select (coalesce((select balance from ledger_accounts where shop_id = $1 and id = $2), 0)
               + coalesce((select sum(amount) from ledger_open where shop_id = $1 and account_id = $2), 0))::bigint
               as "balance!""#,
        shop,
        account
    )
    .fetch_one(db)
    .await
}

/// Of held accounts, which have no open entries; in the order of their ids as given.
pub async fn balances(db: &mut PgConnection, shop: Uuid, accounts: &[Uuid]) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        r#"select coalesce(a.balance, 0) as "balance!"
           from unnest($2::uuid[]) with ordinality as wanted (id, place)
           left join ledger_accounts a on a.shop_id = $1 and a.id = wanted.id
           order by wanted.place"#,
        shop,
        accounts
    )
    .fetch_all(db)
    .await
}

pub async fn balance_at(db: &mut PgConnection, shop: Uuid, account: Uuid, instant: DateTime<Utc>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0)::bigint as "balance!" from ledger_entries
           where shop_id = $1 and account_id = $2 and created_at <= $3"#,
        shop,
        account,
        instant
    )
    .fetch_one(db)
    .await
}

pub async fn shops_to_fold(db: &mut PgConnection, after: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select distinct shop_id from ledger_open where entry_id > $1", after).fetch_all(db).await
}

/// Accounts are updated in id order, so that two workers cannot deadlock. The entries are deleted by their places, which
/// their locks hold: joined to them, each would be compared with each while the planner takes the table for an empty one.
pub async fn fold(db: &mut PgConnection, shop: Uuid, after: Uuid, limit: i64) -> sqlx::Result<u64> {
    let folded = sqlx::query_scalar!(
        r#"with gone as (
             delete from ledger_open where ctid = any(array(
                 select ctid from ledger_open where shop_id = $1 and entry_id > $2
                 order by entry_id limit $3
                 for update skip locked))
             returning account_id, amount),
         sums as materialized (
             select a.id, s.total
             from (select account_id, sum(amount)::bigint as total from gone group by account_id) s
             join ledger_accounts a on a.shop_id = $1 and a.id = s.account_id
             order by a.id for no key update of a),
         folded as (
             update ledger_accounts a set balance = a.balance + sums.total
             from sums where a.shop_id = $1 and a.id = sums.id)
         select count(*) as "folded!" from gone"#,
        shop,
        after,
        limit
    )
    .fetch_one(db)
    .await?;
    Ok(folded.unsigned_abs())
}

pub async fn allow_time(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("set local statement_timeout = '10min'").execute(db).await.map(drop)
}

/// The views that must be empty.
pub async fn laws(db: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select viewname as "name!" from pg_views
           where schemaname = current_schema() and viewname like 'books\_%' order by viewname"#
    )
    .fetch_all(db)
    .await
    .map(|names: Vec<String>| names)
}

pub async fn count(db: &mut PgConnection, view: &str) -> sqlx::Result<i64> {
    // The name comes from the catalogue, never from a client.
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {view}"));
    sqlx::query_scalar(sql).fetch_one(db).await
}
