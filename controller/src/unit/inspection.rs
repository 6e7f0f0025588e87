//! Somebody looks at a unit: is it the one that was bought, and has nobody touched it? Pure.

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::time::UnixTime;
use utoipa::ToSchema;

use super::UnitRefused;
use super::record::Unit;

/// What a seal reads, by whoever has the unit in hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SealSeen {
    #[default]
    Unsaid,
    Missing,
    Reads(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = InspectionVerdict)]
pub enum Verdict {
    Pass,
    /// Its surface or its connections are not as they should be.
    Fail,
    /// Its seal or its serial number is another one.
    SuspectedSubstitution,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Pass, Self::Fail, Self::SuspectedSubstitution];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SuspectedSubstitution => "suspected-substitution",
        }
    }
}

/// What somebody found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInspection {
    /// The identity code of who looked, where it was somebody sent for that.
    pub technician: Option<String>,
    pub seal: SealSeen,
    pub surface: Surface,
    pub connections: Connections,
    pub serial: SerialSeen,
    /// As the unit shows it.
    pub firmware: Option<String>,
    pub photos: Vec<Digest>,
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Untouched,
    Marked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    AsExpected,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialSeen {
    Confirmed,
    Other,
}

/// An inspection as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Of its unit, from 1.
    pub number: u64,
    pub at: UnixTime,
    pub by: String,
    pub found: NewInspection,
    pub verdict: Verdict,
}

/// What an inspection comes to, and how the unit differs from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    pub difference: Option<String>,
}

pub fn judge(unit: &Unit, found: &NewInspection) -> Result<Judged, UnitRefused> {
    if !unit.state.is_inspected() {
        return Err(UnitRefused::NotInspected(unit.state));
    }
    let seal = seal_difference(unit, &found.seal)?;
    let serial = match found.serial {
        SerialSeen::Confirmed => None,
        SerialSeen::Other => Some("its serial number is another one".to_owned()),
    };
    let is_as_left =
        found.surface == Surface::Untouched && found.connections == Connections::AsExpected;
    let difference = joined([serial, seal]);
    let verdict = match (&difference, is_as_left) {
        (Some(_), _) => Verdict::SuspectedSubstitution,
        (None, true) => Verdict::Pass,
        (None, false) => Verdict::Fail,
    };
    Ok(Judged { verdict, difference })
}

/// How the seal differs from the record. A unit without a recorded one may have any.
pub(super) fn seal_difference(unit: &Unit, seen: &SealSeen) -> Result<Option<String>, UnitRefused> {
    let Some(recorded) = &unit.about.seal else { return Ok(None) };
    match seen {
        SealSeen::Unsaid => Err(UnitRefused::SealUnsaid { recorded: recorded.clone() }),
        SealSeen::Missing => Ok(Some(format!("its seal `{recorded}` is missing"))),
        SealSeen::Reads(seen) if seen == recorded => Ok(None),
        SealSeen::Reads(seen) => Ok(Some(format!("its seal reads `{seen}`, not `{recorded}`"))),
    }
}

pub(super) fn joined(differences: [Option<String>; 2]) -> Option<String> {
    let differences: Vec<_> = differences.into_iter().flatten().collect();
    (!differences.is_empty()).then(|| differences.join(", and "))
}

#[cfg(test)]
mod tests {
    use super::super::UnitState;
    use super::super::record::samples::unit;
    use super::*;

    pub(super) fn found(seal: SealSeen) -> NewInspection {
        NewInspection {
            technician: Some("T-7".to_owned()),
            seal,
            surface: Surface::Untouched,
            connections: Connections::AsExpected,
            serial: SerialSeen::Confirmed,
            firmware: None,
            photos: vec![],
            note: None,
        }
    }

    fn reads(seal: &str) -> SealSeen {
        SealSeen::Reads(seal.to_owned())
    }

    #[test]
    fn a_verdict_says_the_worst_that_was_found() {
        let marked = |it| NewInspection { surface: Surface::Marked, ..it };
        let other = |it| NewInspection { serial: SerialSeen::Other, ..it };
        let cabled = |it| NewInspection { connections: Connections::Other, ..it };
        let table = [
            (found(reads("S-1")), Verdict::Pass, None),
            (marked(found(reads("S-1"))), Verdict::Fail, None),
            (cabled(found(reads("S-1"))), Verdict::Fail, None),
            (
                marked(found(reads("S-2"))),
                Verdict::SuspectedSubstitution,
                Some("its seal reads `S-2`, not `S-1`"),
            ),
            (
                other(found(SealSeen::Missing)),
                Verdict::SuspectedSubstitution,
                Some("its serial number is another one, and its seal `S-1` is missing"),
            ),
        ];
        for (found, verdict, difference) in table {
            let difference = difference.map(str::to_owned);
            let judged = judge(&unit(UnitState::InService), &found);
            assert_eq!(judged, Ok(Judged { verdict, difference }), "{found:?}");
        }
    }

    #[test]
    fn a_recorded_seal_is_looked_at() {
        let mut unit = unit(UnitState::InStock);
        let recorded = "S-1".to_owned();
        let refused = Err(UnitRefused::SealUnsaid { recorded });
        assert_eq!(judge(&unit, &found(SealSeen::Unsaid)), refused);
        unit.about.seal = None;
        for seal in [SealSeen::Unsaid, SealSeen::Missing, reads("S-2")] {
            assert_eq!(judge(&unit, &found(seal)).map(|it| it.verdict), Ok(Verdict::Pass));
        }
    }

    #[test]
    fn nobody_inspects_what_is_elsewhere() {
        for state in UnitState::ALL.into_iter().filter(|it| !it.is_inspected()) {
            let refused = Err(UnitRefused::NotInspected(state));
            assert_eq!(judge(&unit(state), &found(reads("S-1"))), refused);
        }
    }
}
