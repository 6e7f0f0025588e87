//! The life of a campaign. Pure.

use std::fmt;

/// Draft → Running ⇄ Paused → Completed | Aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CampaignState {
    /// Nothing is sent, and its members are not fixed yet.
    Draft,
    Running,
    /// No terminal is released and no order is sent; what a terminal has accepted goes on.
    Paused,
    /// Nothing more will come of any member.
    Completed,
    /// No terminal is released; what has not begun is being cancelled.
    Aborted,
}

/// What may happen to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignEvent {
    Start,
    Pause,
    Resume,
    Abort,
    /// Every member has ended, or its time is over.
    End,
}

impl CampaignState {
    pub const ALL: [Self; 5] =
        [Self::Draft, Self::Running, Self::Paused, Self::Completed, Self::Aborted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

impl CampaignEvent {
    pub const ALL: [Self; 5] = [Self::Start, Self::Pause, Self::Resume, Self::Abort, Self::End];

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Abort => "aborted",
            Self::End => "completed",
        }
    }

    /// The state that it leads to.
    fn leads_to(self) -> CampaignState {
        match self {
            Self::Start | Self::Resume => CampaignState::Running,
            Self::Pause => CampaignState::Paused,
            Self::Abort => CampaignState::Aborted,
            Self::End => CampaignState::Completed,
        }
    }

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Start => "campaign-started",
            Self::Pause => "campaign-paused",
            Self::Resume => "campaign-resumed",
            Self::Abort => "campaign-aborted",
            Self::End => "campaign-completed",
        }
    }
}

impl fmt::Display for CampaignState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    pub state: CampaignState,
    pub event: CampaignEvent,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, event } = self;
        if event.leads_to() == *state {
            return write!(out, "it is {state} already");
        }
        write!(out, "a campaign that is {state} cannot be {}", event.in_the_past())
    }
}

pub fn step(state: CampaignState, event: CampaignEvent) -> Result<CampaignState, Refused> {
    use CampaignEvent as On;
    use CampaignState::{Aborted, Completed, Draft, Paused, Running};
    match (state, event) {
        (Draft, On::Start) | (Paused, On::Resume) => Ok(Running),
        (Running, On::Pause) => Ok(Paused),
        (Running | Paused, On::End) => Ok(Completed),
        (Draft | Running | Paused, On::Abort) => Ok(Aborted),
        (state, event) => Err(Refused { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_that_is_not_in_the_table_is_refused() {
        use CampaignEvent::*;
        use CampaignState::*;
        let table = [
            (Draft, Start, Running),
            (Draft, Abort, Aborted),
            (Running, Pause, Paused),
            (Running, End, Completed),
            (Running, Abort, Aborted),
            (Paused, Resume, Running),
            (Paused, End, Completed),
            (Paused, Abort, Aborted),
        ];
        for state in CampaignState::ALL {
            for event in CampaignEvent::ALL {
                let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
                let expected = row.map(|(.., to)| *to).ok_or(Refused { state, event });
                assert_eq!(step(state, event), expected);
            }
        }
    }

    #[test]
    fn a_refusal_says_both_sides() {
        let refused = step(CampaignState::Completed, CampaignEvent::Pause).unwrap_err();
        assert_eq!(refused.to_string(), "a campaign that is completed cannot be paused");
    }

    #[test]
    fn what_was_done_already_is_refused_as_done_already() {
        let said = |state, event| step(state, event).unwrap_err().to_string();
        let paused = said(CampaignState::Paused, CampaignEvent::Pause);
        assert_eq!(paused, "it is paused already");
        let aborted = said(CampaignState::Aborted, CampaignEvent::Abort);
        assert_eq!(aborted, "it is aborted already");
        let running = said(CampaignState::Running, CampaignEvent::Resume);
        assert_eq!(running, "it is running already");
    }
}
