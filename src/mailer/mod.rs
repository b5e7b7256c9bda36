//! Mails on their way out: put into the form that goes over the wire, and handed to a mail server or, for
//! development, written as files. A mail keeps its Message-ID however often it is tried: one that the
//! server accepted just before we went away goes out a second time under the same id.

mod file;
mod smtp;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::{Address, Message as Formed};
use url::Host;
use uuid::Uuid;

use crate::config;
use crate::error::{Error, Result};

/// Of what a server says, as much as is written down.
const REASON_CHARS_MAX: usize = 300;

pub struct Mailer {
    transport: Transport,
    from: Address,
    timeout: Duration,
}

enum Transport {
    Smtp(smtp::Server),
    Files(PathBuf),
}

/// A mail in words, addressed.
#[derive(Clone, Debug)]
pub struct Letter {
    /// In its Message-ID.
    pub id: Uuid,
    pub sender: Sender,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub date: DateTime<Utc>,
}

/// Whose words they are. The address is the operator's, whoever speaks: no other passes as ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    pub name: Option<String>,
    pub reply_to: Option<String>,
}

/// Why a mail did not leave, for its row: never what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The server takes nothing for this address, now or later.
    Refused(String),
    /// It may go another time.
    Passing(String),
}

impl Mailer {
    /// # Errors
    /// Where the certificate that `mail.ca_file` names cannot be read.
    pub fn new(settings: &config::Mail, dir: PathBuf) -> Result<Self> {
        let transport = match &settings.smtp {
            Some(smtp) => Transport::Smtp(smtp::Server::new(smtp, settings)?),
            None => Transport::Files(dir),
        };
        Ok(Self { transport, from: settings.from.clone(), timeout: settings.timeout })
    }

    /// Hands a letter over. Nothing is held meanwhile but the connection to the mail server.
    ///
    /// # Errors
    /// Why not, and whether another time is worth it.
    pub async fn send(&self, letter: &Letter) -> std::result::Result<(), Unsent> {
        let message = self.form(letter).map_err(|e| Unsent::Passing(e.to_string()))?;
        let sent = match &self.transport {
            Transport::Smtp(server) => tokio::time::timeout(self.timeout, server.send(&message)).await,
            Transport::Files(dir) => Ok(file::write(dir, letter.id, message.formatted()).await),
        };
        sent.unwrap_or_else(|_| Err(Unsent::passing("the mail server did not take it in time")))
    }

    /// The whole message, as it goes over the wire. Nothing in it is drawn by chance, so that it is the same
    /// mail however often it is tried.
    pub fn form(&self, letter: &Letter) -> Result<Formed> {
        let fault = |e: &dyn fmt::Display| Error::Internal(format!("mail {}: {e}", letter.id));
        let from = Mailbox::new(letter.sender.name.as_deref().map(one_line), self.from.clone());
        let to = address(&letter.to).map_err(|e| fault(&e))?;
        let mut message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .subject(one_line(&letter.subject))
            .date(letter.date.into())
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.domain())));
        if let Some(reply_to) = &letter.sender.reply_to {
            message = message.reply_to(Mailbox::new(None, address(reply_to).map_err(|e| fault(&e))?));
        }
        let parts = MultiPart::alternative()
            .boundary(format!("part-{}", letter.id.simple()))
            .singlepart(SinglePart::plain(letter.text.clone()))
            .singlepart(SinglePart::html(letter.html.clone()));
        message.multipart(parts).map_err(|e| fault(&e))
    }

    /// Whether mails can leave: reaches the server, with TLS and password, and sends nothing.
    ///
    /// # Errors
    /// What to mend.
    pub async fn check(&self) -> std::result::Result<String, String> {
        match &self.transport {
            Transport::Smtp(server) => match tokio::time::timeout(self.timeout, server.check()).await {
                Ok(Ok(())) => Ok(format!("{} takes mail from {}", server.name(), self.from)),
                Ok(Err(unsent)) => Err(format!("{}: {unsent}; see smtp_url and [mail]", server.name())),
                Err(_) => Err(format!("{} does not answer in time; see smtp_url", server.name())),
            },
            Transport::Files(dir) => match file::probe(dir) {
                Ok(()) => Ok(format!("written to files in {}", dir.display())),
                Err(e) => Err(format!("{}: {e}; set KEYHOUSE_DATA_DIR to a place that can be written", dir.display())),
            },
        }
    }

    /// Where mails go, for who starts the server.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.transport {
            Transport::Smtp(server) => format!("Mails leave through {}.", server.name()),
            Transport::Files(dir) => {
                format!("Mails are written to {}: they hold codes, so this is for development.", dir.display())
            }
        }
    }

    /// The directory of mails that are written as files.
    #[must_use]
    pub fn files(&self) -> Option<&Path> {
        match &self.transport {
            Transport::Smtp(_) => None,
            Transport::Files(dir) => Some(dir),
        }
    }
}

/// An address as servers take it: its domain in ASCII.
fn address(text: &str) -> std::result::Result<Address, lettre::address::AddressError> {
    let address: Address = text.parse()?;
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) if domain != address.domain() => Address::new(address.user(), domain),
        _ => Ok(address),
    }
}

/// Names hold no control characters when they come in; what goes into a header is held to it again.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

impl Unsent {
    fn passing(reason: impl fmt::Display) -> Self {
        Self::Passing(reason.to_string())
    }

    /// What is written down: a line, and not a long one.
    #[must_use]
    pub fn reason(&self) -> String {
        let (Self::Refused(reason) | Self::Passing(reason)) = self;
        one_line(reason).chars().take(REASON_CHARS_MAX).collect()
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}
