//! `tillward campaign why`: why nothing moves, or not faster.

use clap::Args;
use shared::id::CampaignId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::terminal;
use super::super::words::{NOTHING, word};
use super::campaign_id;
use crate::api::model::{CampaignState, Held, HeldExample, WhyNot};

/// Say why nothing moves: counted reasons, and when each will change next
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  tillward campaign why cmp-0192f0c1d2e34f5061728394a5b6c7d8
  tillward campaign why cmp-0192f0c1d2e34f5061728394a5b6c7d8 --terminal PX-1")]
pub(crate) struct Why {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Of one terminal, by its id or serial number
    #[arg(long, value_name = "TERMINAL")]
    terminal: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let terminal = match &self.terminal {
            Some(text) => Some(terminal::identify(text, client).await?),
            None => None,
        };
        let why = client.why_not(self.campaign, terminal).await?;
        match self.json {
            true => print.json(&why),
            false => tell(&why, print),
        }
        Ok(Exit::Done)
    }
}

fn tell(why: &WhyNot, print: &mut Print) {
    if let Some(it) = &why.terminal {
        print.line(format_args!("{} in {}: {}", it.serial, it.store, word(&it.state)));
        if let Some(reason) = &it.reason {
            print.line(format_args!("  {}: {}", reason.code, reason.detail));
            if let Some(hint) = &reason.hint {
                print.hint(hint);
            }
        }
        if let Some(at) = it.next_at {
            print.line(format_args!("  that changes at {}", time_text(at)));
        }
        return;
    }
    print.line(format_args!("Campaign {} is {}", why.campaign, word(&why.state)));
    for unmet in &why.gate {
        print.line(format_args!("  gate      {unmet}"));
    }
    if why.held.is_empty() && why.waiting.is_empty() {
        let rest = match why.state {
            CampaignState::Draft => "it has not been started",
            CampaignState::Halted => "its gate has stopped it, and nobody else waits",
            CampaignState::AwaitingApproval
            | CampaignState::Running
            | CampaignState::Paused
            | CampaignState::Completed
            | CampaignState::Aborted => "nobody is held back, and nobody waits",
        };
        print.line(format_args!("  {rest}"));
        if why.state == CampaignState::Halted {
            print.hint("see which rule did: `tillward campaign show`");
        }
        return;
    }
    print.line("");
    let rows = |of: &'static str, all: &[Held]| -> Vec<[String; 5]> {
        all.iter().map(|held| row(of, held)).collect()
    };
    let all = [rows("held back", &why.held), rows("waiting", &why.waiting)].concat();
    print.table(["terminals", "are", "reason", "changes at", "detail"], all, "");
    let hints: std::collections::BTreeSet<_> =
        why.held.iter().filter_map(|held| held.reason.hint.as_deref()).collect();
    for hint in hints {
        print.hint(hint);
    }
}

fn row(of: &str, held: &Held) -> [String; 5] {
    [
        held.terminals.to_string(),
        of.to_owned(),
        held.reason.code.clone(),
        held.next_at.map_or_else(|| NOTHING.to_owned(), time_text),
        with_example(held),
    ]
}

/// `for the till, e.g. PX-3: sales not settled: 2`
fn with_example(held: &Held) -> String {
    let what = &held.reason.detail;
    match &held.example {
        Some(HeldExample { serial, detail, .. }) if !detail.is_empty() => {
            format!("{what}, e.g. {serial}: {detail}")
        }
        Some(HeldExample { serial, .. }) => format!("{what}, e.g. {serial}"),
        None => what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use shared::id::TerminalId;
    use shared::time::UnixTime;

    use super::super::super::golden;
    use super::*;
    use crate::api::model::Reason;

    #[test]
    fn reasons_are_counted_with_the_moment_at_which_they_change() {
        let held = |code: &str, terminals, next_at, hint: Option<&str>| Held {
            reason: Reason {
                code: code.to_owned(),
                detail: format!("{code} in words"),
                hint: hint.map(str::to_owned),
            },
            terminals,
            next_at,
            example: None,
        };
        let such_as = |serial: &str, detail: &str, held| Held {
            example: Some(HeldExample {
                terminal: TerminalId::from_bytes([3; 16]),
                serial: serial.to_owned(),
                detail: detail.to_owned(),
            }),
            ..held
        };
        let why = WhyNot {
            campaign: CampaignId::from_bytes([2; 16]),
            state: CampaignState::Running,
            gate: vec!["it soaks until noon".to_owned()],
            gate_next_at: None,
            held: vec![
                held("wave-closed", 12, None, None),
                held("freeze", 3, Some(UnixTime(1_795_341_600)), None),
                held("offline", 2, None, Some("look at the terminal's power and network")),
            ],
            waiting: vec![
                such_as("PX-3", "sales not settled: 2", held("till", 4, None, None)),
                such_as("PX-5", "", held("window", 1, Some(UnixTime(1_795_352_400)), None)),
            ],
            terminal: None,
        };
        golden::check("campaign-why", &golden::printed(|print| tell(&why, print)));
    }
}
