//! `keyhouse licenses import`: licenses taken over from elsewhere, streamed, a batch a transaction. Running
//! it again is safe: a key that the shop has already is counted as a duplicate.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use csv::StringRecord;
use serde_json::json;
use sqlx::Connection as _;
use uuid::Uuid;

use super::database::Session;
use super::shop::explain;
use super::source::{Refusals, find_product, open, progress};
use crate::config::Config;
use crate::domain::licenses::{self, Hwid, Key, NewLicense, Status};
use crate::domain::products::ProductId;
use crate::http::door::params::date_time;
use crate::kit::ip_rule::{IpRule, RULES_MAX};
use crate::kit::values::Email;

/// Licenses of one transaction.
const BATCH: usize = 1_000;
/// As the API takes them.
const USES_MAX: i64 = 1_000_000_000_000;
const COLUMNS: [&str; 9] = [
    "license_key",
    "status",
    "hardware_id",
    "allowed_ips",
    "uses",
    "max_uses",
    "expires_at",
    "customer_email",
    "invoice_id",
];

#[derive(Debug)]
pub struct Wanted {
    pub shop: String,
    pub product: String,
    /// `-` is standard input.
    pub file: PathBuf,
    pub json: bool,
}

/// Runs the import; exit status 1 where a line was refused.
pub async fn import(config: &Config, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let (shop, product) = find_product(&mut session.db, &wanted.shop, &wanted.product).await?;
    let bar = progress(&wanted.file);
    let mut records = Records::open(open(&wanted.file, &bar)?)?;
    let (mut refused, mut done) = (Refusals::default(), licenses::Imported::default());
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH
            && let Some((line, read)) = records.next(product.id)?
        {
            match read {
                // It has run out on the way here.
                Ok(new) if new.status == Status::Active && new.expires_at.is_some_and(|at| at <= session.env.now()) => {
                    batch.push(NewLicense { status: Status::Expired, ..new });
                }
                Ok(new) => batch.push(new),
                Err(why) => refused.note(line, &why, &bar),
            }
        }
        if batch.is_empty() {
            break;
        }
        let mut transaction = session.db.begin().await?;
        let added = licenses::import(&mut transaction, shop, &session.env, &product, batch).await.map_err(explain)?;
        transaction.commit().await?;
        done.imported += added.imported;
        done.duplicates += added.duplicates;
        bar.set_message(format!("{} imported", done.imported));
    }
    bar.finish_and_clear();
    let (imported, duplicates, refused) = (done.imported, done.duplicates, refused.count);
    if wanted.json {
        println!("{}", json!({ "imported": imported, "duplicates": duplicates, "refused": refused }));
    } else {
        println!("{imported} imported, {duplicates} duplicates, {refused} refused");
    }
    session.close().await?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The lines of the file, by the names of its columns.
struct Records<R> {
    reader: csv::Reader<R>,
    /// Where each of [`COLUMNS`] stands.
    places: [Option<usize>; COLUMNS.len()],
    columns: usize,
}

impl<R: Read> Records<R> {
    /// # Errors
    /// A header that cannot be read, names a column that is unknown or twice there, or has no keys.
    fn open(source: R) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source);
        let header = reader.headers().context("the header, in the first line, cannot be read")?.clone();
        let mut places = [None; COLUMNS.len()];
        for (at, name) in header.iter().enumerate() {
            let name = name.trim_start_matches('\u{feff}').trim();
            let known = COLUMNS.iter().position(|column| column.eq_ignore_ascii_case(name));
            let known =
                known.with_context(|| format!("there is no column {name:?}; there are {}", COLUMNS.join(", ")))?;
            if places[known].replace(at).is_some() {
                bail!("the column {name:?} is there twice");
            }
        }
        if places[0].is_none() {
            bail!("the header names no column license_key");
        }
        Ok(Self { reader, places, columns: header.len() })
    }

    /// The next line's number, and what stands there or what is wrong with it. The outer error is the file's.
    fn next(&mut self, product: ProductId) -> anyhow::Result<Option<(u64, Result<NewLicense, String>)>> {
        let mut record = StringRecord::new();
        match self.reader.read_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                Ok(Some((line, self.license(&record, product))))
            }
            Err(e) if matches!(e.kind(), csv::ErrorKind::Utf8 { .. }) => {
                Ok(Some((e.position().map_or(0, csv::Position::line), Err("is not UTF-8".into()))))
            }
            Err(e) => Err(e.into()),
        }
    }

    fn license(&self, record: &StringRecord, product: ProductId) -> Result<NewLicense, String> {
        if record.len() != self.columns {
            return Err(format!("has {} columns, and the header {}", record.len(), self.columns));
        }
        let text = |column: usize| {
            let text = self.places[column].and_then(|at| record.get(at)).unwrap_or_default().trim();
            (!text.is_empty()).then_some(text)
        };
        let status = |text: &str| Status::WORDS.iter().find(|(word, _)| *word == text).map(|(_, status)| *status);
        Ok(NewLicense {
            product,
            key: Some(named(COLUMNS[0], Key::parse(text(0).unwrap_or_default()))?),
            status: match text(1) {
                None => Status::Active,
                Some(text) => status(text).ok_or("status must be ACTIVE, SUSPENDED, REVOKED or EXPIRED")?,
            },
            hwid: text(2).map(|text| named(COLUMNS[2], Hwid::parse(text))).transpose()?,
            allowed_ips: rules(text(3).unwrap_or_default())?,
            uses: number(COLUMNS[4], text(4), 0)?.unwrap_or(0),
            max_uses: number(COLUMNS[5], text(5), 1)?,
            expires_at: text(6)
                .map(|text| date_time(text).ok_or("expires_at must be a date-time with its zone"))
                .transpose()?,
            customer_email: text(7)
                .map(|text| Email::parse(text).ok_or("customer_email must be an e-mail address"))
                .transpose()?
                .map(|email| email.as_str().to_owned()),
            invoice: text(8).map(|text| Uuid::parse_str(text).map_err(|_| "invoice_id must be a UUID")).transpose()?,
        })
    }
}

fn named<T>(column: &str, read: Result<T, &'static str>) -> Result<T, String> {
    read.map_err(|why| format!("{column} {why}"))
}

fn number(column: &str, text: Option<&str>, least: i64) -> Result<Option<i64>, String> {
    let read = |text: &str| text.parse().ok().filter(|number| (least..=USES_MAX).contains(number));
    text.map(|text| read(text).ok_or_else(|| format!("{column} must be a whole number from {least}"))).transpose()
}

fn rules(text: &str) -> Result<Vec<IpRule>, String> {
    let rules: Vec<IpRule> =
        text.split_whitespace().map(|rule| named(COLUMNS[3], IpRule::parse(rule))).collect::<Result<_, _>>()?;
    if rules.len() > RULES_MAX {
        return Err(format!("allowed_ips must have at most {RULES_MAX} entries"));
    }
    Ok(rules)
}
