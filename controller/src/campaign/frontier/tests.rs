//! Nobody is missed, nobody is looked at for nothing, and everybody who waits is counted.

use proptest::prelude::*;
use shared::change::{Change, Ping};
use shared::digest::Nonce;
use shared::id::CampaignId;

use super::*;
use crate::campaign::policy::{Policy, Share};
use crate::campaign::rate::UsedUntil;
use crate::campaign::state::CampaignState;
use crate::registry::campaign::Origin;

const NOW: UnixTime = UnixTime(1_000);

fn id(number: u32) -> TerminalId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    TerminalId::from_bytes(id)
}

fn frontier(members: u32, policy: Policy) -> Frontier {
    let campaign = Campaign {
        id: CampaignId::from_bytes([1; 16]),
        name: None,
        change: Change::Ping(Ping { note: String::new() }),
        selector: "*".to_owned(),
        max_parallel: 1,
        policy: policy.clone(),
        lifetime_s: 60,
        salt: Nonce([1; 16]),
        state: CampaignState::Running,
        state_at: UnixTime(1),
        state_by: String::new(),
        state_why: String::new(),
        created_at: UnixTime(1),
        created_by: String::new(),
        frozen: None,
        ended_at: None,
        held: BTreeMap::new(),
        held_next: BTreeMap::new(),
        tripped: None,
        used: UsedUntil::default(),
        origin: Origin::Itself,
    };
    let members: Vec<_> = (0..members).map(id).collect();
    let waves = wave::cut(campaign.salt, &policy, &members).expect("it can be cut");
    Frontier::new(&campaign, &waves, &members, BTreeSet::new(), UpTo::default())
}

/// All of them are held for this reason.
fn all_held(looked_at: &[(TerminalId, u16)], why: HeldBy) -> Plan {
    Plan { release: vec![], held: looked_at.iter().map(|(id, _)| (*id, why)).collect() }
}

fn settle(frontier: &mut Frontier, plan: &Plan) {
    let gone = plan.release.iter().copied().collect();
    frontier.settle(plan, &gone, |_| "north".to_owned());
}

#[test]
fn nobody_is_looked_at_while_there_is_no_place_and_all_are_counted() {
    let mut frontier = frontier(5_000, Policy::PLAIN);
    assert_eq!(frontier.next(0, 0, NOW), []);
    settle(&mut frontier, &all_held(&[], Held::Offline.into()));
    let held = frontier.held(0, None, Some(Held::NoPlace));
    assert_eq!(held, BTreeMap::from([(Held::NoPlace, 5_000)]));
    let held = frontier.held(0, Some(Held::Paused), None);
    assert_eq!(held, BTreeMap::from([(Held::Paused, 5_000)]));
    assert!(frontier.is_eager(0));
}

#[test]
fn a_step_looks_at_about_as_many_as_there_are_places() {
    let mut frontier = frontier(5_000, Policy::PLAIN);
    for (places, looked_at) in [(1, 64), (100, 200), (10_000, 1_000)] {
        let next = frontier.next(0, places, NOW);
        assert_eq!(next.len(), looked_at);
        settle(&mut frontier, &all_held(&next, Held::Offline.into()));
    }
}

#[test]
fn who_is_parked_is_looked_at_again_when_something_changed_about_it_and_not_before() {
    let mut frontier = frontier(10, Policy::PLAIN);
    let all = frontier.next(0, 100, NOW);
    assert_eq!(all.len(), 10);
    settle(&mut frontier, &all_held(&all, Held::Offline.into()));
    assert_eq!(frontier.next(0, 100, NOW), [], "nothing has changed");
    assert!(!frontier.is_eager(0));
    frontier.wake([(id(3), "north"), (id(99), "north")]);
    assert_eq!(frontier.next(0, 100, NOW).iter().map(|it| it.0).collect::<Vec<_>>(), [id(3)]);
    settle(&mut frontier, &all_held(&[(id(3), 0)], Held::Offline.into()));
    frontier.wake_all();
    assert_eq!(frontier.next(0, 100, NOW), all, "in the order of their release");
}

#[test]
fn a_change_in_a_store_wakes_whoever_waits_for_it() {
    let mut frontier = frontier(10, Policy::PLAIN);
    let all = frontier.next(0, 100, NOW);
    let plan = all_held(&all, Held::LastSelling.into());
    frontier.settle(&plan, &BTreeSet::new(), |terminal| {
        if terminal == id(4) { "south".to_owned() } else { "north".to_owned() }
    });
    frontier.wake([(id(99), "south")]);
    assert_eq!(frontier.next(0, 100, NOW).iter().map(|it| it.0).collect::<Vec<_>>(), [id(4)]);
    settle(&mut frontier, &all_held(&[(id(4), 0)], Held::Offline.into()));
    frontier.wake([(id(99), "north")]);
    assert_eq!(frontier.next(0, 100, NOW).len(), 9);
}

#[test]
fn a_reason_that_names_a_moment_is_asked_about_then() {
    let mut frontier = frontier(2, Policy::PLAIN);
    let all = frontier.next(0, 100, NOW);
    let until = |at| HeldBy { reason: Held::Penalty, next: Some(UnixTime(at)) };
    let held = vec![(all[0].0, until(2_000)), (all[1].0, until(3_000))];
    settle(&mut frontier, &Plan { release: vec![], held });
    assert_eq!(frontier.next_by_reason(), BTreeMap::from([(Held::Penalty, UnixTime(2_000))]));
    assert_eq!(frontier.next(0, 100, UnixTime(1_999)), []);
    assert_eq!(frontier.next(0, 100, UnixTime(2_000)), all[..1]);
}

#[test]
fn whose_hours_never_come_is_asked_about_now_and_then_and_told_no_moment() {
    let mut frontier = frontier(1, Policy::PLAIN);
    let all = frontier.next(0, 100, NOW);
    settle(&mut frontier, &all_held(&all, Held::Window.into()));
    assert_eq!(frontier.next_by_reason(), BTreeMap::new());
    assert_eq!(frontier.next(0, 100, NOW.plus(Duration::from_secs(1))), []);
    assert_eq!(frontier.next(0, 100, NOW.plus(NEVER_AGAIN)), all);
}

#[test]
fn who_got_no_order_and_who_found_no_place_is_looked_at_again() {
    let mut frontier = frontier(3, Policy::PLAIN);
    let all = frontier.next(0, 100, NOW);
    let plan =
        Plan { release: vec![all[0].0, all[1].0], held: vec![(all[2].0, Held::NoPlace.into())] };
    let gone = BTreeSet::from([all[0].0]);
    frontier.settle(&plan, &gone, |_| String::new());
    assert_eq!(frontier.next(0, 100, NOW), all[1..]);
}

#[test]
fn whoever_is_in_a_wave_that_is_not_open_is_counted_without_a_look() {
    let policy = Policy { waves: vec![Share::Count(3), Share::Rest], ..Policy::PLAIN };
    let mut frontier = frontier(10, policy);
    let first = frontier.next(0, 100, NOW);
    assert_eq!(first.iter().map(|(_, wave)| *wave).collect::<Vec<_>>(), [0, 0, 0]);
    settle(&mut frontier, &all_held(&first, Held::Offline.into()));
    let held = BTreeMap::from([(Held::Offline, 3), (Held::WaveClosed, 7)]);
    assert_eq!(frontier.held(0, None, None), held);
    assert_eq!(frontier.next(1, 100, NOW).len(), 7, "those of the first are parked");
}

#[test]
fn whoever_joins_is_counted_at_once_and_looked_at_when_its_wave_is_open() {
    let policy = Policy { waves: vec![Share::Count(3), Share::Rest], ..Policy::PLAIN };
    let mut frontier = frontier(10, policy);
    let first = frontier.next(0, 100, NOW);
    settle(&mut frontier, &all_held(&first, Held::Offline.into()));
    frontier.join(&[(id(20), 0), (id(21), 1), (first[0].0, 0)]);
    frontier.join(&[(id(20), 0)]);
    assert!(frontier.is_eager(0), "one of an open wave has come");
    let held = BTreeMap::from([(Held::Offline, 3), (Held::NoPlace, 1), (Held::WaveClosed, 8)]);
    assert_eq!(frontier.held(0, None, None), held, "who is a member joins no second time");
    let joined = frontier.next(0, 100, NOW);
    assert_eq!(joined, [(id(20), 0)]);
    assert!(!frontier.is_eager(0));
    settle(&mut frontier, &all_held(&joined, Held::Offline.into()));
    let later: Vec<_> = frontier.next(1, 100, NOW).into_iter().map(|(id, _)| id).collect();
    assert_eq!((later.len(), later.contains(&id(21)), later.contains(&id(20))), (8, true, false));
    frontier.wake([(id(20), "north")]);
    assert_eq!(frontier.next(1, 100, NOW), joined, "as everybody else");
    assert!(frontier.has_joined(id(20)) && frontier.is_member(first[0].0));
    assert!(!frontier.is_member(id(99)) && !frontier.has_joined(first[0].0));
}

proptest! {
    /// Against a fleet in which terminals come and go: whoever could be released is, in the end,
    /// and at each step everybody who waits is counted once.
    #[test]
    fn nobody_is_forgotten_and_nobody_counted_twice(
        mut members in 1_u32..200,
        first in 1_u32..50,
        events in prop::collection::vec((0_u32..200, any::<bool>(), 0_u64..5), 0..60),
        joiners in prop::collection::btree_set(0_u32..260, 0..40),
    ) {
        let policy = Policy { waves: vec![Share::Count(first), Share::Rest], ..Policy::PLAIN };
        let mut frontier = frontier(members, policy);
        let mut online: BTreeSet<TerminalId> = BTreeSet::new();
        let mut released = BTreeSet::new();
        type Ids = BTreeSet<TerminalId>;
        let step = |frontier: &mut Frontier,
                    released: &mut Ids,
                    (members, online): (u32, &Ids),
                    places,
                    wave| {
            let looked_at = frontier.next(wave, places, NOW);
            let mut plan = Plan { release: vec![], held: vec![] };
            for (id, of) in &looked_at {
                assert!(*of <= wave);
                match online.contains(id) {
                    false => plan.held.push((*id, Held::Offline.into())),
                    true if (plan.release.len() as u64) < places => plan.release.push(*id),
                    true => plan.held.push((*id, Held::NoPlace.into())),
                }
            }
            for id in &plan.release {
                assert!(released.insert(*id), "nobody is released twice");
            }
            settle(frontier, &plan);
            let held: u64 = frontier.held(wave, None, None).values().sum();
            assert_eq!(held + released.len() as u64, u64::from(members));
            released.len()
        };
        let mut joiners = joiners.into_iter();
        for (number, comes, places) in events {
            if let Some(joiner) = joiners.next() {
                let is_new = !frontier.is_member(id(joiner));
                members += u32::from(is_new);
                frontier.join(&[(id(joiner), u16::try_from(joiner % 2).unwrap())]);
            }
            let terminal = id(number);
            let changed = if comes { online.insert(terminal) } else { online.remove(&terminal) };
            if changed {
                frontier.wake([(terminal, "north")]);
            }
            step(&mut frontier, &mut released, (members, &online), places, 0);
        }
        let is_wanted = |id: &TerminalId| online.contains(id) || released.contains(id);
        let is_member = |id: &TerminalId| frontier.is_member(*id);
        let wanted = (0..260).map(id).filter(is_member).filter(is_wanted).count();
        let mut all = 0;
        for _ in 0..members + 5 {
            all = step(&mut frontier, &mut released, (members, &online), 100, 1);
        }
        prop_assert_eq!(all, wanted);
    }
}
