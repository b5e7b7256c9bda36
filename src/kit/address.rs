//! Which addresses are the open internet's. Everything else is somebody's own network, and a server
//! that calls where strangers tell it to must not reach into one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of IPv4 that is not the open internet, and what it is for.
type Special4 = (Ipv4Addr, u32, &'static str);
type Special6 = (Ipv6Addr, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const fn v6(head: [u16; 3]) -> Ipv6Addr {
    Ipv6Addr::new(head[0], head[1], head[2], 0, 0, 0, 0, 0)
}

/// IANA's IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), with multicast (RFC 5771).
const SPECIAL_V4: &[Special4] = &[
    (v4(0, 0, 0, 0), 8, "this network"),
    (v4(10, 0, 0, 0), 8, "private use"),
    (v4(100, 64, 0, 0), 10, "shared by carriers"),
    (v4(127, 0, 0, 0), 8, "loopback"),
    (v4(168, 63, 129, 16), 32, "a cloud's own platform"), // Azure's, in public space and answered by each host
    (v4(169, 254, 0, 0), 16, "link-local, and clouds' metadata"),
    (v4(172, 16, 0, 0), 12, "private use"),
    (v4(192, 0, 0, 0), 24, "protocol assignments"),
    (v4(192, 0, 2, 0), 24, "documentation"),
    (v4(192, 31, 196, 0), 24, "AS112"),
    (v4(192, 52, 193, 0), 24, "multicast tunnels"),
    (v4(192, 88, 99, 0), 24, "6to4 relays"),
    (v4(192, 168, 0, 0), 16, "private use"),
    (v4(192, 175, 48, 0), 24, "AS112"),
    (v4(198, 18, 0, 0), 15, "benchmarks"),
    (v4(198, 51, 100, 0), 24, "documentation"),
    (v4(203, 0, 113, 0), 24, "documentation"),
    (v4(224, 0, 0, 0), 4, "multicast"),
    (v4(240, 0, 0, 0), 4, "reserved, and broadcast"),
];

/// All that is given out for global unicast (RFC 4291); what lies outside is special by itself:
/// `::1`, `::a.b.c.d`, `fc00::/7`, `fe80::/10`, `ff00::/8`, `100::/64`, `64:ff9b:1::/48`, `5f00::/16`.
const UNICAST_V6: (Ipv6Addr, u32) = (v6([0x2000, 0, 0]), 3);

/// Exceptions within it: IANA's IPv6 Special-Purpose Address Registry.
const SPECIAL_V6: &[Special6] = &[
    (v6([0x2001, 0, 0]), 23, "protocol assignments, Teredo and ORCHID among them"),
    (v6([0x2001, 0x0db8, 0]), 32, "documentation"),
    (v6([0x2002, 0, 0]), 16, "6to4"),
    (v6([0x2620, 0x004f, 0x8000]), 48, "AS112"),
    (v6([0x3fff, 0, 0]), 20, "documentation"),
];

/// `::ffff:0:0/96` and `64:ff9b::/96` (RFC 6052): an IPv4 address in other words, and judged as one.
const MAPPED: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
const TRANSLATED: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// Whether this address is on the open internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(ip) => !SPECIAL_V4.iter().any(|(net, bits, _)| holds_v4(*net, *bits, ip)),
        IpAddr::V6(ip) => {
            holds_v6(UNICAST_V6.0, UNICAST_V6.1, ip)
                && !SPECIAL_V6.iter().any(|(net, bits, _)| holds_v6(*net, *bits, ip))
        }
    }
}

/// Whether this address is this machine's own.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    plain(address).is_loopback()
}

/// The IPv4 address that an IPv6 one stands for, where it does.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(ip) if holds_v6(MAPPED, 96, ip) || holds_v6(TRANSLATED, 96, ip) => {
            let [.., a, b, c, d] = ip.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

fn holds_v4(net: Ipv4Addr, bits: u32, ip: Ipv4Addr) -> bool {
    (net.to_bits() ^ ip.to_bits()) >> (32 - bits) == 0
}

fn holds_v6(net: Ipv6Addr, bits: u32, ip: Ipv6Addr) -> bool {
    (net.to_bits() ^ ip.to_bits()) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_special_range_is_refused_from_end_to_end_and_its_neighbours_are_not() {
        for (net, bits, what) in SPECIAL_V4 {
            let last = Ipv4Addr::from_bits(net.to_bits() | (u32::MAX.checked_shr(*bits).unwrap_or(0)));
            assert!(!is_public((*net).into()) && !is_public(last.into()), "{net}/{bits}: {what}");
        }
        for (net, bits, what) in SPECIAL_V6 {
            let last = Ipv6Addr::from_bits(net.to_bits() | (u128::MAX >> bits));
            assert!(!is_public((*net).into()) && !is_public(last.into()), "{net}/{bits}: {what}");
        }
        for neighbour in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7::1",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "2620:4f:8001::",
            "3fff:1000::",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_public(neighbour.parse().unwrap()), "{neighbour}");
        }
    }

    #[test]
    fn what_lies_outside_of_global_unicast_is_refused() {
        for special in [
            "::",
            "::1",
            "::7f00:1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "4000::1",
            "1fff:ffff::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    proptest! {
        /// The standard library knows fewer ranges; what it calls special is special here.
        #[test]
        fn what_the_standard_library_calls_special_is_not_public(bits in any::<u32>()) {
            let ip = Ipv4Addr::from_bits(bits);
            let special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_broadcast()
                || ip.is_documentation() || ip.is_multicast() || ip.is_unspecified();
            prop_assert!(!(special && is_public(ip.into())));
            prop_assert_eq!(is_public(ip.into()), is_public(ip.to_ipv6_mapped().into()));
        }
    }
}
