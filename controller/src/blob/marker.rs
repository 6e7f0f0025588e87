//! What tells a place from an empty directory in its stead. Pure.
//!
//! A disk that is not mounted leaves an empty directory where a place was, and a bucket may be
//! another one tomorrow: both would look as if everything had been lost. So each place carries a
//! marker, and the controller remembers beside its other data which one it made. A place without
//! its own marker is *not there*, which is something else than empty.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::id::{FleetId, PlaceId, TerminalId};
use shared::time::UnixTime;

/// Its name beside the folders of terminals.
pub(super) const MARKER: &str = "tillward-place.json";

const ABOUT: &str = "A place of backups of a Tillward fleet. Without this file its controller \
                     neither reads nor writes here.";

/// Who a place says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) place: String,
    pub(super) fleet: FleetId,
    pub(super) id: PlaceId,
}

/// What the controller remembers of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) marker: Marker,
    /// When an operator said that this disk or bucket replaces another one.
    pub(super) adopted_at: Option<UnixTime>,
}

/// Both, as they are written: a marker has no `adopted_at`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: String,
    place: String,
    fleet: FleetId,
    id: PlaceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adopted_at: Option<UnixTime>,
    /// Of all the others: half a file is no marker.
    sha256: Digest,
}

impl Written {
    fn digest(&self) -> Digest {
        let Self { about, place, fleet, id, adopted_at, sha256: _ } = self;
        let adopted_at = adopted_at.map_or_else(String::new, |at| at.0.to_string());
        Digest::of(
            [about, place, &fleet.to_string(), &id.to_string(), &adopted_at]
                .map(|part| format!("{}:{part}", part.len()))
                .concat()
                .as_bytes(),
        )
    }
}

impl Record {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let Self { marker: Marker { place, fleet, id }, adopted_at } = self.clone();
        let (about, sha256) = (ABOUT.to_owned(), Digest([0; 32]));
        let mut written = Written { about, place, fleet, id, adopted_at, sha256 };
        written.sha256 = written.digest();
        let mut json = serde_json::to_vec_pretty(&written).expect("texts and a number are JSON");
        json.push(b'\n');
        json
    }

    /// `None` for what is not one, or not whole.
    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        (written.sha256 == written.digest()).then_some(())?;
        let Written { place, fleet, id, adopted_at, .. } = written;
        Some(Self { marker: Marker { place, fleet, id }, adopted_at })
    }
}

impl Marker {
    pub(super) fn to_json(&self) -> Vec<u8> {
        Record { marker: self.clone(), adopted_at: None }.to_json()
    }

    pub(super) fn from_json(bytes: &[u8]) -> Option<Self> {
        Record::from_json(bytes).map(|record| record.marker)
    }
}

/// What lies where a place's marker should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Marker(Marker),
    /// Something, but no marker that is whole.
    Damaged,
    Nothing,
}

/// Why a place is not there, although something answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    #[error("nothing there is marked as this place")]
    NoMarker,
    #[error("its marker {MARKER} is damaged")]
    DamagedMarker,
    #[error("what is there is place `{place}` of fleet {fleet}")]
    Another { place: String, fleet: FleetId },
    #[error("what is there is {got}, and this place is {wanted}")]
    Replaced { wanted: PlaceId, got: PlaceId },
    #[error("it was never used, and holds `{0}`, which is nothing of Tillward's")]
    Strange(String),
}

impl Absent {
    /// What to do, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoMarker => {
                "mount its disk or give its bucket back; if it is lost, run \
                 `tillward-controller places adopt` with what replaces it"
            }
            Self::DamagedMarker => {
                "check the disk; if it is sound, run `tillward-controller places adopt`"
            }
            Self::Another { .. } => {
                "correct the place's url, or mount the right disk; what belongs to another place \
                 is never taken over"
            }
            Self::Replaced { .. } => {
                "mount the right disk; if this one replaces it, run `tillward-controller places \
                 adopt`"
            }
            Self::Strange(_) => {
                "name an empty directory or prefix; if this is the right one, run \
                 `tillward-controller places adopt`"
            }
        }
    }
}

/// What follows from what is remembered of a place and what is found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    There,
    /// It was never used here: it becomes one if it holds nothing else ([`stranger`]).
    Begin,
    /// It is marked as this place already, and nothing is remembered of it.
    Remember(Marker),
    Absent(Absent),
}

/// `place` of `fleet` is looked for.
pub(super) fn judge(
    place: &str,
    fleet: FleetId,
    remembered: Option<PlaceId>,
    found: Found,
) -> Verdict {
    let marker = match (found, remembered) {
        (Found::Marker(marker), _) => marker,
        (Found::Damaged, _) => return Verdict::Absent(Absent::DamagedMarker),
        (Found::Nothing, None) => return Verdict::Begin,
        (Found::Nothing, Some(_)) => return Verdict::Absent(Absent::NoMarker),
    };
    if marker.place != place || marker.fleet != fleet {
        let Marker { place, fleet, .. } = marker;
        return Verdict::Absent(Absent::Another { place, fleet });
    }
    match remembered {
        None => Verdict::Remember(marker),
        Some(wanted) if wanted == marker.id => Verdict::There,
        Some(wanted) => Verdict::Absent(Absent::Replaced { wanted, got: marker.id }),
    }
}

/// Of the names that lie side by side in a place without a marker: one that is nothing of ours.
/// A place of an older version holds folders of terminals, a new disk `lost+found`, and one that
/// somebody else is just marking a marker.
pub(super) fn stranger(names: impl IntoIterator<Item = impl AsRef<str>>) -> Option<String> {
    let known =
        |name: &str| ["lost+found", MARKER].contains(&name) || name.parse::<TerminalId>().is_ok();
    let mut names = names.into_iter();
    names.find(|name| !known(name.as_ref())).map(|name| name.as_ref().to_owned())
}

impl fmt::Display for Marker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, fleet, id } = self;
        write!(out, "place `{place}` of {fleet}, {id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: FleetId = FleetId::from_bytes([1; 16]);
    const OTHER_FLEET: FleetId = FleetId::from_bytes([2; 16]);
    const ID: PlaceId = PlaceId::from_bytes([3; 16]);
    const OTHER_ID: PlaceId = PlaceId::from_bytes([4; 16]);

    fn marker(place: &str, fleet: FleetId, id: PlaceId) -> Marker {
        Marker { place: place.to_owned(), fleet, id }
    }

    #[test]
    fn every_finding_with_and_without_a_memory() {
        let own = marker("north", FLEET, ID);
        let another = |place: &str, fleet| {
            Verdict::Absent(Absent::Another { place: place.to_owned(), fleet })
        };
        let replaced = Verdict::Absent(Absent::Replaced { wanted: ID, got: OTHER_ID });
        let damaged = Verdict::Absent(Absent::DamagedMarker);
        let cases = [
            (Found::Nothing, Verdict::Begin, Verdict::Absent(Absent::NoMarker)),
            (Found::Damaged, damaged.clone(), damaged),
            (Found::Marker(own.clone()), Verdict::Remember(own), Verdict::There),
            (
                Found::Marker(marker("north", FLEET, OTHER_ID)),
                Verdict::Remember(marker("north", FLEET, OTHER_ID)),
                replaced,
            ),
            (
                Found::Marker(marker("south", FLEET, ID)),
                another("south", FLEET),
                another("south", FLEET),
            ),
            (
                Found::Marker(marker("north", OTHER_FLEET, ID)),
                another("north", OTHER_FLEET),
                another("north", OTHER_FLEET),
            ),
        ];
        for (found, new, known) in cases {
            assert_eq!(judge("north", FLEET, None, found.clone()), new, "{found:?}");
            assert_eq!(judge("north", FLEET, Some(ID), found.clone()), known, "{found:?}");
        }
    }

    #[test]
    fn a_marker_reads_back_and_any_other_byte_is_none() {
        let own = marker("north", FLEET, ID);
        let json = own.to_json();
        assert_eq!(Marker::from_json(&json), Some(own.clone()));
        for length in 0..json.len() - 2 {
            assert_eq!(Marker::from_json(&json[..length]), None, "{length} bytes");
        }
        for at in 0..json.len() {
            let mut bytes = json.clone();
            bytes[at] ^= 1;
            let read = Marker::from_json(&bytes);
            assert!(read.is_none() || read.as_ref() == Some(&own), "byte {at}: {read:?}");
        }
        let record = Record { marker: own, adopted_at: Some(UnixTime(7)) };
        assert_eq!(Record::from_json(&record.to_json()), Some(record));
    }

    #[test]
    fn only_our_own_layout_is_no_stranger() {
        let terminal = TerminalId::from_bytes([5; 16]).to_string();
        assert_eq!(stranger(Vec::<String>::new()), None);
        assert_eq!(stranger(["lost+found", MARKER, &terminal]), None);
        assert_eq!(stranger([&terminal, "home"]), Some("home".to_owned()));
    }
}
