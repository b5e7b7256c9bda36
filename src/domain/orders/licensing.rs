//! What is sold licensed brings a license with each unit, in the transaction that delivers it.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{DeliveryState, Item, Method, sql};
use crate::domain::licenses::{self, Unit};
use crate::domain::serials;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::env::Env;

/// Issues the licenses of these items of one order, as far as they are licensed and delivered. A unit that
/// has its license keeps it. Where the units are codes, the code is the license's key.
pub(super) async fn issue(db: &mut PgConnection, shop: Tenant, env: &Env, items: &[&Item]) -> Result<()> {
    let due: Vec<&Item> =
        items.iter().copied().filter(|item| item.licensed && item.delivery == DeliveryState::Delivered).collect();
    let Some(first) = due.first() else { return Ok(()) };
    let email = sql::customer_email(db, shop.uuid(), *first.order).await?;
    let pooled: Vec<Uuid> = due.iter().filter(|item| item.method == Method::Codes).map(|item| *item.id).collect();
    let mut codes: HashMap<Uuid, Vec<_>> = HashMap::new();
    if !pooled.is_empty() {
        for sold in serials::delivered(db, shop, env, &pooled).await? {
            codes.entry(sold.item).or_default().push(sold.code);
        }
    }
    let mut units = Vec::new();
    for item in due {
        let codes = codes.remove(&*item.id).unwrap_or_default();
        for number in 0..item.quantity {
            units.push(Unit {
                product: item.product,
                order: *item.order,
                order_item: *item.id,
                number,
                code: usize::try_from(number).ok().and_then(|at| codes.get(at)).map(|code| code.as_str().to_owned()),
                customer_email: email.clone(),
            });
        }
    }
    licenses::issue(db, shop, env, &units).await.map(drop)
}
