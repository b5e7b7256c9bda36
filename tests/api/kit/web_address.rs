//! Promises WHK-9: no hostile form of a web address is taken.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use keyhouse::kit::address;
use keyhouse::kit::web_address::{Reach, WebAddress};
use proptest::prelude::*;

/// IPv4 addresses that nobody outside may have called.
const HOSTILE_V4: [[u8; 4]; 14] = [
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [0, 0, 0, 0],
    [10, 0, 0, 1],
    [100, 64, 0, 1],
    [100, 100, 100, 200],
    [168, 63, 129, 16],
    [169, 254, 169, 254],
    [169, 254, 170, 2],
    [172, 16, 0, 1],
    [172, 31, 255, 254],
    [192, 168, 0, 1],
    [198, 18, 0, 1],
    [255, 255, 255, 255],
];

/// The same address in the spellings that some resolver or parser takes.
fn spellings([a, b, c, d]: [u8; 4]) -> Vec<String> {
    let whole = u32::from_be_bytes([a, b, c, d]);
    let (high, low) = (whole >> 16, whole & 0xffff);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{whole}"),
        format!("0x{whole:x}"),
        format!("0X{whole:X}"),
        format!("0{whole:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.{b}.0{c:o}.{d}"),
        format!("{a}.{}", whole & 0xff_ffff),
        format!("{a}.{b}.{low}"),
        format!("%{:02x}{}.{b}.{c}.{d}", a.to_string().as_bytes()[0], &a.to_string()[1..]),
        format!("{a}\u{3002}{b}\u{ff0e}{c}\u{ff61}{d}"),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[::ffff:0:{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b:1::{a}.{b}.{c}.{d}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:4136:e378:8000:63bf:{:x}:{:x}]", !high & 0xffff, !low & 0xffff),
    ]
}

const HOSTILE: &[&str] = &[
    // Other protocols, and what only looks like a web address.
    "",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///hook",
    "https://?",
    "https://#",
    "//shop.example/hook",
    "shop.example",
    "/hook",
    "http://shop.example/",
    "HTTP://shop.example/",
    "file:///etc/passwd",
    "gopher://shop.example:70/1",
    "ftp://shop.example/",
    "ws://shop.example/",
    "wss://shop.example/",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "blob:https://shop.example/1",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "jar:https://shop.example!/",
    "https:shop.example/hook",
    "https:/shop.example/hook",
    "https:\\\\shop.example",
    "https://shop.example\\@127.0.0.1/",
    "https://shop.example\\.evil.example/",
    // White space and control characters.
    " https://shop.example/",
    "https://shop.example/ ",
    "https://shop.example/\n",
    "ht\ttps://shop.example/",
    "https://shop.exam\r\nple/",
    "https://shop.example/a b",
    "https://shop.example/\0",
    "https://sh\u{a0}op.example/",
    "https://shop.example/\u{2028}",
    "https://shop.example /",
    // User names and passwords, and hosts that hide behind them.
    "https://ada@shop.example/",
    "https://ada:secret@shop.example/",
    "https://:secret@shop.example/",
    "https://@shop.example/",
    "https://:@shop.example/",
    "https://shop.example@127.0.0.1/",
    "https://127.0.0.1@shop.example/",
    "https://shop.example%40@127.0.0.1/",
    "https://a@b@shop.example/",
    // Ports of other protocols.
    "https://shop.example:0/",
    "https://shop.example:7/",
    "https://shop.example:21/",
    "https://shop.example:22/",
    "https://shop.example:23/",
    "https://shop.example:25/",
    "https://shop.example:53/",
    "https://shop.example:110/",
    "https://shop.example:143/",
    "https://shop.example:389/",
    "https://shop.example:465/",
    "https://shop.example:587/",
    "https://shop.example:636/",
    "https://shop.example:2049/",
    "https://shop.example:6000/",
    "https://shop.example:6667/",
    "https://shop.example:00022/",
    "https://shop.example:65536/",
    "https://shop.example:-1/",
    "https://shop.example:http/",
    // Names that every network keeps for itself.
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://LocalHost:8443/",
    "https://a.localhost/",
    "https://a.b.localhost./",
    "https://localhost.localdomain/",
    "https://loc%61lhost/",
    "https://\u{2113}ocalhost/",
    "https://\u{ff4c}\u{ff4f}\u{ff43}\u{ff41}\u{ff4c}host/",
    "https://lo\u{ad}calhost/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://Metadata.Google.INTERNAL/",
    "https://instance-data.ec2.internal/",
    "https://printer.local/",
    "https://PRINTER.LOCAL./",
    "https://nas.lan/",
    "https://router.home.arpa/",
    "https://hidden.onion/",
    "https://host.docker.internal/",
    "https://kubernetes.default.svc.cluster.local/",
    "https://internal/",
    "https://local/",
    "https://lan/",
    // No dot: a search list would complete them.
    "https://metadata/",
    "https://intranet/hook",
    "https://kubernetes/",
    "https://db./",
    "https://com/",
    "https://shop..example/",
    "https://.shop.example/",
    "https://./",
    "https://../",
    // IPv6: loopback, own networks, scopes, other words for IPv4, documentation.
    "https://[::]/",
    "https://[::1]/",
    "https://[::1]:8443/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd12:3456:789a::1]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[ff0e::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1%25lo]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:2::1]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[64:ff9b:1::1]/",
    "https://[::127.1]/",
    "https://[::1",
    "https://::1/",
    "https://[]/",
    "https://[127.0.0.1]/",
    "https://[v1.a]/",
    "https://[::ffff:7f00:1]:443/",
    // IPv4 that is short, too large, or special.
    "https://0/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0x7f.1/",
    "https://0177.1/",
    "https://00/",
    "https://192.0.0.1/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://256.0.0.1/",
    "https://1.2.3.4.5/",
    "https://4294967296/",
    "https://0x100000000/",
    "https://127.0.0.0x1/",
    "https://%31%32%37%2e%30%2e%30%2e%31/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "https://\u{2460}27.0.0.1/",
    "https://exa%00mple.com/",
    "https://exa%2fmple.com/",
    "https://xn--/",
    "https://a^b.example/",
];

/// Every form that this file knows.
pub fn hostile() -> BTreeSet<String> {
    let mut forms: BTreeSet<String> = HOSTILE.iter().map(|&form| form.to_owned()).collect();
    forms.extend(HOSTILE_V4.into_iter().flat_map(spellings).map(|host| format!("https://{host}/hook")));
    forms
}

#[test]
fn two_hundred_hostile_forms_and_more_are_refused() {
    let forms = hostile();
    assert!(HOSTILE.len() >= 150 && forms.len() >= 400, "{} by hand, {} in all", HOSTILE.len(), forms.len());
    let taken: Vec<&String> = forms.iter().filter(|form| WebAddress::parse(form, Reach::Public).is_ok()).collect();
    assert!(taken.is_empty(), "{taken:#?}");
}

proptest! {
    #[test]
    fn every_special_ipv4_is_refused_in_every_spelling(bits in any::<u32>()) {
        let ip = Ipv4Addr::from_bits(bits);
        if !address::is_public(ip.into()) {
            for host in spellings(ip.octets()) {
                let text = format!("https://{host}/");
                prop_assert!(WebAddress::parse(&text, Reach::Public).is_err(), "{}", text);
            }
        }
    }
}
