//! What the next customer wants. Pure: chance comes in as an argument.

use crate::random::Random;

/// Above this a till does not approve by itself.
pub(super) const FLOOR_LIMIT_MINOR: i64 = 20_000;

/// The offline sales a till keeps before it asks for a host: what a shop may have to bear itself.
pub(super) const STORED_SALES_MAX: i64 = 200;

/// Pre-authorisations open at once: hotel rooms, say.
const PREAUTHORISATIONS_MAX: i64 = 3;

const DEAREST_MINOR: u64 = 30_000;

/// One customer's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To pay by card.
    Pay { amount_minor: i64 },
    /// To pay by card where the till does not ask the host: a small amount, quickly.
    PayOffline { amount_minor: i64 },
    /// To have an amount held.
    Hold { amount_minor: i64 },
    /// To pay `percent` of what is held longest.
    Complete { percent: i64 },
    /// To pay nothing of what is held longest.
    Cancel,
}

/// Pre-authorisations that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) active: i64,
    /// With a provider that the shop leaves, or has tried: they are dealt with first.
    pub(super) elsewhere: i64,
}

/// The next customer of a shop with these pre-authorisations.
pub(super) fn next_customer(random: &mut Random, open: Open) -> Wish {
    let amount_minor = i64::try_from(random.below(DEAREST_MINOR)).unwrap_or(0) + 1;
    let is_due = open.active >= PREAUTHORISATIONS_MAX || open.elsewhere > 0;
    if is_due || (open.active > 0 && random.chance(8)) {
        let percent = i64::try_from(random.below(100)).unwrap_or(0) + 1;
        return if random.chance(30) { Wish::Cancel } else { Wish::Complete { percent } };
    }
    match random.below(100) {
        0..6 => Wish::Hold { amount_minor },
        6..16 => Wish::PayOffline { amount_minor: amount_minor.min(FLOOR_LIMIT_MINOR) },
        _many => Wish::Pay { amount_minor },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_want_all_there_is_and_never_more_than_is_allowed() {
        let mut random = Random::seeded(1);
        let mut seen = [0; 5];
        for turn in 0..2_000 {
            let open = turn % (PREAUTHORISATIONS_MAX + 1);
            let wish = next_customer(&mut random, Open { active: open, elsewhere: 0 });
            match wish {
                Wish::Pay { amount_minor } => {
                    assert!(amount_minor > 0);
                    seen[0] += 1;
                }
                Wish::PayOffline { amount_minor } => {
                    assert!((1..=FLOOR_LIMIT_MINOR).contains(&amount_minor));
                    seen[1] += 1;
                }
                Wish::Hold { amount_minor } => {
                    assert!(amount_minor > 0 && open < PREAUTHORISATIONS_MAX);
                    seen[2] += 1;
                }
                Wish::Complete { percent } => {
                    assert!((1..=100).contains(&percent) && open > 0);
                    seen[3] += 1;
                }
                Wish::Cancel => {
                    assert!(open > 0);
                    seen[4] += 1;
                }
            }
        }
        assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
    }
    #[test]
    fn what_another_provider_holds_is_dealt_with_first() {
        let mut random = Random::seeded(2);
        for elsewhere in 1..50 {
            let wish = next_customer(&mut random, Open { active: 0, elsewhere });
            assert!(matches!(wish, Wish::Cancel | Wish::Complete { .. }), "{wish:?}");
        }
    }
}
