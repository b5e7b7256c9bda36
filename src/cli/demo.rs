//! What a newcomer finds: a demo shop with a stocked product, and the first calls to try.

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};

use super::shop::{FirstKeys, create_with_keys, explain};
use crate::domain::products::{self, NewProduct, Type};
use crate::domain::serials::{self, Code};
use crate::domain::shops::{self, NewShop};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};
use crate::kit::secret::reveal;
use crate::kit::vault::hex;

const STOCK: usize = 100;

/// Creates the demo shop if the database has no shop yet, and says what to try with it.
pub async fn create(db: &mut PgConnection, env: &Env, url: &str) -> anyhow::Result<Option<String>> {
    if shops::any(db).await.map_err(explain)? {
        return Ok(None);
    }
    let mut transaction = db.begin().await?;
    let currency = Currency::parse("USD").context("USD is a currency")?;
    let new = NewShop { name: "Demo".into(), slug: "demo".into(), currency, owner_email: None };
    let (shop, keys) = create_with_keys(&mut transaction, env, new).await?;
    // In the sandbox: there the whole sale can be tried, and nothing is real.
    let product = NewProduct {
        name: "Studio Pro, one seat".into(),
        r#type: Type::LicenseKey,
        price: Cents::new(4_900).unwrap_or_default(),
        currency,
        description: Some("A demo product with a hundred made-up codes.".into()),
        stock: None,
    };
    let product = products::create(&mut transaction, shop.twin, env, product).await.map_err(explain)?;
    let pool = products::pool_for_import(&mut transaction, shop.twin, env, product.id).await.map_err(explain)?;
    let codes: Vec<Code> = (0..STOCK).filter_map(|_| Code::parse(&made_up(env)).ok()).collect();
    serials::import(&mut transaction, shop.twin, env, pool, &codes).await.map_err(explain)?;
    transaction.commit().await?;
    Ok(Some(introduce(url, &keys, &product.id.to_string())))
}

fn made_up(env: &Env) -> String {
    let hex = hex(&env.random::<8>()).to_uppercase();
    format!("DEMO-{}-{}-{}-{}", &hex[..4], &hex[4..8], &hex[8..12], &hex[12..])
}

fn introduce(url: &str, keys: &FirstKeys, product: &str) -> String {
    let (live, test) = (reveal(&keys.live), reveal(&keys.test));
    let (developer, developer_test) = (reveal(&keys.developer), reveal(&keys.developer_test));
    format!(
        r#"
A demo shop is ready. Its keys, shown only now:
  merchant, live    {live}
  merchant, test    {test}
  developer, live   {developer}
  developer, test   {developer_test}

The sandbox sells "Studio Pro, one seat" ({product}), with {STOCK} made-up codes.
A first call for each surface (the last answers 401: reseller keys come with a later version):
  curl -s {url}/v1/products -H "Authorization: Bearer {test}"
  curl -s {url}/dev/v1/me -H "Authorization: Bearer {developer_test}"
  curl -s {url}/checkout/v1/sessions -H "Content-Type: application/json" \
    -d '{{"shop":"demo","mode":"test","items":[{{"product_id":"{product}","quantity":1}}],"email":"ada@example.com"}}'
  curl -s {url}/reseller/v1/me
"#
    )
}
