-- A customer exists from the first order; figures move with payments.
create table customers (
    shop_id        uuid        not null,
    id             uuid        not null,
    email          text        not null, -- as first typed
    email_key      text        not null, -- lower case: by which two addresses are the same
    orders_count   integer     not null default 0 check (orders_count >= 0),
    -- Paid minus refunded, in the shop's currency.
    lifetime_cents bigint      not null default 0,
    first_seen_at  timestamptz not null,
    last_seen_at   timestamptz not null,
    primary key (shop_id, id),
    constraint customers_email_taken unique (shop_id, email_key)
);
