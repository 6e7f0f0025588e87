//! What is overdue of a case, and until when it is not.

use super::super::closing::tests::request;
use super::super::ledger::{EntryKind, NewEntry};
use super::super::notice::{Knows, Party};
use super::*;
use crate::request::RequestKind;

const CUT_OFF: UnixTime = UnixTime(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn announced() -> Announcement {
    let (at, by) = (CUT_OFF.minus(HOUR * 300), "ana".to_owned());
    Announcement { number: 1, cut_off: CUT_OFF, resume_expected: None, at, by }
}

fn standing(is_required: bool, knows: Knows) -> Standing {
    Standing { party: Party::Bank, is_required, by: CUT_OFF.minus(HOUR * 168), knows }
}

fn item() -> Item {
    Item {
        item: "stock-counted".to_owned(),
        what: "stock is counted".to_owned(),
        owner: "cora".to_owned(),
        due_at: CUT_OFF.minus(HOUR * 54),
        done: None,
    }
}

#[test]
fn whoever_must_know_and_does_not_is_late_until_it_is_ordered_or_over() {
    let told_by = CUT_OFF.minus(HOUR * 168);
    let late = |state, standing, now| {
        let request = request(RequestKind::Suspend, state);
        stop(&request, &announced(), &[standing], &[], now).is_some()
    };
    use RequestState::{Accepted, Frozen, Scheduled};
    for (state, standing, now, expected) in [
        (Accepted, standing(true, Knows::NotTold), told_by, false),
        (Accepted, standing(true, Knows::NotTold), told_by.plus(SECOND), true),
        (Accepted, standing(true, Knows::ToldLate), CUT_OFF, true),
        (Accepted, standing(true, Knows::OtherMoment), CUT_OFF, true),
        (Accepted, standing(true, Knows::NotTold), CUT_OFF.plus(SECOND), false),
        (Accepted, standing(true, Knows::ToldInTime), CUT_OFF, false),
        (Accepted, standing(true, Knows::Acknowledged), CUT_OFF, false),
        (Accepted, standing(false, Knows::NotTold), CUT_OFF, false),
        (Scheduled, standing(true, Knows::NotTold), CUT_OFF, false),
        (Frozen, standing(true, Knows::NotTold), CUT_OFF, false),
    ] {
        assert_eq!(late(state, standing, now), expected, "{state} {standing:?} {now}");
    }
    let mut lost = request(RequestKind::Decommission, Accepted);
    lost.asked.reason = shared::change::rebind::Reason::LostStolen;
    let untold = [standing(true, Knows::NotTold)];
    assert_eq!(stop(&lost, &announced(), &untold, &[], CUT_OFF), None, "nobody is told of it");
}

#[test]
fn what_is_not_done_is_late_until_it_is_and_all_is_said_at_once() {
    let request = request(RequestKind::Suspend, RequestState::Accepted);
    let due_at = item().due_at;
    assert_eq!(stop(&request, &announced(), &[], &[item()], due_at), None);
    let words = stop(&request, &announced(), &[], &[item()], due_at.plus(SECOND)).unwrap();
    assert!(words.contains("`stock-counted` of cora"), "{words}");
    assert!(words.contains("tillward deactivate checklist tick"), "{words}");
    let untold = [standing(true, Knows::NotTold)];
    let words = stop(&request, &announced(), &untold, &[item()], CUT_OFF).unwrap();
    for part in ["`bank` was not told", "`stock-counted`", "notice tell", "checklist tick"] {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn a_settlement_is_overdue_after_the_time_that_people_have_accepted() {
    let mut owing = Owing {
        owed: vec![],
        settled_by: CUT_OFF,
        reason: "the host is down".to_owned(),
        accepted_by: "hana".to_owned(),
    };
    assert_eq!(settlement(&owing, CUT_OFF), None);
    let words = settlement(&owing, CUT_OFF.plus(SECOND)).unwrap();
    assert!(words.contains("hana") && words.contains("tillward deactivate settle"), "{words}");
    owing.accepted_by.clear();
    assert!(settlement(&owing, CUT_OFF.plus(SECOND)).unwrap().contains("nobody has accepted"));
}

fn entry(number: u32, kind: EntryKind, amount_minor: i64, at: UnixTime) -> Entry {
    let what = NewEntry {
        kind,
        amount_minor,
        currency: "EUR".to_owned(),
        serial: None,
        damage: None,
        reference: "R-1".to_owned(),
        note: String::new(),
    };
    Entry { number, what, reverses: None, at, by: "ana".to_owned() }
}

#[test]
fn a_deposit_is_overdue_while_anything_of_it_is_neither_given_back_nor_set_off() {
    use EntryKind::{DepositPaid, DepositReturned, FeeOutstanding};
    let late = |entries: &[Entry], now| deposit(entries, Some(CUT_OFF), now);
    let due_at = CUT_OFF.plus(DEPOSIT_WITHIN);
    let early = CUT_OFF.minus(HOUR);
    let mut all = vec![entry(1, DepositPaid, 300, early)];
    assert_eq!(late(&all, due_at), None);
    let words = late(&all, due_at.plus(SECOND)).unwrap();
    assert!(words.contains("EUR 300") && words.contains("ledger add"), "{words}");
    all.push(entry(2, FeeOutstanding, 120, early));
    assert!(late(&all, due_at.plus(SECOND)).unwrap().contains("EUR 180"));
    all.push(entry(3, DepositReturned, 180, early));
    assert_eq!(late(&all, due_at.plus(SECOND)), None, "the rest is set off");
    let later = [entry(1, DepositPaid, 300, CUT_OFF.plus(HOUR))];
    assert_eq!(late(&later, due_at.plus(SECOND)), None, "counted from when it was entered");
    assert_eq!(deposit(&later, None, CUT_OFF.plus(HOUR).plus(DEPOSIT_WITHIN)), None);
}
