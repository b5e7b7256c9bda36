//! A mail in words: its templates filled, not yet addressed.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Value, context};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::mailer::{Letter, Sender};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("templates/", $name)))),*];
    };
}

// A template that does not parse shows when it is rendered; a test renders each.
templates![
    "_base.html",
    "_base.txt",
    "_lines.txt",
    "_parts.html",
    "endpoint_disabled.html",
    "endpoint_disabled.txt",
    "fulfillment_delivered.html",
    "fulfillment_delivered.txt",
    "fulfillment_replaced.html",
    "fulfillment_replaced.txt",
    "order_delivered.html",
    "order_delivered.txt",
    "order_paid.html",
    "order_paid.txt",
    "order_refunded.html",
    "order_refunded.txt",
    "password_reset.html",
    "password_reset.txt",
    "payout_failed.html",
    "payout_failed.txt",
    "reseller_invited.html",
    "reseller_invited.txt",
    "stock_low.html",
    "stock_low.txt",
    "top_up_opened.html",
    "top_up_opened.txt",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| {
        let html = name.strip_suffix(".html").is_some();
        if html { AutoEscape::Html } else { AutoEscape::None }
    });
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    for (name, text) in TEMPLATES {
        let _ = environment.add_template(name, text);
    }
    environment
});

/// What a mail says, in both of its forms.
#[derive(Clone, Debug)]
pub struct Draft {
    pub subject: String,
    pub sender: Sender,
    pub text: String,
    pub html: String,
}

impl Draft {
    pub(super) fn fill(template: &str, subject: String, sender: Sender, sandbox: bool, words: Value) -> Result<Self> {
        let name = sender.name.clone();
        let whole = context! { subject => &subject, sandbox, sender => context! { name }, ..words };
        let fill = |form: &str| {
            let template = format!("{template}.{form}");
            let filled = ENVIRONMENT.get_template(&template).and_then(|found| found.render(&whole));
            filled.map_err(|e| Error::Internal(format!("{template}: {e:#}")))
        };
        let text = format!("{}\n", fill("txt")?.trim());
        Ok(Self { text, html: fill("html")?, subject, sender })
    }

    #[must_use]
    pub fn addressed(self, id: Uuid, to: &str, date: DateTime<Utc>) -> Letter {
        let Self { subject, sender, text, html } = self;
        Letter { id, sender, to: to.to_owned(), subject, text, html, date }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for (name, text) in TEMPLATES {
            let parsed = ENVIRONMENT.template_from_named_str(name, text);
            assert!(parsed.is_ok(), "{name}: {:#}", parsed.unwrap_err());
        }
    }
}
