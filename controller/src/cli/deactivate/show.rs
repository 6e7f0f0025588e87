//! `tillward deactivate show` and `list`, and what a plan says.

use std::time::Duration;

use clap::Args;
use shared::id::CampaignId;

use super::super::campaign::show::summary;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{duration_text, time_text};
use super::super::print::Print;
use super::super::words::{counted, or_nothing, word};
use super::{campaign_id, case};
use crate::api::model::{
    Deactivation, DeactivationSummary, OwedOfBinding, ServiceFinding, ServiceObstacle, ServicePlan,
};

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
        list(&all, print);
        Ok(Exit::Done)
    }
}

fn list(all: &[DeactivationSummary], print: &mut Print) {
    let header = [
        "name",
        "change",
        "state",
        "terminals",
        "at risk",
        "owe late",
        "late items",
        "since",
        "id",
    ];
    let rows = all.iter().map(|it| {
        [
            or_nothing(it.campaign.name.as_ref()),
            it.kind.clone(),
            word(&it.campaign.state),
            it.terminals.to_string(),
            it.at_risk.to_string(),
            it.late.to_string(),
            or_nothing(it.late_items),
            time_text(it.campaign.created_at),
            it.campaign.id.to_string(),
        ]
    });
    print.table(header, rows.collect(), "no terminal was ever stopped");
}

pub(super) fn whole(it: &Deactivation, print: &mut Print) {
    summary(&it.campaign, print);
    print.line(format_args!("  request     {}", it.request));
    if let Some(checked) = &it.checked {
        let what: Vec<_> = checked.what.iter().map(String::as_str).collect();
        print.line(format_args!("  checked     {} by {}", what.join(", "), checked.by));
    }
    for (component, version) in &it.at_least {
        print.line(format_args!("  at least    {component} {version}"));
    }
    for (code, name) in &it.planned.answered {
        print.line(format_args!("  despite     {code}: {name} answers for it"));
    }
    if let Some(downtime_s) = it.downtime_s {
        let total = duration_text(Duration::from_secs(downtime_s));
        print.line(format_args!("  stood still {total}, all terminals together"));
    }
    deadlines(&it.planned, print);
    differs(&it.planned, print);
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
            or_nothing(terminal.downtime_s.map(|it| duration_text(Duration::from_secs(it)))),
            or_nothing(terminal.detail.as_ref()),
        ]
    });
    let header = ["serial", "store", "service", "wipe", "risk", "stood still", "detail"];
    print.table(header, rows.collect(), "it has no terminals before it is started");
    owing(it, print);
    if it.at_risk > 0 {
        let terminals = counted(it.at_risk, "terminal");
        print.warning(format_args!("{terminals} may not stop in time"));
        print.hint("see that they connect, or stop them on site");
    }
    it.stop.iter().for_each(|stop| case::parts(stop, print));
}

/// What is open on each terminal that may settle later, and until when.
fn owing(it: &Deactivation, print: &mut Print) {
    let owes = it.terminals.iter().filter_map(|one| Some((&one.serial, one.owing.as_ref()?)));
    for (serial, owing) in owes {
        let late = if owing.is_late { ", WHICH IS OVER" } else { "" };
        let by = time_text(owing.settled_by);
        print.line(format_args!("\n{serial} has not settled; it may until {by}{late}"));
        print.line(format_args!("  accepted by  {}: {}", owing.accepted_by, owing.reason));
        for owed in &owing.owed {
            print.line(format_args!("  {:<11}  {}", owed.binding, in_words(owed)));
        }
        if owing.owed.is_empty() {
            print.line("  it says that it owes nothing, and no host has confirmed it");
        }
    }
    if it.late > 0 {
        let terminals = counted(it.late, "terminal");
        print.warning(format_args!("the time in which {terminals} could settle is over"));
        print.hint("let them settle: `tillward deactivate settle`; else ask their provider");
    }
}

fn in_words(owed: &OwedOfBinding) -> String {
    let sales = counted(owed.sales, "sale");
    let (reversals, stored) = (owed.unsent_reversals, owed.stored_offline);
    format!(
        "{sales} of {} {} not settled; {} and {} not sent",
        owed.total_minor,
        owed.currency,
        counted(reversals, "reversal"),
        counted(stored, "stored payment"),
    )
}

fn deadlines(plan: &ServicePlan, print: &mut Print) {
    for it in &plan.deadlines {
        let late = if it.is_late { ", which was late when it was planned" } else { "" };
        print.line(format_args!("  {:<10}  by {}{late}", it.what, time_text(it.by)));
    }
}

pub(super) fn plan(plan: &ServicePlan, print: &mut Print) {
    let rows = plan.terminals.iter().map(|part| {
        let obstacles: Vec<_> = part.obstacles.iter().map(obstacle).collect();
        let against = if obstacles.is_empty() { "-".to_owned() } else { obstacles.join("; ") };
        [part.serial.clone(), part.store.clone(), against]
    });
    let header = ["serial", "store", "what speaks against it"];
    print.table(header, rows.collect(), "nobody would take part");
    deadlines(plan, print);
    differs(plan, print);
    findings(plan, print);
    if !plan.unchecked.is_empty() {
        let unchecked = plan.unchecked.join(", ");
        print.warning(format_args!("nobody has checked {unchecked} on site"));
    }
    plan.told.iter().for_each(|told| case::enough(told, print));
    let of_terminals = plan.terminals.iter().flat_map(|part| &part.obstacles);
    let of_terminals = of_terminals.filter(|it| it.answered_by.is_none());
    let open = plan.findings.iter().filter(|it| answered(plan, it).is_none());
    let mut hints: Vec<_> = of_terminals.map(|it| it.hint.as_str()).collect();
    hints.extend(open.map(|it| it.hint.as_str()));
    hints.extend(plan.told.iter().filter_map(|told| told.hint.as_deref()));
    hints.extend((!plan.unchecked.is_empty()).then_some(CHECK_FIRST));
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

const CHECK_FIRST: &str =
    "have somebody look at the terminal, then name what they checked with --checked";

fn obstacle(it: &ServiceObstacle) -> String {
    match &it.answered_by {
        Some(name) => format!("{} ({name} answers for it)", it.detail),
        None => it.detail.clone(),
    }
}

/// What parties may have been told otherwise.
fn differs(plan: &ServicePlan, print: &mut Print) {
    if plan.differs.is_empty() {
        return;
    }
    print.line("  differs from what was announced, and takes its place:");
    for it in &plan.differs {
        print.line(format_args!("    {it}"));
    }
}

/// What is not valid any more, what nobody has told, and who answers for it.
fn findings(plan: &ServicePlan, print: &mut Print) {
    if plan.findings.is_empty() {
        return;
    }
    print.line("");
    let rows = plan.findings.iter().map(|it| {
        let answer = answered(plan, it).map(|name| format!("{name} answers"));
        [
            it.code.clone(),
            answer.unwrap_or_else(|| word(&it.weight)),
            it.about.clone(),
            it.detail.clone(),
        ]
    });
    print.table(["finding", "weight", "about", "detail"], rows.collect(), "nothing was found");
}

fn answered<'a>(plan: &'a ServicePlan, it: &ServiceFinding) -> Option<&'a String> {
    plan.answered.get(&it.code)
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{
        deactivation, deactivation_summary, owing_deactivation, resume_plan, resumption,
        service_plan,
    };
    use super::*;

    #[test]
    fn a_change_of_service_says_who_stops_who_waits_and_who_may_be_late() {
        let show = |print: &mut Print| whole(&deactivation(), print);
        golden::check("deactivation-show", &golden::printed(show));
        let show = |print: &mut Print| whole(&owing_deactivation(), print);
        golden::check("deactivation-show-owing", &golden::printed(show));
        let listed = |print: &mut Print| list(&[deactivation_summary()], print);
        golden::check("deactivation-list", &golden::printed(listed));
        let show = |print: &mut Print| plan(&service_plan(), print);
        golden::check("deactivation-plan", &golden::printed(show));
    }

    #[test]
    fn an_answer_takes_the_place_of_its_hint_and_what_differs_is_said() {
        let mut it = service_plan();
        it.is_blocked = false;
        it.terminals[1].obstacles[0].answered_by = Some("Bo".to_owned());
        it.differs = vec!["expected back: no day was announced, Friday is asked for".to_owned()];
        let said = golden::printed(|print| plan(&it, print));
        assert!(said.contains("(Bo answers for it)") && !said.contains("--close-store"), "{said}");
        assert!(said.contains("differs from what was announced"), "{said}");
    }

    #[test]
    fn a_plan_of_a_return_says_what_nobody_has_checked() {
        let mut it = resume_plan();
        it.unchecked = vec!["reader".to_owned(), "battery".to_owned()];
        let said = golden::printed(|print| plan(&it, print));
        assert!(said.contains("nobody has checked reader, battery on site"), "{said}");
        assert!(said.contains("with --checked"), "{said}");
    }

    #[test]
    fn a_return_to_service_says_what_is_not_valid_who_answers_and_how_long_it_lasted() {
        let show = |print: &mut Print| whole(&resumption(), print);
        golden::check("resumption-show", &golden::printed(show));
        let show = |print: &mut Print| plan(&resume_plan(), print);
        golden::check("resumption-plan", &golden::printed(show));
    }
}
