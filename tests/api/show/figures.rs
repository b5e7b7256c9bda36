//! `/metrics` of a server at work: what an operator watches, in few series.

use std::time::{Duration, Instant};

use super::{payment, serve};
use crate::house::house_with;
use crate::house::receiver::{Receiver, Reply};
use crate::house::socket::{Call, Client};
use crate::v1::webhooks::registered;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_figures_tell_of_routes_mails_connections_and_books_and_never_of_one_client() {
    house_with("allow_private_webhooks = true", async |app| {
        let product = app.stocked(&["A", "B"]).await;
        let receiver = Receiver::start(vec![Reply::text("ok")]).await;
        registered(app, &receiver.url(), &["order.delivered"]).await;
        let server = serve(app, &[("KEYHOUSE_ALLOW_PRIVATE_WEBHOOKS", "true")]);
        let mut client = Client::new(server.address);
        let opened = client.send(&Call::post("/checkout/v1/sessions", app.cart(&product, 1))).await.unwrap().json();
        assert_eq!(client.send(&payment(&opened)).await.unwrap().status, 200);
        for path in ["/v1/nowhere/canary-in-a-path", "/portal/invitations/inv_canary"] {
            assert_eq!(client.send(&Call::get(path).bearer(&app.shop.test)).await.unwrap().status / 100, 4);
        }

        let deadline = Instant::now() + PATIENCE;
        let figures = loop {
            let figures = client.send(&Call::get("/metrics")).await.unwrap().text();
            if ["mails_total{", "webhook_attempts_total{", "ledger_broken_laws"].iter().all(|one| figures.contains(one))
            {
                break figures;
            }
            assert!(Instant::now() < deadline, "{figures}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        for series in [
            "http_requests_total{route=\"/checkout/v1/sessions/{id}/pay\",method=\"POST\",status=\"200\"} 1",
            "http_request_seconds_count{route=\"/checkout/v1/sessions\",method=\"POST\"} 1",
            "mails_total{template=\"order_delivered\",outcome=\"sent\"} 1",
            "webhook_attempts_total{outcome=\"delivered\"} 1",
            "webhook_delay_seconds_count 1",
            "outbox_lag_seconds ",
            "ledger_broken_laws 0",
            "ledger_checked_seconds 1",
            "mails_waiting ",
            "mails_oldest_seconds ",
            "pool_wait_seconds_count{pool=\"requests\"}",
            "pool_wait_seconds_count{pool=\"permits\"}",
            "pool_connections{pool=\"worker\"}",
        ] {
            assert!(figures.lines().any(|line| line.starts_with(series)), "{series}: {figures}");
        }
        for never in ["canary", "ada@example.com", opened["id"].as_str().unwrap()] {
            assert!(!figures.contains(never), "{never}");
        }
    });
}
