//! `tillward replace show` and `list`.

use clap::Args;
use serde::Serialize;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{NOTHING, or_nothing, word};
use crate::api::model::{Replacement, ReplacementHistory, ReplacementWatched};

/// Show a replacement: how far it has come, whose turn it is, and what to do
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its number
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List replacements
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Whole {
    replacement: Replacement,
    events: Vec<ReplacementHistory>,
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let replacement = client.replacement(self.number).await?;
        let events = client.replacement_history(self.number).await?;
        match self.json {
            true => print.json(&Whole { replacement, events }),
            false => whole(&replacement, &events, print),
        }
        Ok(Exit::Done)
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let all = client.replacements().await?;
        match self.json {
            true => print.json_list(&all),
            false => list(&all, print),
        }
        Ok(Exit::Done)
    }
}

fn list(all: &[Replacement], print: &mut Print) {
    let header = ["number", "merchant", "old", "new", "state", "since", "whose turn"];
    let row = |it: &Replacement| {
        [
            it.number.to_string(),
            it.form.merchant.clone(),
            it.form.old_serial.clone(),
            or_nothing(it.unit.as_ref()),
            it.state.to_string(),
            time_text(it.state_at),
            it.next.who.clone(),
        ]
    };
    print.table(header, all.iter().map(row).collect(), "no terminal was ever replaced");
}

fn watched(it: &ReplacementWatched) -> String {
    let (until, payments, wanted) = (time_text(it.until), it.payments, it.payments_wanted);
    let word = match (it.is_over, it.unanswered.is_empty()) {
        (true, _) => "over",
        (false, true) => "not over",
        (false, false) => "not over while something is wrong for which nobody answers",
    };
    format!("until {until} or {wanted} payments, of which {payments} are counted: {word}")
}

/// Who answers for what.
fn despite(it: &Replacement) -> String {
    let each = it.form.answers.iter().map(|(code, name)| format!("{code}: {name} answers for it"));
    let each: Vec<_> = each.collect();
    if each.is_empty() { NOTHING.to_owned() } else { each.join(", ") }
}

pub(super) fn whole(it: &Replacement, events: &[ReplacementHistory], print: &mut Print) {
    let why = it.state_reason.as_deref().unwrap_or(NOTHING);
    let state = format!("{} since {} by {}: {why}", it.state, time_text(it.state_at), it.state_by);
    let reason = match it.form.note.as_str() {
        "" => word(&it.form.reason),
        note => format!("{}: {note}", word(&it.form.reason)),
    };
    let unit = it.unit.as_ref().map(|serial| match it.unit_state {
        Some(state) => format!("{serial}, {state}"),
        None => serial.clone(),
    });
    let parcel = it.parcel.as_ref().map(|it| {
        let seal = or_nothing(it.seal.as_ref());
        format!("{} {}, seal {seal}", it.courier, it.tracking)
    });
    let unsettled = it.unsettled.as_ref();
    let unsettled = unsettled.map(|it| {
        let (items, who) = (it.items.join("; "), &it.accepted_by);
        format!("{items}, which {who} answers for; closed at the host by {}", it.closed_at_host)
    });
    let backup = it.last_backup.as_ref();
    let backup = backup.map(|it| format!("{} of {}", it.manifest, time_text(it.taken_at)));
    let checked = it.commissioned.as_ref().map(|it| {
        let each = it.found.iter().map(|(check, found)| format!("{} {}", word(check), word(found)));
        let each = each.collect::<Vec<_>>().join(", ");
        format!("{each} by {}; test payment {}", it.by, it.tested)
    });
    print.line(format_args!("Replacement {} of {}", it.number, it.form.old_serial));
    let lines = [
        ("state", state),
        ("merchant", it.form.merchant.clone()),
        ("reason", reason),
        ("request", it.request.to_string()),
        ("position", it.position.to_string()),
        ("old", it.old.to_string()),
        ("new model", it.form.new_model.clone()),
        ("despite", despite(it)),
        ("new unit", or_nothing(unit)),
        ("parcel", or_nothing(parcel)),
        ("unsettled", or_nothing(unsettled)),
        ("old backup", or_nothing(backup)),
        ("new", or_nothing(it.new)),
        ("restored", or_nothing(it.restored)),
        ("checked", or_nothing(checked)),
        ("live", or_nothing(it.live_at.map(time_text))),
        ("watched", or_nothing(it.watched.as_ref().map(watched))),
        ("turn of", it.next.who.clone()),
        ("next", it.next.what.clone()),
    ];
    for (name, value) in lines {
        print.line(format_args!("  {name:<10} {value}"));
    }
    if let Some(it) = &it.accepted {
        let (who, what) = (&it.accepted_by, it.trouble.join("; "));
        print.line(format_args!("{who} answers for this: {what}"));
    }
    for trouble in it.watched.iter().flat_map(|it| &it.trouble) {
        print.warning(format_args!("{trouble}"));
    }
    if let Some(difference) = &it.difference {
        print.warning(format_args!("it may be another unit: {difference}"));
        print.hint("it is frozen; keep it apart, and look into where it was");
    }
    if events.is_empty() {
        return;
    }
    print.line("");
    let row = |it: &ReplacementHistory| {
        [
            it.event.to_string(),
            it.to.to_string(),
            time_text(it.at),
            it.by.clone(),
            or_nothing(it.reason.as_ref()),
        ]
    };
    let header = ["what happened", "to", "at", "by", "why"];
    print.table(header, events.iter().map(row).collect(), "");
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_replacement_says_how_far_it_is_and_whose_turn_it_is() {
        let all = samples::replacements();
        let events = samples::replacement_past();
        golden::check("replace-list", &golden::printed(|print| list(&all, print)));
        golden::check("replace-show", &golden::printed(|print| whole(&all[0], &events, print)));
        golden::check("replace-frozen", &golden::printed(|print| whole(&all[1], &[], print)));
    }
}
