//! What a relationship pays for a unit: the one place that knows (contract 4.4).

use super::{Access, Program, Reseller};
use crate::domain::products::{Product, Status, Type};
use crate::error::ResellerRefusal;
use crate::kit::money::{Cents, Percent};

/// A product on a relationship's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For one unit.
    pub wholesale: Cents,
    pub min_quantity: i32,
    pub max_quantity: Option<i32>,
}

impl Offer {
    /// # Errors
    /// [`ResellerRefusal::QuantityOutOfRange`].
    pub fn allow(&self, quantity: i32) -> Result<(), ResellerRefusal> {
        let (min, max) = (self.min_quantity, self.max_quantity);
        let fits = quantity >= min && max.is_none_or(|max| quantity <= max);
        if fits { Ok(()) } else { Err(ResellerRefusal::QuantityOutOfRange { min, max }) }
    }
}

/// Why a product is not sold to a relationship by stock or API (R43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsold {
    /// It is not among what the relationship may sell.
    NotAllowed,
    /// It is, and holds no codes, or is not on sale.
    NotEligible,
}

/// The most specific says it: the product's own price, the relationship's discount, the program's.
///
/// # Errors
/// [`Unsold`].
pub fn offer(
    product: &Product,
    reseller: &Reseller,
    access: Option<&Access>,
    program: &Program,
) -> Result<Offer, Unsold> {
    let access = access.ok_or(Unsold::NotAllowed)?;
    let coded = product.pool.is_some() && matches!(product.r#type, Type::LicenseKey | Type::Account);
    if !coded || product.status != Status::Active || product.listing.on_hold {
        return Err(Unsold::NotEligible);
    }
    let discount: Percent = reseller.terms.wholesale_discount.or(program.wholesale_discount).unwrap_or_default();
    let discounted = || product.price.plus(discount.of(product.price).negated()).unwrap_or(product.price);
    Ok(Offer {
        wholesale: access.wholesale.unwrap_or_else(discounted),
        min_quantity: access.min_quantity.unwrap_or(1),
        max_quantity: access.max_quantity,
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::products::{Licensing, Listing, Source};
    use crate::domain::resellers::{BalanceAlerts, Mode, Terms, WhiteLabel};
    use crate::kit::id::Id;
    use crate::kit::money::Currency;

    fn product(cents: i64) -> Product {
        Product {
            id: Id::from(Uuid::from_u128(1)),
            r#type: Type::LicenseKey,
            name: "Studio".into(),
            slug: "studio".into(),
            description: None,
            price: Cents::new(cents).unwrap(),
            currency: Currency::parse("USD").unwrap(),
            status: Status::Active,
            pool: Some(Id::from(Uuid::from_u128(2))),
            counted: None,
            source: Source::default(),
            listing: Listing::default(),
            licensing: Licensing::default(),
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            updated_at: DateTime::<Utc>::UNIX_EPOCH,
            archived_at: None,
        }
    }

    fn reseller(wholesale_discount: Option<Percent>) -> Reseller {
        Reseller {
            id: Id::from(Uuid::from_u128(3)),
            account: Uuid::from_u128(4),
            email: "rae@example.com".into(),
            code: "7QW3K9ZV".into(),
            status: crate::domain::resellers::Status::Active,
            terms: Terms {
                mode: Mode::Stock,
                commission: None,
                wholesale_discount,
                limit_daily: None,
                limit_monthly: None,
            },
            access_listed: true,
            verified_at: None,
            delivery: WhiteLabel::default(),
            alerts: BalanceAlerts::default(),
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            updated_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    fn access(wholesale: Option<Cents>) -> Access {
        Access {
            product: Id::from(Uuid::from_u128(1)),
            commission: None,
            wholesale,
            auto_fulfilled: false,
            min_resale: None,
            max_resale: None,
            min_quantity: None,
            max_quantity: None,
        }
    }

    fn percent() -> impl Strategy<Value = Option<Percent>> {
        prop::option::of((0..=1_000_000_i32).prop_map(|percent| Percent::new(percent).unwrap()))
    }

    proptest! {
        #[test]
        fn the_most_specific_term_sets_the_price(
            price in 0..10_000_000_i64,
            own in prop::option::of(0..10_000_000_i64),
            (of_reseller, of_program) in (percent(), percent()),
        ) {
            let program = Program { wholesale_discount: of_program, ..Program::default() };
            let own = own.and_then(Cents::new);
            let product = product(price);
            let offer = offer(&product, &reseller(of_reseller), Some(&access(own)), &program).unwrap();
            let less = |discount: Percent| price - discount.of(product.price).get();
            let expected = match (own, of_reseller, of_program) {
                (Some(own), ..) => own.get(),
                (None, Some(discount), _) | (None, None, Some(discount)) => less(discount),
                (None, None, None) => price,
            };
            prop_assert_eq!(offer.wholesale.get(), expected);
            prop_assert!(offer.wholesale >= Cents::ZERO);
        }

        #[test]
        fn a_quantity_is_allowed_within_its_bounds_alone(
            min in prop::option::of(1..20_i32), max in prop::option::of(1..40_i32), quantity in -5..60_i32,
        ) {
            let access = Access { min_quantity: min, max_quantity: max, ..access(None) };
            let offer = offer(&product(100), &reseller(None), Some(&access), &Program::default()).unwrap();
            let within = quantity >= min.unwrap_or(1) && quantity <= max.unwrap_or(i32::MAX);
            prop_assert_eq!(offer.allow(quantity).is_ok(), within);
        }
    }

    #[test]
    fn what_holds_no_codes_or_is_not_on_sale_is_not_sold() {
        let offered = |product: Product, access: Option<&Access>| {
            offer(&product, &reseller(None), access, &Program::default()).map(|offer| offer.wholesale.get())
        };
        let listed = access(None);
        assert_eq!(offered(product(100), Some(&listed)), Ok(100));
        assert_eq!(offered(product(100), None), Err(Unsold::NotAllowed));
        let on_hold = Listing { on_hold: true, ..Listing::default() };
        for unsold in [
            Product { pool: None, ..product(100) },
            Product { r#type: Type::Dynamic, ..product(100) },
            Product { status: Status::Draft, ..product(100) },
            Product { status: Status::Archived, ..product(100) },
            Product { listing: on_hold, ..product(100) },
        ] {
            assert_eq!(offered(unsold, Some(&listed)), Err(Unsold::NotEligible));
        }
    }
}
