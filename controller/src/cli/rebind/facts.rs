//! What terminals have signed about the steps of their change.
//!
//! It is shown as the controller gives it; who doubts it exports it as evidence and verifies that.

use std::time::Duration;

use serde::Serialize;
use shared::document::Receipt;
use shared::document::receipt::{Evidence, Said, TRADING_GOES_ON, TRADING_HELD};
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::measure::{duration_text, time_text};
use super::super::print::Print;
use crate::api::model::Assignment;
use crate::campaign::words::harmless;

/// Of one terminal, once it has signed an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Facts {
    serial: String,
    /// How long trading was held in all, in seconds; `null` where it does not say when it ended.
    not_selling_s: Option<u64>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Step {
    step: String,
    at: UnixTime,
    note: String,
}

pub(super) async fn read(client: &Client, terminals: &[Assignment]) -> Result<Vec<Facts>, Failure> {
    let mut all = Vec::new();
    for terminal in terminals {
        let Some(order) = terminal.order else { continue };
        let receipts = client.evidence(order).await?.receipts;
        let evidence = receipts.iter().rev().find_map(|bytes| end(&bytes.0));
        all.extend(evidence.map(|evidence| of(&terminal.serial, &evidence)));
    }
    Ok(all)
}

/// What a receipt says of the steps; `None` of one that is no end.
fn end(receipt: &[u8]) -> Option<Vec<Evidence>> {
    match Envelope::<Receipt>::from_bytes(receipt).ok()?.document.said {
        Said::Finished { evidence, .. } => Some(evidence),
        Said::Accepted | Said::Refused { .. } => None,
    }
}

fn of(serial: &str, evidence: &[Evidence]) -> Facts {
    let step =
        |it: &Evidence| Step { step: harmless(&it.step), at: it.at, note: harmless(&it.note) };
    Facts {
        serial: serial.to_owned(),
        not_selling_s: held_s(evidence),
        steps: evidence.iter().map(step).collect(),
    }
}

/// A till that goes back is held a second time.
fn held_s(evidence: &[Evidence]) -> Option<u64> {
    let (mut since, mut held, mut was_held) = (None, 0, false);
    for it in evidence {
        match it.note.as_str() {
            TRADING_HELD => {
                since.get_or_insert(it.at.0);
                was_held = true;
            }
            TRADING_GOES_ON => {
                let seconds = since.take().map_or(0, |since| it.at.0.saturating_sub(since));
                held += u64::try_from(seconds).unwrap_or(0);
            }
            _ => {}
        }
    }
    (was_held && since.is_none()).then_some(held)
}

pub(super) fn shown(facts: &[Facts], print: &mut Print) {
    let rows = facts.iter().flat_map(|it| {
        let row = |step: &Step| {
            [it.serial.clone(), time_text(step.at), step.step.clone(), step.note.clone()]
        };
        let waited = it.not_selling_s.map(|seconds| {
            let waited = duration_text(Duration::from_secs(seconds));
            [it.serial.clone(), String::new(), "in all".to_owned(), format!("no sale for {waited}")]
        });
        it.steps.iter().map(row).chain(waited)
    });
    print.table(
        ["serial", "at", "step", "what it signed"],
        rows.collect(),
        "no terminal has signed an end yet",
    );
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::*;

    fn evidence(step: &str, at: i64, note: &str) -> Evidence {
        let (step, note) = (step.to_owned(), note.to_owned());
        Evidence { step, at: UnixTime(at), note, digest: None }
    }

    #[test]
    fn how_long_a_shop_did_not_sell_is_what_its_terminal_signed() {
        let all = [
            evidence("hold", 1_795_341_600, "trading is held"),
            evidence("settle", 1_795_341_620, "batch 12: 3 sales, 42.00 CNY"),
            evidence("release", 1_795_341_690, "trading goes on"),
            evidence("watch", 1_795_345_290, "60 payments in 3600 s, 57 approved"),
        ];
        let (whole, silent) = (of("PX-1", &all), of("PX-2", &all[1..2]));
        assert_eq!((whole.not_selling_s, silent.not_selling_s), (Some(90), None));
        let back = [
            evidence("release", 1_795_345_300, TRADING_HELD),
            evidence("hold", 1_795_345_330, TRADING_GOES_ON),
        ];
        let both = [&all[..], &back].concat();
        assert_eq!(of("PX-1", &both).not_selling_s, Some(120), "and once more on the way back");
        assert_eq!(of("PX-1", &both[..5]).not_selling_s, None, "it is held still");
        let text = golden::printed(|print| shown(&[whole, silent], print));
        golden::check("rebind-facts", &text);
        assert_eq!(end(b"no receipt"), None);
    }
}
