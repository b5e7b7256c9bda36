//! Group commit, with a room made for it: accounts with a balance, and a trail of what was asked.

use std::collections::{BTreeSet, HashMap};
use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use keyhouse::domain::idempotency::{Batch, Claim, Stored, hash};
use keyhouse::domain::keys::{self, Caller, KeyId, Surface};
use keyhouse::domain::shops::{Mode, Tenant};
use keyhouse::error::{Conflict, Error, Result, Unauthenticated};
use keyhouse::kit::env::Env;
use keyhouse::kit::lane::{GROUP_MAX, Lanes, QUEUE_MAX, Work};
use keyhouse::kit::{pool, secret};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::house::actor::Actor;
use crate::house::{TestApp, house};
use crate::laws::together;

/// What the database refuses, and `decide` does not know of.
const POISON: i64 = 13;
const TABLES: &str = "
    create table lane_accounts (shop_id uuid, account int, balance bigint not null, primary key (shop_id, account));
    create table lane_trail (shop_id uuid, n bigint generated always as identity, account int,
                             amount bigint check (amount <> 13), said text not null);";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Add(i64),
    /// Refused by `decide`; leaves its row in the trail.
    Refuse,
    Panic,
    /// The session dies while its group is loaded, the first time.
    Kill,
}

#[derive(Clone)]
struct Item {
    caller: Caller,
    lock: i64,
    account: i32,
    act: Act,
    claim: Option<Claim>,
}

struct Accounts {
    env: Env,
    kill: AtomicBool,
}

struct Loaded {
    shop: Tenant,
    standing: HashMap<KeyId, Vec<String>>,
    balances: HashMap<i32, i64>,
    keys: Batch,
    changed: BTreeSet<i32>,
    trail: Vec<(i32, i64, String)>,
}

impl Work for Accounts {
    type Item = Item;
    type Answer = String;
    type Loaded = Loaded;
    const NAME: &'static str = "accounts";

    fn shop(&self, item: &Item) -> Uuid {
        item.caller.shop.uuid()
    }
    fn number(&self, item: &Item) -> u64 {
        item.account.unsigned_abs().into()
    }
    fn lock(&self, item: &Item) -> Option<i64> {
        Some(item.lock)
    }
    fn is_named(&self, item: &Item) -> bool {
        item.claim.is_some()
    }

    async fn load(&self, db: &mut PgConnection, shop: Uuid, items: &[&Item]) -> Result<Loaded> {
        if items.iter().any(|item| item.act == Act::Kill) && self.kill.swap(false, Ordering::SeqCst) {
            db.execute("select pg_terminate_backend(pg_backend_pid())").await?;
        }
        assert!(items.iter().all(|item| item.caller.shop.uuid() == shop), "a group is of one shop");
        assert!(items.len() <= GROUP_MAX);
        let (owner, tenant) = (items[0].caller.owner, items[0].caller.shop);
        let callers: Vec<KeyId> = items.iter().map(|item| item.caller.key).collect();
        let standing = keys::standing(db, owner, &callers).await?;
        let accounts: Vec<i32> = items.iter().map(|item| item.account).collect();
        let rows: Vec<(i32, i64)> = sqlx::query_as(
            "select account, balance from lane_accounts where shop_id = $1 and account = any($2)
             order by account for no key update",
        )
        .bind(shop)
        .bind(accounts)
        .fetch_all(&mut *db)
        .await?;
        let keys = Batch::load(db, tenant, &self.env, items.iter().filter_map(|item| item.claim.as_ref())).await?;
        let balances = rows.into_iter().collect();
        Ok(Loaded { shop: tenant, standing, balances, keys, changed: BTreeSet::new(), trail: Vec::new() })
    }

    fn decide(&self, loaded: &mut Loaded, item: &Item) -> Result<String> {
        if !loaded.standing.contains_key(&item.caller.key) {
            return Err(Error::Unauthenticated(Unauthenticated::Invalid));
        }
        if let Some(claim) = &item.claim
            && let Some(before) = loaded.keys.replay(claim)?
        {
            return Ok(String::from_utf8(before.body).unwrap());
        }
        let amount = match item.act {
            Act::Add(amount) => amount,
            Act::Kill => 1,
            Act::Panic => panic!("as the test wants"),
            Act::Refuse => {
                loaded.trail.push((item.account, 0, "refused".into()));
                return Err(Error::Conflict(Conflict::WrongState("refused".into())));
            }
        };
        let balance = loaded.balances.get_mut(&item.account).unwrap();
        *balance += amount;
        let said = balance.to_string();
        loaded.changed.insert(item.account);
        loaded.trail.push((item.account, amount, said.clone()));
        if let Some(claim) = &item.claim {
            loaded.keys.keep(claim, Stored { status: 200, body: said.clone().into_bytes() });
        }
        Ok(said)
    }

    async fn write(&self, db: &mut PgConnection, shop: Uuid, loaded: Loaded) -> Result<bool> {
        let accounts: Vec<i32> = loaded.changed.iter().copied().collect();
        let balances: Vec<i64> = accounts.iter().map(|account| loaded.balances[account]).collect();
        let update = "update lane_accounts a set balance = u.balance from unnest($2::int[], $3::bigint[])
                      as u (account, balance) where a.shop_id = $1 and a.account = u.account";
        sqlx::query(update).bind(shop).bind(accounts).bind(balances).execute(&mut *db).await?;
        let (mut accounts, mut amounts, mut said) = (Vec::new(), Vec::new(), Vec::new());
        for (account, amount, word) in &loaded.trail {
            let (account, amount, word) = (*account, *amount, word.clone());
            accounts.push(account);
            amounts.push(amount);
            said.push(word);
        }
        let insert = "insert into lane_trail (shop_id, account, amount, said)
                      select $1, * from unnest($2::int[], $3::bigint[], $4::text[])";
        sqlx::query(insert).bind(shop).bind(accounts).bind(amounts).bind(said).execute(&mut *db).await?;
        loaded.keys.store(db, loaded.shop, &self.env).await?;
        Ok(false)
    }
}

/// The lanes of one process, on an app's database.
fn open(app: &TestApp) -> Lanes<Accounts> {
    let env = Env::new(app.app.env.clock.clone(), seeded(), app.app.env.vault.clone(), app.app.env.signing.clone());
    let options = Arc::new(pool::options(app.database_url()).unwrap().application_name("lane"));
    Lanes::open(Accounts { env, kill: AtomicBool::new(true) }, &options, &Arc::new(Notify::new()))
}

fn seeded() -> rand::rngs::ChaCha20Rng {
    rand::SeedableRng::seed_from_u64(u64::from(crate::house::unique()))
}

async fn make_tables(app: &TestApp, callers: &[&Caller]) {
    let mut db = app.db().await;
    db.execute(TABLES).await.unwrap();
    for caller in callers {
        let insert = "insert into lane_accounts select $1, n, 0 from generate_series(0, 9) n on conflict do nothing";
        sqlx::query(insert).bind(caller.shop.uuid()).execute(&mut db).await.unwrap();
    }
}

async fn caller(app: &TestApp, actor: &Actor<'_>) -> (Caller, i64) {
    let hash = secret::hash(actor.token());
    let caller = keys::authenticate(&mut app.db().await, &hash).await.unwrap().unwrap();
    (caller, secret::lock_number(&hash))
}

fn item((caller, lock): &(Caller, i64), account: i32, act: Act) -> Item {
    Item { caller: caller.clone(), lock: *lock, account, act, claim: None }
}

fn named(item: Item, key: &str) -> Item {
    let request = format!("{:?} {}", item.act, item.account);
    let fingerprint = secret::hash(&request);
    let claim = Claim { scope: format!("account {}", item.account), key_hash: hash(key.as_bytes()), fingerprint };
    Item { claim: Some(claim), ..item }
}

async fn balance(app: &TestApp, caller: &Caller, account: i32) -> i64 {
    let query = "select balance from lane_accounts where shop_id = $1 and account = $2";
    let query = sqlx::query_scalar(query).bind(caller.shop.uuid()).bind(account);
    query.fetch_one(&mut app.db().await).await.unwrap()
}

async fn trail(app: &TestApp, caller: &Caller, account: i32) -> Vec<String> {
    let query = "select said from lane_trail where shop_id = $1 and account = $2 order by n";
    let query = sqlx::query_scalar(query).bind(caller.shop.uuid()).bind(account);
    query.fetch_all(&mut app.db().await).await.unwrap()
}

/// What an answer is, without what an error says.
fn kind(answer: &Result<String>) -> String {
    match answer {
        Ok(said) => format!("ok {said}"),
        Err(Error::Unauthenticated(_)) => "401".into(),
        Err(Error::Conflict(Conflict::IdempotencyMismatch)) => "mismatch".into(),
        Err(Error::Conflict(_)) => "refused".into(),
        Err(Error::Database(_)) => "the database refused".into(),
        Err(other) => format!("{other}"),
    }
}

/// Of an idempotency key: its shop, scope and hash.
type Name = (Uuid, String, [u8; 16]);

/// One by one, in memory: what the lanes must equal.
#[derive(Default)]
struct Model {
    balances: HashMap<(Uuid, i32), i64>,
    trail: HashMap<(Uuid, i32), Vec<String>>,
    keys: HashMap<Name, ([u8; 32], String)>,
}

impl Model {
    fn answer(&mut self, item: &Item, revoked: &[KeyId]) -> String {
        if revoked.contains(&item.caller.key) {
            return "401".into();
        }
        let shop = item.caller.shop.uuid();
        let name = item.claim.as_ref().map(|claim| (shop, claim.scope.clone(), claim.key_hash));
        if let (Some(name), Some(claim)) = (&name, &item.claim)
            && let Some((fingerprint, said)) = self.keys.get(name)
        {
            return if *fingerprint == claim.fingerprint { format!("ok {said}") } else { "mismatch".into() };
        }
        let trail = self.trail.entry((shop, item.account)).or_default();
        match item.act {
            Act::Add(POISON) => "the database refused".into(),
            Act::Add(amount) => {
                let balance = self.balances.entry((shop, item.account)).or_default();
                *balance += amount;
                trail.push(balance.to_string());
                if let (Some(name), Some(claim)) = (name, &item.claim) {
                    self.keys.insert(name, (claim.fingerprint, balance.to_string()));
                }
                format!("ok {balance}")
            }
            _ => {
                trail.push("refused".into());
                "refused".into()
            }
        }
    }
}

/// Which of the callers, which account, what, and under which idempotency key.
fn steps() -> impl Strategy<Value = Vec<(usize, i32, Act, Option<u8>)>> {
    let act = prop_oneof![6 => (-5_i64..9).prop_map(Act::Add), 1 => Just(Act::Add(POISON)), 1 => Just(Act::Refuse)];
    let step = (0_usize..5, 0_i32..4, act, prop::option::weighted(0.4, 0_u8..4));
    prop::collection::vec(step, 1..150)
}

#[test]
fn any_items_through_lanes_equal_the_same_items_one_by_one() {
    house(async |app| {
        let revoked = app.key_with(Surface::Developer, Mode::Live, &["*"]).await;
        let other = app.another_shop().await;
        let actors = [app.developer(), app.key_with(Surface::Developer, Mode::Live, &["*"]).await, revoked];
        let mut callers = Vec::new();
        for actor in actors.iter().chain([&app.bearer(app.shop.developer_test.clone()), &app.bearer(other.developer)]) {
            callers.push(caller(app, actor).await);
        }
        let gone = callers[2].0.key;
        let (owner, env) = (callers[2].0.owner, &app.app.env);
        let mut db = app.db().await;
        let mut revoking = db.begin().await.unwrap();
        keys::revoke(&mut revoking, owner, env, Surface::Developer, None, gone).await.unwrap();
        revoking.commit().await.unwrap();
        make_tables(app, &callers.iter().map(|(caller, _)| caller).collect::<Vec<_>>()).await;

        let (lanes, mut model, mut runner) = (open(app), Model::default(), TestRunner::deterministic());
        for case in 0..40 {
            let steps = steps().new_tree(&mut runner).unwrap().current();
            let items = steps.iter().map(|(who, account, act, key)| {
                let item = item(&callers[*who], *account, *act);
                // Keys of one case and of the one before meet: stored rows, and rows of the same group.
                key.map_or(item.clone(), |key| named(item, &format!("{} {key}", case / 2)))
            });
            let items: Vec<Item> = items.collect();
            let expected: Vec<String> = items.iter().map(|item| model.answer(item, &[gone])).collect();
            let answers = together(items.iter().map(|item| lanes.submit(item.clone()))).await;
            assert_eq!(answers.iter().map(kind).collect::<Vec<_>>(), expected, "case {case}: {steps:?}");
        }
        for ((shop, account), expected) in &model.trail {
            let of = callers.iter().map(|(caller, _)| caller).find(|caller| caller.shop.uuid() == *shop).unwrap();
            assert_eq!(&trail(app, of, *account).await, expected);
            let expected = model.balances.get(&(*shop, *account)).copied().unwrap_or(0);
            assert_eq!(balance(app, of, *account).await, expected);
        }
        lanes.drain().await;
    });
}

#[test]
fn two_processes_do_everything_once() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let processes = [open(app), open(app)];
        let submit = |n: usize| {
            let named = named(item(&caller, i32::try_from(n % 3).unwrap(), Act::Add(1)), &format!("key {}", n / 4));
            processes[n % 2].submit(named)
        };
        let answers = together((0..400).map(submit)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        // Each key names three requests, one for each account; the fourth is a replay.
        let mut sum = 0;
        for account in 0..3 {
            sum += balance(app, &caller.0, account).await;
        }
        assert_eq!(sum, 300);
    });
}

#[test]
fn a_session_that_dies_in_the_middle_costs_nobody_an_answer() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let lanes = open(app);
        let acts = [Act::Add(1), Act::Add(1), Act::Kill, Act::Add(1)];
        let answers = together(acts.map(|act| lanes.submit(item(&caller, 0, act)))).await;
        assert_eq!(answers.iter().map(kind).collect::<Vec<_>>(), ["ok 1", "ok 2", "ok 3", "ok 4"]);
    });
}

#[test]
fn a_session_that_was_ended_while_idle_is_replaced() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let lanes = open(app);
        lanes.submit(item(&caller, 0, Act::Add(1))).await.unwrap();
        end_sessions(app).await;
        assert_eq!(lanes.submit(item(&caller, 0, Act::Add(1))).await.unwrap(), "2");
    });
}

async fn end_sessions(app: &TestApp) {
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
               where application_name = 'lane' and datname = current_database()";
    sqlx::query(end).fetch_all(&mut app.db().await).await.unwrap();
}

/// The session dies in COMMIT, once.
async fn lose_the_next_commit(app: &TestApp) {
    let trap = "create sequence lane_commits;
        create function lane_trap() returns trigger language plpgsql as $$ begin
            if nextval('lane_commits') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
            return null;
        end $$;
        create constraint trigger lane_trap after insert on lane_trail
            deferrable initially deferred for each row execute function lane_trap();";
    app.db().await.execute(trap).await.unwrap();
}

#[test]
fn a_lost_commit_is_found_out_by_its_key() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        lose_the_next_commit(app).await;
        let lanes = open(app);
        let answer = lanes.submit(named(item(&caller, 0, Act::Add(5)), "a key")).await;
        assert_eq!(kind(&answer), "ok 5");
        assert_eq!(balance(app, &caller.0, 0).await, 5);
    });
}

#[test]
fn a_lost_commit_without_a_key_is_not_made_up() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        lose_the_next_commit(app).await;
        let lanes = open(app);
        let answer = lanes.submit(item(&caller, 0, Act::Add(5))).await;
        assert!(matches!(answer, Err(Error::Unknown)), "{answer:?}");
        assert_eq!(kind(&lanes.submit(item(&caller, 0, Act::Add(5))).await), "ok 5");
    });
}

#[test]
fn a_panic_fails_its_group_and_the_lane_goes_on() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let lanes = open(app);
        let answer = lanes.submit(item(&caller, 0, Act::Panic)).await;
        assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
        assert_eq!(kind(&lanes.submit(item(&caller, 0, Act::Add(1))).await), "ok 1");
    });
}

#[test]
fn a_client_that_leaves_cancels_nothing() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let lanes = open(app);
        for _ in 0..20 {
            let mut leaves = Box::pin(lanes.submit(item(&caller, 0, Act::Add(1))));
            assert!(poll_fn(|context| Poll::Ready(leaves.as_mut().poll(context).is_pending())).await);
        }
        lanes.drain().await;
        assert_eq!(balance(app, &caller.0, 0).await, 20);
    });
}

#[test]
fn who_finds_the_queue_full_is_told_to_come_back() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let (lanes, mut db) = (open(app), app.db().await);
        let mut held = db.begin().await.unwrap();
        held.execute("select * from lane_accounts for update").await.unwrap();
        let submit = || lanes.submit(item(&caller, 0, Act::Add(1)));
        let crowd = together((0..QUEUE_MAX + 100).map(|_| submit()));
        let release = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            held.rollback().await.unwrap();
        };
        let (answers, ()) = tokio::join!(crowd, release);
        let refused = answers.iter().filter(|answer| matches!(answer, Err(Error::Unavailable { .. }))).count();
        assert_eq!(refused, 100, "all came before the lane could begin");
        assert_eq!(balance(app, &caller.0, 0).await, i64::try_from(QUEUE_MAX).unwrap());
    });
}

#[test]
fn a_lane_that_drains_answers_whoever_waits_and_takes_nobody_new() {
    house(async |app| {
        let caller = caller(app, &app.developer()).await;
        make_tables(app, &[&caller.0]).await;
        let lanes = open(app);
        let crowd = together((0..200).map(|n| lanes.submit(item(&caller, n % 4, Act::Add(1)))));
        let (answers, ()) = tokio::join!(crowd, lanes.drain());
        assert!(answers.iter().all(Result::is_ok));
        let late = lanes.submit(item(&caller, 0, Act::Add(1))).await;
        assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    });
}

#[test]
fn after_the_answer_to_a_revocation_nothing_of_that_key_takes_effect() {
    house(async |app| {
        let actor = app.key_with(Surface::Developer, Mode::Live, &["*"]).await;
        let gone = caller(app, &actor).await;
        make_tables(app, &[&gone.0]).await;
        let lanes = open(app);
        let crowd = together((0..600).map(|n| lanes.submit(item(&gone, n % 4, Act::Add(1)))));
        let revoke = async {
            let mut db = app.db().await;
            let mut work = db.begin().await.unwrap();
            let (owner, key) = (gone.0.owner, gone.0.key);
            keys::revoke(&mut work, owner, &app.app.env, Surface::Developer, None, key).await.unwrap();
            work.commit().await.unwrap();
            let mut sum = 0;
            for account in 0..4 {
                sum += balance(app, &gone.0, account).await;
            }
            sum
        };
        let (answers, at_the_answer) = tokio::join!(crowd, revoke);
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(i64::try_from(done).unwrap(), at_the_answer);
        let refused = answers.iter().filter(|answer| kind(answer) == "401").count();
        assert_eq!(done + refused, 600);
    });
}
