-- The house's own keys (sealing, look-up, signing), made once together with an empty database and sealed by
-- the operator's master key. Not a tenant's: every process on this database shares them.
create table data_keys (
    id          integer     primary key check (id > 0),
    purpose     text        not null check (purpose in ('sealing', 'lookup', 'signing')),
    sealed      bytea       not null,
    -- Which master key seals it: a start with another one is refused and told this id.
    master_id   text        not null,
    created_at  timestamptz not null
);
-- Stored hashes are made with the look-up key, so there is one for ever.
create unique index data_keys_one_lookup on data_keys (purpose) where purpose = 'lookup';
