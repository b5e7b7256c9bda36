-- Codes. A code is cash: sealed, found by keyed hash, and owned by one order item at most.
-- No foreign key to pools: five thousand look-ups an import would buy nothing, since the import has
-- read the pool's product in the same transaction and pools are never deleted.
create table serials (
    shop_id       uuid        not null,
    id            uuid        not null,
    pool_id       uuid        not null,
    -- The order in which codes go out. The claim index alone contains it, so that the planner cannot
    -- walk the primary key through everything ever sold (promises F2).
    pos           bigint      generated always as identity,
    code_hash     bytea       not null,
    -- 0, counting up only where equal codes were asked for (remove_duplicates: false).
    copy          integer     not null default 0,
    sealed        bytea       not null,
    status        text        not null default 'available' check (status in ('available', 'reserved', 'sold', 'burned')),
    -- Its owner: an item of an order, or a reseller's fulfillment.
    order_item_id uuid,
    fulfillment_id uuid,
    created_at    timestamptz not null,
    sold_at       timestamptz,
    primary key (shop_id, id),
    -- Over every code ever imported, so that a sold or burned one cannot come back.
    constraint serials_code_taken unique (shop_id, pool_id, code_hash, copy),
    constraint serials_owner_fits_status check ((status in ('reserved', 'sold')) <= (num_nonnulls(order_item_id, fulfillment_id) = 1)),
    constraint serials_available_has_no_owner check (status <> 'available' or num_nonnulls(order_item_id, fulfillment_id) = 0)
);
create index serials_claim on serials (shop_id, pool_id, pos) where status = 'available';
create index serials_by_item on serials (shop_id, order_item_id) where order_item_id is not null;
create index serials_by_fulfillment on serials (shop_id, fulfillment_id) where fulfillment_id is not null;
-- The graveyard of sold codes grows for ever; the claim index must not wait for a fifth of it to die.
alter table serials set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05);

-- Stock is level plus open deltas, read in one statement: true in every snapshot, and no sale updates
-- a row that another sale needs. The worker folds deltas into levels.
create table stock_deltas (
    shop_id    uuid        not null,
    pool_id    uuid        not null,
    id         uuid        not null,
    delta      integer     not null check (delta <> 0),
    primary key (shop_id, pool_id, id)
);
create table stock_levels (
    shop_id uuid   not null,
    pool_id uuid   not null,
    level   bigint not null,
    -- When it last changed, or a little later; open deltas are changes too.
    changed_at timestamptz not null default now(),
    primary key (shop_id, pool_id)
);

-- A product with what is left of it: of a pooled one the free codes, of another what is counted; null is unlimited.
create view product_stock as
    select p.shop_id, p.id, p.status = 'active' and not p.private and not p.on_hold as published,
           case when p.pool_id is null then p.stock::bigint else coalesce(l.level, 0) + coalesce(d.open, 0) end as stock
    from products p
    left join stock_levels l on l.shop_id = p.shop_id and l.pool_id = p.pool_id
    left join (select shop_id, pool_id, sum(delta)::bigint as open from stock_deltas group by shop_id, pool_id) d
        on d.shop_id = p.shop_id and d.pool_id = p.pool_id
    where p.status <> 'archived';

-- The figures of the list of products, counted again when they are asked for and ten seconds old.
create table product_stats (
    shop_id      uuid        primary key,
    total        bigint      not null,
    published    bigint      not null,
    low_stock    bigint      not null,
    out_of_stock bigint      not null,
    counted_at   timestamptz not null
);
