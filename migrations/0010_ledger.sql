-- The ledger: accounts, transfers between them, and entries that are only ever inserted. A credit is
-- positive and a debit negative, so the entries of a transfer sum to zero, and so does everything.
create table ledger_accounts (
    shop_id  uuid    not null,
    id       uuid    not null, -- made of shop, kind, owner and currency, so that posting needs no look-up
    kind     text    not null check (kind in ('clearing', 'sales', 'pending', 'payable', 'prepaid', 'wholesale', 'adjustments')),
    -- Whose it is: a gateway's name, a reseller's relationship; empty for the shop itself.
    owner    text    not null,
    currency text    not null check (currency ~ '^[A-Z]{3}$'),
    -- A held account decides: its row is locked, and it may not fall below its floor. A recording one
    -- only remembers: transfers append to it and update nothing, so sales never queue on a row.
    held     boolean not null,
    -- Of a held account the balance; of a recording one the total of its folded entries.
    balance  bigint  not null default 0,
    -- Entries so far, of a held account.
    version  bigint  not null default 0,
    primary key (shop_id, id),
    constraint ledger_accounts_one_of_a_kind unique (shop_id, kind, owner, currency),
    constraint ledger_accounts_floor check (not held or balance >= 0)
);

create table ledger_transfers (
    shop_id      uuid        not null,
    id           uuid        not null,
    kind         text        not null check (kind in ('sale', 'top_up', 'refund', 'settlement', 'payout', 'fulfillment', 'adjustment')),
    state        text        not null check (state in ('pending', 'posted', 'voided')),
    -- What it was for: an order, a refund, a payout. One transfer of a kind for each.
    reference_id uuid        not null,
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    -- What the shop says it is for, where nothing else does.
    reason       text,
    -- The API key by which a person of the shop made it by hand.
    made_by      uuid,
    created_at   timestamptz not null,
    settled_at   timestamptz,
    primary key (shop_id, id),
    constraint ledger_transfers_one_for_each unique (shop_id, reference_id, kind),
    constraint ledger_transfers_settled_has_date check ((state = 'pending') = (settled_at is null))
);

create table ledger_entries (
    shop_id       uuid        not null,
    id            uuid        not null,
    transfer_id   uuid        not null,
    account_id    uuid        not null,
    amount        bigint      not null check (amount <> 0),
    -- Of a held account: which entry of it this is, and what it left behind. A gap shows at once.
    version       bigint,
    balance_after bigint,
    created_at    timestamptz not null,
    primary key (shop_id, id),
    constraint ledger_entries_version_taken unique (shop_id, account_id, version),
    constraint ledger_entries_chain check ((version is null) = (balance_after is null))
);
create index ledger_entries_of_account on ledger_entries (shop_id, account_id, created_at);
create index ledger_entries_of_transfer on ledger_entries (shop_id, transfer_id);

-- Entries of recording accounts that their account's total does not hold yet.
create table ledger_open (
    shop_id    uuid   not null,
    account_id uuid   not null,
    entry_id   uuid   not null,
    amount     bigint not null,
    primary key (shop_id, account_id, entry_id)
);
-- Ids are made of the time, so the young ones lie together: whoever folds them passes none of those that are folded,
-- and that an old snapshot keeps.
create index ledger_open_young on ledger_open (entry_id, shop_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'entries are only ever inserted' using errcode = 'restrict_violation';
end $$;
create trigger ledger_entries_are_final before update or delete on ledger_entries
    for each row execute function refuse_change();
create trigger ledger_entries_stay before truncate on ledger_entries
    for each statement execute function refuse_change();
