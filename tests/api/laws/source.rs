//! The source as text, for laws that read it.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct Source {
    /// Below `src/`.
    pub path: String,
    pub text: String,
    /// The text with comments, strings and tests blanked out, line for line.
    pub code: String,
}

/// A function and how long it is, from its signature to its last brace.
pub struct Function {
    pub name: String,
    pub lines: usize,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src/`, sorted by path.
pub fn all() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files.sort();
    files.iter().map(|file| Source::open(file)).collect()
}

pub fn read(path: &str) -> Source {
    Source::open(&root().join("src").join(path))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn open(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let path = file.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
        let code = without_tests(&blank(&text));
        Self { path, text, code }
    }

    /// Where it stands in the module tree: `domain::orders::expiry`.
    pub fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let module = path.split('/').map(str::to_owned).collect::<Vec<_>>();
        if ["lib", "main"].contains(&path) { Vec::new() } else { module }
    }

    /// Every line number, from 1, whose code contains `what`.
    pub fn lines_with(&self, what: &str) -> Vec<usize> {
        self.code.lines().enumerate().filter(|(_, line)| line.contains(what)).map(|(n, _)| n + 1).collect()
    }

    pub fn functions(&self) -> Vec<Function> {
        let code = self.code.as_bytes();
        words(&self.code, "fn").filter_map(|at| function(code, at)).collect()
    }

    /// Full paths of what is used of this crate, by `crate::…` and `super::…`.
    pub fn imports(&self) -> Vec<Vec<String>> {
        let module = self.module();
        let mut found = Vec::new();
        for at in words(&self.code, "crate") {
            follow(&self.code[at + "crate".len()..], &mut Vec::new(), &mut found);
        }
        for at in words(&self.code, "super") {
            if self.code[..at].ends_with("super::") {
                continue; // counted with the first of the chain
            }
            let mut rest = &self.code[at..];
            let mut above = module.clone();
            while let Some(after) = rest.strip_prefix("super") {
                above.pop();
                rest = after.strip_prefix("::").filter(|next| next.starts_with("super")).unwrap_or(after);
            }
            follow(rest, &mut above, &mut found);
        }
        found
    }
}

/// Reads `::a::{b, c::d}` behind what has been read so far.
fn follow(rest: &str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = path.len();
    let mut at = 0;
    while rest[at..].starts_with("::") {
        at += 2;
        if rest[at..].starts_with('{') {
            at += 1;
            loop {
                at += rest[at..].len() - rest[at..].trim_start_matches([' ', '\n', ',']).len();
                if rest[at..].starts_with('}') || rest[at..].is_empty() {
                    break;
                }
                let name = ident(&rest[at..]);
                let taken = name.len().max(1);
                path.push(name.to_owned());
                at += taken + follow(&rest[at + taken..], path, found);
                path.pop();
                let tail = rest[at..].find([',', '}']).unwrap_or(0); // ` as name`
                at += tail;
            }
            path.truncate(depth);
            return at + 1;
        }
        let name = ident(&rest[at..]);
        if name.is_empty() {
            break;
        }
        path.push(name.to_owned());
        at += name.len();
    }
    found.push(path.clone());
    path.truncate(depth);
    at
}

fn ident(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a whole word stands in the text.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = *at == 0 || !is_word(bytes[at - 1]);
        let after = bytes.get(at + word.len()).is_none_or(|b| !is_word(*b));
        before && after
    })
}

fn function(code: &[u8], at: usize) -> Option<Function> {
    let text = std::str::from_utf8(&code[at..]).ok()?;
    let name = ident(text[2..].trim_start()).to_owned();
    if name.is_empty() {
        return None; // the type of a function
    }
    let mut depth = 0_i32;
    let body = text.bytes().position(|b| {
        depth += i32::from(matches!(b, b'(' | b'[')) - i32::from(matches!(b, b')' | b']'));
        depth == 0 && matches!(b, b'{' | b';')
    })?;
    if text.as_bytes()[body] == b';' {
        return None; // declared in a trait
    }
    let end = closing(text.as_bytes(), body);
    Some(Function { name, lines: text[..end].matches('\n').count() + 1 })
}

/// Behind the brace that closes the one at `open`.
fn closing(code: &[u8], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.iter().enumerate().skip(open) {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

fn without_tests(code: &str) -> String {
    let mut code = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(at) = std::str::from_utf8(&code[from..]).unwrap().find("#[cfg(test)]").map(|at| at + from) {
        let open = code[at..].iter().position(|b| matches!(b, b'{' | b';')).map_or(code.len() - 1, |n| at + n);
        let end = if code[open] == b'{' { closing(&code, open) } else { open + 1 };
        code[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        from = end;
    }
    String::from_utf8(code).unwrap()
}

/// Puts spaces over comments and over what stands between quotes.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (skip, end) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => (0, line_end(bytes, at)),
            b'/' if bytes[at..].starts_with(b"/*") => (0, find(bytes, at, b"*/") + 2),
            b'r' if at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b' => match raw_string(bytes, at) {
                Some((skip, end)) => (skip, end),
                None => (0, at),
            },
            b'"' => (1, string_end(bytes, at)),
            b'\'' => (1, char_end(bytes, at)),
            _ => (0, at),
        };
        if end <= at {
            at += 1;
            continue;
        }
        let last = end.min(bytes.len());
        let inner = (at + skip)..last.saturating_sub(usize::from(skip > 0));
        out[inner].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        at = last;
    }
    String::from_utf8(out).unwrap()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

fn find(bytes: &[u8], at: usize, what: &[u8]) -> usize {
    bytes[at..].windows(what.len()).position(|window| window == what).map_or(bytes.len(), |n| at + n)
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end + 1
}

/// `r#"…"#`: how much stands before what it holds, and its end.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    Some((hashes + 2, find(bytes, at + hashes + 2, &close) + close.len()))
}

/// The end of a character; a lifetime has none.
fn char_end(bytes: &[u8], at: usize) -> usize {
    let width = match bytes.get(at + 1) {
        Some(b'\\') => return find(bytes, at + 3, b"'") + 1,
        Some(first) if *first >= 0x80 => bytes[at + 1..].iter().skip(1).take_while(|b| **b & 0xC0 == 0x80).count() + 1,
        _ => 1,
    };
    if bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
}

#[test]
fn the_reader_of_the_source_reads_rust() {
    let text = "use crate::a::{b, c::{self, D}};\nfn f<'a>(x: [u8; 2]) -> char { // }\n    let s = \"}\\\"\";\n    '}'\n}\n\
                #[cfg(test)]\nmod tests { fn g() { } }\nfn h() { r#\"\"}\"# }\n";
    let code = without_tests(&blank(text));
    let source = Source { path: "x/y.rs".into(), text: text.into(), code };
    let functions: Vec<_> = source.functions().into_iter().map(|f| (f.name, f.lines)).collect();
    assert_eq!(functions, [("f".to_owned(), 4), ("h".to_owned(), 1)]);
    let imports: Vec<String> = source.imports().iter().map(|path| path.join("::")).collect();
    assert_eq!(imports, ["a::b", "a::c::self", "a::c::D"]);
    let above = Source { code: "use super::super::k::L; super::m();".into(), ..source };
    let imports: Vec<String> = above.imports().iter().map(|path| path.join("::")).collect();
    assert_eq!(imports, ["k::L", "x::m"]);
}
