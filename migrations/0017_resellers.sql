-- What a shop's program offers by default. No row: the program is off. Percents are kept in ten-thousandths
-- of one, so that none is a fraction.
create table reseller_programs (
    shop_id                            uuid         primary key,
    is_enabled                         boolean      not null default false,
    default_mode                       text         not null default 'BOTH' check (default_mode in ('AFFILIATE', 'STOCK', 'BOTH')),
    default_commission_percent         integer      check (default_commission_percent between 0 and 1000000),
    default_wholesale_discount_percent integer      check (default_wholesale_discount_percent between 0 and 1000000),
    min_payout_threshold_cents         bigint       check (min_payout_threshold_cents >= 0),
    require_verification               boolean      not null default false,
    commission_hold_days               integer      not null default 0 check (commission_hold_days between 0 and 365),
    terms_url                          text,
    updated_at                         timestamptz  not null
);

-- An offer to one address: single use, with the terms that the relationship will begin with.
create table reseller_invitations (
    shop_id     uuid        not null,
    id          uuid        not null,
    email       text        not null,
    email_key   text        not null,
    terms       jsonb       not null,
    -- A token is derived from the id and this number, so that a mail can carry it and nobody keeps it.
    token_number integer    not null default 1,
    token_hash  bytea       not null,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    accepted_at timestamptz,
    revoked_at  timestamptz,
    primary key (shop_id, id)
);
create unique index reseller_invitations_one_open on reseller_invitations (shop_id, email_key)
    where accepted_at is null and revoked_at is null;

-- Relationships: one person in one shop's program.
create table resellers (
    shop_id                           uuid         not null,
    id                                uuid         not null,
    account_id                        uuid         not null, -- of accounts, who are no tenants
    email                             text         not null,
    -- As links name it.
    code                              text         not null,
    status                            text         not null default 'ACTIVE' check (status in ('ACTIVE', 'SUSPENDED', 'TERMINATED')),
    mode                              text         not null check (mode in ('AFFILIATE', 'STOCK', 'BOTH')),
    custom_commission_percent         integer      check (custom_commission_percent between 0 and 1000000),
    custom_wholesale_discount_percent integer      check (custom_wholesale_discount_percent between 0 and 1000000),
    -- Items, by UTC day and month (R47).
    purchase_limit_daily              integer      check (purchase_limit_daily >= 0),
    purchase_limit_monthly            integer      check (purchase_limit_monthly >= 0),
    -- Whether access was ever listed: where not, every product is open to links and campaigns (R43).
    access_listed                     boolean      not null default false,
    verified_at                       timestamptz,
    -- White label (R42).
    deliver_by_mail                   boolean      not null default false,
    display_name                      text,
    reply_to                          text,
    -- Prepaid balance: when it is told of, and when a top-up invoice is opened by itself.
    auto_top_up                       boolean      not null default false,
    auto_top_up_below_cents           bigint       not null default 0 check (auto_top_up_below_cents >= 0),
    auto_top_up_cents                 bigint       check (auto_top_up_cents > 0),
    low_balance_cents                 bigint[]     not null default '{}',
    created_at                        timestamptz  not null,
    updated_at                        timestamptz  not null,
    primary key (shop_id, id),
    constraint resellers_code_taken unique (shop_id, code),
    constraint resellers_auto_top_up_is_whole check (not auto_top_up or (auto_top_up_cents is not null and auto_top_up_below_cents > 0))
);
create unique index resellers_one_standing on resellers (shop_id, account_id) where status <> 'TERMINATED';
create index resellers_of_account on resellers (account_id, id);
create index resellers_topped_up on resellers (shop_id, id) where auto_top_up and status = 'ACTIVE';

-- What a relationship may sell, on which terms; null: as the relationship has it.
create table reseller_access (
    shop_id                       uuid         not null,
    reseller_id                   uuid         not null,
    product_id                    uuid         not null,
    commission_percent            integer      check (commission_percent between 0 and 1000000),
    wholesale_cents               bigint       check (wholesale_cents >= 0),
    auto_fulfilled                boolean      not null default false,
    min_resale_cents              bigint       check (min_resale_cents >= 0),
    max_resale_cents              bigint       check (max_resale_cents >= 0),
    min_quantity                  integer      check (min_quantity > 0),
    max_quantity                  integer      check (max_quantity > 0),
    primary key (shop_id, reseller_id, product_id),
    foreign key (shop_id, reseller_id) references resellers (shop_id, id)
);

-- Items bought on a UTC day, stock and API together (R47).
create table reseller_purchases (
    shop_id     uuid    not null,
    reseller_id uuid    not null,
    day         date    not null,
    items       bigint  not null check (items >= 0),
    primary key (shop_id, reseller_id, day)
);

-- Whose balance fell below its threshold: the worker opens the invoice.
create table reseller_top_ups_due (
    shop_id     uuid not null,
    reseller_id uuid not null,
    primary key (shop_id, reseller_id)
);
