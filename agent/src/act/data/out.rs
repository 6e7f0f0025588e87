//! The way out: the till writes down what it has, and the snapshot is taken of that.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use shared::backup::Newest;
use shared::change::Extent;
use shared::outcome::{FailureCode, Waiting};
use shared::time::UnixTime;

use super::super::done;
use super::super::till::not_done;
use super::{Errand, NotDone, count, found, keep, kept, nonsense, read, refused};
use crate::job::{Again, Finding, Proof, Reply, Subject};
use crate::pos::Binding;
use crate::snapshot::protocol::{Save, Task, line};

/// Whoever settles does so once a day; a till is asked for its status in between all the time.
const SETTLED_AGAIN: Duration = Duration::from_secs(60);

/// Nobody waits longer for a till that is asked what it has.
const HELD_MS_MAX: u64 = 2_000;

impl Errand<'_> {
    /// Asks for the newest snapshot: whether it is young enough for the order.
    pub(super) fn find(&mut self) -> Result<Reply, NotDone> {
        let (is_young, note) = self.newest()?;
        let proof = Proof { version: None, findings: vec![found(note)] };
        Ok(if is_young { Reply::AlreadySo(proof) } else { Reply::Done(proof) })
    }

    pub(super) fn confirm(&mut self) -> Result<Proof, NotDone> {
        match self.newest()? {
            (true, note) => Ok(Proof { version: None, findings: vec![found(note)] }),
            (false, detail) => {
                let (code, again) = (FailureCode::TimedOut, Again::Worthwhile);
                Err(Box::new(Reply::Failed { code, detail, again }))
            }
        }
    }

    fn newest(&mut self) -> Result<(bool, String), NotDone> {
        let newest: Newest = read(self.ask(Task::Newest, line(&self.reach()))?)?;
        let Some(available) = newest.available else {
            return Ok((false, "no snapshot is verified in both places yet".to_owned()));
        };
        let within = Duration::from_secs(self.task.subject.backup_within_s().unwrap_or(0));
        let (number, taken_at) = (available.number, available.taken_at);
        let is_young = taken_at.plus(within) >= self.task.given.at;
        Ok((is_young, format!("snapshot {number} of {taken_at} is the newest verified one")))
    }

    /// Whether the till's batches are settled, or the order waits no longer for that. A till that
    /// gives no answer is not known to have settled.
    pub(super) fn ask_settled(&self) -> Reply {
        let by = match &*self.task.subject {
            Subject::Backup(backup) => backup.settled_by,
            Subject::Upgrade { .. }
            | Subject::Drill
            | Subject::Restore(_)
            | Subject::Rebind(_)
            | Subject::Deactivation(_) => None,
        };
        let open = match self.hands.pos.status() {
            Ok(status) => {
                let open = status.bindings.into_iter().filter(Binding::has_open_batch);
                open.map(|it| it.binding).collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("the till does not say ({error})"),
        };
        match by {
            _ if open.is_empty() => done("no batch is open".to_owned()),
            Some(by) if self.task.given.at < by => Reply::NotYet {
                waiting: Waiting::Settlement,
                detail: format!("a batch is open: {open}; it waits until {by}"),
                again_in: Some(SETTLED_AGAIN),
            },
            Some(_) | None => done(format!("not-settled: a batch is still open: {open}")),
        }
    }

    pub(super) fn export(&mut self) -> Result<Proof, NotDone> {
        self.admit()?;
        let (directory, file) = (self.backups.export(), self.backups.exported());
        let taken_at = self.moment(&file);
        self.make_anew(&file, &directory)?;
        let failed = |error| Box::new(not_done(&error, FailureCode::ExportFailed));
        let status = self.hands.pos.status().map_err(failed)?;
        let export = self.hands.pos.export(&directory).map_err(failed)?;
        let (sets, held_ms) = (export.data_sets.len(), export.held_ms);
        let records: u64 = export.data_sets.iter().map(|set| set.records).sum();
        let (given, backups) = (&self.task.given, self.backups);
        let mut bindings: Vec<_> = status.bindings.into_iter().map(|it| it.binding).collect();
        bindings.sort();
        keep(
            &file,
            &line(&Save {
                reach: self.reach(),
                order: self.task.order,
                extent: extent(&self.task.subject),
                export: directory,
                data_sets: export.data_sets.into_iter().map(Into::into).collect(),
                paths: backups.paths.clone(),
                serial: backups.serial.clone(),
                model: backups.model.clone(),
                software: self.hands.installed(),
                bindings,
                batch_open: export.batch_open,
                taken_at,
                clock: given.clock,
                recipients: given.recipients.to_vec(),
                roster_version: given.roster_version,
            }),
        )?;
        let note = format!("{sets} data sets, {records} records, exported");
        let slow = format!("the till held sales for {held_ms} ms, more than {HELD_MS_MAX} ms");
        let slow = (held_ms > HELD_MS_MAX).then(|| found(slow));
        Ok(Proof { version: None, findings: [found(note)].into_iter().chain(slow).collect() })
    }

    /// An order that exports twice takes two snapshots, which differ in their moments.
    fn moment(&self, file: &Path) -> UnixTime {
        let at = self.task.given.at;
        let order = self.task.order.to_string();
        let before = kept(file).ok().filter(|it| it["order"].as_str() == Some(&order));
        let before = before.and_then(|it| it["taken_at"].as_i64());
        before.map_or(at, |before| at.max(UnixTime(before).plus(Duration::from_secs(1))))
    }

    pub(super) fn save(&mut self) -> Result<Proof, NotDone> {
        // Made with the export; where and to whom it is saved is as it is known now.
        let mut request = kept(&self.backups.exported())?;
        if request["order"].as_str() != Some(&self.task.order.to_string()) {
            let detail = "what was exported is of another order".to_owned();
            return Err(refused(FailureCode::Internal, detail));
        }
        let given = &self.task.given;
        let recipients = given.recipients.iter().map(|it| it.as_str().into());
        request["reach"]["url"] = self.backups.url.as_str().into();
        request["reach"]["time_floor"] = given.floor.0.into();
        request["recipients"] = Value::Array(recipients.collect());
        request["roster_version"] = given.roster_version.into();
        // A `Saved`, taken apart by hand: reading the type would cost more than all of this.
        let saved = self.ask(Task::Save, request.to_string())?;
        let (number, files) = (count(&saved, "number")?, count(&saved, "files")?);
        let (total, sent) = (count(&saved, "bytes_total")?, count(&saved, "bytes_sent")?);
        let note = format!("snapshot {number}: {files} files, {total} bytes, {sent} of them sent");
        let manifest = saved["manifest"].as_str().and_then(|digest| digest.parse().ok());
        let mut findings = vec![Finding { note, digest: Some(manifest.ok_or_else(nonsense)?) }];
        let told = saved["findings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        findings.extend(told.map(|text| found(text.to_owned())));
        Ok(Proof { version: Some(format!("snapshot {number}")), findings })
    }
}

fn extent(subject: &Subject) -> Extent {
    match subject {
        Subject::Backup(backup) => backup.extent,
        Subject::Upgrade { .. }
        | Subject::Drill
        | Subject::Restore(_)
        | Subject::Rebind(_)
        | Subject::Deactivation(_) => Extent::Incremental,
    }
}
