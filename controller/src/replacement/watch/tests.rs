//! When a new terminal has proven itself, and what is told until then.

use super::super::advance::tests::{facts, replacement};
use super::super::record::AcceptedTrouble;
use super::*;

/// Live since 1000, with 40 payments in its data at the swap, and online.
fn watching() -> (Replacement, Facts) {
    let mut it = replacement(ReplacementState::Watching);
    it.progress.live_at = Some(UnixTime(1000));
    it.progress.watch = Some(Watch::default());
    it.progress.counted = Some(40);
    let mut facts = facts();
    facts.counted = 40;
    facts.new.as_mut().unwrap().presence = Presence::Online;
    (it, facts)
}

const DAY: i64 = 24 * 3600;

#[test]
fn it_is_over_after_three_days_or_fifty_payments() {
    let (it, mut facts) = watching();
    let early = look(&it, &facts, UnixTime(1000 + 3 * DAY - 1)).unwrap();
    assert_eq!((early.until, early.payments), (UnixTime(1000 + 3 * DAY), 0));
    assert!(!early.is_over && early.trouble.is_empty(), "{early:?}");
    assert!(look(&it, &facts, UnixTime(1000 + 3 * DAY)).unwrap().is_over);
    facts.counted = 89;
    assert!(!look(&it, &facts, UnixTime(1001)).unwrap().is_over);
    facts.counted = 90;
    let counted = look(&it, &facts, UnixTime(1001)).unwrap();
    assert!(counted.is_over && counted.payments == counted.payments_wanted, "{counted:?}");
    facts.counted = 0;
    assert_eq!(look(&it, &facts, UnixTime(1001)).unwrap().payments, 0, "a till that lost its data");
}

#[test]
fn trouble_is_told_and_nothing_but_an_answer_ends_the_watch_meanwhile() {
    let (it, calm) = watching();
    let calm = Facts { counted: 90, ..calm };
    let is_told = |words: &str, spoil: &dyn Fn(&mut Facts)| {
        let mut facts = calm.clone();
        spoil(&mut facts);
        let late = UnixTime(1000 + 30 * DAY);
        for now in [UnixTime(1001), late] {
            let watched = look(&it, &facts, now).unwrap();
            assert!(watched.trouble.iter().any(|it| it.contains(words)), "{words}: {watched:?}");
            assert_eq!(watched.unanswered, watched.trouble, "{words}");
            assert!(!watched.is_over, "{words}");
        }
        let mut answered = it.clone();
        let (trouble, accepted_by) = (look(&it, &facts, late).unwrap().trouble, "ben".to_owned());
        answered.progress.accepted = Some(AcceptedTrouble { trouble, accepted_by });
        let watched = look(&answered, &facts, late).unwrap();
        assert!(watched.is_over && !watched.trouble.is_empty(), "{words}: {watched:?}");
        facts.alarms.push("an alarm: another one".to_owned());
        assert!(!look(&answered, &facts, late).unwrap().is_over, "{words}: nobody knew of that");
    };
    is_told("not enrolled", &|it| it.new = None);
    is_told("offline", &|it| it.new.as_mut().unwrap().presence = Presence::Offline);
    is_told("never heard", &|it| it.new.as_mut().unwrap().presence = Presence::NeverSeen);
    is_told("out of service", &|it| it.new.as_mut().unwrap().service = Service::Suspended);
    is_told("suspicious", &|it| it.new.as_mut().unwrap().is_frozen = true);
    is_told("the old terminal is back", &|it| it.old.presence = Presence::Online);
    is_told("an alarm: no paper", &|it| it.alarms = vec!["an alarm: no paper".to_owned()]);
}

#[test]
fn nothing_is_watched_before_the_swap_nor_over_before_the_terminal_was_heard() {
    let (mut it, facts) = watching();
    for state in ReplacementState::ALL {
        it.state = state;
        let watched = look(&it, &facts, UnixTime(1000 + 9 * DAY));
        let is_watched = matches!(state, ReplacementState::Live | ReplacementState::Watching);
        assert_eq!(watched.is_some(), is_watched, "{state}");
        let is_over = watched.is_some_and(|it| it.is_over);
        assert_eq!(is_over, state == ReplacementState::Watching, "{state}");
    }
}
