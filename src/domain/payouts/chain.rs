//! Chains, and what an address on each of them looks like. A payout to a mistyped address is lost, so every check that
//! an address carries in itself is made before anything is held.

use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

use crate::kit::vault::hex;

/// Where a payout goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    Tron,
    Base,
    Ethereum,
    Bitcoin,
    Solana,
    Polygon,
    Bsc,
}

impl Chain {
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("tron", Self::Tron),
        ("base", Self::Base),
        ("ethereum", Self::Ethereum),
        ("bitcoin", Self::Bitcoin),
        ("solana", Self::Solana),
        ("polygon", Self::Polygon),
        ("bsc", Self::Bsc),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, chain)| *chain == self).map_or("", |(word, _)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, chain)| *chain)
    }

    /// Whether money that is sent there can arrive.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn check(self, address: &str) -> Result<(), &'static str> {
        let (holds, otherwise) = match self {
            Self::Tron => (tron(address), "is no Tron address: T…, 34 characters, with its checksum"),
            Self::Bitcoin => (bitcoin(address), "is no Bitcoin address: bc1…, 1… or 3…, with its checksum"),
            Self::Solana => (solana(address), "is no Solana address: base58 of 32 bytes"),
            Self::Base | Self::Ethereum | Self::Polygon | Self::Bsc => {
                (evm(address), "is no address of this chain: 0x and 40 hexadecimal digits, in mixed case by EIP-55")
            }
        };
        if holds { Ok(()) } else { Err(otherwise) }
    }
}

/// Longer than any address; base58 takes time that grows with the square of the length.
const CHARS_MAX: usize = 100;

fn base58(text: &str) -> Option<Vec<u8>> {
    if text.len() > CHARS_MAX { None } else { bs58::decode(text).into_vec().ok() }
}

/// The 21 bytes before a checksum that holds: the first four bytes of SHA-256, twice.
fn base58check(text: &str) -> Option<[u8; 21]> {
    let bytes = base58(text)?;
    let (payload, checksum) = bytes.split_last_chunk::<4>()?;
    let expected = Sha256::digest(Sha256::digest(payload));
    if expected.get(..4)? == checksum.as_slice() { payload.try_into().ok() } else { None }
}

/// One version byte, and the last 20 bytes of a key's hash.
fn tron(address: &str) -> bool {
    base58check(address).is_some_and(|bytes| bytes[0] == 0x41)
}

/// To a key's hash (`1…`), a script's (`3…`), or a witness program of the main network (`bc1…`).
fn bitcoin(address: &str) -> bool {
    let witness = || bech32::segwit::decode(address).is_ok_and(|(network, _, _)| network == bech32::hrp::BC);
    base58check(address).is_some_and(|bytes| matches!(bytes[0], 0x00 | 0x05))
        || (address.len() <= CHARS_MAX && witness())
}

/// A public key; of 32 zeros it is the system program, which owns nothing.
fn solana(address: &str) -> bool {
    base58(address).is_some_and(|bytes| bytes.len() == 32 && bytes != [0; 32])
}

/// In one case it has no checksum; in both it must be that of EIP-55. Nobody has the key of address zero.
fn evm(address: &str) -> bool {
    let Some(digits) = address.strip_prefix("0x").filter(|digits| digits.len() == 40) else { return false };
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.bytes().any(|b| b != b'0');
    let has = |is: fn(&u8) -> bool| digits.bytes().any(|b| is(&b));
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    plain && (!mixed || digits == eip55(digits))
}

/// A letter is upper case where the digit of the hash at its place is 8 or more.
fn eip55(digits: &str) -> String {
    let lower = digits.to_ascii_lowercase();
    let hash = hex(&Keccak256::digest(lower.as_bytes()));
    let cased = lower.chars().zip(hash.chars());
    cased.map(|(c, digit)| if digit >= '8' { c.to_ascii_uppercase() } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Addresses that are widely published: contracts of the assets, and examples of the standards.
    const GOOD: &[(Chain, &str)] = &[
        (Chain::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        (Chain::Bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        (Chain::Bitcoin, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        (Chain::Bitcoin, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        (Chain::Bitcoin, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
        (Chain::Bitcoin, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
        (Chain::Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        (Chain::Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        (Chain::Base, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        (Chain::Polygon, "0xdbf03b407c01e7cd3cbea99509d93f8dddc8c6fb"),
        (Chain::Bsc, "0xDBF03B407C01E7CD3CBEA99509D93F8DDDC8C6FB"),
    ];

    #[test]
    fn good_addresses_are_taken_on_their_own_kind_of_chain_alone() {
        for (chain, address) in GOOD {
            assert_eq!(chain.check(address), Ok(()), "{} {address}", chain.word());
            let kin = |other: Chain| {
                let evm = |c| matches!(c, Chain::Base | Chain::Ethereum | Chain::Polygon | Chain::Bsc);
                other == *chain || (evm(other) && evm(*chain))
            };
            for (_, other) in Chain::WORDS.iter().filter(|(_, other)| !kin(*other)) {
                assert!(other.check(address).is_err(), "{address} on {}", other.word());
            }
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for (chain, address) in [
            (Chain::Ethereum, "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), // one letter in the wrong case
            (Chain::Ethereum, "0x0000000000000000000000000000000000000000"),
            (Chain::Ethereum, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (Chain::Ethereum, "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            (Chain::Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"),
            (Chain::Ethereum, "vitalik.eth"),
            (Chain::Bitcoin, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
            (Chain::Bitcoin, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"), // the test network
            (Chain::Bitcoin, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8F3T4"), // both cases
            (Chain::Bitcoin, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
            (Chain::Bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
            (Chain::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"),
            (Chain::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6"),
            (Chain::Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1vv"),
            (Chain::Solana, "11111111111111111111111111111111"),
            (Chain::Solana, "0OIl"),
        ] {
            assert!(chain.check(address).is_err(), "{} {address}", chain.word());
        }
        for (_, chain) in Chain::WORDS {
            for address in ["", " ", "\0", &"1".repeat(100_000), "ü"] {
                assert!(chain.check(address).is_err(), "{}", chain.word());
            }
        }
    }

    proptest! {
        #[test]
        fn a_slip_of_one_character_is_noticed(which in 0..GOOD.len(), at in 0_usize..64, to in "[1-9A-HJ-NP-Za-km-z]") {
            let (chain, address) = GOOD[which];
            // Without a checksum nothing notices: lower or upper case alone, and Solana.
            let bare = address == address.to_lowercase().replacen('X', "x", 1) || address[2..] == address[2..].to_uppercase();
            let checked = chain != Chain::Solana && !(address.starts_with("0x") && bare);
            let at = at % address.len();
            let mut slipped = address.to_owned();
            slipped.replace_range(at..=at, &to);
            prop_assume!(checked && slipped != address);
            // A bit of luck in 2^15 on a chain of EIP-55, whose checksum is that short.
            prop_assert!(chain.check(&slipped).is_err(), "{} {}", chain.word(), slipped);
        }

        #[test]
        fn anything_is_read_without_panic(text in "\\PC{0,120}") {
            for (_, chain) in Chain::WORDS {
                let _ = chain.check(&text);
            }
        }
    }
}
