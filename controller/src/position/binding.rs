//! The life of a binding: a provider's tuple for one position. Pure.
//!
//! How the binding is registered at the clearing registry is an axis of its own, and belongs to
//! one version of the tuple: whatever changes the tuple begins the registration anew.

pub mod told;

use std::fmt;

use shared::id::{BindingId, PositionId};
use shared::time::UnixTime;

use super::tuple::Tuple;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub id: BindingId,
    pub position: PositionId,
    /// The provider's key.
    pub provider: String,
    pub state: BindingState,
    pub state_at: UnixTime,
    pub state_by: String,
    pub state_why: String,
    /// The newest one, which holds.
    pub version: Version,
    pub created_at: UnixTime,
    pub created_by: String,
}

/// The tuple as it was at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: u32,
    pub tuple: Tuple,
    pub registration: Registration,
    pub set_at: UnixTime,
    pub set_by: String,
    pub set_why: String,
}

/// How this version stands at the clearing registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub status: RegistrationStatus,
    /// As the registry gave it.
    pub reference: Option<String>,
    pub at: Option<UnixTime>,
}

impl Registration {
    pub const NONE: Self =
        Self { status: RegistrationStatus::NotSubmitted, reference: None, at: None };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegistrationStatus {
    NotSubmitted,
    Submitted,
    Registered,
    Rejected,
    Cancelled,
}

impl RegistrationStatus {
    pub const ALL: [Self; 5] =
        [Self::NotSubmitted, Self::Submitted, Self::Registered, Self::Rejected, Self::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSubmitted => "not-submitted",
            Self::Submitted => "submitted",
            Self::Registered => "registered",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the registry's word can follow. A registration that was made on paper was never
    /// submitted here.
    pub fn may_become(self, next: Self) -> bool {
        use RegistrationStatus::{Cancelled, NotSubmitted, Registered, Rejected, Submitted};
        match self {
            NotSubmitted => matches!(next, Submitted | Registered),
            Submitted => matches!(next, Registered | Rejected | Cancelled),
            Registered => matches!(next, Cancelled),
            Rejected | Cancelled => matches!(next, Submitted),
        }
    }
}

impl fmt::Display for RegistrationStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Draft → Staged → Registered → Active → Standby → Retiring → Retired, or Failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BindingState {
    Draft,
    /// The terminal has the tuple in its free slot.
    Staged,
    /// …and the clearing registry has taken it.
    Registered,
    /// The shop sells with it.
    Active,
    /// It was active, and the terminal can go back to it.
    Standby,
    /// The terminal has it no more; refunds of old sales still come.
    Retiring,
    Retired,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingEvent {
    /// It was in force before it was known here: an estate is taken over.
    Adopt,
    /// A terminal has signed that its shop sells with it.
    Confirm,
    Stage,
    Register,
    /// The shop sells with it from now on, or again.
    Activate,
    StandBy,
    Retire,
    Finish,
    Fail,
    /// Its tuple is replaced; what a terminal has staged is then not it any more.
    Change,
}

impl BindingState {
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::Staged,
        Self::Registered,
        Self::Active,
        Self::Standby,
        Self::Retiring,
        Self::Retired,
        Self::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Staged => "staged",
            Self::Registered => "registered",
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Failed => "failed",
        }
    }

    /// Nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Retired | Self::Failed)
    }

    /// It is the position's one binding with its provider.
    pub fn is_in_hand(self) -> bool {
        !self.is_over() && self != Self::Retiring
    }
}

impl fmt::Display for BindingState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl BindingEvent {
    pub const ALL: [Self; 10] = [
        Self::Adopt,
        Self::Confirm,
        Self::Stage,
        Self::Register,
        Self::Activate,
        Self::StandBy,
        Self::Retire,
        Self::Finish,
        Self::Fail,
        Self::Change,
    ];

    /// How the audit log names it.
    pub fn audited_as(self) -> &'static str {
        match self {
            Self::Adopt => "binding-adopted",
            Self::Confirm => "binding-confirmed",
            Self::Stage => "binding-staged",
            Self::Register => "binding-registered",
            Self::Activate => "binding-activated",
            Self::StandBy => "binding-stood-by",
            Self::Retire => "binding-retiring",
            Self::Finish => "binding-retired",
            Self::Fail => "binding-failed",
            Self::Change => "binding-changed",
        }
    }

    fn in_the_past(self) -> &'static str {
        match self {
            Self::Adopt => "adopted",
            Self::Confirm => "confirmed by its terminal",
            Self::Stage => "staged",
            Self::Register => "registered",
            Self::Activate => "made active",
            Self::StandBy => "put on standby",
            Self::Retire => "begun to be retired",
            Self::Finish => "retired",
            Self::Fail => "given up as failed",
            Self::Change => "changed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a binding that is {state} cannot be {}", event.in_the_past())]
pub struct NotMoved {
    pub state: BindingState,
    pub event: BindingEvent,
}

pub fn step(state: BindingState, event: BindingEvent) -> Result<BindingState, NotMoved> {
    use BindingEvent as On;
    use BindingState as S;
    let next = match event {
        On::Adopt => matches!(state, S::Draft).then_some(S::Active),
        On::Confirm => matches!(state, S::Draft | S::Staged | S::Registered).then_some(S::Active),
        On::Stage => matches!(state, S::Draft).then_some(S::Staged),
        On::Register => matches!(state, S::Staged).then_some(S::Registered),
        On::Activate => matches!(state, S::Registered | S::Standby).then_some(S::Active),
        On::StandBy => matches!(state, S::Active).then_some(S::Standby),
        On::Retire => matches!(state, S::Standby).then_some(S::Retiring),
        On::Finish => matches!(state, S::Retiring).then_some(S::Retired),
        On::Fail => {
            matches!(state, S::Draft | S::Staged | S::Registered | S::Active).then_some(S::Failed)
        }
        On::Change => match state {
            S::Draft | S::Staged | S::Registered => Some(S::Draft),
            S::Active => Some(S::Active),
            S::Standby | S::Retiring | S::Retired | S::Failed => None,
        },
    };
    next.ok_or(NotMoved { state, event })
}

/// What an operator may decide about bindings, from the controller's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingPolicy {
    /// One terminal, one merchant; elsewhere one terminal may serve several acquirers.
    pub one_active: bool,
}

/// Why a binding stays as it is, or is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingRefused {
    #[error("binding {binding}: {why}")]
    State { binding: BindingId, why: NotMoved },
    #[error("version {version} of binding {binding} is {status} at the clearing registry")]
    NotRegistered { binding: BindingId, version: u32, status: RegistrationStatus },
    #[error("version {version} of binding {binding} names no host of the provider")]
    NoHost { binding: BindingId, version: u32 },
    #[error("binding {other} of {position} would be active beside {binding}")]
    SecondActive { binding: BindingId, other: BindingId, position: PositionId },
    #[error("binding {binding} is active: its MID and TID are not changed")]
    TidWhileActive { binding: BindingId },
    #[error("binding {binding} is at version {found} by now, not {seen}")]
    ChangedMeanwhile { binding: BindingId, seen: u32, found: u32 },
    #[error("binding {by} of {position} has TID {tid} of MID {mid} at this provider")]
    TidTaken { by: BindingId, position: PositionId, mid: String, tid: String },
    #[error("the position has binding {by} with this provider")]
    ProviderTaken { by: BindingId },
    #[error("position {position} is closed")]
    PositionClosed { position: PositionId },
    #[error("a registration that is {from} does not become {to}")]
    Registration { from: RegistrationStatus, to: RegistrationStatus },
    #[error("a registration that is {0} has a reference")]
    NoReference(RegistrationStatus),
}

impl BindingRefused {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::State { .. } => "look at it with `tillward binding show`",
            Self::NotRegistered { .. } => {
                "say what the registry answered: `tillward binding register`"
            }
            Self::NoHost { .. } => "give its tuple at least one host",
            Self::SecondActive { .. } => {
                "put the other one on standby in the same step, or set `one_active_binding` in \
                 `[rebind]` of the controller's configuration to false"
            }
            Self::TidWhileActive { .. } => "make another binding and switch to it",
            Self::ChangedMeanwhile { .. } => "look at it again, and decide anew",
            Self::TidTaken { .. } => "ask the provider for a TID of its own",
            Self::ProviderTaken { .. } => "change that one, or retire it first",
            Self::PositionClosed { .. } => "reopen the position, or choose another one",
            Self::Registration { .. } => {
                "note what comes before it first: it is submitted, then registered or rejected; \
                 what was taken is cancelled"
            }
            Self::NoReference(_) => "name the registry's reference: `--reference`",
        }
    }
}

/// Whether this binding may be moved by this event, and where to.
pub fn moved(binding: &Binding, event: BindingEvent) -> Result<BindingState, BindingRefused> {
    let id = binding.id;
    let next =
        step(binding.state, event).map_err(|why| BindingRefused::State { binding: id, why })?;
    let Version { number: version, tuple, registration, .. } = &binding.version;
    let (version, status) = (*version, registration.status);
    match event {
        BindingEvent::Stage if tuple.hosts.is_empty() => {
            Err(BindingRefused::NoHost { binding: id, version })
        }
        BindingEvent::Register if status != RegistrationStatus::Registered => {
            Err(BindingRefused::NotRegistered { binding: id, version, status })
        }
        // Back to one that was active needs nobody's leave: the shop sold with it before.
        BindingEvent::Activate
            if binding.state == BindingState::Registered
                && status != RegistrationStatus::Registered =>
        {
            Err(BindingRefused::NotRegistered { binding: id, version, status })
        }
        BindingEvent::Adopt
        | BindingEvent::Confirm
        | BindingEvent::Stage
        | BindingEvent::Register
        | BindingEvent::Activate
        | BindingEvent::StandBy
        | BindingEvent::Retire
        | BindingEvent::Finish
        | BindingEvent::Fail
        | BindingEvent::Change => Ok(next),
    }
}

/// Whether the bindings of one position may stand like this together.
pub fn may_stand(
    policy: BindingPolicy,
    position: PositionId,
    bindings: &[(BindingId, BindingState)],
) -> Result<(), BindingRefused> {
    let mut active = bindings.iter().filter(|(_, state)| *state == BindingState::Active);
    match (policy.one_active, active.next(), active.next()) {
        (true, Some((other, _)), Some((binding, _))) => {
            Err(BindingRefused::SecondActive { binding: *binding, other: *other, position })
        }
        (true | false, ..) => Ok(()),
    }
}

/// Whether the tuple may be replaced by this one, and what state that leaves the binding in.
pub fn changed(binding: &Binding, seen: u32, to: &Tuple) -> Result<BindingState, BindingRefused> {
    let (id, found) = (binding.id, binding.version.number);
    if seen != found {
        return Err(BindingRefused::ChangedMeanwhile { binding: id, seen, found });
    }
    let next = moved(binding, BindingEvent::Change)?;
    let from = &binding.version.tuple;
    if next == BindingState::Active && (&from.mid, &from.tid) != (&to.mid, &to.tid) {
        return Err(BindingRefused::TidWhileActive { binding: id });
    }
    Ok(next)
}

/// Whether the registry's word can be noted.
pub fn registered(from: &Registration, to: &Registration) -> Result<(), BindingRefused> {
    if !from.status.may_become(to.status) {
        return Err(BindingRefused::Registration { from: from.status, to: to.status });
    }
    let has_reference = to.reference.as_ref().is_some_and(|text| !text.trim().is_empty());
    match to.status {
        RegistrationStatus::Registered if !has_reference => {
            Err(BindingRefused::NoReference(to.status))
        }
        RegistrationStatus::NotSubmitted
        | RegistrationStatus::Submitted
        | RegistrationStatus::Registered
        | RegistrationStatus::Rejected
        | RegistrationStatus::Cancelled => Ok(()),
    }
}

#[cfg(test)]
mod tests;
