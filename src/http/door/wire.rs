//! What the bodies of the surfaces share: the list envelopes, and instants to the second.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::pagination::Pagination;
use crate::kit::page::Page;

/// `2026-05-26T07:18:03Z`.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-05-26T07:18:03Z")]
pub struct Instant(pub DateTime<Utc>);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    #[schema(example = "list")]
    object: &'static str,
    has_more: bool,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    data: Vec<T>,
}

/// One page of a list of `/dev/v1`, `/reseller/v1` or `/portal/v1`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CursorList<T> {
    data: Vec<T>,
    pagination: Pagination,
}

impl<T> From<Page<T>> for CursorList<T> {
    fn from(page: Page<T>) -> Self {
        Self { data: page.data, pagination: Pagination::to(page.next_cursor) }
    }
}

impl<T, U: Into<T>> From<Page<U>> for List<T> {
    fn from(page: Page<U>) -> Self {
        Self {
            object: "list",
            has_more: page.next_cursor.is_some(),
            next_cursor: page.next_cursor,
            data: page.data.into_iter().map(Into::into).collect(),
        }
    }
}
