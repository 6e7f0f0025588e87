//! A store keeps its last till, and a swapped terminal never sells beside the one in its place.

use futures::future::join;
use shared::change::Change;
use shared::document::clearance::Deregistered;
use shared::document::order::Stream;
use shared::document::receipt::Said;
use shared::id::{BindingId, OrderId};
use shared::message::Hello;
use shared::time::UnixTime;

use super::fixture::*;
use super::followed::{ordered, resume, suspend, wipe};
use super::positions::tuple;
use super::replacements::{GO_LIVE, begin, commissioned, say, shop};
use super::requests::{accepted_to, request_id};
use crate::campaign::assignment::{Fact, GivenUp, Unheard};
use crate::campaign::state::CampaignEvent;
use crate::position::binding::{BindingEvent, BindingPolicy};
use crate::registry::campaign::{AfterStart, Campaign, NewCampaign};
use crate::registry::deactivation::{NewDeactivation, Withdrawn};
use crate::registry::delivery::{AlarmKind, AnyAlarm, Delivered, Heard, NewOrder, Saying};
use crate::registry::page::Page;
use crate::registry::position::NewBinding;
use crate::registry::rebind::NotBegun;
use crate::registry::{Registry, RegistryError};
use crate::replacement::ReplacementState;
use crate::replacement::refused::ReplacementRefused;
use crate::request::RequestKind;
use crate::request::suspicion::{NewSuspicion, Scope};

const DAY_S: i64 = 24 * 3600;

/// Draft `number` carries out a request of its own on these terminals.
async fn draft(
    registry: &dyn Registry,
    number: u8,
    change: Change,
    members: &[u8],
    close_store: Option<&str>,
) -> Result<(), NotBegun> {
    let is_resumed = matches!(change, Change::Resume(_));
    let kind = if is_resumed { RequestKind::Resume } else { RequestKind::Suspend };
    accepted_to(registry, number, kind).await;
    let new = NewDeactivation {
        campaign: NewCampaign { change, ..new_campaign(number) },
        clearances: [].into(),
        members: members.iter().map(|it| terminal_id(*it)).collect(),
        request: request_id(number),
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement: None,
        untold: None,
        close_store: close_store.map(str::to_owned),
    };
    let added = registry.add_deactivation(&new, &by("op", 30)).await.expect("it is looked at");
    added.map(|_| ())
}

async fn abort(registry: &dyn Registry, number: u8) {
    let seen = registry.campaign(campaign_id(number)).await.expect("asked").expect("known");
    registry.move_campaign(&seen, CampaignEvent::Abort, &by("op", 31)).await.expect("it is over");
}

/// These are enrolled in one store, and were heard at 20.
async fn heard_of(registry: &dyn Registry, numbers: &[u8]) {
    for number in numbers {
        enrol(registry, *number, 1).await;
        let greeting = greeting_of(terminal_id(*number), hello(1, 0), 20);
        registry.apply(&[greeting]).await.expect("it is applied");
    }
}

async fn besides(registry: &dyn Registry, member: u8, now: i64) -> u64 {
    let stores = ["berlin-1".to_owned()];
    let ids = [terminal_id(member)];
    let found = registry.selling_besides(&stores, &ids, UnixTime(now)).await.expect("counted");
    found["berlin-1"]
}

fn last() -> Result<(), NotBegun> {
    Err(NotBegun::LastInStore { store: "berlin-1".to_owned() })
}

pub(super) async fn nobody_counts_on_a_till_that_stops_too_or_is_away(registry: &dyn Registry) {
    heard_of(registry, &[1, 2, 3, 4]).await;
    enrol(registry, 5, 1).await;
    assert_eq!(besides(registry, 1, 30).await, 3, "nobody has heard of the fifth");
    assert_eq!(besides(registry, 1, 20 + DAY_S).await, 3);
    assert_eq!(besides(registry, 1, 21 + DAY_S).await, 0, "nor of anybody for a day");

    draft(registry, 1, suspend(90), &[2], None).await.expect("two others sell on");
    assert_eq!(besides(registry, 1, 30).await, 2, "a draft counts already");
    let scope = Scope::Terminal(terminal_id(3));
    let new = NewSuspicion { scope, source: "a call".to_owned(), note: "who?".to_owned() };
    registry.suspect(&new, &by("ana", 25)).await.expect("it is known");
    assert_eq!(besides(registry, 1, 30).await, 1, "one is suspicious");
    draft(registry, 2, suspend(90), &[1], None).await.expect("the fourth sells on");
    assert_eq!(draft(registry, 3, suspend(90), &[4], None).await, last());
    abort(registry, 1).await;
    draft(registry, 4, suspend(90), &[4], None).await.expect("the second sells on again");
    draft(registry, 5, suspend(90), &[2], Some("hana")).await.expect("somebody answers for it");
}

pub(super) async fn two_suspensions_at_once_do_not_close_a_store(registry: &dyn Registry) {
    heard_of(registry, &[1, 2]).await;
    let one = draft(registry, 1, suspend(90), &[1], None);
    let other = draft(registry, 2, suspend(90), &[2], None);
    let (one, other) = join(one, other).await;
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    assert!(one == last() || other == last(), "{one:?} {other:?}");
}

pub(super) async fn no_swap_while_the_old_terminal_may_sell_again(registry: &dyn Registry) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    draft(registry, 2, resume(), &[1], None).await.expect("nothing was swapped yet");
    let refused = say(registry, GO_LIVE, 30).await;
    let (serial, campaign) = ("SN-001".to_owned(), campaign_id(2));
    assert_eq!(refused, Err(ReplacementRefused::OldResumes { serial, campaign }));
    abort(registry, 2).await;
    assert_eq!(say(registry, GO_LIVE, 32).await, Ok(ReplacementState::Live));
    let refused = draft(registry, 3, resume(), &[1], None).await;
    let replaced = NotBegun::Replaced { terminal: terminal_id(1), number: 1 };
    assert_eq!(refused, Err(replaced));
    let facts = registry.service_facts(&[terminal_id(1), terminal_id(2)]).await.expect("known");
    assert_eq!(facts.iter().map(|it| it.is_replaced).collect::<Vec<_>>(), [true, false]);
    // A claim gives it a place of its own.
    let again = claim(1, 2);
    registry.add_claim(&again, &by("op", 40)).await.expect("it is made");
    registry.enrol(&enrolment(again.id, 7), &by("enrolment", 41)).await.expect("it is decided");
    draft(registry, 4, resume(), &[1], None).await.expect("it sells elsewhere");
}

/// This order is on its way to its terminal.
async fn send(registry: &dyn Registry, order: &NewOrder) {
    let (terminal, orders) = (order.terminal, vec![order.id]);
    let sent = Delivered { terminal, seen: orders.clone(), orders, again_at: None };
    registry.delivered(&[sent], UnixTime(25)).await.expect("it is noted");
}

/// The swap is refused at 43: an order to sell was sent to the old terminal, and ran out at 40
/// without an answer.
async fn sent_to_sell(registry: &dyn Registry) -> Result<ReplacementState, ReplacementRefused> {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    draft(registry, 2, resume(), &[1], None).await.expect("nothing was swapped yet");
    start_created(registry, 2, &[1], AfterStart::Run).await;
    let ran_out = UnixTime(40);
    let sells = NewOrder { stream: Stream::Approved, not_after: ran_out, ..order(2, 1, 1) };
    assert!(issue(registry, &sells).await);
    send(registry, &sells).await;
    let given_up = Fact::GivenUp(GivenUp { as_what: Unheard::Unreached, at: UnixTime(41) });
    registry.learn(&[(sells.id, given_up)], UnixTime(41)).await.expect("it is noted");
    let seen = registry.campaign(campaign_id(2)).await.expect("asked").expect("known");
    registry.move_campaign(&seen, CampaignEvent::End, &by("plan", 42)).await.expect("it is over");
    let (serial, campaign) = ("SN-001".to_owned(), campaign_id(2));
    let resumes = Err(ReplacementRefused::OldResumes { serial, campaign });
    assert_eq!(say(registry, GO_LIVE, 43).await, resumes);
    resumes
}

pub(super) async fn no_swap_while_an_order_to_sell_may_have_arrived(registry: &dyn Registry) {
    let resumes = sent_to_sell(registry).await;
    // It is not enough that it was there while it may have begun, or has yet to tell of it.
    let told_all = Hello { outbox_depth: 0, ..hello(1, 0) };
    let terminal = terminal_id(1);
    for (hello, at, goes_live) in
        [(&told_all, 39, false), (&hello(1, 0), 50, false), (&told_all, 60, true)]
    {
        let gone = Heard { terminal, at: UnixTime(at + 9), saying: Saying::Gone };
        registry.apply(&[greeting(hello.clone(), at), gone]).await.expect("it is applied");
        let expected = if goes_live { Ok(ReplacementState::Live) } else { resumes.clone() };
        assert_eq!(say(registry, GO_LIVE, at + 10).await, expected, "heard at {at}");
    }
}

pub(super) async fn whoever_revokes_it_answers_for_what_was_sent_to_it(registry: &dyn Registry) {
    let _refused = sent_to_sell(registry).await;
    registry.revoke_terminal(terminal_id(1), &by("op", 50)).await.expect("it is revoked");
    assert_eq!(say(registry, GO_LIVE, 51).await, Ok(ReplacementState::Live));
}

pub(super) async fn what_keeps_a_swapped_terminal_from_selling_is_not_taken_back(
    registry: &dyn Registry,
) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    stop_of_one(registry, 3, 1).await;
    say(registry, GO_LIVE, 30).await.expect("it was given up");
    abort(registry, 3).await;
    registry.settle_campaign(campaign_id(3), UnixTime(32)).await.expect("nobody had it");
    let stop = stop_of_one(registry, 4, 2).await;
    let refused = async || {
        let seen = registry.campaign(campaign_id(4)).await.expect("asked").expect("known");
        let aborted = registry.move_campaign(&seen, CampaignEvent::Abort, &by("op", 40)).await;
        let member = [(terminal_id(1), 0)];
        let skipped = registry.skip(campaign_id(4), &member, &by("op", 40)).await;
        for refused in [aborted.map(|_| ()), skipped.map(|_| ())] {
            let keeps = matches!(
                refused,
                Err(RegistryError::KeepsReplaced { campaign, terminal, number: 1 })
                    if campaign == campaign_id(4) && terminal == terminal_id(1)
            );
            assert!(keeps, "{refused:?}");
        }
    };
    send(registry, &order(4, 1, 2)).await;
    refused().await;
    let accepted = said(stop, Said::Accepted, 35);
    registry.apply(&[heard(1, accepted)]).await.expect("it is applied");
    refused().await;
    // A claim gives it a place of its own.
    let again = claim(1, 2);
    registry.add_claim(&again, &by("op", 40)).await.expect("it is made");
    registry.enrol(&enrolment(again.id, 7), &by("enrolment", 41)).await.expect("it is decided");
    abort(registry, 4).await;
}

pub(super) async fn a_swapped_terminal_that_is_back_is_an_alarm_until_it_has_stopped(
    registry: &dyn Registry,
) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    registry.apply(&[greeting(hello(1, 0), 25)]).await.expect("it is applied");
    let terminal = terminal_id(1);
    let gone = Heard { terminal, at: UnixTime(90), saying: Saying::Gone };
    registry.apply(&[gone]).await.expect("it is applied");
    assert_eq!(spoke(registry).await, [], "its place is its own");
    say(registry, GO_LIVE, 30).await.expect("it was given up");
    for at in [40, 50] {
        registry.apply(&[greeting(hello(1, 0), at)]).await.expect("it is applied");
        let alarms = spoke(registry).await;
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        let (subject, detail) = (&alarms[0].subject, &alarms[0].detail);
        assert_eq!((subject.as_str(), alarms[0].at), ("replacement 1", UnixTime(40)));
        for command in ["deactivate suspend", "deactivate wipe --lost"] {
            assert!(detail.contains(command), "{detail}");
        }
    }
    let stop = stop_of_one(registry, 3, 1).await;
    registry.apply(&[heard(1, finished(stop, succeeded(), 60))]).await.expect("it is applied");
    registry.apply(&[greeting(hello(1, 0), 61)]).await.expect("it is applied");
    assert_eq!(spoke(registry).await, []);
    assert_eq!(lane_of(registry, 1).await, None, "its place does not come back by itself");
    // However it came by an order to sell.
    let sells = ordered(registry, 2, resume()).await;
    registry.apply(&[heard(2, finished(sells, succeeded(), 70))]).await.expect("it is applied");
    assert_eq!(spoke(registry).await.len(), 1);
    registry.revoke_terminal(terminal_id(1), &by("op", 80)).await.expect("it is revoked");
    assert_eq!(spoke(registry).await, []);
}

/// Terminal 1 is to stop by campaign `number`, which runs once people have approved it.
async fn approved_stop(registry: &dyn Registry, number: u8) -> Campaign {
    draft(registry, number, suspend(30), &[1], Some("hana")).await.expect("it is drafted");
    let waits = start_created(registry, number, &[1], AfterStart::AwaitApproval).await;
    let runs = registry.move_campaign(&waits, CampaignEvent::Approve, &by("op", 12)).await;
    runs.expect("it is moved")
}

/// …and is ordered to, as so many before.
async fn stop_of_one(registry: &dyn Registry, number: u8, seq: u64) -> OrderId {
    approved_stop(registry, number).await;
    let approved = NewOrder { stream: Stream::Approved, ..order(number, 1, seq) };
    assert!(issue(registry, &approved).await);
    approved.id
}

pub(super) async fn who_was_given_up_is_in_quarantine_while_nothing_stops_it(
    registry: &dyn Registry,
) {
    let is_quarantined = async || {
        let it = registry.terminal(terminal_id(1)).await.expect("it is asked");
        let is_quarantined = it.expect("it is known").is_quarantined;
        assert_eq!(prospect(registry, 1).await.is_quarantined, is_quarantined);
        let left_alone = registry.left_alone(&[terminal_id(1)]).await.expect("it is asked");
        assert_eq!(left_alone.len(), usize::from(is_quarantined), "it is told no time");
        is_quarantined
    };
    let said = async || {
        let log = registry.audit(&Page::first(1000)).await.expect("it is read");
        let of = log.into_iter().filter(|it| it.what.starts_with("quarantine-"));
        of.map(|it| it.what).collect::<Vec<_>>()
    };
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    assert!(!is_quarantined().await, "its place is its own");
    // What it was owed besides stays where it is.
    start(registry, 7, &[1]).await;
    assert!(issue(registry, &order(7, 1, 1)).await);
    let owed = async || registry.owed(&[terminal_id(1)], 9, UnixTime(41)).await.expect("asked");
    registry.apply(&[greeting(hello(1, 0), 25)]).await.expect("it is applied");
    let gone = Heard { terminal: terminal_id(1), at: UnixTime(90), saying: Saying::Gone };
    registry.apply(&[gone]).await.expect("it is applied");
    assert_eq!(owed().await.len(), 1);
    say(registry, GO_LIVE, 30).await.expect("it was given up");
    assert!(is_quarantined().await);
    registry.apply(&[greeting(hello(1, 0), 40)]).await.expect("it is applied");
    assert_eq!(spoke(registry).await.len(), 1);
    assert_eq!(owed().await, []);
    start(registry, 8, &[1]).await;
    assert!(!issue(registry, &order(8, 1, 2)).await, "it gets nothing else");
    assert_eq!(said().await, ["quarantine-began"]);
    // From its order to stop on it hears what it needs to settle and to save.
    let runs = approved_stop(registry, 3).await;
    assert!(!is_quarantined().await);
    let approved = NewOrder { stream: Stream::Approved, ..order(3, 1, 1) };
    assert!(issue(registry, &approved).await);
    assert!(owed().await.iter().any(|it| it.order == approved.id));
    // While it is sent nothing of that it gets nothing else either.
    let moved = async |seen: &Campaign, event, at| {
        registry.move_campaign(seen, event, &by("op", at)).await.expect("it is moved")
    };
    let paused = moved(&runs, CampaignEvent::Pause, 45).await;
    assert!(is_quarantined().await);
    let runs = moved(&paused, CampaignEvent::Resume, 46).await;
    assert!(!is_quarantined().await);
    // That it was not heard of in time ends that.
    let over = registry.move_campaign(&runs, CampaignEvent::End, &by("op", 50)).await;
    over.expect("it is moved");
    assert!(is_quarantined().await);
    let stop = stop_of_one(registry, 4, 2).await;
    registry.apply(&[heard(1, finished(stop, succeeded(), 60))]).await.expect("it is applied");
    assert!(!is_quarantined().await);
    let ended = ["quarantine-began", "quarantine-ended"];
    assert_eq!(said().await, [ended, ended, ended].concat());
}

async fn lane_of(registry: &dyn Registry, number: u8) -> Option<String> {
    let terminal = registry.terminal(terminal_id(number)).await.expect("it is asked");
    terminal.expect("it is known").lane
}

async fn spoke(registry: &dyn Registry) -> Vec<AnyAlarm> {
    let alarms = registry.alarms(&Page::first(9)).await.expect("they are listed");
    let of = alarms.into_iter().map(|(_, it)| it);
    of.filter(|it| it.kind == AlarmKind::ReplacedSpoke).collect()
}

/// The wipe of a decommissioning, as a draft.
async fn wipe_draft(registry: &dyn Registry, number: u8, members: &[u8]) {
    let new = NewDeactivation {
        campaign: NewCampaign { change: wipe(), ..new_campaign(number) },
        clearances: [].into(),
        members: members.iter().map(|it| terminal_id(*it)).collect(),
        request: request_id(1),
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement: None,
        untold: None,
        close_store: None,
    };
    let added = registry.add_deactivation(&new, &by("op", 30)).await.expect("it is looked at");
    added.expect("nothing is in its way");
}

pub(super) async fn a_case_is_about_whom_something_was_ordered_of(registry: &dyn Registry) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    accepted_to(registry, 1, RequestKind::Decommission).await;
    let about = async || {
        let facts = registry.case_facts(request_id(1)).await.expect("it is known");
        facts.units.into_iter().map(|it| (it.serial, it.sells)).collect::<Vec<_>>()
    };
    wipe_draft(registry, 1, &[1, 2]).await;
    let both = ["SN-001", "SN-002"].map(|it| (it.to_owned(), true));
    assert_eq!(about().await, both);
    abort(registry, 1).await;
    assert_eq!(about().await, [], "it was taken back before anybody was ordered anything");
    wipe_draft(registry, 2, &[1, 2]).await;
    start_created(registry, 2, &[1, 2], AfterStart::Run).await;
    assert!(issue(registry, &order(2, 1, 1)).await);
    abort(registry, 2).await;
    assert_eq!(about().await, both[..1], "the first one may have heard of it");
}

pub(super) async fn a_deregistration_is_taken_back_by_its_own_reference(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    let told = |with: &str, reference: &str| Deregistered {
        with: with.to_owned(),
        reference: reference.to_owned(),
    };
    let (alpha, beta) = (told("alpha", "D-1"), told("beta", "D-2"));
    for it in [&alpha, &beta] {
        registry.put_deregistration(terminal_id(1), it, &by("op", 30)).await.expect("it is kept");
    }
    let withdraw = async |it: &Deregistered| {
        let done = registry.withdraw_deregistration(terminal_id(1), it, &by("op", 31)).await;
        done.expect("it is known")
    };
    assert_eq!(withdraw(&told("alpha", "D-2")).await, Withdrawn::NotThere, "that is another one");
    let told_twice = [withdraw(&alpha).await, withdraw(&alpha).await];
    assert_eq!(told_twice, [Withdrawn::Done, Withdrawn::NotThere]);
    // People are asked to sign what says so.
    accepted_to(registry, 1, RequestKind::Decommission).await;
    wipe_draft(registry, 1, &[1]).await;
    assert_eq!(withdraw(&beta).await, Withdrawn::Relied { campaign: campaign_id(1) });
    let facts = registry.service_facts(&[terminal_id(1)]).await.expect("it is known");
    assert_eq!(facts[0].deregistered, [beta]);
    let log = registry.audit(&Page::first(1000)).await.expect("it is read");
    let said: Vec<_> = log.iter().filter(|it| it.what == "deregistration-withdrawn").collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].object, format!("{} alpha D-1", terminal_id(1)));
}

pub(super) async fn a_terminal_is_bound_by_its_place_and_by_what_that_was_at_its_swap(
    registry: &dyn Registry,
) {
    let (position, new) = shop(registry).await;
    let both = [terminal_id(1), terminal_id(2)];
    let bound = async || {
        let facts = registry.service_facts(&both).await.expect("it is read");
        facts.into_iter().map(|it| it.bound_with.into_iter().collect()).collect::<Vec<Vec<_>>>()
    };
    let bind = async |number: u8, provider: &str, at: i64| {
        let (id, provider) = (BindingId::from_bytes([number; 16]), provider.to_owned());
        let tuple = tuple(&format!("T-{number}"));
        let new = NewBinding { id, position: position.id, provider, tuple };
        registry.add_binding(&new, &by("op", at)).await.expect("it is known").expect("it is made");
        let policy = BindingPolicy { one_active: false };
        let adopt = [(id, BindingEvent::Adopt)];
        let moved = registry.move_bindings(&adopt, policy, &by("op", at)).await;
        moved.expect("it is known").expect("it is in force");
    };
    assert_eq!(bound().await, [Vec::<String>::new()]);
    bind(1, "alpha", 11).await;
    assert_eq!(bound().await, [["alpha"]]);
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    say(registry, GO_LIVE, 30).await.expect("it was given up");
    bind(2, "beta", 40).await;
    assert_eq!(bound().await, [vec!["alpha"], vec!["alpha", "beta"]]);
}
