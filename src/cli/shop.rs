//! Shops and keys, made on the command line.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::database::Session;
use crate::config::Config;
use crate::domain::keys::{self, NewKey, Surface};
use crate::domain::shops::{self, Mode, NewShop, Shop};
use crate::error::{Conflict, Error};
use crate::kit::env::Env;
use crate::kit::money::Currency;
use crate::kit::secret::reveal;
use crate::kit::values::Email;

#[derive(Debug)]
pub struct Wanted {
    pub name: String,
    pub slug: Option<String>,
    pub currency: String,
    pub email: Option<String>,
}

#[derive(Debug)]
pub struct WantedKey {
    pub shop: String,
    pub surface: Surface,
    pub mode: Mode,
    pub scopes: String,
    pub name: String,
}

/// The first keys of a shop; each holds every ability.
#[derive(Debug)]
pub struct FirstKeys {
    pub live: SecretString,
    pub test: SecretString,
    pub developer: SecretString,
    pub developer_test: SecretString,
}

/// `keyhouse shop create`.
pub async fn create(config: &Config, wanted: Wanted, json: bool) -> anyhow::Result<ExitCode> {
    let new = wanted.check()?;
    let mut session = Session::open(config).await?;
    let mut transaction = session.db.begin().await?;
    let (shop, keys) = create_with_keys(&mut transaction, &session.env, new).await?;
    transaction.commit().await?;
    let document = json!({
        "shop": { "id": shop.tenant.id().to_string(), "slug": shop.slug, "name": shop.name, "currency": shop.currency.code() },
        "sandbox": { "id": shop.twin.id().to_string() },
        "keys": {
            "live": reveal(&keys.live), "test": reveal(&keys.test),
            "developer": reveal(&keys.developer), "developer_test": reveal(&keys.developer_test),
        },
    });
    if json {
        println!("{document}");
    } else {
        println!("{} ({}), slug {}", shop.name, shop.tenant.id(), shop.slug);
        println!("Its keys, shown only now:");
        for (what, key) in document["keys"].as_object().into_iter().flatten() {
            println!("  {what:<15}{}", key.as_str().unwrap_or_default());
        }
    }
    session.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// A shop, its twin, and their first keys, in the caller's transaction.
pub async fn create_with_keys(db: &mut PgConnection, env: &Env, new: NewShop) -> anyhow::Result<(Shop, FirstKeys)> {
    let shop = shops::create(db, env, new).await.map_err(explain)?;
    let mut first = Vec::new();
    for (surface, mode) in [
        (Surface::Merchant, Mode::Live),
        (Surface::Merchant, Mode::Test),
        (Surface::Developer, Mode::Live),
        (Surface::Developer, Mode::Test),
    ] {
        let name = format!("first {} key, {}", surface.word(), mode.word());
        let scopes = every(surface);
        let minted = keys::mint(db, shop.tenant, env, NewKey { name, surface, mode, scopes }).await.map_err(explain)?;
        first.push(minted.secret);
    }
    let [live, test, developer, developer_test] =
        <[SecretString; 4]>::try_from(first).map_err(|_| anyhow::anyhow!("four keys were to be made"))?;
    Ok((shop, FirstKeys { live, test, developer, developer_test }))
}

/// `keyhouse keys mint`.
pub async fn mint(config: &Config, wanted: WantedKey, json: bool) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let mut transaction = session.db.begin().await?;
    let found = shops::find(&mut transaction, &wanted.shop, Mode::Live).await;
    let shop = found.map_err(explain).with_context(|| format!("shop {:?}", wanted.shop))?;
    let scopes = match wanted.scopes.as_str() {
        "all" => every(wanted.surface),
        list => list.split(',').map(|scope| scope.trim().to_owned()).collect(),
    };
    let new = NewKey { name: wanted.name, surface: wanted.surface, mode: wanted.mode, scopes };
    let minted = keys::mint(&mut transaction, shop.tenant, &session.env, new).await;
    let minted = minted.map_err(explain).with_context(|| format!("--scopes {:?}", wanted.scopes))?;
    transaction.commit().await?;
    let secret = reveal(&minted.secret);
    if json {
        println!("{}", json!({ "id": minted.key.id.to_string(), "secret": secret }));
    } else {
        println!("{}\n{secret}\nThe secret is shown only now.", minted.key.id);
    }
    session.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn every(surface: Surface) -> Vec<String> {
    match surface {
        Surface::Merchant => surface.scopes().iter().map(|&scope| scope.to_owned()).collect(),
        Surface::Developer | Surface::Reseller => vec!["*".to_owned()],
    }
}

impl Wanted {
    fn check(self) -> anyhow::Result<NewShop> {
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
            bail!("--name must have 1 to 200 characters");
        }
        let currency = Currency::parse(&self.currency)
            .with_context(|| format!("--currency {:?} is not an ISO 4217 code such as USD", self.currency))?;
        if let Some(email) = &self.email {
            Email::parse(email).with_context(|| format!("--email {email:?} is not one address"))?;
        }
        let slug = match self.slug {
            None => shops::slugify(&name, "shop"),
            Some(slug) if shops::slugify(&slug, "") == slug => slug,
            Some(slug) => bail!("--slug {slug:?} must be lower-case letters, digits and single hyphens"),
        };
        Ok(NewShop { name, slug, currency, owner_email: self.email })
    }
}

/// A domain error in words for the command line.
pub fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(fields) => {
            let all: Vec<String> =
                fields.messages().iter().map(|(field, said)| format!("{field} {}", said.join(", "))).collect();
            anyhow::anyhow!("{}", all.join("; "))
        }
        Error::NotFound(what) => anyhow::anyhow!("there is no such {what}"),
        Error::Conflict(Conflict::WrongState(text)) => anyhow::anyhow!("{text}"),
        other => anyhow::anyhow!("{other}"),
    }
}
