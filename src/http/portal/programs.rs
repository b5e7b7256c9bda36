//! The programs that a person belongs to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::program::{Program, ProgramDetail};
use crate::app::App;
use crate::domain::resellers;
use crate::http::door::params::Query;
use crate::http::door::person::{self, Person};
use crate::http::door::read::Read;
use crate::http::door::wire::CursorList;
use crate::http::door::{Answer, Data};
use crate::kit::page::{Page, Place};

/// Lists the programs of who is signed in, newest first, ended ones too.
#[utoipa::path(get, path = "/programs", tag = "programs", security(("session" = [])), params(
    ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "25 unless said"),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = CursorList<Program>)))]
pub async fn list(
    person: Person,
    State(app): State<Arc<App>>,
    query: Query,
    mut db: Read,
) -> Answer<CursorList<Program>> {
    let account = person.account.id;
    let place = Place::new("programs", account, "");
    let window = query.window(&place, &app.env.vault)?;
    let page = resellers::programs_of(&mut db, &app.env, account, window, &place).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for (shop, reseller) in page.data {
        data.push(Program::load(&mut db, shop, &reseller).await?);
    }
    Ok(Json(Page { data, next_cursor: page.next_cursor }.into()))
}

/// One program: its terms, and the products that may be sold, with their price and stock.
#[utoipa::path(get, path = "/programs/{relationship}", tag = "programs", security(("session" = [])),
    params(("relationship" = String, Path)), responses((status = 200, body = Data<ProgramDetail>)))]
pub async fn get(program: person::Program, mut db: Read) -> Answer<Data<ProgramDetail>> {
    let data = ProgramDetail::load(&mut db, program.shop, &program.reseller).await?;
    Ok(Json(Data { data }))
}
