//! What `tillward campaign watch` shows at one moment. Pure: the same answers give the same lines.

use super::super::measure::{duration_text, size_text};
use super::super::words::{NOTHING, counted, or_nothing, word};
use super::pace::Pace;
use super::what;
use crate::api::model::{Assignment, AssignmentState, Campaign};

/// Terminals that are shown one by one; the others are counted.
pub(super) const ROWS_MAX: usize = 24;

/// Characters between the ends of a bar.
const BAR: usize = 10;

/// The lines to show, the campaign first.
pub(super) fn frame(campaign: &Campaign, assignments: &[Assignment], pace: &Pace) -> Vec<String> {
    let mut lines = vec![headline(campaign), counts(campaign, assignments), String::new()];
    let shown = chosen(assignments);
    let header = ["SERIAL", "STORE", "STATE", "STEP", "PROGRESS", "REASON"].map(str::to_owned);
    let rows = shown.iter().map(|it| {
        let step = or_nothing(it.step.as_ref());
        [it.serial.clone(), it.store.clone(), word(&it.state), step, moving(it, pace), reason(it)]
    });
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    lines.extend(aligned(&rows));
    let left = assignments.len() - shown.len();
    if left > 0 {
        lines.push(format!("… and {} more", counted(left as u64, "terminal")));
    }
    lines
}

/// One line for one change, where lines cannot be redrawn.
pub(super) fn change(assignment: &Assignment) -> String {
    let it = assignment;
    let mut line = format!("{}  {}", it.serial, word(&it.state));
    if let Some(step) = &it.step {
        line = format!("{line}  {step}");
    }
    let parts = [progress(it), reason(it)].into_iter().filter(|part| part != NOTHING);
    parts.for_each(|part| line = format!("{line}  {part}"));
    line
}

fn headline(campaign: &Campaign) -> String {
    let name = campaign.name.clone().unwrap_or_else(|| campaign.id.to_string());
    let (what, selector) = (what(campaign), &campaign.selector);
    format!("{name}: {what} where {selector}, {}", word(&campaign.state))
}

fn counts(campaign: &Campaign, assignments: &[Assignment]) -> String {
    let ended = assignments.iter().filter(|it| it.state.is_end()).count();
    let total = campaign.terminals.map_or(assignments.len() as u64, |count| count);
    let states = campaign.by_state.iter().map(|(state, count)| format!("{count} {}", word(state)));
    let states = states.collect::<Vec<_>>().join(", ");
    match states.is_empty() {
        true => format!("{ended} of {} ended", counted(total, "terminal")),
        false => format!("{ended} of {} ended ({states})", counted(total, "terminal")),
    }
}

/// In a small fleet, everybody in a fixed order; in a large one, those that need to be seen.
fn chosen(assignments: &[Assignment]) -> Vec<&Assignment> {
    let mut all: Vec<_> = assignments.iter().collect();
    if all.len() <= ROWS_MAX {
        all.sort_by(|a, b| a.serial.cmp(&b.serial));
        return all;
    }
    all.sort_by(|a, b| (urgency(a.state), &a.serial).cmp(&(urgency(b.state), &b.serial)));
    all.truncate(ROWS_MAX);
    all
}

/// Lower is shown first.
fn urgency(state: AssignmentState) -> u8 {
    use AssignmentState as Is;
    match state {
        Is::RollbackFailed => 0,
        Is::Undoing => 1,
        Is::Working => 2,
        Is::Waiting => 3,
        Is::Failed | Is::RolledBack | Is::Refused | Is::Silent | Is::Unreached => 4,
        Is::Accepted | Is::Ordered | Is::Unanswered | Is::Withdrawn | Is::Reverted => 5,
        Is::Held => 6,
        Is::Expired | Is::Superseded | Is::Cancelled => 7,
        Is::Succeeded => 8,
    }
}

/// As [`progress`], with a bar and the time that is left, as far as it is known.
fn moving(assignment: &Assignment, pace: &Pace) -> String {
    let text = progress(assignment);
    let Some(percent) = percent(assignment) else { return text };
    let full = usize::try_from(percent / 10).unwrap_or(BAR).min(BAR);
    let bar = format!("[{}{}]", "#".repeat(full), ".".repeat(BAR - full));
    match pace.left(assignment.terminal) {
        Some(left) => format!("{bar} {text}, {} left", duration_text(left)),
        None => format!("{bar} {text}"),
    }
}

/// Of the bytes of the present step.
fn percent(assignment: &Assignment) -> Option<u128> {
    let (done, total) = assignment.bytes_done.zip(assignment.bytes_total)?;
    let moves = total > 0 && assignment.version_now.is_none() && !assignment.state.is_end();
    moves.then(|| u128::from(done.min(total)) * 100 / u128::from(total))
}

/// `45 % of 12.3 MiB`, or the version that came of it.
pub(super) fn progress(assignment: &Assignment) -> String {
    if let Some(version) = &assignment.version_now {
        return format!("now {version}");
    }
    match percent(assignment).zip(assignment.bytes_total) {
        Some((percent, total)) => format!("{percent} % of {}", size_text(total)),
        None => NOTHING.to_owned(),
    }
}

pub(super) fn reason(assignment: &Assignment) -> String {
    or_nothing(assignment.reason.as_ref().map(|reason| &reason.detail))
}

/// Columns as wide as their widest value; the last one as it is.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{assignment, assignments, campaign};
    use super::*;

    #[test]
    fn a_small_fleet_is_shown_whole_and_in_one_order() {
        let ours = frame(&campaign(), &assignments(), &Pace::default()).join("\n");
        golden::check("campaign-frame", &format!("{ours}\n"));
        let mut shuffled = assignments();
        shuffled.reverse();
        assert_eq!(frame(&campaign(), &shuffled, &Pace::default()).join("\n"), ours);
    }

    #[test]
    fn in_a_large_fleet_those_that_need_to_be_seen_come_first() {
        use AssignmentState::{Held, RollbackFailed, Succeeded, Working};
        let mut all: Vec<_> = (10..90).map(|number| assignment(number, Held)).collect();
        all.extend((90..200).map(|number| assignment(number, Succeeded)));
        all.push(assignment(201, Working));
        all.push(assignment(202, RollbackFailed));
        let lines = frame(&campaign(), &all, &Pace::default());
        assert!(lines[4].starts_with("PX-202"), "{lines:#?}");
        assert!(lines[5].starts_with("PX-201"), "{lines:#?}");
        assert_eq!(lines.len(), 4 + ROWS_MAX + 1);
        assert_eq!(lines.last().map(String::as_str), Some("… and 168 terminals more"));
    }

    #[test]
    fn a_change_is_one_line() {
        let lines: Vec<_> = assignments().iter().map(change).collect();
        golden::check("campaign-changes", &format!("{}\n", lines.join("\n")));
    }

    #[test]
    fn nonsense_numbers_of_bytes_are_no_problem() {
        let of = |done, total| {
            let it = assignment(1, AssignmentState::Working);
            progress(&Assignment { bytes_done: Some(done), bytes_total: Some(total), ..it })
        };
        assert_eq!(of(7, 0), NOTHING);
        assert_eq!(of(9, 3), "100 % of 3 B");
        assert_eq!(of(u64::MAX, u64::MAX), "100 % of 16777216.0 TiB");
    }
}
