//! May this software run here? A pure function over what is written down and what is asked.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::{Hwid, License, Status};
use crate::domain::products::{ProductId, Uses};
use crate::error::LicenseRefusal;

/// What a client presents, besides the key that found the license.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `None`: what was sent as a product's id cannot be one.
    pub product: Option<ProductId>,
    pub hwid: Option<Hwid>,
    pub ip: IpAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid {
        /// This call bound the machine.
        bound: bool,
    },
    Refused(LicenseRefusal),
}

impl Verdict {
    /// As events, logs and signed answers name it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Valid { .. } => "VALID",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

/// Decides an attempt, in the published order of checks, and notes in the license what follows from it:
/// the bound machine, the counted use, and that it has expired. A refusal changes nothing else.
pub fn decide(license: &mut License, attempt: &Attempt, now: DateTime<Utc>) -> Verdict {
    if attempt.product == Some(license.product) {
        license.expire_if_due(now);
    }
    if let Err(refusal) = check(license, attempt) {
        return Verdict::Refused(refusal);
    }
    let bound = license.hwid.is_none() && attempt.hwid.is_some();
    if bound {
        license.hwid.clone_from(&attempt.hwid);
        license.updated_at = now;
    }
    if counts(license, bound) {
        license.uses += 1;
    }
    Verdict::Valid { bound }
}

fn check(license: &License, attempt: &Attempt) -> Result<(), LicenseRefusal> {
    if attempt.product != Some(license.product) {
        return Err(LicenseRefusal::NotFound);
    }
    match license.status {
        Status::Revoked => return Err(LicenseRefusal::Revoked),
        Status::Suspended => return Err(LicenseRefusal::Suspended),
        Status::Expired => return Err(LicenseRefusal::Expired),
        Status::Active => {}
    }
    let at_home = license.allowed_ips.is_empty() || license.allowed_ips.iter().any(|rule| rule.allows(attempt.ip));
    if !at_home {
        return Err(LicenseRefusal::IpBlocked);
    }
    // Leaving the machine out must not open the lock (R30).
    if license.hwid.is_some() && license.hwid != attempt.hwid {
        return Err(LicenseRefusal::HwidMismatch);
    }
    // Where activations are what counts, a bound machine may go on after the last one.
    let would_bind = license.hwid.is_none() && attempt.hwid.is_some();
    if counts(license, would_bind) && license.max_uses.is_some_and(|max| license.uses >= max) {
        return Err(LicenseRefusal::MaxUsesReached);
    }
    Ok(())
}

fn counts(license: &License, binds: bool) -> bool {
    match license.count_uses {
        Uses::Validation => true,
        Uses::Activation => binds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::id::Id;
    use crate::kit::ip_rule::IpRule;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn product(n: u8) -> ProductId {
        Id::from(Uuid::from_u128(u128::from(n) + 1))
    }

    fn hwid(n: u8) -> Hwid {
        Hwid::parse(&format!("machine-{n}")).unwrap()
    }

    fn licenses() -> impl Strategy<Value = License> {
        let status = prop_oneof![
            5 => Just(Status::Active), 1 => Just(Status::Suspended), 1 => Just(Status::Revoked), 1 => Just(Status::Expired)
        ];
        let rules = prop::collection::vec(prop_oneof![Just("10.0.0.1"), Just("10.0.0.0/30")], 0..2);
        let counts = prop_oneof![Just(Uses::Validation), Just(Uses::Activation)];
        (
            status,
            prop::option::of(0_u8..3),
            rules,
            0_i64..4,
            prop::option::of(1_i64..4),
            prop::option::of(-3_i64..3),
            counts,
        )
            .prop_map(|(status, machine, rules, uses, max_uses, expires, count_uses)| License {
                hwid: machine.map(hwid),
                allowed_ips: rules.into_iter().map(|rule| IpRule::parse(rule).unwrap()).collect(),
                status,
                uses,
                max_uses,
                expires_at: expires.map(at),
                count_uses,
                ..License::sample(product(0), at(-100))
            })
    }

    fn attempts() -> impl Strategy<Value = Attempt> {
        (prop::option::weighted(0.95, 0_u8..2), prop::option::of(0_u8..3), 1_u8..6).prop_map(|(of, machine, ip)| {
            Attempt {
                product: of.map(product),
                hwid: machine.map(hwid),
                ip: std::net::Ipv4Addr::new(10, 0, 0, ip).into(),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_allowed_keeps_every_rule(mut license in licenses(), attempt in attempts()) {
            let before = license.clone();
            let verdict = decide(&mut license, &attempt, at(0));
            prop_assert_eq!(&license.allowed_ips, &before.allowed_ips);
            prop_assert_eq!(license.expires_at, before.expires_at);
            if let Verdict::Valid { bound } = verdict {
                prop_assert_eq!(attempt.product, Some(before.product));
                prop_assert_eq!(before.status, Status::Active);
                prop_assert!(before.expires_at.is_none_or(|until| until > at(0)));
                prop_assert!(before.allowed_ips.is_empty() || before.allowed_ips.iter().any(|r| r.allows(attempt.ip)));
                prop_assert_eq!(&license.hwid, &attempt.hwid);
                prop_assert_eq!(bound, before.hwid.is_none() && attempt.hwid.is_some());
                let counted = i64::from(bound || before.count_uses == Uses::Validation);
                prop_assert_eq!(license.uses, before.uses + counted);
                prop_assert!(counted == 0 || before.max_uses.is_none_or(|max| license.uses <= max));
            } else {
                prop_assert_eq!(&license.hwid, &before.hwid);
                prop_assert_eq!(license.uses, before.uses);
                prop_assert!(license.status == before.status || license.status == Status::Expired);
            }
        }

        #[test]
        fn of_many_machines_one_is_bound_for_ever(machines in prop::collection::vec(0_u8..3, 1..30)) {
            let mut license = License::sample(product(0), at(-100));
            for machine in &machines {
                let attempt = Attempt { product: Some(product(0)), hwid: Some(hwid(*machine)), ip: [10, 0, 0, 1].into() };
                let valid = matches!(decide(&mut license, &attempt, at(0)), Verdict::Valid { .. });
                prop_assert_eq!(valid, *machine == machines[0]);
            }
        }

        #[test]
        fn uses_never_pass_their_limit(max in 1_i64..6, calls in 0_i64..12) {
            let mut license = License { max_uses: Some(max), ..License::sample(product(0), at(-100)) };
            let attempt = Attempt { product: Some(product(0)), hwid: None, ip: [10, 0, 0, 1].into() };
            let valid = (0..calls).filter(|_| matches!(decide(&mut license, &attempt, at(0)), Verdict::Valid { .. })).count();
            prop_assert_eq!(i64::try_from(valid).unwrap(), calls.min(max));
            prop_assert_eq!(license.uses, calls.min(max));
        }
    }

    #[test]
    fn checks_go_in_the_published_order() {
        let all_wrong = License {
            status: Status::Revoked,
            allowed_ips: vec![IpRule::parse("10.9.9.9").unwrap()],
            hwid: Some(hwid(1)),
            uses: 1,
            max_uses: Some(1),
            ..License::sample(product(0), at(-100))
        };
        let mut attempt = Attempt { product: Some(product(1)), hwid: Some(hwid(2)), ip: [10, 0, 0, 1].into() };
        let mut license = all_wrong;
        let mut refusals = Vec::new();
        while let Verdict::Refused(refusal) = decide(&mut license, &attempt, at(0)) {
            refusals.push(refusal.code());
            match refusal {
                LicenseRefusal::NotFound => attempt.product = Some(product(0)),
                LicenseRefusal::Revoked => license.status = Status::Suspended,
                LicenseRefusal::Suspended => (license.status, license.expires_at) = (Status::Active, Some(at(0))),
                LicenseRefusal::Expired => (license.status, license.expires_at) = (Status::Active, Some(at(1))),
                LicenseRefusal::IpBlocked => license.allowed_ips.clear(),
                LicenseRefusal::HwidMismatch => attempt.hwid = Some(hwid(1)),
                LicenseRefusal::MaxUsesReached => license.max_uses = Some(2),
            }
        }
        assert_eq!(
            refusals,
            [
                "LICENSE_NOT_FOUND",
                "LICENSE_REVOKED",
                "LICENSE_SUSPENDED",
                "LICENSE_EXPIRED",
                "LICENSE_IP_BLOCKED",
                "LICENSE_HWID_MISMATCH",
                "LICENSE_MAX_USES_REACHED"
            ]
        );
    }
}
