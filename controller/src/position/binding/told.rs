//! What a terminal's signed word about a change of provider moves. Pure.
//!
//! The word is about what is so at the till: nobody here can refuse it. Where the clearing
//! registry's answer is missing, the binding is active all the same, and what is missing is seen
//! beside it.

use shared::outcome::Outcome;

use super::{BindingEvent, BindingState, RegistrationStatus};

/// Steps of the job at which a till that cannot go back sells with the new provider: the first has
/// erased the old keys, the second could not.
const WATCH: &str = "watch";
const COMMIT: &str = "commit";

/// What is to happen to the binding that was left, and to the one that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    pub old: Vec<BindingEvent>,
    pub new: Vec<BindingEvent>,
}

/// `new` with how it stands at the clearing registry; `old` is `None` where no binding is known
/// that was left.
pub fn moves(
    outcome: &Outcome,
    old: Option<BindingState>,
    (new, registration): (BindingState, RegistrationStatus),
) -> Moves {
    match outcome {
        Outcome::Succeeded { .. } => Moves { old: left(old), new: taken(new, registration) },
        Outcome::RolledBack { .. } => Moves { old: back(old), new: given_up(new) },
        // It sells on with the new one: there was no way back any more.
        Outcome::RollbackFailed { undoing, .. } if undoing.step == WATCH => {
            Moves { old: left(old), new: taken(new, registration) }
        }
        Outcome::RollbackFailed { undoing, .. } if undoing.step == COMMIT => {
            let mut old = left(old);
            old.retain(|event| *event != BindingEvent::Retire);
            Moves { old, new: taken(new, registration) }
        }
        // Nothing was disturbed, or nobody knows what the till can do: a person looks.
        Outcome::Failed { .. }
        | Outcome::RollbackFailed { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Expired
        | Outcome::Superseded => Moves::default(),
    }
}

/// Its keys are erased; refunds of its sales still come.
fn left(old: Option<BindingState>) -> Vec<BindingEvent> {
    match old {
        Some(BindingState::Active) => vec![BindingEvent::StandBy, BindingEvent::Retire],
        Some(BindingState::Standby) => vec![BindingEvent::Retire],
        Some(
            BindingState::Draft
            | BindingState::Staged
            | BindingState::Registered
            | BindingState::Retiring
            | BindingState::Retired
            | BindingState::Failed,
        )
        | None => vec![],
    }
}

fn taken(new: BindingState, registration: RegistrationStatus) -> Vec<BindingEvent> {
    match (new, registration) {
        (BindingState::Registered, RegistrationStatus::Registered) | (BindingState::Standby, _) => {
            vec![BindingEvent::Activate]
        }
        (BindingState::Draft | BindingState::Staged | BindingState::Registered, _) => {
            vec![BindingEvent::Adopt]
        }
        (
            BindingState::Active
            | BindingState::Retiring
            | BindingState::Retired
            | BindingState::Failed,
            _,
        ) => vec![],
    }
}

fn back(old: Option<BindingState>) -> Vec<BindingEvent> {
    match old {
        Some(BindingState::Standby) => vec![BindingEvent::Activate],
        Some(
            BindingState::Draft
            | BindingState::Staged
            | BindingState::Registered
            | BindingState::Active
            | BindingState::Retiring
            | BindingState::Retired
            | BindingState::Failed,
        )
        | None => vec![],
    }
}

fn given_up(new: BindingState) -> Vec<BindingEvent> {
    match new {
        BindingState::Draft
        | BindingState::Staged
        | BindingState::Registered
        | BindingState::Active => vec![BindingEvent::Fail],
        BindingState::Standby
        | BindingState::Retiring
        | BindingState::Retired
        | BindingState::Failed => vec![],
    }
}

#[cfg(test)]
mod tests {
    use shared::outcome::{Failure, FailureCode};

    use super::super::step;
    use super::*;

    fn ends() -> Vec<Outcome> {
        let at = |step: &str| Failure {
            code: FailureCode::DiskFull,
            step: step.into(),
            detail: String::new(),
        };
        let failure = || at("test");
        let no_way_back = |step| Outcome::RollbackFailed { failure: at(step), undoing: at(step) };
        vec![
            no_way_back(WATCH),
            no_way_back(COMMIT),
            Outcome::Succeeded { now: "beta".into() },
            Outcome::RolledBack { failure: failure() },
            Outcome::Failed { failure: failure() },
            Outcome::RollbackFailed { failure: failure(), undoing: failure() },
            Outcome::Cancelled { reason: String::new() },
            Outcome::Expired,
            Outcome::Superseded,
        ]
    }

    fn after(state: BindingState, events: &[BindingEvent]) -> BindingState {
        events.iter().fold(state, |state, event| step(state, *event).unwrap())
    }

    #[test]
    fn every_move_can_be_made_and_none_makes_a_second_binding_active() {
        use BindingState::{Active, Draft, Registered, Retiring, Staged, Standby};
        for outcome in ends() {
            for old in BindingState::ALL {
                for new in BindingState::ALL {
                    for registration in RegistrationStatus::ALL {
                        let told = moves(&outcome, Some(old), (new, registration));
                        let (old_then, new_then) = (after(old, &told.old), after(new, &told.new));
                        let what = format!("{outcome:?} {old} {new} {registration}");
                        let both = |a, b| a == Active && b == Active;
                        assert!(both(old, new) || !both(old_then, new_then), "{what}");
                        // Told twice, nothing moves again.
                        let again = moves(&outcome, Some(old_then), (new_then, registration));
                        assert_eq!(again, Moves::default(), "{what}");
                    }
                }
            }
        }
        for (end, old) in [(0, Retiring), (1, Standby)] {
            let told = moves(&ends()[end], Some(Active), (Draft, RegistrationStatus::NotSubmitted));
            assert_eq!((after(Active, &told.old), after(Draft, &told.new)), (old, Active));
        }
        let succeeded = &ends()[2];
        let usual = moves(succeeded, Some(Active), (Registered, RegistrationStatus::Registered));
        assert_eq!((after(Active, &usual.old), after(Registered, &usual.new)), (Retiring, Active));
        assert_eq!(usual.new, [BindingEvent::Activate]);
        for (state, registration) in [
            (Draft, RegistrationStatus::NotSubmitted),
            (Staged, RegistrationStatus::Submitted),
            (Registered, RegistrationStatus::Cancelled),
        ] {
            let told = moves(succeeded, None, (state, registration));
            assert_eq!((told.old, told.new), (vec![], vec![BindingEvent::Adopt]));
        }
        let returned = moves(&ends()[3], Some(Standby), (Active, RegistrationStatus::Registered));
        assert_eq!(after(Standby, &returned.old), Active);
        assert_eq!(after(Active, &returned.new), BindingState::Failed);
    }
}
