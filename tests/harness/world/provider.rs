//! Providers: to whom a till is bound, and what an operator has in hand to bind it to another.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use shared::id::RequestId;

use super::register::{MID, name, tid};
use super::{Host, HostBooks, Terminal, World};
use crate::programs::Programs;

/// A binding as the till has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Binding {
    pub binding: String,
    /// `active`, `staged`, `standby` or `retiring`.
    pub state: String,
    pub provider: String,
    pub mid: String,
    pub tid: String,
}

impl Terminal {
    /// The active one first.
    pub fn bindings(&self, programs: &Programs) -> Result<Vec<Binding>> {
        let status = self.till_status(programs)?;
        serde_json::from_value(status["bindings"].clone())
            .with_context(|| format!("{} says of its bindings: {status:#}", self.shop.serial))
    }

    /// What the till's journal says that this provider has of it, whatever binding that was.
    pub fn books_with(&self, provider: &str) -> Result<HostBooks> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let journal = Connection::open_with_flags(self.till_directory().join("till.db"), flags)?;
        let bindings = "binding IN (SELECT name FROM binding WHERE provider = ?1)";
        let read = |what: &str, of: &str| {
            let query = format!("SELECT {what} FROM {of} AND {bindings}");
            journal.query_row(&query, [provider], |row| row.get::<_, i64>(0))
        };
        let (sales, batches) =
            ("sale WHERE state IN ('approved', 'stored')", "batch WHERE state = 'settled'");
        Ok(HostBooks {
            taken_minor: read("coalesce(sum(amount_minor), 0)", sales)?,
            settled_minor: read("coalesce(sum(total_minor), 0)", batches)?,
            batches: read("count(*)", batches)?,
        })
    }

    /// The provider that sales go to now.
    pub fn provider(&self, programs: &Programs) -> Result<String> {
        let mut bindings = self.bindings(programs)?.into_iter();
        let active = bindings.find(|binding| binding.state == "active");
        Ok(active.context("a till has an active binding")?.provider)
    }
}

/// A change of provider as an operator has it in hand: a file of profiles, and the words that go
/// with it.
#[derive(Clone, Debug)]
pub struct Profiles {
    pub file: PathBuf,
    from: String,
    to: String,
    pub request: RequestId,
    stores: Vec<String>,
}

/// Of all that are told: the longest lead, and a day.
const TOLD_BEFORE_S: i64 = 8 * 24 * 3600;

impl Profiles {
    /// What `rebind plan` and `rebind start` are told of it.
    pub fn terms(&self) -> Result<Vec<String>> {
        let file = self.file.to_str().context("paths of tests are UTF-8")?;
        let request = self.request.to_string();
        let words = [
            ["--from", &self.from],
            ["--to", &self.to],
            ["--profiles", file],
            ["--request", &request],
            ["--reason", "fee"],
            ["--ordered-by", "the chain's head office"],
        ];
        let mut words: Vec<_> = words.concat().into_iter().map(str::to_owned).collect();
        for store in &self.stores {
            words.push(format!("--fallback={store}=cash, and the QR code at the counter"));
        }
        let told = jiff::Timestamp::now().as_second() - TOLD_BEFORE_S;
        let told = jiff::Timestamp::from_second(told)?;
        for party in ["old-provider", "bank", "new-provider", "store"] {
            words.push(format!("--told={party}={told}"));
        }
        Ok(words)
    }
}

impl World {
    /// Profiles that bind these terminals to another host, in this order, with everything on record
    /// that a change to it needs. `secret` is what each gets as its key, by its serial number.
    pub fn profiles(
        &self,
        to: &Host,
        terminals: &[usize],
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Profiles> {
        self.describe_providers()?;
        self.take_over_bindings(terminals)?;
        self.register_with(to, terminals)?;
        let mut profiles = self.profiles_only(to, terminals, secret)?;
        profiles.request = self.accepted_request(&profiles.from, &profiles.to)?;
        Ok(profiles)
    }

    /// As [`World::profiles`], with nothing on record, for a request that nobody made.
    pub fn profiles_only(
        &self,
        to: &Host,
        terminals: &[usize],
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Profiles> {
        let file = self.directory.join(format!("profiles-{}.toml", to.name()));
        let mut text =
            format!("currency = \"CNY\"\nmcc = \"5411\"\nhosts = [\"{}\"]\n", to.address());
        let mut from = None;
        let mut stores = Vec::new();
        for at in terminals {
            let terminal = &self.terminals[*at];
            let serial = &terminal.shop.serial;
            let bindings = terminal.bindings(&self.programs)?;
            let now = bindings.first().context("a till has a binding")?;
            from.get_or_insert_with(|| now.provider.clone());
            text.push_str(&format!(
                "\n[[terminal]]\nserial = \"{serial}\"\nmid = \"{MID}\"\ntid = \"{}\"\n\
                 name = \"{}\"\nreplaces_mid = \"{}\"\nreplaces_tid = \"{}\"\n",
                tid(*at),
                name(*at),
                now.mid,
                now.tid
            ));
            if let Some(secret) = secret(serial) {
                text.push_str(&format!("secret = \"{secret}\"\n"));
            }
            if !stores.contains(&terminal.shop.store) {
                stores.push(terminal.shop.store.clone());
            }
        }
        fs::write(&file, text)?;
        let from = from.context("a change of provider has terminals")?;
        let request = RequestId::generate();
        Ok(Profiles { file, from, to: to.name().to_owned(), request, stores })
    }
}
