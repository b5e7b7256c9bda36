-- What gateways told us, each telling once: of money that came, or did not.
create table payment_events (
    shop_id      uuid        not null,
    id           uuid        not null,
    gateway      text        not null check (gateway in ('sandbox', 'manual')),
    -- The gateway's own name of the event: when it tells it again, nothing happens.
    reference    text        not null,
    order_id     uuid        not null,
    outcome      text        not null check (outcome in ('succeed', 'fail')),
    amount_cents bigint      not null check (amount_cents >= 0),
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    -- What it did to the order; money of a wrong amount or currency is written down here and pays nothing.
    verdict      text        not null check (verdict in ('paid', 'declined', 'already_paid', 'not_payable', 'wrong_gateway', 'wrong_currency', 'wrong_amount')),
    received_at  timestamptz not null,
    primary key (shop_id, id),
    constraint payment_events_told_once unique (shop_id, gateway, reference),
    foreign key (shop_id, order_id) references orders (shop_id, id)
);
create index payment_events_of_order on payment_events (shop_id, order_id, id);
