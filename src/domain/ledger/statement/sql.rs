use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub struct Row {
    pub id: Uuid,
    pub version: i64,
    pub kind: String,
    pub amount: i64,
    pub balance_after: i64,
    pub currency: String,
    pub reference_id: Uuid,
    pub reason: Option<String>,
    pub made_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

/// Entries below a version, newest first: as the index of a chain has them.
pub async fn lines(db: &mut PgConnection, shop: Uuid, account: Uuid, before: i64, rows: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select e.id, e.version as "version!", t.kind, e.amount, e.balance_after as "balance_after!", t.currency,
                  t.reference_id, t.reason, t.made_by, e.created_at
           from ledger_entries e
           join ledger_transfers t on t.shop_id = e.shop_id and t.id = e.transfer_id
           where e.shop_id = $1 and e.account_id = $2 and e.version < $3
           order by e.version desc limit $4"#,
        shop,
        account,
        before,
        rows
    )
    .fetch_all(db)
    .await
}
