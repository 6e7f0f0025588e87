//! Writes a selector so that it reads back as the same. Pure.

use std::fmt;

use super::glob::{Glob, Piece};
use super::grammar::is_plain;
use super::key::LAST_SEEN;
use super::{Age, Comparison, Expression, Order, Selector, Term};

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => out.write_str("*"),
            Self::All(of) => joined(out, of, " and ", |it| match it {
                Self::Any(_) => Brackets::Yes,
                Self::Everyone | Self::All(_) | Self::Not(_) | Self::Term(_) => Brackets::No,
            }),
            Self::Any(of) => joined(out, of, " or ", |_| Brackets::No),
            Self::Not(of) => match **of {
                Self::All(_) | Self::Any(_) => write!(out, "not ({of})"),
                Self::Everyone | Self::Not(_) | Self::Term(_) => write!(out, "not {of}"),
            },
            Self::Term(term) => term.fmt(out),
        }
    }
}

enum Brackets {
    Yes,
    No,
}

fn joined(
    out: &mut fmt::Formatter<'_>,
    of: &[Expression],
    joint: &str,
    brackets: fn(&Expression) -> Brackets,
) -> fmt::Result {
    for (at, it) in of.iter().enumerate() {
        out.write_str(if at == 0 { "" } else { joint })?;
        match brackets(it) {
            Brackets::Yes => write!(out, "({it})")?,
            Brackets::No => write!(out, "{it}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Term {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(key, Comparison::Equal(value)) => write!(out, "{key}={}", Value(value)),
            Self::Text(key, Comparison::Different(value)) => write!(out, "{key}!={}", Value(value)),
            Self::Text(key, Comparison::Like(glob)) => write!(out, "{key}~{glob}"),
            Self::Text(key, Comparison::OneOf(values)) => {
                write!(out, "{key} in (")?;
                for (at, value) in values.iter().enumerate() {
                    write!(out, "{}{}", if at == 0 { "" } else { ", " }, Value(value))?;
                }
                out.write_str(")")
            }
            Self::Version { component, order, than } => {
                write!(out, "version.{component}{order}{}", Value(than))
            }
            Self::LastSeen(order, age) => write!(out, "{LAST_SEEN}{order}{age}"),
        }
    }
}

/// In double quotes where it must.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match !self.0.is_empty() && self.0.chars().all(is_plain) {
            true => out.write_str(self.0),
            false => write!(out, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |it: &Piece| match it {
            Piece::Letter(letter) => is_plain(*letter),
            Piece::One | Piece::Any => true,
        };
        let quote = match !self.pieces().is_empty() && self.pieces().iter().all(plain) {
            true => "",
            false => "\"",
        };
        out.write_str(quote)?;
        for piece in self.pieces() {
            match piece {
                Piece::Any => out.write_str("*")?,
                Piece::One => out.write_str("?")?,
                Piece::Letter(letter @ ('"' | '\\' | '*' | '?')) => write!(out, "\\{letter}")?,
                Piece::Letter(letter) => write!(out, "{letter}")?,
            }
        }
        out.write_str(quote)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        })
    }
}

/// In the largest unit that it is a multiple of.
impl fmt::Display for Age {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, of_it) = Self::UNITS
            .into_iter()
            .rev()
            .find(|(_, of_it)| seconds > 0 && seconds.is_multiple_of(*of_it))
            .unwrap_or(Self::UNITS[0]);
        write!(out, "{}{unit}", seconds / of_it)
    }
}
