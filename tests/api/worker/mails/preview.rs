//! Every mail, as readers show it.

use keyhouse::worker::mail::samples;
use serde_json::Value;

use super::header;
use crate::house::browser::Page;
use crate::house::smtp::Smtp;
use crate::house::{house_with, unique};

/// What a mail program shows: the headers that it shows, and both forms.
fn shown(mail: &Value) -> String {
    let headers = ["From", "Reply-To", "To", "Subject", "Message-ID"];
    let headers = headers.iter().filter_map(|name| Some(format!("{name}: {}\n", header(mail, name)?)));
    let part = |kind: &str| mail["parts"][kind].as_str().unwrap().replace("\r\n", "\n");
    format!("{}\n{}\n{}", headers.collect::<String>(), part("text/plain"), part("text/html"))
}

#[test]
fn each_mail_arrives_as_it_was_written() {
    let server = Smtp::start();
    house_with(&server.settings(), async |app| {
        for (number, sample) in samples().unwrap().into_iter().enumerate() {
            app.app.mailer.send(&sample.letter).await.unwrap();
            let received = server.received();
            assert_eq!(received.len(), number + 1);
            insta::assert_snapshot!(sample.name, shown(&received[number]));
        }
    });
}

#[test]
fn each_mail_is_readable_on_a_small_phone_and_asks_for_nothing() {
    let dir = std::env::temp_dir().join(format!("keyhouse-preview-{}-{}", std::process::id(), unique()));
    std::fs::create_dir_all(&dir).unwrap();
    crate::house::house(async |_| {
        let mut page = Page::new(format!("file://{}", dir.display())).await;
        for sample in samples().unwrap() {
            std::fs::write(dir.join(format!("{}.html", sample.name)), &sample.letter.html).unwrap();
            for width in [320, 800] {
                page.viewport(width, 900).await;
                page.open(&format!("/{}.html", sample.name)).await;
                page.fits().await;
            }
            let loaded = "document.querySelectorAll('img, script, link, iframe, object').length";
            assert_eq!(page.eval(loaded).await, 0, "{}", sample.name);
        }
        page.is_clean().await;
    });
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn lines_of_the_text_fit_a_terminal() {
    for sample in samples().unwrap() {
        let own = sample.letter.text.lines().filter(|line| !line.contains("://") && !line.starts_with(' '));
        for line in own {
            assert!(line.chars().count() <= 76, "{}: {line}", sample.name);
        }
    }
}
