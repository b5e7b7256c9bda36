//! The command line's words, and what they say of themselves.

mod money;

use clap::{Parser, Subcommand, ValueEnum};
pub use money::{Of, PayoutsCommand, RefundsCommand};

use crate::domain::keys::Surface;
use crate::domain::shops::Mode;

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
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
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
    /// Licenses
    #[command(subcommand)]
    Licenses(LicensesCommand),
    /// Refunds that you give back by hand
    #[command(subcommand)]
    Refunds(RefundsCommand),
    /// Payouts that you send by hand
    #[command(subcommand)]
    Payouts(PayoutsCommand),
    /// Mails
    #[command(subcommand)]
    Mail(MailCommand),
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
pub enum DbCommand {
    /// Print its URL, for other tools; starts it if it is not running
    Url,
    /// Start it and leave it running
    Start,
    /// Stop it
    Stop,
}

#[derive(Debug, Subcommand)]
pub enum ShopCommand {
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
pub enum FilesCommand {
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
pub enum MailCommand {
    /// Write every mail with made-up words, for looking at: its text, its page, and the whole of it (.eml)
    #[command(after_help = "Examples:\n  keyhouse mail preview ./mails && xdg-open ./mails/order_delivered.html")]
    Preview {
        /// Made if it is not there
        dir: std::path::PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum LicensesCommand {
    /// Take licenses over from elsewhere: a CSV file with a header; safe to run again
    #[command(
        after_help = "Columns, in any order: license_key (required), status (ACTIVE, SUSPENDED, REVOKED, EXPIRED), \
hardware_id, allowed_ips (addresses, CIDRs and ranges, separated by blanks), uses, max_uses, expires_at (2026-12-31T00:00:00Z), \
customer_email, invoice_id. What is left out is as for a new license.\n\nA key that the shop has already is a duplicate and stays \
as it is. An active license whose date is past comes in expired. Nobody is told by webhook: these licenses were not made now.\n\n\
Examples:\n  keyhouse licenses import --shop demo --product prod_01J2… licenses.csv\n  \
export-licenses | keyhouse licenses import --shop demo --product prod_01J2… --json -"
    )]
    Import {
        /// The shop's slug or id
        #[arg(long)]
        shop: String,
        /// The product's id, live or of the sandbox
        #[arg(long)]
        product: String,
        /// For scripts
        #[arg(long)]
        json: bool,
        /// `-` reads standard input
        file: std::path::PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
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
pub enum RotateCommand {
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
pub enum KeySurface {
    Merchant,
    Developer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeyMode {
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
