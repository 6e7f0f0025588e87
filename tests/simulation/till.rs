//! A till that sells; what it sold is in the [`Bank`].
//!
//! Deliberately unkind: a restart in the middle of a sale loses it, a new version cannot read
//! what the old one had not sent, and where a release asks for settlement it cannot settle the
//! old version's batch.

use std::time::Duration;

use crate::bank::{Audit, Bank};
use crate::slots::Version;

const SALE_EVERY: Duration = Duration::from_secs(30);
/// One that has begun ends, whatever the till is asked meanwhile.
pub(crate) const SALE_TAKES: Duration = Duration::from_secs(4);
const START_TAKES: Duration = Duration::from_secs(5);

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
    /// When the last sale was made.
    pub(crate) sold_at: Duration,
    /// No sales until people have looked, whatever happens to the hold.
    stopped: bool,
    /// Of that: by the lease, whose words are on the screen.
    locked: bool,
    /// Half of it, or all.
    pub(crate) erased: Option<bool>,
    /// Written down where nothing is erased, and asked for whenever a till is started.
    barred: bool,
    pub(crate) bank: Bank,
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
            sold_at: Duration::ZERO,
            stopped: false,
            locked: false,
            erased: None,
            barred: false,
            bank: Bank::new(),
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
                self.sold_at = next;
                self.bank.sell(next);
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
            self.bank.forget_unsent(self.batch_must_be_settled);
        }
        self.last_version = version;
    }

    pub(crate) fn is_selling(&self) -> bool {
        matches!(self.process, Process::Running(_)) && !self.is_held() && !self.is_stopped()
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held_until.is_some_and(|until| self.at < until)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped || self.barred
    }

    /// With the first of its data goes what it knows of itself: that it is stopped, or held.
    pub(crate) fn begin_erasing(&mut self, is_written_down: bool) {
        self.barred |= is_written_down;
        self.erased.get_or_insert(false);
        (self.stopped, self.locked, self.held_until) = (false, false, None);
    }

    /// Whether the till heard it.
    pub(crate) fn stop(&mut self) -> bool {
        let hears = matches!(self.process, Process::Running(_));
        if hears {
            (self.stopped, self.locked) = (true, false);
        }
        hears
    }

    /// What somebody else has stopped is left as it is.
    pub(crate) fn lock(&mut self) {
        if !self.stopped && self.stop() {
            self.locked = true;
        }
    }

    /// A suspension that is taken back leaves the till to the lease. Whether the till heard it.
    pub(crate) fn hand_over(&mut self) -> bool {
        self.locked = self.stop();
        self.locked
    }

    pub(crate) fn unlock(&mut self) {
        if self.locked || !self.stopped {
            self.release();
        }
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
        self.bank.sales()
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
            (self.held_until, self.stopped, self.locked) = (None, false, false);
        }
        hears
    }

    /// Whether nothing is left.
    pub(crate) fn drain(&mut self) -> bool {
        if self.at < self.drain_leaves_until {
            return false;
        }
        self.bank.send(self.bank.active(), self.at)
    }

    /// Closes the open batch; whether the host has.
    pub(crate) fn settle(&mut self) -> bool {
        self.bank.settle(self.bank.active(), self.at)
    }

    /// Restarts into the version that is current.
    pub(crate) fn restart(&mut self, version: Version) {
        if self.sale_ends.take().is_some() {
            self.bank.lost += 1;
        }
        self.process = Process::Starting(version, self.at + START_TAKES);
    }

    /// Nobody works at the till, which is off until then.
    pub(crate) fn close_until(&mut self, opens: Duration) {
        self.sale_ends = None;
        self.process = Process::Starting(self.last_version, opens);
    }

    /// The power fails. The till reverses the sale in flight by itself when it comes back.
    pub(crate) fn cut(&mut self) {
        self.sale_ends = None;
        self.bank.lose_answer();
        self.process = Process::Off;
    }

    /// A broken till.
    pub(crate) fn forget_to_stand_still(&mut self) {
        self.stopped = false;
    }

    pub(crate) fn power_up(&mut self, version: Version) {
        self.process = Process::Starting(version, self.at + START_TAKES);
    }

    /// Sends what is left and compares the till with the hosts.
    pub(crate) fn audit(&mut self) -> Audit {
        self.bank.audit()
    }
}
