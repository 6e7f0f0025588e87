//! With whom a terminal has to be deregistered before it is wiped, and what of that is lacking.
//! Pure.
//!
//! What people sign for names each party and its word as two texts. [`Party`] and [`Word`] write
//! and read them, so that whoever reads a clearance or a certificate sees which is which.

use std::collections::BTreeSet;
use std::fmt;

use shared::document::clearance::Deregistered;
use shared::time::UnixTime;

use crate::position::binding::BindingState;

/// Who no longer knows a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// As bindings name it.
    Provider(String),
    /// A registry of terminals: a scheme's, or a country's.
    Registry(String),
}

const REGISTRY: &str = "registry ";

impl Party {
    pub fn read(text: &str) -> Self {
        match text.strip_prefix(REGISTRY) {
            Some(name) => Self::Registry(name.to_owned()),
            None => Self::Provider(text.to_owned()),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => out.write_str(name),
            Self::Registry(name) => write!(out, "{REGISTRY}{name}"),
        }
    }
}

/// By which word it no longer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The party's own.
    Reference(String),
    /// There is nothing to deregister there: why, and who says so.
    NoneNeeded { why: String, by: String },
}

const NONE_NEEDED: &str = "none needed: ";
const SAID_BY: &str = ", says ";

impl Word {
    pub fn read(text: &str) -> Self {
        let stated = text.strip_prefix(NONE_NEEDED).and_then(|it| it.rsplit_once(SAID_BY));
        match stated {
            Some((why, by)) => Self::NoneNeeded { why: why.to_owned(), by: by.to_owned() },
            None => Self::Reference(text.to_owned()),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(text) => out.write_str(text),
            Self::NoneNeeded { why, by } => write!(out, "{NONE_NEEDED}{why}{SAID_BY}{by}"),
        }
    }
}

/// Whether it is what a party has said: nobody writes a statement down as though it were.
pub fn is_reference(text: &str) -> bool {
    !text.starts_with(NONE_NEEDED)
}

/// Where a terminal is deregistered, and where somebody says that it need not be: as people read
/// it.
pub fn words(told: &Deregistered) -> String {
    match Word::read(&told.reference) {
        Word::Reference(reference) => format!("{} ({reference})", told.with),
        Word::NoneNeeded { why, by } => format!("{}: none needed, says {by}: {why}", told.with),
    }
}

/// A binding of the place where a terminal stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    pub provider: String,
    pub state: BindingState,
    pub state_at: UnixTime,
    pub created_at: UnixTime,
}

/// The providers that know a terminal by these bindings of its place; where all of them are over,
/// the one that knew it last. `left_at`: when another terminal took its place, since when bindings
/// are that one's.
pub fn providers(bindings: &[Bound], left_at: Option<UnixTime>) -> BTreeSet<String> {
    use BindingState as Is;
    let its: Vec<_> =
        bindings.iter().filter(|it| left_at.is_none_or(|left| it.created_at <= left)).collect();
    let ended_since = |it: &Bound| left_at.is_some_and(|left| it.state_at > left);
    let knows = |it: &&&Bound| match it.state {
        Is::Registered | Is::Active | Is::Standby | Is::Retiring => true,
        Is::Retired => ended_since(it),
        Is::Draft | Is::Staged | Is::Failed => false,
    };
    let mut found: BTreeSet<_> = its.iter().filter(knows).map(|it| it.provider.clone()).collect();
    if found.is_empty() {
        let over = its.iter().filter(|it| it.state == Is::Retired);
        found.extend(over.max_by_key(|it| it.state_at).map(|it| it.provider.clone()));
    }
    found
}

/// With whom nobody has deregistered it: each provider that knows it, and a registry. Of a terminal
/// of which no binding is known anybody's word is enough.
pub fn lacking(providers: &BTreeSet<String>, told: &[Deregistered]) -> Vec<String> {
    let told: Vec<_> = told.iter().map(|it| Party::read(&it.with)).collect();
    if providers.is_empty() {
        return match told.is_empty() {
            true => vec!["a provider or a registry".to_owned()],
            false => Vec::new(),
        };
    }
    let is_open = |it: &&String| !told.contains(&Party::Provider((*it).clone()));
    let mut lacking: Vec<_> = providers.iter().filter(is_open).cloned().collect();
    if !told.iter().any(|it| matches!(it, Party::Registry(_))) {
        lacking.push("a registry".to_owned());
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::BindingState::{
        Active, Draft, Failed, Registered, Retired, Retiring, Staged, Standby,
    };
    use super::*;

    fn told(with: &str) -> Deregistered {
        Deregistered { with: with.to_owned(), reference: "D-1".to_owned() }
    }

    #[test]
    fn each_provider_and_a_registry_have_to_be_told() {
        let (any, registry) = ("a provider or a registry", "a registry");
        let cases: [(&[&str], &[&str], &[&str]); 10] = [
            (&["alpha"], &[], &["alpha", registry]),
            (&["alpha"], &["alpha"], &[registry]),
            (&["alpha"], &["registry unionpay"], &["alpha"]),
            (&["alpha"], &["alpha", "registry unionpay"], &[]),
            (&["alpha", "beta"], &["beta", "registry unionpay"], &["alpha"]),
            (&["alpha", "beta"], &["alpha", "beta", "registry unionpay"], &[]),
            // Another one's word is none of these.
            (&["alpha"], &["gamma", "unionpay"], &["alpha", registry]),
            (&[], &[], &[any]),
            (&[], &["alpha"], &[]),
            (&[], &["registry unionpay"], &[]),
        ];
        for (providers, with, expected) in cases {
            let providers = providers.iter().map(|it| (*it).to_owned()).collect();
            let with: Vec<_> = with.iter().map(|it| told(it)).collect();
            assert_eq!(lacking(&providers, &with), expected, "{providers:?} {with:?}");
        }
    }

    #[test]
    fn whoever_knows_it_is_told_and_else_whoever_knew_it_last() {
        let at = |provider: &str, state, created_at, state_at| Bound {
            provider: provider.to_owned(),
            state,
            state_at: UnixTime(state_at),
            created_at: UnixTime(created_at),
        };
        let cases: [(Vec<Bound>, Option<i64>, &[&str]); 10] = [
            (vec![], None, &[]),
            (vec![at("a", Active, 1, 2), at("b", Draft, 3, 3)], None, &["a"]),
            (vec![at("a", Active, 1, 2), at("b", Registered, 3, 4)], None, &["a", "b"]),
            (vec![at("a", Standby, 1, 2), at("b", Retiring, 3, 4)], None, &["a", "b"]),
            // Retired while another one is in force: that is behind it.
            (vec![at("a", Retired, 1, 2), at("b", Active, 3, 4)], None, &["b"]),
            (vec![at("a", Retired, 1, 9), at("b", Retired, 3, 4)], None, &["a"]),
            (vec![at("a", Failed, 1, 9), at("b", Staged, 3, 4)], None, &[]),
            // What came or ended after the swap.
            (vec![at("a", Retired, 1, 9), at("b", Active, 8, 9)], Some(5), &["a"]),
            (vec![at("a", Active, 1, 2), at("b", Active, 5, 5)], Some(5), &["a", "b"]),
            (vec![at("b", Active, 8, 9)], Some(5), &[]),
        ];
        for (bindings, left_at, expected) in cases {
            let found: Vec<_> = providers(&bindings, left_at.map(UnixTime)).into_iter().collect();
            assert_eq!(found, expected, "{bindings:?} {left_at:?}");
        }
    }

    #[test]
    fn parties_and_words_read_back_as_they_were_written() {
        for party in [Party::Provider("alpha".to_owned()), Party::Registry("DE".to_owned())] {
            assert_eq!(Party::read(&party.to_string()), party);
        }
        let (why, by) = ("None in DE, says the law".to_owned(), "ana".to_owned());
        for word in [Word::Reference("D-1".to_owned()), Word::NoneNeeded { why, by }] {
            assert_eq!(Word::read(&word.to_string()), word);
            let is_own = matches!(word, Word::Reference(_));
            assert_eq!(is_reference(&word.to_string()), is_own);
        }
    }

    #[test]
    fn a_statement_is_shown_as_one() {
        let stated = Deregistered {
            with: Party::Registry("DE".to_owned()).to_string(),
            reference: "none needed: no registry exists there, says ana".to_owned(),
        };
        let shown = "registry DE: none needed, says ana: no registry exists there";
        assert_eq!(words(&stated), shown);
        assert_eq!(words(&told("alpha")), "alpha (D-1)");
    }
}
