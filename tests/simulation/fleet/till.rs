//! One till, modelled simply: it keeps what it is ordered, waits for its hours by its own clock,
//! works for a while, and says what came of it when it has a line.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Jitter, Part};
use shared::document::order::Class;
use shared::id::OrderId;
use shared::time::UnixTime;

use super::estate::{self, TillNumber};

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) campaign: usize,
    pub(crate) class: Class,
    pub(crate) calendar: Option<Calendar>,
    pub(crate) not_after: UnixTime,
}

/// What is sent to a till.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Order(Rc<Order>),
    /// As long as it has not begun.
    Cancel {
        campaign: usize,
        order: OrderId,
    },
}

/// What a till says about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Accepted,
    Works,
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    RolledBack,
    Cancelled,
    Expired,
}

/// A word about an order of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) campaign: usize,
    pub(crate) order: OrderId,
    pub(crate) word: Word,
    /// When it was so.
    pub(crate) at: UnixTime,
}

#[derive(Debug)]
struct Entry {
    campaign: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Waits(Rc<Order>),
    Works,
    Ended(End),
}

/// What a till does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Begin {
        campaign: usize,
        order: OrderId,
    },
    /// It looks again then.
    At(UnixTime),
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Till {
    number: TillNumber,
    pub(crate) has_a_line: bool,
    is_at_it: bool,
    ledger: BTreeMap<OrderId, Entry>,
    /// Until there is a line.
    unsaid: Vec<Report>,
}

impl Till {
    pub(crate) fn new(number: TillNumber) -> Self {
        let (ledger, unsaid) = (BTreeMap::new(), vec![]);
        Self { number, has_a_line: false, is_at_it: false, ledger, unsaid }
    }

    pub(crate) fn hear(&mut self, parcel: &Parcel, now: UnixTime) {
        match parcel {
            Parcel::Order(order) => {
                let waits =
                    || Entry { campaign: order.campaign, state: State::Waits(order.clone()) };
                self.ledger.entry(order.id).or_insert_with(waits);
                self.say(order.campaign, order.id, Word::Accepted, now);
            }
            Parcel::Cancel { campaign, order } => {
                let entry = self.ledger.entry(*order);
                let never_had =
                    || Entry { campaign: *campaign, state: State::Ended(End::Cancelled) };
                let entry = entry.or_insert_with(never_had);
                if matches!(entry.state, State::Waits(_)) {
                    entry.state = State::Ended(End::Cancelled);
                }
            }
        }
        // Whoever asks again about what is over is told again.
        let order = match parcel {
            Parcel::Order(order) => order.id,
            Parcel::Cancel { order, .. } => *order,
        };
        if let Entry { campaign, state: State::Ended(end) } = self.ledger[&order] {
            self.say(campaign, order, Word::Ended(end), now);
        }
    }

    /// As one that forgets what it has heard does with an order that comes twice.
    pub(crate) fn forget_end(&mut self, parcel: &Parcel) {
        if let Parcel::Order(order) = parcel
            && self.ledger.get(&order.id).is_some_and(|it| matches!(it.state, State::Ended(_)))
        {
            self.ledger.remove(&order.id);
        }
    }

    /// What goes before others comes first; of orders of one class the first that may begin.
    pub(crate) fn next(&mut self, zone: &TimeZone, now: UnixTime, hours: Minds) -> Next {
        self.expire(now);
        if self.is_at_it {
            return Next::Nothing;
        }
        let mut waiting: Vec<_> = self.ledger.values().filter_map(waiting).collect();
        waiting.sort_by_key(|it| (std::cmp::Reverse(it.class), it.campaign, it.id));
        let mut next: Option<UnixTime> = None;
        for order in waiting {
            let opens = match (&order.calendar, hours) {
                (Some(calendar), Minds::Hours) => {
                    let jitter = Jitter::of(order.id, estate::id(self.number));
                    let hours = calendar.hours(Part::Activation, zone, jitter);
                    hours.next_opening(now, order.not_after).unwrap_or(order.not_after)
                }
                (None, Minds::Hours) | (_, Minds::Nothing) => now,
            };
            if opens <= now {
                return Next::Begin { campaign: order.campaign, order: order.id };
            }
            next = Some(next.map_or(opens, |next| next.min(opens)));
        }
        next.map_or(Next::Nothing, Next::At)
    }

    fn expire(&mut self, now: UnixTime) {
        let is_over = |order: &&Rc<Order>| order.not_after <= now;
        let over: Vec<_> =
            self.ledger.values().filter_map(waiting).filter(is_over).cloned().collect();
        for order in over {
            self.end(order.campaign, order.id, End::Expired, now);
        }
    }

    pub(crate) fn begin(&mut self, campaign: usize, order: OrderId, now: UnixTime) {
        self.ledger.insert(order, Entry { campaign, state: State::Works });
        self.is_at_it = true;
        self.say(campaign, order, Word::Works, now);
    }

    pub(crate) fn finish(&mut self, campaign: usize, order: OrderId, end: End, now: UnixTime) {
        self.is_at_it = false;
        self.end(campaign, order, end, now);
    }

    fn end(&mut self, campaign: usize, order: OrderId, end: End, now: UnixTime) {
        self.ledger.insert(order, Entry { campaign, state: State::Ended(end) });
        self.say(campaign, order, Word::Ended(end), now);
    }

    fn say(&mut self, campaign: usize, order: OrderId, word: Word, at: UnixTime) {
        self.unsaid.push(Report { campaign, order, word, at });
    }

    /// What it has to say, once it has a line.
    pub(crate) fn reports(&mut self) -> Vec<Report> {
        match self.has_a_line {
            true => std::mem::take(&mut self.unsaid),
            false => vec![],
        }
    }
}

fn waiting(entry: &Entry) -> Option<&Rc<Order>> {
    match &entry.state {
        State::Waits(order) => Some(order),
        State::Works | State::Ended(_) => None,
    }
}

/// What a till goes by when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Minds {
    Hours,
    Nothing,
}
