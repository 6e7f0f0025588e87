//! The only way in which both programs write for people: results to standard output, everything
//! said about them to standard error, so that results can be piped.
//!
//! Much of what is shown was said by terminals. Control characters in it are replaced, so that a
//! terminal cannot move the cursor or change the screen of whoever looks at it.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use anstream::AutoStream;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::api::model::Page;

/// Where results and remarks go. Colour is left out where it would not be seen.
pub struct Print {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    person_reads: bool,
    failed: Option<io::Error>,
    /// Lines that are drawn again in their place.
    live: Option<ProgressBar>,
}

impl std::fmt::Debug for Print {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Print").field("person_reads", &self.person_reads).finish_non_exhaustive()
    }
}

impl Print {
    /// To this process's standard streams.
    pub fn process() -> Self {
        Self {
            person_reads: io::stdout().is_terminal(),
            out: Box::new(AutoStream::auto(io::stdout())),
            err: Box::new(AutoStream::auto(io::stderr())),
            failed: None,
            live: None,
        }
    }

    /// Whether standard output is a terminal: what moves makes sense only there.
    pub(super) fn person_reads(&self) -> bool {
        self.person_reads
    }

    /// One line, or several, of the result.
    pub fn line(&mut self, text: impl Display) {
        let written = writeln!(self.out, "{}", harmless(text)).and_then(|()| self.out.flush());
        self.note_failure(written);
    }

    /// A result for programs, over several lines.
    pub(super) fn json(&mut self, value: &impl Serialize) {
        self.line(serde_json::to_string_pretty(value).expect("answers have text keys"));
    }

    /// A list for programs, in the form of the API's own lists, all of it.
    pub(crate) fn json_list<T: Serialize>(&mut self, items: &[T]) {
        self.json(&Page { items: items.iter().collect(), next: None });
    }

    /// A result for programs, on one line: for streams of them.
    pub(super) fn json_line(&mut self, value: &impl Serialize) {
        self.line(serde_json::to_string(value).expect("answers have text keys"));
    }

    /// Rows under a header. Of nothing: the sentence `when_empty`.
    pub(super) fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: Vec<[String; N]>,
        when_empty: &str,
    ) {
        match rows.is_empty() {
            true => self.remark(when_empty),
            false => {
                let columns = if self.person_reads { Table::new().width() } else { None };
                self.line(table_text(header, rows, columns));
            }
        }
    }

    /// What helps a person and is no part of the result.
    pub fn remark(&mut self, text: impl Display) {
        self.say(&harmless(text));
    }

    pub(super) fn warning(&mut self, text: impl Display) {
        self.say(&format!("{}: {}", "warning".yellow().bold(), harmless(text)));
    }

    /// What failed.
    pub fn error(&mut self, text: impl Display) {
        self.say(&format!("{}: {}", "error".red().bold(), harmless(text)));
    }

    /// What to do about it.
    pub fn hint(&mut self, text: impl Display) {
        self.say(&format!("{}: {}", "hint".cyan().bold(), harmless(text)));
    }

    /// To standard error, above the lines that are drawn again.
    fn say(&mut self, text: &str) {
        let err = &mut self.err;
        let mut write = || writeln!(err, "{text}");
        let written = match &self.live {
            Some(live) => live.suspend(write),
            None => write(),
        };
        self.note_failure(written);
    }

    /// Shows these lines in the place of the last ones. Where no person reads, nothing is shown.
    pub(super) fn live(&mut self, lines: &[String]) {
        if !self.person_reads {
            return;
        }
        let live = self.live.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg}").expect("it is well formed");
            let target = ProgressDrawTarget::stdout();
            ProgressBar::with_draw_target(None, target).with_style(style)
        });
        live.set_message(harmless(lines.join("\n")));
    }

    /// Leaves the last lines where they are.
    pub(super) fn end_live(&mut self) {
        if let Some(live) = self.live.take() {
            live.abandon();
        }
    }

    /// Why the reader is gone, if it is.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    fn note_failure(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

/// Without control characters but line ends and tabs.
fn harmless(text: impl Display) -> String {
    let harm = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.to_string().replace(harm, "\u{fffd}")
}

/// As wide as `columns` where that is known. A terminal that says 0 does not know it.
fn table_text<const N: usize>(
    header: [&str; N],
    rows: Vec<[String; N]>,
    columns: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    match columns.filter(|columns| *columns > 0) {
        Some(columns) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns)
        }
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(header.map(|title| title.to_uppercase()));
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
impl Print {
    /// To these writers, without colour, as if no person read.
    pub(super) fn to(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        Self {
            out: Box::new(AutoStream::never(Box::new(out) as Box<dyn Write + Send>)),
            err: Box::new(AutoStream::never(Box::new(err) as Box<dyn Write + Send>)),
            person_reads: false,
            failed: None,
            live: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_for_programs_has_one_line_per_row_and_no_trailing_space() {
        let long = "a reason that is longer than any terminal is wide, ".repeat(5);
        let rows = vec![["1".to_owned(), long.clone()], ["22".to_owned(), "x".to_owned()]];
        let text = table_text(["id", "why"], rows, None);
        assert_eq!(text, format!("ID  WHY\n1   {}\n22  x", long.trim_end()));
    }

    #[test]
    fn a_terminal_of_no_columns_is_one_of_unknown_width() {
        let table = |columns| {
            let why = "a reason that is longer than thirty columns".to_owned();
            table_text(["id", "why"], vec![["1".to_owned(), why]], columns)
        };
        assert_eq!(table(Some(0)), table(None));
        assert!(table(Some(30)).lines().count() > 2, "{}", table(Some(30)));
        assert!(table(Some(30)).lines().all(|line| line.len() <= 30), "{}", table(Some(30)));
    }

    #[test]
    fn what_a_terminal_says_cannot_act_on_the_screen() {
        let said = "ok\u{1b}[2J\u{7}\r\u{9b}31m\tdone\n";
        assert_eq!(harmless(said), "ok\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}31m\tdone\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_remembered_and_no_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut print = Print::to(Closed, io::sink());
        print.line("x");
        assert_eq!(print.failure().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    }
}
