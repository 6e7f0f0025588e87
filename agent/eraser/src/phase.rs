//! How far a wipe has come, and what may happen next. Pure.

use serde::{Deserialize, Serialize};

/// Written down before the work that it names begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is to be wiped here.
    None,
    /// The request is durable, and nothing has been destroyed.
    Accepted,
    /// Keys are being destroyed.
    Keys,
    /// Files and directories are being removed. No key is left.
    Data,
    /// Devices are being discarded.
    Discard,
    /// What is left is being looked for.
    Verify,
    /// All that was asked for has been tried, and the report says what came of it.
    Erased,
    /// The identity is being removed.
    Forgetting,
    /// Decommissioned: nobody can act in this terminal's name any more.
    Forgotten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Ordered,
    Cancelled,
    Begun,
    KeysDestroyed,
    DataRemoved,
    DevicesDiscarded,
    LookedFor,
    ForgetOrdered,
    IdentityRemoved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} means nothing while {state:?}")]
pub struct Refused {
    pub state: State,
    pub event: Event,
}

/// The state that is to be written down before anything else is done.
pub fn step(state: State, event: Event) -> Result<State, Refused> {
    use {Event as On, State::*};
    Ok(match (state, event) {
        // A terminal that was enrolled again can be wiped again.
        (None | Forgotten, On::Ordered) => Accepted,
        (Accepted, On::Cancelled) => None,
        (Accepted, On::Begun) => Keys,
        (Keys, On::KeysDestroyed) => Data,
        (Data, On::DataRemoved) => Discard,
        (Discard, On::DevicesDiscarded) => Verify,
        (Verify, On::LookedFor) => Erased,
        (Erased, On::ForgetOrdered) => Forgetting,
        (Forgetting, On::IdentityRemoved) => Forgotten,
        (state, event) => return Err(Refused { state, event }),
    })
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Accepted,
        Self::Keys,
        Self::Data,
        Self::Discard,
        Self::Verify,
        Self::Erased,
        Self::Forgetting,
        Self::Forgotten,
    ];

    /// Something may have been destroyed, and something may be left.
    pub fn is_wiping(self) -> bool {
        match self {
            Self::Keys | Self::Data | Self::Discard | Self::Verify => true,
            Self::None | Self::Accepted | Self::Erased | Self::Forgetting | Self::Forgotten => {
                false
            }
        }
    }

    /// What a wipe that was asked for stays in until somebody carries it on.
    pub fn is_unfinished(self) -> bool {
        match self {
            Self::Accepted | Self::Forgetting => true,
            Self::None | Self::Erased | Self::Forgotten => false,
            Self::Keys | Self::Data | Self::Discard | Self::Verify => true,
        }
    }

    /// Whether a till may be started on what is there: it would begin anew where its data is gone,
    /// and sell. A terminal that has got another identity since has lost its tombstone.
    pub fn lets_start(self, has_tombstone: bool) -> bool {
        match self {
            Self::None | Self::Accepted => true,
            Self::Keys | Self::Data | Self::Discard | Self::Verify => false,
            Self::Erased | Self::Forgetting => false,
            Self::Forgotten => !has_tombstone,
        }
    }

    /// For people and for the wire, which know no step between erased and forgotten.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Accepted => "accepted",
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Discard => "discard",
            Self::Verify => "verify",
            Self::Erased | Self::Forgetting => "erased",
            Self::Forgotten => "forgotten",
        }
    }
}

#[cfg(test)]
mod tests {
    use {Event as On, State::*};

    use super::*;

    const EVENTS: [Event; 9] = [
        On::Ordered,
        On::Cancelled,
        On::Begun,
        On::KeysDestroyed,
        On::DataRemoved,
        On::DevicesDiscarded,
        On::LookedFor,
        On::ForgetOrdered,
        On::IdentityRemoved,
    ];

    const TABLE: [(State, Event, State); 10] = [
        (None, On::Ordered, Accepted),
        (Accepted, On::Cancelled, None),
        (Accepted, On::Begun, Keys),
        (Keys, On::KeysDestroyed, Data),
        (Data, On::DataRemoved, Discard),
        (Discard, On::DevicesDiscarded, Verify),
        (Verify, On::LookedFor, Erased),
        (Erased, On::ForgetOrdered, Forgetting),
        (Forgetting, On::IdentityRemoved, Forgotten),
        (Forgotten, On::Ordered, Accepted),
    ];

    #[test]
    fn every_pair_is_in_the_table_or_refused_by_name() {
        for state in State::ALL {
            for event in EVENTS {
                let row = TABLE.iter().find(|(from, on, _)| (*from, *on) == (state, event));
                let expected = row.map(|(_, _, to)| *to).ok_or(Refused { state, event });
                assert_eq!(step(state, event), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn data_goes_only_after_every_key_and_the_identity_only_after_all_else() {
        for (from, event, to) in TABLE {
            if to == Data {
                assert_eq!((from, event), (Keys, On::KeysDestroyed));
            }
            if to == Forgetting {
                assert_eq!((from, event), (Erased, On::ForgetOrdered));
            }
        }
    }

    #[test]
    fn nothing_is_cancelled_once_something_may_be_destroyed() {
        for state in State::ALL {
            assert_eq!(step(state, On::Cancelled).is_ok(), state == Accepted, "{state:?}");
        }
    }

    #[test]
    fn nobody_sells_from_the_first_key_until_the_terminal_has_another_identity() {
        for state in State::ALL {
            let is_whole = [None, Accepted].contains(&state);
            assert_eq!(state.lets_start(true), is_whole, "{state:?}");
            assert_eq!(state.lets_start(false), is_whole || state == Forgotten, "{state:?}");
            assert!(!(state.is_wiping() && state.lets_start(false)), "{state:?}");
        }
    }

    #[test]
    fn a_state_is_written_as_it_is_read() {
        for state in State::ALL {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
            let shown = if state == Forgetting { "\"erased\"" } else { &text };
            assert_eq!(format!("\"{}\"", state.as_str()), shown);
        }
    }
}
