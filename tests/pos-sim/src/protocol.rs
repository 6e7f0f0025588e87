//! The driver-program protocol, version 1, as `deploy/pos-driver.md` describes it: what is asked of
//! a POS, and the shapes of its answers. The same lines travel on the driver's standard input and
//! output and on the till's socket.

mod backup;
mod binding;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use backup::{DataSet, Exported};
pub(crate) use binding::{Figures, Profile, Secret, Test, TestKind, TestResult};

/// One line from the agent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// The value of `do`, known to us or not.
    pub(crate) verb: String,
    /// The whole object, `id` and `do` included.
    pub(crate) object: Map<String, Value>,
}

impl Request {
    /// Reads a line; the error says what a person should know about a line without an answer.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let object: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let id = object.get("id").and_then(Value::as_u64).ok_or("`id` is not a whole number")?;
        let verb = object.get("do").and_then(Value::as_str).ok_or("`do` is not a text")?;
        Ok(Self { id, verb: verb.to_owned(), object })
    }
}

/// What a POS can be asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Status,
    Hold { lease_s: u32, reason: String },
    Release,
    Drain { binding: Option<String> },
    Settle { binding: Option<String> },
    SelfTest,
    HostCheck,
    Restart,
    ShowNotice { text: String },
    Export { into: PathBuf },
    Rehearse(Source),
    Import(Source),
    RevertImport,
    CommitImport,
    StageBinding { binding: String, profile: Profile },
    SwitchBinding { to: String },
    TestTransaction(Test),
    VoidTests { binding: String },
    EraseBinding { binding: String },
    Figures { binding: String },
    StopTrading { message: String },
    Erase { owing: bool },
}

/// What an earlier export left, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) from: PathBuf,
    /// Names of data sets.
    pub(crate) data_sets: Vec<String>,
}

/// The longest hold that is accepted: a lease is renewed, never taken for a day.
pub(crate) const LEASE_S_MAX: u32 = 24 * 60 * 60;

/// The longest notice a till shows.
const NOTICE_CHARACTERS_MAX: usize = 500;

impl Verb {
    /// Reads the request's verb and its arguments. Arguments that we do not know are ignored, so
    /// that the protocol can grow.
    pub(crate) fn of(request: &Request) -> Result<Self, Refusal> {
        Ok(match request.verb.as_str() {
            "status" => Self::Status,
            "hold" => Self::Hold { lease_s: lease(request)?, reason: text(request, "reason")? },
            "release" => Self::Release,
            "drain" => Self::Drain { binding: binding::optional_binding(request)? },
            "settle" => Self::Settle { binding: binding::optional_binding(request)? },
            "self_test" => Self::SelfTest,
            "host_check" => Self::HostCheck,
            "restart" => Self::Restart,
            "show_notice" => Self::ShowNotice { text: text(request, "text")? },
            "export" => Self::Export { into: backup::directory(request, "into")? },
            "rehearse" => Self::Rehearse(backup::source(request)?),
            "import" => Self::Import(backup::source(request)?),
            "revert_import" => Self::RevertImport,
            "commit_import" => Self::CommitImport,
            "stage_binding" => Self::StageBinding {
                binding: binding::binding(request, "binding")?,
                profile: binding::profile(request)?,
            },
            "switch_binding" => Self::SwitchBinding { to: binding::binding(request, "to")? },
            "test_transaction" => Self::TestTransaction(binding::test(request)?),
            "void_tests" => Self::VoidTests { binding: binding::binding(request, "binding")? },
            "erase_binding" => {
                Self::EraseBinding { binding: binding::binding(request, "binding")? }
            }
            "figures" => Self::Figures { binding: binding::binding(request, "binding")? },
            "stop_trading" => Self::StopTrading { message: text(request, "message")? },
            "erase" => Self::Erase { owing: flag(request, "owing")? },
            unknown => {
                let why = format!("this POS does not know `{unknown}`");
                return Err(Refusal::new(Code::Unsupported, why));
            }
        })
    }
}

fn lease(request: &Request) -> Result<u32, Refusal> {
    let asked = request.object.get("lease_s").and_then(Value::as_u64);
    let lease_s = asked.and_then(|seconds| u32::try_from(seconds).ok());
    lease_s.filter(|seconds| (1..=LEASE_S_MAX).contains(seconds)).ok_or_else(|| {
        Refusal::new(Code::Refused, format!("`lease_s` must be a number from 1 to {LEASE_S_MAX}"))
    })
}

fn flag(request: &Request, name: &str) -> Result<bool, Refusal> {
    let flag = request.object.get(name).and_then(Value::as_bool);
    flag.ok_or_else(|| Refusal::new(Code::Refused, format!("`{name}` must be true or false")))
}

fn text(request: &Request, name: &str) -> Result<String, Refusal> {
    let text = request.object.get(name).and_then(Value::as_str);
    text.map(|text| text.chars().take(NOTICE_CHARACTERS_MAX).collect())
        .ok_or_else(|| Refusal::new(Code::Refused, format!("`{name}` must be a text")))
}

/// What came of a request.
pub(crate) type Outcome = Result<Value, Refusal>;

/// Why a request was not carried out.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// For people.
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(crate) fn not_ready(text: impl Into<String>) -> Self {
        Self::new(Code::NotReady, text)
    }
}

/// An error of the POS itself: its journal, its disk.
impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Code::Failed, format!("{error:#}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// Try later: busy, starting, hung.
    NotReady,
    /// The POS will not; the text says why.
    Refused,
    /// This POS cannot.
    Unsupported,
    Failed,
}

/// One line of answer, without its end.
pub(crate) fn answer_line(id: u64, outcome: &Outcome) -> String {
    match outcome {
        Ok(ok) => serde_json::json!({ "id": id, "ok": ok }),
        Err(error) => serde_json::json!({ "id": id, "error": error }),
    }
    .to_string()
}

/// The answer's body for `answer`.
pub(crate) fn ok(answer: &impl Serialize) -> Outcome {
    Ok(serde_json::to_value(answer).expect("answers are plain structures with text keys"))
}

/// The answer's body where there is nothing to tell: `{}`.
pub(crate) fn done() -> Outcome {
    Ok(Value::Object(Map::new()))
}

/// `status`.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) application: Application,
    pub(crate) work: Work,
    pub(crate) trading: Trading,
    /// Seconds since 1970.
    pub(crate) hold_expires_at: Option<i64>,
    /// What the screen says while trading is stopped until somebody releases it.
    pub(crate) stopped: Option<String>,
    /// The last time that a person found something suspicious.
    pub(crate) suspicion: Option<Suspicion>,
    /// The active one first.
    pub(crate) bindings: Vec<BindingStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suspicion {
    /// Seconds since 1970.
    pub(crate) at: i64,
    pub(crate) note: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Application {
    pub(crate) component: &'static str,
    pub(crate) version: String,
    /// Another one for each start of the process.
    pub(crate) instance: String,
    /// Seconds since 1970.
    pub(crate) started_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    Free,
    /// A sale is in flight.
    Busy,
    /// The shop asks not to be disturbed for now.
    Postpone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trading {
    Open,
    /// Held, and the sale that was in flight is over.
    Held,
}

#[derive(Debug, Serialize)]
pub(crate) struct BindingStatus {
    pub(crate) binding: String,
    pub(crate) state: BindingState,
    pub(crate) provider: String,
    pub(crate) mid: String,
    pub(crate) tid: String,
    /// As it stands on receipts.
    pub(crate) name: String,
    pub(crate) open_batch: OpenBatch,
    #[serde(flatten)]
    pub(crate) left: Left,
}

/// Which part a binding plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BindingState {
    /// New sales go there.
    Active,
    /// Ready to become active, and never was.
    Staged,
    /// Was active, and may still owe something or be switched back to.
    Standby,
}

/// What is approved and not yet settled.
#[derive(Debug, Serialize)]
pub(crate) struct OpenBatch {
    pub(crate) count: i64,
    pub(crate) total_minor: i64,
    pub(crate) currency: &'static str,
}

/// What still ties the till to its hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Left {
    pub(crate) unsent_reversals: i64,
    /// Offline sales and completions of pre-authorisations that the host has not taken yet.
    pub(crate) stored_offline: i64,
    pub(crate) open_preauthorisations: i64,
}

/// One batch in the answer to `settle`. Settled only when both sides' figures agree; the reference
/// is empty when they do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SettledBatch {
    pub(crate) binding: String,
    pub(crate) batch_number: i64,
    pub(crate) currency: &'static str,
    pub(crate) count: i64,
    pub(crate) total_minor: i64,
    pub(crate) host_count: i64,
    pub(crate) host_total_minor: i64,
    pub(crate) host_reference: String,
}

/// One line of the answer to `self_test`.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) passed: bool,
    pub(crate) detail: String,
}

/// One line of the answer to `host_check`.
#[derive(Debug, Serialize)]
pub(crate) struct HostReached {
    pub(crate) binding: String,
    pub(crate) reachable: bool,
    pub(crate) detail: String,
    /// The newest batch that the host has closed for this terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_batch: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(line: &str) -> Result<Verb, Code> {
        let request = Request::read(line.as_bytes()).unwrap();
        Verb::of(&request).map_err(|refusal| refusal.code)
    }

    #[test]
    fn every_verb_of_the_page_is_read() {
        let hold = Verb::Hold { lease_s: 120, reason: "upgrade".into() };
        let notice = Verb::ShowNotice { text: "closing".into() };
        for (rest, expected) in [
            (r#""do":"status""#, Verb::Status),
            (r#""do":"hold","lease_s":120,"reason":"upgrade""#, hold),
            (r#""do":"release""#, Verb::Release),
            (r#""do":"settle""#, Verb::Settle { binding: None }),
            (r#""do":"self_test""#, Verb::SelfTest),
            (r#""do":"host_check""#, Verb::HostCheck),
            (r#""do":"restart""#, Verb::Restart),
            (r#""do":"show_notice","text":"closing""#, notice),
            (r#""do":"status","from_the_future":1"#, Verb::Status),
        ] {
            assert_eq!(verb(&format!("{{\"id\":1,{rest}}}")), Ok(expected), "{rest}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (rest, expected) in [
            (r#""do":"dance""#, Code::Unsupported),
            (r#""do":"hold","reason":"x""#, Code::Refused),
            (r#""do":"hold","lease_s":0,"reason":"x""#, Code::Refused),
            (r#""do":"hold","lease_s":86401,"reason":"x""#, Code::Refused),
            (r#""do":"hold","lease_s":1.5,"reason":"x""#, Code::Refused),
            (r#""do":"hold","lease_s":18446744073709551615,"reason":"x""#, Code::Refused),
            (r#""do":"hold","lease_s":60"#, Code::Refused),
            (r#""do":"show_notice","text":7"#, Code::Refused),
        ] {
            assert_eq!(verb(&format!("{{\"id\":1,{rest}}}")), Err(expected), "{rest}");
        }
    }

    #[test]
    fn the_status_reads_as_the_page_says() {
        let status = Status {
            application: Application {
                component: "pos-sim",
                version: "2.0.0".into(),
                instance: "5f".into(),
                started_at: 1_790_000_000,
            },
            work: Work::Free,
            trading: Trading::Open,
            hold_expires_at: None,
            stopped: None,
            suspicion: Some(Suspicion { at: 1_790_000_001, note: "odd letter".into() }),
            bindings: vec![BindingStatus {
                binding: "a".into(),
                state: BindingState::Active,
                provider: "alpha".into(),
                mid: "898440154110001".into(),
                tid: "A0000001".into(),
                name: "North Store".into(),
                open_batch: OpenBatch { count: 3, total_minor: 1250, currency: "CNY" },
                left: Left::default(),
            }],
        };
        let page: Value = serde_json::from_str(
            r#"{"id":7,"ok":{"application":{"component":"pos-sim","version":"2.0.0",
            "instance":"5f","started_at":1790000000}, "work":"free", "trading":"open",
            "hold_expires_at":null, "stopped":null,
            "suspicion":{"at":1790000001,"note":"odd letter"},
            "bindings":[{"binding":"a","state":"active","provider":"alpha",
            "mid":"898440154110001","tid":"A0000001","name":"North Store","open_batch":{"count":3,
            "total_minor":1250,"currency":"CNY"},"unsent_reversals":0,"stored_offline":0,
            "open_preauthorisations":0}]}}"#,
        )
        .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer_line(7, &ok(&status))).unwrap(), page);
    }

    #[test]
    fn an_error_reads_as_the_page_says() {
        let text = "the till does not answer";
        let answer = answer_line(7, &Err(Refusal::not_ready(text)));
        assert_eq!(
            serde_json::from_str::<Value>(&answer).unwrap(),
            serde_json::json!({"id": 7, "error": {"code": "not_ready", "text": text}}),
        );
    }
}
