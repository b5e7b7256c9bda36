-- One row a key: claimed as the first thing a write does, filled with its answer as the last, in the
-- same transaction. So a row that can be seen always holds an answer, and only ever a 2xx.
-- Never partitioned: the same key would run twice across a boundary.
create table idempotency (
    shop_id     uuid        not null,
    -- Within the shop: the surface, and where the contract says so something narrower.
    scope       text        not null,
    key_hash    bytea       not null,
    -- Of method, path, query and canonical body: one key names one request.
    fingerprint bytea       not null,
    status      smallint,
    -- The answer's bytes, sealed: it may hold a secret that is shown once.
    body        bytea,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    primary key (shop_id, scope, key_hash)
) with (fillfactor = 80); -- room for the answer beside its claim, so that filling it in stays on the page
create index idempotency_expired on idempotency (expires_at);
