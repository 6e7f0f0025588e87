//! What terminals are selected by. Pure.

use std::fmt;

/// Whatever is compared as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Store,
    Region,
    Lane,
    Model,
    Serial,
    Id,
    Zone,
    /// With whom it settles: of a terminal that serves several, each.
    Provider,
    /// Several at a time: of the unit, of its service, and what keeps it from changes.
    State,
    Presence,
    /// What the terminal reports of this component.
    Version(String),
    Label(String),
}

pub(super) const LAST_SEEN: &str = "last-seen";

pub(super) const KEYS: &str = "store, region, lane, model, serial, id, zone, provider, state, \
    presence, last-seen, version.<component> or label.<name>";

/// Whatever a terminal can be in, by what it is said of: the unit, its service, what keeps it
/// from changes.
pub(super) const STATES: &[&str] = &[
    "claimed",
    "enrolled",
    "revoked",
    "in-service",
    "suspended",
    "suspended-owing",
    "erased",
    "frozen",
    "quarantined",
];

pub(super) const PRESENCES: &[&str] = &["online", "offline", "never-seen"];

/// Keys without a name of their own.
const FIXED: &[(&str, Key)] = &[
    ("store", Key::Store),
    ("region", Key::Region),
    ("lane", Key::Lane),
    ("model", Key::Model),
    ("serial", Key::Serial),
    ("id", Key::Id),
    ("zone", Key::Zone),
    ("provider", Key::Provider),
    ("state", Key::State),
    ("presence", Key::Presence),
];

impl Key {
    pub(super) fn named(name: &str) -> Option<Self> {
        let part_of = |prefix: &str| {
            name.strip_prefix(prefix).filter(|part| !part.is_empty()).map(str::to_owned)
        };
        let fixed = FIXED.iter().find(|(fixed, _)| *fixed == name).map(|(_, key)| key.clone());
        fixed
            .or_else(|| part_of("version.").map(Self::Version))
            .or_else(|| part_of("label.").map(Self::Label))
    }

    /// All that it can be, where only a few words make sense.
    pub(super) fn words(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::State => Some(STATES),
            Self::Presence => Some(PRESENCES),
            Self::Store
            | Self::Region
            | Self::Lane
            | Self::Model
            | Self::Serial
            | Self::Id
            | Self::Zone
            | Self::Provider
            | Self::Version(_)
            | Self::Label(_) => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(name) => write!(out, "version.{name}"),
            Self::Label(name) => write!(out, "label.{name}"),
            Self::Store => out.write_str("store"),
            Self::Region => out.write_str("region"),
            Self::Lane => out.write_str("lane"),
            Self::Model => out.write_str("model"),
            Self::Serial => out.write_str("serial"),
            Self::Id => out.write_str("id"),
            Self::Zone => out.write_str("zone"),
            Self::Provider => out.write_str("provider"),
            Self::State => out.write_str("state"),
            Self::Presence => out.write_str("presence"),
        }
    }
}
