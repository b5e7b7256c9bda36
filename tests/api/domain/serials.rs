//! Pools, beneath the routes: claim, burn, and the cursor that is only a hint.

use keyhouse::domain::products::{self, Licensing, Listing, NewProduct, PoolId, Source, Type};
use keyhouse::domain::serials::{self, Code, Cursors, Demand, SerialId};
use keyhouse::domain::shops::Tenant;
use keyhouse::error::{Conflict, Error};
use keyhouse::kit::money::{Cents, Currency};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::house::{TestApp, house, invariants};

/// A pool of the sandbox shop with these codes.
async fn pool(app: &TestApp, db: &mut PgConnection, codes: &[&str]) -> (Tenant, PoolId) {
    let (shop, env) = (app.shop.row.twin, &app.app.env);
    let new = NewProduct {
        name: "Codes".into(),
        r#type: Type::LicenseKey,
        price: Cents::ZERO,
        currency: Currency::parse("USD").unwrap(),
        description: None,
        stock: None,
        source: Source::default(),
        listing: Listing::default(),
        licensing: Licensing::default(),
    };
    let product = products::create(db, shop, env, new).await.unwrap().product;
    let pool = products::pool_for_import(db, shop, env, product.id).await.unwrap();
    import(app, db, pool, codes).await;
    (shop, pool)
}

async fn import(app: &TestApp, db: &mut PgConnection, pool: PoolId, codes: &[&str]) -> i64 {
    let codes: Vec<Code> = codes.iter().map(|code| Code::parse(code).unwrap()).collect();
    serials::import(db, app.shop.row.twin, &app.app.env, pool, &codes).await.unwrap().imported
}

fn demand(pool: PoolId, item: u128, quantity: i64) -> [Demand; 1] {
    [Demand { pool, item: Uuid::from_u128(item), quantity, product: "Codes".into() }]
}

async fn codes_of(app: &TestApp, db: &mut PgConnection, item: u128) -> Vec<(SerialId, String)> {
    let delivered = serials::delivered(db, app.shop.row.twin, &app.app.env, &[Uuid::from_u128(item)]).await.unwrap();
    delivered.into_iter().map(|delivered| (delivered.id, delivered.code.as_str().to_owned())).collect()
}

#[test]
fn a_claim_takes_the_oldest_codes_in_the_order_of_the_import() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["c-1", "a-2", "b-3"]).await;
        serials::claim(&mut work, shop, &app.app.env, &Cursors::default(), &demand(pool, 1, 2)).await.unwrap();
        let codes: Vec<String> = codes_of(app, &mut work, 1).await.into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["c-1", "a-2"]);
        assert_eq!(serials::stock_of(&mut work, shop, pool).await.unwrap(), 1);
    });
}

#[test]
fn a_claim_of_more_than_there_is_takes_nothing() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["one", "two"]).await;
        let refused = serials::try_claim(&mut work, shop, &app.app.env, &Cursors::default(), &demand(pool, 1, 3)).await;
        assert!(matches!(refused, Err(Error::Conflict(Conflict::OutOfStock { .. }))));
        assert!(codes_of(app, &mut work, 1).await.is_empty());
        assert_eq!(serials::stock_of(&mut work, shop, pool).await.unwrap(), 2);
    });
}

#[test]
fn a_cursor_that_has_run_ahead_hides_no_code() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["one", "two"]).await;
        let cursors = Cursors::default();
        cursors.advance(shop, pool, i64::MAX);
        serials::claim(&mut work, shop, &app.app.env, &cursors, &demand(pool, 1, 2)).await.unwrap();
        assert_eq!(codes_of(app, &mut work, 1).await.len(), 2);
    });
}

#[test]
fn a_released_code_goes_out_again() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["only"]).await;
        let (env, cursors) = (&app.app.env, Cursors::default());
        serials::reserve(&mut work, shop, env, &cursors, &demand(pool, 1, 1)).await.unwrap();
        serials::release(&mut work, shop, env, &cursors, &[Uuid::from_u128(1)]).await.unwrap();
        serials::claim(&mut work, shop, env, &cursors, &demand(pool, 2, 1)).await.unwrap();
        assert_eq!(codes_of(app, &mut work, 2).await[0].1, "only");
    });
}

#[test]
fn a_burned_code_is_gone_for_ever() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["bad", "good"]).await;
        let (env, cursors) = (&app.app.env, Cursors::default());
        serials::claim(&mut work, shop, env, &cursors, &demand(pool, 1, 1)).await.unwrap();
        let (bad, _) = codes_of(app, &mut work, 1).await.remove(0);

        assert_eq!(serials::burn(&mut work, shop, env, &[bad]).await.unwrap(), 1);

        assert_eq!(serials::burn(&mut work, shop, env, &[bad]).await.unwrap(), 0, "burned twice");
        assert_eq!(import(app, &mut work, pool, &["bad"]).await, 0, "imported again");
        assert!(codes_of(app, &mut work, 1).await.is_empty(), "still shown");
        assert_eq!(serials::stock_of(&mut work, shop, pool).await.unwrap(), 1);
    });
}

#[test]
fn burning_a_free_code_lowers_the_stock() {
    house(async |app| {
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (shop, pool) = pool(app, &mut work, &["one", "two"]).await;
        let free: Uuid =
            sqlx::query_scalar("select id from serials order by pos limit 1").fetch_one(&mut *work).await.unwrap();
        serials::burn(&mut work, shop, &app.app.env, &[SerialId::from(free)]).await.unwrap();
        assert_eq!(serials::stock_of(&mut work, shop, pool).await.unwrap(), 1);
    });
}

#[test]
fn folding_the_stock_changes_no_figure() {
    house(async |app| {
        let mut db = app.db().await;
        let (shop, pool) = pool(app, &mut db, &["one", "two", "three"]).await;
        serials::claim(&mut db, shop, &app.app.env, &Cursors::default(), &demand(pool, 1, 1)).await.unwrap();
        let before = serials::stock_of(&mut db, shop, pool).await.unwrap();
        let env = &app.app.env;
        assert_eq!(serials::fold_stock(&mut db, shop, env, app.now() + chrono::Duration::seconds(1)).await.unwrap(), 0);
        assert!(serials::fold_stock(&mut db, shop, env, app.now()).await.unwrap() > 0);
        assert_eq!(serials::fold_stock(&mut db, shop, env, app.now()).await.unwrap(), 0);
        assert_eq!(serials::stock_of(&mut db, shop, pool).await.unwrap(), before);
        // Without an order behind it, the claim is no sale; the house would rightly complain.
        sqlx::query("delete from serials where status = 'sold'").execute(&mut db).await.unwrap();
        invariants::check(&mut db).await;
    });
}

#[test]
fn ten_thousand_changes_are_folded_though_the_planner_takes_their_table_for_an_empty_one() {
    house(async |app| {
        let (env, mut db) = (&app.app.env, app.db().await);
        let (shop, pool) = pool(app, &mut db, &["one", "two", "three"]).await;
        for sql in ["vacuum analyze stock_deltas", "set statement_timeout = '5s'"] {
            sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        }
        let sql = "insert into stock_deltas (shop_id, pool_id, id, delta)
                   select shop_id, pool_id, gen_random_uuid(), sign
                   from (select * from stock_deltas limit 1) one, generate_series(1, 5000), unnest('{1, -1}'::int[]) sign";
        sqlx::query(sql).execute(&mut db).await.unwrap();
        let folded = serials::fold_stock(&mut db, shop, env, chrono::DateTime::UNIX_EPOCH).await.unwrap();
        assert!(folded > 0);
        assert_eq!(serials::stock_of(&mut db, shop, pool).await.unwrap(), 3);
    });
}
