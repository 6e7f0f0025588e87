//! Whether the new provider does well enough, compared with the old one on the same till. Pure.

use std::time::Duration;

use shared::change::rebind::Watch;

use crate::pos::Figures;

/// Below this many payments a rate says nothing: one that is declined would be a breach.
const PAYMENTS_JUDGED_MIN: u64 = 10;

/// What a look at the figures came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not over yet; looked at again then.
    GoOn {
        detail: String,
        again_in: Duration,
    },
    /// The watch is over, and clean; the note has the figures of both providers.
    Kept {
        note: String,
    },
    Breached {
        detail: String,
    },
}

/// How often the figures are looked at: a breach is to be seen within a few customers.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);

/// `before` is what the old provider did on this till, `now` what the new one did so far.
pub fn judge(watch: &Watch, before: &Figures, now: &Figures) -> Verdict {
    let watched_s = now.active_s.unwrap_or(0);
    if now.crashes > u64::from(watch.crashes_max) {
        let detail = format!("the POS application crashed {} times", now.crashes);
        return Verdict::Breached { detail };
    }
    if now.payments >= PAYMENTS_JUDGED_MIN
        && let Some(detail) = worse(watch, before, now)
    {
        return Verdict::Breached { detail };
    }
    let is_over = watched_s >= u64::from(watch.for_s);
    let seen_enough = now.payments >= u64::from(watch.payments_min).max(PAYMENTS_JUDGED_MIN);
    let is_late = watched_s >= u64::from(watch.at_most_s);
    let said = said(now, &format!(" in {watched_s} s"));
    if is_late && now.payments > 0 && now.host_errors == now.payments {
        return Verdict::Breached { detail: format!("{said}: not one reached the new provider") };
    }
    match (is_over && seen_enough, is_late) {
        (true, _) => Verdict::Kept { note: with_baseline(said, before) },
        (false, true) => {
            let said = format!("{said}; fewer than the {} that were wanted", watch.payments_min);
            Verdict::Kept { note: with_baseline(said, before) }
        }
        (false, false) => {
            let rest = Duration::from_secs(u64::from(watch.for_s).saturating_sub(watched_s));
            let tenth = (rest / 10).clamp(LOOK_EVERY_MIN, LOOK_EVERY);
            Verdict::GoOn { detail: said, again_in: tenth }
        }
    }
}

/// What is worse than the limits allow, in words.
fn worse(watch: &Watch, before: &Figures, now: &Figures) -> Option<String> {
    let errors = percent(now.host_errors, now.payments);
    if errors > u64::from(watch.host_errors_max) {
        return Some(format!(
            "{errors} of 100 payments ended in an error of the host; {} are allowed",
            watch.host_errors_max
        ));
    }
    if before.payments < PAYMENTS_JUDGED_MIN {
        return None;
    }
    let (was, is) =
        (percent(before.approved, before.payments), percent(now.approved, now.payments));
    if is + u64::from(watch.approval_drop_max) < was {
        return Some(format!(
            "{is} of 100 payments were approved, {was} before; a drop of {} is allowed",
            watch.approval_drop_max
        ));
    }
    let (was, is) = (each_ms(before), each_ms(now));
    let allowed = was.saturating_mul(100 + u64::from(watch.slower_max)) / 100;
    (is > allowed.max(1)).then(|| {
        format!("a payment took {is} ms, {was} ms before; {} % more are allowed", watch.slower_max)
    })
}

fn percent(part: u64, of: u64) -> u64 {
    part.saturating_mul(100).checked_div(of).unwrap_or(0)
}

fn each_ms(figures: &Figures) -> u64 {
    figures.time_ms.checked_div(figures.payments).unwrap_or(0)
}

/// `within` says in what time.
fn said(figures: &Figures, within: &str) -> String {
    format!(
        "{} payments{within}, {} approved, {} errors of the host, {} ms each",
        figures.payments,
        figures.approved,
        figures.host_errors,
        each_ms(figures)
    )
}

/// What is signed at the end, so that before and after can be compared.
fn with_baseline(said: String, before: &Figures) -> String {
    said + "; before: " + &self::said(before, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCH: Watch = Watch {
        for_s: 100,
        payments_min: 50,
        at_most_s: 300,
        approval_drop_max: 10,
        host_errors_max: 5,
        slower_max: 50,
        crashes_max: 1,
    };

    fn figures(active_s: u64, payments: u64, approved: u64) -> Figures {
        let time_ms = payments * 100;
        Figures {
            active_s: Some(active_s),
            payments,
            approved,
            host_errors: 0,
            time_ms,
            crashes: 0,
        }
    }

    fn before() -> Figures {
        Figures { active_s: None, ..figures(0, 1000, 950) }
    }

    #[test]
    fn a_watch_ends_with_its_time_and_its_payments() {
        let cases = [
            ("too early", figures(99, 60, 57), "go on"),
            ("too few", figures(100, 49, 47), "go on"),
            ("both", figures(100, 50, 47), "kept"),
            ("a quiet shop", figures(300, 3, 3), "kept"),
            ("nobody at all", figures(300, 0, 0), "kept"),
            ("not active", Figures { active_s: None, ..figures(0, 0, 0) }, "go on"),
        ];
        for (what, now, expected) in cases {
            let said = match judge(&WATCH, &before(), &now) {
                Verdict::GoOn { again_in, .. } => {
                    assert!(again_in >= LOOK_EVERY_MIN && again_in <= LOOK_EVERY, "{what}");
                    "go on"
                }
                Verdict::Kept { .. } => "kept",
                Verdict::Breached { .. } => "breached",
            };
            assert_eq!(said, expected, "{what}");
        }
    }

    #[test]
    fn what_is_signed_at_the_end_has_the_figures_of_both_providers() {
        let errors = Figures { host_errors: 2, ..before() };
        let note = |now| {
            let verdict = judge(&WATCH, &errors, &now);
            let Verdict::Kept { note } = verdict else { panic!("{verdict:?}") };
            note
        };
        let baseline = "; before: 1000 payments, 950 approved, 2 errors of the host, 100 ms each";
        let slower = Figures { time_ms: 7_000, ..figures(120, 50, 47) };
        let now = "50 payments in 120 s, 47 approved, 0 errors of the host, 140 ms each";
        assert_eq!(note(slower), format!("{now}{baseline}"));
        let quiet = note(figures(300, 3, 3));
        let few = "3 payments in 300 s, 3 approved, 0 errors of the host, 100 ms each; fewer than";
        assert!(quiet.starts_with(few) && quiet.ends_with(baseline), "{quiet}");
        // However much there is, nothing of it is cut off.
        let most = Figures { host_errors: u64::MAX, ..figures(u64::MAX, 0, u64::MAX) };
        let longest = with_baseline(said(&most, " in 4294967295 s; fewer than 4294967295"), &most);
        assert!(longest.len() <= shared::limits::TEXT_BYTES_MAX, "{}", longest.len());
    }

    #[test]
    fn each_limit_is_held_at_its_edge_and_breached_one_beyond() {
        let breached =
            |now: &Figures| matches!(judge(&WATCH, &before(), now), Verdict::Breached { .. });
        assert!(!breached(&figures(50, 100, 85)));
        assert!(breached(&figures(50, 100, 84)), "95 before, and a drop of 10 is allowed");
        let errors = |host_errors| Figures { host_errors, ..figures(50, 100, 95) };
        assert!(!breached(&errors(5)) && breached(&errors(6)));
        let slow = |time_ms| Figures { time_ms, ..figures(50, 100, 95) };
        assert!(!breached(&slow(15_000)) && breached(&slow(15_100)));
        let crashed = |crashes| Figures { crashes, ..figures(50, 0, 0) };
        assert!(!breached(&crashed(1)) && breached(&crashed(2)));
    }

    #[test]
    fn a_handful_of_payments_is_no_rate() {
        let declined = figures(50, 9, 0);
        assert!(matches!(judge(&WATCH, &before(), &declined), Verdict::GoOn { .. }));
        let declined = figures(50, 10, 0);
        assert!(matches!(judge(&WATCH, &before(), &declined), Verdict::Breached { .. }));
    }

    #[test]
    fn a_watch_that_asks_for_few_payments_is_not_over_before_they_can_be_judged() {
        let few = Watch { payments_min: 1, ..WATCH };
        let failing = |at, payments| Figures { host_errors: payments, ..figures(at, payments, 0) };
        assert!(matches!(judge(&few, &before(), &failing(200, 9)), Verdict::GoOn { .. }));
        assert!(matches!(judge(&few, &before(), &failing(200, 10)), Verdict::Breached { .. }));
        assert!(matches!(judge(&few, &before(), &figures(200, 10, 9)), Verdict::Kept { .. }));
        // The last moment: some may be chance, all of them are not.
        assert!(matches!(judge(&few, &before(), &failing(300, 3)), Verdict::Breached { .. }));
        let one = Figures { host_errors: 1, ..figures(300, 3, 2) };
        assert!(matches!(judge(&few, &before(), &one), Verdict::Kept { .. }));
    }

    #[test]
    fn a_till_without_a_past_is_judged_by_errors_alone() {
        let new = Figures { active_s: None, ..figures(0, 0, 0) };
        let now = figures(100, 50, 0);
        assert!(matches!(judge(&WATCH, &new, &now), Verdict::Kept { .. }));
        let errors = Figures { host_errors: 50, ..now };
        assert!(matches!(judge(&WATCH, &new, &errors), Verdict::Breached { .. }));
    }
}
