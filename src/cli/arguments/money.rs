//! The words of what an operator moves by hand: refunds and payouts.

use clap::{Args, Subcommand, ValueEnum};

use super::KeyMode;
use crate::domain::payouts::Status;

/// Whose, and how it is answered.
#[derive(Debug, Args)]
pub struct Of {
    /// The shop's slug or id
    #[arg(long)]
    pub shop: String,
    /// For scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum RefundsCommand {
    /// What is on its way, oldest first; those of gateway `manual` wait for you
    #[command(
        after_help = "Examples:\n  keyhouse refunds list --shop demo\n  keyhouse refunds list --shop demo --mode test --json | \
jq -r '.[].id'"
    )]
    List {
        #[command(flatten)]
        of: Of,
        #[arg(long, default_value = "live")]
        mode: KeyMode,
    },
    /// You have given the money back: the buyer is told, and an order refunded in full is over
    #[command(after_help = "Examples:\n  keyhouse refunds complete --shop demo rf_01J2…\n  \
keyhouse refunds complete --shop demo --tx 0x5c50… rf_01J2…\n\nSend the money first: the order, its licenses and the books \
follow at once, and a refund that is completed stays so.")]
    Complete {
        #[command(flatten)]
        of: Of,
        /// The transaction that carried it, if there is one
        #[arg(long)]
        tx: Option<String>,
        refund: String,
    },
    /// The money could not be given back: its amount can be refunded anew
    #[command(
        after_help = "Examples:\n  keyhouse refunds fail --shop demo --reason \"the account is closed\" rf_01J2…"
    )]
    Fail {
        #[command(flatten)]
        of: Of,
        #[arg(long)]
        reason: String,
        refund: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum PayoutsCommand {
    /// Payouts, newest first; those that are queued or broadcast wait for you
    #[command(
        after_help = "Examples:\n  keyhouse payouts list --shop demo\n  keyhouse payouts list --shop demo --status \
failed,confirmed\n  keyhouse payouts list --shop demo --json | jq -r '.[] | [.id, .destination_address] | @tsv'"
    )]
    List {
        #[command(flatten)]
        of: Of,
        #[arg(long, default_value = "live")]
        mode: KeyMode,
        /// Comma-separated
        #[arg(long, value_delimiter = ',', default_value = "queued,broadcast")]
        status: Vec<PayoutStatus>,
    },
    /// You have sent it: write down what went out, and at which rate
    #[command(
        after_help = "Examples:\n  keyhouse payouts broadcast --shop demo --tx 0x5c50… --asset-amount 48.99 --rate 1.0002 \
--rate-source kraken po_01J2…\n\nThe rate is units of the shop's currency for one of the asset. Look at the payout's state first: \
one that is broadcast already must not be sent twice."
    )]
    Broadcast {
        #[command(flatten)]
        of: Of,
        /// The transaction
        #[arg(long)]
        tx: String,
        /// What went out of the asset, as a decimal
        #[arg(long)]
        asset_amount: String,
        /// Units of the shop's currency for one of the asset, as a decimal
        #[arg(long)]
        rate: String,
        /// Where the rate is from
        #[arg(long)]
        rate_source: String,
        payout: String,
    },
    /// It has arrived
    #[command(after_help = "Examples:\n  keyhouse payouts confirm --shop demo po_01J2…")]
    Confirm {
        #[command(flatten)]
        of: Of,
        payout: String,
    },
    /// Nothing went out, or it came back: its amount can be paid out again
    #[command(
        after_help = "Examples:\n  keyhouse payouts fail --shop demo --reason \"the exchange refuses this address\" po_01J2…\n\n\
The shop's owner is told by mail, where the shop has an owner's address."
    )]
    Fail {
        #[command(flatten)]
        of: Of,
        #[arg(long)]
        reason: String,
        payout: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PayoutStatus {
    Queued,
    Broadcast,
    Confirmed,
    Failed,
}

impl From<PayoutStatus> for Status {
    fn from(status: PayoutStatus) -> Self {
        match status {
            PayoutStatus::Queued => Self::Queued,
            PayoutStatus::Broadcast => Self::Broadcast,
            PayoutStatus::Confirmed => Self::Confirmed,
            PayoutStatus::Failed => Self::Failed,
        }
    }
}
