//! A change of provider of which everything is on record: nobody has to answer for anything, and
//! the bindings follow what the terminals say.

use shared::id::BindingId;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::time::UnixTime;

use super::rebinds::{approve, change, ready, rebinds, until_over};
use super::world::{World, by, id};
use crate::campaign::state::CampaignState;
use crate::position::PositionEvent;
use crate::position::binding::{BindingEvent, BindingPolicy, BindingState};
use crate::position::import::Row as Bound;
use crate::position::tuple::Tuple;
use crate::provider::Document;
use crate::provider::compatibility::{Row, Status};
use crate::provider::samples::{self, day};
use crate::rebind::draft::tests::profile;
use crate::rebind::facts::{Party, Wish};
use crate::rebind::{NewChange, RebindError};
use crate::registry::notice::Notice;
use crate::registry::page::Page;
use crate::registry::position::{BindingsOf, PutPosition};
use crate::registry::provider::NewRecord;

const ONE: BindingPolicy = BindingPolicy { one_active: true };

/// Valid in the year in which the tests live.
fn documents() -> Vec<(&'static str, Document)> {
    let (from, until) = (day("1970-01-01"), day("1971-12-31"));
    let fees = |provider: &str| {
        let mut it = samples::fees();
        (it.provider, it.effective_from) = (provider.to_owned(), from);
        it.promos.clear();
        it
    };
    let contract = |provider: &str| {
        let mut it = samples::contract();
        (it.provider, it.fees) = (provider.to_owned(), format!("{provider}-fees"));
        (it.starts_on, it.ends_on) = (from, until);
        (it.termination, it.deposit, it.notice_days, it.terminals) = (None, None, 5, 2);
        it
    };
    let row = Row {
        model: "T650".to_owned(),
        provider: Some("beta".to_owned()),
        status: Status::Tested,
        hardware: None,
        firmware: None,
        application: None,
        kernel: None,
        key_set: None,
        evidence: None,
        note: None,
    };
    vec![
        ("alpha", samples::licensed("Alpha", "127.0.0.1:9000", "105").into()),
        ("alpha-fees", fees("alpha").into()),
        ("beta-fees", fees("beta").into()),
        ("alpha-now", contract("alpha").into()),
        ("beta-then", contract("beta").into()),
        ("T650", samples::model().into()),
        ("", row.into()),
    ]
}

async fn put(world: &World, documents: &[(&str, Document)]) {
    let new: Vec<_> = documents
        .iter()
        .map(|(key, document)| NewRecord {
            key: document.own_key().unwrap_or_else(|| (*key).to_owned()),
            document: document.clone(),
            seen: 0,
        })
        .collect();
    world.registry.put_records(&new, &by(world.now)).await.unwrap();
}

/// Where each of the three stands, and what it is bound to now.
async fn positions(world: &World) {
    for number in 1..=3 {
        let lane = number.to_string();
        let position = PutPosition {
            store: "berlin-1".to_owned(),
            lane: lane.clone(),
            merchant: None,
            merchant_class: Some("standard".to_owned()),
            fallback: Some("cash".to_owned()),
        };
        let position = world.registry.put_position(&position, &by(world.now)).await.unwrap();
        let filled = world.registry.fill_position(position.id, id(number), &by(world.now)).await;
        filled.unwrap().unwrap();
        let replaces = profile(number).replaces;
        let tuple = Tuple { mid: replaces.mid, tid: replaces.tid, ..Tuple::of(&profile(number)) };
        let row = Bound {
            line: 1,
            serial: None,
            store: "berlin-1".to_owned(),
            lane,
            provider: "alpha".to_owned(),
            tuple,
            registration: Some("R-1".to_owned()),
        };
        let by = by(world.now);
        world.registry.import_bindings(&[row], ONE, false, &by).await.unwrap().unwrap();
    }
}

pub(super) async fn on_record() -> World {
    let world = ready().await;
    put(&world, &documents()).await;
    positions(&world).await;
    world
}

/// As somebody asks for it who knows the positions.
async fn asked(world: &World, waves: &[&[u8]]) -> NewChange {
    let mut new = change(world, waves);
    new.overrides = [("not-registered".to_owned(), "Bo".to_owned())].into();
    new.wish.fallbacks.clear();
    let notice = |party: Party| Notice {
        party: party.as_str().to_owned(),
        channel: "letter".to_owned(),
        reference: String::new(),
        sent_at: UnixTime(world.now.0 - 8 * 24 * 3600),
        delivered_at: None,
        acknowledged_at: None,
    };
    new.wish.notices = Party::ALL.map(notice).into();
    for (payload, number) in new.waves.iter_mut().flatten().zip(waves.iter().copied().flatten()) {
        let filled = world.registry.positions_of(&[id(*number)]).await.unwrap();
        let mut profile = profile(*number);
        profile.position = filled[0].id;
        *payload = shared::codec::encode(&profile);
    }
    new
}

/// What terminal `number` is bound to by now: with *alpha*, and with *beta*.
async fn states(world: &World, number: u8) -> (BindingState, BindingState) {
    let position = world.registry.positions_of(&[id(number)]).await.unwrap()[0].id;
    let of = BindingsOf { position: Some(position), provider: None };
    let all = world.registry.bindings(&of, &Page::first(9)).await.unwrap();
    let with = |provider: &str| all.iter().find(|it| it.provider == provider).unwrap().state;
    (with("alpha"), with("beta"))
}

#[tokio::test]
async fn terminals_are_selected_by_whom_they_settle_with() {
    let world = on_record().await;
    let position = world.registry.positions_of(&[id(2)]).await.unwrap()[0].id;
    let by = by(world.now);
    let vacated = world.registry.move_position(position, PositionEvent::Vacate, &by);
    vacated.await.unwrap().unwrap();
    let meant = async |selector: &str| {
        let selector = selector.parse().unwrap();
        world.campaigns.meant(&selector, world.now).await.unwrap()
    };
    assert_eq!(meant("provider=alpha").await, [id(1), id(3)]);
    assert_eq!(meant("provider!=alpha and store~*").await, [id(2)]);
    assert_eq!(meant("not provider in (alpha, beta) or serial~*1").await, [id(1), id(2)]);
}

#[tokio::test]
async fn where_all_is_on_record_nobody_answers_for_anything_but_the_registration() {
    let mut world = on_record().await;
    let rebinds = rebinds(&world);
    let mut new = asked(&world, &[&[1, 2], &[3]]).await;
    let overrides = std::mem::take(&mut new.overrides);
    let refused = rebinds.create(new.clone(), &by(world.now)).await.unwrap_err();
    let RebindError::Planned(open) = refused else { panic!("{refused}") };
    let codes: Vec<_> = open.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(
        codes,
        ["legal-review-missing", "not-registered", "not-registered", "not-registered"]
    );
    // Two terminals are few enough without a lawyer.
    let mut new = asked(&world, &[&[1], &[2]]).await;
    new.overrides = overrides;
    let rebind = rebinds.create(new, &by(world.now)).await.unwrap();
    assert_eq!(states(&world, 1).await, (BindingState::Active, BindingState::Draft));
    let failure = Failure {
        code: FailureCode::PreflightFailed,
        step: "test-new".to_owned(),
        detail: "declined".to_owned(),
    };
    world.terminal(2).outcome = Outcome::RolledBack { failure };
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    assert_eq!(states(&world, 1).await, (BindingState::Retiring, BindingState::Active));
    let second = rebinds.next(rebind.id, None, &by(world.now)).await.unwrap();
    approve(&world, second.id).await;
    until_over(&mut world, second.id).await;
    assert_eq!(states(&world, 2).await, (BindingState::Active, BindingState::Failed));
}

#[tokio::test]
async fn what_is_on_record_is_what_is_brought_and_a_binding_in_hand_is_used() {
    let world = on_record().await;
    let rebinds = rebinds(&world);
    let refuse = async |new: NewChange, codes: &[&str]| {
        let refused = rebinds.create(new, &by(world.now)).await.unwrap_err();
        let RebindError::Planned(open) = refused else { panic!("{refused}") };
        let open: Vec<_> = open.iter().map(|it| it.code.as_str()).collect();
        assert_eq!(open, codes);
    };
    // A host that the provider does not have, and a position of another terminal.
    let mut new = asked(&world, &[&[1]]).await;
    let mut other = profile(1);
    other.position = world.registry.positions_of(&[id(2)]).await.unwrap()[0].id;
    other.hosts = vec!["elsewhere.example:9001".to_owned()];
    new.waves[0][0] = shared::codec::encode(&other);
    refuse(new, &["other-host", "other-position"]).await;

    // Made beforehand, with another TID.
    let position = world.registry.positions_of(&[id(1)]).await.unwrap()[0].id;
    let binding = BindingId::from_bytes([77; 16]);
    let tuple = Tuple { tid: "B9999999".to_owned(), ..Tuple::of(&profile(1)) };
    let new_binding = crate::registry::position::NewBinding {
        id: binding,
        position,
        provider: "beta".to_owned(),
        tuple,
    };
    world.registry.add_binding(&new_binding, &by(world.now)).await.unwrap().unwrap();
    refuse(asked(&world, &[&[1]]).await, &["other-binding", "other-tuple"]).await;
    let tuple = Tuple::of(&profile(1));
    let changed = world.registry.change_binding(binding, 1, &tuple, &by(world.now)).await;
    changed.unwrap().unwrap();
    let mut new = asked(&world, &[&[1]]).await;
    let mut mine = profile(1);
    (mine.position, mine.binding) = (position, binding);
    new.waves[0][0] = shared::codec::encode(&mine);
    rebinds.create(new, &by(world.now)).await.unwrap();
    assert_eq!(states(&world, 1).await, (BindingState::Active, BindingState::Draft));
}

#[tokio::test]
async fn a_terminal_that_was_bound_otherwise_meanwhile_is_not_rebound() {
    let world = on_record().await;
    let position = world.registry.positions_of(&[id(1)]).await.unwrap()[0].id;
    let of = BindingsOf { position: Some(position), provider: None };
    let alpha = world.registry.bindings(&of, &Page::first(9)).await.unwrap()[0].id;
    let moves = [(alpha, BindingEvent::StandBy)];
    world.registry.move_bindings(&moves, ONE, &by(world.now)).await.unwrap().unwrap();
    let refused = rebinds(&world).create(asked(&world, &[&[1]]).await, &by(world.now)).await;
    assert!(refused.unwrap_err().to_string().contains("binding-unknown"));
    let plan = rebinds(&world).plan(&asked(&world, &[]).await.wish, &by(world.now)).await;
    let known: Vec<_> = plan.unwrap().terminals.iter().map(|it| it.replaces.is_some()).collect();
    assert_eq!(known.iter().filter(|it| **it).count(), 2, "the other two are bound");
}

#[tokio::test]
async fn no_name_answers_for_a_provider_that_lost_its_licence_between_two_waves() {
    let mut world = on_record().await;
    let rebinds = rebinds(&world);
    let rebind = rebinds.create(asked(&world, &[&[1], &[2]]).await, &by(world.now)).await.unwrap();
    approve(&world, rebind.id).await;
    until_over(&mut world, rebind.id).await;
    let mut beta = samples::licensed("Beta", "127.0.0.1:9001", "898");
    beta.licence.as_mut().expect("it has one").number = "Z9".to_owned();
    let new = NewRecord { key: "beta".to_owned(), document: beta.into(), seen: 1 };
    world.registry.put_records(&[new], &by(world.now)).await.unwrap();
    for despite in [None, Some("Bo")] {
        let refused = rebinds.next(rebind.id, despite, &by(world.now)).await.unwrap_err();
        assert!(refused.to_string().contains("no-target"), "nobody looked it up: {refused}");
    }
}

#[tokio::test]
async fn a_change_that_begins_later_waits_as_a_draft_until_parties_were_told_in_time() {
    let mut world = on_record().await;
    let rebinds = rebinds(&world);
    let mut new = asked(&world, &[&[1]]).await;
    let notices = std::mem::take(&mut new.wish.notices);
    let soon = NewChange { wish: Wish { begins_at: world.now, ..new.wish.clone() }, ..new.clone() };
    let refused = rebinds.create(soon, &by(world.now)).await.unwrap_err();
    assert!(refused.to_string().contains("notice-missing"), "{refused}");
    new.wish.begins_at = UnixTime(world.now.0 + 7 * 24 * 3600);
    let rebind = rebinds.create(new, &by(world.now)).await.unwrap();
    let state =
        async |world: &World| world.registry.campaign(rebind.id).await.unwrap().unwrap().state;
    assert_eq!(state(&world).await, CampaignState::Draft);
    assert_eq!(rebinds.letters(rebind.id, &by(world.now)).await.unwrap().len(), 4);
    let early = rebinds.next(rebind.id, None, &by(world.now)).await.unwrap_err();
    assert!(early.to_string().contains("nothing begins before"), "{early}");
    let despite = Some("Bo");
    let early = rebinds.next(rebind.id, despite, &by(world.now)).await.unwrap_err();
    assert!(early.to_string().contains("notice-missing"), "{early}");
    for notice in notices {
        let told = Notice { sent_at: world.now, ..notice };
        rebinds.notice(rebind.id, &told, &by(world.now)).await.unwrap();
    }
    let early = rebinds.next(rebind.id, despite, &by(world.now)).await.unwrap_err();
    assert!(early.to_string().contains("notice-late"), "{early}");
    world.now = UnixTime(world.now.0 + 7 * 24 * 3600);
    rebinds.next(rebind.id, None, &by(world.now)).await.unwrap();
    assert_eq!(state(&world).await, CampaignState::AwaitingApproval);
}
