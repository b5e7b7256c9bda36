-- Licenses: may this software run here? The key is sealed, and found by its keyed hash.
create table licenses (
    shop_id        uuid        not null,
    id             uuid        not null,
    product_id     uuid        not null,
    invoice_id     uuid,
    -- The unit of a sale that it was issued for: each issues one license, however often it is asked to.
    order_item_id  uuid,
    unit           integer,
    key_hash       bytea       not null,
    sealed         bytea       not null,
    status         text        not null default 'active' check (status in ('active', 'suspended', 'revoked', 'expired')),
    -- Null is unbound: the next call that carries one binds it.
    hardware_id    text        check (hardware_id <> ''),
    allowed_ips    text[]      not null default '{}',
    uses           bigint      not null default 0 check (uses >= 0),
    max_uses       bigint      check (max_uses > 0),
    -- What is a use, as the product had it when the license was made.
    count_uses     text        not null check (count_uses in ('validation', 'activation')),
    -- The event that the limit was met is told once, until the limit changes.
    limit_told     boolean     not null default false,
    expires_at     timestamptz,
    customer_email text,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (shop_id, id),
    constraint licenses_key_taken unique (shop_id, key_hash),
    constraint licenses_one_a_unit unique (shop_id, order_item_id, unit),
    constraint licenses_unit_of_an_item check ((order_item_id is null) = (unit is null))
);
create index licenses_by_product on licenses (shop_id, product_id, id);
create index licenses_by_customer on licenses (shop_id, lower(customer_email), id) where customer_email is not null;
create index licenses_by_invoice on licenses (shop_id, invoice_id) where invoice_id is not null;
-- What the sweep looks for. By date first: a million licenses that have years left cost it nothing.
create index licenses_expiring on licenses (expires_at, shop_id) where status = 'active' and expires_at is not null;

-- What happened to licenses, and every attempt to use one. Ids are made of their instant, so a range of
-- ids is a range of time: partitions by id are partitions by time, and the key stays (shop_id, id).
create table license_events (
    shop_id     uuid        not null,
    id          uuid        not null,
    -- Null: the key that was presented is nobody's.
    license_id  uuid,
    type        text        not null check (type in (
        'VALIDATION_SUCCESS', 'VALIDATION_FAILED', 'THROTTLED', 'HWID_BOUND', 'HWID_CHANGED', 'HWID_RESET',
        'IP_LOCK_CHANGED', 'STATUS_CHANGED', 'EXPIRATION_EXTENDED', 'LIMIT_CHANGED', 'KEY_ROTATED', 'FILE_ISSUED',
        'CREATED', 'DELETED')),
    -- Why it failed.
    code        text,
    ip          inet,
    hardware_id text,
    -- Of an unknown key: which attempts were with the same one.
    key_hash    bytea,
    actor_id    uuid,
    -- What it was and became.
    old         text,
    new         text,
    -- Of THROTTLED: how many attempts in that second.
    attempts    integer     not null default 1,
    created_at  timestamptz not null,
    primary key (shop_id, id)
) partition by range (id);
create index license_events_by_license on license_events (shop_id, license_id, id);
-- What no other partition takes: nothing, while the worker makes them a week ahead.
create table license_events_default partition of license_events default;

-- The figures of the list, counted again when they are asked for and ten seconds old.
create table license_stats (
    shop_id    uuid        primary key,
    total      bigint      not null,
    active     bigint      not null,
    used       bigint      not null,
    expired    bigint      not null,
    counted_at timestamptz not null
);
