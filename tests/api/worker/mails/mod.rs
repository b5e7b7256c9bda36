//! Mails leave after the commit: through a mail server, in words that any reader shows.

mod backlog;
mod failures;
mod preview;
mod smtp;
mod told;

use keyhouse::domain::accounts::PEOPLE;
use keyhouse::domain::outbox::{self, Template};
use serde_json::Value;

use crate::house::TestApp;

/// Queues a mail of no special kind to each of these.
async fn queue(app: &TestApp, recipients: &[&str]) {
    let mut db = app.db().await;
    for to in recipients {
        let subject = app.app.env.id::<TestApp>().uuid();
        outbox::queue_mail(&mut db, PEOPLE, &app.app.env, Template::PasswordReset, subject, to).await.unwrap();
    }
}

/// State and last error of each mail, oldest first.
async fn states(app: &TestApp) -> Vec<(String, Option<String>)> {
    let states = sqlx::query_as("select state, last_error from mails order by id");
    states.fetch_all(&mut app.db().await).await.unwrap()
}

fn header<'a>(mail: &'a Value, name: &str) -> Option<&'a str> {
    let headers = mail["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0] == name).map(|header| header[1].as_str().unwrap())
}
