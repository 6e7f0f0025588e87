//! The upgrade, as a table to be read aloud.
//!
//! Everything up to `till` leaves the shop alone. From `hold` to `settle` a job that cannot go on
//! lets the shop sell again and waits for the next chance. From `switch` on it goes forward, or
//! back to the old version; from `commit` on only forward. Success is only what the restarted
//! application says.

use shared::document::Release;
use shared::outcome::FailureCode::{
    ArtifactUnavailable, ExportFailed, HealthNotProven, PosNotReady, PreflightFailed,
    RestartFailed, SwitchFailed,
};

use super::Action::{self, *};
use super::step::Condition::*;
use super::step::{Step, Table};
use super::{Again, DataAction, Reply};

const HOUR: u64 = 3600;

pub static UPGRADE: Table = &[
    // The shop sells on and does not notice.
    Step::new("admit", Admit).ends_if_already_so().tries(3, 30).within_s(180),
    Step::new("fetch", Fetch)
        .paused_unless(DownloadOpen)
        .tidied_by(&[DiscardDownload])
        .failing_as(ArtifactUnavailable)
        .tries(8, 60)
        .within_s(12 * HOUR),
    Step::new("verify", Verify).within_s(600),
    Step::new("stage", Stage).tidied_by(&[DiscardStaged]).tries(2, 60).within_s(HOUR),
    Step::new("preflight", RunPreflight).failing_as(PreflightFailed).tries(3, 10).within_s(400),
    Step::wait("window", WindowOpen),
    // Where the order asks for it: nothing is disturbed that could not be brought back.
    Step::new("snapshot", Data(DataAction::Find))
        .when(BackupAsked)
        .only_while(WindowOpen, "window")
        .skips_if_already_so("till")
        .tries(8, 60)
        .within_s(HOUR),
    Step::new("export", Data(DataAction::Export))
        .when(BackupAsked)
        .only_while(WindowOpen, "window")
        .tidied_by(&[Data(DataAction::DiscardExport)])
        .failing_as(ExportFailed)
        .tries(3, 60)
        .within_s(HOUR),
    Step::new("save", Data(DataAction::Save)).when(BackupAsked).tries(8, 60).within_s(12 * HOUR),
    Step::new("tidy-export", Data(DataAction::DiscardExport)).when(BackupAsked),
    Step::new("verified", Data(DataAction::Confirm)).when(BackupAsked).tries(60, 60).within_s(HOUR),
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
    Step::new("settle", Settle)
        .when(SettlementAsked)
        .only_while(WindowOpen, "window")
        .or_back()
        .tries(3, 10)
        .within_s(600),
    // The old version stands by until the new one has proven itself.
    Step::new("switch", SwitchSlot)
        .only_while(WindowOpen, "window")
        .without_waiting()
        .noting(ControllerConnected)
        .probed_by(ProbeSlot)
        .undone_by(&[SwitchBack, RestartApplication])
        .failing_as(SwitchFailed)
        .within_s(120),
    Step::new("restart", RestartApplication)
        .without_waiting()
        .failing_as(RestartFailed)
        .tries(2, 10)
        .within_s(300),
    Step::new("health", ProveHealth)
        .until_restart()
        .without_waiting()
        .failing_as(HealthNotProven)
        .within_stated_and_s(60),
    Step::wait("controller", ControllerReached)
        .when_noted_at("switch")
        .until_restart()
        .failing_as(HealthNotProven)
        .within_s(600),
    Step::new("commit", CommitSlot).point_of_no_return().without_waiting().tries(5, 10),
    // Kept for good. What fails from here on is told, not undone.
    Step::new("release", ReleaseTrading).ends_lease().without_waiting().tries(10, 10).within_s(300),
    Step::new("tidy", DiscardDownload).without_waiting(),
];

/// What an answer is worth to an upgrade: nothing counts as healthy that does not say of itself
/// that it is the release's version.
pub fn judge(release: &Release, action: Action, reply: Reply) -> Reply {
    match (action, reply) {
        (ProveHealth, Reply::Done(proof)) | (Admit, Reply::AlreadySo(proof))
            if proof.version.as_deref() != Some(&release.version) =>
        {
            let says = proof.version.as_deref().unwrap_or("nothing");
            let wanted = &release.version;
            Reply::Failed {
                code: HealthNotProven,
                detail: format!("the application says it is {says}, not {wanted}"),
                again: Again::Pointless,
            }
        }
        (_, reply) => reply,
    }
}
