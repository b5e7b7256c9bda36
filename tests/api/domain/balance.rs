//! Purse balances: what was paid in, put right and spent adds up, whoever does it at once.

use keyhouse::domain::ledger::{self, Line, LineKind, prepaid};
use keyhouse::domain::orders;
use keyhouse::domain::resellers::{self, AlertsPatch, TOP_UP_CENTS_MAX, TOP_UP_CENTS_MIN};
use keyhouse::domain::shops;
use keyhouse::error::{Conflict, Error};
use keyhouse::kit::money::Currency;
use keyhouse::kit::page::{Place, Window};
use keyhouse::worker;
use proptest::prelude::*;
use sqlx::Connection as _;

use crate::house::purse::{Purse, cents};
use crate::house::{TestApp, house, house_with};
use crate::laws::operations::NO_LIMITS;
use crate::laws::together;

/// Walks the statement in pages of this many.
async fn statement(app: &TestApp, of: &Purse<'_>, limit: i64) -> Vec<Line> {
    let (mut db, env) = (app.db().await, &app.app.env);
    let usd = Currency::parse("USD").unwrap();
    let place = Place::new("test", of.shop.uuid(), "");
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let window = Window { limit, after };
        let page = ledger::statement(&mut db, of.shop, env, &prepaid(*of.id), usd, window, &place).await.unwrap();
        lines.extend(page.data);
        let Some(cursor) = page.next_cursor else { return lines };
        after = Some(place.open(&env.vault, &cursor).unwrap());
    }
}

/// Newest first, without a gap; each line leaves what the one before left and its own amount.
async fn adds_up(app: &TestApp, of: &Purse<'_>, limit: i64) -> Vec<Line> {
    let lines = statement(app, of, limit).await;
    let mut running = 0;
    for (version, line) in (1..).zip(lines.iter().rev()) {
        running += line.amount.get();
        assert_eq!((line.version, line.balance_after.get()), (version, running));
    }
    assert_eq!(of.balance().await, running);
    lines
}

#[test]
fn the_running_balance_adds_up_however_it_is_paged() {
    let steps = proptest::collection::vec((any::<bool>(), -3_000_i64..3_000), 1..15);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(6));
    runner
        .run(&(steps, 1_i64..6), |(steps, limit)| {
            house_with(NO_LIMITS, async |app| {
                let reseller = app.purse().await;
                let mut model = Vec::new();
                for (pays, amount) in &steps {
                    let held: i64 = model.iter().map(|(_, amount)| amount).sum();
                    if *pays {
                        reseller.fund(100 + amount.abs()).await;
                        model.push((LineKind::TopUp, 100 + amount.abs()));
                    } else if *amount != 0 {
                        match reseller.adjust(*amount).await {
                            Ok(_) => model.push((LineKind::Adjustment, *amount)),
                            Err(Error::InsufficientFunds) => assert!(held + amount < 0),
                            Err(e) => panic!("{e}"),
                        }
                    }
                }
                let lines = adds_up(app, &reseller, limit).await;
                let seen: Vec<_> = lines.iter().rev().map(|line| (line.kind, line.amount.get())).collect();
                assert_eq!(seen, model);
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn top_ups_adjustments_and_payments_at_once_leave_what_they_sum_to() {
    house_with(NO_LIMITS, async |app| {
        let reseller = app.purse().await;
        reseller.fund(1_000).await;
        let hand = async |hand: i64| {
            let mut moved = 0;
            for step in 0..6 {
                moved += match (hand + step) % 3 {
                    0 => {
                        let invoice = reseller.top_up(100 + step).await;
                        // Twice at once: one of them pays.
                        together([app.pay(&invoice), app.pay(&invoice)]).await;
                        100 + step
                    }
                    1 => reseller.adjust(-170).await.map_or(0, |_| -170),
                    _ => reseller.adjust(40).await.map_or(0, |_| 40),
                };
            }
            moved
        };
        let moved: i64 = together((0..8).map(hand)).await.into_iter().sum();
        assert_eq!(reseller.balance().await, 1_000 + moved);
        adds_up(app, &reseller, 100).await;
    });
}

#[test]
fn sixty_four_falls_at_once_open_one_invoice() {
    house_with(NO_LIMITS, async |app| {
        let reseller = app.purse().await;
        reseller.tops_up_itself().await;
        let (row, shop) = (reseller.row().await, shops::get(&mut app.db().await, reseller.shop).await.unwrap());
        let open = async |_: usize| {
            let mut db = app.db().await;
            let mut work = db.begin().await.unwrap();
            let (env, gateways) = (&app.app.env, &app.app.gateways);
            let opened = orders::auto_top_up(&mut work, &shop, env, gateways, &row).await.unwrap();
            work.commit().await.unwrap();
            usize::from(opened.is_some())
        };
        let opened: usize = together((0..64).map(open)).await.into_iter().sum();
        assert_eq!(opened, 1);
        app.settle().await;
        assert_eq!(reseller.invoices().await, [(String::from("awaiting_payment"), 20_000, true)]);
    });
}

#[test]
fn workers_that_meet_open_one_invoice_and_forget_nobody() {
    house(async |app| {
        let resellers = together((0..8).map(|_| app.purse())).await;
        for reseller in &resellers {
            reseller.tops_up_itself().await;
        }
        together((0..4).map(|_| async { worker::settle(&app.app).await.unwrap() })).await;
        for reseller in &resellers {
            assert_eq!(reseller.invoices().await, [(String::from("awaiting_payment"), 20_000, true)]);
        }
        assert_eq!(app.mails().len(), 8);
    });
}

#[test]
fn a_worker_that_dies_half_way_leaves_the_invoice_due() {
    house(async |app| {
        let reseller = app.purse().await;
        reseller.tops_up_itself().await;
        let mut db = app.db().await;
        let mut work = db.begin().await.unwrap();
        let (taken, due) = resellers::take_top_ups_due(&mut work, reseller.shop).await.unwrap();
        assert_eq!((taken, due.len()), (1, 1));
        work.rollback().await.unwrap();
        assert!(reseller.invoices().await.is_empty());
        app.settle().await;
        assert_eq!(reseller.invoices().await.len(), 1);
    });
}

#[test]
fn an_invoice_opens_once_for_each_fall_and_is_told_of_by_mail() {
    house(async |app| {
        let reseller = app.purse().await;
        reseller.fund(10_000).await;
        reseller.tops_up_itself().await;
        app.settle().await;
        assert_eq!(reseller.invoices().await.len(), 1, "nothing is due while the balance is above");
        reseller.adjust(-6_000).await.unwrap();
        app.settle().await;
        reseller.adjust(-1_000).await.unwrap();
        app.settle().await;
        assert_eq!(reseller.invoices().await[1..], [(String::from("awaiting_payment"), 20_000, true)]);
        let mails = app.mails();
        assert!(mails.len() == 1 && mails[0].contains("200.00 USD") && mails[0].contains("#token="), "{mails:?}");

        reseller.outlives_its_invoices().await;
        reseller.adjust(-1_000).await.unwrap();
        app.settle().await;
        let statuses: Vec<_> = reseller.invoices().await.into_iter().map(|(status, ..)| status).collect();
        assert_eq!(statuses, ["completed", "failed", "awaiting_payment"]);
    });
}

#[test]
fn whose_invoice_lapsed_gets_another_while_the_balance_is_below() {
    house(async |app| {
        let reseller = app.purse().await;
        reseller.tops_up_itself().await;
        app.settle().await;
        reseller.outlives_its_invoices().await;
        app.settle().await;
        let statuses: Vec<_> = reseller.invoices().await.into_iter().map(|(status, ..)| status).collect();
        assert_eq!(statuses, ["failed", "awaiting_payment"]);
    });
}

#[test]
fn who_is_reactivated_below_the_threshold_gets_an_invoice() {
    house(async |app| {
        let reseller = app.purse().await;
        reseller.tops_up_itself().await;
        let set = async |status: &str| {
            let sql = "update resellers set status = $2 where id = $1";
            sqlx::query(sql).bind(*reseller.id).bind(status).execute(&mut app.db().await).await.unwrap();
            app.settle().await;
            reseller.invoices().await.len()
        };
        assert_eq!(set("SUSPENDED").await, 0);
        assert_eq!(set("ACTIVE").await, 1);
    });
}

#[test]
fn who_is_suspended_or_above_again_gets_no_invoice() {
    house(async |app| {
        let (suspended, above) = (app.purse().await, app.purse().await);
        for reseller in [&suspended, &above] {
            reseller.tops_up_itself().await;
        }
        let suspend = "update resellers set status = 'SUSPENDED' where id = $1";
        sqlx::query(suspend).bind(*suspended.id).execute(&mut app.db().await).await.unwrap();
        above.adjust(9_000).await.unwrap();
        app.settle().await;
        assert_eq!((suspended.invoices().await.len(), above.invoices().await.len()), (0, 0));
        let refused = suspended.try_top_up(1_000).await;
        assert!(matches!(refused, Err(Error::Conflict(Conflict::WrongState(_)))), "{refused:?}");
    });
}

#[test]
fn each_threshold_is_told_of_once_a_fall() {
    house(async |app| {
        let reseller = app.purse().await;
        reseller.fund(10_000).await;
        let low = Some([2_000, 8_000, 5_000, 5_000].map(cents).to_vec());
        let set = reseller.set_alerts(AlertsPatch { low, ..AlertsPatch::default() }).await.unwrap();
        assert_eq!(set.alerts.low, [2_000, 5_000, 8_000].map(cents));
        for amount in [-1_000, -5_000, -1_000, 6_000, -2_000] {
            reseller.adjust(amount).await.unwrap();
        }
        let told = "select (payload->>'threshold_cents')::bigint, (payload->>'balance_cents')::bigint
                    from events where topic = 'reseller:balance_low' order by id";
        let told: Vec<(i64, i64)> = sqlx::query_as(told).fetch_all(&mut app.db().await).await.unwrap();
        assert_eq!(told, [(5_000, 4_000), (8_000, 4_000), (8_000, 7_000)]);
    });
}

#[test]
fn an_invoice_of_its_own_needs_an_amount_and_a_threshold() {
    house(async |app| {
        let reseller = app.purse().await;
        for patch in [
            AlertsPatch { auto_top_up: Some(true), ..AlertsPatch::default() },
            AlertsPatch { auto_top_up: Some(true), below: Some(cents(1)), ..AlertsPatch::default() },
            AlertsPatch { auto_top_up: Some(true), amount: Some(cents(100)), ..AlertsPatch::default() },
        ] {
            let refused = reseller.set_alerts(patch).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    });
}

#[test]
fn a_top_up_has_a_least_and_a_most() {
    house(async |app| {
        let reseller = app.purse().await;
        for amount in [-1, 0, TOP_UP_CENTS_MIN - 1, TOP_UP_CENTS_MAX + 1] {
            let refused = reseller.try_top_up(amount).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{amount}: {refused:?}");
        }
        for amount in [TOP_UP_CENTS_MIN, TOP_UP_CENTS_MAX] {
            reseller.top_up(amount).await;
        }
    });
}
