-- People, who sign in with a password. They are no tenants: one person may belong to programs of many shops.
create table accounts (
    id            uuid        primary key,
    email         text        not null,
    -- As addresses are compared: without case.
    email_key     text        not null,
    name          text        not null,
    -- Argon2id, with its parameters.
    password_hash text        not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    constraint accounts_email_taken unique (email_key)
);

-- What a person holds: a session, or a way to set a new password. Only hashes.
create table sessions (
    hash       bytea       primary key,
    kind       text        not null check (kind in ('session', 'password_reset')),
    account_id uuid        not null references accounts (id),
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index sessions_of_account on sessions (account_id);
create index sessions_expiring on sessions (expires_at);
