//! `tillward deactivate show` and `list`, and what a plan says.

use clap::Args;
use shared::id::CampaignId;

use super::super::campaign::show::summary;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{counted, or_nothing, word};
use super::{campaign_id, case};
use crate::api::model::{Deactivation, ServicePlan};

/// Show a change of service: every terminal, and what it waits for
#[derive(Debug, Args)]
pub(in super::super) struct Show {
    /// Its campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List changes of service
#[derive(Debug, Args)]
pub(in super::super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let found = client.deactivation(self.campaign).await?;
        match self.json {
            true => print.json(&found),
            false => whole(&found, print),
        }
        Ok(Exit::Done)
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let all = client.deactivations().await?;
        if self.json {
            print.json_list(&all);
            return Ok(Exit::Done);
        }
        let header =
            ["name", "change", "state", "terminals", "at risk", "late items", "since", "id"];
        let rows = all.iter().map(|it| {
            [
                or_nothing(it.campaign.name.as_ref()),
                it.kind.clone(),
                word(&it.campaign.state),
                it.terminals.len().to_string(),
                it.at_risk.to_string(),
                or_nothing(it.stop.as_ref().map(|stop| stop.late)),
                time_text(it.campaign.created_at),
                it.campaign.id.to_string(),
            ]
        });
        print.table(header, rows.collect(), "no terminal was ever stopped");
        Ok(Exit::Done)
    }
}

pub(super) fn whole(it: &Deactivation, print: &mut Print) {
    summary(&it.campaign, print);
    print.line(format_args!("  request     {}", it.request));
    if let Some(checked) = &it.checked {
        let what: Vec<_> = checked.what.iter().map(String::as_str).collect();
        print.line(format_args!("  checked     {} by {}", what.join(", "), checked.by));
    }
    deadlines(&it.planned, print);
    it.planned.told.iter().for_each(|told| case::enough(told, print));
    print.line("");
    let rows = it.terminals.iter().map(|terminal| {
        let risk = if terminal.at_risk { "AT RISK" } else { "" };
        [
            terminal.serial.clone(),
            terminal.store.clone(),
            terminal.service.clone(),
            or_nothing(terminal.wipe.as_ref()),
            risk.to_owned(),
            or_nothing(terminal.detail.as_ref()),
        ]
    });
    let header = ["serial", "store", "service", "wipe", "risk", "detail"];
    print.table(header, rows.collect(), "it has no terminals before it is started");
    if it.at_risk > 0 {
        let terminals = counted(it.at_risk, "terminal");
        print.warning(format_args!("{terminals} may not stop in time"));
        print.hint("see that they connect, or stop them on site");
    }
    it.stop.iter().for_each(|stop| case::parts(stop, print));
}

fn deadlines(plan: &ServicePlan, print: &mut Print) {
    for it in &plan.deadlines {
        let late = if it.is_late { ", which was late when it was planned" } else { "" };
        print.line(format_args!("  {:<10}  by {}{late}", it.what, time_text(it.by)));
    }
}

pub(super) fn plan(plan: &ServicePlan, print: &mut Print) {
    let rows = plan.terminals.iter().map(|part| {
        let obstacles: Vec<_> = part.obstacles.iter().map(|it| it.detail.as_str()).collect();
        let against = if obstacles.is_empty() { "-".to_owned() } else { obstacles.join("; ") };
        [part.serial.clone(), part.store.clone(), against]
    });
    let header = ["serial", "store", "what speaks against it"];
    print.table(header, rows.collect(), "nobody would take part");
    deadlines(plan, print);
    plan.told.iter().for_each(|told| case::enough(told, print));
    let mut hints: Vec<_> = plan
        .terminals
        .iter()
        .flat_map(|part| part.obstacles.iter().map(|it| it.hint.as_str()))
        .collect();
    hints.extend(plan.told.iter().filter_map(|told| told.hint.as_deref()));
    hints.sort_unstable();
    hints.dedup();
    for hint in hints {
        print.hint(hint);
    }
    match plan.is_blocked {
        true => print.warning("it cannot begin"),
        false => print.remark("\nNothing speaks against it."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{deactivation, service_plan};
    use super::*;

    #[test]
    fn a_change_of_service_says_who_stops_who_waits_and_who_may_be_late() {
        let show = |print: &mut Print| whole(&deactivation(), print);
        golden::check("deactivation-show", &golden::printed(show));
        let show = |print: &mut Print| plan(&service_plan(), print);
        golden::check("deactivation-plan", &golden::printed(show));
    }
}
