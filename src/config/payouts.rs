//! What payouts are sent in.

use std::collections::BTreeMap;

use anyhow::bail;
use serde::Deserialize;

/// Assets by chain (contract R19).
#[derive(Clone, Debug)]
pub struct Payouts {
    assets: BTreeMap<&'static str, Vec<String>>,
}

impl Payouts {
    /// The assets that are sent on this chain.
    #[must_use]
    pub fn sent_on(&self, chain: &str) -> &[String] {
        self.assets.get(chain).map_or(&[], Vec::as_slice)
    }
}

/// As written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    assets: Assets,
}

/// Each chain by its name, so that a misspelt one is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assets {
    tron: Vec<String>,
    base: Vec<String>,
    ethereum: Vec<String>,
    bitcoin: Vec<String>,
    solana: Vec<String>,
    polygon: Vec<String>,
    bsc: Vec<String>,
}

impl Raw {
    pub(super) fn check(self) -> anyhow::Result<Payouts> {
        let Assets { tron, base, ethereum, bitcoin, solana, polygon, bsc } = self.assets;
        let assets = BTreeMap::from([
            ("tron", tron),
            ("base", base),
            ("ethereum", ethereum),
            ("bitcoin", bitcoin),
            ("solana", solana),
            ("polygon", polygon),
            ("bsc", bsc),
        ]);
        for (chain, assets) in &assets {
            for asset in assets {
                let plain = asset.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                if !plain || !(2..=10).contains(&asset.len()) {
                    bail!("payouts.assets.{chain}: {asset:?} must have 2 to 10 upper-case letters and digits");
                }
            }
        }
        Ok(Payouts { assets })
    }
}
