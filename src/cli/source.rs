//! What commands share: what their operator says; of those that read a file whose product it is for, the file
//! itself, a bar, and the lines that were refused.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sqlx::PgConnection;

use super::shop::explain;
use crate::domain::products::{self, Product, ProductId};
use crate::domain::shops::{self, Mode, Tenant};
use crate::error::Error;

/// Refusals shown; beyond these they are only counted.
const REFUSALS_SHOWN: u64 = 100;

/// Things that one `list` prints.
pub const LISTED_MAX: i64 = 1_000;
/// What an operator says of something, in one line.
const SAID_CHARS_MAX: usize = 200;

/// What was said with this flag.
pub fn said(flag: &str, text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if !(1..=SAID_CHARS_MAX).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        bail!("{flag} must be one line of 1 to {SAID_CHARS_MAX} characters");
    }
    Ok(text.to_owned())
}

/// Lines that were not taken.
#[derive(Debug, Default)]
pub struct Refusals {
    pub count: u64,
}

impl Refusals {
    /// Names the line, never what stands in it.
    pub fn note(&mut self, line: u64, why: &str, bar: &ProgressBar) {
        self.count += 1;
        if self.count <= REFUSALS_SHOWN {
            bar.suspend(|| eprintln!("line {line}: {why}"));
        } else if self.count == REFUSALS_SHOWN + 1 {
            bar.suspend(|| eprintln!("more lines are refused; from here on they are only counted"));
        }
    }
}

/// The product names its shop: the live one, or its sandbox twin.
pub async fn find_product(db: &mut PgConnection, shop: &str, product: &str) -> anyhow::Result<(Tenant, Product)> {
    let found = shops::find(db, shop, Mode::Live).await.map_err(explain)?;
    let id = ProductId::parse(product)
        .with_context(|| format!("--product {product:?} is not a product id such as prod_01J2…"))?;
    for tenant in [found.tenant, found.twin] {
        match products::get(db, tenant, id).await {
            Ok(product) => return Ok((tenant, product)),
            Err(Error::NotFound(_)) => {}
            Err(e) => return Err(explain(e)),
        }
    }
    bail!("shop {shop:?} has no product {product}, live or in its sandbox")
}

/// The file, or standard input where it is `-`, moving the bar as it is read.
pub fn open(file: &Path, bar: &ProgressBar) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(bar.wrap_read(std::io::stdin()))));
    }
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, bar.wrap_read(opened))))
}

/// A bar of the bytes read, where somebody looks.
pub fn progress(file: &Path) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    match std::fs::metadata(file) {
        Ok(meta) if meta.is_file() => {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
            ProgressBar::new(meta.len()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        _ => ProgressBar::new_spinner(),
    }
}
