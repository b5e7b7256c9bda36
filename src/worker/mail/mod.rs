//! Mails put into words at the moment of sending, from rows that hold ids: a code is opened here and kept
//! nowhere.
//!
//! The words of every mail stand in one place, `templates/`, a text and a page a template, since most of
//! them speak of several rooms; what goes into them is a struct beside its kind: `sales` to buyers,
//! `resale` to resellers and their buyers, `owner` to who runs a shop. `keyhouse mail preview` shows all.

mod draft;
mod owner;
mod preview;
mod resale;
mod sales;

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

pub use draft::Draft;
pub use preview::{Sample, samples};

use crate::app::App;
use crate::domain::outbox::{Mail, Template};
use crate::error::Result;
use crate::mailer::{Letter, Sender};

/// What one mail tells, as its two templates read it.
trait Words: Serialize {
    /// The name of its templates.
    const TEMPLATE: &'static str;

    fn subject(&self) -> String;

    fn sender(&self) -> Sender;

    /// Whether it is of a sandbox, where nothing is real.
    fn is_sandbox(&self) -> bool {
        false
    }

    /// # Errors
    /// Where a template asks for something impossible.
    fn draft(&self) -> Result<Draft>
    where
        Self: Sized,
    {
        Draft::fill(Self::TEMPLATE, self.subject(), self.sender(), self.is_sandbox(), Value::from(Serde(self)))
    }
}

/// The whole mail, ready to be sent. It takes a connection for as long as it reads, and none to send.
pub async fn compose(app: &App, mail: &Mail) -> Result<Letter> {
    let draft = match mail.template {
        Template::EndpointDisabled => owner::endpoint_disabled(app, mail).await?.draft(),
        Template::FulfillmentDelivered => resale::fulfillment_delivered(app, mail).await?.draft(),
        Template::FulfillmentReplaced => resale::fulfillment_replaced(app, mail).await?.draft(),
        Template::OrderDelivered => sales::order_delivered(app, mail).await?.draft(),
        Template::OrderPaid => sales::order_paid(app, mail).await?.draft(),
        Template::OrderRefunded => sales::order_refunded(app, mail).await?.draft(),
        Template::PasswordReset => resale::password_reset(app, mail).draft(),
        Template::PayoutFailed => owner::payout_failed(app, mail).await?.draft(),
        Template::ResellerInvited => resale::reseller_invited(app, mail).await?.draft(),
        Template::StockLow => owner::stock_low(app, mail).await?.draft(),
        Template::TopUpOpened => resale::top_up_opened(app, mail).await?.draft(),
    };
    Ok(draft?.addressed(mail.id.uuid(), &mail.recipient, app.env.now()))
}

fn from(name: &str) -> Sender {
    Sender { name: Some(name.to_owned()), reply_to: None }
}
