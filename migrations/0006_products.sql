-- Where the codes of one product (later: of one variant) lie.
create table pools (
    shop_id    uuid        not null,
    id         uuid        not null,
    created_at timestamptz not null,
    primary key (shop_id, id)
);

create table products (
    shop_id     uuid        not null,
    id          uuid        not null,
    type        text        not null check (type in ('license_key', 'account', 'file_download', 'dynamic', 'physical', 'subscription')),
    name        text        not null,
    slug        text        not null,
    description text,
    price_cents bigint      not null check (price_cents >= 0),
    currency    text        not null check (currency ~ '^[A-Z]{3}$'),
    status      text        not null check (status in ('active', 'archived', 'draft')),
    -- A pooled product's stock is its free codes; null until an account product has its first code.
    pool_id     uuid,
    -- Counted stock of a product without a pool; null is unlimited.
    stock       integer     check (stock >= 0),
    -- What a product without codes hands over (contract R12).
    dynamic_webhook text,
    dynamic_secret  bytea,  -- signs the calls to it; sealed
    service_text    text,
    file_id         uuid,
    -- Who sees it, besides its status: not in listings; nobody but the shop; seen and not sold.
    unlisted    boolean     not null default false,
    private     boolean     not null default false,
    on_hold     boolean     not null default false,
    -- Whether it is licensed, for how long (null: for ever), and what counts as a use.
    licensing_enabled   boolean not null default false,
    license_period_days integer check (license_period_days > 0),
    license_uses        text    not null default 'validation' check (license_uses in ('validation', 'activation')),
    -- How its generated keys look: each X is a random character. Null: the house's pattern.
    license_key_pattern text,
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    archived_at timestamptz,
    primary key (shop_id, id),
    constraint products_slug_taken unique (shop_id, slug),
    foreign key (shop_id, pool_id) references pools (shop_id, id),
    constraint products_calls_only_if_dynamic check (dynamic_webhook is null or (type = 'dynamic' and dynamic_secret is not null)),
    constraint products_file_only_if_download check (file_id is null or type = 'file_download'),
    constraint products_active_has_source check (
        status <> 'active' or (type <> 'dynamic' or dynamic_webhook is not null) and (type <> 'file_download' or file_id is not null)),
    constraint products_one_kind_of_stock check (pool_id is null or stock is null),
    constraint products_archived_has_date check ((status = 'archived') = (archived_at is not null))
);
create index products_by_status on products (shop_id, status, id);
