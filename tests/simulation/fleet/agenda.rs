//! What people do meanwhile: they bring a bad release first, give it up when it was stopped, bring
//! a good one, beside it something urgent and something that can wait, and have tried again what
//! has failed.

use std::collections::BTreeMap;
use std::time::Duration;

use controller::campaign::policy::{Gate, Policy, Share};
use controller::campaign::rate::UsedUntil;
use controller::campaign::state::{CampaignEvent, CampaignState};
use controller::registry::campaign::{Campaign, Origin};
use shared::change::{Change, Ping, Upgrade};
use shared::digest::{Digest, Nonce};
use shared::document::order::Class;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::books::{Books, Started, frozen};
use super::estate::{self, Nature, TillNumber};
use super::world::World;

/// Campaigns, in the order in which they are started.
pub(crate) const BAD: usize = 0;
pub(crate) const GOOD: usize = 1;
pub(crate) const URGENT: usize = 2;
pub(crate) const LATER: usize = 3;

const HOUR: Duration = Duration::from_secs(3_600);

const LIVES: Duration = Duration::from_secs(10 * 24 * 3_600);

/// By then the bad one must have been stopped.
const BAD_LIVES: Duration = Duration::from_secs(3 * 24 * 3_600);

/// By then all must be over: what lives longest, what is waited for after that, and a day.
const OVER_AFTER: Duration = Duration::from_secs(20 * 24 * 3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Start(usize),
    Abort(usize),
    Retry(usize),
}

#[derive(Debug)]
pub(crate) struct Agenda {
    tills: TillNumber,
    begins: UnixTime,
    /// When the bad one was stopped.
    stopped_at: Option<UnixTime>,
}

impl Agenda {
    pub(crate) fn new(tills: TillNumber, begins: UnixTime) -> Self {
        Self { tills, begins, stopped_at: None }
    }

    pub(crate) fn first(&self) -> (UnixTime, Act) {
        (self.begins.plus(HOUR), Act::Start(BAD))
    }

    /// What people do next about what they see.
    pub(crate) fn looks(&mut self, books: &Books, now: UnixTime) -> Vec<(UnixTime, Act)> {
        let is_stopped =
            books.campaigns.first().is_some_and(|it| it.campaign.state == CampaignState::Halted);
        if !is_stopped || self.stopped_at.is_some() {
            return vec![];
        }
        self.stopped_at = Some(now);
        let day = HOUR * 24;
        let good = now.plus(HOUR * 2);
        let mut acts = vec![
            (now.plus(HOUR), Act::Abort(BAD)),
            (good, Act::Start(GOOD)),
            (good.plus(day / 2), Act::Start(URGENT)),
            (good.plus(day * 5), Act::Start(LATER)),
        ];
        acts.extend((2..8).map(|days| (good.plus(day * days), Act::Retry(GOOD))));
        acts
    }

    /// Nothing more is expected of anybody.
    pub(crate) fn is_over(&self, books: &Books, now: UnixTime) -> bool {
        let is_over = |it: &Started| {
            let is_at_rest = it.tally.open() == 0;
            let state = it.campaign.state;
            is_at_rest && matches!(state, CampaignState::Completed | CampaignState::Aborted)
        };
        let is_given_up = self.stopped_at.is_none() && now >= self.begins.plus(BAD_LIVES);
        let is_too_long = now >= self.begins.plus(OVER_AFTER);
        is_given_up
            || is_too_long
            || (books.campaigns.len() > LATER && books.campaigns.iter().all(is_over))
    }

    pub(crate) fn is_bad(&self, campaign: usize) -> bool {
        campaign == BAD
    }

    pub(crate) fn disturbs(&self, campaign: usize) -> bool {
        campaign != LATER
    }

    /// A part of the fleet, and so many at least.
    fn share(&self, of_1000: u32, at_least: u32) -> u32 {
        (self.tills * of_1000 / 1_000).max(at_least)
    }

    fn policy(&self, campaign: usize, canary: &[TillNumber]) -> Policy {
        let canary: Vec<_> = canary.iter().copied().map(estate::id).collect();
        let gate = |bad_max, soak| {
            let (sample_min, success_percent_min) = (3, 60);
            let (reach_percent_min, reach_after) = (80, Some(HOUR * 24));
            Some(Gate {
                sample_min,
                success_percent_min,
                soak,
                bad_max,
                reach_percent_min,
                reach_after,
            })
        };
        let per_hour = self.share(300, 120);
        let rate = Some(format!("{per_hour}/h").parse().expect("it is a rate"));
        let [a_part, more] = [5, 25].map(Share::Percent);
        match campaign {
            BAD => Policy {
                canary,
                waves: vec![a_part, Share::Rest],
                gate: gate(Share::Count(1), HOUR),
                store_at_once: Some(2),
                ..Policy::PLAIN
            },
            GOOD => Policy {
                canary,
                waves: vec![a_part, more, Share::Rest],
                gate: gate(Share::Count(self.share(15, 8)), HOUR),
                rate,
                store_at_once: Some(2),
                spread: Some(HOUR / 2),
                ..Policy::PLAIN
            },
            URGENT => Policy {
                waves: vec![a_part, Share::Rest],
                gate: gate(Share::Count(self.share(15, 8)), Duration::ZERO),
                store_at_once: Some(3),
                class: Some(Class::Security),
                ..Policy::PLAIN
            },
            _ => Policy { class: Some(Class::Background), ..Policy::PLAIN },
        }
    }

    fn campaign(&self, number: usize, canary: &[TillNumber], now: UnixTime) -> Campaign {
        let byte = u8::try_from(number).expect("few");
        let release = Digest::of(&[byte]);
        let upgrade = Upgrade { release, window: None, backup_within_s: None };
        let places = self.share([1, 50, 15, 5][number], [4, 30, 10, 5][number]);
        Campaign {
            id: CampaignId::from_bytes([byte + 1; 16]),
            name: None,
            change: match self.disturbs(number) {
                true => Change::Upgrade(upgrade),
                false => Change::Ping(Ping { note: String::new() }),
            },
            selector: "*".to_owned(),
            max_parallel: places,
            policy: self.policy(number, canary),
            lifetime_s: LIVES.as_secs(),
            salt: Nonce([byte; 16]),
            state: CampaignState::Running,
            state_at: now,
            state_by: String::new(),
            state_why: String::new(),
            created_at: now,
            created_by: String::new(),
            frozen: Some(frozen(0, now, now.plus(LIVES))),
            ended_at: None,
            held: BTreeMap::new(),
            held_next: BTreeMap::new(),
            tripped: None,
            used: UsedUntil::default(),
            origin: Origin::Itself,
        }
    }
}

impl World {
    pub(crate) fn acts(&mut self, act: Act) {
        match act {
            Act::Start(campaign) => self.starts(campaign),
            Act::Abort(campaign) => {
                self.books.move_campaign(campaign, CampaignEvent::Abort, self.now);
            }
            Act::Retry(campaign) => self.books.retry(campaign),
        }
    }

    fn starts(&mut self, number: usize) {
        let all = 0..TillNumber::try_from(self.estate.tills.len()).expect("a fleet is smaller");
        let members: Vec<_> = all
            .filter(|till| match number {
                BAD | GOOD => true,
                // Everybody in every fifth store.
                URGENT => self.estate.tills[*till as usize].0.is_multiple_of(5),
                _ => till % 10 == 0 || self.estate.nature(*till) == Nature::Sick,
            })
            .collect();
        let canary = self.canaries();
        let campaign = self.agenda.campaign(number, &canary, self.now);
        let frozen = frozen(members.len(), self.now, self.now.plus(LIVES));
        let mut started = Started::new(campaign, frozen, members);
        started.heard = self.books.changes.len();
        self.watch.starts(&started);
        self.books.campaigns.push(started);
    }

    /// One of each of some stores that can spare it.
    fn canaries(&self) -> Vec<TillNumber> {
        let sound = |till: &TillNumber| self.estate.nature(*till) == Nature::Well;
        let stores =
            self.estate.stores.iter().filter(|it| it.tills.clone().filter(sound).count() > 1);
        let firsts = stores.filter_map(|it| it.tills.clone().find(sound));
        let count = usize::try_from(self.agenda.share(2, 8)).expect("few");
        firsts.take(count).collect()
    }
}
