//! Cutting a campaign's members into waves. Pure.
//!
//! Every member has a place: the digest of the campaign's salt and its id. Waves are cut from the
//! members in the order of their places, after those that the canary list names. So they are even
//! over stores and models, they nest (a wave of 5 % lies within one of 20 % cut with the same
//! salt), and whoever joins later falls into a wave by its place, whatever the others did
//! meanwhile.

use std::collections::BTreeSet;

use shared::digest::{Digest, Nonce};
use shared::id::TerminalId;

use super::policy::{Policy, Share};

/// One wave, in the order in which they open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    pub size: u32,
    pub whom: Whom,
}

/// Who is in a wave, of those that are in none before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The canary list.
    Listed,
    /// Everybody whose place is below this one.
    Below(Digest),
    /// Everybody.
    Rest,
}

/// The campaign names a terminal to go first that is no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is to go first, but is not a member")]
pub struct NotAMember(pub TerminalId);

pub fn place(salt: Nonce, terminal: TerminalId) -> Digest {
    Digest::of_parts(&[&salt.0, terminal.to_string().as_bytes()])
}

/// The order in which members are released: first the canary list, each part by place.
pub fn release_order(
    salt: Nonce,
    canary: &[TerminalId],
    members: &[TerminalId],
) -> Vec<TerminalId> {
    let canary: BTreeSet<_> = canary.iter().collect();
    let place = |id: &TerminalId| (!canary.contains(id), place(salt, *id), *id);
    let mut order: Vec<_> = members.iter().map(place).collect();
    order.sort_unstable();
    order.into_iter().map(|(.., id)| id).collect()
}

/// The waves of these members, none of them empty, but for a last one into which whoever joins
/// later falls where all others are of the canary list.
///
/// # Errors
///
/// A terminal of the canary list is not a member.
pub fn cut(salt: Nonce, policy: &Policy, members: &[TerminalId]) -> Result<Vec<Wave>, NotAMember> {
    check_canary(policy, members)?;
    let order = release_order(salt, &policy.canary, members);
    let listed = listed(policy);
    let mut waves = Vec::new();
    if listed > 0 {
        waves.push(Wave { size: size(listed), whom: Whom::Listed });
    }
    let others = &order[listed..];
    let mut until = 0;
    for part in parts(&policy.waves, others.len()) {
        until += part;
        // The last one there is takes whoever joins, too.
        let whom = others.get(until).map_or(Whom::Rest, |next| Whom::Below(place(salt, *next)));
        waves.push(Wave { size: size(part), whom });
    }
    let takes_all = waves.last().is_some_and(|last| last.whom == Whom::Rest);
    if policy.is_continuous() && !takes_all {
        waves.push(Wave { size: 0, whom: Whom::Rest });
    }
    Ok(waves)
}

/// Whether whoever is to go first is a member.
pub fn check_canary(policy: &Policy, members: &[TerminalId]) -> Result<(), NotAMember> {
    let mut strangers: BTreeSet<_> = policy.canary.iter().collect();
    if !strangers.is_empty() {
        members.iter().for_each(|id| {
            strangers.remove(id);
        });
    }
    let stranger = policy.canary.iter().find(|id| strangers.contains(id));
    stranger.map_or(Ok(()), |id| Err(NotAMember(*id)))
}

/// How large the waves are into which so many members would be cut.
pub fn sizes(policy: &Policy, members: usize) -> Vec<u32> {
    let listed = listed(policy).min(members);
    let first = (listed > 0).then_some(listed).into_iter();
    first.chain(parts(&policy.waves, members - listed)).map(size).collect()
}

fn listed(policy: &Policy) -> usize {
    policy.canary.iter().collect::<BTreeSet<_>>().len()
}

/// Of those that the canary list leaves; none is empty.
fn parts(shares: &[Share], others: usize) -> Vec<usize> {
    let mut parts = Vec::new();
    let mut taken: usize = 0;
    for share in shares {
        let wished = usize::try_from(share.of_wave(others as u64)).unwrap_or(usize::MAX);
        let until = taken.saturating_add(wished).min(others);
        if until == others {
            break;
        }
        parts.push(until - taken);
        taken = until;
    }
    if taken < others {
        parts.push(others - taken);
    }
    parts
}

fn size(members: usize) -> u32 {
    u32::try_from(members).unwrap_or(u32::MAX)
}

/// In which of these waves a member is: the last one has no bound.
pub fn wave_of(salt: Nonce, canary: &[TerminalId], waves: &[Wave], terminal: TerminalId) -> u16 {
    let place = place(salt, terminal);
    let is_in = |wave: &Wave| match &wave.whom {
        Whom::Listed => canary.contains(&terminal),
        Whom::Below(bound) => place < *bound,
        Whom::Rest => true,
    };
    let at = waves.iter().position(is_in).unwrap_or(waves.len().saturating_sub(1));
    u16::try_from(at).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::campaign::policy::Intake;

    const SALT: Nonce = Nonce([7; 16]);

    fn terminals(count: u32) -> Vec<TerminalId> {
        let id = |number: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            TerminalId::from_bytes(id)
        };
        (0..count).map(id).collect()
    }

    fn policy(canary: &[TerminalId], waves: &[Share]) -> Policy {
        Policy { canary: canary.to_vec(), waves: waves.to_vec(), ..Policy::PLAIN }
    }

    fn cut_sizes(policy: &Policy, members: &[TerminalId]) -> Vec<u32> {
        cut(SALT, policy, members).unwrap().into_iter().map(|wave| wave.size).collect()
    }

    #[test]
    fn waves_take_what_the_policy_says_and_the_last_takes_whoever_is_left() {
        use Share::{Count, Percent, Rest};
        let members = terminals(103);
        let canary = &members[..3];
        for (canary, waves, expected) in [
            (canary, vec![Count(3), Percent(5), Percent(20), Rest], vec![3, 3, 5, 20, 72]),
            (&[], vec![Percent(5), Percent(25)], vec![6, 26, 71]),
            (&[], vec![], vec![103]),
            (&[], vec![Rest], vec![103]),
            (&members, vec![Percent(5)], vec![103]),
            (&[], vec![Count(200), Count(1)], vec![103]),
            (&[], vec![Percent(100), Count(1)], vec![103]),
        ] {
            assert_eq!(cut_sizes(&policy(canary, &waves), &members), expected, "{waves:?}");
        }
        assert_eq!(cut_sizes(&policy(&[], &[Percent(1), Percent(1)]), &members[..1]), [1]);
        assert_eq!(cut_sizes(&policy(&[], &[Percent(1)]), &[]), [0_u32; 0]);
    }

    #[test]
    fn whoever_joins_later_finds_a_wave_behind_the_canary_list() {
        let members = terminals(4);
        let joining = |canary: &[TerminalId], waves: &[Share]| Policy {
            membership: Intake::Continuous,
            ..policy(canary, waves)
        };
        for (canary, count, expected) in [
            (&members[..0], 0, vec![0]),
            (&members[..2], 2, vec![2, 0]),
            (&members[..2], 4, vec![2, 1, 1]),
            (&members[..0], 4, vec![2, 2]),
        ] {
            let policy = joining(canary, &[Share::Percent(50)]);
            let waves = cut(SALT, &policy, &members[..count]).unwrap();
            assert_eq!(waves.iter().map(|it| it.size).collect::<Vec<_>>(), expected);
            assert_eq!(waves.last().map(|it| &it.whom), Some(&Whom::Rest));
        }
    }

    #[test]
    fn a_terminal_that_is_no_member_cannot_go_first() {
        let all = terminals(5);
        let refused = cut(SALT, &policy(&all[4..], &[]), &all[..4]).unwrap_err();
        assert_eq!(refused, NotAMember(all[4]));
    }

    #[test]
    fn the_order_of_release_is_the_same_each_time_and_another_in_each_campaign() {
        let members = terminals(50);
        let order = release_order(SALT, &[], &members);
        let mut backwards = members.clone();
        backwards.reverse();
        assert_eq!(release_order(SALT, &[], &backwards), order);
        assert_ne!(release_order(Nonce([2; 16]), &[], &members), order);
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), members.len());
        let last = *order.last().unwrap();
        assert_eq!(release_order(SALT, &[last], &members)[0], last);
    }

    fn share() -> impl Strategy<Value = Share> {
        prop_oneof![(1_u32..40).prop_map(Share::Count), (1_u8..=100).prop_map(Share::Percent)]
    }

    proptest! {
        #[test]
        fn every_member_is_in_one_wave_and_waves_are_as_large_as_they_say(
            count in 1_u32..200,
            listed in 0_usize..5,
            shares in prop::collection::vec(share(), 0..6),
        ) {
            let members = terminals(count);
            let canary = &members[..listed.min(members.len())];
            let policy = policy(canary, &shares);
            let waves = cut(SALT, &policy, &members).unwrap();
            let sizes_only: Vec<_> = waves.iter().map(|wave| wave.size).collect();
            prop_assert_eq!(sizes(&policy, members.len()), sizes_only);
            let order = release_order(SALT, canary, &members);
            let of: Vec<_> =
                order.iter().map(|id| wave_of(SALT, canary, &waves, *id)).collect();
            prop_assert!(of.is_sorted(), "the order of release is that of the waves");
            for (at, wave) in waves.iter().enumerate() {
                let size = of.iter().filter(|it| usize::from(**it) == at).count();
                prop_assert_eq!(size, wave.size as usize);
                prop_assert!(size > 0);
            }
        }

        #[test]
        fn waves_nest_whoever_comes_and_goes(
            count in 1_u32..150,
            more in 0_u32..50,
            small in 1_u8..50,
            large in 50_u8..=100,
        ) {
            let members = terminals(count);
            let [small, large] = [small, large].map(|percent| {
                let policy = policy(&[], &[Share::Percent(percent)]);
                let waves = cut(SALT, &policy, &members).unwrap();
                let in_first = |id: &&TerminalId| wave_of(SALT, &[], &waves, **id) == 0;
                // Those that join, too.
                let all = terminals(count + more);
                all.iter().filter(in_first).copied().collect::<BTreeSet<_>>()
            });
            prop_assert!(small.is_subset(&large));
        }
    }
}
