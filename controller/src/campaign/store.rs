//! What keeps a store selling while its terminals are changed. Pure.
//!
//! It counts whoever is at something that disturbs, whatever campaign brought it, and is asked
//! twice: when a plan is made, and in the transaction that stores the orders.

use std::collections::BTreeSet;

use shared::id::TerminalId;

use super::plan::Held;

/// One store, as it stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStanding {
    /// Enrolled terminals, whether they sell or not.
    pub there: u64,
    /// Terminals on which it can count to sell.
    pub selling: BTreeSet<TerminalId>,
    /// Terminals of which something is expected that disturbs them.
    pub disturbed: BTreeSet<TerminalId>,
    /// How many may be disturbed at once, by the store's own word.
    pub at_once_max: Option<u32>,
    /// Somebody has said how it sells without a terminal.
    pub has_fallback: bool,
}

/// What a campaign lets itself be told by stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreRule {
    pub at_once_max: Option<u32>,
    /// How stores sell meanwhile was said for all of them, or they are disturbed in a window alone.
    pub has_fallback: bool,
}

impl StoreStanding {
    /// Why this terminal of the store may not be disturbed now.
    pub fn why_not(&self, terminal: TerminalId, rule: StoreRule) -> Option<Held> {
        let others = self.disturbed.iter().filter(|id| **id != terminal).count();
        let at_once_max = [rule.at_once_max, self.at_once_max].into_iter().flatten().min();
        if at_once_max.is_some_and(|max| others >= max.max(1) as usize) {
            return Some(Held::StoreBudget);
        }
        let left = |id: &&TerminalId| **id != terminal && !self.disturbed.contains(id);
        let is_last = self.selling.contains(&terminal) && !self.selling.iter().any(|id| left(&id));
        let has_fallback = rule.has_fallback || self.has_fallback;
        (is_last && !has_fallback).then_some(Held::LastSelling)
    }

    pub fn disturb(&mut self, terminal: TerminalId) {
        self.disturbed.insert(terminal);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(numbers: &[u8]) -> BTreeSet<TerminalId> {
        numbers.iter().map(|number| TerminalId::from_bytes([*number; 16])).collect()
    }

    fn standing(selling: &[u8], disturbed: &[u8]) -> StoreStanding {
        StoreStanding {
            there: 0,
            selling: ids(selling),
            disturbed: ids(disturbed),
            at_once_max: None,
            has_fallback: false,
        }
    }

    #[test]
    fn the_last_that_sells_is_left_alone_unless_somebody_has_said_how_the_store_sells_then() {
        let one = TerminalId::from_bytes([1; 16]);
        let [last, budget] = [Some(Held::LastSelling), Some(Held::StoreBudget)];
        let with = |fallback| StoreRule { at_once_max: None, has_fallback: fallback };
        for (selling, disturbed, fallback, why) in [
            (&[1, 2][..], &[][..], false, None),
            (&[1, 2], &[2], false, last),
            (&[1, 2], &[2], true, None),
            (&[1], &[], false, last),
            (&[1], &[], true, None),
            // It is at it already: nothing is taken from the store that it has.
            (&[1, 2], &[1], false, None),
            // Whoever does not sell takes nothing away.
            (&[2], &[], false, None),
            (&[2], &[2], false, None),
        ] {
            let store = standing(selling, disturbed);
            assert_eq!(store.why_not(one, with(fallback)), why, "{selling:?} {disturbed:?}");
            let declared = StoreStanding { has_fallback: fallback, ..store };
            assert_eq!(declared.why_not(one, with(false)), why, "by the store's own word");
        }
        for (of_campaign, of_store, disturbed, why) in [
            (Some(1), None, &[2][..], budget),
            (None, Some(1), &[2], budget),
            (Some(3), Some(2), &[2], None),
            (Some(3), Some(2), &[2, 3], budget),
            // Never nobody: a store could not be changed at all.
            (None, Some(0), &[], None),
            (Some(1), None, &[1], None),
        ] {
            let store =
                StoreStanding { at_once_max: of_store, ..standing(&[1, 2, 3, 4], disturbed) };
            let rule = StoreRule { at_once_max: of_campaign, has_fallback: false };
            assert_eq!(store.why_not(one, rule), why, "{of_campaign:?} {of_store:?}");
        }
    }

    proptest! {
        /// However often it is asked and whoever asks, a store keeps its budget and somebody sells.
        #[test]
        fn no_order_of_asking_takes_more_from_a_store_than_it_gives(
            selling in prop::collection::btree_set(0_u8..12, 1..8),
            asking in prop::collection::vec(0_u8..12, 0..40),
            at_once_max in prop::option::of(1_u32..5),
            has_fallback: bool,
        ) {
            let selling: Vec<_> = selling.into_iter().collect();
            let mut store = StoreStanding { has_fallback, ..standing(&selling, &[]) };
            let rule = StoreRule { at_once_max, has_fallback: false };
            for number in asking {
                let terminal = TerminalId::from_bytes([number; 16]);
                if store.why_not(terminal, rule).is_none() {
                    store.disturb(terminal);
                }
                let is_within = at_once_max.is_none_or(|max| store.disturbed.len() <= max as usize);
                prop_assert!(is_within);
                let somebody_sells = store.selling.iter().any(|id| !store.disturbed.contains(id));
                prop_assert!(has_fallback || somebody_sells);
            }
        }
    }
}
