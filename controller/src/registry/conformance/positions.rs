//! Positions, the units that fill them, and what they are bound to.

use futures::future::join_all;
use shared::id::{BindingId, PositionId};
use shared::time::UnixTime;

use super::fixture::*;
use crate::position::binding::{
    Binding, BindingEvent, BindingPolicy, BindingRefused, BindingState, Registration,
    RegistrationStatus,
};
use crate::position::import::Row;
use crate::position::tuple::Tuple;
use crate::position::{NotMoved, Position, PositionEvent, PositionRefused, PositionState};
use crate::registry::page::Page;
use crate::registry::position::{BindingsOf, NewBinding, PutPosition};
use crate::registry::terminal::{ClaimRefusal, Enrolled};
use crate::registry::{Registry, RegistryError};

const ONE: BindingPolicy = BindingPolicy { one_active: true };

pub(super) fn tuple(tid: &str) -> Tuple {
    Tuple {
        mid: "M-1".to_owned(),
        tid: tid.to_owned(),
        name: "Corner shop".to_owned(),
        mcc: "5411".to_owned(),
        currency: "EUR".to_owned(),
        hosts: vec!["alpha.example:9001".to_owned()],
        acquirer_code: None,
        uscc: None,
        settlement_account: None,
        install_address: None,
    }
}

pub(super) async fn put(registry: &dyn Registry, lane: &str) -> Position {
    let put = PutPosition {
        store: "berlin-1".to_owned(),
        lane: lane.to_owned(),
        merchant: None,
        merchant_class: None,
        fallback: Some("cash".to_owned()),
    };
    registry.put_position(&put, &by("op", 3)).await.expect("it is set")
}

async fn fill(registry: &dyn Registry, id: PositionId, unit: u8) -> Result<(), PositionRefused> {
    let filled = registry.fill_position(id, terminal_id(unit), &by("op", 4)).await;
    filled.expect("both are known").map(|_| ())
}

async fn step(
    registry: &dyn Registry,
    id: PositionId,
    event: PositionEvent,
) -> Result<PositionState, PositionRefused> {
    let moved = registry.move_position(id, event, &by("op", 5)).await.expect("it is known");
    moved.map(|position| position.state)
}

pub(super) async fn a_position_is_filled_by_one_unit_and_a_unit_fills_one(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    enrol(registry, 2, 1).await;
    let (one, two) = (put(registry, "1").await, put(registry, "2").await);
    assert_eq!((one.state, one.fallback.as_deref()), (PositionState::Planned, Some("cash")));
    assert_eq!(put(registry, "1").await.id, one.id, "the same place is the same position");
    assert_eq!(fill(registry, one.id, 1).await, Ok(()));
    assert_eq!(fill(registry, one.id, 1).await, Ok(()), "asked again");
    let taken = PositionRefused::Taken { position: one.id, by: terminal_id(1) };
    assert_eq!(fill(registry, one.id, 2).await, Err(taken));
    let elsewhere = PositionRefused::Elsewhere { terminal: terminal_id(1), other: one.id };
    assert_eq!(fill(registry, two.id, 1).await, Err(elsewhere));
    let found = registry.positions_of(&[terminal_id(1), terminal_id(2)]).await.expect("a list");
    assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [one.id]);

    let (state, event) = (PositionState::Occupied, PositionEvent::Close);
    let refused = PositionRefused::State(NotMoved { state, event });
    assert_eq!(step(registry, one.id, event).await, Err(refused));
    assert_eq!(step(registry, one.id, PositionEvent::Vacate).await, Ok(PositionState::Vacant));
    assert_eq!(fill(registry, two.id, 1).await, Ok(()));
    assert_eq!(step(registry, one.id, PositionEvent::Close).await, Ok(PositionState::Closed));
    assert!(fill(registry, one.id, 2).await.is_err());
    registry.revoke_terminal(terminal_id(2), &by("op", 6)).await.expect("it is known");
    assert_eq!(step(registry, one.id, PositionEvent::Reopen).await, Ok(PositionState::Vacant));
    let revoked = PositionRefused::Revoked { terminal: terminal_id(2) };
    assert_eq!(fill(registry, one.id, 2).await, Err(revoked));
    assert_eq!(registry.positions(&Page::first(9)).await.expect("a list").len(), 2);
}

async fn enrol_at(registry: &dyn Registry, number: u8, generation: u8, lane: &str) -> Enrolled {
    let mut new = claim(number, generation);
    new.lane = Some(lane.to_owned());
    registry.add_claim(&new, &by("op", 1)).await.expect("claims are made");
    registry.enrol(&enrolment(new.id, number), &by("enrolment", 2)).await.expect("it is decided")
}

async fn at(registry: &dyn Registry, lane: &str) -> Position {
    registry.position_at("berlin-1", lane).await.expect("it is asked").expect("it is known")
}

pub(super) async fn a_unit_that_enrols_moves_and_one_that_is_revoked_leaves(
    registry: &dyn Registry,
) {
    assert!(matches!(enrol_at(registry, 1, 1, "1").await, Enrolled::Done(_)));
    assert_eq!(at(registry, "1").await.terminal, Some(terminal_id(1)));
    assert!(matches!(enrol_at(registry, 1, 2, "2").await, Enrolled::Done(_)));
    let (one, two) = (at(registry, "1").await, at(registry, "2").await);
    assert_eq!((one.state, one.terminal), (PositionState::Vacant, None));
    assert_eq!((two.state, two.terminal), (PositionState::Occupied, Some(terminal_id(1))));
    let taken = ClaimRefusal::PlaceTaken { by: terminal_id(1) };
    assert_eq!(enrol_at(registry, 2, 1, "2").await, Enrolled::Refused(taken));
    registry.revoke_terminal(terminal_id(1), &by("op", 6)).await.expect("it is known");
    assert_eq!(at(registry, "2").await.state, PositionState::Vacant);
    assert!(matches!(enrol_at(registry, 2, 2, "2").await, Enrolled::Done(_)));
    let closed = put(registry, "3").await.id;
    step(registry, closed, PositionEvent::Close).await.expect("nobody stands there");
    let refused = Enrolled::Refused(ClaimRefusal::PlaceClosed);
    assert_eq!(enrol_at(registry, 3, 1, "3").await, refused);
}

async fn add(
    registry: &dyn Registry,
    number: u8,
    position: PositionId,
    provider: &str,
    tid: &str,
) -> Result<Binding, BindingRefused> {
    let id = BindingId::from_bytes([number; 16]);
    let new = NewBinding { id, position, provider: provider.to_owned(), tuple: tuple(tid) };
    registry.add_binding(&new, &by("op", 7)).await.expect("its position is known")
}

async fn moves(
    registry: &dyn Registry,
    policy: BindingPolicy,
    moves: &[(&Binding, BindingEvent)],
) -> Result<Vec<BindingState>, BindingRefused> {
    let moves: Vec<_> = moves.iter().map(|(binding, event)| (binding.id, *event)).collect();
    let moved = registry.move_bindings(&moves, policy, &by("op", 8)).await.expect("all are known");
    moved.map(|moved| moved.into_iter().map(|it| it.state).collect())
}

async fn note(
    registry: &dyn Registry,
    binding: &Binding,
    status: RegistrationStatus,
) -> Result<Binding, BindingRefused> {
    let said = Registration { status, reference: Some("R-1".to_owned()), at: Some(UnixTime(9)) };
    registry.note_registration(binding.id, &said, &by("op", 9)).await.expect("it is known")
}

/// A binding that may become active.
async fn ready(
    registry: &dyn Registry,
    number: u8,
    position: PositionId,
    provider: &str,
) -> Binding {
    let made = add(registry, number, position, provider, &format!("T-{number}")).await;
    let made = made.expect("it is made");
    note(registry, &made, RegistrationStatus::Registered).await.expect("it is noted");
    let steps = [(&made, BindingEvent::Stage), (&made, BindingEvent::Register)];
    moves(registry, ONE, &steps).await.expect("it is moved");
    made
}

pub(super) async fn a_tuple_is_replaced_as_a_whole_and_its_versions_stay(registry: &dyn Registry) {
    let position = put(registry, "1").await.id;
    let made = ready(registry, 1, position, "alpha").await;
    let renamed = Tuple { name: "Other shop".to_owned(), ..tuple("T-9") };
    let change = async |seen: u32, tuple: &Tuple| {
        registry.change_binding(made.id, seen, tuple, &by("op", 10)).await.expect("it is known")
    };
    let late = BindingRefused::ChangedMeanwhile { binding: made.id, seen: 2, found: 1 };
    assert_eq!(change(2, &renamed).await, Err(late));
    let changed = change(1, &renamed).await.expect("it is changed");
    assert_eq!(changed.state, BindingState::Draft, "what was staged is another tuple");
    assert_eq!((changed.version.number, &changed.version.tuple), (2, &renamed));
    assert_eq!(changed.version.registration, Registration::NONE);
    assert_eq!(change(2, &renamed).await, Ok(changed), "the same changes nothing");
    let versions = registry.binding_versions(made.id).await.expect("a list");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0].tuple, tuple("T-1"));
    assert_eq!(versions[0].registration.status, RegistrationStatus::Registered);
    let adopt = [(&made, BindingEvent::Adopt)];
    assert_eq!(moves(registry, ONE, &adopt).await, Ok(vec![BindingState::Active]));
    let active = BindingRefused::TidWhileActive { binding: made.id };
    assert_eq!(change(2, &tuple("T-1")).await, Err(active));
}

pub(super) async fn a_tid_is_one_positions_until_its_binding_is_over(registry: &dyn Registry) {
    let (one, two) = (put(registry, "1").await.id, put(registry, "2").await.id);
    let first = add(registry, 1, one, "alpha", "T-1").await.expect("it is made");
    let taken = add(registry, 2, two, "alpha", "T-1").await;
    let (mid, tid) = ("M-1".to_owned(), "T-1".to_owned());
    let refused = BindingRefused::TidTaken { by: first.id, position: one, mid, tid };
    assert_eq!(taken, Err(refused.clone()));
    let taken = add(registry, 2, one, "alpha", "T-2").await;
    assert_eq!(taken, Err(BindingRefused::ProviderTaken { by: first.id }));
    add(registry, 3, two, "beta", "T-1").await.expect("another provider has TIDs of its own");
    let other = add(registry, 4, two, "alpha", "T-4").await.expect("it is made");
    let by_op = by("op", 10);
    let changed = registry.change_binding(other.id, 1, &tuple("T-1"), &by_op).await;
    assert_eq!(changed.expect("it is known"), Err(refused));
    moves(registry, ONE, &[(&first, BindingEvent::Fail)]).await.expect("it fails");
    let changed = registry.change_binding(other.id, 1, &tuple("T-1"), &by_op).await;
    changed.expect("it is known").expect("the TID is free");
    let of = BindingsOf { position: Some(two), provider: None };
    assert_eq!(registry.bindings(&of, &Page::first(9)).await.expect("a list").len(), 2);
    let close = step(registry, one, PositionEvent::Close).await;
    assert_eq!(close, Ok(PositionState::Closed), "its only binding is over");
    let bound = step(registry, two, PositionEvent::Close).await;
    assert!(matches!(bound, Err(PositionRefused::Bound { .. })), "{bound:?}");
    let closed = add(registry, 5, one, "alpha", "T-5").await;
    assert_eq!(closed, Err(BindingRefused::PositionClosed { position: one }));
}

pub(super) async fn bindings_are_switched_together_or_not_at_all(registry: &dyn Registry) {
    use BindingEvent::{Activate, Fail, Finish, Retire, StandBy};
    use BindingState::{Active, Failed, Retired, Retiring, Standby};
    let position = put(registry, "1").await.id;
    let old = ready(registry, 1, position, "alpha").await;
    let new = ready(registry, 2, position, "beta").await;
    assert_eq!(moves(registry, ONE, &[(&old, Activate)]).await, Ok(vec![Active]));
    let beside = moves(registry, ONE, &[(&new, Activate)]).await;
    assert!(matches!(beside, Err(BindingRefused::SecondActive { .. })), "{beside:?}");
    let half = moves(registry, ONE, &[(&old, StandBy), (&new, Finish)]).await;
    assert!(matches!(half, Err(BindingRefused::State { .. })), "{half:?}");
    let stored = registry.binding(old.id).await.expect("it is asked").expect("it is known");
    assert_eq!(stored.state, Active, "half a switch is none");
    let switch = [(&old, StandBy), (&new, Activate)];
    assert_eq!(moves(registry, ONE, &switch).await, Ok(vec![Standby, Active]));
    let back = [(&new, Fail), (&old, Activate)];
    assert_eq!(moves(registry, ONE, &back).await, Ok(vec![Failed, Active]));
    let again = ready(registry, 3, position, "beta").await;
    let switch = [(&old, StandBy), (&again, Activate)];
    assert_eq!(moves(registry, ONE, &switch).await, Ok(vec![Standby, Active]));
    assert_eq!(moves(registry, ONE, &[(&old, Retire)]).await, Ok(vec![Retiring]));
    assert_eq!(moves(registry, ONE, &[(&old, Finish)]).await, Ok(vec![Retired]));
    let entries = registry.audit(&Page::first(1000)).await.expect("a list");
    assert!(entries.iter().any(|it| it.what == "binding-stood-by" && it.who == "op"));
}

pub(super) async fn two_active_bindings_are_impossible_however_they_race(registry: &dyn Registry) {
    let position = put(registry, "1").await.id;
    let mut racing = Vec::new();
    for (number, provider) in [(1, "alpha"), (2, "beta"), (3, "gamma")] {
        racing.push(ready(registry, number, position, provider).await);
    }
    let activate = |binding: &Binding| [(binding.id, BindingEvent::Activate)];
    let all = racing.iter().map(|binding| async move {
        loop {
            match registry.move_bindings(&activate(binding), ONE, &by("op", 8)).await {
                Err(RegistryError::Contended) => {}
                moved => break moved.expect("it is known").is_ok(),
            }
        }
    });
    let won = join_all(all).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    let of = BindingsOf { position: Some(position), provider: None };
    let bindings = registry.bindings(&of, &Page::first(9)).await.expect("a list");
    let active = bindings.iter().filter(|it| it.state == BindingState::Active).count();
    assert_eq!(active, 1);
    let both = BindingPolicy { one_active: false };
    let other = racing.iter().find(|it| {
        bindings.iter().any(|at| at.id == it.id && at.state == BindingState::Registered)
    });
    let other = other.expect("two have lost");
    let beside = moves(registry, both, &[(other, BindingEvent::Activate)]).await;
    assert_eq!(beside, Ok(vec![BindingState::Active]), "elsewhere it is allowed");
}

pub(super) async fn an_estate_is_taken_over_whole_or_not_at_all(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let row = |line: u32, serial: Option<&str>, lane: &str, tid: &str| Row {
        line,
        serial: serial.map(str::to_owned),
        store: "berlin-1".to_owned(),
        lane: lane.to_owned(),
        provider: "alpha".to_owned(),
        tuple: tuple(tid),
        registration: (line == 2).then(|| "R-9".to_owned()),
    };
    let rows = vec![row(2, Some("SN-001"), "1", "T-1"), row(3, None, "2", "T-2")];
    let import = async |rows: &[Row], dry: bool| {
        registry.import_bindings(rows, ONE, dry, &by("op", 12)).await.expect("it is looked at")
    };
    let count = async || {
        let bindings = registry.bindings(&BindingsOf::default(), &Page::first(9)).await;
        bindings.expect("a list").len()
    };
    let wrong = [rows.clone(), vec![row(4, Some("SN-404"), "3", "T-2")]].concat();
    let mistakes = import(&wrong, false).await.expect_err("two things are wrong");
    assert_eq!(mistakes.iter().map(|it| it.line).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(
        (count().await, registry.position_at("berlin-1", "1").await.expect("asked")),
        (0, None)
    );
    let done = import(&rows, true).await.expect("nothing is wrong");
    assert_eq!((done.filled, done.bound, done.known, count().await), (1, 2, 0, 0));
    import(&rows, false).await.expect("nothing is wrong");
    assert_eq!(at(registry, "1").await.terminal, Some(terminal_id(1)));
    let again = import(&rows, false).await.expect("it is there as the table says");
    assert_eq!((again.filled, again.bound, again.known, count().await), (0, 0, 2, 2));
    let of = BindingsOf { position: Some(at(registry, "1").await.id), provider: None };
    let first = registry.bindings(&of, &Page::first(1)).await.expect("a list").remove(0);
    assert_eq!(first.state, BindingState::Active);
    assert_eq!(first.version.registration.reference.as_deref(), Some("R-9"));
}

pub(super) async fn a_terminal_settles_with_whom_its_place_is_bound_to(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    enrol(registry, 2, 1).await;
    let of = [terminal_id(1), terminal_id(2)];
    let settle = async || registry.providers_of(&of).await.expect("a list");
    assert_eq!(settle().await, []);
    let row = |line: u32, serial: &str, lane: &str, provider: &str| Row {
        line,
        serial: Some(serial.to_owned()),
        store: "berlin-1".to_owned(),
        lane: lane.to_owned(),
        provider: provider.to_owned(),
        tuple: tuple(&format!("T-{lane}")),
        registration: None,
    };
    let several = BindingPolicy { one_active: false };
    let rows = [row(2, "SN-001", "1", "beta"), row(3, "SN-001", "1", "alpha")];
    let rows = [&rows[..], &[row(4, "SN-002", "2", "beta")]].concat();
    let imported = registry.import_bindings(&rows, several, false, &by("op", 12)).await;
    assert_eq!(imported.expect("it is looked at").expect("nothing is wrong").bound, 3);
    let settles = |number: u8, provider: &str| (terminal_id(number), provider.to_owned());
    let all = [settles(1, "alpha"), settles(1, "beta"), settles(2, "beta")];
    assert_eq!(settle().await, all);
    let asked = registry.providers_of(&[terminal_id(2)]).await.expect("a list");
    assert_eq!(asked, [settles(2, "beta")]);

    let first = at(registry, "1").await.id;
    let of_it = BindingsOf { position: Some(first), provider: Some("alpha".to_owned()) };
    let alpha = registry.bindings(&of_it, &Page::first(1)).await.expect("a list").remove(0);
    let moves = [(alpha.id, BindingEvent::StandBy)];
    let moved = registry.move_bindings(&moves, several, &by("op", 13)).await;
    assert_eq!(moved.expect("they are known").expect("it may")[0].state, BindingState::Standby);
    assert_eq!(settle().await, [settles(1, "beta"), settles(2, "beta")]);
    let vacated = registry.move_position(first, PositionEvent::Vacate, &by("op", 14)).await;
    assert_eq!(vacated.expect("it is known").map(|it| it.terminal), Ok(None));
    assert_eq!(settle().await, [settles(2, "beta")]);
}
