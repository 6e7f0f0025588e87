//! `tillward campaign skip`, `retry`, `set` and `clone`: decisions about members, and about a
//! campaign's place among others.

use clap::Args;
use shared::document::order::Class;
use shared::id::{CampaignId, TerminalId};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::terminal;
use super::super::words::counted;
use super::policy::class;
use super::{campaign_id, show};
use crate::api::model::{
    CopiedCampaign, MembersMoved, NewCopy, Reprioritise, RetryMembers, SkipMembers,
};

/// Leave terminals out; whoever is at it is called back where it still can be
///
/// They count as done for the gate of their wave. `--undo` takes them in again.
#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// By id or serial number; may be given several times
    #[arg(long = "terminal", value_name = "TERMINAL", required = true)]
    terminals: Vec<String>,
    /// Take them in again
    #[arg(long)]
    undo: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Have terminals tried again that have ended: those that are named, or all that ended badly
///
/// Each as often as the campaign's policy lets it be, whatever becomes of it meanwhile. A failure
/// counts for the gate until a later attempt has succeeded. A completed campaign goes on for these
/// terminals, as long as its orders are valid.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// By id or serial number; may be given several times. Without it all that ended badly
    #[arg(long = "terminal", value_name = "TERMINAL")]
    terminals: Vec<String>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Give a campaign another place among others: before whom it goes, and how many may be at it
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// `decommission`, `security`, `normal` or `background`
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<Class>,
    /// Terminals that may work on it at the same time
    #[arg(long, value_name = "N", required_unless_present = "class",
          value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Create the same campaign again, for the same terminals or for others; it is not started
#[derive(Debug, Args)]
pub(crate) struct Clone {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Which terminals; else those that the original means now
    #[arg(long = "where", value_name = "SELECTOR")]
    selector: Option<String>,
    /// A terminal of the first wave; may be given several times. Else those of the original that
    /// would still be members
    #[arg(long, value_name = "SERIAL")]
    canary: Vec<String>,
    /// What people call it; else as the original
    #[arg(long)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

async fn identified(texts: &[String], client: &Client) -> Result<Vec<TerminalId>, Failure> {
    let mut ids = Vec::new();
    for text in texts {
        ids.push(terminal::identify(text, client).await?);
    }
    Ok(ids)
}

impl Skip {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let terminals = identified(&self.terminals, client).await?;
        let asked = SkipMembers { terminals, undo: self.undo, reason: self.reason.clone() };
        let moved = client.skip_members(self.campaign, &asked).await?;
        let done = if self.undo { "taken in again" } else { "left out" };
        tell(&moved, done, self.json, print)
    }
}

impl Retry {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let named = identified(&self.terminals, client).await?;
        let terminals = Some(named).filter(|named| !named.is_empty());
        let asked = RetryMembers { terminals, reason: self.reason.clone() };
        let moved = client.retry_members(self.campaign, &asked).await?;
        tell(&moved, "tried again", self.json, print)
    }
}

/// Fails where nothing was changed although something was to be.
fn tell(moved: &MembersMoved, done: &str, json: bool, print: &mut Print) -> Result<Exit, Failure> {
    if json {
        print.json(moved);
    } else {
        let terminals = counted(moved.changed, "terminal");
        let is = if moved.changed == 1 { "is" } else { "are" };
        print.line(format_args!("{terminals} {is} {done}"));
        for not in &moved.not {
            print.warning(format_args!("{} is not: {}", not.terminal, not.why));
        }
    }
    Ok(if moved.not.is_empty() { Exit::Done } else { Exit::Failed })
}

impl Set {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let Self { class, max_parallel, reason, .. } = self;
        let (class, max_parallel, reason) = (*class, *max_parallel, reason.clone());
        let seen = client.campaign(self.campaign).await?;
        let (seen_class, seen_max_parallel) = (Some(seen.class), Some(seen.max_parallel));
        let asked = Reprioritise { class, max_parallel, seen_class, seen_max_parallel, reason };
        let campaign = client.reprioritise_campaign(self.campaign, &asked).await?;
        match self.json {
            true => print.json(&campaign),
            false => show::summary(&campaign, print),
        }
        Ok(Exit::Done)
    }
}

impl Clone {
    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let canary = identified(&self.canary, client).await?;
        let (selector, name) = (self.selector.clone(), self.name.clone());
        let asked = NewCopy { selector, name, canary };
        let copied = client.copy_campaign(self.campaign, &asked).await?;
        match self.json {
            true => print.json(&copied),
            false => tell_copied(&copied, print),
        }
        Ok(Exit::Done)
    }
}

fn tell_copied(copied: &CopiedCampaign, print: &mut Print) {
    let CopiedCampaign { campaign, canary_dropped } = copied;
    show::summary(campaign, print);
    for dropped in canary_dropped {
        print.warning(format_args!("{} went first, and would be no member now", dropped.serial));
    }
    if !canary_dropped.is_empty() && campaign.policy.canary.is_empty() {
        print.warning("nobody goes before the first wave any more");
        print.hint("clone it with `--canary` instead, and abort this one");
    }
    print.remark(format_args!("\nNext:\n  tillward campaign start {}", campaign.id));
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::campaign;
    use super::*;
    use crate::api::model::DroppedCanary;

    #[test]
    fn a_copy_says_who_does_not_go_first_any_more() {
        let dropped = |number, serial: &str| DroppedCanary {
            terminal: TerminalId::from_bytes([number; 16]),
            serial: serial.to_owned(),
        };
        let canary_dropped = vec![dropped(1, "PX-1"), dropped(2, "PX-2")];
        let copied = CopiedCampaign { campaign: campaign(), canary_dropped };
        golden::check("campaign-clone", &golden::printed(|print| tell_copied(&copied, print)));
    }
}
