use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Bought;

pub struct Row {
    pub reseller_id: Uuid,
    today: i64,
    this_month: i64,
}

impl Row {
    pub const fn bought(&self) -> Bought {
        Bought { today: self.today, this_month: self.this_month }
    }
}

pub async fn purchased(
    db: &mut PgConnection,
    shop: Uuid,
    resellers: &[Uuid],
    month: NaiveDate,
    today: NaiveDate,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select reseller_id, coalesce(sum(items) filter (where day = $4), 0)::bigint as "today!",
                  sum(items)::bigint as "this_month!"
           from reseller_purchases
           where shop_id = $1 and reseller_id = any($2) and day between $3 and $4
           group by reseller_id"#,
        shop,
        resellers,
        month,
        today
    )
    .fetch_all(db)
    .await
}

/// Answers where each row lies now.
pub async fn record(
    db: &mut PgConnection,
    shop: Uuid,
    day: NaiveDate,
    resellers: &[Uuid],
    items: &[i64],
) -> sqlx::Result<Vec<(Uuid, String)>> {
    sqlx::query!(
        r#"insert into reseller_purchases as p (shop_id, reseller_id, day, items)
           select $1, bought.id, $2, sum(bought.items)::bigint
           from unnest($3::uuid[], $4::bigint[]) as bought (id, items)
           group by bought.id order by bought.id
           on conflict (shop_id, reseller_id, day) do update set items = p.items + excluded.items
           returning p.reseller_id, p.ctid::text as "place!""#,
        shop,
        day,
        resellers,
        items
    )
    .map(|row| (row.reseller_id, row.place))
    .fetch_all(db)
    .await
}

/// The same for rows of that day that lie where they are thought to; each relationship once.
pub async fn record_at(
    db: &mut PgConnection,
    shop: Uuid,
    day: NaiveDate,
    (resellers, places): (&[Uuid], &[String]),
    items: &[i64],
) -> sqlx::Result<Vec<(Uuid, String)>> {
    sqlx::query!(
        r#"update reseller_purchases p set items = p.items + bought.items
           from unnest($3::uuid[], $4::text[], $5::bigint[]) as bought (id, place, items)
           where p.ctid = bought.place::tid and (p.shop_id = $1 and p.reseller_id = bought.id and p.day = $2) is true
           returning p.reseller_id, p.ctid::text as "place!""#,
        shop,
        day,
        resellers,
        places,
        items
    )
    .map(|row| (row.reseller_id, row.place))
    .fetch_all(db)
    .await
}
