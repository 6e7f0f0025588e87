//! Asks for backups again and again: for each schedule one campaign in each of its periods.
//!
//! The id of a campaign follows from its schedule and its period, so that a controller that is
//! killed anywhere, or a second one, makes it once. When in the day a till is asked is the
//! campaign's window, in each terminal's own time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::change::{Backup, Change, Drill, Extent};
use shared::digest::{Digest, Nonce};
use shared::id::CampaignId;
use shared::time::UnixTime;
use shared::window::Window;
use tracing::{info, warn};

use crate::background::Progress;
use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignState;
use crate::campaign::{CampaignError, Campaigns};
use crate::registry::audit::By;
use crate::registry::campaign::{NewCampaign, Origin};
use crate::registry::{Registry, RegistryError};

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Save what is not in the repository yet.
    Incremental,
    /// Save everything into a new repository under a new key.
    Full,
    /// Restore the newest snapshot into a scratch till and compare the totals.
    Drill,
}

impl Work {
    pub const ALL: [Self; 3] = [Self::Incremental, Self::Full, Self::Drill];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
            Self::Drill => "drill",
        }
    }

    fn change(self, window: Option<Window>, settled_by: Option<UnixTime>) -> Change {
        let backup = |extent| Change::Backup(Backup { extent, window, settled_by });
        match self {
            Self::Incremental => backup(Extent::Incremental),
            Self::Full => backup(Extent::Full),
            Self::Drill => Change::Drill(Drill { window }),
        }
    }
}

/// How often, by the calendar (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    Day,
    /// From Monday.
    Week,
    Month,
}

impl Every {
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first moments of the period that `now` lies in, and of the next one.
    pub fn period(self, now: UnixTime) -> (UnixTime, UnixTime) {
        let at = Timestamp::from_second(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let today = at.to_zoned(TimeZone::UTC).date();
        let (first, next) = match self {
            Self::Day => (Some(today), today.tomorrow().ok()),
            Self::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                let monday = today.checked_sub(jiff::Span::new().days(since_monday)).ok();
                (monday, monday.and_then(|it| it.checked_add(jiff::Span::new().days(7)).ok()))
            }
            Self::Month => {
                let first = today.first_of_month();
                (Some(first), first.checked_add(jiff::Span::new().months(1)).ok())
            }
        };
        // Beyond the years that a calendar knows there is one period.
        let begin = |date: Option<Date>, beyond: i64| {
            let zoned = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
            UnixTime(zoned.map_or(beyond, |zoned| zoned.timestamp().as_second()))
        };
        (begin(first, i64::MIN), begin(next, i64::MAX))
    }
}

/// What is asked of whom, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub name: String,
    pub work: Work,
    pub every: Every,
    pub selector: String,
    pub max_parallel: u32,
    /// When terminals may begin, in the local time of each.
    pub window: Option<Window>,
    /// How long after its campaign is made a till's open batch is waited for.
    pub settlement: Option<Duration>,
    pub set_at: UnixTime,
    pub set_by: String,
    /// When its next campaign is to be made.
    pub next_at: UnixTime,
}

/// Why a schedule cannot wait for settlements like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAWait {
    #[error("a drill waits for no settlement: only backups do")]
    Drill,
    #[error("it is to wait for {} s: choose from an hour to {} s, so that it is over before the \
        next period begins", asked.as_secs(), most.as_secs())]
    Length { asked: Duration, most: Duration },
}

/// A till settles once a day; less than this is no wait.
const SETTLEMENT_MIN: Duration = Duration::from_secs(3600);

/// Whether a schedule can wait so long for a till's batch to be settled.
pub fn check_wait(work: Work, every: Every, asked: Duration) -> Result<(), NotAWait> {
    let day = Duration::from_secs(24 * 3600);
    let most = match every {
        Every::Day => day / 2,
        Every::Week => 5 * day,
        Every::Month => 14 * day,
    };
    match work {
        Work::Drill => Err(NotAWait::Drill),
        Work::Incremental | Work::Full if (SETTLEMENT_MIN..=most).contains(&asked) => Ok(()),
        Work::Incremental | Work::Full => Err(NotAWait::Length { asked, most }),
    }
}

impl Schedule {
    /// The campaign of the period that begins then. Ids sort by time, so this one does too.
    pub fn campaign(&self, begin: UnixTime) -> CampaignId {
        let (set_at, at) = (self.set_at.0.to_be_bytes(), begin.0.to_be_bytes());
        let digest = Digest::of_parts(&[b"backup schedule\0", self.name.as_bytes(), &set_at, &at]);
        let mut id = [0; 16];
        let millis = u64::try_from(begin.0.saturating_mul(1000)).unwrap_or(0).to_be_bytes();
        id[..6].copy_from_slice(&millis[2..]);
        id[6..].copy_from_slice(&digest.0[..10]);
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        CampaignId::from_bytes(id)
    }
}

/// The reconciler.
#[derive(Debug)]
pub struct Scheduling {
    registry: Arc<dyn Registry>,
    campaigns: Campaigns,
}

/// In one step.
const SCHEDULES_MAX: u32 = 16;

/// When a schedule that asks nobody is tried again within its period: somebody may enrol.
const NOBODY_AFTER: Duration = Duration::from_secs(3600);

impl Scheduling {
    pub fn new(registry: Arc<dyn Registry>, campaigns: Campaigns) -> Self {
        Self { registry, campaigns }
    }

    pub async fn step(&self, now: UnixTime) -> Result<Progress, RegistryError> {
        let due = self.registry.schedules_due(now, SCHEDULES_MAX).await?;
        let more = due.len() == usize::try_from(SCHEDULES_MAX).unwrap_or(usize::MAX);
        for schedule in due {
            let (begin, next) = schedule.every.period(now);
            let next_at = match self.make(&schedule, begin, next, now).await {
                Ok(campaign) => {
                    info!(schedule = schedule.name, %campaign, "a scheduled campaign is made");
                    next
                }
                Err(CampaignError::Registry(error)) => return Err(error),
                Err(why) => {
                    warn!(schedule = schedule.name, %why, "a scheduled campaign is not made");
                    next.min(now.plus(NOBODY_AFTER))
                }
            };
            self.registry.schedule_made(&schedule, next_at).await?;
        }
        Ok(if more { Progress::MoreToDo } else { Progress::Settled })
    }

    /// Makes the campaign and starts it, as far as that was not done before.
    async fn make(
        &self,
        schedule: &Schedule,
        begin: UnixTime,
        next: UnixTime,
        now: UnixTime,
    ) -> Result<CampaignId, CampaignError> {
        let id = schedule.campaign(begin);
        let why = format!("schedule {} of {}", schedule.name, schedule.set_by);
        let by = By { who: "schedule".to_owned(), why, at: now };
        let state = match self.registry.campaign(id).await? {
            Some(made) => made.state,
            None => {
                // What is not done when the next one begins is the next one's.
                let lifetime_s = next.since(now).as_secs().max(crate::campaign::LIFETIME_S_MIN);
                let settled_by = schedule.settlement.map(|within| now.plus(within));
                let new = NewCampaign {
                    id,
                    name: Some(schedule.name.clone()),
                    change: schedule.work.change(schedule.window, settled_by),
                    selector: schedule.selector.clone(),
                    max_parallel: schedule.max_parallel,
                    policy: Policy::PLAIN,
                    lifetime_s,
                    salt: Nonce(*id.as_bytes()),
                    origin: Origin::Itself,
                };
                self.campaigns.create_in_turn(&new, &by).await?.state
            }
        };
        if state == CampaignState::Draft {
            self.campaigns.start_in_turn(id, &by).await?;
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<Timestamp>().unwrap().as_second())
    }

    #[test]
    fn periods_follow_the_calendar() {
        let cases = [
            (Every::Day, "2026-11-22T20:00:00Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            (Every::Day, "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
            (Every::Week, "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            (Every::Week, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Every::Month, "2026-12-31T12:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ];
        for (every, now, begin, next) in cases {
            assert_eq!(every.period(at(now)), (at(begin), at(next)), "{every:?} {now}");
        }
        assert!(Every::Month.period(UnixTime(i64::MAX)).1 > UnixTime(0), "no panic");
    }

    #[test]
    fn a_settlement_is_waited_for_within_the_period_and_by_backups_alone() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let (full, drill) = (Work::Full, Work::Drill);
        for (work, every, wait, fits) in [
            (full, Every::Day, hours(12), true),
            (full, Every::Day, hours(13), false),
            (full, Every::Week, hours(5 * 24), true),
            (full, Every::Month, hours(14 * 24), true),
            (full, Every::Month, hours(15 * 24), false),
            (Work::Incremental, Every::Month, hours(1), true),
            (full, Every::Month, Duration::from_secs(3599), false),
        ] {
            assert_eq!(check_wait(work, every, wait).is_ok(), fits, "{work:?} {every:?} {wait:?}");
        }
        assert_eq!(check_wait(drill, Every::Month, hours(2)), Err(NotAWait::Drill));
    }

    fn schedule(name: &str) -> Schedule {
        Schedule {
            name: name.to_owned(),
            work: Work::Incremental,
            every: Every::Day,
            selector: "store=berlin-1".to_owned(),
            max_parallel: 5,
            window: None,
            settlement: None,
            set_at: UnixTime(1),
            set_by: "ana".to_owned(),
            next_at: UnixTime(1),
        }
    }

    #[test]
    fn a_campaigns_id_follows_from_its_schedule_and_period() {
        let (today, tomorrow) = (at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z"));
        let nightly = schedule("nightly");
        assert_eq!(nightly.campaign(today), schedule("nightly").campaign(today));
        assert!(nightly.campaign(today) < nightly.campaign(tomorrow));
        assert_ne!(nightly.campaign(today), schedule("other").campaign(today));
        let set_anew = Schedule { set_at: UnixTime(2), ..nightly.clone() };
        assert_ne!(nightly.campaign(today), set_anew.campaign(today));
    }
}
