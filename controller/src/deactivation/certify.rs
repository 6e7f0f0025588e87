//! Writes the certificate of each terminal that has signed that it is erased, and puts those that
//! have said their last word on the deny list. What has no certificate yet is looked for again and
//! again, so whoever is killed anywhere goes on.

use std::sync::Arc;
use std::time::Duration;

use shared::document::receipt::{Evidence, Said};
use shared::document::roster::Role;
use shared::document::sanitisation::{Method, Person, SanitisedBy, Summary, Verification};
use shared::document::{Batch, FORMAT, Receipt, SanitisationCertificate};
use shared::outcome::Outcome;
use shared::signature::{Envelope, KnownKeys, open};
use shared::step_names::ERASE;
use shared::time::UnixTime;
use tracing::{info, warn};

use super::clearance;
use super::particulars::Particulars;
use crate::auth::roster;
use crate::background::Progress;
use crate::delivery::Signer;
use crate::provider::Kind;
use crate::registry::audit::By;
use crate::registry::deactivation::{Erased, Sanitisation, ServiceFacts};
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

/// In the audit log.
const WHO: &str = "certify";

/// Where nobody says what is erased.
const MEDIA: &str = "storage of a payment terminal";

/// Certificates in one step, and terminals in one look at the registry.
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
        let made = self.certify(now).await?;
        let why = "it is erased, and has said so".to_owned();
        let by = By { who: WHO.to_owned(), why, at: now };
        let (quiet, long_ago) = (now.minus(LAST_WORD), now.minus(KEY_GONE));
        for terminal in self.registry.retire_erased(quiet, long_ago, &by).await? {
            info!(%terminal, "an erased terminal is on the deny list");
        }
        Ok(if made > 0 { Progress::MoreToDo } else { Progress::Settled })
    }

    /// Writes certificates, and goes past those that nobody can write; gives how many were made.
    async fn certify(&self, now: UnixTime) -> Result<u32, RegistryError> {
        let roster = roster::newest(&*self.registry).await?;
        let keys = roster.map(|it| KnownKeys::of_roster(&it));
        let mut page = Page::first(CERTIFICATES_MAX);
        let mut made = 0;
        while made < CERTIFICATES_MAX {
            let (erased, last) = self.registry.uncertified(&page).await?;
            let Some(last) = last else { break };
            page = Page::after(last, CERTIFICATES_MAX);
            for it in &erased {
                made += u32::from(self.certify_one(it, keys.as_ref(), now).await?);
            }
        }
        Ok(made)
    }

    /// Whether it was written.
    async fn certify_one(
        &self,
        erased: &Erased,
        keys: Option<&KnownKeys>,
        now: UnixTime,
    ) -> Result<bool, RegistryError> {
        let known = self.known(erased).await?;
        let Some(certificate) = self.certificate(erased, known, keys, now) else {
            // What a terminal signed is stored as it came; only a damaged registry comes here.
            warn!(terminal = %erased.facts.terminal, "its certificate cannot be written");
            return Ok(false);
        };
        let paper = self.signer.sanitisation_certificate(certificate);
        let new = Sanitisation {
            order: erased.order,
            terminal: erased.facts.terminal,
            digest: paper.digest,
            signed: paper.signed,
            created_at: now,
        };
        let by = By { who: WHO.to_owned(), why: erased.order.to_string(), at: now };
        let is_new = self.registry.add_sanitisation(&new, &by).await?;
        if is_new {
            info!(terminal = %new.terminal, certificate = %new.digest, "certified");
        }
        Ok(is_new)
    }

    /// What is written down of the unit, its model and its case.
    async fn known(&self, erased: &Erased) -> Result<Known, RegistryError> {
        let facts = &erased.facts;
        let unit = self.registry.unit(&facts.serial).await?.map(|unit| unit.about);
        let model = self.registry.record(Kind::Model, &facts.model, None).await?;
        let model = model.and_then(|it| it.known.model()).map(|it| it.document);
        let said = match erased.request {
            Some(request) => self.registry.particulars(request).await?,
            None => None,
        };
        let custodian = unit.as_ref().and_then(|unit| unit.custodian.clone());
        let custodian =
            custodian.map(|name| Person { name, title: None, location: None, contact: None });
        let said = said.unwrap_or_default();
        Ok(Known {
            manufacturer: model.and_then(|model| model.manufacturer),
            property_number: unit.and_then(|unit| unit.property_number),
            responsible: said.responsible.clone().or(custodian),
            said,
        })
    }

    fn certificate(
        &self,
        erased: &Erased,
        known: Known,
        keys: Option<&KnownKeys>,
        now: UnixTime,
    ) -> Option<SanitisationCertificate> {
        let Erased { facts, order, receipt, batch, clearance, request: _ } = erased;
        let receipt = Envelope::<Receipt>::from_bytes(receipt.as_slice()).ok()?;
        let Said::Finished { outcome: Outcome::Succeeded { .. }, evidence } =
            &receipt.document.said
        else {
            return None;
        };
        let clearance = clearance::read(clearance).ok()?;
        let approved_by = keys.and_then(|keys| {
            let opened = open::<Batch>(batch.as_slice(), self.signer.fleet(), keys).ok()?;
            let owners = opened.signed_by.owners(Role::Approver);
            Some(owners.into_iter().map(str::to_owned).collect())
        });
        let (erased, summary) = erased_by(evidence);
        let verification = summary.as_ref().map_or(Verification::NotVerified, |it| it.verification);
        let is_verified = verification.is_made();
        let by = SanitisedBy { key: facts.key?.key_id(), store: facts.store.clone() };
        let Known { manufacturer, property_number, responsible, said } = known;
        Some(SanitisationCertificate {
            format: FORMAT,
            terminal: facts.terminal,
            manufacturer,
            model: facts.model.clone(),
            serial: facts.serial.clone(),
            property_number,
            media_type: said.media_type.unwrap_or_else(|| MEDIA.to_owned()),
            media_source: source(facts),
            confidentiality_before: said.confidentiality_before,
            confidentiality_after: said.confidentiality_after,
            method: summary.as_ref().map_or(Method::Unknown, |it| it.method),
            tool: summary.map_or_else(|| "not said".to_owned(), |it| it.tool),
            erased,
            verification,
            verified_by: is_verified.then(|| by.clone()),
            verified_at: is_verified.then_some(receipt.document.at),
            destination: said.destination,
            order: *order,
            receipt: receipt.digest(),
            sanitised_by: by,
            sanitised_at: receipt.document.at,
            responsible,
            validator: said.validator,
            approved_by: approved_by.unwrap_or_default(),
            saved: clearance.manifest,
            saved_in: if clearance.manifest.is_some() { self.places.clone() } else { vec![] },
            deregistered: clearance.deregistered,
            certified_at: now,
        })
    }
}

/// What is known beside what the terminal has signed.
#[derive(Debug)]
struct Known {
    manufacturer: Option<String>,
    property_number: Option<String>,
    /// Who answers for the unit, where nobody else is named.
    responsible: Option<Person>,
    said: Particulars,
}

/// What was erased, in the terminal's own words, and what it all came to.
fn erased_by(evidence: &[Evidence]) -> (Vec<String>, Option<Summary>) {
    let notes = evidence.iter().filter(|it| it.step == ERASE).map(|it| it.note.clone());
    let mut erased: Vec<_> = notes.collect();
    let summary = erased.last().and_then(|note| Summary::read(note));
    if summary.is_some() {
        erased.pop();
    }
    (erased, summary)
}

fn source(facts: &ServiceFacts) -> String {
    match &facts.lane {
        Some(lane) => format!("{}, lane {lane}", facts.store),
        None => facts.store.clone(),
    }
}
