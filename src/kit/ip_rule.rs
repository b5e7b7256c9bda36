//! From where something may be used, a license or a key: an address, a CIDR, or a range `a-b`; v4 or v6. A v6 address that
//! maps a v4 one is that v4 address, in rules as in attempts.

use std::net::IpAddr;

use ipnet::IpNet;

/// Of one license or key.
pub const RULES_MAX: usize = 100;
/// Two v6 addresses and a hyphen have 93 at most.
const CHARS_MAX: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRule {
    first: IpAddr,
    last: IpAddr,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Address,
    Net(IpNet),
    Range,
}

impl IpRule {
    /// # Errors
    /// What is wrong with it, in words for the client.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an address, a CIDR such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9";
        let text = text.trim();
        if text.len() > CHARS_MAX {
            return Err(WRONG);
        }
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (address(first).ok_or(WRONG)?, address(last).ok_or(WRONG)?);
            if first.is_ipv4() != last.is_ipv4() || first > last {
                return Err("must be a range of one family, the lower address first");
            }
            return Ok(Self { first, last, form: Form::Range });
        }
        if text.contains('/') {
            let net = canonical_net(text.parse().map_err(|_| WRONG)?);
            return Ok(Self { first: net.network(), last: net.broadcast(), form: Form::Net(net) });
        }
        let address = address(text).ok_or(WRONG)?;
        Ok(Self { first: address, last: address, form: Form::Address })
    }

    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.first.is_ipv4() && self.first <= ip && ip <= self.last
    }
}

impl std::fmt::Display for IpRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.form {
            Form::Address => write!(f, "{}", self.first),
            Form::Net(net) => write!(f, "{net}"),
            Form::Range => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// An address in its canonical form.
#[must_use]
pub fn address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Host bits cut; a net of mapped addresses is the v4 net.
fn canonical_net(net: IpNet) -> IpNet {
    /// Bits before the v4 address in `::ffff:0:0/96`.
    const MAPPED_BITS: u8 = 96;
    let net = net.trunc();
    match (net.network().to_canonical(), net.prefix_len().checked_sub(MAPPED_BITS)) {
        (v4 @ IpAddr::V4(_), Some(prefix)) if net.network().is_ipv6() => IpNet::new(v4, prefix).unwrap_or(net),
        _ => net,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        IpRule::parse(text).unwrap().to_string()
    }

    #[test]
    fn rules_have_one_spelling() {
        assert_eq!(canonical(" 10.1.2.3 "), "10.1.2.3");
        assert_eq!(canonical("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(canonical("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(canonical("::ffff:10.1.2.3/104"), "10.0.0.0/8");
        assert_eq!(canonical("2001:DB8:0:0::1/32"), "2001:db8::/32");
        assert_eq!(canonical("::ffff:10.0.0.1 - 10.0.0.9"), "10.0.0.1-10.0.0.9");
        assert_eq!(canonical("0.0.0.0/0"), "0.0.0.0/0");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for bad in ["", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "1-2-3", "a", "/8"]
        {
            assert!(IpRule::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_rule_of_one_family_says_nothing_of_the_other() {
        let all_v4 = IpRule::parse("0.0.0.0/0").unwrap();
        assert!(all_v4.allows("8.8.8.8".parse().unwrap()));
        assert!(all_v4.allows("::ffff:8.8.8.8".parse().unwrap()));
        assert!(!all_v4.allows("::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_range_holds_what_lies_between(a: u32, b: u32, ip: u32) {
            let of = |bits: u32| std::net::Ipv4Addr::from(bits);
            let (low, high) = (a.min(b), a.max(b));
            let rule = IpRule::parse(&format!("{}-{}", of(low), of(high))).unwrap();
            prop_assert_eq!(rule.allows(of(ip).into()), (low..=high).contains(&ip));
            prop_assert_eq!(rule.allows(of(ip).to_ipv6_mapped().into()), (low..=high).contains(&ip));
            prop_assert_eq!(IpRule::parse(&rule.to_string()).unwrap(), rule);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            if let Ok(rule) = IpRule::parse(&text) {
                prop_assert_eq!(IpRule::parse(&rule.to_string()).unwrap(), rule);
            }
        }
    }
}
