//! A link to a file that was sold. It proves itself, so no table knows it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{Item, ItemId, OrderId};
use crate::domain::shops::Tenant;
use crate::kit::env::Env;
use crate::kit::id::Id;
use crate::kit::vault::Vault;

/// Each look at the order makes new links, so one need not outlive the day.
pub const LINK_LIVES: TimeDelta = TimeDelta::hours(24);

/// Shop, order, item, and the second in which it ends.
const PAYLOAD_BYTES: usize = 3 * 16 + 8;
const MAC_BYTES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub shop: Tenant,
    pub order: OrderId,
    pub item: ItemId,
    pub expires_at: DateTime<Utc>,
}

impl Link {
    /// To what was sold as this item, good from now on.
    pub(super) fn to(shop: Tenant, env: &Env, item: &Item) -> Self {
        Self { shop, order: item.order, item: item.id, expires_at: env.now() + LINK_LIVES }
    }

    /// `base64url(payload ‖ mac)`: one spelling for one link.
    pub(super) fn write(self, vault: &Vault) -> String {
        let ids = [self.shop.uuid(), *self.order, *self.item].map(Uuid::into_bytes).concat();
        let payload = [ids.as_slice(), &self.expires_at.timestamp().to_be_bytes()].concat();
        let mac = mac(vault, &payload);
        BASE64_URL_SAFE_NO_PAD.encode([payload.as_slice(), &mac].concat())
    }

    pub(super) fn read(vault: &Vault, token: &str) -> Option<Self> {
        let bytes: [u8; PAYLOAD_BYTES + MAC_BYTES] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (payload, sent) = bytes.split_at(PAYLOAD_BYTES);
        if !bool::from(mac(vault, payload).ct_eq(sent)) {
            return None;
        }
        let uuid = |at: usize| Uuid::from_slice(payload.get(at..at + 16)?).ok();
        let ends = i64::from_be_bytes(payload.get(48..)?.try_into().ok()?);
        Some(Self {
            shop: Tenant::new(uuid(0)?),
            order: Id::from(uuid(16)?),
            item: Id::from(uuid(32)?),
            expires_at: DateTime::from_timestamp(ends, 0)?,
        })
    }
}

fn mac(vault: &Vault, payload: &[u8]) -> [u8; MAC_BYTES] {
    vault.mac("download link", &[payload])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link() -> Link {
        let (order, item) = (Id::from(Uuid::from_u128(2)), Id::from(Uuid::from_u128(3)));
        let expires_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Link { shop: Tenant::new(Uuid::from_u128(1)), order, item, expires_at }
    }

    #[test]
    fn a_link_is_read_back() {
        let vault = Vault::for_tests();
        assert_eq!(Link::read(&vault, &link().write(&vault)), Some(link()));
    }

    #[test]
    fn any_altered_bit_is_refused() {
        let vault = Vault::for_tests();
        let token = link().write(&vault);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Link::read(&vault, &BASE64_URL_SAFE_NO_PAD.encode(altered)), None, "bit {bit}");
        }
        for bit in 0..token.len() * 8 {
            let mut altered = token.clone().into_bytes();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Link::read(&vault, &String::from_utf8_lossy(&altered)), None, "bit {bit} of the text");
        }
    }

    proptest! {
        #[test]
        fn a_cut_or_longer_link_is_refused(cut in 0..117_usize, more in "[A-Za-z0-9_=.-]{1,8}") {
            let vault = Vault::for_tests();
            let token = link().write(&vault);
            prop_assert_eq!(Link::read(&vault, &token[..cut.min(token.len() - 1)]), None);
            prop_assert_eq!(Link::read(&vault, &format!("{token}{more}")), None);
        }

        #[test]
        fn anything_else_is_read_without_panic(text in "\\PC{0,200}") {
            prop_assert_eq!(Link::read(&Vault::for_tests(), &text), None);
        }
    }
}
