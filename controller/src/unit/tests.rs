//! Every pair of a state and an event, and what follows from the table.

use super::*;

#[test]
fn every_pair_that_is_not_in_the_table_is_refused_with_a_hint() {
    use UnitEvent::*;
    use UnitState::*;
    let table = [
        (InStock, Allocate, Allocated),
        (Allocated, Ship, InTransit),
        (InTransit, Receive, AtSite),
        (AtSite, Commission, InService),
        (InService, Suspend, Suspended),
        (Suspended, Resume, InService),
        (InStock, SendForRepair, OutForRepair),
        (AtSite, SendForRepair, OutForRepair),
        (Suspended, SendForRepair, OutForRepair),
        (AwaitingReturn, SendForRepair, OutForRepair),
        (Returned, SendForRepair, OutForRepair),
        (Tampered, SendForRepair, OutForRepair),
        (SwappedOut, SendForRepair, OutForRepair),
        (OutForRepair, BackFromRepair, Returned),
        (OutForRepair, BackInPlace, Suspended),
        (InService, SwapOut, SwappedOut),
        (Suspended, SwapOut, SwappedOut),
        (AtSite, AwaitReturn, AwaitingReturn),
        (Suspended, AwaitReturn, AwaitingReturn),
        (Tampered, AwaitReturn, AwaitingReturn),
        (SwappedOut, AwaitReturn, AwaitingReturn),
        (Allocated, Return, Returned),
        (InTransit, Return, Returned),
        (AwaitingReturn, Return, Returned),
        (Returned, Restock, InStock),
        (InStock, Dispose, Disposed),
        (OutForRepair, Dispose, Disposed),
        (Returned, Dispose, Disposed),
        (Tampered, Dispose, Disposed),
        (InStock, ReportTampered, Tampered),
        (Allocated, ReportTampered, Tampered),
        (InTransit, ReportTampered, Tampered),
        (AtSite, ReportTampered, Tampered),
        (InService, ReportTampered, Tampered),
        (Suspended, ReportTampered, Tampered),
        (OutForRepair, ReportTampered, Tampered),
        (AwaitingReturn, ReportTampered, Tampered),
        (Returned, ReportTampered, Tampered),
        (SwappedOut, ReportTampered, Tampered),
        (InStock, ReportLost, LostStolen),
        (Allocated, ReportLost, LostStolen),
        (InTransit, ReportLost, LostStolen),
        (AtSite, ReportLost, LostStolen),
        (InService, ReportLost, LostStolen),
        (Suspended, ReportLost, LostStolen),
        (OutForRepair, ReportLost, LostStolen),
        (AwaitingReturn, ReportLost, LostStolen),
        (Returned, ReportLost, LostStolen),
        (Tampered, ReportLost, LostStolen),
        (SwappedOut, ReportLost, LostStolen),
        (LostStolen, Found, Tampered),
    ];
    for state in UnitState::ALL {
        for event in UnitEvent::ALL {
            let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
            let expected = row.map(|(.., to)| *to).ok_or(UnitRefused::State { state, event });
            let got = step(state, event);
            assert_eq!(got, expected);
            if let Err(refused) = got {
                assert!(!refused.hint().is_empty(), "{refused}");
            }
        }
    }
}

#[test]
fn what_is_disposed_of_stays_so() {
    for event in UnitEvent::ALL {
        assert!(step(UnitState::Disposed, event).is_err(), "{event}");
    }
}

/// Where a unit may be after one more thing, and one more, and so on.
fn reachable(from: UnitState, without: &[UnitEvent]) -> Vec<UnitState> {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(state) = seen.get(next).copied() {
        next += 1;
        let events = UnitEvent::ALL.into_iter().filter(|event| !without.contains(event));
        for to in events.filter_map(|event| step(state, event).ok()) {
            if !seen.contains(&to) {
                seen.push(to);
            }
        }
    }
    seen
}

#[test]
fn every_state_is_reached_and_only_disposal_is_an_end() {
    assert_eq!(reachable(UnitState::InStock, &[]).len(), UnitState::ALL.len());
    for state in UnitState::ALL.into_iter().filter(|it| *it != UnitState::Disposed) {
        assert!(reachable(state, &[]).contains(&UnitState::Disposed), "{state}");
    }
}

/// It has no lane when it goes to be repaired, so it is not put back into one.
#[test]
fn what_was_tampered_with_or_lost_serves_again_only_through_the_depot_and_a_receipt() {
    for state in [UnitState::Tampered, UnitState::LostStolen] {
        for gate in [UnitEvent::Restock, UnitEvent::Receive] {
            let without = reachable(state, &[gate, UnitEvent::BackInPlace]);
            assert!(!without.contains(&UnitState::InService), "{state} without {gate}");
        }
    }
}

#[test]
fn stock_is_what_was_returned_and_found_good() {
    for state in UnitState::ALL.into_iter().filter(|it| *it != UnitState::InStock) {
        let without = reachable(state, &[UnitEvent::Restock]);
        assert!(!without.contains(&UnitState::InStock), "{state}");
    }
}

#[test]
fn a_word_is_the_same_in_json_and_in_the_registry() {
    let states = UnitState::ALL.map(|it| (serde_json::to_value(it).unwrap(), it.as_str()));
    let events = UnitEvent::ALL.map(|it| (serde_json::to_value(it).unwrap(), it.as_str()));
    for (json, word) in states.into_iter().chain(events) {
        assert_eq!(json, word);
    }
}
