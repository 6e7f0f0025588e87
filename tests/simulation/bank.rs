//! A till's bindings, and the ledgers of the two providers' hosts: what was lost, booked twice, or
//! told to the wrong host can be counted.
//!
//! Deliberately unkind: every few sales are stored first, a few answers of the host are lost and
//! must be reversed there, and each binding has its own queues and its own batch.

use std::time::Duration;

use agent::pos::Figures;
use shared::owed::Owed;

/// Each so many-th sale is stored first and sent later.
const STORED_EVERY: usize = 4;
const SENT_EVERY: usize = 8;

/// The host books such a sale and its answer is lost: the till has to reverse it.
const UNANSWERED_EVERY: usize = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The customer has the goods.
    Sold,
    /// The customer has nothing, whatever the host has booked.
    Reversed,
    Test,
}

#[derive(Clone, Debug)]
struct Sale {
    side: Side,
    kind: Kind,
    /// How often it was booked and reversed, by host.
    booked: [u8; 2],
    reversed: [u8; 2],
}

/// What a host is told by a till, under a name by which it knows it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Sale(usize),
    Reversal(usize),
    /// The batch that is being closed.
    Batch(usize),
}

/// One binding on the till.
#[derive(Clone, Debug)]
struct Slot {
    active_since: Option<Duration>,
    unsent: Vec<usize>,
    reversals: Vec<usize>,
    batch: Vec<usize>,
    /// Its figures have left the till, and were not confirmed: no sale is added to it.
    closing: Vec<usize>,
    /// How many batches were closed.
    closed: usize,
    /// The first sale since it became active.
    from: usize,
}

/// The test sale at one host.
#[derive(Clone, Debug)]
struct Trial {
    side: Side,
    sale: usize,
    answered: bool,
    lost: bool,
    voided: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Bank {
    sales: Vec<Sale>,
    slots: [Option<Slot>; 2],
    /// Until when each host answers nobody.
    pub(crate) away_until: [Duration; 2],
    trial: Option<Trial>,
    /// How many tests before it were not passed: each has a name of its own.
    failed_trials: u32,
    settled: Vec<Vec<usize>>,
    pub(crate) lost: usize,
    /// Both hosts take the void of a test, and every second batch, and their first answer is lost.
    pub(crate) loses_answers: bool,
    /// What they took so, until it is answered; and how much it was, ever.
    unanswered: Vec<(Side, Told)>,
    pub(crate) answers_lost: usize,
    /// The till is broken: what was not answered is done again under another name.
    pub(crate) repeats_anew: bool,
    /// The till is broken: what one binding has to send goes to the active one's host.
    pub(crate) mixes_hosts: bool,
}

/// What the comparison of the till with the hosts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) settled_twice: usize,
    /// Bookings and reversals at the host that did not take the sale.
    pub(crate) astray: usize,
    /// Tests that the host still counts.
    pub(crate) tests_left: usize,
}

/// How a test ended, or that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tested {
    GoesOn,
    Passed,
    Failed,
}

impl Slot {
    fn new(active_since: Option<Duration>) -> Self {
        let [unsent, reversals, batch, closing] = [const { Vec::new() }; 4];
        Self { active_since, unsent, reversals, batch, closing, closed: 0, from: 0 }
    }

    fn has_money(&self) -> bool {
        let open = [&self.unsent, &self.reversals, &self.batch, &self.closing];
        open.into_iter().any(|it| !it.is_empty())
    }
}

impl Bank {
    pub(crate) fn new() -> Self {
        Self {
            sales: Vec::new(),
            slots: [Some(Slot::new(Some(Duration::ZERO))), None],
            away_until: [Duration::ZERO; 2],
            trial: None,
            failed_trials: 0,
            settled: Vec::new(),
            lost: 0,
            loses_answers: false,
            unanswered: Vec::new(),
            answers_lost: 0,
            repeats_anew: false,
            mixes_hosts: false,
        }
    }

    fn slot(&mut self, side: Side) -> &mut Slot {
        self.slots[side as usize].as_mut().expect("the till has this binding")
    }

    pub(crate) fn has(&self, side: Side) -> bool {
        self.slots[side as usize].is_some()
    }

    /// All bindings that new sales go to: there must be one.
    pub(crate) fn all_active(&self) -> Vec<Side> {
        let active = |side: &Side| {
            let slot = self.slots[*side as usize].as_ref();
            slot.is_some_and(|slot| slot.active_since.is_some())
        };
        [Side::Old, Side::New].into_iter().filter(active).collect()
    }

    pub(crate) fn active(&self) -> Side {
        self.all_active().first().copied().expect("a till always has an active binding")
    }

    pub(crate) fn sales(&self) -> usize {
        self.sales.len()
    }

    pub(crate) fn answers(&self, side: Side, now: Duration) -> bool {
        now >= self.away_until[side as usize]
    }

    fn take(&mut self, side: Side, kind: Kind) -> usize {
        let sale = Sale { side, kind, booked: [0; 2], reversed: [0; 2] };
        self.sales.push(sale);
        let number = self.sales.len() - 1;
        self.slot(side).batch.push(number);
        number
    }

    /// One sale at the till.
    pub(crate) fn sell(&mut self, now: Duration) {
        let (side, number) = (self.active(), self.sales.len());
        let unanswered = number % UNANSWERED_EVERY == UNANSWERED_EVERY - 1;
        let stored = number.is_multiple_of(STORED_EVERY) || !self.answers(side, now);
        self.take(side, if unanswered && !stored { Kind::Reversed } else { Kind::Sold });
        if stored {
            self.slot(side).unsent.push(number);
        } else {
            self.sales[number].booked[side as usize] += 1;
            if unanswered {
                self.slot(side).reversals.push(number);
            }
        }
        if number % SENT_EVERY == SENT_EVERY - 1 {
            self.send(side, now);
        }
    }

    /// Sends what this binding has to send; whether nothing is left.
    pub(crate) fn send(&mut self, side: Side, now: Duration) -> bool {
        let to = if self.mixes_hosts { self.active() } else { side };
        if !self.answers(to, now) {
            return !self.slot(side).has_money();
        }
        let (unsent, reversals) = {
            let slot = self.slot(side);
            (std::mem::take(&mut slot.unsent), std::mem::take(&mut slot.reversals))
        };
        let left = |bank: &mut Self, sales: Vec<usize>, told: fn(usize) -> Told| {
            let is_left = |sale: &usize| !bank.tell(to, told(*sale));
            sales.into_iter().filter(is_left).collect::<Vec<_>>()
        };
        let unsent = left(self, unsent, Told::Sale);
        let reversals = left(self, reversals, Told::Reversal);
        let all = unsent.is_empty() && reversals.is_empty();
        let slot = self.slot(side);
        (slot.unsent, slot.reversals) = (unsent, reversals);
        all
    }

    /// The host takes it, once; whether its answer arrives.
    fn tell(&mut self, to: Side, told: Told) -> bool {
        let taken = self.unanswered.iter().position(|it| *it == (to, told));
        if let Some(at) = taken {
            self.unanswered.swap_remove(at);
            if !self.repeats_anew {
                return true;
            }
        }
        match told {
            Told::Sale(sale) => self.sales[sale].booked[to as usize] += 1,
            Told::Reversal(sale) => self.sales[sale].reversed[to as usize] += 1,
            Told::Batch(_) => {
                let batch = self.slot(to).closing.clone();
                self.settled.push(batch);
            }
        }
        let losable = match told {
            Told::Sale(_) => false,
            Told::Reversal(sale) => self.sales[sale].kind == Kind::Test,
            // Were it each of them, a shop that sells in between would never be done.
            Told::Batch(number) => number.is_multiple_of(2),
        };
        let is_lost = self.loses_answers && losable && taken.is_none();
        if is_lost {
            self.unanswered.push((to, told));
            self.answers_lost += 1;
        }
        !is_lost
    }

    /// A new version of the application knows nothing of what the old one had not sent.
    pub(crate) fn forget_unsent(&mut self, batch_too: bool) {
        let side = self.active();
        let slot = self.slot(side);
        let mut lost = slot.unsent.len() + slot.reversals.len();
        slot.unsent.clear();
        slot.reversals.clear();
        if batch_too {
            lost += slot.batch.len() + slot.closing.len();
            slot.batch.clear();
            slot.closing.clear();
        }
        self.lost += lost;
    }

    /// Closes the open batch, and first the one whose closing was not answered; one without sales
    /// is closed already. The host must answer.
    pub(crate) fn settle(&mut self, side: Side, now: Duration) -> bool {
        if !self.answers(side, now) || !self.send(side, now) {
            return false;
        }
        loop {
            let slot = self.slot(side);
            if slot.closing.is_empty() {
                slot.closing = std::mem::take(&mut slot.batch);
            }
            if slot.closing.is_empty() {
                return true;
            }
            let number = slot.closed;
            if !self.tell(side, Told::Batch(number)) {
                return false;
            }
            let slot = self.slot(side);
            slot.closing.clear();
            slot.closed += 1;
        }
    }

    pub(crate) fn has_money(&self, side: Side) -> bool {
        self.slots[side as usize].as_ref().is_some_and(Slot::has_money)
    }

    /// As the till tells it: each sale is one of the smallest unit.
    pub(crate) fn owed(&self, side: Side) -> Owed {
        let owed = Owed::of("old");
        let Some(slot) = &self.slots[side as usize] else { return owed };
        let sales = slot.batch.len() + slot.closing.len();
        let owed = owed.in_batches(sales as u64, sales as i64, "CNY");
        owed.unsent(slot.reversals.len() as u64, slot.unsent.len() as u64)
    }

    pub(crate) fn stage(&mut self) {
        self.slots[Side::New as usize].get_or_insert_with(|| Slot::new(None));
    }

    pub(crate) fn switch(&mut self, to: Side, now: Duration) -> bool {
        if !self.has(to) {
            return false;
        }
        if self.active() != to {
            self.slot(to.other()).active_since = None;
            let from = self.sales.len();
            let slot = self.slot(to);
            (slot.active_since, slot.from) = (Some(now), from);
        }
        true
    }

    pub(crate) fn erase(&mut self, side: Side) -> bool {
        let erasable = !self.has_money(side) && (!self.has(side) || self.active() != side);
        if erasable {
            self.slots[side as usize] = None;
        }
        erasable
    }

    /// The next part of the test: sent, answered, voided. The test of another round has another
    /// name; one whose answer was lost has failed for good.
    pub(crate) fn test(&mut self, side: Side, now: Duration, round: u32) -> Tested {
        if self.lost_a_test() && round > self.failed_trials {
            self.send(side, now);
            self.trial = None;
            self.failed_trials += 1;
        }
        let Some(trial) = self.trial.clone() else {
            if !self.answers(side, now) {
                return Tested::Failed;
            }
            let sale = self.take(side, Kind::Test);
            self.sales[sale].booked[side as usize] += 1;
            self.trial = Some(Trial { side, sale, answered: false, lost: false, voided: false });
            return Tested::GoesOn;
        };
        if trial.lost {
            self.send(side, now);
            return Tested::Failed;
        }
        if trial.answered && trial.voided {
            let all = self.send(side, now);
            return if all { Tested::Passed } else { Tested::GoesOn };
        }
        if trial.answered {
            self.void_tests(now);
            return Tested::GoesOn;
        }
        self.trial = Some(Trial { answered: true, ..trial });
        Tested::GoesOn
    }

    /// Nobody knows any more how the test ended: the till reverses it like any other.
    pub(crate) fn lose_answer(&mut self) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| !trial.answered && !trial.lost) {
            (trial.lost, trial.voided) = (true, true);
            let (side, sale) = (trial.side, trial.sale);
            self.slot(side).reversals.push(sale);
        }
    }

    pub(crate) fn lost_a_test(&self) -> bool {
        self.trial.as_ref().is_some_and(|trial| trial.lost)
    }

    pub(crate) fn void_tests(&mut self, now: Duration) {
        let Some(trial) = self.trial.as_mut().filter(|trial| !trial.voided) else { return };
        trial.voided = true;
        let (side, sale) = (trial.side, trial.sale);
        self.slot(side).reversals.push(sale);
        self.send(side, now);
    }

    /// What the binding did since it last became active.
    pub(crate) fn figures(&self, side: Side, failing: bool, now: Duration) -> Figures {
        let slot = self.slots[side as usize].as_ref();
        let from = slot.map_or(0, |slot| slot.from);
        let payments =
            self.sales[from..].iter().filter(|it| it.side == side && it.kind != Kind::Test).count();
        let payments = payments as u64;
        let active_s = slot.and_then(|slot| slot.active_since).map(|at| (now - at).as_secs());
        let host_errors = if failing { payments } else { 0 };
        Figures {
            active_s,
            payments,
            approved: payments - host_errors,
            host_errors,
            time_ms: 100 * payments,
            crashes: 0,
        }
    }

    /// Sends what is left, and compares the till with both hosts.
    pub(crate) fn audit(&mut self) -> Audit {
        self.loses_answers = false;
        for side in [Side::Old, Side::New] {
            if self.has(side) {
                self.send(side, Duration::MAX);
            }
        }
        let mut audit = Audit::default();
        for sale in &self.sales {
            let (own, other) = (sale.side as usize, sale.side.other() as usize);
            let wanted = u8::from(sale.kind == Kind::Sold);
            let counted = i16::from(sale.booked[own]) - i16::from(sale.reversed[own]);
            audit.lost += usize::from(counted < i16::from(wanted));
            let more = usize::from(counted > i16::from(wanted));
            match sale.kind {
                Kind::Sold | Kind::Reversed => audit.doubled += more,
                Kind::Test => audit.tests_left += more,
            }
            audit.astray += usize::from(sale.booked[other] + sale.reversed[other] > 0);
        }
        audit.lost = audit.lost.max(self.lost);
        let mut batches = vec![0_u8; self.sales.len()];
        self.settled.iter().flatten().for_each(|sale| batches[*sale] += 1);
        audit.settled_twice = batches.iter().filter(|times| **times > 1).count();
        audit
    }
}
