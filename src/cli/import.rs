//! `keyhouse import`: codes from a file of any length, streamed, a batch a transaction. Running it
//! again is safe: what the pool already knows is counted as a duplicate.

use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::database::Session;
use super::shop::explain;
use super::source::{Refusals, find_product, open, progress};
use crate::config::Config;
use crate::domain::orders;
use crate::domain::products::{self, Product, ProductId};
use crate::domain::serials::{self, CODE_BYTES_MAX, Code, Cursors};
use crate::domain::shops::Tenant;
use crate::kit::env::Env;

/// Codes of one transaction: as many as one call of the API takes.
const BATCH: usize = 5_000;
/// A line much longer than any code is refused without being kept.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Some editors begin a file with it; it is no part of the first code.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[derive(Debug)]
pub struct Wanted {
    pub shop: String,
    pub product: String,
    /// `-` is standard input.
    pub file: PathBuf,
    pub csv: bool,
    pub json: bool,
}

#[derive(Debug, Default)]
struct Report {
    imported: i64,
    duplicates: i64,
    refused: Refusals,
    stock_after: i64,
}

/// Runs the import; exit status 1 where a line was refused.
pub async fn import(config: &Config, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let (shop, product) = find_product(&mut session.db, &wanted.shop, &wanted.product).await?;
    if !product.r#type.takes_codes() {
        bail!("{} is of type {}, which takes no codes", product.id, product.r#type.word());
    }
    let bar = progress(&wanted.file);
    let source = open(&wanted.file, &bar)?;
    let csv = wanted.csv || wanted.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let lines: Box<dyn Iterator<Item = Line>> = if csv { Box::new(records(source)) } else { Box::new(lines(source)) };

    let mut report = Report { stock_after: stock(&mut session.db, shop, &product).await?, ..Report::default() };
    let mut batch = Vec::with_capacity(BATCH);
    for line in lines {
        match line.code? {
            Ok(code) => batch.push(code),
            Err(why) => report.refused.note(line.number, why, &bar),
        }
        if batch.len() == BATCH {
            report.add(&mut session.db, &session.env, shop, product.id, &mut batch).await?;
            bar.set_message(format!("{} imported", report.imported));
        }
    }
    if !batch.is_empty() {
        report.add(&mut session.db, &session.env, shop, product.id, &mut batch).await?;
    }
    bar.finish_and_clear();
    report.print(wanted.json);
    session.close().await?;
    Ok(if report.refused.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Of a product that has no pool yet, no code is free.
async fn stock(db: &mut PgConnection, shop: Tenant, product: &Product) -> anyhow::Result<i64> {
    match product.pool {
        Some(pool) => serials::stock_of(db, shop, pool).await.map_err(explain),
        None => Ok(0),
    }
}

impl Report {
    /// One batch, one transaction; waiting orders are served with it.
    async fn add(
        &mut self,
        db: &mut PgConnection,
        env: &Env,
        shop: Tenant,
        product: ProductId,
        batch: &mut Vec<Code>,
    ) -> anyhow::Result<()> {
        let mut transaction = db.begin().await?;
        let cursors = Cursors::default();
        let added = async {
            let db = &mut *transaction;
            let pool = products::pool_for_import(db, shop, env, product).await?;
            let waiting = orders::lock_waiting(db, shop, pool).await?;
            let added = serials::import(db, shop, env, pool, batch).await?;
            orders::hand_out(db, shop, env, &cursors, pool, &waiting).await?;
            Ok((added, serials::stock_of(db, shop, pool).await?))
        }
        .await;
        let (added, stock_after) = added.map_err(explain)?;
        transaction.commit().await?;
        batch.clear();
        self.imported += added.imported;
        self.duplicates += added.duplicates;
        self.stock_after = stock_after;
        Ok(())
    }

    fn print(&self, json: bool) {
        let Self { imported, duplicates, stock_after, .. } = self;
        let refused = self.refused.count;
        if json {
            let all = json!({ "imported": imported, "duplicates": duplicates, "refused": refused, "stock_after": stock_after });
            println!("{all}");
        } else {
            println!("{imported} imported, {duplicates} duplicates, {refused} refused; {stock_after} in stock");
        }
    }
}

/// A line of the file: what can be read of it, or what is wrong with it. The outer error is the file's.
struct Line {
    number: u64,
    code: anyhow::Result<Result<Code, &'static str>>,
}

/// One code a line; empty lines are passed over.
fn lines(mut source: impl BufRead) -> impl Iterator<Item = Line> {
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            number += 1;
            let mut bytes = Vec::new();
            let read = source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
            let line = bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| number == 1).unwrap_or(&bytes);
            match read {
                Err(e) => return Some(Line { number, code: Err(e.into()) }),
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) if !bytes.ends_with(b"\n") && bytes.len() as u64 == LINE_BYTES_MAX => {
                    let skipped = skip_line(&mut source);
                    let code = skipped.map(|()| Err("must have at most 4096 bytes")).map_err(Into::into);
                    return Some(Line { number, code });
                }
                Ok(_) => return Some(Line { number, code: Ok(code(line)) }),
            }
        }
    })
}

/// Reads on to the end of a line that is too long, keeping nothing.
fn skip_line(source: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        source.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// `serial[,variant]`, quoted as in RFC 4180; a first record that says `serial` is the header.
fn records(source: impl Read) -> impl Iterator<Item = Line> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    let mut first = true;
    reader.into_byte_records().filter_map(move |record| {
        let is_first = std::mem::replace(&mut first, false);
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let number = e.position().map_or(0, csv::Position::line);
                return Some(Line { number, code: Err(e.into()) });
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        let serial = record.get(0).unwrap_or_default();
        if is_first && serial.trim_ascii().eq_ignore_ascii_case(b"serial") {
            return None;
        }
        let has_variant = record.iter().skip(1).any(|column| !column.trim_ascii().is_empty());
        let code = if has_variant { Err("names a variant, and the product has none") } else { code(serial) };
        Some(Line { number, code: Ok(code) })
    })
}

fn code(bytes: &[u8]) -> Result<Code, &'static str> {
    if bytes.len() > CODE_BYTES_MAX * 4 {
        return Err("must have at most 4096 bytes");
    }
    Code::parse(std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?)
}
