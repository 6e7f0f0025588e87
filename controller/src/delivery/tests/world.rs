//! Everything together, in rounds of twenty seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shared::change::{Change, Ping};
use shared::digest::{Digest, Nonce};
use shared::id::{CampaignId, ClaimId, FleetId, TerminalId};
use shared::message::{Down, Up};
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::signature::{KnownKeys, PrivateKey};
use shared::time::UnixTime;
use shared::topic::Shard;

use super::dice::Dice;
use super::network::{Broker, Weather};
use super::terminal::Terminal;
use crate::background::{Poke, Progress};
use crate::campaign::assignment::AssignmentState;
use crate::campaign::execute::Execute;
use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignState;
use crate::campaign::{CampaignError, Campaigns};
use crate::delivery::presence::Silence;
use crate::delivery::{Brokers, Deliver, Follow, Inbound, Signer, Spool};
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, CampaignTally, NewCampaign};
use crate::registry::sql::fuse::Fuse;
use crate::registry::terminal::{Certificate, Enrolled, Enrolment, NewClaim};
use crate::registry::{self, Registry};

pub(super) const FLEET: FleetId = FleetId::from_bytes([1; 16]);
pub(super) const ROUND_S: i64 = 20;

pub(super) struct World {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) fuse: Fuse,
    pub(super) broker: Arc<Broker>,
    pub(super) terminals: BTreeMap<TerminalId, Terminal>,
    pub(super) now: UnixTime,
    /// How often the controller was killed by the fuse.
    pub(super) kills: u32,
    pub(super) weather: Weather,
    pub(super) campaigns: Campaigns,
    /// Of a registry on disk, which is opened anew when the controller is.
    file: Option<PathBuf>,
    signer: Arc<Signer>,
    spool: Spool,
    controller: Controller,
    dice: Dice,
    /// Said, and not yet handed to the controller.
    up: Vec<(TerminalId, Up)>,
    /// Removed with it.
    directories: Vec<tempfile::TempDir>,
}

/// What a kill takes and a start brings back.
struct Controller {
    inbound: Inbound,
    follow: Follow,
    deliver: Arc<Deliver>,
    execute: Execute,
    silence: Silence,
}

#[derive(Debug)]
struct OneBroker;

impl Brokers for OneBroker {
    fn broker_of(&self, _: Shard) -> String {
        "broker.example:8883".to_owned()
    }
}

pub(super) fn controller_key() -> PrivateKey {
    PrivateKey::from_seed(&[200; 32])
}

pub(super) fn by(at: UnixTime) -> By {
    By { who: "op".to_owned(), why: "test".to_owned(), at }
}

pub(super) fn id(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

pub(super) fn campaign_id(number: u16) -> CampaignId {
    let mut id = [0; 16];
    id[14..].copy_from_slice(&number.to_be_bytes());
    CampaignId::from_bytes(id)
}

pub(super) fn failed() -> Outcome {
    let failure = Failure {
        code: FailureCode::DiskFull,
        step: "fetch".to_owned(),
        detail: "no room".to_owned(),
    };
    Outcome::Failed { failure }
}

/// A ping of everybody, for a week.
pub(super) fn new_campaign(number: u16) -> NewCampaign {
    NewCampaign {
        id: campaign_id(number),
        name: None,
        change: Change::Ping(Ping { note: "hello".to_owned() }),
        selector: "*".to_owned(),
        max_parallel: 3,
        policy: Policy::PLAIN,
        lifetime_s: 7 * 24 * 3600,
        salt: Nonce([1; 16]),
        origin: crate::registry::campaign::Origin::Itself,
    }
}

impl World {
    /// With so many enrolled terminals, which have never been online.
    pub(super) async fn new(terminals: u8, seed: u64) -> Self {
        let fuse = Fuse::endless();
        fuse.lay_aside(true);
        let registry = registry::in_memory_with_fuse(fuse.clone()).await.unwrap();
        let mut world = Self::over(registry, fuse, None, seed).await;
        for number in 1..=terminals {
            world.arrive(number).await;
        }
        world
    }

    /// One more terminal is there, and enrolled.
    pub(super) async fn arrive(&mut self, number: u8) {
        let key = || PrivateKey::from_seed(&[number; 32]);
        self.enrol(id(number), number, key().public()).await;
        let keys = KnownKeys::of_terminal(controller_key().public());
        self.terminals.insert(id(number), Terminal::new(id(number), FLEET, keys, key()));
    }

    /// With nobody in it, on disk.
    pub(super) async fn on_disk(seed: u64) -> Self {
        let fuse = Fuse::endless();
        fuse.lay_aside(true);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.sqlite");
        let registry = registry::on_disk_with_fuse(&file, fuse.clone(), None).await.unwrap();
        registry.migrate().await.unwrap();
        let mut world = Self::over(registry, fuse, Some(file), seed).await;
        world.directories.push(directory);
        world
    }

    async fn over(
        registry: Arc<dyn Registry>,
        fuse: Fuse,
        file: Option<PathBuf>,
        seed: u64,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        let broker = Arc::new(Broker::default());
        let signer = Arc::new(Signer::new(FLEET, controller_key()));
        let controller = start(&registry, &spool, &broker, &signer).await;
        Self {
            campaigns: Campaigns::new(Arc::clone(&registry), Arc::clone(&signer)),
            registry,
            file,
            fuse,
            broker,
            terminals: BTreeMap::new(),
            now: UnixTime(1_000_000),
            kills: 0,
            weather: Weather::FAIR,
            signer,
            spool,
            controller,
            dice: Dice::seeded(seed),
            up: vec![],
            directories: vec![directory],
        }
    }

    /// A claim, and its enrolment with this key; gives the epoch that begins.
    pub(super) async fn enrol(
        &self,
        terminal: TerminalId,
        claim: u8,
        public_key: shared::digest::PublicKey,
    ) -> u32 {
        let claim = NewClaim {
            id: ClaimId::from_bytes([claim; 16]),
            terminal,
            serial: terminal.to_string(),
            model: "T650".to_owned(),
            store: "berlin-1".to_owned(),
            lane: None,
            labels: BTreeMap::new(),
            zone: "Europe/Berlin".to_owned(),
            key: public_key,
            expires_at: UnixTime(i64::MAX),
        };
        self.registry.add_claim(&claim, &by(self.now)).await.unwrap();
        let certificate =
            Certificate { fingerprint: Digest::of(&public_key.0), expires_at: UnixTime(i64::MAX) };
        let spki = Digest::of(&public_key.0);
        let enrolment = Enrolment { claim: claim.id, spki, public_key, certificate };
        match self.registry.enrol(&enrolment, &by(self.now)).await.unwrap() {
            Enrolled::Done(terminal) => terminal.epoch,
            Enrolled::Refused(refusal) => panic!("{refusal}"),
        }
    }

    pub(super) fn terminal(&mut self, number: u8) -> &mut Terminal {
        self.terminals.get_mut(&id(number)).unwrap()
    }

    /// A campaign over everybody, started.
    pub(super) async fn start_campaign(&self, number: u16, max_parallel: u32) -> Campaign {
        let new = NewCampaign { max_parallel, ..new_campaign(number) };
        self.create_and_start(&new).await.unwrap()
    }

    pub(super) async fn create_and_start(
        &self,
        new: &NewCampaign,
    ) -> Result<Campaign, CampaignError> {
        self.campaigns.create(new, &by(self.now)).await?;
        self.campaigns.start(new.id, &by(self.now)).await
    }

    pub(super) async fn campaign(&self, number: u16) -> Campaign {
        self.registry.campaign(campaign_id(number)).await.unwrap().unwrap()
    }

    pub(super) async fn tally(&self, number: u16) -> CampaignTally {
        self.registry.campaign_tally(campaign_id(number)).await.unwrap()
    }

    /// The states of a campaign's assignments, with how many are in each.
    pub(super) async fn states(&self, number: u16) -> Vec<(AssignmentState, u64)> {
        self.tally(number).await.by_state.into_iter().collect()
    }

    /// The broker ends with everything that it holds, and begins again empty.
    pub(super) fn restart_broker(&mut self) {
        self.broker.stop();
        self.up.clear();
        self.broker.start();
        self.terminals.values_mut().for_each(Terminal::reconnect);
    }

    /// The controller is killed and started again.
    pub(super) async fn restart_controller(&mut self) {
        self.fuse.replace();
        if let Some(file) = &self.file {
            let fuse = self.fuse.clone();
            self.registry = registry::on_disk_with_fuse(file, fuse, None).await.unwrap();
            self.campaigns = Campaigns::new(Arc::clone(&self.registry), Arc::clone(&self.signer));
        }
        self.controller = start(&self.registry, &self.spool, &self.broker, &self.signer).await;
    }

    /// What is said reaches the controller as it is, and is followed to the registry.
    pub(super) async fn hear(&mut self, said: Vec<(TerminalId, Up)>) -> Vec<(TerminalId, Down)> {
        self.controller.inbound.receive(said, self.now).await.unwrap();
        while self.controller.follow.step(self.now).await.unwrap() == Progress::MoreToDo {}
        self.broker.take()
    }

    /// Messages go both ways, terminals work, and the controller takes every step once.
    pub(super) async fn round(&mut self) {
        self.now.0 += ROUND_S;
        self.terminals_round();
        self.fuse.lay_aside(false);
        let killed = self.controller_steps().await;
        self.fuse.lay_aside(true);
        assert_eq!(killed, self.fuse.is_blown(), "only a blown fuse is an excuse");
        if killed {
            self.kills += 1;
            self.restart_controller().await;
        }
    }

    fn terminals_round(&mut self) {
        let down = self.broker.take();
        for (terminal, message) in self.weather.pass(down, &mut self.dice) {
            let terminal = self.terminals.get_mut(&terminal).unwrap();
            if terminal.is_on {
                terminal.hear(message, self.now);
            }
        }
        for terminal in self.terminals.values_mut().filter(|terminal| terminal.is_on) {
            terminal.work(self.now);
            let said = terminal.say(self.now).into_iter().map(|up| (terminal.id, up));
            self.up.extend(self.weather.pass(said, &mut self.dice));
        }
    }

    /// The controller is not there for so long; terminals and their broker are.
    pub(super) fn away(&mut self, seconds: i64) {
        for _ in 0..seconds / ROUND_S {
            self.now.0 += ROUND_S;
            self.terminals_round();
        }
    }

    /// Gives whether something failed.
    async fn controller_steps(&mut self) -> bool {
        let now = self.now;
        let up = std::mem::take(&mut self.up);
        self.controller.inbound.receive(up, now).await.expect("the spool is not what fails here");
        self.controller.follow.step(now).await.is_err()
            || self.controller.execute.step(now).await.is_err()
            || self.controller.deliver.step(now).await.is_err()
            || self.controller.silence.step(now).await.is_err()
    }

    /// Rounds until the campaign is over.
    pub(super) async fn until_over(&mut self, number: u16, rounds_max: usize) {
        for _ in 0..rounds_max {
            let campaign = self.campaign(number).await;
            if campaign.ended_at.is_some() {
                return;
            }
            self.round().await;
        }
        let states = self.states(number).await;
        panic!("after {rounds_max} rounds the campaign is not over: {states:?}");
    }

    /// The campaign is completed, everybody has succeeded, and nobody did anything twice.
    pub(super) async fn everybody_succeeded_once(&self, number: u16) {
        assert_eq!(self.campaign(number).await.state, CampaignState::Completed);
        let members = self.terminals.len() as u64;
        assert_eq!(self.states(number).await, [(AssignmentState::Succeeded, members)]);
        for terminal in self.terminals.values() {
            let times: Vec<_> = terminal.carried_out.values().copied().collect();
            assert_eq!(times, [1], "{} carried its order out once", terminal.id);
        }
        let members: Vec<_> = self.terminals.keys().copied().collect();
        let owed = self.registry.owed(&members, 8, self.now);
        assert!(owed.await.unwrap().is_empty(), "nothing is owed any more");
    }
}

async fn start(
    registry: &Arc<dyn Registry>,
    spool: &Spool,
    broker: &Arc<Broker>,
    signer: &Arc<Signer>,
) -> Controller {
    let wire = Arc::clone(broker) as Arc<dyn super::super::Wire>;
    let deliver = Arc::new(Deliver::new(
        Arc::clone(registry),
        Arc::clone(&wire),
        Arc::new(OneBroker),
        Arc::clone(signer),
    ));
    let inbound = Inbound::new(spool.clone(), wire).await.unwrap();
    let follow = Follow::new(FLEET, spool.clone(), Arc::clone(registry), Arc::clone(&deliver));
    let execute = Execute::new(Arc::clone(registry), Arc::clone(signer), Poke::new());
    let silence = Silence::new(Arc::clone(registry));
    Controller { inbound, follow, deliver, execute, silence }
}
