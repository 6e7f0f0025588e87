//! What stays and what goes, by table and by chance.

use proptest::prelude::*;

use super::plan::{Plan, Wish, WishRefused, plan};
use super::*;

const DAY_S: i64 = 24 * 3600;
/// A Monday, and the first of a month: 2027-02-01 12:00 UTC.
const BEGIN: i64 = 1_801_483_200;
const TERMINAL: TerminalId = TerminalId::from_bytes([1; 16]);

fn rules(last: u32, daily: u32, weekly: u32, monthly: u32) -> KeepRules {
    KeepRules { last, daily, weekly, monthly }
}

fn policy(rules: KeepRules) -> Policy {
    Policy { rules, purge_after_days: 7, closed_days: 90 }
}

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn repository(number: u8) -> RepositoryId {
    RepositoryId::from_bytes([number; 16])
}

/// Received so many days after the beginning.
fn snapshot(number: u64, day: i64) -> Candidate {
    let at = UnixTime(BEGIN + day * DAY_S);
    Candidate {
        manifest: digest(number),
        number,
        repository: repository(1),
        taken_at: at,
        received_at: at,
        state: SnapshotState::Available,
        state_at: at,
        is_whole: true,
        is_held: false,
        expires_for: None,
    }
}

fn stored(id: RepositoryId, closed_at: Option<i64>) -> Repository {
    Repository {
        id,
        terminal: TERMINAL,
        sealed_key: Digest([1; 32]),
        bytes: 10,
        objects: 5,
        opened_at: UnixTime(BEGIN),
        closed_at: closed_at.map(UnixTime),
        purging_at: None,
        purged_at: None,
    }
}

fn holding(snapshots: Vec<Candidate>) -> Holding {
    let ids: BTreeSet<_> = snapshots.iter().map(|it| it.repository).collect();
    let repositories = ids.into_iter().map(|id| stored(id, None)).collect();
    Holding { terminal: TERMINAL, serial: "PX-1".into(), closed_at: None, repositories, snapshots }
}

fn stay(of: &Holding, policy: &Policy, day: i64) -> Vec<u64> {
    let verdicts = decide(of, policy, UnixTime(BEGIN + day * DAY_S));
    let stays = of.snapshots.iter().zip(verdicts).filter(|(_, verdict)| verdict.stays());
    stays.map(|(it, _)| it.number).collect()
}

fn why(of: &Holding, policy: &Policy, number: u64) -> Vec<StayReason> {
    let verdicts = decide(of, policy, UnixTime(BEGIN));
    let found = of.snapshots.iter().zip(verdicts).find(|(it, _)| it.number == number);
    match found.unwrap().1 {
        Verdict::Stays(reasons) => reasons.into_iter().collect(),
        Verdict::Goes(_) => vec![],
    }
}

fn asked(last_copy: bool) -> Option<PurgeReason> {
    Some(PurgeReason::Asked { by: "ana".into(), reason: "over".into(), last_copy })
}

#[test]
fn rules_count_as_restic_does() {
    // Two a day for sixty days: numbers 1 to 120, on days 0 to 59.
    let all: Vec<_> = (1..=120).map(|number| snapshot(number, (number as i64 - 1) / 2)).collect();
    let of = holding(all);
    let cases = [
        (rules(1, 0, 0, 0), vec![120]),
        (rules(3, 0, 0, 0), vec![118, 119, 120]),
        (rules(1, 3, 0, 0), vec![116, 118, 120]),
        // Mondays begin weeks: days 0, 7, …, 56.
        (rules(1, 0, 3, 0), vec![98, 112, 120]),
        // February has 28 days, so March ends with day 58.
        (rules(1, 0, 0, 9), vec![56, 118, 120]),
        (rules(2, 2, 2, 2), vec![112, 118, 119, 120]),
    ];
    for (rules, expected) in cases {
        assert_eq!(stay(&of, &policy(rules), 60), expected, "{rules:?}");
    }
    let all = policy(rules(2, 2, 2, 2));
    use StayReason::{Daily, Last, Monthly, NewestAvailable, Weekly};
    assert_eq!(why(&of, &all, 120), [Last, Daily, Weekly, Monthly, NewestAvailable]);
    assert_eq!(why(&of, &all, 118), [Daily, Monthly]);
    assert_eq!(why(&of, &all, 1), []);
}

#[test]
fn days_without_a_snapshot_use_up_no_rule() {
    let of = holding(vec![snapshot(1, 0), snapshot(2, 40), snapshot(3, 80)]);
    assert_eq!(stay(&of, &policy(rules(1, 3, 0, 0)), 500), [1, 2, 3]);
}

#[test]
fn a_clock_that_is_wrong_or_lies_pushes_nothing_out() {
    let by = policy(rules(1, 3, 0, 0));
    for taken_at in [0, i64::MAX, BEGIN + 4000 * DAY_S] {
        let mut all: Vec<_> = (1..=5).map(|number| snapshot(number, number as i64)).collect();
        all[1].taken_at = UnixTime(taken_at);
        all[4].taken_at = UnixTime(taken_at);
        assert_eq!(stay(&holding(all), &by, 9), [3, 4, 5], "{taken_at}");
    }
}

#[test]
fn what_cannot_be_restored_yet_is_kept_besides_and_in_nobodys_place() {
    let by = policy(rules(2, 0, 0, 0));
    let mut all: Vec<_> = (1..=5).map(|number| snapshot(number, number as i64)).collect();
    for (at, state) in [(3, SnapshotState::Damaged), (4, SnapshotState::Received)] {
        all[at] = Candidate { state, is_whole: false, ..all[at].clone() };
    }
    let of = holding(all);
    assert_eq!(stay(&of, &by, 9), [2, 3, 4, 5]);
    assert_eq!(why(&of, &by, 5), [StayReason::Unproven]);
    assert_eq!(why(&of, &by, 3), [StayReason::Last, StayReason::NewestAvailable]);
    let one = holding(vec![Candidate { is_whole: false, ..snapshot(1, 1) }]);
    assert_eq!(why(&one, &by, 1), [StayReason::Unproven]);
}

#[test]
fn an_expiring_one_comes_back_when_it_is_the_newest_that_can_be_restored() {
    let by = policy(rules(1, 0, 0, 0));
    let expires_for = Some(PurgeReason::NotKept { rules: by.rules });
    let old = Candidate { state: SnapshotState::Expiring, expires_for, ..snapshot(1, 1) };
    let rotten = Candidate { state: SnapshotState::Damaged, is_whole: false, ..snapshot(2, 2) };
    let of = holding(vec![old, rotten]);
    use StayReason::{Last, OnlyAvailable};
    assert_eq!(why(&of, &by, 1), [Last, OnlyAvailable]);
}

#[test]
fn what_an_operator_asked_for_goes_unless_it_became_the_last_copy_or_is_held() {
    let by = policy(rules(9, 9, 9, 9));
    let going = |last_copy| Candidate {
        state: SnapshotState::Expiring,
        expires_for: asked(last_copy),
        ..snapshot(1, 1)
    };
    assert_eq!(stay(&holding(vec![going(false), snapshot(2, 2)]), &by, 9), [2]);
    assert_eq!(stay(&holding(vec![going(false)]), &by, 9), [1]);
    let closed = Holding { closed_at: Some(UnixTime(BEGIN)), ..holding(vec![going(false)]) };
    assert_eq!(stay(&closed, &by, 9), Vec::<u64>::new());
    let reasons = why(&holding(vec![going(false)]), &by, 1);
    assert_eq!(reasons.last(), Some(&StayReason::OnlyAvailable));
    assert_eq!(stay(&holding(vec![going(true)]), &by, 9), Vec::<u64>::new());
    let held = Candidate { is_held: true, ..going(true) };
    assert!(why(&holding(vec![held]), &by, 1).contains(&StayReason::Held));
}

#[test]
fn a_closed_terminal_keeps_what_it_has_for_its_days_and_then_only_what_is_held() {
    let by = policy(rules(2, 0, 0, 0));
    let held = Candidate { is_held: true, ..snapshot(1, 1) };
    let mut of = holding(vec![held, snapshot(2, 2), snapshot(3, 3), snapshot(4, 4)]);
    let closed_at = UnixTime(BEGIN + 5 * DAY_S);
    of.closed_at = Some(closed_at);
    assert_eq!(stay(&of, &by, 94), [1, 3, 4]);
    assert_eq!(stay(&of, &by, 95), [1]);
    let verdicts = decide(&of, &by, UnixTime(BEGIN + 95 * DAY_S));
    let reason = PurgeReason::TerminalClosed { closed_at, kept_days: 90 };
    assert_eq!(verdicts[3], Verdict::Goes(reason));
}

#[test]
fn a_repository_goes_when_it_is_closed_and_all_of_it_has_expired() {
    let by = policy(rules(1, 0, 0, 0));
    let expiring = |number, day: i64| Candidate {
        state: SnapshotState::Expiring,
        state_at: UnixTime(BEGIN + day * DAY_S),
        ..snapshot(number, 1)
    };
    let closed = stored(repository(1), Some(BEGIN + 3 * DAY_S));
    let day = |day: i64| Departure::At(UnixTime(BEGIN + day * DAY_S));
    let both = holding(vec![expiring(1, 5), expiring(2, 9)]);
    assert_eq!(departure(&closed, &both, &by), day(9 + 7));
    assert_eq!(departure(&closed, &holding(vec![]), &by), day(3 + 7));
    assert_eq!(departure(&stored(repository(1), None), &both, &by), Departure::Open);
    let kept = holding(vec![expiring(1, 5), snapshot(2, 2)]);
    assert_eq!(departure(&closed, &kept, &by), Departure::Kept);
    let held = Candidate { is_held: true, ..expiring(1, 5) };
    assert_eq!(departure(&closed, &holding(vec![held]), &by), Departure::Kept);
    let purging = Repository { purging_at: Some(UnixTime(1)), ..closed };
    assert_eq!(departure(&purging, &both, &by), Departure::Purging);
}

#[test]
fn a_wish_is_refused_for_what_is_held_open_purging_or_the_last_copy() {
    let in_old = |number, day| Candidate { repository: repository(9), ..snapshot(number, day) };
    let mut of = holding(vec![in_old(1, 1), in_old(2, 2), snapshot(3, 3)]);
    let old = of.repositories.iter_mut().find(|it| it.id == repository(9)).unwrap();
    old.closed_at = Some(UnixTime(BEGIN));
    let wish = |repositories: &[u8], snapshots: &[u64], last_copy| Wish {
        repositories: repositories.iter().map(|it| repository(*it)).collect(),
        snapshots: snapshots.iter().map(|it| digest(*it)).collect(),
        last_copy,
    };
    let plan_of = |of: &Holding, wish: Wish| {
        let Plan { going, refused } = plan(of, &wish);
        let numbers = of.snapshots.iter().filter(|it| going.contains(&it.manifest));
        (numbers.map(|it| it.number).collect::<Vec<_>>(), refused)
    };
    assert_eq!(plan_of(&of, wish(&[9], &[], false)), (vec![1, 2], vec![]));
    assert_eq!(plan_of(&of, wish(&[], &[1], false)), (vec![1], vec![]));
    let open = WishRefused::Open(repository(1));
    assert_eq!(plan_of(&of, wish(&[1], &[], false)), (vec![3], vec![open]));
    let last = WishRefused::LastCopy(digest(3));
    assert_eq!(plan_of(&of, wish(&[9], &[3], false)), (vec![1, 2, 3], vec![last]));
    assert_eq!(plan_of(&of, wish(&[9], &[3], true)), (vec![1, 2, 3], vec![]));
    let closed = Holding { closed_at: Some(UnixTime(BEGIN)), ..of.clone() };
    assert_eq!(plan_of(&closed, wish(&[9], &[3], false)).1, []);
    let mut held = of.clone();
    held.snapshots[1].is_held = true;
    let refused = WishRefused::Held(digest(2));
    assert_eq!(plan_of(&held, wish(&[9], &[], false)), (vec![1], vec![refused]));
    let mut purging = of.clone();
    let old = purging.repositories.iter_mut().find(|it| it.id == repository(9)).unwrap();
    old.purging_at = Some(UnixTime(BEGIN));
    let refused = WishRefused::Purging(repository(9));
    assert_eq!(plan_of(&purging, wish(&[], &[1, 2], false)), (vec![], vec![refused]));
}

prop_compose! {
    fn any_rules()(last in 1..5_u32, daily in 0..5_u32, weekly in 0..4_u32, monthly in 0..4_u32)
        -> KeepRules { rules(last, daily, weekly, monthly) }
}

fn any_state() -> impl Strategy<Value = (SnapshotState, bool, Option<PurgeReason>)> {
    use SnapshotState::{Available, Copied, Damaged, Expiring, Received};
    let not_kept = Some(PurgeReason::NotKept { rules: rules(1, 0, 0, 0) });
    prop_oneof![
        6 => Just((Available, true, None)),
        1 => Just((Received, false, None)),
        1 => Just((Copied, false, None)),
        1 => Just((Damaged, false, None)),
        1 => Just((Expiring, true, not_kept.clone())),
        1 => Just((Expiring, false, not_kept)),
        1 => Just((Expiring, true, asked(false))),
        1 => Just((Expiring, true, asked(true))),
    ]
}

fn any_holding() -> impl Strategy<Value = Holding> {
    let one = (0..4_i64, any_state(), prop::bool::weighted(0.1), any::<i64>());
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut day = 0;
        let snapshots =
            all.into_iter().zip(1..).map(|((later, state, is_held, taken_at), number)| {
                day += later;
                let (state, is_whole, expires_for) = state;
                let taken_at = UnixTime(taken_at);
                Candidate {
                    state,
                    is_whole,
                    is_held,
                    expires_for,
                    taken_at,
                    ..snapshot(number, day)
                }
            });
        holding(snapshots.collect())
    })
}

/// As it is after the verdicts were carried out.
fn carried_out(of: &Holding, verdicts: &[Verdict]) -> Holding {
    let snapshots = of.snapshots.iter().zip(verdicts).map(|(it, verdict)| match verdict {
        Verdict::Goes(why) => Candidate {
            state: SnapshotState::Expiring,
            expires_for: Some(why.clone()),
            ..it.clone()
        },
        Verdict::Stays(_) if it.state == SnapshotState::Expiring => Candidate {
            state: match it.is_whole {
                true => SnapshotState::Available,
                false => SnapshotState::Received,
            },
            expires_for: None,
            ..it.clone()
        },
        Verdict::Stays(_) => it.clone(),
    });
    Holding { snapshots: snapshots.collect(), ..of.clone() }
}

proptest! {
    #[test]
    fn held_ones_and_the_newest_available_of_an_open_terminal_never_go(
        of in any_holding(), rules in any_rules(),
    ) {
        let verdicts = decide(&of, &policy(rules), UnixTime(BEGIN));
        let both = || of.snapshots.iter().zip(&verdicts);
        prop_assert!(both().all(|(it, verdict)| !it.is_held || verdict.stays()));
        // One that comes back at the same time may take its place.
        let available = both().rfind(|(it, _)| it.state == SnapshotState::Available);
        if let Some((newest, _)) = available {
            let is_as_new = |it: &Candidate| it.is_whole && it.number >= newest.number;
            prop_assert!(both().any(|(it, verdict)| is_as_new(it) && verdict.stays()));
        }
        let meant = |it: &Candidate| !matches!(
            it.expires_for, Some(PurgeReason::Asked { last_copy: true, .. })
        );
        if both().any(|(it, _)| it.is_whole && meant(it)) {
            prop_assert!(both().any(|(it, verdict)| it.is_whole && verdict.stays()));
        }
    }

    #[test]
    fn deciding_again_changes_nothing(of in any_holding(), rules in any_rules()) {
        let by = policy(rules);
        let once = decide(&of, &by, UnixTime(BEGIN));
        let then = carried_out(&of, &once);
        prop_assert_eq!(decide(&then, &by, UnixTime(BEGIN)), once);
    }

    #[test]
    fn nothing_that_goes_stays_later_by_time_alone(
        of in any_holding(), rules in any_rules(), closed in any::<bool>(), days in 0..200_i64,
    ) {
        let closed_at = closed.then_some(UnixTime(BEGIN));
        let of = Holding { closed_at, ..of };
        let before = decide(&of, &policy(rules), UnixTime(BEGIN));
        let after = decide(&of, &policy(rules), UnixTime(BEGIN + days * DAY_S));
        for (before, after) in before.iter().zip(after) {
            prop_assert!(before.stays() || !after.stays());
        }
    }

    #[test]
    fn what_cannot_be_restored_takes_nobodys_place(of in any_holding(), rules in any_rules()) {
        let by = policy(rules);
        let whole: Vec<_> = of.snapshots.iter().filter(|it| it.is_whole).cloned().collect();
        let all = decide(&of, &by, UnixTime(BEGIN));
        let of_whole = of.snapshots.iter().zip(all).filter(|(it, _)| it.is_whole);
        let of_whole: Vec<_> = of_whole.map(|(_, verdict)| verdict.stays()).collect();
        let alone = decide(&holding(whole), &by, UnixTime(BEGIN));
        prop_assert_eq!(of_whole, alone.iter().map(Verdict::stays).collect::<Vec<_>>());
    }
}
