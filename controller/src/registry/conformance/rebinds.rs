//! Changes of provider: profiles, parcels, notices and letters.

use std::collections::BTreeMap;

use shared::change::rebind::{Reason, RegistryOrder, Watch};
use shared::change::{Change, Rebind};
use shared::codec;
use shared::digest::Digest;
use shared::document::profile::{Enclosed, Merchant, Replaced};
use shared::document::{FORMAT, Profile};
use shared::id::BindingId;
use shared::membership::Membership;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::UnixTime;

use super::fixture::*;
use super::owing;
use super::positions::{put, tuple};
use super::requests::{accepted, accepted_to, request_id};
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::position::Position;
use crate::position::binding::{
    Binding, BindingEvent, BindingPolicy, BindingRefused, BindingState, RegistrationStatus,
};
use crate::position::import::Row;
use crate::registry::campaign::{AfterStart, NewCampaign, Purpose, Start};
use crate::registry::delivery::{AlarmKind, Report};
use crate::registry::notice::{Notice, NoticeAbout, Paper};
use crate::registry::page::Page;
use crate::registry::position::{BindingsOf, NewBinding};
use crate::registry::rebind::{NewRebind, NewWave, NotBegun};
use crate::registry::{Registry, RegistryError};
use crate::request::{RequestKind, RequestState};

fn enclosed(number: u8) -> Enclosed {
    let path = vec![Digest([number; 32]), Digest([number + 100; 32])];
    Enclosed { profile: vec![number; 5].into(), path }
}

pub(super) fn asked() -> Rebind {
    Rebind {
        request: request_id(1),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        profiles: Digest([0; 32]),
        reason: Reason::Fee,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        registry_order: RegistryOrder::NewFirst,
        tests: vec![],
        watch: Watch {
            for_s: 1,
            payments_min: 1,
            at_most_s: 2,
            approval_drop_max: 5,
            host_errors_max: 5,
            slower_max: 50,
            crashes_max: 1,
        },
        window: None,
    }
}

fn notice(party: &str, sent_at: i64) -> Notice {
    Notice {
        party: party.to_owned(),
        channel: "letter".to_owned(),
        reference: "R 1".to_owned(),
        sent_at: UnixTime(sent_at),
        delivered_at: None,
        acknowledged_at: None,
    }
}

fn wave(campaign: u8, members: &[u8]) -> NewWave {
    let profiles = members.iter().map(|number| (terminal_id(*number), enclosed(*number)));
    NewWave { campaign: new_campaign(campaign), profiles: profiles.collect() }
}

/// Terminals 1 to 3 are enrolled; the first wave, campaign 1, is for 1 and 3, the second for 2.
async fn two_waves(registry: &dyn Registry) {
    for number in [1, 2, 3] {
        enrol(registry, number, 1).await;
    }
    accepted(registry, 1).await;
    let waves = vec![wave(1, &[3, 1]), wave(2, &[2])];
    let new = NewRebind { notices: vec![notice("bank", 5)], ..new_rebind(1, waves) };
    registry.add_rebind(&new, &by("op", 10)).await.expect("it is looked at").expect("it is added");
}

fn new_rebind(request: u8, waves: Vec<NewWave>) -> NewRebind {
    NewRebind {
        waves,
        plan: "{}".to_owned(),
        notices: vec![],
        request: request_id(request),
        bindings: vec![],
    }
}

async fn start_first(registry: &dyn Registry) {
    let members = vec![terminal_id(1), terminal_id(3)];
    let start = Start {
        root: Membership::of(members.iter().copied()).root(),
        waves: one_wave(members.len()),
        members,
        batch: batch(1, Purpose::Change),
        not_after: FOREVER,
        then: AfterStart::Run,
    };
    let started = registry.start_campaign(campaign_id(1), &start, &by("op", 11)).await;
    started.expect("it is started");
}

pub(super) async fn a_change_of_provider_is_found_by_any_of_its_waves(registry: &dyn Registry) {
    two_waves(registry).await;
    for number in [1, 2] {
        let campaign = registry.campaign(campaign_id(number)).await.expect("it is looked up");
        assert_eq!(campaign.map(|it| it.state), Some(CampaignState::Draft));
        let found = registry.rebind_of(campaign_id(number)).await.expect("it is looked up");
        let found = found.expect("it is found");
        assert_eq!((found.id, found.plan.as_str()), (campaign_id(1), "{}"));
        assert_eq!(found.waves, [campaign_id(1), campaign_id(2)]);
        assert_eq!((found.created_at, found.created_by.as_str()), (UnixTime(10), "op"));
        assert_eq!(found.notices, [notice("bank", 5)]);
    }
    registry.add_campaign(&new_campaign(3), &by("op", 12)).await.expect("it is created");
    let other = registry.rebind_of(campaign_id(3)).await.expect("it is looked up");
    assert_eq!(other, None, "another kind of campaign");
    accepted(registry, 2).await;
    enrol(registry, 4, 1).await;
    let again = new_rebind(2, vec![wave(4, &[4])]);
    let added = registry.add_rebind(&again, &by("op", 13)).await.expect("it is looked at");
    added.expect("it is added");
    let listed = registry.rebinds(&Page::first(9)).await.expect("they are listed");
    assert_eq!(listed, [campaign_id(4), campaign_id(1)]);
    let listed = registry.rebinds(&Page::after(campaign_id(4), 9)).await.expect("they are listed");
    assert_eq!(listed, [campaign_id(1)]);
}

pub(super) async fn a_terminal_is_in_one_change_of_provider_at_a_time(registry: &dyn Registry) {
    two_waves(registry).await;
    let all = [terminal_id(1), terminal_id(2), terminal_id(3), terminal_id(4)];
    let found = async |but| registry.rebinding(&all, but).await.expect("it is asked");
    let first = [(terminal_id(1), campaign_id(1)), (terminal_id(2), campaign_id(2))];
    let both = [&first[..], &[(terminal_id(3), campaign_id(1))]].concat();
    assert_eq!(found(None).await, both, "drafts too");
    assert_eq!(found(Some(campaign_id(1))).await, [], "the change itself");
    assert_eq!(found(Some(campaign_id(9))).await, both);
    enrol(registry, 4, 1).await;
    accepted(registry, 2).await;
    let again = new_rebind(2, vec![wave(4, &[4]), wave(5, &[2])]);
    let refused = registry.add_rebind(&again, &by("op", 13)).await.expect("it is looked at");
    let (terminal, campaign) = first[1];
    assert_eq!(refused, Err(NotBegun::InAnotherChange { terminal, campaign }));
    assert_eq!(registry.campaign(campaign_id(4)).await.expect("it is asked"), None);
    let found = registry.campaign(campaign_id(2)).await.expect("it is asked").expect("it is there");
    let aborted = registry.move_campaign(&found, CampaignEvent::Abort, &by("op", 14)).await;
    aborted.expect("nothing of it was sent");
    let added = registry.add_rebind(&again, &by("op", 15)).await.expect("it is looked at");
    added.expect("the wave that was in the way is over");
}

pub(super) async fn whoever_is_to_stop_is_not_brought_to_another_provider(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    accepted_to(registry, 1, RequestKind::Suspend).await;
    owing::add(registry, 1, 1, owing::suspend(false)).await.expect("nothing is in its way");
    accepted(registry, 2).await;
    let new = new_rebind(2, vec![wave(4, &[1])]);
    let refused = registry.add_rebind(&new, &by("op", 13)).await.expect("it is looked at");
    let (terminal, campaign) = (terminal_id(1), campaign_id(1));
    assert_eq!(refused, Err(NotBegun::InAnotherChange { terminal, campaign }));
    let found = registry.campaign(campaign).await.expect("it is asked").expect("it is there");
    let aborted = registry.move_campaign(&found, CampaignEvent::Abort, &by("op", 14)).await;
    aborted.expect("nothing of it was sent");
    let added = registry.add_rebind(&new, &by("op", 15)).await.expect("it is looked at");
    added.expect("it sells on");
}

fn new_binding(number: u8, position: &Position, tid: &str) -> NewBinding {
    NewBinding {
        id: BindingId::from_bytes([number; 16]),
        position: position.id,
        provider: "beta".to_owned(),
        tuple: tuple(tid),
    }
}

pub(super) async fn a_change_of_provider_takes_its_request_and_makes_its_bindings_or_nothing(
    registry: &dyn Registry,
) {
    enrol(registry, 1, 1).await;
    let (one, two) = (put(registry, "1").await, put(registry, "2").await);
    accepted(registry, 1).await;
    let taken = new_binding(9, &two, "T-2");
    let added = registry.add_binding(&taken, &by("op", 8)).await.expect("it is looked at");
    added.expect("it is made");
    let bindings = vec![new_binding(1, &one, "T-1"), new_binding(2, &two, "T-3")];
    let new = NewRebind { bindings, ..new_rebind(1, vec![wave(1, &[1])]) };
    let nothing = async || {
        assert_eq!(registry.campaign(campaign_id(1)).await.expect("it is asked"), None);
        let binding = registry.binding(BindingId::from_bytes([1; 16])).await;
        assert_eq!(binding.expect("it is asked"), None);
    };
    let refused = registry.add_rebind(&new, &by("op", 10)).await.expect("it is looked at");
    let provider_taken = BindingRefused::ProviderTaken { by: taken.id };
    assert_eq!(refused, Err(NotBegun::Binding(provider_taken)), "the second position has one");
    nothing().await;
    let unasked = NewRebind { request: request_id(7), ..new.clone() };
    let unknown = registry.add_rebind(&unasked, &by("op", 10)).await;
    assert!(matches!(unknown, Err(RegistryError::Missing { what: "request", .. })), "{unknown:?}");
    nothing().await;

    let bindings = vec![new_binding(1, &one, "T-1")];
    let new = NewRebind { bindings, ..new };
    let added = registry.add_rebind(&new, &by("op", 10)).await.expect("it is looked at");
    added.expect("it is added");
    let binding = registry.binding(BindingId::from_bytes([1; 16])).await.expect("it is asked");
    assert_eq!(binding.map(|it| it.state), Some(BindingState::Draft));
    let request = registry.request_of(campaign_id(1)).await.expect("it is asked");
    let request = request.expect("it is scheduled");
    assert_eq!((request.id, request.state), (request_id(1), RequestState::Scheduled));

    let again = new_rebind(1, vec![wave(2, &[1])]);
    let refused = registry.add_rebind(&again, &by("op", 11)).await.expect("it is looked at");
    assert!(matches!(refused, Err(NotBegun::Request(_))), "one request, one change: {refused:?}");
    assert_eq!(registry.campaign(campaign_id(2)).await.expect("it is asked"), None);
}

/// Position 1 sells with *alpha*; campaign 1 brings it to *beta*, and its order is out.
async fn on_its_way(registry: &dyn Registry) -> (Binding, BindingId) {
    on_its_way_with(registry, codec::encode).await
}

/// The same, and its profile is what this makes of a sound one.
async fn on_its_way_with(
    registry: &dyn Registry,
    made_of: impl FnOnce(&Profile) -> Vec<u8>,
) -> (Binding, BindingId) {
    enrol(registry, 1, 1).await;
    let position = put(registry, "1").await;
    let filled = registry.fill_position(position.id, terminal_id(1), &by("op", 4)).await;
    filled.expect("both are known").expect("it is filled");
    let row = Row {
        line: 1,
        serial: None,
        store: "berlin-1".to_owned(),
        lane: "1".to_owned(),
        provider: "alpha".to_owned(),
        tuple: tuple("A-1"),
        registration: Some("R".to_owned()),
    };
    let policy = BindingPolicy { one_active: true };
    let imported = registry.import_bindings(&[row], policy, false, &by("op", 5)).await;
    imported.expect("it is looked at").expect("it is imported");
    let of = BindingsOf { position: Some(position.id), provider: None };
    let old = registry.bindings(&of, &Page::first(9)).await.expect("a list").remove(0);
    assert_eq!(old.state, BindingState::Active);
    accepted(registry, 1).await;
    let new = new_binding(1, &position, "T-1");
    let profile = Profile {
        format: FORMAT,
        terminal: terminal_id(1),
        position: position.id,
        binding: new.id,
        version: 1,
        provider: "beta".to_owned(),
        merchant: Merchant {
            mid: "M-1".to_owned(),
            tid: "T-1".to_owned(),
            name: "Corner shop".to_owned(),
            mcc: "5411".to_owned(),
        },
        currency: "EUR".to_owned(),
        hosts: vec!["beta.example:9001".to_owned()],
        sealed: None,
        replaces: Replaced { binding: None, mid: "M-1".to_owned(), tid: "A-1".to_owned() },
    };
    let enclosed = Enclosed { profile: made_of(&profile).into(), path: vec![] };
    let change = Change::Rebind(Box::new(asked()));
    let campaign = NewCampaign { change, ..new_campaign(1) };
    let wave = NewWave { campaign, profiles: [(terminal_id(1), enclosed)].into() };
    let id = new.id;
    let rebind = NewRebind { bindings: vec![new], ..new_rebind(1, vec![wave]) };
    let added = registry.add_rebind(&rebind, &by("op", 10)).await.expect("it is looked at");
    added.expect("it is added");
    let members = vec![terminal_id(1)];
    let start = Start {
        root: Membership::of(members.iter().copied()).root(),
        waves: one_wave(members.len()),
        members,
        batch: batch(1, Purpose::Change),
        not_after: FOREVER,
        then: AfterStart::Run,
    };
    registry.start_campaign(campaign_id(1), &start, &by("op", 11)).await.expect("it is started");
    assert!(issue(registry, &order(1, 1, 1)).await);
    (old, id)
}

async fn hear(registry: &dyn Registry, report: Report) {
    registry.apply(&[heard(1, report)]).await.expect("it is applied");
}

fn declined() -> Failure {
    Failure {
        code: FailureCode::PreflightFailed,
        step: "test-new".to_owned(),
        detail: "declined".to_owned(),
    }
}

async fn states(registry: &dyn Registry, ids: [BindingId; 2]) -> [BindingState; 2] {
    let mut states = Vec::new();
    for id in ids {
        let found = registry.binding(id).await.expect("it is asked").expect("it is known");
        states.push(found.state);
    }
    [states[0], states[1]]
}

pub(super) async fn bindings_follow_what_a_terminal_has_signed(registry: &dyn Registry) {
    let (old, new) = on_its_way(registry).await;
    let order = order_id(1, 1, 1);
    hear(registry, finished(order, succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Retiring, BindingState::Active]);
    let found = registry.binding(new).await.expect("it is asked").expect("it is known");
    assert_eq!(found.state_by, terminal_id(1).to_string());
    assert!(found.state_why.contains(&order.to_string()), "{}", found.state_why);
    assert_eq!(found.version.registration.status, RegistrationStatus::NotSubmitted);
}

pub(super) async fn a_binding_that_was_undone_has_failed_and_the_old_one_is_as_it_was(
    registry: &dyn Registry,
) {
    let (old, new) = on_its_way(registry).await;
    hear(registry, finished(order_id(1, 1, 1), Outcome::RolledBack { failure: declined() }, 90))
        .await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Failed]);
    assert_eq!(registry.alarms(&Page::first(9)).await.expect("a list"), []);
}

/// The one alarm says that the till and the bindings do not agree, and why.
async fn differs(registry: &dyn Registry, why: &str) {
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    let [(_, alarm)] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.kind, alarm.terminal), (AlarmKind::BindingDiffers, Some(terminal_id(1))));
    assert_eq!(alarm.subject, order_id(1, 1, 1).to_string());
    assert!(alarm.detail.contains(why), "{}", alarm.detail);
}

pub(super) async fn no_word_of_a_till_leaves_its_position_without_an_active_binding(
    registry: &dyn Registry,
) {
    let (old, new) = on_its_way(registry).await;
    let policy = BindingPolicy { one_active: true };
    let fail = [(new, BindingEvent::Fail)];
    let given_up = registry.move_bindings(&fail, policy, &by("op", 20)).await;
    given_up.expect("it is looked at").expect("it is given up");
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Failed]);
    differs(registry, "sells with the new binding, and that one is failed here").await;
}

pub(super) async fn what_a_till_left_is_found_whatever_its_profile_names(registry: &dyn Registry) {
    let (old, new) = on_its_way_with(registry, |sound| {
        let mut profile = sound.clone();
        profile.replaces.binding = Some(BindingId::from_bytes([77; 16]));
        codec::encode(&profile)
    })
    .await;
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Retiring, BindingState::Active]);
    assert_eq!(registry.alarms(&Page::first(9)).await.expect("a list"), []);
}

pub(super) async fn a_profile_for_another_position_moves_nothing(registry: &dyn Registry) {
    let elsewhere = put(registry, "2").await.id;
    let (old, new) = on_its_way_with(registry, |sound| {
        codec::encode(&Profile { position: elsewhere, ..sound.clone() })
    })
    .await;
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Draft]);
    differs(registry, &format!("the profile is for {elsewhere}")).await;
}

pub(super) async fn a_till_with_another_tuple_moves_its_bindings_and_stands_out(
    registry: &dyn Registry,
) {
    let (old, new) = on_its_way(registry).await;
    let changed = registry.change_binding(new, 1, &tuple("T-9"), &by("op", 20)).await;
    changed.expect("it is known").expect("it is changed");
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Retiring, BindingState::Active]);
    differs(registry, "the till has the TID `T-1`").await;
}

pub(super) async fn a_position_with_several_acquirers_keeps_as_many(registry: &dyn Registry) {
    let (old, new) = on_its_way(registry).await;
    let added =
        NewBinding { provider: "gamma".to_owned(), ..new_binding(7, &at(registry).await, "G-1") };
    registry
        .add_binding(&added, &by("op", 20))
        .await
        .expect("it is looked at")
        .expect("it is made");
    let both = BindingPolicy { one_active: false };
    let adopt = [(added.id, BindingEvent::Adopt)];
    let moved = registry.move_bindings(&adopt, both, &by("op", 21)).await;
    moved.expect("it is looked at").expect("it is allowed elsewhere");
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Retiring, BindingState::Active]);
    assert_eq!(registry.alarms(&Page::first(9)).await.expect("a list"), []);
}

pub(super) async fn a_position_that_gains_an_active_binding_stands_out(registry: &dyn Registry) {
    let (old, new) = on_its_way_with(registry, |sound| {
        let mut profile = sound.clone();
        (profile.replaces.binding, profile.replaces.tid) = (None, "other".to_owned());
        codec::encode(&profile)
    })
    .await;
    hear(registry, finished(order_id(1, 1, 1), succeeded(), 90)).await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Active]);
    differs(registry, "2 bindings of ").await;
}

async fn at(registry: &dyn Registry) -> Position {
    registry.position_at("berlin-1", "1").await.expect("it is asked").expect("it is known")
}

pub(super) async fn a_second_end_that_contradicts_the_first_moves_no_binding(
    registry: &dyn Registry,
) {
    let (old, new) = on_its_way(registry).await;
    let order = order_id(1, 1, 1);
    hear(registry, finished(order, succeeded(), 90)).await;
    let undone = finished(order, Outcome::RolledBack { failure: declined() }, 95);
    registry.apply(&[heard(2, undone)]).await.expect("it is applied");
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Retiring, BindingState::Active]);
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    let kinds: Vec<_> = alarms.iter().map(|(_, it)| it.kind).collect();
    assert_eq!(kinds, [AlarmKind::Contradiction]);
}

pub(super) async fn a_damaged_profile_holds_up_no_reports(registry: &dyn Registry) {
    let (old, new) = on_its_way_with(registry, |_| b"damaged".to_vec()).await;
    let order = order_id(1, 1, 1);
    let both = [heard(1, finished(order, succeeded(), 90)), heard(2, progress(order, 9, "x"))];
    registry.apply(&both).await.expect("they are applied");
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Draft]);
    let kept = registry.receipts(order).await.expect("they are listed");
    assert_eq!(kept.len(), 1);
    differs(registry, "profile").await;
}

pub(super) async fn a_till_that_could_not_be_undone_is_an_alarm(registry: &dyn Registry) {
    let (old, new) = on_its_way(registry).await;
    hear(
        registry,
        finished(
            order_id(1, 1, 1),
            Outcome::RollbackFailed { failure: declined(), undoing: declined() },
            90,
        ),
    )
    .await;
    let now = states(registry, [old.id, new]).await;
    assert_eq!(now, [BindingState::Active, BindingState::Draft], "nobody knows");
    let alarms = registry.alarms(&Page::first(9)).await.expect("a list");
    let [(_, alarm)] = alarms.as_slice() else { panic!("{alarms:?}") };
    assert_eq!((alarm.kind, alarm.terminal), (AlarmKind::RollbackFailed, Some(terminal_id(1))));
}

pub(super) async fn profiles_are_kept_by_terminal_and_go_with_their_orders(
    registry: &dyn Registry,
) {
    two_waves(registry).await;
    let page = Page::first(9);
    let all = registry.profiles(campaign_id(1), &page).await.expect("they are listed");
    assert_eq!(all, [(terminal_id(1), enclosed(1)), (terminal_id(3), enclosed(3))]);
    let page = Page::after(terminal_id(1), 9);
    let rest = registry.profiles(campaign_id(1), &page).await.expect("they are listed");
    assert_eq!(rest, [(terminal_id(3), enclosed(3))]);
    start_first(registry).await;
    registry
        .add_campaign(&NewCampaign { id: campaign_id(7), ..new_campaign(7) }, &by("op", 12))
        .await
        .expect("it is created");
    assert!(issue(registry, &order(1, 1, 1)).await && issue(registry, &order(1, 3, 1)).await);
    let owed = registry.owed(&[terminal_id(1), terminal_id(3)], 9, UnixTime(20)).await;
    let owed: BTreeMap<_, _> =
        owed.expect("they are owed").into_iter().map(|it| (it.terminal, it.parcel)).collect();
    for number in [1, 3] {
        let parcel = &owed[&terminal_id(number)];
        assert_eq!(parcel.profile, Some(enclosed(number)), "each gets its own");
        let stored = registry.order(order_id(1, number, 1)).await.expect("it is looked up");
        let stored = stored.expect("it is found");
        assert_eq!((stored.terminal, stored.campaign), (terminal_id(number), campaign_id(1)));
        assert_eq!((stored.purpose, &stored.signed), (Purpose::Change, &parcel.order));
        assert_eq!((&stored.batch, &stored.profile), (&parcel.batch, &parcel.profile));
        assert_eq!(stored.release, None);
    }
    let stranger = registry.order(order_id(1, 2, 1)).await.expect("it is looked up");
    assert_eq!(stranger, None);
}

pub(super) async fn another_order_brings_no_profile(registry: &dyn Registry) {
    let id = one_order(registry).await;
    let owed = registry.owed(&[terminal_id(1)], 9, UnixTime(20)).await.expect("it is owed");
    assert_eq!(owed[0].parcel.profile, None);
    let stored = registry.order(id).await.expect("it is looked up").expect("it is found");
    assert_eq!(stored.profile, None);
}

pub(super) async fn notices_are_replaced_and_letters_are_kept_once(registry: &dyn Registry) {
    two_waves(registry).await;
    let id = campaign_id(1);
    let about = NoticeAbout::Rebind(id);
    let known = Notice { acknowledged_at: Some(UnixTime(9)), ..notice("bank", 6) };
    for told in [&known, &notice("store", 7)] {
        registry.put_notice(about, told, &by("op", 20)).await.expect("it is kept");
    }
    let found = registry.rebind_of(id).await.expect("it is looked up").expect("it is found");
    assert_eq!(found.notices, [known, notice("store", 7)]);
    let paper = |html: &str, made_at| Paper {
        party: "bank".to_owned(),
        digest: Digest::of(html.as_bytes()),
        html: html.to_owned(),
        text: html.to_owned(),
        made_at: UnixTime(made_at),
        made_by: "op".to_owned(),
    };
    for made in [paper("one", 30), paper("two", 31), paper("one", 32)] {
        registry.add_paper(about, &made, &by("op", made.made_at.0)).await.expect("it is kept");
    }
    let papers = registry.papers(about).await.expect("they are listed");
    assert_eq!(papers, [paper("one", 30), paper("two", 31)]);
    let audit = registry.audit(&Page::first(1000)).await.expect("it is read");
    let count = |what: &str| audit.iter().filter(|entry| entry.what == what).count();
    assert_eq!((count("rebind-created"), count("notice-recorded")), (1, 3));
    assert_eq!(count("letter-made"), 2, "the same letter is not made twice");
}
