//! The life of a campaign. Pure.

use std::fmt;

/// Draft → Running ⇄ Paused | Halted → Completed | Aborted, Completed → Running where somebody has
/// members tried again, and where the roster asks for approvers
/// Draft → AwaitingApproval → Running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CampaignState {
    /// Nothing is sent, and its members are not fixed yet.
    Draft,
    /// Its members are fixed and its batch is signed by the controller; nothing is sent before
    /// the approvers have signed it too.
    AwaitingApproval,
    Running,
    /// No terminal is released and no order is sent; what a terminal has accepted goes on.
    Paused,
    /// Too much went wrong: no terminal is released, no order is sent, and what has not begun is
    /// taken back. It goes on once a person has acknowledged what is known to have failed.
    Halted,
    /// Nothing more will come of any member.
    Completed,
    /// No terminal is released; what has not begun is being cancelled.
    Aborted,
}

/// What may happen to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignEvent {
    Start,
    /// As [`CampaignEvent::Start`], where people must sign first.
    AskForApproval,
    /// Enough people have signed.
    Approve,
    Pause,
    /// A person lets it go on, and knows what has failed.
    Resume,
    /// More has failed than its policy lets pass.
    Trip,
    /// An operator ends it.
    Abort,
    /// An approver ends it, by a signature.
    Cancel,
    /// Too few people have signed in time.
    Lapse,
    /// Every member has ended, or its time is over.
    End,
    /// A person has members tried again.
    Reopen,
}

impl CampaignState {
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::AwaitingApproval,
        Self::Running,
        Self::Paused,
        Self::Halted,
        Self::Completed,
        Self::Aborted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

impl CampaignEvent {
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::AskForApproval,
        Self::Approve,
        Self::Pause,
        Self::Resume,
        Self::Trip,
        Self::Abort,
        Self::Cancel,
        Self::Lapse,
        Self::End,
        Self::Reopen,
    ];

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Start | Self::AskForApproval => "started",
            Self::Approve => "approved",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Trip => "halted",
            Self::Abort => "aborted",
            Self::Cancel => "cancelled",
            Self::Lapse => "given up",
            Self::End => "completed",
            Self::Reopen => "reopened",
        }
    }

    /// The state that it leads to.
    fn leads_to(self) -> CampaignState {
        match self {
            Self::Start | Self::Approve | Self::Resume | Self::Reopen => CampaignState::Running,
            Self::AskForApproval => CampaignState::AwaitingApproval,
            Self::Pause => CampaignState::Paused,
            Self::Trip => CampaignState::Halted,
            Self::Abort | Self::Cancel | Self::Lapse => CampaignState::Aborted,
            Self::End => CampaignState::Completed,
        }
    }

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Start => "campaign-started",
            Self::AskForApproval => "approval-requested",
            Self::Approve => "campaign-approved",
            Self::Pause => "campaign-paused",
            Self::Resume => "campaign-resumed",
            Self::Trip => "campaign-tripped",
            Self::Abort => "campaign-aborted",
            Self::Cancel => "approval-cancelled",
            Self::Lapse => "approval-lapsed",
            Self::End => "campaign-completed",
            Self::Reopen => "campaign-reopened",
        }
    }
}

/// As people read it in a sentence.
impl fmt::Display for CampaignState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::AwaitingApproval => "awaiting approval",
            Self::Draft
            | Self::Running
            | Self::Paused
            | Self::Halted
            | Self::Completed
            | Self::Aborted => self.as_str(),
        })
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
    use CampaignState::{AwaitingApproval, Completed, Draft, Halted, Paused, Running};
    let may = match event {
        On::Start | On::AskForApproval => matches!(state, Draft),
        On::Approve | On::Lapse => matches!(state, AwaitingApproval),
        On::Pause => matches!(state, Running),
        On::Resume => matches!(state, Paused | Halted),
        On::Trip => matches!(state, Running | Paused),
        On::Abort => matches!(state, Draft | AwaitingApproval | Running | Paused | Halted),
        On::Cancel => matches!(state, AwaitingApproval | Running | Paused | Halted),
        On::End => matches!(state, Running | Paused | Halted),
        On::Reopen => matches!(state, Completed),
    };
    if may { Ok(event.leads_to()) } else { Err(Refused { state, event }) }
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
            (Draft, AskForApproval, AwaitingApproval),
            (Draft, Abort, Aborted),
            (AwaitingApproval, Approve, Running),
            (AwaitingApproval, Abort, Aborted),
            (AwaitingApproval, Cancel, Aborted),
            (AwaitingApproval, Lapse, Aborted),
            (Running, Pause, Paused),
            (Running, End, Completed),
            (Running, Abort, Aborted),
            (Running, Cancel, Aborted),
            (Paused, Resume, Running),
            (Paused, End, Completed),
            (Paused, Abort, Aborted),
            (Paused, Cancel, Aborted),
            (Running, Trip, Halted),
            (Paused, Trip, Halted),
            (Halted, Resume, Running),
            (Halted, End, Completed),
            (Halted, Abort, Aborted),
            (Halted, Cancel, Aborted),
            (Completed, Reopen, Running),
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
        let approved = said(CampaignState::Running, CampaignEvent::Approve);
        assert_eq!(approved, "it is running already");
        let waiting = said(CampaignState::AwaitingApproval, CampaignEvent::AskForApproval);
        assert_eq!(waiting, "it is awaiting approval already");
    }
}
