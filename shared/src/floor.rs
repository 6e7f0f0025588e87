//! Whose signatures each verb needs at the very least. Compiled into both sides: a roster may ask
//! for more, never for less, so that a stolen controller or a careless roster cannot lower it.

use serde::{Deserialize, Serialize};

use crate::change::Verb;

/// Root keys that must sign a roster.
pub const ROOT_THRESHOLD_MIN: u8 = 2;

/// Release keys that must sign a release.
pub const RELEASE_THRESHOLD_MIN: u8 = 2;

/// A batch of more terminals than this needs one approver more before anything is wiped.
pub const LARGE_BATCH: u32 = 25;

/// Who must have signed a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    pub signers: Signers,
    /// Approvers with different owners.
    pub approvers: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signers {
    /// The controller, and the approvers.
    Controller,
    /// The controller or any one approver: stopping is cheap.
    ControllerOrApprover,
}

/// The compiled floor. An upgrade needs a release signed by [`RELEASE_THRESHOLD_MIN`] besides.
pub fn floor(verb: Verb, terminals: u32) -> Requirement {
    let (signers, approvers) = match verb {
        Verb::Ping | Verb::Backup | Verb::Collect | Verb::RenewCertificate | Verb::Upgrade => {
            (Signers::Controller, 0)
        }
        Verb::Suspend | Verb::Resume | Verb::Restore | Verb::Rebind => (Signers::Controller, 2),
        Verb::Decommission if terminals > LARGE_BATCH => (Signers::Controller, 3),
        Verb::Decommission => (Signers::Controller, 2),
        Verb::Cancel => (Signers::ControllerOrApprover, 0),
    };
    Requirement { signers, approvers }
}

/// Orders whose verb needs people are sent when the people have signed, not in sequence.
pub fn needs_people(verb: Verb) -> bool {
    floor(verb, 1).approvers > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_controller_is_never_enough_where_a_shop_could_be_harmed() {
        for verb in Verb::ALL {
            let alone = floor(verb, 1).approvers == 0;
            let harmless = matches!(
                verb,
                Verb::Ping | Verb::Backup | Verb::Collect | Verb::RenewCertificate | Verb::Cancel
            );
            // An upgrade rests on the release keys instead.
            assert_eq!(alone, harmless || verb == Verb::Upgrade, "{verb:?}");
        }
    }

    #[test]
    fn a_large_wipe_needs_a_third_person() {
        assert_eq!(floor(Verb::Decommission, 25).approvers, 2);
        assert_eq!(floor(Verb::Decommission, 26).approvers, 3);
    }
}
