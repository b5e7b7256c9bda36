//! What an endpoint of `/v1` may ask for: the published names, and three wildcards (contract 2.1, R19).

/// Every name, in order. A topic with a dot belongs here, and no other: those with a colon are told to the
/// endpoints of `/dev/v1`. A test holds the list against [`crate::domain::outbox::Event`].
pub const NAMES: &[&str] = &[
    "customer.created",
    "order.created",
    "order.delivered",
    "order.failed",
    "order.paid",
    "order.refunded",
    "payout.broadcast",
    "payout.confirmed",
    "payout.failed",
    "payout.queued",
    "product.archived",
    "product.created",
    "product.updated",
];

/// Everything, and everything of one kind.
pub const WILDCARDS: &[&str] = &["*", "payout.*", "product.*"];

/// What one endpoint is told: at least one known word, none of them twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions(Vec<String>);

impl Subscriptions {
    /// # Errors
    /// What a client is told is wrong with it.
    pub fn parse(words: Vec<String>) -> Result<Self, String> {
        let known = |word: &String| NAMES.contains(&word.as_str()) || WILDCARDS.contains(&word.as_str());
        if words.is_empty() || !words.iter().all(known) {
            return Err(format!("must be one or more of {}, {}", NAMES.join(", "), WILDCARDS.join(", ")));
        }
        let mut sorted: Vec<&String> = words.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < words.len() {
            return Err("must not name an event twice".into());
        }
        Ok(Self(words))
    }

    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::outbox::Event;

    #[test]
    fn what_may_be_subscribed_to_is_every_topic_with_a_dot() {
        let topics: BTreeSet<&str> = Event::samples().iter().map(Event::topic).filter(|t| t.contains('.')).collect();
        let names: BTreeSet<&str> = NAMES.iter().copied().collect();
        assert_eq!(topics, names);
        assert_eq!(NAMES.len(), names.len());
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn words_are_known_and_stand_once() {
        let parse = |words: &[&str]| Subscriptions::parse(words.iter().map(|word| (*word).to_owned()).collect());
        for good in [&["*"][..], &["order.paid", "payout.*"], &["product.*", "product.created"], NAMES, WILDCARDS] {
            assert!(parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[""],
            &["order.*"],
            &["order:paid"],
            &["license:created"],
            &["**"],
            &["Order.paid"],
            &["order.paid "],
            &["order.paid", "order.paid"],
            &["*", "*"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
