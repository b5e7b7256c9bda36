//! The rules of a fulfillment, on what its group has read.

use std::sync::Arc;

use super::lane::{Answer, CREATED, FOUND, Loaded, Request};
use super::{Fulfillment, Item};
use crate::domain::idempotency::Stored;
use crate::domain::ledger::{Account, Kind, Purpose, Transfer, prepaid};
use crate::domain::outbox::{Event, Template};
use crate::domain::products::{PoolId, Product};
use crate::domain::resellers::{self, Barred, Reseller};
use crate::error::{Conflict, Error, ResellerRefusal, Result, Unauthenticated};
use crate::kit::env::Env;
use crate::kit::money::{Cents, Currency};

/// What a request comes to, where nothing but stock can refuse it.
struct Sale<'a> {
    reseller: &'a Reseller,
    product: &'a Product,
    pool: PoolId,
    unit: Cents,
    total: Cents,
}

impl Loaded {
    /// The pool that a request would take codes from, and how many, were it alone in its group.
    pub(super) fn wants(&self, request: &Request) -> Option<(PoolId, i64)> {
        self.admit(request).ok()?;
        let known = self.there.contains_key(&request.line());
        let replayed = request.named.as_ref().is_some_and(|named| !matches!(self.keys.replay(&named.claim), Ok(None)));
        if known || replayed {
            return None;
        }
        self.weigh(request).ok().map(|sale| (sale.pool, i64::from(request.order.quantity)))
    }

    pub(super) fn decide(&mut self, env: &Env, request: &Request) -> Result<Answer> {
        self.admit(request)?;
        if let Some(named) = &request.named
            && let Some(before) = self.keys.replay(&named.claim)?
        {
            return Ok(Answer::Replay(before));
        }
        if let Some(there) = self.there.get(&request.line()).cloned() {
            if !there.fits(&request.order) {
                return Err(Error::Conflict(Conflict::IdempotencyMismatch));
            }
            return self.answer(request, there, FOUND);
        }
        let made = Arc::new(self.fulfill(env, request)?);
        self.there.insert(request.line(), made.clone());
        self.made.fulfillments.push(made.clone());
        self.answer(request, made, CREATED)
    }

    fn answer(&mut self, request: &Request, one: Arc<Fulfillment>, status: u16) -> Result<Answer> {
        if let Some(named) = &request.named {
            let stored = Stored { status, body: (named.render)(&one)? };
            self.keys.keep(&named.claim, stored.clone());
            return Ok(Answer::Stored(stored));
        }
        Ok(if status == CREATED { Answer::Fresh(one) } else { Answer::Again(one) })
    }

    /// The key stands, and its relationship and program are active.
    fn admit(&self, request: &Request) -> Result<&Reseller> {
        let refuse = |why| Error::Unauthenticated(why);
        if !self.standing.contains_key(&request.caller.key) {
            return Err(refuse(Unauthenticated::Invalid));
        }
        let reseller = self.resellers.get(&request.reseller).ok_or_else(|| refuse(Unauthenticated::Invalid))?;
        let inactive = reseller.may_buy(&self.program).is_err_and(Barred::is_inactive);
        if inactive { Err(refuse(Unauthenticated::Inactive)) } else { Ok(reseller) }
    }

    /// Terms, access, quantity, limits, price and balance, in this order (contract 4.12).
    fn weigh(&self, request: &Request) -> Result<Sale<'_>> {
        let (reseller, order) = (self.admit(request)?, &request.order);
        let refuse = |refusal| Err(Error::Reseller(refusal));
        reseller.may_buy(&self.program)?;
        // What is in no list of theirs may be another shop's, or nothing at all: the answer is one.
        let Some(product) = self.products.get(&order.product) else {
            return refuse(ResellerRefusal::ProductNotAllowed);
        };
        let access = self.access.get(&(reseller.id, product.id));
        let offer = resellers::offer(product, reseller, access, &self.program);
        let offer = offer.map_err(|unsold| Error::Reseller(unsold.into()))?;
        let unit = offer.wholesale;
        let pool = product.pool.ok_or(Error::Reseller(ResellerRefusal::ProductNotEligible))?;
        offer.allow(order.quantity).map_err(Error::Reseller)?;
        let bought = self.bought.get(&reseller.id).copied().unwrap_or_default();
        reseller.terms.allow(bought, order.quantity.into()).map_err(Error::Reseller)?;
        if let Some(most) = &order.max_unit_cost {
            let most = most.in_currency(product.currency).map_err(|wrong| {
                let mut fields = crate::error::Fields::default();
                fields.absorb("max_unit_cost", wrong);
                Error::Invalid(fields)
            })?;
            if unit > most {
                return refuse(ResellerRefusal::PriceChanged { unit_cost: product.currency.display(unit) });
            }
        }
        let total = unit.times(i64::from(order.quantity)).ok_or(Error::InsufficientFunds)?;
        if total > self.books.balance(&prepaid(reseller.id.uuid()), product.currency) {
            return Err(Error::InsufficientFunds);
        }
        Ok(Sale { reseller, product, pool, unit, total })
    }

    /// Debits, hands out and records; a refusal leaves nothing behind.
    fn fulfill(&mut self, env: &Env, request: &Request) -> Result<Fulfillment> {
        let Sale { reseller, product, pool, unit, total } = self.weigh(request)?;
        let (reseller, name, currency) = (reseller.clone(), product.name.clone(), product.currency);
        let (order, shop) = (&request.order, self.shop);
        let items = usize::try_from(order.quantity).unwrap_or(usize::MAX);
        let handed = match self.lots.get_mut(&pool) {
            Some(lot) => lot.hand_out(shop, env, items)?,
            None => None,
        };
        let handed = handed.ok_or(Error::Conflict(Conflict::OutOfStock { product: name }))?;
        let account = prepaid(reseller.id.uuid());
        let before = self.books.balance(&account, currency);
        let id = env.id::<Fulfillment>();
        if total > Cents::ZERO {
            let income = Account::recording(Kind::Wholesale, "");
            let debit = Transfer::between(Purpose::Fulfillment, *id, currency, account.clone(), income, total);
            self.books.post(env, &debit)?;
        }
        let balance_after = self.books.balance(&account, currency);
        let one = Fulfillment {
            id,
            reseller: reseller.id,
            external_order_id: order.external_order_id.clone(),
            product: order.product,
            quantity: order.quantity,
            customer_email: order.email.as_str().to_owned(),
            unit,
            total,
            currency,
            balance_after,
            items: handed.iter().map(|one| Item { id: one.id, code: one.code.clone() }).collect(),
            created_at: self.now,
        };
        self.made.handed.extend(handed.into_iter().map(|code| (*id, code)));
        let bought = self.bought.entry(reseller.id).or_default();
        *bought = bought.plus(order.quantity.into());
        *self.made.purchases.entry(reseller.id).or_default() += i64::from(order.quantity);
        self.made.events.push(Event::ResellerFulfillmentDelivered(one.facts(&reseller)));
        self.made.mails.extend(one.mail(&reseller, Template::FulfillmentDelivered));
        self.watch(&reseller, before, balance_after, currency);
        Ok(one)
    }

    /// A balance that fell below a threshold is told of, and topped up. Thresholds are in the shop's currency, and
    /// say nothing of a balance in another.
    fn watch(&mut self, reseller: &Reseller, before: Cents, after: Cents, currency: Currency) {
        if self.watched != Some(currency) {
            return;
        }
        self.made.events.extend(reseller.low_balance(self.shop, before, after, currency));
        if reseller.alerts.wants_top_up(after) {
            self.made.top_ups_due.insert(reseller.id);
        }
    }
}
