//! Clocks that are set, stand still and jump, and machines that lose power.

use super::*;

const HOUR: u64 = 3600;
const CONTACT: UnixTime = UnixTime(1_800_000_000);
const LIMIT: Duration = Duration::from_secs(14 * DAY);
const FIRST: Digest = Digest([1; 32]);
const SECOND: Digest = Digest([2; 32]);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// This long after the start, by a clock that was right at the contact and goes on.
fn at(uptime_s: u64) -> Now {
    Now { uptime: seconds(uptime_s), rtc: CONTACT.plus(seconds(uptime_s)) }
}

/// Heard at the start of the first run.
fn heard() -> Lease {
    let mut lease = Lease::restore(Some(LIMIT), FIRST, Found::Nothing, at(0));
    lease.contact(CONTACT, at(0));
    lease.to_write(at(0)).expect("a contact is written down");
    lease
}

/// Everything that is due is written down, as the core does it: at each time that it is woken.
fn run(lease: &mut Lease, from_s: u64, for_s: u64) -> Kept {
    let mut now = at(from_s);
    let end = seconds(from_s + for_s);
    let mut kept = lease.to_write(now);
    while let Some(next) = lease.wakes_at(now).filter(|next| *next <= end) {
        assert!(next > now.uptime, "nobody is woken for what is past");
        now = at(next.as_secs());
        kept = lease.to_write(now).or(kept);
    }
    kept.or(lease.kept.clone()).expect("something was written down")
}

fn again(boot: Digest, kept: &Kept, now: Now) -> Lease {
    Lease::restore(Some(LIMIT), boot, Found::Kept(kept.clone()), now)
}

#[test]
fn time_with_the_machine_on_is_counted_whatever_its_clock_is_set_to() {
    for rtc in [0, CONTACT.0 - 365 * DAY as i64, CONTACT.0, 2_700_000_000] {
        let mut lease = heard();
        let now = |uptime_s| Now { uptime: seconds(uptime_s), rtc: UnixTime(rtc) };
        assert!(!lease.is_over(now(14 * DAY - 1)), "{rtc}");
        assert!(lease.is_over(now(14 * DAY)), "{rtc}");
        lease.contact(CONTACT.plus(LIMIT), now(14 * DAY));
        assert!(!lease.is_over(now(28 * DAY - 1)) && lease.is_over(now(28 * DAY)), "{rtc}");
    }
}

/// What a restart of the machine finds used, in hours, after ten hours of the first run, by what
/// its clock says then. A quarter of an hour is from the last start, a third a step.
#[test]
fn time_with_the_machine_off_is_counted_as_far_as_its_clock_is_credible() {
    let certain = 10 * HOUR + STEP.as_secs() + 900;
    let table = [
        ("goes on, off for a day", CONTACT.plus(seconds(34 * HOUR)), 34 * HOUR),
        ("goes on, off for 13 days", CONTACT.plus(seconds(13 * DAY)), 13 * DAY),
        (
            "goes on, off for 60 days: the last day is spared",
            CONTACT.plus(seconds(60 * DAY)),
            13 * DAY,
        ),
        (
            "jumped ahead within reason: the last day is spared",
            CONTACT.plus(seconds(399 * DAY)),
            13 * DAY,
        ),
        ("jumped ahead beyond reason", CONTACT.plus(seconds(401 * DAY)), certain),
        ("says 2055", UnixTime(2_682_374_400), certain),
        ("set back by a day", CONTACT.minus(seconds(DAY)), certain),
        ("says 1970", UnixTime(0), certain),
        ("stood still while it was off", CONTACT.plus(seconds(10 * HOUR)), certain),
    ];
    for (clock, rtc, used_s) in table {
        let kept = run(&mut heard(), 0, 10 * HOUR);
        let lease = again(SECOND, &kept, Now { uptime: seconds(900), rtc });
        assert_eq!(lease.used(Now { uptime: seconds(900), rtc }).as_secs(), used_s, "{clock}");
    }
}

#[test]
fn a_clock_that_was_wrong_at_the_contact_counts_no_days() {
    for (off, rtc) in [("ahead", CONTACT.plus(seconds(30 * DAY))), ("dead", UnixTime(86_400))] {
        let mut lease = Lease::restore(Some(LIMIT), FIRST, Found::Nothing, at(0));
        lease.contact(CONTACT, Now { uptime: Duration::ZERO, rtc });
        let kept = lease.to_write(at(0)).unwrap();
        let now = Now { uptime: Duration::ZERO, rtc: rtc.plus(seconds(10 * DAY)) };
        assert_eq!(again(SECOND, &kept, now).used(now), STEP, "{off}");
    }
}

#[test]
fn no_clock_locks_a_shop_at_once() {
    for days in 0..500 {
        let kept = run(&mut heard(), 0, HOUR);
        let now = Now { uptime: seconds(60), rtc: CONTACT.plus(seconds(days * DAY)) };
        let lease = again(SECOND, &kept, now);
        let left = LIMIT.saturating_sub(lease.used(now));
        assert!(left >= last_part(LIMIT), "{days} days: {left:?} left");
    }
}

/// Whoever pulls the plug again and again sells no longer than one who does not.
#[test]
fn power_cuts_and_restarts_save_nobody_a_second() {
    for run_s in [30, 700, 1_199, 1_201, 5_000, 100_000] {
        let mut kept = run(&mut heard(), 0, 0);
        let mut on_s = 0;
        for start in 1_u64.. {
            // The clock is set back each time.
            let lost = |uptime_s| Now { uptime: seconds(uptime_s), rtc: UnixTime(0) };
            let boot = Digest::of(&start.to_be_bytes());
            let mut lease = again(boot, &kept, lost(20));
            if lease.is_over(lost(20)) {
                break;
            }
            kept = run(&mut lease, 20, run_s);
            on_s += run_s;
            let used_s = lease.used(lost(20 + run_s)).as_secs();
            assert!(used_s >= on_s, "{run_s} s each: {used_s} of {on_s} s are counted");
        }
    }
}

#[test]
fn an_agent_that_starts_again_and_again_is_charged_for_no_more_than_the_time_that_passed() {
    let mut kept = run(&mut heard(), 0, 0);
    for start in 1..=1_000_u64 {
        let now = Now { uptime: Duration::from_millis(start * 1_700), ..at(0) };
        let mut lease = again(FIRST, &kept, now);
        let used = lease.used(now);
        assert!(
            used >= now.uptime && used <= now.uptime + seconds(2 * start / 100 + 2),
            "{used:?}"
        );
        kept = lease.to_write(now).unwrap_or(kept);
    }
}

#[test]
fn what_is_used_never_goes_back_but_by_contact() {
    let mut kept = run(&mut heard(), 0, 13 * DAY);
    let used_s = kept.used_s;
    for (boot, rtc) in [(3, UnixTime(0)), (4, CONTACT), (5, UnixTime(2_682_374_400))] {
        let now = Now { uptime: seconds(1), rtc };
        let mut lease = again(Digest([boot; 32]), &kept, now);
        kept = lease.to_write(now).expect("another start of the machine is written down");
        assert!(kept.used_s >= used_s, "{rtc}");
    }
    let mut lease = again(SECOND, &kept, at(0));
    lease.contact(CONTACT.plus(LIMIT), at(5));
    assert_eq!(lease.used(at(5)), Duration::ZERO);
    assert_eq!(lease.to_write(at(5)).unwrap().used_s, 0);
}

#[test]
fn it_locks_once_stays_locked_over_restarts_and_opens_after_a_contact() {
    let mut lease = heard();
    let over = at(14 * DAY);
    lease.lock(CONTACT.plus(LIMIT), over);
    assert!(lease.is_closed() && matches!(lease.stage(), Stage::Locking { .. }));
    let kept = lease.to_write(over).expect("the intention is written down");
    let mut lease = again(SECOND, &kept, at(0));
    assert!(matches!(lease.stage(), Stage::Locking { .. }));
    lease.unlocked();
    assert!(lease.is_closed(), "nobody opens it who was not heard");
    lease.locked();
    let kept = lease.to_write(at(0)).unwrap();
    let mut lease = again(FIRST, &kept, at(0));
    assert!(matches!(lease.stage(), Stage::Locked { .. }));
    let (since, for_s) = lease.closed_for(at(2 * HOUR)).unwrap();
    assert_eq!(since, CONTACT.plus(LIMIT));
    assert!((2 * HOUR..2 * HOUR + 3_600).contains(&for_s), "{for_s}");
    lease.contact(CONTACT.plus(seconds(20 * DAY)), at(2 * HOUR));
    let kept = lease.to_write(at(2 * HOUR)).expect("that it was heard is written down");
    let mut lease = again(SECOND, &kept, at(0));
    assert!(lease.is_closed() && !lease.is_over(at(0)));
    assert_eq!(lease.closed_for(at(HOUR)), Some((since, for_s)), "it is over, and was so long");
    lease.unlocked();
    assert_eq!((lease.stage(), lease.closed_for(at(0))), (Stage::Open, None));
}

#[test]
fn a_lost_store_leaves_the_last_part_and_a_till_that_may_be_locked() {
    let mut lease = Lease::restore(Some(LIMIT), FIRST, Found::Lost, at(0));
    assert_eq!(lease.used(at(0)), LIMIT - last_part(LIMIT));
    assert!(!lease.is_closed() && !lease.is_over(at(DAY - 1)) && lease.is_over(at(DAY)));
    let kept = lease.to_write(at(0)).expect("it is not lost twice");
    let mut lease = again(SECOND, &kept, at(0));
    lease.contact(CONTACT, at(1));
    assert!(matches!(lease.stage(), Stage::Unlocking { .. }), "the till is asked");
}

#[test]
fn without_a_lease_nothing_is_counted_and_what_is_locked_opens_all_the_same() {
    let mut lease = Lease::restore(None, FIRST, Found::Nothing, at(0));
    assert_eq!((lease.to_write(at(0)), lease.wakes_at(at(0))), (None, None));
    assert!(!lease.is_over(at(1_000 * DAY)));
    assert_eq!(lease.outlook(None, at(1_000 * DAY)), Outlook::Fine);
    let mut locked = heard();
    locked.lock(CONTACT, at(14 * DAY));
    let kept = locked.to_write(at(14 * DAY)).unwrap();
    let mut lease = Lease::restore(None, SECOND, Found::Kept(kept), at(0));
    assert!(lease.is_closed(), "whoever takes the table out of the configuration opens nothing");
    lease.contact(CONTACT, at(1));
    assert!(lease.to_write(at(1)).is_some());
    lease.unlocked();
    assert!(!lease.is_closed());
}

#[test]
fn the_last_day_or_quarter_is_warned_of() {
    let table = [(14, 13 * DAY, 24), (1, 18 * HOUR, 6), (365, 364 * DAY, 24)];
    for (days, from_s, in_h) in table {
        let limit = Some(seconds(days * DAY));
        let mut lease = Lease::restore(limit, FIRST, Found::Nothing, at(0));
        lease.contact(CONTACT, at(0));
        assert_eq!(lease.outlook(None, at(from_s - 1)), Outlook::Fine, "{days} days");
        assert_eq!(lease.outlook(None, at(from_s)), Outlook::RunsOut { in_h }, "{days} days");
        lease.lock(CONTACT, at(days * DAY));
        let trouble = Some("no answer".to_owned());
        let locked = Outlook::Locked { since: CONTACT, trouble };
        assert_eq!(lease.outlook(Some("no answer"), at(days * DAY)), locked);
    }
}
