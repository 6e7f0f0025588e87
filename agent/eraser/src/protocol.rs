//! What goes over standard input and output of `tillward-erase`. Pure. Whoever starts the program
//! shares no code with it, so this page is the contract, and the golden texts below hold it.
//!
//! # The request of `tillward-erase run` and `check`: one line on standard input
//!
//! ```json
//! {"wipe":{"order":"ord_1","lifecycle":"/var/lib/tillward-lifecycle",
//!   "keys":[{"file":{"path":"/var/lib/pos/data.key"}},
//!           {"luks":{"device":"/dev/mmcblk0p3","header_backups":["/boot/pos-header.bak"]}},
//!           {"program":{"erase":["/usr/bin/tpm2_evictcontrol","-c","0x81000001"],
//!                       "check":["/usr/lib/tillward/no-handle","0x81000001"]}}],
//!   "paths":["/var/lib/pos","/var/log/pos"],"devices":["/dev/mmcblk0p3"],
//!   "identity":["/var/lib/tillward/identity"]}}
//! ```
//!
//! At most [`REQUEST_BYTES_MAX`] bytes, without line breaks inside, without keys that are not
//! shown here. `keys`, `paths`, `devices`, `identity` and `header_backups` may be left out, which
//! says that there are none. All paths are absolute.
//!
//! # Lines on standard output
//!
//! Every line is one JSON object with one key, which says what it is, but for the state, which has
//! two. A reader passes over keys that it does not know.
//!
//! - `{"phase":"keys"}`: progress of `run` and `resume`, for every object of `keys`, `data`,
//!   `discard` and `verify`. A reader passes over phases that it does not know.
//! - `{"report":{…}}`: the end of `run` and `resume`, and the answer of `report` once there is one.
//!   See [`Report`].
//! - `{"wiping":{"order":"ord_1"}}`: the answer of `report` from the first key that may be
//!   destroyed to the last thing looked for.
//! - `{"state":"none","order":null}`: the answer of `state`, `may-start`, `forget` and `cancel`; of
//!   `resume` and `report` where nothing is to be wiped; of `report` while it is only accepted.
//! - `{"checked":{"order":"ord_1"}}`: the answer of `check`, which takes the same request as `run`
//!   and changes nothing.
//! - `{"failed":{"phase":"keys","what":"…","why":"…","hint":"…"}}`: nothing follows, and the exit
//!   status is 1.
//!
//! `state` is `none`, `accepted`, `keys`, `data`, `discard`, `verify`, `erased` or `forgotten`. The
//! `phase` of a failure is one of these, or `unreadable` where the journal cannot be read.
//!
//! `may-start` fails from the first key that may be destroyed on, until the terminal has another
//! identity and `decommissioned` is removed from the lifecycle directory.
//!
//! Exit statuses: 0 with an answer, 1 with `failed`, 2 for arguments that make no sense, which are
//! told on standard error.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A request names a few dozen things; a page of the largest path is 4 KiB.
pub const REQUEST_BYTES_MAX: u64 = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub wipe: Wipe,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wipe {
    /// By what the wipe is recognised when it is asked for again. Text without a meaning here.
    pub order: String,
    /// Where the journal and the tombstone are: outside of all that is wiped.
    pub lifecycle: PathBuf,
    #[serde(default)]
    pub keys: Vec<Key>,
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    #[serde(default)]
    pub devices: Vec<PathBuf>,
    /// Removed by `forget` only.
    #[serde(default)]
    pub identity: Vec<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Key {
    /// A file that holds a key in clear.
    File { path: PathBuf },
    /// The key slots of a LUKS device.
    Luks {
        device: PathBuf,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        header_backups: Vec<PathBuf>,
    },
    /// A key that only a program can destroy: in a TPM, a secure element, a vendor's processor.
    Program {
        /// Destroys the key: status 0 if it did. May be run again after it succeeded.
        erase: Vec<String>,
        /// Status 0 only if the key is gone.
        check: Vec<String>,
    },
}

/// Seconds since 1970 by the clock of the machine, whatever that is worth.
pub type UnixTime = u64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    Phase(String),
    Report(Report),
    Wiping {
        order: String,
    },
    /// Nothing speaks against the request; nothing was done.
    Checked {
        order: String,
    },
    Failed(Failed),
    #[serde(untagged)]
    State {
        state: String,
        order: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub phase: String,
    pub what: String,
    pub why: String,
    pub hint: String,
}

/// What was tried, and what was seen afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub order: String,
    pub phases: Vec<PhaseReport>,
    pub keys: Vec<KeyReport>,
    pub paths: Vec<PathReport>,
    pub devices: Vec<DeviceReport>,
    /// Everything asked for was looked for afterwards and is gone: `not_verified` is empty.
    pub verified: bool,
    /// All of that was looked at: no path, no file with a key, and each device from end to end.
    pub in_full: bool,
    pub tool: String,
    pub tool_version: String,
    pub method: Method,
    /// Why `verified` is false, one sentence for each thing.
    pub not_verified: Vec<String>,
}

/// After NIST SP 800-88. Whether the outcome is good enough is for people to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every key was destroyed where it was, that was seen, and nothing was found in clear.
    Purge,
    /// Anything less, or anything that this program cannot know.
    Clear,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseReport {
    pub phase: String,
    /// The first time, if it was repeated after a power cut.
    pub began_at: UnixTime,
    pub ended_at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    pub name: String,
    pub method: KeyMethod,
    pub destroyed: bool,
    pub verified: bool,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyMethod {
    CryptographicErase,
    FileRemoved,
    Program,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    pub path: PathBuf,
    /// False if there was nothing when the wipe began.
    pub removed: bool,
    pub verified: bool,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    pub device: PathBuf,
    pub discarded: bool,
    pub verified: bool,
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads_back(text: &str, line: &Line) {
        assert_eq!(serde_json::to_string(line).unwrap(), text);
        assert_eq!(&serde_json::from_str::<Line>(text).unwrap(), line);
    }

    #[test]
    fn short_lines_are_written_as_the_page_says() {
        reads_back(r#"{"phase":"keys"}"#, &Line::Phase("keys".to_owned()));
        reads_back(r#"{"wiping":{"order":"o1"}}"#, &Line::Wiping { order: "o1".to_owned() });
        reads_back(r#"{"checked":{"order":"o1"}}"#, &Line::Checked { order: "o1".to_owned() });
        reads_back(
            r#"{"state":"none","order":null}"#,
            &Line::State { state: "none".to_owned(), order: None },
        );
        reads_back(
            r#"{"failed":{"phase":"keys","what":"a","why":"b","hint":"c"}}"#,
            &Line::Failed(Failed {
                phase: "keys".to_owned(),
                what: "a".to_owned(),
                why: "b".to_owned(),
                hint: "c".to_owned(),
            }),
        );
    }

    #[test]
    fn a_report_is_written_as_the_page_says() {
        let text = concat!(
            r#"{"report":{"order":"o1","#,
            r#""phases":[{"phase":"keys","began_at":1,"ended_at":2}],"#,
            r#""keys":[{"name":"luks:/dev/x","method":"cryptographic-erase","destroyed":true,"#,
            r#""verified":true,"detail":"d"}],"#,
            r#""paths":[{"path":"/p","removed":true,"verified":true,"detail":"d"}],"#,
            r#""devices":[{"device":"/dev/x","discarded":true,"verified":false,"detail":"d"}],"#,
            r#""verified":false,"in_full":false,"tool":"tillward-erase","tool_version":"1","#,
            r#""method":"purge","#,
            r#""not_verified":["why"]}}"#
        );
        let line: Line = serde_json::from_str(text).unwrap();
        assert!(matches!(&line, Line::Report(report) if report.method == Method::Purge));
        reads_back(text, &line);
    }

    #[test]
    fn a_request_of_the_page_is_read_and_an_unknown_key_is_refused() {
        let text = concat!(
            r#"{"wipe":{"order":"ord_1","lifecycle":"/l","keys":[{"file":{"path":"/k"}},"#,
            r#"{"luks":{"device":"/dev/x","header_backups":["/b"]}},{"luks":{"device":"/dev/y"}},"#,
            r#"{"program":{"erase":["/e","a"],"check":["/c"]}}],"#,
            r#""paths":["/p"],"devices":["/dev/x"],"identity":["/i"]}}"#
        );
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.wipe.keys.len(), 4);
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
        let bare: Request =
            serde_json::from_str(r#"{"wipe":{"order":"o","lifecycle":"/l"}}"#).unwrap();
        assert!(bare.wipe.keys.is_empty() && bare.wipe.identity.is_empty());
        for wrong in [
            r#"{"wipe":{"order":"o","lifecycle":"/l","more":1}}"#,
            r#"{"wipe":{"order":"o","lifecycle":"/l"},"more":1}"#,
            r#"{"wipe":{"order":"o","lifecycle":"/l","keys":[{"file":{"path":"/k","more":1}}]}}"#,
            r#"{"wipe":{"order":"o","lifecycle":"/l","keys":[{"other":{"path":"/k"}}]}}"#,
            r#"{"wipe":{"order":"o"}}"#,
        ] {
            assert!(serde_json::from_str::<Request>(wrong).is_err(), "{wrong}");
        }
    }
}
