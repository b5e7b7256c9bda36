-- A shop and its sandbox twin: two rows, same name and slug, one of each mode. Everything else hangs
-- on a shop's id, so what is test and what is live never meet.
create table shops (
    id          uuid        primary key,
    twin_id     uuid        not null,
    mode        text        not null check (mode in ('live', 'test')),
    slug        text        not null check (slug ~ '^[a-z0-9](-?[a-z0-9])*$'),
    name        text        not null,
    currency    text        not null check (currency ~ '^[A-Z]{3}$'),
    owner_email text,
    created_at  timestamptz not null,
    constraint shops_slug_taken unique (slug, mode)
);

-- What must be found before its shop is known: API keys, checkout tokens. One row each, written in
-- the transaction of the thing itself. Only hashes.
create table directory (
    hash    bytea primary key,
    kind    text  not null check (kind in ('api_key', 'checkout', 'invitation')),
    shop_id uuid  not null,
    id      uuid  not null
);
