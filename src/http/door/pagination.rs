//! How a list of the developer's kind goes on (contract 1.3).

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Pass it as `cursor`; null on the last page.
    next_cursor: Option<String>,
    has_more: bool,
}

impl Pagination {
    #[must_use]
    pub const fn to(next_cursor: Option<String>) -> Self {
        Self { has_more: next_cursor.is_some(), next_cursor }
    }
}
