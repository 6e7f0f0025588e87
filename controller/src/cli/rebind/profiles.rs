//! The file of MIDs, TIDs, names and secrets, and the profiles that are made of it.
//!
//! ```toml
//! currency = "CNY"
//! mcc = "5411"
//! hosts = ["acquirer.example:9001"]
//!
//! [[terminal]]
//! serial = "PX-1"
//! mid = "898440154110001"
//! tid = "B0000001"
//! name = "North Store"
//! replaces_mid = "105440154110001"
//! replaces_tid = "A0000001"
//! secret = "…"                 # sealed to the terminal here, and nowhere kept
//! terminal_key = "…"           # as `tillward-agent status` shows it; else the controller's word
//! ```

mod table;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use shared::codec;
use shared::digest::PublicKey;
use shared::document::profile::{Merchant, Replaced};
use shared::document::{FORMAT, Profile, RecipientStatement};
use shared::id::{BindingId, FleetId, PositionId};
use zeroize::{Zeroize as _, Zeroizing};

use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::recovery::Signer;
use super::super::words::counted;
use crate::api::model::{Base64, Plan, PlannedTerminal, Terminal, WantedTerminal};
use crate::key_file::seal_to;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    currency: String,
    mcc: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    terminal: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    serial: String,
    mid: String,
    tid: String,
    name: String,
    mcc: Option<String>,
    hosts: Option<Vec<String>>,
    replaces_mid: String,
    replaces_tid: String,
    replaces_binding: Option<BindingId>,
    position: Option<PositionId>,
    binding: Option<BindingId>,
    version: Option<u32>,
    secret: Option<String>,
    terminal_key: Option<PublicKey>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl ProfileFile {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text =
            text.map_err(|error| Failure::new(error).context(format!("cannot read {shown}")))?;
        // What stands around a mistake may be a secret: only the place is told.
        if path.extension().is_some_and(|it| it == "csv") {
            let file = table::read(&text).map_err(|mistake| {
                Failure::because(format_args!("{shown}, line {}: {}", mistake.line, mistake.what))
                    .hint("`tillward rebind start --help` shows what the file looks like")
            })?;
            return file.not_empty(path);
        }
        let file = toml::from_str::<Self>(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).map_or(0, |before| before.lines().count());
            Failure::because(format_args!("{shown}, line {line}: {}", error.message()))
                .hint("`tillward rebind start --help` shows what the file looks like")
        })?;
        file.not_empty(path)
    }

    fn not_empty(self, path: &Path) -> Result<Self, Failure> {
        match self.terminal.is_empty() {
            true => Err(Failure::because(format_args!("{} lists no terminal", path.display()))),
            false => Ok(self),
        }
    }

    pub(super) fn wanted(&self) -> Vec<WantedTerminal> {
        let of = |entry: &Entry| WantedTerminal {
            serial: entry.serial.clone(),
            has_secret: entry.secret.is_some(),
            replaces_mid: entry.replaces_mid.clone(),
            replaces_tid: entry.replaces_tid.clone(),
            mid: entry.mid.clone(),
            tid: entry.tid.clone(),
            name: entry.name.clone(),
            mcc: self.mcc_of(entry),
            currency: self.currency.clone(),
            hosts: self.hosts_of(entry),
            position: entry.position,
            binding: entry.binding,
        };
        self.terminal.iter().map(of).collect()
    }

    fn mcc_of(&self, entry: &Entry) -> String {
        entry.mcc.clone().or_else(|| self.mcc.clone()).unwrap_or_default()
    }

    fn hosts_of(&self, entry: &Entry) -> Vec<String> {
        entry.hosts.clone().unwrap_or_else(|| self.hosts.clone())
    }

    /// The profile of every terminal, in the order of the file, with its secret sealed to it. What
    /// the file does not say of positions and bindings is as it stands in the plan.
    pub(super) fn sealed(
        &self,
        to: &str,
        fleet: FleetId,
        known: &[Terminal],
        plan: &Plan,
        print: &mut Print,
    ) -> Result<Vec<Base64>, Failure> {
        let planned: BTreeMap<_, _> =
            plan.terminals.iter().map(|it| (it.serial.as_str(), it)).collect();
        let known: BTreeMap<_, _> = known.iter().map(|it| (it.serial.as_str(), it)).collect();
        let mut profiles = Vec::new();
        let (mut believed, mut placed) = (0, 0);
        for entry in &self.terminal {
            let serial = &entry.serial;
            let terminal = known.get(serial.as_str()).copied().ok_or_else(|| {
                Failure::because(format_args!("no terminal has the serial number `{serial}`"))
                    .hint("`tillward terminal list` shows those that are known")
            })?;
            let sealed = match &entry.secret {
                Some(secret) => Some(seal(entry, secret, terminal, fleet)?),
                None => None,
            };
            believed += u64::from(sealed.is_some() && entry.terminal_key.is_none());
            let planned = planned.get(serial.as_str()).copied();
            let position = entry.position.or_else(|| planned?.position);
            placed += u64::from(position.is_none());
            let position = position.unwrap_or_else(PositionId::generate);
            let profile = self.profile(entry, to, terminal, (position, planned), sealed);
            profile.check().map_err(|why| {
                Failure::because(format_args!("the profile of {serial}: {why}"))
                    .hint("correct the file of profiles")
            })?;
            profiles.push(Base64(codec::encode(&profile)));
        }
        if believed > 0 {
            print.warning(format_args!(
                "{} sealed to keys that only the controller names: compare them with the \
                 terminals' own and put them into the file as `terminal_key`",
                are(believed, "secret")
            ));
        }
        if placed > 0 {
            print.warning(format_args!(
                "{} in no position that is on record: `tillward position fill` says where a unit \
                 stands",
                are(placed, "terminal")
            ));
        }
        Ok(profiles)
    }

    fn profile(
        &self,
        entry: &Entry,
        to: &str,
        terminal: &Terminal,
        (position, planned): (PositionId, Option<&PlannedTerminal>),
        sealed: Option<Vec<u8>>,
    ) -> Profile {
        let next = planned.and_then(|it| it.next);
        let binding = entry.binding.or_else(|| next.map(|it| it.id));
        Profile {
            format: FORMAT,
            terminal: terminal.id,
            position,
            binding: binding.unwrap_or_else(BindingId::generate),
            version: entry.version.or_else(|| next.map(|it| it.version)).unwrap_or(1),
            provider: to.to_owned(),
            merchant: Merchant {
                mid: entry.mid.clone(),
                tid: entry.tid.clone(),
                name: entry.name.clone(),
                mcc: self.mcc_of(entry),
            },
            currency: self.currency.clone(),
            hosts: self.hosts_of(entry),
            sealed: sealed.map(Into::into),
            replaces: Replaced {
                // A till that was set up before has a name of its own for what it is bound to.
                binding: entry.replaces_binding,
                mid: entry.replaces_mid.clone(),
                tid: entry.replaces_tid.clone(),
            },
        }
    }
}

fn are(count: u64, one: &str) -> String {
    format!("{} {}", counted(count, one), if count == 1 { "is" } else { "are" })
}

/// Seals a secret to the recipient that the terminal itself has signed for.
fn seal(
    entry: &Entry,
    secret: &str,
    terminal: &Terminal,
    fleet: FleetId,
) -> Result<Vec<u8>, Failure> {
    let serial = &entry.serial;
    let said = terminal.recipient.as_ref().ok_or_else(|| {
        Failure::because(format_args!("{serial} has not said to whom its secrets are sealed"))
            .hint("it says so when it connects, once its agent.toml has `[backup]`")
    })?;
    let key = entry.terminal_key.unwrap_or(said.key);
    let what = format!("the recipient of {serial}");
    let signer = Signer { fleet, key };
    let statement = signer.check::<RecipientStatement>(Path::new(&what), &said.statement.0)?;
    let statement = statement.document;
    if statement.terminal != terminal.id || statement.serial != *serial {
        let what = format!("the recipient that the controller gives for {serial} is another's");
        return Err(Failure::because(what).exit(Exit::NotGenuine));
    }
    Ok(seal_to(&statement.recipient, secret.as_bytes())?)
}
