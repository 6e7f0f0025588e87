//! What terminals are told had to be so before they may be wiped, and the root that people sign for
//! over all of it. Pure.

use std::collections::BTreeMap;

use shared::codec;
use shared::digest::Digest;
use shared::document::clearance::CLEARANCE_BYTES_MAX;
use shared::document::clearance::Deregistered;
use shared::document::profile::Enclosed;
use shared::document::{Clearance, FORMAT};
use shared::id::{OrderId, TerminalId};
use shared::membership::Profiles;

use crate::registry::deactivation::ServiceFacts;

/// Of each terminal that has told its challenge; the plan refuses the others.
pub fn enclosed(facts: &[ServiceFacts], is_lost: bool) -> BTreeMap<TerminalId, Enclosed> {
    let payload = |it: &ServiceFacts| {
        let clearance = Clearance {
            format: FORMAT,
            terminal: it.terminal,
            challenge: it.challenge?,
            suspended_by: it.service_order.filter(|_| !is_lost),
            manifest: it.saved.map(|(manifest, _)| manifest),
            deregistered: it.deregistered.clone(),
        };
        Some((it.terminal, codec::encode(&clearance)))
    };
    let payloads: BTreeMap<_, _> = facts.iter().filter_map(payload).collect();
    let tree = Profiles::of(&payloads);
    let enclosed = payloads.into_iter().map(|(terminal, payload)| {
        let path = tree.path(terminal).unwrap_or_default();
        (terminal, Enclosed { profile: payload.into(), path })
    });
    enclosed.collect()
}

/// Whether a terminal reads a clearance that names all of these, whatever else it says.
pub fn fits(deregistered: &[Deregistered]) -> bool {
    let longest = Clearance {
        format: FORMAT,
        terminal: TerminalId::from_bytes([255; 16]),
        challenge: Digest([255; 32]),
        suspended_by: Some(OrderId::from_bytes([255; 16])),
        manifest: Some(Digest([255; 32])),
        deregistered: deregistered.to_vec(),
    };
    codec::encode(&longest).len() <= CLEARANCE_BYTES_MAX
}

/// The digest that is signed.
pub fn root(clearances: &BTreeMap<TerminalId, Enclosed>) -> Digest {
    let payloads = clearances.iter().map(|(terminal, it)| (*terminal, it.profile.to_vec()));
    Profiles::of(&payloads.collect()).root()
}

pub fn read(payload: &[u8]) -> Result<Clearance, codec::Unreadable> {
    codec::decode_document(payload, CLEARANCE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_named_as_long_as_a_terminal_reads_it() {
        let many = |count| {
            let each = |number| Deregistered {
                with: format!("party {number}"),
                reference: "r".repeat(500),
            };
            (0..count).map(each).collect::<Vec<_>>()
        };
        assert!(fits(&[]) && fits(&many(7)));
        assert!(!fits(&many(8)) && !fits(&many(100)));
    }
}
