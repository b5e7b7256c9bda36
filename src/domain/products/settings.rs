//! How a product is shown, and what comes with it.

/// Who sees it, besides its status (contract, additions).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Not in listings; whoever knows its address can buy it.
    pub unlisted: bool,
    /// For the shop alone.
    pub private: bool,
    /// Shown, and not sold.
    pub on_hold: bool,
}

impl Listing {
    #[must_use]
    pub const fn is_on_sale(self) -> bool {
        !self.private && !self.on_hold
    }
}

/// Whether a product is licensed, and on which terms its licenses are issued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licensing {
    pub enabled: bool,
    /// Null: for ever.
    pub period_days: Option<i32>,
    pub uses: Uses,
    /// How its generated keys look; null: the house's pattern. The licenses' room reads it.
    pub key_pattern: Option<String>,
}

/// What counts as a use of a license (R32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Uses {
    /// Each successful validation.
    #[default]
    Validation,
    /// Each binding to a machine.
    Activation,
}

impl Uses {
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("validation", Self::Validation), ("activation", Self::Activation)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Activation => "activation",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        if word == "activation" { Self::Activation } else { Self::Validation }
    }
}
