//! Wires everything; the only module that knows all others.
//!
//! What can fail, fails before anybody is served: papers, keys, registry, spool, rosters. Then the
//! broker and HTTPS listen, and the reconcilers begin.

mod backups;
mod papers;
mod seams;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shared::durable::{self, NotWritten, Readers};
use shared::id::PlaceId;
use shared::queue::OpenError;
use shared::tls::{self, ClientCertificate, TlsError};
use tracing::info;

use crate::api::{self, Api, Downloads, ListenError, Listener};
use crate::audit::Log;
use crate::auth::roster::{self, RosterRefused};
use crate::background::{Poke, Stopped, Tasks, now};
use crate::blob::{BlobError, Blobs};
use crate::broker::Brokers;
use crate::broker::embedded::{Broker, BrokerError, Settings};
use crate::campaign::Campaigns;
use crate::campaign::execute::Execute;
use crate::config::{BrokerChoice, Cell, Config, HostPort, HttpsUrl};
use crate::deactivation::watch::WatchStops;
use crate::delivery::presence::Silence;
use crate::delivery::{Deliver, Follow, Inbound, NotSpooled, Signer, Spool};
use crate::key_file::OnlineKeys;
use crate::mqtt::{Hear, Links, Reach};
use crate::registry::audit::By;
use crate::registry::fleet::Operator;
use crate::registry::{self, Registry, RegistryError};
use crate::terminal::certificate::{AuthorityError, DeviceAuthority};
use crate::terminal::enrolment::Registrar;
use crate::terminal::nonce::Nonces;
use papers::{PaperError, Papers};
use seams::{Admitting, Hearing, Signs};

/// Who does in the audit log what no person did.
const WHO: &str = "controller";

/// How often each reconciler runs when nobody pokes it.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);
const DELIVER_EVERY: Duration = Duration::from_secs(1);
const EXECUTE_EVERY: Duration = Duration::from_secs(2);
const AUDIT_EVERY: Duration = Duration::from_secs(60);
const SILENCE_EVERY: Duration = Duration::from_secs(60);
const STOPS_EVERY: Duration = Duration::from_secs(60);

/// From a request to stop to the end: what is not done by then is done after the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(8);

/// Why the controller does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Paper(#[from] PaperError),
    #[error("the configuration is of fleet {wanted}, the private keys are of fleet {got}")]
    OtherFleet { wanted: shared::id::FleetId, got: shared::id::FleetId },
    #[error("the certificates and keys do not fit together")]
    Tls(#[from] TlsError),
    #[error("the device authority cannot be used")]
    Authority(#[from] AuthorityError),
    #[error("the registry cannot be used")]
    Registry(#[from] RegistryError),
    #[error("roster {} is not taken", path.display())]
    Roster {
        path: PathBuf,
        #[source]
        source: RosterRefused,
    },
    #[error("the directory {} cannot be made", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Spool(#[from] NotSpooled),
    #[error("artifacts and backups cannot be kept")]
    Blobs(#[from] BlobError),
    #[error("there is no place `{name}` in the configuration: there are {known}")]
    NoPlace { name: String, known: String },
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Https(#[from] ListenError),
    #[error("the addresses cannot be told")]
    Addresses(#[from] NotWritten),
}

impl StartError {
    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Paper(_) | Self::OtherFleet { .. } | Self::Tls(_) | Self::Authority(_) => {
                Some("compare the files with what `tillward init` made")
            }
            Self::Registry(RegistryError::OlderSchema { .. }) => {
                Some("run `tillward-controller migrate`")
            }
            Self::Broker(error) => Some(error.hint()),
            Self::Https(error) => Some(error.hint()),
            // It says itself what to do.
            Self::Spool(NotSpooled::Open(OpenError::InUse { .. })) => None,
            Self::Blobs(BlobError::NotThere { source, .. }) => Some(source.hint()),
            // They say themselves what to do.
            Self::Blobs(BlobError::Bucket { .. }) | Self::NoPlace { .. } => None,
            Self::Directory { .. } | Self::Spool(_) | Self::Blobs(_) | Self::Addresses(_) => {
                Some("check the directory's permissions and free space")
            }
            Self::Registry(_) | Self::Roster { .. } => None,
        }
    }
}

/// Where a controller listens, for whoever started it with port 0.
#[derive(Clone, Copy, Debug, Serialize)]
struct Addresses {
    https: SocketAddr,
    /// The embedded broker.
    mqtt: Option<SocketAddr>,
}

/// Looks at what lies beside the configuration, as far as that takes no passphrase.
pub fn check(config: &Config) -> Result<(), StartError> {
    Papers::read(&config.certificates)?.check(config, now())?;
    let rosters = papers::rosters(&config.rosters)?;
    // As far as that asks nobody: the files that a bucket needs.
    backups::open(config)?;
    info!(rosters = rosters.len(), "looked at certificates, rosters and places of backups");
    Ok(())
}

/// Brings the registry's schema up to date; gives its version.
pub async fn migrate(config: &Config) -> Result<i64, StartError> {
    make_registry_directory(config)?;
    let registry = registry::open(config.registry.expose()).await?;
    let version = registry.migrate().await?;
    registry.belongs_to(config.fleet).await?;
    Ok(version)
}

/// What became of a place that replaces another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    pub place: PlaceId,
    /// That are looked at again, and copied into it where it lacks them.
    pub objects: u64,
}

/// Takes what is now in the place of this name for that place, and has everything looked at again.
/// Doing it twice is as good as once.
pub async fn adopt_place(config: &Config, name: &str) -> Result<Adopted, StartError> {
    let places = backups::open(config)?;
    let place = places.0.iter().find(|place| place.name == name).ok_or_else(|| {
        let known = places.0.each_ref().map(|place| format!("`{}`", place.name));
        StartError::NoPlace { name: name.to_owned(), known: known.join(", ") }
    })?;
    let registry = registry::open(config.registry.expose()).await?;
    registry.check_schema().await?;
    registry.belongs_to(config.fleet).await?;
    let place = place.adopt(now()).await?;
    let objects = registry.examine_all_again(now()).await?;
    Ok(Adopted { place, objects })
}

/// Starts everything, serves until the tasks are asked to end, and says how they ended.
pub async fn serve(
    config: &Config,
    keys: &OnlineKeys,
    addresses_file: Option<&Path>,
    tasks: &Tasks,
) -> Result<Stopped, StartError> {
    if keys.fleet != config.fleet {
        return Err(StartError::OtherFleet { wanted: config.fleet, got: keys.fleet });
    }
    let papers = Papers::read(&config.certificates)?;
    papers.check(config, now())?;
    let registry = open_registry(config).await?;
    make_directory(&config.spool)?;
    let spool = Spool::open(&config.spool)?;
    let signer = Arc::new(Signer::new(config.fleet, keys.controller_signing.signing()));

    let https = Listener::bind(config.https.listen).await?;
    let broker = start_broker(config, keys, &papers, &registry, tasks).await?;
    let brokers = brokers(config, broker.as_ref());
    let links = Arc::new(Links::new(reaches(config, broker.as_ref())));
    let broker = broker.map(Arc::new);
    let parts = Parts { registry, spool, signer, brokers, broker, links, execute: Poke::new() };
    let addresses = Addresses {
        https: https.address(),
        mqtt: parts.broker.as_ref().map(|broker| broker.address()),
    };
    start_delivery(config, keys, &papers, &parts, tasks).await?;
    start_https(config, keys, &papers, &parts, https, tasks).await?;
    if let Some(file) = addresses_file {
        let text = serde_json::to_vec(&addresses).expect("addresses are texts");
        durable::replace_file(file, &text, Readers::Anyone)?;
    }
    info!(
        fleet = %config.fleet, https = %addresses.https, broker = ?addresses.mqtt,
        registry = %config.registry, "serving"
    );
    tasks.stop().cancelled().await;
    info!("stopping");
    Ok(tasks.shut_down(STOP_PATIENCE).await)
}

/// What several of the parts work with.
struct Parts {
    registry: Arc<dyn Registry>,
    spool: Spool,
    signer: Arc<Signer>,
    brokers: Brokers,
    broker: Option<Arc<Broker>>,
    links: Arc<Links>,
    /// Wakes whoever carries out campaigns.
    execute: Poke,
}

fn make_directory(path: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Directory { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(failed)
}

fn make_registry_directory(config: &Config) -> Result<(), StartError> {
    match config.registry.expose().strip_prefix("sqlite:") {
        Some(file) => make_directory(durable::parent_of(Path::new(file))),
        None => Ok(()),
    }
}

/// Opens the registry and brings in what the configuration says: operators and rosters.
async fn open_registry(config: &Config) -> Result<Arc<dyn Registry>, StartError> {
    make_registry_directory(config)?;
    let registry = registry::open(config.registry.expose()).await?;
    // A registry in a file belongs to this program alone. A server's is shared: who changes its
    // schema under running controllers must mean to.
    match registry.kind() {
        "sqlite" => drop(registry.migrate().await?),
        _ => registry.check_schema().await?,
    }
    registry.belongs_to(config.fleet).await?;
    let by = By { who: WHO.to_owned(), why: "from the configuration".to_owned(), at: now() };
    // First who goes: a token can stay under another name.
    let names: Vec<_> = config.operators.iter().map(|it| it.name.clone()).collect();
    let removed = registry.keep_operators(&names, &by).await?;
    if removed > 0 {
        info!(removed, "operators that the configuration does not name are none any more");
    }
    for entry in &config.operators {
        let known = registry.operator_by_token(entry.token_sha256).await?;
        if known.is_none_or(|known| known.name != entry.name) {
            let (name, token_hash) = (entry.name.clone(), entry.token_sha256);
            let operator = Operator { name, token_hash, created_at: by.at };
            registry.put_operator(&operator, &by).await?;
        }
    }
    let newest = registry.newest_roster().await?.map_or(0, |roster| roster.version);
    for (version, path, bytes) in papers::rosters(&config.rosters)? {
        if version > newest {
            let added = roster::add(&*registry, config.fleet, &bytes, &by).await;
            added.map_err(|source| StartError::Roster { path, source })?;
        }
    }
    Ok(registry)
}

async fn start_broker(
    config: &Config,
    keys: &OnlineKeys,
    papers: &Papers,
    registry: &Arc<dyn Registry>,
    tasks: &Tasks,
) -> Result<Option<Broker>, StartError> {
    let BrokerChoice::Embedded { listen, connections_max, .. } = &config.broker else {
        return Ok(None);
    };
    let identity = papers.server_identity(keys)?;
    let tls = tls::server(&papers.device_ca, identity, ClientCertificate::Required)?;
    let settings = Settings {
        listen: *listen,
        fleet: config.fleet,
        tls,
        connections_max: usize::try_from(*connections_max).unwrap_or(usize::MAX),
        admission: Arc::new(Admitting { registry: Arc::clone(registry) }),
    };
    Ok(Some(Broker::start(settings, tasks).await?))
}

/// What terminals are told, with real ports.
fn brokers(config: &Config, broker: Option<&Broker>) -> Brokers {
    match (&config.broker, broker) {
        (BrokerChoice::Embedded { address, listen, .. }, broker) => {
            let port = broker.map_or(listen.port(), |broker| broker.address().port());
            Brokers::one(address.or_port(port))
        }
        (BrokerChoice::External(cells), _) => Brokers::of(cells.clone()),
    }
}

/// How this controller itself connects to them.
fn reaches(config: &Config, broker: Option<&Broker>) -> Vec<Reach> {
    match &config.broker {
        BrokerChoice::Embedded { listen, address, .. } => {
            let port = broker.map_or(listen.port(), |broker| broker.address().port());
            let host = seams::own_host(*listen, address).to_owned();
            vec![Reach { address: HostPort { host, port }, shards: 0..=u8::MAX }]
        }
        BrokerChoice::External(cells) => {
            let reach = |cell: &Cell| {
                let Cell { address, shards } = cell.clone();
                Reach { address, shards }
            };
            cells.iter().map(reach).collect()
        }
    }
}

/// Connects to the brokers and begins to follow, deliver and execute.
async fn start_delivery(
    config: &Config,
    keys: &OnlineKeys,
    papers: &Papers,
    parts: &Parts,
    tasks: &Tasks,
) -> Result<(), StartError> {
    let Parts { registry, spool, signer, brokers, links, execute: to_execute, .. } = parts;
    let (to_follow, to_deliver) = (Poke::new(), Poke::new());
    let inbound = Inbound::new(spool.clone(), links.clone()).await?;
    let hear: Arc<dyn Hear> = Arc::new(Hearing { inbound, follow: to_follow.clone() });
    let tls = tls::client(&papers.server_ca, Some(papers.controller_identity(keys)?))?;
    links.connect(&config.name, &tls, &hear, tasks);

    let brokers = Arc::new(brokers.clone());
    let deliver = Deliver::new(registry.clone(), links.clone(), brokers, signer.clone());
    let deliver = Arc::new(deliver);
    let follow = Follow::new(config.fleet, spool.clone(), registry.clone(), deliver.clone());
    let follow = Arc::new(follow);
    let execute = Execute::new(registry.clone(), signer.clone(), to_deliver.clone());
    let execute = Arc::new(execute);
    let silence = Arc::new(Silence::new(registry.clone()));

    let (deliver_poke, execute_poke) = (to_deliver.clone(), to_execute.clone());
    tasks.reconcile("follow", FOLLOW_EVERY, to_follow, move || {
        let (follow, deliver, execute) =
            (follow.clone(), deliver_poke.clone(), execute_poke.clone());
        async move {
            let progress = follow.step(now()).await?;
            deliver.poke();
            execute.poke();
            Ok::<_, crate::delivery::NotFollowed>(progress)
        }
    });
    tasks.reconcile("deliver", DELIVER_EVERY, to_deliver, move || {
        let deliver = deliver.clone();
        async move { deliver.step(now()).await }
    });
    tasks.reconcile("execute", EXECUTE_EVERY, to_execute.clone(), move || {
        let execute = execute.clone();
        async move { execute.step(now()).await }
    });
    let log = Log::new(registry.clone(), signer.clone());
    tasks.reconcile("audit", AUDIT_EVERY, Poke::new(), move || {
        let log = log.clone();
        async move { log.step(now()).await }
    });
    let stops = Arc::new(WatchStops::new(registry.clone()));
    tasks.reconcile("stops", STOPS_EVERY, Poke::new(), move || {
        let stops = stops.clone();
        async move { stops.step(now()).await }
    });
    tasks.reconcile("silence", SILENCE_EVERY, Poke::new(), move || {
        let silence = silence.clone();
        async move { silence.step(now()).await }
    });
    Ok(())
}

async fn start_https(
    config: &Config,
    keys: &OnlineKeys,
    papers: &Papers,
    parts: &Parts,
    listener: Listener,
    tasks: &Tasks,
) -> Result<(), StartError> {
    let Parts { registry, spool, signer, brokers, broker, links, execute } = parts;
    let authority = DeviceAuthority::new(
        config.fleet,
        &papers.device_ca_text()?,
        &keys.device_ca,
        config.enrolment.certificate_lifetime,
    )?;
    let registrar = Registrar {
        fleet: config.fleet,
        registry: registry.clone(),
        authority,
        nonces: Nonces::new(&keys.device_ca),
    };
    make_directory(&config.blobs)?;
    let campaigns = Campaigns::new(registry.clone(), signer.clone()).limited(config.downloads);
    let backup = backups::start(config, registry, &campaigns, signer, execute, tasks).await?;
    let HttpsUrl(address) = &config.https.url;
    let api = Api {
        fleet: config.fleet,
        registry: registry.clone(),
        registrar,
        campaigns,
        log: Log::new(registry.clone(), signer.clone()),
        blobs: Blobs::in_directory(&config.blobs)?,
        downloads: Downloads::new(config.downloads),
        places: backup.places,
        intake: backup.intake,
        retention: config.backups.retention,
        bindings: config.rebind.bindings,
        legal_review: config.rebind.legal_review,
        brokers: brokers.clone(),
        url: HttpsUrl(address.or_port(listener.address().port())),
        server_ca_pem: papers.server_ca_text()?,
        server_ca: papers.server_ca_digest()?,
        artifact_bytes_max: config.https.artifact_bytes_max,
        enrolment: config.enrolment,
        vitals: Box::new(Signs {
            links: links.clone(),
            spool: spool.clone(),
            broker: broker.clone(),
            execute: execute.clone(),
            keep: backup.keep,
            schedule: backup.schedule,
        }),
    };
    let identity = papers.server_identity(keys)?;
    let tls = tls::server(&papers.device_ca, identity, ClientCertificate::Optional)?;
    api::serve(listener, Arc::new(api), tls, tasks);
    Ok(())
}
