//! What a terminal's signed word about a change of provider moves. Pure.
//!
//! The word is about what is so at the till: nobody here can refuse it. Where the clearing
//! registry's answer is missing, the binding is active all the same, and what is missing is seen
//! beside it.

use shared::document::Profile;
use shared::outcome::Outcome;

use super::super::tuple::Tuple;
use super::{Binding, BindingEvent, BindingState, RegistrationStatus};

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

/// Why both bindings stay as they are: the position would be left without an active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stay {
    #[error("the till sells with the new binding, and that one is {0} here")]
    NewIsOver(BindingState),
    #[error("the till sells with the binding of before, and that one is {0} here")]
    OldIsOver(BindingState),
    #[error("the till sells with the binding of before, and that one is not known here")]
    OldIsUnknown,
}

/// With which binding a till sells after the end of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Till {
    /// The keys of the old one are erased, or still there.
    New {
        is_old_erased: bool,
    },
    Old,
    /// Nothing was disturbed, or nobody knows what the till can do: a person looks.
    Unknown,
}

pub fn till(outcome: &Outcome) -> Till {
    match outcome {
        Outcome::Succeeded { .. } => Till::New { is_old_erased: true },
        Outcome::RolledBack { .. } => Till::Old,
        // It sells on with the new one: there was no way back any more.
        Outcome::RollbackFailed { undoing, .. } if undoing.step == WATCH => {
            Till::New { is_old_erased: true }
        }
        Outcome::RollbackFailed { undoing, .. } if undoing.step == COMMIT => {
            Till::New { is_old_erased: false }
        }
        Outcome::Failed { .. }
        | Outcome::RollbackFailed { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Expired
        | Outcome::Superseded => Till::Unknown,
    }
}

/// `new` with how it stands at the clearing registry; `old` is `None` where no binding is known
/// that was left.
pub fn moves(
    outcome: &Outcome,
    old: Option<BindingState>,
    (new, registration): (BindingState, RegistrationStatus),
) -> Result<Moves, Stay> {
    match till(outcome) {
        Till::New { .. } if !can_be_active(new) => Err(Stay::NewIsOver(new)),
        Till::New { is_old_erased } => {
            let mut old = left(old);
            old.retain(|event| is_old_erased || *event != BindingEvent::Retire);
            Ok(Moves { old, new: taken(new, registration) })
        }
        Till::Old => match old {
            Some(BindingState::Active | BindingState::Standby) => {
                Ok(Moves { old: back(old), new: given_up(new) })
            }
            Some(over) if new == BindingState::Active => Err(Stay::OldIsOver(over)),
            None if new == BindingState::Active => Err(Stay::OldIsUnknown),
            Some(_) | None => Ok(Moves { old: back(old), new: given_up(new) }),
        },
        Till::Unknown => Ok(Moves::default()),
    }
}

/// Where the profile that the till was given and the newest tuple of its binding do not agree.
pub fn differences(profile: &Profile, binding: &Binding) -> Vec<String> {
    let (told, here) = (Tuple::of(profile), &binding.version.tuple);
    let parts = [
        ("provider", &profile.provider, &binding.provider),
        ("MID", &told.mid, &here.mid),
        ("TID", &told.tid, &here.tid),
        ("name", &told.name, &here.name),
        ("MCC", &told.mcc, &here.mcc),
        ("currency", &told.currency, &here.currency),
    ];
    let differs = parts.into_iter().filter(|(_, told, here)| told != here);
    differs
        .map(|(what, told, here)| {
            format!("the till has the {what} `{told}`, and binding {} `{here}`", binding.id)
        })
        .collect()
}

/// Whether it is active, or a terminal's word can make it so.
fn can_be_active(state: BindingState) -> bool {
    match state {
        BindingState::Draft
        | BindingState::Staged
        | BindingState::Registered
        | BindingState::Active
        | BindingState::Standby => true,
        BindingState::Retiring | BindingState::Retired | BindingState::Failed => false,
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
            vec![BindingEvent::Confirm]
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

    fn is_ready(old: BindingState) -> bool {
        matches!(old, BindingState::Active | BindingState::Standby)
    }

    fn after(state: BindingState, events: &[BindingEvent]) -> BindingState {
        events.iter().fold(state, |state, event| step(state, *event).unwrap())
    }

    #[test]
    fn every_move_can_be_made_and_leaves_one_active_where_one_was() {
        use BindingState::{Active, Draft, Registered, Retiring, Staged, Standby};
        let olds: Vec<_> = BindingState::ALL.into_iter().map(Some).chain([None]).collect();
        for outcome in ends() {
            for &old in &olds {
                for new in BindingState::ALL {
                    for registration in RegistrationStatus::ALL {
                        let what = format!("{outcome:?} {old:?} {new} {registration}");
                        let Ok(told) = moves(&outcome, old, (new, registration)) else {
                            let is_over = |it: BindingState| it.is_over() || it == Retiring;
                            assert!(is_over(new) || old.is_none_or(|old| !is_ready(old)), "{what}");
                            continue;
                        };
                        let old_then = old.map(|old| after(old, &told.old));
                        assert!(old.is_some() || told.old.is_empty(), "{what}");
                        let new_then = after(new, &told.new);
                        let active = |old: Option<BindingState>, new: BindingState| {
                            u8::from(old == Some(Active)) + u8::from(new == Active)
                        };
                        let (before, then) = (active(old, new), active(old_then, new_then));
                        assert!(before == 2 || then < 2, "{what}");
                        assert!(before == 0 || then > 0, "{what}");
                        // Told twice, nothing moves again.
                        let again = moves(&outcome, old_then, (new_then, registration));
                        assert_eq!(again, Ok(Moves::default()), "{what}");
                    }
                }
            }
        }
        for (end, old) in [(0, Retiring), (1, Standby)] {
            let told = moves(&ends()[end], Some(Active), (Draft, RegistrationStatus::NotSubmitted));
            let told = told.unwrap();
            assert_eq!((after(Active, &told.old), after(Draft, &told.new)), (old, Active));
        }
        let succeeded = &ends()[2];
        let usual = moves(succeeded, Some(Active), (Registered, RegistrationStatus::Registered));
        let usual = usual.unwrap();
        assert_eq!((after(Active, &usual.old), after(Registered, &usual.new)), (Retiring, Active));
        assert_eq!(usual.new, [BindingEvent::Activate]);
        for (state, registration) in [
            (Draft, RegistrationStatus::NotSubmitted),
            (Staged, RegistrationStatus::Submitted),
            (Registered, RegistrationStatus::Cancelled),
        ] {
            let told = moves(succeeded, None, (state, registration)).unwrap();
            assert_eq!((told.old, told.new), (vec![], vec![BindingEvent::Confirm]));
        }
        let returned = moves(&ends()[3], Some(Standby), (Active, RegistrationStatus::Registered));
        let returned = returned.unwrap();
        assert_eq!(after(Standby, &returned.old), Active);
        assert_eq!(after(Active, &returned.new), BindingState::Failed);
    }

    #[test]
    fn nothing_moves_where_what_the_till_sells_with_cannot_be_active() {
        use BindingState::{Active, Failed, Retired, Retiring, Standby};
        let given = RegistrationStatus::Registered;
        for end in [0, 1, 2] {
            for new in [Failed, Retiring, Retired] {
                for old in [Some(Active), Some(Standby), None] {
                    let told = moves(&ends()[end], old, (new, given));
                    assert_eq!(told, Err(Stay::NewIsOver(new)), "{old:?}");
                }
            }
        }
        let undone = &ends()[3];
        let told = moves(undone, Some(Retired), (Active, given));
        assert_eq!(told, Err(Stay::OldIsOver(Retired)));
        assert_eq!(moves(undone, None, (Active, given)), Err(Stay::OldIsUnknown));
    }
}
