//! What the controller knows, in memory: what the registry keeps of campaigns and terminals, with
//! the tallies that it keeps beside. A fact that becomes known is counted, and what follows from
//! it follows at once, as in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use controller::campaign::assignment::{AssignmentState, Ended, Fact, Standing};
use controller::campaign::frontier::{Frontier, UpTo};
use controller::campaign::plan::Held;
use controller::campaign::state::{self, CampaignEvent, CampaignState};
use controller::campaign::store::StoreStanding;
use controller::campaign::{gate, penalty, wave};
use controller::kind::Disturbs;
use controller::registry::campaign::{Besides, Campaign, CampaignTally, Frozen, WaveStanding};
use controller::registry::terminal::{Presence, Service, Terminal, Unit};
use shared::digest::Digest;
use shared::document::order::Class;
use shared::id::OrderId;
use shared::message::{Progress, StepState};
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::UnixTime;

use super::estate::{self, Estate, TillNumber};
use super::till::{End, Report, Word};
use super::watch::Watch;

/// A campaign on one till, from its release on.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) order: OrderId,
    pub(crate) issue: u16,
    pub(crate) attempt: u32,
    pub(crate) wave: u16,
    pub(crate) retries: u32,
    /// Somebody wants it tried again.
    pub(crate) again: bool,
    /// It was taken back: the till is told so until it has answered.
    pub(crate) is_called_back: bool,
    pub(crate) was_sent: bool,
    pub(crate) standing: Standing,
}

/// A campaign that was started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) campaign: Campaign,
    pub(crate) frozen: Frozen,
    pub(crate) members: Vec<TillNumber>,
    pub(crate) waves: Vec<WaveStanding>,
    pub(crate) tally: CampaignTally,
    pub(crate) given: BTreeMap<TillNumber, Given>,
    /// Since when each is ordered that has not answered.
    pub(crate) unanswered: BTreeSet<(UnixTime, TillNumber)>,
    /// Those that have told that they are at it.
    pub(crate) at_work: BTreeSet<TillNumber>,
    /// Those that have lent their places.
    pub(crate) lent: BTreeSet<TillNumber>,
    /// Those whose turn comes again.
    pub(crate) again: BTreeSet<TillNumber>,
    pub(crate) frontier: Frontier,
    /// Up to where in the changes it has looked.
    pub(crate) heard: usize,
    /// Why those wait that do, as people are told.
    pub(crate) held: BTreeMap<Held, u64>,
    /// Something may have changed since it was looked at.
    pub(crate) is_poked: bool,
    /// When time alone changes something.
    pub(crate) due: Option<UnixTime>,
}

#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) campaigns: Vec<Started>,
    pub(crate) terminals: Vec<Terminal>,
    /// Bad ends in a row, and until when it is left alone for them.
    penalties: Vec<(u32, Option<UnixTime>)>,
    /// Of which campaigns something is expected, by till.
    open: Vec<BTreeSet<usize>>,
    /// Tills about which something has changed by which plans decide.
    pub(crate) changes: Vec<TillNumber>,
}

impl Started {
    pub(crate) fn new(campaign: Campaign, frozen: Frozen, members: Vec<TillNumber>) -> Self {
        let ids: Vec<_> = members.iter().copied().map(estate::id).collect();
        let cut = wave::cut(campaign.salt, &campaign.policy, &ids).expect("canaries are members");
        let frontier = Frontier::new(&campaign, &cut, &ids, BTreeSet::new(), UpTo::default());
        let standing = |(number, wave)| WaveStanding {
            number: u16::try_from(number).expect("few"),
            wave,
            opened_at: (number == 0).then_some(frozen.started_at),
            reached_at: None,
            passed_at: None,
            tally: CampaignTally::default(),
        };
        Self {
            waves: cut.into_iter().enumerate().map(standing).collect(),
            campaign,
            frozen,
            members,
            tally: CampaignTally::default(),
            given: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            at_work: BTreeSet::new(),
            lent: BTreeSet::new(),
            again: BTreeSet::new(),
            frontier,
            heard: 0,
            held: BTreeMap::new(),
            is_poked: true,
            due: None,
        }
    }

    pub(crate) fn open_wave(&self) -> u16 {
        let open = self.waves.iter().filter(|it| it.opened_at.is_some());
        open.map(|it| it.number).max().unwrap_or_default()
    }

    pub(crate) fn wave_of(&self, till: TillNumber) -> u16 {
        let cut: Vec<_> = self.waves.iter().map(|it| it.wave.clone()).collect();
        let Campaign { salt, policy, .. } = &self.campaign;
        wave::wave_of(*salt, &policy.canary, &cut, estate::id(till))
    }

    fn move_on(&mut self, event: CampaignEvent, now: UnixTime) {
        if let Ok(state) = state::step(self.campaign.state, event) {
            (self.campaign.state, self.campaign.state_at) = (state, now);
            self.is_poked = true;
        }
    }

    /// Keeps the tallies, and whom to look at besides.
    fn count(&mut self, till: TillNumber, wave: u16, from: Option<&Standing>, to: &Standing) {
        let add = |tally: &mut CampaignTally, standing: &Standing, by: i64| {
            let count = tally.by_state.entry(standing.state()).or_default();
            *count = count.checked_add_signed(by).expect("never below nothing");
            let retried = by * i64::from(standing.is_retry_of_bad());
            tally.retried = tally.retried.checked_add_signed(retried).expect("never below nothing");
        };
        for (standing, by) in from.map(|from| (from, -1)).into_iter().chain([(to, 1)]) {
            add(&mut self.tally, standing, by);
            add(&mut self.waves[usize::from(wave)].tally, standing, by);
        }
        if let Some((AssignmentState::Ordered, since)) = from.map(Standing::state_since) {
            self.unanswered.remove(&(since, till));
        }
        self.lent.remove(&till);
        self.at_work.remove(&till);
        match to.state_since() {
            (AssignmentState::Ordered, since) => {
                self.unanswered.insert((since, till));
            }
            (AssignmentState::Unanswered, _) => {
                self.lent.insert(till);
            }
            (AssignmentState::Working | AssignmentState::Undoing, _) => {
                self.at_work.insert(till);
            }
            (AssignmentState::Withdrawn, _) => {
                self.again.insert(till);
            }
            _ => {}
        }
    }
}

impl Books {
    pub(crate) fn of(estate: &Estate) -> Self {
        let tills = estate.tills.len();
        let number = |till: usize| TillNumber::try_from(till).expect("a fleet is smaller");
        Self {
            campaigns: vec![],
            terminals: (0..tills).map(|till| terminal(estate, number(till))).collect(),
            penalties: vec![(0, None); tills],
            open: vec![BTreeSet::new(); tills],
            changes: vec![],
        }
    }

    pub(crate) fn terminal(&self, till: TillNumber) -> &Terminal {
        &self.terminals[till as usize]
    }

    /// Its line came or went, as far as the controller hears of it.
    pub(crate) fn is_there(&mut self, till: TillNumber, presence: Presence, now: UnixTime) {
        let terminal = &mut self.terminals[till as usize];
        if terminal.presence != presence {
            (terminal.presence, terminal.last_seen_at) = (presence, Some(now));
            self.changed(till);
        }
    }

    fn changed(&mut self, till: TillNumber) {
        self.changes.push(till);
        for started in &mut self.campaigns {
            started.is_poked |= started.campaign.state == CampaignState::Running;
        }
    }

    /// What else goes on with a till.
    pub(crate) fn besides(&self, campaign: usize, till: TillNumber) -> Besides {
        let others = self.open[till as usize].iter().filter(|other| **other != campaign);
        Besides {
            busy: others.map(|other| self.campaigns[*other].campaign.class()).max(),
            penalty_until: self.penalties[till as usize].1,
            is_skipped: false,
        }
    }

    pub(crate) fn store(&self, estate: &Estate, store: usize, now: UnixTime) -> StoreStanding {
        let store = &estate.stores[store];
        let sells = |till: &TillNumber| {
            let terminal = self.terminal(*till);
            let last_seen_at = match terminal.presence {
                // It says hello every quarter of an hour.
                Presence::Online => Some(now),
                Presence::Offline | Presence::NeverSeen => terminal.last_seen_at,
            };
            // Nobody knows how the till is of one that was lost at its work.
            let is_lost = self.campaigns.iter().filter_map(|it| it.given.get(till)).any(|it| {
                let (state, since) = it.standing.state_since();
                state == AssignmentState::Silent && terminal.last_seen_at < Some(since)
            });
            !is_lost && Terminal { last_seen_at, ..terminal.clone() }.sells(now)
        };
        let disturbs = |campaign: &usize| {
            self.campaigns[*campaign].campaign.terms().disturbs != Disturbs::Never
        };
        let is_disturbed = |till: &TillNumber| self.open[*till as usize].iter().any(disturbs);
        StoreStanding {
            there: store.tills.len() as u64,
            selling: store.tills.clone().filter(sells).map(estate::id).collect(),
            disturbed: store.tills.clone().filter(is_disturbed).map(estate::id).collect(),
            at_once_max: store.at_once_max,
            has_fallback: store.has_fallback,
        }
    }

    /// A till is released, or released again.
    pub(crate) fn give(
        &mut self,
        campaign: usize,
        till: TillNumber,
        order: OrderId,
        now: UnixTime,
        watch: &mut Watch,
    ) {
        let started = &mut self.campaigns[campaign];
        let before = started.given.get(&till).cloned();
        let wave = started.wave_of(till);
        let given = Given {
            order,
            issue: before.as_ref().map_or(0, |it| it.issue + 1),
            attempt: before.as_ref().map_or(1, |it| it.attempt + 1),
            wave,
            retries: before.as_ref().map_or(0, |it| it.retries + u32::from(it.again)),
            again: false,
            is_called_back: false,
            was_sent: false,
            standing: Standing::ordered_after(before.as_ref().map(|it| &it.standing), now),
        };
        if before.as_ref().is_some_and(|it| it.again) {
            started.tally.again -= 1;
        }
        started.again.remove(&till);
        let known = before.map(|it| it.standing);
        let standing = given.standing.clone();
        watch.issues(campaign, till, given.issue);
        started.given.insert(till, given);
        self.moved(campaign, till, known.as_ref(), &standing, now, watch);
    }

    pub(crate) fn learn(
        &mut self,
        campaign: usize,
        till: TillNumber,
        fact: Fact,
        now: UnixTime,
        watch: &mut Watch,
    ) {
        let given = self.campaigns[campaign].given.get_mut(&till).expect("it was released");
        let before = given.standing.clone();
        given.standing.learn(fact);
        let after = given.standing.clone();
        if before != after {
            self.moved(campaign, till, Some(&before), &after, now, watch);
        }
    }

    fn moved(
        &mut self,
        campaign: usize,
        till: TillNumber,
        from: Option<&Standing>,
        to: &Standing,
        now: UnixTime,
        watch: &mut Watch,
    ) {
        let started = &mut self.campaigns[campaign];
        started.is_poked = true;
        let wave = started.given[&till].wave;
        started.count(till, wave, from, to);
        let (was, is) = (from.map(Standing::state), to.state());
        watch.moves(campaign, till, wave, was, is, now);
        let open = &mut self.open[till as usize];
        match is.is_end() {
            true => open.remove(&campaign),
            false => open.insert(campaign),
        };
        let is_bad = is.is_bad() && was != Some(is);
        if is_bad || (is == AssignmentState::Succeeded && was != Some(is)) {
            let (failures, until) = &mut self.penalties[till as usize];
            *failures = if is_bad { *failures + 1 } else { 0 };
            *until = penalty::until(*failures, now);
        }
        if is.is_end() != was.is_some_and(AssignmentState::is_end) {
            self.changed(till);
        }
        if is_bad && !watch.has_bug(super::world::Bug::LetsFailuresPass) {
            self.look_whether_it_stops(campaign, wave, now);
        }
    }

    fn look_whether_it_stops(&mut self, campaign: usize, wave: u16, now: UnixTime) {
        let started = &mut self.campaigns[campaign];
        let tried = started.waves[usize::from(wave)].tried();
        let trip = started.campaign.policy.gate.as_ref().and_then(|it| gate::trips(it, tried));
        if trip.is_some() {
            started.move_on(CampaignEvent::Trip, now);
        }
    }

    pub(crate) fn move_campaign(&mut self, campaign: usize, event: CampaignEvent, now: UnixTime) {
        self.campaigns[campaign].move_on(event, now);
    }

    /// Of an order that another one has replaced nothing is heard any more.
    pub(crate) fn hear(
        &mut self,
        till: TillNumber,
        report: Report,
        now: UnixTime,
        watch: &mut Watch,
    ) {
        let Report { campaign, order, word, at } = report;
        if self.campaigns[campaign].given.get(&till).is_none_or(|it| it.order != order) {
            return;
        }
        let fact = match word {
            Word::Accepted => Fact::Accepted(at),
            Word::Works => Fact::Progress(Progress {
                order,
                ordinal: 1,
                step: "hold".to_owned(),
                state: StepState::Running,
                at,
                bytes_done: None,
                bytes_total: None,
            }),
            Word::Ended(end) => Fact::Ended(Ended { outcome: outcome(end), at }),
        };
        self.learn(campaign, till, fact, now, watch);
    }

    /// Somebody has all of a campaign tried again that have failed, as often as its policy lets.
    pub(crate) fn retry(&mut self, campaign: usize) {
        let started = &mut self.campaigns[campaign];
        let max = started.campaign.policy.retries_max;
        for (till, given) in &mut started.given {
            let has_failed = given.standing.state().is_bad();
            if has_failed && !given.again && given.retries < max {
                given.again = true;
                started.again.insert(*till);
                started.tally.again += 1;
            }
        }
        started.is_poked = true;
    }

    /// Before whom a campaign goes.
    pub(crate) fn class(&self, campaign: usize) -> Class {
        self.campaigns[campaign].campaign.class()
    }
}

fn outcome(end: End) -> Outcome {
    let failure = || Failure {
        code: FailureCode::DiskFull,
        step: "switch".to_owned(),
        detail: "no room".to_owned(),
    };
    match end {
        End::Succeeded => Outcome::Succeeded { now: "2".to_owned() },
        End::RolledBack => Outcome::RolledBack { failure: failure() },
        End::Cancelled => Outcome::Cancelled { reason: String::new() },
        End::Expired => Outcome::Expired,
    }
}

fn terminal(estate: &Estate, till: TillNumber) -> Terminal {
    let store = estate.store_of(till);
    Terminal {
        id: estate::id(till),
        serial: format!("T-{till}"),
        model: "T650".to_owned(),
        store: store.name.clone(),
        lane: None,
        labels: BTreeMap::new(),
        zone: store.zone_name.to_owned(),
        unit: Unit::Enrolled,
        epoch: 1,
        public_key: None,
        certificate: None,
        presence: Presence::NeverSeen,
        last_seen_at: None,
        working_on: None,
        said: None,
        telemetry: None,
        created_at: UnixTime(0),
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        region: store.region.clone(),
        service: Service::InService,
    }
}

/// What a campaign stands under when it is started.
pub(crate) fn frozen(members: usize, now: UnixTime, not_after: UnixTime) -> Frozen {
    let nothing = Digest::of(b"nobody signs in memory");
    let members = u32::try_from(members).expect("a fleet is smaller");
    Frozen { started_at: now, not_after, members, joined: 0, root: nothing, batch: nothing }
}
