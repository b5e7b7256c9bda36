create table orders (
    shop_id          uuid        not null,
    id               uuid        not null, -- its creation instant is in it
    status           text        not null check (status in ('pending', 'awaiting_payment', 'paid', 'delivering', 'completed', 'failed', 'refunded')),
    -- Why it failed: after expiry alone a late payment may still revive it.
    failure          text        check (failure in ('expired', 'declined')),
    customer_id      uuid        not null,
    customer_email   text        not null,
    currency         text        not null check (currency ~ '^[A-Z]{3}$'),
    subtotal_cents   bigint      not null check (subtotal_cents >= 0),
    discount_cents   bigint      not null default 0 check (discount_cents >= 0),
    total_cents      bigint      not null check (total_cents >= 0),
    refunded_cents   bigint      not null default 0 check (refunded_cents >= 0),
    -- What refunds that are on their way will give back, or not.
    refunding_cents  bigint      not null default 0 check (refunding_cents >= 0),
    gateway          text        check (gateway in ('sandbox', 'manual')),
    payment_provider text,
    payment_chain    text,
    payment_asset    text,
    payment_tx_hash  text,
    -- A top-up of this relationship's prepaid balance: an invoice like any other, without items.
    reseller_id      uuid,
    -- Opened by itself, because the balance fell below its threshold.
    auto_top_up      boolean     not null default false,
    return_url       text,
    -- What the shop wrote when it completed or handed over the order itself; the buyer never sees it.
    note             text,
    -- Whether the buyer is told by mail.
    mail             boolean     not null default true,
    custom_fields    jsonb       not null default '{}',
    -- When the shop had the delivery mail sent once more.
    resent_at        timestamptz[] not null default '{}',
    expires_at       timestamptz not null,
    paid_at          timestamptz,
    updated_at       timestamptz not null,
    primary key (shop_id, id),
    foreign key (shop_id, customer_id) references customers (shop_id, id),
    constraint orders_total_adds_up check (total_cents = subtotal_cents - discount_cents),
    constraint orders_refund_within_total check (refunded_cents + refunding_cents <= total_cents),
    constraint orders_refunded_is_in_full check ((status = 'refunded') = (refunded_cents = total_cents and total_cents > 0)),
    constraint orders_failure_has_reason check ((status = 'failed') = (failure is not null)),
    constraint orders_paid_has_date check (status not in ('paid', 'delivering', 'completed', 'refunded') or paid_at is not null)
);
create index orders_by_status on orders (shop_id, status, id);
create index orders_expiring on orders (shop_id, expires_at) where status = 'awaiting_payment';
create index orders_paid_by_customer on orders (shop_id, customer_id, paid_at) where paid_at is not null;

-- One open invoice of its own making for each balance.
create unique index orders_one_auto_top_up on orders (shop_id, reseller_id)
    where auto_top_up and status in ('pending', 'awaiting_payment');
create index orders_top_ups on orders (shop_id, reseller_id, id) where reseller_id is not null;

create table order_items (
    shop_id        uuid        not null,
    id             uuid        not null,
    order_id       uuid        not null,
    product_id     uuid        not null,
    -- As sold: what the product is called or costs later changes nothing here.
    product_name   text        not null,
    kind           text        not null,
    quantity       integer     not null check (quantity > 0),
    unit_cents     bigint      not null check (unit_cents >= 0),
    subtotal_cents bigint      not null check (subtotal_cents >= 0),
    -- Null: not pooled.
    pool_id        uuid,
    -- Whether it took counted stock, which a release gives back.
    counted        boolean     not null default false,
    -- Whether each unit brings a license, as the product had it when it was sold.
    licensed       boolean     not null default false,
    -- How it is delivered, decided when it was sold.
    method         text        not null check (method in ('codes', 'file', 'dynamic', 'text', 'access', 'merchant')),
    -- Text that is handed over (a service text as sold, or what a dynamic call answered); sealed.
    goods          bytea,
    delivery_state text        not null default 'pending' check (delivery_state in ('pending', 'awaiting_stock', 'delivered', 'cancelled', 'failed')),
    delivered_at   timestamptz,
    primary key (shop_id, id),
    foreign key (shop_id, order_id) references orders (shop_id, id),
    constraint order_items_codes_from_pool check ((method = 'codes') = (pool_id is not null)),
    constraint order_items_delivered_has_date check ((delivery_state = 'delivered') = (delivered_at is not null))
);
create index order_items_of_order on order_items (shop_id, order_id, id);
-- Who waits for codes of a pool, oldest first.
create index order_items_awaiting_stock on order_items (shop_id, pool_id, id) where delivery_state = 'awaiting_stock';
