//! Lines and components, each with the number of the line on which it begins.

use ical::tree::line::IcalLine;

use super::{NotKept, Why};

/// Components inside of components: an alarm in an event in a calendar, and one to spare.
const DEPTH_MAX: usize = 4;

/// One content line, unfolded.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    /// In capitals, as are the names of the parameters.
    pub(super) name: String,
    params: Vec<(String, String)>,
    /// As it is written, and with its escapes resolved.
    pub(super) value: String,
    pub(super) texts: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) number: usize,
    pub(super) lines: Vec<Line>,
    pub(super) parts: Vec<Component>,
}

impl Line {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    pub(super) fn text(&self) -> String {
        self.texts.join(",")
    }

    pub(super) fn is_not_kept(&self, why: Why) -> NotKept {
        NotKept { line: self.number, why }
    }
}

impl Component {
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The only one of its name.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&Line>, NotKept> {
        let mut found = self.all(name);
        let first = found.next();
        match found.next() {
            Some(second) => Err(second.is_not_kept(Why::Second(name))),
            None => Ok(first),
        }
    }
}

/// Reads what stands outermost.
pub(super) fn components(text: &str) -> Result<Vec<Component>, NotKept> {
    let mut lines = lines(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        found.push(component(line, &mut lines, 1)?);
    }
    Ok(found)
}

fn component(
    begin: Line,
    rest: &mut impl Iterator<Item = Line>,
    depth: usize,
) -> Result<Component, NotKept> {
    let nesting = |line: &Line, wanted: String| {
        let found = format!("{}:{}", line.name, line.value).chars().take(64).collect();
        line.is_not_kept(Why::Nesting { wanted, found })
    };
    if begin.name != "BEGIN" || depth > DEPTH_MAX {
        let wanted = if depth > DEPTH_MAX { "END" } else { "BEGIN:VCALENDAR" };
        return Err(nesting(&begin, wanted.to_owned()));
    }
    let name = begin.value.trim().to_ascii_uppercase();
    let (mut lines, mut parts) = (Vec::new(), Vec::new());
    while let Some(line) = rest.next() {
        match line.name.as_str() {
            "BEGIN" => parts.push(component(line, rest, depth + 1)?),
            "END" if line.value.trim().eq_ignore_ascii_case(&name) => {
                return Ok(Component { name, number: begin.number, lines, parts });
            }
            "END" => return Err(nesting(&line, format!("END:{name}"))),
            _ => lines.push(line),
        }
    }
    Err(begin.is_not_kept(Why::NotClosed(name)))
}

fn lines(text: &str) -> Result<Vec<Line>, NotKept> {
    let mut found = Vec::new();
    let (mut rest, mut number) = (text.as_bytes(), 1);
    // From its start alone: else a file of blanks would be gone through for each of its lines.
    while !rest.trim_ascii_start().is_empty() {
        // The library passes over empty lines; they count all the same.
        let empty = rest.split_inclusive(|byte| *byte == b'\n');
        let empty = empty.take_while(|line| line.trim_ascii().is_empty()).count();
        let here = number + empty;
        let not_a_line = |_| NotKept { line: here, why: Why::NotALine };
        let (line, tail) = IcalLine::take(rest).map_err(not_a_line)?;
        found.push(own(&line, here));
        let taken = &rest[..rest.len() - tail.len()];
        number += taken.iter().filter(|byte| **byte == b'\n').count();
        rest = tail;
    }
    Ok(found)
}

fn own(line: &IcalLine<'_>, number: usize) -> Line {
    let params = line.params.iter().map(|param| {
        let values: Vec<_> = param.values.iter().map(|it| it.get().trim_matches('"')).collect();
        (param.name.get().to_ascii_uppercase(), values.join(","))
    });
    Line {
        number,
        name: line.name.get().to_ascii_uppercase(),
        params: params.collect(),
        value: line.raw_value_str().into_owned(),
        texts: line.value.decode_list().into_iter().map(|it| it.into_owned()).collect(),
    }
}
