//! A store, as people describe it: where it belongs, how many of its terminals may be disturbed at
//! once, how it sells meanwhile, and how fast they fetch software. Pure.
//!
//! A store is there once a terminal or a position is claimed to be in it; here is only what is said
//! of it. When it may be disturbed is in [`crate::calendar`].

use shared::time::UnixTime;

use crate::pacing::Limit;

/// Of terminals of one store: more than any store has tills.
pub const AT_ONCE_MAX: u32 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub name: String,
    pub described: Description,
    /// Counts descriptions; 0 before the first.
    pub version: u32,
    pub set: Option<Set>,
    pub created_at: UnixTime,
}

/// Who described it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    pub at: UnixTime,
    pub by: String,
}

/// What is said of a store; of a part that is `None` nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Which windows and freezes it shares with others.
    pub region: Option<String>,
    /// How many of its terminals may be disturbed at once.
    pub at_once_max: Option<u32>,
    /// How it sells while its last selling terminal is at it.
    pub fallback: Option<String>,
    /// How fast its terminals fetch software, together; else as the controller's configuration says
    /// of every store.
    pub download_limit: Option<Limit>,
}

/// Why a description makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`at_once_max` is {0}: choose 1 to {AT_ONCE_MAX}")]
pub struct NotADescription(u32);

impl Description {
    pub fn check(&self) -> Result<(), NotADescription> {
        match self.at_once_max {
            Some(count) if !(1..=AT_ONCE_MAX).contains(&count) => Err(NotADescription(count)),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_lets_at_least_one_terminal_be_disturbed_or_says_nothing() {
        let at_once = |count| Description { at_once_max: count, ..Description::default() }.check();
        for sound in [None, Some(1), Some(AT_ONCE_MAX)] {
            assert_eq!(at_once(sound), Ok(()), "{sound:?}");
        }
        for unsound in [0, AT_ONCE_MAX + 1] {
            assert_eq!(at_once(Some(unsound)), Err(NotADescription(unsound)));
        }
    }
}
