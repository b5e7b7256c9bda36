//! The one error of the house. It knows nothing of HTTP: each surface's door puts it into words
//! ([`crate::http`]), matching exhaustively, so a new variant does not compile until every surface
//! has words for it.

use std::collections::BTreeMap;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not carried out. Nothing of it has happened, unless it is [`Error::Unknown`].
#[derive(Debug)]
pub enum Error {
    /// The request cannot be read: bad JSON, a tampered cursor, a parameter given twice.
    Malformed(String),
    /// The request can be read, and fields are missing or wrong.
    Invalid(Fields),
    Unauthenticated(Unauthenticated),
    /// The key is good and lacks this ability or scope.
    MissingScope(&'static str),
    /// The key may not do this, whatever its scopes: the text says why.
    Forbidden(&'static str),
    /// Absent, or another tenant's: the two are never told apart.
    NotFound(&'static str),
    /// It was there and is no longer: the text says why, and what to do instead. Answered as not found.
    Gone(&'static str),
    /// None of the bytes that are asked for is in what has this many.
    RangeNotSatisfiable {
        size_bytes: u64,
    },
    Conflict(Conflict),
    /// The reseller program, or what it grants, does not allow it.
    Reseller(ResellerRefusal),
    /// A held account would fall below its floor.
    InsufficientFunds,
    /// The license does not allow it. Where it was asked for, the refusal as a signed verdict.
    License {
        refusal: LicenseRefusal,
        signed: Option<String>,
    },
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge {
        limit_bytes: usize,
    },
    UriTooLong {
        limit_bytes: usize,
    },
    HeadersTooLarge,
    UnsupportedMediaType,
    RateLimited {
        retry_after_s: u64,
    },
    /// Overload or a database that is away; trying again later is right.
    Unavailable {
        retry_after_s: u64,
    },
    /// The answer to COMMIT was lost and no idempotency key tells what became of it.
    Unknown,
    Database(sqlx::Error),
    /// The place where files lie does not answer, or has lost one. The text is for the log.
    FileStore(String),
    /// A fault of ours. The text is for the log, never for the client.
    Internal(String),
}

/// Why a credential was not accepted. Texts never say whether a key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    Missing,
    /// Unknown, revoked, expired, or malformed: one answer for all.
    Invalid,
    /// Of a person: the address is unknown or the password is wrong, and nobody learns which.
    WrongPassword,
    /// A good-looking credential of another kind (R8), named.
    WrongKind {
        sent: &'static str,
        wanted: &'static str,
    },
    /// A key in the query string, which only the dynamic URL takes.
    KeyInQuery,
    /// A reseller's key whose relationship, or whose shop's program, is not active now.
    Inactive,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    IdempotencyMismatch,
    IdempotencyInProgress,
    OutOfStock { product: String },
    WrongState(String),
}

/// Why a license may not be used, in the order in which it is checked (contract 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseRefusal {
    /// No such key in this shop, or it is another product's.
    NotFound,
    Revoked,
    Suspended,
    Expired,
    IpBlocked,
    HwidMismatch,
    MaxUsesReached,
}

impl LicenseRefusal {
    pub const ALL: [Self; 7] = [
        Self::NotFound,
        Self::Revoked,
        Self::Suspended,
        Self::Expired,
        Self::IpBlocked,
        Self::HwidMismatch,
        Self::MaxUsesReached,
    ];

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "LICENSE_NOT_FOUND",
            Self::Revoked => "LICENSE_REVOKED",
            Self::Suspended => "LICENSE_SUSPENDED",
            Self::Expired => "LICENSE_EXPIRED",
            Self::IpBlocked => "LICENSE_IP_BLOCKED",
            Self::HwidMismatch => "LICENSE_HWID_MISMATCH",
            Self::MaxUsesReached => "LICENSE_MAX_USES_REACHED",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "There is no such license for this product.",
            Self::Revoked => "The license was revoked.",
            Self::Suspended => "The license is suspended.",
            Self::Expired => "The license has expired.",
            Self::IpBlocked => "The license may not be used from this address.",
            Self::HwidMismatch => "The license is bound to another machine.",
            Self::MaxUsesReached => "The license was used as often as it may be.",
        }
    }
}

/// Why a reseller may not do it (contract R43, R44, R47).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResellerRefusal {
    ProgramDisabled,
    /// Its mode holds no stock.
    ModeNotAllowed,
    ProductNotAllowed,
    /// Allowed, and holds no codes, or is not on sale.
    ProductNotEligible,
    QuantityOutOfRange {
        min: i32,
        max: Option<i32>,
    },
    /// `unit` is what the limit is counted by: `day`, `month`.
    PurchaseLimitReached {
        limit: i32,
        unit: &'static str,
    },
    /// A unit costs more than the request would pay.
    PriceChanged {
        unit_cost: String,
    },
}

impl ResellerRefusal {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ProgramDisabled => "RESELLER_PROGRAM_DISABLED",
            Self::ModeNotAllowed => "MODE_NOT_ALLOWED",
            Self::ProductNotAllowed => "PRODUCT_NOT_ALLOWED",
            Self::ProductNotEligible => "PRODUCT_NOT_ELIGIBLE",
            Self::QuantityOutOfRange { .. } => "QUANTITY_OUT_OF_RANGE",
            Self::PurchaseLimitReached { .. } => "PURCHASE_LIMIT_REACHED",
            Self::PriceChanged { .. } => "PRICE_CHANGED",
        }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::ProgramDisabled => "The shop's reseller program is off.".into(),
            Self::ModeNotAllowed => "This reseller works for a commission; it buys no stock.".into(),
            Self::ProductNotAllowed => "The product is not among those that this reseller may sell.".into(),
            Self::ProductNotEligible => "The product is not sold from stock, or not on sale now.".into(),
            Self::QuantityOutOfRange { min, max: Some(max) } => format!("One purchase is of {min} to {max} items."),
            Self::QuantityOutOfRange { min, max: None } => format!("One purchase is of {min} items or more."),
            Self::PurchaseLimitReached { limit, unit } => {
                format!("This reseller buys at most {limit} items a {unit} (UTC); nothing was bought.")
            }
            Self::PriceChanged { unit_cost } => format!("An item costs {unit_cost} now; nothing was bought."),
        }
    }
}

/// What is wrong with which field; collected, so that a client mends everything at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    messages: BTreeMap<String, Vec<String>>,
    missing: bool,
}

impl Fields {
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut fields = Self::default();
        fields.wrong(field, message);
        fields
    }

    pub fn wrong(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.messages.entry(field.into()).or_default().push(message.into());
    }

    pub fn missing(&mut self, field: impl Into<String>) {
        self.missing = true;
        self.wrong(field, "is required");
    }

    /// Takes over the other's messages, each field put under `prefix`.
    pub fn absorb(&mut self, prefix: &str, other: Self) {
        self.missing |= other.missing;
        for (field, messages) in other.messages {
            self.messages.entry(format!("{prefix}{field}")).or_default().extend(messages);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether a required field is absent: `/v1` answers that with 400 (promises D5).
    #[must_use]
    pub const fn any_missing(&self) -> bool {
        self.missing
    }

    #[must_use]
    pub const fn messages(&self) -> &BTreeMap<String, Vec<String>> {
        &self.messages
    }
}

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(Fields::one(field, message))
    }

    /// Postgres' five-character code, where the database refused.
    #[must_use]
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Database(sqlx::Error::Database(e)) => e.code().map(std::borrow::Cow::into_owned),
            _ => None,
        }
    }

    /// Whether the connection itself is gone, so that nothing is known of a statement in flight.
    #[must_use]
    pub fn is_connection_loss(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed) => true,
            _ => self.sqlstate().is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        }
    }

    /// Whether the same work may simply be run again: serialization failure, deadlock, or a
    /// connection that broke before COMMIT was sent (promises OPS-12).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.is_connection_loss() || matches!(self.sqlstate().as_deref(), Some("40001" | "40P01"))
    }

    /// Whether the database is merely away or overloaded: it asks for patience, not for a mend.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        // Lock not available, statement cancelled, too many connections, shutting down.
        let state = self.sqlstate();
        matches!(self, Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::BeginFailed))
            || matches!(state.as_deref(), Some("55P03" | "57014" | "53300" | "53200" | "53100"))
            || self.is_retryable()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Fields> for Error {
    fn from(fields: Fields) -> Self {
        Self::Invalid(fields)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database(e) => write!(f, "database: {e}"),
            Self::FileStore(text) => write!(f, "file store: {text}"),
            Self::Internal(text) => write!(f, "internal: {text}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for Error {}

/// Turns a refusal of the database into words: uniqueness is checked there, never before.
pub trait OnConstraint<T> {
    /// # Errors
    /// `refused()` where the named constraint was violated, else the error unchanged.
    fn on_constraint(self, name: &str, refused: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, refused: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|e| match &e {
            sqlx::Error::Database(d) if d.constraint() == Some(name) => refused(),
            _ => e.into(),
        })
    }
}
