//! The beginning of what a stranger answered, fit to be kept: short, printable, and without what looks like
//! a secret, since an answer may quote one back.

/// Promises WHK-13.
const BYTES_MAX: usize = 1_024;
/// As long as the shortest key or token that is worth anything; a word of a language is shorter.
const SECRET_CHARS_MIN: usize = 16;
const MASK: &str = "[…]";

/// At most 1 KiB of text.
#[must_use]
pub fn snippet(bytes: &[u8]) -> String {
    let cut = bytes.len() > BYTES_MAX;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BYTES_MAX)]);
    let (mut kept, mut run) = (String::new(), String::new());
    for c in text.chars() {
        if belongs_to_a_token(c) {
            run.push(c);
            continue;
        }
        keep(&mut kept, &run, false);
        run.clear();
        if !c.is_control() || matches!(c, '\n' | '\t') {
            kept.push(c);
        }
    }
    keep(&mut kept, &run, cut);
    // Marks and replacements may be longer than what they stand for.
    let end = (0..=BYTES_MAX.min(kept.len())).rev().find(|end| kept.is_char_boundary(*end)).unwrap_or(0);
    kept.truncate(end);
    kept
}

/// Adds a run of characters, or a mask where it may be a secret; one that was cut off may be part of one.
fn keep(kept: &mut String, run: &str, cut: bool) {
    let masked = run.len() >= SECRET_CHARS_MIN || (cut && !run.is_empty());
    kept.push_str(if masked { MASK } else { run });
}

const fn belongs_to_a_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stay_and_secrets_go() {
        for (answer, kept) in [
            (r#"{"error":"no such order"}"#, r#"{"error":"no such order"}"#),
            ("your key whsec_c2VjcmV0c2VjcmV0 is old", "your key […] is old"),
            ("token=0123456789abcdef0123", "[…]"),
            ("a\0b\r\nc\u{1b}[0m", "ab\nc[0m"),
            ("caf\u{e9}", "café"),
        ] {
            assert_eq!(snippet(answer.as_bytes()), kept);
        }
        assert_eq!(snippet(b"bad \xff byte"), "bad \u{fffd} byte");
        let late = format!("{} sx_live_secret", "word ".repeat(203));
        assert!(!snippet(late.as_bytes()).contains("sx_"), "the beginning of a secret at the cut");
    }

    proptest! {
        #[test]
        fn at_most_a_kibibyte_of_text_that_postgres_takes(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let kept = snippet(&bytes);
            prop_assert!(kept.len() <= BYTES_MAX && !kept.contains('\0'));
        }
    }
}
