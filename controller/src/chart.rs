//! Charts as pictures in a page: bars that show parts of a whole, columns over time, and ranges of
//! durations. Pure.
//!
//! A picture is text that stands in the page itself. It loads nothing, and what somebody wrote is
//! escaped in it as it is elsewhere. Colours can be told apart in print, and by those who do not
//! see red beside green: every part is told in words and numbers, too.

use std::fmt::Write as _;

use crate::measure::{duration_text, rough_text};
use crate::sheet::escaped;

/// In the units of a picture, of which a page is as wide.
const WIDTH: u64 = 720;

/// Of the names left of bars.
const NAMES: u64 = 140;

/// Of the numbers right of bars.
const NUMBERS: u64 = 150;

const BARS: u64 = WIDTH - NAMES - NUMBERS;

/// Of one bar, and from one to the next.
const BAR: u64 = 16;
const ROW: u64 = 24;

/// Letters of a name beside a bar; the rest is in the table below.
const NAME_LETTERS: usize = 22;

/// Of the columns over time.
const COLUMNS: u64 = 120;

const TEXT: &str = "font-family=\"sans-serif\" font-size=\"11\" fill=\"#111\"";

/// A picture. Nothing but this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a part of a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    /// As a page writes it.
    pub colour: &'static str,
}

/// A bar, by the parts that it has of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    pub name: String,
    pub parts: Vec<u64>,
}

/// Bars of the same length, each whole in its parts.
pub fn parts_of_wholes(kinds: &[Part], bars: &[Bar]) -> Svg {
    let mut out = Picture::new(ROW * (bars.len() as u64 + 1) + 6);
    out.legend(kinds);
    for (row, bar) in bars.iter().enumerate() {
        let top = ROW * (row as u64 + 1) + 4;
        out.name(top, &bar.name);
        let whole: u64 = bar.parts.iter().sum();
        let (mut done, mut left) = (0_u64, NAMES);
        for (kind, part) in kinds.iter().zip(&bar.parts) {
            done += part;
            // From the sum, so that all of them together are as long as the bar.
            let right = NAMES + scaled(done, whole, BARS);
            out.bar((left, top), (right - left, BAR), kind.colour);
            left = right;
        }
        out.text(NAMES + BARS + 8, top + 12, "start", &whole.to_string());
    }
    out.end()
}

/// Columns without a gap between them, each of two parts; `ends` are the words below the first and
/// the last.
pub fn columns(kinds: [Part; 2], columns: &[[u64; 2]], ends: [&str; 2]) -> Svg {
    let mut out = Picture::new(ROW + COLUMNS + 30);
    out.legend(&kinds);
    let floor = ROW + COLUMNS + 8;
    let most = columns.iter().map(|column| column.iter().sum::<u64>()).max().unwrap_or_default();
    let width = WIDTH - NAMES;
    let count = columns.len() as u64;
    for (at, column) in columns.iter().enumerate() {
        let at = at as u64;
        let (left, right) = (scaled(at, count, width), scaled(at + 1, count, width));
        let mut done = 0;
        let mut bottom = floor;
        for (kind, part) in kinds.iter().zip(column) {
            done += part;
            let top = floor - scaled(done, most, COLUMNS);
            let wide = (right - left).saturating_sub(1).max(1);
            out.bar((NAMES + left, top), (wide, bottom - top), kind.colour);
            bottom = top;
        }
    }
    out.line((NAMES, floor), (WIDTH, floor));
    out.text(NAMES - 8, floor - COLUMNS + 8, "end", &most.to_string());
    out.text(NAMES - 8, floor, "end", "0");
    let [first, last] = ends;
    out.text(NAMES, floor + 16, "start", first);
    out.text(WIDTH, floor + 16, "end", last);
    out.end()
}

/// What most, nearly all and the slowest took, in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub name: String,
    pub p50_s: u64,
    pub p90_s: u64,
    pub p99_s: u64,
}

/// Where durations are marked: each step is the same distance.
const MARKS_S: [u64; 8] = [0, 1, 10, 60, 600, 3_600, 36_000, 864_000];

/// Bars from nothing to each of the three, over one another; short times take as much room as long
/// ones.
pub fn ranges(kinds: [Part; 3], ranges: &[Range]) -> Svg {
    let mut out = Picture::new(ROW * (ranges.len() as u64 + 2) + 6);
    out.legend(&kinds);
    let longest = ranges.iter().map(|it| it.p99_s).max().unwrap_or_default();
    let last = MARKS_S.iter().position(|mark| *mark >= longest).unwrap_or(MARKS_S.len() - 1).max(1);
    let marks = MARKS_S.get(..=last).unwrap_or(&MARKS_S);
    let bottom = ROW * (ranges.len() as u64 + 1) + 6;
    for (at, mark) in marks.iter().enumerate() {
        let left = NAMES + scaled(at as u64, last as u64, BARS);
        out.line((left, ROW), (left, bottom));
        let mark = duration_text(std::time::Duration::from_secs(*mark));
        out.text(left, bottom + 14, "middle", &mark);
    }
    for (row, it) in ranges.iter().enumerate() {
        let top = ROW * (row as u64 + 1) + 4;
        out.name(top, &it.name);
        let each = [it.p50_s, it.p90_s, it.p99_s];
        // The longest first: the shorter ones lie on it.
        for (kind, seconds) in kinds.iter().zip(each).rev() {
            out.bar((NAMES, top), (along(seconds, marks), BAR), kind.colour);
        }
        let told = each.map(|it| rough_text(std::time::Duration::from_secs(it))).join(" / ");
        out.text(NAMES + BARS + 8, top + 12, "start", &told);
    }
    out.end()
}

/// How far along the marks this many seconds are.
fn along(seconds: u64, marks: &[u64]) -> u64 {
    let steps = marks.len().saturating_sub(1) as u64;
    let at = marks.iter().rposition(|mark| *mark <= seconds).unwrap_or_default();
    let begin = scaled(at as u64, steps, BARS);
    match (marks.get(at), marks.get(at + 1)) {
        (Some(from), Some(to)) => begin + scaled(seconds - from, to - from, BARS / steps.max(1)),
        (_, None) | (None, _) => BARS,
    }
}

/// `part` of `whole`, where all of it is `length`.
fn scaled(part: u64, whole: u64, length: u64) -> u64 {
    let length = u128::from(part) * u128::from(length) / u128::from(whole.max(1));
    u64::try_from(length).unwrap_or(u64::MAX)
}

struct Picture(String);

impl Picture {
    fn new(height: u64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"100%\" role=\"img\">\n"
        ))
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{element}").expect("a text takes what is written to it");
    }

    fn legend(&mut self, kinds: &[Part]) {
        let mut left = NAMES;
        for kind in kinds {
            self.bar((left, 4), (11, 11), kind.colour);
            self.text(left + 16, 13, "start", kind.name);
            left += 30 + 6 * kind.name.chars().count() as u64;
        }
    }

    fn name(&mut self, top: u64, name: &str) {
        let short: String = match name.chars().count() > NAME_LETTERS {
            true => name.chars().take(NAME_LETTERS - 1).chain(['…']).collect(),
            false => name.to_owned(),
        };
        self.text(NAMES - 8, top + 12, "end", &short);
    }

    /// Of no length it is none.
    fn bar(&mut self, (left, top): (u64, u64), (width, height): (u64, u64), colour: &str) {
        if width > 0 && height > 0 {
            self.put(format_args!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
                 fill=\"{colour}\"/>"
            ));
        }
    }

    fn line(&mut self, (x1, y1): (u64, u64), (x2, y2): (u64, u64)) {
        self.put(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#bbb\"/>"
        ));
    }

    fn text(&mut self, x: u64, y: u64, anchor: &str, text: &str) {
        let text = escaped(text);
        self.put(format_args!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" {TEXT}>{text}</text>"
        ));
    }

    fn end(mut self) -> Svg {
        self.0.push_str("</svg>");
        Svg(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Part; 2] =
        [Part { name: "well", colour: "#2a6f97" }, Part { name: "badly", colour: "#c1121f" }];

    fn widths(svg: &Svg) -> Vec<u64> {
        let rects = svg.as_str().lines().filter(|line| line.starts_with("<rect"));
        let width = |line: &str| {
            let (_, rest) = line.split_once("width=\"").expect("it has a width");
            rest.split('"').next().and_then(|it| it.parse().ok()).expect("a number")
        };
        // Those of the legend come first.
        rects.map(width).skip(KINDS.len()).collect()
    }

    fn bar(name: &str, parts: [u64; 2]) -> Bar {
        Bar { name: name.to_owned(), parts: parts.to_vec() }
    }

    #[test]
    fn the_parts_of_a_bar_are_as_long_as_the_bar_whatever_is_rounded() {
        for parts in [[1, 2], [7, 13], [1, 999_999], [u64::MAX / 4, u64::MAX / 3]] {
            let svg = parts_of_wholes(&KINDS, &[bar("1", parts)]);
            assert_eq!(widths(&svg).iter().sum::<u64>(), BARS, "{parts:?}");
        }
        assert_eq!(widths(&parts_of_wholes(&KINDS, &[bar("1", [0, 0])])), [0; 0]);
    }

    #[test]
    fn what_somebody_wrote_is_escaped_and_nothing_is_loaded() {
        let svg = parts_of_wholes(&KINDS, &[bar("<script>\"'&", [1, 1])]);
        assert!(svg.as_str().contains("&lt;script&gt;&quot;&#39;&amp;"), "{svg:?}");
        assert!(!svg.as_str().contains("href"), "{svg:?}");
    }

    #[test]
    fn the_highest_column_is_as_high_as_the_picture_and_none_is_too_thin_to_be_seen() {
        let svg = columns(KINDS, &[[1, 1], [0, 0], [4, 0]], ["a", "b"]);
        assert!(svg.as_str().contains(&format!("height=\"{COLUMNS}\"")), "{svg:?}");
        let many = columns(KINDS, &[[1, 0]; 5_000], ["a", "b"]);
        assert!(widths(&many).iter().all(|width| *width > 0));
        assert!(columns(KINDS, &[], ["", ""]).as_str().ends_with("</svg>"));
    }

    #[test]
    fn durations_lie_between_their_marks() {
        let marks = &MARKS_S[..=3];
        for (seconds, at) in [(0, 0), (1, BARS / 3), (10, BARS * 2 / 3), (60, BARS), (99, BARS)] {
            assert_eq!(along(seconds, marks), at, "{seconds}");
        }
        assert!(along(30, marks) > along(10, marks) && along(30, marks) < BARS);
    }
}
