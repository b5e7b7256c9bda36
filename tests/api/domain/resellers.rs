//! Accepting, and the limits of what is bought.

use keyhouse::domain::resellers::{self, Barred, Bought, Program, Reseller, ResellerId};
use keyhouse::error::{Conflict, Error, ResellerRefusal};
use keyhouse::kit::places::Places;
use keyhouse::kit::secret;
use keyhouse::kit::values::Email;
use serde_json::json;
use sqlx::Connection as _;
use uuid::Uuid;

use crate::house::{TestApp, house};
use crate::laws::together;

async fn invited(app: &TestApp, email: &str) -> String {
    app.opens_program(&app.developer(), json!({})).await;
    let invited = app.developer().post("/dev/v1/resellers/invite", json!({ "email": email })).await;
    invited.is(201).json()["data"]["invitation"]["token"].as_str().unwrap().to_owned()
}

/// Accepts as this person, in a transaction of its own.
async fn accept(app: &TestApp, token: &str, account: Uuid, email: &str) -> Result<Reseller, Error> {
    let (mut db, hash) = (app.db().await, secret::hash(token));
    let (shop, invitation) = resellers::invitation_by_token(&mut db, &hash).await?;
    let (email, of) = (Email::parse(email).unwrap(), (invitation.id, hash));
    let mut work = db.begin().await.unwrap();
    let accepted = resellers::accept(&mut work, shop, &app.app.env, of, account, &email).await?;
    work.commit().await.unwrap();
    Ok(accepted)
}

async fn lookup(app: &TestApp, id: &str) -> Reseller {
    let id = ResellerId::parse(id).unwrap();
    resellers::get(&mut app.db().await, app.shop.row.tenant, id).await.unwrap()
}

#[test]
fn an_invitation_is_taken_once_however_many_take_it() {
    house(async |app| {
        let token = invited(app, "rae@example.com").await;
        let account = app.account("rae@example.com").await;
        let taken = together((0..8).map(|_| accept(app, &token, account, "Rae@example.com"))).await;
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
        for refused in taken.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, Error::NotFound("invitation")), "{refused}");
        }
        let told = app.events().await.into_iter().filter(|topic| topic == "reseller:accepted").count();
        assert_eq!(told, 1);
    });
}

#[test]
fn an_invitation_is_for_its_address_alone_and_ends() {
    house(async |app| {
        let token = invited(app, "rae@example.com").await;
        let (rae, eve) = (app.account("rae@example.com").await, app.account("eve@example.com").await);
        let by_another = accept(app, &token, eve, "eve@example.com").await;
        assert!(matches!(by_another, Err(Error::NotFound("invitation"))), "{by_another:?}");
        app.advance(chrono::Duration::days(7));
        let too_late = accept(app, &token, rae, "rae@example.com").await;
        assert!(matches!(too_late, Err(Error::NotFound("invitation"))), "{too_late:?}");
        let unknown = accept(app, "inv_nothing", rae, "rae@example.com").await;
        assert!(matches!(unknown, Err(Error::NotFound("invitation"))), "{unknown:?}");
    });
}

#[test]
fn a_token_that_another_has_taken_the_place_of_meanwhile_opens_nothing() {
    house(async |app| {
        let before = invited(app, "rae@example.com").await;
        let hash = secret::hash(&before);
        let (shop, found) = resellers::invitation_by_token(&mut app.db().await, &hash).await.unwrap();
        // Sent once more between the look-up and the acceptance.
        let after = invited(app, "rae@example.com").await;
        let (account, env) = (app.account("rae@example.com").await, &app.app.env);
        let mut db = app.db().await;
        let late = resellers::accept(&mut db, shop, env, (found.id, hash), account, &found.email).await;
        assert!(matches!(late, Err(Error::NotFound("invitation"))), "{late:?}");
        accept(app, &after, account, "rae@example.com").await.unwrap();
    });
}

#[test]
fn nobody_joins_a_program_that_is_off() {
    house(async |app| {
        let token = invited(app, "rae@example.com").await;
        app.opens_program(&app.developer(), json!({ "is_enabled": false })).await;
        let account = app.account("rae@example.com").await;
        let refused = accept(app, &token, account, "rae@example.com").await;
        assert!(matches!(refused, Err(Error::Reseller(ResellerRefusal::ProgramDisabled))), "{refused:?}");
        app.opens_program(&app.developer(), json!({})).await;
        accept(app, &token, account, "rae@example.com").await.unwrap();
    });
}

#[test]
fn one_person_stands_once_in_a_program() {
    house(async |app| {
        let account = app.account("rae@example.com").await;
        let (one, other) = (invited(app, "rae@example.com").await, invited(app, "rae.work@example.com").await);
        accept(app, &one, account, "rae@example.com").await.unwrap();
        let twice = accept(app, &other, account, "rae.work@example.com").await;
        assert!(matches!(twice, Err(Error::Conflict(Conflict::WrongState(_)))), "{twice:?}");
    });
}

#[test]
fn limits_count_by_day_and_month_in_utc() {
    house(async |app| {
        let terms = json!({ "purchase_limit_daily": 5, "purchase_limit_monthly": 8 });
        let reseller = lookup(app, &app.invited(&app.developer(), terms).await).await;
        let (shop, mut db) = (app.shop.row.tenant, app.db().await);
        let mut buy = async |items| match resellers::take(&mut db, shop, &app.app.env, &reseller, items).await {
            Ok(()) => "bought",
            Err(Error::Reseller(ResellerRefusal::PurchaseLimitReached { unit, .. })) => unit,
            Err(e) => panic!("{e}"),
        };
        assert_eq!((buy(3).await, buy(3).await, buy(2).await), ("bought", "day", "bought"));
        app.advance(chrono::Duration::days(1));
        assert_eq!((buy(4).await, buy(3).await, buy(1).await), ("month", "bought", "month"));
        app.advance(chrono::Duration::days(5));
        assert_eq!(buy(5).await, "bought", "a new month");
    });
}

#[test]
fn a_group_counts_what_each_one_buys() {
    house(async |app| {
        let one = lookup(app, &app.invited(&app.developer(), json!({})).await).await.id;
        let other = lookup(app, &app.invited(&app.developer(), json!({})).await).await.id;
        let (shop, mut db, today) = (app.shop.row.tenant, app.db().await, app.now().date_naive());
        let yesterday = today.pred_opt().unwrap();
        let places = Places::default();
        let record = async |day, purchases: &[(ResellerId, i64)]| {
            let purchases = purchases.iter().copied().collect();
            resellers::record_purchases(&mut app.db().await, shop, &places, day, &purchases).await.unwrap();
        };
        record(yesterday, &[(one, 2)]).await;
        record(today, &[(one, 1), (other, 4)]).await;
        record(today, &[(one, 3)]).await;
        let bought = resellers::purchased(&mut db, shop, &[one, other], today).await.unwrap();
        assert_eq!(bought[&one], Bought { today: 4, this_month: 6 });
        assert_eq!(bought[&other], Bought { today: 4, this_month: 4 });
        let elsewhere = resellers::purchased(&mut db, app.shop.row.twin, &[one, other], today).await.unwrap();
        assert!(elsewhere.is_empty());
    });
}

#[test]
fn who_may_buy_is_said_in_one_place() {
    house(async |app| {
        let on = Program { enabled: true, ..Program::default() };
        let developer = app.developer();
        let id = app.invited(&developer, json!({ "mode": "STOCK" })).await;
        assert_eq!(lookup(app, &id).await.may_buy(&on), Ok(()));
        assert_eq!(lookup(app, &id).await.may_buy(&Program::default()), Err(Barred::ProgramOff));
        developer.patch(&format!("/dev/v1/resellers/{id}"), json!({ "mode": "AFFILIATE" })).await.is(200);
        assert_eq!(lookup(app, &id).await.may_buy(&on), Err(Barred::Mode));
        developer.post(&format!("/dev/v1/resellers/{id}/suspend"), json!({})).await.is(200);
        assert_eq!(lookup(app, &id).await.may_buy(&on), Err(Barred::NotActive(resellers::Status::Suspended)));
    });
}
