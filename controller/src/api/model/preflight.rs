//! What a campaign would be if it were started now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::id::TerminalId;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::{Reason, Software};

/// What a campaign would be if it were created and started now. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CampaignPlan {
    /// What an upgrade installs.
    pub software: Option<Software>,
    #[serde(rename = "where")]
    pub selector: String,
    /// Its members.
    pub terminals: u64,
    /// Whoever comes to be meant later becomes one, too.
    pub is_continuous: bool,
    /// Some of them.
    pub sample: Vec<PlannedMember>,
    /// Terminals that the selector means and that are no members.
    pub excluded: Vec<PlannedGroup>,
    /// Members that will wait, or of which something else is to be said.
    pub concerns: Vec<PlannedGroup>,
    /// What an upgrade's terminals fetch.
    pub bytes: Option<PlannedBytes>,
    /// How many must sign it before anything is sent.
    pub approvers: u64,
    /// In the order in which they open.
    pub waves: Vec<PlannedWave>,
    /// Members whose shops stay closed for as long as orders are valid, as windows and freezes
    /// stand.
    pub shut: u64,
    /// When the last terminal of those that can get it can have ended, at the earliest.
    #[schema(value_type = i64)]
    pub over_at: UnixTime,
    /// How long that is from its start.
    pub takes_s: u64,
    /// How long its orders would be valid, in seconds.
    pub not_after_s: u64,
    /// In which its members open windows, at most the five with most of them.
    pub zones: Vec<PlannedZone>,
    /// Members in all other zones.
    pub elsewhere: u64,
    /// Rules that mean nothing here, or do what nobody may expect.
    pub warnings: Vec<Reason>,
}

/// A terminal that stands for many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedMember {
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    pub serial: String,
    pub store: String,
    pub model: String,
    /// What it reported last of the component that is to be installed.
    pub version: Option<String>,
}

/// Terminals of which the same is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedGroup {
    #[serde(flatten)]
    pub reason: Reason,
    pub terminals: u64,
    pub sample: Vec<PlannedMember>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedBytes {
    pub each: u64,
    pub all: u64,
    /// Of the wave that fetches most.
    pub largest_wave: u64,
    /// How long all take at least by the limits of bandwidth, in seconds; `null` without any.
    pub takes_s: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedWave {
    /// From 1.
    pub number: u64,
    pub terminals: u64,
    /// At the earliest; `null` where that is not while orders are valid, as windows and freezes
    /// stand.
    #[schema(value_type = Option<i64>)]
    pub opens_at: Option<UnixTime>,
    /// What clocks show then, by zone: `2026-11-22 22:00`.
    pub local: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedZone {
    pub zone: String,
    pub terminals: u64,
}
