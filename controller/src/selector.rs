//! Which terminals are meant, as an operator writes it: `store=berlin-1 & model!=T650`. Pure.
//!
//! `deploy/selectors.md` describes the language. `grammar` reads it, [`fmt::Display`] writes it in
//! one form that reads back as the same, and [`Selector::matches`] asks it about what is known of
//! one terminal ([`Facts`]). A value that is not known is equal to none, different from all and in
//! no order; `not` turns around whatever that comes to.
//!
//! Deliberately absent: arithmetic, and terminals that are meant because of others. Whom a campaign
//! brings its change to must be clear from one terminal and its place alone.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use shared::id::TerminalId;
use shared::time::UnixTime;

use crate::registry::prospect::Ask;
use crate::version;
pub use facts::Facts;
use glob::Glob;
use key::Key;

mod canonical;
mod facts;
mod glob;
mod grammar;
mod key;

/// Values that terminals are compared with. More is a list of terminals, not a description of
/// them, and a campaign over a million terminals compares each of them with all.
const VALUES_MAX: usize = 256;

/// Brackets and `not`s inside each other: people lose count at three, the stack far later.
const DEPTH_MAX: usize = 16;

/// As it is written, and in the canonical form. Leaves room for [`VALUES_MAX`] names of shops.
const LETTERS_MAX: usize = 16 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Expression);

/// Made by [`Expression::all`] and [`Expression::any`], so that neither holds one of its own kind,
/// nor fewer than two.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    /// `*`
    Everyone,
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Term(Term),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Text(Key, Comparison),
    /// What a component's version is, beside the one that it is compared with.
    Version {
        component: String,
        order: Order,
        than: String,
    },
    /// How long ago it was heard.
    LastSeen(Order, Age),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Comparison {
    Equal(String),
    Different(String),
    OneOf(Vec<String>),
    Like(Glob),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// Written with one unit: `90m`, `12h`, `3d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Age(Duration);

impl Selector {
    /// Whether this terminal is meant, by what is known of it now.
    pub fn matches(&self, facts: &Facts<'_>, now: UnixTime) -> bool {
        self.0.matches(facts, now)
    }

    /// What all whom it means have in common, for a registry that looks up by it. Whoever has it
    /// all need not be meant: each is still to be asked about.
    pub fn pushdown(&self) -> Pushdown<'_> {
        let mut common = Pushdown::default();
        let conjuncts = match &self.0 {
            Expression::All(all) => all.as_slice(),
            Expression::Everyone
            | Expression::Any(_)
            | Expression::Not(_)
            | Expression::Term(_) => std::slice::from_ref(&self.0),
        };
        for conjunct in conjuncts {
            if let Expression::Term(Term::Text(key, Comparison::Equal(value))) = conjunct {
                common.note(key, value);
            }
        }
        common
    }

    /// Whether it asks with whom terminals settle, which is looked up elsewhere.
    pub fn asks_for_providers(&self) -> bool {
        self.0.asks(&|term| matches!(term, Term::Text(Key::Provider, _)))
    }

    fn asks_for_labels(&self) -> bool {
        self.0.asks(&|term| matches!(term, Term::Text(Key::Label(_), _)))
    }

    fn asks_for_regions(&self) -> bool {
        self.0.asks(&|term| matches!(term, Term::Text(Key::Region, _)))
    }

    /// Whether time alone changes whom it means.
    pub fn goes_by_time(&self) -> bool {
        self.0.asks(&|term| matches!(term, Term::LastSeen(..)))
    }

    fn asks_for_versions(&self) -> bool {
        let of_version =
            |term: &Term| matches!(term, Term::Version { .. } | Term::Text(Key::Version(_), _));
        self.0.asks(&of_version)
    }

    /// What has to be known of terminals to say whether they are meant, and which ones to ask for.
    pub fn ask(&self) -> Ask {
        let Pushdown { id, serial, model, store, zone } = self.pushdown();
        let owned = |value: Option<&str>| value.map(str::to_owned);
        Ask {
            among: None,
            id,
            serial: owned(serial),
            model: owned(model),
            store: owned(store),
            zone: owned(zone),
            labels: self.asks_for_labels(),
            components: self.asks_for_versions(),
            regions: self.asks_for_regions(),
            providers: self.asks_for_providers(),
            busy: false,
        }
    }
}

/// Equal to what; nothing is said of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushdown<'a> {
    pub id: Option<TerminalId>,
    pub serial: Option<&'a str>,
    pub model: Option<&'a str>,
    pub store: Option<&'a str>,
    pub zone: Option<&'a str>,
}

impl<'a> Pushdown<'a> {
    /// Of two that contradict each other either will do: nobody is meant.
    fn note(&mut self, key: &Key, value: &'a str) {
        match key {
            Key::Id => self.id = value.parse().ok(),
            Key::Serial => self.serial = Some(value),
            Key::Model => self.model = Some(value),
            Key::Store => self.store = Some(value),
            Key::Zone => self.zone = Some(value),
            Key::Region
            | Key::Lane
            | Key::Provider
            | Key::State
            | Key::Presence
            | Key::Version(_)
            | Key::Label(_) => {}
        }
    }
}

impl Expression {
    fn all(of: Vec<Self>) -> Self {
        let inner = |it| match it {
            Self::All(inner) => inner,
            Self::Everyone | Self::Any(_) | Self::Not(_) | Self::Term(_) => vec![it],
        };
        one_or(of.into_iter().flat_map(inner).collect(), Self::All)
    }

    fn any(of: Vec<Self>) -> Self {
        let inner = |it| match it {
            Self::Any(inner) => inner,
            Self::Everyone | Self::All(_) | Self::Not(_) | Self::Term(_) => vec![it],
        };
        one_or(of.into_iter().flat_map(inner).collect(), Self::Any)
    }

    fn matches(&self, facts: &Facts<'_>, now: UnixTime) -> bool {
        match self {
            Self::Everyone => true,
            Self::All(all) => all.iter().all(|it| it.matches(facts, now)),
            Self::Any(any) => any.iter().any(|it| it.matches(facts, now)),
            Self::Not(it) => !it.matches(facts, now),
            Self::Term(term) => term.holds(facts, now),
        }
    }

    /// Whether any of its terms is like that.
    fn asks(&self, is: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Self::Everyone => false,
            Self::All(of) | Self::Any(of) => of.iter().any(|it| it.asks(is)),
            Self::Not(it) => it.asks(is),
            Self::Term(term) => is(term),
        }
    }
}

fn one_or(mut of: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match of.len() {
        1 => of.remove(0),
        _ => many(of),
    }
}

impl Term {
    fn holds(&self, facts: &Facts<'_>, now: UnixTime) -> bool {
        match self {
            Self::Text(key, Comparison::Equal(value)) => facts.has(key, &|it| it == value),
            Self::Text(key, Comparison::Different(value)) => !facts.has(key, &|it| it == value),
            Self::Text(key, Comparison::OneOf(values)) => {
                facts.has(key, &|it| values.iter().any(|value| it == value))
            }
            Self::Text(key, Comparison::Like(glob)) => facts.has(key, &|it| glob.fits(it)),
            Self::Version { component, order, than } => {
                let holds = |it: &str| {
                    let found = version::order(without_build(it), without_build(than));
                    found.is_some_and(|found| order.holds(found))
                };
                facts.version(component).is_some_and(holds)
            }
            Self::LastSeen(order, Age(age)) => {
                facts.last_seen_at.is_some_and(|at| order.holds(now.since(at).cmp(age)))
            }
        }
    }
}

/// `1.4.0+b7` is a build of 1.4.0, neither before nor after it.
fn without_build(version: &str) -> &str {
    version.split('+').next().unwrap_or_default()
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Below => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Above => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }
}

/// Where a text stops being a selector, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotASelector {
    text: String,
    /// In characters.
    at: usize,
    expected: String,
}

impl std::error::Error for NotASelector {}

/// Three lines: what was expected, the text, and a caret under the place.
impl fmt::Display for NotASelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, at, expected } = self;
        write!(out, "expected {expected}\n  {text}\n  {:at$}^", "")
    }
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        if text.len() > LETTERS_MAX && text.chars().nth(LETTERS_MAX).is_some() {
            return Err(too_long(text));
        }
        // One line, so that the caret stands under what it means.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match grammar::read(&text) {
            // What is written down must be readable again, and it is written canonically.
            Ok(read) if Self(read.clone()).to_string().chars().nth(LETTERS_MAX).is_some() => {
                Err(too_long(&text))
            }
            Ok(read) => Ok(Self(read)),
            Err((at, expected)) => Err(NotASelector { text, at, expected }),
        }
    }
}

/// Shows only its beginning.
fn too_long(text: &str) -> NotASelector {
    const SHOWN: usize = 60;
    let shown = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c });
    let text = shown.chain(['…']).collect();
    NotASelector { text, at: SHOWN, expected: format!("at most {LETTERS_MAX} letters") }
}

#[cfg(test)]
mod tests;
