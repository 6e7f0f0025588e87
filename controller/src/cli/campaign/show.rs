//! `tillward campaign show` and `list`.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::document::order::Class;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{ago_text, duration_text, time_text};
use super::super::print::Print;
use super::super::words::{counted, or_nothing, word};
use super::frame::{progress, reason};
use super::{campaign_id, what};
use crate::api::model::{Assignment, Campaign, CampaignState};
use crate::campaign::words;

/// Show a campaign, why terminals are held back, and how each does
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List campaigns
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    campaign: &'a Campaign,
    terminals: &'a [Assignment],
}

impl Show {
    pub(crate) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let campaign = client.campaign(self.campaign).await?;
        let assignments = client.assignments(self.campaign).await?;
        if self.json {
            print.json(&Shown { campaign: &campaign, terminals: &assignments });
            return Ok(Exit::Done);
        }
        whole(&campaign, &assignments, now, print);
        Ok(Exit::Done)
    }
}

impl List {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let campaigns = client.campaigns().await?;
        if self.json {
            print.json_list(&campaigns);
            return Ok(Exit::Done);
        }
        list(&campaigns, print);
        Ok(Exit::Done)
    }
}

fn list(campaigns: &[Campaign], print: &mut Print) {
    let header = ["name", "change", "where", "state", "ended", "created", "id"];
    let rows = campaigns.iter().map(|campaign| {
        [
            or_nothing(campaign.name.as_ref()),
            what(campaign),
            campaign.selector.clone(),
            word(&campaign.state),
            ended(campaign),
            time_text(campaign.created_at),
            campaign.id.to_string(),
        ]
    });
    print.table(header, rows.collect(), "no campaign was created");
}

fn whole(campaign: &Campaign, assignments: &[Assignment], now: UnixTime, print: &mut Print) {
    summary(campaign, print);
    if !assignments.is_empty() {
        print.line("");
        table(assignments, now, print);
    }
    hints(assignments, print);
}

/// `5 of 8`: members of which nothing more is expected.
fn ended(campaign: &Campaign) -> String {
    let ended = campaign.by_state.iter().filter(|(state, _)| state.is_end());
    let ended: u64 = ended.map(|(_, count)| count).sum();
    format!("{ended} of {}", or_nothing(campaign.terminals))
}

/// Where there is more than one, or something to wait for.
fn waves(campaign: &Campaign, print: &mut Print) {
    if campaign.policy.gate.is_none() {
        return;
    }
    for wave in &campaign.waves {
        let done = format!("{} of {} succeeded", wave.succeeded, wave.terminals);
        let bad = match (wave.bad, wave.acknowledged) {
            (0, _) => String::new(),
            (bad, 0) => format!(", {bad} bad"),
            (bad, known) => format!(", {bad} bad ({known} acknowledged)"),
        };
        let waits = match wave.waits_for.as_slice() {
            [] => String::new(),
            waits => format!("; {}", waits.join("; ")),
        };
        let state = word(&wave.state);
        print.line(format_args!("  wave {:<4} {state}: {done}{bad}{waits}", wave.number));
    }
    if campaign.state == CampaignState::Halted {
        print.warning(format_args!(
            "it is halted: look at the {} that ended badly, then `tillward campaign resume {} \
             --acknowledge {}`, or abort it",
            campaign.bad, campaign.id, campaign.bad
        ));
    }
}

/// What holds it besides its places.
fn limits(campaign: &Campaign, print: &mut Print) {
    let policy = &campaign.policy;
    if campaign.class != Class::Normal {
        print.line(format_args!("  class     {}", word(&campaign.class)));
    }
    if let Some(rate) = policy.rate {
        print.line(format_args!("  rate      {rate}"));
    }
    if let Some(at_once) = policy.store_at_once {
        print.line(format_args!("  stores    {at_once} of each at once"));
    }
    if let Some(fallback) = &policy.fallback {
        print.line(format_args!("  meanwhile {fallback}"));
    }
    if let Some(at) = policy.not_before {
        print.line(format_args!("  begins    not before {}", time_text(at)));
    }
    if let Some(release) = policy.revert_to {
        print.line(format_args!("  stopped   goes back to release {release}"));
    }
}

/// Whether whoever comes to be meant is taken in, and how many were.
fn joining(campaign: &Campaign, print: &mut Print) {
    if !campaign.policy.is_continuous() {
        return;
    }
    let joined = match campaign.joined {
        0 => String::new(),
        joined => format!("; {} joined after the start", counted(joined, "terminal")),
    };
    print.line(format_args!("  members   whoever comes to be meant, too{joined}"));
}

/// The campaign itself, without its terminals.
pub(in super::super) fn summary(campaign: &Campaign, print: &mut Print) {
    let name = campaign.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    print.line(format_args!("Campaign{name} ({})", campaign.id));
    let who = format!("{} at {}", campaign.state_by, time_text(campaign.state_at));
    let why = campaign.state_reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    print.line(format_args!("  state     {}, by {who}{why}", word(&campaign.state)));
    print.line(format_args!("  change    {}", what(campaign)));
    for (term, value) in words::of_change(&campaign.change.clone().into()).terms {
        print.line(format_args!("  {term:<9} {value}"));
    }
    print.line(format_args!("  where     {}", campaign.selector));
    joining(campaign, print);
    print.line(format_args!("  parallel  at most {}", campaign.max_parallel));
    limits(campaign, print);
    let lifetime = duration_text(Duration::from_secs(campaign.not_after_s));
    match campaign.not_after {
        Some(at) => print.line(format_args!("  valid     until {}", time_text(at))),
        None => print.line(format_args!("  valid     {lifetime} from its start")),
    }
    let states = campaign.by_state.iter();
    let states: Vec<_> = states.map(|(state, count)| format!("{count} {}", word(state))).collect();
    match campaign.terminals {
        Some(count) => print.line(format_args!(
            "  members   {}: {}",
            counted(count, "terminal"),
            if states.is_empty() { "none".to_owned() } else { states.join(", ") }
        )),
        None => print.line("  members   chosen when it is started"),
    }
    if campaign.state == CampaignState::Paused {
        match campaign.at_it {
            0 => print.line("  at rest   nobody is at it any more"),
            at_it => print.line(format_args!("  at rest   not yet: {at_it} still at it")),
        }
    }
    waves(campaign, print);
    for held in &campaign.held {
        let next = held.next_at.map(|at| format!(", until {}", time_text(at)));
        let next = next.unwrap_or_default();
        print.line(format_args!("  held      {} × {}{next}", held.terminals, held.reason.detail));
    }
    if let Some(reverts) = campaign.reverts {
        print.line(format_args!("  reverts   what {reverts} had brought"));
    }
    if let Some(original) = campaign.copy_of {
        print.line(format_args!("  copy of   {original}"));
    }
    if campaign.late_successes > 0 || campaign.contradictions > 0 {
        print.warning(format_args!(
            "{} late, {}: look at them with `tillward alarms`",
            counted(campaign.late_successes, "success"),
            counted(campaign.contradictions, "contradiction")
        ));
    }
}

pub(in super::super) fn table(assignments: &[Assignment], now: UnixTime, print: &mut Print) {
    let header = ["serial", "store", "state", "step", "progress", "since", "reason"];
    let rows = assignments.iter().map(|assignment| {
        [
            assignment.serial.clone(),
            assignment.store.clone(),
            word(&assignment.state),
            or_nothing(assignment.step.as_ref()),
            progress(assignment),
            or_nothing(assignment.updated_at.map(|at| ago_text(at, now))),
            reason(assignment),
        ]
    });
    print.table(header, rows.collect(), "");
}

/// What to do about what went wrong: each advice once.
fn hints(assignments: &[Assignment], print: &mut Print) {
    let reasons = assignments.iter().filter_map(|assignment| assignment.reason.as_ref());
    let hints: std::collections::BTreeSet<_> = reasons
        .filter_map(|reason| Some((reason.code.as_str(), reason.hint.as_deref()?)))
        .collect();
    for (code, hint) in hints {
        print.hint(format_args!("{code}: {hint}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{NOW, assignments, campaign};
    use super::*;

    #[test]
    fn a_campaign_shows_how_each_terminal_does_and_each_advice_once() {
        let mut assignments = assignments();
        assignments.push(Assignment { serial: "PX-6".to_owned(), ..assignments[2].clone() });
        let show = |print: &mut Print| whole(&campaign(), &assignments, NOW, print);
        golden::check("campaign-show", &golden::printed(show));
    }

    #[test]
    fn a_draft_has_no_members_yet() {
        let draft = Campaign {
            name: None,
            state: CampaignState::Draft,
            state_reason: None,
            terminals: None,
            by_state: std::collections::BTreeMap::new(),
            held: Vec::new(),
            waves: Vec::new(),
            bad: 0,
            started_at: None,
            not_after: None,
            ..campaign()
        };
        golden::check("campaign-draft", &golden::printed(|print| whole(&draft, &[], NOW, print)));
        let campaigns = [campaign(), draft];
        golden::check("campaign-list", &golden::printed(|print| list(&campaigns, print)));
    }
}
