//! `tillward binding import` and `export`: an estate as one table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use shared::durable::{Readers, replace_file};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::counted;
use super::unchecked;
use crate::api::model::{
    Binding, BindingImport, BindingTuple, ImportMistake, ImportReport, ImportRow,
};

/// As much as the API takes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Take over bindings that are in force, from a CSV or TOML file
///
/// Columns, or keys of each `[[binding]]`: store, lane, provider, mid, tid, name, mcc, currency,
/// and where they are known serial, hosts (with spaces between them), acquirer_code, uscc,
/// settlement_account, install_address, registration (the registry's reference). With any
/// mistake nothing is done, and all mistakes are shown.
#[derive(Debug, Args)]
pub(crate) struct Import {
    file: PathBuf,
    /// Only look whether it could be done
    #[arg(long)]
    dry_run: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Write the bindings that are active, in the form that `import` reads
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to; else to standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "to")]
    json: bool,
}

/// One line of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    serial: String,
    store: String,
    lane: String,
    provider: String,
    mid: String,
    tid: String,
    name: String,
    mcc: String,
    currency: String,
    #[serde(default)]
    hosts: String,
    #[serde(default)]
    acquirer_code: String,
    #[serde(default)]
    uscc: String,
    #[serde(default)]
    settlement_account: String,
    #[serde(default)]
    install_address: String,
    #[serde(default)]
    registration: String,
}

/// As [`Line`] has them: first those that every file must have.
const COLUMNS: [&str; 15] = [
    "store",
    "lane",
    "provider",
    "mid",
    "tid",
    "name",
    "mcc",
    "currency",
    "serial",
    "hosts",
    "acquirer_code",
    "uscc",
    "settlement_account",
    "install_address",
    "registration",
];

const NEEDED: &[&str] = COLUMNS.split_at(8).0;

impl Line {
    fn row(self, line: u32) -> ImportRow {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        ImportRow {
            line,
            serial: given(self.serial),
            store: self.store,
            lane: self.lane,
            provider: self.provider,
            tuple: BindingTuple {
                mid: self.mid,
                tid: self.tid,
                name: self.name,
                mcc: self.mcc,
                currency: self.currency,
                hosts: self.hosts.split_whitespace().map(str::to_owned).collect(),
                acquirer_code: given(self.acquirer_code),
                uscc: given(self.uscc),
                settlement_account: given(self.settlement_account),
                install_address: given(self.install_address),
            },
            registration: given(self.registration),
        }
    }
}

impl Import {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let text = text_of(&self.file)?;
        let is_toml = self.file.extension().is_some_and(|it| it.eq_ignore_ascii_case("toml"));
        let read = if is_toml { read_toml(&text) } else { read_csv(&text) };
        let report = match read {
            Ok(rows) => {
                let (dry_run, reason) = (self.dry_run, self.reason.clone());
                client.import_bindings(&BindingImport { rows, dry_run, reason }).await?
            }
            Err(mistakes) => ImportReport { mistakes, ..ImportReport::default() },
        };
        match self.json {
            true => print.json(&report),
            false => show(&report, print),
        }
        match report.mistakes.len() as u64 {
            0 => Ok(Exit::Done),
            count => Err(Failure::because(format_args!(
                "nothing is taken over: {} in {}",
                counted(count, "mistake"),
                self.file.display()
            ))
            .exit(Exit::Refused)
            .hint("mend the file and import it again")),
        }
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let reading = format!("cannot read {}", path.display());
    let failed = |error| Failure::new(error).context(reading.clone());
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Failure::because(format_args!("{} is too large", path.display()))
            .hint("import the estate in parts"));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn mistake(line: u64, what: impl ToString) -> ImportMistake {
    ImportMistake { line: u32::try_from(line).unwrap_or(u32::MAX), what: what.to_string() }
}

fn read_csv(text: &str) -> Result<Vec<ImportRow>, Vec<ImportMistake>> {
    // Spreadsheets begin their files with a mark.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().cloned().map_err(|error| vec![mistake(1, error)])?;
    // Of a file without a line the controller says that it has no rows.
    let needed = if headers.is_empty() { &[] } else { NEEDED };
    let unknown: Vec<_> = headers.iter().filter(|it| !COLUMNS.contains(it)).collect();
    let missing = needed.iter().filter(|it| !headers.iter().any(|header| header == **it));
    let unknown = unknown.into_iter().map(|it| format!("there is no column `{it}`"));
    let missing = missing.map(|it| format!("the column `{it}` is missing"));
    let wrong: Vec<_> = unknown.chain(missing).map(|what| mistake(1, what)).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let line = record.as_ref().map_or_else(
            |error| error.position().map_or(0, csv::Position::line),
            |record| record.position().map_or(0, csv::Position::line),
        );
        let read = record.and_then(|record| record.deserialize::<Line>(Some(&headers)));
        match read {
            Ok(read) => rows.push(read.row(u32::try_from(line).unwrap_or(u32::MAX))),
            Err(error) => mistakes.push(mistake(line, csv_text(&error))),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

/// Without the line, which is told beside it.
fn csv_text(error: &csv::Error) -> String {
    if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        return format!("it has {len} columns, and the first line has {expected_len}");
    }
    error.to_string()
}

/// The tables are counted, for want of lines.
fn read_toml(text: &str) -> Result<Vec<ImportRow>, Vec<ImportMistake>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tables {
        binding: Vec<toml::Value>,
    }
    let tables: Tables = toml::from_str(text).map_err(|error| vec![mistake(0, error)])?;
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for (number, table) in (1..).zip(tables.binding) {
        match table.try_into::<Line>() {
            Ok(read) => rows.push(read.row(u32::try_from(number).unwrap_or(u32::MAX))),
            Err(error) => mistakes.push(mistake(number, error)),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

fn show(report: &ImportReport, print: &mut Print) {
    if !report.mistakes.is_empty() {
        let row = |it: &ImportMistake| [it.line.to_string(), it.what.clone()];
        print.table(["line", "mistake"], report.mistakes.iter().map(row).collect(), "");
        return;
    }
    unchecked(&report.remarks, print);
    let done = if report.is_done { "" } else { "would be " };
    print.line(format_args!(
        "{} {done}taken over, {} known as they are, {} {done}put into position",
        counted(u64::from(report.bound), "binding"),
        report.known,
        counted(u64::from(report.filled), "unit"),
    ));
}

impl Export {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<(), Failure> {
        let positions = client.positions().await?;
        let positions: BTreeMap<_, _> = positions.into_iter().map(|it| (it.id, it)).collect();
        let terminals = client.terminals(None).await?;
        let serials: BTreeMap<_, _> = terminals.into_iter().map(|it| (it.id, it.serial)).collect();
        let bindings = client.bindings(None, None).await?;
        let line = |it: Binding| {
            let position = positions.get(&it.position)?;
            let serial = position.terminal.and_then(|terminal| serials.get(&terminal));
            let place = (position.store.clone(), position.lane.clone());
            Some(line_of(it, serial.cloned().unwrap_or_default(), place))
        };
        let active = bindings.into_iter().filter(|it| it.state == "active");
        let lines: Vec<_> = active.filter_map(line).collect();
        if self.json {
            print.json_list(&lines);
            return Ok(());
        }
        let text = written(&lines)?;
        match &self.to {
            Some(path) => replace_file(path, text.as_bytes(), Readers::Anyone)?,
            None => print.line(text.trim_end()),
        }
        Ok(())
    }
}

fn line_of(it: Binding, serial: String, (store, lane): (String, String)) -> Line {
    let tuple = it.version.tuple;
    Line {
        serial,
        store,
        lane,
        provider: it.provider,
        mid: tuple.mid,
        tid: tuple.tid,
        name: tuple.name,
        mcc: tuple.mcc,
        currency: tuple.currency,
        hosts: tuple.hosts.join(" "),
        acquirer_code: tuple.acquirer_code.unwrap_or_default(),
        uscc: tuple.uscc.unwrap_or_default(),
        settlement_account: tuple.settlement_account.unwrap_or_default(),
        install_address: tuple.install_address.unwrap_or_default(),
        registration: it.version.registration.reference.unwrap_or_default(),
    }
}

fn written(lines: &[Line]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line).map_err(Failure::new)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::because(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "store,lane,provider,mid,tid,name,mcc,currency,hosts,serial\n";

    #[test]
    fn what_is_exported_is_imported_as_it_was() {
        let binding = super::super::super::samples::bindings().remove(0);
        let line = line_of(binding, "PX-1".to_owned(), ("north".to_owned(), "1".to_owned()));
        let text = written(std::slice::from_ref(&line)).unwrap();
        assert_eq!(read_csv(&text), Ok(vec![line.row(2)]));
    }

    #[test]
    fn a_table_of_a_spreadsheet_is_read_with_its_lines() {
        let text = format!(
            "\u{feff}{HEADER}north, 1 ,alpha,M-1,T-1,\"Corner, shop\",5411,EUR,\
             a.example:1 b.example:2,PX-1\nnorth,2,alpha,M-1,T-2,Shop,5411,EUR,,\n"
        );
        let rows = read_csv(&text).unwrap();
        assert_eq!(rows.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((rows[0].lane.as_str(), rows[0].tuple.name.as_str()), ("1", "Corner, shop"));
        assert_eq!(rows[0].tuple.hosts, ["a.example:1", "b.example:2"]);
        assert_eq!((rows[0].serial.as_deref(), rows[1].serial.as_deref()), (Some("PX-1"), None));
    }

    #[test]
    fn columns_that_are_missing_or_not_known_are_named_with_the_first_line() {
        let told = read_csv("store,lane,colour\nnorth,1,blue\n").unwrap_err();
        assert!(told.iter().all(|it| it.line == 1), "{told:?}");
        let told: Vec<_> = told.into_iter().map(|it| it.what).collect();
        assert_eq!(told[0], "there is no column `colour`");
        assert_eq!(told[1], "the column `provider` is missing");
        assert_eq!(told.len(), 1 + NEEDED.len() - 2);
        let every = COLUMNS.join(",");
        assert!(read_csv(&format!("{every}\n")).unwrap().is_empty());
        let line = written(&[Line::default()]).unwrap();
        let mut columns: Vec<_> = line.lines().next().unwrap().split(',').collect();
        columns.sort_unstable();
        let mut named = COLUMNS.to_vec();
        named.sort_unstable();
        assert_eq!(columns, named, "those that a line has");
    }

    #[test]
    fn every_line_that_is_no_row_is_named() {
        let text = format!("{HEADER}north,1\nnorth,1,alpha,M,T,N,5411,EUR,,\nnorth,2,a,b,c\n");
        let mistakes = read_csv(&text).unwrap_err();
        assert_eq!(mistakes.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 4]);
        let unknown = format!("pin,{HEADER}1234,north,1,alpha,M,T,N,5411,EUR,,\n");
        assert_eq!(read_csv(&unknown).unwrap_err().len(), 1);
        assert!(read_csv("").unwrap().is_empty());
    }

    #[test]
    fn toml_has_a_table_for_each_binding() {
        let table = "[[binding]]\nstore='north'\nlane='1'\nprovider='alpha'\nmid='M'\ntid='T'\n\
                     name='N'\nmcc='5411'\ncurrency='EUR'\n";
        let rows = read_toml(&table.repeat(2)).unwrap();
        assert_eq!(rows.iter().map(|it| it.line).collect::<Vec<_>>(), [1, 2]);
        let wrong = format!("{table}[[binding]]\nstore = 1\n[[binding]]\npin = '1'\n");
        let mistakes = read_toml(&wrong).unwrap_err();
        assert_eq!(mistakes.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(read_toml("binding = 3").unwrap_err().len(), 1);
    }
}
