//! How jobs about backups ended, read from the receipts of their terminals. Pure.

use shared::document::receipt::{Evidence, Receipt};
use shared::drill::{Counted, Took};
use shared::id::CampaignId;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::UnixTime;

use crate::registry::backup::watch::{DrillReport, Tried};

/// How a backup job ended; `None` for one that was withdrawn, which says nothing.
pub fn tried(outcome: &Outcome, at: UnixTime) -> Option<Tried> {
    match ended(outcome) {
        ("succeeded", _) => Some(Tried { at, failure: None }),
        (_, Some(failure)) => {
            let failure = (word(failure.code), failure.detail.clone());
            Some(Tried { at, failure: Some(failure) })
        }
        (_, None) => None,
    }
}

/// What a drill's receipt reports. Its `seq` is the registry's to give.
pub fn report(
    receipt: &Receipt,
    campaign: CampaignId,
    outcome: &Outcome,
    evidence: &[Evidence],
    at: UnixTime,
) -> DrillReport {
    let notes = || evidence.iter().map(|it| it.note.as_str());
    let took: Vec<Took> = notes().filter_map(|note| note.parse().ok()).collect();
    let (outcome_word, failure) = ended(outcome);
    let detail = match (outcome, failure) {
        (Outcome::Succeeded { now }, _) => now.clone(),
        (Outcome::Cancelled { reason }, _) => reason.clone(),
        (_, Some(failure)) => format!("{}: {}", failure.step, failure.detail),
        (_, None) => String::new(),
    };
    DrillReport {
        seq: 0,
        order: receipt.order,
        terminal: receipt.terminal,
        campaign,
        manifest: evidence.iter().find(|it| it.step == "fetch").and_then(|it| it.digest),
        counted: notes().filter_map(|note| note.parse::<Counted>().ok()).collect(),
        took_ms: (!took.is_empty())
            .then(|| took.iter().map(|it| it.0).fold(0, u64::saturating_add)),
        outcome: outcome_word.to_owned(),
        failed_as: failure.map(|it| word(it.code)),
        detail,
        at,
    }
}

fn ended(outcome: &Outcome) -> (&'static str, Option<&Failure>) {
    match outcome {
        Outcome::Succeeded { .. } => ("succeeded", None),
        Outcome::RolledBack { failure } => ("rolled-back", Some(failure)),
        Outcome::Failed { failure } => ("failed", Some(failure)),
        Outcome::RollbackFailed { undoing, .. } => ("rollback-failed", Some(undoing)),
        Outcome::Cancelled { .. } => ("cancelled", None),
        Outcome::Expired => ("expired", None),
        Outcome::Superseded => ("superseded", None),
    }
}

/// Codes are words in every format.
fn word(code: FailureCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => format!("{code:?}"),
    }
}

#[cfg(test)]
mod tests {
    use shared::digest::Digest;
    use shared::document::receipt::Said;
    use shared::id::{OrderId, TerminalId};
    use shared::time::ClockConfidence;

    use super::*;

    const AT: UnixTime = UnixTime(100);

    fn failed() -> Outcome {
        let detail = "`sales` was saved with 3 records and has 4".to_owned();
        let failure =
            Failure { code: FailureCode::TotalsDiffer, step: "compare".to_owned(), detail };
        Outcome::Failed { failure }
    }

    fn read(outcome: Outcome, notes: &[(&str, &str)]) -> DrillReport {
        let evidence: Vec<_> = notes
            .iter()
            .map(|(step, note)| Evidence {
                step: (*step).to_owned(),
                at: AT,
                note: (*note).to_owned(),
                digest: (*step == "fetch").then_some(Digest([9; 32])),
            })
            .collect();
        let said = Said::Finished { outcome: outcome.clone(), evidence: evidence.clone() };
        let receipt = Receipt {
            format: 1,
            terminal: TerminalId::from_bytes([1; 16]),
            epoch: 1,
            order: OrderId::from_bytes([2; 16]),
            said,
            at: AT,
            clock: ClockConfidence::Attested,
        };
        report(&receipt, CampaignId::from_bytes([3; 16]), &outcome, &evidence, AT)
    }

    #[test]
    fn a_report_has_what_was_restored_counted_and_how_long_it_took() {
        let notes = [
            ("fetch", "snapshot 7: 3 files, 100 bytes, all checked"),
            ("fetch", "took 1000 ms"),
            ("rehearse", "counted sales: 3 records, 1250 CNY"),
            ("rehearse", "counted stock: 9 records"),
            ("rehearse", "took 500 ms"),
        ];
        let report = read(Outcome::Succeeded { now: "snapshot 7".to_owned() }, &notes);
        assert_eq!(report.manifest, Some(Digest([9; 32])));
        assert_eq!(report.took_ms, Some(1500));
        let counted: Vec<_> = report.counted.iter().map(|it| (&*it.name, it.records)).collect();
        assert_eq!(counted, [("sales", 3), ("stock", 9)]);
        assert_eq!((&*report.outcome, report.failed_as), ("succeeded", None));
    }

    #[test]
    fn a_failure_is_reported_with_what_was_counted_before() {
        let report = read(failed(), &[("rehearse", "counted sales: 4 records")]);
        assert_eq!(
            (&*report.outcome, report.failed_as.as_deref()),
            ("failed", Some("totals-differ"))
        );
        assert_eq!(report.detail, "compare: `sales` was saved with 3 records and has 4");
        assert_eq!((report.counted.len(), report.took_ms, report.manifest), (1, None, None));
    }

    #[test]
    fn what_was_withdrawn_says_nothing_about_backups() {
        let succeeded = Outcome::Succeeded { now: String::new() };
        assert_eq!(tried(&succeeded, AT), Some(Tried { at: AT, failure: None }));
        let failure = tried(&failed(), AT).and_then(|tried| tried.failure);
        assert_eq!(failure.map(|it| it.0).as_deref(), Some("totals-differ"));
        for outcome in [Outcome::Expired, Outcome::Superseded] {
            assert_eq!(tried(&outcome, AT), None, "{outcome:?}");
        }
    }
}
