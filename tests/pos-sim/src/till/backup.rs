//! Answers the verbs of backup and restore. An export holds up nobody; an import needs the desk.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use super::settlement::{DESK_PATIENCE, desk_is_taken};
use super::{Till, journal};
use crate::fault::Fault;
use crate::print;
use crate::protocol::{DataSet, Exported, Outcome, Refusal, Source, done};

/// A well-known test number that passes the check of its last digit.
const CARD_NUMBER: &str = "4111111111111111";

impl Till {
    pub(super) fn export(&self, into: &Path) -> Result<Exported, Refusal> {
        self.fails_by(Fault::ExportFails)?;
        self.hangs_by(Fault::ExportHangs);
        fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
        // An export reads beside whoever writes, so nothing is held for it.
        let export = journal::export(&self.data, into)?;
        let (mut data_sets, batch_open) = (export.data_sets, export.batch_open);
        self.lies_by(Fault::ExportLies, &mut data_sets);
        if self.faults.strikes(Fault::ExportCardNumber)
            && let Some(set) = data_sets.first_mut()
        {
            let name = "receipt.txt";
            let text = format!("VISA {CARD_NUMBER} THANK YOU\n");
            fs::write(into.join(name), text).context("cannot write a receipt")?;
            set.files.push(name.to_owned());
        }
        Ok(Exported { data_sets, batch_open, held_ms: 0 })
    }

    pub(super) fn rehearse(&self, source: &Source) -> Result<Vec<DataSet>, Refusal> {
        self.fails_by(Fault::RehearseFails)?;
        let Source { from, data_sets } = source;
        let scratch = self.data.join("rehearsal");
        remove_all(&scratch)?;
        fs::create_dir_all(&scratch).context("cannot make a scratch till")?;
        let counted = journal::rehearse(&scratch, from, data_sets, &self.terminal, self.edition);
        remove_all(&scratch)?;
        let mut counted = counted?;
        self.lies_by(Fault::RehearseLies, &mut counted);
        Ok(counted)
    }

    pub(super) fn import(&self, source: &Source) -> Result<Vec<DataSet>, Refusal> {
        self.fails_by(Fault::ImportFails)?;
        let Source { from, data_sets } = source;
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        let began = Instant::now();
        let mut counted = self.journal().import(&self.data, from, data_sets)?;
        print::note(&format!("imported within {} ms", began.elapsed().as_millis()));
        self.hangs_by(Fault::ImportHangs);
        self.lies_by(Fault::ImportLies, &mut counted);
        Ok(counted)
    }

    pub(super) fn revert_import(&self) -> Outcome {
        self.fails_by(Fault::RevertFails)?;
        let _seat = self.desk.take_for_bookkeeping(DESK_PATIENCE).ok_or_else(desk_is_taken)?;
        self.journal().revert_import(&self.data)?;
        done()
    }

    pub(super) fn commit_import(&self) -> Outcome {
        self.fails_by(Fault::CommitFails)?;
        self.journal().commit_import(&self.data)?;
        done()
    }

    fn lies_by(&self, fault: Fault, data_sets: &mut [DataSet]) {
        if self.faults.strikes(fault) {
            for set in data_sets.iter_mut().filter(|set| set.class == "transactions") {
                set.records += 1;
            }
        }
    }
}

fn remove_all(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
