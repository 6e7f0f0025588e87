//! Everything outside the agent's memory. A power cut or a killed agent leaves exactly this.

use std::rc::Rc;
use std::time::Duration;

use agent::decide::Profile;
use agent::decide::effect::{Shelf, Write};
use agent::journal::ledger::Ledger;
use agent::roster::Trust;
use harness::deactivate::{
    clearance, clearance_lost, folder, resume, suspend, suspend_given_up, suspend_owing, wipe,
    wipe_lost,
};
use harness::keys::{Ceremony, NOW, payload_digest, terminal};
use harness::rebind::{Portfolio, profile, rebind};
use jiff::tz::TimeZone;
use shared::backup::{Selection, SnapshotOf};
use shared::change::{Backup, Cancel, Change, Drill, Extent, Rebind, Restore, Upgrade};
use shared::digest::{Digest, Nonce};
use shared::document::order::Class;
use shared::document::receipt::Said;
use shared::document::{Batch, Clearance, Order, Release};
use shared::id::{OrderId, RepositoryId};
use shared::membership::Membership;
use shared::message::Parcel;
use shared::outcome::Outcome;
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use crate::bank::Side;
use crate::controller::{Controller, Office};
use crate::disk::Disk;
use crate::leases::Watch;
use crate::network::Network;
use crate::scenario::{Bug, Job, Scenario, Then, Trouble};
use crate::slots::Slots;
use crate::till::Till;
use crate::vault::Vault;

/// From the beginning.
const HOST_AWAY: Duration = Duration::from_secs(40 * 60);

const CHALLENGE_SEED: Digest = Digest([6; 32]);

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) scenario: Rc<Scenario>,
    office: Rc<Office>,
    terminal_key: Rc<PrivateKey>,
    trust: Rc<Trust>,
    pub(crate) upgrade: OrderId,
    pub(crate) cancel: Option<OrderId>,
    /// What goes before all else.
    pub(crate) urgent: Option<OrderId>,
    /// The last suspension of several.
    pub(crate) suspension: OrderId,
    /// What follows the suspensions.
    pub(crate) then: Option<OrderId>,
    /// True time since the simulation began.
    pub(crate) now: Duration,
    pub(crate) booted_at: Duration,
    pub(crate) starts: u64,
    /// Counts what outlives the agent: commits and actions.
    pub(crate) changes: u64,
    pub(crate) disk: Disk,
    pub(crate) till: Till,
    pub(crate) slots: Slots,
    pub(crate) vault: Vault,
    pub(crate) network: Network,
    pub(crate) controller: Controller,
    pub(crate) breaches: Vec<String>,
    pub(crate) lost_its_database: bool,
    /// How long it was fetched for, over all attempts; and when the present one was last looked at.
    pub(crate) fetched_for: Duration,
    pub(crate) fetching_since: Option<Duration>,
    /// Of a rebind: what has happened so far, and when it first did.
    pub(crate) old_away_from: Option<Duration>,
    pub(crate) switched_at: Option<Duration>,
    pub(crate) tested: bool,
    pub(crate) watched: bool,
    pub(crate) closed_from: Option<Duration>,
    pub(crate) hold_refused_from: Option<Duration>,
    pub(crate) erase_asked_at: Option<Duration>,
    pub(crate) stop_asked_at: Option<Duration>,
    /// Of a suspension, and of what follows it.
    pub(crate) started_at: Duration,
    pub(crate) settle_asked_at: Option<Duration>,
    pub(crate) looked_over: bool,
    pub(crate) tests_closed: bool,
    pub(crate) let_go_at: Option<Duration>,
    /// Since when the till is stopped by its own knowledge.
    pub(crate) shut_from: Option<Duration>,
    pub(crate) wipe_accepted_at: Option<UnixTime>,
    /// When a till that was given up had a line again.
    pub(crate) heard_at: Option<Duration>,
    pub(crate) stepped_down: bool,
    pub(crate) lease: Watch,
    /// When the terminal wrote down how the job ended.
    pub(crate) ended_at: Option<Duration>,
}

/// How an agent is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Everything on the terminal stops, and starts again later.
    Power,
    /// Only the agent dies; the till goes on.
    Agent,
    /// As [`Self::Power`], and the agent's database does not survive it.
    Database,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let ceremony = Ceremony::of(1);
        let terminal = terminal(1);
        let terminal_key = PrivateKey::from_seed(&[7; 32]);
        let release =
            Release { settlement: scenario.settlement, ..Ceremony::pos_release("2.0.0", 2) };
        let signed = ceremony.signed_roster();
        let trust = Trust::pinned(ceremony.fleet, ceremony.roster_digest(), &signed);
        let trust = trust.expect("the ceremony's roster is good");
        let upgrade = parcels(&ceremony, &scenario, &release);
        let cancel = scenario.cancelled_at.map(|_| cancel_parcels(&ceremony));
        let terminal_public = terminal_key.public();
        let office = Rc::new(Office { ceremony, terminal, terminal_key: terminal_public });
        let mut controller = Controller::new(Rc::clone(&office));
        let upgrade_id = id_of(&upgrade[0]);
        controller.owe(upgrade_id, Rc::new(upgrade), scenario.ordered_at);
        let cancel_id = cancel.as_ref().map(|parcels| id_of(&parcels[0]));
        if let (Some(parcels), Some(id)) = (cancel, cancel_id) {
            controller.owe(id, Rc::new(parcels), scenario.cancelled_at.unwrap_or_default());
        }
        let urgent = scenario.urgent_at.map(|at| {
            let parcels = urgent_parcels(&office.ceremony);
            let id = id_of(&parcels[0]);
            controller.owe(id, Rc::new(parcels), at);
            id
        });
        let mut suspension = upgrade_id;
        if let Some(from) = scenario.owing_from {
            let parcels = owing_parcels(&office.ceremony, &scenario, from);
            suspension = id_of(&parcels[0]);
            controller.owe(suspension, Rc::new(parcels), from);
        }
        if scenario.then == Some(Then::SettleAndWipe) {
            let parcels = settling_parcels(&office.ceremony, &scenario);
            let id = id_of(&parcels[0]);
            controller.owe_after(suspension, id, Rc::new(parcels));
            suspension = id;
        }
        let then = scenario.then.map(|then| {
            let parcels = following_parcels(&office.ceremony, then, suspension, &release);
            let (id, parcels) = (id_of(&parcels[0]), Rc::new(parcels));
            let deregisters =
                scenario.bug != Some(Bug::DeregistersNobody) && then != Then::WipeRegistered;
            match then.is_wipe() {
                true => controller.owe_wipe(suspension, id, parcels, deregisters),
                false => controller.owe_after(suspension, id, parcels),
            }
            id
        });
        let mut till = Till::new();
        till.postponed_until = scenario.till_postpones_until;
        till.drain_leaves_until = scenario.drain_leaves_until;
        till.bank.mixes_hosts = scenario.mixes_hosts;
        till.bank.repeats_anew = scenario.repeats_anew;
        if scenario.trouble == Some(Trouble::HostAway) {
            till.bank.away_until[Side::Old as usize] = HOST_AWAY;
        }
        till.bank.loses_answers = scenario.trouble.is_some_and(Trouble::loses_answers);
        till.batch_must_be_settled =
            scenario.settlement == shared::document::release::Settlement::Before;
        let mut world = Self {
            office,
            terminal_key: Rc::new(terminal_key),
            trust: Rc::new(trust),
            upgrade: upgrade_id,
            cancel: cancel_id,
            urgent,
            suspension,
            then,
            now: Duration::ZERO,
            booted_at: Duration::ZERO,
            starts: 0,
            changes: 0,
            disk: Disk::new(),
            till,
            slots: Slots::new(),
            vault: Vault::new(),
            network: Network::new(scenario.weather, scenario.seed),
            controller,
            breaches: Vec::new(),
            lost_its_database: false,
            fetched_for: Duration::ZERO,
            fetching_since: None,
            old_away_from: None,
            switched_at: None,
            tested: false,
            watched: false,
            closed_from: None,
            hold_refused_from: None,
            erase_asked_at: None,
            stop_asked_at: None,
            started_at: Duration::ZERO,
            settle_asked_at: None,
            looked_over: false,
            tests_closed: false,
            let_go_at: None,
            shut_from: None,
            wipe_accepted_at: None,
            heard_at: None,
            stepped_down: false,
            lease: Watch::default(),
            ended_at: None,
            scenario: Rc::new(scenario),
        };
        world.till.power_up(world.slots.current);
        world
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile {
            terminal: self.office.terminal,
            epoch: 1,
            model: "T100".to_owned(),
            zone: TimeZone::UTC,
            agent_version: "0.1.0".to_owned(),
            broker: crate::machine::BROKER.to_owned(),
            trust: (*self.trust).clone(),
            recipient: None,
            challenge_seed: CHALLENGE_SEED,
            suspended_by: None,
            lease: self.scenario.lease.filter(|_| self.scenario.bug != Some(Bug::LeaseNotObserved)),
            boot: Digest::of(&self.booted_at.as_nanos().to_be_bytes()),
            nonce_seed: Nonce([self.starts as u8; 16]),
            jitter_seed: self.starts ^ self.scenario.seed,
        }
    }

    pub(crate) fn commit(&mut self, writes: Vec<Write>) {
        self.changes += 1;
        let lost = |write: &Write| {
            let is_lease = matches!(write, Write::Put { place, .. } if place.key == b"lease");
            is_lease && self.scenario.bug == Some(Bug::LeaseNotKept)
        };
        let writes = writes.into_iter().filter(|write| !lost(write)).collect();
        self.disk.commit(writes, self.office.ceremony.fleet, &self.terminal_key);
    }

    pub(crate) fn wall(&self) -> UnixTime {
        UnixTime(NOW.0 + i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX))
    }

    /// What is left after an interruption, and after the power is back.
    pub(crate) fn after(&self, cut: Cut) -> Self {
        let mut world = self.clone();
        world.network.disconnect();
        match cut {
            Cut::Agent => {}
            Cut::Power | Cut::Database => {
                world.till.cut();
                if world.scenario.bug == Some(Bug::StopsUntilThePowerFails) {
                    world.till.forget_to_stand_still();
                }
                world.now += world.scenario.dark;
                world.lease.power_failed(world.scenario.dark);
                world.till.advance(world.now);
                world.booted_at = world.now;
                world.till.power_up(world.slots.current);
            }
        }
        if cut == Cut::Database {
            world.disk.lose();
            world.lost_its_database = true;
        }
        world
    }

    /// How the terminal's own ledger says the upgrade ended.
    pub(crate) fn outcome_in_ledger(&self) -> Option<Outcome> {
        self.outcome_of(self.upgrade)
    }

    /// As [`Self::outcome_in_ledger`], of any order.
    pub(crate) fn outcome_of(&self, order: OrderId) -> Option<Outcome> {
        let (ledger, _) = Ledger::read(self.disk.shelf(Shelf::Ledger));
        match &ledger.account(order)?.receipt.said {
            Said::Finished { outcome, .. } => Some(outcome.clone()),
            Said::Accepted | Said::Refused { .. } => None,
        }
    }
}

pub(crate) fn id_of(parcel: &Parcel) -> OrderId {
    let order = Envelope::<Order>::from_bytes(parcel.order.as_slice());
    order.expect("the simulation's own order").document.id
}

/// What is ordered, in the first epochs.
fn parcels(ceremony: &Ceremony, scenario: &Scenario, release: &Release) -> Vec<Parcel> {
    let window = scenario.window();
    let profiles = Portfolio::of([1, 2].map(|member| profile(terminal(member))));
    let upgrade = Upgrade {
        release: payload_digest(release),
        window,
        backup_within_s: scenario.backup_within.map(|within| within.as_secs()),
    };
    let clearances = folder([1, 2].map(|it| clearance_lost(terminal(it), challenge())));
    let (change, release) = match scenario.job {
        Job::Upgrade => (Change::Upgrade(upgrade), Some(ceremony.signed_release(release))),
        Job::Backup => {
            let settled_by = scenario.settled_by();
            (Change::Backup(Backup { extent: Extent::Full, window, settled_by }), None)
        }
        Job::Drill => (Change::Drill(Drill { window }), None),
        Job::Restore => {
            let of = SnapshotOf {
                terminal: terminal(1),
                repository: RepositoryId::from_bytes([8; 16]),
                snapshot: Digest([1; 32]),
                manifest: Digest([2; 32]),
            };
            let selection = Selection::Everything;
            (Change::Restore(Restore { of, selection, key: None, window }), None)
        }
        Job::Rebind => {
            let registry_order = scenario.registry_order;
            let rebind = Rebind { registry_order, window, ..rebind(profiles.root()) };
            (Change::Rebind(Box::new(rebind)), None)
        }
        Job::Suspend => {
            let cut_off = NOW.plus(scenario.cut_off);
            let suspend = match scenario.owing_after.filter(|_| scenario.owing_from.is_none()) {
                Some(after) => suspend_owing(cut_off, after),
                None if scenario.given_up => suspend_given_up(cut_off),
                None => suspend(cut_off),
            };
            (Change::Suspend(Box::new(suspend)), None)
        }
        Job::WipeLost => (Change::Decommission(Box::new(wipe_lost(clearances.root()))), None),
    };
    let profile = match scenario.job {
        Job::Rebind => profiles.enclosed(terminal(1)),
        Job::WipeLost => clearances.enclosed(terminal(1)),
        Job::Upgrade | Job::Backup | Job::Drill | Job::Restore | Job::Suspend => None,
    };
    let calendar = scenario.calendar();
    let runs_out = scenario.bug == Some(Bug::StopRunsOut);
    let narrow = move |order: Order| {
        let others = UnixTime(NOW.0 + 24 * 3600);
        let not_after = if runs_out { others } else { order.not_after };
        Order { calendar: calendar.clone(), not_after, ..order }
    };
    in_epochs_by(ceremony, 1, change, narrow)
        .map(|parcel| Parcel { release: release.clone(), profile: profile.clone(), ..parcel })
        .collect()
}

fn urgent_parcels(ceremony: &Ceremony) -> Vec<Parcel> {
    let backup = Backup { extent: Extent::Full, window: None, settled_by: None };
    let urgent = |order| Order { class: Class::Security, ..order };
    in_epochs_by(ceremony, 6, Change::Backup(backup), urgent).collect()
}

/// What allows a till that waits for its host to go on with what it owes, from now on.
fn owing_parcels(ceremony: &Ceremony, scenario: &Scenario, from: Duration) -> Vec<Parcel> {
    let after = scenario.owing_after.expect("it may owe something");
    let suspend = suspend_owing(NOW.plus(from), after);
    in_epochs(ceremony, 4, Change::Suspend(Box::new(suspend))).collect()
}

/// What lets a till settle that is suspended and owes something.
fn settling_parcels(ceremony: &Ceremony, scenario: &Scenario) -> Vec<Parcel> {
    let suspend = suspend(NOW.plus(scenario.cut_off));
    in_epochs(ceremony, 5, Change::Suspend(Box::new(suspend))).collect()
}

/// What is ordered of a terminal that was suspended by that order.
fn following_parcels(
    ceremony: &Ceremony,
    then: Then,
    by: OrderId,
    release: &Release,
) -> Vec<Parcel> {
    let cleared = |it| match then {
        Then::WipeRegistered => {
            Clearance { deregistered: Vec::new(), ..clearance(terminal(it), challenge(), by) }
        }
        Then::Resume | Then::Wipe | Then::SettleAndWipe | Then::WipeUnsettled | Then::Upgrade => {
            clearance(terminal(it), challenge(), by)
        }
    };
    let clearances = folder([1, 2].map(cleared));
    let (change, profile, release) = match then {
        Then::Resume => (Change::Resume(Box::new(resume())), None, None),
        Then::Wipe | Then::SettleAndWipe | Then::WipeUnsettled | Then::WipeRegistered => {
            let wipe = wipe(clearances.root());
            (Change::Decommission(Box::new(wipe)), clearances.enclosed(terminal(1)), None)
        }
        Then::Upgrade => {
            let digest = payload_digest(release);
            let upgrade = Upgrade { release: digest, window: None, backup_within_s: None };
            (Change::Upgrade(upgrade), None, Some(ceremony.signed_release(release)))
        }
    };
    in_epochs(ceremony, 3, change)
        .map(|parcel| Parcel { profile: profile.clone(), release: release.clone(), ..parcel })
        .collect()
}

/// What the terminal tells in its first epoch.
fn challenge() -> Digest {
    Digest::of_parts(&[b"wipe", &CHALLENGE_SEED.0, &1_u32.to_be_bytes()])
}

fn cancel_parcels(ceremony: &Ceremony) -> Vec<Parcel> {
    let batch =
        Ceremony::batch(1, Change::Ping(shared::change::Ping { note: String::new() }), &members())
            .id;
    let change = Change::Cancel(Cancel { batch, reason: "changed our minds".to_owned() });
    in_epochs(ceremony, 2, change).collect()
}

fn members() -> Membership {
    Membership::of([terminal(1), terminal(2)])
}

fn in_epochs(ceremony: &Ceremony, seq: u64, change: Change) -> impl Iterator<Item = Parcel> {
    in_epochs_by(ceremony, seq, change, |order| order)
}

/// As [`in_epochs`], with orders that say more.
fn in_epochs_by(
    ceremony: &Ceremony,
    seq: u64,
    change: Change,
    narrow: impl Fn(Order) -> Order,
) -> impl Iterator<Item = Parcel> {
    let members = match change.is_of_given_up() {
        true => Membership::of([terminal(1)]),
        false => members(),
    };
    let needs_people = shared::floor::needs_people(change.verb());
    let approvers = ceremony.approver.iter().filter(|_| needs_people);
    let signers: Vec<_> = [&ceremony.controller].into_iter().chain(approvers).collect();
    let batch = Ceremony::batch(u8::try_from(seq).expect("few"), change, &members);
    let lives = Duration::from_secs(batch.change.lifetime_s_max());
    let not_after = match batch.change.is_of_given_up() {
        true => batch.not_before.plus(lives),
        false => batch.not_after,
    };
    let batch = Batch { not_after, ..batch };
    (1..=3).map(move |epoch| {
        let order = narrow(Ceremony::order(seq, terminal(1), &batch, &members));
        Parcel {
            order: ceremony.sign(Order { epoch, ..order }, &[&ceremony.controller]),
            batch: ceremony.sign(batch.clone(), &signers),
            release: None,
            profile: None,
        }
    })
}
