//! `keyhouse keys rotate signing`, beside a running server.

use keyhouse::domain::data_keys;
use keyhouse::kit::jws::{KeyRing, VERDICT};
use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use serde_json::Value;

use crate::house::process::{Ended, keyhouse, run};
use crate::house::{MASTER_KEY, TestApp, house, master, unique};

/// The signing keys as another process on this database opens them.
pub async fn another_process(app: &TestApp) -> KeyRing {
    let mut rng = ChaCha20Rng::seed_from_u64(unique().into());
    data_keys::open(&mut app.db().await, &master(), &mut rng, app.now()).await.unwrap().1
}

pub fn rotate(app: &TestApp, arguments: &[&str]) -> Ended {
    let mut command = keyhouse(&app.app.config.data_dir, &[&["keys", "rotate", "signing"], arguments].concat());
    command.env("DATABASE_URL", app.database_url()).env("KEYHOUSE_MASTER_KEY", MASTER_KEY);
    run(command)
}

fn kids(app: &TestApp) -> Vec<String> {
    app.app.env.signing.kids()
}

#[test]
fn a_running_server_follows_and_nothing_that_was_signed_is_refused_on_the_way() {
    house(async |app| {
        let (server, pinned) = (&app.app.env.signing, another_process(app).await);
        let mut signed = vec![server.sign(VERDICT, &"before").unwrap()];
        let [successor, signs] = <[String; 2]>::try_from(kids(app)).unwrap();
        let said = rotate(app, &["--json"]).is(0).json();
        assert_eq!((said["signs"].as_str(), said["before"].as_str()), (Some(&*successor), Some(&*signs)));
        assert_eq!(said["retired"].as_array().unwrap().len(), 0);
        signed.push(server.sign(VERDICT, &"not yet followed").unwrap());
        app.settle().await;
        signed.push(server.sign(VERDICT, &"followed").unwrap());
        assert_eq!(kids(app), [said["successor"].as_str().unwrap(), &successor, &signs]);
        for jws in &signed {
            assert!(server.verify::<Value>(VERDICT, jws).is_some(), "who reads the keys now");
            assert!(pinned.verify::<Value>(VERDICT, jws).is_some(), "who pinned the keys before");
        }
        assert_ne!(signed[1].split('.').next(), signed[2].split('.').next(), "another key signs");
    });
}

#[test]
fn a_key_that_signed_a_moment_ago_is_not_retired_unless_it_leaked() {
    house(async |app| {
        let signed = app.app.env.signing.sign(VERDICT, &1).unwrap();
        let before = kids(app);
        rotate(app, &[]).is(0);
        app.settle().await;
        let rotated = kids(app);
        rotate(app, &[]).is(1).complains_of(&["wait until", "--leaked"]);
        app.settle().await;
        assert_eq!(kids(app), rotated, "a refused rotation changed nothing");
        let said = rotate(app, &["--leaked", "--json"]).is(0).json();
        app.settle().await;
        assert_eq!(said["signs"].as_str(), Some(&*rotated[0]));
        let mut retired: Vec<&str> =
            said["retired"].as_array().unwrap().iter().map(|kid| kid.as_str().unwrap()).collect();
        retired.sort_unstable();
        let mut leaked = before;
        leaked.sort();
        assert_eq!(retired, leaked);
        assert_eq!(kids(app).len(), 2);
        assert!(app.app.env.signing.verify::<Value>(VERDICT, &signed).is_none());
    });
}

#[test]
fn what_is_printed_for_people_says_what_becomes_of_each_key() {
    house(async |app| {
        let [successor, signs] = <[String; 2]>::try_from(kids(app)).unwrap();
        let said = rotate(app, &[]).is(0).output.clone();
        assert!(said.contains(&format!("{successor} signs from now on")), "{said}");
        assert!(said.contains(&format!("{signs} stays published until the next rotation")), "{said}");
        let help = run(keyhouse(&app.app.config.data_dir, &["keys", "rotate", "signing", "--help"])).output;
        assert!(help.contains("Examples:") && help.contains("in about a minute"), "{help}");
    });
}

#[test]
fn a_database_that_has_no_signing_keys_gets_them_once_from_processes_that_start_together() {
    house(async |app| {
        sqlx::query("delete from data_keys where purpose = 'signing'").execute(&mut app.db().await).await.unwrap();
        let (one, two, three) = tokio::join!(another_process(app), another_process(app), another_process(app));
        assert_eq!(one.kids().len(), 2);
        assert!(one.kids() == two.kids() && two.kids() == three.kids());
        let count = sqlx::query_scalar::<_, i64>("select count(*) from data_keys where purpose = 'signing'");
        assert_eq!(count.fetch_one(&mut app.db().await).await.unwrap(), 2);
        app.settle().await;
        assert_eq!(kids(app), one.kids());
    });
}

#[test]
fn a_signing_key_is_kept_sealed_by_the_master_key() {
    house(async |app| {
        let other = keyhouse::kit::vault::MasterKey::parse(&"ab".repeat(32)).unwrap().vault().unwrap();
        let ring = KeyRing::new(other);
        assert!(data_keys::reload_signing(&mut app.db().await, &ring).await.is_err());
        assert!(ring.kids().is_empty());
    });
}
