//! Fake time: what happens to tills and lines, minute by minute, and the controller that hears of
//! it. Between two events nothing is computed.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use controller::campaign::assignment::AssignmentState;
use controller::registry::terminal::Presence;
use harness::dice::Dice;
use shared::id::OrderId;
use shared::time::UnixTime;

use super::agenda::{Act, Agenda};
use super::books::Books;
use super::dispatch::Openings;
use super::estate::{Estate, Nature, Span, TillNumber};
use super::till::{End, Minds, Next, Order, Parcel, Report, Till};
use super::watch::Watch;

const MINUTE_S: i64 = 60;

/// An order that is not answered is sent again after this.
const SENT_AGAIN: Duration = Duration::from_secs(5 * 60);

/// How long a broker takes to say that a line is gone.
const GONE_AFTER_S: u64 = 90;

/// Planted on purpose: see `planted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Tills begin whenever they hear of it.
    BeginsAtAnyTime,
    /// Tills do again what comes twice.
    WorksTwice,
    /// Nobody looks whether anything is frozen.
    ForgetsFreezes,
    /// Nobody asks what a store gives.
    AsksNoStore,
    /// It is asked when the plan is made, and not again when it is stored.
    AdmitsUnasked,
    /// Every store is taken to have a fallback.
    TakesTheLast,
    ForgetsWhoIsParked,
    /// People are told of fewer than wait.
    TellsOfFewer,
    DoublesPlaces,
    ForgetsItsRate,
    OpensEveryWave,
    LetsFailuresPass,
    GoesOnWhenHalted,
    ReleasesTwice,
    OvertakesWhatGoesFirst,
    /// Also not those that fail again and again.
    SparesNobody,
    /// Whoever dies at its work is waited for until its order runs out.
    WaitsForTheDead,
}

#[derive(Clone, Debug)]
enum Event {
    Line(TillNumber, Line),
    /// The controller hears of it.
    Present(TillNumber, Presence),
    Arrives(TillNumber, Parcel),
    Reported(TillNumber, Report),
    Looks(TillNumber),
    Finishes(TillNumber, usize, OrderId),
    SentAgain(TillNumber, usize, OrderId),
    Acts(Act),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Comes,
    Goes,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: UnixTime,
    pub(crate) bug: Option<Bug>,
    pub(crate) dice: Dice,
    pub(crate) estate: Estate,
    pub(crate) books: Books,
    pub(crate) watch: Watch,
    pub(crate) agenda: Agenda,
    pub(crate) orders: BTreeMap<OrderId, Rc<Order>>,
    pub(crate) openings: Openings,
    tills: Vec<Till>,
    queue: BTreeMap<(UnixTime, u64), Event>,
    events: u64,
}

impl World {
    pub(crate) fn new(seed: u64, tills: TillNumber, span: Span, bug: Option<Bug>) -> Self {
        let mut dice = Dice::from_seed(seed);
        let estate = Estate::draw(tills, span, &mut dice);
        let now = span.begins();
        let mut world = Self {
            now,
            bug,
            books: Books::of(&estate),
            watch: Watch::new(&estate, bug),
            agenda: Agenda::new(tills, now),
            orders: BTreeMap::new(),
            openings: BTreeMap::new(),
            tills: (0..tills).map(Till::new).collect(),
            queue: BTreeMap::new(),
            events: 0,
            dice,
            estate,
        };
        for till in 0..tills {
            world.comes_to_be(till);
        }
        let first = world.agenda.first();
        world.at(first.0, Event::Acts(first.1));
        world
    }

    fn comes_to_be(&mut self, till: TillNumber) {
        let is_never_seen = self.estate.nature(till) == Nature::Gone && self.dice.percent(50);
        if !is_never_seen {
            let first = self.dice.below(600);
            self.after(first, Event::Line(till, Line::Comes));
        }
    }

    fn at(&mut self, at: UnixTime, event: Event) {
        self.events += 1;
        self.queue.insert((at.max(self.now), self.events), event);
    }

    fn after(&mut self, seconds: u64, event: Event) {
        self.at(self.now.plus(Duration::from_secs(seconds)), event);
    }

    /// Until nothing more can come of any campaign, or what was planted was found.
    pub(crate) fn run(&mut self) {
        while let Some(tick) = self.next_tick() {
            while let Some(entry) = self.queue.first_entry()
                && entry.key().0 <= tick
            {
                let ((at, _), event) = entry.remove_entry();
                self.now = at;
                self.happens(event);
            }
            self.now = tick;
            self.step_campaigns();
            self.watch.ticks(tick, &self.estate, &self.books);
            for (at, act) in self.agenda.looks(&self.books, tick) {
                self.at(at, Event::Acts(act));
            }
            if self.is_found() || self.agenda.is_over(&self.books, tick) {
                break;
            }
        }
    }

    /// What was planted.
    pub(crate) fn is_found(&self) -> bool {
        self.bug.is_some() && !self.watch.breaches.is_empty()
    }

    /// The next whole minute in which anything happens.
    fn next_tick(&self) -> Option<UnixTime> {
        let event = self.queue.first_key_value().map(|((at, _), _)| *at);
        let campaigns = &self.books.campaigns;
        let due = campaigns.iter().filter_map(|it| it.due).min();
        let soon = campaigns.iter().any(|it| it.is_poked).then_some(UnixTime(self.now.0 + 1));
        let next = [event, due, soon].into_iter().flatten().min()?.0.max(self.now.0 + 1);
        let into = next.rem_euclid(MINUTE_S);
        Some(UnixTime(if into == 0 { next } else { next + MINUTE_S - into }))
    }

    fn till(&mut self, till: TillNumber) -> &mut Till {
        &mut self.tills[till as usize]
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Line(till, line) => self.line(till, line),
            Event::Present(till, presence) => self.present(till, presence),
            Event::Arrives(till, parcel) => self.arrives(till, &parcel),
            Event::Reported(till, report) => {
                self.books.hear(till, report, self.now, &mut self.watch);
            }
            Event::Looks(till) => self.looks(till),
            Event::Finishes(till, campaign, order) => self.finishes(till, campaign, order),
            Event::SentAgain(till, campaign, order) => {
                let given = &self.books.campaigns[campaign].given[&till];
                if given.order == order && !given.standing.state().is_end() {
                    self.send_again(campaign, till);
                }
            }
            Event::Acts(act) => self.acts(act),
        }
    }

    fn line(&mut self, till: TillNumber, line: Line) {
        self.till(till).has_a_line = line == Line::Comes;
        let hour = 3_600;
        match line {
            Line::Comes => {
                self.after(2, Event::Present(till, Presence::Online));
                self.says(till);
            }
            Line::Goes => self.after(GONE_AFTER_S, Event::Present(till, Presence::Offline)),
        }
        let lasts = match (self.estate.nature(till), line) {
            (Nature::Flaps, Line::Comes) => Some((hour + self.dice.below(8 * hour), Line::Goes)),
            (Nature::Flaps, Line::Goes) => Some((600 + self.dice.below(5 * hour), Line::Comes)),
            (Nature::Gone, Line::Comes) => Some((hour + self.dice.below(20 * hour), Line::Goes)),
            (_, _) => None,
        };
        if let Some((seconds, next)) = lasts {
            self.after(seconds, Event::Line(till, next));
        }
    }

    /// Word of a line that is gone may come when it is there again.
    fn present(&mut self, till: TillNumber, presence: Presence) {
        let is_so = self.till(till).has_a_line == (presence == Presence::Online);
        if !is_so {
            return;
        }
        self.books.is_there(till, presence, self.now);
        if presence == Presence::Online {
            for campaign in 0..self.books.campaigns.len() {
                self.send_again(campaign, till);
            }
        }
    }

    /// What is owed to it and may be sent.
    pub(crate) fn send_again(&mut self, campaign: usize, till: TillNumber) {
        let Some(given) = self.books.campaigns[campaign].given.get(&till) else { return };
        let (order, state) = (given.order, given.standing.state());
        let is_called_back = given.is_called_back;
        if is_called_back && !state.is_end() {
            self.send(till, Parcel::Cancel { campaign, order });
        }
        if !is_called_back && state == AssignmentState::Ordered {
            self.send(till, Parcel::Order(self.orders[&order].clone()));
        }
    }

    /// Messages are lost, and come twice.
    pub(crate) fn send(&mut self, till: TillNumber, parcel: Parcel) {
        if !self.is_online(till) {
            return;
        }
        let (campaign, order) = match &parcel {
            Parcel::Order(order) => (order.campaign, order.id),
            Parcel::Cancel { campaign, order } => (*campaign, *order),
        };
        if let Some(given) = self.books.campaigns[campaign].given.get_mut(&till) {
            given.was_sent = true;
        }
        let copies = match self.dice.below(20) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for copy in 0..copies {
            let takes = 1 + self.dice.below(if copy == 0 { 40 } else { 3_600 });
            self.after(takes, Event::Arrives(till, parcel.clone()));
        }
        self.after(SENT_AGAIN.as_secs(), Event::SentAgain(till, campaign, order));
    }

    fn arrives(&mut self, till: TillNumber, parcel: &Parcel) {
        let now = self.now;
        let forgets = self.bug == Some(Bug::WorksTwice);
        let it = self.till(till);
        if !it.has_a_line {
            return;
        }
        if forgets {
            it.forget_end(parcel);
        }
        it.hear(parcel, now);
        self.says(till);
        self.after(0, Event::Looks(till));
    }

    /// Reports are never lost; they come late, and twice.
    fn says(&mut self, till: TillNumber) {
        for report in self.till(till).reports() {
            let late = self.dice.percent(3);
            let takes = 1 + self.dice.below(if late { 6 * 3_600 } else { 30 });
            self.after(takes, Event::Reported(till, report));
            if self.dice.percent(5) {
                let takes = 1 + self.dice.below(3_600);
                self.after(takes, Event::Reported(till, report));
            }
        }
    }

    fn looks(&mut self, till: TillNumber) {
        let now = self.now;
        let minds = match self.bug {
            Some(Bug::BeginsAtAnyTime) => Minds::Nothing,
            _ => Minds::Hours,
        };
        let zone = &self.estate.stores[self.estate.tills[till as usize].0].zone;
        match self.tills[till as usize].next(zone, now, minds) {
            Next::Nothing => {}
            Next::At(at) => self.at(at, Event::Looks(till)),
            Next::Begin { campaign, order } => {
                self.watch.begins(campaign, till, order, now, &self.estate, &self.books);
                self.till(till).begin(campaign, order, now);
                let minutes = match (self.agenda.disturbs(campaign), self.estate.nature(till)) {
                    (false, _) => 1,
                    (true, Nature::Slow) => 60 + self.dice.below(90),
                    (true, _) => 5 + self.dice.below(20),
                };
                self.after(60 * minutes, Event::Finishes(till, campaign, order));
            }
        }
        self.says(till);
    }

    fn finishes(&mut self, till: TillNumber, campaign: usize, order: OrderId) {
        let (now, nature) = (self.now, self.estate.nature(till));
        if nature == Nature::Dies {
            self.line(till, Line::Goes);
            return;
        }
        let end = match nature == Nature::Sick || self.agenda.is_bad(campaign) {
            true => End::RolledBack,
            false => End::Succeeded,
        };
        // Some restart, and say what came of it when they are back.
        if nature == Nature::Well && self.dice.percent(30) {
            self.line(till, Line::Goes);
            let takes = 60 + self.dice.below(180);
            self.after(takes, Event::Line(till, Line::Comes));
        }
        self.till(till).finish(campaign, order, end, now);
        self.watch.finishes(till);
        self.says(till);
        self.after(0, Event::Looks(till));
    }
}
