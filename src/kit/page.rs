//! Lists: newest first by id, a page at a time, with an opaque cursor that only its maker can make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::id::{Entity, Id};
use super::vault::Vault;
use crate::error::{Error, Result};

/// Bytes of the authentication tag in a cursor: 96 bits, guessed never.
const TAG_BYTES: usize = 12;
/// 16 bytes of id and the tag, in base64url.
const CURSOR_CHARS: usize = 38;

/// What a cursor belongs to: it opens only in the same list of the same shop with the same filters.
#[derive(Clone, Debug)]
pub struct Place {
    context: Vec<u8>,
}

impl Place {
    /// `filters` is any fixed rendering of everything that narrows the list.
    #[must_use]
    pub fn new(list: &str, shop: Uuid, filters: &str) -> Self {
        let mut context = Vec::with_capacity(64);
        context.extend_from_slice(list.as_bytes());
        context.push(0);
        context.extend_from_slice(shop.as_bytes());
        context.extend_from_slice(filters.as_bytes());
        Self { context }
    }

    fn tag(&self, vault: &Vault, id: Uuid) -> [u8; TAG_BYTES] {
        let full = vault.mac("cursor", &[id.as_bytes(), &self.context]);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&full[..TAG_BYTES]);
        tag
    }

    fn seal(&self, vault: &Vault, last: Uuid) -> String {
        let mut bytes = last.as_bytes().to_vec();
        bytes.extend_from_slice(&self.tag(vault, last));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// # Errors
    /// [`Error::Malformed`] for a cursor that was not made here, for this list.
    pub fn open<T: Entity>(&self, vault: &Vault, cursor: &str) -> Result<Id<T>> {
        let refused = || Error::Malformed("the cursor is not one of this list; start again without it".into());
        if cursor.len() != CURSOR_CHARS {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (id, tag) = bytes.split_at_checked(16).ok_or_else(refused)?;
        let id = Uuid::from_slice(id).map_err(|_| refused())?;
        let genuine: bool = subtle::ConstantTimeEq::ct_eq(self.tag(vault, id).as_slice(), tag).into();
        if genuine { Ok(Id::from(id)) } else { Err(refused()) }
    }
}

/// How much of a list, and from where.
pub struct Window<T> {
    /// 1 to 100.
    pub limit: i64,
    /// The last id already seen; the page holds older ones.
    pub after: Option<Id<T>>,
}

impl<T> Clone for Window<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Window<T> {}

impl<T> Window<T> {
    /// One more than the page, which tells whether there is a next one.
    #[must_use]
    pub const fn rows(&self) -> i64 {
        self.limit + 1
    }

    #[must_use]
    pub fn after(&self) -> Option<Uuid> {
        self.after.map(Id::uuid)
    }
}

/// One page and the cursor of the next.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows` (one more than the page where there is more) to the page.
    #[must_use]
    pub fn cut<K>(mut rows: Vec<T>, window: &Window<K>, place: &Place, vault: &Vault, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(window.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| place.seal(vault, id(last)));
        Self { data: rows, next_cursor }
    }

    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Thing;
    impl Entity for Thing {
        const PREFIX: &'static str = "thing";
    }

    proptest! {
        #[test]
        fn a_cursor_opens_in_its_own_place_and_no_other(id in 1_u128.., flip in 0_usize..CURSOR_CHARS) {
            let vault = Vault::for_tests();
            let id = Uuid::from_u128(id);
            let shop = Uuid::from_u128(1);
            let place = Place::new("things", shop, "status=active");
            let cursor = place.seal(&vault, id);
            prop_assert_eq!(place.open::<Thing>(&vault, &cursor).ok().map(Id::uuid), Some(id));

            let mut other = cursor.clone().into_bytes();
            other[flip] = if other[flip] == b'A' { b'B' } else { b'A' };
            prop_assert!(place.open::<Thing>(&vault, std::str::from_utf8(&other).unwrap()).is_err());
            for stranger in [Place::new("other", shop, "status=active"), Place::new("things", id, "status=active"),
                Place::new("things", shop, "")]
            {
                prop_assert!(stranger.open::<Thing>(&vault, &cursor).is_err());
            }
        }
    }
}
