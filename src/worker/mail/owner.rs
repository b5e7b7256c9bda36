//! To who runs a shop.

use serde::Serialize;

use super::{Words, from};
use crate::app::App;
use crate::domain::outbox::Mail;
use crate::domain::outbox::endpoints::{self, EndpointId, Reason};
use crate::domain::payouts::{self, PayoutId};
use crate::domain::products::{self, ProductId};
use crate::domain::serials;
use crate::domain::shops::{self, Mode};
use crate::error::{Error, Result};
use crate::mailer::Sender;

/// As whom the house itself speaks.
const HOUSE: &str = "Keyhouse";

/// Little is left of a product; how much is read when the mail is sent.
#[derive(Debug, Serialize)]
pub(super) struct StockLow {
    pub shop: String,
    pub slug: String,
    pub product: String,
    pub product_id: String,
    pub left: i64,
}

impl Words for StockLow {
    const TEMPLATE: &'static str = "stock_low";

    fn subject(&self) -> String {
        match self.left {
            ..=0 => format!("{} is sold out", self.product),
            left => format!("Only {left} left of {}", self.product),
        }
    }

    fn sender(&self) -> Sender {
        from(HOUSE)
    }
}

pub(super) async fn stock_low(app: &App, mail: &Mail) -> Result<StockLow> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let product = products::get(&mut db, mail.shop, ProductId::from(mail.subject_id)).await?;
    let left = match product.pool {
        Some(pool) => serials::stock_of(&mut db, mail.shop, pool).await?,
        None => 0,
    };
    let product_id = product.id.to_string();
    Ok(StockLow { shop: shop.name, slug: shop.slug, product: product.name, product_id, left })
}

/// An endpoint failed for so long, or said that it is gone, that nothing is sent to it any more.
#[derive(Debug, Serialize)]
pub(super) struct EndpointDisabled {
    pub shop: String,
    pub test: bool,
    /// As `/v1` names it.
    pub endpoint: String,
    /// Of its address, whose path and query may hold a secret; `None`: it was deleted since.
    pub host: Option<String>,
    pub gone: bool,
}

impl Words for EndpointDisabled {
    const TEMPLATE: &'static str = "endpoint_disabled";

    fn subject(&self) -> String {
        format!("A webhook endpoint of {} is switched off", self.shop)
    }

    fn sender(&self) -> Sender {
        from(HOUSE)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn endpoint_disabled(app: &App, mail: &Mail) -> Result<EndpointDisabled> {
    let id = EndpointId::from(mail.subject_id);
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let endpoint = match endpoints::get(&mut db, mail.shop, id).await {
        Ok(endpoint) => Some(endpoint),
        Err(Error::NotFound(_)) => None,
        Err(e) => return Err(e),
    };
    Ok(EndpointDisabled {
        shop: shop.name,
        test: shop.mode == Mode::Test,
        endpoint: id.to_string(),
        host: endpoint.as_ref().and_then(|endpoint| endpoint.url.as_url().host_str().map(str::to_owned)),
        gone: endpoint.is_some_and(|endpoint| endpoint.disabled == Some(Reason::Gone)),
    })
}

/// Money that could not be paid out.
#[derive(Debug, Serialize)]
pub(super) struct PayoutFailed {
    pub shop: String,
    pub test: bool,
    pub payout: String,
    pub amount: String,
    pub asset: String,
    pub chain: String,
    pub address: String,
    pub reason: Option<String>,
}

impl Words for PayoutFailed {
    const TEMPLATE: &'static str = "payout_failed";

    fn subject(&self) -> String {
        format!("A payout of {} has failed", self.amount)
    }

    fn sender(&self) -> Sender {
        from(HOUSE)
    }

    fn is_sandbox(&self) -> bool {
        self.test
    }
}

pub(super) async fn payout_failed(app: &App, mail: &Mail) -> Result<PayoutFailed> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let payout = payouts::get(&mut db, mail.shop, PayoutId::from(mail.subject_id)).await?;
    Ok(PayoutFailed {
        shop: shop.name,
        test: shop.mode == Mode::Test,
        payout: payout.id.to_string(),
        amount: payout.currency.display(payout.amount),
        asset: payout.asset,
        chain: payout.chain.word().to_owned(),
        address: payout.destination_address,
        reason: payout.error,
    })
}
