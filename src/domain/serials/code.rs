//! A code as it is sold: any text, cut of surrounding white space, never logged.

use std::fmt;

/// R11.
pub const CODE_BYTES_MAX: usize = 4_096;

#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// # Errors
    /// What is wrong with it, in words for the client; never the code itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > CODE_BYTES_MAX {
            return Err("must have at most 4096 bytes");
        }
        if text.contains('\0') {
            return Err("must not hold a NUL character");
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}
