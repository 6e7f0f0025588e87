//! A backup, as a table to be read aloud. It disturbs no sale, so it waits for no till; where the
//! order says so, it waits for the day's batch to be settled, and never settles it itself. What it
//! takes from the shop is the line: so it keeps to the hours in which its order's calendar lets
//! bytes be moved, and to no others ([`super::Subject::keeps_to`]).

use shared::outcome::FailureCode::ExportFailed;

use super::Action::Data;
use super::DataAction::{Admit, AskSettled, DiscardExport, Export, Save};
use super::step::Condition::{DownloadOpen, SettlementAwaited, WindowOpen};
use super::step::{Step, Table};

const HOUR: u64 = 3600;

pub static BACKUP: Table = &[
    Step::new("admit", Data(Admit)).tries(3, 30).within_s(180),
    Step::wait("window", WindowOpen),
    Step::new("settled", Data(AskSettled))
        .when(SettlementAwaited)
        .only_while(WindowOpen, "window")
        .within_s(300),
    Step::new("export", Data(Export))
        .tidied_by(&[Data(DiscardExport)])
        .failing_as(ExportFailed)
        .tries(5, 60)
        .within_s(HOUR),
    Step::new("save", Data(Save)).paused_unless(DownloadOpen).tries(8, 60).within_s(24 * HOUR),
    Step::new("tidy", Data(DiscardExport)),
];
