//! `tillward status` and `tillward alarms`: how the controller does, and what a person should look
//! at.

use std::fmt::Display;

use clap::Args;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::words::{counted, or_nothing, word};
use crate::api::model::{Alarm, Counted, ProviderAlert, Status, Suspicion};

/// Show how the controller and its fleet do
#[derive(Debug, Args)]
pub(super) struct ShowStatus {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List what a person should look at
#[derive(Debug, Args)]
pub(super) struct ListAlarms {
    /// With those that are over
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ShowStatus {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let status = Client::new(context.read()?)?.status().await?;
        match self.json {
            true => print.json(&status),
            false => show(&status, print),
        }
        Ok(Exit::Done)
    }
}

fn show(status: &Status, print: &mut Print) {
    let Status { broker, terminals, .. } = status;
    let wire = if broker.connected { "connected" } else { "NOT CONNECTED" };
    print.line(format_args!("Controller {} of fleet {}", status.version, status.fleet));
    print.line(format_args!("  registry    {}", status.registry));
    print.line(format_args!("  broker      {} at {}, {wire}", broker.kind, broker.address));
    for place in &status.places {
        let standing = match (&place.why, place.there) {
            (_, true) => "there".to_owned(),
            (Some(why), false) => format!("NOT THERE: {why}"),
            (None, false) => "not looked for yet".to_owned(),
        };
        print.line(format_args!("  place       {} in {}, {standing}", place.name, place.region));
    }
    print.line(format_args!(
        "  terminals   {} enrolled, {} online; {} claimed, {} revoked",
        terminals.enrolled, terminals.online, terminals.claimed, terminals.revoked
    ));
    print.line(format_args!(
        "  campaigns   {} running, {} paused, {} halted, {} waiting for approval",
        status.campaigns_running,
        status.campaigns_paused,
        status.campaigns_halted,
        status.campaigns_awaiting_approval
    ));
    print.line(format_args!("  backups     {} overdue", status.backups_overdue));
    let (frozen, ends) = (&status.suspicions, &status.provider_alerts);
    print.line(format_args!("  suspicions  {} open", frozen.count));
    print.line(format_args!("  providers   {} to look at", counted(ends.count, "alert")));
    print.line(format_args!("  roster      {}", status.roster_version));
    print.line(format_args!("  reports     {} on disk, not applied yet", status.reports_waiting));
    print.line(format_args!("  its time    {}", time_text(status.now_at)));
    for place in &status.places {
        if let Some(hint) = &place.hint {
            print.warning(format_args!("place `{}` is not there: {hint}", place.name));
        }
    }
    if frozen.count > 0 {
        let each = |it: &Suspicion| {
            format!("{} {}, by {}: {}", it.scope, it.subject, it.raised_by, it.note)
        };
        let what = format_args!(
            "{}, frozen until two people have looked: `tillward request suspicions`",
            counted(frozen.count, "suspicion")
        );
        named(what, frozen, each, print);
    }
    if ends.count > 0 {
        let what = format_args!(
            "{}: `tillward provider alerts` shows what runs out",
            counted(ends.count, "alert")
        );
        named(what, ends, end_text, print);
    }
    if status.alarms > 0 {
        print.warning(format_args!(
            "{}: `tillward alarms` shows them",
            counted(status.alarms, "alarm")
        ));
    }
}

fn named<T>(what: impl Display, all: &Counted<T>, each: impl Fn(&T) -> String, print: &mut Print) {
    print.warning(what);
    all.first.iter().for_each(|it| print.remark(format_args!("  {}", each(it))));
    let more = all.count.saturating_sub(all.first.len() as u64);
    if more > 0 {
        print.remark(format_args!("  and {more} more"));
    }
}

fn end_text(alert: &ProviderAlert) -> String {
    let ProviderAlert { what, key, which, until, days_left, .. } = alert;
    let which = if which.is_empty() { String::new() } else { format!(" ({which})") };
    let left = match days_left {
        0.. => format!("{} left", counted(days_left.unsigned_abs(), "day")),
        ..0 => "over".to_owned(),
    };
    format!("{} of {key}{which}: until {until}, {left}", word(what))
}

impl ListAlarms {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let alarms = Client::new(context.read()?)?.alarms(self.all).await?;
        if self.json {
            print.json_list(&alarms);
            return Ok(Exit::Done);
        }
        list_alarms(alarms, print);
        Ok(Exit::Done)
    }
}

fn list_alarms(alarms: Vec<Alarm>, print: &mut Print) {
    let row = |alarm: Alarm| {
        let Alarm { terminal, kind, subject, detail, at, ended_at } = alarm;
        let ended = or_nothing(ended_at.map(time_text));
        [time_text(at), ended, or_nothing(terminal), kind, subject, detail]
    };
    let rows = alarms.into_iter().map(row).collect();
    print.table(["at", "ended", "terminal", "kind", "about", "detail"], rows, "no alarm");
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::samples::{alarm, status};
    use super::*;

    #[test]
    fn the_status_says_how_everything_does_and_points_to_alarms() {
        golden::check("status", &golden::printed(|print| show(&status(), print)));
    }

    #[test]
    fn alarms_are_listed_one_by_line() {
        golden::check("alarms", &golden::printed(|print| list_alarms(vec![alarm()], print)));
    }
}
