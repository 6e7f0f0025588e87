//! Somebody finds something suspicious: nothing is released or sent until two people have looked.
//! Pure.

use std::fmt;

use shared::id::{OrderId, RequestId, TerminalId};
use shared::time::UnixTime;

use super::is_same_person;

/// Open ones of one scope: each is looked at by two people, and a till must not be able to fill
/// the registry. One that is left out changes nothing: the scope is frozen already.
pub const OPEN_MAX: u32 = 32;

/// What is frozen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Terminal(TerminalId),
    /// All terminals of a merchant's store.
    Store(String),
    /// All terminals of positions whose merchant this is.
    Merchant(String),
    /// A request, and the campaign that carries it out.
    Request(RequestId),
}

impl Scope {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Terminal(_) => "terminal",
            Self::Store(_) => "store",
            Self::Merchant(_) => "merchant",
            Self::Request(_) => "request",
        }
    }

    pub fn subject(&self) -> String {
        match self {
            Self::Terminal(id) => id.to_string(),
            Self::Store(name) | Self::Merchant(name) => name.clone(),
            Self::Request(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.word(), self.subject())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSuspicion {
    pub scope: Scope,
    /// Tells a report that is heard twice from another one.
    pub source: String,
    pub note: String,
}

/// How the report of a terminal is told from its others: by its number in its epoch, because the
/// clock of a till may stand still.
pub fn source_of_report(order: Option<OrderId>, at: UnixTime, (epoch, seq): (u32, u64)) -> String {
    let about = order.map_or_else(|| "no order named".to_owned(), |order| order.to_string());
    format!("{about}, at {at}, report {seq} of epoch {epoch}")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    pub number: u64,
    pub scope: Scope,
    pub source: String,
    pub note: String,
    pub raised_at: UnixTime,
    /// An operator, or the terminal.
    pub raised_by: String,
    /// The first of the two people who lift it.
    pub asked: Option<Word>,
    /// The second.
    pub lifted: Option<Word>,
}

/// What somebody said, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub by: String,
    pub at: UnixTime,
    pub why: String,
}

/// What somebody's wish to lift it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// Somebody else must say so too.
    Asked,
    Lifted,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLifted {
    #[error("suspicion {number} was lifted by {by} at {at}")]
    Lifted { number: u64, by: String, at: UnixTime },
    #[error("{by} has asked to lift suspicion {number}: somebody else must confirm it")]
    SamePerson { number: u64, by: String },
    #[error("there is no reason why suspicion {number} should be lifted")]
    NoReason { number: u64 },
}

impl NotLifted {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Lifted { .. } => "look at it with `tillward request suspicions --all`",
            Self::SamePerson { .. } => "ask a colleague to look into it too",
            Self::NoReason { .. } => "say what was found out",
        }
    }
}

impl Suspicion {
    pub fn lift(&self, by: &str, why: &str) -> Result<Lift, NotLifted> {
        let number = self.number;
        if let Some(lifted) = &self.lifted {
            let (by, at) = (lifted.by.clone(), lifted.at);
            return Err(NotLifted::Lifted { number, by, at });
        }
        if why.trim().is_empty() {
            return Err(NotLifted::NoReason { number });
        }
        match &self.asked {
            None => Ok(Lift::Asked),
            Some(asked) if is_same_person(&asked.by, by) => {
                Err(NotLifted::SamePerson { number, by: by.to_owned() })
            }
            Some(_) => Ok(Lift::Lifted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspicion() -> Suspicion {
        Suspicion {
            number: 7,
            scope: Scope::Store("north".to_owned()),
            source: "somebody called".to_owned(),
            note: "they asked for a password".to_owned(),
            raised_at: UnixTime(1),
            raised_by: "ana".to_owned(),
            asked: None,
            lifted: None,
        }
    }

    fn word(by: &str) -> Option<Word> {
        Some(Word { by: by.to_owned(), at: UnixTime(2), why: "looked".to_owned() })
    }

    #[test]
    fn it_takes_two_people_to_lift_it() {
        let raised = suspicion();
        assert_eq!(raised.lift("ana", "a test"), Ok(Lift::Asked));
        let asked = Suspicion { asked: word("ana"), ..raised };
        assert_eq!(asked.lift("ben", "a test"), Ok(Lift::Lifted));
        for same in ["ana", "Ana", " ANA "] {
            let refused = NotLifted::SamePerson { number: 7, by: same.to_owned() };
            assert_eq!(asked.lift(same, "a test"), Err(refused), "{same}");
        }
        let lifted = Suspicion { lifted: word("ben"), ..asked };
        let refused = NotLifted::Lifted { number: 7, by: "ben".to_owned(), at: UnixTime(2) };
        assert_eq!(lifted.lift("cal", "a test"), Err(refused));
    }

    #[test]
    fn nobody_lifts_it_without_a_reason() {
        let refused = Err(NotLifted::NoReason { number: 7 });
        assert_eq!(suspicion().lift("ana", "  "), refused);
    }
}
