//! A commit rings one bell; every task that commits leave work for has its own, so that none waits until
//! another one is done.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Stop;

#[derive(Clone, Default)]
pub struct Bells {
    pub mails: Arc<Notify>,
    pub calls: Arc<Notify>,
    pub webhooks: Arc<Notify>,
    /// Other processes.
    pub others: Arc<Notify>,
}

impl Bells {
    /// Rings them all whenever `work` rings, until told to stop.
    pub async fn follow(self, work: Arc<Notify>, mut stop: Stop) {
        while !*stop.borrow() {
            tokio::select! {
                // A permit that was stored while we worked is taken here at once, so no commit is missed.
                () = work.notified() => {
                    self.ring();
                    self.others.notify_one();
                }
                _ = stop.changed() => {}
            }
        }
    }

    /// Rings those of this process.
    pub fn ring(&self) {
        for bell in [&self.mails, &self.calls, &self.webhooks] {
            bell.notify_one();
        }
    }
}
