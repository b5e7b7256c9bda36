use chrono::Duration;
use serde_json::Value;

use crate::house::{TestApp, house};
use crate::v1::{ids, walk};

/// Opens a checkout for each code, an hour apart, beginning now; answers them oldest first.
async fn orders(app: &TestApp, count: usize) -> Vec<Value> {
    let codes: Vec<String> = (0..count).map(|i| format!("CODE-{i}")).collect();
    let product = app.stocked(&codes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut sessions = Vec::new();
    for i in 0..count {
        if i > 0 {
            app.advance(Duration::hours(1));
        }
        sessions.push(app.checkout(&product, 1).await);
    }
    sessions
}

fn order_ids(sessions: &[Value]) -> Vec<String> {
    sessions.iter().rev().map(|session| session["order_id"].as_str().unwrap().to_owned()).collect()
}

async fn listed(app: &TestApp, query: &str) -> Vec<String> {
    ids(app.test_merchant().get(&format!("/v1/orders?{query}")).await.is(200).json())
}

#[test]
fn a_list_shows_each_order_in_short() {
    house(async |app| {
        let sessions = orders(app, 2).await;
        app.pay(&sessions[1]).await;
        let answer = app.test_merchant().get("/v1/orders").await;
        insta::assert_json_snapshot!(answer.is(200).masked(), @r#"
        {
          "data": [
            {
              "currency": "USD",
              "customer_email": "ada@example.com",
              "id": "[id]",
              "paid_at": "2026-05-26T08:18:03Z",
              "status": "completed",
              "total_cents": 4900
            },
            {
              "currency": "USD",
              "customer_email": "ada@example.com",
              "id": "[id]",
              "paid_at": null,
              "status": "awaiting_payment",
              "total_cents": 4900
            }
          ],
          "has_more": false,
          "next_cursor": null,
          "object": "list"
        }
        "#);
    });
}

#[test]
fn a_walk_meets_every_order_once_newest_first() {
    house(async |app| {
        let sessions = orders(app, 5).await;
        let pages = walk(&app.test_merchant(), "/v1/orders?limit=2").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(pages.concat(), order_ids(&sessions));
    });
}

#[test]
fn a_page_holds_25_unless_said_otherwise() {
    house(async |app| {
        orders(app, 26).await;
        assert_eq!(listed(app, "").await.len(), 25);
        assert_eq!(listed(app, "limit=100").await.len(), 26);
    });
}

#[test]
fn a_status_filter_takes_a_set() {
    house(async |app| {
        let sessions = orders(app, 3).await;
        app.settle().await;
        app.pay(&sessions[2]).await;
        let newest_first = order_ids(&sessions);
        assert_eq!(listed(app, "status=failed").await, newest_first[1..]);
        assert_eq!(listed(app, "status=completed").await, newest_first[..1]);
        assert_eq!(listed(app, "status=completed,failed").await, newest_first);
        let others = "status=pending,awaiting_payment,paid,delivering,refunded";
        assert_eq!(listed(app, others).await, Vec::<String>::new());
    });
}

#[test]
fn an_unknown_status_is_refused() {
    house(async |app| {
        for query in ["status=shipped", "status=", "status=paid,,failed", "status=Paid"] {
            app.merchant().get(&format!("/v1/orders?{query}")).await.is(422).blames("status");
        }
    });
}

#[test]
fn date_times_bound_the_creation_on_both_sides() {
    house(async |app| {
        let newest_first = order_ids(&orders(app, 3).await);
        let (first, second) = ("2026-05-26T07:18:03.250Z", "2026-05-26T08:18:03.250Z");
        assert_eq!(listed(app, &format!("from={second}")).await, newest_first[..2]);
        assert_eq!(listed(app, &format!("to={second}")).await, newest_first[1..]);
        assert_eq!(listed(app, &format!("from={first}&to={first}")).await, newest_first[2..]);
        assert_eq!(listed(app, "from=2026-05-26T08:18:03.251Z").await, newest_first[..1]);
        assert_eq!(listed(app, "to=2026-05-26T08:18:03.249Z").await, newest_first[2..]);
    });
}

#[test]
fn a_date_time_may_be_of_any_zone() {
    house(async |app| {
        let newest_first = order_ids(&orders(app, 2).await);
        assert_eq!(listed(app, "from=2026-05-26T10:00:00%2B02:00").await, newest_first[..1]);
        assert_eq!(listed(app, "from=2026-05-26T10:00:00+02:00").await, newest_first[..1]);
        assert_eq!(listed(app, "to=2026-05-26T03:00:00-05:00").await, newest_first[1..]);
    });
}

#[test]
fn a_bare_date_is_that_whole_day_in_utc() {
    house(async |app| {
        let mut sessions = orders(app, 1).await;
        app.advance(Duration::days(1));
        sessions.extend(orders(app, 1).await);
        let newest_first = order_ids(&sessions);
        assert_eq!(listed(app, "from=2026-05-26&to=2026-05-26").await, newest_first[1..]);
        assert_eq!(listed(app, "from=2026-05-27&to=2026-05-27").await, newest_first[..1]);
        assert_eq!(listed(app, "from=2026-05-26&to=2026-05-27").await, newest_first);
        assert_eq!(listed(app, "to=2026-05-25").await, Vec::<String>::new());
        assert_eq!(listed(app, "from=2026-05-28").await, Vec::<String>::new());
    });
}

#[test]
fn a_period_holds_over_the_pages() {
    house(async |app| {
        let newest_first = order_ids(&orders(app, 5).await);
        let list = "/v1/orders?from=2026-05-26T08:00:00Z&to=2026-05-26T11:00:00Z&limit=2";
        assert_eq!(walk(&app.test_merchant(), list).await.concat(), newest_first[1..4]);
    });
}

#[test]
fn a_live_key_sees_no_sandbox_orders() {
    house(async |app| {
        orders(app, 1).await;
        assert!(ids(app.merchant().get("/v1/orders").await.is(200).json()).is_empty());
    });
}
