//! What the agent and `tillward-snapshot` say to each other: one request as one line of JSON on
//! standard input, answers as lines of JSON on standard output.
//!
//! The task is a word on the command line ([`Task`]). Standard input stays open until the agent
//! closes it, and the program ends when it does. There is any number of progress lines, then one
//! line that is the answer, and nothing after it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::backup::{DataClass, Selection, SnapshotOf};
use shared::change::Extent;
use shared::digest::Digest;
use shared::document::Manifest;
use shared::id::{OrderId, RepositoryId};
use shared::message::Component;
use shared::outcome::FailureCode;
use shared::time::{ClockConfidence, UnixTime};

/// One line in either direction: a few thousand files are named in at most this much.
pub const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// In a snapshot and where it is staged: the folder of what the POS application exported.
pub const EXPORT: &str = "export";

/// As [`EXPORT`], for allow-listed paths: below it, each has a folder of its own name.
pub const PATHS: &str = "paths";

/// What the program can be asked for. Each has a request and an answer of its own type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// [`Save`], answered by [`Saved`].
    Save,
    /// [`Fetch`], answered by [`Fetched`].
    Fetch,
    /// [`Reach`], answered by [`shared::backup::Newest`].
    Newest,
    /// [`Nothing`], answered by [`Nothing`]: every key that this terminal could read a backup with
    /// is overwritten and removed.
    ForgetKey,
    /// [`Nothing`], answered by [`Recipient`]: to whom a key is sealed that this terminal needs.
    Recipient,
    /// [`PlaceFiles`], answered by [`Placed`].
    Place,
    /// [`OfOrder`], answered by [`Nothing`]: what was there before [`Self::Place`] is there again.
    PutBack,
    /// [`OfOrder`], answered by [`Nothing`]: what was there before [`Self::Place`] goes for good.
    Keep,
    /// [`Unseal`], answered by [`Unsealed`]: opens what is sealed to this terminal.
    Unseal,
}

impl Task {
    pub const ALL: [Self; 9] = [
        Self::Save,
        Self::Fetch,
        Self::Newest,
        Self::ForgetKey,
        Self::Recipient,
        Self::Place,
        Self::PutBack,
        Self::Keep,
        Self::Unseal,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::Fetch => "fetch",
            Self::Newest => "newest",
            Self::ForgetKey => "forget-key",
            Self::Recipient => "recipient",
            Self::Place => "place",
            Self::PutBack => "put-back",
            Self::Keep => "keep",
            Self::Unseal => "unseal",
        }
    }
}

/// How the controller is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// `https://host:port` of the controller.
    pub url: String,
    /// A moment that has certainly passed: what a server's certificate is checked by.
    pub time_floor: UnixTime,
}

/// Take a snapshot. For one order and one `taken_at` it is taken once, however often this is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Save {
    pub reach: Reach,
    pub order: OrderId,
    pub extent: Extent,
    /// What the POS application exported: a directory that nobody writes to any more.
    pub export: PathBuf,
    /// As the POS application told; every file below `export` belongs to one of them.
    pub data_sets: Vec<Exported>,
    /// What else is saved.
    pub paths: Vec<AllowedPath>,
    pub serial: String,
    pub model: String,
    pub software: Vec<Component>,
    pub bindings: Vec<String>,
    pub batch_open: bool,
    pub taken_at: UnixTime,
    pub clock: ClockConfidence,
    /// `age1…`, from the roster that the agent trusts.
    pub recipients: Vec<String>,
    pub roster_version: u64,
}

/// One data set, by the POS application's own count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    pub name: String,
    pub class: DataClass,
    pub schema: u32,
    /// Relative to the export directory.
    pub files: Vec<String>,
    pub records: u64,
    /// By currency, in minor units.
    #[serde(default)]
    pub totals: BTreeMap<String, i64>,
    #[serde(default)]
    pub first: Option<u64>,
    #[serde(default)]
    pub last: Option<u64>,
}

/// A file or a directory that the terminal's configuration allows to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedPath {
    pub name: String,
    pub class: DataClass,
    pub path: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    pub repository: RepositoryId,
    pub number: u64,
    pub snapshot: Digest,
    /// SHA-256 of the manifest's payload.
    pub manifest: Digest,
    /// In this run, bodies of requests alone.
    pub bytes_sent: u64,
    /// Of all files, as they lie on the terminal.
    pub bytes_total: u64,
    pub files: u64,
    /// What was not as it should be and did not keep the snapshot from being taken.
    pub findings: Vec<String>,
}

/// Fetch a snapshot, or a part of it, into an empty directory: `into/export/…`, `into/paths/…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    pub reach: Reach,
    pub of: SnapshotOf,
    pub selection: Selection,
    pub into: PathBuf,
    /// The repository's key, sealed to this terminal; `None` where it still has the key.
    pub key: Option<Sealed>,
    #[serde(default)]
    pub damage: Damage,
}

/// What is done with files that cannot be restored as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// Nothing is restored.
    #[default]
    Refuse,
    /// All others are restored, and these are named.
    LeaveOut,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    pub manifest: Manifest,
    pub files: u64,
    pub bytes: u64,
    /// Files that were asked for and could not be restored, by their paths in the listing.
    pub left_out: Vec<String>,
    /// The data sets of the whole snapshot that lie in [`PATHS`]: the till knows nothing of them.
    pub paths: Vec<String>,
}

/// Let what was staged of these paths take the place of what is there. What is there stands by
/// until the order's [`Task::PutBack`] or [`Task::Keep`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceFiles {
    pub order: OrderId,
    /// [`Fetch::into`].
    pub staged: PathBuf,
    /// As this terminal's configuration has them.
    pub paths: Vec<AllowedPath>,
    /// Only this file, by its path in the listing; what lies beside it stays.
    pub only: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// What has another content now.
    pub paths: Vec<String>,
    /// Copied in this run.
    pub files: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfOrder {
    pub order: OrderId,
}

/// Where there is nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// `age1…`
    pub recipient: String,
    /// A [`shared::document::RecipientStatement`] under the terminal's key, in base64.
    pub statement: Sealed,
}

/// Secrets of a new binding, as [`shared::document::Profile::sealed`] has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseal {
    pub sealed: Sealed,
}

/// What was sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsealed {
    pub secret: Sealed,
}

impl std::fmt::Debug for Unsealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Unsealed([redacted])")
    }
}

/// Bytes that are base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        data_encoding::BASE64.decode(text.as_bytes()).map(Self).map_err(de::Error::custom)
    }
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line<Answer> {
    Progress(Progress),
    Done(Answer),
    Failed(Failed),
    Waiting(Waiting),
}

/// How far it is. `bytes_total` may grow, and both are estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub bytes_done: u64,
    pub bytes_total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    pub code: FailureCode,
    /// For people: on which object, and why.
    pub detail: String,
    /// The same request may succeed later.
    pub again: bool,
}

/// Nothing is wrong with the request; what was done so far is kept, and it can be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    pub reason: shared::outcome::Waiting,
    pub detail: String,
}

/// Why a line was not understood.
#[derive(Debug, thiserror::Error)]
#[error("not a line of this protocol: {0}")]
pub struct NotALine(serde_json::Error);

/// A request or an answer as one line, without its end.
pub fn line<T: Serialize>(said: &T) -> String {
    serde_json::to_string(said).expect("these types have only text keys and fit into memory")
}

/// Reads what [`line`] wrote.
pub fn parse<T: DeserializeOwned>(line: &str) -> Result<T, NotALine> {
    serde_json::from_str(line).map_err(NotALine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save() -> Save {
        Save {
            reach: Reach { url: "https://[::1]:8443".to_owned(), time_floor: UnixTime(1) },
            order: OrderId::from_bytes([1; 16]),
            extent: Extent::Incremental,
            export: PathBuf::from("/var/lib/tillward/backup/export"),
            data_sets: vec![Exported {
                name: "journal".to_owned(),
                class: DataClass::Journal,
                schema: 3,
                files: vec!["journal.db".to_owned()],
                records: 2,
                totals: BTreeMap::from([("EUR".to_owned(), 1250)]),
                first: Some(1),
                last: Some(2),
            }],
            paths: Vec::new(),
            serial: "T-1".to_owned(),
            model: "sim".to_owned(),
            software: Vec::new(),
            bindings: Vec::new(),
            batch_open: false,
            taken_at: UnixTime(1_800_000_000),
            clock: ClockConfidence::Attested,
            recipients: vec!["age1x".to_owned()],
            roster_version: 1,
        }
    }

    #[test]
    fn a_request_is_one_line_and_reads_back_as_it_was_written() {
        let text = line(&save());
        assert!(!text.contains('\n'));
        assert_eq!(parse::<Save>(&text).unwrap(), save());
    }

    #[test]
    fn answers_are_told_apart_by_their_one_key() {
        let progress = Line::<Saved>::Progress(Progress { bytes_done: 1, bytes_total: 2 });
        assert_eq!(line(&progress), r#"{"progress":{"bytes_done":1,"bytes_total":2}}"#);
        let waiting = r#"{"waiting":{"reason":"network","detail":"no route"}}"#;
        assert!(matches!(parse(waiting), Ok(Line::<Saved>::Waiting(_))));
        let failed = r#"{"failed":{"code":"disk-full","detail":"","again":true}}"#;
        assert!(matches!(parse(failed), Ok(Line::<Nothing>::Failed(Failed { again: true, .. }))));
        assert_eq!(parse::<Line<Nothing>>(r#"{"done":{}}"#).unwrap(), Line::Done(Nothing {}));
    }

    #[test]
    fn a_pos_that_counts_no_money_and_no_numbers_need_not_say_so() {
        let told = r#"{"name":"config","class":"config","schema":1,"files":[],"records":0}"#;
        let told: Exported = parse(told).unwrap();
        assert!(told.totals.is_empty() && told.first.is_none() && told.last.is_none());
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_ignored() {
        for text in ["", "{}", r#"{"done":{},"failed":{}}"#, r#"{"finished":{}}"#] {
            assert!(parse::<Line<Nothing>>(text).is_err(), "{text}");
        }
        let more = line(&save()).replacen('{', r#"{"recipient":"age1y","#, 1);
        assert!(parse::<Save>(&more).is_err());
    }

    #[test]
    fn every_task_has_a_word_of_its_own() {
        let words = Task::ALL.map(Task::as_str);
        let expected = [
            "save",
            "fetch",
            "newest",
            "forget-key",
            "recipient",
            "place",
            "put-back",
            "keep",
            "unseal",
        ];
        assert_eq!(words, expected);
    }
}
