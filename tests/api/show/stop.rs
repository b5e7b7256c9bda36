//! OPS-2: a server that is told to stop finishes what it is at, takes nothing new, and ends in time
//! whoever holds on to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::house::house;
use crate::house::socket::{Call, Client, Wire};

use super::{checkout, serve, stocked};

/// Less than the drain of 25 s, and enough on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_request_that_is_open_at_the_signal_is_finished() {
    house(async |app| {
        let (product, _) = stocked(app, 1).await;
        let mut server = serve(app, &[]);
        let request = checkout(&app.cart(&product, 1), "ada").bytes();
        let (before, after) = request.split_at(request.len() - 10);
        let mut open = Wire::open(server.address);
        open.send(before);
        let idle = Wire::open(server.address); // which says nothing must not matter
        std::thread::sleep(Duration::from_millis(200));

        server.signal_to_stop();
        wait_until_not_ready(server.address);
        open.send(after);
        let answer = open.listen(SOON);
        assert_eq!((answer.statuses(), answer.closed), (vec![201], true), "{}", answer.text);
        drop(idle);
        assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
    });
}

#[test]
fn an_idle_connection_is_closed_at_once() {
    house(async |app| {
        let mut server = serve(app, &[]);
        let mut kept = Client::new(server.address);
        assert_eq!(kept.send(&Call::get("/livez")).await.unwrap().status, 200);
        server.signal_to_stop();
        assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
    });
}

#[test]
fn a_client_that_never_ends_its_headers_does_not_keep_the_server() {
    house(async |app| {
        let mut server = serve(app, &[("KEYHOUSE_HTTP__HEADER_TIMEOUT_S", "60"), ("KEYHOUSE_HTTP__DRAIN_S", "2")]);
        let mut loris = Wire::open(server.address);
        loris.send("GET /livez HTTP/1.1\r\nHost: key");
        let mut trickle = Wire::open(server.address);
        trickle.send("POST /checkout/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{");
        std::thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        server.signal_to_stop();
        assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
        println!("stop: with a slow-loris, {:?} of a drain of 2 s", begun.elapsed());
    });
}

#[test]
fn nobody_is_ready_who_is_told_to_stop() {
    house(async |app| {
        let mut server = serve(app, &[("KEYHOUSE_HTTP__DRAIN_S", "5")]);
        let mut open = Wire::open(server.address);
        open.send("POST /checkout/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{");
        std::thread::sleep(Duration::from_millis(200));
        server.signal_to_stop();
        wait_until_not_ready(server.address);
        drop(open);
        assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    house(async |app| {
        let mut server = serve(app, &[]);
        let mut open = Wire::open(server.address);
        open.send("POST /checkout/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{");
        std::thread::sleep(Duration::from_millis(200));
        server.signal_to_stop();
        wait_until_not_ready(server.address);
        assert_eq!(server.wait(Duration::from_millis(100)), None, "it waits for the open request");
        server.signal_to_stop();
        assert_eq!(server.wait(SOON), Some(130), "{}", server.log());
    });
}

#[test]
fn a_signal_at_the_very_moment_of_being_ready_is_obeyed_in_order() {
    house(async |app| {
        for _ in 0..10 {
            let mut server = serve(app, &[]);
            server.signal_to_stop();
            assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
        }
    });
}

#[test]
fn work_that_was_answered_before_the_signal_stays_done() {
    house(async |app| {
        let mut server = serve(app, &[]);
        let mut client = Client::new(server.address);
        let product = Call::post(
            "/v1/products",
            json!({ "name": "Late", "type": "license_key", "price_cents": 100,
            "currency": "USD" }),
        );
        let heard = client.send(&product.bearer(app.shop.test.as_str())).await.unwrap();
        server.signal_to_stop();
        assert_eq!(server.wait(SOON), Some(0), "{}", server.log());
        let path = format!("/v1/products/{}", heard.json()["id"].as_str().unwrap());
        app.test_merchant().get(&path).await.is(200);
    });
}

/// Ready is who answers `/readyz` with 200; one that answers no more is not.
fn wait_until_not_ready(address: std::net::SocketAddr) {
    let deadline = Instant::now() + SOON;
    while ready(address) {
        assert!(Instant::now() < deadline, "still ready");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn ready(address: std::net::SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let _ = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.starts_with("HTTP/1.1 200")
}
