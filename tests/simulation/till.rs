//! A till that sells, and the provider's host that books: two ledgers, so that what was lost or
//! booked twice can be counted.
//!
//! Deliberately unkind: a restart in the middle of a sale loses it, a new version cannot read
//! what the old one had not sent, and where a release asks for settlement it cannot settle the
//! old version's batch.

use std::time::Duration;

use crate::slots::Version;

const SALE_EVERY: Duration = Duration::from_secs(30);
const SALE_TAKES: Duration = Duration::from_secs(4);
const START_TAKES: Duration = Duration::from_secs(5);

/// Each so many-th sale is stored first and sent later.
const STORED_EVERY: usize = 4;
const SENT_EVERY: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Till {
    process: Process,
    /// Survives restarts and power cuts, until it ends.
    held_until: Option<Duration>,
    pub(crate) postponed_until: Duration,
    pub(crate) drain_leaves_until: Duration,
    /// Whether a release comes that must not find an open batch.
    pub(crate) batch_must_be_settled: bool,
    /// Everything up to here has happened.
    at: Duration,
    next_sale: Duration,
    sale_ends: Option<Duration>,
    /// How often the host booked each sale that the till made.
    booked: Vec<u8>,
    unsent: Vec<usize>,
    /// The open batch begins with this sale.
    batch_from: usize,
    settled: Vec<(usize, usize)>,
    pub(crate) lost: usize,
    last_version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Off,
    Starting(Version, Duration),
    Running(Version),
}

/// What a till says when it is asked to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Held,
    /// The sale in flight ends then.
    AfterSale(Duration),
    Postponed,
    NoAnswer,
}

impl Till {
    pub(crate) fn new() -> Self {
        Self {
            process: Process::Off,
            held_until: None,
            postponed_until: Duration::ZERO,
            drain_leaves_until: Duration::ZERO,
            batch_must_be_settled: false,
            at: Duration::ZERO,
            next_sale: Duration::from_secs(3),
            sale_ends: None,
            booked: Vec::new(),
            unsent: Vec::new(),
            batch_from: 0,
            settled: Vec::new(),
            lost: 0,
            last_version: Version::Old,
        }
    }

    /// Lets time pass, and the shop sell.
    pub(crate) fn advance(&mut self, to: Duration) {
        while let Some(next) = self.next_event().filter(|next| *next <= to) {
            self.at = self.at.max(next);
            if let Process::Starting(version, at) = self.process
                && at == next
            {
                self.started(version);
            } else if self.sale_ends == Some(next) {
                self.sale_ends = None;
                self.sold();
            } else {
                self.next_sale = next + SALE_EVERY;
                if self.is_selling() {
                    self.sale_ends = Some(next + SALE_TAKES);
                }
            }
        }
        self.at = self.at.max(to);
    }

    fn next_event(&self) -> Option<Duration> {
        let starts = match self.process {
            Process::Starting(_, at) => Some(at),
            Process::Off | Process::Running(_) => None,
        };
        starts.into_iter().chain(self.sale_ends).chain([self.next_sale]).min()
    }

    fn started(&mut self, version: Version) {
        self.process = Process::Running(version);
        if (self.last_version, version) == (Version::Old, Version::New) {
            self.lost += self.unsent.len();
            self.unsent.clear();
            if self.batch_must_be_settled {
                self.lost += self.booked.len() - self.batch_from;
                self.batch_from = self.booked.len();
            }
        }
        self.last_version = version;
    }

    fn sold(&mut self) {
        let sale = self.booked.len();
        self.booked.push(0);
        if sale.is_multiple_of(STORED_EVERY) {
            self.unsent.push(sale);
        } else {
            self.booked[sale] += 1;
        }
        if sale % SENT_EVERY == SENT_EVERY - 1 {
            self.send();
        }
    }

    fn send(&mut self) {
        for sale in std::mem::take(&mut self.unsent) {
            self.booked[sale] += 1;
        }
    }

    pub(crate) fn is_selling(&self) -> bool {
        matches!(self.process, Process::Running(_)) && !self.is_held()
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held_until.is_some_and(|until| self.at < until)
    }

    pub(crate) fn running(&self) -> Option<Version> {
        match self.process {
            Process::Running(version) => Some(version),
            Process::Off | Process::Starting(..) => None,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.sale_ends.is_none()
    }

    pub(crate) fn is_postponed(&self) -> bool {
        self.at < self.postponed_until
    }

    pub(crate) fn sales(&self) -> usize {
        self.booked.len()
    }

    pub(crate) fn hold(&mut self, lease: Duration) -> Hold {
        match (self.process, self.sale_ends) {
            (Process::Off | Process::Starting(..), _) => Hold::NoAnswer,
            (Process::Running(_), _) if self.is_postponed() => Hold::Postponed,
            (Process::Running(_), Some(ends)) => Hold::AfterSale(ends),
            (Process::Running(_), None) => {
                self.held_until = Some(self.at + lease);
                Hold::Held
            }
        }
    }

    /// Whether the till heard it.
    pub(crate) fn release(&mut self) -> bool {
        let hears = matches!(self.process, Process::Running(_));
        if hears {
            self.held_until = None;
        }
        hears
    }

    /// Whether nothing is left.
    pub(crate) fn drain(&mut self) -> bool {
        if self.at < self.drain_leaves_until {
            return false;
        }
        self.send();
        true
    }

    /// Closes the open batch; a batch without sales is closed already.
    pub(crate) fn settle(&mut self) {
        let end = self.booked.len();
        if end > self.batch_from {
            self.settled.push((self.batch_from, end));
            self.batch_from = end;
        }
    }

    /// Restarts into the version that is current.
    pub(crate) fn restart(&mut self, version: Version) {
        if self.sale_ends.take().is_some() {
            self.lost += 1;
        }
        self.process = Process::Starting(version, self.at + START_TAKES);
    }

    /// The power fails. The till reverses the sale in flight by itself when it comes back.
    pub(crate) fn cut(&mut self) {
        self.sale_ends = None;
        self.process = Process::Off;
    }

    pub(crate) fn power_up(&mut self, version: Version) {
        self.process = Process::Starting(version, self.at + START_TAKES);
    }

    /// Sends what is left and compares the two ledgers: lost, booked twice, settled twice.
    pub(crate) fn audit(&mut self) -> (usize, usize, usize) {
        self.send();
        let never = self.booked.iter().filter(|times| **times == 0).count();
        let twice = self.booked.iter().filter(|times| **times > 1).count();
        let overlap = |(a, b): (&(usize, usize), &(usize, usize))| a.1 > b.0;
        let settled_twice =
            self.settled.iter().zip(self.settled.iter().skip(1)).filter(|p| overlap(*p));
        (self.lost.max(never), twice, settled_twice.count())
    }
}
