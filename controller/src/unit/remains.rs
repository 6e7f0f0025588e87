//! What a shop left on a unit, and whether it may leave for good. Pure.
//!
//! Erasing comes before returning: a unit that has served is fetched, put into stock, given to
//! another shop or thrown away only once its terminal has signed that it is erased, or two people
//! answer for what was done by hand, its storage replaced or destroyed too.

use shared::digest::Digest;
use shared::time::UnixTime;

use super::{UnitEvent, UnitRefused, UnitState};
use crate::registry::terminal::Service;
use crate::request::is_same_person;

/// What is on a unit, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remains {
    /// It never had an identity, so no shop has put anything on it.
    Nothing,
    /// Its terminal has signed that it is erased, and that it could read nothing afterwards.
    Erased { certificate: Digest },
    /// It was sanitised by hand, by the word of two people.
    Sanitised { reference: String, paper: Digest, by: [String; 2] },
    /// Nobody can say that nothing is left.
    Left(Left),
}

/// Why something may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nobody has erased it.
    Everything,
    /// Its terminal has signed that it is erased, and is not certified yet.
    Uncertified,
    /// Its terminal is erased, and could not prove all of it.
    Unverified,
}

impl Left {
    pub fn detail(self) -> &'static str {
        match self {
            Self::Everything => "nobody has shown that what its shop left on it is erased",
            Self::Uncertified => "its terminal is erased, and its certificate is not written yet",
            Self::Unverified => "its terminal is erased, and could not prove all of it",
        }
    }

    /// What to do about it, in the imperative.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Everything => {
                "have it erase itself: `tillward deactivate wipe`; or have it sanitised by hand, \
                 and let two people say so: `tillward unit sanitised`"
            }
            Self::Uncertified => "wait a minute, and look: `tillward unit show`",
            Self::Unverified => {
                "have its storage sanitised by hand, and let two people say so: `tillward unit \
                 sanitised`"
            }
        }
    }
}

/// Somebody answers for a sanitisation by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWord {
    /// Of whoever sanitised it.
    pub reference: String,
    /// SHA-256 of the paper, which is kept elsewhere.
    pub paper: Digest,
}

/// As it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub said: NewWord,
    /// Of its terminal, 0 where it never enrolled: who enrols anew has something on it again.
    pub epoch: u32,
    pub by: String,
    pub why: String,
    pub at: UnixTime,
}

/// What is known of the terminal that a unit is, and what people said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// 0 before its first enrolment.
    pub epoch: u32,
    pub service: Service,
    /// When it signed that.
    pub service_at: Option<UnixTime>,
    /// Of the order that erased it: its certificate, and whether that says *verified*.
    pub certificate: Option<(Digest, bool)>,
    /// Oldest first.
    pub words: Vec<Word>,
}

impl Facts {
    pub fn remains(&self) -> Remains {
        let sanitised = self.sanitised();
        match (self.service, self.certificate) {
            (_, _) if self.epoch == 0 => Remains::Nothing,
            (Service::Erased, Some((certificate, true))) => Remains::Erased { certificate },
            (Service::Erased, Some((_, false))) => {
                sanitised.unwrap_or(Remains::Left(Left::Unverified))
            }
            (Service::Erased, None) => sanitised.unwrap_or(Remains::Left(Left::Uncertified)),
            (Service::InService | Service::Suspended | Service::SuspendedOwing, _) => {
                sanitised.unwrap_or(Remains::Left(Left::Everything))
            }
        }
    }

    /// Whether a word is about the terminal as it is: said in its present life, and not before it
    /// last sold, stopped or was erased.
    pub fn counts(&self, word: &Word) -> bool {
        word.epoch == self.epoch && self.service_at.is_none_or(|at| word.at >= at)
    }

    /// Two people who mean the same paper.
    fn sanitised(&self) -> Option<Remains> {
        let counting: Vec<_> = self.words.iter().filter(|word| self.counts(word)).collect();
        counting.iter().enumerate().find_map(|(place, second)| {
            let others = counting[..place].iter();
            let mut same = others.filter(|first| first.said == second.said);
            let first = same.find(|first| !is_same_person(&first.by, &second.by))?;
            let NewWord { reference, paper } = second.said.clone();
            Some(Remains::Sanitised { reference, paper, by: [first.by.clone(), second.by.clone()] })
        })
    }

    /// Whether this person may say so of a unit in this state.
    pub fn may_say(&self, state: UnitState, said: &NewWord, by: &str) -> Result<(), UnitRefused> {
        if !is_in_hand(state) {
            return Err(UnitRefused::NotInHand(state));
        }
        let own = |word: &&Word| word.said == *said && is_same_person(&word.by, by);
        match self.words.iter().filter(|word| self.counts(word)).find(own) {
            Some(_) => Err(UnitRefused::SamePerson { name: by.to_owned() }),
            None => Ok(()),
        }
    }
}

/// Whether somebody can have it in hand who sanitises it.
fn is_in_hand(state: UnitState) -> bool {
    match state {
        UnitState::InStock
        | UnitState::AtSite
        | UnitState::Suspended
        | UnitState::OutForRepair
        | UnitState::AwaitingReturn
        | UnitState::Returned
        | UnitState::Tampered
        | UnitState::SwappedOut => true,
        UnitState::Allocated
        | UnitState::InTransit
        | UnitState::InService
        | UnitState::Disposed
        | UnitState::LostStolen => false,
    }
}

/// Whether it leaves its shop for good: for stock and so for another merchant, or to be thrown
/// away. Going to be repaired is not for good, and back to where it stood neither; what comes back
/// from a shelf or from the road before it served has left no shop.
fn leaves_for_good(state: UnitState, event: UnitEvent) -> bool {
    match event {
        UnitEvent::AwaitReturn => state != UnitState::AtSite,
        UnitEvent::Return => state == UnitState::AwaitingReturn,
        UnitEvent::BackFromRepair
        | UnitEvent::Restock
        | UnitEvent::Allocate
        | UnitEvent::Dispose => true,
        UnitEvent::Ship
        | UnitEvent::Receive
        | UnitEvent::Commission
        | UnitEvent::Suspend
        | UnitEvent::Resume
        | UnitEvent::SendForRepair
        | UnitEvent::BackInPlace
        | UnitEvent::SwapOut
        | UnitEvent::ReportTampered
        | UnitEvent::ReportLost
        | UnitEvent::Found => false,
    }
}

/// Whether that may happen to a unit in this state with that on it.
pub fn check(state: UnitState, event: UnitEvent, remains: &Remains) -> Result<(), UnitRefused> {
    match remains {
        Remains::Left(left) if leaves_for_good(state, event) => {
            Err(UnitRefused::NotErased { event, left: *left })
        }
        Remains::Nothing
        | Remains::Erased { .. }
        | Remains::Sanitised { .. }
        | Remains::Left(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
