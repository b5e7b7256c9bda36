//! The socket: accept, hand over to hyper with deadlines that hold, and drain when asked to stop.
//! Our own loop, because axum's has no timer and lets a half-sent header stay open for ever (F6).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use super::door::enter::HEADERS_MAX;
use super::door::limit::Peer;
use crate::app::App;

/// Beyond what the door refuses in words, so that it is the door that refuses.
const HYPER_HEADERS_MAX: usize = HEADERS_MAX * 20;

/// Serves until `stop` is done, then lets open requests finish, for `http.drain_s` at most.
pub async fn serve(app: Arc<App>, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(app.config.http.connections));
    let graceful = GracefulShutdown::new();
    let header_timeout = Duration::from_secs(app.config.http.header_timeout_s);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else { continue };
        let connection = connection(stream, router.clone(), header_timeout);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that leaves in the middle is no fault of ours.
            if let Err(e) = watched.await {
                tracing::debug!(error = %e, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    let drain = Duration::from_secs(app.config.http.drain_s);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests were still open at the end of the drain");
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(e) => {
            // Out of file descriptors, mostly: a moment's rest, or this loop would spin.
            tracing::warn!(error = %e, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
    header_timeout: Duration,
) -> impl GracefulConnection<Error = hyper::Error> + Send + 'static {
    // As IPv4 where it is that, so that a socket for both kinds recognises its proxies.
    let peer = stream.peer_addr().ok().map(|address| Peer(address.ip().to_canonical()));
    // Answers are small and written whole; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = router.into_service::<Incoming>().map_request(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HYPER_HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
}
