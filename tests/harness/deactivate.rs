//! Stopping terminals, letting them sell again and emptying them, as people order it.

use std::time::Duration;

use shared::change::rebind::{Reason, Test, TestKind};
use shared::change::{Covers, Decommission, Resume, SettlementDelay, Suspend};
use shared::codec;
use shared::digest::Digest;
use shared::document::clearance::Deregistered;
use shared::document::{Clearance, FORMAT};
use shared::id::{OrderId, RequestId, TerminalId};
use shared::time::UnixTime;

use crate::rebind::Portfolio;

const REQUEST: RequestId = RequestId::from_bytes([4; 16]);

/// No sale from then on.
pub fn suspend(cut_off: UnixTime) -> Suspend {
    Suspend {
        request: REQUEST,
        reason: Reason::ContractEnd,
        ordered_by: "head office".to_owned(),
        note: "the shop closes".to_owned(),
        cut_off,
        fallback: "take the till beside it".to_owned(),
        resume_expected: None,
        delay: None,
        is_given_up: false,
    }
}

/// As [`suspend`], of a terminal that answers nobody: it waits until that is heard again.
pub fn suspend_given_up(cut_off: UnixTime) -> Suspend {
    Suspend { is_given_up: true, ..suspend(cut_off) }
}

/// As [`suspend`], where the terminal may go on with whatever it owes so long after its cut-off.
pub fn suspend_owing(cut_off: UnixTime, after: Duration) -> Suspend {
    let delay = SettlementDelay {
        covers: Covers::WhateverIsOpen,
        after_s: u32::try_from(after.as_secs()).expect("not for ever"),
        settled_by: cut_off.plus(Duration::from_secs(7 * 86_400)),
        reason: "the host is down".to_owned(),
        accepted_by: "Hana Head".to_owned(),
    };
    Suspend { delay: Some(delay), ..suspend(cut_off) }
}

/// With a test sale that is voided.
pub fn resume() -> Resume {
    Resume {
        request: REQUEST,
        reason: Reason::ContractEnd,
        ordered_by: "head office".to_owned(),
        note: "the shop stays".to_owned(),
        tests: [TestKind::Diagnosis, TestKind::Sale, TestKind::Void]
            .map(|kind| Test { kind, amount_minor: 1 })
            .into(),
        window: None,
    }
}

/// After ten minutes in which any approver can cancel.
pub fn wipe(clearances: Digest) -> Decommission {
    Decommission {
        request: REQUEST,
        reason: Reason::ContractEnd,
        ordered_by: "head office".to_owned(),
        note: "the shop is closed".to_owned(),
        cool_off_s: 600,
        clearances,
        is_lost: false,
    }
}

/// At once, of a terminal in the wrong hands.
pub fn wipe_lost(clearances: Digest) -> Decommission {
    Decommission { reason: Reason::LostStolen, cool_off_s: 0, is_lost: true, ..wipe(clearances) }
}

/// Of the snapshot that every suspended terminal here has saved.
pub fn manifest() -> Digest {
    Digest::of(b"manifest")
}

/// Of a terminal that was suspended, saved and deregistered.
pub fn clearance(terminal: TerminalId, challenge: Digest, suspended_by: OrderId) -> Clearance {
    let (with, reference) = ("beta".to_owned(), "D-1".to_owned());
    Clearance {
        format: FORMAT,
        terminal,
        challenge,
        suspended_by: Some(suspended_by),
        manifest: Some(manifest()),
        deregistered: vec![Deregistered { with, reference }],
    }
}

/// Of a terminal that is lost.
pub fn clearance_lost(terminal: TerminalId, challenge: Digest) -> Clearance {
    Clearance {
        format: FORMAT,
        terminal,
        challenge,
        suspended_by: None,
        manifest: None,
        deregistered: Vec::new(),
    }
}

/// The clearances of a batch's members, as they travel.
pub fn folder(clearances: impl IntoIterator<Item = Clearance>) -> Portfolio {
    let payload = |it: Clearance| (it.terminal, codec::encode(&it));
    Portfolio::of_payloads(clearances.into_iter().map(payload))
}
