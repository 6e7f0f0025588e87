//! What is asked of terminals, in words: what people read before they put their name to it.
//!
//! The one place where a change becomes words. Every parameter of every change is said, because
//! every one of them is signed: the patterns below name all fields, so that a new one cannot be
//! left out.

use shared::backup::{Selection, SnapshotOf};
use shared::change::rebind::{Rebind, RegistryOrder, Test, TestKind, Watch};
use shared::change::{
    Backup, Cancel, Change, Covers, Decommission, Drill, Extent, Ping, Restore, Resume,
    SettlementDelay, Suspend, Upgrade,
};
use shared::digest::Digest;
use shared::time::UnixTime;
use shared::window::Window;

/// A change in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What will be done, as a verb in the imperative.
    pub what: &'static str,
    /// Every parameter: what it is called, and its value.
    pub terms: Vec<(&'static str, String)>,
}

/// Says a change.
pub fn of_change(change: &Change) -> Words {
    match change {
        Change::Ping(Ping { note }) => {
            Words { what: "Ask each terminal to answer", terms: vec![("note", quoted(note))] }
        }
        Change::Backup(Backup { extent, window, settled_by }) => Words {
            what: "Take a backup",
            terms: vec![
                ("extent", of_extent(*extent)),
                ("window", of_window(*window)),
                ("settlement", of_settlement(*settled_by)),
            ],
        },
        Change::Drill(Drill { window }) => Words {
            what: "Rehearse a restore in a scratch till",
            terms: vec![("window", of_window(*window))],
        },
        Change::Upgrade(Upgrade { release, window, backup_within_s }) => Words {
            what: "Install a release",
            terms: vec![
                ("release", release.to_string()),
                ("window", of_window(*window)),
                ("backup", of_backup_before(*backup_within_s)),
            ],
        },
        Change::Restore(restore) => of_restore(restore),
        Change::Rebind(rebind) => of_rebind(rebind),
        Change::Suspend(suspend) => of_suspend(suspend),
        Change::Resume(resume) => of_resume(resume),
        Change::Decommission(wipe) => of_wipe(wipe),
        Change::Cancel(Cancel { batch, reason }) => Words {
            what: "Cancel what has not begun",
            terms: vec![("batch", batch.to_string()), ("reason", quoted(reason))],
        },
    }
}

fn of_settlement(settled_by: Option<UnixTime>) -> String {
    match settled_by {
        Some(by) => format!("waited for until {by}; then it is taken all the same"),
        None => "not waited for".to_owned(),
    }
}

/// Live data is replaced: whose, by what, and who will be able to read it.
fn of_restore(restore: &Restore) -> Words {
    let Restore { of, selection, key, window } = restore;
    let SnapshotOf { terminal, repository, snapshot, manifest } = of;
    let key = match key {
        None => "the terminal's own".to_owned(),
        Some(sealed) => format!("sealed for it, SHA-256 {}", Digest::of(sealed)),
    };
    Words {
        what: "Put saved data back into the till, in place of what is there",
        terms: vec![
            ("saved by", terminal.to_string()),
            ("snapshot", snapshot.to_string()),
            ("repository", repository.to_string()),
            ("manifest", manifest.to_string()),
            ("what", of_selection(selection)),
            ("key", key),
            ("window", of_window(*window)),
        ],
    }
}

/// Who clears the payments of these shops from now on.
fn of_rebind(rebind: &Rebind) -> Words {
    let Rebind {
        request,
        from,
        to,
        profiles,
        reason,
        ordered_by,
        note,
        registry_order,
        tests,
        watch,
        window,
    } = rebind;
    Words {
        what: "Change the payment provider",
        terms: vec![
            ("from", quoted(from)),
            ("to", quoted(to)),
            ("reason", reason.as_str().to_owned()),
            ("ordered by", quoted(ordered_by)),
            ("note", quoted(note)),
            ("request", request.to_string()),
            ("each terminal's MID, TID and name", format!("profiles {profiles}")),
            ("no way back", of_registry_order(*registry_order).to_owned()),
            ("tests", of_tests(tests)),
            ("watched", of_watch(*watch)),
            ("window", of_window(*window)),
        ],
    }
}

/// These shops take no payment at these terminals from a moment on.
fn of_suspend(suspend: &Suspend) -> Words {
    let Suspend { request, reason, ordered_by, note, cut_off, fallback, .. } = suspend;
    let Suspend { resume_expected, delay, is_given_up, .. } = suspend;
    let resumes = match resume_expected {
        Some(at) => format!("expected at {at}"),
        None if *is_given_up => "NO: another terminal takes its place".to_owned(),
        None => {
            "NO DAY IS NAMED: they stay stopped until they are resumed or decommissioned".to_owned()
        }
    };
    let mut terms = vec![
        ("cut-off", cut_off.to_string()),
        ("resumes", resumes),
        ("instead", quoted(fallback)),
        ("reason", reason.as_str().to_owned()),
        ("ordered by", quoted(ordered_by)),
        ("note", quoted(note)),
        ("request", request.to_string()),
    ];
    if *is_given_up {
        let waits = "IT ANSWERS NOBODY: this stops it whenever it is heard, until the batch ends";
        terms.push(("given up", waits.to_owned()));
    }
    terms.extend(delay.iter().flat_map(of_delay));
    let what = match delay {
        None => "Stop taking payments, settle, and save; nothing is erased",
        Some(_) => {
            "Stop taking payments, and save, ALSO WHAT IS NOT SETTLED by then; nothing is erased"
        }
    };
    Words { what, terms }
}

/// What may be open on each terminal, and who answers for it.
fn of_delay(delay: &SettlementDelay) -> [(&'static str, String); 5] {
    let SettlementDelay { covers, after_s, settled_by, reason, accepted_by } = delay;
    let covers = match covers {
        Covers::WhateverIsOpen => "WHATEVER IS OPEN, and whatever is not sent".to_owned(),
        Covers::UpTo { total_minor, currency, unsent } => format!(
            "up to {total_minor} {} (smallest unit) in open batches, and {unsent} payments and \
             reversals that are not sent",
            harmless(currency)
        ),
    };
    [
        ("may be open", covers),
        ("tried for", format!("{after_s} s from the cut-off")),
        ("settled by", settled_by.to_string()),
        ("because", quoted(reason)),
        ("accepted by", quoted(accepted_by)),
    ]
}

fn of_resume(resume: &Resume) -> Words {
    let Resume { request, reason, ordered_by, note, tests, window } = resume;
    Words {
        what: "Take payments again, once the tests have passed",
        terms: vec![
            ("tests", of_tests(tests)),
            ("window", of_window(*window)),
            ("reason", reason.as_str().to_owned()),
            ("ordered by", quoted(ordered_by)),
            ("note", quoted(note)),
            ("request", request.to_string()),
        ],
    }
}

fn of_wipe(wipe: &Decommission) -> Words {
    let Decommission { request, reason, ordered_by, note, cool_off_s, clearances, is_lost } = wipe;
    let (cool_off, before) = match is_lost {
        true => (
            "NONE".to_owned(),
            "NOTHING: the terminals are in the wrong hands, and are emptied whatever they owe",
        ),
        false => (
            format!("{cool_off_s} s, in which any one approver can cancel"),
            "each terminal is suspended, settled, saved and deregistered",
        ),
    };
    Words {
        what: "ERASE EVERYTHING on each terminal, for good",
        terms: vec![
            ("before", before.to_owned()),
            ("cool-off", cool_off),
            ("clearances", clearances.to_string()),
            ("reason", reason.as_str().to_owned()),
            ("ordered by", quoted(ordered_by)),
            ("note", quoted(note)),
            ("request", request.to_string()),
        ],
    }
}

fn of_registry_order(order: RegistryOrder) -> &'static str {
    match order {
        RegistryOrder::NewFirst => "once the watch is over and the old keys are erased",
        RegistryOrder::ReleaseOldFirst => {
            "BEFORE THE SWITCH: the old registration is released first; a terminal whose tests \
             fail then stops"
        }
    }
}

fn of_tests(tests: &[Test]) -> String {
    let each = tests.iter().map(|Test { kind, amount_minor }| match kind {
        TestKind::Diagnosis | TestKind::Receipt | TestKind::BatchClose => kind.as_str().to_owned(),
        TestKind::Sale | TestKind::Void | TestKind::Refund | TestKind::Qr => {
            format!("{} of {amount_minor} (smallest unit)", kind.as_str())
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn of_watch(watch: Watch) -> String {
    let Watch {
        for_s,
        payments_min,
        at_most_s,
        approval_drop_max,
        host_errors_max,
        slower_max,
        crashes_max,
    } = watch;
    format!(
        "for {for_s} s and {payments_min} payments, {at_most_s} s at most; undone by itself when \
         approvals fall by more than {approval_drop_max} points, more than {host_errors_max} of \
         100 payments end in an error, a payment takes more than {slower_max} % longer, or the \
         till crashes more than {crashes_max} times"
    )
}

fn of_selection(selection: &Selection) -> String {
    match selection {
        Selection::Everything => "everything in it".to_owned(),
        Selection::DataSets(names) => {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            format!("only the data sets {}", names.join(", "))
        }
        Selection::File(path) => format!("only the file {}", quoted(path)),
    }
}

fn of_extent(extent: Extent) -> String {
    match extent {
        Extent::Incremental => "what is not saved yet".to_owned(),
        Extent::Full => "everything, under a new key".to_owned(),
    }
}

fn of_backup_before(within_s: Option<u64>) -> String {
    match within_s {
        None => "none is asked for first".to_owned(),
        Some(within_s) => format!("a verified one, at most {within_s} s old"),
    }
}

fn of_window(window: Option<Window>) -> String {
    match window {
        Some(window) => format!("{window} in each terminal's zone"),
        None => "at any time of day".to_owned(),
    }
}

/// What somebody wrote, without what could make it read otherwise.
pub fn harmless(text: &str) -> String {
    text.replace(could_mislead, "\u{fffd}")
}

/// What somebody wrote, so that it cannot be taken for our own words.
fn quoted(text: &str) -> String {
    match text {
        "" => "none".to_owned(),
        text => format!("“{}”", harmless(text)),
    }
}

/// Control characters, and those that turn the direction in which the rest is read.
fn could_mislead(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use shared::change::rebind::Reason;
    use shared::id::{BatchId, RepositoryId, RequestId, TerminalId};

    use super::*;

    #[test]
    fn what_is_signed_is_said_with_every_parameter() {
        let window = "22:00-06:00".parse().ok();
        let upgrade = Upgrade { release: Digest([7; 32]), window, backup_within_s: Some(3600) };
        let words = of_change(&Change::Upgrade(upgrade));
        assert_eq!(words.what, "Install a release");
        assert_eq!(words.terms[0], ("release", "07".repeat(32)));
        assert_eq!(words.terms[1], ("window", "22:00-06:00 in each terminal's zone".to_owned()));
        assert_eq!(words.terms[2], ("backup", "a verified one, at most 3600 s old".to_owned()));
        let words = of_change(&Change::Drill(Drill { window: None }));
        assert_eq!(words.terms, [("window", "at any time of day".to_owned())]);
        let batch = BatchId::from_bytes([1; 16]);
        let cancel = Change::Cancel(Cancel { batch, reason: String::new() });
        let said = [("batch", batch.to_string()), ("reason", "none".to_owned())];
        assert_eq!(of_change(&cancel).terms, said);
    }

    #[test]
    fn a_restore_says_whose_data_replace_what_and_under_which_key() {
        let of = SnapshotOf {
            terminal: TerminalId::from_bytes([1; 16]),
            repository: RepositoryId::from_bytes([2; 16]),
            snapshot: Digest([3; 32]),
            manifest: Digest([4; 32]),
        };
        let selection = Selection::DataSets(vec!["sales".to_owned(), "journal".to_owned()]);
        let key = Some(b"sealed".to_vec().into());
        let said = of_change(&Change::Restore(Restore { of, selection, key, window: None })).terms;
        let term = |name| said.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str());
        assert_eq!(term("saved by"), Some("trm-01010101010101010101010101010101"));
        assert_eq!(term("what"), Some("only the data sets “sales”, “journal”"));
        let key = format!("sealed for it, SHA-256 {}", Digest::of(b"sealed"));
        assert_eq!(term("key"), Some(key.as_str()));
        assert_eq!(said.len(), 7);
    }

    #[test]
    fn an_exception_is_said_in_words_before_it_is_signed() {
        let mut suspend = Suspend {
            request: RequestId::from_bytes([4; 16]),
            reason: Reason::Business,
            ordered_by: "head office".to_owned(),
            note: String::new(),
            cut_off: UnixTime(1_800_000_000),
            fallback: "Pay in cash.".to_owned(),
            resume_expected: None,
            delay: None,
            is_given_up: false,
        };
        let said = |suspend: &Suspend| of_change(&Change::Suspend(Box::new(suspend.clone())));
        let without = said(&suspend);
        assert!(without.what.contains("settle, and save"), "{}", without.what);
        assert_eq!(without.terms[1].0, "resumes");
        assert!(without.terms[1].1.contains("resumed or decommissioned"), "{:?}", without.terms);
        let covers = Covers::UpTo { total_minor: 1_250, currency: "CNY".to_owned(), unsent: 3 };
        suspend.delay = Some(SettlementDelay {
            covers,
            after_s: 14_400,
            settled_by: UnixTime(1_800_600_000),
            reason: "the host is down".to_owned(),
            accepted_by: "Hana\u{202e}".to_owned(),
        });
        let with = said(&suspend);
        assert!(with.what.contains("ALSO WHAT IS NOT SETTLED"), "{}", with.what);
        let (same, delay) = with.terms.split_at(without.terms.len());
        assert_eq!(same, without.terms);
        let values: Vec<_> = delay.iter().map(|(_, value)| value.as_str()).collect();
        let most = "up to 1250 CNY (smallest unit) in open batches, and 3 payments and reversals \
                    that are not sent";
        let by = UnixTime(1_800_600_000).to_string();
        let tried = "14400 s from the cut-off";
        assert_eq!(values, [most, tried, &by, "“the host is down”", "“Hana\u{fffd}”"]);
    }

    #[test]
    fn whoever_signs_reads_that_a_stop_waits_for_a_terminal_that_answers_nobody() {
        let suspend = Suspend {
            request: RequestId::from_bytes([4; 16]),
            reason: Reason::FaultHardware,
            ordered_by: "head office".to_owned(),
            note: String::new(),
            cut_off: UnixTime(1_800_000_000),
            fallback: "Pay at the new till.".to_owned(),
            resume_expected: None,
            delay: None,
            is_given_up: true,
        };
        let said = of_change(&Change::Suspend(Box::new(suspend))).terms;
        let term = |name| said.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str());
        assert_eq!(term("resumes"), Some("NO: another terminal takes its place"));
        let waits = term("given up").expect("it is said");
        assert!(waits.contains("whenever it is heard, until the batch ends"), "{waits}");
    }

    #[test]
    fn what_somebody_wrote_stays_within_its_quotes_and_its_line() {
        let note = "fine\n  window\u{202e}  never".to_owned();
        let words = of_change(&Change::Ping(Ping { note }));
        assert_eq!(words.terms, [("note", "“fine\u{fffd}  window\u{fffd}  never”".to_owned())]);
    }
}
