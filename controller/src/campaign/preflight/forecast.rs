//! When each wave can open at the earliest, and how long a campaign takes at least. Pure.
//!
//! A lower bound, as far as it is known today: every terminal that has ever connected is there when
//! it is needed, succeeds at once, and only what has to take time does: a terminal's window opens
//! in its own zone, its store is not frozen and within its hours, a release has to prove itself, a
//! place is taken meanwhile, no more are let through than the rate says, and a wave soaks. Nothing
//! is released before the moment that its operator has named. Whoever was never seen is not
//! counted on where the gate has a deadline for them. Waves are shuffled, so they are taken to be
//! made up as all members are.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Jitter, Part};
use shared::time::UnixTime;
use shared::window::Window;

use super::{Heads, Present};
use crate::campaign::policy::{Gate, Policy};
use crate::campaign::wave;

/// What a campaign's speed depends on, beside who its members are.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    pub policy: &'a Policy,
    pub max_parallel: u32,
    /// For how long a terminal takes a place, at the very least.
    pub job: Duration,
    /// When its orders end: whoever is not let through by then never is.
    pub until: UnixTime,
}

/// Members whose shops may be disturbed at the same moments.
#[derive(Clone, Debug)]
pub struct Group {
    pub opens: Opens,
    pub present: Present,
}

/// When they may be.
#[derive(Clone, Debug)]
pub enum Opens {
    /// As far as is known here.
    Always,
    /// By the change's own window.
    Daily(Window, TimeZone),
    /// By what is kept of their stores, too, for as long as orders are valid.
    Kept {
        calendar: Calendar,
        window: Option<Window>,
        zone: TimeZone,
        until: UnixTime,
    },
    Never,
}

impl Opens {
    /// By the change's own window alone. In a zone that nobody here knows it is open: its terminals
    /// will know better.
    pub fn of(window: Option<Window>, zone: Option<TimeZone>) -> Self {
        match window.zip(zone) {
            Some((window, zone)) => Self::Daily(window, zone),
            None => Self::Always,
        }
    }

    fn next(&self, at: UnixTime) -> Option<UnixTime> {
        match self {
            Self::Always => Some(at),
            Self::Daily(window, zone) => Some(window.next_opening(at, zone)),
            Self::Kept { calendar, window, zone, until } => {
                let hours = calendar.hours(Part::Activation, zone, Jitter::NONE);
                hours.within(*window).next_opening(at, *until)
            }
            Self::Never => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// In the order in which they open.
    pub waves: Vec<ForeseenWave>,
    /// When the last terminal can have ended.
    pub over_at: UnixTime,
    /// Members whose shops stay closed for as long as orders are valid.
    pub shut: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeseenWave {
    pub size: u32,
    pub opens_at: UnixTime,
}

/// Of a campaign over these members that is started at this moment.
pub fn forecast(course: Course<'_>, groups: &[Group], start: UnixTime) -> Forecast {
    let listed = Crowd::of(groups, |it| it.listed);
    let others = Crowd::of(groups, |it| it.others);
    let all = listed.members + others.members;
    let sizes = wave::sizes(course.policy, usize::try_from(all).unwrap_or(usize::MAX));
    let mut waves = Vec::new();
    let begins = course.policy.begins_at(start);
    let (mut opens_at, mut over_at) = (begins, begins.plus(course.at_its_rate(all)));
    for (at, size) in sizes.into_iter().enumerate() {
        let crowd = if at == 0 && listed.members > 0 { &listed } else { &others };
        let wave = Opened { course, crowd, size, at: opens_at };
        waves.push(ForeseenWave { size, opens_at });
        over_at = over_at.max(wave.over_at());
        if let Some(gate) = &course.policy.gate {
            opens_at = wave.reached_at(gate).plus(gate.soak);
        }
    }
    let is_shut = |it: &&Group| it.opens.next(begins).is_none_or(|at| at >= course.until);
    let shut = groups.iter().filter(is_shut).map(|it| it.present.all().members).sum();
    Forecast { waves, over_at, shut }
}

/// A wave that opens at this moment.
struct Opened<'a> {
    course: Course<'a>,
    crowd: &'a Crowd<'a>,
    size: u32,
    at: UnixTime,
}

impl Course<'_> {
    /// How long releasing so many takes at least, by the rate alone.
    pub fn at_its_rate(&self, terminals: u64) -> Duration {
        self.policy.rate.map_or(Duration::ZERO, |rate| rate.takes(terminals))
    }
}

impl Opened<'_> {
    /// When enough of it can have been attempted.
    fn reached_at(&self, gate: &Gate) -> UnixTime {
        let size = u64::from(self.size);
        let part = |needed: u64| {
            let seen = self.attempted_at(needed, |heads| heads.seen);
            // Who was never seen may connect at this moment: later than that is not certain. Where
            // all together are too few, shops stay closed until the orders end.
            let at_all = self.attempted_at(needed, |heads| heads.members);
            (seen, at_all.unwrap_or(self.course.until.max(self.at)))
        };
        let (_, sample) = part(u64::from(gate.sample_min).min(size));
        let (seen, at_all) = part((size * u64::from(gate.reach_percent_min)).div_ceil(100));
        let reach = match (seen, gate.reach_after.map(|after| self.at.plus(after))) {
            (Some(seen), Some(deadline)) => seen.min(deadline),
            (Some(seen), None) => seen,
            (None, Some(deadline)) => deadline,
            (None, None) => at_all,
        };
        sample.max(reach)
    }

    fn over_at(&self) -> UnixTime {
        // Whose shops are closed until the orders end are not waited for.
        let members = |heads: &Heads| heads.members;
        let there = self.openings(members).iter().map(|(_, count)| count).sum::<u64>();
        let of_all = u128::from(self.size) * u128::from(there);
        let needed = of_all / u128::from(self.crowd.members.max(1));
        let all = self.attempted_at(u64::try_from(needed).unwrap_or(u64::MAX), members);
        all.unwrap_or(self.at)
    }

    /// When so many can have been attempted, of those that are counted; `None` if that is more than
    /// there are.
    fn attempted_at(&self, needed: u64, counted: impl Fn(&Heads) -> u64) -> Option<UnixTime> {
        let mut openings = self.openings(counted);
        openings.sort_unstable();
        // Chance may put one more of them into the wave than their part of all members.
        let too_few = u128::from(needed.saturating_sub(1)) * u128::from(self.crowd.members);
        let mut there = 0_u128;
        let open = openings.into_iter().find(|(_, count)| {
            there += u128::from(*count) * u128::from(self.size);
            there > too_few || needed == 0
        });
        let rounds = needed.div_ceil(u64::from(self.course.max_parallel.max(1)));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        let (open, _) = open?;
        let job = self.course.job;
        let last_place = self.at.plus(job.saturating_mul(rounds));
        let last_released = self.at.plus(self.course.at_its_rate(needed)).plus(job);
        Some(last_place.max(last_released).max(open.plus(job)))
    }

    /// When shops open that are opened at all, and how many members are there.
    fn openings(&self, counted: impl Fn(&Heads) -> u64) -> Vec<(UnixTime, u64)> {
        let each = self.crowd.each.iter();
        each.filter_map(|(opens, heads)| Some((opens.next(self.at)?, counted(heads)))).collect()
    }
}

/// From among whom a wave is.
struct Crowd<'a> {
    each: Vec<(&'a Opens, Heads)>,
    members: u64,
}

impl<'a> Crowd<'a> {
    fn of(groups: &'a [Group], part: impl Fn(&Present) -> Heads) -> Self {
        let each = groups.iter().map(|it| (&it.opens, part(&it.present)));
        let each: Vec<_> = each.filter(|(_, heads)| heads.members > 0).collect();
        let members = each.iter().map(|(_, heads)| heads.members).sum();
        Self { each, members }
    }
}

/// `None` of a name that this machine does not know.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// What clocks show in this zone then, to the minute.
pub fn local_text(at: UnixTime, zone: &str) -> Option<String> {
    let timestamp = Timestamp::from_second(at.0).ok()?;
    Some(timestamp.to_zoned(time_zone(zone)?).strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::policy::Share;
    use shared::calendar::Span;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Noon, in summer nowhere.
    fn noon() -> UnixTime {
        at("2026-11-22T12:00:00Z")
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().expect("a test's own time").as_second())
    }

    /// Members by zone, and those of them that were seen.
    type Fleet = Vec<(String, u64, u64)>;

    fn fleet(zones: &[(&str, u64, u64)]) -> Fleet {
        zones.iter().map(|(name, members, seen)| ((*name).to_owned(), *members, *seen)).collect()
    }

    fn groups(fleet: &Fleet, window: Option<Window>) -> Vec<Group> {
        let group = |(zone, members, seen): &(String, u64, u64)| Group {
            opens: Opens::of(window, time_zone(zone)),
            present: Present {
                others: Heads { members: *members, seen: *seen },
                ..Present::default()
            },
        };
        fleet.iter().map(group).collect()
    }

    fn policy(waves: &[Share]) -> Policy {
        let gate = Gate {
            sample_min: 1,
            success_percent_min: 90,
            soak: HOUR,
            bad_max: Share::Count(1),
            reach_percent_min: 80,
            reach_after: Some(HOUR * 24),
        };
        Policy { waves: waves.to_vec(), gate: Some(gate), ..Policy::PLAIN }
    }

    fn course(policy: &Policy) -> Course<'_> {
        let until = noon().plus(HOUR * 24 * 7);
        Course { policy, max_parallel: 100, job: Duration::ZERO, until }
    }

    /// Sizes of the waves, hours from noon to where each opens, and to the end.
    #[track_caller]
    fn check(course: Course<'_>, fleet: &Fleet, waves: &[(u32, u64)], over: u64) {
        check_groups(course, &groups(fleet, None), waves, over);
    }

    #[track_caller]
    fn check_nightly(course: Course<'_>, fleet: &Fleet, waves: &[(u32, u64)], over: u64) {
        check_groups(course, &groups(fleet, "22:00-06:00".parse().ok()), waves, over);
    }

    #[track_caller]
    fn check_groups(course: Course<'_>, groups: &[Group], waves: &[(u32, u64)], over: u64) {
        let Forecast { waves: found, over_at, .. } = forecast(course, groups, noon());
        let hours = |at: UnixTime| at.since(noon()).as_secs() / 3_600;
        let found: Vec<_> = found.iter().map(|it| (it.size, hours(it.opens_at))).collect();
        assert_eq!((found.as_slice(), hours(over_at)), (waves, over));
    }

    #[test]
    fn a_wave_opens_once_those_before_it_have_soaked() {
        let policy = policy(&[Share::Count(2), Share::Percent(20), Share::Rest]);
        let fleet = fleet(&[("UTC", 100, 100)]);
        check(course(&policy), &fleet, &[(2, 0), (20, 1), (78, 2)], 2);
        check(course(&Policy::PLAIN), &fleet, &[(100, 0)], 0);
    }

    #[test]
    fn windows_open_when_it_is_night_where_a_terminal_stands() {
        let policy = policy(&[Share::Percent(50), Share::Rest]);
        let plain = course(&policy);
        // 22:00 in Shanghai is 14:00 UTC, in Berlin 21:00.
        let mixed = |there: u64| {
            let here = 100 - there;
            fleet(&[("Asia/Shanghai", there, there), ("Europe/Berlin", here, here)])
        };
        check_nightly(plain, &mixed(90), &[(50, 0), (50, 3)], 9);
        check_nightly(plain, &mixed(10), &[(50, 0), (50, 10)], 26);
        let unknown = fleet(&[("Mars/Olympus", 9, 9)]);
        check_nightly(plain, &unknown, &[(5, 0), (4, 1)], 1);
    }

    #[test]
    fn what_people_keep_of_stores_is_counted_for_as_long_as_orders_live() {
        let policy = policy(&[Share::Percent(50), Share::Rest]);
        let heads = Heads { members: 50, seen: 50 };
        let group =
            |opens| Group { opens, present: Present { others: heads, ..Present::default() } };
        let frozen = |hours: u32| {
            let (from, to) = (noon().minus(HOUR), noon().plus(HOUR * hours));
            let freezes = vec![Span { from, to }];
            let (download, activation) = (vec![], vec![]);
            let calendar = Calendar { download, activation, freezes, spread_s: 0 };
            let until = noon().plus(HOUR * 24 * 7);
            group(Opens::Kept { calendar, window: None, zone: TimeZone::UTC, until })
        };
        let free = || group(Opens::Always);
        check_groups(course(&policy), &[free(), free()], &[(50, 0), (50, 1)], 1);
        // The gate waits for 40 of 50, and half of each wave is in a store that is frozen.
        check_groups(course(&policy), &[free(), frozen(20)], &[(50, 0), (50, 21)], 21);
        // Nobody counts on whose shop stays closed: the gate does without them after a day.
        check_groups(course(&policy), &[free(), frozen(9 * 24)], &[(50, 0), (50, 25)], 25);
        check_groups(course(&policy), &[free(), group(Opens::Never)], &[(50, 0), (50, 25)], 25);
        // One that goes first may be one whose shop is open.
        let one = Policy { waves: vec![Share::Count(1), Share::Rest], ..policy.clone() };
        check_groups(course(&one), &[free(), frozen(9 * 24)], &[(1, 0), (99, 1)], 1);
        let found = forecast(course(&one), &[free(), frozen(9 * 24)], noon());
        assert_eq!(found.shut, 50);
        // Where it waits for them, it waits until the orders end.
        let gate = policy.gate.clone().map(|gate| Gate { reach_after: None, ..gate });
        let patient = Policy { gate, ..policy.clone() };
        let week = 24 * 7;
        let waves = [(50, 0), (50, week + 1)];
        check_groups(course(&patient), &[free(), frozen(9 * 24)], &waves, week + 1);
    }

    #[test]
    fn nobody_counts_on_who_was_never_seen_until_the_gate_does_without_them() {
        let policy = policy(&[Share::Count(10), Share::Rest]);
        let of = |seen: u64| fleet(&[("UTC", 100, seen)]);
        check(course(&policy), &of(80), &[(10, 0), (90, 1)], 1);
        // Eight of ten are waited for: of 71 chance may put so many into the wave.
        check(course(&policy), &of(71), &[(10, 0), (90, 1)], 1);
        check(course(&policy), &of(70), &[(10, 0), (90, 25)], 25);
    }

    #[test]
    fn who_has_no_place_waits_for_those_that_prove_themselves() {
        let policy = policy(&[Share::Count(10), Share::Rest]);
        let one_by_one = Course { max_parallel: 1, job: HOUR, ..course(&policy) };
        check(one_by_one, &fleet(&[("UTC", 20, 20)]), &[(10, 0), (10, 9)], 19);
    }

    #[test]
    fn what_its_rate_does_not_let_through_comes_later() {
        let gated = policy(&[Share::Count(10), Share::Rest]);
        let rate = "2/h".parse().ok();
        let slow = Policy { rate, ..gated.clone() };
        let fleet = fleet(&[("UTC", 20, 20)]);
        // The eighth of ten, which is what the gate waits for, three hours and a half later.
        check(course(&slow), &fleet, &[(10, 0), (10, 4)], 9);
        let at_once = Policy { rate: "600/m".parse().ok(), ..gated };
        check(course(&at_once), &fleet, &[(10, 0), (10, 1)], 1);
        let one_wave = Policy { rate, ..Policy::PLAIN };
        check(course(&one_wave), &fleet, &[(20, 0)], 9);
    }

    #[test]
    fn who_is_to_begin_later_begins_later() {
        let gated = policy(&[Share::Count(10), Share::Rest]);
        let fleet = fleet(&[("Europe/Berlin", 20, 20)]);
        let later = Policy { not_before: Some(noon().plus(HOUR * 30)), ..gated.clone() };
        check(course(&later), &fleet, &[(10, 30), (10, 31)], 31);
        // 18:00 of the next day; the window opens at 22:00 in Berlin.
        check_nightly(course(&later), &fleet, &[(10, 30), (10, 34)], 34);
        let past = Policy { not_before: Some(noon().minus(HOUR)), ..gated };
        check(course(&past), &fleet, &[(10, 0), (10, 1)], 1);
    }

    #[test]
    fn a_moment_is_what_clocks_show_there() {
        let summer = at("2026-07-01T22:30:00Z");
        assert_eq!(local_text(summer, "Europe/Berlin").as_deref(), Some("2026-07-02 00:30"));
        assert_eq!(local_text(summer, "Mars/Olympus"), None);
    }
}
