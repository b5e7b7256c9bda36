//! The authority of `/reseller/v1`: a key names one relationship, and nothing but it can be asked for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::{check_address, presented};
use super::limit::client_address;
use super::read::Db;
use crate::app::App;
use crate::domain::keys::{self, Caller};
use crate::domain::resellers::{self, Barred, Program};
use crate::domain::shops::Tenant;
use crate::error::{Error, Result, Unauthenticated};
use crate::kit::id::Id;

/// Holds an `shr_` key of a relationship that is active, in a program that is on (R44).
pub struct Reseller {
    pub caller: Caller,
    pub shop: Tenant,
    pub relationship: resellers::Reseller,
    pub program: Program,
}

impl FromRequestParts<Arc<App>> for Reseller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let refuse = |why| Error::Unauthenticated(why);
        let presented = presented(parts)?;
        let mut db = Db::of(parts)?.connection().await?;
        let found = keys::authenticate(&mut db, &presented.hash).await?;
        let caller = found.ok_or_else(|| refuse(Unauthenticated::Invalid))?;
        check_address(&caller, client_address(|peer| app.config.trusts(peer), parts))?;
        app.last_used.touch(&caller, app.env.now());
        let id = caller.reseller.ok_or_else(|| refuse(Unauthenticated::Invalid))?;
        let relationship = resellers::get(&mut db, caller.shop, Id::from(id)).await?;
        let program = resellers::program(&mut db, caller.shop).await?;
        if relationship.may_buy(&program).is_err_and(Barred::is_inactive) {
            return Err(refuse(Unauthenticated::Inactive));
        }
        Ok(Self { shop: caller.shop, caller, relationship, program })
    }
}
