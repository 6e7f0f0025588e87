//! The way back: what was fetched is staged, rehearsed or imported, and counted by the till.

use serde_json::Value;
use shared::backup::{DataClass, Newest, Selection, SnapshotOf};
use shared::document::Manifest;
use shared::document::manifest::DataSet;
use shared::outcome::FailureCode;

use super::super::done;
use super::super::till::not_done;
use super::{Errand, NotDone, count, found, keep, kept, read, refused};
use crate::job::restore::target::{self, Here};
use crate::job::restore::totals;
use crate::job::{Finding, Proof, Reply, Subject};
use crate::pos::{self, PosError, Wanted};
use crate::snapshot::protocol::{Damage, EXPORT, Fetch, PATHS, Sealed, Task, line};

impl Errand<'_> {
    /// Fetches the manifest alone, and finds out whether the snapshot belongs here.
    pub(super) fn check_target(&mut self) -> Result<Proof, NotDone> {
        self.admit()?;
        let manifest = manifest(self.fetch(Some(Selection::DataSets(Vec::new())))?)?;
        let wanted = self.fit(&manifest)?;
        let note = format!(
            "snapshot {} of {} fits: {}",
            manifest.number,
            manifest.taken_at,
            totals::summary(&wanted)
        );
        Ok(Proof { version: None, findings: vec![found(note)] })
    }

    pub(super) fn fetch_snapshot(&mut self) -> Result<Proof, NotDone> {
        let fetched = self.fetch(None)?;
        keep(&self.backups.fetched(), &fetched.to_string())?;
        let (files, bytes) = (count(&fetched, "files")?, count(&fetched, "bytes")?);
        let manifest = manifest(fetched)?;
        let note =
            format!("snapshot {}: {files} files, {bytes} bytes, all checked", manifest.number);
        let digest = Some(manifest.listing);
        Ok(Proof { version: None, findings: vec![Finding { note, digest }] })
    }

    /// `only` stands above what the order selects.
    fn fetch(&mut self, only: Option<Selection>) -> Result<Value, NotDone> {
        let (of, selection, key) = match &*self.task.subject {
            Subject::Restore(restore) => {
                let key = restore.key.as_ref().map(|key| Sealed(key.to_vec()));
                (restore.of.clone(), restore.selection.clone(), key)
            }
            Subject::Drill | Subject::Backup(_) | Subject::Upgrade { .. } | Subject::Rebind(_) => {
                (self.newest_of_own()?, Selection::Everything, None)
            }
        };
        let into = self.backups.staged();
        self.make_anew(&self.backups.fetched(), &into)?;
        let selection = only.unwrap_or(selection);
        let (reach, damage) = (self.reach(), Damage::Refuse);
        self.ask(Task::Fetch, line(&Fetch { reach, of, selection, into, key, damage }))
    }

    fn newest_of_own(&mut self) -> Result<SnapshotOf, NotDone> {
        let newest: Newest = read(self.ask(Task::Newest, line(&self.reach()))?)?;
        let Some(available) = newest.available else {
            let detail = "no snapshot of this terminal is verified in both places".to_owned();
            return Err(refused(FailureCode::NotRestorable, detail));
        };
        Ok(SnapshotOf {
            terminal: self.task.given.terminal,
            repository: available.repository,
            snapshot: available.snapshot,
            manifest: available.manifest,
        })
    }

    /// The data sets that are to be restored, once it is clear that they belong here.
    fn fit<'a>(&self, manifest: &'a Manifest) -> Result<Vec<&'a DataSet>, NotDone> {
        let Subject::Restore(restore) = &*self.task.subject else {
            return Ok(manifest.data_sets.iter().collect());
        };
        let failed = |error| Box::new(not_done(&error, FailureCode::PosRefused));
        let status = self.hands.pos.status().map_err(failed)?;
        let bindings: Vec<_> = status.bindings.into_iter().map(|it| it.binding).collect();
        let hosts = match self.hands.pos.host_check() {
            Ok(hosts) => hosts,
            // Then no host says anything that could speak against it.
            Err(PosError::Unsupported(_)) => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let here = Here {
            terminal: self.task.given.terminal,
            model: &self.backups.model,
            software: &self.hands.installed(),
            bindings: &bindings,
            hosts: &hosts,
        };
        target::check(manifest, &restore.selection, &here).map_err(|unfit| {
            let detail = format!("the snapshot does not belong here: {unfit}");
            refused(FailureCode::NotRestorable, detail)
        })
    }

    /// What the manifest says of what was fetched.
    fn staged(&self) -> Result<Manifest, NotDone> {
        manifest(kept(&self.backups.fetched())?)
    }

    /// What a configuration allows to be saved besides is not the till's to count.
    fn of_the_till<'a>(&self, sets: Vec<&'a DataSet>) -> Vec<&'a DataSet> {
        let paths = self.backups.staged().join(PATHS);
        sets.into_iter().filter(|set| !paths.join(&set.name).exists()).collect()
    }

    pub(super) fn rehearse(&mut self) -> Result<Proof, NotDone> {
        let manifest = self.staged()?;
        let sets = self.of_the_till(manifest.data_sets.iter().collect());
        let from = self.backups.staged().join(EXPORT);
        let counted = self.hands.pos.rehearse(&from, &wanted(&sets));
        let counted = counted.map_err(|error| Box::new(not_done(&error, FailureCode::Internal)))?;
        compare(&manifest, &sets, &counted)
    }

    /// What is settled is settled before it is replaced; what stays is left alone.
    pub(super) fn settle_first(&mut self) -> Result<Reply, NotDone> {
        let manifest = self.staged()?;
        let sets = self.fit(&manifest)?;
        if !sets.iter().any(|set| set.class == DataClass::Batch) {
            return Ok(done("the open batch stays as it is".to_owned()));
        }
        let status = self.hands.pos.status();
        let status = status.map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))?;
        let is_open = |it: &pos::Binding| it.open_batch.as_ref().is_some_and(|open| open.count > 0);
        match status.bindings.iter().any(is_open) {
            true => Ok(self.hands.settle()),
            false => Ok(done("no batch is open".to_owned())),
        }
    }

    pub(super) fn import(&mut self) -> Result<Proof, NotDone> {
        let manifest = self.staged()?;
        let counted = self.import_all(&manifest)?;
        let records: u64 = counted.iter().map(|set| set.records).sum();
        let note = format!("{} data sets, {records} records, imported", counted.len());
        Ok(Proof { version: None, findings: vec![found(note)] })
    }

    /// The till answers a repeated import as the first one.
    fn import_all(&self, manifest: &Manifest) -> Result<Vec<pos::DataSet>, NotDone> {
        let sets = self.of_the_till(self.fit(manifest)?);
        let from = self.backups.staged().join(EXPORT);
        let counted = self.hands.pos.import(&from, &wanted(&sets));
        counted.map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))
    }

    pub(super) fn reconcile(&mut self) -> Result<Proof, NotDone> {
        let manifest = self.staged()?;
        let counted = self.import_all(&manifest)?;
        let sets = self.of_the_till(self.fit(&manifest)?);
        compare(&manifest, &sets, &counted)
    }

    pub(super) fn revert_import(&mut self) -> Result<Proof, NotDone> {
        self.hands
            .pos
            .revert_import()
            .map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))?;
        Ok(Proof { version: None, findings: vec![found("the data of before is back".to_owned())] })
    }

    pub(super) fn commit_import(&mut self) -> Result<Proof, NotDone> {
        self.hands
            .pos
            .commit_import()
            .map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))?;
        Ok(Proof::default())
    }
}

/// Of a `Fetched`.
fn manifest(mut fetched: Value) -> Result<Manifest, NotDone> {
    read(fetched["manifest"].take())
}

fn wanted(sets: &[&DataSet]) -> Vec<Wanted> {
    sets.iter().map(|set| Wanted { name: set.name.clone(), schema: set.schema }).collect()
}

fn compare(
    manifest: &Manifest,
    sets: &[&DataSet],
    counted: &[pos::DataSet],
) -> Result<Proof, NotDone> {
    if let Some(difference) = totals::difference(sets, counted) {
        return Err(refused(FailureCode::TotalsDiffer, difference));
    }
    let (number, taken_at) = (manifest.number, manifest.taken_at);
    let note = format!("snapshot {number} of {taken_at} adds up: {}", totals::summary(sets));
    let version = Some(format!("snapshot {number}"));
    Ok(Proof { version, findings: vec![found(note)] })
}
