//! The same file as a table, for whoever works with spreadsheets.
//!
//! ```text
//! serial,mid,tid,name,mcc,currency,hosts,replaces_mid,replaces_tid,secret,terminal_key
//! ```
//!
//! `hosts` has spaces between them; `secret` and `terminal_key` may be left out.

use serde::Deserialize;
use shared::digest::PublicKey;
use zeroize::Zeroize as _;

use super::{Entry, ProfileFile};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: String,
    mid: String,
    tid: String,
    name: String,
    mcc: String,
    currency: String,
    hosts: String,
    replaces_mid: String,
    replaces_tid: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    terminal_key: Option<PublicKey>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// Why a table cannot be read, and in which line of the file, from 1. What stands in it is not
/// told: it may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub line: u64,
    pub what: String,
}

pub(super) fn read(text: &str) -> Result<ProfileFile, Mistake> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut file =
        ProfileFile { currency: String::new(), mcc: None, hosts: vec![], terminal: vec![] };
    for line in reader.deserialize::<Line>() {
        let mut line = line.map_err(mistake)?;
        let at = file.terminal.len() as u64 + 2;
        if file.terminal.is_empty() {
            file.currency.clone_from(&line.currency);
        } else if file.currency != line.currency {
            let what = format!("its currency is not {}, as in the lines before", file.currency);
            return Err(Mistake { line: at, what });
        }
        let secret = std::mem::take(&mut line.secret);
        file.terminal.push(Entry {
            serial: line.serial.clone(),
            mid: line.mid.clone(),
            tid: line.tid.clone(),
            name: line.name.clone(),
            mcc: Some(line.mcc.clone()),
            hosts: Some(line.hosts.split_whitespace().map(str::to_owned).collect()),
            replaces_mid: line.replaces_mid.clone(),
            replaces_tid: line.replaces_tid.clone(),
            replaces_binding: None,
            position: None,
            binding: None,
            version: None,
            secret: Some(secret).filter(|secret| !secret.is_empty()),
            terminal_key: line.terminal_key,
        });
    }
    Ok(file)
}

fn mistake(error: csv::Error) -> Mistake {
    let line = error.position().map_or(1, csv::Position::line);
    let what = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        format!("it has {len} columns, and the first line names {expected_len}")
    } else if let csv::ErrorKind::Deserialize { err, .. } = error.kind()
        && let csv::DeserializeErrorKind::Message(text) = err.kind()
    {
        text.clone()
    } else {
        "a value has not the form that its column needs".to_owned()
    };
    Mistake { line, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "serial,mid,tid,name,mcc,currency,hosts,replaces_mid,replaces_tid";

    #[test]
    fn a_table_says_what_the_other_form_says() {
        let text = format!(
            "{HEAD},secret\nPX-1,898440154110001,B1,\"North, 1\",5411,CNY,a:1 b:2,M,A1,s3cret\n\
             PX-2,898440154110001,B2,North 2,5411,CNY,a:1,M,A2,\n"
        );
        let file = read(&text).expect("it is a table");
        assert_eq!((file.currency.as_str(), file.terminal.len()), ("CNY", 2));
        let [one, two] = file.terminal.as_slice() else { panic!("there are two") };
        assert_eq!((one.serial.as_str(), one.name.as_str()), ("PX-1", "North, 1"));
        assert_eq!(one.hosts.as_deref(), Some(&["a:1".to_owned(), "b:2".to_owned()][..]));
        assert_eq!((one.secret.as_deref(), two.secret.as_deref()), (Some("s3cret"), None));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_line_and_without_what_stands_there() {
        let row = "PX-1,M,B1,North,5411,CNY,a:1,M,A1";
        for (text, line, what) in [
            (format!("{HEAD}\n{row}\nPX-2,M,B2,North,5411,EUR,a:1,M,A2\n"), 3, "currency"),
            (format!("{HEAD}\n{row},s3cret\n"), 2, "10 columns"),
            (format!("{HEAD},colour\n{row},s3cret\n"), 2, "colour"),
            ("serial,mid\nPX-1,M\n".to_owned(), 2, "missing field"),
            (format!("{HEAD},terminal_key\n{row},s3cret\n"), 2, ""),
        ] {
            let mistake = read(&text).err().expect("it is wrong");
            assert_eq!(mistake.line, line, "{mistake:?}");
            assert!(mistake.what.contains(what), "{mistake:?}");
            assert!(!mistake.what.contains("s3cret"), "{mistake:?}");
        }
    }
}
