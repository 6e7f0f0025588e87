//! What happened in one scenario, as a table: one line a terminal, and what the table cannot say.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

#[derive(Debug)]
pub(crate) struct Section {
    table: Table,
    notes: Vec<String>,
}

impl Section {
    /// The first `texts` columns are words, the others figures.
    pub(crate) fn new<const N: usize>(
        header: [&str; N],
        texts: usize,
        rows: Vec<[String; N]>,
    ) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header).add_rows(rows);
        for column in table.column_iter_mut().skip(texts) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self { table, notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, text: String) {
        self.notes.push(text);
    }
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.table)?;
        self.notes.iter().try_for_each(|note| write!(out, "\n  {note}"))
    }
}
