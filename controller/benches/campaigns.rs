//! What campaigns cost, by the size of the fleet: an upgrade of everybody is planned, created and
//! started; a thousand of its members are released, are sent their orders and say what came of
//! them; and somebody asks how it goes. Terminals are registered, enrolled and online, four to a
//! store, and a store is suspicious in which none of them stands. These machines are shared and
//! noisy: the ratio to the smallest fleet, in brackets, is what to look at.
//!
//! `cargo bench --package controller --bench campaigns`, and behind that `-- 10000` where no fleet
//! is to be larger. `TILLWARD_BENCH_POSTGRES` is the URL of a PostgreSQL server on which databases
//! may be made; without it SQLite alone is measured.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::background::{Poke, Progress};
use controller::campaign::Campaigns;
use controller::campaign::execute::Execute;
use controller::campaign::policy::Policy;
use controller::campaign::view;
use controller::delivery::{Brokers, Deliver, NotSent, Signer, Wire};
use controller::registry::audit::By;
use controller::registry::campaign::{Campaign, NewCampaign, Origin};
use controller::registry::delivery::{Heard, Report, Saying};
use controller::registry::page::{PAGE_ITEMS_MAX, Page};
use controller::registry::release::{StoredArtifact, StoredRelease};
use controller::registry::{self, Registry};
use controller::request::suspicion::{NewSuspicion, Scope};
use shared::change::{Change, Upgrade};
use shared::digest::{Digest, Nonce};
use shared::document::receipt::{Receipt, Said};
use shared::document::release::{Artifact, Health, Release, Settlement};
use shared::id::{CampaignId, FleetId, OrderId, TerminalId};
use shared::message::{Down, SignedBytes};
use shared::outcome::Outcome;
use shared::signature::{Envelope, PrivateKey};
use shared::time::{ClockConfidence, UnixTime};
use shared::topic::Shard;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

const FLEETS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Members that are released and finished. They begin in no more stores than there are of them, so
/// in the smallest fleet there are fewer stores to look at.
const RELEASED: usize = 1_000;

/// How often it is asked how a campaign goes.
const ASKED: u32 = 50;

/// Members that are listed at once.
const LISTED: u32 = 100;

/// Applied in one transaction, as `delivery` does.
const SAYINGS: usize = 256;

const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Rome",
    "Europe/Warsaw",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Athens",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "America/New_York",
    "America/Los_Angeles",
];

/// A store without terminals.
const EMPTY: &str = "store-empty";

const NOW: UnixTime = UnixTime(1_800_000_000);

const FLEET: FleetId = FleetId::from_bytes([1; 16]);

#[tokio::main]
async fn main() {
    let heard = Statements
        .with_filter(tracing_subscriber::filter::filter_fn(|it| it.target() == "sqlx::query"));
    let subscriber = tracing_subscriber::registry().with(heard);
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    let largest = std::env::args().skip(1).filter(|it| it != "--bench");
    let largest: Vec<u64> = largest.map(|it| it.parse().expect("a number of terminals")).collect();
    let largest = largest.first().copied().unwrap_or(u64::MAX);

    measure(&Kind::Sqlite, largest).await;
    match std::env::var("TILLWARD_BENCH_POSTGRES") {
        Ok(url) => measure(&Kind::Postgres(Box::new(url.parse().expect("a URL"))), largest).await,
        Err(_) => println!(
            "\nPostgreSQL is left out: give TILLWARD_BENCH_POSTGRES the URL of a server on which \
             databases may be made"
        ),
    }
}

async fn measure(kind: &Kind, largest: u64) {
    let mut table = Table::default();
    let fleets = FLEETS.into_iter().filter(|it| *it <= largest);
    for fleet in fleets {
        let ground = Ground::with(kind, fleet).await;
        let written = bench(&ground, &mut table).await;
        ground.leave(kind).await;
        table.notes.push(format!("rows written over {fleet}: {}", by_table(&written)));
    }
    table.print(match kind {
        Kind::Sqlite => "SQLite",
        Kind::Postgres(_) => "PostgreSQL",
    });
}

fn by_table(rows: &BTreeMap<String, i64>) -> String {
    let shown = rows.iter().map(|(table, rows)| format!("{table} {rows}"));
    shown.collect::<Vec<_>>().join(", ")
}

/// One fleet; gives how many rows creating and starting wrote, by table.
async fn bench(ground: &Ground, table: &mut Table) -> BTreeMap<String, i64> {
    let registry = &ground.registry;
    let signer = Arc::new(Signer::new(FLEET, PrivateKey::from_seed(&[1; 32])));
    let campaigns = Campaigns::new(Arc::clone(registry), Arc::clone(&signer));
    let (source, note) = ("a call".to_owned(), "who was that?".to_owned());
    let suspicion = NewSuspicion { scope: Scope::Store(EMPTY.to_owned()), source, note };
    registry.suspect(&suspicion, &by()).await.unwrap();
    let new = upgrade(&**registry).await;
    let before = ground.beside.rows_by_table().await;
    let fleet = usize::try_from(ground.fleet).unwrap();

    table.fleets.push(ground.fleet);
    let (planned, took) = Took::of(campaigns.plan(&new, NOW)).await;
    assert_eq!(planned.unwrap().audience.members.len(), fleet, "everybody is a member");
    table.line("plan, ms", took.ms());
    let (created, create) = Took::of(campaigns.create(&new, &by())).await;
    let id = created.unwrap().id;
    table.line("create, which plans once more, ms", create.ms());
    let (started, start) = Took::of(campaigns.start(id, &by())).await;
    assert_eq!(started.unwrap().frozen.unwrap().members as usize, fleet);
    table.line("start, which plans again and signs, ms", start.ms());
    table.line("create and start, ms", create.ms() + start.ms());
    let processor = (create.processor + start.processor).as_secs_f64() * 1_000.0;
    table.line("… ms of processor time here", processor);
    let mut written = ground.beside.rows_by_table().await;
    written.iter_mut().for_each(|(table, rows)| *rows -= before.get(table).copied().unwrap_or(0));
    written.retain(|_, rows| *rows != 0);
    table.line("rows that both wrote", count(written.values().sum::<i64>()));
    let bytes = ground.beside.number("SELECT length(ids) FROM memberships").await;
    table.line("bytes of the membership document", count(bytes));

    let execute = Execute::new(Arc::clone(registry), Arc::clone(&signer), Poke::new());
    first_look(&campaigns, &execute, id, table).await;
    release_and_finish(ground, &signer, &execute, id, table).await;
    ask(&**registry, id, table).await;
    written
}

/// While nobody can be released: what a controller does once for each campaign after a start, its
/// own or the campaign's.
async fn first_look(campaigns: &Campaigns, execute: &Execute, id: CampaignId, table: &mut Table) {
    campaigns.pause(id, &by()).await.unwrap();
    let (done, took) = Took::of(execute.step(NOW)).await;
    assert_eq!(done.unwrap(), Progress::Settled);
    table.line("first look, once after a start, ms", took.ms());
    campaigns.resume(id, None, &by()).await.unwrap();
}

async fn release_and_finish(
    ground: &Ground,
    signer: &Arc<Signer>,
    execute: &Execute,
    id: CampaignId,
    table: &mut Table,
) {
    let registry = &ground.registry;
    let (_, took) =
        Took::of(async { while execute.step(NOW).await.unwrap() == Progress::MoreToDo {} }).await;
    table.each("release", &took);
    let released = registry.campaign_tally(id).await.unwrap().places_taken();
    assert_eq!(released, RELEASED as u64, "as many as there are places");
    let (_, took) = Took::of(async {
        for _ in 0..ASKED {
            execute.step(NOW).await.unwrap();
        }
    })
    .await;
    table.line("a step while no place is free, ms", took.ms() / f64::from(ASKED));

    let wire = Arc::new(Nowhere);
    let deliver =
        Deliver::new(Arc::clone(registry), wire.clone(), wire.clone(), Arc::clone(signer));
    let (_, took) =
        Took::of(async { while deliver.step(NOW).await.unwrap() == Progress::MoreToDo {} }).await;
    table.each("send", &took);

    let said = said(&orders(&**registry, id).await);
    let (_, took) = Took::of(async {
        for some in said.chunks(SAYINGS) {
            registry.apply(some).await.unwrap();
        }
    })
    .await;
    table.each("finish, with two receipts", &took);
    assert_eq!(registry.campaign_tally(id).await.unwrap().attempted(), RELEASED as u64);
}

/// What `GET /v1/campaigns/{id}` asks, and a page of `/terminals` below it.
async fn ask(registry: &dyn Registry, id: CampaignId, table: &mut Table) {
    let (campaign, took) = Took::of(async {
        let mut known = None;
        for _ in 0..ASKED {
            let overview = view::overview(registry, id, NOW).await.unwrap().unwrap();
            let Change::Upgrade(Upgrade { release, .. }) = overview.campaign.change else {
                panic!("it is an upgrade");
            };
            registry.release(release).await.unwrap();
            known = Some(overview.campaign);
        }
        known.unwrap()
    })
    .await;
    table.line("how it goes, ms", took.ms() / f64::from(ASKED));
    table.line("how it goes, statements", took.statements / f64::from(ASKED));
    let (members, took) = Took::of(middle(registry, &campaign)).await;
    assert_eq!(members, LISTED as usize);
    table.line("100 of its members, from the middle, ms", took.ms());
}

async fn middle(registry: &dyn Registry, campaign: &Campaign) -> usize {
    let after = terminal(u64::from(campaign.frozen.unwrap().members) / 2);
    let page = Page::after(after, LISTED);
    view::members(registry, campaign, &page, NOW).await.unwrap().len()
}

fn by() -> By {
    By { who: "operator".to_owned(), why: "benchmark".to_owned(), at: NOW }
}

/// Of everybody, in one wave, who may all be at it at the same time.
async fn upgrade(registry: &dyn Registry) -> NewCampaign {
    let artifact = Digest::of(b"artifact");
    let stored = StoredArtifact { sha256: artifact, size: 1, stored_at: NOW };
    registry.add_artifact(&stored).await.unwrap();
    let release = Envelope::unsigned(Release {
        format: 1,
        component: "pos".to_owned(),
        version: "2.0.0".to_owned(),
        security_counter: 2,
        models: vec!["T650".to_owned()],
        artifact: Artifact { sha256: artifact, size: 1, unpacked_size: 2, entries: 1 },
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 60, within_s: 600 },
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(365 * 24 * 3600)),
    });
    let digest = release.digest();
    let stored = StoredRelease {
        digest,
        signed: SignedBytes::new(release.to_bytes()),
        release: release.document,
        published_at: NOW,
        published_by: "operator".to_owned(),
    };
    registry.add_release(&stored, &by()).await.unwrap();
    NewCampaign {
        id: CampaignId::generate(),
        name: None,
        change: Change::Upgrade(Upgrade { release: digest, window: None, backup_within_s: None }),
        selector: "*".to_owned(),
        max_parallel: u32::try_from(RELEASED).unwrap(),
        // Else the fourth of a store would wait for the others.
        policy: Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN },
        lifetime_s: 7 * 24 * 3600,
        salt: Nonce([7; 16]),
        origin: Origin::Itself,
    }
}

async fn orders(registry: &dyn Registry, id: CampaignId) -> Vec<(TerminalId, OrderId)> {
    let mut orders = Vec::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let some = registry.assignments(id, &page).await.unwrap();
        let Some(last) = some.last() else { return orders };
        page = Page::after(last.terminal, PAGE_ITEMS_MAX);
        orders.extend(some.iter().map(|it| (it.terminal, it.order)));
    }
}

/// Everybody accepts, and then everybody has succeeded. Who proves a receipt is not what this
/// measures, so none is signed.
fn said(orders: &[(TerminalId, OrderId)]) -> Vec<Heard> {
    let finished = || Said::Finished {
        outcome: Outcome::Succeeded { now: "2.0.0".to_owned() },
        evidence: vec![],
    };
    let receipt = |&(terminal, order): &(TerminalId, OrderId), seq: u64, said: Said| {
        let clock = ClockConfidence::Attested;
        let receipt = Receipt { format: 1, terminal, epoch: 1, order, said, at: NOW, clock };
        let signed = SignedBytes::new(Envelope::unsigned(receipt.clone()).to_bytes());
        let report = Report::Receipt { receipt, signed };
        let saying = Saying::Report { epoch: 1, seq, up_to: seq, report };
        Heard { terminal, at: NOW, saying }
    };
    let accepted = orders.iter().map(|it| receipt(it, 1, Said::Accepted));
    accepted.chain(orders.iter().map(|it| receipt(it, 2, finished()))).collect()
}

/// Takes whatever is sent.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Wire for Nowhere {
    async fn send(&self, _: TerminalId, _: Down) -> Result<(), NotSent> {
        Ok(())
    }
}

impl Brokers for Nowhere {
    fn broker_of(&self, _: Shard) -> String {
        "broker.example:8883".to_owned()
    }
}

// ── What it took ──

/// Hears of each statement by what the database's client would log of it.
struct Statements;

static STATEMENTS: AtomicU64 = AtomicU64::new(0);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
    }
}

struct Took {
    time: Duration,
    /// Of this process on all processors, to a hundredth of a second: whoever else works on the
    /// machine makes it no longer.
    processor: Duration,
    statements: f64,
}

impl Took {
    async fn of<T>(work: impl Future<Output = T>) -> (T, Self) {
        let before = STATEMENTS.load(Ordering::Relaxed);
        let (started, processor) = (Instant::now(), processor());
        let done = work.await;
        let time = started.elapsed();
        let processor = self::processor() - processor;
        let statements = (STATEMENTS.load(Ordering::Relaxed) - before) as f64;
        (done, Self { time, processor, statements })
    }

    fn ms(&self) -> f64 {
        self.time.as_secs_f64() * 1_000.0
    }
}

fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    // Behind the name, which is in brackets: those spent in user mode and in the kernel.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|it| it.parse::<u64>().unwrap());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

fn count(number: i64) -> f64 {
    number as f64
}

/// A line for each thing, in the order in which they were measured, with a value for each fleet.
#[derive(Default)]
struct Table {
    fleets: Vec<u64>,
    lines: Vec<(String, Vec<f64>)>,
    notes: Vec<String>,
}

impl Table {
    fn line(&mut self, what: &str, value: f64) {
        match self.lines.iter_mut().find(|(known, _)| known == what) {
            Some((_, values)) => values.push(value),
            None => self.lines.push((what.to_owned(), vec![value])),
        }
    }

    /// For each of those that are released.
    fn each(&mut self, what: &str, took: &Took) {
        self.line(&format!("{what}, ms a terminal"), took.ms() / RELEASED as f64);
        self.line(&format!("{what}, statements a terminal"), took.statements / RELEASED as f64);
    }

    fn print(&self, registry: &str) {
        print!("\n{registry:<42}");
        self.fleets.iter().for_each(|fleet| print!(" {fleet:>18}"));
        println!();
        for (what, values) in &self.lines {
            print!("{what:<42}");
            for value in values {
                print!(" {:>10} {:>7}", shown(*value), format!("({})", ratio(*value, values[0])));
            }
            println!();
        }
        self.notes.iter().for_each(|note| println!("{note}"));
    }
}

fn shown(value: f64) -> String {
    match value {
        whole if whole.fract() == 0.0 => format!("{whole:.0}"),
        large if large >= 100.0 => format!("{large:.0}"),
        some if some >= 1.0 => format!("{some:.1}"),
        small => format!("{small:.3}"),
    }
}

fn ratio(value: f64, first: f64) -> String {
    match value / first {
        odd if !odd.is_finite() => String::from("-"),
        large if large >= 10.0 => format!("{large:.0}"),
        small => format!("{small:.2}"),
    }
}

// ── Fleets ──

enum Kind {
    Sqlite,
    Postgres(Box<PgConnectOptions>),
}

/// A registry with so many terminals in it.
struct Ground {
    fleet: u64,
    registry: Arc<dyn Registry>,
    beside: Beside,
    name: String,
    /// Removed with it.
    _directory: tempfile::TempDir,
}

impl Ground {
    async fn with(kind: &Kind, fleet: u64) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let name = format!("tillward_bench_{}_{fleet}", std::process::id());
        let (registry, beside) = match kind {
            Kind::Sqlite => {
                let file = directory.path().join("registry.sqlite");
                let registry = registry::open(&format!("sqlite:{}", file.display())).await.unwrap();
                registry.migrate().await.unwrap();
                let options = SqliteConnectOptions::new().filename(&file);
                let options = options.synchronous(SqliteSynchronous::Off);
                (registry, Beside::Sqlite(SqlitePool::connect_with(options).await.unwrap()))
            }
            Kind::Postgres(server) => {
                let maintenance = PgPool::connect_with(*server.clone()).await.unwrap();
                let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
                sqlx::raw_sql(create).execute(&maintenance).await.unwrap();
                let options = (**server).clone().database(&name);
                let registry = registry::open(options.to_url_lossy().as_str()).await.unwrap();
                registry.migrate().await.unwrap();
                (registry, Beside::Postgres(PgPool::connect_with(options).await.unwrap()))
            }
        };
        beside.fill(fleet).await;
        let online = registry.fleet_tally().await.unwrap().online;
        assert_eq!(online, fleet);
        let one = registry.terminal(terminal(fleet - 1)).await.unwrap().expect("it is there");
        assert!(one.certificate.is_some() && one.said.is_some(), "as after its hello: {one:?}");
        Self { fleet, registry, beside, name, _directory: directory }
    }

    async fn leave(self, kind: &Kind) {
        if let Kind::Postgres(server) = kind {
            let maintenance = PgPool::connect_with(*server.clone()).await.unwrap();
            let drop = AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name));
            sqlx::raw_sql(drop).execute(&maintenance).await.unwrap();
        }
    }
}

/// The number of a terminal stands where ids have the time at which they were made.
fn terminal(number: u64) -> TerminalId {
    let text = format!("trm-{number:012x}70008000000000000000");
    text.parse().expect("it is made of the right digits")
}

/// What no controller does: a whole fleet enrols at once, and rows are counted.
enum Beside {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Beside {
    async fn run(&self, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(pool) => statement.execute(pool).await.map(drop).unwrap(),
            Self::Postgres(pool) => statement.execute(pool).await.map(drop).unwrap(),
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = format!("SELECT CAST(({sql}) AS BIGINT)");
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    async fn rows_by_table(&self) -> BTreeMap<String, i64> {
        let tables: Vec<String> = match self {
            Self::Sqlite(pool) => {
                let select = "SELECT name FROM sqlite_master WHERE type = 'table'
                     AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%sqlx%'";
                sqlx::query_scalar(select).fetch_all(pool).await.unwrap()
            }
            Self::Postgres(pool) => {
                let select = "SELECT CAST(tablename AS TEXT) FROM pg_catalog.pg_tables
                     WHERE schemaname = current_schema() AND tablename NOT LIKE '%sqlx%'";
                sqlx::query_scalar(select).fetch_all(pool).await.unwrap()
            }
        };
        let mut rows = BTreeMap::new();
        for table in tables {
            let count = self.number(&format!("SELECT COUNT(*) FROM {table}")).await;
            rows.insert(table, count);
        }
        rows
    }

    /// As if all had enrolled and said hello.
    async fn fill(&self, fleet: u64) {
        let hex = match self {
            Self::Sqlite(_) => "printf('%012x', i)",
            Self::Postgres(_) => "lpad(to_hex(i), 12, '0')",
        };
        let series = |until: u64| {
            format!(
                "WITH RECURSIVE n(i) AS (
                     SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {until})"
            )
        };
        self.run(&format!("INSERT INTO stores (id, created_at) VALUES ('{EMPTY}', 1)")).await;
        let (of_each, of_stores) = (series(fleet), series(fleet.div_ceil(4)));
        let now = NOW.0;
        let key = PrivateKey::from_seed(&[2; 32]).public();
        let fingerprint = Digest::of(&key.0);
        let expires_at = NOW.plus(Duration::from_secs(365 * 24 * 3600)).0;
        let zones = ZONES.iter().enumerate().map(|(at, zone)| format!("WHEN {at} THEN '{zone}' "));
        let zone = format!("CASE (i / 4) % {} {}END", ZONES.len(), zones.collect::<String>());
        let id = format!("{hex} || '70008000000000000000'");
        let place = "'store-' || (i / 4), CAST(i % 4 AS TEXT)";
        self.run(&format!(
            "{of_stores} INSERT INTO stores (id, created_at) SELECT 'store-' || i, {now} FROM n"
        ))
        .await;
        self.run(&format!(
            "{of_each} INSERT INTO positions (store, lane, created_at, id, state, state_at)
             SELECT {place}, {now}, 'pos-' || {id}, 'occupied', {now} FROM n"
        ))
        .await;
        self.run(&format!(
            r#"{of_each} INSERT INTO terminals (id, serial, model, store, lane, labels, zone,
                 shard, unit, epoch, public_key, certificate, certificate_expires_at, presence,
                 last_seen_at, heard_at, agent_version, components, roster_version, outbox_depth,
                 outbox_dropped, said_zone, order_seq, created_at)
             SELECT 'trm-' || {id}, 'SN-' || i, 'T650', {place}, '{{"ring":"' || (i % 10) || '"}}',
                 {zone}, i % 256, 'enrolled', 1, '{key}', '{fingerprint}', {expires_at}, 'online',
                 {now} - i % 900, {now} - i % 900, '0.1.0',
                 '[{{"name":"pos","version":"1.0.0","security_counter":1}}]', 0, 0, 0, {zone}, 0,
                 {now} FROM n"#
        ))
        .await;
        self.run("UPDATE positions SET terminal = 'trm-' || substr(id, 5)").await;
        self.run(&format!(
            "INSERT INTO counters (scope, name, count)
             VALUES ('fleet', 'enrolled', {fleet}), ('fleet', 'online', {fleet})"
        ))
        .await;
        match self {
            Self::Sqlite(_) => self.run("PRAGMA wal_checkpoint(TRUNCATE)").await,
            // As its own daemon does after a while.
            Self::Postgres(_) => self.run("VACUUM ANALYZE").await,
        }
    }
}
