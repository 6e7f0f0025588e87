//! `tillward backup purge`: asks for snapshots to go before the rules let them.

use std::io::IsTerminal as _;

use clap::Args;
use inquire::{InquireError, Text};
use shared::digest::Digest;
use shared::id::RepositoryId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{size_text, time_text};
use super::super::print::Print;
use super::super::words::{counted, or_nothing};
use super::retention::stays;
use crate::api::model::{NewPurge, PlannedRepository, PurgePlan};

/// Let snapshots go that the rules would keep
///
/// It shows what would go, what stays and why. Nothing is done before the number of snapshots is
/// typed, or --yes is given. What is asked for expires, and is deleted with the whole of its
/// repository when the time of grace is over; until then `tillward backup hold` brings it back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward backup purge REPOSITORY --reason 'the merchant asked for it'")]
pub(crate) struct Purge {
    /// Repositories, or digests of snapshots' manifests
    #[arg(value_name = "REPOSITORY|SNAPSHOT", value_parser = target, required = true)]
    targets: Vec<Target>,
    /// Why; kept in the audit log and in the certificate
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Even the last one that can be restored of a terminal that goes on
    #[arg(long)]
    last_copy: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Repository(RepositoryId),
    Snapshot(Digest),
}

fn target(text: &str) -> Result<Target, String> {
    let repository = text.parse().map(Target::Repository);
    let wrong = |_| format!("`{text}` is neither a repository's id nor a digest");
    repository.or_else(|_| text.parse().map(Target::Snapshot)).map_err(wrong)
}

impl Purge {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut asked = self.asked();
        let plan = client.plan_purge(&asked).await?;
        if !self.json {
            show(&plan, print);
        }
        if let Some(refused) = plan.refused.first() {
            if self.json {
                print.json(&plan);
            }
            return Err(Failure::because(format_args!("nothing is done: {}", refused.detail))
                .exit(Exit::Refused)
                .hint(match refused.code.as_str() {
                    "last-copy" => {
                        "take another backup first, or add --last-copy to leave it without any"
                            .to_owned()
                    }
                    _ => refused.hint.clone(),
                }));
        }
        if plan.snapshots == 0 || !self.is_meant(plan.snapshots)? {
            match self.json {
                true => print.json(&plan),
                false => print.remark("Nothing was done."),
            }
            return Ok(Exit::Done);
        }
        asked.snapshots_expected = Some(plan.snapshots);
        let done = client.purge(&asked).await?;
        match self.json {
            true => print.json(&done),
            false => print.line(format_args!(
                "{} expire from now on; `tillward backup hold` brings one back until it is deleted",
                counted(done.snapshots, "snapshot")
            )),
        }
        Ok(Exit::Done)
    }

    fn asked(&self) -> NewPurge {
        let repository = |it: &Target| match it {
            Target::Repository(id) => Some(*id),
            Target::Snapshot(_) => None,
        };
        let snapshot = |it: &Target| match it {
            Target::Snapshot(manifest) => Some(*manifest),
            Target::Repository(_) => None,
        };
        NewPurge {
            repositories: self.targets.iter().filter_map(repository).collect(),
            snapshots: self.targets.iter().filter_map(snapshot).collect(),
            reason: self.reason.clone(),
            last_copy: self.last_copy,
            snapshots_expected: None,
        }
    }

    /// Whether the person who asks knows how many snapshots go. Where there is nobody to ask, it is
    /// only shown.
    fn is_meant(&self, snapshots: u64) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if self.json || !std::io::stdin().is_terminal() {
            return Ok(false);
        }
        let asked = "Type the number of snapshots to let them go, or nothing to stop:";
        match Text::new(asked).prompt() {
            Ok(answer) => Ok(answer.trim() == snapshots.to_string()),
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
            Err(error) => Err(Failure::new(error)
                .context("nobody could be asked how many snapshots shall go")
                .hint("pass --yes")),
        }
    }
}

pub(super) fn show(plan: &PurgePlan, print: &mut Print) {
    let rows = plan.repositories.iter().flat_map(|repository| {
        repository.snapshots.iter().map(|it| {
            [
                repository.serial.clone(),
                it.number.to_string(),
                time_text(it.taken_at),
                if it.goes { "goes".to_owned() } else { stays(&it.stays) },
                it.manifest.to_string(),
            ]
        })
    });
    let header = ["serial", "number", "taken", "what becomes of it", "snapshot"];
    print.table(header, rows.collect(), "there is no snapshot in it");
    print.line("");
    let row = |it: &PlannedRepository| {
        let goes_at = or_nothing(it.purge_at.map(time_text));
        [it.serial.clone(), size_text(it.bytes), goes_at, it.repository.to_string()]
    };
    let header = ["serial", "size", "deleted at", "repository"];
    print.table(header, plan.repositories.iter().map(row).collect(), "no repository is concerned");
    print.line("");
    print.line(format_args!("{} would go", counted(plan.snapshots, "snapshot")));
    for refused in &plan.refused {
        print.warning(&refused.detail);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn a_plan_shows_what_goes_what_stays_and_what_speaks_against_it() {
        golden::check(
            "backup-purge",
            &golden::printed(|print| show(&samples::purge_plan(), print)),
        );
    }
}
