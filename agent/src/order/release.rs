//! Whether a release may be installed here: the controller chose it, but only the release keys
//! say that it is genuine, and only what runs says whether it is a step forward.

use shared::change::Upgrade;
use shared::document::roster::Role;
use shared::document::{Release, Roster};
use shared::message::Parcel;
use shared::outcome::Refusal;

use super::{Known, Refused, open, refused};

pub(super) fn check(
    upgrade: &Upgrade,
    parcel: &Parcel,
    roster: &Roster,
    known: &Known<'_>,
) -> Result<Release, Refused> {
    let Some(signed) = &parcel.release else {
        let detail = format!("release {} did not come with the order", upgrade.release);
        return Err(refused(Refusal::ReleaseMissing, detail));
    };
    let opened = open::<Release>("the release", signed, known.trust)?;
    if opened.digest != upgrade.release {
        let detail = format!("ordered is release {}, not {}", upgrade.release, opened.digest);
        return Err(refused(Refusal::OtherRelease, detail));
    }
    let (have, need) = (opened.signed_by.count(Role::Release), roster.thresholds.release);
    if have < usize::from(need) {
        let detail = format!("{have} release keys signed the release, of the {need} it needs");
        return Err(refused(Refusal::ReleaseNotSigned, detail));
    }
    let release = opened.document;
    release.check().map_err(|unsound| refused(Refusal::UnsoundRelease, unsound))?;
    if release.expires_at <= known.time.proven {
        let detail = format!("the release expired at {}", release.expires_at);
        return Err(refused(Refusal::ReleaseExpired, detail));
    }
    if !release.models.iter().any(|model| model == known.model) {
        let detail =
            format!("the release is for {}, not for {}", release.models.join(", "), known.model);
        return Err(refused(Refusal::OtherModel, detail));
    }
    check_counters(&release, known)?;
    Ok(release)
}

/// A component that is not installed has counted to nothing yet.
fn check_counters(release: &Release, known: &Known<'_>) -> Result<(), Refused> {
    let Release { component, version, security_counter: counter, .. } = release;
    let running = known.installed.iter().find(|it| it.name == *component);
    let running = running.map_or(0, |it| it.security_counter);
    let floor = known.counter_floors.get(component).copied().unwrap_or(0);
    if *counter < running.max(floor) {
        let detail = format!(
            "{component} {version} has counter {counter}; {running} runs, and the floor is {floor}"
        );
        return Err(refused(Refusal::CounterTooLow, detail));
    }
    if running < release.from_counter_min {
        let detail = format!(
            "{component} {version} takes over from counter {} on; {running} runs",
            release.from_counter_min
        );
        return Err(refused(Refusal::RunningTooOld, detail));
    }
    Ok(())
}
