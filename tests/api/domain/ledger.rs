//! The ledger against a model, and against those who would bend it.

use std::collections::HashMap;

use chrono::Duration;
use keyhouse::domain::ledger::{self, Account, Kind, Leg, Purpose, Transfer};
use keyhouse::error::{Conflict, Error};
use keyhouse::kit::money::{Cents, Currency};
use proptest::prelude::*;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::house::{TestApp, house, invariants};

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn clearing() -> Account {
    Account::recording(Kind::Clearing, "sandbox")
}

fn prepaid(owner: &str) -> Account {
    Account::held(Kind::Prepaid, owner)
}

fn between(reference: u128, debit: Account, credit: Account, cents: i64) -> Transfer {
    let amount = Cents::new(cents).unwrap();
    Transfer::between(Purpose::TopUp, Uuid::from_u128(reference), usd(), debit, credit, amount)
}

/// Posts in a transaction of its own.
async fn post(app: &TestApp, db: &mut PgConnection, transfer: &Transfer) -> Result<(), Error> {
    let mut work = db.begin().await.unwrap();
    ledger::post(&mut work, app.shop.row.tenant, &app.app.env, transfer).await?;
    work.commit().await.unwrap();
    Ok(())
}

async fn balance(app: &TestApp, db: &mut PgConnection, account: &Account) -> i64 {
    ledger::balance(db, app.shop.row.tenant, account, usd()).await.unwrap()
}

#[derive(Clone, Debug)]
struct Move {
    from: usize,
    to: usize,
    cents: i64,
    fold: bool,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0_usize..5, 0_usize..5, 1_i64..1_000, any::<bool>()).prop_map(|(from, to, cents, fold)| Move {
        from,
        to,
        cents,
        fold,
    });
    proptest::collection::vec(one.prop_filter("two accounts", |m| m.from != m.to), 1..30)
}

#[test]
fn every_balance_at_every_instant_is_the_models() {
    let accounts = [clearing(), Account::recording(Kind::Sales, ""), prepaid("a"), prepaid("b"), prepaid("c")];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
    runner
        .run(&moves(), |moves| {
            house(async |app| {
                let mut db = app.db().await;
                let mut model = [0_i64; 5];
                let mut history = Vec::new();
                for (n, step) in moves.iter().enumerate() {
                    let transfer =
                        between(n as u128, accounts[step.from].clone(), accounts[step.to].clone(), step.cents);
                    let covered = !accounts[step.from].held || model[step.from] >= step.cents;
                    match post(app, &mut db, &transfer).await {
                        Ok(()) if covered => {
                            model[step.from] -= step.cents;
                            model[step.to] += step.cents;
                        }
                        Err(Error::InsufficientFunds) if !covered => {}
                        other => panic!("{step:?}: {other:?}"),
                    }
                    history.push((app.now(), model));
                    app.advance(Duration::milliseconds(1));
                    if step.fold {
                        ledger::fold(&mut db, app.shop.row.tenant, chrono::DateTime::UNIX_EPOCH).await.unwrap();
                    }
                }
                for (account, expected) in accounts.iter().zip(model) {
                    assert_eq!(balance(app, &mut db, account).await, expected);
                }
                for (instant, then) in history {
                    for (account, expected) in accounts.iter().zip(then) {
                        let shop = app.shop.row.tenant;
                        let at = ledger::balance_at(&mut db, shop, account, usd(), instant).await.unwrap();
                        assert_eq!(at, expected);
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn sixteen_hands_in_one_purse_never_take_more_than_is_in_it() {
    house(async |app| {
        post(app, &mut app.db().await, &between(0, clearing(), prepaid("r"), 1_000)).await.unwrap();
        let hand = async |hand: u128| {
            let mut db = app.db().await;
            let mut spent = 0;
            for n in 0..20 {
                let debit = between(1 + hand * 100 + n, prepaid("r"), Account::recording(Kind::Sales, ""), 7);
                match post(app, &mut db, &debit).await {
                    Ok(()) => spent += 7,
                    Err(Error::InsufficientFunds) => {}
                    Err(e) => panic!("{e}"),
                }
            }
            spent
        };
        let hands: Vec<_> = (0..16).map(hand).collect();
        let spent: i64 = futures_join(hands).await.into_iter().sum();
        assert_eq!(spent, 994, "142 times 7 fits into 1,000");
        assert_eq!(balance(app, &mut app.db().await, &prepaid("r")).await, 6);
    });
}

/// All at once, on one thread.
async fn futures_join<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in &mut pending {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        if pending.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    pending.into_iter().filter_map(|(_, done)| done).collect()
}

#[test]
fn a_transfer_that_does_not_sum_to_zero_is_refused() {
    house(async |app| {
        let legs = vec![
            Leg { account: clearing(), amount: Cents::new(-5).unwrap() },
            Leg { account: Account::recording(Kind::Sales, ""), amount: Cents::new(4).unwrap() },
        ];
        let whole = between(1, clearing(), Account::recording(Kind::Sales, ""), 5);
        let transfer = Transfer { legs, ..whole };
        assert!(matches!(post(app, &mut app.db().await, &transfer).await, Err(Error::Internal(_))));
    });
}

#[test]
fn a_reference_is_posted_once() {
    house(async |app| {
        let mut db = app.db().await;
        let transfer = between(1, clearing(), prepaid("r"), 10);
        post(app, &mut db, &transfer).await.unwrap();
        let again = post(app, &mut db, &transfer).await;
        assert!(matches!(again, Err(Error::Conflict(Conflict::WrongState(_)))), "{again:?}");
        assert_eq!(balance(app, &mut db, &prepaid("r")).await, 10);
    });
}

#[test]
fn what_is_held_goes_on_or_back_once() {
    house(async |app| {
        let (shop, env) = (app.shop.row.tenant, &app.app.env);
        let mut db = app.db().await;
        post(app, &mut db, &between(0, clearing(), prepaid("r"), 100)).await.unwrap();
        let goal = Account::recording(Kind::Clearing, "manual");

        let mut work = db.begin().await.unwrap();
        let first = ledger::hold(&mut work, shop, env, &between(1, prepaid("r"), goal.clone(), 60)).await.unwrap();
        let too_much = between(2, prepaid("r"), goal.clone(), 60);
        let mut inner = work.begin().await.unwrap();
        assert!(matches!(ledger::hold(&mut inner, shop, env, &too_much).await, Err(Error::InsufficientFunds)));
        inner.rollback().await.unwrap();
        let second = ledger::hold(&mut work, shop, env, &between(3, prepaid("r"), goal.clone(), 30)).await.unwrap();
        ledger::settle(&mut work, shop, env, first, &goal).await.unwrap();
        ledger::void(&mut work, shop, env, second, &prepaid("r")).await.unwrap();
        let twice = ledger::settle(&mut work, shop, env, second, &goal).await;
        assert!(matches!(twice, Err(Error::Conflict(Conflict::WrongState(_)))));
        work.commit().await.unwrap();

        assert_eq!(balance(app, &mut db, &prepaid("r")).await, 40);
        assert_eq!(balance(app, &mut db, &goal).await, 60);
        assert_eq!(balance(app, &mut db, &Account::recording(Kind::Pending, "")).await, 0);
    });
}

#[test]
fn an_entry_cannot_be_changed_removed_or_swept_away() {
    house(async |app| {
        let mut db = app.db().await;
        post(app, &mut db, &between(1, clearing(), prepaid("r"), 10)).await.unwrap();
        for sql in ["update ledger_entries set amount = 11", "delete from ledger_entries", "truncate ledger_entries"] {
            let refused = sqlx::query(sql).execute(&mut db).await.unwrap_err();
            assert!(refused.to_string().contains("only ever inserted"), "{sql}: {refused}");
        }
    });
}

/// Of more than was paid, and in no book.
const REFUND: &str =
    "insert into refunds (shop_id, id, order_id, amount_cents, reason, gateway, transfer_id, created_at)
     select shop_id, gen_random_uuid(), id, total_cents + 1, 'other', 'manual', gen_random_uuid(), now() from orders limit 1";

/// Of what nobody took in, and in no book.
const PAYOUT: &str =
    "insert into payouts (shop_id, id, chain, asset, amount_cents, currency, destination_address, broadcaster, transfer_id, created_at)
     select shop_id, gen_random_uuid(), 'tron', 'USDT', 5, 'USD', 'T', 'manual', gen_random_uuid(), now() from orders limit 1";

/// One that nobody paid for and that has no codes.
const FULFILLMENT: &str =
    "insert into fulfillments (shop_id, id, reseller_id, external_order_id, product_id, quantity, customer_email, unit_cents, total_cents, currency, balance_after, created_at)
                 select shop_id, gen_random_uuid(), gen_random_uuid(), 'x', id, 1, 'a@example.com', 5, 5, 'USD', 0, now() from products limit 1";

#[test]
fn every_law_of_the_books_notices_its_breach() {
    house(async |app| {
        let mut db = app.db().await;
        post(app, &mut db, &between(1, clearing(), prepaid("r"), 10)).await.unwrap();
        let product = app.stocked(&["one", "two"]).await;
        app.pay(&app.checkout(&product, 1).await).await;
        let breaches = HashMap::from([
            (
                "transfers sum to zero",
                "insert into ledger_entries select shop_id, gen_random_uuid(), transfer_id, account_id, 5, null, null, created_at from ledger_entries limit 1",
            ),
            ("balances are their entries", "update ledger_accounts set balance = balance + 1 where held"),
            ("everything sums to zero", "update ledger_accounts set balance = balance + 1 where held"),
            (
                "chains are unbroken",
                "insert into ledger_entries select shop_id, gen_random_uuid(), transfer_id, account_id, 5, version + 2, 1, created_at from ledger_entries where version = 1",
            ),
            (
                "no version below the floor",
                "insert into ledger_entries select shop_id, gen_random_uuid(), transfer_id, account_id, -50, version + 1, -40, created_at from ledger_entries where version = 1",
            ),
            ("entries have an account", "delete from ledger_accounts where held"),
            ("paid orders are posted once", "update orders set paid_at = null, status = 'awaiting_payment'"),
            ("sold codes have one owner", "update serials set status = 'burned' where status = 'sold'"),
            ("reservations have an order", "update serials set status = 'reserved' where status = 'sold'"),
            (
                "stock is the free codes",
                "insert into stock_levels (shop_id, pool_id, level) select shop_id, pool_id, 1 from serials limit 1 on conflict (shop_id, pool_id) do update set level = stock_levels.level + 1",
            ),
            ("fulfillments are debited once", FULFILLMENT),
            ("fulfillments have their codes", FULFILLMENT),
            ("pending is what is held", "update ledger_transfers set state = 'pending', settled_at = null"),
            (
                "refunds are those of their order",
                "update orders set refunding_cents = refunding_cents + 1 where total_cents > 1",
            ),
            ("refunds are in the ledger", REFUND),
            ("refunds are within what was captured", REFUND),
            ("payouts are in the ledger", PAYOUT),
            ("payouts are within what was payable", PAYOUT),
            ("top ups credit their balance", "update orders set reseller_id = gen_random_uuid()"),
        ]);
        for (law, breach) in &breaches {
            let mut work = db.begin().await.unwrap();
            sqlx::query(*breach).execute(&mut *work).await.unwrap_or_else(|e| panic!("{law}: {e}"));
            let broken = ledger::broken_laws(&mut work).await.unwrap();
            assert!(broken.iter().any(|text| text.starts_with(law)), "{law}: {broken:?}");
            work.rollback().await.unwrap();
        }
        invariants::check(&mut db).await;
        let views: i64 = sqlx::query_scalar("select count(*) from pg_views where viewname like 'books%'")
            .fetch_one(&mut db)
            .await
            .unwrap();
        assert_eq!(views, i64::try_from(breaches.len()).unwrap(), "a law without its breach here");
    });
}

#[test]
fn income_is_taken_into_what_is_payable_once() {
    house(async |app| {
        let (shop, env) = (app.shop.row.tenant, &app.app.env);
        let mut db = app.db().await;
        let sales = Account::recording(Kind::Sales, "");
        for (n, (account, cents)) in
            [(sales.clone(), 700), (Account::recording(Kind::Wholesale, ""), 300)].into_iter().enumerate()
        {
            post(app, &mut db, &between(n as u128, clearing(), account, cents)).await.unwrap();
        }
        post(app, &mut db, &between(7, Account::recording(Kind::Adjustments, ""), prepaid("r"), 100)).await.unwrap();
        for folded in [false, true] {
            if folded {
                ledger::fold(&mut db, shop, chrono::DateTime::UNIX_EPOCH).await.unwrap();
            }
            let mut work = db.begin().await.unwrap();
            let reference = Uuid::from_u128(100 + u128::from(folded));
            assert_eq!(ledger::collect(&mut work, shop, env, reference, usd()).await.unwrap(), 900);
            work.commit().await.unwrap();
            assert_eq!(balance(app, &mut db, &ledger::payable()).await, 900);
            assert_eq!(balance(app, &mut db, &sales).await, 0);
        }
        // What was refunded since counts against it, below nothing too.
        post(app, &mut db, &between(8, sales.clone(), clearing(), 1_000)).await.unwrap();
        let mut work = db.begin().await.unwrap();
        assert_eq!(ledger::collect(&mut work, shop, env, Uuid::from_u128(102), usd()).await.unwrap(), -100);
        work.commit().await.unwrap();
        assert_eq!(
            (balance(app, &mut db, &sales).await, balance(app, &mut db, &ledger::payable()).await),
            (-1_000, 900)
        );
    });
}

#[test]
fn ten_thousand_entries_are_folded_though_the_planner_takes_their_table_for_an_empty_one() {
    house(async |app| {
        let (shop, mut db) = (app.shop.row.tenant, app.db().await);
        post(app, &mut db, &between(1, clearing(), Account::recording(Kind::Sales, ""), 100)).await.unwrap();
        for sql in ["vacuum analyze ledger_open", "set statement_timeout = '5s'"] {
            sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        }
        let sql = "insert into ledger_open (shop_id, account_id, entry_id, amount)
                   select shop_id, account_id, gen_random_uuid(), sign
                   from (select * from ledger_open limit 1) one, generate_series(1, 5000), unnest('{1, -1}'::int[]) sign";
        sqlx::query(sql).execute(&mut db).await.unwrap();
        let folded = ledger::fold(&mut db, shop, chrono::DateTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(folded + ledger::fold(&mut db, shop, chrono::DateTime::UNIX_EPOCH).await.unwrap(), 10_002);
        assert_eq!(balance(app, &mut db, &clearing()).await, -100);
    });
}

#[test]
fn a_sale_moves_its_total_from_the_gateway_to_the_sales() {
    house(async |app| {
        let product = app.stocked(&["one", "two"]).await;
        app.pay(&app.checkout(&product, 2).await).await;
        let mut db = app.db().await;
        let shop = app.shop.row.twin;
        let sales = Account::recording(Kind::Sales, "");
        assert_eq!(ledger::balance(&mut db, shop, &sales, usd()).await.unwrap(), 9_800);
        assert_eq!(ledger::balance(&mut db, shop, &clearing(), usd()).await.unwrap(), -9_800);
    });
}
