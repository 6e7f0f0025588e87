//! Whom a change would be brought to if it were started now: what people look at before they
//! commit, and what a start goes by. Pure.
//!
//! Of the terminals that a selector means, some are **out**: they are no members, because the
//! change means nothing to them or they would refuse it for good ([`Excluded`]). The others are
//! **in**, also where something keeps the change from them for now ([`Concern`]): that passes by
//! itself or by what people do, and whoever is left out of a membership that people have signed
//! stays out.

pub mod forecast;
pub mod hours;
pub mod rules;
pub mod transfer;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use shared::change::Verb;
use shared::document::Release;
use shared::id::TerminalId;
use shared::limits::SLOTS_RESERVE_BYTES;
use shared::time::UnixTime;

use crate::registry::prospect::Prospect;
use crate::registry::terminal::{Presence, Service, Unit};
use crate::version;

/// Terminals that are shown of a number of them: what fits on a screen beside the other numbers.
pub const SAMPLE_MAX: usize = 10;

/// Why a terminal that the selector matches does not become a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excluded {
    NotEnrolled,
    Revoked,
    /// Empty, and out of service for good.
    Erased,
    /// It is sent nothing but what empties it.
    Quarantined,
    /// The release is not for its model.
    OtherModel,
    /// Its agent does not know this verb.
    AgentTooOld,
    /// It runs the release's version.
    AlreadyThere,
    /// What it runs has a higher security counter than the release.
    CounterTooLow,
    /// What it runs has a lower security counter than the release takes over from.
    RunningTooOld,
}

impl Excluded {
    /// Stable across releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotEnrolled => "not-enrolled",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
            Self::Quarantined => "quarantined",
            Self::OtherModel => "other-model",
            Self::AgentTooOld => "agent-too-old",
            Self::AlreadyThere => "already-there",
            Self::CounterTooLow => "counter-too-low",
            Self::RunningTooOld => "running-too-old",
        }
    }

    /// What is so of this many, as it follows on the number.
    pub fn detail(self, terminals: u64) -> &'static str {
        let (one, many) = match self {
            Self::NotEnrolled => ("has not enrolled", "have not enrolled"),
            Self::Revoked => ("was revoked", "were revoked"),
            Self::Erased => (
                "was erased, and is out of service for good",
                "were erased, and are out of service for good",
            ),
            Self::Quarantined => (
                "is in quarantine: to be emptied, or another one has its place",
                "are in quarantine: to be emptied, or another one has their place",
            ),
            Self::OtherModel => (
                "is of a model that the release is not for",
                "are of models that the release is not for",
            ),
            Self::AgentTooOld => (
                "has an agent that does not know this change",
                "have an agent that does not know this change",
            ),
            Self::AlreadyThere => ("runs this version already", "run this version already"),
            Self::CounterTooLow => (
                "runs what has a higher security counter, and never goes back",
                "run what has a higher security counter, and never go back",
            ),
            Self::RunningTooOld => (
                "runs what the release does not take over from",
                "run what the release does not take over from",
            ),
        };
        if terminals == 1 { one } else { many }
    }

    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::NotEnrolled => Some("enrol them with their claims"),
            Self::OtherModel => Some("build and sign a release for these models, too"),
            Self::AgentTooOld => Some("bring them a newer agent first"),
            Self::CounterTooLow => Some("sign the old content as a release with a higher counter"),
            Self::RunningTooOld => Some("bring them a release between the two first"),
            Self::Revoked | Self::Erased => Some("enrol them again with a new claim"),
            Self::Quarantined => Some("take its wipe back, have it stopped, or enrol it anew"),
            Self::AlreadyThere => None,
        }
    }
}

/// What keeps a change from a member for now, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Somebody finds it or its store suspicious.
    Suspected,
    NeverSeen,
    Offline,
    /// It has an order of another campaign that has not ended.
    Busy,
    /// It does not sell, and gets the change all the same.
    Suspended,
    /// It will not be able to connect any more while its order is still valid.
    CertificateEnds,
    /// It waits for its charger before it disturbs its shop.
    BatteryLow,
    /// What is to be installed does not fit beside what is there.
    DiskShort,
}

impl Concern {
    /// Stable across releases.
    pub fn code(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::NeverSeen => "never-seen",
            Self::Offline => "offline",
            Self::Busy => "busy",
            Self::Suspended => "suspended",
            Self::CertificateEnds => "certificate-ends",
            Self::BatteryLow => "battery-low",
            Self::DiskShort => "disk-short",
        }
    }

    /// What is so of this many, as it follows on the number.
    pub fn detail(self, terminals: u64) -> &'static str {
        let (one, many) = match self {
            Self::Suspected => (
                "is, or stands where somebody finds it, suspicious",
                "are, or stand where somebody finds it, suspicious",
            ),
            Self::NeverSeen => ("has never connected", "have never connected"),
            Self::Offline => (
                "is offline; its turn comes when it connects",
                "are offline; their turn comes when they connect",
            ),
            Self::Busy => (
                "has an order of another campaign, which comes to its end first",
                "have an order of another campaign, which comes to its end first",
            ),
            Self::Suspended => (
                "is suspended: it gets it, and sells nothing afterwards either",
                "are suspended: they get it, and sell nothing afterwards either",
            ),
            Self::CertificateEnds => (
                "has a certificate that ends before these orders do",
                "have a certificate that ends before these orders do",
            ),
            Self::BatteryLow => (
                "told last of a low battery: it waits until it is charged",
                "told last of a low battery: they wait until they are charged",
            ),
            Self::DiskShort => (
                "told last of too little free disk for this release",
                "told last of too little free disk for this release",
            ),
        };
        if terminals == 1 { one } else { many }
    }

    /// What to do about it, in the imperative, where there is something to do.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Suspected => Some("look into it: `tillward request suspicions`"),
            Self::NeverSeen | Self::Offline => Some("look at their power and network"),
            Self::CertificateEnds => Some("enrol them again with a new claim before it ends"),
            Self::BatteryLow => Some("have them put on their chargers"),
            Self::DiskShort => Some("make room: `tillward terminal show` says what is free"),
            Self::Busy | Self::Suspended => None,
        }
    }
}

/// What a change asks of whoever it is brought to.
#[derive(Clone, Copy, Debug)]
pub struct Demands<'a> {
    pub verb: Verb,
    /// What an upgrade installs.
    pub release: Option<&'a Release>,
    /// Until when its orders are valid.
    pub not_after: UnixTime,
    /// It keeps a till from selling when its turn comes.
    pub disturbs: bool,
}

impl Demands<'_> {
    /// Why this terminal is no member, if it is none. What is not known excludes nobody.
    pub fn excluded(&self, it: &Prospect) -> Option<Excluded> {
        let agent_is_older =
            |agent: &str| version::order(agent, agent_min(self.verb)) == Some(Ordering::Less);
        let by_itself = of_unit(it.unit)
            .or_else(|| (it.service == Service::Erased).then_some(Excluded::Erased))
            .or_else(|| it.is_quarantined.then_some(Excluded::Quarantined));
        let by_agent = || {
            let is_older = it.agent_version.as_deref().is_some_and(agent_is_older);
            is_older.then_some(Excluded::AgentTooOld)
        };
        by_itself
            .or_else(|| self.release.and_then(|release| of_model(release, &it.model)))
            .or_else(by_agent)
            .or_else(|| self.release.and_then(|release| of_installed(release, it)))
    }

    /// What is to be said of a member.
    fn concerns(&self, it: &Prospect) -> impl Iterator<Item = Concern> {
        let ends = it.certificate_expires_at.is_some_and(|at| at < self.not_after);
        let is_suspended = match it.service {
            Service::Suspended | Service::SuspendedOwing => true,
            Service::InService | Service::Erased => false,
        };
        let is_short = self.release.zip(it.disk_free_bytes).is_some_and(|(release, free)| {
            free < release.artifact.room_bytes().saturating_add(SLOTS_RESERVE_BYTES)
        });
        let found = [
            it.is_frozen.then_some(Concern::Suspected),
            (it.presence == Presence::NeverSeen).then_some(Concern::NeverSeen),
            (it.presence == Presence::Offline).then_some(Concern::Offline),
            it.busy_with.map(|_| Concern::Busy),
            is_suspended.then_some(Concern::Suspended),
            ends.then_some(Concern::CertificateEnds),
            (self.disturbs && it.battery_is_low).then_some(Concern::BatteryLow),
            is_short.then_some(Concern::DiskShort),
        ];
        found.into_iter().flatten()
    }
}

/// Whoever cannot be sent anything, whatever it is.
pub fn of_unit(unit: Unit) -> Option<Excluded> {
    match unit {
        Unit::Claimed => Some(Excluded::NotEnrolled),
        Unit::Revoked => Some(Excluded::Revoked),
        Unit::Enrolled => None,
    }
}

fn of_model(release: &Release, model: &String) -> Option<Excluded> {
    (!release.models.contains(model)).then_some(Excluded::OtherModel)
}

/// As the terminal itself would judge, of which a component that is not installed has counted to
/// nothing yet. Before its first hello nobody knows what it runs.
fn of_installed(release: &Release, it: &Prospect) -> Option<Excluded> {
    it.components.as_ref()?;
    let running = it.component(&release.component);
    let counter = running.map_or(0, |running| running.security_counter);
    if running.is_some_and(|running| running.version == release.version) {
        Some(Excluded::AlreadyThere)
    } else if release.security_counter < counter {
        Some(Excluded::CounterTooLow)
    } else {
        (counter < release.from_counter_min).then_some(Excluded::RunningTooOld)
    }
}

/// The first agent that carries out this verb.
fn agent_min(verb: Verb) -> &'static str {
    match verb {
        Verb::Ping
        | Verb::Backup
        | Verb::Collect
        | Verb::RenewCertificate
        | Verb::Upgrade
        | Verb::Suspend
        | Verb::Resume
        | Verb::Restore
        | Verb::Rebind
        | Verb::Decommission
        | Verb::Cancel => "0.1.0",
    }
}

/// A terminal that is shown for many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    /// Of the component that is to be installed.
    pub version: Option<String>,
}

/// How many, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Several {
    pub count: u64,
    /// By what chance has put into the ends of their ids, so that it is not always the oldest of
    /// one store.
    sample: BTreeMap<(u64, TerminalId), Example>,
}

impl Several {
    /// At most [`SAMPLE_MAX`] of them, by serial number.
    pub fn sample(&self) -> Vec<&Example> {
        let mut sample: Vec<_> = self.sample.values().collect();
        sample.sort_by(|a, b| a.serial.cmp(&b.serial));
        sample
    }

    fn add(&mut self, it: &Prospect, component: Option<&str>) {
        self.count += 1;
        let end = it.id.as_bytes().last_chunk::<8>().map_or(0, |end| u64::from_be_bytes(*end));
        let key = (end, it.id);
        let is_full = self.sample.len() == SAMPLE_MAX;
        if is_full && self.sample.last_key_value().is_some_and(|(last, _)| *last < key) {
            return;
        }
        let version = component.and_then(|name| it.component(name)).map(|it| it.version.clone());
        let example = Example {
            terminal: it.id,
            serial: it.serial.clone(),
            store: it.store.clone(),
            model: it.model.clone(),
            version,
        };
        self.sample.insert(key, example);
        if self.sample.len() > SAMPLE_MAX {
            self.sample.pop_last();
        }
    }
}

/// Members, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    pub members: u64,
    /// Of these, those that have ever connected.
    pub seen: u64,
}

impl AddAssign for Heads {
    fn add_assign(&mut self, more: Self) {
        self.members += more.members;
        self.seen += more.seen;
    }
}

/// Members of one store that open windows in one zone, or of several such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Those of the canary list.
    pub listed: Heads,
    pub others: Heads,
}

impl Present {
    pub fn all(self) -> Heads {
        let mut all = self.listed;
        all += self.others;
        all
    }
}

impl AddAssign for Present {
    fn add_assign(&mut self, more: Self) {
        self.listed += more.listed;
        self.others += more.others;
    }
}

/// By the zones in which they open windows, and there by their stores.
pub type Places = BTreeMap<String, BTreeMap<String, Present>>;

/// Everybody whom a selector means, by what becomes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// In the order in which they were looked at.
    pub members: Vec<TerminalId>,
    pub sample: Several,
    pub excluded: BTreeMap<Excluded, Several>,
    pub concerns: BTreeMap<Concern, Several>,
    pub places: Places,
}

impl Audience {
    /// Somebody whom the selector means.
    pub fn add(&mut self, it: &Prospect, demands: &Demands<'_>, canary: &BTreeSet<TerminalId>) {
        let component = demands.release.map(|release| release.component.as_str());
        if let Some(why) = demands.excluded(it) {
            self.excluded.entry(why).or_default().add(it, component);
            return;
        }
        self.members.push(it.id);
        self.sample.add(it, component);
        for concern in demands.concerns(it) {
            self.concerns.entry(concern).or_default().add(it, component);
        }
        let present = self.place(&it.opens_in, &it.store);
        let heads = match canary.contains(&it.id) {
            true => &mut present.listed,
            false => &mut present.others,
        };
        let seen = u64::from(it.presence != Presence::NeverSeen);
        *heads += Heads { members: 1, seen };
    }

    /// Most are known already, and need no names of their own.
    fn place(&mut self, zone: &str, store: &str) -> &mut Present {
        if !self.places.contains_key(zone) {
            self.places.insert(zone.to_owned(), BTreeMap::new());
        }
        let stores = self.places.get_mut(zone).expect("it was put there");
        if !stores.contains_key(store) {
            stores.insert(store.to_owned(), Present::default());
        }
        stores.get_mut(store).expect("it was put there")
    }

    /// All members.
    pub fn present(&self) -> Present {
        let mut all = Present::default();
        self.places.values().flat_map(BTreeMap::values).for_each(|it| all += *it);
        all
    }

    /// How many members stand in each store.
    pub fn stores(&self) -> BTreeMap<String, u64> {
        let mut stores = BTreeMap::new();
        for (store, present) in self.places.values().flatten() {
            match stores.get_mut(store) {
                Some(members) => *members += present.all().members,
                None => drop(stores.insert(store.clone(), present.all().members)),
            }
        }
        stores
    }

    /// How many are in.
    pub fn count(&self) -> u64 {
        self.members.len() as u64
    }

    /// How many are out, for each reason.
    pub fn excluded_counts(&self) -> BTreeMap<Excluded, u64> {
        self.excluded.iter().map(|(why, several)| (*why, several.count)).collect()
    }

    /// Of all members, most in one zone first.
    pub fn zones(&self) -> Vec<(String, u64)> {
        let members = |stores: &BTreeMap<String, Present>| -> u64 {
            stores.values().map(|it| it.all().members).sum()
        };
        let zones = self.places.iter().map(|(zone, stores)| (zone.clone(), members(stores)));
        let mut zones: Vec<_> = zones.collect();
        zones.sort_by(|(a, many), (b, more)| (more, a).cmp(&(many, b)));
        zones
    }
}

#[cfg(test)]
mod tests;
