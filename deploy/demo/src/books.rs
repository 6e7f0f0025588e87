//! The books of tills and hosts, compared: what every scenario promises of the money.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use harness::world::{Terminal, World};
use serde::Deserialize;

use crate::promises::Promises;

/// By serial number.
#[derive(Debug)]
pub(crate) struct Books(BTreeMap<String, TillBooks>);

/// One till against all hosts.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct TillBooks {
    pub(crate) sales: i64,
    pub(crate) amount_minor: i64,
    pub(crate) lost: i64,
    pub(crate) doubled: i64,
    pub(crate) settled_twice: i64,
    pub(crate) wrong_host: i64,
    pub(crate) tests_left: i64,
    pub(crate) downtime_ms: i64,
}

#[derive(Deserialize)]
struct Audit {
    tills: Vec<Audited>,
}

#[derive(Deserialize)]
struct Audited {
    terminal: String,
    #[serde(flatten)]
    books: TillBooks,
}

impl Books {
    pub(crate) fn read(world: &World) -> Result<Self> {
        Self::read_of(world, &world.terminals)
    }

    /// Of these tills alone: others may have been emptied.
    pub(crate) fn read_of(world: &World, terminals: &[Terminal]) -> Result<Self> {
        let audit = world.audit_of(terminals)?;
        let audit: Audit = serde_json::from_value(audit).context("reading the audit")?;
        Ok(Self(audit.tills.into_iter().map(|till| (till.terminal, till.books)).collect()))
    }

    pub(crate) fn of(&self, serial: &str) -> Result<&TillBooks> {
        self.0.get(serial).with_context(|| format!("the audit does not name {serial}"))
    }

    pub(crate) fn promise(&self, promises: &mut Promises) {
        let total = |of: fn(&TillBooks) -> i64| self.0.values().map(of).sum::<i64>();
        promises.equal("no sale was lost", &total(|till| till.lost), &0);
        promises.equal("no sale was charged twice", &total(|till| till.doubled), &0);
        promises.equal("nothing was settled twice", &total(|till| till.settled_twice), &0);
        promises.equal("no host was told of a sale of another", &total(|till| till.wrong_host), &0);
        let idle = self.0.iter().filter(|(_, till)| till.sales == 0).map(|(serial, _)| serial);
        promises.equal("every shop sold", &idle.collect::<Vec<_>>(), &Vec::new());
    }

    /// Test sales that nobody gave back, over all tills.
    pub(crate) fn tests_left(&self) -> i64 {
        self.0.values().map(|till| till.tests_left).sum()
    }

    /// Over all tills.
    pub(crate) fn sales(&self) -> i64 {
        self.0.values().map(|till| till.sales).sum()
    }
}
