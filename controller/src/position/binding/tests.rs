//! Every pair of the tables, and what the tables alone do not say.

use super::*;

fn binding(state: BindingState, status: RegistrationStatus) -> Binding {
    Binding {
        id: BindingId::from_bytes([1; 16]),
        position: PositionId::from_bytes([2; 16]),
        provider: "alpha".to_owned(),
        state,
        state_at: UnixTime(1),
        state_by: String::new(),
        state_why: String::new(),
        version: Version {
            number: 3,
            tuple: Tuple::example(),
            registration: Registration { status, reference: None, at: None },
            set_at: UnixTime(1),
            set_by: String::new(),
            set_why: String::new(),
        },
        created_at: UnixTime(1),
        created_by: String::new(),
    }
}

#[test]
fn every_pair_that_is_not_in_the_table_is_refused() {
    use BindingEvent::*;
    use BindingState::*;
    let table = [
        (Draft, Adopt, Active),
        (Draft, Confirm, Active),
        (Staged, Confirm, Active),
        (Registered, Confirm, Active),
        (Draft, Stage, Staged),
        (Staged, Register, Registered),
        (Registered, Activate, Active),
        (Standby, Activate, Active),
        (Active, StandBy, Standby),
        (Standby, Retire, Retiring),
        (Retiring, Finish, Retired),
        (Draft, Fail, Failed),
        (Staged, Fail, Failed),
        (Registered, Fail, Failed),
        (Active, Fail, Failed),
        (Draft, Change, Draft),
        (Staged, Change, Draft),
        (Registered, Change, Draft),
        (Active, Change, Active),
    ];
    for state in BindingState::ALL {
        for event in BindingEvent::ALL {
            let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
            let expected = row.map(|(.., to)| *to).ok_or(NotMoved { state, event });
            assert_eq!(step(state, event), expected);
        }
    }
}

#[test]
fn every_pair_of_registrations_that_cannot_follow_is_refused() {
    use RegistrationStatus::*;
    let table = [
        (NotSubmitted, Submitted),
        (NotSubmitted, Registered),
        (Submitted, Registered),
        (Submitted, Rejected),
        (Submitted, Cancelled),
        (Registered, Cancelled),
        (Rejected, Submitted),
        (Cancelled, Submitted),
    ];
    for from in RegistrationStatus::ALL {
        for to in RegistrationStatus::ALL {
            assert_eq!(from.may_become(to), table.contains(&(from, to)), "{from} {to}");
            let reference = Some("R-1".to_owned());
            let of = |status| Registration { status, reference: reference.clone(), at: None };
            let refused = BindingRefused::Registration { from, to };
            let expected = if table.contains(&(from, to)) { Ok(()) } else { Err(refused) };
            assert_eq!(registered(&of(from), &of(to)), expected);
        }
    }
    let to = Registration { status: Registered, reference: Some(" ".to_owned()), at: None };
    let refused = registered(&Registration::NONE, &to);
    assert_eq!(refused, Err(BindingRefused::NoReference(Registered)));
}

#[test]
fn nothing_goes_live_before_the_registry_has_taken_it_but_the_way_back_is_open() {
    for status in RegistrationStatus::ALL {
        let is_registered = status == RegistrationStatus::Registered;
        let staged = binding(BindingState::Staged, status);
        assert_eq!(moved(&staged, BindingEvent::Register).is_ok(), is_registered);
        let ready = binding(BindingState::Registered, status);
        assert_eq!(moved(&ready, BindingEvent::Activate).is_ok(), is_registered);
        let old = binding(BindingState::Standby, status);
        assert_eq!(moved(&old, BindingEvent::Activate), Ok(BindingState::Active));
    }
}

#[test]
fn a_tuple_without_a_host_is_not_staged() {
    let mut draft = binding(BindingState::Draft, RegistrationStatus::NotSubmitted);
    assert_eq!(moved(&draft, BindingEvent::Stage), Ok(BindingState::Staged));
    draft.version.tuple.hosts.clear();
    let refused = BindingRefused::NoHost { binding: draft.id, version: 3 };
    assert_eq!(moved(&draft, BindingEvent::Stage), Err(refused));
}

#[test]
fn the_policy_decides_whether_two_may_be_active() {
    let (one, two) = (BindingId::from_bytes([1; 16]), BindingId::from_bytes([2; 16]));
    let position = PositionId::from_bytes([9; 16]);
    let both = [(one, BindingState::Active), (two, BindingState::Active)];
    let swapped = [(one, BindingState::Standby), (two, BindingState::Active)];
    let refused = BindingRefused::SecondActive { binding: two, other: one, position };
    let stand =
        |one_active, bindings: &[_]| may_stand(BindingPolicy { one_active }, position, bindings);
    assert_eq!(stand(true, &both), Err(refused));
    assert_eq!(stand(false, &both), Ok(()));
    assert_eq!(stand(true, &swapped), Ok(()));
    assert_eq!(stand(true, &[]), Ok(()));
}

#[test]
fn the_tid_of_an_active_binding_stays_and_what_is_staged_becomes_a_draft_again() {
    let active = binding(BindingState::Active, RegistrationStatus::Registered);
    let renamed = Tuple { name: "Other".to_owned(), ..Tuple::example() };
    assert_eq!(changed(&active, 3, &renamed), Ok(BindingState::Active));
    let refused = BindingRefused::TidWhileActive { binding: active.id };
    let tid = Tuple { tid: "T2".to_owned(), ..Tuple::example() };
    let mid = Tuple { mid: "M2".to_owned(), ..Tuple::example() };
    assert_eq!(changed(&active, 3, &tid), Err(refused.clone()));
    assert_eq!(changed(&active, 3, &mid), Err(refused));
    let staged = binding(BindingState::Staged, RegistrationStatus::NotSubmitted);
    assert_eq!(changed(&staged, 3, &tid), Ok(BindingState::Draft));
    let late = BindingRefused::ChangedMeanwhile { binding: staged.id, seen: 2, found: 3 };
    assert_eq!(changed(&staged, 2, &tid), Err(late));
    let old = binding(BindingState::Standby, RegistrationStatus::Registered);
    assert!(changed(&old, 3, &renamed).is_err(), "its queues belong to the tuple as it is");
}
