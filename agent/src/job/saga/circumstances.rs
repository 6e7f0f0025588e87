//! What a decision about a job rests on, besides the job.

use std::time::Duration;

use shared::outcome::Waiting;
use shared::time::UnixTime;

use super::super::step::Condition;

/// Gathered anew for each decision.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// In [`crate::decide::input::Now::uptime`].
    pub uptime: Duration,
    /// The best known time of day, for evidence.
    pub at: UnixTime,
    /// The order's not-after has passed.
    pub expired: bool,
    /// The agent is to end: nothing new begins.
    pub stopping: bool,
    /// This job is to take no step forward now.
    pub held_back: bool,
    pub window: Answer,
    /// Whether bytes may be moved over the network.
    pub download: Answer,
    /// Whether the order's own moment has come.
    pub moment: Answer,
    pub settlement_asked: bool,
    pub backup_asked: bool,
    pub settlement_awaited: bool,
    pub connected: bool,
    /// When the controller was last heard, in uptime.
    pub heard_at: Option<Duration>,
    /// What the order's documents allow a step that says
    /// [`super::super::step::Deadline::AsStated`].
    pub stated: Duration,
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// Waiting for it costs the job nothing.
    NotYet {
        waiting: Waiting,
        detail: String,
        again_in: Duration,
    },
    /// It should hold soon: the step's deadline runs.
    Pending,
}

impl Circumstances {
    pub fn answer(&self, condition: Condition, since: Duration) -> Answer {
        let yes = match condition {
            Condition::WindowOpen => return self.window.clone(),
            Condition::DownloadOpen => return self.download.clone(),
            Condition::MomentCome => return self.moment.clone(),
            Condition::SettlementAsked => self.settlement_asked,
            Condition::BackupAsked => self.backup_asked,
            Condition::SettlementAwaited => self.settlement_awaited,
            Condition::ControllerConnected => self.connected,
            Condition::ControllerReached => self.heard_at.is_some_and(|heard| heard > since),
        };
        if yes { Answer::Yes } else { Answer::Pending }
    }

    pub fn holds(&self, condition: Condition) -> bool {
        self.answer(condition, self.uptime) == Answer::Yes
    }
}
