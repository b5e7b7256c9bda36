//! Mails as files: for development, since they hold codes.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use uuid::Uuid;

use super::Unsent;
use crate::kit::id::{Entity, Id};

/// As the outbox names its mails.
enum Mail {}
impl Entity for Mail {
    const PREFIX: &'static str = "mail";
}

/// Writes the message as `<id>.eml`, whole or not at all, readable by its owner alone.
pub async fn write(dir: &Path, id: Uuid, message: Vec<u8>) -> Result<(), Unsent> {
    let (dir, name) = (dir.to_owned(), Id::<Mail>::from(id).to_string());
    let written = tokio::task::spawn_blocking(move || whole(&dir, &name, &message)).await;
    let path = written.map_err(Unsent::passing)?.map_err(|e| Unsent::Passing(format!("the mail's file: {e}")))?;
    tracing::info!(file = %path, "a mail is a file, since there is no mail server");
    Ok(())
}

fn whole(dir: &Path, name: &str, message: &[u8]) -> std::io::Result<String> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let (unfinished, done) = (dir.join(format!("{name}.tmp")), dir.join(format!("{name}.eml")));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(message)?;
    file.sync_all()?;
    std::fs::rename(unfinished, &done)?;
    Ok(done.display().to_string())
}

/// Whether files can be written there.
pub fn probe(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let file = dir.join(".probe");
    std::fs::write(&file, b"")?;
    std::fs::remove_file(file)
}
