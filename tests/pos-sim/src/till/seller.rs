//! Serves one customer after another.
//!
//! The order that everything rests on: the sale is in the journal **before** the host is asked, and
//! it is approved only **after** the host's answer is in the journal. Whatever ends the till in
//! between leaves a sale that is `begun`, and the next start reverses it.

use std::time::Duration;

use anyhow::Result;

use super::Till;
use super::acquirer::Asked;
use super::basket::{self, FLOOR_LIMIT_MINOR, STORED_SALES_MAX, Wish};
use super::journal::{Kind, NewSale, Sale, State};
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
            let is_open = journal.held(now_ms)?.is_none();
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
        let open = self.journal().left(&self.active)?.open_preauthorisations;
        match basket::next_customer(random, open) {
            Wish::Pay { amount_minor } => self.pay(amount_minor, random)?,
            Wish::PayOffline { amount_minor } => self.pay_offline(amount_minor)?,
            Wish::Hold { amount_minor } => self.preauthorise(amount_minor)?,
            Wish::Complete { percent } => self.complete(percent)?,
            Wish::Cancel => self.cancel()?,
        }
        if random.chance(FORWARD_PERCENT) && self.desk.stopping().is_none() {
            self.forward(&self.active)?;
        }
        self.desk.pause(self.handling_time());
        Ok(true)
    }

    fn pay(&self, amount_minor: i64, random: &mut Random) -> Result<()> {
        let tip_minor = if random.chance(TIP_PERCENT) { amount_minor / 10 } else { 0 };
        let sale = self.begin(Kind::Sale, amount_minor, tip_minor)?;
        match self.authorise(&sale, Authorise::Sale) {
            Asked::Answered(Answer::Approved) => self.conclude(&sale, State::Approved),
            Asked::Answered(Answer::Declined { .. }) => self.conclude(&sale, State::Declined),
            Asked::NotSent(_) if self.may_store(amount_minor)? => {
                self.conclude(&sale, State::Stored)
            }
            Asked::NotSent(_) => self.give_up(&sale, State::Declined),
            Asked::Answered(_) | Asked::InDoubt(_) => self.give_up(&sale, State::Reversing),
        }
    }

    fn pay_offline(&self, amount_minor: i64) -> Result<()> {
        if !self.may_store(amount_minor)? {
            self.journal().unable_to_sell();
            return Ok(());
        }
        self.begin(Kind::Offline, amount_minor, 0)?;
        self.journal().able_to_sell(clock::unix_ms())
    }

    fn preauthorise(&self, amount_minor: i64) -> Result<()> {
        let sale = self.begin(Kind::Preauthorisation, amount_minor, 0)?;
        match self.authorise(&sale, Authorise::Preauthorisation) {
            Asked::Answered(Answer::Approved) => self.conclude(&sale, State::Held),
            Asked::Answered(Answer::Declined { .. }) => self.conclude(&sale, State::Declined),
            Asked::NotSent(_) => self.give_up(&sale, State::Declined),
            Asked::Answered(_) | Asked::InDoubt(_) => self.give_up(&sale, State::Reversing),
        }
    }

    /// The customer pays a part of what is held. The till approves; the host is told at once if it
    /// can be reached, and later if not.
    fn complete(&self, percent: i64) -> Result<()> {
        let held = self.journal().oldest_held(&self.active)?;
        let Some(held) = held else { return Ok(()) };
        let amount_minor = (held.amount_minor * percent / 100).max(1);
        self.journal().complete(&held, amount_minor, clock::unix_ms())?;
        self.forward(&self.active)?;
        Ok(())
    }

    fn cancel(&self) -> Result<()> {
        let held = self.journal().oldest_held(&self.active)?;
        let Some(held) = held else { return Ok(()) };
        self.journal().mark(&held, State::Reversing, clock::unix_ms())?;
        self.forward(&self.active)?;
        Ok(())
    }

    fn begin(&self, kind: Kind, amount_minor: i64, tip_minor: i64) -> Result<Sale> {
        let new = NewSale { binding: &self.active, kind, amount_minor, tip_minor };
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
    fn conclude(&self, sale: &Sale, to: State) -> Result<()> {
        self.journal().conclude(sale, to, clock::unix_ms())
    }

    /// The customer leaves without an answer: for that long, the till was not able to sell.
    fn give_up(&self, sale: &Sale, to: State) -> Result<()> {
        let mut journal = self.journal();
        journal.unable_to_sell();
        journal.mark(sale, to, clock::unix_ms())
    }

    fn may_store(&self, amount_minor: i64) -> Result<bool> {
        let stored = self.journal().left(&self.active)?.stored_offline;
        Ok(amount_minor <= FLOOR_LIMIT_MINOR && stored < STORED_SALES_MAX)
    }

    /// Lets the pause between two customers pass, with signs of life if it is long.
    fn wait_for_customer(&self, pause: Duration) -> Result<()> {
        let deadline = clock::Deadline::after(pause);
        while deadline.left() > IDLE_SIGN_OF_LIFE && self.desk.stopping().is_none() {
            self.desk.pause(IDLE_SIGN_OF_LIFE);
            let mut journal = self.journal();
            let now_ms = clock::unix_ms();
            if journal.held(now_ms)?.is_some() || self.faults.active(Fault::Hang) {
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
