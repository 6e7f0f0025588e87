//! Evidence as one file: a tar of what was signed, after a manifest in which the digest of each
//! entry includes that of the one before. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};

use serde::{Deserialize, Serialize};
use shared::digest::{Digest, PublicKey};
use shared::id::{CampaignId, FleetId, OrderId, TerminalId};

use crate::api::model::OrderEvidence;

const MANIFEST: &str = "manifest.json";

/// Entries of one file. Ten thousand terminals have fewer.
const ENTRIES_MAX: usize = 200_000;

/// One entry: a letter over ten thousand terminals is the largest.
const ENTRY_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u8,
    fleet: FleetId,
    entries: Vec<Listed>,
    /// The chain over all entries.
    head: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    sha256: Digest,
    /// Over this entry and the chain before it.
    chain: Digest,
}

/// What is said of an order beside the signed bytes. The controller's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    pub(super) order: OrderId,
    pub(super) campaign: CampaignId,
    pub(super) terminal: TerminalId,
    pub(super) serial: String,
    pub(super) terminal_key: Option<PublicKey>,
    /// The siblings that prove the profile.
    pub(super) profile_path: Vec<Digest>,
}

#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: usize,
    pub(super) head: Digest,
}

/// A file whose entries are those of its manifest, in their order.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) fleet: FleetId,
    pub(super) head: Digest,
    /// By name.
    pub(super) entries: BTreeMap<String, Vec<u8>>,
}

/// Why a file is not evidence.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAPack {
    #[error("it cannot be packed")]
    Unwritten(#[source] io::Error),
    #[error("it is of fleet {found}, the rest of {wanted}")]
    OtherFleet { found: FleetId, wanted: FleetId },
    #[error("it is no file of evidence")]
    NoManifest,
    #[error("its manifest was changed: {0}")]
    Manifest(String),
    #[error("it was truncated: {0}")]
    Truncated(String),
    #[error("`{0}` was changed")]
    Tampered(String),
    #[error("it was reordered: `{found}` stands where `{wanted}` belongs")]
    Reordered { found: String, wanted: String },
    #[error("`{0}` is foreign: the manifest does not list it")]
    Foreign(String),
    #[error("it is too large, or `{0}` is")]
    TooLarge(String),
    #[error("its head is {found}, not {wanted}: it is another file than was exported")]
    OtherHead { found: Digest, wanted: Digest },
}

fn link(before: Digest, name: &str, sha256: Digest) -> Digest {
    Digest::of_parts(&[b"tillward/1/evidence/", &before.0, name.as_bytes(), &[0], &sha256.0])
}

fn begin(fleet: FleetId) -> Digest {
    Digest::of_parts(&[b"tillward/1/evidence/", fleet.as_bytes()])
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("evidence has text keys")
}

/// Everything under a name, each once.
fn entries(all: &[OrderEvidence]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |name: String, bytes: Vec<u8>| {
        if seen.insert(name.clone()) {
            entries.push((name, bytes));
        }
    };
    for it in all {
        for (number, roster) in (1..).zip(&it.rosters) {
            add(format!("rosters/{number:04}.cose"), roster.0.clone());
        }
    }
    for it in all {
        let campaign = it.campaign;
        add(format!("campaigns/{campaign}/notices.json"), json(&it.notices));
        for letter in &it.letters {
            let name = format!("campaigns/{campaign}/letters/{}", letter.digest);
            add(format!("{name}.html"), letter.html.clone().into_bytes());
            if !letter.text.is_empty() {
                add(format!("{name}.txt"), letter.text.clone().into_bytes());
            }
        }
    }
    for it in all {
        let of = |name: &str| format!("orders/{}/{name}", it.order);
        let about = About {
            order: it.order,
            campaign: it.campaign,
            terminal: it.terminal,
            serial: it.serial.clone(),
            terminal_key: it.terminal_key,
            profile_path: it.profile_path.clone(),
        };
        add(of("about.json"), json(&about));
        add(of("batch.cose"), it.batch.0.clone());
        add(of("order.cose"), it.signed_order.0.clone());
        let maybe = [("release.cose", &it.release), ("profile.cbor", &it.profile)];
        for (name, bytes) in maybe {
            bytes.iter().for_each(|bytes| add(of(name), bytes.0.clone()));
        }
        for (number, receipt) in (1..).zip(&it.receipts) {
            add(of(&format!("receipts/{number:04}.cose")), receipt.0.clone());
        }
    }
    entries
}

/// Packs the evidence of orders of one fleet.
/// `beside` is what else was said, by names that no order has.
pub(super) fn pack(
    all: &[OrderEvidence],
    beside: Vec<(String, Vec<u8>)>,
) -> Result<Packed, NotAPack> {
    let wanted = all.first().ok_or(NotAPack::NoManifest)?.fleet;
    if let Some(other) = all.iter().find(|it| it.fleet != wanted) {
        return Err(NotAPack::OtherFleet { found: other.fleet, wanted });
    }
    let mut entries = entries(all);
    entries.extend(beside);
    write(wanted, &entries).map_err(NotAPack::Unwritten)
}

fn write(fleet: FleetId, entries: &[(String, Vec<u8>)]) -> io::Result<Packed> {
    let mut head = begin(fleet);
    let mut listed = Vec::new();
    for (name, bytes) in entries {
        let sha256 = Digest::of(bytes);
        head = link(head, name, sha256);
        listed.push(Listed { name: name.clone(), sha256, chain: head });
    }
    let manifest = json(&Manifest { format: 1, fleet, entries: listed, head });
    let mut tar = tar::Builder::new(Vec::new());
    let first = (MANIFEST.to_owned(), manifest);
    for (name, bytes) in std::iter::once(&first).chain(entries) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    Ok(Packed { bytes: tar.into_inner()?, entries: entries.len(), head })
}

/// Reads a file whose every entry is the one that the manifest lists, in its place.
pub(super) fn open(bytes: &[u8]) -> Result<Pack, NotAPack> {
    let mut found = unpack(bytes)?.into_iter();
    let (name, manifest) = found.next().ok_or(NotAPack::NoManifest)?;
    if name != MANIFEST {
        return Err(NotAPack::NoManifest);
    }
    let changed = |why: &str| NotAPack::Manifest(why.to_owned());
    let manifest: Manifest =
        serde_json::from_slice(&manifest).map_err(|error| changed(&error.to_string()))?;
    if manifest.format != 1 {
        return Err(changed("it is of a format that this `tillward` does not know"));
    }
    let mut chain = begin(manifest.fleet);
    for entry in &manifest.entries {
        chain = link(chain, &entry.name, entry.sha256);
        if chain != entry.chain {
            return Err(changed(&format!("the chain breaks at `{}`", entry.name)));
        }
    }
    if chain != manifest.head {
        return Err(changed("its head is not the end of its chain"));
    }
    let entries = in_order(&manifest.entries, found.collect())?;
    Ok(Pack { fleet: manifest.fleet, head: manifest.head, entries })
}

fn in_order(
    listed: &[Listed],
    found: Vec<(String, Vec<u8>)>,
) -> Result<BTreeMap<String, Vec<u8>>, NotAPack> {
    let names: BTreeSet<_> = listed.iter().map(|it| it.name.as_str()).collect();
    let there: BTreeSet<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    if let Some((foreign, _)) = found.iter().find(|(name, _)| !names.contains(name.as_str())) {
        return Err(NotAPack::Foreign(foreign.clone()));
    }
    if let Some(missing) = listed.iter().find(|it| !there.contains(it.name.as_str())) {
        return Err(NotAPack::Truncated(format!("`{}` is missing", missing.name)));
    }
    if names.len() != listed.len() || found.len() != listed.len() {
        return Err(NotAPack::Manifest("a name is in it twice".to_owned()));
    }
    let mut entries = BTreeMap::new();
    for (entry, (name, bytes)) in listed.iter().zip(found) {
        if entry.name != name {
            return Err(NotAPack::Reordered { found: name, wanted: entry.name.clone() });
        }
        if Digest::of(&bytes) != entry.sha256 {
            return Err(NotAPack::Tampered(name));
        }
        entries.insert(name, bytes);
    }
    Ok(entries)
}

fn unpack(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, NotAPack> {
    let ends_early = || NotAPack::Truncated("it ends within an entry".to_owned());
    let mut archive = tar::Archive::new(bytes);
    let mut all = Vec::new();
    // What the library says of strange bytes is these bytes.
    for entry in archive.entries().map_err(|_| NotAPack::NoManifest)? {
        let mut entry =
            entry.map_err(|_| if all.is_empty() { NotAPack::NoManifest } else { ends_early() })?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !entry.header().entry_type().is_file() {
            return Err(NotAPack::Foreign(name));
        }
        if entry.size() > ENTRY_BYTES_MAX || all.len() >= ENTRIES_MAX {
            return Err(NotAPack::TooLarge(name));
        }
        let mut content = Vec::new();
        let size = entry.size();
        entry.by_ref().take(ENTRY_BYTES_MAX).read_to_end(&mut content).map_err(|_| ends_early())?;
        if content.len() as u64 != size {
            return Err(NotAPack::Truncated(format!("`{name}` ends early")));
        }
        all.push((name, content));
    }
    Ok(all)
}

#[cfg(test)]
pub(super) mod tests;
