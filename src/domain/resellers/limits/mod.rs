//! How many items a relationship buys a day and a month, by stock purchases and the API together (R47).
//! Counted in the transaction that buys, under the relationship's lock, so that two cannot slip past.

mod sql;

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike as _, NaiveDate};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Reseller, ResellerId, Terms};
use crate::domain::shops::Tenant;
use crate::error::{Error, ResellerRefusal, Result};
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::places::Places;

/// Items bought so far, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bought {
    pub today: i64,
    pub this_month: i64,
}

impl Bought {
    /// With these too: for the next one of a group.
    #[must_use]
    pub const fn plus(self, items: i64) -> Self {
        Self { today: self.today.saturating_add(items), this_month: self.this_month.saturating_add(items) }
    }
}

impl Terms {
    /// Whether purchases are limited at all.
    #[must_use]
    pub const fn limits(&self) -> bool {
        self.limit_daily.is_some() || self.limit_monthly.is_some()
    }

    /// Whether so many items more are within the limits.
    ///
    /// # Errors
    /// [`ResellerRefusal::PurchaseLimitReached`], naming the day's limit first.
    pub fn allow(&self, bought: Bought, items: i64) -> Result<(), ResellerRefusal> {
        let after = bought.plus(items);
        for (limit, counted, unit) in
            [(self.limit_daily, after.today, "day"), (self.limit_monthly, after.this_month, "month")]
        {
            if let Some(limit) = limit
                && counted > limit.into()
            {
                return Err(ResellerRefusal::PurchaseLimitReached { limit, unit });
            }
        }
        Ok(())
    }
}

/// What these relationships have bought on `today` and in its month; who bought nothing is not in it.
pub async fn purchased(
    db: &mut PgConnection,
    shop: Tenant,
    resellers: &[ResellerId],
    today: NaiveDate,
) -> Result<HashMap<ResellerId, Bought>> {
    if resellers.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = resellers.iter().map(|id| id.uuid()).collect();
    let month = today.with_day(1).unwrap_or(today);
    let rows = sql::purchased(db, shop.uuid(), &ids, month, today).await?;
    Ok(rows.into_iter().map(|row| (Id::from(row.reseller_id), row.bought())).collect())
}

/// Counts purchases of a day, of relationships that are locked.
pub async fn record_purchases(
    db: &mut PgConnection,
    shop: Tenant,
    places: &Places,
    day: NaiveDate,
    purchases: &BTreeMap<ResellerId, i64>,
) -> Result<()> {
    let mut left: BTreeMap<Uuid, i64> = purchases.iter().map(|(id, items)| (id.uuid(), *items)).collect();
    let (known, at) = places.of(&left.keys().copied().collect::<Vec<_>>());
    if !known.is_empty() {
        let items: Vec<i64> = known.iter().filter_map(|id| left.get(id).copied()).collect();
        for (id, place) in sql::record_at(db, shop.uuid(), day, (&known, &at), &items).await? {
            left.remove(&id);
            places.put(id, place);
        }
    }
    if !left.is_empty() {
        let (ids, items): (Vec<Uuid>, Vec<i64>) = left.into_iter().unzip();
        for (id, place) in sql::record(db, shop.uuid(), day, &ids, &items).await? {
            places.put(id, place);
        }
    }
    Ok(())
}

/// Counts one purchase, where the limits allow it. The relationship is locked.
///
/// # Errors
/// [`ResellerRefusal::PurchaseLimitReached`].
pub async fn take(db: &mut PgConnection, shop: Tenant, env: &Env, reseller: &Reseller, items: i64) -> Result<()> {
    let today = env.now().date_naive();
    let bought = purchased(db, shop, &[reseller.id], today).await?;
    let bought = bought.get(&reseller.id).copied().unwrap_or_default();
    reseller.terms.allow(bought, items).map_err(Error::Reseller)?;
    sql::record(db, shop.uuid(), today, &[reseller.id.uuid()], &[items]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resellers::Mode;
    use proptest::prelude::*;

    fn limits(limit_daily: Option<i32>, limit_monthly: Option<i32>) -> Terms {
        Terms { mode: Mode::Stock, commission: None, wholesale_discount: None, limit_daily, limit_monthly }
    }

    proptest! {
        #[test]
        fn whatever_is_let_through_stays_within_both_limits(
            daily in prop::option::of(0..50_i32),
            monthly in prop::option::of(0..80_i32),
            wishes in prop::collection::vec((0..3_u8, 1..20_i64), 0..60),
        ) {
            let terms = limits(daily, monthly);
            let mut bought = Bought::default();
            for (night, items) in wishes {
                if night == 0 {
                    bought.today = 0;
                }
                match terms.allow(bought, items) {
                    Ok(()) => {
                        bought = bought.plus(items);
                        prop_assert!(daily.is_none_or(|limit| bought.today <= limit.into()));
                        prop_assert!(monthly.is_none_or(|limit| bought.this_month <= limit.into()));
                    }
                    Err(ResellerRefusal::PurchaseLimitReached { limit, unit: "day" }) => {
                        prop_assert!(Some(limit) == daily && bought.today + items > limit.into());
                    }
                    Err(ResellerRefusal::PurchaseLimitReached { limit, unit: "month" }) => {
                        prop_assert!(Some(limit) == monthly && bought.this_month + items > limit.into());
                        prop_assert!(daily.is_none_or(|limit| bought.today + items <= limit.into()));
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
