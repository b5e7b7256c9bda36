-- Codes that a reseller's own shop has sold: paid out of the prepaid balance and handed out in the same
-- transaction, so there are no states. Not orders: the buyer is the reseller's.
create table fulfillments (
    shop_id           uuid        not null,
    id                uuid        not null, -- its instant is in it
    reseller_id       uuid        not null,
    external_order_id text        not null,
    product_id        uuid        not null,
    variant_id        uuid,
    quantity          integer     not null check (quantity > 0),
    customer_email    text        not null,
    unit_cents        bigint      not null check (unit_cents >= 0),
    total_cents       bigint      not null check (total_cents >= 0),
    currency          text        not null check (currency ~ '^[A-Z]{3}$'),
    balance_after     bigint      not null check (balance_after >= 0),
    created_at        timestamptz not null,
    primary key (shop_id, id),
    -- Its identity (R40), unique for ever; no variant is a variant too.
    constraint fulfillments_one_a_line unique nulls not distinct (shop_id, reseller_id, external_order_id, product_id, variant_id)
);
create index fulfillments_of_reseller on fulfillments (shop_id, reseller_id, id);

-- Codes given for bad ones, at no charge (R22).
create table fulfillment_replacements (
    shop_id        uuid        not null,
    id             uuid        not null,
    fulfillment_id uuid        not null,
    burned_id      uuid        not null, -- the bad serial
    serial_id      uuid        not null, -- the good one
    reason         text,
    created_at     timestamptz not null,
    primary key (shop_id, id),
    constraint fulfillment_replacements_once unique (shop_id, burned_id),
    foreign key (shop_id, fulfillment_id) references fulfillments (shop_id, id)
);

create view books_fulfillments_are_debited_once as
    select f.shop_id, f.id from fulfillments f
    left join ledger_transfers t on t.shop_id = f.shop_id and t.reference_id = f.id and t.kind = 'fulfillment'
    left join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id and e.amount > 0
    group by f.shop_id, f.id, f.total_cents having coalesce(sum(e.amount), 0) <> f.total_cents;

create view books_fulfillments_have_their_codes as
    select f.shop_id, f.id from fulfillments f
    left join serials s on s.shop_id = f.shop_id and s.fulfillment_id = f.id and s.status = 'sold'
    group by f.shop_id, f.id, f.quantity having count(s.id) <> f.quantity
    union all
    select s.shop_id, s.id from serials s
    left join fulfillments f on f.shop_id = s.shop_id and f.id = s.fulfillment_id
    where s.fulfillment_id is not null and s.status = 'sold' and f.id is null;
