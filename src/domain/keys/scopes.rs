//! What a key may do: one list a surface. The lists feed the extractors, key minting, the text of the
//! 403 and the OpenAPI documents; a scope is a type, so a handler names the one it needs.

/// Which surface a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Merchant,
    Developer,
    /// For one reseller's relationship.
    Reseller,
}

impl Surface {
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("merchant", Self::Merchant), ("developer", Self::Developer), ("reseller", Self::Reseller)];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Developer => "developer",
            Self::Reseller => "reseller",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        Self::WORDS.iter().find(|(w, _)| *w == word).map_or(Self::Merchant, |(_, surface)| *surface)
    }

    /// Every scope that a key of this surface can hold.
    #[must_use]
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Merchant => merchant::ALL,
            Self::Developer => developer::ALL,
            Self::Reseller => reseller::ALL,
        }
    }

    #[must_use]
    pub fn knows(self, scope: &str) -> bool {
        self.scopes().contains(&scope)
    }
}

/// What a handler asks of the key that calls it.
pub trait Scope: Send + Sync + 'static {
    /// As the 403 names it.
    const NAME: &'static str;

    fn granted(held: &[String]) -> bool;
}

fn holds(held: &[String], name: &str) -> bool {
    held.iter().any(|scope| scope == name)
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $type:ident = $name:literal,)*) => {
        $(
            $(#[$doc])*
            pub struct $type;
            impl super::Scope for $type {
                const NAME: &'static str = $name;
                fn granted(held: &[String]) -> bool {
                    super::holds(held, $name) || super::holds(held, "*")
                }
            }
        )*
        pub const ALL: &[&str] = &[$($name),*];
    };
}

/// Abilities of `sx_` keys: the published list, whole. A write ability does not imply its read (R21).
pub mod merchant {
    scopes! {
        OrdersRead = "orders:read",
        OrdersWrite = "orders:write",
        ProductsRead = "products:read",
        ProductsWrite = "products:write",
        CustomersRead = "customers:read",
        PayoutsRead = "payouts:read",
        PayoutsWrite = "payouts:write",
        WebhooksRead = "webhooks:read",
        WebhooksWrite = "webhooks:write",
    }

    /// Managing keys needs a key that holds every ability (R21), so none can widen itself.
    pub struct Everything;

    impl super::Scope for Everything {
        const NAME: &'static str = "every ability";
        fn granted(held: &[String]) -> bool {
            ALL.iter().all(|ability| super::holds(held, ability))
        }
    }
}

/// Scopes of `shx_` keys; `*` is all of them.
pub mod developer {
    scopes! {
        Full = "*",
        AffiliatesRead = "affiliates.read",
        AffiliatesWrite = "affiliates.write",
        AnalyticsRead = "analytics.read",
        AnalyticsWrite = "analytics.write",
        CouponsRead = "coupons.read",
        CouponsWrite = "coupons.write",
        CustomersRead = "customers.read",
        CustomersWrite = "customers.write",
        DisputesRead = "disputes.read",
        InvoicesRead = "invoices.read",
        InvoicesWrite = "invoices.write",
        LicensesRead = "licenses.read",
        LicensesValidate = "licenses.validate",
        LicensesWrite = "licenses.write",
        OrdersRead = "orders.read",
        OrdersWrite = "orders.write",
        PaymentLinksWrite = "payment_links.write",
        PaymentsRead = "payments.read",
        PaymentsWrite = "payments.write",
        ProductsRead = "products.read",
        ProductsWrite = "products.write",
        ResellerPayoutsRead = "reseller_payouts.read",
        ResellerPayoutsWrite = "reseller_payouts.write",
        ResellerProgramsRead = "reseller_programs.read",
        ResellerProgramsWrite = "reseller_programs.write",
        ResellerSalesRead = "reseller_sales.read",
        ResellerStockRead = "reseller_stock.read",
        ResellerStockWrite = "reseller_stock.write",
        ResellersRead = "resellers.read",
        ResellersWrite = "resellers.write",
        SecurityRead = "security.read",
        SecurityWrite = "security.write",
        StoreRead = "store.read",
        StoreWrite = "store.write",
        SubscriptionsWrite = "subscriptions.write",
        ThemesRead = "themes.read",
        ThemesWrite = "themes.write",
        WebhooksRead = "webhooks.read",
        WebhooksWrite = "webhooks.write",
    }

    /// Validating needs no more than reading; a key inside a desktop program holds `licenses.validate`
    /// alone, and can do nothing else.
    pub struct Validation;

    impl super::Scope for Validation {
        const NAME: &'static str = "licenses.read";
        fn granted(held: &[String]) -> bool {
            ["licenses.validate", "licenses.read", "*"].iter().any(|scope| super::holds(held, scope))
        }
    }

    /// An order is an invoice: who may read the one may read the other.
    pub struct InvoicesReading;

    impl super::Scope for InvoicesReading {
        const NAME: &'static str = "invoices.read";
        fn granted(held: &[String]) -> bool {
            ["invoices.read", "orders.read", "*"].iter().any(|scope| super::holds(held, scope))
        }
    }

    pub struct InvoicesWriting;

    impl super::Scope for InvoicesWriting {
        const NAME: &'static str = "invoices.write";
        fn granted(held: &[String]) -> bool {
            ["invoices.write", "orders.write", "*"].iter().any(|scope| super::holds(held, scope))
        }
    }

    /// Any key may ask what it is itself.
    pub struct Any;

    impl super::Scope for Any {
        const NAME: &'static str = "any scope";
        fn granted(_: &[String]) -> bool {
            true
        }
    }
}

/// `shr_` keys have one scope: whatever their relationship may do.
pub mod reseller {
    scopes! {
        Full = "*",
    }
}
