//! The verbs of a change of provider: what they are asked with, and the shapes of their answers.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Code, Refusal, Request};

/// Where to turn when a host does not answer: as many as a profile may name.
const HOSTS_MAX: usize = 4;

/// Longer than any key that is worth having, and far below a line of the protocol.
const SECRET_CHARACTERS_MAX: usize = 8 * 1024;

/// Keys of tests, names of bindings.
const NAME_CHARACTERS_MAX: usize = 128;

/// A small test payment: what a mistake may cost.
const TEST_AMOUNT_MINOR_MAX: i64 = 1_000_000;

/// What acquirers know a position by, with all that goes with it: replaced together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Profile {
    pub(crate) version: u32,
    pub(crate) provider: String,
    pub(crate) mid: String,
    pub(crate) tid: String,
    /// As it stands on receipts.
    pub(crate) name: String,
    pub(crate) mcc: String,
    pub(crate) currency: String,
    /// `host:port`, in the order in which they are tried.
    pub(crate) hosts: Vec<String>,
    #[serde(default)]
    pub(crate) secret: Option<Secret>,
}

/// A key in base64: kept, and never shown again.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Secret {
    /// Six hexadecimal digits by which people see that two keys are the same. A simulated key needs
    /// no cipher for it: this is FNV-1a, folded.
    pub(crate) fn check_value(&self) -> String {
        let step = |sum: u32, byte: u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let sum = self.0.bytes().fold(0x811c_9dc5, step);
        format!("{:06X}", (sum >> 24) ^ (sum & 0x00ff_ffff))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

impl Profile {
    /// The first thing that is wrong with it.
    fn objection(&self) -> Option<String> {
        let texts = [
            ("provider", &self.provider, 64),
            ("mid", &self.mid, 15),
            ("tid", &self.tid, 15),
            ("name", &self.name, 64),
        ];
        for (what, text, most) in texts {
            let count = text.chars().count();
            if !(1..=most).contains(&count) || text.chars().any(char::is_control) {
                return Some(format!("`{what}` has 1 to {most} printable characters"));
            }
        }
        if self.mcc.len() != 4 || !self.mcc.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some("`mcc` has four digits".to_owned());
        }
        if self.currency != crate::till::CURRENCY {
            return Some(format!("this till counts in {}", crate::till::CURRENCY));
        }
        if !(1..=HOSTS_MAX).contains(&self.hosts.len()) {
            return Some(format!("`hosts` names 1 to {HOSTS_MAX} hosts"));
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_address(host)) {
            return Some(format!("the host `{host}` is not HOST:PORT"));
        }
        let secret = self.secret.as_ref().map_or("", Secret::text);
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
        let fits = secret.len() <= SECRET_CHARACTERS_MAX && secret.bytes().all(is_base64);
        (!fits).then(|| "`secret` is not base64, or is too long".to_owned())
    }
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    (1..=128).contains(&host.len())
        && !host.chars().any(|letter| letter.is_control() || letter.is_whitespace())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// One test on a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TestKind {
    Diagnosis,
    Sale,
    Void,
    Refund,
    Qr,
    Receipt,
    BatchClose,
}

impl TestKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Diagnosis,
        Self::Sale,
        Self::Void,
        Self::Refund,
        Self::Qr,
        Self::Receipt,
        Self::BatchClose,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Sale => "sale",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Qr => "qr",
            Self::Receipt => "receipt",
            Self::BatchClose => "batch-close",
        }
    }

    /// Whether it charges a card.
    pub(crate) const fn is_payment(self) -> bool {
        match self {
            Self::Sale | Self::Qr => true,
            Self::Diagnosis | Self::Void | Self::Refund | Self::Receipt | Self::BatchClose => false,
        }
    }
}

/// What `test_transaction` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) binding: String,
    /// The same key is the same test: it is done once.
    pub(crate) key: String,
    pub(crate) kind: TestKind,
    pub(crate) amount_minor: i64,
}

/// The answer to `test_transaction`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TestResult {
    pub(crate) passed: bool,
    /// What the host or the printer calls it; empty where there is nothing to call.
    pub(crate) reference: String,
    /// For people.
    pub(crate) detail: String,
}

/// The answer to `figures`: how the latest payments of customers went at one provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    /// Seconds since the binding became active; null when it is not.
    pub(crate) active_s: Option<i64>,
    pub(crate) payments: i64,
    pub(crate) approved: i64,
    pub(crate) host_errors: i64,
    /// Of all these payments together, from the request to the host to the answer.
    pub(crate) time_ms: i64,
    /// How often the till ended without being told to.
    pub(crate) crashes: i64,
}

/// A binding's name: it ends up in names of files.
pub(super) fn binding(request: &Request, name: &str) -> Result<String, Refusal> {
    let text = request.object.get(name).and_then(Value::as_str);
    let text = text.filter(|text| crate::till::journal::fits_into_a_path(text));
    text.filter(|text| text.len() <= NAME_CHARACTERS_MAX).map(str::to_owned).ok_or_else(|| {
        Refusal::new(
            Code::Refused,
            format!("`{name}` must be a binding's name of A–Z a–z 0–9 - _ ."),
        )
    })
}

/// A binding's name, or none where all are meant.
pub(super) fn optional_binding(request: &Request) -> Result<Option<String>, Refusal> {
    match request.object.get("binding") {
        None | Some(Value::Null) => Ok(None),
        Some(_) => binding(request, "binding").map(Some),
    }
}

pub(super) fn profile(request: &Request) -> Result<Profile, Refusal> {
    let object = request.object.get("profile").cloned().unwrap_or(Value::Null);
    let profile: Profile = serde_json::from_value(object)
        .map_err(|error| Refusal::new(Code::Refused, format!("`profile`: {error}")))?;
    match profile.objection() {
        Some(why) => Err(Refusal::new(Code::Refused, format!("`profile`: {why}"))),
        None => Ok(profile),
    }
}

pub(super) fn test(request: &Request) -> Result<Test, Refusal> {
    let refused = |text: String| Refusal::new(Code::Refused, text);
    let text = |name: &str| request.object.get(name).and_then(Value::as_str);
    let key = text("key").filter(|key| (1..=NAME_CHARACTERS_MAX).contains(&key.len()));
    let key = key.filter(|key| !key.chars().any(char::is_control)).ok_or_else(|| {
        refused(format!("`key` must have 1 to {NAME_CHARACTERS_MAX} printable characters"))
    })?;
    let kind = TestKind::ALL.into_iter().find(|kind| text("kind") == Some(kind.name()));
    let kind = kind.ok_or_else(|| {
        refused(format!("`kind` must be one of {}", TestKind::ALL.map(TestKind::name).join(", ")))
    })?;
    let amount_minor = match request.object.get("amount_minor") {
        None => Some(0),
        Some(amount) => amount.as_i64(),
    };
    let least = i64::from(kind.is_payment());
    let amount_minor =
        amount_minor.filter(|amount| (least..=TEST_AMOUNT_MINOR_MAX).contains(amount)).ok_or_else(
            || refused(format!("`amount_minor` must be from {least} to {TEST_AMOUNT_MINOR_MAX}")),
        )?;
    Ok(Test { binding: binding(request, "binding")?, key: key.to_owned(), kind, amount_minor })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Verb;
    use super::*;

    fn profile() -> Value {
        json!({"version": 2, "provider": "beta", "mid": "898440154110001", "tid": "B0000001",
               "name": "North Store", "mcc": "5411", "currency": "CNY",
               "hosts": ["127.0.0.1:9001"], "secret": "c2VjcmV0"})
    }

    fn verb(request: &Value) -> Result<Verb, Code> {
        let request = Request::read(request.to_string().as_bytes()).unwrap();
        Verb::of(&request).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_verbs_of_the_page_are_read() {
        let binding = || "bnd-1".to_owned();
        let key = || "ord-1/3".to_owned();
        let test = |kind, amount_minor| Test { binding: binding(), key: key(), kind, amount_minor };
        let drain = Verb::Drain { binding: None };
        for (request, expected) in [
            (json!({"id": 1, "do": "drain"}), drain),
            (
                json!({"id": 1, "do": "drain", "binding": "bnd-1"}),
                Verb::Drain { binding: Some(binding()) },
            ),
            (json!({"id": 1, "do": "settle", "binding": null}), Verb::Settle { binding: None }),
            (
                json!({"id": 1, "do": "stage_binding", "binding": "bnd-1", "profile": profile()}),
                Verb::StageBinding {
                    binding: binding(),
                    profile: serde_json::from_value(profile()).unwrap(),
                },
            ),
            (
                json!({"id": 1, "do": "switch_binding", "to": "bnd-1"}),
                Verb::SwitchBinding { to: binding() },
            ),
            (
                json!({"id": 1, "do": "test_transaction", "binding": "bnd-1", "key": "ord-1/3",
                       "kind": "sale", "amount_minor": 1}),
                Verb::TestTransaction(test(TestKind::Sale, 1)),
            ),
            (
                json!({"id": 1, "do": "test_transaction", "binding": "bnd-1", "key": "ord-1/3",
                       "kind": "batch-close"}),
                Verb::TestTransaction(test(TestKind::BatchClose, 0)),
            ),
            (
                json!({"id": 1, "do": "void_tests", "binding": "bnd-1"}),
                Verb::VoidTests { binding: binding() },
            ),
            (
                json!({"id": 1, "do": "erase_binding", "binding": "bnd-1"}),
                Verb::EraseBinding { binding: binding() },
            ),
            (
                json!({"id": 1, "do": "figures", "binding": "bnd-1"}),
                Verb::Figures { binding: binding() },
            ),
            (
                json!({"id": 1, "do": "stop_trading", "message": "pay in cash"}),
                Verb::StopTrading { message: "pay in cash".to_owned() },
            ),
        ] {
            assert_eq!(verb(&request), Ok(expected), "{request}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let test = |kind: &str, amount: Value| {
            json!({"id": 1, "do": "test_transaction", "binding": "b", "key": "k", "kind": kind,
                   "amount_minor": amount})
        };
        for request in [
            json!({"id": 1, "do": "stage_binding", "binding": "bnd-1"}),
            json!({"id": 1, "do": "stage_binding", "profile": profile()}),
            json!({"id": 1, "do": "stage_binding", "binding": "../x", "profile": profile()}),
            json!({"id": 1, "do": "switch_binding"}),
            json!({"id": 1, "do": "switch_binding", "to": "b'--"}),
            json!({"id": 1, "do": "drain", "binding": ""}),
            json!({"id": 1, "do": "settle", "binding": 7}),
            json!({"id": 1, "do": "erase_binding", "binding": "x".repeat(129)}),
            json!({"id": 1, "do": "stop_trading"}),
            test("dance", json!(1)),
            test("sale", json!(0)),
            test("sale", json!(-1)),
            test("qr", json!(1.5)),
            test("sale", json!(1_000_001)),
            json!({"id": 1, "do": "test_transaction", "binding": "b", "kind": "receipt"}),
            json!({"id": 1, "do": "test_transaction", "binding": "b", "key": "", "kind": "void"}),
        ] {
            assert_eq!(verb(&request), Err(Code::Refused), "{request}");
        }
    }

    #[test]
    fn each_part_of_a_profile_has_a_shape() {
        let stage = |profile: Value| {
            verb(&json!({"id": 1, "do": "stage_binding", "binding": "b", "profile": profile}))
        };
        assert!(stage(profile()).is_ok());
        for (part, value) in [
            ("provider", json!("")),
            ("mid", json!("1".repeat(16))),
            ("tid", json!("A\n1")),
            ("name", json!("n".repeat(65))),
            ("mcc", json!("54a1")),
            ("currency", json!("EUR")),
            ("hosts", json!([])),
            ("hosts", json!(vec!["h:1"; 5])),
            ("hosts", json!(["127.0.0.1"])),
            ("hosts", json!(["127.0.0.1:0"])),
            ("hosts", json!(["127.0.0.1:70000"])),
            ("secret", json!("not base64!")),
            ("secret", json!("x".repeat(8 * 1024 + 1))),
            ("version", json!(-1)),
        ] {
            let mut spoiled = profile();
            spoiled[part] = value.clone();
            assert_eq!(stage(spoiled), Err(Code::Refused), "{part} {value}");
        }
        let told = format!("{:?}", stage(profile()).unwrap());
        assert!(told.contains("B0000001") && !told.contains("c2VjcmV0"), "{told}");
        let mut without = profile();
        without["secret"] = Value::Null;
        assert!(stage(without).is_ok());
    }
}
