//! `keyhouse mail preview`: every mail, for looking at.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::app::MAIL_DIR;
use crate::config::Config;
use crate::mailer::Mailer;
use crate::worker::mail::samples;

/// Writes three files a mail. It needs no database, and sends nothing.
pub fn preview(config: &Config, dir: &Path) -> anyhow::Result<ExitCode> {
    let explain = |e: crate::Error| anyhow::anyhow!("{e:?}");
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mailer = Mailer::new(&config.mail, config.data_dir.join(MAIL_DIR)).map_err(explain)?;
    let all = samples().map_err(explain)?;
    for sample in &all {
        let whole = mailer.form(&sample.letter).map_err(explain)?.formatted();
        for (form, bytes) in
            [("txt", sample.letter.text.as_bytes()), ("html", sample.letter.html.as_bytes()), ("eml", whole.as_slice())]
        {
            let file = dir.join(format!("{}.{form}", sample.name));
            std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    println!("{} mails, each as .txt, .html and .eml, in {}", all.len(), dir.display());
    Ok(ExitCode::SUCCESS)
}
