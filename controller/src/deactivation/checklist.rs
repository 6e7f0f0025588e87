//! What people do before terminals stop and after: by whom, until when, and what is late. Pure.
//!
//! | Item                   | Suspension | Decommissioning | Due                 |
//! |------------------------|------------|-----------------|---------------------|
//! | `papers-kept`          | yes        |                 | 54 h before cut-off |
//! | `papers-ready`         |            | yes             | 54 h before cut-off |
//! | `stock-counted`        | yes        | yes             | 54 h before cut-off |
//! | `unpaid-cleared`       | yes        | yes             | 54 h before cut-off |
//! | `accessories-gathered` |            | yes             | 24 h before cut-off |
//! | `cables-removed`       | yes        | yes             | 24 h after cut-off  |
//!
//! People add items of their own. Nothing here keeps a terminal from stopping: what is late is said
//! to whoever looks.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::time::UnixTime;

use super::notice::StopKind;
use super::plan::{ARMED_BEFORE, CLEARED_BEFORE};
use crate::request::RequestState;

/// Items of one stop: what is generated, and room for what a large store adds.
pub const ITEMS_MAX: usize = 100;

/// Bytes of an item's name.
pub const ITEM_BYTES_MAX: usize = 64;

/// Batches close and tills print after the cut-off; whoever is on site that day or the next pulls
/// the cables.
const CABLES_AFTER: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// Lower-case letters, digits and hyphens; one of a stop.
    pub item: String,
    pub what: String,
    pub owner: String,
    pub due_at: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub item: String,
    pub what: String,
    /// Who sees to it.
    pub owner: String,
    pub due_at: UnixTime,
    pub done: Option<Done>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub at: UnixTime,
    /// Who has done it.
    pub by: String,
    /// The operator who wrote it down.
    pub noted_by: String,
    pub note: String,
}

/// Why the checklist stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemRefused {
    #[error("no item of the checklist is called `{0}`")]
    Unknown(String),
    #[error("`{item}` was done by {by} at {at}")]
    Done { item: String, by: String, at: UnixTime },
    #[error("there is an item `{0}` already")]
    Exists(String),
    #[error("a name has 1 to {ITEM_BYTES_MAX} lower-case letters, digits and hyphens")]
    NotAName,
    #[error("`{0}` is empty")]
    Unsaid(&'static str),
    #[error("there are {ITEMS_MAX} items already")]
    TooMany,
    #[error("it is {0}, and nothing is to be done for it any more")]
    Over(RequestState),
}

impl ItemRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Done { .. } => "look at `tillward deactivate checklist list`",
            Self::Exists(_) => "assign that one, or choose another name",
            Self::NotAName => "write a name such as `alarm-off`",
            Self::Unsaid(_) => "say it",
            Self::TooMany => "put several things into one item",
            Self::Over(_) => "look at it with `tillward request show`",
        }
    }
}

/// By when, seen from the cut-off.
#[derive(Clone, Copy)]
enum Due {
    Before(Duration),
    After(Duration),
}

const GENERATED: [(&str, &str, &[StopKind], Due); 6] = {
    use Due::{After, Before};
    use StopKind::{Decommission, Suspend};
    [
        (
            "papers-kept",
            "contract, licence and receipts are put aside for the return",
            &[Suspend],
            Before(CLEARED_BEFORE),
        ),
        (
            "papers-ready",
            "papers that provider and registry ask for are ready",
            &[Decommission],
            Before(CLEARED_BEFORE),
        ),
        ("stock-counted", "stock is counted", &[Suspend, Decommission], Before(CLEARED_BEFORE)),
        (
            "unpaid-cleared",
            "unpaid items, refunds and pre-authorisations are cleared",
            &[Suspend, Decommission],
            Before(CLEARED_BEFORE),
        ),
        (
            "accessories-gathered",
            "base, power supply, SIM, cables and keys are together",
            &[Decommission],
            Before(ARMED_BEFORE),
        ),
        (
            "cables-removed",
            "power and network cables are removed, once the terminal has settled and saved",
            &[Suspend, Decommission],
            After(CABLES_AFTER),
        ),
    ]
};

/// What is to be done for such a stop; `owner` sees to it until somebody else is named.
pub fn generated(kind: StopKind, cut_off: UnixTime, owner: &str) -> Vec<NewItem> {
    let own = GENERATED.iter().filter(|(_, _, kinds, _)| kinds.contains(&kind));
    let item = |&(item, what, _, due): &(&str, &str, &[StopKind], Due)| NewItem {
        item: item.to_owned(),
        what: what.to_owned(),
        owner: owner.to_owned(),
        due_at: match due {
            Due::Before(before) => cut_off.minus(before),
            Due::After(after) => cut_off.plus(after),
        },
    };
    own.map(item).collect()
}

impl Item {
    pub fn is_late(&self, now: UnixTime) -> bool {
        self.done.is_none() && now > self.due_at
    }

    /// Whether something may be said about it still.
    pub fn is_open(&self) -> Result<(), ItemRefused> {
        match &self.done {
            None => Ok(()),
            Some(Done { at, by, .. }) => {
                let (item, by) = (self.item.clone(), by.clone());
                Err(ItemRefused::Done { item, by, at: *at })
            }
        }
    }
}

/// Whether people may add this to what there is.
pub fn check_new(new: &NewItem, known: &[Item]) -> Result<(), ItemRefused> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.item.is_empty() || new.item.len() > ITEM_BYTES_MAX || !new.item.chars().all(is_name) {
        return Err(ItemRefused::NotAName);
    }
    for (field, text) in [("what", &new.what), ("owner", &new.owner)] {
        if text.trim().is_empty() {
            return Err(ItemRefused::Unsaid(field));
        }
    }
    if known.iter().any(|it| it.item == new.item) {
        return Err(ItemRefused::Exists(new.item.clone()));
    }
    match known.len() < ITEMS_MAX {
        true => Ok(()),
        false => Err(ItemRefused::TooMany),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT_OFF: UnixTime = UnixTime(1_800_000_000);
    const HOUR: i64 = 3600;

    #[test]
    fn what_is_to_be_done_is_counted_from_the_cut_off() {
        let due = |kind| {
            let all = generated(kind, CUT_OFF, "cora");
            assert!(all.iter().all(|it| it.owner == "cora"));
            let due = |it: &NewItem| (it.item.clone(), (it.due_at.0 - CUT_OFF.0) / HOUR);
            all.iter().map(due).collect::<Vec<_>>()
        };
        let expected = |all: &[(&str, i64)]| {
            all.iter().map(|&(item, hours)| (item.to_owned(), hours)).collect::<Vec<_>>()
        };
        let suspend = [
            ("papers-kept", -54),
            ("stock-counted", -54),
            ("unpaid-cleared", -54),
            ("cables-removed", 24),
        ];
        assert_eq!(due(StopKind::Suspend), expected(&suspend));
        let decommission = [
            ("papers-ready", -54),
            ("stock-counted", -54),
            ("unpaid-cleared", -54),
            ("accessories-gathered", -24),
            ("cables-removed", 24),
        ];
        assert_eq!(due(StopKind::Decommission), expected(&decommission));
    }

    fn item(done: Option<i64>) -> Item {
        let done = done.map(|at| Done {
            at: UnixTime(at),
            by: "tess".to_owned(),
            noted_by: "ana".to_owned(),
            note: String::new(),
        });
        Item {
            item: "stock-counted".to_owned(),
            what: "stock is counted".to_owned(),
            owner: "cora".to_owned(),
            due_at: UnixTime(100),
            done,
        }
    }

    #[test]
    fn an_item_is_late_when_it_is_due_and_nobody_has_done_it() {
        for (done, now, late) in [
            (None, 99, false),
            (None, 100, false),
            (None, 101, true),
            (Some(90), 101, false),
            (Some(150), 151, false),
        ] {
            assert_eq!(item(done).is_late(UnixTime(now)), late, "{done:?} {now}");
        }
        assert_eq!(item(None).is_open(), Ok(()));
        let (name, by) = ("stock-counted".to_owned(), "tess".to_owned());
        let done = ItemRefused::Done { item: name, by, at: UnixTime(90) };
        assert_eq!(item(Some(90)).is_open(), Err(done));
    }

    #[test]
    fn people_add_items_that_have_a_name_a_text_and_an_owner() {
        let new = |name: &str, what: &str, owner: &str| NewItem {
            item: name.to_owned(),
            what: what.to_owned(),
            owner: owner.to_owned(),
            due_at: UnixTime(1),
        };
        let known = [item(None)];
        assert_eq!(check_new(&new("alarm-off", "alarm", "tess"), &known), Ok(()));
        for name in ["", "Alarm", "alarm off", &"a".repeat(65)] {
            let refused = check_new(&new(name, "alarm", "tess"), &known);
            assert_eq!(refused, Err(ItemRefused::NotAName), "{name}");
        }
        let unsaid = |what| Err(ItemRefused::Unsaid(what));
        assert_eq!(check_new(&new("a", " ", "tess"), &known), unsaid("what"));
        assert_eq!(check_new(&new("a", "alarm", ""), &known), unsaid("owner"));
        let again = check_new(&new("stock-counted", "stock", "tess"), &known);
        assert_eq!(again, Err(ItemRefused::Exists("stock-counted".to_owned())));
        let full = vec![item(None); ITEMS_MAX];
        assert_eq!(check_new(&new("a", "alarm", "tess"), &full), Err(ItemRefused::TooMany));
    }
}
