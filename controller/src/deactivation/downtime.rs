//! How long a shop was without a till: from the signed word that it stopped to the signed word that
//! it sells. Pure.

use std::time::Duration;

use shared::document::receipt::{Receipt, Said};
use shared::outcome::Outcome;
use shared::step_names::{SELL, STOP};
use shared::time::UnixTime;

/// By what a terminal has signed of the order that stopped it, and of the one that let it sell
/// again; `None` where it has signed neither. What another order took over has stopped it too.
pub fn downtime(stopped: &[Receipt], resumed: &[Receipt]) -> Option<Duration> {
    let stopped_at = when(stopped, STOP)?;
    Some(when(resumed, SELL)?.since(stopped_at))
}

/// When the step was done; where its own note is gone, when all of it was.
fn when(receipts: &[Receipt], step: &str) -> Option<UnixTime> {
    receipts.iter().find_map(|receipt| match &receipt.said {
        Said::Finished { outcome: Outcome::Succeeded { .. }, evidence } => {
            let noted = evidence.iter().find(|it| it.step == step).map(|it| it.at);
            Some(noted.unwrap_or(receipt.at))
        }
        Said::Finished { outcome: Outcome::Superseded, evidence } => {
            evidence.iter().find(|it| it.step == step).map(|it| it.at)
        }
        Said::Finished { .. } | Said::Accepted | Said::Refused { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use shared::document::FORMAT;
    use shared::document::receipt::Evidence;
    use shared::id::{OrderId, TerminalId};
    use shared::outcome::{Failure, FailureCode};
    use shared::time::ClockConfidence;

    use super::*;

    fn receipt(said: Said, at: i64) -> Receipt {
        Receipt {
            format: FORMAT,
            terminal: TerminalId::from_bytes([1; 16]),
            epoch: 1,
            order: OrderId::from_bytes([1; 16]),
            said,
            at: UnixTime(at),
            clock: ClockConfidence::Attested,
        }
    }

    fn succeeded(steps: &[(&str, i64)], at: i64) -> Receipt {
        let evidence = steps.iter().map(|(step, at)| Evidence {
            step: (*step).to_owned(),
            at: UnixTime(*at),
            note: String::new(),
            digest: None,
        });
        let outcome = Outcome::Succeeded { now: String::new() };
        receipt(Said::Finished { outcome, evidence: evidence.collect() }, at)
    }

    #[test]
    fn it_lasts_from_the_stop_to_the_first_sale_that_could_be() {
        let stopped = [receipt(Said::Accepted, 5), succeeded(&[("stop", 100), ("save", 160)], 170)];
        let failure = Failure {
            code: FailureCode::TestFailed,
            step: "test".to_owned(),
            detail: String::new(),
        };
        let outcome = Outcome::Failed { failure };
        let failed = receipt(Said::Finished { outcome, evidence: vec![] }, 900);
        let resumed = [succeeded(&[("test", 980), ("sell", 1_000)], 1_010)];
        let mut taken_over = succeeded(&[("stop", 40)], 170);
        if let Said::Finished { outcome, .. } = &mut taken_over.said {
            *outcome = Outcome::Superseded;
        }
        let mut withdrawn = taken_over.clone();
        if let Said::Finished { evidence, .. } = &mut withdrawn.said {
            evidence.clear();
        }
        let taken_over = [taken_over];
        let cases = [
            (taken_over.as_slice(), resumed.as_slice(), Some(960)),
            (&[withdrawn], &resumed, None),
            (&stopped, &resumed, Some(900)),
            (&stopped, &[], None),
            (&stopped, std::slice::from_ref(&failed), None),
            (&[], &resumed, None),
            (&stopped[..1], &resumed, None),
            // Of a great many notes the oldest are not kept.
            (&[succeeded(&[], 170)], &resumed, Some(830)),
        ];
        for (stopped, resumed, expected) in cases {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(downtime(stopped, resumed), expected, "{stopped:?} {resumed:?}");
        }
    }
}
