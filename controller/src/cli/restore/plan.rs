//! `tillward restore plan`: what would happen, before anybody is asked to sign.

use clap::Args;
use serde::Serialize;
use shared::document::manifest::DataSet;
use shared::time::UnixTime;

use super::super::backup::show::{numbers, totals};
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{ago_text, time_text};
use super::super::print::Print;
use super::super::words::word;
use super::ask::What;
use crate::api::model::{Presence, SnapshotDetail, SnapshotState, Terminal};

/// Show what a restore would put where, and what speaks against it; nothing is asked of anybody
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward restore plan SNAPSHOT --data-set journal")]
pub(crate) struct Plan {
    #[command(flatten)]
    what: What,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known before the terminal itself has looked.
#[derive(Debug, Serialize)]
struct Planned<'a> {
    snapshot: &'a SnapshotDetail,
    terminal: &'a Terminal,
    data_sets: Vec<&'a DataSet>,
    /// Where only one file of a data set is meant.
    file: Option<&'a str>,
    concerns: Vec<String>,
}

impl Plan {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let detail = client.snapshot(self.what.snapshot).await?;
        self.what.check(&detail)?;
        let target = self.what.target(&detail, client).await?;
        let terminal = client.terminal(target).await?.terminal;
        let concerns = concerns(&detail, &terminal);
        let data_sets = self.what.chosen(&detail, &terminal);
        let file = self.what.file.as_deref();
        let planned = Planned { snapshot: &detail, terminal: &terminal, data_sets, file, concerns };
        match self.json {
            true => print.json(&planned),
            false => show(&planned, now, print),
        }
        Ok(Exit::Done)
    }
}

/// What an operator can see from here. The terminal looks again, and more closely.
fn concerns(of: &SnapshotDetail, terminal: &Terminal) -> Vec<String> {
    let it = &of.snapshot;
    let mut concerns = Vec::new();
    match it.state {
        SnapshotState::Available => {}
        SnapshotState::Received | SnapshotState::Copied | SnapshotState::Damaged => {
            concerns.push(format!(
                "the snapshot is {}: it was not read back whole from both places",
                word(&it.state)
            ));
        }
        SnapshotState::Expiring => {
            let when = it.purge_at.map(|at| format!(" and goes at {}", time_text(at)));
            concerns.push(format!(
                "the snapshot is expiring{}: hold it first with `tillward backup hold {}`",
                when.unwrap_or_default(),
                it.manifest
            ));
        }
        SnapshotState::Purged => concerns.push(format!(
            "the snapshot was purged at {}: nothing of it is left; `tillward backup certificate \
             show {}` says why",
            time_text(it.state_at),
            it.repository
        )),
    }
    if it.terminal != terminal.id {
        concerns.push(format!(
            "{} saved it: its key must be sealed to {}, and what is open in its batch stays there",
            it.terminal, terminal.serial
        ));
        match &terminal.recipient {
            Some(it) => concerns.push(format!(
                "compare {} with what `tillward-agent status` shows on {}",
                it.recipient, terminal.serial
            )),
            None => concerns.push(format!(
                "{} has not said to whom its keys are sealed: its agent.toml needs `[backup]`",
                terminal.serial
            )),
        }
    }
    if terminal.presence != Presence::Online {
        concerns.push(format!("{} is not connected", terminal.serial));
    }
    concerns
}

fn show(planned: &Planned<'_>, now: UnixTime, print: &mut Print) {
    let Planned { snapshot: detail, terminal, data_sets, file, concerns } = planned;
    let it = &detail.snapshot;
    print.line(format_args!("Snapshot {} of {}", it.number, it.terminal));
    print.line(format_args!("  taken     {} ({})", time_text(it.taken_at), {
        ago_text(it.taken_at, now)
    }));
    print.line(format_args!("  state     {}", word(&it.state)));
    print.line(format_args!(
        "  onto      {} ({}), {}",
        terminal.serial, terminal.id, terminal.model
    ));
    if let Some(file) = file {
        print.line(format_args!("  only      {file}, and nothing else of its data set"));
    }
    print.line("");
    let row = |set: &&DataSet| {
        let records = set.records.to_string();
        [set.name.clone(), set.class.to_string(), records, totals(set), numbers(set)]
    };
    let header = ["replaces", "class", "records", "totals (minor)", "numbers"];
    print.table(header, data_sets.iter().map(row).collect(), "nothing of it may go there");
    print.line("");
    for concern in concerns {
        print.warning(concern);
    }
    print.remark("What the till has by then is saved first, and two approvers have to sign.");
    if it.terminal != terminal.id && terminal.recipient.is_some() {
        let (serial, id, manifest) = (&terminal.serial, terminal.id, it.manifest);
        print.remark(format_args!(
            "\nNext, so that {serial} can read it:\
             \n  tillward backup export {manifest} --to DIR\
             \n  tillward terminal recipient {serial} -o {serial}.recipient\
             \n  tillward recovery reseal --repository DIR --to {serial}.recipient … \
             -o {serial}.key\
             \n  tillward restore start {manifest} --onto {id} --key {serial}.key"
        ));
    }
}

impl What {
    /// The data sets that would be replaced.
    fn chosen<'a>(&self, of: &'a SnapshotDetail, terminal: &Terminal) -> Vec<&'a DataSet> {
        use shared::backup::Selection;
        let own = of.snapshot.terminal == terminal.id;
        let may_go = |set: &&DataSet| own || set.class.policy().migrate;
        let is_meant = |set: &&DataSet| match self.selection() {
            Selection::Everything => true,
            Selection::DataSets(names) => names.contains(&set.name),
            Selection::File(path) => path.split('/').nth(1) == Some(set.name.as_str()),
        };
        of.data_sets.iter().filter(may_go).filter(is_meant).collect()
    }
}
