//! The developer's surface.

mod me;
