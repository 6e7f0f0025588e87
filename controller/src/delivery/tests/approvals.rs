//! Campaigns that wait for people's signatures, and what terminals hear of them meanwhile.

use std::time::Duration;

use shared::backup::{Selection, SnapshotOf};
use shared::change::rebind::Reason;
use shared::change::{Change, Decommission, Restore, Verb};
use shared::digest::Digest;
use shared::document::roster::{Role, RosterKey, Thresholds};
use shared::document::{Batch, FORMAT, Roster};
use shared::floor::{Requirement, Signers};
use shared::id::{CampaignId, RepositoryId, RequestId};
use shared::limits::{APPROVED_ORDER_LIFETIME_S_MAX, LOST_WIPE_LIFETIME_S_MAX};
use shared::signature::{Envelope, PrivateKey};
use shared::time::UnixTime;

use super::world::{FLEET, World, by, campaign_id, controller_key, id, new_campaign};
use crate::campaign::CampaignError;
use crate::campaign::approval::{ApprovalRefused, cancellation};
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::plan::Held;
use crate::campaign::state::CampaignState;
use crate::registry::Registry;
use crate::registry::campaign::{Issue, NewCampaign, Purpose};
use crate::registry::page::Page;

pub(super) fn approver(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[100 + number; 32])
}

/// A roster that asks for so many of three approvers on a ping follows the newest one.
pub(super) async fn require(world: &World, approvers: u8) {
    require_on(world, Verb::Ping, approvers).await;
}

/// The same of another verb.
pub(super) async fn require_on(world: &World, verb: Verb, approvers: u8) {
    require_in(&*world.registry, world.now, verb, approvers).await;
}

pub(super) async fn require_in(registry: &dyn Registry, now: UnixTime, verb: Verb, approvers: u8) {
    let newest = registry.newest_roster().await.unwrap();
    let entry = |role, owner: String, key: PrivateKey| {
        let public = key.public();
        RosterKey { id: public.key_id(), role, owner, public }
    };
    let approver_entry = |n| entry(Role::Approver, format!("approver-{n}"), approver(n));
    let mut keys: Vec<_> = (1..=3).map(approver_entry).collect();
    keys.push(entry(Role::Controller, "controller-1".to_owned(), controller_key()));
    keys.sort_by_key(|key| key.id);
    let requirement = Requirement { signers: Signers::Controller, approvers };
    let roster = Roster {
        format: FORMAT,
        fleet: FLEET,
        version: newest.as_ref().map_or(1, |newest| newest.version + 1),
        issued_at: now,
        expires_at: UnixTime(i64::MAX),
        keys,
        thresholds: Thresholds { root: 2, release: 2 },
        requirements: [(verb, requirement)].into(),
        recovery_recipients: Vec::new(),
        previous: newest.map(|newest| newest.digest),
    };
    registry.add_roster(&Envelope::unsigned(roster), &by(now)).await.unwrap();
}

async fn asked(world: &World, id: CampaignId) -> Envelope<Batch> {
    let stored = world.registry.batch(id, Purpose::Change, Issue::FIRST).await.unwrap();
    Envelope::from_bytes(stored.unwrap().signed.as_slice()).unwrap()
}

/// One approver signs, far from here, and somebody brings the file.
async fn sign(world: &World, number: u8) -> Result<CampaignState, CampaignError> {
    sign_for(world, campaign_id(1), number).await
}

pub(super) async fn sign_for(
    world: &World,
    id: CampaignId,
    number: u8,
) -> Result<CampaignState, CampaignError> {
    let mut batch = asked(world, id).await;
    batch.sign(FLEET, &approver(number));
    let (brought, by) = (batch.to_bytes(), by(world.now));
    let taken = world.campaigns.approve(id, &brought, &by).await;
    taken.map(|campaign| campaign.state)
}

async fn cancel(world: &World, number: u8) -> Result<CampaignState, CampaignError> {
    let wish =
        cancellation(campaign_id(1), &asked(world, campaign_id(1)).await.document, "wrong day");
    let mut wish = Envelope::unsigned(wish);
    wish.sign(FLEET, &approver(number));
    let (brought, by) = (wish.to_bytes(), by(world.now));
    let taken = world.campaigns.cancel(campaign_id(1), &brought, &by).await;
    taken.map(|campaign| campaign.state)
}

async fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.round().await;
    }
}

/// A restore of everybody, for as long as what people approve may live.
pub(super) fn restore(number: u16) -> NewCampaign {
    let of = SnapshotOf {
        terminal: id(1),
        repository: RepositoryId::from_bytes([1; 16]),
        snapshot: Digest([2; 32]),
        manifest: Digest([3; 32]),
    };
    let restore = Restore { of, selection: Selection::Everything, key: None, window: None };
    let change = Change::Restore(restore);
    NewCampaign { change, lifetime_s: APPROVED_ORDER_LIFETIME_S_MAX, ..new_campaign(number) }
}

/// Three terminals are online, and a ping of all of them waits for so many approvers.
async fn waiting(approvers: u8) -> World {
    let mut world = World::new(3, 1).await;
    require(&world, approvers).await;
    rounds(&mut world, 2).await;
    let started = world.start_campaign(1, 3).await;
    assert_eq!(started.state, CampaignState::AwaitingApproval);
    rounds(&mut world, 5).await;
    world
}

fn nobody_did_anything(world: &World) {
    assert!(world.terminals.values().all(|terminal| terminal.carried_out.is_empty()));
}

#[tokio::test]
async fn nothing_is_sent_before_two_owners_have_signed_and_everything_after() {
    let mut world = waiting(2).await;
    let held = world.campaign(1).await.held;
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [(Held::NotApproved, 3)]);
    assert_eq!(sign(&world, 1).await.unwrap(), CampaignState::AwaitingApproval);
    let again = sign(&world, 1).await.unwrap_err();
    assert!(matches!(again, CampaignError::Approval(ApprovalRefused::NothingNew)), "{again}");
    rounds(&mut world, 5).await;
    assert!(world.states(1).await.is_empty(), "one is not enough");
    nobody_did_anything(&world);
    assert_eq!(sign(&world, 3).await.unwrap(), CampaignState::Running);
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
    let late = sign(&world, 2).await.unwrap_err();
    assert!(matches!(late, CampaignError::Registry(_)), "{late}");
}

#[tokio::test]
async fn one_approver_ends_what_others_have_signed_for() {
    let mut world = waiting(2).await;
    sign(&world, 1).await.unwrap();
    assert_eq!(cancel(&world, 2).await.unwrap(), CampaignState::Aborted);
    rounds(&mut world, 10).await;
    nobody_did_anything(&world);
    let campaign = world.campaign(1).await;
    assert!(campaign.ended_at.is_some() && campaign.held.is_empty());
    assert_eq!(campaign.state_why, "cancelled by approver-2: wrong day");
    assert!(matches!(sign(&world, 3).await, Err(CampaignError::Registry(_))), "it is over");
}

#[tokio::test]
async fn one_approver_stops_what_runs_already() {
    let mut world = waiting(1).await;
    assert_eq!(sign(&world, 1).await.unwrap(), CampaignState::Running);
    world.round().await;
    world.restart_broker();
    assert_eq!(cancel(&world, 2).await.unwrap(), CampaignState::Aborted);
    world.until_over(1, 30).await;
    assert_eq!(world.states(1).await, [(State::Cancelled, 3)]);
    nobody_did_anything(&world);
}

#[tokio::test]
async fn an_approver_stops_what_was_accepted_after_the_time_of_its_order() {
    let mut world = waiting(1).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    assert_eq!(sign(&world, 1).await.unwrap(), CampaignState::Running);
    rounds(&mut world, 10).await;
    world.now = world.campaign(1).await.frozen.unwrap().not_after.plus(Duration::from_secs(3600));
    rounds(&mut world, 5).await;
    assert_eq!(cancel(&world, 2).await.unwrap(), CampaignState::Aborted);
    world.until_over(1, 30).await;
    assert_eq!(world.states(1).await, [(State::Cancelled, 3)]);
    nobody_did_anything(&world);
}

#[tokio::test]
async fn what_nobody_signs_in_time_ends_by_itself() {
    let mut world = waiting(2).await;
    sign(&world, 1).await.unwrap();
    world.now = world.campaign(1).await.frozen.unwrap().not_after;
    let late = sign(&world, 2).await.unwrap_err();
    assert!(matches!(late, CampaignError::Approval(ApprovalRefused::Expired(_))), "{late}");
    rounds(&mut world, 2).await;
    let campaign = world.campaign(1).await;
    assert_eq!((campaign.state, campaign.ended_at.is_some()), (CampaignState::Aborted, true));
    assert_eq!(campaign.state_why, "1 of 2 approvers had signed");
    let audit = world.registry.audit(&Page::first(1000)).await.unwrap();
    assert_eq!(audit.last().unwrap().what, "approval-lapsed");
    nobody_did_anything(&world);
}

#[tokio::test]
async fn the_newest_roster_decides_how_many_are_enough() {
    let mut world = waiting(2).await;
    sign(&world, 1).await.unwrap();
    require(&world, 1).await;
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;

    let mut world = waiting(2).await;
    require(&world, 0).await;
    let request = world.campaigns.request(campaign_id(1)).await.unwrap();
    assert!(request.standing.is_approved, "it is still listed until it runs");
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;

    let mut world = waiting(1).await;
    require(&world, 3).await;
    for (number, state) in [
        (1, CampaignState::AwaitingApproval),
        (2, CampaignState::AwaitingApproval),
        (3, CampaignState::Running),
    ] {
        assert_eq!(sign(&world, number).await.unwrap(), state);
        world.round().await;
    }
}

#[tokio::test]
async fn whoever_ends_it_while_it_waits_sends_nothing() {
    let mut world = waiting(2).await;
    let again = world.campaigns.start(campaign_id(1), &by(world.now)).await.unwrap_err();
    let CampaignError::Registry(error) = again else { panic!("{again}") };
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "it is awaiting approval already");
    world.campaigns.abort(campaign_id(1), &by(world.now)).await.unwrap();
    rounds(&mut world, 5).await;
    assert!(world.campaign(1).await.ended_at.is_some());
    nobody_did_anything(&world);
}

#[tokio::test]
async fn what_needs_people_by_itself_is_numbered_apart_and_passes_routine_work() {
    let mut world = World::new(3, 1).await;
    require(&world, 0).await;
    rounds(&mut world, 2).await;
    let started = world.create_and_start(&restore(1)).await.unwrap();
    assert_eq!(started.state, CampaignState::AwaitingApproval, "the floor asks for two");
    world.create_and_start(&new_campaign(2)).await.unwrap();
    world.until_over(2, 60).await;
    for (number, state) in [(1, CampaignState::AwaitingApproval), (3, CampaignState::Running)] {
        assert_eq!(sign(&world, number).await.unwrap(), state);
    }
    world.until_over(1, 60).await;
    for number in [1, 2] {
        assert_eq!(world.states(number).await, [(State::Succeeded, 3)]);
    }
    let numbering = world.registry.numbering(&[id(1), id(2), id(3)]).await.unwrap();
    let numbers: Vec<_> = numbering.iter().map(|it| (it.order_seq, it.approved_seq)).collect();
    assert_eq!(numbers, [(1, 1); 3]);
}

#[tokio::test]
async fn what_needs_people_by_itself_lives_no_longer_than_it_is_remembered() {
    let world = World::new(1, 1).await;
    let lifetime_s = APPROVED_ORDER_LIFETIME_S_MAX + 1;
    let refused = world.create_and_start(&NewCampaign { lifetime_s, ..restore(1) }).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "a life of 259201 s is not possible: choose 60 to 259200");
}

#[tokio::test]
async fn a_wipe_of_what_is_lost_alone_may_live_for_a_quarter() {
    let world = World::new(1, 1).await;
    let lives_too_long = async |is_lost: bool, lifetime_s: u64| {
        let change = Change::Decommission(Box::new(Decommission {
            request: RequestId::from_bytes([1; 16]),
            reason: Reason::LostStolen,
            ordered_by: "cora".to_owned(),
            note: String::new(),
            cool_off_s: if is_lost { 0 } else { 60 },
            clearances: Digest([0; 32]),
            is_lost,
        }));
        let new = NewCampaign { change, lifetime_s, ..new_campaign(1) };
        let checked = world.campaigns.check(&new, world.now).await;
        matches!(checked, Err(CampaignError::Lifetime { .. }))
    };
    let quarter = LOST_WIPE_LIFETIME_S_MAX;
    assert!(!lives_too_long(true, quarter).await);
    assert!(lives_too_long(true, quarter + 1).await && lives_too_long(false, quarter).await);
    assert!(!lives_too_long(false, APPROVED_ORDER_LIFETIME_S_MAX).await);
}
