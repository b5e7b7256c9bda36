//! What the bodies of `/v1` and `/checkout/v1` share: the list envelope, and instants to the second.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

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

/// One page of a list of `/dev/v1` or `/reseller/v1`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CursorList<T> {
    data: Vec<T>,
    pagination: CursorPagination,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CursorPagination {
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    has_more: bool,
}

impl<T> From<Page<T>> for CursorList<T> {
    fn from(page: Page<T>) -> Self {
        let pagination = CursorPagination { has_more: page.next_cursor.is_some(), next_cursor: page.next_cursor };
        Self { data: page.data, pagination }
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
