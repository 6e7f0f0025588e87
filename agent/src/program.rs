//! Puts the parts together: the only module that knows all others.

use std::sync::Arc;
use std::time::Duration;

use shared::digest::{Digest, Nonce};
use shared::durable::{self, Readers};
use shared::message::SignedBytes;
use shared::queue::{self, Bounds, Opened, Options, Store};
use shared::tls::CertificateTime;
use tracing::{info, warn};

use crate::act::Hands;
use crate::act::data::Backups;
use crate::act::lease::Seal;
use crate::act::locate::Locator;
use crate::act::worker::Worker;
use crate::config::{self, Config};
use crate::decide::{Core, Profile};
use crate::download::Downloads;
use crate::eraser::Eraser;
use crate::event_loop::keeping::Keeper;
use crate::event_loop::{EventLoop, Signals, Stopped};
use crate::exit::Failure;
use crate::https::{self, Believing};
use crate::identity::{Identity, IdentityError};
use crate::install::SlotDir;
use crate::machine;
use crate::mqtt::{Mqtt, Settings};
use crate::pos::{DriverProgram, PosApplication as _};
use crate::roster::Trust;
use crate::snapshot;
use crate::snapshot::protocol::{Sealed, Task};
use crate::status::StatusFile;
use crate::stop::Stop;

/// On the screen of a till that is nobody's.
const DECOMMISSIONED: &str = "This till is decommissioned. Enrol it anew to use it.";

/// How often a terminal without an identity looks whether it has one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A till that starts later than the agent, or hangs, is told within two minutes.
const LOOKS_BETWEEN_TRIES: u32 = 12;

/// For the program that makes backups to say a word, while nothing else happens.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the agent until it is asked to stop.
pub fn run(config: &Config) -> Result<(), Failure> {
    let Some(identity) = identity(config)? else { return Ok(()) };
    let identity = Arc::new(identity);
    let store = open_store(config)?;
    let state_dir = config.state.path().to_owned();
    let keeper = Keeper::new(store, Arc::clone(&identity), state_dir, config.power.clone());
    let stored = keeper.stored().map_err(Failure::NotKept)?;
    let core = Core::restore(profile(config, &identity)?, stored, machine::now());
    if !core.is_erased() {
        begin_anew(config);
    }
    let time = CertificateTime::above(core.time_floor());
    let tls = Arc::new(identity.tls(&time).map_err(Failure::Tls)?);
    let terminal = identity.facts.terminal;
    let version = env!("CARGO_PKG_VERSION");
    info!(%terminal, fleet = %identity.facts.fleet, version, "starting");
    let system = |what| move |source| Failure::System { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("asynchronous work"))?;
    let worker =
        Worker::start(hands(config, &identity, &time)?).map_err(system("work on threads"))?;
    let stopped = runtime.block_on(async {
        let event_loop = EventLoop {
            core,
            keeper,
            mqtt: Mqtt::new(Settings { terminal, tls }),
            worker,
            locator: Locator::new(Arc::clone(&identity), time.clone()),
            certificate_time: time,
            status: StatusFile::new(config.state.status()),
            suspicion: config.state.suspicion(),
            signals: Signals::listen().map_err(system("listening for signals"))?,
        };
        event_loop.run().await.map_err(Failure::NotKept)
    })?;
    match stopped {
        Stopped::Cleanly => info!("stopped"),
        Stopped::SteppedDown => {
            forget(config)?;
            info!("decommissioned: this terminal has no identity any more");
            return stay_out_of_service(config);
        }
        Stopped::WithWorkLeft(actions) => {
            warn!(?actions, "stopped; what these came to is found out after the restart");
        }
    }
    Ok(())
}

/// `None` when it was asked to stop while it had none.
fn identity(config: &Config) -> Result<Option<Identity>, Failure> {
    match Identity::load(&config.state.identity()) {
        Err(IdentityError::NotEnrolled { .. }) if is_decommissioned(config) => {
            stay_out_of_service(config)?;
            Ok(Identity::load(&config.state.identity()).ok())
        }
        // The power failed while it was removed.
        Err(error) if error.is_of_a_part() && eraser(config).is_some_and(|it| it.is_erased()) => {
            forget(config)?;
            stay_out_of_service(config)?;
            Ok(Identity::load(&config.state.identity()).ok())
        }
        loaded => Ok(Some(loaded?)),
    }
}

fn forget(config: &Config) -> Result<(), Failure> {
    match eraser(config) {
        Some(eraser) => eraser.forget().map_err(Failure::NotForgotten),
        None => Ok(()),
    }
}

/// Whether this terminal may get an identity: while an erasure is under way, or the identity of
/// before is not surely gone, a new one could go with it.
pub fn may_be_enrolled(config: &Config) -> Result<(), Failure> {
    let unfinished = eraser(config).and_then(|eraser| eraser.unfinished());
    unfinished.map_or(Ok(()), |state| Err(Failure::ErasureUnderWay { state }))
}

/// An identity that works is a new one wherever an erasure came to its end.
fn begin_anew(config: &Config) {
    let Some(eraser) = eraser(config) else { return };
    match eraser.begin_anew() {
        Ok(true) => info!("a new life of this terminal begins: its tombstone is removed"),
        Ok(false) => {}
        Err(error) => warn!(%error, "the tombstone of an earlier life is still there"),
    }
}

fn is_decommissioned(config: &Config) -> bool {
    eraser(config).is_some_and(|it| it.is_forgotten())
}

/// Says so at the till, once there is one that shows it, and waits to be enrolled anew or asked to
/// stop.
fn stay_out_of_service(config: &Config) -> Result<(), Failure> {
    let pos = DriverProgram::new(config.pos.driver.clone());
    let says_so = || match pos.show_notice(DECOMMISSIONED) {
        Ok(()) => true,
        Err(error) => {
            info!(%error, "the till does not say that it is decommissioned");
            false
        }
    };
    let mut said = says_so();
    let mut looks = 0_u32;
    let system = |what| move |source| Failure::System { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("asynchronous work"))?;
    let identity = config.state.identity();
    runtime.block_on(async {
        let mut signals = Signals::listen().map_err(system("listening for signals"))?;
        while Identity::load(&identity).is_err() {
            if signals.within(LOOK_EVERY).await {
                break;
            }
            looks = looks.wrapping_add(1);
            if !said && looks.is_multiple_of(LOOKS_BETWEEN_TRIES) {
                said = says_so();
            }
        }
        Ok(())
    })
}

fn open_store(config: &Config) -> Result<Store, Failure> {
    let options = Options::new(Bounds::TERMINAL, machine::uptime);
    let opened = Store::open(&config.state.store(), options).map_err(Failure::StoreNotOpened)?;
    let Opened { store, loss } = opened;
    if let Some(loss) = loss {
        warn!(%loss, "the agent goes on, and asks the controller for a new epoch");
    }
    let queue::Status { depth, high_water, .. } = store.status();
    info!(records = depth.records, epoch = high_water.epoch, "the store is open");
    Ok(store)
}

fn profile(config: &Config, identity: &Identity) -> Result<Profile, Failure> {
    let facts = &identity.facts;
    let trust =
        Trust::pinned(facts.fleet, facts.roster, &identity.roster).map_err(Failure::Roster)?;
    Ok(Profile {
        terminal: facts.terminal,
        epoch: facts.epoch,
        model: config.model.clone(),
        zone: match &config.zone {
            Some(zone) => zone.clone(),
            None => identity.zone().expect("it was read when the identity was loaded"),
        },
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        challenge_seed: challenge_seed(identity),
        broker: facts.broker.clone(),
        trust,
        recipient: config.backup.as_ref().and_then(|backup| recipient(config, backup)),
        suspended_by: facts.suspended_by,
        lease: config.lease.as_ref().map(|lease| lease.within),
        boot: machine::boot()?,
        nonce_seed: Nonce(machine::random()?),
        jitter_seed: u64::from_le_bytes(machine::random()?),
    })
}

/// Only this terminal's key gives it, and always the same (RFC 8032: signatures have no chance in
/// them).
fn challenge_seed(identity: &Identity) -> Digest {
    Digest::of(&identity.key.private().sign_bytes(b"tillward: what a wipe must name"))
}

/// To whom a key is sealed that this terminal needs; the answer is kept for [`crate::status`].
fn recipient(config: &Config, backup: &config::Backup) -> Option<SignedBytes> {
    let path = config.state.path().to_owned();
    let program = snapshot::Program::new(backup.program.clone(), path).with_silence_max(PATIENCE);
    let asked = program.ask(Task::Recipient, "{}".to_owned(), &Stop::new(), &mut |_, _| {});
    match asked {
        Ok(said) => {
            let text = said.to_string();
            let file = config.state.recipient();
            if let Err(error) = durable::replace_file(&file, text.as_bytes(), Readers::Anyone) {
                warn!(%error, "`status` will not show this terminal's recipient");
            }
            let statement = snapshot::read::<Sealed>(said["statement"].clone());
            statement.ok().map(|Sealed(bytes)| SignedBytes::new(bytes))
        }
        Err(error) => {
            warn!(%error, "the controller is not told to whom keys for this terminal are sealed");
            None
        }
    }
}

fn eraser(config: &Config) -> Option<Eraser> {
    config.wipe.as_ref().map(|wipe| Eraser::new(wipe, config.state.clone()))
}

fn hands(
    config: &Config,
    identity: &Arc<Identity>,
    time: &CertificateTime,
) -> Result<Hands, Failure> {
    let installer = SlotDir::open(config.state.slots()).map_err(Failure::Slots)?;
    let base = format!("{}/v1/artifacts", identity.facts.url.trim_end_matches('/'));
    let (for_client, time) = (Arc::clone(identity), time.clone());
    let client = move || {
        https::client(Believing::As(&for_client), &time)
            .expect("its PEM files were read at the start")
    };
    let downloads =
        Downloads::open(config.state.download(), base, client).map_err(Failure::Downloads)?;
    let pos = DriverProgram::new(config.pos.driver.clone());
    let component = config.pos.component.clone();
    let backups = config.backup.as_ref().map(|backup| Backups {
        program: snapshot::Program::new(backup.program.clone(), config.state.path().to_owned()),
        state: config.state.clone(),
        paths: backup.paths.clone(),
        serial: identity.facts.serial.clone(),
        model: config.model.clone(),
        url: identity.facts.url.clone(),
    });
    let seal = config.lease.as_ref().and_then(|lease| lease.program.clone()).map(Seal);
    let hands = Hands::new(Box::new(installer), Box::new(pos), downloads, component);
    let hands = hands.with_backups(backups).with_eraser(eraser(config)).with_seal(seal);
    Ok(hands.with_supplies(config.power.clone()))
}
