//! What terminals say.

use shared::document::receipt::Said;
use shared::message::{Battery, Hello, Locked, SignedBytes, Telemetry, TillHealth};
use shared::outcome::Refusal;
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::assignment::{AssignmentState, Fact, GivenUp, Standing, Unheard};
use crate::registry::Registry;
use crate::registry::delivery::{AlarmKind, Heard, Report, Saying};
use crate::registry::page::Page;
use crate::registry::prospect::Ask;
use crate::registry::terminal::Presence;

async fn standing(registry: &dyn Registry) -> Standing {
    let found = registry.assignments_of(campaign_id(1), &[terminal_id(1)]).await;
    found.expect("it is found").remove(0).standing
}

async fn alarms(registry: &dyn Registry) -> Vec<AlarmKind> {
    let alarms = registry.alarms(&Page::first(100)).await.expect("they are listed");
    assert_eq!(registry.fleet_tally().await.expect("it is told").alarms, alarms.len() as u64);
    alarms.into_iter().map(|(_, alarm)| alarm.kind).collect()
}

pub(super) async fn reports_move_an_assignment_forward_and_never_back(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let steps = [
        (said(order, Said::Accepted, 50), AssignmentState::Accepted),
        (progress(order, 5, "install"), AssignmentState::Working),
        (progress(order, 4, "fetch"), AssignmentState::Working),
        (finished(order, failed(), 90), AssignmentState::Failed),
        (progress(order, 6, "install"), AssignmentState::Failed),
        (said(order, Said::Accepted, 51), AssignmentState::Failed),
    ];
    for (seq, (report, state)) in (1..).zip(steps) {
        let applied = registry.apply(&[heard(seq, report)]).await.expect("it is applied");
        assert_eq!(applied.repeated, 0);
        let tally = registry.campaign_tally(campaign_id(1)).await.expect("it is told");
        assert_eq!(tally.by_state.into_iter().collect::<Vec<_>>(), [(state, 1)], "after {seq}");
    }
    let standing = standing(registry).await;
    assert_eq!(standing.accepted_at, Some(UnixTime(50)));
    assert_eq!(standing.progress.map(|it| it.ordinal), Some(6));
    let again = heard(4, finished(order, succeeded(), 90));
    let applied = registry.apply(&[again]).await.expect("it is applied");
    assert_eq!(applied.repeated, 1, "the fourth report was applied before");
}

pub(super) async fn a_late_success_is_kept_as_one(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let given_up = GivenUp { as_what: Unheard::Silent, at: UnixTime(80) };
    registry.learn(&[(order, Fact::GivenUp(given_up))], UnixTime(80)).await.expect("it is noted");
    let tally = async || registry.campaign_tally(campaign_id(1)).await.expect("it is told");
    assert_eq!(tally().await.bad(), 1);
    let applied = registry.apply(&[heard(1, finished(order, succeeded(), 90))]).await;
    assert!(applied.expect("it is applied").campaigns.contains(&campaign_id(1)));
    let tally = tally().await;
    assert_eq!((tally.bad(), tally.late_successes, tally.contradictions), (0, 1, 0));
    assert!(standing(registry).await.is_late_success());
}

pub(super) async fn contradictions_stand_out(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let both = [
        heard(1, finished(order, succeeded(), 90)),
        heard(2, finished(order, failed(), 95)),
        heard(3, finished(order, failed(), 96)),
    ];
    registry.apply(&both).await.expect("they are applied");
    let tally = registry.campaign_tally(campaign_id(1)).await.expect("it is told");
    assert_eq!((tally.contradictions, tally.late_successes), (1, 1));
    assert_eq!(standing(registry).await.state(), AssignmentState::Succeeded);
    assert_eq!(alarms(registry).await, [AlarmKind::Contradiction]);
}

pub(super) async fn receipts_are_kept_as_they_came(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let receipts = [said(order, Said::Accepted, 50), finished(order, succeeded(), 90)];
    for (seq, report) in [(2, 1), (1, 0), (3, 1)] {
        let heard = heard(seq, receipts[report].clone());
        registry.apply(&[heard]).await.expect("it is applied");
    }
    let Report::Receipt { signed, .. } = &receipts[1] else { panic!("it is a receipt") };
    let kept = registry.receipts(order).await.expect("they are listed");
    assert_eq!(kept, std::slice::from_ref(signed), "report 1 was older than the cursor");
}

pub(super) async fn a_receipt_that_proves_nothing_is_put_aside(registry: &dyn Registry) {
    let order = one_order(registry).await;
    let unproven = Report::Unproven {
        signed: SignedBytes::new(vec![1, 2, 3]),
        why: "the terminal did not sign it".to_owned(),
    };
    for seq in [1, 2] {
        registry.apply(&[heard(seq, unproven.clone())]).await.expect("it is applied");
    }
    assert_eq!(alarms(registry).await, [AlarmKind::UnprovenReceipt], "the same one is kept once");
    assert_eq!(standing(registry).await.state(), AssignmentState::Ordered);
    assert!(registry.receipts(order).await.expect("they are listed").is_empty());
}

pub(super) async fn nobody_speaks_for_another_terminal(registry: &dyn Registry) {
    let order = one_order(registry).await;
    enrol(registry, 2, 1).await;
    let as_two = |seq, report| Heard { terminal: terminal_id(2), ..heard(seq, report) };
    let forged = [
        as_two(1, finished(order, succeeded(), 60)),
        as_two(2, progress(order, 9, "install")),
        as_two(3, said(order_id(9, 9, 9), Said::Accepted, 60)),
        Heard { terminal: terminal_id(66), ..heard(1, said(order, Said::Accepted, 60)) },
    ];
    let applied = registry.apply(&forged).await.expect("it is applied");
    assert_eq!((applied.alarms, applied.strangers), (2, 1));
    assert_eq!(standing(registry).await.state(), AssignmentState::Ordered);
    assert_eq!(alarms(registry).await, [AlarmKind::StrangeReceipt; 2]);
}

pub(super) async fn a_hello_says_what_is_installed_and_brings_a_terminal_online(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let terminal = async || {
        let found = registry.terminal(terminal_id(1)).await.expect("it is looked up");
        found.expect("it is there")
    };
    let mut second = hello(1, 0);
    second.agent_version = "0.2.0".to_owned();
    let both = [greeting(second, 200), greeting(hello(1, 0), 100)];
    registry.apply(&both).await.expect("it is applied");
    let now = terminal().await;
    assert_eq!((now.presence, now.last_seen_at), (Presence::Online, Some(UnixTime(200))));
    let said = now.said.expect("it said something");
    assert_eq!((said.agent_version.as_str(), said.heard_at), ("0.2.0", UnixTime(200)));
    assert_eq!((said.components, said.outbox_depth), (hello(1, 0).components, 3));
    assert_eq!(registry.fleet_tally().await.expect("it is told").online, 1);

    let gone = |at| Heard { terminal: terminal_id(1), at: UnixTime(at), saying: Saying::Gone };
    registry.apply(&[gone(201)]).await.expect("it is applied");
    let now = terminal().await.presence;
    assert_eq!(now, Presence::Online, "the will of the old connection came after the new hello");
    registry.apply(&[gone(300)]).await.expect("it is applied");
    assert_eq!(terminal().await.presence, Presence::Offline);
    assert_eq!(registry.fleet_tally().await.expect("it is told").online, 0);
    registry.revoke_terminal(terminal_id(1), &by("op", 400)).await.expect("it is revoked");
    let applied = registry.apply(&[greeting(hello(1, 0), 500)]).await.expect("it is applied");
    assert_eq!(applied.strangers, 1, "a revoked terminal is not heard");
}

pub(super) async fn a_recipient_is_kept_until_another_is_said_or_the_key_changes(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let told = async || {
        let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
        terminal.expect("it is there").said.and_then(|said| said.recipient)
    };
    let naming = |byte| {
        let recipient = Some(SignedBytes::new(vec![byte; 200]));
        Hello { recipient, ..hello(1, 0) }
    };
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is applied");
    assert_eq!(told().await, None);
    let both = [greeting(naming(1), 41), greeting(hello(1, 0), 42)];
    registry.apply(&both).await.expect("they are applied");
    registry.apply(&[greeting(hello(1, 0), 43)]).await.expect("it is applied");
    assert_eq!(told().await, naming(1).recipient);
    registry.apply(&[greeting(naming(2), 44)]).await.expect("it is applied");
    assert_eq!(told().await, naming(2).recipient);
    enrol(registry, 1, 2).await;
    assert_eq!(told().await, None, "nobody but the old key signed it");
}

pub(super) async fn a_terminal_that_opens_windows_in_another_zone_stands_out(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let used = async || {
        let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
        terminal.expect("it is there").said.and_then(|said| said.zone)
    };
    let in_lower_case = Hello { zone: "europe/berlin".to_owned(), ..hello(1, 0) };
    registry.apply(&[greeting(in_lower_case, 40)]).await.expect("it is applied");
    assert!(alarms(registry).await.is_empty());
    let other = Hello { zone: "UTC".to_owned(), ..hello(1, 0) };
    for at in [41, 42] {
        registry.apply(&[greeting(other.clone(), at)]).await.expect("it is applied");
    }
    assert_eq!(used().await.as_deref(), Some("UTC"));
    assert_eq!(alarms(registry).await, [AlarmKind::OtherZone], "it is raised once");
}

pub(super) async fn a_terminal_that_is_locked_stands_out_until_it_is_not(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let locked = |for_s| Hello {
        locked: Some(Locked { since: UnixTime(30), for_s, trouble: None }),
        ..hello(1, 0)
    };
    for (at, for_s) in [(40, 3_600), (50, 90_000), (45, 7_200)] {
        registry.apply(&[greeting(locked(for_s), at)]).await.expect("it is applied");
    }
    let page = Page::first(9);
    let open = registry.alarms(&page).await.expect("they are listed");
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].1.kind, AlarmKind::LeaseRanOut);
    assert!(open[0].1.detail.contains("25 h by its own count"), "the newest counts: {open:?}");
    registry.apply(&[greeting(hello(1, 0), 60)]).await.expect("it is applied");
    assert!(alarms(registry).await.is_empty());
    let ever = registry.alarms_ever(&page).await.expect("they are listed");
    assert_eq!(ever[0].1.ended_at, Some(UnixTime(60)));
}

pub(super) async fn the_newest_telemetry_counts_in_whatever_order_it_comes(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let holds = |percent| Battery { percent, floor_percent: 50, is_powered: percent == 0 };
    let telemetry = |at, orders_refused| Telemetry {
        at: UnixTime(at),
        disk_free_bytes: 1 << 30,
        orders_refused,
        messages_unreadable: 2,
        battery: (orders_refused > 3).then(|| holds(31)),
        till: (orders_refused == 4).then_some(TillHealth { answers: true, restarts: 9 }),
    };
    let said = [telemetry(50, 9), telemetry(60, 3), telemetry(60, 4), telemetry(60, 3)];
    for (seq, telemetry) in (1..).zip(said) {
        let report = Report::Telemetry(telemetry);
        registry.apply(&[heard(seq, report)]).await.expect("it is applied");
    }
    let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(terminal.and_then(|it| it.telemetry), Some(telemetry(60, 4)));

    // An agent that starts tells of its till as soon as that has answered.
    let till = Some(TillHealth { answers: true, restarts: 10 });
    let looked = Telemetry { till, ..telemetry(60, 4) };
    registry.apply(&[heard(5, Report::Telemetry(looked.clone()))]).await.expect("it is applied");
    let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(terminal.and_then(|it| it.telemetry), Some(looked));

    let seen = async || {
        let found = registry.prospects(&Ask::default(), &Page::first(9)).await.expect("a page");
        found.first().map(|it| (it.disk_free_bytes, it.battery_is_low))
    };
    assert_eq!(seen().await, Some((Some(1 << 30), true)), "whoever plans sees it, too");
    for (seq, battery) in (6..).zip([Some(holds(50)), Some(holds(0)), None]) {
        let later = Telemetry { battery, ..telemetry(seq * 20, 0) };
        let report = Report::Telemetry(later.clone());
        registry.apply(&[heard(seq.cast_unsigned(), report)]).await.expect("it is applied");
        let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
        assert_eq!(terminal.and_then(|it| it.telemetry), Some(later));
        assert_eq!(seen().await, Some((Some(1 << 30), false)), "{battery:?}");
    }
}

pub(super) async fn a_lost_ledger_begins_an_epoch_once(registry: &dyn Registry) {
    one_order(registry).await;
    let mut lost = hello(1, 0);
    lost.ledger_lost = true;
    for at in [100, 101] {
        registry.apply(&[greeting(lost.clone(), at)]).await.expect("it is applied");
    }
    let terminal = registry.terminal(terminal_id(1)).await.expect("it is looked up");
    assert_eq!(terminal.map(|it| it.epoch), Some(2), "the same loss told twice is one loss");
    assert_eq!(alarms(registry).await, [AlarmKind::LedgerLost]);
    let owed = registry.owed(&[terminal_id(1)], 8, UnixTime(110)).await.expect("it is asked");
    assert!(owed.is_empty());
    let voided = registry.assignments_voided(campaign_id(1), 9).await.expect("they are found");
    assert_eq!(voided.len(), 1);
}

pub(super) async fn a_registry_from_a_backup_learns_the_numbers_from_the_terminal(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let numbers = async || {
        let numbering = registry.numbering(&[terminal_id(1)]).await.expect("it is read");
        (numbering[0].epoch, numbering[0].order_seq)
    };
    registry.apply(&[greeting(hello(1, 17), 100)]).await.expect("it is applied");
    assert_eq!(numbers().await, (1, 17));
    registry.apply(&[greeting(hello(1, 3), 101)]).await.expect("it is applied");
    assert_eq!(numbers().await, (1, 17));
    registry.apply(&[greeting(hello(4, 2), 102)]).await.expect("it is applied");
    assert_eq!(numbers().await, (4, 2));
    registry.apply(&[greeting(hello(1, 40), 103)]).await.expect("it is applied");
    assert_eq!(numbers().await, (4, 2), "an older epoch's numbers mean nothing");
}

pub(super) async fn reports_lost_after_they_were_acknowledged_are_asked_for_again(
    registry: &dyn Registry,
) {
    let order = one_order(registry).await;
    registry.apply(&[heard(1, said(order, Said::Accepted, 50))]).await.expect("it is applied");
    let mut acknowledged = hello(1, 1);
    acknowledged.outbox_acknowledged = 1;
    registry.apply(&[greeting(acknowledged.clone(), 60)]).await.expect("it is applied");
    assert!(alarms(registry).await.is_empty());
    acknowledged.outbox_acknowledged = 3;
    for at in [70, 80] {
        registry.apply(&[greeting(acknowledged.clone(), at)]).await.expect("it is applied");
    }
    assert_eq!(alarms(registry).await, [AlarmKind::ReportsLost]);
    let owed = registry.owed(&[terminal_id(1)], 8, UnixTime(90)).await.expect("it is asked");
    assert_eq!(owed.iter().map(|it| it.order).collect::<Vec<_>>(), [order]);
    let refused = Said::Refused { refusal: Refusal::Replayed, detail: String::new() };
    registry.apply(&[heard(4, said(order, refused, 95))]).await.expect("it is applied");
    let state = standing(registry).await.state();
    assert_eq!(state, AssignmentState::Accepted, "a refused copy takes nothing back");
}

pub(super) async fn a_terminal_cannot_fill_the_registry_with_alarms(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let rubbish = |seq: u64| {
        let signed = SignedBytes::new(seq.to_be_bytes().to_vec());
        heard(seq, Report::Unproven { signed, why: "rubbish".to_owned() })
    };
    let heard: Vec<_> = (1..=100).map(rubbish).collect();
    registry.apply(&heard).await.expect("it is applied");
    assert_eq!(alarms(registry).await.len(), 32);
}
