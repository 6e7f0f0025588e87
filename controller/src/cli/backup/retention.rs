//! `tillward backup retention`: what stays, what goes and when, and why.

use clap::Args;
use serde::Serialize;
use shared::id::TerminalId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{size_text, time_text};
use super::super::print::Print;
use super::super::words::{NOTHING, or_nothing, word};
use super::terminal_id;
use crate::api::model::{RetentionPolicy, StayReason, TerminalRetention};

/// Show what is kept of each terminal, and of each snapshot why it stays or when it goes
///
/// A snapshot that no rule keeps expires, and is deleted with the whole of its repository, once
/// that is closed and nothing in it stays. Until then `tillward backup hold` brings it back.
#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// Of one terminal
    #[arg(long, value_name = "TERMINAL", value_parser = terminal_id)]
    terminal: Option<TerminalId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    policy: RetentionPolicy,
    terminals: Vec<TerminalRetention>,
}

impl Retention {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let policy = client.retention_policy().await?;
        let terminals = client.retention(self.terminal).await?;
        match self.json {
            true => print.json(&Shown { policy, terminals }),
            false => show(&policy, terminals, print),
        }
        Ok(Exit::Done)
    }
}

pub(super) fn show(policy: &RetentionPolicy, of: Vec<TerminalRetention>, print: &mut Print) {
    print.line(format_args!(
        "Kept of each terminal: the last {}, and the newest of {} days, {} weeks and {} months",
        policy.keep_last, policy.keep_daily, policy.keep_weekly, policy.keep_monthly
    ));
    print.line(format_args!(
        "Deleted {} days after expiring; of a revoked terminal everything expires after {} days",
        policy.purge_after_days, policy.closed_days
    ));
    print.line("");
    let mut rows = Vec::new();
    for terminal in of {
        for repository in terminal.repositories {
            let goes_at = or_nothing(repository.purge_at.map(time_text));
            let state = word(&repository.state);
            let (serial, size) = (terminal.serial.clone(), size_text(repository.bytes));
            let id = repository.repository.to_string();
            if repository.snapshots.is_empty() {
                let why = "it holds no snapshot".to_owned();
                let none = NOTHING.to_owned();
                rows.push([serial, none.clone(), none, why, goes_at, state, size, id]);
                continue;
            }
            for it in repository.snapshots {
                rows.push([
                    serial.clone(),
                    it.number.to_string(),
                    time_text(it.taken_at),
                    it.goes.unwrap_or_else(|| stays(&it.stays)),
                    goes_at.clone(),
                    state.clone(),
                    size.clone(),
                    id.clone(),
                ]);
            }
        }
    }
    let header = [
        "serial",
        "number",
        "taken",
        "stays or goes for",
        "goes at",
        "repository is",
        "size",
        "repository",
    ];
    print.table(header, rows, "nothing was saved");
}

/// `stays: last, daily`.
pub(super) fn stays(reasons: &[StayReason]) -> String {
    let reasons: Vec<_> = reasons.iter().map(word).collect();
    format!("stays: {}", reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::super::{golden, samples};
    use super::*;

    #[test]
    fn each_snapshot_says_why_it_stays_or_when_it_goes() {
        let shown =
            |print: &mut Print| show(&samples::retention_policy(), samples::retention(), print);
        golden::check("backup-retention", &golden::printed(shown));
    }
}
