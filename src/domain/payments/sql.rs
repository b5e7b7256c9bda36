use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PaymentEvent, Verdict};

/// False where the gateway has told this event before.
pub async fn insert(
    db: &mut PgConnection,
    shop: Uuid,
    id: Uuid,
    event: &PaymentEvent,
    verdict: Verdict,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into payment_events (shop_id, id, gateway, reference, order_id, outcome, amount_cents, currency,
                                     verdict, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (shop_id, gateway, reference) do nothing",
        shop,
        id,
        event.gateway.word(),
        event.reference,
        event.order.order,
        event.outcome.word(),
        event.amount.get(),
        event.currency.code(),
        verdict.word(),
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
