-- Money that the shop takes out of what it has sold for. Its amount is held in the ledger from its first moment;
-- `transfer_id` is what holds it.
create table payouts (
    shop_id             uuid        not null,
    id                  uuid        not null, -- its instant is in it
    status              text        not null default 'queued' check (status in ('queued', 'broadcast', 'confirmed', 'failed')),
    chain               text        not null check (chain in ('tron', 'base', 'ethereum', 'bitcoin', 'solana', 'polygon', 'bsc')),
    asset               text        not null check (asset ~ '^[A-Z0-9]{2,10}$'),
    amount_cents        bigint      not null check (amount_cents > 0),
    currency            text        not null check (currency ~ '^[A-Z]{3}$'),
    destination_address text        not null,
    memo                text,
    -- Who brings it onto the chain.
    broadcaster         text        not null check (broadcaster in ('manual', 'sandbox')),
    transfer_id         uuid        not null,
    -- Counts leases; what a broadcaster says is recorded only where it still matches, so it is the fence.
    attempt             integer     not null default 0,
    -- When the worker asks its broadcaster, again where an answer was lost; null: it waits for the operator.
    due_at              timestamptz,
    -- What went out, and at which rate: units of the currency for one of the asset. Decimals, exact, as text.
    tx_hash             text,
    asset_quantity      text        check (asset_quantity ~ '^[0-9]{1,20}(\.[0-9]{1,18})?$'),
    rate                text        check (rate ~ '^[0-9]{1,20}(\.[0-9]{1,18})?$'),
    rate_source         text,
    rate_at             timestamptz,
    -- Why it failed.
    error               text,
    created_at          timestamptz not null,
    broadcast_at        timestamptz,
    confirmed_at        timestamptz,
    failed_at           timestamptz,
    primary key (shop_id, id),
    constraint payouts_broadcast_is_whole check (num_nonnulls(tx_hash, asset_quantity, rate, rate_source, rate_at, broadcast_at) in (0, 6)),
    constraint payouts_out_was_broadcast check (status not in ('broadcast', 'confirmed') or broadcast_at is not null),
    constraint payouts_queued_is_not_out check (status <> 'queued' or broadcast_at is null),
    constraint payouts_confirmed_has_date check ((status = 'confirmed') = (confirmed_at is not null)),
    constraint payouts_failed_has_date check ((status = 'failed') = (failed_at is not null)),
    constraint payouts_ended_is_not_due check (status in ('queued', 'broadcast') or due_at is null)
);
create index payouts_by_status on payouts (shop_id, status, id);
create index payouts_due on payouts (shop_id, due_at) where due_at is not null;

-- While it is on its way its amount is held, afterwards it is where the money went: out, or back.
create view books_payouts_are_in_the_ledger as
    select p.shop_id, p.id from payouts p
    left join ledger_transfers t
        on t.shop_id = p.shop_id and t.id = p.transfer_id and t.reference_id = p.id and t.kind = 'payout' and t.currency = p.currency
    left join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id
    left join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id
    group by p.shop_id, p.id, p.status, p.amount_cents, t.state
    having t.state is distinct from case p.status when 'confirmed' then 'posted' when 'failed' then 'voided' else 'pending' end
        or coalesce(sum(e.amount) filter (where a.kind = 'payable'), 0) <> case p.status when 'failed' then 0 else -p.amount_cents end
        or coalesce(sum(e.amount) filter (where a.kind = 'clearing'), 0) <> case p.status when 'confirmed' then p.amount_cents else 0 end
    union all
    select t.shop_id, t.id from ledger_transfers t
    left join payouts p on p.shop_id = t.shop_id and p.transfer_id = t.id
    where t.kind = 'payout' and p.id is null;

create view books_payouts_are_within_what_was_payable as
    select p.shop_id, p.currency as id, p.out - coalesce(s.settled, 0) as off
    from (select shop_id, currency, sum(amount_cents) as out from payouts where status <> 'failed' group by shop_id, currency) p
    left join (select t.shop_id, t.currency, sum(e.amount) as settled
               from ledger_transfers t
               join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id
               join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id and a.kind = 'payable'
               where t.kind = 'settlement'
               group by t.shop_id, t.currency) s on s.shop_id = p.shop_id and s.currency = p.currency
    where p.out > coalesce(s.settled, 0);
