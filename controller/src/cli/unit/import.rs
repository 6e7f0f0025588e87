//! `tillward unit import`: units from a table, all of them or none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::words::counted;
use super::accessory;
use crate::api::model::{
    ImportMistake, NewUnit, NewUnits, UnitAbout, UnitCondition, UnitValue, UnitsAdded,
};
use crate::unit::record::INSPECTION_EVERY_DAYS;

/// As much as the API takes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// First those that every file must have.
const COLUMNS: [&str; 18] = [
    "serial",
    "model",
    "store",
    "hardware",
    "firmware",
    "property_number",
    "custodian",
    "seal",
    "connections",
    "accessories",
    "warranty_from",
    "warranty_until",
    "pts_approval",
    "pts_expires_on",
    "condition",
    "residual_value_minor",
    "residual_value_currency",
    "inspection_every_days",
];

const NEEDED: &[&str] = COLUMNS.split_at(3).0;

/// Put units on the list, in stock, from a CSV file: all of them, or none
///
/// Columns: serial, model, store, and where they are known hardware, firmware, property_number,
/// custodian, seal, connections, accessories (`base=1; cable=2`), warranty_from, warranty_until,
/// pts_approval, pts_expires_on (days, as 2026-11-22), condition (new, good, worn or damaged),
/// residual_value_minor, residual_value_currency, inspection_every_days. With any mistake nothing
/// is done, and all mistakes are shown.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Only look whether it could be done
    #[arg(long)]
    dry_run: bool,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let text = self.text()?;
        let (rows, mut told) = read(&text);
        // What the controller finds wrong with the lines that can be read is told as well.
        let is_asked = told.is_empty() || !rows.is_empty();
        let mut report = UnitsAdded::default();
        if is_asked {
            let dry_run = self.dry_run || !told.is_empty();
            let reason = self.why.clone();
            report = client.add_units(&NewUnits { rows, dry_run, reason }).await?;
        }
        report.mistakes.append(&mut told);
        report.mistakes.sort_by_key(|it| it.line);
        match self.json {
            true => print.json(&report),
            false => show(&report, self.dry_run, print),
        }
        match report.mistakes.len() as u64 {
            0 => Ok(Exit::Done),
            count => Err(Failure::because(format_args!(
                "nothing is taken: {} in {}",
                counted(count, "mistake"),
                self.file.display()
            ))
            .exit(Exit::Refused)
            .hint("mend the file and import it again")),
        }
    }

    fn text(&self) -> Result<String, Failure> {
        let reading = format!("cannot read {}", self.file.display());
        let failed = |error| Failure::new(error).context(reading.clone());
        let size = std::fs::metadata(&self.file).map_err(failed)?.len();
        if size > FILE_BYTES_MAX {
            return Err(Failure::because(format_args!("{} is too large", self.file.display()))
                .hint("import the list in parts"));
        }
        std::fs::read_to_string(&self.file).map_err(failed)
    }
}

fn show(report: &UnitsAdded, dry_run: bool, print: &mut Print) {
    if !report.mistakes.is_empty() {
        let row = |it: &ImportMistake| [it.line.to_string(), it.what.clone()];
        print.table(["line", "mistake"], report.mistakes.iter().map(row).collect(), "");
        return;
    }
    let done = if dry_run { "would be put" } else { "put" };
    print.line(format_args!("{} {done} on the list", counted(report.added, "unit")));
}

/// The lines that can be read, and all that is wrong with the others.
fn read(text: &str) -> (Vec<NewUnit>, Vec<ImportMistake>) {
    // Spreadsheets begin their files with a mark.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return (vec![], vec![mistake(1, error)]),
    };
    // Of a file without a line the controller says that it has no units.
    let needed = if headers.is_empty() { &[] } else { NEEDED };
    let unknown = headers.iter().filter(|it| !COLUMNS.contains(it));
    let unknown = unknown.map(|it| mistake(1, format_args!("there is no column `{it}`")));
    let missing = needed.iter().filter(|it| !headers.iter().any(|header| header == **it));
    let missing = missing.map(|it| mistake(1, format_args!("the column `{it}` is missing")));
    let wrong: Vec<_> = unknown.chain(missing).collect();
    if !wrong.is_empty() {
        return (vec![], wrong);
    }
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let position = match &record {
            Ok(record) => record.position(),
            Err(error) => error.position(),
        };
        let line = position.map_or(0, csv::Position::line);
        match record {
            Ok(record) => {
                let fields = headers.iter().zip(&record).filter(|(_, value)| !value.is_empty());
                match about(&fields.collect()) {
                    Ok(about) => rows.push(NewUnit { line: shown(line), about }),
                    Err(wrong) => mistakes.extend(wrong.iter().map(|what| mistake(line, what))),
                }
            }
            Err(error) => mistakes.push(mistake(line, csv_text(&error))),
        }
    }
    (rows, mistakes)
}

fn mistake(line: u64, what: impl ToString) -> ImportMistake {
    ImportMistake { line: shown(line), what: what.to_string() }
}

fn shown(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Without the line, which is told beside it.
fn csv_text(error: &csv::Error) -> String {
    if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        return format!("it has {len} columns, and the first line has {expected_len}");
    }
    error.to_string()
}

/// A unit from the fields of its line, or everything in them that cannot be read.
fn about(fields: &BTreeMap<&str, &str>) -> Result<UnitAbout, Vec<String>> {
    let mut wrong = Vec::new();
    let given = |name: &str| fields.get(name).map(|it| (*it).to_owned());
    let accessories = fields.get("accessories").map_or("", |it| *it).split(';');
    let accessories = accessories.map(str::trim).filter(|it| !it.is_empty()).map(accessory);
    let accessories = accessories.filter_map(|it| it.map_err(|why| wrong.push(why)).ok());
    let accessories = accessories.collect();
    let condition = fields.get("condition").map_or("new", |it| *it);
    let graded = UnitCondition::ALL.into_iter().find(|it| it.as_str() == condition);
    if graded.is_none() {
        wrong.push(format!("`{condition}` is no condition: write new, good, worn or damaged"));
    }
    let minor = parsed(fields, "residual_value_minor", "a number", &mut wrong);
    let currency = given("residual_value_currency");
    if minor.is_some() != currency.is_some() {
        wrong.push("a residual value has an amount and a currency".to_owned());
    }
    let about = UnitAbout {
        serial: given("serial").unwrap_or_default(),
        model: given("model").unwrap_or_default(),
        store: given("store").unwrap_or_default(),
        hardware: given("hardware"),
        firmware: given("firmware"),
        property_number: given("property_number"),
        custodian: given("custodian"),
        seal: given("seal"),
        connections: parsed(fields, "connections", "a number", &mut wrong),
        accessories,
        warranty_from: parsed(fields, "warranty_from", "a day", &mut wrong),
        warranty_until: parsed(fields, "warranty_until", "a day", &mut wrong),
        pts_approval: given("pts_approval"),
        pts_expires_on: parsed(fields, "pts_expires_on", "a day", &mut wrong),
        condition: graded.unwrap_or_default(),
        residual_value: minor.zip(currency).map(|(minor, currency)| UnitValue { minor, currency }),
        inspection_every_days: parsed(fields, "inspection_every_days", "a number", &mut wrong)
            .unwrap_or(INSPECTION_EVERY_DAYS),
    };
    if wrong.is_empty() { Ok(about) } else { Err(wrong) }
}

fn parsed<T: std::str::FromStr>(
    fields: &BTreeMap<&str, &str>,
    name: &str,
    what: &str,
    wrong: &mut Vec<String>,
) -> Option<T> {
    let text = fields.get(name)?;
    let read = text.parse().ok();
    if read.is_none() {
        let shown: String = text.chars().take(32).collect();
        wrong.push(format!("`{name}` is `{shown}`, which is not {what}"));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_what_is_left_out() {
        let text = "\u{feff}serial,model,store,seal,accessories,warranty_until,condition\n\
                    PX-1, px7 ,depot,S-1,base=1; cable=2,2027-12-31,good\nPX-2,px7,depot,,,,\n";
        let (rows, told) = read(text);
        assert_eq!(told, []);
        assert_eq!(rows.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
        let first = &rows[0].about;
        assert_eq!((first.model.as_str(), first.accessories.len()), ("px7", 2));
        assert_eq!(first.warranty_until.map(|it| it.to_string()).as_deref(), Some("2027-12-31"));
        let second = &rows[1].about;
        assert_eq!((second.condition, second.inspection_every_days), (UnitCondition::New, 90));
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let text = "serial,model,store,connections,condition,pts_expires_on\n\
                    PX-1,px7,depot,many,fine,soon\nPX-2,px7\nPX-3,px7,depot,1,,\n";
        let (rows, told) = read(text);
        assert_eq!(rows.iter().map(|it| it.line).collect::<Vec<_>>(), [4]);
        assert_eq!(told.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 2, 2, 3], "{told:?}");
        let (rows, told) = read("serial,model,colour\nPX-1,px7,blue\n");
        assert!(rows.is_empty());
        let told: Vec<_> = told.iter().map(|it| (it.line, it.what.as_str())).collect();
        assert_eq!(
            told,
            [(1, "there is no column `colour`"), (1, "the column `store` is missing")]
        );
        assert_eq!(read(""), (vec![], vec![]));
    }
}
