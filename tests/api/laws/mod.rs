//! What must hold whatever the endpoint: a new operation, error, table, query or file is held to these
//! without anybody thinking of it, and one that has no place in the laws fails by name.

mod access;
mod architecture;
mod claim;
mod errors;
mod fields;
mod idempotency;
mod lists;
pub mod locks;
mod openapi;
pub mod operations;
mod races;
mod schema;
mod source;
mod spelling;
mod sql;
mod state;

use std::future::{Future, poll_fn};
use std::task::Poll;

use crate::house::actor::Answer;

/// Asks again where the house was only too busy, as a client does.
pub async fn patiently<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
        assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    }
}

/// Runs futures side by side until all are done; their results, in order.
pub async fn together<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut open = false;
        for (future, done) in &mut running {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *done = Some(value),
                    Poll::Pending => open = true,
                }
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().map(|(_, done)| done.unwrap()).collect()
}
