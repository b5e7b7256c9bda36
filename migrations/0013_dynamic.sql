-- Calls to merchants' addresses that answer with the goods of one order item. Rows hold ids only: the
-- call is rendered at the moment of sending, and what it answers is kept, sealed, by the order.
create table dynamic_calls (
    shop_id     uuid        not null,
    item_id     uuid        not null,
    order_id    uuid        not null,
    product_id  uuid        not null,
    state       text        not null default 'queued' check (state in ('queued', 'leased', 'delivered', 'failed', 'cancelled')),
    -- Counts leases; a result is recorded only where it still matches, so it is the fence.
    attempt     integer     not null default 0,
    -- Leased: until when. A lease that ran out is never sent again, since nobody knows what became of it.
    due_at      timestamptz not null,
    error       text,
    http_status smallint,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    primary key (shop_id, item_id),
    foreign key (shop_id, item_id) references order_items (shop_id, id)
);
create index dynamic_calls_due on dynamic_calls (shop_id, due_at) where state in ('queued', 'leased');
