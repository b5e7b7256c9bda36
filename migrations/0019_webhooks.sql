-- Where events are sent: the endpoints of /v1, one delivery for each event and endpoint, and every attempt.
create table webhook_endpoints (
    shop_id         uuid        not null,
    id              uuid        not null,
    url             text        not null,
    -- Topics and wildcards, as they were asked for.
    events          text[]      not null check (cardinality(events) > 0),
    description     text,
    -- whsec_…, sealed; shown once, when it was made.
    secret          bytea       not null,
    status          text        not null default 'active' check (status in ('active', 'disabled')),
    disabled_reason text        check (disabled_reason in ('failing', 'gone')),
    -- Since when every attempt has failed; null after a success.
    failing_since   timestamptz,
    created_at      timestamptz not null,
    primary key (shop_id, id),
    constraint webhook_endpoints_say_why check ((status = 'disabled') = (disabled_reason is not null))
);

create table webhook_deliveries (
    shop_id     uuid        not null,
    -- Not a foreign key: a transaction in flight may add a row after its endpoint was deleted. It is cancelled
    -- when it is due.
    endpoint_id uuid        not null,
    -- Not one either: both are written in one statement, and the event is kept for longer.
    event_id    uuid        not null,
    state       text        not null default 'queued' check (state in ('queued', 'delivered', 'failed', 'cancelled')),
    -- Counts leases; a result is recorded only where it still matches, so it is the fence.
    attempt     integer     not null default 0,
    -- Of them, those since it was last queued: a recovery begins anew.
    tries       integer     not null default 0,
    -- A lease moves it on, so what is due is what nobody is sending.
    due_at      timestamptz not null,
    created_at  timestamptz not null,
    finished_at timestamptz,
    primary key (shop_id, endpoint_id, event_id)
);
create index webhook_deliveries_due on webhook_deliveries (shop_id, endpoint_id, due_at) where state = 'queued';
create index webhook_deliveries_old on webhook_deliveries (created_at) where state <> 'queued';

create table webhook_attempts (
    shop_id     uuid        not null,
    endpoint_id uuid        not null,
    event_id    uuid        not null,
    attempt     integer     not null,
    started_at  timestamptz not null,
    duration_ms integer     not null,
    http_status smallint,
    error       text,
    -- The beginning of what was answered, without what looks like a secret.
    answer      text,
    primary key (shop_id, endpoint_id, event_id, attempt)
);
create index webhook_attempts_old on webhook_attempts (started_at);
