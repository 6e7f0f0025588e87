//! A till's bindings: which provider, merchant and terminal number it works with.

use serde::{Deserialize, Serialize};
use shared::change::rebind::Test;

/// What is open at one provider, and what the binding is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Line")]
pub struct Binding {
    pub binding: String,
    pub open_batch: Option<super::OpenBatch>,
    pub left: super::Left,
    /// `None` from a driver that knows one binding only: then it is the active one.
    pub state: Option<BindingState>,
    pub provider: Option<String>,
    pub mid: Option<String>,
    pub tid: Option<String>,
}

/// A binding as it is written. Flattening it would cost a terminal several KB of program.
#[derive(Deserialize)]
struct Line {
    binding: String,
    open_batch: Option<super::OpenBatch>,
    unsent_reversals: u64,
    stored_offline: u64,
    open_preauthorisations: u64,
    state: Option<BindingState>,
    provider: Option<String>,
    mid: Option<String>,
    tid: Option<String>,
}

impl From<Line> for Binding {
    fn from(line: Line) -> Self {
        let Line { unsent_reversals, stored_offline, open_preauthorisations, .. } = line;
        let left = super::Left { unsent_reversals, stored_offline, open_preauthorisations };
        let Line { binding, open_batch, state, provider, mid, tid, .. } = line;
        Self { binding, open_batch, left, state, provider, mid, tid }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingState {
    /// New sales go there.
    Active,
    /// Complete, and never used so far.
    Staged,
    /// Was active, and could be again.
    Standby,
    /// Only sends what it still has to send.
    Retiring,
}

/// The tuple that is put into the free slot.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Tuple {
    pub version: u32,
    pub provider: String,
    pub mid: String,
    pub tid: String,
    pub name: String,
    pub mcc: String,
    pub currency: String,
    pub hosts: Vec<String>,
    /// Base64, as the profile's maker wrote it; it goes to nobody else.
    pub secret: Option<String>,
}

impl std::fmt::Debug for Tuple {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tuple([redacted])")
    }
}

/// One test of a plan, and the name under which it is done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial<'a> {
    pub binding: &'a str,
    pub key: String,
    pub test: Test,
}

/// The answer to `test_transaction`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Tested {
    pub passed: bool,
    #[serde(default)]
    pub reference: String,
    #[serde(default)]
    pub detail: String,
}

/// The answer to `figures`: of the newest payments since the binding became active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Figures {
    /// Since it became active, in seconds; `None` when it is not.
    pub active_s: Option<u64>,
    pub payments: u64,
    pub approved: u64,
    pub host_errors: u64,
    /// Of all payments together.
    pub time_ms: u64,
    #[serde(default)]
    pub crashes: u64,
}

#[derive(Debug, Deserialize)]
pub(in crate::pos) struct Switched {
    pub(in crate::pos) active: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::pos) struct TestsLeft {
    pub(in crate::pos) left: u64,
}
