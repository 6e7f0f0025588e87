//! Every pair of a state and an event, and every way to the end.

use super::ReplacementEvent as On;
use super::ReplacementState as S;
use super::*;

#[test]
fn every_pair_that_is_not_in_the_table_is_refused() {
    let mut table = vec![
        (S::Requested, On::Allocate, S::UnitAllocated),
        (S::UnitAllocated, On::Ship, S::Shipped),
        (S::Shipped, On::Receive, S::Received),
        (S::Shipped, On::Suspect, S::SuspectedSubstitution),
        (S::Received, On::SettleOld, S::OldSettled),
        (S::OldUnreachable, On::SettleOld, S::OldSettled),
        (S::Received, On::GiveUpOld, S::OldUnreachable),
        (S::OldSettled, On::Pair, S::Paired),
        (S::OldUnreachable, On::Pair, S::Paired),
        (S::Paired, On::Pair, S::Paired),
        (S::Paired, On::Provision, S::Provisioned),
        (S::Provisioned, On::Commission, S::Commissioned),
        (S::Commissioned, On::GoLive, S::Live),
        (S::Live, On::Watch, S::Watching),
        (S::Watching, On::AcceptTrouble, S::Watching),
        (S::Watching, On::Close, S::Closed),
    ];
    let stays = [S::Live, S::Watching, S::Closed, S::Cancelled];
    let may_end = S::ALL.into_iter().filter(|state| !stays.contains(state));
    table.extend(may_end.map(|state| (state, On::Cancel, S::Cancelled)));
    for state in S::ALL {
        for event in On::ALL {
            let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
            let expected = row.map(|(.., to)| *to).ok_or(NotMoved { state, event });
            assert_eq!(step(state, event), expected, "{state} {event}");
            if let Err(refused) = step(state, event) {
                assert!(!refused.hint().is_empty() && !refused.to_string().is_empty());
            }
        }
    }
}

#[test]
fn nothing_goes_live_that_was_not_commissioned_after_the_old_one_was_settled_or_given_up() {
    let mut known = vec![(S::Requested, vec![])];
    let mut seen: Vec<(S, Vec<On>)> = Vec::new();
    while let Some((state, path)) = known.pop() {
        if path.len() > 12 || seen.len() > 5000 {
            continue;
        }
        for event in On::ALL {
            let Ok(to) = step(state, event) else { continue };
            let path = [path.as_slice(), &[event]].concat();
            if to == S::Live {
                seen.push((to, path.clone()));
            }
            if !(event == On::Pair && state == S::Paired) {
                known.push((to, path));
            }
        }
    }
    assert!(!seen.is_empty());
    for (_, path) in seen {
        let at = |event| path.iter().position(|it| *it == event);
        let old = at(On::SettleOld).or(at(On::GiveUpOld)).unwrap();
        assert!(at(On::Receive).unwrap() < old && old < at(On::Pair).unwrap(), "{path:?}");
        assert!(at(On::Commission).unwrap() < at(On::GoLive).unwrap(), "{path:?}");
    }
}
