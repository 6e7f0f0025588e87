//! A restore drill, as a table to be read aloud: the newest verified snapshot, all of it, into a
//! scratch till. The till itself is not touched.

use super::Action::Data;
use super::DataAction::{Admit, Compare, DiscardStaged, FetchSnapshot, Rehearse};
use super::step::Condition::{DownloadOpen, WindowOpen};
use super::step::{Step, Table};
use shared::outcome::FailureCode::SnapshotDamaged;

const HOUR: u64 = 3600;

pub static DRILL: Table = &[
    Step::new("admit", Data(Admit)).tries(3, 30).within_s(180),
    Step::wait("window", WindowOpen),
    Step::new("fetch", Data(FetchSnapshot))
        .paused_unless(DownloadOpen)
        .tidied_by(&[Data(DiscardStaged)])
        .failing_as(SnapshotDamaged)
        .tries(8, 60)
        .within_s(24 * HOUR),
    Step::new("rehearse", Data(Rehearse)).tries(3, 60).within_s(HOUR),
    Step::new("compare", Data(Compare)).tries(3, 30).within_s(180),
    Step::new("tidy", Data(DiscardStaged)),
];
