//! What a file is called: whatever the shop's disk calls it, as one plain segment that is safe on any
//! other disk and in any header.

/// As long as file systems take.
pub const NAME_BYTES_MAX: usize = 255;
/// An ending of at most this many characters survives a cut.
const ENDING_CHARS_MAX: usize = 16;
const NAMELESS: &str = "download";

/// Content types by ending. What a browser would run or render under our address is not among them.
const CONTENT_TYPES: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("epub", "application/epub+zip"),
    ("gz", "application/gzip"),
    ("jpg", "image/jpeg"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("txt", "text/plain; charset=utf-8"),
    ("zip", "application/zip"),
];

/// The last segment of a path, without what deceives or breaks: control and bidirectional characters,
/// separators, dots and spaces at its ends. Never empty, at most [`NAME_BYTES_MAX`] long.
#[must_use]
pub fn clean_name(raw: &str) -> String {
    let segment = raw.rsplit(['/', '\\']).find(|segment| !plain(segment).is_empty()).map(plain);
    cut(segment.unwrap_or_else(|| NAMELESS.into()))
}

/// By the ending of the name; plain bytes where it says nothing.
#[must_use]
pub fn content_type(name: &str) -> &'static str {
    let ending = ending(name).to_ascii_lowercase();
    CONTENT_TYPES.iter().find(|(known, _)| *known == ending).map_or("application/octet-stream", |(_, said)| said)
}

fn plain(segment: &str) -> String {
    let kept: String = segment.chars().filter(|c| !deceives(*c)).collect();
    kept.trim_matches(at_an_end).to_owned()
}

fn at_an_end(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Control characters, and those that are not seen but change how their neighbours are.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Shortens the stem, so that the ending stays.
fn cut(name: String) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let ending = ending(&name);
    let ending = if ending.is_empty() { String::new() } else { format!(".{ending}") };
    let mut end = NAME_BYTES_MAX - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", name[..end].trim_end_matches(at_an_end))
}

fn ending(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((_, ending)) if ending.len() <= ENDING_CHARS_MAX && ending.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            ending
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_safe(name: &str) -> bool {
        !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.starts_with(at_an_end)
            && !name.ends_with(at_an_end)
            && !name.contains(['/', '\\'])
            && !name.chars().any(deceives)
    }

    /// Text that is mostly trouble.
    fn hostile() -> impl Strategy<Value = String> {
        let trouble = prop::sample::select(vec![
            "/", "\\", "..", ".", " ", "\0", "\r\n", "\"", "%00", "\u{202E}", "\u{2066}", "\u{FEFF}", "é", "😀", "exe",
        ]);
        let part = prop_oneof![trouble.prop_map(str::to_owned), "\\PC{0,12}", any::<char>().prop_map(String::from)];
        prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_safe_one(raw in hostile()) {
            let name = clean_name(&raw);
            prop_assert!(is_safe(&name), "{name:?}");
            prop_assert_eq!(clean_name(&name), name.clone());
        }

        #[test]
        fn a_long_name_keeps_its_ending(stem in "[a-zé😀 ]{1,400}", ending in "[a-z0-9]{1,16}") {
            let name = clean_name(&format!("x{stem}.{ending}"));
            prop_assert!(is_safe(&name) && name.ends_with(&format!(".{ending}")), "{name:?}");
        }
    }

    #[test]
    fn names_are_what_people_expect() {
        for (raw, name) in [
            ("/home/ada/Studio Pro 2.zip", "Studio Pro 2.zip"),
            ("C:\\goods\\setup.exe", "setup.exe"),
            ("../../etc/passwd", "passwd"),
            ("goods/", "goods"),
            (".htaccess", "htaccess"),
            ("invoice\u{202E}fdp.exe", "invoicefdp.exe"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
            ("..", "download"),
            ("", "download"),
            ("Übung für Zoë.pdf", "Übung für Zoë.pdf"),
        ] {
            assert_eq!(clean_name(raw), name, "{raw:?}");
        }
    }

    #[test]
    fn nothing_is_said_to_be_a_page() {
        for name in ["index.html", "image.svg", "app.js", "page.xhtml", "none", "x."] {
            assert_eq!(content_type(name), "application/octet-stream", "{name}");
        }
        assert_eq!(content_type("Book.PDF"), "application/pdf");
    }
}
