//! Everything that can happen to an agent.

use std::time::Duration;

use shared::message::{Battery, Component, Down};
use shared::time::UnixTime;

use crate::job::{Reply, Ticket};
use crate::lease::CameTo;

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the machine started, time asleep included (`CLOCK_BOOTTIME`): never jumps, and is
    /// what waiting is measured with.
    pub uptime: Duration,
    /// What the machine's own clock says. It may be wrong by years.
    pub rtc: UnixTime,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The agent runs: always the first input, and the only time it comes.
    Started,
    /// The broker accepted the connection and the subscription.
    Connected,
    /// The connection broke, or could not be made.
    Disconnected { reason: String },
    /// A message from the controller, decoded.
    Received(Down),
    /// A message that could not be decoded, or was too large to try.
    Unreadable,
    /// The broker that serves this terminal, as the HTTPS side told.
    Located { broker: String },
    /// An action ended.
    ActionDone { ticket: Ticket, reply: Reply },
    /// How far a long action (a download) has come.
    ActionProgressed { ticket: Ticket, bytes_done: u64, bytes_total: u64 },
    /// The sequence numbers of the outbox records that were handed to the connection, in answer
    /// to [`super::effect::Effect::SendRecords`]. Empty: there were none, or no room for any.
    RecordsSent { seqs: Vec<u64> },
    /// How the store does; told after start and whenever it changed.
    Store(StoreState),
    /// What is installed; told after start and whenever a slot changed.
    Installed(Vec<Component>),
    /// The till was asked how it does, and nothing was done to it meanwhile: which process has
    /// answered, if any. Told after start, and when [`super::Core::wants_look`].
    TillSeen { instance: Option<String> },
    /// Somebody at this terminal does not believe what is ordered. May come again and again;
    /// `at` tells one report from the next.
    Suspected { at: UnixTime, note: String },
    /// The till was locked or unlocked, as far as it could be.
    LeaseKept { number: u64, came_to: CameTo },
    /// The moment that [`super::Core::wakes_at`] named has come.
    TimerFired,
    /// The agent is to end. Outcomes are still written down; nothing new begins.
    Stop,
}

/// How the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreState {
    pub room: Room,
    /// Records that wait to be acknowledged.
    pub outbox_depth: u64,
    /// Telemetry that was dropped for lack of room, ever.
    pub outbox_dropped: u64,
    pub disk_free_bytes: u64,
    pub battery: Option<Battery>,
}

/// Whether new work may be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// Only what is under way may still be written.
    Short,
}
