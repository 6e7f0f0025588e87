//! Which terminals have not saved, or not rehearsed, for too long. Pure.
//!
//! A class of data is overdue when the newest snapshot that holds any of it, verified in both
//! places, is older than its hours allow. What a till never had cannot be late: only classes count
//! that one of the terminal's snapshots ever held. Before the first snapshot, all of them do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::backup::DataClass;
use shared::time::UnixTime;

use crate::registry::backup::watch::{FailedDrill, Judged, Watched};
use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::terminal::Presence;

/// What is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// By class; one that is not named is never overdue.
    pub within: BTreeMap<DataClass, Duration>,
    /// From enrolment to the first snapshot.
    pub grace: Duration,
    pub unconfigured: Unconfigured,
    /// From one rehearsed restore to the next; `None` asks for none.
    pub drill_within: Option<Duration>,
}

/// What is made of terminals that never saved anything and are not set up for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfigured {
    Alarm,
    /// They are listed as overdue, and raise no alarm.
    List,
}

/// While something is overdue the reason is looked for again this often: who was offline may fail
/// by now.
const AGAIN_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The code of an order that is not for this terminal: no `[backup]` in its configuration.
const NOT_APPLICABLE: &str = "not-applicable";

/// Judges one terminal. `is_asked` says whether a schedule asks it for backups.
pub fn judge(rules: &Rules, of: &Watched, is_asked: bool, now: UnixTime) -> Judged {
    let due = due(rules, of);
    let late = |at: &UnixTime| *at <= now;
    let overdue: BTreeSet<_> =
        due.iter().filter(|(_, at)| late(at)).map(|(class, _)| *class).collect();
    let drill_due = drill_due(rules, of);
    let raise = |kind, subject: String, detail| Alarm {
        terminal: of.terminal.id,
        kind,
        subject,
        detail,
        at: now,
        ended_at: None,
    };
    let unsaved = !overdue.is_empty() && !is_only_listed(rules, of, is_asked);
    let unsaved = unsaved.then(|| {
        raise(AlarmKind::BackupOverdue, names(&overdue), unsaved_words(of, &overdue, is_asked))
    });
    let failed = of.drill_failed.as_ref().filter(|it| it.failed_as != NOT_APPLICABLE);
    let failed =
        failed.map(|it| raise(AlarmKind::DrillFailed, it.order.to_string(), failed_words(it)));
    let unrehearsed = drill_due
        .filter(late)
        .map(|_| raise(AlarmKind::DrillOverdue, "restore drill".to_owned(), unrehearsed_words(of)));
    let coming = due.values().copied().chain(drill_due).filter(|at| !late(at)).min();
    let again = (!overdue.is_empty()).then(|| now.plus(AGAIN_EVERY));
    Judged {
        terminal: of.terminal.id,
        changes: of.changes,
        overdue,
        alarms: [
            (AlarmKind::BackupOverdue, unsaved),
            (AlarmKind::DrillFailed, failed),
            (AlarmKind::DrillOverdue, unrehearsed),
        ],
        look_at: coming.into_iter().chain(again).min(),
    }
}

/// When each class is overdue, or will be.
fn due(rules: &Rules, of: &Watched) -> BTreeMap<DataClass, UnixTime> {
    let first = of.since_at.plus(rules.grace);
    let due = rules.within.iter().filter_map(|(class, within)| {
        let at = match of.covered.get(class) {
            Some(Some(taken_at)) => taken_at.plus(*within),
            // All snapshots that held any of it are lost.
            Some(None) => first,
            None if of.covered.is_empty() => first,
            None => return None,
        };
        // A terminal that comes back from repair has time to save, however old its snapshots are.
        Some((*class, at.max(first)))
    });
    due.collect()
}

/// Who has saved nothing has nothing to rehearse.
fn drill_due(rules: &Rules, of: &Watched) -> Option<UnixTime> {
    let last = of.drilled_at.or(of.saved_at)?;
    Some(last.plus(rules.drill_within?).max(of.since_at.plus(rules.grace)))
}

fn is_only_listed(rules: &Rules, of: &Watched, is_asked: bool) -> bool {
    let unconfigured = of.covered.is_empty() && (makes_none(of) || !is_asked && of.tried.is_none());
    match rules.unconfigured {
        Unconfigured::List => unconfigured,
        Unconfigured::Alarm => false,
    }
}

/// It said that its configuration has no `[backup]`.
fn makes_none(of: &Watched) -> bool {
    let failure = of.tried.as_ref().and_then(|tried| tried.failure.as_ref());
    failure.is_some_and(|(code, _)| code == NOT_APPLICABLE)
}

fn names(classes: &BTreeSet<DataClass>) -> String {
    let names: Vec<_> = classes.iter().map(|class| class.as_str()).collect();
    names.join(", ")
}

fn unsaved_words(of: &Watched, overdue: &BTreeSet<DataClass>, is_asked: bool) -> String {
    let oldest = overdue.iter().map(|class| of.covered.get(class).copied().flatten()).min();
    let since = match oldest.flatten() {
        Some(taken_at) => format!("the newest verified snapshot is of {taken_at}"),
        None => format!("nothing was verified in both places since it enrolled at {}", of.since_at),
    };
    let (why, what) = reason(of, is_asked);
    format!("{since}; {why}: {what}")
}

/// Why, as far as it is known, and what to do about it.
fn reason(of: &Watched, is_asked: bool) -> (String, &'static str) {
    if of.terminal.presence != Presence::Online {
        let why = match of.terminal.last_seen_at {
            Some(at) => format!("the terminal is offline since {at}"),
            None => "the terminal was never heard".to_owned(),
        };
        return (why, "look at its power and network");
    }
    if makes_none(of) {
        let why = "the terminal makes no backups".to_owned();
        return (why, "add `[backup]` to its agent.toml");
    }
    if let Some((at, (code, detail))) =
        of.tried.as_ref().and_then(|tried| Some((tried.at, tried.failure.as_ref()?)))
    {
        let why = format!("its last backup, at {at}, failed with {code}, {detail}");
        return (why, "mend that, then `tillward backup now`");
    }
    if !is_asked {
        let why = "no schedule asks it for backups".to_owned();
        return (why, "`tillward backup schedule set`");
    }
    let why = "it is online and was asked, and no failure is known".to_owned();
    (why, "see its snapshots with `tillward backup list`, its jobs with `tillward campaign list`")
}

fn failed_words(drill: &FailedDrill) -> String {
    let FailedDrill { order, at, failed_as, detail } = drill;
    format!(
        "the restore drill of {at} failed with {failed_as}, {detail}: what is saved may not be \
         restorable; see `tillward backup drill show {order}`"
    )
}

fn unrehearsed_words(of: &Watched) -> String {
    let since = match of.drilled_at {
        Some(at) => format!("no restore was rehearsed with success since {at}"),
        None => "no restore of what it saved was ever rehearsed".to_owned(),
    };
    format!("{since}: `tillward backup drill`, or a monthly schedule with `--work drill`")
}

#[cfg(test)]
mod tests;
