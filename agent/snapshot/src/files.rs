//! Puts staged files in the places that the configuration allows, and what was there back.
//!
//! What is new is copied beside what is there, made durable, and exchanged with it in one step, so
//! that a power cut finds one of the two, whole. What was there then stands by under the other's
//! name until the restore is kept. Everything is written down before it is done, so each task can
//! be repeated wherever it was interrupted.

mod folder;
mod plan;
mod record;

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use agent::snapshot::protocol::{OfOrder, PlaceFiles, Placed};
use shared::id::OrderId;

use crate::failure::Failure;
use folder::{Copied, Folder, Is};
use plan::refused;
use record::{Goal, Ready, Record, Shelf, Unit};

/// Everything that was staged takes its place.
pub fn place(home: &Path, request: &PlaceFiles) -> Result<Placed, Failure> {
    let shelf = Shelf::new(home);
    let mut record = match read(&shelf)? {
        Some(record) if record.order == request.order => record,
        before => {
            if let Some(before) = before {
                finish(&shelf, &before)?;
            }
            Record { order: request.order, goal: Goal::Placed, units: plan::plan(request)? }
        }
    };
    shelf.write(&record)?;
    let mut copied = Copied::default();
    for at in 0..record.units.len() {
        copied.add(put(&shelf, &mut record, at)?);
    }
    let paths = record.units.iter().map(|unit| unit.path().display().to_string()).collect();
    Ok(Placed { paths, files: copied.files, bytes: copied.bytes })
}

/// What was there before this order is there again.
pub fn put_back(home: &Path, request: &OfOrder) -> Result<(), Failure> {
    let shelf = Shelf::new(home);
    match of(&shelf, request.order)? {
        Some(record) => finish(&shelf, &Record { goal: Goal::Placed, ..record }),
        None => Ok(()),
    }
}

/// What was there before this order goes for good.
pub fn keep(home: &Path, request: &OfOrder) -> Result<(), Failure> {
    let shelf = Shelf::new(home);
    let Some(record) = of(&shelf, request.order)? else { return Ok(()) };
    let record = Record { goal: Goal::Kept, ..record };
    shelf.write(&record)?;
    finish(&shelf, &record)
}

fn read(shelf: &Shelf) -> Result<Option<Record>, Failure> {
    shelf.read().map_err(|source| Failure::Directory { path: shelf.path().to_owned(), source })
}

fn of(shelf: &Shelf, order: OrderId) -> Result<Option<Record>, Failure> {
    Ok(read(shelf)?.filter(|record| record.order == order))
}

/// Leaves one of the two versions of each unit: the one of the record's goal.
fn finish(shelf: &Shelf, record: &Record) -> Result<(), Failure> {
    for unit in record.units.iter().rev() {
        let done = match record.goal {
            Goal::Placed => take_back(unit),
            Goal::Kept => sweep(unit),
        };
        done.map_err(|source| Failure::Directory { path: unit.path(), source })?;
    }
    shelf.drop().map_err(|source| Failure::Directory { path: shelf.path().to_owned(), source })
}

/// One unit, unless it is in its place already.
fn put(shelf: &Shelf, record: &mut Record, at: usize) -> Result<Copied, Failure> {
    let unit = &record.units[at];
    if unit.is_placed {
        return Ok(Copied::default());
    }
    let path = unit.path();
    let failed = |source: io::Error| match source.raw_os_error() {
        // EBUSY: a mount; EINVAL, ENOSYS: no exchange; EXDEV: two layers of an overlay.
        Some(16 | 18 | 22 | 38) => {
            refused(&path, &format!("nothing can take its place in one step: {source}"))
        }
        _ => Failure::Directory { path: path.clone(), source },
    };
    let folder = folder(unit).map_err(failed)?;
    let (name, beside) = names(unit);
    let (there, aside) = (folder.find(name).map_err(failed)?, folder.find(beside).map_err(failed)?);
    let mut copied = Copied::default();
    match unit.ready {
        Some(ready) if there.is_some_and(|found| found.inode == ready.inode) => {}
        Some(ready) if aside.is_some_and(|found| found.inode != ready.inode) => {
            return Err(refused(&path, "somebody else has replaced it meanwhile"));
        }
        Some(_) | None => {
            if there.is_some_and(|found| found.is == Is::Other) {
                return Err(refused(&path, "a link or a device is there"));
            }
            folder.remove(beside).map_err(failed)?;
            let owner = folder.owner().map_err(failed)?;
            copied = folder
                .copy(&record.units[at].staged, beside, Some((&folder, name)), owner)
                .map_err(failed)?;
            folder.sync().map_err(failed)?;
            let made = folder.find(beside).map_err(failed)?;
            let inode = made.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?.inode;
            let ready = Ready { inode, replaces: there.is_some() };
            let (name, beside) = (name.to_owned(), beside.to_owned());
            record.units[at].ready = Some(ready);
            shelf.write(record)?;
            match ready.replaces {
                true => folder.exchange(&beside, &name).map_err(failed)?,
                false => folder.rename(&beside, &name).map_err(failed)?,
            }
        }
    }
    record.units[at].is_placed = true;
    shelf.write(record)?;
    Ok(copied)
}

fn take_back(unit: &Unit) -> io::Result<()> {
    let Some(folder) = still_there(unit)? else { return Ok(()) };
    let (name, beside) = names(unit);
    let Some(ready) = unit.ready else { return folder.remove(beside) };
    let is_new = |found: folder::Found| found.inode == ready.inode;
    let (there, aside) = (folder.find(name)?, folder.find(beside)?);
    match (there, aside) {
        (Some(_), Some(aside)) if !is_new(aside) => folder.exchange(beside, name)?,
        (None, Some(aside)) if !is_new(aside) => return folder.rename(beside, name),
        (Some(there), None) if !ready.replaces && is_new(there) => folder.rename(name, beside)?,
        (None | Some(_), None | Some(_)) => {}
    }
    folder.remove(beside)
}

/// What is beside is what was there, or nothing.
fn sweep(unit: &Unit) -> io::Result<()> {
    match still_there(unit)? {
        Some(folder) => folder.remove(names(unit).1),
        None => Ok(()),
    }
}

fn names(unit: &Unit) -> (&OsStr, &OsStr) {
    let name = unit.steps.last().expect("a unit has a name");
    (OsStr::new(name), OsStr::new(&unit.beside))
}

/// The folder in which the unit has its name.
fn folder(unit: &Unit) -> io::Result<Folder> {
    let (_name, way) = unit.steps.split_last().expect("a unit has a name");
    let root = Folder::open(&unit.root)?;
    way.iter().try_fold(root, |folder, step| folder.inner(OsStr::new(step)))
}

/// As [`folder`]; where it is gone, so is everything that could be put back or swept.
fn still_there(unit: &Unit) -> io::Result<Option<Folder>> {
    match folder(unit) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        folder => folder.map(Some),
    }
}

#[cfg(test)]
mod tests;
