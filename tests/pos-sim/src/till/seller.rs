//! Serves one customer after another.
//!
//! The order that everything rests on: the sale is in the journal **before** the host is asked, and
//! it is approved only **after** the host's answer is in the journal. Whatever ends the till in
//! between leaves a sale that is `begun`, and the next start reverses it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Till;
use super::acquirer::Asked;
use super::basket::{self, FLOOR_LIMIT_MINOR, Open, STORED_SALES_MAX, Wish};
use super::journal::{HostSaid, HostTook, Kind, NewSale, Sale, State};
use crate::clock;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::host::message::{Answer, Ask, Authorise};
use crate::random::Random;

/// How often a till that may not sell looks whether it may.
const CLOSED_LOOK: Duration = Duration::from_millis(200);

/// How often a till without customers writes down that it could sell.
const IDLE_SIGN_OF_LIFE: Duration = Duration::from_secs(1);

const HANDLING_TIME_MAX: Duration = Duration::from_secs(1);

/// Of a hundred customers, after how many the till tells its host what it still has to.
const FORWARD_PERCENT: u64 = 30;

/// Tips of version 2: every fifth card payment, a tenth of the bill.
const TIP_PERCENT: u64 = 20;

impl Till {
    /// Sells until the till is to stop, and says for what. The sale in flight is finished first.
    pub(super) fn sell_until_stopped(&self) -> Result<Exit> {
        // Another day after each restart, and yet the same one for the same seed.
        let day = self.journal().last_stan()?.unsigned_abs();
        let mut random = Random::seeded(self.seed ^ day.rotate_left(32));
        loop {
            if let Some(exit) = self.desk.stopping() {
                return Ok(exit);
            }
            if self.faults.active(Fault::Hang) {
                self.journal().unable_to_sell();
                self.desk.pause(CLOSED_LOOK);
            } else if self.pace.is_zero() {
                self.desk.pause_until_change(CLOSED_LOOK);
            } else if self.serve_customer(&mut random)? {
                self.wait_for_customer(self.pace.saturating_sub(self.handling_time() * 2))?;
            } else {
                self.desk.pause_until_change(self.closed_for()?.min(CLOSED_LOOK));
            }
        }
    }

    /// How long a customer takes to hold out the card, and again to take the receipt.
    fn handling_time(&self) -> Duration {
        (self.pace / 4).min(HANDLING_TIME_MAX)
    }

    /// Serves one customer; false if the till may not sell now.
    fn serve_customer(&self, random: &mut Random) -> Result<bool> {
        let trading_is_open = || {
            let mut journal = self.journal();
            let now_ms = clock::unix_ms();
            let is_open = !journal.is_closed(now_ms)?;
            if is_open {
                journal.begin_to_sell(now_ms)?;
            } else {
                journal.unable_to_sell();
            }
            Ok(is_open)
        };
        let Some(_seat) = self.desk.take_for_customer(trading_is_open)? else {
            return Ok(false);
        };
        self.desk.pause(self.handling_time());
        let active = self.journal().active_binding()?;
        match basket::next_customer(random, self.open_preauthorisations(&active)?) {
            Wish::Pay { amount_minor } => self.pay(&active, amount_minor, random)?,
            Wish::PayOffline { amount_minor } => self.pay_offline(&active, amount_minor)?,
            Wish::Hold { amount_minor } => self.preauthorise(&active, amount_minor)?,
            Wish::Complete { percent } => self.complete(percent)?,
            Wish::Cancel => self.cancel()?,
        }
        if random.chance(FORWARD_PERCENT) && self.desk.stopping().is_none() {
            self.forward(&active)?;
        }
        self.desk.pause(self.handling_time());
        Ok(true)
    }

    /// What is held, with the active binding and with those before it.
    fn open_preauthorisations(&self, active: &str) -> Result<Open> {
        let mut open = Open::default();
        let journal = self.journal();
        for binding in journal.bindings()? {
            let held = journal.left(&binding.name)?.open_preauthorisations;
            if binding.name == active {
                open.active += held;
            } else {
                open.elsewhere += held;
            }
        }
        Ok(open)
    }

    fn pay(&self, active: &str, amount_minor: i64, random: &mut Random) -> Result<()> {
        let tip_minor = if random.chance(TIP_PERCENT) { amount_minor / 10 } else { 0 };
        let sale = self.begin(active, Kind::Sale, amount_minor, tip_minor)?;
        let asked = Instant::now();
        match self.authorise(&sale, Authorise::Sale) {
            Asked::Answered(Answer::Approved) => {
                self.conclude(&sale, State::Approved, HostSaid::Yes, asked)
            }
            Asked::Answered(Answer::Declined { .. }) => {
                self.conclude(&sale, State::Declined, HostSaid::No, asked)
            }
            Asked::NotSent(_) if self.may_store(active, amount_minor)? => {
                self.conclude(&sale, State::Stored, HostSaid::Nothing, asked)
            }
            Asked::NotSent(_) => self.give_up(&sale, State::Declined, asked),
            Asked::Answered(_) | Asked::InDoubt(_) => self.give_up(&sale, State::Reversing, asked),
        }
    }

    fn pay_offline(&self, active: &str, amount_minor: i64) -> Result<()> {
        if !self.may_store(active, amount_minor)? {
            self.journal().unable_to_sell();
            return Ok(());
        }
        self.begin(active, Kind::Offline, amount_minor, 0)?;
        self.journal().able_to_sell(clock::unix_ms())
    }

    fn preauthorise(&self, active: &str, amount_minor: i64) -> Result<()> {
        let sale = self.begin(active, Kind::Preauthorisation, amount_minor, 0)?;
        let asked = Instant::now();
        match self.authorise(&sale, Authorise::Preauthorisation) {
            Asked::Answered(Answer::Approved) => {
                self.conclude(&sale, State::Held, HostSaid::Yes, asked)
            }
            Asked::Answered(Answer::Declined { .. }) => {
                self.conclude(&sale, State::Declined, HostSaid::No, asked)
            }
            Asked::NotSent(_) => self.give_up(&sale, State::Declined, asked),
            Asked::Answered(_) | Asked::InDoubt(_) => self.give_up(&sale, State::Reversing, asked),
        }
    }

    /// The customer pays a part of what is held. The till approves; the host that holds it is told
    /// at once if it can be reached, and later if not.
    fn complete(&self, percent: i64) -> Result<()> {
        let held = self.journal().oldest_held()?;
        let Some(held) = held else { return Ok(()) };
        let amount_minor = (held.amount_minor * percent / 100).max(1);
        self.journal().complete(&held, amount_minor, clock::unix_ms())?;
        self.forward(&held.binding)?;
        Ok(())
    }

    fn cancel(&self) -> Result<()> {
        let held = self.journal().oldest_held()?;
        let Some(held) = held else { return Ok(()) };
        self.journal().mark(&held, State::Reversing, clock::unix_ms())?;
        self.forward(&held.binding)?;
        Ok(())
    }

    fn begin(&self, active: &str, kind: Kind, amount_minor: i64, tip_minor: i64) -> Result<Sale> {
        let new = NewSale { binding: active, kind, amount_minor, tip_minor };
        self.journal().begin(new, clock::unix_ms())
    }

    fn authorise(&self, sale: &Sale, kind: Authorise) -> Asked {
        self.ask(
            &sale.binding,
            &Ask::Authorise {
                terminal: self.terminal.clone(),
                stan: sale.stan,
                kind,
                amount_minor: sale.amount_minor,
                batch: sale.batch,
            },
        )
    }

    /// The customer has an answer.
    fn conclude(&self, sale: &Sale, to: State, said: HostSaid, asked: Instant) -> Result<()> {
        let host = HostTook { said, took_ms: ms_since(asked) };
        self.journal().conclude(sale, to, host, clock::unix_ms())
    }

    /// The customer leaves without an answer: for that long, the till was not able to sell.
    fn give_up(&self, sale: &Sale, to: State, asked: Instant) -> Result<()> {
        let host = HostTook { said: HostSaid::Nothing, took_ms: ms_since(asked) };
        let mut journal = self.journal();
        journal.unable_to_sell();
        journal.give_up(sale, to, host, clock::unix_ms())
    }

    fn may_store(&self, active: &str, amount_minor: i64) -> Result<bool> {
        let stored = self.journal().left(active)?.stored_offline;
        Ok(amount_minor <= FLOOR_LIMIT_MINOR && stored < STORED_SALES_MAX)
    }

    /// Lets the pause between two customers pass, with signs of life if it is long.
    fn wait_for_customer(&self, pause: Duration) -> Result<()> {
        let deadline = clock::Deadline::after(pause);
        while deadline.left() > IDLE_SIGN_OF_LIFE && self.desk.stopping().is_none() {
            self.desk.pause(IDLE_SIGN_OF_LIFE);
            let mut journal = self.journal();
            let now_ms = clock::unix_ms();
            if journal.is_closed(now_ms)? || self.faults.active(Fault::Hang) {
                return Ok(());
            }
            journal.able_to_sell(now_ms)?;
        }
        self.desk.pause(deadline.left());
        Ok(())
    }

    /// How long the hold still lasts.
    fn closed_for(&self) -> Result<Duration> {
        let now_ms = clock::unix_ms();
        let lease = self.journal().held(now_ms)?;
        Ok(lease.map_or(CLOSED_LOOK, |lease| Duration::from_millis(lease.left_ms(now_ms))))
    }
}

fn ms_since(asked: Instant) -> i64 {
    i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX)
}
