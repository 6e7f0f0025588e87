//! The bindings of the till: whom it works with, now, next and before. One is active; at most one
//! other is beside it, *staged* until it has been active once and *standby* afterwards.
//!
//! Sales, reversals and batches name their binding and never move to another.

use anyhow::{Context as _, Result, ensure};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, Transaction, params};

use super::{Journal, hold};
use crate::protocol::{BindingState, Code, Profile, Refusal, Secret};

/// One binding as the till has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) state: BindingState,
    /// The name of its host.
    pub(crate) provider: String,
    pub(crate) mid: String,
    pub(crate) tid: String,
    /// As it stands on receipts.
    pub(crate) merchant: String,
    /// `host:port`, in the order in which they are tried; none for one that is only remembered.
    pub(crate) hosts: Vec<String>,
}

/// What a till is started with for one host: a binding of its own, the first time.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) address: String,
}

/// What all bindings that a till is started with have in common.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    pub(crate) mid: String,
    pub(crate) tid: String,
    pub(crate) name: String,
}

impl BindingState {
    const fn stored(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Staged => "staged",
            Self::Standby => "standby",
        }
    }
}

impl ToSql for BindingState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.stored().into())
    }
}

impl FromSql for BindingState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let stored = value.as_str()?;
        let states = [Self::Active, Self::Staged, Self::Standby];
        states.into_iter().find(|it| it.stored() == stored).ok_or(FromSqlError::InvalidType)
    }
}

/// Those that are not erased, the active one first.
const LIVE: &str = "SELECT name, state, provider, mid, tid, merchant, hosts FROM binding
    WHERE state != 'erased' ORDER BY state != 'active', name";

impl Binding {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let hosts: String = row.get("hosts")?;
        Ok(Self {
            name: row.get("name")?,
            state: row.get("state")?,
            provider: row.get("provider")?,
            mid: row.get("mid")?,
            tid: row.get("tid")?,
            merchant: row.get("merchant")?,
            hosts: serde_json::from_str(&hosts).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    6,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })?,
        })
    }
}

impl Journal {
    /// Writes down the bindings that the till is started with, if it knows none yet. Later on the
    /// journal rules: the flags then say only where a host of theirs listens now.
    pub(crate) fn begin_with(
        &mut self,
        given: &[Given],
        active: &str,
        merchant: &Merchant,
        now_ms: i64,
    ) -> Result<()> {
        let change = self.db.transaction()?;
        let none = change.query_row("SELECT NOT EXISTS (SELECT 1 FROM binding)", [], |row| {
            row.get::<_, bool>(0)
        })?;
        if none {
            for name in names_in_batches(&change)? {
                if !given.iter().any(|given| given.name == name) {
                    insert_given(&change, &name, &[], BindingState::Standby, merchant)?;
                }
            }
        }
        for Given { name, address } in given {
            if none {
                let is_active = name == active;
                let state = if is_active { BindingState::Active } else { BindingState::Staged };
                insert_given(&change, name, std::slice::from_ref(address), state, merchant)?;
            } else {
                let hosts = serde_json::to_string(&[address])?;
                change.execute(
                    "UPDATE binding SET hosts = ?2
                     WHERE name = ?1 AND provider = name AND state != 'erased'",
                    [name, &hosts],
                )?;
            }
        }
        if none {
            // What an older till sold with it counts as sold since.
            let since = "UPDATE binding SET since_ms = ?1, first_stan = 1 WHERE state = 'active'";
            change.execute(since, [now_ms])?;
        }
        change.commit()?;
        Ok(())
    }

    /// Those that are not erased, the active one first.
    pub(crate) fn bindings(&self) -> Result<Vec<Binding>> {
        let mut statement = self.db.prepare_cached(LIVE)?;
        let bindings = statement.query_map([], Binding::read)?;
        Ok(bindings.collect::<rusqlite::Result<_>>()?)
    }

    /// The one that new sales go to.
    pub(crate) fn active_binding(&self) -> Result<String> {
        let mut statement =
            self.db.prepare_cached("SELECT name FROM binding WHERE state = 'active'")?;
        statement.query_row([], |row| row.get(0)).context("no binding is active")
    }

    /// The one of that name, unless it is erased or never was.
    pub(crate) fn binding(&self, name: &str) -> Result<Option<Binding>> {
        Ok(self.bindings()?.into_iter().find(|binding| binding.name == name))
    }

    /// Puts a profile into the free slot. One that was staged before and never was active gives
    /// way.
    pub(crate) fn stage(&mut self, name: &str, profile: &Profile) -> Result<(), Refusal> {
        let change = self.db.transaction().map_err(anyhow::Error::from)?;
        let others: Vec<_> = read_all(&change)?;
        if let Some(same) = others.iter().find(|binding| binding.name == name) {
            let is_the_same = is_of(&change, name, profile)?;
            match same.state {
                BindingState::Active | BindingState::Standby if !is_the_same => {
                    let text = format!("{name} is in use with another profile");
                    return Err(Refusal::new(Code::Refused, text));
                }
                BindingState::Active | BindingState::Standby => return Ok(()),
                BindingState::Staged if is_the_same => return Ok(()),
                BindingState::Staged => {}
            }
        }
        for other in others.iter().filter(|it| it.state != BindingState::Active) {
            if other.state == BindingState::Standby {
                let text = format!("there is no free slot: {} is on standby", other.name);
                return Err(Refusal::new(Code::Refused, text));
            }
            if let Some(debt) = debt(&change, &other.name)? {
                let text = format!("there is no free slot: {} still has {debt}", other.name);
                return Err(Refusal::new(Code::Refused, text));
            }
            wipe(&change, &other.name)?;
        }
        write(&change, name, profile)?;
        change.commit().map_err(anyhow::Error::from)?;
        Ok(())
    }

    /// Makes `to` the active one and the active one the standby, in one step. Refused while the
    /// shop may sell; the caller has the desk.
    pub(crate) fn switch(&mut self, to: &str, now_ms: i64) -> Result<(), Refusal> {
        let change = self.db.transaction().map_err(anyhow::Error::from)?;
        let all = read_all(&change)?;
        let Some(target) = all.iter().find(|binding| binding.name == to) else {
            return Err(Refusal::new(Code::Refused, format!("there is no binding {to}")));
        };
        match target.state {
            BindingState::Active => return Ok(()),
            BindingState::Staged | BindingState::Standby => {}
        }
        if !hold::is_closed(&change, now_ms)? {
            let text = "trading is open: hold it first";
            return Err(Refusal::new(Code::Refused, text));
        }
        if target.hosts.is_empty() {
            let text = format!("{to} has no host: nobody could be asked");
            return Err(Refusal::new(Code::Refused, text));
        }
        activate(&change, to, now_ms)?;
        change.commit().map_err(anyhow::Error::from)?;
        Ok(())
    }

    /// Frees the slot of `name`: its keys and its tuple are gone from the files, not only from
    /// view. Not ready as long as somebody reads what has to go.
    pub(crate) fn erase(&mut self, name: &str) -> Result<(), Refusal> {
        let change = self.db.transaction().map_err(anyhow::Error::from)?;
        let all = read_all(&change)?;
        if let Some(binding) = all.iter().find(|binding| binding.name == name) {
            if binding.state == BindingState::Active {
                return Err(Refusal::new(Code::Refused, format!("{name} is active")));
            }
            if let Some(debt) = debt(&change, name)? {
                return Err(Refusal::new(Code::Refused, format!("{name} still has {debt}")));
            }
            wipe(&change, name)?;
        }
        change.commit().map_err(anyhow::Error::from)?;
        // Freed pages are overwritten (`secure_delete`); the log's older pages must go too, also
        // those that a kill has kept from going the last time.
        let is_read: bool = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(anyhow::Error::from)?;
        match is_read {
            true => Err(Refusal::not_ready("the journal is being read: ask again")),
            false => Ok(()),
        }
    }
}

fn names_in_batches(db: &Connection) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT DISTINCT binding FROM batch ORDER BY binding")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

fn insert_given(
    change: &Transaction<'_>,
    name: &str,
    hosts: &[String],
    state: BindingState,
    merchant: &Merchant,
) -> Result<()> {
    let Merchant { mid, tid, name: shown } = merchant;
    change.execute(
        "INSERT INTO binding (name, state, provider, version, mid, tid, merchant, mcc, hosts)
         VALUES (?1, ?2, ?1, 1, ?3, ?4, ?5, '5411', ?6)",
        params![name, state, mid, tid, shown, serde_json::to_string(hosts)?],
    )?;
    Ok(())
}

fn read_all(db: &Connection) -> Result<Vec<Binding>> {
    let mut statement = db.prepare_cached(LIVE)?;
    let bindings = statement.query_map([], Binding::read)?;
    Ok(bindings.collect::<rusqlite::Result<_>>()?)
}

/// Whether the binding has exactly this profile, key included.
fn is_of(db: &Connection, name: &str, profile: &Profile) -> Result<bool> {
    let Profile { version, provider, mid, tid, name: merchant, mcc, currency: _, hosts, secret } =
        profile;
    let same = db.query_row(
        "SELECT version = ?2 AND provider = ?3 AND mid = ?4 AND tid = ?5 AND merchant = ?6
            AND mcc = ?7 AND hosts = ?8
            AND (SELECT secret FROM binding_key WHERE name = ?1) IS ?9
         FROM binding WHERE name = ?1",
        params![
            name,
            version,
            provider,
            mid,
            tid,
            merchant,
            mcc,
            serde_json::to_string(hosts)?,
            secret.as_ref().map(Secret::text)
        ],
        |row| row.get(0),
    )?;
    Ok(same)
}

fn write(change: &Transaction<'_>, name: &str, profile: &Profile) -> Result<()> {
    let Profile { version, provider, mid, tid, name: merchant, mcc, currency: _, hosts, secret } =
        profile;
    let hosts = serde_json::to_string(hosts)?;
    change.execute(
        "INSERT OR REPLACE INTO binding
            (name, state, provider, version, mid, tid, merchant, mcc, hosts)
         VALUES (?1, 'staged', ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![name, provider, version, mid, tid, merchant, mcc, hosts],
    )?;
    change.execute("DELETE FROM binding_key WHERE name = ?1", [name])?;
    if let Some(secret) = secret {
        change.execute("INSERT INTO binding_key VALUES (?1, ?2)", [name, secret.text()])?;
    }
    Ok(())
}

fn activate(change: &Transaction<'_>, to: &str, now_ms: i64) -> Result<()> {
    let last_stan: i64 =
        change.query_row("SELECT coalesce(max(stan), 0) FROM sale", [], |row| row.get(0))?;
    let left = change.execute(
        "UPDATE binding SET state = 'standby', since_ms = NULL, last_stan = ?1
         WHERE state = 'active'",
        [last_stan],
    )?;
    let entered = change.execute(
        "UPDATE binding SET state = 'active', since_ms = ?2, first_stan = ?3 + 1,
            last_stan = NULL, crashes = 0
         WHERE name = ?1 AND state IN ('staged', 'standby')",
        params![to, now_ms, last_stan],
    )?;
    ensure!((left, entered) == (1, 1), "{left} bindings were active, {entered} would be");
    Ok(())
}

/// What ties the till to the host of `name`, in words.
fn debt(db: &Connection, name: &str) -> Result<Option<String>> {
    let (reversals, stored, held) = super::sale::owed(db, name)?;
    let open = super::batch::open_count(db, name)?;
    let parts = [
        (reversals, "reversal(s) that its host does not know of"),
        (stored, "stored sale(s) that its host does not know of"),
        (held, "pre-authorisation(s) neither completed nor cancelled"),
        (open, "sale(s) in a batch that is not settled"),
    ];
    let parts: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let texts: Vec<_> = parts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    Ok(Some(texts.join(", ")))
}

/// Keeps what the books refer to: the name and the provider.
fn wipe(change: &Transaction<'_>, name: &str) -> Result<()> {
    let wiped = change.execute(
        "UPDATE binding SET state = 'erased', version = 0, mid = '', tid = '', merchant = '',
            mcc = '', hosts = '[]', since_ms = NULL, first_stan = NULL, last_stan = NULL
         WHERE name = ?1 AND state IN ('staged', 'standby')",
        [name],
    )?;
    ensure!(wiped == 1, "{name} cannot be erased");
    change.execute("DELETE FROM binding_key WHERE name = ?1", [name])?;
    Ok(())
}

#[cfg(test)]
mod tests;
