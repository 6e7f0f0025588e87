//! Which terminals are meant, as an operator writes it: `store=berlin-1 & model!=T650`. Pure.
//!
//! Terms are joined by `&` and all must hold; `*` alone means every terminal. Values with other
//! characters than letters, digits and `. _ - : / +` stand in double quotes, in which `\"` and `\\`
//! are a quote and a backslash. Deliberately absent: "or" and brackets. Two campaigns say that.

use std::fmt;
use std::str::FromStr;

use shared::id::TerminalId;

use crate::registry::terminal::Terminal;

/// More than this is a list of terminals, not a description of them.
const TERMS_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: Key,
    wanted: Wanted,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Equal,
    Different,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Store,
    Lane,
    Model,
    Serial,
    Id,
    Zone,
    /// What the terminal reports of this component.
    Version(String),
    Label(String),
}

const KEYS: &str = "store, lane, model, serial, id, zone, version.<component> or label.<name>";

impl Selector {
    /// A terminal of which a value is not known (no such label, never heard) has no value: it is
    /// different from every value, and equal to none.
    pub fn matches(&self, terminal: &Terminal) -> bool {
        self.terms.iter().all(|term| {
            let equal = term.key.value_of(terminal).as_deref() == Some(term.value.as_str());
            equal == (term.wanted == Wanted::Equal)
        })
    }
}

impl Key {
    fn value_of(&self, terminal: &Terminal) -> Option<String> {
        match self {
            Self::Store => Some(terminal.store.clone()),
            Self::Lane => terminal.lane.clone(),
            Self::Model => Some(terminal.model.clone()),
            Self::Serial => Some(terminal.serial.clone()),
            Self::Id => Some(terminal.id.to_string()),
            Self::Zone => Some(terminal.zone.clone()),
            Self::Version(name) => {
                let components = &terminal.said.as_ref()?.components;
                let component = components.iter().find(|component| component.name == *name)?;
                Some(component.version.clone())
            }
            Self::Label(name) => terminal.labels.get(name).cloned(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let part_of = |prefix: &str| {
            name.strip_prefix(prefix).filter(|part| !part.is_empty()).map(str::to_owned)
        };
        match name {
            "store" => Some(Self::Store),
            "lane" => Some(Self::Lane),
            "model" => Some(Self::Model),
            "serial" => Some(Self::Serial),
            "id" => Some(Self::Id),
            "zone" => Some(Self::Zone),
            _ => part_of("version.")
                .map(Self::Version)
                .or_else(|| part_of("label.").map(Self::Label)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store => out.write_str("store"),
            Self::Lane => out.write_str("lane"),
            Self::Model => out.write_str("model"),
            Self::Serial => out.write_str("serial"),
            Self::Id => out.write_str("id"),
            Self::Zone => out.write_str("zone"),
            Self::Version(name) => write!(out, "version.{name}"),
            Self::Label(name) => write!(out, "label.{name}"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return out.write_str("*");
        }
        for (at, Term { key, wanted, value }) in self.terms.iter().enumerate() {
            let joint = if at == 0 { "" } else { " & " };
            let sign = match wanted {
                Wanted::Equal => "=",
                Wanted::Different => "!=",
            };
            write!(out, "{joint}{key}{sign}")?;
            match !value.is_empty() && value.chars().all(is_plain) {
                true => out.write_str(value)?,
                false => {
                    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
                    write!(out, "\"{quoted}\"")?;
                }
            }
        }
        Ok(())
    }
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || "._-:/+".contains(letter)
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

/// Reads from left to right. Positions are counted in characters, as people see them.
struct Reader<'a> {
    letters: std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'a>>>,
    length: usize,
}

/// What was expected, and where.
type Wrong = (usize, String);

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        // One line, so that the caret stands under what it means.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let letters = text.chars().enumerate().peekable();
        let mut reader = Reader { letters, length: text.chars().count() };
        match reader.selector() {
            Ok(selector) => Ok(selector),
            Err((at, expected)) => Err(NotASelector { text, at, expected }),
        }
    }
}

impl Reader<'_> {
    fn selector(&mut self) -> Result<Selector, Wrong> {
        self.skip_blanks();
        if self.take('*') {
            self.skip_blanks();
            return match self.letters.peek() {
                None => Ok(Selector { terms: vec![] }),
                Some((at, _)) => Err((*at, "nothing after `*`".to_owned())),
            };
        }
        let mut terms = vec![self.term()?];
        loop {
            self.skip_blanks();
            let at = self.position();
            if self.letters.peek().is_none() {
                return Ok(Selector { terms });
            }
            if !self.take('&') {
                return Err((at, "`&` and another term, or the end".to_owned()));
            }
            if terms.len() == TERMS_MAX {
                return Err((at, format!("at most {TERMS_MAX} terms")));
            }
            self.skip_blanks();
            terms.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Term, Wrong> {
        let key = self.key()?;
        self.skip_blanks();
        let sign_at = self.position();
        let wanted = match (self.take('!'), self.take('=')) {
            (false, true) => Wanted::Equal,
            (true, true) => Wanted::Different,
            (_, false) => return Err((sign_at, "`=` or `!=`".to_owned())),
        };
        self.skip_blanks();
        let value_at = self.position();
        let value = self.value()?;
        if key == Key::Id
            && let Err(wrong) = value.parse::<TerminalId>()
        {
            return Err((value_at, format!("a terminal's id ({wrong})")));
        }
        Ok(Term { key, wanted, value })
    }

    fn key(&mut self) -> Result<Key, Wrong> {
        let at = self.position();
        let name = self.word();
        Key::named(&name).ok_or_else(|| (at, format!("a key: {KEYS} (or `*` for every terminal)")))
    }

    fn value(&mut self) -> Result<String, Wrong> {
        let at = self.position();
        if !self.take('"') {
            let value = self.word();
            return match value.is_empty() {
                false => Ok(value),
                true => Err((at, "a value; in double quotes if it has blanks".to_owned())),
            };
        }
        let mut value = String::new();
        while let Some((_, letter)) = self.letters.next() {
            match letter {
                '"' => return Ok(value),
                '\\' => match self.letters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    Some((at, _)) => return Err((at, "`\"` or `\\` after a `\\`".to_owned())),
                    None => break,
                },
                other => value.push(other),
            }
        }
        Err((at, "a closing `\"` for this one".to_owned()))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((_, letter)) = self.letters.next_if(|(_, letter)| is_plain(*letter)) {
            word.push(letter);
        }
        word
    }

    fn take(&mut self, wanted: char) -> bool {
        self.letters.next_if(|(_, letter)| *letter == wanted).is_some()
    }

    fn skip_blanks(&mut self) {
        while self.letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
    }

    fn position(&mut self) -> usize {
        self.letters.peek().map_or(self.length, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use shared::message::Component;
    use shared::time::UnixTime;

    use super::*;
    use crate::registry::terminal::{Presence, Said, Unit};

    fn terminal() -> Terminal {
        Terminal {
            id: TerminalId::from_bytes([1; 16]),
            serial: "SN-7".to_owned(),
            model: "T650".to_owned(),
            store: "Köln \"Dom\"".to_owned(),
            lane: None,
            labels: BTreeMap::from([("ring".to_owned(), "canary".to_owned())]),
            zone: "Europe/Berlin".to_owned(),
            unit: Unit::Enrolled,
            epoch: 1,
            public_key: None,
            certificate: None,
            presence: Presence::Online,
            last_seen_at: None,
            working_on: None,
            said: Some(Said {
                heard_at: UnixTime(1),
                agent_version: "0.1.0".to_owned(),
                components: vec![Component {
                    name: "pos".to_owned(),
                    version: "1.0.0+b7".to_owned(),
                    security_counter: 1,
                }],
                roster_version: 1,
                outbox_depth: 0,
                outbox_dropped: 0,
                zone: None,
                recipient: None,
            }),
            telemetry: None,
            created_at: UnixTime(1),
            is_frozen: false,
            is_place_frozen: false,
            is_quarantined: false,
            service: crate::registry::terminal::Service::InService,
        }
    }

    #[track_caller]
    fn check(text: &str, matches: bool) {
        let selector: Selector = text.parse().expect("a selector");
        assert_eq!(selector.matches(&terminal()), matches, "{text}");
        assert_eq!(selector.to_string().parse(), Ok(selector), "{text}");
    }

    #[test]
    fn every_key_is_compared_with_its_own_value() {
        check("*", true);
        check("model=T650", true);
        check(" model = T650 & serial=SN-7 ", true);
        check("model=T650 & serial=SN-8", false);
        check("model!=T650", false);
        check(r#"store="Köln \"Dom\"""#, true);
        check("zone=Europe/Berlin & zone!=Europe/Paris", true);
        check("version.pos=1.0.0+b7", true);
        check("version.pos!=1.0.0+b7", false);
        check("label.ring=canary", true);
        check(&format!("id={}", TerminalId::from_bytes([1; 16])), true);
    }

    #[test]
    fn what_is_not_known_differs_from_everything() {
        check("lane=3", false);
        check("lane!=3", true);
        check("label.nothing=x", false);
        check("version.kernel!=6", true);
        check(r#"label.nothing="""#, false);
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        let refusal = |text: &str| text.parse::<Selector>().unwrap_err().to_string();
        let lines = "expected `=` or `!=`\n  store berlin\n        ^";
        assert_eq!(refusal("store berlin"), lines);
        assert_eq!(
            refusal("modell=T650"),
            format!("expected a key: {KEYS} (or `*` for every terminal)\n  modell=T650\n  ^")
        );
        let at = |text: &str| text.parse::<Selector>().unwrap_err().at;
        assert_eq!(at(""), 0);
        assert_eq!(at("store="), 6);
        assert_eq!(at("store=a model=b"), 8);
        assert_eq!(at("store=a &"), 9);
        assert_eq!(at("store=ä & & model=b"), 10);
        assert_eq!(at("store=\"never closed"), 6);
        assert_eq!(at(r#"store="a\n""#), 9);
        assert_eq!(at("* & model=b"), 2);
        assert_eq!(at("id=SN-7"), 3);
        assert_eq!(at("label.=x"), 0);
        assert_eq!(at(&["model=a"; TERMS_MAX + 1].join("&")), 8 * TERMS_MAX - 1);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            if let Err(wrong) = text.parse::<Selector>() {
                prop_assert!(wrong.at <= text.chars().count());
            }
        }

        #[test]
        fn every_value_reads_back_as_it_was_written(value in "[^\\p{Cc}]{0,12}") {
            let term = Term { key: Key::Store, wanted: Wanted::Different, value };
            let selector = Selector { terms: vec![term.clone(), term] };
            prop_assert_eq!(selector.to_string().parse(), Ok(selector));
        }
    }
}
