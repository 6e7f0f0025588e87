//! Who may leave a shop with what, and whose word counts.

use super::*;
use crate::unit::step;

const PAPER: Digest = Digest([9; 32]);
const CERTIFICATE: Digest = Digest([8; 32]);

fn suspended() -> Facts {
    Facts {
        epoch: 2,
        service: Service::Suspended,
        service_at: Some(UnixTime(100)),
        certificate: None,
        words: vec![],
    }
}

fn said(reference: &str) -> NewWord {
    NewWord { reference: reference.to_owned(), paper: PAPER }
}

fn word(by: &str, reference: &str, at: i64) -> Word {
    let (by, why) = (by.to_owned(), String::new());
    Word { said: said(reference), epoch: 2, by, why, at: UnixTime(at) }
}

fn with(words: &[Word]) -> Remains {
    Facts { words: words.to_vec(), ..suspended() }.remains()
}

#[test]
fn what_is_on_a_unit_is_known_by_what_its_terminal_signed_and_nothing_less() {
    let erased = |certificate| Facts { service: Service::Erased, certificate, ..suspended() };
    let selling = Facts { service: Service::InService, service_at: None, ..suspended() };
    let cases = [
        (Facts { epoch: 0, ..selling.clone() }, Remains::Nothing),
        (selling, Remains::Left(Left::Everything)),
        (suspended(), Remains::Left(Left::Everything)),
        (erased(None), Remains::Left(Left::Uncertified)),
        (erased(Some((CERTIFICATE, false))), Remains::Left(Left::Unverified)),
        (erased(Some((CERTIFICATE, true))), Remains::Erased { certificate: CERTIFICATE }),
    ];
    for (facts, remains) in cases {
        assert_eq!(facts.remains(), remains, "{facts:?}");
    }
}

#[test]
fn two_people_who_mean_the_same_paper_answer_for_a_unit() {
    let by = ["ana".to_owned(), "ben".to_owned()];
    let sanitised = Remains::Sanitised { reference: "S-1".to_owned(), paper: PAPER, by };
    let left = Remains::Left(Left::Everything);
    let (ana, ben) = (word("ana", "S-1", 100), word("ben", "S-1", 101));
    assert_eq!(with(&[ana.clone(), ben.clone()]), sanitised);
    assert_eq!(with(std::slice::from_ref(&ana)), left, "one is not enough");
    assert_eq!(with(&[ana.clone(), word("ANA ", "S-1", 101)]), left, "nor the same one twice");
    assert_eq!(with(&[ana.clone(), word("ben", "S-2", 101)]), left, "nor two about two papers");
    let other = Word { said: NewWord { paper: Digest([7; 32]), ..said("S-1") }, ..ben.clone() };
    assert_eq!(with(&[ana.clone(), other]), left, "nor under one reference");
    assert_eq!(with(&[word("ana", "S-1", 99), ben.clone()]), left, "it has sold since");
    assert_eq!(with(&[Word { epoch: 1, ..ana.clone() }, ben.clone()]), left, "it enrolled since");
    let more = [word("ana", "S-2", 100), ana, word("ana", "S-1", 101), ben];
    assert_eq!(with(&more), sanitised);
}

#[test]
fn people_answer_for_what_a_terminal_could_not_prove() {
    let words = vec![word("ana", "S-1", 100), word("ben", "S-1", 101)];
    for certificate in [None, Some((CERTIFICATE, false))] {
        let service = Service::Erased;
        let facts = Facts { service, certificate, words: words.clone(), ..suspended() };
        assert!(matches!(facts.remains(), Remains::Sanitised { .. }));
    }
}

#[test]
fn nobody_says_it_twice_or_of_a_unit_that_is_in_nobodys_hands() {
    let facts = Facts { words: vec![word("ana", "S-1", 100)], ..suspended() };
    let may = |by: &str, reference: &str| facts.may_say(UnitState::Suspended, &said(reference), by);
    assert_eq!(may("ana", "S-1"), Err(UnitRefused::SamePerson { name: "ana".to_owned() }));
    assert_eq!((may("ana", "S-2"), may("ben", "S-1")), (Ok(()), Ok(())));
    let resumed = Facts { service_at: Some(UnixTime(200)), ..facts.clone() };
    assert_eq!(resumed.may_say(UnitState::Suspended, &said("S-1"), "ana"), Ok(()));
    for state in UnitState::ALL {
        let refused = facts.may_say(state, &said("S-1"), "ben");
        assert!(matches!(refused, Ok(()) | Err(UnitRefused::NotInHand(_))), "{state}");
    }
    let sold = facts.may_say(UnitState::InService, &said("S-1"), "ben");
    assert_eq!(sold, Err(UnitRefused::NotInHand(UnitState::InService)));
}

#[test]
fn erasing_comes_before_returning_and_is_asked_for_nothing_else() {
    use UnitEvent::{Allocate, AwaitReturn, BackFromRepair, Dispose, Restock, Return};
    use UnitState::{
        AwaitingReturn, InStock, OutForRepair, Returned, Suspended, SwappedOut, Tampered,
    };
    let gated = [
        (Suspended, AwaitReturn),
        (SwappedOut, AwaitReturn),
        (Tampered, AwaitReturn),
        (AwaitingReturn, Return),
        (OutForRepair, BackFromRepair),
        (Returned, Restock),
        (InStock, Allocate),
        (InStock, Dispose),
        (OutForRepair, Dispose),
        (Returned, Dispose),
        (Tampered, Dispose),
    ];
    let by = ["ana".to_owned(), "ben".to_owned()];
    let proven = [
        Remains::Nothing,
        Remains::Erased { certificate: CERTIFICATE },
        Remains::Sanitised { reference: "S-1".to_owned(), paper: PAPER, by },
    ];
    for state in UnitState::ALL {
        for event in UnitEvent::ALL.into_iter().filter(|it| step(state, *it).is_ok()) {
            for left in [Left::Everything, Left::Uncertified, Left::Unverified] {
                let refused = UnitRefused::NotErased { event, left };
                let expected = if gated.contains(&(state, event)) { Err(refused) } else { Ok(()) };
                assert_eq!(check(state, event, &Remains::Left(left)), expected, "{state} {event}");
            }
            for remains in &proven {
                assert_eq!(check(state, event, remains), Ok(()), "{state} {event}");
            }
        }
    }
}

/// Whatever has served, and is neither erased nor sanitised, is only where its shop left it, in
/// repair, or in nobody's right hands.
#[test]
fn no_way_leads_from_service_to_stock_or_away_for_what_was_not_erased() {
    use UnitState::{InService, LostStolen, OutForRepair, Suspended, SwappedOut, Tampered};
    let left = Remains::Left(Left::Everything);
    let mut seen = vec![InService];
    let mut next = 0;
    while let Some(state) = seen.get(next).copied() {
        next += 1;
        for event in UnitEvent::ALL {
            let to = step(state, event).ok().filter(|_| check(state, event, &left).is_ok());
            seen.extend(to.filter(|to| !seen.contains(to)));
        }
    }
    seen.sort();
    assert_eq!(seen, [InService, Suspended, OutForRepair, Tampered, LostStolen, SwappedOut]);
}
