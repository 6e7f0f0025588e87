//! What to do about whatever happens. Pure: composes the modules that decide.
//!
//! [`input`] is everything that can happen, [`effect`] everything that can be done about it.
//! The shell builds `Core` by `Core::restore(profile, stored, now)`, hands it each input with
//! `decide(input, now) -> Decision`, wakes it by `TimerFired` at `wakes_at() -> Option<Duration>`
//! (in [`input::Now::uptime`]), and after `Stop` ends when `is_working()` is no longer so.

pub mod effect;
pub mod input;

use jiff::tz::TimeZone;
use shared::digest::Nonce;
use shared::id::{FleetId, TerminalId};
use shared::message::SignedBytes;

use effect::Place;

/// What a terminal is, from its enrolment and its configuration.
#[derive(Clone, Debug)]
pub struct Profile {
    pub terminal: TerminalId,
    pub fleet: FleetId,
    /// The epoch of the enrolment; the store may know a higher one.
    pub epoch: u32,
    pub model: String,
    pub zone: TimeZone,
    pub agent_version: String,
    /// `host:port` as told at enrolment; the store may know a newer one.
    pub broker: String,
    /// From the roster pinned by the claim on, ascending; the store may know newer ones.
    pub rosters: Vec<SignedBytes>,
    /// Drawn when the agent starts, and used for nothing else.
    pub boot_nonce: Nonce,
    /// Drawn when the agent starts; all jitter comes from it.
    pub jitter_seed: u64,
}

/// What the store holds when the agent starts.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Every record of every shelf.
    pub records: Vec<(Place, Vec<u8>)>,
    /// As last entered by `Write::EnterEpoch`; 0 when none ever was.
    pub epoch: u32,
    /// The highest `Write::SawOrder` of the epoch.
    pub order_seq: u64,
    /// The store was lost since the epoch began.
    pub lost: bool,
    /// The outbox's records up to here are acknowledged.
    pub acknowledged: u64,
}
