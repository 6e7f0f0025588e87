//! What the machine under the agent says: how long it runs, what its clock shows, and chance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use shared::digest::Digest;
use shared::time::UnixTime;

use crate::decide::input::Now;
use crate::stop::{Stop, Waited};

/// The system gives no random numbers, without which nothing here is safe.
#[derive(Debug, thiserror::Error)]
#[error("no random numbers can be had from the system: {0}")]
pub struct NoRandomness(getrandom::Error);

pub fn now() -> Now {
    Now { uptime: uptime(), rtc: rtc() }
}

/// Since the machine started, time asleep included. Never jumps.
pub fn uptime() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The machine's own clock, before 1970 too.
fn rtc() -> UnixTime {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => UnixTime(0).plus(since),
        Err(before) => UnixTime(0).minus(before.duration()),
    }
}

/// Another at each start of the machine. Without one the agent's own start is taken for it: more is
/// counted as used then, never less.
pub fn boot() -> Result<Digest, NoRandomness> {
    match std::fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(id) => Ok(Digest::of(&id)),
        Err(_) => Ok(Digest::of(&random::<16>()?)),
    }
}

pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

/// What a thread needs to watch something over time.
pub trait Timekeeper {
    fn uptime(&self) -> Duration;

    fn wait(&self, duration: Duration) -> Waited;
}

/// Real time, until somebody asks to stop.
impl Timekeeper for Stop {
    fn uptime(&self) -> Duration {
        uptime()
    }

    fn wait(&self, duration: Duration) -> Waited {
        Stop::wait(self, duration)
    }
}
