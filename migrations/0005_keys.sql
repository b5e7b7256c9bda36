-- API keys belong to the live shop, whatever their mode; tenant_id is the shop that they act on: the
-- live shop itself, or its twin.
create table api_keys (
    shop_id      uuid        not null,
    id           uuid        not null,
    tenant_id    uuid        not null,
    surface      text        not null check (surface in ('merchant', 'developer', 'reseller')),
    mode         text        not null check (mode in ('live', 'test')),
    name         text        not null,
    scopes       text[]      not null check (cardinality(scopes) > 0),
    -- Of a reseller's key: the relationship that it acts for, and from where it may be used (empty: anywhere).
    reseller_id  uuid,
    allowed_ips  text[]      not null default '{}',
    hash         bytea       not null,
    last4        text        not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    primary key (shop_id, id),
    constraint api_keys_reseller_has_relationship check ((surface = 'reseller') = (reseller_id is not null))
);
