//! The way back: what was fetched is staged, rehearsed or imported, and counted by the till.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;
use shared::backup::{DataClass, Newest, Selection, SnapshotOf};
use shared::digest::Digest;
use shared::document::Manifest;
use shared::document::manifest::DataSet;
use shared::drill::{COUNTED_MAX, Counted, Took};
use shared::outcome::FailureCode;

use super::super::done;
use super::super::till::not_done;
use super::{Errand, NotDone, count, found, keep, kept, read, refused};
use crate::job::restore::target::{self, Here};
use crate::job::restore::totals;
use crate::job::{Finding, Proof, Reply, Subject};
use crate::pos::{self, PosError, Wanted};
use crate::snapshot::protocol::{Damage, EXPORT, Fetch, OfOrder, PlaceFiles, Sealed, Task, line};

impl Errand<'_> {
    /// Fetches the manifest alone, and finds out whether the snapshot belongs here.
    pub(super) fn check_target(&mut self) -> Result<Proof, NotDone> {
        self.admit()?;
        let (_, fetched) = self.fetch(Some(Selection::DataSets(Vec::new())))?;
        let staged = Staged::read(fetched)?;
        let wanted = self.fit(&staged)?;
        let (number, taken_at) = (staged.manifest.number, staged.manifest.taken_at);
        let note = format!("snapshot {number} of {taken_at} fits: {}", totals::summary(&wanted));
        Ok(Proof { version: None, findings: vec![found(note)] })
    }

    pub(super) fn fetch_snapshot(&mut self) -> Result<Proof, NotDone> {
        let since = Instant::now();
        let (named, fetched) = self.fetch(None)?;
        keep(&self.backups.fetched(), &fetched.to_string())?;
        let (files, bytes) = (count(&fetched, "files")?, count(&fetched, "bytes")?);
        let Staged { manifest, .. } = Staged::read(fetched)?;
        let note =
            format!("snapshot {}: {files} files, {bytes} bytes, all checked", manifest.number);
        let findings = vec![Finding { note, digest: Some(named) }, took(since)];
        Ok(Proof { version: None, findings })
    }

    /// With the digest of the manifest. `only` stands above what the order selects.
    fn fetch(&mut self, only: Option<Selection>) -> Result<(Digest, Value), NotDone> {
        let (of, selection, key) = match &*self.task.subject {
            Subject::Restore(restore) => {
                let key = restore.key.as_ref().map(|key| Sealed(key.to_vec()));
                (restore.of.clone(), restore.selection.clone(), key)
            }
            Subject::Drill
            | Subject::Backup(_)
            | Subject::Upgrade { .. }
            | Subject::Rebind(_)
            | Subject::Deactivation(_) => (self.newest_of_own()?, Selection::Everything, None),
        };
        let into = self.backups.staged();
        self.make_anew(&self.backups.fetched(), &into)?;
        let selection = only.unwrap_or(selection);
        let (reach, damage) = (self.reach(), Damage::Refuse);
        let named = of.manifest;
        let fetched =
            self.ask(Task::Fetch, line(&Fetch { reach, of, selection, into, key, damage }))?;
        Ok((named, fetched))
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
    fn fit<'a>(&self, staged: &'a Staged) -> Result<Vec<&'a DataSet>, NotDone> {
        let Subject::Restore(restore) = &*self.task.subject else {
            return Ok(staged.manifest.data_sets.iter().collect());
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
            paths: &self.backups.paths,
        };
        target::check(&staged.manifest, &staged.paths, &restore.selection, &here).map_err(|unfit| {
            let detail = format!("the snapshot does not belong here: {unfit}");
            refused(FailureCode::NotRestorable, detail)
        })
    }

    fn staged(&self) -> Result<Staged, NotDone> {
        Staged::read(kept(&self.backups.fetched())?)
    }

    pub(super) fn rehearse(&mut self) -> Result<Proof, NotDone> {
        let staged = self.staged()?;
        let sets = staged.of_the_till(staged.manifest.data_sets.iter().collect());
        let from = self.backups.staged().join(EXPORT);
        let since = Instant::now();
        let counted = self.hands.pos.rehearse(&from, &wanted(&sets));
        let counted = counted.map_err(|error| Box::new(not_done(&error, FailureCode::Internal)))?;
        keep(&self.counted(), &line(&counted))?;
        let told = counted.iter().take(COUNTED_MAX).map(of_counted).filter(Counted::fits);
        let told = told.map(|it| found(it.to_string()));
        let findings = told.chain([took(since)]).collect();
        Ok(Proof { version: None, findings })
    }

    /// What the scratch till counted goes with what was staged.
    fn counted(&self) -> PathBuf {
        self.backups.staged().join("counted.json")
    }

    pub(super) fn compare(&mut self) -> Result<Proof, NotDone> {
        let staged = self.staged()?;
        let counted: Vec<pos::DataSet> = read(kept(&self.counted())?)?;
        let sets = staged.of_the_till(staged.manifest.data_sets.iter().collect());
        compare(&staged.manifest, &sets, &counted)
    }

    /// What is settled is settled before it is replaced; what stays is left alone.
    pub(super) fn settle_first(&mut self) -> Result<Reply, NotDone> {
        let staged = self.staged()?;
        let sets = self.fit(&staged)?;
        if !sets.iter().any(|set| set.class == DataClass::Batch) {
            return Ok(done("the open batch stays as it is".to_owned()));
        }
        let status = self.hands.pos.status();
        let status = status.map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))?;
        match status.bindings.iter().any(pos::Binding::has_open_batch) {
            true => Ok(self.hands.settle()),
            false => Ok(done("no batch is open".to_owned())),
        }
    }

    pub(super) fn import(&mut self) -> Result<Proof, NotDone> {
        let counted = self.import_all(&self.staged()?)?;
        let records: u64 = counted.iter().map(|set| set.records).sum();
        let note = format!("{} data sets, {records} records, imported", counted.len());
        Ok(Proof { version: None, findings: vec![found(note)] })
    }

    /// The till answers a repeated import as the first one. It is not asked about files alone.
    fn import_all(&self, staged: &Staged) -> Result<Vec<pos::DataSet>, NotDone> {
        let sets = staged.of_the_till(self.fit(staged)?);
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let from = self.backups.staged().join(EXPORT);
        let counted = self.hands.pos.import(&from, &wanted(&sets));
        counted.map_err(|error| Box::new(not_done(&error, FailureCode::PosRefused)))
    }

    pub(super) fn reconcile(&mut self) -> Result<Proof, NotDone> {
        let staged = self.staged()?;
        let counted = self.import_all(&staged)?;
        let sets = staged.of_the_till(self.fit(&staged)?);
        compare(&staged.manifest, &sets, &counted)
    }

    /// What the snapshot has of the paths that this terminal's configuration names.
    pub(super) fn place_files(&mut self) -> Result<Proof, NotDone> {
        let staged = self.staged()?;
        let sets = self.fit(&staged)?;
        let is_meant =
            |name: &String| staged.paths.contains(name) && sets.iter().any(|set| set.name == *name);
        let paths: Vec<_> =
            self.backups.paths.iter().filter(|it| is_meant(&it.name)).cloned().collect();
        if paths.is_empty() {
            return Ok(Proof::default());
        }
        let only = match &*self.task.subject {
            Subject::Restore(restore) => match &restore.selection {
                Selection::File(path) => Some(path.clone()),
                Selection::Everything | Selection::DataSets(_) => None,
            },
            Subject::Drill
            | Subject::Backup(_)
            | Subject::Upgrade { .. }
            | Subject::Rebind(_)
            | Subject::Deactivation(_) => None,
        };
        let (order, staged) = (self.task.order, self.backups.staged());
        let placed = self.ask(Task::Place, line(&PlaceFiles { order, staged, paths, only }))?;
        let places = placed["paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let findings = places.map(|path| found(format!("`{path}` is as it was saved"))).collect();
        Ok(Proof { version: None, findings })
    }

    pub(super) fn of_order(&mut self, task: Task) -> Result<Proof, NotDone> {
        self.ask(task, line(&OfOrder { order: self.task.order }))?;
        Ok(Proof::default())
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

fn took(since: Instant) -> Finding {
    found(Took(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)).to_string())
}

fn of_counted(set: &pos::DataSet) -> Counted {
    Counted { name: set.name.clone(), records: set.records, totals: set.totals.clone() }
}

/// What matters of a `Fetched`.
struct Staged {
    manifest: Manifest,
    /// The data sets that the till knows nothing of.
    paths: Vec<String>,
}

impl Staged {
    fn read(mut fetched: Value) -> Result<Self, NotDone> {
        let names = fetched["paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let paths = names.map(str::to_owned).collect();
        Ok(Self { manifest: read(fetched["manifest"].take())?, paths })
    }

    fn of_the_till<'a>(&self, sets: Vec<&'a DataSet>) -> Vec<&'a DataSet> {
        sets.into_iter().filter(|set| !self.paths.contains(&set.name)).collect()
    }
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
