//! Compares the books of tills and hosts, which were never written by the same hand.
//!
//! It may run while everything sells: the tills are read before the hosts and again after them, so
//! that a sale made in between is neither missed nor accused.

mod books;
mod compare;
mod report;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::exit::Exit;
use crate::print;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A till's data directory; several after each other.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    till: Vec<PathBuf>,
    /// A host's data directory; several after each other.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    host: Vec<PathBuf>,
    /// This terminal's till has taken over the sales of another one, `HEIR=OLD`; may be repeated.
    #[arg(long, value_name = "HEIR=OLD", value_parser = heir)]
    took_over: Vec<(String, String)>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

fn heir(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((heir, old)) => Ok((heir.to_owned(), old.to_owned())),
        None => Err("write HEIR=OLD".to_owned()),
    }
}

/// Reads the books, prints the report, and says whether the money is right.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit> {
    let read_tills = || {
        arguments.till.iter().map(|data| {
            let mut till = books::read_till(data)?;
            let taken = arguments.took_over.iter().find(|(heir, _)| *heir == till.terminal);
            till.took_over = taken.map(|(_, old)| old.clone());
            Ok(till)
        })
    };
    let before = read_tills().collect::<Result<Vec<_>>>()?;
    let hosts = arguments.host.iter().map(|data| books::read_host(data));
    let hosts = hosts.collect::<Result<Vec<_>>>()?;
    let after = read_tills().collect::<Result<Vec<_>>>()?;
    for till in &after {
        for sold_to in till.hosts_sold_to() {
            let known = hosts.iter().any(|host| host.name == sold_to);
            ensure!(known, "till {} sold to host {sold_to}: give its --host too", till.terminal);
        }
    }
    let report = compare::compare(&before, &hosts, &after);
    let text = if arguments.json {
        serde_json::to_string_pretty(&report)?
    } else {
        report::table(&report)
    };
    print::line(&text)?;
    Ok(if report.total.is_right() { Exit::Done } else { Exit::MoneyIsWrong })
}
