//! What a newcomer finds: a demo shop with a stocked product, and the first calls to try.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::shop::{FirstKeys, create_with_keys, explain};
use crate::app::Demo;
use crate::domain::products::{self, Licensing, Listing, NewProduct, Source, Type};
use crate::domain::serials::{self, Code};
use crate::domain::shops::{self, NewShop};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};
use crate::kit::secret::{Kind, recognise, reveal};
use crate::kit::vault::{Place, hex};

const STOCK: usize = 100;

/// Where the demo shop's test keys are kept, sealed, so that the reference can fill them in after a restart.
const FILE: &str = "demo.sealed";
const PLACE: Place = Place { shop: Uuid::nil(), table: FILE, id: Uuid::nil() };

/// Creates the demo shop if the database has no shop yet, and says what to try with it.
pub async fn create(db: &mut PgConnection, env: &Env, data_dir: &Path, url: &str) -> anyhow::Result<Option<String>> {
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
        source: Source::default(),
        listing: Listing::default(),
        licensing: Licensing::default(),
    };
    let product = products::create(&mut transaction, shop.twin, env, product).await.map_err(explain)?.product;
    let pool = products::pool_for_import(&mut transaction, shop.twin, env, product.id).await.map_err(explain)?;
    let codes: Vec<Code> = (0..STOCK).filter_map(|_| Code::parse(&made_up(env)).ok()).collect();
    serials::import(&mut transaction, shop.twin, env, pool, &codes).await.map_err(explain)?;
    transaction.commit().await?;
    let product = product.id.to_string();
    if let Err(e) = remember(env, data_dir, &keys, &product) {
        tracing::warn!(error = %e, "the reference will not know the demo shop's test keys");
    }
    Ok(Some(introduce(url, &keys, &product)))
}

/// Keeps the sandbox's keys for [`recall`]. The live ones are kept nowhere.
fn remember(env: &Env, data_dir: &Path, keys: &FirstKeys, product: &str) -> anyhow::Result<()> {
    let text = [&reveal(&keys.test), &reveal(&keys.developer_test), product].join("\n");
    let sealed = env.vault.seal(PLACE, text.as_bytes(), &mut env.fork_rng())?;
    std::fs::create_dir_all(data_dir)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(data_dir.join(FILE))?;
    Ok(file.write_all(&sealed)?)
}

/// What [`create`] made here once. The file of another database does not open, and is no demo.
pub fn recall(env: &Env, data_dir: &Path) -> Option<Demo> {
    let sealed = std::fs::read(data_dir.join(FILE)).ok()?;
    let text = String::from_utf8(env.vault.open(PLACE, &sealed).ok()?).ok()?;
    let mut lines = text.lines();
    let (merchant, developer, product) = (lines.next()?, lines.next()?, lines.next()?);
    let is_test = recognise(merchant) == Some(Kind::MerchantTest) && recognise(developer) == Some(Kind::Developer);
    is_test.then(|| Demo { merchant: merchant.into(), developer: developer.into(), product: product.into() })
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
Try every call in a browser, with the test keys filled in: {url}/docs

A first call for each surface (the last answers 401 until a reseller has made a key):
  curl -s {url}/v1/products -H "Authorization: Bearer {test}"
  curl -s {url}/dev/v1/me -H "Authorization: Bearer {developer_test}"
  curl -s {url}/checkout/v1/sessions -H "Content-Type: application/json" \
    -d '{{"shop":"demo","mode":"test","items":[{{"product_id":"{product}","quantity":1}}],"email":"ada@example.com"}}'
  curl -s {url}/reseller/v1/me
"#
    )
}
