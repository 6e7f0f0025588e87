//! When each step of a job was first heard of, and how much it had moved. Pure.
//!
//! Gathered from reports of progress, which come late, twice and in any order: of each step the
//! earliest time and the most bytes stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::message::Progress;
use shared::time::UnixTime;

/// Steps of which something is kept: more than any table has, so that no terminal fills its record
/// with names. Those that come first in the alphabet stay, whatever their order was.
const STEPS_MAX: usize = 48;

/// Letters of a step's name; tables use fewer than twenty.
const NAME_BYTES_MAX: usize = 32;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Steps(BTreeMap<String, Seen>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// By the terminal's clock.
    pub at: UnixTime,
    /// Which report of its order first spoke of it: several steps can begin in one second.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ordinal: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

impl Steps {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn learn(&mut self, progress: &Progress) {
        let Progress { step, at, ordinal, bytes_done, .. } = progress;
        if step.len() > NAME_BYTES_MAX {
            return;
        }
        let bytes = bytes_done.unwrap_or_default();
        let told = Seen { at: *at, ordinal: *ordinal, bytes };
        let seen = self.0.entry(step.clone()).or_insert(told);
        *seen = Seen {
            at: seen.at.min(told.at),
            ordinal: seen.ordinal.min(told.ordinal),
            bytes: seen.bytes.max(told.bytes),
        };
        if self.0.len() > STEPS_MAX {
            self.0.pop_last();
        }
    }

    pub fn get(&self, step: &str) -> Option<Seen> {
        self.0.get(step).copied()
    }

    /// In the order in which they were told: its clock may be set on the way.
    pub fn in_order(&self) -> Vec<(&str, Seen)> {
        let mut steps: Vec<_> = self.0.iter().map(|(step, seen)| (step.as_str(), *seen)).collect();
        steps.sort_by_key(|(_, seen)| (seen.ordinal, seen.at));
        steps
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::id::OrderId;
    use shared::message::StepState;

    use super::*;

    fn progress(step: &str, at: i64, bytes_done: Option<u64>) -> Progress {
        numbered(1, step, at, bytes_done)
    }

    fn numbered(ordinal: u64, step: &str, at: i64, bytes_done: Option<u64>) -> Progress {
        Progress {
            order: OrderId::from_bytes([1; 16]),
            ordinal,
            step: step.to_owned(),
            state: StepState::Running,
            at: UnixTime(at),
            bytes_done,
            bytes_total: None,
        }
    }

    fn after(told: &[Progress]) -> Steps {
        let mut steps = Steps::default();
        told.iter().for_each(|progress| steps.learn(progress));
        steps
    }

    #[test]
    fn of_a_step_its_first_moment_and_its_most_bytes_are_kept() {
        let steps = after(&[
            numbered(4, "stage", 30, None),
            numbered(3, "verify", 30, None),
            numbered(2, "fetch", 20, Some(100)),
            numbered(1, "fetch", 10, Some(50)),
        ]);
        let seen = |ordinal, at, bytes| Seen { at: UnixTime(at), ordinal, bytes };
        let expected =
            [("fetch", seen(1, 10, 100)), ("verify", seen(3, 30, 0)), ("stage", seen(4, 30, 0))];
        assert_eq!(steps.in_order(), expected, "of one second as they were told");
        let written = concat!(
            r#"{"fetch":{"at":10,"ordinal":1,"bytes":100},"stage":{"at":30,"ordinal":4},"#,
            r#""verify":{"at":30,"ordinal":3}}"#
        );
        assert_eq!(serde_json::to_string(&steps).unwrap(), written);
        assert_eq!(serde_json::from_str::<Steps>(written).unwrap(), steps);
    }

    #[test]
    fn no_terminal_fills_its_record_with_names() {
        let names = (0..999).map(|number| progress(&format!("step-{number:03}"), 1, None));
        let steps = after(&names.collect::<Vec<_>>());
        assert_eq!(steps.0.len(), STEPS_MAX);
        assert!(after(&[progress(&"x".repeat(33), 1, None)]).is_empty());
    }

    proptest! {
        #[test]
        fn the_order_and_number_of_reports_make_no_difference(
            told in prop::collection::vec((0_u8..99, 0_i64..9, 0_u64..9), 0..99),
            again in any::<prop::sample::Index>(),
        ) {
            let told: Vec<_> = told
                .into_iter()
                .map(|(step, at, bytes)| progress(&format!("{step}"), at, Some(bytes)))
                .collect();
            let mut shuffled = told.clone();
            shuffled.reverse();
            if !told.is_empty() {
                shuffled.push(again.get(&told).clone());
            }
            prop_assert_eq!(after(&shuffled), after(&told));
        }
    }
}
