//! Whom an entry concerns. Pure.

use std::fmt;

/// In the order in which windows are looked for: the last that has any wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Fleet,
    /// Every store that is described as being in it.
    Region(String),
    Store(String),
}

impl Scope {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Region(_) => "region",
            Self::Store(_) => "store",
        }
    }

    /// Which one; empty for the fleet.
    pub fn subject(&self) -> &str {
        match self {
            Self::Fleet => "",
            Self::Region(subject) | Self::Store(subject) => subject,
        }
    }

    /// What [`Self::word`] and [`Self::subject`] gave.
    pub fn of(word: &str, subject: &str) -> Option<Self> {
        match (word, subject) {
            ("fleet", "") => Some(Self::Fleet),
            (_, "") => None,
            ("region", region) => Some(Self::Region(region.to_owned())),
            ("store", store) => Some(Self::Store(store.to_owned())),
            (_, _) => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fleet => out.write_str("fleet"),
            Self::Region(subject) | Self::Store(subject) => {
                write!(out, "{} {subject}", self.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_as_it_was_written() {
        let region = Scope::Region("north".to_owned());
        for scope in [Scope::Fleet, region, Scope::Store("north".to_owned())] {
            assert_eq!(Scope::of(scope.word(), scope.subject()), Some(scope));
        }
        for (word, subject) in [("fleet", "north"), ("region", ""), ("store", ""), ("shop", "n")] {
            assert_eq!(Scope::of(word, subject), None, "{word} {subject}");
        }
    }

    #[test]
    fn the_nearest_scope_is_the_greatest() {
        let region = Scope::Region("z".to_owned());
        assert!(Scope::Fleet < region && region < Scope::Store("a".to_owned()));
    }
}
