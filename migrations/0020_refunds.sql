-- Money that goes back the way it came. What a refund asks for is held in the ledger from its first moment, so that
-- refunds at once cannot give back more than was paid; `transfer_id` is what holds it.
create table refunds (
    shop_id        uuid        not null,
    id             uuid        not null, -- its instant is in it
    order_id       uuid        not null,
    amount_cents   bigint      not null check (amount_cents > 0),
    reason         text        not null check (reason in ('requested_by_buyer', 'duplicate', 'fraud', 'other')),
    -- For the shop alone.
    note           text,
    status         text        not null default 'processing' check (status in ('processing', 'completed', 'failed')),
    -- Through which the order was paid.
    gateway        text        not null check (gateway in ('sandbox', 'manual')),
    transfer_id    uuid        not null,
    -- Counts leases; what a gateway says is recorded only where it still matches, so it is the fence.
    attempt        integer     not null default 0,
    -- When the worker asks its gateway, again where an answer was lost; null: it waits for the operator.
    due_at         timestamptz,
    destination_tx text,
    -- Why it failed.
    error          text,
    created_at     timestamptz not null,
    ended_at       timestamptz,
    primary key (shop_id, id),
    foreign key (shop_id, order_id) references orders (shop_id, id),
    constraint refunds_ended_has_date check ((status = 'processing') = (ended_at is null)),
    constraint refunds_ended_is_not_due check (status = 'processing' or due_at is null)
);
create index refunds_of_order on refunds (shop_id, order_id, id);
create index refunds_due on refunds (shop_id, due_at) where due_at is not null;
create index refunds_processing on refunds (shop_id, id) where status = 'processing';

create view books_refunds_are_those_of_their_order as
    select o.shop_id, o.id from orders o
    left join refunds r on r.shop_id = o.shop_id and r.order_id = o.id
    group by o.shop_id, o.id, o.refunded_cents, o.refunding_cents
    having o.refunded_cents <> coalesce(sum(r.amount_cents) filter (where r.status = 'completed'), 0)
        or o.refunding_cents <> coalesce(sum(r.amount_cents) filter (where r.status = 'processing'), 0);

create view books_refunds_are_within_what_was_captured as
    select r.shop_id, r.order_id as id
    from (select shop_id, order_id, sum(amount_cents) as refunded from refunds where status <> 'failed' group by shop_id, order_id) r
    left join (select t.shop_id, t.reference_id, -sum(e.amount) as captured
               from ledger_transfers t
               join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id
               join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id and a.kind = 'clearing'
               where t.kind in ('sale', 'top_up')
               group by t.shop_id, t.reference_id) c on c.shop_id = r.shop_id and c.reference_id = r.order_id
    where r.refunded > coalesce(c.captured, 0);

-- While it is processing its amount is held, afterwards it is where the money went: to the gateway, or back.
create view books_refunds_are_in_the_ledger as
    select r.shop_id, r.id from refunds r
    left join ledger_transfers t
        on t.shop_id = r.shop_id and t.id = r.transfer_id and t.reference_id = r.id and t.kind = 'refund'
    left join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id
    left join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id
    group by r.shop_id, r.id, r.status, r.amount_cents, t.state
    having t.state is distinct from case r.status when 'processing' then 'pending' when 'completed' then 'posted' else 'voided' end
        or coalesce(sum(e.amount) filter (where a.kind in ('sales', 'prepaid')), 0) <> case r.status when 'failed' then 0 else -r.amount_cents end
        or coalesce(sum(e.amount) filter (where a.kind = 'clearing'), 0) <> case r.status when 'completed' then r.amount_cents else 0 end
    union all
    select t.shop_id, t.id from ledger_transfers t
    left join refunds r on r.shop_id = t.shop_id and r.transfer_id = t.id
    where t.kind = 'refund' and r.id is null;
