//! Argon2id, on threads of its own: each hash takes 19 MiB and some milliseconds of a core, so only a few
//! run at once, and only so many wait.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::kit::env::Env;
use crate::kit::password::Password;

/// The least that OWASP asks of Argon2id (promises KEY-8).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// So sign-ins never take more memory than two hashes need, and leave cores to everybody else.
const AT_ONCE: usize = 2;
/// Running and waiting together; about half a second's work. More are told to come back.
const QUEUE: usize = 32;

pub struct Hashing {
    queue: Semaphore,
    turns: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { queue: Semaphore::new(QUEUE), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Hashing {
    /// A password as it is kept: with its salt and parameters, in PHC's format.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait.
    pub async fn hash(&self, env: &Env, password: &Password) -> Result<String> {
        let (password, salt) = (password.clone(), env.random::<SALT_BYTES>());
        self.run(move || hash(&password, &salt)).await
    }

    /// Whether this is the password that is `kept`. Where none is kept, because nobody has that address, it
    /// is the same work, and the answer is no.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where too many wait.
    pub async fn verify(&self, env: &Env, password: &Password, kept: Option<&str>) -> Result<bool> {
        let Some(kept) = kept else { return self.hash(env, password).await.map(|_| false) };
        let (password, kept) = (password.clone(), kept.to_owned());
        self.run(move || {
            let kept = PasswordHash::new(&kept).map_err(|e| Error::Internal(format!("a kept password: {e}")))?;
            // The parameters are those that it was hashed with.
            Ok(Argon2::default().verify_password(password.bytes(), &kept).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let busy = |_| Error::Unavailable { retry_after_s: 1 };
        let _place = self.queue.try_acquire().map_err(busy)?;
        let _turn = self.turns.acquire().await.map_err(|e| Error::Internal(format!("hashing: {e}")))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(format!("hashing: {e}")))?
    }
}

fn hash(password: &Password, salt: &[u8]) -> Result<String> {
    let fault = |e: &dyn std::fmt::Display| Error::Internal(format!("hashing: {e}"));
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| fault(&e))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(password.bytes(), salt).map_err(|e| fault(&e))?;
    Ok(hash.to_string())
}
