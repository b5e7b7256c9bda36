//! A mail is rendered at the moment of sending, from rows that hold ids: the code is opened here and
//! kept nowhere. Without a mail server it becomes a file, for development.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lettre::message::{Mailbox, Message};
use minijinja::{Environment, context};

use crate::app::App;
use crate::domain::outbox::{Mail, MailId, Template};
use crate::domain::{accounts, orders, resellers, shops};
use crate::error::{Error, Result};
use crate::kit::secret;

const ORDER_DELIVERED: &str = include_str!("order_delivered.txt");
const TOP_UP_OPENED: &str = include_str!("top_up_opened.txt");
const PASSWORD_RESET: &str = include_str!("password_reset.txt");
const RESELLER_INVITED: &str = include_str!("reseller_invited.txt");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    // A template that does not parse shows when it is rendered; a test renders each.
    let _ = templates.add_template("order_delivered", ORDER_DELIVERED);
    let _ = templates.add_template("top_up_opened", TOP_UP_OPENED);
    let _ = templates.add_template("password_reset", PASSWORD_RESET);
    let _ = templates.add_template("reseller_invited", RESELLER_INVITED);
    templates
});

/// The whole message, as it goes over the wire.
pub async fn render(app: &App, mail: &Mail) -> Result<Vec<u8>> {
    let (subject, body, sender) = match mail.template {
        Template::OrderDelivered => order_delivered(app, mail).await?,
        Template::TopUpOpened => top_up_opened(app, mail).await?,
        Template::PasswordReset => password_reset(app, mail)?,
        Template::ResellerInvited => reseller_invited(app, mail).await?,
    };
    let fault = |e: &dyn std::fmt::Display| Error::Internal(format!("mail {}: {e}", mail.id));
    let from = Mailbox::new(Some(sender), "shop@localhost".parse().map_err(|e| fault(&e))?);
    let to = Mailbox::new(None, mail.recipient.parse().map_err(|e| fault(&e))?);
    let message = Message::builder()
        .from(from)
        .to(to)
        .subject(subject)
        .date(app.env.now().into())
        .message_id(Some(format!("<{}@keyhouse>", mail.id.uuid())))
        .body(body)
        .map_err(|e| fault(&e))?;
    Ok(message.formatted())
}

/// Subject, text, and the sender's name.
async fn order_delivered(app: &App, mail: &Mail) -> Result<(String, String, String)> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let (order, items) = orders::get(&mut db, mail.shop, orders::OrderId::from(mail.subject_id)).await?;
    let goods = orders::goods(&mut db, mail.shop, &app.env, &order, &items).await?;
    let page = if goods.iter().any(|goods| goods.download.is_some()) {
        // A link to a file ends within a day; the page has a fresh one whenever the mail is read.
        let token = orders::admit(&mut db, mail.shop, &app.env, order.id).await?;
        Some(format!("{}/checkout/{}#token={}", app.public_url, order.id.uuid(), secret::reveal(&token)))
    } else {
        None
    };
    drop(db);
    let lines: Vec<_> = items
        .iter()
        .zip(goods)
        .map(|(item, goods)| {
            let codes: Vec<String> = goods.codes.iter().map(|code| code.as_str().to_owned()).collect();
            let keys: Vec<String> = goods.license_keys.iter().map(|key| key.as_str().to_owned()).collect();
            let file = goods.download.map(|download| download.file.name);
            let (product, quantity) = (&item.product_name, item.quantity);
            let text = goods.text;
            context! { product => product, quantity => quantity, codes => codes, keys => keys, text => text, file => file }
        })
        .collect();
    let body = fill(
        "order_delivered",
        context! {
            shop => &shop.name,
            order => order.id.to_string(),
            total => order.currency.display(order.total),
            lines => lines,
            page => page,
        },
    )?;
    Ok((format!("Your order from {}", one_line(&shop.name)), body, one_line(&shop.name)))
}

/// The invoice that a low balance has opened, with a token of its own.
async fn top_up_opened(app: &App, mail: &Mail) -> Result<(String, String, String)> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let (order, _) = orders::get(&mut db, mail.shop, orders::OrderId::from(mail.subject_id)).await?;
    let token = orders::admit(&mut db, mail.shop, &app.env, order.id).await?;
    drop(db);
    let body = fill(
        "top_up_opened",
        context! {
            shop => &shop.name,
            total => order.currency.display(order.total),
            until => order.expires_at.format("%H:%M UTC on %-d %B %Y").to_string(),
            page => format!("{}/checkout/{}#token={}", app.public_url, order.id.uuid(), secret::reveal(&token)),
        },
    )?;
    Ok((format!("Your balance at {} is low", one_line(&shop.name)), body, one_line(&shop.name)))
}

fn password_reset(app: &App, mail: &Mail) -> Result<(String, String, String)> {
    let token = secret::reveal(&accounts::reset_token(&app.env, mail.subject_id));
    let page = format!("{}/portal/password-resets/{token}", app.public_url);
    let body = fill("password_reset", context! { host => &app.public_url, page => page })?;
    Ok(("A new password".to_owned(), body, "Reseller portal".to_owned()))
}

/// The link carries the invitation's newest token, derived now: an older one would open nothing.
async fn reseller_invited(app: &App, mail: &Mail) -> Result<(String, String, String)> {
    let mut db = app.worker.acquire().await?;
    let shop = shops::get(&mut db, mail.shop).await?;
    let id = resellers::InvitationId::from(mail.subject_id);
    let invitation = resellers::invitation(&mut db, mail.shop, id).await?;
    drop(db);
    let token = secret::reveal(&invitation.token(mail.shop, &app.env));
    let name = one_line(&shop.name);
    let body = fill(
        "reseller_invited",
        context! {
            shop => &name,
            until => invitation.expires_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            link => format!("{}/portal/invitations/{token}", app.public_url),
        },
    )?;
    Ok((format!("{name} invites you to sell its products"), body, name))
}

fn fill(template: &str, context: minijinja::Value) -> Result<String> {
    let template = TEMPLATES.get_template(template).map_err(|e| Error::Internal(format!("template: {e}")))?;
    template.render(context).map_err(|e| Error::Internal(format!("template: {e}")))
}

/// Names hold no control characters when they come in; what goes into a header is held to it again.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Writes the message as `<id>.eml`, whole or not at all, readable by its owner alone: it holds codes.
pub async fn write_file(dir: &Path, id: MailId, message: Vec<u8>) -> Result<()> {
    let dir = dir.to_owned();
    let written = tokio::task::spawn_blocking(move || write(&dir, &id.to_string(), &message)).await;
    written
        .map_err(|e| Error::Internal(format!("mail file: {e}")))?
        .map_err(|e| Error::Internal(format!("mail file: {e}")))
}

fn write(dir: &PathBuf, name: &str, message: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let unfinished = dir.join(format!("{name}.tmp"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(message)?;
    file.sync_all()?;
    std::fs::rename(unfinished, dir.join(format!("{name}.eml")))
}
