//! Writes the certificate of each terminal that has signed that it is erased, and puts those that
//! have said their last word on the deny list. What has no certificate yet is looked for again and
//! again, so whoever is killed anywhere goes on.

use std::sync::Arc;
use std::time::Duration;

use shared::document::receipt::Said;
use shared::document::roster::Role;
use shared::document::sanitisation::{Method, SanitisedBy, Summary};
use shared::document::{Batch, FORMAT, Receipt, SanitisationCertificate};
use shared::signature::{Envelope, KnownKeys, open};
use shared::step_names::ERASE;
use shared::time::UnixTime;
use tracing::{info, warn};

use super::clearance;
use crate::auth::roster;
use crate::background::Progress;
use crate::delivery::Signer;
use crate::registry::audit::By;
use crate::registry::deactivation::{Erased, Sanitisation};
use crate::registry::{Registry, RegistryError};

/// In the audit log.
const WHO: &str = "certify";

/// Certificates in one step.
const CERTIFICATES_MAX: u32 = 50;

/// An erased terminal has so long to hear that it was heard; then it is refused.
const LAST_WORD: Duration = Duration::from_secs(15 * 60);

/// An erased terminal gives up its key within a week, heard or not. Whoever still speaks with it a
/// day later is somebody else.
const KEY_GONE: Duration = Duration::from_secs(8 * 24 * 3600);

/// The reconciler.
#[derive(Debug)]
pub struct Certify {
    registry: Arc<dyn Registry>,
    signer: Arc<Signer>,
    /// Where snapshots are kept, by name and region.
    places: Vec<String>,
}

impl Certify {
    pub fn new(registry: Arc<dyn Registry>, signer: Arc<Signer>, places: Vec<String>) -> Self {
        Self { registry, signer, places }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let erased = self.registry.uncertified(CERTIFICATES_MAX).await?;
        let roster = roster::newest(&*self.registry).await?;
        let keys = roster.map(|it| KnownKeys::of_roster(&it));
        let mut made = 0;
        for it in &erased {
            let Some(certificate) = self.certificate(it, keys.as_ref(), now) else {
                // What a terminal signed is stored as it came; only a damaged registry comes here.
                warn!(terminal = %it.facts.terminal, "its certificate cannot be written");
                continue;
            };
            let paper = self.signer.sanitisation_certificate(certificate);
            let new = Sanitisation {
                order: it.order,
                terminal: it.facts.terminal,
                digest: paper.digest,
                signed: paper.signed,
                created_at: now,
            };
            let by = By { who: WHO.to_owned(), why: it.order.to_string(), at: now };
            if self.registry.add_sanitisation(&new, &by).await? {
                info!(terminal = %new.terminal, certificate = %new.digest, "certified");
                made += 1;
            }
        }
        let why = "it is erased, and has said so".to_owned();
        let by = By { who: WHO.to_owned(), why, at: now };
        let (quiet, long_ago) = (now.minus(LAST_WORD), now.minus(KEY_GONE));
        for terminal in self.registry.retire_erased(quiet, long_ago, &by).await? {
            info!(%terminal, "an erased terminal is on the deny list");
        }
        Ok(if made > 0 { Progress::MoreToDo } else { Progress::Settled })
    }

    fn certificate(
        &self,
        erased: &Erased,
        keys: Option<&KnownKeys>,
        now: UnixTime,
    ) -> Option<SanitisationCertificate> {
        let Erased { facts, order, receipt, batch, clearance } = erased;
        let receipt = Envelope::<Receipt>::from_bytes(receipt.as_slice()).ok()?;
        let Said::Finished { evidence, .. } = &receipt.document.said else { return None };
        let clearance = clearance::read(clearance).ok()?;
        let approved_by = keys.and_then(|keys| {
            let opened = open::<Batch>(batch.as_slice(), self.signer.fleet(), keys).ok()?;
            let owners = opened.signed_by.owners(Role::Approver);
            Some(owners.into_iter().map(str::to_owned).collect())
        });
        let notes = evidence.iter().filter(|it| it.step == ERASE).map(|it| it.note.as_str());
        let mut erased: Vec<_> = notes.map(str::to_owned).collect();
        let summary = erased.last().and_then(|note| Summary::read(note));
        if summary.is_some() {
            erased.pop();
        }
        let place = match &facts.lane {
            Some(lane) => format!("{}, lane {lane}", facts.store),
            None => facts.store.clone(),
        };
        Some(SanitisationCertificate {
            format: FORMAT,
            terminal: facts.terminal,
            manufacturer: None,
            model: facts.model.clone(),
            serial: facts.serial.clone(),
            property_number: None,
            media_type: "storage of a payment terminal".to_owned(),
            media_source: place,
            confidentiality_before: None,
            confidentiality_after: None,
            method: summary.as_ref().map_or(Method::Unknown, |it| it.method),
            tool: summary.as_ref().map_or_else(|| "not said".to_owned(), |it| it.tool.clone()),
            erased,
            is_verified: summary.is_some_and(|it| it.is_verified),
            destination: None,
            order: *order,
            receipt: receipt.digest(),
            sanitised_by: SanitisedBy { key: facts.key?.key_id(), store: facts.store.clone() },
            sanitised_at: receipt.document.at,
            approved_by: approved_by.unwrap_or_default(),
            saved: clearance.manifest,
            saved_in: if clearance.manifest.is_some() { self.places.clone() } else { vec![] },
            deregistered: clearance.deregistered,
            certified_at: now,
        })
    }
}
