//! An acquirer host: keeps books of its own, against which the tills' are compared.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use rusqlite::{Connection, OpenFlags};

use super::{START_PATIENCE, still_runs};
use crate::process::Process;
use crate::programs::Programs;
use crate::wait::wait_for;

#[derive(Debug)]
pub struct Host {
    pub process: Process,
    name: String,
    address: SocketAddr,
    directory: PathBuf,
}

/// What a host has of one terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostBooks {
    pub taken_minor: i64,
    pub settled_minor: i64,
    /// Settled ones.
    pub batches: i64,
}

impl Host {
    pub(super) fn start(programs: &Programs, directory: &Path, name: &str) -> Result<Self> {
        let home = directory.join(format!("host-{name}"));
        fs::create_dir_all(&home)?;
        let port = home.join("port");
        let mut command = Command::new(programs.pos_sim("1.0.0")?);
        command.args(["host", "--name", name, "--data"]).arg(&home);
        command.arg("--port-file").arg(&port);
        let log = format!("host-{name}");
        let mut process = Process::start(&log, &mut command, &directory.join("logs"))?;
        let port: u16 = wait_for(&format!("host {name} listens"), START_PATIENCE, || {
            still_runs(&mut process).map_err(|error| error.to_string())?;
            let text = fs::read_to_string(&port).map_err(|error| error.to_string())?;
            text.trim().parse().map_err(|error| format!("{error} in `{text}`"))
        })?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self { process, name: name.to_owned(), address, directory: home })
    }

    /// As a till is told of it.
    pub(super) fn argument(&self) -> String {
        format!("{}={}", self.name, self.address)
    }

    /// The provider's name too.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it charged less what it reversed or gave back, and what of that it settled, at one
    /// terminal.
    pub fn books_of(&self, terminal: &str) -> Result<HostBooks> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let books = Connection::open_with_flags(self.directory.join("host.db"), flags)?;
        let taken = "SELECT coalesce(sum(iif(what = 'charge', amount_minor, -amount_minor)), 0)
            FROM movement WHERE terminal = ?1 AND what IN ('charge', 'reversal')";
        let settled = "SELECT coalesce(sum(total_minor), 0) FROM settlement WHERE terminal = ?1";
        let batches = "SELECT count(*) FROM settlement WHERE terminal = ?1";
        let read = |query| books.query_row(query, [terminal], |row| row.get::<_, i64>(0));
        Ok(HostBooks {
            taken_minor: read(taken)?,
            settled_minor: read(settled)?,
            batches: read(batches)?,
        })
    }

    /// Charges at one terminal that were not reversed.
    pub fn sales_of(&self, terminal: &str) -> Result<i64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let books = Connection::open_with_flags(self.directory.join("host.db"), flags)?;
        let sales = "SELECT coalesce(sum(iif(what = 'charge', 1, -1)), 0)
            FROM movement WHERE terminal = ?1 AND what IN ('charge', 'reversal')";
        Ok(books.query_row(sales, [terminal], |row| row.get(0))?)
    }

    /// Takes one settled charge out of the books, to see that the comparison notices.
    pub fn lose_one_sale(&self) -> Result<()> {
        let books = Connection::open(self.directory.join("host.db"))?;
        let gone = "DELETE FROM movement WHERE id = (
            SELECT m.id FROM movement m
            JOIN settlement s ON s.terminal = m.terminal AND s.batch = m.batch
            WHERE m.what = 'charge' AND NOT EXISTS (
                SELECT 1 FROM movement r
                WHERE r.terminal = m.terminal AND r.stan = m.stan AND r.id <> m.id)
            LIMIT 1)";
        match books.execute(gone, [])? {
            1 => Ok(()),
            other => bail!("{other} charges were taken out of the books, not one"),
        }
    }
}
