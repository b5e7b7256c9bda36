//! What must be true of the books after every test, and after every crash. Each query must be empty.

use sqlx::PgConnection;

const MUST_BE_EMPTY: &[(&str, &str)] = &[
    (
        "a sold code belongs to a delivered item of a paid order",
        "select s.id::text from serials s
         left join order_items i on i.shop_id = s.shop_id and i.id = s.order_item_id
         left join orders o on o.shop_id = i.shop_id and o.id = i.order_id
         where s.status = 'sold' and s.fulfillment_id is null
           and (o.paid_at is null or i.delivery_state <> 'delivered')",
    ),
    (
        "each unit of a licensed item has one license once it is delivered, and none before",
        "select i.id::text from order_items i
         left join licenses l on l.shop_id = i.shop_id and l.order_item_id = i.id
         group by i.shop_id, i.id
         having count(l.id) <> (case when i.licensed and i.delivery_state = 'delivered' then i.quantity else 0 end)",
    ),
    (
        "an order that waits for its payment has everything set aside",
        "select i.id::text from orders o
         join order_items i on i.shop_id = o.shop_id and i.order_id = o.id and i.pool_id is not null
         left join serials s on s.shop_id = i.shop_id and s.order_item_id = i.id and s.status = 'reserved'
         where o.status = 'awaiting_payment'
         group by i.shop_id, i.id, i.quantity having count(s.id) <> i.quantity",
    ),
    (
        "a completed order has every item delivered, and none is delivered unpaid",
        "select o.id::text from orders o join order_items i on i.shop_id = o.shop_id and i.order_id = o.id
         where (o.status = 'completed') <> (o.status = 'completed' and i.delivery_state = 'delivered')
            or (i.delivery_state = 'delivered' and o.paid_at is null)",
    ),
    (
        "a paid order was told of exactly once",
        "select o.id::text from orders o
         left join events e on e.shop_id = o.shop_id and e.subject_id = o.id and e.topic = 'order.paid'
         where o.paid_at is null or o.paid_at > (select coalesce(max(created_at), '-infinity') - interval '39 days' from events)
         group by o.shop_id, o.id, o.paid_at having count(e.id) <> (case when o.paid_at is null then 0 else 1 end)",
    ),
    (
        "a completed order has one mail, or none where the shop says so, and one for each time it was sent again; a top-up delivers nothing",
        "select o.id::text from orders o
         left join mails m on m.shop_id = o.shop_id and m.subject_id = o.id and m.template = 'order_delivered'
         where o.status = 'completed' and o.reseller_id is null group by o.shop_id, o.id, o.mail, o.resent_at
         having count(m.id) <> (case when o.mail then 1 else 0 end) + cardinality(o.resent_at)",
    ),
    (
        "a customer's figures are those of the paid orders",
        "select c.id::text from customers c
         left join orders o on o.shop_id = c.shop_id and o.customer_id = c.id and o.paid_at is not null
         group by c.shop_id, c.id, c.orders_count, c.lifetime_cents
         having c.orders_count <> count(o.id)",
    ),
    (
        "what a customer spent is what was paid and not given back, in the shop's currency",
        "select c.id::text from customers c
         join shops s on s.id = c.shop_id
         left join orders o on o.shop_id = c.shop_id and o.customer_id = c.id and o.paid_at is not null and o.currency = s.currency
         group by c.shop_id, c.id, c.lifetime_cents
         having c.lifetime_cents <> coalesce(sum(o.total_cents - o.refunded_cents), 0)",
    ),
    (
        "a completed refund was told of exactly once, and no other",
        "select r.id::text from refunds r
         left join events e on e.shop_id = r.shop_id and e.subject_id = r.order_id and e.topic = 'order.refunded'
             and e.payload -> 'refund' ->> 'id' = r.id::text
         where r.ended_at is null or r.ended_at > (select coalesce(max(created_at), '-infinity') - interval '39 days' from events)
         group by r.shop_id, r.id, r.status having count(e.id) <> (case when r.status = 'completed' then 1 else 0 end)",
    ),
    (
        "each step of a payout was told of exactly once",
        "select p.id::text from payouts p
         left join events e on e.shop_id = p.shop_id and e.subject_id = p.id and e.topic like 'payout.%'
         where p.created_at > (select coalesce(max(created_at), '-infinity') - interval '39 days' from events)
         group by p.shop_id, p.id, p.broadcast_at, p.confirmed_at, p.failed_at
         having count(e.id) <> 1 + num_nonnulls(p.broadcast_at, p.confirmed_at, p.failed_at) or count(e.id) <> count(distinct e.topic)",
    ),
    (
        "nothing of an order refunded in full waits for codes",
        "select i.id::text from order_items i join orders o on o.shop_id = i.shop_id and o.id = i.order_id
         where o.status = 'refunded' and i.delivery_state not in ('delivered', 'cancelled')",
    ),
    (
        "an idempotency row holds an answer",
        "select encode(key_hash, 'hex') from idempotency where status is null or body is null",
    ),
    (
        "no session sits idle in a transaction",
        "select pid::text from pg_stat_activity
         where datname = current_database() and state like 'idle in transaction%' and state_change < now() - interval '1 s'",
    ),
];

/// Fails with every violation by name.
pub async fn check(db: &mut PgConnection) {
    let mut violated = Vec::new();
    for &(law, query) in MUST_BE_EMPTY {
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut *db).await.unwrap();
        if !rows.is_empty() {
            violated.push(format!("{law}: {} rows, such as {}", rows.len(), rows[0]));
        }
    }
    violated.extend(keyhouse::domain::ledger::broken_laws(db).await.unwrap());
    assert!(violated.is_empty(), "the house is not in order:\n{}", violated.join("\n"));
}
