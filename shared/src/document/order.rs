//! One instruction for one terminal, and the proof that its batch means this terminal.

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, UnsoundCalendar};
use crate::digest::Digest;
use crate::id::{OrderId, TerminalId};
use crate::time::UnixTime;

/// It only narrows what its batch says, which people may have signed: a later beginning, an
/// earlier end, and a calendar, which closes and never opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub format: u8,
    pub id: OrderId,
    pub terminal: TerminalId,
    /// Counts enrolments: what was ordered before a new enrolment is void after it.
    pub epoch: u32,
    pub stream: Stream,
    /// Ascending per terminal, epoch and stream, from 1.
    pub seq: u64,
    /// SHA-256 of the batch's payload.
    pub batch: Digest,
    /// Where the terminal stands among the batch's members, and the siblings up to its root.
    pub index: u32,
    pub path: Vec<Digest>,
    pub not_before: UnixTime,
    pub not_after: UnixTime,
    /// When within its life it may be carried out. Absent: whenever the change itself allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Absent when it is [`Class::Normal`].
    #[serde(default, skip_serializing_if = "Class::is_normal")]
    pub class: Class,
}

impl Order {
    /// Checks what signatures cannot.
    pub fn check(&self) -> Result<(), UnsoundCalendar> {
        self.calendar.as_ref().map_or(Ok(()), Calendar::check)
    }
}

/// How replays are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// By sequence number: above the highest seen, or within the window below it and unseen.
    Routine,
    /// By id: approvals take hours while routine orders keep flowing, so these come in any order.
    Approved,
}

/// Which of several orders for one terminal goes first: the greater one. It changes nothing of
/// when, and nothing of what an order may do.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Background,
    #[default]
    Normal,
    Security,
    Decommission,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Background, Self::Normal, Self::Security, Self::Decommission];

    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_terminal_s_work_goes_before_all_else() {
        let mut classes = Class::ALL;
        classes.reverse();
        assert!(classes.is_sorted_by(|higher, lower| higher > lower));
        assert_eq!(classes[0], Class::Decommission);
        let word = |it: &Class| serde_json::to_string(it).expect("it is a word");
        let words: Vec<_> = classes.iter().map(word).collect();
        assert_eq!(words, [r#""decommission""#, r#""security""#, r#""normal""#, r#""background""#]);
    }
}
