//! Steps of the jobs that stop a till, let it sell and empty it, as far as both sides know them by
//! name: the terminal signs the names in its receipts and says them in its reports. Pure.

use crate::digest::Digest;
use crate::document::receipt::Evidence;

/// From then on the till takes no payment.
pub const STOP: &str = "stop";

/// What the till has is saved: the evidence bears the digest of the snapshot's manifest.
pub const SAVE: &str = "save";

/// From then on the till sells again.
pub const SELL: &str = "sell";

/// From its beginning on there is no way back to what the terminal held.
pub const ERASE: &str = "erase";

/// The manifest of the snapshot that a job has taken, by the evidence of its receipt: of several
/// the newest, since whatever was taken before was taken again.
pub fn saved_manifest(evidence: &[Evidence]) -> Option<Digest> {
    evidence.iter().rev().filter(|piece| piece.step == SAVE).find_map(|piece| piece.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn piece(step: &str, digest: Option<u8>) -> Evidence {
        let digest = digest.map(|it| Digest([it; 32]));
        Evidence { step: step.to_owned(), at: UnixTime(1), note: String::new(), digest }
    }

    #[test]
    fn the_newest_manifest_of_the_step_that_saves_counts_and_no_other_digest() {
        let cases: [(&[Evidence], Option<u8>); 5] = [
            (&[], None),
            (&[piece("settle", Some(1)), piece(SAVE, None)], None),
            (&[piece(SAVE, Some(2)), piece("verified", Some(3))], Some(2)),
            (&[piece(SAVE, Some(2)), piece(SAVE, Some(4)), piece(SAVE, None)], Some(4)),
            (&[piece("saved", Some(2))], None),
        ];
        for (evidence, wanted) in cases {
            let wanted = wanted.map(|it| Digest([it; 32]));
            assert_eq!(saved_manifest(evidence), wanted, "{evidence:?}");
        }
    }
}
