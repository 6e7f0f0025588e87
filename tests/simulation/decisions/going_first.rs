//! Which of several jobs goes first, who gives way to whom, and what keeps to a calendar.

use agent::job::{Found, Ticket};
use shared::calendar::{Calendar, Opening, Span};
use shared::change::{Backup, Cancel, Change, Extent};
use shared::document::order::Class;
use shared::message::StepState;
use shared::outcome::Waiting;

use super::*;

fn of_class(desk: &Desk, seq: u64, class: Class) -> Parcel {
    desk.narrowed(desk.upgrade(seq), |order| order.class = class)
}

fn backup(desk: &Desk, seq: u64) -> Parcel {
    let backup = Backup { extent: Extent::Full, window: None, settled_by: None };
    desk.ceremony.parcel(seq, terminal(1), Change::Backup(backup), &members())
}

fn span(from_s: i64, to_s: i64) -> Span {
    Span { from: UnixTime(NOW.0 + from_s), to: UnixTime(NOW.0 + to_s) }
}

/// Nothing before these hours, in seconds since the test began.
fn opening(download: i64, activation: i64) -> Calendar {
    let from = |from| vec![Opening::Once(span(from, 80_000))];
    Calendar {
        download: from(download),
        activation: from(activation),
        freezes: Vec::new(),
        spread_s: 0,
    }
}

/// An upgrade that fetches from then on, and disturbs the shop from then on.
fn sleeping(desk: &Desk, seq: u64, (download, activation): (i64, i64), class: Class) -> Parcel {
    desk.narrowed(desk.upgrade(seq), |order| {
        order.class = class;
        order.calendar = Some(opening(download, activation));
    })
}

fn whose(desk: &Desk) -> Option<OrderId> {
    desk.asked.first().map(|task| task.order)
}

/// Does what is asked until this is.
fn work_until(desk: &mut Desk, action: Action) {
    while desk.acting() != Some(action) {
        let done = Proof { version: established(desk.asked[0].action), findings: Vec::new() };
        let till = Reply::Till { work: Work::Free, detail: String::new() };
        desk.reply(if desk.acting() == Some(Action::AskTill) { till } else { Reply::Done(done) });
    }
}

fn succeeded(desk: &Desk, parcel: &Parcel) -> bool {
    matches!(desk.outcome(parcel), Some(Outcome::Succeeded { .. }))
}

fn waiting(desk: &Desk, parcel: &Parcel) -> Option<Waiting> {
    let of_order = |it: &&Progress| it.order == id_of(parcel);
    let progress = desk.progress();
    match &progress.iter().rfind(of_order)?.state {
        StepState::Waiting { reason, .. } => Some(*reason),
        StepState::Running | StepState::Undoing { .. } => None,
    }
}

#[test]
fn of_the_jobs_that_wait_the_higher_class_goes_first_and_then_whoever_came_first() {
    use Class::{Background, Decommission, Normal, Security};
    let mut desk = Desk::connected();
    let classes = [Normal, Background, Security, Normal, Security, Background, Decommission];
    let parcels: Vec<_> =
        (1..).zip(classes).map(|(seq, class)| of_class(&desk, seq, class)).collect();
    desk.order(&parcels[0]);
    // Nothing that is at work gives way.
    assert_eq!(desk.acting(), Some(Action::Admit));
    parcels[1..].iter().for_each(|parcel| desk.order(parcel));
    work_until(&mut desk, Action::Fetch);
    let wanted = [6, 2, 4, 0, 3, 1, 5].map(|place: usize| id_of(&parcels[place]));
    assert_eq!(whose(&desk), Some(wanted[0]), "the first was about to fetch, and gave way");
    for order in wanted {
        assert_eq!(whose(&desk), Some(order));
        while whose(&desk) == Some(order) {
            let before = desk.receipted.len();
            work_one(&mut desk);
            let is_over = desk.receipted[before..].iter().any(|it| finished(&it.said).is_some());
            assert!(!is_over || whose(&desk) != Some(order));
        }
    }
    assert!(parcels.iter().all(|parcel| succeeded(&desk, parcel)));
    assert!(desk.disk.journal_is_empty());
}

fn work_one(desk: &mut Desk) {
    let action = desk.asked[0].action;
    let done = Proof { version: established(action), findings: findings(action) };
    let reply = if action == Action::AskTill {
        Reply::Till { work: Work::Free, detail: String::new() }
    } else if action == Action::ProbeSlot {
        Reply::Found(Found::DidNot)
    } else {
        Reply::Done(done)
    };
    desk.reply(reply);
    if action == Action::ProveHealth && desk.asked.is_empty() {
        desk.tell_time(1);
    }
}

#[test]
fn a_download_is_set_aside_for_a_higher_class_alone_and_begins_anew_after_it() {
    let mut desk = Desk::connected();
    let first = desk.upgrade(1);
    desk.order(&first);
    work_until(&mut desk, Action::Fetch);
    let fetching = desk.asked[0].ticket;
    for (seq, class) in [(2, Class::Normal), (3, Class::Background)] {
        let parcel = of_class(&desk, seq, class);
        desk.order(&parcel);
        assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&first)), Some(Action::Fetch)));
        assert_eq!(waiting(&desk, &parcel), Some(Waiting::Turn));
    }
    let urgent = of_class(&desk, 4, Class::Security);
    desk.order(&urgent);
    assert!(desk.last.effects.contains(&Effect::StopAct(fetching)));
    assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&urgent)), Some(Action::Admit)));
    assert_eq!(waiting(&desk, &first), Some(Waiting::Turn));
    assert_eq!(waiting(&desk, &urgent), None, "it does not wait");
    // An answer that comes late is nobody's, whatever number it carries.
    for ticket in 0..=fetching.0 {
        let failed = Reply::Done(Proof::default());
        desk.give(Input::ActionDone { ticket: Ticket(ticket), reply: failed });
        assert_eq!(desk.acting(), Some(Action::Admit), "{ticket}");
    }
    let order = desk.work();
    assert_eq!(order[..2], [id_of(&urgent), id_of(&first)]);
    assert!(succeeded(&desk, &first) && succeeded(&desk, &urgent));
}

/// Every action of an upgrade, and whether it gives way there.
#[test]
fn nothing_that_disturbs_the_shop_or_is_half_done_is_set_aside() {
    let gives_way = [Action::Fetch, Action::AskTill];
    let mut seen = Vec::new();
    for steps in 0.. {
        let mut desk = Desk::connected();
        let first = desk.upgrade(1);
        desk.order(&first);
        for _ in 0..steps {
            work_one(&mut desk);
        }
        let Some(action) = desk.acting() else { break };
        let urgent = of_class(&desk, 2, Class::Decommission);
        desk.order(&urgent);
        let went_first = whose(&desk) == Some(id_of(&urgent));
        assert_eq!(went_first, gives_way.contains(&action), "{action:?}");
        // And the power fails there.
        desk.restart();
        desk.connect();
        desk.tell_time(1);
        let mut order = Vec::new();
        while let Some(next) = whose(&desk) {
            order.push(next);
            work_one(&mut desk);
        }
        assert!(succeeded(&desk, &first) && succeeded(&desk, &urgent), "{action:?}");
        let before_disturbing = seen.iter().all(|it| *it != Action::HoldTrading);
        let is_held = !before_disturbing || action == Action::HoldTrading;
        assert!(!is_held || order[0] == id_of(&first), "{action:?}: {order:?}");
        assert!(desk.disk.journal_is_empty());
        seen.push(action);
    }
    assert!(seen.contains(&Action::CommitSlot), "{seen:?}");
}

#[test]
fn a_job_that_sleeps_until_its_hours_lets_others_go_first_and_is_not_begun_anew_before() {
    let mut desk = Desk::connected();
    let upgrade = sleeping(&desk, 1, (3_600, 7_200), Class::Normal);
    desk.order(&upgrade);
    work_until(&mut desk, Action::Admit);
    work_one(&mut desk);
    assert_eq!(desk.acting(), None);
    assert_eq!(waiting(&desk, &upgrade), Some(Waiting::Window));
    let saved = backup(&desk, 2);
    desk.order(&saved);
    assert_eq!(whose(&desk), Some(id_of(&saved)), "a night without a backup is no way to wait");
    work_until(&mut desk, Action::Data(DataAction::DiscardExport));
    work_one(&mut desk);
    assert!(succeeded(&desk, &saved));
    assert_eq!(desk.acting(), None, "its hours have not come");
    let wakes_in = desk.core.wakes_at().map(|at| at.saturating_sub(desk.uptime));
    assert!(wakes_in.is_some_and(|it| it <= Duration::from_secs(15 * 60)), "{wakes_in:?}");
    desk.pass(600);
    assert_eq!(desk.acting(), None);
    // It wakes by itself, also while another is at work that gives way.
    let second = backup(&desk, 3);
    desk.order(&second);
    work_until(&mut desk, Action::Data(DataAction::Save));
    desk.pass(3_600);
    assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&upgrade)), Some(Action::Admit)));
    work_until(&mut desk, Action::RunPreflight);
    work_one(&mut desk);
    // It sleeps again, and the backup that had given way begins anew.
    let again = (Some(id_of(&second)), Some(Action::Data(DataAction::Admit)));
    assert_eq!((whose(&desk), desk.acting()), again);
    let order = desk.work();
    assert_eq!(order, [id_of(&second)]);
    desk.pass(7_200);
    desk.work();
    assert!(succeeded(&desk, &second) && succeeded(&desk, &upgrade));
}

#[test]
fn a_freeze_says_that_it_is_one_and_when_it_is_over_and_outlives_a_restart() {
    let mut desk = Desk::connected();
    let frozen = Calendar {
        download: Vec::new(),
        activation: Vec::new(),
        freezes: vec![span(0, 50_000)],
        spread_s: 0,
    };
    let upgrade = desk.narrowed(desk.upgrade(1), |order| order.calendar = Some(frozen));
    desk.order(&upgrade);
    work_one(&mut desk);
    for _ in 0..2 {
        assert_eq!(desk.acting(), None);
        assert_eq!(waiting(&desk, &upgrade), Some(Waiting::Freeze));
        let progress = desk.progress();
        let StepState::Waiting { detail, .. } = &progress[progress.len() - 1].state else {
            panic!("{progress:?}");
        };
        let ends = UnixTime(NOW.0 + 50_000).to_string();
        assert!(detail.contains(&ends), "{detail}");
        desk.restart();
    }
    // Nobody has told the time since: the terminal's own clock is enough to open.
    desk.pass(49_900);
    assert_eq!(desk.acting(), None);
    desk.pass(200);
    assert_eq!(desk.acting(), Some(Action::Fetch));
}

#[test]
fn what_is_cancelled_while_it_is_set_aside_tidies_up_and_ends() {
    let mut desk = Desk::connected();
    let first = desk.upgrade(1);
    desk.order(&first);
    work_until(&mut desk, Action::Fetch);
    let urgent = of_class(&desk, 2, Class::Security);
    let urgent = desk.narrowed(urgent, |order| order.calendar = Some(opening(3_600, 3_600)));
    desk.order(&urgent);
    work_one(&mut desk);
    // The higher class sleeps: the first one goes on meanwhile, and is at work.
    assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&first)), Some(Action::Admit)));
    work_until(&mut desk, Action::Fetch);
    desk.pass(3_700);
    assert_eq!(whose(&desk), Some(id_of(&urgent)));
    work_until(&mut desk, Action::HoldTrading);
    let batch = Envelope::<shared::document::Batch>::from_bytes(first.batch.as_slice());
    let batch = batch.expect("a test's own batch").document.id;
    let cancel = Change::Cancel(Cancel { batch, reason: "changed our minds".to_owned() });
    let cancel = desk.ceremony.parcel(3, terminal(1), cancel, &members());
    desk.order(&cancel);
    desk.restart();
    assert_eq!(whose(&desk), Some(id_of(&urgent)), "trading is held: it comes to its end");
    desk.connect();
    desk.tell_time(1);
    while whose(&desk) == Some(id_of(&urgent)) {
        work_one(&mut desk);
    }
    assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&first)), Some(Action::DiscardDownload)));
    work_one(&mut desk);
    assert!(matches!(desk.outcome(&first), Some(Outcome::Cancelled { .. })));
    assert!(succeeded(&desk, &urgent) && desk.disk.journal_is_empty());
}

#[test]
fn what_runs_out_while_it_is_set_aside_tidies_up_and_ends() {
    let mut desk = Desk::connected();
    let first = desk.narrowed(desk.upgrade(1), |it| it.not_after = UnixTime(NOW.0 + 1_000));
    desk.order(&first);
    work_until(&mut desk, Action::Fetch);
    let urgent = of_class(&desk, 2, Class::Security);
    desk.order(&urgent);
    work_until(&mut desk, Action::Stage);
    desk.pass(1_100);
    assert_eq!((whose(&desk), desk.acting()), (Some(id_of(&urgent)), Some(Action::Stage)));
    let order = desk.work();
    assert_eq!(order, [id_of(&urgent), id_of(&first)]);
    assert_eq!(desk.outcome(&first), Some(&Outcome::Expired));
    assert!(succeeded(&desk, &urgent) && desk.disk.journal_is_empty());
}

/// However often that happens, the journal does not grow.
#[test]
fn a_job_that_is_set_aside_again_and_again_leaves_no_trail() {
    let mut desk = Desk::connected();
    let first = of_class(&desk, 1, Class::Background);
    desk.order(&first);
    let mut lines = Vec::new();
    for seq in 2..20 {
        work_until(&mut desk, Action::AskTill);
        assert_eq!(whose(&desk), Some(id_of(&first)));
        let urgent = backup(&desk, seq);
        desk.order(&urgent);
        while whose(&desk) == Some(id_of(&urgent)) {
            work_one(&mut desk);
        }
        assert!(succeeded(&desk, &urgent));
        let journal = agent::decide::effect::Shelf::Journal;
        lines.push(desk.disk.shelf(journal).count());
    }
    assert!(lines.iter().all(|count| *count <= lines[0]), "{lines:?}");
    desk.work();
    assert!(succeeded(&desk, &first));
}
