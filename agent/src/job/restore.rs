//! A restore, as a table to be read aloud.
//!
//! Everything up to `till` leaves the shop alone; what the till has by then is saved first. From
//! `hold` to `settle` a job that cannot go on lets the shop sell again and waits for the next
//! chance. From `import` on it goes forward, or back to the data of before; from `commit` on only
//! forward. Success is only what the till itself counted.

pub mod target;
pub mod totals;

use shared::outcome::FailureCode::{ExportFailed, PosNotReady, SnapshotDamaged};

use super::Action::{AskTill, Data, Drain, HoldTrading, ReleaseTrading};
use super::DataAction::{
    CheckTarget, CommitImport, DiscardExport, DiscardStaged, Export, FetchSnapshot, Import,
    KeepFiles, PlaceFiles, PutFilesBack, Reconcile, RevertImport, Save, SettleFirst,
};
use super::step::Condition::{DownloadOpen, WindowOpen};
use super::step::{Step, Table};

const HOUR: u64 = 3600;

/// From then on the till may have other data than it was last saved with.
pub const IMPORT: &str = "import";

pub static RESTORE: Table = &[
    // The shop sells on and does not notice.
    Step::new("admit", Data(CheckTarget))
        .tidied_by(&[Data(DiscardStaged)])
        .tries(8, 60)
        .within_s(HOUR),
    Step::new("fetch", Data(FetchSnapshot))
        .paused_unless(DownloadOpen)
        .tidied_by(&[Data(DiscardStaged)])
        .failing_as(SnapshotDamaged)
        .tries(8, 60)
        .within_s(24 * HOUR),
    Step::wait("window", WindowOpen),
    // What the till has now is saved before anything takes its place.
    Step::new("export", Data(Export))
        .only_while(WindowOpen, "window")
        .tidied_by(&[Data(DiscardExport)])
        .failing_as(ExportFailed)
        .tries(5, 60)
        .within_s(HOUR),
    Step::new("save", Data(Save)).tries(8, 60).within_s(12 * HOUR),
    Step::new("till", AskTill).only_while(WindowOpen, "window").within_s(HOUR),
    // Trading is held. Whatever cannot be done now is tried again at the next chance.
    Step::new("hold", HoldTrading)
        .only_while(WindowOpen, "window")
        .or_back()
        .takes_lease()
        .undone_by(&[ReleaseTrading])
        .failing_as(PosNotReady)
        .within_s(300),
    Step::new("drain", Drain).only_while(WindowOpen, "window").or_back().tries(3, 10).within_s(300),
    Step::new("settle", Data(SettleFirst))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(600),
    // What was sold since the first export is saved too, now that nobody can sell any more. Most of
    // it is saved already, so this is short; where it is not, the shop sells again.
    Step::new("export-held", Data(Export))
        .only_while(WindowOpen, "window")
        .or_back()
        .tidied_by(&[Data(DiscardExport)])
        .failing_as(ExportFailed)
        .tries(2, 10)
        .within_s(660),
    Step::new("save-held", Data(Save))
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(2, 10)
        .within_s(600),
    Step::new("tidy-export", Data(DiscardExport)).only_while(WindowOpen, "window").or_back(),
    // The data of before stands by until the new has been counted.
    Step::new(IMPORT, Data(Import))
        .only_while(WindowOpen, "window")
        .without_waiting()
        .undone_by(&[Data(RevertImport)])
        .tries(2, 10)
        .within_s(1300),
    Step::new("files", Data(PlaceFiles))
        .without_waiting()
        .undone_by(&[Data(PutFilesBack)])
        .tries(2, 10)
        .within_s(1300),
    Step::new("reconcile", Data(Reconcile)).without_waiting().tries(3, 10).within_s(1300),
    Step::new("commit", Data(CommitImport))
        .point_of_no_return()
        .without_waiting()
        .tries(5, 10)
        .within_s(700),
    // Kept for good. What fails from here on is told, not undone.
    Step::new("release", ReleaseTrading).ends_lease().without_waiting().tries(10, 10).within_s(300),
    Step::new("tidy-files", Data(KeepFiles)).without_waiting().tries(5, 10).within_s(700),
    Step::new("tidy", Data(DiscardStaged)).without_waiting(),
];
