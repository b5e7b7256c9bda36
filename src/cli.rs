//! The command line. Each command works beside a running server, on the embedded database too.

mod arguments;
mod database;
mod demo;
mod doctor;
mod files;
mod import;
mod licenses;
mod mail;
mod payouts;
mod refunds;
mod rotate;
mod serve;
mod shop;
mod source;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
pub use arguments::Cli;
use arguments::{Command, FilesCommand, KeysCommand, LicensesCommand, MailCommand, RotateCommand, ShopCommand};
pub use database::MIGRATIONS;

use crate::config::Config;
use crate::http::openapi;

/// Runs one command.
///
/// # Errors
/// What went wrong and what to do about it, for people.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve { demo: false });
    if let Command::Openapi { surface } = &command {
        return print_document(surface);
    }
    let config = Config::load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve { demo } => serve::serve(config, demo).await,
            Command::Worker => serve::work(config).await,
            Command::Migrate => database::migrate_only(&config).await,
            Command::Db(command) => database::command(&config, command),
            Command::Shop(ShopCommand::Create { name, slug, currency, email, json }) => {
                let wanted = shop::Wanted { name, slug, currency, email };
                shop::create(&config, wanted, json).await
            }
            Command::Keys(KeysCommand::Mint { shop, surface, mode, scopes, name, json }) => {
                let wanted = shop::WantedKey { shop, surface: surface.into(), mode: mode.into(), scopes, name };
                shop::mint(&config, wanted, json).await
            }
            Command::Keys(KeysCommand::Rotate(RotateCommand::Signing { leaked, json })) => {
                rotate::signing(&config, leaked, json).await
            }
            Command::Import { shop, product, csv, json, file } => {
                import::import(&config, import::Wanted { shop, product, file, csv, json }).await
            }
            Command::Licenses(LicensesCommand::Import { shop, product, json, file }) => {
                licenses::import(&config, licenses::Wanted { shop, product, file, json }).await
            }
            Command::Files(FilesCommand::Put { shop, product, json, file }) => {
                files::put(&config, files::Wanted { shop, product, file, json }).await
            }
            Command::Refunds(command) => refunds::command(&config, command).await,
            Command::Payouts(command) => payouts::command(&config, command).await,
            Command::Mail(MailCommand::Preview { dir }) => mail::preview(&config, &dir),
            Command::Doctor { books, json } => doctor::examine(config, books, json).await,
            Command::Health => health(config.listen),
            Command::Openapi { .. } => Ok(ExitCode::SUCCESS),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

fn print_document(surface: &str) -> anyhow::Result<ExitCode> {
    let known = || openapi::SURFACES.map(openapi_name).join(", ");
    let surface = crate::http::door::Surface::named(surface)
        .with_context(|| format!("there is no document {surface:?}; there are {}", known()))?;
    println!("{}", openapi::describe(surface).to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

fn openapi_name(surface: crate::http::door::Surface) -> &'static str {
    surface.name()
}

/// Plain enough for a socket: one request, the status line of its answer.
fn health(listen: SocketAddr) -> anyhow::Result<ExitCode> {
    let patience = Duration::from_secs(3);
    let mut stream =
        TcpStream::connect_timeout(&listen, patience).with_context(|| format!("nothing answers at {listen}"))?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4_096).read_to_string(&mut answer).context("no answer")?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("not ready: {}", answer.lines().last().unwrap_or("no answer"));
    }
    println!("ready");
    Ok(ExitCode::SUCCESS)
}
