//! `keyhouse doctor`: is everything as it should be, and what to mend where it is not.

use std::process::ExitCode;

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::database::{self, Database, MIGRATIONS};
use super::shop::explain;
use crate::app::MAIL_DIR;
use crate::config::Config;
use crate::domain::ledger;
use crate::kit::clock::Clock;
use crate::kit::env::Env;
use crate::mailer::Mailer;
use crate::worker::WAKE_SESSIONS;

/// Between our clock and the database's.
const CLOCK_SKEW_MS_MAX: i64 = 2_000;

/// One thing looked at: `Err` says what to mend.
struct Finding {
    what: &'static str,
    result: Result<String, String>,
}

/// Looks at everything; exit status 1 where something is wrong.
pub async fn examine(config: Config, books: bool, json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = vec![Finding { what: "configuration", result: Ok("reads well".into()) }];
    let opened = match Database::open(&config).await {
        Ok(database) => match database.connect().await {
            Ok(db) => Ok((database, db)),
            Err(e) => Err(format!("{e:#}")),
        },
        Err(e) => Err(format!("{e:#}")),
    };
    match opened {
        Err(e) => findings.push(Finding { what: "database", result: Err(e) }),
        Ok((database, mut db)) => {
            look_at_database(&config, &mut db, books, &mut findings).await;
            db.close().await?;
            database.close().await?;
        }
    }
    findings.push(Finding { what: "mail", result: mail(&config).await });
    let sick = findings.iter().any(|finding| finding.result.is_err());
    report(&findings, json);
    Ok(if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn look_at_database(config: &Config, db: &mut PgConnection, books: bool, findings: &mut Vec<Finding>) {
    let mut note = |what, result| findings.push(Finding { what, result });
    note("database", version(db).await);
    note("connections", connections(config, db).await);
    note("clock", clock(db).await);
    let migrations = migrations(db).await;
    let migrated = migrations.is_ok();
    note("migrations", migrations);
    if migrated {
        let opened = database::open_env(config, db).await;
        let (master, signing) = match opened {
            Ok(env) => (Ok("opens the data keys".into()), Some(signing(&env))),
            Err(e) => (Err(format!("{e:#}")), None),
        };
        note("master key", master);
        if let Some(signing) = signing {
            note("signing keys", signing);
        }
        if books {
            note("books", laws(db).await);
        }
    }
}

async fn version(db: &mut PgConnection) -> Result<String, String> {
    let version: String = sqlx::query_scalar("select current_setting('server_version')")
        .fetch_one(db)
        .await
        .map_err(|e| e.to_string())?;
    Ok(format!("Postgres {version}"))
}

async fn connections(config: &Config, db: &mut PgConnection) -> Result<String, String> {
    let most: i32 = sqlx::query_scalar("select current_setting('max_connections')::int")
        .fetch_one(db)
        .await
        .map_err(|e| e.to_string())?;
    let ours = config.request_connections() + config.pools.worker + WAKE_SESSIONS;
    let fits = i64::from(ours) * 5 <= i64::from(most) * 4;
    let text = format!("{ours} for each process, of {most}");
    if fits { Ok(text) } else { Err(format!("{text}: lower pools.requests or raise max_connections")) }
}

async fn clock(db: &mut PgConnection) -> Result<String, String> {
    let theirs: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(db).await.map_err(|e| e.to_string())?;
    let skew_ms = (Clock::System.now() - theirs).num_milliseconds().abs();
    if skew_ms <= CLOCK_SKEW_MS_MAX {
        Ok(format!("{skew_ms} ms from the database's"))
    } else {
        Err(format!("{skew_ms} ms from the database's: set both by NTP"))
    }
}

async fn migrations(db: &mut PgConnection) -> Result<String, String> {
    let applied: Result<Vec<i64>, _> =
        sqlx::query_scalar("select version from _sqlx_migrations where success order by version").fetch_all(db).await;
    let applied = applied.unwrap_or_default();
    let missing = MIGRATIONS.iter().filter(|m| !applied.contains(&m.version)).count();
    let unknown = applied.iter().filter(|v| !MIGRATIONS.iter().any(|m| m.version == **v)).count();
    match (missing, unknown) {
        (0, 0) => Ok(format!("{} applied", applied.len())),
        (0, _) => Err(format!("{unknown} are newer than this binary: run a newer one")),
        _ => Err(format!("{missing} are not applied: run `keyhouse migrate`")),
    }
}

/// Newest first: the successor, the one that signs, and perhaps the one before.
fn signing(env: &Env) -> Result<String, String> {
    let published = env.signing.kids();
    match published.get(1) {
        Some(signs) => Ok(format!("{} published, {signs} signs", published.len())),
        None => Err("too few: start the server once, which makes what is missing".into()),
    }
}

async fn laws(db: &mut PgConnection) -> Result<String, String> {
    let broken = ledger::broken_laws(db).await.map_err(|e| explain(e).to_string())?;
    if broken.is_empty() { Ok("every ledger and stock law holds".into()) } else { Err(broken.join("; ")) }
}

async fn mail(config: &Config) -> Result<String, String> {
    let mailer = Mailer::new(&config.mail, config.data_dir.join(MAIL_DIR)).map_err(|e| explain(e).to_string())?;
    mailer.check().await
}

fn report(findings: &[Finding], json: bool) {
    if json {
        let all: Vec<_> = findings
            .iter()
            .map(|f| match &f.result {
                Ok(text) => json!({ "check": f.what, "ok": true, "detail": text }),
                Err(text) => json!({ "check": f.what, "ok": false, "detail": text }),
            })
            .collect();
        println!("{}", json!({ "checks": all }));
        return;
    }
    for finding in findings {
        match &finding.result {
            Ok(text) => println!("  ok    {:<14}{text}", finding.what),
            Err(text) => println!("  MEND  {:<14}{text}", finding.what),
        }
    }
}
