//! Every rule by a table, and what must hold whatever they are asked by random ones.

use std::sync::LazyLock;

use proptest::prelude::*;
use shared::change::{Change, Ping};

use super::*;
use crate::campaign::assignment::AssignmentState;
use crate::campaign::policy::Intake;
use crate::campaign::rate::Rate;

const NOW: UnixTime = UnixTime(1_000_000);
const FAR: UnixTime = UnixTime(9_000_000);

static PLAIN: Policy = Policy::PLAIN;
static IN_TURN: LazyLock<Terms> =
    LazyLock::new(|| Terms { disturbs: Disturbs::InItsTurn, ..terms() });

fn terms() -> Terms {
    Terms::of(&Change::Ping(Ping { note: String::new() }))
}

fn terminal(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

fn online(number: u8) -> Candidate {
    Candidate {
        terminal: terminal(number),
        wave: 0,
        store: "north".to_owned(),
        unit: Unit::Enrolled,
        presence: Presence::Online,
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        is_erased: false,
        besides: Besides::default(),
        opening: Opening::Open,
    }
}

fn tally(by_state: &[(AssignmentState, u64)]) -> CampaignTally {
    CampaignTally { by_state: by_state.iter().copied().collect(), ..CampaignTally::default() }
}

fn situation(tally: &CampaignTally) -> Situation<'_> {
    Situation {
        state: CampaignState::Running,
        now: NOW,
        not_after: FAR,
        members: 10,
        open_wave: 0,
        is_frozen: false,
        terms: terms(),
        class: Class::Normal,
        has_window: false,
        max_parallel: 3,
        policy: &PLAIN,
        used: UsedUntil::default(),
        tally,
    }
}

fn planned(situation: Situation<'_>, candidates: &[Candidate]) -> Plan {
    plan(situation, candidates, &mut BTreeMap::new())
}

fn why(candidate: &Candidate, situation: Situation<'_>) -> Option<Held> {
    why_held(candidate, situation, &BTreeMap::new()).map(|it| it.reason)
}

fn reasons(plan: &Plan) -> Vec<(TerminalId, Held)> {
    plan.held.iter().map(|(terminal, why)| (*terminal, why.reason)).collect()
}

#[test]
fn as_many_are_released_as_there_are_places_and_the_others_know_why() {
    let tally = tally(&[
        (AssignmentState::Working, 1),
        (AssignmentState::Unanswered, 5),
        (AssignmentState::Succeeded, 7),
    ]);
    let offline = Candidate { presence: Presence::Offline, ..online(2) };
    let candidates = [online(1), offline, online(3), online(4)];
    let plan = planned(situation(&tally), &candidates);
    assert_eq!(plan.release, [terminal(1), terminal(3)]);
    assert_eq!(reasons(&plan), [(terminal(2), Held::Offline), (terminal(4), Held::NoPlace)]);
}

#[test]
fn what_holds_the_campaign_comes_before_what_holds_the_terminal() {
    let tally = CampaignTally::default();
    let running = situation(&tally);
    let over = Situation { now: FAR, ..running };
    let paused = Situation { state: CampaignState::Paused, ..running };
    let aborted = Situation { state: CampaignState::Aborted, ..running };
    let waiting = Situation { state: CampaignState::AwaitingApproval, ..running };
    let later = Policy { not_before: Some(NOW.plus(Duration::from_secs(1))), ..Policy::PLAIN };
    let begun = Policy { not_before: Some(NOW), ..Policy::PLAIN };
    let offline = Candidate { presence: Presence::Offline, ..online(1) };
    let revoked = Candidate { unit: Unit::Revoked, ..online(1) };
    let suspected = Situation { is_frozen: true, ..running };
    let frozen = Candidate { is_frozen: true, ..offline.clone() };
    for (situation, candidate, reason) in [
        (over, &online(1), Held::TimeOver),
        (paused, &offline, Held::Paused),
        (aborted, &online(1), Held::Aborted),
        (waiting, &online(1), Held::NotApproved),
        (running, &offline, Held::Offline),
        (running, &revoked, Held::Revoked),
        (running, &frozen, Held::Frozen),
        (running, &Candidate { is_frozen: true, ..revoked.clone() }, Held::Revoked),
        (suspected, &online(1), Held::Frozen),
        (Situation { state: CampaignState::Halted, ..running }, &offline, Held::Halted),
        (running, &Candidate { wave: 1, ..frozen.clone() }, Held::WaveClosed),
        (suspected, &Candidate { wave: 1, ..online(1) }, Held::Frozen),
        (Situation { is_frozen: true, ..paused }, &online(1), Held::Paused),
        (Situation { is_frozen: true, ..over }, &frozen, Held::TimeOver),
        (Situation { policy: &later, ..running }, &offline, Held::NotYet),
        (Situation { policy: &later, ..over }, &offline, Held::TimeOver),
        (Situation { policy: &begun, ..running }, &offline, Held::Offline),
    ] {
        assert_eq!(why(candidate, situation), Some(reason));
    }
    assert_eq!(why(&online(1), running), None);
}

#[test]
fn whoever_is_in_quarantine_gets_what_empties_it_and_nothing_else() {
    let tally = CampaignTally::default();
    let others = situation(&tally);
    let of_lost = Situation { terms: Terms { is_of_lost: true, ..terms() }, ..others };
    let lost = Candidate { is_quarantined: true, ..online(1) };
    let suspicious = Candidate { is_frozen: true, ..lost.clone() };
    let place = Candidate { is_place_frozen: true, ..suspicious.clone() };
    let away = Candidate { presence: Presence::Offline, ..lost.clone() };
    for (situation, candidate, reason) in [
        (others, &lost, Some(Held::Quarantined)),
        (others, &suspicious, Some(Held::Quarantined)),
        (others, &away, Some(Held::Quarantined)),
        (of_lost, &lost, None),
        (of_lost, &suspicious, None),
        (of_lost, &place, Some(Held::Frozen)),
        (of_lost, &away, Some(Held::Offline)),
        (of_lost, &Candidate { is_erased: true, ..lost.clone() }, Some(Held::Erased)),
        (others, &Candidate { is_erased: true, ..online(1) }, Some(Held::Erased)),
        (Situation { is_frozen: true, ..of_lost }, &lost, Some(Held::Frozen)),
    ] {
        assert_eq!(why(candidate, situation), reason, "{candidate:?}");
    }
}

#[test]
fn whoever_fails_again_and_again_is_left_alone_but_for_what_must_not_wait() {
    let tally = CampaignTally::default();
    let normal = situation(&tally);
    let until = NOW.plus(Duration::from_secs(60));
    let besides = Besides { penalty_until: Some(until), ..Besides::default() };
    let failed = Candidate { besides, ..online(1) };
    let held = why_held(&failed, normal, &BTreeMap::new());
    assert_eq!(held, Some(HeldBy { reason: Held::Penalty, next: Some(until) }));
    for (situation, reason) in [
        (Situation { now: until, ..normal }, None),
        (Situation { class: Class::Security, ..normal }, None),
        (Situation { class: Class::Decommission, ..normal }, None),
        (Situation { class: Class::Background, ..normal }, Some(Held::Penalty)),
    ] {
        assert_eq!(why(&failed, situation), reason, "{:?}", situation.class);
    }
}

#[test]
fn whatever_goes_before_it_holds_a_terminal_and_nothing_else_does() {
    let tally = CampaignTally::default();
    for class in Class::ALL {
        for other in Class::ALL {
            let besides = Besides { busy: Some(other), ..Besides::default() };
            let candidate = Candidate { besides, ..online(1) };
            let reason = why(&candidate, Situation { class, ..situation(&tally) });
            assert_eq!(reason, (other > class).then_some(Held::Busy), "{class:?} {other:?}");
        }
    }
}

#[test]
fn a_terminal_is_released_shortly_before_its_shop_may_be_disturbed() {
    let tally = CampaignTally::default();
    let at = |opening| Candidate { opening, ..online(1) };
    let soon = Opening::At { at: NOW.plus(AHEAD), of: Closing::Window };
    let later = NOW.plus(AHEAD + Duration::from_secs(1));
    let next = Some(later.minus(AHEAD));
    for (opening, held) in [
        (Opening::Open, None),
        (soon, None),
        (
            Opening::At { at: later, of: Closing::Window },
            Some(HeldBy { reason: Held::Window, next }),
        ),
        (
            Opening::At { at: later, of: Closing::Freeze },
            Some(HeldBy { reason: Held::Freeze, next }),
        ),
        (Opening::Never(Closing::Freeze), Some(Held::Freeze.into())),
    ] {
        let held_by = why_held(&at(opening), situation(&tally), &BTreeMap::new());
        assert_eq!(held_by, held, "{opening:?}");
    }
}

#[test]
fn a_rate_releases_so_many_and_says_when_the_next_one_is() {
    let tally = CampaignTally::default();
    let rate: Rate = "2/m".parse().expect("it is one");
    let policy = Policy { rate: Some(rate), ..Policy::PLAIN };
    let situation = Situation { policy: &policy, max_parallel: 100, ..situation(&tally) };
    let candidates: Vec<_> = (1..6).map(online).collect();
    let plan = planned(situation, &candidates);
    assert_eq!(plan.release, [terminal(1), terminal(2)]);
    let used = rate.used(situation.used, NOW, 2);
    let none = planned(Situation { used, ..situation }, &candidates);
    assert_eq!(none.release, []);
    let next = Some(NOW.plus(Duration::from_secs(30)));
    assert_eq!(none.held[0], (terminal(1), HeldBy { reason: Held::Rate, next }));
}

#[test]
fn a_store_keeps_selling_where_what_comes_disturbs_it_in_its_turn() {
    let tally = CampaignTally::default();
    let plain = situation(&tally);
    let selling = [1, 2].map(terminal).into_iter().collect();
    let store = StoreStanding { selling, ..StoreStanding::default() };
    let stores = BTreeMap::from([("north".to_owned(), store)]);
    let candidates = [online(1), online(2)];
    let in_turn = Situation { terms: *IN_TURN, ..plain };
    let meanwhile = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let one = Policy { store_at_once: Some(1), ..Policy::PLAIN };
    for (situation, held) in [
        (plain, None),
        (in_turn, Some(Held::LastSelling)),
        (Situation { has_window: true, ..in_turn }, None),
        (Situation { policy: &meanwhile, ..in_turn }, None),
        (Situation { policy: &one, has_window: true, ..in_turn }, Some(Held::StoreBudget)),
    ] {
        let mut stores = stores.clone();
        let plan = plan(situation, &candidates, &mut stores);
        let expected: Vec<_> = held.map(|reason| (terminal(2), reason)).into_iter().collect();
        assert_eq!(reasons(&plan), expected);
        let disturbs = situation.terms.disturbs == Disturbs::InItsTurn;
        let disturbed = if disturbs { plan.release.len() } else { 0 };
        assert_eq!(stores["north"].disturbed.len(), disturbed);
    }
}

#[test]
fn it_is_over_when_nothing_more_can_come_of_anybody() {
    let all_ended = tally(&[(AssignmentState::Succeeded, 8), (AssignmentState::Failed, 2)]);
    assert!(is_over(situation(&all_ended)));
    let continuous = Policy { membership: Intake::Continuous, ..Policy::PLAIN };
    let joined = Situation { policy: &continuous, ..situation(&all_ended) };
    assert!(!is_over(joined), "somebody may still join");
    assert!(is_over(Situation { now: FAR, ..joined }));
    let one_works = tally(&[(AssignmentState::Succeeded, 9), (AssignmentState::Waiting, 1)]);
    assert!(!is_over(situation(&one_works)));
    let some_held = tally(&[(AssignmentState::Succeeded, 9)]);
    assert!(!is_over(situation(&some_held)));
    assert!(is_over(Situation { now: FAR, ..situation(&some_held) }));
    assert!(!is_over(Situation { now: FAR, ..situation(&one_works) }));
    let one_back = tally(&[(AssignmentState::Succeeded, 9), (AssignmentState::Withdrawn, 1)]);
    assert!(!is_over(situation(&one_back)), "its turn comes again");
    let skipped = CampaignTally { skipped: 1, ..some_held };
    assert!(is_over(situation(&skipped)), "nobody waits for whom somebody left out");
    let again = CampaignTally { again: 1, ..all_ended };
    assert!(!is_over(situation(&again)), "somebody wants it tried again");
    let signed = Terms { needs_people: true, ..terms() };
    assert!(is_over(Situation { terms: signed, ..situation(&one_back) }));
}

fn opening() -> impl Strategy<Value = Opening> {
    let closing = || prop_oneof![Just(Closing::Window), Just(Closing::Freeze)];
    prop_oneof![
        4 => Just(Opening::Open),
        2 => (0_u64..20_000, closing())
            .prop_map(|(in_s, of)| Opening::At { at: NOW.plus(Duration::from_secs(in_s)), of }),
        1 => closing().prop_map(Opening::Never),
    ]
}

fn besides() -> impl Strategy<Value = Besides> {
    let class = prop::option::weighted(0.2, prop::sample::select(Class::ALL.to_vec()));
    let until = prop::option::weighted(0.2, (-100_i64..100).prop_map(|s| UnixTime(NOW.0 + s)));
    let skipped = prop::bool::weighted(0.1);
    (class, until, skipped).prop_map(|(busy, penalty_until, is_skipped)| Besides {
        busy,
        penalty_until,
        is_skipped,
    })
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let unit =
        prop_oneof![4 => Just(Unit::Enrolled), 1 => Just(Unit::Claimed), 1 => Just(Unit::Revoked)];
    let presence = prop_oneof![
        4 => Just(Presence::Online),
        1 => Just(Presence::Offline),
        1 => Just(Presence::NeverSeen)
    ];
    let store = prop::sample::select(vec!["north", "south", "east"]);
    let is = prop::array::uniform4(prop::bool::weighted(0.1));
    let parts = (0_u8..30, 0_u16..3, store, unit, presence, is, besides(), opening());
    parts.prop_map(|(number, wave, store, unit, presence, is, besides, opening)| Candidate {
        terminal: terminal(number),
        wave,
        store: store.to_owned(),
        unit,
        presence,
        is_frozen: is[0],
        is_place_frozen: is[1],
        is_quarantined: is[2],
        is_erased: is[3],
        besides,
        opening,
    })
}

fn store() -> impl Strategy<Value = StoreStanding> {
    let some = || prop::collection::btree_set((0_u8..30).prop_map(terminal), 0..6);
    (some(), some(), prop::option::of(1_u32..4), any::<bool>()).prop_map(
        |(selling, disturbed, at_once_max, has_fallback)| StoreStanding {
            there: 0,
            selling,
            disturbed,
            at_once_max,
            has_fallback,
        },
    )
}

proptest! {
    #[test]
    fn no_plan_breaks_a_rule_and_none_holds_anybody_without_one(
        candidates in prop::collection::vec(candidate(), 0..25),
        north in store(),
        south in store(),
        max_parallel in 0_u32..6,
        taken in 0_u64..6,
        open_wave in 0_u16..3,
        rate in prop::option::of(1_u32..5),
        in_turn: bool,
        class in prop::sample::select(Class::ALL.to_vec()),
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let candidates: Vec<_> =
            candidates.into_iter().filter(|it| seen.insert(it.terminal)).collect();
        let tally = CampaignTally {
            by_state: BTreeMap::from([(AssignmentState::Ordered, taken)]),
            ..CampaignTally::default()
        };
        let rate = rate.map(|count| format!("{count}/m").parse().expect("it is one"));
        let policy = Policy { rate, store_at_once: Some(2), ..Policy::PLAIN };
        let terms = if in_turn { *IN_TURN } else { terms() };
        let situation = Situation {
            open_wave, terms, class, max_parallel, policy: &policy, ..situation(&tally)
        };
        let before = BTreeMap::from([("north".to_owned(), north), ("south".to_owned(), south)]);
        let mut after = before.clone();
        let plan = plan(situation, &candidates, &mut after);

        prop_assert_eq!(plan.release.len() + plan.held.len(), candidates.len());
        let places = u64::from(max_parallel).saturating_sub(taken);
        let at_once = policy.rate.map_or(u64::MAX, |rate| rate.free(situation.used, NOW));
        let room = places.min(at_once);
        prop_assert!(plan.release.len() as u64 <= room, "never more than there is room for");
        for id in &plan.release {
            let it = candidates.iter().find(|it| it.terminal == *id).expect("it was asked about");
            prop_assert!(it.wave <= open_wave, "never past a gate");
            let is_open = match it.opening {
                Opening::Open => true,
                Opening::At { at, .. } => NOW >= at.minus(AHEAD),
                Opening::Never(_) => false,
            };
            prop_assert!(is_open, "never long before its shop may be disturbed");
        }
        for (name, store) in &after {
            let old = before.get(name).cloned().unwrap_or_default();
            let more = store.disturbed.difference(&old.disturbed).count();
            prop_assert!(more == 0 || store.disturbed.len() <= 2.max(old.disturbed.len()));
            let sells = |it: &StoreStanding| it.selling.iter().any(|id| !it.disturbed.contains(id));
            let declared = old.has_fallback || !sells(&old);
            prop_assert!(declared || sells(store), "the last that sells is left alone");
        }
        // Progress: whoever is held would be let go by no rule at all.
        for (id, why) in &plan.held {
            let it = candidates.iter().find(|it| it.terminal == *id).expect("it was asked about");
            let by_room = matches!(why.reason, Held::NoPlace | Held::Rate);
            prop_assert!(!by_room || plan.release.len() as u64 == room);
            let by_store = matches!(why.reason, Held::StoreBudget | Held::LastSelling);
            let still = why_held(it, situation, &after).map(|it| it.reason);
            prop_assert!(by_room || by_store || still == Some(why.reason));
            // Its store gives no more, by a count of its own: it has as many disturbed as it may,
            // or nobody else sells there.
            if by_store {
                let store = &after[&it.store];
                let others = store.disturbed.iter().filter(|other| *other != id).count();
                let most = store.at_once_max.map_or(2, |most| most.clamp(1, 2)) as usize;
                let left = |other: &&TerminalId| *other != id && !store.disturbed.contains(other);
                let sells_on = store.selling.iter().any(|it| left(&it));
                let is_last = store.selling.contains(id) && !sells_on;
                prop_assert!(others >= most || (is_last && !store.has_fallback));
            }
        }
    }
}
