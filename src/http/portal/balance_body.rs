//! What is sent about a balance: amounts of major units, in the shop's currency.

use utoipa::ToSchema;

use crate::domain::resellers::{AlertsPatch, THRESHOLDS_MAX, TOP_UP_CENTS_MAX, TOP_UP_CENTS_MIN};
use crate::error::{Error, Fields, Result};
use crate::kit::json::{Form, Wire, list, truth};
use crate::kit::money::{Cents, Currency};
use crate::kit::values::{Major, major};

pub struct NewTopUp(Major);

impl NewTopUp {
    /// # Errors
    /// [`Error::Invalid`] for what is no amount of this currency.
    pub fn amount(&self, currency: Currency) -> Result<Cents> {
        self.0.in_currency(currency).map_err(|inner| {
            let mut wrong = Fields::default();
            wrong.absorb("amount", inner);
            Error::Invalid(wrong)
        })
    }
}

impl Wire for NewTopUp {
    fn read(form: &mut Form) -> Option<Self> {
        form.required("amount", major).map(Self)
    }
}

/// When a low balance is an event, and when an invoice opens by itself.
pub struct Watch {
    enabled: Option<bool>,
    threshold: Option<Major>,
    amount: Option<Major>,
    low_balance: Option<Vec<Major>>,
}

impl Watch {
    /// # Errors
    /// [`Error::Invalid`] for amounts that are none, or that nobody may be asked for.
    pub fn patch(&self, currency: Currency) -> Result<AlertsPatch> {
        let mut wrong = Fields::default();
        let mut read = |field: String, given: &Major, least: i64| {
            let cents = given.in_currency(currency).map_err(|inner| wrong.absorb(&field, inner)).ok()?;
            if !(least..=TOP_UP_CENTS_MAX).contains(&cents.get()) {
                let bounds = [least, TOP_UP_CENTS_MAX].map(|cents| Cents::new(cents).unwrap_or_default());
                let [least, most] = bounds.map(|cents| currency.display(cents));
                wrong.wrong(field, format!("must be between {least} and {most}"));
                return None;
            }
            Some(cents)
        };
        let below = self.threshold.as_ref().and_then(|given| read("threshold".into(), given, 1));
        let amount = self.amount.as_ref().and_then(|given| read("amount".into(), given, TOP_UP_CENTS_MIN));
        let low = self.low_balance.as_ref().map(|given| {
            let read = |(index, given)| read(format!("low_balance[{index}]"), given, 1);
            given.iter().enumerate().filter_map(read).collect()
        });
        let patch = AlertsPatch { auto_top_up: self.enabled, below, amount, low };
        if wrong.is_empty() { Ok(patch) } else { Err(Error::Invalid(wrong)) }
    }
}

impl Wire for Watch {
    fn read(form: &mut Form) -> Option<Self> {
        let enabled = form.optional("enabled", truth);
        let threshold = form.optional("threshold", major);
        let amount = form.optional("amount", major);
        let low_balance = form.optional("low_balance", list(0, THRESHOLDS_MAX, major));
        Some(Self { enabled: enabled?, threshold: threshold?, amount: amount?, low_balance: low_balance? })
    }
}

/// How much is paid into a balance.
#[derive(ToSchema)]
#[schema(as = NewTopUp)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct NewTopUpBody {
    /// Major units of the shop's currency, from 100 to 10000000 of its smallest ones: 1.00 to 100000.00 of USD,
    /// 100 to 10000000 of JPY, 0.100 to 10000.000 of KWD.
    #[schema(example = 200.0)]
    amount: f64,
}

/// When a low balance is an event, and when an invoice opens by itself; absent fields stay.
#[derive(ToSchema)]
#[schema(as = AutoTopUpPatch)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct WatchBody {
    /// Whether an invoice opens by itself; it charges nothing, and there is one at a time.
    enabled: Option<bool>,
    /// Below which it opens: of one smallest unit to as much as a top-up may be.
    #[schema(example = 50.0)]
    threshold: Option<f64>,
    /// Of the invoice, within the bounds of a top-up.
    #[schema(example = 200.0)]
    amount: Option<f64>,
    /// Falling below one of these is an event, `reseller:balance_low`, that is written down once each time; it is
    /// sent as soon as developers have webhooks here. At most 10.
    #[schema(max_items = 10)]
    low_balance: Option<Vec<f64>>,
}
