//! What a new version must show before it is kept: the restarted process answers, says that it is
//! the version that was installed, passes its self-test and reaches its hosts, for as long as the
//! release asks without a break.
//!
//! Deliberately absent: whether the controller is reached, which the job asks besides, and what
//! happens when this is not shown.

use std::time::Duration;

use shared::document::Release;
use shared::outcome::FailureCode;

use crate::job::{Again, Finding, Proof, Reply};
use crate::machine::Timekeeper;
use crate::pos::{PosApplication, PosError};
use crate::stop::Waited;

/// Between two looks. A release that asks for ten minutes is not asked about every second.
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(15);

/// Looks in the time that a release asks for.
const LOOKS: u32 = 10;

/// What one look showed.
#[derive(Debug)]
struct Healthy {
    instance: String,
    findings: Vec<Finding>,
}

/// What one look did not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unhealthy {
    /// The application could not say just now.
    NotReady(String),
    /// It is another version, or broken.
    Shown(String),
}

impl Unhealthy {
    fn of(asked: &str, error: &PosError) -> Self {
        let problem = format!("{asked}: {error}");
        if error.is_not_ready() { Self::NotReady(problem) } else { Self::Shown(problem) }
    }

    fn into_problem(self) -> String {
        match self {
            Self::NotReady(problem) | Self::Shown(problem) => problem,
        }
    }
}

/// One look at a version that runs already: whether it is what it should be, now.
pub fn look_at(
    pos: &dyn PosApplication,
    component: &str,
    version: &str,
) -> Result<Vec<Finding>, Unhealthy> {
    look(pos, component, version, None).map(|healthy| healthy.findings)
}

/// Watches the application until it has been healthy for long enough, or was not in time.
/// `replaced` is the process that was there before the restart, if that is known.
pub fn prove(
    pos: &dyn PosApplication,
    release: &Release,
    replaced: Option<&str>,
    time: &dyn Timekeeper,
) -> Reply {
    let stable = Duration::from_secs(release.health.stable_s.into());
    let within = Duration::from_secs(release.health.within_s.into());
    let every = (stable / LOOKS).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX);
    let began = time.uptime();
    let mut healthy_since: Option<(Duration, String)> = None;
    loop {
        let seen = look(pos, &release.component, &release.version, replaced);
        let now = time.uptime();
        let problem = match seen {
            Ok(Healthy { instance, findings }) => {
                let since = match healthy_since.take() {
                    Some((since, same)) if same == instance => since,
                    Some(_) | None => now,
                };
                let healthy_for = now.saturating_sub(since);
                if healthy_for >= stable {
                    return Reply::Done(Proof { version: Some(release.version.clone()), findings });
                }
                healthy_since = Some((since, instance));
                format!("it was healthy for {} s only", healthy_for.as_secs())
            }
            Err(unhealthy) => {
                healthy_since = None;
                unhealthy.into_problem()
            }
        };
        let left = (began + within).saturating_sub(now);
        if left.is_zero() || time.wait(every.min(left)) == Waited::Stopped {
            let detail = format!("within {} s: {problem}", within.as_secs());
            let code = FailureCode::HealthNotProven;
            return Reply::Failed { code, detail, again: Again::Pointless };
        }
    }
}

fn look(
    pos: &dyn PosApplication,
    component: &str,
    version: &str,
    replaced: Option<&str>,
) -> Result<Healthy, Unhealthy> {
    let shown = |problem| Err(Unhealthy::Shown(problem));
    let status = pos.status().map_err(|error| Unhealthy::of("status", &error))?;
    let running = status.application;
    if running.component != component {
        return shown(format!("{} answers, not {component}", running.component));
    }
    if running.version != version {
        return shown(format!("version {} answers", running.version));
    }
    if replaced == Some(running.instance.as_str()) {
        return shown("the process from before the restart answers".to_owned());
    }
    let findings = vec![
        noted(format!("version {} runs, instance {}", running.version, running.instance)),
        noted(self_test(pos)?),
        noted(hosts(pos)?),
    ];
    Ok(Healthy { instance: running.instance, findings })
}

fn noted(note: String) -> Finding {
    Finding { note, digest: None }
}

/// What the till says of itself when it examines itself; a till that cannot is taken as it is.
pub fn self_test(pos: &dyn PosApplication) -> Result<String, Unhealthy> {
    let test = match pos.self_test() {
        Ok(test) => test,
        Err(PosError::Unsupported(_)) => return Ok("this till has no self-test".to_owned()),
        Err(error) => return Err(Unhealthy::of("self-test", &error)),
    };
    let broken = test.checks.iter().filter(|check| !check.passed);
    let broken: Vec<_> = broken.map(|check| format!("{} ({})", check.name, check.detail)).collect();
    match test.passed && broken.is_empty() {
        true => Ok(format!("self-test passed: {} checks", test.checks.len())),
        false => Err(Unhealthy::Shown(format!("self-test failed: {}", broken.join(", ")))),
    }
}

fn hosts(pos: &dyn PosApplication) -> Result<String, Unhealthy> {
    let hosts = match pos.host_check() {
        Ok(hosts) => hosts,
        Err(PosError::Unsupported(_)) => return Ok("this till cannot check its hosts".to_owned()),
        Err(error) => return Err(Unhealthy::of("host check", &error)),
    };
    let away: Vec<_> = hosts.iter().filter(|host| !host.reachable).collect();
    if let Some(host) = away.first() {
        let problem = format!("the host of `{}` is not reached: {}", host.binding, host.detail);
        return Err(Unhealthy::Shown(problem));
    }
    Ok(format!("{} hosts reached", hosts.len()))
}

#[cfg(test)]
mod tests;
