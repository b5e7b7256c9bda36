//! Validation through a lane: the licenses of a group are locked and read at once, decided one after the
//! other, and written at once with the trail. An answer leaves only after its row in the trail is durable.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::audit::{self, Kind, Note};
use super::{Attempt, Hwid, License, LicenseId, Status, Throttled, Verdict, sql, verdict};
use crate::domain::idempotency::{Batch, Claim, Stored};
use crate::domain::keys::{self, Caller, KeyId, Scope as _, developer};
use crate::domain::outbox::{self, Event};
use crate::domain::shops::Tenant;
use crate::error::{Error, LicenseRefusal, Result, Unauthenticated};
use crate::kit::env::Env;
use crate::kit::lane::Work;
use crate::kit::limiter::{Limiter, Subject};

/// By which a license's key is found.
#[must_use]
pub fn key_hash(env: &Env, shop: Tenant, key: &str) -> [u8; 16] {
    env.vault.lookup_hash(shop.uuid(), key.trim())
}

/// One validation: who asks, and what is presented.
pub struct Request {
    pub caller: Caller,
    /// Of the caller's API key.
    pub lock: i64,
    pub key_hash: [u8; 16],
    pub attempt: Attempt,
    pub named: Option<Named>,
}

/// Puts an outcome into the surface's bytes.
pub type Render = Box<dyn Fn(&Outcome) -> Result<Vec<u8>> + Send + Sync>;

/// A request under an idempotency key: its answer is put into bytes before the commit, and stored.
pub struct Named {
    pub claim: Claim,
    pub render: Render,
}

/// What was decided. `license` is as it was left; `None` where the key is nobody's.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub license: Option<License>,
    pub verdict: Verdict,
    pub at: DateTime<Utc>,
}

pub enum Answer {
    Fresh(Outcome),
    /// In bytes already, because they are stored.
    Stored(Stored),
    /// Of an earlier request under the same key.
    Replay(Stored),
}

/// The work of the lanes.
pub struct Validations {
    pub env: Arc<Env>,
    pub limiter: Arc<Limiter>,
    pub throttled: Arc<Throttled>,
    /// A minute and shop; beyond these a failure is refused and only counted. `None`: no limit.
    pub failures_max: Option<u32>,
}

pub struct Loaded {
    shop: Tenant,
    now: DateTime<Utc>,
    standing: HashMap<KeyId, Vec<String>>,
    licenses: HashMap<[u8; 16], License>,
    keys: Batch,
    changed: BTreeSet<[u8; 16]>,
    notes: Vec<Note>,
    events: Vec<Event>,
}

impl Work for Validations {
    type Item = Request;
    type Answer = Answer;
    type Loaded = Loaded;
    const NAME: &'static str = "validations";

    fn shop(&self, request: &Request) -> Uuid {
        request.caller.shop.uuid()
    }

    fn number(&self, request: &Request) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&request.key_hash[..8]);
        u64::from_be_bytes(first)
    }

    fn lock(&self, request: &Request) -> Option<i64> {
        Some(request.lock)
    }

    fn is_named(&self, request: &Request) -> bool {
        request.named.is_some()
    }

    async fn load(&self, db: &mut PgConnection, _: Uuid, requests: &[&Request]) -> Result<Loaded> {
        let first = requests.first().ok_or_else(|| Error::Internal("an empty group".into()))?;
        let (owner, shop) = (first.caller.owner, first.caller.shop);
        let callers: BTreeSet<KeyId> = requests.iter().map(|request| request.caller.key).collect();
        let standing = keys::standing(db, owner, &callers.into_iter().collect::<Vec<_>>()).await?;
        let hashes: BTreeSet<[u8; 16]> = requests.iter().map(|request| request.key_hash).collect();
        let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
        let rows = sql::lock_by_keys(db, shop.uuid(), &hashes).await?;
        let claims = requests.iter().filter_map(|request| Some(&request.named.as_ref()?.claim));
        let keys = Batch::load(db, shop, &self.env, claims).await?;
        let licenses = rows.into_iter().map(|row| License::try_from(row).map(|license| (license.key_hash, license)));
        Ok(Loaded {
            shop,
            now: self.env.now(),
            standing,
            licenses: licenses.collect::<Result<_>>()?,
            keys,
            changed: BTreeSet::new(),
            notes: Vec::with_capacity(requests.len()),
            events: Vec::new(),
        })
    }

    fn decide(&self, loaded: &mut Loaded, request: &Request) -> Result<Answer> {
        let scopes = loaded.standing.get(&request.caller.key);
        let scopes = scopes.ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
        if !developer::Validation::granted(scopes) {
            return Err(Error::MissingScope(developer::Validation::NAME));
        }
        if let Some(named) = &request.named
            && let Some(before) = loaded.keys.replay(&named.claim)?
        {
            return Ok(Answer::Replay(before));
        }
        let outcome = self.verdict(loaded, request)?;
        match &request.named {
            Some(named) if matches!(outcome.verdict, Verdict::Valid { .. }) => {
                let stored = Stored { status: 200, body: (named.render)(&outcome)? };
                loaded.keys.keep(&named.claim, stored.clone());
                Ok(Answer::Stored(stored))
            }
            _ => Ok(Answer::Fresh(outcome)),
        }
    }

    async fn write(&self, db: &mut PgConnection, _: Uuid, loaded: Loaded) -> Result<bool> {
        let mut used = sql::Used::default();
        for license in loaded.changed.iter().filter_map(|hash| loaded.licenses.get(hash)) {
            used.ids.push(*license.id);
            used.statuses.push(license.status.kept().to_owned());
            used.hwids.push(license.hwid.as_ref().map(|hwid| hwid.as_str().to_owned()));
            used.uses.push(license.uses);
            used.limits_told.push(license.limit_told);
            used.updated.push(license.updated_at);
        }
        if !used.ids.is_empty() {
            sql::update_used(db, loaded.shop.uuid(), &used).await?;
        }
        audit::write(db, loaded.shop, &self.env, &loaded.notes).await?;
        if !loaded.events.is_empty() {
            outbox::emit(db, loaded.shop, &self.env, &loaded.events).await?;
        }
        loaded.keys.store(db, loaded.shop, &self.env).await?;
        Ok(!loaded.events.is_empty())
    }
}

impl Validations {
    /// The verdict, with its notes. Where too many fail in this shop, a failure is refused unseen:
    /// nothing of it is written but its count.
    fn verdict(&self, loaded: &mut Loaded, request: &Request) -> Result<Outcome> {
        let Loaded { now, licenses, changed, notes, events, shop, .. } = loaded;
        let (now, shop) = (*now, *shop);
        let actor = Some(*request.caller.key);
        let Some(license) = licenses.get_mut(&request.key_hash) else {
            self.spend_a_failure(shop, request.key_hash, now)?;
            let verdict = Verdict::Refused(LicenseRefusal::NotFound);
            let key_hash = Some(request.key_hash);
            notes.push(Note { key_hash, ..attempted(verdict, None, &request.attempt, actor) });
            return Ok(Outcome { license: None, verdict, at: now });
        };
        let mut after = license.clone();
        let verdict = verdict::decide(&mut after, &request.attempt, now);
        if let Verdict::Refused(refusal) = verdict {
            self.spend_a_failure(shop, request.key_hash, now)?;
            if refusal == LicenseRefusal::MaxUsesReached && !after.limit_told {
                after.limit_told = true;
                events.push(Event::LicenseLimitExceeded(after.facts()));
            }
        }
        notes.push(attempted(verdict, Some(after.id), &request.attempt, actor));
        if verdict == (Verdict::Valid { bound: true }) {
            let hwid = after.hwid.as_ref().map(|hwid| hwid.as_str().to_owned());
            notes.push(Note::of(Kind::HwidBound, Some(after.id), actor).change(None, hwid));
            events.push(Event::LicenseActivated(after.facts()));
        }
        if after.status != license.status {
            let (old, new) = (license.status.word().to_owned(), after.status.word().to_owned());
            notes.push(Note::of(Kind::StatusChanged, Some(after.id), None).change(Some(old), Some(new)));
            events.push(Event::LicenseExpired(after.facts()));
        }
        if after.uses != license.uses
            || after.updated_at != license.updated_at
            || after.limit_told != license.limit_told
        {
            changed.insert(request.key_hash);
        }
        *license = after.clone();
        Ok(Outcome { license: Some(after), verdict, at: now })
    }

    fn spend_a_failure(&self, shop: Tenant, key_hash: [u8; 16], now: DateTime<Utc>) -> Result<()> {
        let Some(limit) = self.failures_max else { return Ok(()) };
        let mut subject: Subject = [0; 16];
        subject.copy_from_slice(&Sha256::digest([b"failures".as_slice(), shop.uuid().as_bytes()].concat())[..16]);
        let spent = self.limiter.take(subject, limit, now);
        if spent.allowed {
            return Ok(());
        }
        self.throttled.note(shop, key_hash);
        Err(Error::RateLimited { retry_after_s: spent.reset_s })
    }
}

fn attempted(verdict: Verdict, license: Option<LicenseId>, attempt: &Attempt, actor: Option<Uuid>) -> Note {
    let (kind, code) = match verdict {
        Verdict::Valid { .. } => (Kind::ValidationSuccess, None),
        Verdict::Refused(refusal) => (Kind::ValidationFailed, Some(refusal.code())),
    };
    let hwid = attempt.hwid.as_ref().map(|hwid| Hwid::as_str(hwid).to_owned());
    Note { code, ip: Some(attempt.ip), hwid, ..Note::of(kind, license, actor) }
}

impl Outcome {
    /// The status that the license has, where there is one.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.license.as_ref().map(|license| license.status)
    }
}
