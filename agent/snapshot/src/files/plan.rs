//! What is put where. Only configured paths are written to, and no link inside of them is followed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use agent::snapshot::protocol::{AllowedPath, PATHS, PlaceFiles};
use shared::durable;

use super::folder::{Folder, Is};
use super::record::Unit;
use crate::failure::Failure;
use crate::listing;

/// A unit for each path that was asked for, and of which something is staged.
pub(super) fn plan(request: &PlaceFiles) -> Result<Vec<Unit>, Failure> {
    let mut units = Vec::new();
    for allowed in &request.paths {
        listing::check_name(&allowed.name)?;
        let staged = request.staged.join(PATHS).join(&allowed.name);
        let failed = |source| Failure::Directory { path: staged.clone(), source };
        let about = match fs::symlink_metadata(&staged) {
            // Nothing was saved of it: what is there is left alone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            about => about.map_err(failed)?,
        };
        let mut unit = whole(allowed, staged, &request.order.to_string(), units.len())?;
        if let Some(only) = request.only.as_deref().filter(|_| about.is_dir()) {
            narrow(&mut unit, &below(allowed, only)?)?;
        }
        units.push(unit);
    }
    Ok(units)
}

fn whole(
    allowed: &AllowedPath,
    staged: PathBuf,
    order: &str,
    number: usize,
) -> Result<Unit, Failure> {
    let path = &allowed.path;
    let name = path.file_name().and_then(OsStr::to_str);
    let (Some(name), true) = (name, path.is_absolute()) else {
        return Err(refused(path, "it is no place for a file or a folder"));
    };
    let root = durable::parent_of(path).to_owned();
    make_folders(&root)?;
    let short: String = order.chars().rev().take(8).collect();
    Ok(Unit {
        staged,
        root,
        steps: vec![name.to_owned()],
        beside: format!(".tillward-{short}-{number}"),
        ready: None,
        is_placed: false,
    })
}

/// The names of a single file below its path, as the listing has it.
fn below(allowed: &AllowedPath, only: &str) -> Result<Vec<String>, Failure> {
    let inside = listing::inside(only);
    let rest =
        inside.as_deref().and_then(|path| path.strip_prefix(&listing::path_folder(&allowed.name)));
    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
    let rest = rest.ok_or_else(|| Failure::NotPlaced {
        path: allowed.path.clone(),
        why: format!("`{only}` does not lie in it"),
    })?;
    Ok(rest.split('/').map(str::to_owned).collect())
}

/// From the whole path down to one file in it, or to the highest folder that is missing on the way
/// there: only what is new is put anywhere.
fn narrow(unit: &mut Unit, names: &[String]) -> Result<(), Failure> {
    let failed = |source| Failure::Directory { path: unit.root.clone(), source };
    let mut folder = Folder::open(&unit.root).map_err(failed)?;
    for name in names {
        let last = unit.steps.last().expect("a unit has a name");
        let failed = |source| Failure::Directory { path: unit.path(), source };
        match folder.find(OsStr::new(last)).map_err(failed)?.map(|found| found.is) {
            None => return Ok(()),
            Some(Is::Folder) => folder = folder.inner(OsStr::new(last)).map_err(failed)?,
            Some(Is::File | Is::Other) => return Err(refused(&unit.path(), "it is no folder")),
        }
        unit.steps.push(name.clone());
        unit.staged.push(name);
    }
    Ok(())
}

pub(super) fn refused(path: &Path, why: &str) -> Failure {
    Failure::NotPlaced { path: path.to_owned(), why: why.to_owned() }
}

/// Folders above a configured path, where the disk that had them is another one now.
fn make_folders(path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::Directory { path: path.to_owned(), source };
    let missing: Vec<_> = path.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(path).map_err(failed)?;
    let mut parents = missing.into_iter().map(durable::parent_of);
    parents.try_for_each(durable::sync_directory).map_err(failed)
}
