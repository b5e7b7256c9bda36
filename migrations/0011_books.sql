-- What must never be. Each view is empty, always: `keyhouse doctor --books` looks, and so does every
-- test when it ends. A row says which law is broken, by which row.
create view books_transfers_sum_to_zero as
    select shop_id, transfer_id as id, sum(amount) as off
    from ledger_entries group by shop_id, transfer_id having sum(amount) <> 0;

create view books_everything_sums_to_zero as
    select a.shop_id, a.currency as id, sum(a.balance + coalesce(o.open, 0)) as off
    from ledger_accounts a
    left join (select shop_id, account_id, sum(amount) as open from ledger_open group by shop_id, account_id) o
        on o.shop_id = a.shop_id and o.account_id = a.id
    group by a.shop_id, a.currency having sum(a.balance + coalesce(o.open, 0)) <> 0;

create view books_balances_are_their_entries as
    select a.shop_id, a.id, a.balance + coalesce(o.open, 0) - coalesce(e.total, 0) as off
    from ledger_accounts a
    left join (select shop_id, account_id, sum(amount) as open from ledger_open group by shop_id, account_id) o
        on o.shop_id = a.shop_id and o.account_id = a.id
    left join (select shop_id, account_id, sum(amount) as total from ledger_entries group by shop_id, account_id) e
        on e.shop_id = a.shop_id and e.account_id = a.id
    where a.balance + coalesce(o.open, 0) <> coalesce(e.total, 0);

create view books_chains_are_unbroken as
    select e.shop_id, e.id, e.version
    from (select *, lag(version, 1, 0::bigint) over chain as version_before,
                 lag(balance_after, 1, 0::bigint) over chain as balance_before
          from ledger_entries where version is not null
          window chain as (partition by shop_id, account_id order by version)) e
    where e.version <> e.version_before + 1 or e.balance_after <> e.balance_before + e.amount;

create view books_no_version_below_the_floor as
    select shop_id, id, balance_after from ledger_entries where balance_after < 0;

create view books_entries_have_an_account as
    select e.shop_id, e.id from ledger_entries e
    left join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id
    where a.id is null;

-- Clearing of what waits: a transfer that has ended holds nothing, and one that is pending holds something.
create view books_pending_is_what_is_held as
    select t.shop_id, t.id, coalesce(sum(e.amount), 0) as off
    from ledger_transfers t
    left join (ledger_entries e join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id and a.kind = 'pending')
        on e.shop_id = t.shop_id and e.transfer_id = t.id
    group by t.shop_id, t.id, t.state
    having (t.state = 'pending') <> (coalesce(sum(e.amount), 0) > 0) or coalesce(sum(e.amount), 0) < 0;

create view books_paid_orders_are_posted_once as
    select o.shop_id, o.id from orders o
    left join ledger_transfers t on t.shop_id = o.shop_id and t.reference_id = o.id and t.kind in ('sale', 'top_up')
    left join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id and e.amount > 0
    group by o.shop_id, o.id, o.paid_at, o.total_cents
    having coalesce(sum(e.amount), 0) <> case when o.paid_at is null then 0 else o.total_cents end;

create view books_top_ups_credit_their_balance as
    select o.shop_id, o.id from orders o
    left join ledger_transfers t on t.shop_id = o.shop_id and t.reference_id = o.id and t.kind = 'top_up'
    left join ledger_entries e on e.shop_id = t.shop_id and e.transfer_id = t.id and e.amount = o.total_cents
    left join ledger_accounts a on a.shop_id = e.shop_id and a.id = e.account_id
        and a.kind = 'prepaid' and a.owner = o.reseller_id::text
    where o.reseller_id is not null and o.paid_at is not null
    group by o.shop_id, o.id having count(a.id) <> 1
    union all
    select t.shop_id, t.id from ledger_transfers t
    join orders o on o.shop_id = t.shop_id and o.id = t.reference_id
    where t.kind in ('sale', 'top_up') and (t.kind = 'top_up') <> (o.reseller_id is not null);

create view books_sold_codes_have_one_owner as
    select i.shop_id, i.id from order_items i
    left join serials s on s.shop_id = i.shop_id and s.order_item_id = i.id and s.status = 'sold'
    where i.pool_id is not null and i.delivery_state = 'delivered'
    group by i.shop_id, i.id, i.quantity having count(s.id) <> i.quantity
    union all
    select s.shop_id, s.id from serials s
    left join order_items i on i.shop_id = s.shop_id and i.id = s.order_item_id
    where s.status = 'sold' and s.fulfillment_id is null and i.delivery_state is distinct from 'delivered';

create view books_reservations_have_an_order as
    select s.shop_id, s.id from serials s
    left join order_items i on i.shop_id = s.shop_id and i.id = s.order_item_id
    left join orders o on o.shop_id = i.shop_id and o.id = i.order_id
    where s.status = 'reserved' and o.status is distinct from 'awaiting_payment';

create view books_stock_is_the_free_codes as
    select shop_id, pool_id as id, coalesce(b.stock, 0) - coalesce(f.free, 0) as off
    from (select shop_id, pool_id, sum(n) as stock
          from (select shop_id, pool_id, level as n from stock_levels
                union all select shop_id, pool_id, delta from stock_deltas) entries
          group by shop_id, pool_id) b
    full join (select shop_id, pool_id, count(*) filter (where status = 'available') as free
               from serials group by shop_id, pool_id) f using (shop_id, pool_id)
    where coalesce(b.stock, 0) <> coalesce(f.free, 0);
