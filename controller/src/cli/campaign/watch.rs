//! `tillward campaign watch`: follows a campaign to its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use shared::id::{CampaignId, TerminalId};
use tokio::time::MissedTickBehavior;

use super::super::client::{Client, ClientError};
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::super::words::word;
use super::campaign_id;
use super::frame::{change, frame};
use super::pace::Pace;
use crate::api::model::{Assignment, AssignmentState, Campaign, CampaignState};

/// Follow a campaign to its end, terminal by terminal
///
/// In a terminal the lines are redrawn; elsewhere each change is one line. A controller that cannot
/// be reached is asked again. Exits with 0 when every terminal succeeded, with 3 when the campaign
/// ended otherwise.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Time between two looks
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = measure::duration
    )]
    every: Duration,
    /// Print JSON lines: each change is one JSON object, on a line of its own
    #[arg(long)]
    json: bool,
}

/// How much changed since the last look.
#[derive(Default)]
struct Seen {
    state: Option<CampaignState>,
    assignments: BTreeMap<TerminalId, Assignment>,
    pace: Pace,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Line<'a> {
    Campaign(&'a Campaign),
    Assignment(&'a Assignment),
}

/// Time between two looks, unless somebody asks for another.
const EVERY: Duration = Duration::from_secs(2);

impl Watch {
    /// Of a campaign that was just made.
    pub(crate) fn of(campaign: CampaignId, json: bool) -> Self {
        Self { campaign, every: EVERY, json }
    }

    pub(crate) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let mut seen = Seen::default();
        let mut lost = false;
        let begun = Instant::now();
        let mut pause = tokio::time::interval(self.every.max(Duration::from_millis(100)));
        // A look at a large fleet may take longer than the pause: then there is no hurry.
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            match self.look(client).await {
                Ok((campaign, assignments)) => {
                    lost = false;
                    seen.pace.see(&assignments, begun.elapsed());
                    self.tell(&mut seen, &campaign, assignments, print);
                    if let Some(exit) = verdict(&campaign, seen.assignments.values()) {
                        print.end_live();
                        return Ok(exit);
                    }
                }
                Err(ClientError::Unreachable { url, source }) => {
                    if !lost {
                        let cause = anyhow::Error::new(source).root_cause().to_string();
                        print.warning(format_args!("{url} cannot be reached ({cause}); trying on"));
                    }
                    lost = true;
                }
                Err(error) => return Err(error.into()),
            }
            if print.failure().is_some() {
                return Ok(Exit::Failed);
            }
        }
    }

    async fn look(&self, client: &Client) -> Result<(Campaign, Vec<Assignment>), ClientError> {
        // The campaign first: an end that is seen here is not older than the assignments.
        let campaign = client.campaign(self.campaign).await?;
        let assignments = client.assignments(self.campaign).await?;
        Ok((campaign, assignments))
    }

    fn tell(
        &self,
        seen: &mut Seen,
        campaign: &Campaign,
        assignments: Vec<Assignment>,
        print: &mut Print,
    ) {
        let state_changed = seen.state.replace(campaign.state) != Some(campaign.state);
        if print.person_reads() && !self.json {
            print.live(&frame(campaign, &assignments, &seen.pace));
        } else if state_changed {
            match self.json {
                true => print.json_line(&Line::Campaign(campaign)),
                false => print.line(format_args!("campaign  {}", word(&campaign.state))),
            }
        }
        for assignment in assignments {
            let before = seen.assignments.get(&assignment.terminal);
            if before != Some(&assignment) {
                let news = before.is_none_or(|before| is_news(before, &assignment));
                match self.json {
                    true => print.json_line(&Line::Assignment(&assignment)),
                    false if news && !print.person_reads() => print.line(change(&assignment)),
                    false => {}
                }
            }
            seen.assignments.insert(assignment.terminal, assignment);
        }
    }
}

/// Whether a person wants to read a line about it: bytes alone are no news.
fn is_news(before: &Assignment, now: &Assignment) -> bool {
    (before.state, &before.step, &before.reason) != (now.state, &now.step, &now.reason)
}

/// How it ended, if it has.
fn verdict<'a>(
    campaign: &Campaign,
    assignments: impl Iterator<Item = &'a Assignment>,
) -> Option<Exit> {
    let states: Vec<_> = assignments.map(|assignment| assignment.state).collect();
    match campaign.state {
        CampaignState::Draft
        | CampaignState::AwaitingApproval
        | CampaignState::Running
        | CampaignState::Paused
        | CampaignState::Halted => None,
        CampaignState::Completed => {
            Some(match states.iter().all(|state| *state == AssignmentState::Succeeded) {
                true => Exit::Done,
                false => Exit::CampaignFellShort,
            })
        }
        CampaignState::Aborted => {
            let over = |state: &AssignmentState| state.is_end() || *state == AssignmentState::Held;
            states.iter().all(over).then_some(Exit::CampaignFellShort)
        }
    }
}
