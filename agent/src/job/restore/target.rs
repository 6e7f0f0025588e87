//! Whether a snapshot belongs on this till. Pure.

use shared::backup::Selection;
use shared::document::Manifest;
use shared::document::manifest::DataSet;
use shared::id::TerminalId;
use shared::message::Component;

use crate::pos::Host;
use crate::snapshot::protocol::{AllowedPath, EXPORT, PATHS};

/// The terminal that restores.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    pub terminal: TerminalId,
    pub model: &'a str,
    pub software: &'a [Component],
    /// The providers that the till is set up for.
    pub bindings: &'a [String],
    /// What the providers' hosts say of this terminal.
    pub hosts: &'a [Host],
    /// What its configuration allows to be saved besides the till's own data.
    pub paths: &'a [AllowedPath],
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it holds no data set `{0}`")]
    NoSuchSet(String),
    #[error("`{0}` stays on the terminal that it came from")]
    StaysThere(String),
    #[error("nothing of it may be restored here")]
    Nothing,
    #[error("it is of a {theirs}, this is a {ours}")]
    OtherModel { theirs: String, ours: String },
    #[error("it is of a till with provider `{0}`, which this till does not have")]
    OtherProvider(String),
    #[error("{name} {theirs} wrote it, and {ours} may not be able to read it")]
    WrittenByNewer { name: String, theirs: String, ours: String },
    #[error("`{set}` ends with batch {theirs}, and the host has closed batch {closed} since")]
    OlderBatch { set: String, theirs: u64, closed: u64 },
    #[error("a single file of the till's own data cannot be put back: restore its data set")]
    FileOfTheTill,
    #[error("`{0}` is none of its files")]
    NoSuchFile(String),
    #[error("`{0}` is not among `[[backup.paths]]` in this terminal's agent.toml")]
    NotConfigured(String),
}

/// The data sets that are to be restored; all checks that need no byte of them. `of_paths` are
/// those of the snapshot that lie in configured paths of whoever saved it.
pub fn check<'a>(
    manifest: &'a Manifest,
    of_paths: &[String],
    selection: &Selection,
    here: &Here<'_>,
) -> Result<Vec<&'a DataSet>, Unfit> {
    let wanted = wanted(manifest, of_paths, selection, here.terminal)?;
    let is_unknown = |name: &str| !here.paths.iter().any(|path| path.name == name);
    let mut names = wanted.iter().map(|set| &set.name).filter(|name| of_paths.contains(name));
    if let Some(name) = names.find(|name| is_unknown(name)) {
        return Err(Unfit::NotConfigured(name.clone()));
    }
    if manifest.model != here.model {
        let (theirs, ours) = (manifest.model.clone(), here.model.to_owned());
        return Err(Unfit::OtherModel { theirs, ours });
    }
    if let Some(binding) = manifest.bindings.iter().find(|it| !here.bindings.contains(it)) {
        return Err(Unfit::OtherProvider(binding.clone()));
    }
    manifest.software.iter().try_for_each(|theirs| can_be_read(theirs, here.software))?;
    here.hosts.iter().try_for_each(|host| is_not_older(&wanted, host))?;
    Ok(wanted)
}

fn wanted<'a>(
    manifest: &'a Manifest,
    of_paths: &[String],
    selection: &Selection,
    here: TerminalId,
) -> Result<Vec<&'a DataSet>, Unfit> {
    let may_go = |set: &DataSet| manifest.terminal == here || set.class.policy().migrate;
    let sets = &manifest.data_sets;
    let named = |name: &str| {
        let set = sets.iter().find(|set| set.name == name);
        let set = set.ok_or_else(|| Unfit::NoSuchSet(name.to_owned()))?;
        if may_go(set) { Ok(set) } else { Err(Unfit::StaysThere(name.to_owned())) }
    };
    let wanted: Vec<_> = match selection {
        Selection::Everything => sets.iter().filter(|set| may_go(set)).collect(),
        Selection::DataSets(names) => {
            names.iter().map(|name| named(name)).collect::<Result<_, _>>()?
        }
        Selection::File(path) => match folders(path) {
            Some((EXPORT, _)) => return Err(Unfit::FileOfTheTill),
            Some((PATHS, set)) if of_paths.iter().any(|name| name == set) => vec![named(set)?],
            Some(_) | None => return Err(Unfit::NoSuchFile(path.clone())),
        },
    };
    if wanted.is_empty() { Err(Unfit::Nothing) } else { Ok(wanted) }
}

/// The two highest folders that a file of a listing lies in.
fn folders(path: &str) -> Option<(&str, &str)> {
    let (top, rest) = path.split_once('/')?;
    Some((top, rest.split('/').next()?))
}

/// Newer software reads what older wrote, not the other way round.
fn can_be_read(theirs: &Component, installed: &[Component]) -> Result<(), Unfit> {
    let Some(ours) = installed.iter().find(|ours| ours.name == theirs.name) else { return Ok(()) };
    let age = |it: &Component| (it.security_counter, numbers(&it.version));
    if age(ours) >= age(theirs) {
        return Ok(());
    }
    let (name, ours) = (theirs.name.clone(), ours.version.clone());
    Err(Unfit::WrittenByNewer { name, theirs: theirs.version.clone(), ours })
}

/// `2.10.0` is newer than `2.9.1`.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// A till that took up older batches again would settle twice.
fn is_not_older(wanted: &[&DataSet], host: &Host) -> Result<(), Unfit> {
    let name = format!("batch-{}", host.binding);
    let batches = wanted.iter().find(|set| set.name == name);
    let last = batches.and_then(|set| set.numbers).map(|numbers| numbers.last);
    match (last, host.last_batch) {
        (Some(theirs), Some(closed)) if theirs < closed => {
            Err(Unfit::OlderBatch { set: name, theirs, closed })
        }
        (Some(_) | None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
