//! `keyhouse keys rotate …`: new ones for keys of the house's own.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;
use sqlx::Connection as _;

use super::database::Session;
use crate::config::Config;
use crate::domain::data_keys::{self, Rotation};

/// `keyhouse keys rotate signing`.
pub async fn signing(config: &Config, leaked: bool, json: bool) -> anyhow::Result<ExitCode> {
    let mut session = Session::open(config).await?;
    let mut transaction = session.db.begin().await?;
    let rotation = data_keys::rotate_signing(&mut transaction, &session.env, leaked).await?;
    transaction.commit().await?;
    session.close().await?;
    match rotation {
        Rotation::TooSoon { until } => bail!(
            "the keys were rotated a moment ago, and what the key before signed may still be on its way; \
             wait until {}, or give --leaked",
            until.format("%FT%TZ")
        ),
        Rotation::Done { signs, successor, before, retired } if json => {
            println!("{}", json!({ "signs": signs, "successor": successor, "before": before, "retired": retired }));
        }
        Rotation::Done { signs, successor, before, retired } => {
            println!("{signs} signs from now on; running servers follow in about a minute.");
            println!("{successor} is published, and signs after the next rotation: clients that pin keys pin it too.");
            if let Some(before) = before {
                println!("{before} stays published until the next rotation: what it signed goes on verifying.");
            }
            for kid in retired {
                println!("{kid} is deleted: what it signed is refused from now on.");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
