//! `tillward rebind plan` and `start`.

use std::time::Duration;

use clap::Args;

use super::super::approve::describe::fee;
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{self, duration_text};
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use super::profiles::ProfileFile;
use super::show;
use super::terms::{TermsArgs, pair};
use crate::api::model::{CampaignState, NewRebind, Plan, PlanRebind};

/// Show what a change of provider would come to; nothing is written
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward rebind plan --from alpha --to beta --where 'store=north' --profiles beta.toml \\
    --request REQUEST --reason fee --ordered-by 'Cora Merchant' --wave 2,6 --window 22:00-06:00")]
pub(in super::super) struct MakePlan {
    #[command(flatten)]
    terms: TermsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Ask for a change of provider; its first wave begins when the approvers have signed
///
/// Refused while the plan speaks against it. What may be overridden needs the name of a person who
/// answers for it; it is kept with the change.
///
/// The file of profiles is TOML: `currency`, `mcc` and `hosts` for all, and one [[terminal]] each
/// with `serial`, `mid`, `tid`, `name`, `replaces_mid`, `replaces_tid`, and where there is one the
/// `secret`, which is sealed to the terminal on this machine. A file `*.csv` is a table with a line
/// for each terminal: serial, mid, tid, name, mcc, currency, hosts (with spaces between them),
/// replaces_mid, replaces_tid, and where they are known secret and terminal_key.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward rebind start --from alpha --to beta --where 'store=north' --profiles beta.toml \\
    --request REQUEST --reason fee --ordered-by 'Cora Merchant' --wave 2,6 --max-parallel 2 \\
    --told bank=2026-11-20T09:00:00Z --override contract-unknown='Bo'")]
pub(in super::super) struct Start {
    #[command(flatten)]
    terms: TermsArgs,
    /// Terminals that may work on it at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: u32,
    /// Who answers for a finding of the plan; may be repeated
    #[arg(long = "override", value_name = "CODE=NAME", value_parser = pair)]
    overrides: Vec<(String, String)>,
    /// How long approvers and terminals have for a wave; else 3 days
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    not_after: Option<Duration>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl MakePlan {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let file = ProfileFile::read(&self.terms.profiles)?;
        let terms = self.terms.terms().map_err(Failure::new)?;
        let waves = self.terms.split(file.wanted());
        let plan = client.plan_rebind(&PlanRebind { terms, waves }).await?;
        match self.json {
            true => print.json(&plan),
            false => shown(&plan, print),
        }
        Ok(Exit::Done)
    }
}

impl Start {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let file = ProfileFile::read(&self.terms.profiles)?;
        let terms = self.terms.terms().map_err(Failure::new)?;
        let fleet = client.status().await?.fleet;
        let known = client.terminals(None).await?;
        let waves = self.terms.split(file.wanted());
        let plan = client.plan_rebind(&PlanRebind { terms: terms.clone(), waves }).await?;
        let profiles = file.sealed(&terms.to, fleet, &known, &plan, print)?;
        let asked = NewRebind {
            terms,
            name: self.name.clone(),
            max_parallel: self.max_parallel,
            not_after_s: self.not_after.map(|lifetime| lifetime.as_secs()),
            waves: self.terms.split(profiles),
            overrides: self.overrides.iter().cloned().collect(),
        };
        let rebind = client.create_rebind(&asked).await?;
        match self.json {
            true => print.json(&rebind),
            false => {
                show::head(&rebind, print);
                let waits = rebind.waves.iter().all(|it| it.state == CampaignState::Draft);
                match waits {
                    true => print.remark(format_args!(
                        "\nIt waits as a draft until it is to begin. Meanwhile:\n  \
                         tillward rebind letters {0} --to letters\n  \
                         tillward rebind notice {0} --party bank …\n\
                         and then, once parties were told in time:\n  tillward rebind next {0}",
                        rebind.id
                    )),
                    false => print.remark(format_args!(
                        "\nNothing is sent before its approvers have signed. Next:\n  tillward \
                         approve export {} --to request.json",
                        rebind.id
                    )),
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn shown(plan: &Plan, print: &mut Print) {
    let header = ["serial", "store", "wave", "how", "why"];
    let rows = plan.terminals.iter().map(|it| {
        let why = it.why.join("; ");
        let why = or_nothing(Some(why).filter(|why| !why.is_empty()));
        [it.serial.clone(), it.store.clone(), it.wave.to_string(), word(&it.how), why]
    });
    print.table(header, rows.collect(), "no terminal takes part");
    print.line("");
    let header = ["weight", "code", "about", "what"];
    let rows = plan
        .findings
        .iter()
        .map(|it| [word(&it.weight), it.code.clone(), it.about.clone(), it.detail.clone()]);
    print.table(header, rows.collect(), "nothing speaks against it");
    print.line("\nNo way back");
    for point in &plan.points_of_no_return {
        print.line(format_args!("  {point}"));
    }
    let downtime = duration_text(Duration::from_secs(plan.downtime_s));
    print.line(format_args!("\n  each shop waits   about {downtime}"));
    let fees = match &plan.fees {
        None => vec!["not known".to_owned()],
        Some(same) if same.is_empty() => vec!["the same as now".to_owned()],
        Some(fees) => fees.iter().map(fee).collect(),
    };
    for fee in fees {
        print.line(format_args!("  fees              {fee}"));
    }
    let unknown = || "not known".to_owned();
    let penalty = plan.penalty.clone().unwrap_or_else(unknown);
    print.line(format_args!("  cost of leaving   {penalty}"));
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::rebind_plan;
    use super::*;

    #[test]
    fn a_plan_says_what_is_not_known_and_where_there_is_no_way_back() {
        golden::check("rebind-plan", &golden::printed(|print| shown(&rebind_plan(), print)));
    }
}
