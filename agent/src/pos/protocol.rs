//! The driver-program protocol, version 1: one JSON object a line each way. An answer may have
//! fields that we do not know, so that a driver can be newer than the agent.

mod binding;
mod data;

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::PosError;

pub use binding::{Binding, BindingState, Figures, Tested, Trial, Tuple};
pub(super) use binding::{Switched, TestsLeft};
pub(super) use data::DataSets;
pub use data::{DataSet, Export, Wanted};

/// One line in either direction, its end included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Longer texts of a driver are cut: they end in reports.
const TEXT_CHARACTERS_MAX: usize = 256;

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Status,
    Hold { lease: Duration, reason: &'a str },
    Release,
    Drain { binding: Option<&'a str> },
    Settle { binding: Option<&'a str> },
    SelfTest,
    HostCheck,
    Restart,
    ShowNotice { text: &'a str },
    Export { into: &'a Path },
    Rehearse { from: &'a Path, data_sets: &'a [Wanted] },
    Import { from: &'a Path, data_sets: &'a [Wanted] },
    RevertImport,
    CommitImport,
    StageBinding { binding: &'a str, tuple: &'a Tuple },
    SwitchBinding { to: &'a str },
    TestTransaction(&'a Trial<'a>),
    VoidTests { binding: &'a str },
    EraseBinding { binding: &'a str },
    Figures { binding: &'a str },
    StopTrading { message: &'a str },
    Erase { owing: bool },
}

impl Ask<'_> {
    pub(super) fn line(&self, id: u64) -> Vec<u8> {
        let object = match self {
            Self::Status => json!({"id": id, "do": "status"}),
            Self::Hold { lease, reason } => {
                json!({"id": id, "do": "hold", "lease_s": lease.as_secs(), "reason": reason})
            }
            Self::Release => json!({"id": id, "do": "release"}),
            Self::Drain { binding } => of_binding(id, "drain", *binding),
            Self::Settle { binding } => of_binding(id, "settle", *binding),
            Self::SelfTest => json!({"id": id, "do": "self_test"}),
            Self::HostCheck => json!({"id": id, "do": "host_check"}),
            Self::Restart => json!({"id": id, "do": "restart"}),
            Self::ShowNotice { text } => json!({"id": id, "do": "show_notice", "text": text}),
            Self::Export { into } => json!({"id": id, "do": "export", "into": into}),
            Self::Rehearse { from, data_sets } => {
                json!({"id": id, "do": "rehearse", "from": from, "data_sets": data_sets})
            }
            Self::Import { from, data_sets } => {
                json!({"id": id, "do": "import", "from": from, "data_sets": data_sets})
            }
            Self::RevertImport => json!({"id": id, "do": "revert_import"}),
            Self::CommitImport => json!({"id": id, "do": "commit_import"}),
            Self::StageBinding { binding, tuple } => {
                json!({"id": id, "do": "stage_binding", "binding": binding, "profile": tuple})
            }
            Self::SwitchBinding { to } => json!({"id": id, "do": "switch_binding", "to": to}),
            Self::TestTransaction(Trial { binding, key, test }) => json!({
                "id": id, "do": "test_transaction", "binding": binding, "key": key,
                "kind": test.kind.as_str(), "amount_minor": test.amount_minor,
            }),
            Self::VoidTests { binding } => of_binding(id, "void_tests", Some(*binding)),
            Self::EraseBinding { binding } => of_binding(id, "erase_binding", Some(*binding)),
            Self::Figures { binding } => of_binding(id, "figures", Some(*binding)),
            Self::StopTrading { message } => {
                json!({"id": id, "do": "stop_trading", "message": message})
            }
            Self::Erase { owing } => json!({"id": id, "do": "erase", "owing": owing}),
        };
        let mut line = object.to_string().into_bytes();
        line.push(b'\n');
        line
    }

    /// How long to wait before no answer counts as *not ready*. A sale in flight may take two
    /// minutes at a slow host; settling asks every host for its totals.
    pub(super) fn patience(&self) -> Duration {
        let seconds = match self {
            Self::Status | Self::ShowNotice { .. } | Self::Figures { .. } => 10,
            Self::Release | Self::StopTrading { .. } => 20,
            Self::HostCheck => 45,
            Self::SelfTest
            | Self::Restart
            | Self::StageBinding { .. }
            | Self::SwitchBinding { .. }
            | Self::TestTransaction(_)
            | Self::EraseBinding { .. } => 60,
            Self::VoidTests { .. }
            | Self::Drain { .. }
            | Self::RevertImport
            | Self::CommitImport => 120,
            Self::Hold { .. } => 150,
            Self::Settle { .. } | Self::Erase { .. } => 180,
            Self::Export { .. } | Self::Rehearse { .. } | Self::Import { .. } => 600,
        };
        Duration::from_secs(seconds)
    }
}

fn of_binding(id: u64, what: &str, binding: Option<&str>) -> Value {
    match binding {
        Some(binding) => json!({"id": id, "do": what, "binding": binding}),
        None => json!({"id": id, "do": what}),
    }
}

/// A line of a driver that answers a request.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    ok: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    text: String,
}

impl Answer {
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    pub(super) fn into_result<T: DeserializeOwned>(self) -> Result<T, PosError> {
        if let Some(Refusal { code, text }) = self.error {
            let text = plain(&text);
            return Err(match code.as_str() {
                "not_ready" => PosError::NotReady(text),
                "refused" => PosError::Refused(text),
                "unsupported" => PosError::Unsupported(text),
                "failed" => PosError::Failed(text),
                other => PosError::Failed(format!("{}: {text}", plain(other))),
            });
        }
        let ok = self.ok.ok_or_else(|| PosError::Unintelligible("no `ok`, no `error`".into()))?;
        serde_json::from_value(ok).map_err(|error| PosError::Unintelligible(error.to_string()))
    }
}

/// Short, and without what could disturb a log.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARACTERS_MAX).collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub application: Application,
    pub work: Work,
    pub trading: Trading,
    /// Seconds since 1970, by the till's clock.
    pub hold_expires_at: Option<i64>,
    #[serde(default)]
    pub bindings: Vec<Binding>,
    /// What the till says instead of selling, where trading was stopped for good.
    #[serde(default)]
    pub stopped: Option<String>,
    /// Somebody at the till does not believe what is ordered.
    #[serde(default)]
    pub suspicion: Option<Suspicion>,
}

/// Raised by a person at the till.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Suspicion {
    /// Seconds since 1970, by the till's clock; tells one from the next.
    pub at: i64,
    #[serde(default)]
    pub note: String,
}

/// The process that answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Application {
    pub component: String,
    pub version: String,
    /// Drawn at each start of the process.
    pub instance: String,
    pub started_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Free,
    Busy,
    Postpone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trading {
    Open,
    Held,
}

impl Binding {
    pub fn has_open_batch(&self) -> bool {
        self.open_batch.as_ref().is_some_and(|open| open.count > 0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OpenBatch {
    pub count: u64,
    pub total_minor: i64,
    pub currency: String,
}

/// What would be lost, or settled late, if the till went away now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Left {
    pub unsent_reversals: u64,
    pub stored_offline: u64,
    /// Listed, not forced: a hotel's may stay open for days.
    pub open_preauthorisations: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Drained {
    pub(super) left: Left,
}

#[derive(Debug, Deserialize)]
pub(super) struct Batches {
    pub(super) batches: Vec<Settled>,
}

/// One closed batch, as the till counted it and as the host did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Settled {
    pub binding: String,
    pub batch_number: u64,
    pub currency: String,
    pub count: u64,
    pub total_minor: i64,
    pub host_count: u64,
    pub host_total_minor: i64,
    pub host_reference: String,
}

impl Settled {
    /// Whether both sides counted the same, and the host gave its word for it: without a
    /// reference the batch is not settled.
    pub fn is_settled(&self) -> bool {
        (self.count, self.total_minor) == (self.host_count, self.host_total_minor)
            && !self.host_reference.trim().is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SelfTest {
    pub passed: bool,
    #[serde(default)]
    pub checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    #[serde(default)]
    pub detail: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hosts {
    pub(super) hosts: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Host {
    pub binding: String,
    pub reachable: bool,
    #[serde(default)]
    pub detail: String,
    /// The newest batch that it has closed for this terminal, where it says so.
    pub last_batch: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Staged {
    #[serde(default)]
    key_check_value: Value,
}

/// A check value of five bytes, the longest in use. Sixteen digits would be a whole DES key.
const CHECK_VALUE_DIGITS_MAX: usize = 10;

impl Staged {
    /// A few hexadecimal digits: what is longer, or other, could be the key itself.
    pub(super) fn check_value(self) -> Option<String> {
        let Value::String(said) = self.key_check_value else { return None };
        let is_one = (1..=CHECK_VALUE_DIGITS_MAX).contains(&said.len())
            && said.bytes().all(|it| it.is_ascii_hexdigit());
        is_one.then_some(said)
    }
}

/// `{}`, with whatever else.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered<T: DeserializeOwned>(line: &str) -> Result<T, PosError> {
        Answer::read(line.as_bytes()).expect("an answer").into_result()
    }

    #[test]
    fn a_check_value_is_short_and_anything_else_is_not_kept_and_fails_no_staging() {
        let staged = |ok: &str| {
            let line = format!(r#"{{"id":1,"ok":{ok}}}"#);
            answered::<Staged>(&line).expect("an answer").check_value()
        };
        let saying = |value: &str| staged(&format!(r#"{{"key_check_value":{value}}}"#));
        assert_eq!(saying(r#""3F8A21""#).as_deref(), Some("3F8A21"));
        assert_eq!(saying(r#""0123456789""#).as_deref(), Some("0123456789"));
        let key = format!(r#""{}""#, "ab".repeat(8));
        for other in
            [r#""0123456789a""#, &key, r#""""#, r#""secret""#, "123456", "null", "[]", "{}"]
        {
            assert_eq!(saying(other), None, "{other}");
        }
        assert_eq!(staged("{}"), None);
        assert_eq!(staged(r#"{"mood":"good"}"#), None);
    }

    #[test]
    fn questions_are_written_as_the_protocol_says() {
        let hold = Ask::Hold { lease: Duration::from_secs(120), reason: "upgrade" };
        let line: Value = serde_json::from_slice(&hold.line(7)).unwrap();
        assert_eq!(line, json!({"id": 7, "do": "hold", "lease_s": 120, "reason": "upgrade"}));
        assert_eq!(Ask::SelfTest.line(8).last(), Some(&b'\n'));
    }

    #[test]
    fn a_status_is_read_with_fields_from_the_future() {
        let line = r#"{"id":7,"ok":{"application":{"component":"pos-sim","version":"2.0.0",
            "instance":"x","started_at":1790000000,"mood":"good"},"work":"free","trading":"open",
            "hold_expires_at":null,"bindings":[{"binding":"a","open_batch":{"count":3,
            "total_minor":1250,"currency":"CNY"},"unsent_reversals":1,"stored_offline":0,
            "open_preauthorisations":2}],"weather":"fine"}}"#;
        let status: Status = answered(line).unwrap();
        assert_eq!(status.application.version, "2.0.0");
        assert_eq!((status.work, status.trading), (Work::Free, Trading::Open));
        assert_eq!(status.bindings[0].left.unsent_reversals, 1);
        assert_eq!(status.bindings[0].open_batch.as_ref().unwrap().total_minor, 1250);
    }

    #[test]
    fn each_refusal_has_its_own_word() {
        let refused = |code: &str| {
            let line =
                format!(r#"{{"id":1,"error":{{"code":"{code}","text":"be\u001b[31mcause"}}}}"#);
            answered::<Done>(&line).unwrap_err()
        };
        let text = || "be[31mcause".to_owned();
        assert_eq!(refused("not_ready"), PosError::NotReady(text()));
        assert_eq!(refused("refused"), PosError::Refused(text()));
        assert_eq!(refused("unsupported"), PosError::Unsupported(text()));
        assert_eq!(refused("failed"), PosError::Failed(text()));
        assert_eq!(refused("odd"), PosError::Failed("odd: be[31mcause".to_owned()));
    }

    #[test]
    fn answers_of_another_shape_are_never_a_yes() {
        for line in [
            r#"{"id":1}"#,
            r#"{"id":1,"ok":null}"#,
            r#"{"id":1,"ok":[]}"#,
            r#"{"id":1,"ok":{"work":"free"}}"#,
            r#"{"id":1,"ok":"yes"}"#,
        ] {
            let error = answered::<Status>(line).unwrap_err();
            assert!(matches!(error, PosError::Unintelligible(_)), "{line}: {error}");
        }
        for line in ["", "{}", "yes", r#"{"id":-1,"ok":{}}"#, r#"{"ok":{}}"#, "\u{0}"] {
            assert!(Answer::read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
