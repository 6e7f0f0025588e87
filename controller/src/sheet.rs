//! A sheet that people print, sign and file, and the same as plain text. Pure.
//!
//! Everything that somebody wrote is escaped, and a page loads nothing: it reads the same on any
//! machine and in ten years.

use std::fmt::Write as _;

use crate::campaign::words::harmless;
use crate::chart::Svg;

/// Letters of a line of plain text.
const LINE: usize = 78;

const STYLE: &str = "body{font:11pt/1.45 serif;max-width:46em;margin:2em auto;padding:0 1em}\
    h1{font-size:15pt}h2{font-size:12pt}table{border-collapse:collapse;width:100%;\
    font:9pt/1.3 sans-serif}\
    th,td{border:1px solid #888;padding:.25em .5em;text-align:left}\
    thead{display:table-header-group}tr{break-inside:avoid}.sign{margin-top:4em}\
    .sign span{display:inline-block;width:45%;\
    border-top:1px solid #000;margin-right:4%}@page{margin:18mm}";

/// Beside that, of a page with pictures: others stay as they are kept by their digests.
const PICTURES: &str = "body{color:#111;background:#fff}\
    figure{margin:1em 0;break-inside:avoid}figcaption{font:9pt sans-serif}\
    svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2{break-after:avoid}";

const SIGNATURES: [&str; 2] =
    ["Place, date, signature (sender)", "Place, date, signature (received)"];

/// What is on it, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    title: String,
    blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Heading(String),
    Paragraph(String),
    Table {
        header: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// On the page alone; as text it is what it shows, in words.
    Picture {
        picture: Svg,
        caption: String,
    },
    /// Room for whoever sends it, and for whoever received it.
    Signatures,
}

impl Sheet {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    #[must_use]
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.with(Block::Heading(text.into()))
    }

    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Block::Paragraph(text.into()))
    }

    #[must_use]
    pub fn table(self, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        self.with(Block::Table { header, rows })
    }

    #[must_use]
    pub fn picture(self, picture: Svg, caption: impl Into<String>) -> Self {
        self.with(Block::Picture { picture, caption: caption.into() })
    }

    #[must_use]
    pub fn signatures(self) -> Self {
        self.with(Block::Signatures)
    }

    /// The page, whole.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let is_picture = |block: &Block| matches!(block, Block::Picture { .. });
        let pictures = if self.blocks.iter().any(is_picture) { PICTURES } else { "" };
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <title>{title}</title><style>{STYLE}{pictures}</style></head><body>\n\
             <h1>{title}</h1>\n"
        );
        for block in &self.blocks {
            match block {
                Block::Heading(text) => put(&mut out, format_args!("<h2>{}</h2>", escaped(text))),
                Block::Paragraph(text) => put(&mut out, format_args!("<p>{}</p>", escaped(text))),
                Block::Table { header, rows } => table_html(&mut out, header, rows),
                Block::Picture { picture, caption } => put(
                    &mut out,
                    format_args!(
                        "<figure>{}<figcaption>{}</figcaption></figure>",
                        picture.as_str(),
                        escaped(caption)
                    ),
                ),
                Block::Signatures => {
                    let [sender, receiver] = SIGNATURES;
                    put(
                        &mut out,
                        format_args!(
                            "<p class=\"sign\"><span>{sender}</span><span>{receiver}</span></p>"
                        ),
                    );
                }
            }
        }
        out.push_str("</body></html>\n");
        out
    }

    /// The same, for a mail or a screen.
    pub fn text(&self) -> String {
        let title = harmless(&self.title);
        let mut out = format!("{title}\n{}\n", "=".repeat(title.chars().count()));
        for block in &self.blocks {
            out.push('\n');
            match block {
                Block::Heading(text) => {
                    let text = harmless(text);
                    put(&mut out, format_args!("{text}\n{}", "-".repeat(text.chars().count())));
                }
                Block::Paragraph(text) => wrapped(&mut out, &harmless(text)),
                Block::Table { header, rows } => table_text(&mut out, header, rows),
                Block::Picture { caption, .. } => wrapped(&mut out, &harmless(caption)),
                Block::Signatures => {
                    for who in SIGNATURES {
                        put(&mut out, format_args!("\n{}\n{who}", "_".repeat(who.len())));
                    }
                }
            }
        }
        out
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a text takes what is written to it");
}

fn table_html(out: &mut String, header: &[String], rows: &[Vec<String>]) {
    let names: String = header.iter().map(|name| format!("<th>{}</th>", escaped(name))).collect();
    put(out, format_args!("<table><thead><tr>{names}</tr></thead><tbody>"));
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        put(out, format_args!("<tr>{cells}</tr>"));
    }
    put(out, format_args!("</tbody></table>"));
}

/// One entry under the other: what stands in a row of a handover list is wider than a line.
fn table_text(out: &mut String, header: &[String], rows: &[Vec<String>]) {
    let width = header.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        for (name, cell) in header.iter().zip(row) {
            let cell = harmless(cell);
            put(out, format_args!("{name}:{:1$} {cell}", "", width - name.chars().count()));
        }
    }
}

fn wrapped(out: &mut String, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let is_full = line.chars().count() + 1 + word.chars().count() > LINE;
        if !line.is_empty() && is_full {
            put(out, format_args!("{line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    put(out, format_args!("{line}"));
}

/// As text in a page, and nothing else.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Direction marks and control characters could make a page read otherwise.
    for letter in harmless(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> Sheet {
        Sheet::new(text)
            .heading(text)
            .paragraph(text)
            .table(&["Serial", "TID"], vec![vec![text.to_owned(), "1".to_owned()]])
            .signatures()
    }

    #[test]
    fn nothing_that_somebody_wrote_becomes_part_of_it() {
        let evil = "<script>alert(1)</script>\" onload='x' & \u{202e}\u{7}";
        let (page, text) = (sheet(evil).html(), sheet(evil).text());
        assert!(!page.contains("<script") && !page.contains("onload='"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 5, "it is shown all the same");
        for said in [&page, &text] {
            assert!(!said.contains('\u{202e}') && !said.contains('\u{7}'), "{said}");
        }
        assert!(!page.contains("src=") && !page.contains("href="), "it loads nothing");
    }

    #[test]
    fn as_text_it_reads_from_above_to_below() {
        let text = Sheet::new("Notice").paragraph("a ".repeat(50)).table(
            &["Serial", "TID"],
            vec![vec!["PX-1".to_owned(), "7".to_owned()], vec!["PX-2".to_owned(), "8".to_owned()]],
        );
        let lines = "a ".repeat(39).trim().to_owned() + "\n" + "a ".repeat(11).trim();
        let expected = format!(
            "Notice\n======\n\n{lines}\n\nSerial: PX-1\nTID:    7\n\nSerial: PX-2\nTID:    8\n"
        );
        assert_eq!(text.text(), expected);
    }
}
