//! A till in memory, and a program that writes down what it is told.

use std::fs;

use super::super::tests::shop;
use super::*;

fn errand(what: What, till: Part, program: Part) -> Errand {
    Errand { number: 1, what, till, program }
}

fn whole(what: What) -> Errand {
    errand(what, Part::Do, Part::Do)
}

/// A program that writes down what it is told, and fails at this word.
fn program(directory: &std::path::Path, fails_at: &str) -> (Option<Seal>, PathBuf) {
    let (path, told) = (directory.join("seal"), directory.join("told"));
    let text = format!(
        "#!/bin/sh\necho \"$1\" >> {}\n\
         if [ \"$1\" = '{fails_at}' ]; then echo busy; exit 3; fi\n",
        told.display()
    );
    crate::snapshot::tests::write_program(&path, &text);
    (Some(Seal(path)), told)
}

#[test]
fn a_till_is_stopped_with_what_to_do_and_let_go_again() {
    let shop = shop();
    for _ in 0..2 {
        assert_eq!(shop.hands.keep_lease(whole(What::Lock)).trouble(), None);
        let said = shop.till.turn(|knobs| knobs.stopped.clone()).unwrap();
        assert!(said.starts_with(MARK) && said.contains("Connect this till"), "{said}");
    }
    for _ in 0..2 {
        assert_eq!(shop.hands.keep_lease(whole(What::Unlock)).trouble(), None);
        assert_eq!(shop.till.turn(|knobs| knobs.stopped.clone()), None);
    }
}

#[test]
fn what_somebody_else_has_stopped_is_left_as_it_is() {
    let shop = shop();
    let other = Some("Pay in cash.".to_owned());
    shop.till.turn(|knobs| knobs.stopped.clone_from(&other));
    for what in [What::Lock, What::Unlock] {
        assert_eq!(shop.hands.keep_lease(whole(what)).trouble(), None);
        assert_eq!(shop.till.turn(|knobs| knobs.stopped.clone()), other, "{what:?}");
    }
    shop.till.turn(|knobs| knobs.stopped = Some(MESSAGE.to_owned()));
    shop.hands.keep_lease(errand(What::Unlock, Part::Leave, Part::Do));
    assert!(shop.till.turn(|knobs| knobs.stopped.is_some()), "an order keeps it");
}

#[test]
fn a_till_that_does_not_answer_is_neither_locked_nor_unlocked_and_nothing_is_closed_under_it() {
    let directory = tempfile::tempdir().unwrap();
    let (seal, told) = program(directory.path(), "nothing");
    let shop = shop();
    let hands = shop.hands.with_seal(seal);
    shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("it starts".to_owned())));
    let locked = hands.keep_lease(whole(What::Lock));
    assert!(locked.till.as_ref().is_err_and(|why| why.contains("it starts")), "{locked:?}");
    assert!(locked.program.is_err() && !told.exists(), "{locked:?}");
    assert!(hands.keep_lease(whole(What::Unlock)).till.is_err());
    shop.till.turn(|knobs| knobs.broken = Some(PosError::Unsupported("no such verb".to_owned())));
    let locked = hands.keep_lease(whole(What::Lock));
    assert!(locked.till.is_err() && locked.program.is_ok(), "all that there is: {locked:?}");
}

#[test]
fn the_program_is_told_and_a_till_is_let_go_only_on_its_own_data() {
    let directory = tempfile::tempdir().unwrap();
    let (seal, told) = program(directory.path(), "lock");
    let shop = shop();
    let hands = shop.hands.with_seal(seal);
    let locked = hands.keep_lease(whole(What::Lock));
    assert_eq!(locked.till, Ok(()));
    assert!(locked.trouble().is_some_and(|why| why.contains("lock`: exit status: 3: busy")));
    assert!(shop.till.turn(|knobs| knobs.stopped.is_some()));
    hands.keep_lease(errand(What::Lock, Part::Do, Part::Leave));
    assert_eq!(fs::read_to_string(&told).unwrap(), "lock\n");

    let (seal, _) = program(directory.path(), "unlock");
    let hands = hands.with_seal(seal);
    let unlocked = hands.keep_lease(whole(What::Unlock));
    assert!(unlocked.program.is_err_and(|why| why.contains("busy")));
    assert!(shop.till.turn(|knobs| knobs.stopped.is_some()), "it waits for its data");
    let (seal, _) = program(directory.path(), "nothing");
    assert_eq!(hands.with_seal(seal).keep_lease(whole(What::Unlock)).trouble(), None);
    assert!(shop.till.turn(|knobs| knobs.stopped.is_none()));
}
