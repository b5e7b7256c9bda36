//! Programs of a test's shops, and who joins them.

use keyhouse::domain::resellers;
use keyhouse::kit::secret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::actor::Actor;
use super::{TestApp, unique};

impl TestApp {
    /// Turns the program of this developer's shop on, with what else is said.
    pub async fn opens_program(&self, developer: &Actor<'_>, settings: Value) {
        developer.patch("/dev/v1/reseller-program", with(json!({ "is_enabled": true }), settings)).await.is(200);
    }

    /// Somebody who was invited to this developer's shop on these terms and has accepted; answers the
    /// relationship's id.
    pub async fn invited(&self, developer: &Actor<'_>, terms: Value) -> String {
        self.opens_program(developer, json!({})).await;
        let body = with(json!({ "email": format!("rae{}@example.com", unique()), "mode": "STOCK" }), terms);
        let invited = developer.post("/dev/v1/resellers/invite", body).await.is(201).json()["data"].clone();
        self.accepts(invited["invitation"]["token"].as_str().unwrap()).await
    }

    /// Accepts the invitation of this token, in an account of its address.
    pub async fn accepts(&self, token: &str) -> String {
        let mut db = self.db().await;
        let hash = secret::hash(token);
        let (shop, invitation) = resellers::invitation_by_token(&mut db, &hash).await.unwrap();
        let account = self.account(invitation.email.as_str()).await;
        let email = &invitation.email;
        let accepted = resellers::accept(&mut db, shop, &self.app.env, (invitation.id, hash), account, email).await;
        accepted.unwrap().id.uuid().to_string()
    }

    /// The account of this address, made now if there is none; nobody signs in to it.
    pub async fn account(&self, email: &str) -> Uuid {
        let made = "insert into accounts (id, email, email_key, name, password_hash, created_at, updated_at)
                    values ($1, $2, lower($2), 'Rae', '', $3, $3)
                    on conflict (email_key) do update set email = excluded.email returning id";
        let made =
            sqlx::query_scalar(made).bind(*self.app.env.id::<resellers::Reseller>()).bind(email).bind(self.now());
        made.fetch_one(&mut self.db().await).await.unwrap()
    }
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}
