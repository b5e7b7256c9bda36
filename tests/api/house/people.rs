//! People of the portal: an account with a password, signed in, and in a program.

use chrono::Duration;
use keyhouse::domain::accounts::{self, Account};
use keyhouse::domain::resellers::{self, Grant, Mode, ProgramPatch, ResellerId, Terms};
use keyhouse::domain::shops::Tenant;
use keyhouse::kit::json::Json;
use keyhouse::kit::password;
use keyhouse::kit::secret::{hash, reveal};
use keyhouse::kit::values::Email;
use tokio::sync::OnceCell;

use super::actor::Actor;
use super::{TestApp, unique};

/// Of everybody here.
pub const PASSWORD: &str = "correct horse battery staple";

pub struct TestPerson {
    pub account: Account,
    /// The session's token.
    pub token: String,
}

impl TestApp {
    /// Somebody with an account of their own, signed in.
    pub async fn person(&self) -> TestPerson {
        self.person_of(&format!("rae{}@example.com", unique())).await
    }

    pub async fn person_of(&self, email: &str) -> TestPerson {
        static HASHED: OnceCell<String> = OnceCell::const_new();
        let hashed = HASHED.get_or_init(async || {
            let password = password::password(Json::Text(PASSWORD.into())).unwrap();
            self.app.passwords.hash(&self.app.env, &password).await.unwrap()
        });
        let (hashed, email) = (hashed.await, Email::parse(email).unwrap());
        let (mut db, env) = (self.db().await, &self.app.env);
        let account = accounts::create(&mut db, env, &email, "Rae", hashed).await.unwrap();
        let session = accounts::open_session(&mut db, env, &account).await.unwrap();
        TestPerson { account, token: reveal(&session.token) }
    }

    /// Calls as this person.
    pub fn signed_in(&self, person: &TestPerson) -> Actor<'_> {
        self.bearer(&person.token)
    }

    /// The token of an invitation to this shop's program, which is on.
    pub async fn invites(&self, shop: Tenant, email: &str) -> String {
        let (mut db, env) = (self.db().await, &self.app.env);
        let on = ProgramPatch { enabled: Some(true), ..ProgramPatch::default() };
        resellers::update_program(&mut db, shop, env, on).await.unwrap();
        let terms = Terms {
            mode: Mode::Both,
            commission: None,
            wholesale_discount: None,
            limit_daily: None,
            limit_monthly: None,
        };
        let (email, grant) = (Email::parse(email).unwrap(), Grant { terms, access: None });
        let invited = resellers::invite(&mut db, shop, env, &email, grant, Duration::days(7)).await.unwrap();
        reveal(&invited.token)
    }

    /// Makes this person a reseller of the shop.
    pub async fn joins(&self, shop: Tenant, person: &TestPerson) -> ResellerId {
        let token = self.invites(shop, person.account.email.as_str()).await;
        let mut db = self.db().await;
        let hash = hash(&token);
        let (shop, invitation) = resellers::invitation_by_token(&mut db, &hash).await.unwrap();
        let (env, account, of) = (&self.app.env, &person.account, (invitation.id, hash));
        let accepted = resellers::accept(&mut db, shop, env, of, account.id, &account.email).await;
        accepted.unwrap().id
    }
}
