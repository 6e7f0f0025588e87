//! Reads a selector: the only one that knows the parser library. Pure.
//!
//! ```text
//! any   = all { ("or" | "|") all }
//! all   = part { ("and" | "&") part }
//! part  = ("not" | "!") part | "(" any ")" | "*" | term
//! term  = key ("=" | "!=") value | key "in" "(" value { "," value } ")" | key "~" pattern
//!       | ("version." name | "last-seen") ("<" | "<=" | ">" | ">=") value
//! value = letters, digits and . _ - : / + | in double quotes, with \" and \\
//! ```
//!
//! The first letter that does not fit ends the reading: nothing that was expected before it is
//! tried again, so that the time is that of the text's length.

use std::time::Duration;

use winnow::combinator::{
    alt, delimited, eof, fail, not, opt, peek, preceded, repeat, separated, terminated,
};
use winnow::error::{ErrMode, ParserError};
use winnow::stream::{Accumulate, LocatingSlice, Location, Stateful};
use winnow::token::{any, none_of, one_of, take_while};
use winnow::{ModalResult, Parser};

use shared::id::TerminalId;

use super::glob::{Glob, Piece};
use super::key::{KEYS, Key, LAST_SEEN};
use super::{Age, Comparison, DEPTH_MAX, Expression, Order, Term, VALUES_MAX};
use crate::version;

/// Or where it stops being one, in characters, as people see them, and what was expected there.
pub(super) fn read(text: &str) -> Result<Expression, (usize, String)> {
    let mut input = Input { input: LocatingSlice::new(text), state: Bounds::default() };
    let end = expect(eof, AFTER_TERM);
    let read = delimited(blanks, any_of, end).parse_next(&mut input);
    read.map_err(|wrong| {
        let Wrong { at, expected } = wrong.into_inner().unwrap_or_default();
        (text.get(..at).unwrap_or(text).chars().count(), expected)
    })
}

pub(super) fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || "._-:/+".contains(letter)
}

const AFTER_TERM: &str = "`and` or `or` and another term, or the end";

type Input<'a> = Stateful<LocatingSlice<&'a str>, Bounds>;

/// How much of what is bounded was read.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    depth: usize,
    values: usize,
}

/// What was expected, and where, in bytes.
#[derive(Debug, Default)]
struct Wrong {
    at: usize,
    expected: String,
}

type Read<T> = ModalResult<T, Wrong>;

impl ParserError<Input<'_>> for Wrong {
    type Inner = Self;

    /// Of what may fail nobody is told: something else is tried.
    fn from_input(input: &Input<'_>) -> Self {
        Self { at: input.current_token_start(), expected: String::new() }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

fn wrong<T>(at: usize, expected: impl Into<String>) -> Read<T> {
    Err(ErrMode::Cut(Wrong { at, expected: expected.into() }))
}

/// Nothing else can stand where this begins.
fn expect<'a, T>(
    mut parser: impl Parser<Input<'a>, T, ErrMode<Wrong>>,
    expected: &str,
) -> impl Parser<Input<'a>, T, ErrMode<Wrong>> {
    move |input: &mut Input<'a>| {
        let at = input.current_token_start();
        match parser.parse_next(input) {
            Err(ErrMode::Backtrack(_)) => wrong(at, expected),
            other => other,
        }
    }
}

fn any_of(input: &mut Input<'_>) -> Read<Expression> {
    separated(1.., all_of, joint('|', "or")).map(Expression::any).parse_next(input)
}

fn all_of(input: &mut Input<'_>) -> Read<Expression> {
    separated(1.., part, joint('&', "and")).map(Expression::all).parse_next(input)
}

/// A sign or a word between two parts or before one, with the blanks after it.
fn joint<'a>(sign: char, name: &'static str) -> impl Parser<Input<'a>, (), ErrMode<Wrong>> {
    terminated(alt((sign.void(), keyword(name))), blanks)
}

/// With the blanks after it.
fn part(input: &mut Input<'_>) -> Read<Expression> {
    let at = input.current_token_start();
    let read = if opt(joint('!', "not")).parse_next(input)?.is_some() {
        deeper(input, at, part).map(|it| Expression::Not(Box::new(it)))
    } else if opt('(').parse_next(input)?.is_some() {
        deeper(input, at, in_brackets)
    } else if opt('*').parse_next(input)?.is_some() {
        Ok(Expression::Everyone)
    } else {
        term(input).map(Expression::Term)
    }?;
    blanks(input)?;
    Ok(read)
}

fn in_brackets(input: &mut Input<'_>) -> Read<Expression> {
    let end = expect(')', "`and` or `or` and another term, or `)`");
    delimited(blanks, any_of, end).parse_next(input)
}

/// Behind what begins there.
fn deeper<T>(
    input: &mut Input<'_>,
    begins_at: usize,
    read: fn(&mut Input<'_>) -> Read<T>,
) -> Read<T> {
    if input.state.depth == DEPTH_MAX {
        let expected = format!("at most {DEPTH_MAX} brackets and `not`s inside each other");
        return wrong(begins_at, expected);
    }
    input.state.depth += 1;
    let read = read(input)?;
    input.state.depth -= 1;
    Ok(read)
}

/// What a term can say, by its sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equal,
    Different,
    In,
    Like,
    Order(Order),
}

fn term(input: &mut Input<'_>) -> Read<Term> {
    let at = input.current_token_start();
    let name = take_while(0.., is_plain).parse_next(input)?;
    let key = Key::named(name);
    if key.is_none() && name != LAST_SEEN {
        return wrong(at, format!("a key: {KEYS} (or `*` for every terminal, `not`, `(`)"));
    }
    blanks(input)?;
    let at = input.current_token_start();
    let found = opt(sign).parse_next(input)?;
    blanks(input)?;
    match (key, found) {
        (None, Some(Sign::Order(order))) => Ok(Term::LastSeen(order, age(input)?)),
        (None, _) => wrong(at, "`<`, `<=`, `>` or `>=`"),
        (Some(Key::Version(component)), Some(Sign::Order(order))) => {
            Ok(Term::Version { component, order, than: comparable(input)? })
        }
        (Some(key), Some(Sign::Equal)) => {
            Ok(Term::Text(key.clone(), Comparison::Equal(value_of(&key, input)?)))
        }
        (Some(key), Some(Sign::Different)) => {
            Ok(Term::Text(key.clone(), Comparison::Different(value_of(&key, input)?)))
        }
        (Some(key), Some(Sign::In)) => {
            let values = values_of(&key, input)?;
            Ok(Term::Text(key, values))
        }
        (Some(key), Some(Sign::Like)) if key.words().is_none() => {
            Ok(Term::Text(key, Comparison::Like(pattern(input)?)))
        }
        (Some(key), None | Some(Sign::Like | Sign::Order(_))) => wrong(at, signs_of(&key)),
    }
}

/// The longer one before the shorter one that it begins with.
fn sign(input: &mut Input<'_>) -> Read<Sign> {
    alt((
        "!=".value(Sign::Different),
        "<=".value(Sign::Order(Order::AtMost)),
        ">=".value(Sign::Order(Order::AtLeast)),
        '='.value(Sign::Equal),
        '~'.value(Sign::Like),
        '<'.value(Sign::Order(Order::Below)),
        '>'.value(Sign::Order(Order::Above)),
        keyword("in").value(Sign::In),
    ))
    .parse_next(input)
}

fn signs_of(key: &Key) -> &'static str {
    match (key, key.words()) {
        (Key::Version(_), _) => "`=`, `!=`, `<`, `<=`, `>`, `>=`, `~` or `in (…)`",
        (_, Some(_)) => "`=`, `!=` or `in (…)`",
        (_, None) => "`=`, `!=`, `~` or `in (…)`",
    }
}

/// As many as in `(a, b)`. One alone is what the terminal's is equal to.
fn values_of(key: &Key, input: &mut Input<'_>) -> Read<Comparison> {
    let one = delimited(blanks, |input: &mut Input<'_>| value_of(key, input), blanks);
    let end = expect(')', "`,` and another value, or `)`");
    let begin = expect('(', "`(` and the values that it may have");
    let mut values: Vec<_> = delimited(begin, separated(1.., one, ','), end).parse_next(input)?;
    Ok(match values.len() {
        1 => Comparison::Equal(values.remove(0)),
        _ => Comparison::OneOf(values),
    })
}

fn value_of(key: &Key, input: &mut Input<'_>) -> Read<String> {
    let at = input.current_token_start();
    let value = value(input)?;
    match key.words() {
        Some(words) if !words.contains(&value.as_str()) => {
            wrong(at, format!("a {key}: {}", words.join(", ")))
        }
        Some(_) => Ok(value),
        None if *key == Key::Id => match value.parse::<TerminalId>() {
            Ok(_) => Ok(value),
            Err(why) => wrong(at, format!("a terminal's id ({why})")),
        },
        None => Ok(value),
    }
}

fn comparable(input: &mut Input<'_>) -> Read<String> {
    let at = input.current_token_start();
    let value = value(input)?;
    match version::is_comparable(&value) {
        true => Ok(value),
        false => wrong(at, "a version, which begins with a digit: 1.4 or 1.4.7-rc2"),
    }
}

fn age(input: &mut Input<'_>) -> Read<Age> {
    let at = input.current_token_start();
    let value = value(input)?;
    match Age::read(&value) {
        Some(age) => Ok(age),
        None => wrong(at, "an age: 90m, 12h, 3d or 2w"),
    }
}

impl Age {
    /// In seconds.
    pub(super) const UNITS: [(char, u64); 4] =
        [('m', 60), ('h', 3600), ('d', 24 * 3600), ('w', 7 * 24 * 3600)];

    fn read(text: &str) -> Option<Self> {
        let (unit, of_it) = Self::UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number = text.strip_suffix(unit)?;
        // A sign is no digit, though numbers may have one.
        let number = number.bytes().all(|it| it.is_ascii_digit()).then_some(number)?;
        let number: u32 = number.parse().ok()?;
        Some(Self(Duration::from_secs(u64::from(number) * of_it)))
    }
}

fn value(input: &mut Input<'_>) -> Read<String> {
    counted(input)?;
    let letter = alt((none_of(['"', '\\']), escape("`\"` or `\\` after a `\\`", &['"', '\\'])));
    let plain = take_while(1.., is_plain).map(str::to_owned);
    let plain = expect(plain, "a value; in double quotes if it has blanks");
    let end = expect(not(one_of(WILD)), "the end of the value: patterns follow a `~`");
    quoted_or(letter, terminated(plain, end)).parse_next(input)
}

const WILD: [char; 2] = ['*', '?'];

fn pattern(input: &mut Input<'_>) -> Read<Glob> {
    counted(input)?;
    let wild = || alt(('*'.value(Piece::Any), '?'.value(Piece::One)));
    let escaped = escape("`\"`, `\\`, `*` or `?` after a `\\`", &['"', '\\', '*', '?']);
    let letter = alt((none_of(['"', '\\']), escaped)).map(Piece::Letter);
    let plain = repeat(1.., alt((wild(), one_of(is_plain).map(Piece::Letter))));
    let plain = expect(plain, "a pattern, in which `*` is any letters and `?` is one");
    quoted_or(alt((wild(), letter)), plain).map(Glob::new).parse_next(input)
}

fn counted(input: &mut Input<'_>) -> Read<()> {
    input.state.values += 1;
    match input.state.values > VALUES_MAX {
        true => wrong(input.current_token_start(), format!("at most {VALUES_MAX} values")),
        false => Ok(()),
    }
}

fn quoted_or<'a, L, T: Accumulate<L>>(
    letter: impl Parser<Input<'a>, L, ErrMode<Wrong>>,
    plain: impl Parser<Input<'a>, T, ErrMode<Wrong>>,
) -> impl Parser<Input<'a>, T, ErrMode<Wrong>> {
    let quoted = delimited('"', repeat(0.., letter), '"');
    let quoted = expect(quoted, "a closing `\"` for this one");
    alt((preceded(peek('"'), quoted), plain))
}

/// One of these letters, after a backslash.
fn escape<'a>(
    expected: &'static str,
    letters: &'static [char],
) -> impl Parser<Input<'a>, char, ErrMode<Wrong>> {
    move |input: &mut Input<'a>| {
        '\\'.parse_next(input)?;
        let at = input.current_token_start();
        match opt(any).parse_next(input)? {
            Some(letter) if letters.contains(&letter) => Ok(letter),
            Some(_) => wrong(at, expected),
            // At the end of the text it is the quote that is missed.
            None => fail.parse_next(input),
        }
    }
}

fn keyword<'a>(name: &'static str) -> impl Parser<Input<'a>, (), ErrMode<Wrong>> {
    take_while(1.., is_plain).verify(move |found: &str| found == name).void()
}

fn blanks(input: &mut Input<'_>) -> Read<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}
