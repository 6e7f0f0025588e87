//! Actions on the slots that software is installed into.

use std::time::Duration;

use shared::document::Release;
use shared::outcome::{FailureCode, Waiting};
use tracing::{info, warn};

use super::{Hands, chain, done};
use crate::health::{self, Unhealthy};
use crate::install::{InstallError, Proof as SlotProof, Slot, SlotName};
use crate::job::{Again, Finding, Found, Proof, Reply};

/// A disk is not emptied in a hurry.
const ROOM_AGAIN: Duration = Duration::from_secs(10 * 60);

impl Hands {
    pub(super) fn admit(&self, release: &Release) -> Reply {
        let refused = |detail| Reply::Failed {
            code: FailureCode::NotApplicable,
            detail,
            again: Again::Pointless,
        };
        if release.component != self.component {
            let (got, ours) = (&release.component, &self.component);
            return refused(format!("the release is for `{got}`, this terminal has `{ours}`"));
        }
        let wanted = match slot_of(release) {
            Ok(wanted) => wanted,
            Err(error) => return failed(&error, FailureCode::NotApplicable),
        };
        let current = match self.installer.slots(&release.component) {
            Ok(slots) => slots.current,
            Err(error) => return failed(&error, FailureCode::Internal),
        };
        match current {
            None => refused(format!("no version of `{}` is current", release.component)),
            Some(Slot { name, proof: SlotProof::Committed, .. }) if name == wanted => {
                self.already_so()
            }
            // The order was checked against what was told at the start, which may have been
            // nothing for want of a readable disk. What is read here is what runs.
            Some(Slot { version, security_counter: runs, .. })
                if release.security_counter < runs =>
            {
                let counter = release.security_counter;
                refused(format!("it has counter {counter}; {version} runs with counter {runs}"))
            }
            Some(slot) => match self.installer.check_room(&release.artifact) {
                Ok(()) if slot.proof == SlotProof::Pending && slot.name != wanted => {
                    self.make_up_for_a_commit(&release.component, &slot)
                }
                Ok(()) => Reply::Done(Proof::default()),
                Err(InstallError::NoRoom { needed, .. }) => no_room(needed),
                Err(error) => failed(&error, FailureCode::Internal),
            },
        }
    }

    /// Another version runs, and nothing says that it has proven itself: the disk was full when it
    /// was to be written down, or the way back from it failed. Unless it is written down before the
    /// next switch, the way back from *that* leads past what runs to the version before. So the
    /// version must show now what it is; one that is broken stays unproven and may be replaced.
    fn make_up_for_a_commit(&self, component: &str, running: &Slot) -> Reply {
        match health::look_at(&*self.pos, component, &running.version) {
            Ok(_) => {}
            Err(Unhealthy::NotReady(detail)) => {
                return Reply::NotYet { waiting: Waiting::Till, detail, again_in: None };
            }
            Err(Unhealthy::Shown(problem)) => {
                warn!(slot = %running.name, problem, "what runs is unproven: no way back to it");
                return done(format!("{} stays unproven: {problem}", running.name));
            }
        }
        match self.installer.commit(component, &running.name) {
            Ok(()) => {
                info!(slot = %running.name, "made up for a version that was not yet recorded");
                done(format!("{} is healthy, and recorded as proven", running.name))
            }
            Err(error) => failed(&error, FailureCode::Internal),
        }
    }

    /// The slot says so; the application must say so too.
    fn already_so(&self) -> Reply {
        match self.pos.status() {
            Ok(status) => {
                let version = status.application.version;
                let note = format!("version {version} runs already");
                let findings = vec![Finding { note, digest: None }];
                Reply::AlreadySo(Proof { version: Some(version), findings })
            }
            Err(error) => {
                Reply::NotYet { waiting: Waiting::Till, detail: error.to_string(), again_in: None }
            }
        }
    }

    pub(super) fn stage(&self, release: &Release) -> Reply {
        let mut file = match self.downloads.file(&release.artifact) {
            Ok(file) => file,
            Err(error) => {
                let (code, detail) = (FailureCode::ArtifactUnavailable, chain(&error));
                return Reply::Failed { code, detail, again: Again::Pointless };
            }
        };
        match self.installer.stage(release, &mut file) {
            Ok(slot) => done(format!("unpacked as {slot}")),
            Err(error) => failed(&error, FailureCode::Internal),
        }
    }

    pub(super) fn switch_slot(&self, release: &Release) -> Reply {
        let switched = slot_of(release)
            .and_then(|slot| self.installer.switch(&release.component, &slot).map(|()| slot));
        match switched {
            Ok(slot) => done(format!("{slot} is current")),
            Err(error) => failed(&error, FailureCode::SwitchFailed),
        }
    }

    pub(super) fn switch_back(&self, release: &Release) -> Reply {
        match self.back_from(release) {
            Ok(Some(slot)) => done(format!("{slot} is current again")),
            Ok(None) => Reply::Failed {
                code: FailureCode::SwitchFailed,
                detail: "there is no previous version to go back to".to_owned(),
                again: Again::Pointless,
            },
            Err(error) => failed(&error, FailureCode::SwitchFailed),
        }
    }

    /// The slot that is current afterwards; `None` where there is no other.
    fn back_from(&self, release: &Release) -> Result<Option<SlotName>, InstallError> {
        let new = slot_of(release)?;
        let slots = self.installer.slots(&release.component)?;
        match (slots.current, slots.previous) {
            (Some(current), _) if current.name != new => Ok(Some(current.name)),
            (_, Some(previous)) => {
                self.installer.switch(&release.component, &previous.name)?;
                Ok(Some(previous.name))
            }
            (_, None) => Ok(None),
        }
    }

    pub(super) fn probe_slot(&self, release: &Release) -> Reply {
        let looked = slot_of(release)
            .and_then(|new| Ok((new, self.installer.slots(&release.component)?.current)));
        Reply::Found(match looked {
            Ok((new, Some(current))) if current.name == new => Found::Happened,
            Ok((_, Some(_))) => Found::DidNot,
            Ok((_, None)) => Found::Unknown,
            Err(error) => {
                warn!(error = chain(&error), "which slot is current cannot be told");
                Found::Unknown
            }
        })
    }

    pub(super) fn commit_slot(&self, release: &Release) -> Reply {
        let committed = slot_of(release)
            .and_then(|slot| self.installer.commit(&release.component, &slot).map(|()| slot));
        let slot = match committed {
            Ok(slot) => slot,
            Err(error) => return failed(&error, FailureCode::Internal),
        };
        let tidied = self.installer.collect_garbage(&release.component, release.raise_floor_to);
        if let Err(error) = tidied {
            warn!(error = chain(&error), "older versions are left over");
        }
        done(format!("{slot} is kept, counter {}", release.security_counter))
    }

    pub(super) fn discard_staged(&self, release: &Release) -> Reply {
        let discarded =
            slot_of(release).and_then(|slot| self.installer.discard(&release.component, &slot));
        match discarded {
            Ok(()) => Reply::Done(Proof::default()),
            Err(error) => failed(&error, FailureCode::Internal),
        }
    }
}

pub(super) fn slot_of(release: &Release) -> Result<SlotName, InstallError> {
    SlotName::new(&release.version, &release.artifact.sha256).map_err(InstallError::Version)
}

/// Nothing was done yet, and whoever makes room mends it. How much is free is left out: it changes
/// all the time, and each change would be a report.
fn no_room(needed: u64) -> Reply {
    let mib = needed.div_ceil(1024 * 1024);
    let detail = format!("the release needs {mib} MiB of free disk, and there is less");
    Reply::NotYet { waiting: Waiting::Disk, detail, again_in: Some(ROOM_AGAIN) }
}

/// A full or failing disk may recover; an unsafe archive stays one.
pub(super) fn failed(error: &InstallError, otherwise: FailureCode) -> Reply {
    let again = match error {
        InstallError::NoRoom { .. } | InstallError::Disk { .. } => Again::Worthwhile,
        InstallError::Unpack(crate::install::UnpackError::Write { .. }) => Again::Worthwhile,
        InstallError::Unpack(_)
        | InstallError::NotAComponent(_)
        | InstallError::Version(_)
        | InstallError::OtherSize { .. }
        | InstallError::OtherDigest { .. }
        | InstallError::SlotTaken(_)
        | InstallError::NoSuchSlot { .. }
        | InstallError::NotCurrent { .. } => Again::Pointless,
    };
    Reply::Failed { code: error.code(otherwise), detail: chain(error), again }
}
