//! What a campaign does on each of its terminals.

use serde::{Deserialize, Serialize};
use shared::backup::{Selection, SnapshotOf};
use shared::change as signed;
use shared::change::rebind::{Reason, RegistryOrder, Test, Watch};
use shared::change::{Extent, SettlementDelay};
use shared::digest::Digest;
use shared::id::{RepositoryId, RequestId, TerminalId};
use shared::time::UnixTime;
use shared::window::Window;
use utoipa::ToSchema;

use super::{Base64, text};

/// One of these, by its name. Windows are in each terminal's local time; without one it is any
/// time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Ping(Ping),
    Backup(Backup),
    Drill(Drill),
    Upgrade(Upgrade),
    Restore(Restore),
    Rebind(Rebind),
    Suspend(Suspend),
    Resume(Resume),
    Decommission(Decommission),
}

/// Answer, to show that orders arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    #[serde(default)]
    pub note: String,
}

/// Save what the till has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// `incremental`, or `full`: everything anew, under a new key.
    #[schema(value_type = String, example = "incremental")]
    pub extent: Extent,
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
    /// It is not begun while the till has an open batch, until then; afterwards it is taken all
    /// the same, and says so.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub settled_by: Option<UnixTime>,
}

/// Restore the newest snapshot into a scratch till and compare the totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// SHA-256 of the release's payload.
    #[schema(value_type = String)]
    pub release: Digest,
    /// When shops may be disturbed.
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
    /// A verified snapshot that is no older than so many seconds must exist before a shop is
    /// disturbed; without it, none is asked for.
    #[serde(default)]
    pub backup_within_s: Option<u64>,
}

/// Put saved data back into a till, in place of what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Which terminal saved it.
    #[schema(value_type = String)]
    pub terminal: TerminalId,
    #[schema(value_type = String)]
    pub repository: RepositoryId,
    #[schema(value_type = String)]
    pub snapshot: Digest,
    /// SHA-256 of the payload of the snapshot's manifest.
    #[schema(value_type = String)]
    pub manifest: Digest,
    /// `"everything"`, `{"data-sets": ["sales"]}` or `{"file": "export/journal"}`.
    #[schema(value_type = Object)]
    pub selection: Selection,
    /// The repository's key, sealed to the terminal that restores; without it, that terminal must
    /// still have the key.
    #[serde(default)]
    pub key: Option<Base64>,
    /// When the shop may be disturbed.
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
}

/// Change the payment provider. Planned and begun by `/v1/rebinds`, never as a campaign by itself:
/// each terminal's profile belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rebind {
    /// The verified request that this carries out.
    #[schema(value_type = String)]
    pub request: RequestId,
    pub from: String,
    pub to: String,
    /// Merkle root over the terminals' profiles.
    #[schema(value_type = String)]
    pub profiles: Digest,
    #[schema(value_type = String, example = "fee")]
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    /// `new-first`, or `release-old-first`: no way back from the switch on.
    #[schema(value_type = String, example = "new-first")]
    pub registry_order: RegistryOrder,
    #[schema(value_type = Vec<Object>)]
    pub tests: Vec<Test>,
    #[schema(value_type = Object)]
    pub watch: Watch,
    /// When shops may be disturbed.
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
}

/// Stop selling at a moment, settle, and save. Begun by `/v1/deactivations`, never as a campaign by
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    #[schema(value_type = String)]
    pub request: RequestId,
    #[schema(value_type = String, example = "business")]
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    #[schema(value_type = i64)]
    pub cut_off: UnixTime,
    pub fallback: String,
    /// Without it they stay stopped until they are resumed or decommissioned.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub resume_expected: Option<UnixTime>,
    /// What is accepted of a terminal that cannot settle; else it waits until it has.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub delay: Option<SettlementDelay>,
    /// The terminal answers nobody, and another one takes its place: this waits for it for 90 days.
    #[serde(default)]
    pub is_given_up: bool,
}

/// Sell again after a suspension. Begun by `/v1/deactivations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    #[schema(value_type = String)]
    pub request: RequestId,
    #[schema(value_type = String, example = "business")]
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    #[schema(value_type = Vec<Object>)]
    pub tests: Vec<Test>,
    #[serde(default, with = "text::optional")]
    #[schema(value_type = Option<String>, example = "22:00-06:00")]
    pub window: Option<Window>,
}

/// Erase everything, for good. Begun by `/v1/deactivations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decommission {
    #[schema(value_type = String)]
    pub request: RequestId,
    #[schema(value_type = String, example = "contract-end")]
    pub reason: Reason,
    pub ordered_by: String,
    pub note: String,
    pub cool_off_s: u32,
    /// Merkle root over the terminals' clearances.
    #[schema(value_type = String)]
    pub clearances: Digest,
    pub is_lost: bool,
}

/// One field after the other, there and back: a field that is missing here does not compile.
macro_rules! same_fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl From<$name> for signed::$name {
            fn from($name { $($field),+ }: $name) -> Self {
                Self { $($field),+ }
            }
        }

        impl From<signed::$name> for $name {
            fn from(signed::$name { $($field),+ }: signed::$name) -> Self {
                Self { $($field),+ }
            }
        }
    };
}

same_fields!(Rebind {
    request,
    from,
    to,
    profiles,
    reason,
    ordered_by,
    note,
    registry_order,
    tests,
    watch,
    window,
});

same_fields!(Suspend {
    request,
    reason,
    ordered_by,
    note,
    cut_off,
    fallback,
    resume_expected,
    delay,
    is_given_up,
});

same_fields!(Resume { request, reason, ordered_by, note, tests, window });

same_fields!(Decommission { request, reason, ordered_by, note, cool_off_s, clearances, is_lost });

impl From<Change> for signed::Change {
    fn from(change: Change) -> Self {
        match change {
            Change::Ping(Ping { note }) => Self::Ping(signed::Ping { note }),
            Change::Backup(Backup { extent, window, settled_by }) => {
                Self::Backup(signed::Backup { extent, window, settled_by })
            }
            Change::Drill(Drill { window }) => Self::Drill(signed::Drill { window }),
            Change::Upgrade(Upgrade { release, window, backup_within_s }) => {
                Self::Upgrade(signed::Upgrade { release, window, backup_within_s })
            }
            Change::Restore(restore) => Self::Restore(restore.into()),
            Change::Rebind(rebind) => Self::Rebind(Box::new(rebind.into())),
            Change::Suspend(suspend) => Self::Suspend(Box::new(suspend.into())),
            Change::Resume(resume) => Self::Resume(Box::new(resume.into())),
            Change::Decommission(wipe) => Self::Decommission(Box::new(wipe.into())),
        }
    }
}

impl From<Restore> for signed::Restore {
    fn from(restore: Restore) -> Self {
        let Restore { terminal, repository, snapshot, manifest, selection, key, window } = restore;
        let of = SnapshotOf { terminal, repository, snapshot, manifest };
        Self { of, selection, key: key.map(|Base64(bytes)| bytes.into()), window }
    }
}

/// A cancellation is never a campaign of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartOfAnAbort;

impl TryFrom<signed::Change> for Change {
    type Error = PartOfAnAbort;

    fn try_from(change: signed::Change) -> Result<Self, PartOfAnAbort> {
        Ok(match change {
            signed::Change::Ping(signed::Ping { note }) => Self::Ping(Ping { note }),
            signed::Change::Backup(signed::Backup { extent, window, settled_by }) => {
                Self::Backup(Backup { extent, window, settled_by })
            }
            signed::Change::Drill(signed::Drill { window }) => Self::Drill(Drill { window }),
            signed::Change::Upgrade(signed::Upgrade { release, window, backup_within_s }) => {
                Self::Upgrade(Upgrade { release, window, backup_within_s })
            }
            signed::Change::Restore(signed::Restore { of, selection, key, window }) => {
                let SnapshotOf { terminal, repository, snapshot, manifest } = of;
                let key = key.map(|bytes| Base64(bytes.into_vec()));
                Self::Restore(Restore {
                    terminal,
                    repository,
                    snapshot,
                    manifest,
                    selection,
                    key,
                    window,
                })
            }
            signed::Change::Rebind(rebind) => Self::Rebind((*rebind).into()),
            signed::Change::Suspend(suspend) => Self::Suspend((*suspend).into()),
            signed::Change::Resume(resume) => Self::Resume((*resume).into()),
            signed::Change::Decommission(wipe) => Self::Decommission((*wipe).into()),
            signed::Change::Cancel(_) => return Err(PartOfAnAbort),
        })
    }
}

impl Change {
    pub fn window(&self) -> Option<Window> {
        match self {
            Self::Backup(backup) => backup.window,
            Self::Drill(drill) => drill.window,
            Self::Upgrade(upgrade) => upgrade.window,
            Self::Restore(restore) => restore.window,
            Self::Rebind(rebind) => rebind.window,
            Self::Resume(resume) => resume.window,
            Self::Ping(_) | Self::Suspend(_) | Self::Decommission(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Change {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_asked_for_becomes_what_is_signed_and_back() {
        let id = |prefix: &str| format!("{prefix}-{}", "07".repeat(16));
        let digest = Digest([3; 32]);
        let restore = format!(
            r#"{{"restore":{{"terminal":"{}","repository":"{}","snapshot":"{digest}",
                "manifest":"{digest}","selection":{{"data-sets":["sales"]}},"key":"c2VhbGVk",
                "window":"01:00-02:00"}}}}"#,
            id("trm"),
            id("rep"),
        );
        let upgrade = format!(r#"{{"upgrade":{{"release":"{digest}","backup_within_s":60}}}}"#);
        let all = [
            r#"{"ping":{"note":"hello"}}"#,
            r#"{"backup":{"extent":"full"}}"#,
            r#"{"backup":{"extent":"full","settled_by":1800172800}}"#,
            r#"{"drill":{"window":"22:00-06:00"}}"#,
            &upgrade,
            &restore,
        ];
        for json in all {
            let change = read(json);
            let there = signed::Change::from(change.clone());
            assert_eq!(there.window(), change.window());
            assert_eq!(Change::try_from(there), Ok(change.clone()));
            let again = serde_json::to_string(&change).unwrap();
            assert_eq!(read(&again), change, "{json}");
        }
        let signed::Change::Restore(restore) = read(&restore).into() else { panic!("not one") };
        assert_eq!(restore.key.map(|key| key.into_vec()).as_deref(), Some(b"sealed".as_slice()));
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused() {
        for json in [r#"{"backup":{"extent":"full","wipe":true}}"#, r#"{"cancel":{}}"#, "{}"] {
            assert!(serde_json::from_str::<Change>(json).is_err(), "{json}");
        }
    }
}
