//! Fulfillment through a lane: the relationships of a group are locked with their balances, the orders decided
//! one after the other on what was read, and everything written at once, one statement a table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Fulfillment, Order, sql, with_codes};
use crate::domain::idempotency::{Batch, Claim, Stored};
use crate::domain::keys::{self, Caller, KeyId};
use crate::domain::ledger::{self, prepaid};
use crate::domain::outbox::{self, Event, NewMail};
use crate::domain::products::{self, PoolId, Product, ProductId};
use crate::domain::resellers::{self, Access, Bought, Program, Reseller, ResellerId};
use crate::domain::serials::{self, Cursors, Handed, Lot};
use crate::domain::shops::{self, Tenant};
use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::lane::Work;
use crate::kit::money::Currency;
use crate::kit::places::Places;

/// One order of a reseller's shop.
pub struct Request {
    pub caller: Caller,
    pub reseller: ResellerId,
    /// Of the caller's API key.
    pub lock: i64,
    pub order: Order,
    pub named: Option<Named>,
}

/// Under an idempotency key: the answer is put into the surface's bytes before the commit, and stored.
pub struct Named {
    pub claim: Claim,
    pub render: fn(&Fulfillment) -> Result<Vec<u8>>,
}

#[derive(Debug)]
pub enum Answer {
    /// Debited and handed out now.
    Fresh(Arc<Fulfillment>),
    /// It was there: asked for again by its identity.
    Again(Arc<Fulfillment>),
    /// In bytes already, because they are stored.
    Stored(Stored),
    /// Of an earlier request under the same key.
    Replay(Stored),
}

/// The status of a first answer, and of one that was asked for again by its identity (R40).
pub(super) const CREATED: u16 = 201;
pub(super) const FOUND: u16 = 200;

/// The work of the lanes.
pub struct Fulfillments {
    pub env: Arc<Env>,
    pub cursors: Arc<Cursors>,
    /// Of balances and of a day's purchases.
    pub places: Places,
}

/// A fulfillment's identity (R40).
pub(super) type Line = (ResellerId, String, ProductId);

/// What a group has read, and what it will have changed.
pub struct Loaded {
    pub(super) shop: Tenant,
    pub(super) now: DateTime<Utc>,
    pub(super) standing: HashMap<KeyId, Vec<String>>,
    pub(super) program: Program,
    pub(super) resellers: HashMap<ResellerId, Reseller>,
    pub(super) products: HashMap<ProductId, Product>,
    pub(super) access: HashMap<(ResellerId, ProductId), Access>,
    pub(super) bought: HashMap<ResellerId, Bought>,
    /// The shop's currency, where somebody's balance in it is watched.
    pub(super) watched: Option<Currency>,
    pub(super) books: ledger::Group,
    pub(super) keys: Batch,
    /// Of before and, as the group goes on, of this group.
    pub(super) there: HashMap<Line, Arc<Fulfillment>>,
    pub(super) lots: HashMap<PoolId, Lot>,
    pub(super) made: Made,
}

/// What a group will have written.
#[derive(Default)]
pub(super) struct Made {
    pub fulfillments: Vec<Arc<Fulfillment>>,
    pub handed: Vec<(Uuid, Handed)>,
    pub purchases: BTreeMap<ResellerId, i64>,
    pub events: Vec<Event>,
    pub mails: Vec<NewMail>,
    pub top_ups_due: BTreeSet<ResellerId>,
}

impl Work for Fulfillments {
    type Item = Request;
    type Answer = Answer;
    type Loaded = Loaded;
    const NAME: &'static str = "fulfillments";

    fn shop(&self, request: &Request) -> Uuid {
        request.caller.shop.uuid()
    }

    fn number(&self, request: &Request) -> u64 {
        // The last bytes: those of a time-ordered id that chance has made.
        let (_, low) = request.reseller.uuid().as_u64_pair();
        low
    }

    fn lock(&self, request: &Request) -> Option<i64> {
        Some(request.lock)
    }

    fn shop_lock(&self, shop: Uuid) -> Option<i64> {
        Some(resellers::program_lock(shop))
    }

    fn is_named(&self, _: &Request) -> bool {
        true // its identity is a name for ever (R40)
    }

    async fn load(&self, db: &mut PgConnection, _: Uuid, requests: &[&Request]) -> Result<Loaded> {
        let mut loaded = self.read(db, requests).await?;
        let mut wanted: BTreeMap<PoolId, i64> = BTreeMap::new();
        let mut counted = BTreeSet::new();
        for request in requests {
            if let Some((pool, quantity)) = loaded.wants(request)
                && counted.insert(request.line())
            {
                *wanted.entry(pool).or_default() += quantity;
            }
        }
        loaded.lots = Lot::lock_all(db, loaded.shop, &self.cursors, &wanted).await?;
        Ok(loaded)
    }

    fn decide(&self, loaded: &mut Loaded, request: &Request) -> Result<Answer> {
        loaded.decide(&self.env, request)
    }

    async fn write(&self, db: &mut PgConnection, _: Uuid, loaded: Loaded) -> Result<bool> {
        let Loaded { shop, now, books, keys, made, .. } = loaded;
        if !made.fulfillments.is_empty() {
            serials::sell_handed(db, shop, &self.env, &self.cursors, &made.handed).await?;
            let mut rows = sql::Rows::default();
            made.fulfillments.iter().for_each(|one| rows.push(one));
            sql::insert_all(db, shop.uuid(), &rows, now).await?;
            resellers::record_purchases(db, shop, &self.places, now.date_naive(), &made.purchases).await?;
            let due: Vec<_> = made.top_ups_due.into_iter().collect();
            if !due.is_empty() {
                resellers::mark_top_up_due(db, shop, &due).await?;
            }
            books.write(db, &self.env, &self.places).await?;
            outbox::emit(db, shop, &self.env, &made.events).await?;
            outbox::queue_mails(db, shop, &self.env, &made.mails).await?;
        }
        keys.store(db, shop, &self.env).await?;
        Ok(!made.events.is_empty())
    }
}

impl Request {
    pub(super) fn line(&self) -> Line {
        (self.reseller, self.order.external_order_id.clone(), self.order.product)
    }
}

impl Fulfillments {
    /// Everything that is decided on, but the codes: the relationships locked first, then their balances.
    async fn read(&self, db: &mut PgConnection, requests: &[&Request]) -> Result<Loaded> {
        let first = requests.first().ok_or_else(|| Error::Internal("an empty group".into()))?;
        let (owner, shop, now) = (first.caller.owner, first.caller.shop, self.env.now());
        let callers: BTreeSet<KeyId> = requests.iter().map(|request| request.caller.key).collect();
        let standing = keys::standing(db, owner, &callers.into_iter().collect::<Vec<_>>()).await?;
        let ids: BTreeSet<ResellerId> = requests.iter().map(|request| request.reseller).collect();
        let ids: Vec<ResellerId> = ids.into_iter().collect();
        let of_products: BTreeSet<ProductId> = requests.iter().map(|request| request.order.product).collect();
        let of_products: Vec<ProductId> = of_products.into_iter().collect();

        let relationships = resellers::lock_all(db, shop, &ids).await?;
        let limited: Vec<ResellerId> =
            relationships.iter().filter(|reseller| reseller.terms.limits()).map(|reseller| reseller.id).collect();
        let any_alerts = relationships.iter().any(|reseller| reseller.alerts.any());
        let watched = if any_alerts { Some(shops::get(db, shop).await?.currency) } else { None };
        let catalogue = products::get_all(db, shop, &of_products).await?;
        let currencies: BTreeSet<&str> = catalogue.iter().map(|product| product.currency.code()).collect();
        let currency = |code: &&str| catalogue.iter().find(|p| p.currency.code() == *code).map(|p| p.currency);
        let currencies: Vec<_> = currencies.iter().filter_map(currency).collect();
        let accounts: Vec<_> =
            ids.iter().flat_map(|id| currencies.iter().map(|currency| (prepaid(id.uuid()), *currency))).collect();
        let books = ledger::Group::lock(db, shop, &self.places, &accounts).await?;

        let claims = requests.iter().filter_map(|request| Some(&request.named.as_ref()?.claim));
        let keys = Batch::load(db, shop, &self.env, claims).await?;
        let there = self.earlier(db, shop, requests).await?;
        let pairs: BTreeSet<_> = requests.iter().map(|request| (request.reseller, request.order.product)).collect();
        let access = resellers::access(db, shop, pairs).await?;
        Ok(Loaded {
            shop,
            now,
            standing,
            program: resellers::program(db, shop).await?,
            resellers: relationships.into_iter().map(|reseller| (reseller.id, reseller)).collect(),
            products: catalogue.into_iter().map(|product| (product.id, product)).collect(),
            access: access.into_iter().map(|(reseller, access)| ((reseller, access.product), access)).collect(),
            bought: resellers::purchased(db, shop, &limited, now.date_naive()).await?,
            watched,
            books,
            keys,
            there,
            lots: HashMap::new(),
            made: Made::default(),
        })
    }

    async fn earlier(
        &self,
        db: &mut PgConnection,
        shop: Tenant,
        requests: &[&Request],
    ) -> Result<HashMap<Line, Arc<Fulfillment>>> {
        let mut lines = sql::Lines::default();
        for (reseller, order, product) in requests.iter().map(|request| request.line()).collect::<BTreeSet<_>>() {
            lines.resellers.push(*reseller);
            lines.orders.push(order);
            lines.products.push(*product);
        }
        let rows = sql::find_all(db, shop.uuid(), &lines).await?;
        let found = with_codes(db, shop, &self.env, rows).await?.into_iter();
        Ok(found.map(|one| ((one.reseller, one.external_order_id.clone(), one.product), Arc::new(one))).collect())
    }
}
