//! Suspending a till, letting it sell again, and emptying it: three tables to be read aloud.
//!
//! A **suspension** is armed long before: the terminal holds the moment and what to tell customers,
//! and lets other jobs go first until then. From `stop` on the till sells nothing, whoever is
//! connected. What it owes is sent, settled and saved, however long that takes: a host that is away
//! or counts otherwise is waited for, with words for people, and never passed over. Until it is
//! done people may take it back, and the till sells again. Where people have signed that it may
//! settle later ([`owing`]), it is saved with all that it owes, and says so under its key.
//!
//! A **return to service** looks the till over, tests it, takes the tests back and closes their
//! batch before anybody sells; where any of it fails, the till stays stopped.
//!
//! A **wipe** waits while any approver may cancel it, and asks the till once more whether it stands
//! still and owes nothing. From `erase` on there is only forward.

pub mod owing;

use serde::{Deserialize, Serialize};
use shared::change::{Decommission, Resume, SettlementDelay, Suspend};
use shared::document::Clearance;
use shared::outcome::FailureCode::{
    self, ExportFailed, NotErased, NotStopped, SettlementMismatch, TestFailed,
};
use shared::outcome::Waiting;
use shared::step_names::{ERASE, SAVE, SELL, STOP};
use shared::time::UnixTime;

use super::Action::{self, Data};
use super::DataAction::{DiscardExport, Export, Save};
use super::rebind::quoted;
use super::step::Condition::{MomentCome, WindowOpen};
use super::step::{Step, Table, joined};
use super::{Again, Proof, Reply};

const HOUR: u64 = 3600;

/// What must be undone so that a shop sells: as long as it takes.
const FOR_EVER: u32 = u32::MAX;

/// One thing that is done to stop a till, to wake it or to empty it. All are idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeactivateAction {
    /// Find out whether this till is one that this can be done to. Changes nothing.
    Check,
    /// Show who orders it, why, and the code to compare.
    Announce,
    /// No sale any more, durably, with words on the screen.
    Stop,
    /// Send and settle; where that cannot be done in the time that people have given it, find out
    /// what is owed, and go on if it is what they accept.
    SettleOrOwe,
    /// Wait until the snapshot of this job is verified in both places.
    ConfirmSaved,
    /// Find out that the till stands still, and owes nothing; where it was found to owe something,
    /// no more by then than people accept.
    ConfirmStopped,
    /// The till's own self-test, and whether the hosts of its active bindings answer.
    SelfTest,
    /// The tests on the active binding.
    Test,
    /// No test sale stands, and the batch that had them is closed: both sides count the same.
    CloseTests,
    /// Let the shop sell.
    Sell,
    /// Find out that the till sells.
    ConfirmSelling,
    /// Of a terminal that is lost: send and settle what can be, and do not wait for the rest.
    RescueMoney,
    /// The till erases its own keys and data, then everything else of this terminal goes but what
    /// proves that it went.
    Erase,
}

use DeactivateAction::{
    Announce, Check, CloseTests, ConfirmSaved, ConfirmSelling, ConfirmStopped, Erase, RescueMoney,
    SelfTest, Sell, SettleOrOwe, Stop, Test,
};

const fn deactivate(action: DeactivateAction) -> Action {
    Action::Deactivate(action)
}

const STOPPING: Table = &[
    // The shop sells on.
    Step::new("check", deactivate(Check)).tries(8, 60).within_s(HOUR),
    Step::new("announce", deactivate(Announce)).tries(3, 10).within_s(120),
    Step::wait("cut-off", MomentCome),
    // Trading is stopped. Nothing that fails lets it go on but people.
    Step::new(STOP, deactivate(Stop))
        .stops_trading()
        .undone_by(&[deactivate(Sell)])
        .patiently(FOR_EVER)
        .sits_and_watches(),
];

const SETTLING: Table = &[
    Step::new("drain", Action::Drain).sits_and_watches().within_s(300),
    Step::new("settle", Action::Settle).sits_and_watches().within_s(600),
];

const SAVING: Table = &[
    Step::new(EXPORT, Data(Export))
        .tidied_by(&[Data(DiscardExport)])
        .failing_as(ExportFailed)
        .sits_and_watches()
        .within_s(HOUR),
    Step::new(SAVE, Data(Save)).sits_and_watches().within_s(12 * HOUR),
    Step::new("verified", deactivate(ConfirmSaved)).sits_and_watches().within_s(600),
    Step::new("tidy-export", Data(DiscardExport)).sits_and_watches(),
    Step::new("confirm", deactivate(ConfirmStopped)).failing_as(NotStopped).sits_and_watches(),
];

/// The first step that leaves something behind, and what was settled is settled by then.
pub const EXPORT: &str = "export";

pub static SUSPEND: Table = &joined::<11>(STOPPING, &joined::<7>(SETTLING, SAVING));

/// As [`SUSPEND`], where people accept that what cannot be settled in time is settled later. Each
/// look sends before it settles: what is not sent by then was tried to the last.
pub static SUSPEND_OWING: Table = &joined::<10>(
    STOPPING,
    &joined::<6>(
        &[Step::new("settle", deactivate(SettleOrOwe)).sits_and_watches().within_s(900)],
        SAVING,
    ),
);

/// The first step of a return to service that leaves money behind where the next ones fail.
pub const TEST: &str = "test";

pub static RESUME: Table = &[
    Step::new("check", deactivate(Check)).tries(8, 60).within_s(HOUR),
    Step::new("announce", deactivate(Announce)).tries(3, 10).within_s(120),
    Step::wait("window", WindowOpen),
    Step::new("self-test", deactivate(SelfTest))
        .only_while(WindowOpen, "window")
        .failing_as(TestFailed)
        .tries(3, 60)
        .within_s(HOUR),
    // From the first test on nothing waits for another window: each test is done once, and a batch
    // with half of them is not left open for a night.
    Step::new(TEST, deactivate(Test))
        .tidied_by(&[deactivate(CloseTests)])
        .failing_as(TestFailed)
        .tries(3, 60)
        .within_s(HOUR),
    Step::new("close", deactivate(CloseTests))
        .failing_as(SettlementMismatch)
        .tries(3, 60)
        .within_s(HOUR),
    Step::new(SELL, deactivate(Sell))
        .undone_by(&[deactivate(Stop)])
        .patiently(FOR_EVER)
        .tries(10, 10)
        .within_s(300),
    Step::new("confirm", deactivate(ConfirmSelling)).tries(10, 10).within_s(300),
];

pub static WIPE: Table = &[
    Step::new("check", deactivate(Check)).tries(8, 60).within_s(HOUR),
    Step::new("announce", deactivate(Announce)).tries(3, 10).within_s(120),
    Step::wait("cool-off", MomentCome),
    // By the till's own word, and after a restart once more: whatever our books say, what was sold
    // since they were written is not erased.
    Step::new("confirm", deactivate(ConfirmStopped))
        .until_restart()
        .without_waiting()
        .failing_as(NotStopped)
        .tries(8, 60)
        .within_s(HOUR),
    // However often it fails, and the power with it: what is half erased is erased.
    Step::new(ERASE, deactivate(Erase))
        .point_of_no_return()
        .sits_and_watches()
        .is_vital()
        .failing_as(NotErased)
        .tries(FOR_EVER, 60)
        .within_s(24 * HOUR),
];

/// As [`WIPE`], for a terminal in the wrong hands: first it is stopped, and the money that it holds
/// is sent. From the beginning there is only forward: whoever has it keeps nothing of it by pulling
/// the plug, or by not answering.
pub static WIPE_LOST: Table = &[
    Step::new(STOP, deactivate(Stop))
        .point_of_no_return()
        .without_waiting()
        .tries(3, 10)
        .within_s(120),
    Step::new("rescue", deactivate(RescueMoney)).without_waiting().tries(3, 20).within_s(1_200),
    Step::new(ERASE, deactivate(Erase))
        .sits_and_watches()
        .is_vital()
        .failing_as(NotErased)
        .tries(FOR_EVER, 60)
        .within_s(24 * HOUR),
];

/// How much of what people wrote is shown at the till.
const ORDERED_BY_MAX: usize = 80;
const NOTE_MAX: usize = 120;
const FALLBACK_MAX: usize = 200;

/// What the job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Suspend(Suspend),
    Resume(Resume),
    Wipe(Decommission, Clearance),
}

/// A change of the terminal's own standing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deactivation {
    pub wanted: Wanted,
    /// What console and till both show.
    pub code: String,
}

impl Deactivation {
    /// For the people at the till; the code comes first, so that nothing can push it off a screen.
    pub fn notice(&self) -> String {
        let (what, by, reason, note) = match &self.wanted {
            Wanted::Suspend(it) => {
                let owing = it.delay.as_ref().map_or_else(String::new, |delay| {
                    format!(" and may settle later, until {}", delay.settled_by)
                });
                let what = format!("This till stops taking payments at {}{owing}", it.cut_off);
                (what, &it.ordered_by, it.reason, &it.note)
            }
            Wanted::Resume(it) => {
                let what = "This till is tested, and then takes payments again".to_owned();
                (what, &it.ordered_by, it.reason, &it.note)
            }
            Wanted::Wipe(it, _) => {
                let what = "Everything on this till is erased, for good".to_owned();
                (what, &it.ordered_by, it.reason, &it.note)
            }
        };
        let note =
            if note.is_empty() { String::new() } else { format!(": {}", quoted(note, NOTE_MAX)) };
        format!(
            "Code: {}. If you are told another, report it as suspicious. {what}. Ordered by {}, \
             because of {}{note}.",
            self.code,
            quoted(by, ORDERED_BY_MAX),
            reason.as_str(),
        )
    }

    /// On the screen of a till that stands still.
    pub fn message(&self) -> String {
        match &self.wanted {
            Wanted::Suspend(it) => {
                format!("No card payments here for now. {}", plain(&it.fallback, FALLBACK_MAX))
            }
            Wanted::Resume(_) => "No card payments here for now. Take another till.".to_owned(),
            Wanted::Wipe(..) => "This till is out of service.".to_owned(),
        }
    }

    /// What people accept of a till that cannot settle.
    pub fn delay(&self) -> Option<(&SettlementDelay, UnixTime)> {
        match &self.wanted {
            Wanted::Suspend(it) => Some((it.delay.as_ref()?, it.cut_off)),
            Wanted::Resume(_) | Wanted::Wipe(..) => None,
        }
    }

    /// How long after it was accepted it may not go on, in seconds; a suspension has a moment.
    pub fn cool_off_s(&self) -> Option<u32> {
        match &self.wanted {
            Wanted::Wipe(it, _) if !it.is_lost => Some(it.cool_off_s),
            Wanted::Wipe(..) | Wanted::Suspend(_) | Wanted::Resume(_) => None,
        }
    }
}

fn plain(text: &str, characters_max: usize) -> String {
    text.chars().filter(|it| !it.is_control()).take(characters_max).collect()
}

/// What an answer is worth to a suspension: once trading is stopped, what fails needs people, and
/// nothing that they have not decided lets the till sell again.
pub fn judge(wanted: &Wanted, action: Action, reply: Reply) -> Reply {
    let waits_for_people = match wanted {
        Wanted::Suspend(_) => !matches!(action, Action::Deactivate(Check | Announce | Sell)),
        Wanted::Resume(_) | Wanted::Wipe(..) => false,
    };
    let erases = action == deactivate(Erase);
    let (code, detail) = match reply {
        // The receipt says what the terminal is now: that is not what was saved of it.
        Reply::Done(Proof { findings, .. }) if action == Data(Save) => {
            return Reply::Done(Proof { version: None, findings });
        }
        Reply::Failed { code, detail, again: _ } if waits_for_people || erases => (code, detail),
        Reply::AlreadySo(_) | Reply::Found(_) | Reply::Till { .. }
            if waits_for_people || erases =>
        {
            (FailureCode::Internal, format!("no answer to {action:?}: {reply:?}"))
        }
        reply @ (Reply::Done(_)
        | Reply::AlreadySo(_)
        | Reply::NotYet { .. }
        | Reply::Failed { .. }
        | Reply::Found(_)
        | Reply::Till { .. }) => return reply,
    };
    match erases {
        // It is tried for as long as there is something to erase.
        true => Reply::Failed { code, detail, again: Again::Worthwhile },
        false => {
            let detail = format!("{}: {detail}", code_word(code));
            Reply::NotYet { waiting: Waiting::People, detail, again_in: None }
        }
    }
}

/// As the controller and its people know it.
fn code_word(code: FailureCode) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}
