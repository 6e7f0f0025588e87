//! A document as it is answered, with what is in its way at present.

use shared::digest::Digest;
use shared::time::UnixTime;

use super::super::model::{GivenVouch, ProviderFinding, ProviderRecord};
use crate::provider::contract::{self, Exposure};
use crate::provider::fees::{Band, accepted_digest, unaccepted};
use crate::provider::target::may_be_target;
use crate::provider::{Document, Known, Matter};
use crate::registry::provider::Record;

pub(super) type BandsInForce = Vec<(String, Band)>;

/// What is vouched for in a matter, where the document has such a thing.
pub(super) fn digest(matter: Matter, of: &Document, bands: &BandsInForce) -> Option<Digest> {
    match (matter, of) {
        (Matter::Licence, Document::Provider(it)) => it.licence.as_ref().map(|it| it.digest()),
        (Matter::Clearing, Document::Provider(it)) => Some(it.clearing_digest()),
        (Matter::Fees, Document::Fees(it)) => Some(accepted_digest(it, bands)),
        (Matter::Legal, Document::Contract(it)) => Some(it.legal_digest()),
        (Matter::Licence | Matter::Clearing | Matter::Fees | Matter::Legal, _) => None,
    }
}

pub(super) fn record(record: Record, bands: &BandsInForce, at: UnixTime) -> ProviderRecord {
    let Record { known, set_at, set_by, why } = record;
    let vouches = known.vouches.iter().map(|it| GivenVouch {
        matter: it.matter,
        of: it.of.to_string(),
        by: it.by.clone(),
        at: it.at,
        why: it.why.clone(),
        counts: digest(it.matter, &known.document, bands) == Some(it.of),
    });
    ProviderRecord {
        vouches: vouches.collect(),
        findings: findings(&known, bands, at),
        exposure: exposure(&known.document, at),
        key: known.key,
        version: known.version,
        document: known.document,
        set_at,
        set_by,
        why,
    }
}

fn exposure(of: &Document, at: UnixTime) -> Option<Exposure> {
    let Document::Contract(contract) = of else { return None };
    Some(contract::exposure(Some(contract), at))
}

fn findings(known: &Known<Document>, bands: &BandsInForce, at: UnixTime) -> Vec<ProviderFinding> {
    match &known.document {
        Document::Provider(it) => {
            let why_not = may_be_target(&known.clone().map(|_| it.clone()), at);
            let why_not = why_not.err().unwrap_or_default().into_iter();
            let finding = |it: crate::provider::target::WhyNot| ProviderFinding {
                what: format!("no terminal may be brought to it: {it}"),
                hint: it.hint().to_owned(),
            };
            why_not.map(finding).collect()
        }
        Document::Fees(it) => {
            let outside = unaccepted(&known.clone().map(|_| it.clone()), bands).into_iter();
            let finding = |it: crate::provider::fees::OutOfBand| {
                let band = it.band.map_or_else(
                    || "has no band".to_owned(),
                    |band| format!("has the band {} to {}", band.lowest, band.highest),
                );
                ProviderFinding {
                    what: format!(
                        "{} is asked for {} hundredths of a percent, and {band}",
                        it.class, it.hundredths
                    ),
                    hint: "mend it, or whoever answers for it: `tillward provider vouch fees`"
                        .to_owned(),
                }
            };
            outside.map(finding).collect()
        }
        Document::Contract(_)
        | Document::Band(_)
        | Document::Model(_)
        | Document::Compatibility(_) => vec![],
    }
}
