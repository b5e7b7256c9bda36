//! One mail server. Its connections are kept for a while: most of a mail's time is the handshake.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::Address;
use lettre::message::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::Instant;

use super::Unsent;
use crate::config::{self, Security, Smtp};
use crate::error::{Error, Result};

/// A connection that nobody used for longer is closed: servers hang up on silent clients.
const IDLE_MAX: Duration = Duration::from_secs(15);

pub struct Server {
    settings: Smtp,
    tls: Option<TlsParameters>,
    /// As we call ourselves to it: by the domain that mails come from.
    hello: ClientId,
    idle: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
    idle_max: usize,
}

impl Server {
    pub fn new(settings: &Smtp, mail: &config::Mail) -> Result<Self> {
        let tls = match settings.security {
            Security::None => None,
            Security::StartTls | Security::Tls => Some(tls(settings)?),
        };
        Ok(Self {
            settings: settings.clone(),
            tls,
            hello: ClientId::Domain(mail.from.domain().to_owned()),
            idle: Mutex::default(),
            idle_max: mail.concurrency,
        })
    }

    /// Host and port, for people.
    pub fn name(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// Sends one message to its one recipient.
    pub async fn send(&self, message: &Message) -> std::result::Result<(), Unsent> {
        let mut connection = self.ready_for(message).await?;
        for recipient in message.envelope().to() {
            let answer = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await;
            if let Err(e) = answer {
                let refused = e.is_permanent();
                connection.abort().await;
                let reason = format!("the recipient was not taken: {e}");
                return Err(if refused { Unsent::Refused(reason) } else { Unsent::Passing(reason) });
            }
        }
        // From here on the server may say what it read, so its words are not kept. A refusal is tried again,
        // for many judge the sender here, and that can be mended.
        let accepted = match connection.command(Data).await {
            Ok(_) => connection.message(&message.formatted()).await,
            Err(e) => Err(e),
        };
        match accepted {
            Ok(_) => {
                self.keep(connection);
                Ok(())
            }
            Err(e) => {
                connection.abort().await;
                Err(match e.status() {
                    Some(code) => Unsent::Passing(format!("the server answered {code} to the message")),
                    None => Unsent::passing("the connection ended before the server took the message"),
                })
            }
        }
    }

    /// Connects, with TLS and password, and says good-bye.
    pub async fn check(&self) -> std::result::Result<(), Unsent> {
        let mut connection = self.connect().await?;
        connection.command(Noop).await.map_err(Unsent::passing)?;
        let _ = connection.quit().await;
        Ok(())
    }

    /// A connection on which a mail from us has begun.
    async fn ready_for(&self, message: &Message) -> std::result::Result<AsyncSmtpConnection, Unsent> {
        while let Some(mut kept) = self.take() {
            match mail_from(&mut kept, message).await {
                Ok(()) => return Ok(kept),
                // The server had hung up, or wants to: another connection is worth it.
                Err(Refusal::Answer(e)) if e.status().is_none_or(|code| code.to_string() == "421") => {}
                Err(refusal) => return Err(refusal.unsent()),
            }
        }
        let mut fresh = self.connect().await?;
        match mail_from(&mut fresh, message).await {
            Ok(()) => Ok(fresh),
            Err(refusal) => Err(refusal.unsent()),
        }
    }

    async fn connect(&self) -> std::result::Result<AsyncSmtpConnection, Unsent> {
        let at = (self.settings.host.as_str(), self.settings.port);
        let at_once = self.tls.clone().filter(|_| self.settings.security == Security::Tls);
        // Whoever calls has a deadline over the whole.
        let connected = AsyncSmtpConnection::connect_tokio1(at, None, &self.hello, at_once, None).await;
        let mut connection = connected.map_err(|e| said("no connection", &e))?;
        if let Some(tls) = self.tls.clone().filter(|_| self.settings.security == Security::StartTls) {
            if !connection.can_starttls() {
                connection.abort().await;
                return Err(Unsent::passing("the server does not offer STARTTLS, and nothing is sent without"));
            }
            connection.starttls(tls, &self.hello).await.map_err(|e| said("no TLS", &e))?;
        }
        if let Some(login) = &self.settings.login {
            let (user, password) = login.expose();
            let known = [Mechanism::Plain, Mechanism::Login];
            if let Err(e) = connection.auth(&known, &Credentials::new(user, password)).await {
                connection.abort().await;
                return Err(said("the user or password was not taken", &e));
            }
        }
        Ok(connection)
    }

    /// The connection that was used last, while it is fresh.
    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, connection)| since.elapsed() < IDLE_MAX && !connection.has_broken());
        idle.pop().map(|(_, connection)| connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max {
            idle.push((Instant::now(), connection));
        }
    }
}

/// Why a mail could not even begin.
enum Refusal {
    /// The server cannot be told of this address.
    Unspeakable,
    Answer(SmtpError),
}

impl Refusal {
    fn unsent(self) -> Unsent {
        match self {
            Self::Unspeakable => Unsent::Refused("the mail server takes no addresses beyond ASCII".into()),
            // Our own address, not the recipient's: to be mended by the operator, and tried again.
            Self::Answer(e) => said("the sender was not taken", &e),
        }
    }
}

async fn mail_from(connection: &mut AsyncSmtpConnection, message: &Message) -> std::result::Result<(), Refusal> {
    let (envelope, server) = (message.envelope(), connection.server_info());
    let mut parameters = Vec::new();
    let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    if !envelope.from().into_iter().chain(envelope.to()).all(ascii) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            connection.abort().await;
            return Err(Refusal::Unspeakable);
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let answer = connection.command(Mail::new(envelope.from().cloned(), parameters)).await;
    if let Err(e) = answer {
        connection.abort().await;
        return Err(Refusal::Answer(e));
    }
    Ok(())
}

/// What the server or the network said, with its causes.
fn said(what: &str, e: &SmtpError) -> Unsent {
    Unsent::Passing(format!("{what}: {e}"))
}

fn tls(settings: &Smtp) -> Result<TlsParameters> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    if let Some(file) = &settings.ca_file {
        let fault = |e: &dyn std::fmt::Display| Error::Internal(format!("mail.ca_file {}: {e}", file.display()));
        let pem = std::fs::read(file).map_err(|e| fault(&e))?;
        if !pem.windows(17).any(|words| words == b"BEGIN CERTIFICATE") {
            return Err(fault(&"holds no certificate in PEM"));
        }
        let certificate = Certificate::from_pem(&pem).map_err(|e| fault(&e))?;
        tls = tls.add_root_certificate(certificate);
    }
    tls.build_rustls().map_err(|e| Error::Internal(format!("TLS for the mail server: {e}")))
}
