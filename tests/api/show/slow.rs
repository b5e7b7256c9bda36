//! Rows 9-11, 13, 38, 40, 74, 76 and 77 of the bad-input catalogue, over real sockets: slow, broken and
//! oversized requests are refused as they should be, and hold no slot for longer than they may.

use std::time::Duration;

use crate::house::process::Server;
use crate::house::socket::{Replies, Wire};
use crate::house::{TestApp, house};

use super::{checkout, orders, serve, stocked};

const SOON: Duration = Duration::from_secs(6);
/// Many times the deadlines that the server here has.
const DEADLINE: Duration = Duration::from_secs(15);

/// A server whose deadlines are short, and afterwards whether it still answers.
fn short_deadlines(test: impl AsyncFn(&TestApp, &Server)) {
    house(async |app| {
        let deadlines = [("KEYHOUSE_HTTP__HEADER_TIMEOUT_S", "1"), ("KEYHOUSE_HTTP__BODY_TIMEOUT_S", "1")];
        let server = serve(app, &deadlines);
        test(app, &server).await;
        let alive = said(&server, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(alive.statuses(), [200], "{}", alive.text);
        assert!(!server.log().contains("panic"), "{}", server.log());
    });
}

fn said(server: &Server, bytes: impl AsRef<[u8]>) -> Replies {
    Wire::open(server.address).send(bytes).listen(SOON)
}

fn post(rest: &str) -> String {
    format!("POST /checkout/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{rest}")
}

/// The one answer has this status, and a problem that names it.
#[track_caller]
fn is_problem(replies: &Replies, status: u16, slug: &str) {
    assert_eq!(replies.statuses(), [status], "{}", replies.text);
    let problem = replies.json().unwrap_or_else(|| panic!("{}", replies.text));
    assert_eq!((problem["type"].as_str(), problem["status"].as_u64()), (Some(slug), Some(status.into())));
    assert_eq!(replies.header("content-type"), Some("application/problem+json"));
}

/// Refused by hyper, before there is a request: a bare status, and the connection is over.
#[track_caller]
fn is_refused_bare(replies: &Replies, status: u16) {
    assert_eq!((replies.statuses(), replies.closed), (vec![status], true), "{}", replies.text);
    assert_eq!(replies.header("content-length"), Some("0"), "{}", replies.text);
}

mod slowness {
    use super::*;

    #[test]
    fn headers_that_stop_half_way_are_cut_off_at_the_deadline() {
        short_deadlines(async |_, server| {
            let replies = Wire::open(server.address).send("GET /livez HTTP/1.1\r\nHost: key").listen(DEADLINE);
            assert!(replies.closed, "{replies:?}");
            println!("half-sent headers: {:?} and close", replies.statuses());
            assert!(replies.statuses().iter().all(|status| *status == 408), "{replies:?}");
        });
    }

    #[test]
    fn headers_byte_by_byte_are_cut_off_at_the_deadline() {
        short_deadlines(async |_, server| {
            let mut wire = Wire::open(server.address);
            let mut sent = 0;
            for byte in "GET /livez HTTP/1.1\r\nHost: keyhouse\r\n\r\n".bytes() {
                let heard = wire.send([byte]).listen(Duration::from_millis(300));
                sent += 1;
                if heard.closed {
                    break;
                }
            }
            assert!(sent < 15, "{sent} bytes were taken");
        });
    }

    #[test]
    fn a_connection_that_says_nothing_is_closed_at_the_deadline() {
        short_deadlines(async |_, server| {
            let replies = Wire::open(server.address).listen(DEADLINE);
            assert!(replies.closed && replies.text.is_empty(), "{replies:?}");
        });
    }

    #[test]
    fn a_kept_connection_that_falls_silent_is_closed_at_the_deadline() {
        short_deadlines(async |_, server| {
            let replies = Wire::open(server.address).send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").listen(DEADLINE);
            assert_eq!((replies.statuses(), replies.closed), (vec![200], true), "{replies:?}");
        });
    }

    #[test]
    fn a_body_that_stops_half_way_is_answered_408_and_closed() {
        short_deadlines(async |_, server| {
            let replies =
                Wire::open(server.address).send(post("Content-Length: 100\r\n\r\n{\"shop\":")).listen(DEADLINE);
            is_problem(&replies, 408, "request_timeout");
            assert!(replies.closed);
        });
    }

    #[test]
    fn a_body_that_ends_early_changes_nothing() {
        short_deadlines(async |app, server| {
            let mut wire = Wire::open(server.address);
            let replies = wire.send(post("Content-Length: 100\r\n\r\n{\"shop\":")).no_more().listen(DEADLINE);
            assert!(replies.closed && replies.statuses().iter().all(|status| *status == 400), "{replies:?}");
            assert_eq!(orders(&mut app.db().await).await, 0);
        });
    }

    #[test]
    fn slots_are_free_again_after_the_deadline() {
        house(async |app| {
            let few = [("KEYHOUSE_HTTP__HEADER_TIMEOUT_S", "1"), ("KEYHOUSE_HTTP__CONNECTIONS", "4")];
            let server = serve(app, &few);
            let mut holders: Vec<Wire> = (0..12).map(|_| Wire::open(server.address)).collect();
            for holder in &mut holders {
                holder.send("GET /livez HTTP/1.1\r\nHost: key");
            }
            // Behind three rounds of holders, a second each.
            let mut wire = Wire::open(server.address);
            let request = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            assert_eq!(wire.send(request).listen(Duration::from_secs(15)).statuses(), [200]);
        });
    }
}

mod size {
    use super::*;

    #[test]
    fn a_body_that_is_said_to_be_too_long_is_refused_unread() {
        short_deadlines(async |_, server| {
            // No byte of it is sent: an answer before the deadline shows that none was waited for.
            let replies = said(server, post("Content-Length: 1048577\r\n\r\n"));
            is_problem(&replies, 413, "payload_too_large");
            assert!(replies.closed);
        });
    }

    #[test]
    fn an_import_may_be_longer_and_not_too_long() {
        short_deadlines(async |app, server| {
            let path = format!("/v1/products/{}/keys", app.stocked(&[]).await);
            let head = |length: usize| {
                format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\n\
                    Content-Length: {length}\r\n\r\n",
                    app.shop.test
                )
            };
            is_problem(&said(server, head(8 * 1_048_576 + 1)), 413, "payload_too_large");
            let body = format!("{{\"keys\":[\"{}\"]}}", "x".repeat(1_100_000));
            let replies = said(server, head(body.len()) + &body);
            assert_eq!(replies.statuses(), [422], "{}", replies.text); // read, and the code is too long
        });
    }

    #[test]
    fn a_chunked_body_that_grows_too_long_is_refused_and_the_connection_closed() {
        short_deadlines(async |_, server| {
            let mut wire = Wire::open(server.address);
            wire.send(post("Transfer-Encoding: chunked\r\n\r\n"));
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            let taken = (0..1_024).take_while(|_| wire.try_send(&chunk).is_ok()).count();
            let replies = wire.listen(SOON);
            println!("chunked body: cut off after {taken} chunks of 64 KiB at the latest, {:?}", replies.statuses());
            assert!(taken < 1_024, "64 MiB were taken");
            // What was sent beyond the limit may turn the close into a reset that swallows the answer.
            if !replies.text.is_empty() {
                is_problem(&replies, 413, "payload_too_large");
            }
            assert!(replies.closed, "{replies:?}");
        });
    }

    #[test]
    fn a_chunked_body_just_past_the_limit_is_answered_413() {
        short_deadlines(async |_, server| {
            let chunk = format!("{:x}\r\n{}\r\n", 1_048_577, " ".repeat(1_048_577));
            let replies = said(server, post("Transfer-Encoding: chunked\r\n\r\n") + &chunk);
            is_problem(&replies, 413, "payload_too_large");
            assert!(replies.closed);
        });
    }

    #[test]
    fn a_compressed_body_is_refused() {
        short_deadlines(async |_, server| {
            for encoding in ["gzip", "br", "whatever"] {
                let replies =
                    said(server, post(&format!("Content-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n{{}}")));
                is_problem(&replies, 415, "unsupported_media_type");
            }
        });
    }

    #[test]
    fn a_path_of_64_kib_is_414() {
        short_deadlines(async |_, server| {
            let get = |length: usize| format!("GET /v1/products/{} HTTP/1.1\r\nHost: x\r\n\r\n", "p".repeat(length));
            is_problem(&said(server, get(8 << 10)), 414, "uri_too_long");
            is_problem(&said(server, get(60_000)), 414, "uri_too_long");
            is_refused_bare(&said(server, get(64 << 10)), 414);
        });
    }

    #[test]
    fn a_thousand_headers_or_one_of_64_kib_are_431() {
        short_deadlines(async |_, server| {
            let get = |headers: &str| format!("GET /v1/products HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
            let many = |count| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
            is_problem(&said(server, get(&many(1_000))), 431, "headers_too_large");
            is_problem(&said(server, get(&format!("X-Long: {}\r\n", "y".repeat(64 << 10)))), 431, "headers_too_large");
            is_refused_bare(&said(server, get(&many(3_000))), 431);
        });
    }
}

mod shape {
    use super::*;

    #[test]
    fn two_lengths_that_differ_are_400_and_the_connection_is_closed() {
        short_deadlines(async |_, server| {
            let replies = said(server, post("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "));
            is_refused_bare(&replies, 400);
        });
    }

    #[test]
    fn a_length_beside_chunks_smuggles_nothing() {
        short_deadlines(async |app, server| {
            let hidden = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
            let body = format!("0\r\n\r\n{hidden}");
            let both = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{body}", body.len());
            for path in ["/checkout/v1/sessions", "/nowhere", "/v1/products"] {
                let replies = said(server, format!("POST {path} HTTP/1.1\r\nHost: x\r\n{both}"));
                println!("length and chunks on {path}: {:?} and close", replies.statuses());
                assert_eq!(replies.statuses().len(), 1, "{}", replies.text);
                assert!((400..500).contains(&replies.statuses()[0]) && replies.closed, "{replies:?}");
            }
            assert_eq!(orders(&mut app.db().await).await, 0);
        });
    }

    #[test]
    fn chunks_that_are_not_the_last_encoding_are_refused() {
        short_deadlines(async |_, server| {
            for encoding in ["chunked, gzip", "gzip", "identity"] {
                let replies = said(server, post(&format!("Transfer-Encoding: {encoding}\r\n\r\n0\r\n\r\n")));
                assert!(replies.closed && replies.statuses().iter().all(|s| *s == 400), "{encoding}: {replies:?}");
            }
        });
    }

    #[test]
    fn folded_headers_and_bare_carriage_returns_are_400() {
        short_deadlines(async |_, server| {
            is_refused_bare(&said(server, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Fold: a\r\n b\r\n\r\n"), 400);
            is_refused_bare(&said(server, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Bare: a\rb\r\n\r\n"), 400);
            is_refused_bare(&said(server, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Space : a\r\n\r\n"), 400);
            is_refused_bare(&said(server, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Nul: a\0b\r\n\r\n"), 400);
        });
    }

    #[test]
    fn what_is_no_http_is_400() {
        short_deadlines(async |_, server| {
            is_refused_bare(&said(server, "\x16\x03\x01\x02\x00\x01\x00\x01"), 400);
            is_refused_bare(&said(server, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
        });
    }

    #[test]
    fn trace_and_connect_are_405() {
        short_deadlines(async |app, server| {
            let key = format!("Authorization: Bearer {}\r\n", app.shop.test);
            for (path, key) in [("/v1/products", key.as_str()), ("/livez", ""), ("/checkout/v1/sessions", "")] {
                let headers = format!("{key}Cookie: secret");
                let replies = said(server, format!("TRACE {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n"));
                is_problem(&replies, 405, "method_not_allowed");
                assert!(!replies.text.contains("secret") && replies.header("allow").is_some(), "{}", replies.text);
            }
            let replies = said(server, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
            println!("CONNECT: {:?}", replies.statuses());
            assert!(matches!(replies.statuses()[..], [400 | 404 | 405]), "{}", replies.text);
        });
    }

    #[test]
    fn a_method_in_a_header_is_not_the_method() {
        short_deadlines(async |app, server| {
            let id = app.stocked(&[]).await;
            let request = format!(
                "GET /v1/products/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
                X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n\r\n",
                app.shop.test
            );
            let replies = said(server, request);
            assert_eq!(replies.statuses(), [200]);
            assert_eq!(replies.json().unwrap()["status"], "active");
        });
    }

    #[test]
    fn a_host_that_is_missing_twice_or_foreign_builds_no_link() {
        short_deadlines(async |app, server| {
            let (product, _) = stocked(app, 1).await;
            let twice = said(server, "GET /v1/products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
            is_problem(&twice, 400, "invalid_request");
            let absent = said(server, "GET /livez HTTP/1.1\r\n\r\n");
            println!("no Host: {:?}", absent.statuses());
            assert!(matches!(absent.statuses()[..], [200 | 400]), "{}", absent.text);
            let request = String::from_utf8(checkout(&app.cart(&product, 1), "ada").bytes()).unwrap();
            let forwarded = "evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example";
            let foreign = said(server, request.replace("keyhouse.test", forwarded));
            assert_eq!(foreign.statuses(), [201], "{}", foreign.text);
            assert!(!foreign.text.contains("evil.example"), "{}", foreign.text);
        });
    }

    #[test]
    fn pipelined_writes_are_each_applied_fully_or_not_at_all() {
        short_deadlines(async |app, server| {
            let (product, _) = stocked(app, 200).await;
            let request = checkout(&app.cart(&product, 1), "ada").bytes();
            for rest in [0, 1, request.len() / 2, request.len() - 1] {
                let mut wire = Wire::open(server.address);
                wire.send(request.repeat(10)).send(&request[..rest]);
                std::thread::sleep(Duration::from_millis(30));
            }
            let all = Wire::open(server.address).send(request.repeat(10)).listen(SOON);
            assert_eq!(all.statuses(), [201; 10], "{}", all.text);
            let opened = orders(&mut app.db().await).await;
            println!("pipelines: {opened} of 50 writes were applied, each whole");
            assert!((10..=50).contains(&opened));
        });
    }
}
