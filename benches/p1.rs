//! P1 and P2: license validation through lanes, each answer after its durable audit row, against one
//! statement a validation that locks, updates and writes the same tables. P2 signs the answer.

use anyhow::ensure;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::house::House;
use crate::load::{Pace, Work};
use crate::measure::{self, CONNECTIONS, Sample, best_clients, open_loop, peak, reference};
use crate::pgbench::{Param, Script};
use crate::table::{Goal, Row};
use crate::trail::{MACHINE, Seed};
use crate::{say, seed, source};

const CROWD: usize = 256;

/// What the reference runs. Its keys' hashes are those of MD5, for pgbench knows no other; its ids are
/// made of the time, as ours are.
const REFERENCE: &str = "
    with found as materialized (
        select id, uses from licenses
        where shop_id = $1::uuid and key_hash = decode(md5((:n)::text), 'hex') and product_id = $2::uuid and status = 'active'
          and hardware_id = $3::text and (expires_at is null or expires_at > now())
          and (max_uses is null or uses < max_uses)
        for no key update),
    used as (
        update licenses l set uses = found.uses + 1 from found where l.shop_id = $1::uuid and l.id = found.id returning l.id)
    insert into license_events (shop_id, id, license_id, type, ip, hardware_id, actor_id, created_at)
    select $1::uuid, encode(overlay(uuid_send(gen_random_uuid())
                 placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
                 'hex')::uuid,
           used.id, 'VALIDATION_SUCCESS', '127.0.0.1'::inet, $3::text, $2::uuid, now()
    from used";

pub async fn run(house: &House) -> anyhow::Result<Vec<Row>> {
    let mut stage = house.open("p1").await?;
    stage.key.clone_from(&stage.developer_key);
    let seeds = Seed::new(&mut stage).await?;
    let (product, theirs) = (seeds.product, Uuid::from_u128(0x019e_0000_0000_7000_8000_0000_0000_00ff));
    seeds.ours(&mut stage, house.scale.many, 1).await?;
    seeds.others(&mut stage.db, theirs, house.scale.many).await?;
    seed::settle(&mut stage.db).await?;
    let text = |value: Uuid| Param::Is(value.to_string());
    let script = Script::default().random("n", 1, house.scale.many);
    let script = script.statement(REFERENCE, &[text(theirs), text(product), Param::Is(MACHINE.into())])?;
    same_index(&mut stage.db, stage.shop, theirs, product).await?;
    let clients = best_clients(house, stage.database, &script).await?;

    let work = |signed| Work::Validate { product: product.to_string(), keys: house.scale.many, signed };
    let warm_up = Pace::Closed { seconds: house.scale.warm_up_seconds };
    let mut answers = measure::ours(house, &stage, CONNECTIONS, work(false), warm_up).await?.answers;
    let pace = Pace::Closed { seconds: house.scale.seconds };
    let (mut raw, mut few, mut many, mut signed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=house.scale.rounds {
        raw.push(reference(house, stage.database, &script, clients, house.scale.seconds).await?);
        few.push(measure::ours(house, &stage, CONNECTIONS, work(false), pace).await?);
        many.push(measure::ours(house, &stage, CROWD, work(false), pace).await?);
        signed.push(measure::ours(house, &stage, CONNECTIONS, work(true), pace).await?);
        let rate = |samples: &[Sample]| samples[round - 1].per_second;
        let (few, many, signed, raw) = (rate(&few), rate(&many), rate(&signed), rate(&raw));
        say(&format!("  round {round}: {few:.0}/s, {CROWD} at once {many:.0}/s, signed {signed:.0}/s, raw {raw:.0}/s"));
    }
    let open = open_loop(house, &stage, CONNECTIONS, work(false), peak(&few)).await?;
    let open_signed = open_loop(house, &stage, CONNECTIONS, work(true), peak(&signed)).await?;
    let all = few.iter().chain(&many).chain(&signed).chain([&open, &open_signed]);
    answers += all.map(|sample| sample.answers).sum::<u64>();
    check(&mut stage.db, stage.shop, answers).await?;
    same_partition(&mut stage.db).await?;

    let row = |id, what: String, samples: &[Sample], against: &[Sample], goal| {
        Row::new(id, what, "/s", peak(samples), Some(peak(against)), goal)
    };
    let what = |rest: &str| format!("validate, {} licenses, {rest}", house.scale.many);
    let clients = format!("64 connections, against {clients} of pgbench");
    let rows = vec![
        row("P1", what(&clients), &few, &raw, Goal::AtLeast(1.0)).of(&few, Some(&open)).against(&raw),
        row("P1", what("256 connections"), &many, &raw, Goal::AtLeast(1.4)).of(&many, None).against(&raw),
        row("P2", what("signed, against P1"), &signed, &few, Goal::AtLeast(0.7)).of(&signed, Some(&open_signed)),
    ];
    house.close(stage).await?;
    Ok(rows)
}

/// Each answer has its row in the trail and its use, and there are no others.
async fn check(db: &mut PgConnection, shop: Uuid, answers: u64) -> anyhow::Result<()> {
    let sql = "select (select count(*) from license_events where shop_id = $1 and type = 'VALIDATION_SUCCESS'),
                      (select coalesce(sum(uses), 0)::bigint from licenses where shop_id = $1)";
    let (rows, uses): (i64, i64) = sqlx::query_as(sql).bind(shop).fetch_one(db).await?;
    let answers = i64::try_from(answers)?;
    ensure!(rows == answers && uses == answers, "{answers} answers, {rows} rows, {uses} uses");
    Ok(())
}

/// Both sides find their licenses through one and the same index.
async fn same_index(db: &mut PgConnection, ours: Uuid, theirs: Uuid, product: Uuid) -> anyhow::Result<()> {
    let locking = source::statement(source::LICENSES, "lock_by_keys")?;
    let hashes: Vec<Vec<u8>> = sqlx::query_scalar("select key_hash from licenses where shop_id = $1 limit 64")
        .bind(ours)
        .fetch_all(&mut *db)
        .await?;
    let explain = format!("explain {locking}");
    let of_ours: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(explain)).bind(ours).bind(&hashes).fetch_all(&mut *db).await?;
    let reference = format!("explain {}", REFERENCE.replace("(:n)", "4711"));
    let of_theirs: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(reference)).bind(theirs).bind(product).bind(MACHINE).fetch_all(db).await?;
    for plan in [of_ours, of_theirs] {
        let plan = plan.join("\n");
        ensure!(plan.contains("using licenses_key_taken") && !plan.contains("Seq Scan"), "another plan:\n{plan}");
    }
    Ok(())
}

/// Both sides wrote their events into one and the same partition, which is none of the default.
async fn same_partition(db: &mut PgConnection) -> anyhow::Result<()> {
    let sql = "select tableoid::regclass::text, count(distinct shop_id) from license_events
               where type = 'VALIDATION_SUCCESS' group by 1";
    let partitions: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(db).await?;
    let good = |(name, shops): &(String, i64)| *shops == 2 && name != "license_events_default";
    ensure!(!partitions.is_empty() && partitions.iter().all(good), "the trails lie apart: {partitions:?}");
    Ok(())
}
