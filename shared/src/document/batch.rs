//! One decision about many terminals: what, how many, which, and when. People sign this; the
//! terminal proves to itself that it is one of those meant.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::change::deactivate::{COOL_OFF_S_MAX, DELAY_AFTER_S_MAX, DELAY_S_MAX};
use crate::change::rebind::{Rebind, Test, TestKind};
use crate::change::{Change, Covers, Restore, SettlementDelay, Suspend};
use crate::digest::Digest;
use crate::id::BatchId;
use crate::limits::APPROVED_ORDER_LIFETIME_S_MAX;
use crate::time::UnixTime;
use crate::window::Window;

/// Tests of a new binding. Each is a sale or a question to a host while the shop waits.
pub const TESTS_MAX: usize = 16;

const MINUTES_OF_A_DAY: u16 = 24 * 60;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub format: u8,
    pub id: BatchId,
    pub change: Change,
    /// How many terminals are under `root`; decides how many people must sign.
    pub terminals: u32,
    /// Merkle root over the terminals' ids: see [`crate::membership`].
    pub root: Digest,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
}

/// What makes a batch unusable, however well it is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundBatch {
    #[error("the batch is for no terminal")]
    ForNobody,
    #[error("the batch ends at {not_after}, before it begins at {not_before}")]
    EndsBeforeItBegins { not_before: UnixTime, not_after: UnixTime },
    #[error("a window of minutes {from_min} to {to_min} is not within a day")]
    WindowBeyondTheDay { from_min: u16, to_min: u16 },
    #[error("a key that is sealed to one terminal is in a batch for {0}")]
    KeyForMany(u32),
    #[error("the change from `{from}` to `{to}` is none")]
    SameProvider { from: String, to: String },
    #[error("{0} tests: there are 1 to {TESTS_MAX}, and a diagnosis and a sale are among them")]
    Tests(usize),
    #[error("a watch of {for_s} s, or {at_most_s} s at most: the second is not the longer one")]
    Watch { for_s: u32, at_most_s: u32 },
    #[error("the cut-off at {cut_off} is not within the life of the batch, until {not_after}")]
    CutOff { cut_off: UnixTime, not_after: UnixTime },
    #[error("what stops a terminal that was given up is in a batch for {0}")]
    GivenUpMany(u32),
    #[error("a terminal that was given up is expected to sell again at {0}")]
    GivenUpReturns(UnixTime),
    #[error("no fallback is named: nobody knows how the shop takes money meanwhile")]
    NoFallback,
    #[error("a cool-off of {0} s is longer than {COOL_OFF_S_MAX} s")]
    CoolOff(u32),
    #[error("without a cool-off nobody could cancel the wipe of a terminal that is not lost")]
    NoCoolOff,
    #[error("nobody is named who accepts that a settlement is delayed, or no reason is")]
    DelayUnanswered,
    #[error(
        "a settlement is tried for {0} s, more than {DELAY_AFTER_S_MAX} s, before it is delayed"
    )]
    DelayAfter(u32),
    #[error(
        "a settlement that may be delayed from {from} on is due at {by}: that is not later, or \
         more than {DELAY_S_MAX} s after the cut-off"
    )]
    DelayUntil { from: UnixTime, by: UnixTime },
    #[error("`{0}` is no currency: it has three capital letters")]
    DelayCurrency(String),
}

impl Batch {
    /// Checks what signatures cannot.
    pub fn check(&self) -> Result<(), UnsoundBatch> {
        let Self { terminals, not_before, not_after, .. } = *self;
        if terminals == 0 {
            return Err(UnsoundBatch::ForNobody);
        }
        if not_after < not_before {
            return Err(UnsoundBatch::EndsBeforeItBegins { not_before, not_after });
        }
        if let Some(Window { from_min, to_min }) = self.change.window()
            && from_min.max(to_min) >= MINUTES_OF_A_DAY
        {
            return Err(UnsoundBatch::WindowBeyondTheDay { from_min, to_min });
        }
        match &self.change {
            Change::Restore(Restore { key: Some(_), .. }) if terminals > 1 => {
                Err(UnsoundBatch::KeyForMany(terminals))
            }
            Change::Rebind(rebind) => check_rebind(rebind),
            Change::Suspend(suspend) if suspend.is_given_up && terminals > 1 => {
                Err(UnsoundBatch::GivenUpMany(terminals))
            }
            Change::Suspend(suspend) => check_suspend(suspend, not_before, not_after),
            Change::Resume(resume) => check_tests(&resume.tests),
            Change::Decommission(wipe) if wipe.cool_off_s > COOL_OFF_S_MAX => {
                Err(UnsoundBatch::CoolOff(wipe.cool_off_s))
            }
            // However short it is: whoever asks for none means what is lost.
            Change::Decommission(wipe) if !wipe.is_lost && wipe.cool_off_s == 0 => {
                Err(UnsoundBatch::NoCoolOff)
            }
            Change::Decommission(_)
            | Change::Restore(_)
            | Change::Ping(_)
            | Change::Backup(_)
            | Change::Drill(_)
            | Change::Upgrade(_)
            | Change::Cancel(_) => Ok(()),
        }
    }
}

fn check_suspend(
    suspend: &Suspend,
    not_before: UnixTime,
    not_after: UnixTime,
) -> Result<(), UnsoundBatch> {
    let cut_off = suspend.cut_off;
    if let Some(at) = suspend.resume_expected.filter(|_| suspend.is_given_up) {
        return Err(UnsoundBatch::GivenUpReturns(at));
    }
    // The order waits for a terminal, and no moment that people chose waits for longer than others.
    let armed_until = not_before.plus(Duration::from_secs(APPROVED_ORDER_LIFETIME_S_MAX));
    let not_after = if suspend.is_given_up { not_after.min(armed_until) } else { not_after };
    if cut_off < not_before || cut_off > not_after {
        return Err(UnsoundBatch::CutOff { cut_off, not_after });
    }
    if suspend.fallback.trim().is_empty() {
        return Err(UnsoundBatch::NoFallback);
    }
    suspend.delay.as_ref().map_or(Ok(()), |delay| check_delay(delay, cut_off))
}

fn check_delay(delay: &SettlementDelay, cut_off: UnixTime) -> Result<(), UnsoundBatch> {
    let SettlementDelay { covers, after_s, settled_by, reason, accepted_by } = delay;
    if reason.trim().is_empty() || accepted_by.trim().is_empty() {
        return Err(UnsoundBatch::DelayUnanswered);
    }
    if *after_s > DELAY_AFTER_S_MAX {
        return Err(UnsoundBatch::DelayAfter(*after_s));
    }
    let (from, by) = (delay.begins(cut_off), *settled_by);
    if by <= from || by > cut_off.plus(Duration::from_secs(DELAY_S_MAX)) {
        return Err(UnsoundBatch::DelayUntil { from, by });
    }
    match covers {
        Covers::UpTo { currency, .. } if !is_currency(currency) => {
            Err(UnsoundBatch::DelayCurrency(currency.clone()))
        }
        Covers::UpTo { .. } | Covers::WhateverIsOpen => Ok(()),
    }
}

/// As in ISO 4217.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|it| it.is_ascii_uppercase())
}

fn check_rebind(rebind: &Rebind) -> Result<(), UnsoundBatch> {
    let Rebind { from, to, tests, watch, .. } = rebind;
    if from == to {
        return Err(UnsoundBatch::SameProvider { from: from.clone(), to: to.clone() });
    }
    check_tests(tests)?;
    if watch.at_most_s < watch.for_s {
        let (for_s, at_most_s) = (watch.for_s, watch.at_most_s);
        return Err(UnsoundBatch::Watch { for_s, at_most_s });
    }
    Ok(())
}

fn check_tests(tests: &[Test]) -> Result<(), UnsoundBatch> {
    let has = |kind| tests.iter().any(|test| test.kind == kind);
    match tests.len() > TESTS_MAX || !has(TestKind::Diagnosis) || !has(TestKind::Sale) {
        true => Err(UnsoundBatch::Tests(tests.len())),
        false => Ok(()),
    }
}
