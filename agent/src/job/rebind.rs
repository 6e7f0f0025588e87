//! A change of provider, as a table to be read aloud.
//!
//! Up to `till` the shop sells on and does not notice. From `hold` to `tidy-export` a job that
//! cannot go on lets the shop sell again, with the old provider, and waits for the next chance.
//! From `switch` on it goes forward, or back to the old provider by itself: what was sent to the
//! new one is drained and reversed there first. No controller is needed from then on. `commit`
//! erases the keys of the old binding; from there on there is only forward.
//!
//! A way back that does not get on says so and tries again. While the shop sells with the new
//! provider it never gives up: a till that cannot be held sells on. Once trading is held, a host
//! or a till that is only not reached is waited for half a day, and one that refuses for half an
//! hour. Then the till stops, says what to do instead, and calls people.
//!
//! Where the old registration had to be released before ([`RELEASED`]), the switch itself is the
//! point of no return: tests that fail are begun anew a few times, and then the till stops.

pub mod watch;

use shared::change::rebind::Rebind;
use shared::document::Profile;
use shared::outcome::FailureCode::{
    ExportFailed, OtherBinding, PosNotReady, SwitchFailed, TestFailed,
};

use super::Action::{self, AskTill, Data, HoldTrading, ReleaseTrading};
use super::DataAction::{DiscardExport, Export, Save};
use super::step::Condition::WindowOpen;
use super::step::{Step, Table, joined};
use serde::{Deserialize, Serialize};

const HOUR: u64 = 3600;

/// One thing that is done with the till's bindings: *new* is the profile's, *old* the one that it
/// replaces, which is active when the job begins. All are idempotent but for [`Self::Switch`],
/// which is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebindAction {
    /// Find out whether this till is bound as the change was planned for. Changes nothing.
    CheckBinding,
    /// Show who orders the change, why, and the code to compare.
    Announce,
    /// Unseal the secrets, and put the new binding beside the active one.
    Stage,
    /// Ask both hosts whether they are there, and whether this terminal makes backups.
    Preflight,
    /// Send the old binding's reversals and stored payments to its own host.
    DrainOld,
    /// Close the old binding's batch; both sides must count the same.
    SettleOld,
    /// Wait until the snapshot of this job is verified in both places.
    ConfirmSaved,
    /// Make the new binding the active one, the whole tuple at once.
    Switch,
    /// Find out which is active: [`super::Found::Happened`] when it is the new one.
    ProbeSwitch,
    /// The test plan on the new binding.
    TestNew,
    /// Look how the new provider does.
    Watch,
    /// The old binding's slot and keys go.
    EraseOld,
    /// Send what the new binding has to send to its own host, void the tests, and settle it.
    EmptyNew,
    /// Make the old binding the active one again. When it already is: done.
    SwitchBack,
    /// Does the old host answer?
    TestOld,
    /// The new binding's slot and keys go.
    EraseNew,
    /// Nothing can be sold here until people have looked: durably, with words on the screen.
    StopTrading,
}

use RebindAction::{
    Announce, CheckBinding, ConfirmSaved, DrainOld, EmptyNew, EraseNew, EraseOld, Preflight,
    ProbeSwitch, SettleOld, Stage, StopTrading, Switch, SwitchBack, TestNew, TestOld, Watch,
};

const fn rebind(action: RebindAction) -> Action {
    Action::Rebind(action)
}

/// About an hour, at one attempt a minute: until the till has heard that it may sell, or must not.
/// A till can take long to come back, and what was held for good must not end with a lease because
/// it did.
const HOUR_ATTEMPTS: u32 = 60;

/// About 12 hours: until a host that is away has taken what is its own, or answers again. Hosts are
/// worked on at night.
const HALF_DAY_ATTEMPTS: u32 = 720;

/// The shop sells meanwhile, with a provider that passed its tests: that is better than to stop.
const FOR_EVER: u32 = u32::MAX;

const BEFORE: Table = &[
    // The shop sells on and does not notice.
    Step::new("admit", rebind(CheckBinding)).failing_as(OtherBinding).tries(8, 60).within_s(HOUR),
    Step::new("announce", rebind(Announce)).tries(3, 10).within_s(120),
    Step::new("stage", rebind(Stage))
        .tidied_by(&[rebind(EmptyNew), rebind(EraseNew)])
        .patiently(HALF_DAY_ATTEMPTS)
        .tries(8, 60)
        .within_s(HOUR),
    Step::wait("window", WindowOpen),
    Step::new("preflight", rebind(Preflight))
        .only_while(WindowOpen, "window")
        .tries(8, 60)
        .within_s(HOUR),
    Step::new("till", AskTill).only_while(WindowOpen, "window").within_s(HOUR),
    // Trading is held. Whatever cannot be done now is tried again at the next chance.
    Step::new("hold", HoldTrading)
        .only_while(WindowOpen, "window")
        .or_back()
        .takes_lease()
        .undone_by(&[ReleaseTrading])
        .stranded_by(&[rebind(StopTrading)])
        .patiently(HOUR_ATTEMPTS)
        .failing_as(PosNotReady)
        .within_s(300),
    Step::new("drain", rebind(DrainOld))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(300),
    Step::new("settle", rebind(SettleOld))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(600),
    Step::new("export", Data(Export))
        .only_while(WindowOpen, "window")
        .or_back()
        .tidied_by(&[Data(DiscardExport)])
        .failing_as(ExportFailed)
        .tries(2, 10)
        .within_s(600),
    Step::new("save", Data(Save))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(900),
    Step::new("verified", rebind(ConfirmSaved))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(600),
    Step::new("tidy-export", Data(DiscardExport)).only_while(WindowOpen, "window").or_back(),
];

const SWITCH: Step = Step::new("switch", rebind(Switch))
    .only_while(WindowOpen, "window")
    .without_waiting()
    .probed_by(rebind(ProbeSwitch))
    .failing_as(SwitchFailed);

const TEST: Step = Step::new("test", rebind(TestNew)).without_waiting().failing_as(TestFailed);

const RELEASE: Step = Step::new("release", ReleaseTrading).ends_lease().without_waiting();

/// The shop sells with the new provider. Only what was measured is a breach: a till that is closed
/// for the night is no failure.
const WATCH: Step =
    Step::new("watch", rebind(Watch)).sits_and_watches().is_vital().tries(30, 60).within_s(HOUR);

/// Until then a job has not succeeded: keys that are not used any more are there still.
const COMMIT: Step = Step::new("commit", rebind(EraseOld))
    .without_waiting()
    .is_vital()
    .tries(HALF_DAY_ATTEMPTS, 60)
    .within_s(12 * HOUR);

pub static REBIND: Table = &joined::<18>(
    BEFORE,
    &[
        // The old binding stands by until the new one has proven itself. Where the way back only
        // waits for a host or a till, it is over as soon as that answers: nobody who came could do
        // more. So it is given longer than one that is refused.
        SWITCH
            .undone_by(&[rebind(SwitchBack), rebind(TestOld)])
            .patiently(30)
            .undo_waits(HALF_DAY_ATTEMPTS)
            .tries(3, 10)
            .within_s(300),
        TEST.tidied_by(&[rebind(EmptyNew)]).within_s(900),
        RELEASE.undone_by(&[HoldTrading]).patiently(FOR_EVER).tries(10, 10).within_s(300),
        // People may still take it back.
        WATCH,
        // Kept for good. What fails from here on is told, not undone.
        COMMIT.point_of_no_return(),
    ],
);

/// As [`REBIND`], where the registry has let go of the old binding before the job begins: there is
/// no provider to return to. Before a till is stopped, each of the next three is tried for about an
/// hour.
pub static RELEASED: Table = &joined::<18>(
    BEFORE,
    &[
        SWITCH.point_of_no_return().is_vital().tries(360, 10).within_s(HOUR),
        TEST.is_vital().tries(120, 30).within_s(HOUR),
        RELEASE.stranded_by(&[rebind(StopTrading)]).tries(HOUR_ATTEMPTS, 60).within_s(HOUR),
        WATCH,
        COMMIT,
    ],
);

/// A provider's key has no more.
const PROVIDER_MAX: usize = 64;

/// So much of what people wrote is shown at the till. The whole notice has at most 500 characters.
const ORDERED_BY_MAX: usize = 80;
const NOTE_MAX: usize = 120;

/// What the job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub rebind: Rebind,
    pub profile: Profile,
    /// What console and till both show.
    pub code: String,
}

impl Change {
    /// For the people at the till. The code comes first: what others wrote can neither push it off
    /// a screen of 500 characters nor be taken for it.
    pub fn notice(&self) -> String {
        let Rebind { from, to, reason, ordered_by, note, .. } = &self.rebind;
        let note =
            if note.is_empty() { String::new() } else { format!(": {}", quoted(note, NOTE_MAX)) };
        format!(
            "Code: {code}. If you are told another, report it as suspicious. Payments move \
             from {from} to {to}. Ordered by {by}, because of {reason}{note}.",
            code = self.code,
            from = quoted(from, PROVIDER_MAX),
            to = quoted(to, PROVIDER_MAX),
            by = quoted(ordered_by, ORDERED_BY_MAX),
            reason = reason.as_str(),
        )
    }

    /// For a till that can sell with neither provider.
    pub fn fallback(&self) -> String {
        format!(
            "No card payments here for now: the change to {} could not be finished or undone. Take \
             another till or cash. Support has been alarmed.",
            quoted(&self.rebind.to, PROVIDER_MAX)
        )
    }
}

/// In quotes that it cannot close, and cut to so many characters.
pub(super) fn quoted(text: &str, characters_max: usize) -> String {
    let mut rest = text.chars().filter(|it| !could_mislead(*it));
    let mut said = String::from('“');
    said.extend(rest.by_ref().take(characters_max));
    if rest.next().is_some() {
        said.pop();
        said.push('…');
    }
    said.push('”');
    said
}

/// Control characters, what is not seen or turns the direction in which the rest is read, and what
/// looks as if a quotation were over.
fn could_mislead(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '"' | '＂' | '″' | '〃'
        )
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}')
        || matches!(letter, '“'..='‟' | '〝'..='〟')
}
