//! Whose backups are looked after, and what came of drills.

use std::collections::{BTreeMap, BTreeSet};

use shared::backup::{DataClass, Kind};
use shared::change::{Change, Drill, Extent};
use shared::digest::Digest;
use shared::document::manifest::DataSet;
use shared::document::receipt::{Evidence, Receipt, Said};
use shared::id::OrderId;
use shared::message::SignedBytes;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::{ClockConfidence, UnixTime};

use super::backups::{add, key, open_repository, snapshot};
use super::fixture::{by, campaign_id, enrol, issue, new_campaign, order, start_of, terminal_id};
use crate::registry::Registry;
use crate::registry::backup::snapshot::{DueObject, Examined, NewSnapshot, ObjectState};
use crate::registry::backup::watch::{Judged, Watched};
use crate::registry::campaign::NewCampaign;
use crate::registry::delivery::{Alarm, AlarmKind, Heard, Report, Saying};
use crate::registry::page::Page;

async fn due(registry: &dyn Registry, now: i64) -> Vec<Watched> {
    registry.watched_due(UnixTime(now), 10).await.expect("a list")
}

async fn alarms(registry: &dyn Registry) -> Vec<(AlarmKind, String)> {
    let alarms = registry.alarms(&Page::first(10)).await.expect("a list");
    alarms.into_iter().map(|(_, alarm)| (alarm.kind, alarm.subject)).collect()
}

async fn counts(registry: &dyn Registry) -> (u64, u64) {
    let tally = registry.fleet_tally().await.expect("a count");
    (tally.alarms, tally.backups_overdue)
}

/// With an alarm about these classes, to be looked at again then.
fn judged(of: &Watched, classes: &[DataClass], look_at: Option<i64>, now: i64) -> Judged {
    let overdue: BTreeSet<_> = classes.iter().copied().collect();
    let subject = classes.iter().map(|class| class.as_str()).collect::<Vec<_>>().join(", ");
    let alarm = (!overdue.is_empty()).then(|| Alarm {
        terminal: of.terminal.id,
        kind: AlarmKind::BackupOverdue,
        subject,
        detail: "late".to_owned(),
        at: UnixTime(now),
        ended_at: None,
    });
    Judged {
        terminal: of.terminal.id,
        changes: of.changes,
        overdue,
        alarms: [
            (AlarmKind::BackupOverdue, alarm),
            (AlarmKind::DrillFailed, None),
            (AlarmKind::DrillOverdue, None),
        ],
        look_at: look_at.map(UnixTime),
    }
}

async fn note(registry: &dyn Registry, judged: Judged, now: i64) {
    registry.judged(&[judged], UnixTime(now)).await.expect("it is noted");
}

pub(super) async fn an_alarm_that_is_looked_after_stands_once_and_ends(registry: &dyn Registry) {
    use DataClass::{Batch, Journal};
    enrol(registry, 1, 1).await;
    let overdue = |subject: &str| vec![(AlarmKind::BackupOverdue, subject.to_owned())];
    let of = due(registry, 10).await.pop().expect("who has enrolled is looked at");
    assert_eq!((of.since_at, of.covered.len(), of.tried.clone()), (UnixTime(2), 0, None));
    note(registry, judged(&of, &[Batch], Some(100), 10), 10).await;
    assert_eq!(alarms(registry).await, overdue("batch"));
    assert_eq!(counts(registry).await, (1, 1));
    assert!(due(registry, 99).await.is_empty(), "nobody looks before it is time");
    let of = due(registry, 100).await.pop().expect("it is time");
    assert_eq!(of.overdue, BTreeSet::from([Batch]));
    note(registry, judged(&of, &[Batch, Journal], Some(200), 100), 100).await;
    assert_eq!(alarms(registry).await, overdue("batch, journal"), "one for the terminal");
    assert_eq!(counts(registry).await, (1, 1));
    let coverage = registry.coverage(&[terminal_id(1)]).await.expect("a list");
    assert_eq!(coverage[&terminal_id(1)].overdue, BTreeSet::from([Batch, Journal]));
    note(registry, judged(&of, &[], None, 200), 200).await;
    assert!(alarms(registry).await.is_empty(), "it is over");
    assert_eq!(counts(registry).await, (0, 0));
    let ever = registry.alarms_ever(&Page::first(10)).await.expect("a list");
    let ends: Vec<_> = ever.iter().map(|(_, alarm)| alarm.ended_at).collect();
    assert_eq!(ends, [Some(UnixTime(200))]);
    assert!(due(registry, i64::MAX).await.is_empty(), "time alone changes nothing");
    registry.watch_again(UnixTime(300)).await.expect("all are due");
    let of = due(registry, 300).await.pop().expect("it is due");
    note(registry, judged(&of, &[Batch], None, 300), 300).await;
    assert_eq!(alarms(registry).await, overdue("batch"), "it is raised anew");
    assert_eq!(registry.alarms_ever(&Page::first(10)).await.expect("a list").len(), 1);
    registry.revoke_terminal(terminal_id(1), &by("op", 400)).await.expect("it is revoked");
    assert!(alarms(registry).await.is_empty(), "nothing more is expected of it");
    assert_eq!(counts(registry).await, (0, 0));
    registry.watch_again(UnixTime(500)).await.expect("all are due");
    assert!(due(registry, 500).await.is_empty());
}

pub(super) async fn what_is_learned_while_somebody_judges_is_judged_anew(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let of = due(registry, 10).await.pop().expect("it is due");
    finish(registry, 1, backup(), failed(), 20).await;
    note(registry, judged(&of, &[DataClass::Batch], None, 30), 30).await;
    assert!(alarms(registry).await.is_empty(), "what was judged is not so any more");
    let of = due(registry, 30).await.pop().expect("it is still due");
    let failure = of.tried.and_then(|tried| tried.failure).expect("its backup failed");
    assert_eq!(failure, ("totals-differ".to_owned(), "4".to_owned()));
}

fn set(class: DataClass) -> DataSet {
    DataSet {
        name: class.to_string(),
        class,
        schema: 1,
        files: 1,
        bytes: 1,
        records: 1,
        totals: BTreeMap::new(),
        numbers: None,
    }
}

/// Taken at its number times a hundred.
fn with(number: u64, classes: &[DataClass], received_at: i64) -> NewSnapshot {
    let mut new = snapshot(number);
    new.manifest.data_sets = classes.iter().copied().map(set).collect();
    new.manifest.taken_at = UnixTime(i64::try_from(number).expect("a small number") * 100);
    new.at = UnixTime(received_at);
    new
}

/// Every object of the repository is found so.
async fn found(registry: &dyn Registry, state: ObjectState, now: i64) {
    let due = registry.objects_due(UnixTime(i64::MAX), 100).await.expect("a list");
    let examined = due.into_iter().map(|object| Examined {
        object: DueObject { state, copied_at: Some(UnixTime(now)), ..object },
        due_at: UnixTime(now),
        alarm: None,
    });
    let examined: Vec<_> = examined.collect();
    registry.examined(&examined, UnixTime(now)).await.expect("it is noted");
}

pub(super) async fn a_class_is_covered_by_the_newest_snapshot_that_is_available(
    registry: &dyn Registry,
) {
    use DataClass::{Batch, Sales};
    open_repository(registry).await;
    let covered = async || {
        let coverage = registry.coverage(&[terminal_id(1)]).await.expect("a list");
        let covered = coverage.get(&terminal_id(1)).map(|it| it.covered.clone());
        covered.unwrap_or_default().into_iter().collect::<Vec<_>>()
    };
    assert!(add(registry, key(Kind::Snapshots, 3)).await.is_ok());
    for new in [with(1, &[Batch, Sales], 1000), with(2, &[Batch], 1000)] {
        registry.add_snapshot(&new).await.expect("it is noted").expect("it is taken");
    }
    assert_eq!(covered().await, [], "nothing is verified yet");
    let of = due(registry, 50).await.pop().expect("it is due");
    note(registry, judged(&of, &[], None, 50), 50).await;
    found(registry, ObjectState::Proven, 1100).await;
    let both = [(Batch, Some(UnixTime(200))), (Sales, Some(UnixTime(100)))];
    assert_eq!(covered().await, both);
    let of = due(registry, 1100).await.pop().expect("a verified snapshot makes it due");
    assert_eq!(of.saved_at, Some(UnixTime(1100)));
    assert_eq!(of.covered.into_iter().collect::<Vec<_>>(), both);
    found(registry, ObjectState::Lost, 1200).await;
    assert_eq!(covered().await, [(Batch, None), (Sales, None)], "none is left");
    found(registry, ObjectState::Proven, 1300).await;
    assert_eq!(covered().await, both, "they came back");
    let ahead = NewSnapshot { at: UnixTime(1400), ..with(900, &[Sales], 1400) };
    registry.add_snapshot(&ahead).await.expect("it is noted").expect("it is taken");
    found(registry, ObjectState::Proven, 1500).await;
    let sales = covered().await.pop();
    assert_eq!(sales, Some((Sales, Some(UnixTime(1400)))), "no clock covers the future");
}

fn backup() -> Change {
    let (extent, window, settled_by) = (Extent::Incremental, None, None);
    Change::Backup(shared::change::Backup { extent, window, settled_by })
}

fn failed() -> Outcome {
    let step = "compare".to_owned();
    let failure = Failure { code: FailureCode::TotalsDiffer, step, detail: "4".to_owned() };
    Outcome::Failed { failure }
}

fn succeeded() -> Outcome {
    Outcome::Succeeded { now: "snapshot 1".to_owned() }
}

/// A campaign of this number over the first terminal, which ends then.
async fn finish(
    registry: &dyn Registry,
    number: u8,
    change: Change,
    outcome: Outcome,
    at: i64,
) -> OrderId {
    let new = NewCampaign { change, ..new_campaign(number) };
    start_of(registry, number, &new, &[1]).await;
    let order = order(number, 1, number.into());
    issue(registry, &order).await;
    tell(registry, order.id, outcome, at, number.into()).await;
    order.id
}

async fn tell(registry: &dyn Registry, order: OrderId, outcome: Outcome, at: i64, seq: u64) {
    let evidence = |step: &str, note: &str, digest| Evidence {
        step: step.to_owned(),
        at: UnixTime(at),
        note: note.to_owned(),
        digest,
    };
    let evidence = vec![
        evidence("fetch", "took 1000 ms", Some(Digest([8; 32]))),
        evidence("rehearse", "counted sales: 4 records, 1250 CNY", None),
        evidence("rehearse", "took 500 ms", None),
    ];
    let receipt = Receipt {
        format: 1,
        terminal: terminal_id(1),
        epoch: 1,
        order,
        said: Said::Finished { outcome, evidence },
        at: UnixTime(at),
        clock: ClockConfidence::Attested,
    };
    let signed = SignedBytes::new(format!("{order} {at} {seq}").into_bytes());
    let report = Report::Receipt { receipt, signed };
    let saying = Saying::Report { epoch: 1, seq, up_to: 0, report };
    let heard = Heard { terminal: terminal_id(1), at: UnixTime(at + 5), saying };
    registry.apply(&[heard]).await.expect("it is applied");
}

pub(super) async fn a_drill_is_reported_and_the_newest_one_counts(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let drill = || Change::Drill(Drill { window: None });
    let good = finish(registry, 1, drill(), succeeded(), 100).await;
    let bad = finish(registry, 2, drill(), failed(), 200).await;
    let report = registry.drill(bad).await.expect("it is looked up").expect("it is kept");
    assert_eq!((report.order, report.campaign), (bad, campaign_id(2)));
    assert_eq!((report.manifest, report.took_ms), (Some(Digest([8; 32])), Some(1500)));
    assert_eq!((report.counted[0].records, report.counted[0].totals["CNY"]), (4, 1250));
    assert_eq!(report.failed_as.as_deref(), Some("totals-differ"));
    let of = due(registry, 205).await.pop().expect("a drill makes it due");
    assert_eq!((of.drilled_at, of.tried), (Some(UnixTime(100)), None));
    assert_eq!(of.drill_failed.map(|it| (it.order, it.at)), Some((bad, UnixTime(200))));
    let expired = finish(registry, 3, drill(), Outcome::Expired, 300).await;
    let of = due(registry, 305).await.pop().expect("it is due");
    assert!(of.drill_failed.is_some(), "what ran out says nothing");
    let again = finish(registry, 4, drill(), succeeded(), 400).await;
    let of = due(registry, 405).await.pop().expect("it is due");
    assert_eq!((of.drilled_at, of.drill_failed), (Some(UnixTime(400)), None));
    let orders = async |page: &Page<u64>| {
        let drills = registry.drills(Some(terminal_id(1)), page).await.expect("a list");
        drills.iter().map(|it| (it.order, it.seq)).collect::<Vec<_>>()
    };
    let newest = orders(&Page::first(2)).await;
    assert_eq!([newest[0].0, newest[1].0], [again, expired]);
    let rest = orders(&Page::after(newest[1].1, 2)).await;
    assert_eq!([rest[0].0, rest[1].0], [bad, good]);
    assert!(registry.drill(OrderId::from_bytes([9; 16])).await.expect("it is looked up").is_none());
    // Another end of the same order that came earlier is the one that counts.
    tell(registry, again, failed(), 350, 90).await;
    let report = registry.drill(again).await.expect("it is looked up").expect("it is kept");
    assert_eq!((&*report.outcome, report.at), ("failed", UnixTime(350)));
    tell(registry, again, succeeded(), 500, 91).await;
    let report = registry.drill(again).await.expect("it is looked up").expect("it is kept");
    assert_eq!((&*report.outcome, report.at), ("failed", UnixTime(350)));
}

pub(super) async fn the_newest_end_of_a_backup_counts_whichever_is_heard_first(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    finish(registry, 1, backup(), succeeded(), 200).await;
    finish(registry, 2, backup(), failed(), 100).await;
    let of = due(registry, 205).await.pop().expect("it is due");
    let tried = of.tried.expect("it has tried");
    assert_eq!((tried.at, tried.failure), (UnixTime(200), None));
    assert!(registry.drills(None, &Page::first(2)).await.expect("a list").is_empty());
}
