//! The command line. Each command works beside a running server, on the embedded database too.

mod database;
mod demo;
mod doctor;
mod files;
mod import;
mod rotate;
mod serve;
mod shop;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand, ValueEnum};

pub use database::MIGRATIONS;

use crate::config::Config;
use crate::domain::keys::Surface;
use crate::domain::shops::Mode;
use crate::http::openapi;

/// A server for merchants of digital codes: each code goes out exactly once.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Settings come from config/default.toml, a file that KEYHOUSE_CONFIG names, and the \
environment.\n\nExamples:\n  keyhouse                                   start, with nothing configured\n  \
keyhouse shop create --name \"Acme Keys\"     a shop, its sandbox and their first keys\n  \
DATABASE_URL=postgres://… keyhouse serve   on a database of your own"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, serve every surface, run the worker (the default)
    Serve {
        /// Create the demo shop on a database of your own, if it has no shop yet
        #[arg(long)]
        demo: bool,
    },
    /// The worker alone, for more replicas
    Worker,
    /// Migrations alone
    Migrate,
    /// The embedded Postgres
    #[command(subcommand)]
    Db(DbCommand),
    /// Shops
    #[command(subcommand)]
    Shop(ShopCommand),
    /// API keys, and the house's own
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Load codes from a file, one a line or CSV (`serial[,variant]`); safe to run again
    #[command(after_help = "Examples:\n  keyhouse import --shop demo --product prod_01J2… codes.txt\n  \
generate-codes | keyhouse import --shop demo --product prod_01J2… -")]
    Import {
        /// The shop's slug or id
        #[arg(long)]
        shop: String,
        /// The product's id, live or of the sandbox
        #[arg(long)]
        product: String,
        /// Read it as CSV, whatever its name
        #[arg(long)]
        csv: bool,
        /// For scripts
        #[arg(long)]
        json: bool,
        /// `-` reads standard input
        file: std::path::PathBuf,
    },
    /// Files that products sell
    #[command(subcommand)]
    Files(FilesCommand),
    /// Print an OpenAPI document as JSON
    Openapi {
        /// v1, dev, reseller or checkout
        #[arg(default_value = "v1")]
        surface: String,
    },
    /// Check configuration, database, migrations, clock and mail, and say what to mend
    Doctor {
        /// Check every ledger and stock law too
        #[arg(long)]
        books: bool,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// Ask a running server whether it is ready
    Health,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum DbCommand {
    /// Print its URL, for other tools; starts it if it is not running
    Url,
    /// Start it and leave it running
    Start,
    /// Stop it
    Stop,
}

#[derive(Debug, Subcommand)]
enum ShopCommand {
    /// Create a shop and its sandbox twin, with keys that hold every ability
    Create {
        #[arg(long)]
        name: String,
        /// In addresses; made of the name unless given
        #[arg(long)]
        slug: Option<String>,
        #[arg(long, default_value = "USD")]
        currency: String,
        /// Who gets the operator's mail
        #[arg(long)]
        email: Option<String>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum FilesCommand {
    /// Store a file and make it what a `file_download` product sells; orders of the product get it from now on
    #[command(after_help = "Examples:\n  keyhouse files put --shop demo --product prod_01J2… studio-pro.zip\n  \
keyhouse files put --shop demo --product prod_01J2… --json book.pdf\n\nFiles are kept below the data directory, or in \
the S3 bucket that the settings name, not encrypted.")]
    Put {
        /// The shop's slug or id
        #[arg(long)]
        shop: String,
        /// The product's id, live or of the sandbox
        #[arg(long)]
        product: String,
        /// For scripts
        #[arg(long)]
        json: bool,
        file: std::path::PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make an API key; its secret is shown once
    Mint {
        /// The shop's slug or id
        #[arg(long)]
        shop: String,
        #[arg(long)]
        surface: KeySurface,
        #[arg(long, default_value = "live")]
        mode: KeyMode,
        /// Comma-separated, or `all`
        #[arg(long)]
        scopes: String,
        #[arg(long, default_value = "minted on the command line")]
        name: String,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// Replace one of the house's own keys
    #[command(subcommand)]
    Rotate(RotateCommand),
}

#[derive(Debug, Subcommand)]
enum RotateCommand {
    /// The keys that sign verdicts and license files; no client that pins the published keys notices
    #[command(after_help = "Examples:\n  keyhouse keys rotate signing             once a year, say\n  \
keyhouse keys rotate signing --leaked    when somebody else may have the key\n  \
keyhouse keys rotate signing --json | jq -r .signs\n\nThe successor, which /.well-known/jwks.json has listed since the \
rotation before, signs from now on, and a new successor is published. The key that signed until now stays published until \
the next rotation; then it is deleted, and license files that it signed must have been fetched anew. Running servers follow \
in about a minute, without a restart.")]
    Signing {
        /// Stop publishing the key that signed until now at once: what it signed is refused from now on
        #[arg(long)]
        leaked: bool,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeySurface {
    Merchant,
    Developer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeyMode {
    Live,
    Test,
}

impl From<KeySurface> for Surface {
    fn from(surface: KeySurface) -> Self {
        match surface {
            KeySurface::Merchant => Self::Merchant,
            KeySurface::Developer => Self::Developer,
        }
    }
}

impl From<KeyMode> for Mode {
    fn from(mode: KeyMode) -> Self {
        match mode {
            KeyMode::Live => Self::Live,
            KeyMode::Test => Self::Test,
        }
    }
}

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
            Command::Files(FilesCommand::Put { shop, product, json, file }) => {
                files::put(&config, files::Wanted { shop, product, file, json }).await
            }
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
