//! Counts everything again by itself, and says what is not as it must be. It knows no tally, no
//! frontier and no plan: it hears who is released, what becomes of whom, and who begins.

mod campaign;
mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use controller::campaign::assignment::AssignmentState;
use controller::campaign::plan::Held;
use controller::campaign::state::CampaignState;
use controller::registry::terminal::Presence;
use shared::document::order::Class;
use shared::id::OrderId;
use shared::time::UnixTime;

use super::books::{Books, Started};
use super::estate::{Estate, Shut, TillNumber};
use super::world::Bug;
use campaign::Watched;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Whoever is at it comes back before that, and a quarter of an hour later the controller has
/// looked.
const AWAY_MAX: Duration = Duration::from_secs(2 * 3_600 + 15 * 60);

/// After so many nobody reads on.
const BREACHES_MAX: usize = 20;

#[derive(Debug)]
pub(crate) struct Watch {
    bug: Option<Bug>,
    campaigns: Vec<Watched>,
    /// By till: of which campaigns something is expected.
    expected: Vec<BTreeSet<usize>>,
    /// By till: bad ends in a row, and since when there are as many as that.
    failures: Vec<(u32, UnixTime)>,
    /// Tills that are at something that disturbs their shops.
    at_work: BTreeSet<TillNumber>,
    begun: BTreeSet<(TillNumber, OrderId)>,
    /// Since when each is at it, as it has told.
    told_of_work: BTreeMap<(usize, TillNumber), UnixTime>,
    /// Two controllers have made their plans together.
    pub(crate) lets_overtake: bool,
    pub(crate) breaches: Vec<String>,
    /// How often each kind of thing was seen that a run must have.
    seen: BTreeMap<&'static str, u64>,
}

impl Watch {
    pub(crate) fn new(estate: &Estate, bug: Option<Bug>) -> Self {
        let tills = estate.tills.len();
        Self {
            bug,
            campaigns: vec![],
            expected: vec![BTreeSet::new(); tills],
            failures: vec![(0, UnixTime(0)); tills],
            at_work: BTreeSet::new(),
            begun: BTreeSet::new(),
            told_of_work: BTreeMap::new(),
            lets_overtake: false,
            breaches: vec![],
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn has_bug(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn breach(&mut self, what: String) {
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(what);
        }
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(crate) fn has_seen(&self, what: &str) -> u64 {
        self.seen.get(what).copied().unwrap_or_default()
    }

    /// What a run came to, for whoever compares it with another.
    pub(crate) fn told(&self) -> (Vec<String>, BTreeMap<&'static str, u64>) {
        let told = self.campaigns.iter().map(ToString::to_string);
        (told.chain(self.breaches.iter().cloned()).collect(), self.seen.clone())
    }

    pub(crate) fn starts(&mut self, started: &Started) {
        self.campaigns.push(Watched::new(started));
    }

    /// A wave is opened: the one before must have passed.
    pub(crate) fn opens(&mut self, campaign: usize, wave: usize, now: UnixTime) {
        let watched = &mut self.campaigns[campaign];
        if let Some(why) = watched.why_not_passed(wave - 1, now) {
            self.breach(format!("{now}: campaign {campaign} opens wave {wave}: {why}"));
        }
        self.campaigns[campaign].open(wave, now);
        self.saw("a gate that passed");
    }

    pub(crate) fn releases(
        &mut self,
        campaign: usize,
        till: TillNumber,
        issue: u16,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) {
        let watched = &mut self.campaigns[campaign];
        let mut wrong = watched.wrong_about_release(till, issue, now);
        wrong.extend(self.wrong_about_place(campaign, till, now, estate, books));
        let class = self.campaigns[campaign].class;
        if self.goes_first(campaign, till) && !self.lets_overtake {
            wrong.push("something that goes first is under way on it".to_owned());
        }
        if self.is_left_alone(till, now) && class < Class::Security {
            wrong.push("it has failed three times in a row".to_owned());
        }
        for why in wrong {
            self.breach(format!("{now}: campaign {campaign} releases till {till}: {why}"));
        }
        self.saw("a release");
    }

    /// It has a place again that it had lent.
    pub(crate) fn grants(
        &mut self,
        campaign: usize,
        till: TillNumber,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) {
        let mut wrong = self.campaigns[campaign].wrong_about_turn(now);
        wrong.extend(self.wrong_about_place(campaign, till, now, estate, books));
        for why in wrong {
            self.breach(format!("{now}: campaign {campaign} goes on with till {till}: {why}"));
        }
        self.campaigns[campaign].granted = Some(till);
        self.saw("a place that was lent and given back");
    }

    /// Places, and what its store gives.
    fn wrong_about_place(
        &mut self,
        campaign: usize,
        till: TillNumber,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) -> Vec<String> {
        let watched = &self.campaigns[campaign];
        let mut wrong = vec![];
        if watched.places_free() == 0 {
            wrong.push("there is no place".to_owned());
        }
        if watched.disturbs {
            wrong.extend(
                self.store_has_too_many(campaign, till, estate)
                    .then(|| "its store has as many disturbed as it may".to_owned()),
            );
            wrong.extend(
                self.is_last(till, now, estate, books)
                    .then(|| "nobody else in its store sells".to_owned()),
            );
        }
        wrong
    }

    /// Others of its store of which something is expected that disturbs.
    fn others_disturbed(&self, till: TillNumber, estate: &Estate) -> usize {
        let others = estate.store_of(till).tills.clone().filter(|it| *it != till);
        others.filter(|it| self.is_to_be_disturbed(*it)).count()
    }

    fn is_to_be_disturbed(&self, till: TillNumber) -> bool {
        self.expected[till as usize].iter().any(|it| self.campaigns[*it].disturbs)
    }

    fn store_has_too_many(&self, campaign: usize, till: TillNumber, estate: &Estate) -> bool {
        let limits = [self.campaigns[campaign].store_at_once, estate.store_of(till).at_once_max];
        let limit = limits.into_iter().flatten().min();
        limit.is_some_and(|most| self.others_disturbed(till, estate) >= most as usize)
    }

    /// Whether nobody would sell in its store while it is at it, and nobody has said how it does
    /// then.
    fn is_last(&self, till: TillNumber, now: UnixTime, estate: &Estate, books: &Books) -> bool {
        let store = estate.store_of(till);
        let mut others = store.tills.clone().filter(|it| *it != till);
        let sells =
            |it: TillNumber| !self.is_to_be_disturbed(it) && was_heard(books, it, now.minus(DAY));
        !store.has_fallback && was_heard(books, till, now.minus(DAY)) && !others.any(sells)
    }

    fn goes_first(&self, campaign: usize, till: TillNumber) -> bool {
        let others = self.expected[till as usize].iter().filter(|it| **it != campaign);
        let class = self.campaigns[campaign].class;
        others.map(|it| self.campaigns[*it].class).any(|other| other > class)
    }

    fn is_left_alone(&self, till: TillNumber, now: UnixTime) -> bool {
        let (failures, since) = self.failures[till as usize];
        failures >= 3 && now < since.plus(DAY)
    }

    pub(crate) fn issues(&mut self, campaign: usize, till: TillNumber, issue: u16) {
        let is_new = self.campaigns[campaign].issued.insert((till, issue));
        if !is_new {
            self.breach(format!("campaign {campaign} orders till {till} twice in issue {issue}"));
        }
    }

    /// What became known of a till.
    pub(crate) fn moves(
        &mut self,
        campaign: usize,
        till: TillNumber,
        wave: u16,
        from: Option<AssignmentState>,
        to: AssignmentState,
        now: UnixTime,
    ) {
        let watched = &mut self.campaigns[campaign];
        watched.moves(till, usize::from(wave), from, to, now);
        match to.is_end() {
            true => self.expected[till as usize].remove(&campaign),
            false => self.expected[till as usize].insert(campaign),
        };
        if matches!(to, AssignmentState::Working | AssignmentState::Undoing) {
            self.told_of_work.entry((campaign, till)).or_insert(now);
        } else {
            self.told_of_work.remove(&(campaign, till));
        }
        if to == AssignmentState::Silent {
            // Its store goes on without it.
            self.at_work.remove(&till);
            self.saw("a till that was lost at its work");
        }
        let is_new = from != Some(to);
        if is_new && to.is_bad() {
            let (failures, since) = &mut self.failures[till as usize];
            (*failures, *since) = (*failures + 1, now);
            self.saw("a failure");
        }
        if is_new && to == AssignmentState::Succeeded {
            self.failures[till as usize] = (0, now);
            self.saw("a success");
        }
        if to == AssignmentState::Withdrawn {
            self.saw("an order that was taken back");
        }
    }

    /// A till begins: by its own decision, whatever the controller thinks.
    pub(crate) fn begins(
        &mut self,
        campaign: usize,
        till: TillNumber,
        order: OrderId,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) {
        let mut wrong = vec![];
        if !self.begun.insert((till, order)) {
            wrong.push("it has done that before".to_owned());
        }
        if self.campaigns[campaign].disturbs {
            let store = estate.store_of(till);
            match store.house.shut_at(&store.zone, now) {
                Some(Shut::InAFreeze) => wrong.push("its shop is frozen".to_owned()),
                Some(Shut::OutOfTheWindow) => wrong.push("it is out of its window".to_owned()),
                None => {}
            }
            let others: Vec<_> = store.tills.clone().filter(|it| *it != till).collect();
            let at_work = others.iter().filter(|it| self.at_work.contains(it)).count();
            if store.at_once_max.is_some_and(|most| at_work >= most as usize) {
                wrong.push("its store has as many at work as it may".to_owned());
            }
            // It may have waited for its hours since it was released.
            let since = self.campaigns[campaign].released_at(till).minus(DAY);
            let sells =
                |it: &TillNumber| !self.at_work.contains(it) && was_heard(books, *it, since);
            if !store.has_fallback && !others.iter().any(sells) {
                wrong.push("nobody else in its store sells now".to_owned());
            }
            self.at_work.insert(till);
            self.saw("a till at work");
        }
        for why in wrong {
            self.breach(format!("{now}: till {till} begins for campaign {campaign}: {why}"));
        }
    }

    pub(crate) fn finishes(&mut self, till: TillNumber) {
        self.at_work.remove(&till);
    }

    /// Why those wait that do, as people are told.
    pub(crate) fn counts(&mut self, campaign: usize, held: &BTreeMap<Held, u64>) {
        let waiting = self.campaigns[campaign].waiting.len() as u64;
        let told: u64 = held.values().sum();
        if told != waiting {
            self.breach(format!("campaign {campaign}: {waiting} wait, and {held:?} is told"));
        }
        for reason in held.keys() {
            self.saw(reason.code());
        }
    }

    /// What must be so after every tick, whatever happened in it.
    pub(crate) fn ticks(&mut self, now: UnixTime, estate: &Estate, books: &Books) {
        for campaign in 0..self.campaigns.len() {
            let watched = &self.campaigns[campaign];
            let (taken, most) = (watched.places_taken(), watched.max_parallel);
            if taken > most {
                self.breach(format!("{now}: campaign {campaign} has {taken} at it, of {most}"));
            }
            self.look_for_progress(campaign, now, estate, books);
        }
        self.look_for_the_dead(now, books);
    }

    /// Nobody who holds its shop is waited for over hours, as long as its campaign goes on.
    fn look_for_the_dead(&mut self, now: UnixTime, books: &Books) {
        let before = now.minus(AWAY_MAX);
        let is_dead = |((campaign, till), since): (&(usize, TillNumber), &UnixTime)| {
            let (terminal, of) = (books.terminal(*till), &books.campaigns[*campaign]);
            let goes_on =
                matches!(of.campaign.state, CampaignState::Running | CampaignState::Halted);
            let is_away = terminal.presence != Presence::Online
                && terminal.last_seen_at.is_none_or(|at| at < before);
            goes_on && self.campaigns[*campaign].disturbs && *since < before && is_away
        };
        let dead: Vec<_> =
            self.told_of_work.iter().filter(|it| is_dead(*it)).map(|(it, _)| *it).collect();
        for (campaign, till) in dead {
            self.breach(format!("{now}: campaign {campaign}: till {till} is at it and away"));
        }
    }
}

fn was_heard(books: &Books, till: TillNumber, since: UnixTime) -> bool {
    let terminal = books.terminal(till);
    let is_online = terminal.presence == Presence::Online;
    is_online || terminal.last_seen_at.is_some_and(|at| at >= since)
}
