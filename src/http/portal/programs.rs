//! The programs that a person belongs to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::program::{Program, ProgramDetail};
use crate::app::App;
use crate::domain::resellers;
use crate::http::door::person::{self, Person};
use crate::http::door::read::Read;
use crate::http::door::{Answer, Data};

/// Lists the programs of who is signed in, newest first, ended ones too.
#[utoipa::path(get, path = "/programs", tag = "programs", security(("session" = [])),
    responses((status = 200, body = Data<Vec<Program>>)))]
pub async fn list(person: Person, State(app): State<Arc<App>>, mut db: Read) -> Answer<Data<Vec<Program>>> {
    let mut data = Vec::new();
    for (shop, reseller) in resellers::programs_of(&mut db, person.account.id).await? {
        data.push(Program::load(&mut db, &app, shop, &reseller).await?);
    }
    Ok(Json(Data { data }))
}

/// One program: its terms, and the products that may be sold, with their price and stock.
#[utoipa::path(get, path = "/programs/{relationship}", tag = "programs", security(("session" = [])),
    params(("relationship" = String, Path)), responses((status = 200, body = Data<ProgramDetail>)))]
pub async fn get(program: person::Program, State(app): State<Arc<App>>, mut db: Read) -> Answer<Data<ProgramDetail>> {
    let data = ProgramDetail::load(&mut db, &app, program.shop, &program.reseller).await?;
    Ok(Json(Data { data }))
}
