//! Each rule about what is too long, in tables.

use shared::id::{OrderId, TerminalId};

use super::*;
use crate::registry::backup::watch::Tried;
use crate::registry::terminal::{Terminal, Unit};

const NOW: UnixTime = UnixTime(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn hours_ago(hours: u32) -> UnixTime {
    NOW.minus(HOUR * hours)
}

fn rules() -> Rules {
    use DataClass::{Batch, Config, Transactions};
    Rules {
        within: [(Transactions, HOUR * 26), (Batch, HOUR * 26), (Config, HOUR * 170)].into(),
        grace: HOUR * 26,
        unconfigured: Unconfigured::Alarm,
        drill_within: Some(DAY * 35),
    }
}

/// Online, enrolled a year ago, with snapshots of so many hours ago.
fn saved(covered: &[(DataClass, Option<u32>)]) -> Watched {
    let terminal = Terminal {
        id: TerminalId::from_bytes([1; 16]),
        serial: "PX-1".to_owned(),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        lane: None,
        labels: BTreeMap::new(),
        zone: "UTC".to_owned(),
        unit: Unit::Enrolled,
        epoch: 1,
        public_key: None,
        certificate: None,
        presence: Presence::Online,
        last_seen_at: Some(hours_ago(1)),
        working_on: None,
        said: None,
        telemetry: None,
        created_at: hours_ago(365 * 24),
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        region: None,
        service: crate::registry::terminal::Service::InService,
    };
    let covered: BTreeMap<_, _> =
        covered.iter().map(|(class, hours)| (*class, hours.map(hours_ago))).collect();
    Watched {
        terminal,
        since_at: hours_ago(365 * 24),
        saved_at: (!covered.is_empty()).then(|| hours_ago(24)),
        covered,
        tried: None,
        drilled_at: None,
        drill_failed: None,
        overdue: BTreeSet::new(),
        changes: 7,
    }
}

fn alarm(judged: &Judged, kind: AlarmKind) -> Option<&Alarm> {
    judged.alarms.iter().find(|(it, _)| *it == kind).and_then(|(_, alarm)| alarm.as_ref())
}

/// The subject of the alarm about backups.
fn subject(of: &Watched) -> String {
    let judged = judge(&rules(), of, true, NOW);
    alarm(&judged, AlarmKind::BackupOverdue).map_or_else(String::new, |it| it.subject.clone())
}

#[test]
fn a_class_is_overdue_by_its_own_hours() {
    use DataClass::{Batch, Config, Customers, Logs, Transactions};
    let all = "transactions, batch, config";
    type Covered = &'static [(DataClass, Option<u32>)];
    let cases: &[(&str, Covered, &str)] = &[
        ("all are young", &[(Transactions, Some(25)), (Batch, Some(25)), (Config, Some(25))], ""),
        ("one is old", &[(Transactions, Some(2)), (Batch, Some(26))], "batch"),
        ("both are old", &[(Transactions, Some(27)), (Batch, Some(26))], "transactions, batch"),
        ("settings may be older", &[(Transactions, Some(2)), (Config, Some(169))], ""),
        ("and are old too", &[(Transactions, Some(2)), (Config, Some(170))], "config"),
        ("a class that it never had", &[(Transactions, Some(2))], ""),
        ("a class without hours", &[(Transactions, Some(2)), (Logs, Some(999))], ""),
        ("another without hours", &[(Transactions, Some(2)), (Customers, None)], ""),
        ("all copies are lost", &[(Transactions, Some(2)), (Batch, None)], "batch"),
        ("nothing was ever saved", &[], all),
    ];
    for (what, covered, expected) in cases {
        assert_eq!(subject(&saved(covered)), *expected, "{what}");
    }
}

#[test]
fn who_has_just_enrolled_has_time_whatever_it_saved_before() {
    for covered in [&[][..], &[(DataClass::Batch, Some(500))], &[(DataClass::Batch, None)]] {
        let mut of = saved(covered);
        of.since_at = hours_ago(25);
        let judged = judge(&rules(), &of, true, NOW);
        assert!(judged.overdue.is_empty(), "{covered:?}");
        assert_eq!(judged.look_at, Some(NOW.plus(HOUR)), "{covered:?}");
        of.since_at = hours_ago(26);
        assert!(!judge(&rules(), &of, true, NOW).overdue.is_empty(), "{covered:?}");
    }
}

#[test]
fn the_next_look_is_when_time_alone_changes_something() {
    use DataClass::{Batch, Config};
    let look = |of: &Watched| judge(&rules(), of, true, NOW).look_at;
    let young = saved(&[(Batch, Some(20)), (Config, Some(20))]);
    assert_eq!(look(&young), Some(NOW.plus(HOUR * 6)), "the batch is next");
    let old = saved(&[(Batch, Some(26)), (Config, Some(20))]);
    assert_eq!(look(&old), Some(NOW.plus(AGAIN_EVERY)), "why may change");
    let soon = saved(&[(Batch, Some(26)), (Config, Some(169))]);
    assert_eq!(look(&soon), Some(NOW.plus(HOUR)), "another class is about to be late");
    let none = Rules { within: BTreeMap::new(), drill_within: None, ..rules() };
    assert_eq!(judge(&none, &young, true, NOW).look_at, None, "nothing will ever be late");
}

#[test]
fn why_is_said_as_far_as_it_is_known_with_what_to_do() {
    let failed = |code: &str| {
        let failure = Some((code.to_owned(), "words".to_owned()));
        Some(Tried { at: hours_ago(3), failure })
    };
    let detail = |of: &Watched, is_asked| {
        let judged = judge(&rules(), of, is_asked, NOW);
        alarm(&judged, AlarmKind::BackupOverdue).expect("it is overdue").detail.clone()
    };
    let old = || saved(&[(DataClass::Batch, Some(48))]);
    let (mut offline, mut unheard, mut failing, mut unset) = (old(), old(), old(), old());
    (offline.terminal.presence, offline.tried) = (Presence::Offline, failed("disk-full"));
    (unheard.terminal.presence, unheard.terminal.last_seen_at) = (Presence::NeverSeen, None);
    (failing.tried, unset.tried) = (failed("disk-full"), failed(NOT_APPLICABLE));
    let cases = [
        (offline, true, "the terminal is offline since"),
        (unheard, true, "the terminal was never heard"),
        (failing, false, "failed with disk-full, words: mend that"),
        (unset, true, "add `[backup]` to its agent.toml"),
        (old(), false, "no schedule asks it for backups"),
        (old(), true, "no failure is known"),
    ];
    for (of, is_asked, expected) in cases {
        let said = detail(&of, is_asked);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(&hours_ago(48).to_string()), "since when: {said}");
    }
    let never = detail(&saved(&[]), true);
    assert!(never.starts_with("nothing was verified in both places since it enrolled"), "{never}");
}

#[test]
fn who_is_not_set_up_for_backups_is_listed_and_raises_an_alarm_only_if_that_is_wanted() {
    let list = Rules { unconfigured: Unconfigured::List, ..rules() };
    let unset = || {
        let failure = Some((NOT_APPLICABLE.to_owned(), String::new()));
        Watched { tried: Some(Tried { at: NOW, failure }), ..saved(&[]) }
    };
    let failing = || {
        let failure = Some(("disk-full".to_owned(), String::new()));
        Watched { tried: Some(Tried { at: NOW, failure }), ..saved(&[]) }
    };
    let cases = [
        ("no [backup]", unset(), true, false),
        ("nobody asks it", saved(&[]), false, false),
        ("it is asked", saved(&[]), true, true),
        ("it fails", failing(), false, true),
        ("it saved before", saved(&[(DataClass::Batch, Some(99))]), false, true),
    ];
    for (what, of, is_asked, expected) in cases {
        let judged = judge(&list, &of, is_asked, NOW);
        assert!(!judged.overdue.is_empty(), "{what}: it is listed");
        assert_eq!(alarm(&judged, AlarmKind::BackupOverdue).is_some(), expected, "{what}");
        let judged = judge(&rules(), &of, is_asked, NOW);
        assert!(alarm(&judged, AlarmKind::BackupOverdue).is_some(), "{what}");
    }
}

#[test]
fn a_drill_is_overdue_after_the_last_one_that_added_up() {
    let young = || saved(&[(DataClass::Batch, Some(2))]);
    let days_ago = |days: u32| Some(NOW.minus(DAY * days));
    let cases = [
        ("saved lately", days_ago(34), None, false),
        ("saved long ago, never rehearsed", days_ago(35), None, true),
        ("rehearsed lately", days_ago(99), days_ago(34), false),
        ("rehearsed long ago", days_ago(99), days_ago(36), true),
        ("nothing to rehearse", None, None, false),
    ];
    for (what, saved_at, drilled_at, expected) in cases {
        let of = Watched { saved_at, drilled_at, ..young() };
        let judged = judge(&rules(), &of, true, NOW);
        assert_eq!(alarm(&judged, AlarmKind::DrillOverdue).is_some(), expected, "{what}");
        let never = Rules { drill_within: None, ..rules() };
        let judged = judge(&never, &of, true, NOW);
        assert_eq!(alarm(&judged, AlarmKind::DrillOverdue), None, "{what}");
    }
}

#[test]
fn a_failed_drill_is_an_alarm_of_its_own() {
    let failed = |failed_as: &str| FailedDrill {
        order: OrderId::from_bytes([2; 16]),
        at: hours_ago(1),
        failed_as: failed_as.to_owned(),
        detail: "`sales` has 4".to_owned(),
    };
    let drilled = |failed_as: &str| {
        let drill_failed = Some(failed(failed_as));
        Watched { drill_failed, ..saved(&[(DataClass::Batch, Some(2))]) }
    };
    let judged = judge(&rules(), &drilled("totals-differ"), true, NOW);
    let raised = alarm(&judged, AlarmKind::DrillFailed).expect("it failed");
    assert_eq!(raised.subject, failed("").order.to_string());
    assert!(raised.detail.contains("failed with totals-differ, `sales` has 4"), "{raised:?}");
    let judged = judge(&rules(), &drilled(NOT_APPLICABLE), true, NOW);
    assert_eq!(alarm(&judged, AlarmKind::DrillFailed), None, "it makes no backups at all");
}

#[test]
fn times_at_the_ends_of_the_calendar_are_no_problem() {
    for at in [i64::MIN, 0, i64::MAX] {
        let mut of = saved(&[(DataClass::Batch, Some(1))]);
        of.covered.insert(DataClass::Batch, Some(UnixTime(at)));
        (of.saved_at, of.drilled_at) = (Some(UnixTime(at)), Some(UnixTime(at)));
        let judged = judge(&rules(), &of, true, NOW);
        assert_eq!(judged.changes, 7);
    }
}
