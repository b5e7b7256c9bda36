-- What leaves the house after the commit. Rows hold ids and figures, never a code, token or secret:
-- a mail is rendered at the moment of sending.
create table events (
    shop_id    uuid        not null,
    id         uuid        not null,
    topic      text        not null,
    -- What it is about: an order, a product, a customer.
    subject_id uuid        not null,
    payload    jsonb       not null,
    created_at timestamptz not null,
    primary key (shop_id, id)
);
-- Rows come in the order of their age, so a summary of each stretch finds the old ones, and a write pays nothing for it.
create index events_old on events using brin (created_at) with (autosummarize = on);

create table mails (
    shop_id      uuid        not null, -- nil: to a person, who belongs to no shop
    id           uuid        not null,
    template     text        not null check (template in (
                                 'endpoint_disabled', 'fulfillment_delivered', 'fulfillment_replaced', 'order_delivered', 'order_paid',
                                 'order_refunded', 'password_reset', 'payout_failed', 'reseller_invited', 'stock_low', 'top_up_opened')),
    subject_id   uuid        not null,
    recipient    text        not null,
    state        text        not null default 'queued' check (state in ('queued', 'sent', 'failed')),
    -- Counts leases; a result is recorded only where it still matches, so it is the fence.
    attempt      integer     not null default 0,
    due_at       timestamptz not null,
    last_error   text,
    created_at   timestamptz not null,
    sent_at      timestamptz,
    primary key (shop_id, id)
);
-- A lease moves due_at on, so what is due is what nobody is sending.
create index mails_due on mails (shop_id, due_at) where state = 'queued';
-- Whether a shop was told of a product's stock lately.
create index mails_of_stock on mails (shop_id, subject_id, created_at) where template = 'stock_low';
