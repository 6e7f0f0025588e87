//! `tillward campaign plan`: what a campaign would be, before anybody commits to it.

use std::time::Duration;

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{duration_text, rough_text, size_text, time_text};
use super::super::print::Print;
use super::super::words::{counted, or_nothing};
use super::create::Asked;
use crate::api::model::{CampaignPlan, PlannedBytes, PlannedGroup, PlannedMember, PlannedWave};

/// Serial numbers that stand beside a reason; `--json` has more.
const NAMED_MAX: usize = 3;

/// See what an upgrade of many terminals would be, before anybody commits to it
///
/// Who would be in and who out and why, when each wave could open, how long it takes at least and
/// what is fetched, if it were created and started now. Nothing is kept. What `create` would refuse
/// is refused.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward campaign plan --release pos-2.0.0 --where 'store=north & model=px7' \\
    --policy careful --canary PX-1 --window 22:00-06:00")]
pub(crate) struct Plan {
    #[command(flatten)]
    asked: Asked,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let plan = client.plan_campaign(&self.asked.read(client).await?).await?;
        match self.json {
            true => print.json(&plan),
            false => whole(&plan, print),
        }
        Ok(Exit::Done)
    }
}

/// All that there is to know of it.
pub(super) fn whole(plan: &CampaignPlan, print: &mut Print) {
    print.line("Plan, if it were started now");
    print.line(format_args!("  change    {}", what(plan)));
    print.line(format_args!("  where     {}", plan.selector));
    print.line(format_args!("  members   {}", counted(plan.terminals, "terminal")));
    if let Some(bytes) = plan.bytes {
        print.line(format_args!("  fetched   {}", fetched(bytes)));
    }
    let sign = match plan.approvers {
        0 => "nobody must sign it".to_owned(),
        many => format!("{} must sign it first", counted(many, "approver")),
    };
    print.line(format_args!("  approval  {sign}"));
    let valid = duration_text(Duration::from_secs(plan.not_after_s));
    print.line(format_args!("  valid     {valid} from its start"));
    print.line(format_args!("  takes     {}", takes(plan)));
    print.line(format_args!("  zones     {}", zones(plan)));
    print.line("");
    let waves = plan.waves.iter().map(|wave| {
        let size = wave.terminals.to_string();
        let opens = wave.opens_at.map_or_else(|| "never, as it stands".to_owned(), time_text);
        [wave.number.to_string(), size, opens, local(wave)]
    });
    print.table(["wave", "terminals", "opens not before", "local time"], waves.collect(), "");
    members(plan, print);
}

/// `4h at least, until 2026-11-22 14:00Z; 3 terminals never get it, as windows and freezes stand`
fn takes(plan: &CampaignPlan) -> String {
    let never = match (plan.shut, plan.waves.iter().any(|it| it.opens_at.is_none())) {
        (0, false) => String::new(),
        (0, true) => "not all of it, as windows and freezes stand".to_owned(),
        (shut, _) => {
            format!("{} never get it, as windows and freezes stand", counted(shut, "terminal"))
        }
    };
    let least = rough_text(Duration::from_secs(plan.takes_s));
    let least = format!("{least} at least, until {}", time_text(plan.over_at));
    match (never.is_empty(), plan.takes_s >= plan.not_after_s || plan.shut == plan.terminals) {
        (true, _) => least,
        (false, true) => never,
        (false, false) => format!("{least}; {never}"),
    }
}

/// Who is in and who is out.
pub(in super::super) fn members(plan: &CampaignPlan, print: &mut Print) {
    let shown = plan.sample.len() as u64;
    let of_all = match plan.terminals > shown {
        true => format!("{}, for example", counted(plan.terminals, "terminal")),
        false => counted(plan.terminals, "terminal"),
    };
    print.line(format_args!("\nIn: {of_all}"));
    if plan.is_continuous {
        print.line("  and whoever comes to be meant while its orders are valid");
    }
    let rows = plan.sample.iter().map(|it| {
        let version = or_nothing(it.version.as_ref());
        [it.serial.clone(), it.store.clone(), it.model.clone(), version]
    });
    print.table(["serial", "store", "model", "version"], rows.collect(), "");
    groups("\nIn, and to be known:", &plan.concerns, print);
    groups("\nOut:", &plan.excluded, print);
    for warning in &plan.warnings {
        print.warning(&warning.detail);
    }
}

fn groups(title: &str, groups: &[PlannedGroup], print: &mut Print) {
    if groups.is_empty() {
        return;
    }
    print.line(title);
    let width = groups.iter().map(|it| it.terminals.to_string().len()).max().unwrap_or_default();
    for PlannedGroup { reason, terminals, sample } in groups {
        let named = named(*terminals, sample);
        print.line(format_args!("  {terminals:>width$} {} ({named})", reason.detail));
    }
    for PlannedGroup { reason, .. } in groups {
        if let Some(hint) = &reason.hint {
            print.hint(format_args!("{}: {hint}", reason.code));
        }
    }
}

/// `PX-1, PX-2, PX-3, …`
fn named(terminals: u64, sample: &[PlannedMember]) -> String {
    let mut named: Vec<_> = sample.iter().take(NAMED_MAX).map(|it| it.serial.as_str()).collect();
    if terminals > named.len() as u64 {
        named.push("…");
    }
    named.join(", ")
}

fn what(plan: &CampaignPlan) -> String {
    let software = plan.software.as_ref();
    software.map_or_else(|| "upgrade".to_owned(), |it| format!("{} {}", it.component, it.version))
}

fn fetched(bytes: PlannedBytes) -> String {
    let PlannedBytes { each, all, largest_wave, takes_s } = bytes;
    let [each, all, largest] = [each, all, largest_wave].map(size_text);
    let takes = takes_s.map(|seconds| rough_text(Duration::from_secs(seconds)));
    let takes = takes.map_or_else(String::new, |takes| format!("; {takes} at least by the limits"));
    format!("{each} by each terminal, {all} by all, {largest} by the largest wave{takes}")
}

fn zones(plan: &CampaignPlan) -> String {
    let zones = plan.zones.iter().map(|it| format!("{} in {}", it.terminals, it.zone));
    let elsewhere = (plan.elsewhere > 0).then(|| format!("{} elsewhere", plan.elsewhere));
    zones.chain(elsewhere).collect::<Vec<_>>().join(", ")
}

/// As few letters as tell it: the zone's city, and the day only where it is another than in UTC.
fn local(wave: &PlannedWave) -> String {
    let utc = wave.opens_at.map(time_text).unwrap_or_default();
    let there = wave.local.iter().map(|(zone, time)| {
        let place = zone.rsplit('/').next().unwrap_or(zone).replace('_', " ");
        match time.split_once(' ') {
            Some((day, clock)) if utc.starts_with(day) => format!("{place} {clock}"),
            Some(_) | None => format!("{place} {time}"),
        }
    });
    there.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::campaign_plan;
    use super::*;

    #[test]
    fn a_plan_says_who_is_in_who_is_out_and_when_it_goes_on() {
        golden::check("campaign-plan", &golden::printed(|print| whole(&campaign_plan(), print)));
    }

    #[test]
    fn before_a_campaign_is_created_its_members_are_shown_the_same_way() {
        let plan = CampaignPlan { concerns: vec![], warnings: vec![], ..campaign_plan() };
        let all: String = golden::printed(|print| whole(&plan, print));
        let members = golden::printed(|print| members(&plan, print));
        let (members, hints) = members.split_once("--- standard error\n").expect("it has hints");
        assert!(all.contains(members) && all.ends_with(hints), "{members}");
    }
}
