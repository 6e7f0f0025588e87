//! A release in words: what people read before they sign or publish.

use std::time::Duration;

use serde::Serialize;
use shared::digest::{Digest, KeyId};
use shared::document::Release;
use shared::document::release::Settlement;
use shared::document::roster::{Role, RosterKey};
use shared::signature::{self, Envelope, KnownKeys};

use super::super::measure::{duration_text, size_text, time_text};
use super::super::print::Print;
use super::super::roster::ReadRoster;
use crate::api::model;

/// How far a release is signed, by one roster.
#[derive(Debug)]
pub(super) struct Signatures<'a> {
    pub signed_by: Vec<&'a RosterKey>,
    pub missing: Vec<&'a RosterKey>,
    pub needed: usize,
    /// Claimed by keys that this roster does not have as release keys, or false.
    pub void: usize,
}

impl<'a> Signatures<'a> {
    pub(super) fn of(release: &Envelope<Release>, roster: &'a ReadRoster) -> Self {
        let keys = KnownKeys::of_roster(&roster.roster);
        let opened = signature::open::<Release>(&release.to_bytes(), roster.roster.fleet, &keys);
        let has_signed =
            |key: &&RosterKey| opened.as_ref().is_ok_and(|opened| opened.signed_by.has(key.public));
        let mut holders: Vec<_> = roster.roster.holders(Role::Release).collect();
        holders.sort_by(|a, b| a.owner.cmp(&b.owner));
        let (signed_by, missing): (Vec<_>, Vec<_>) = holders.into_iter().partition(has_signed);
        let void = release.claimed_signers().count().saturating_sub(signed_by.len());
        let needed = usize::from(roster.roster.thresholds.release);
        Self { signed_by, missing, needed, void }
    }

    pub(super) fn suffice(&self) -> bool {
        self.signed_by.len() >= self.needed
    }
}

/// The document as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    digest: Digest,
    #[serde(flatten)]
    release: &'a Release,
    /// Key ids that signatures claim, unchecked.
    claimed_signers: Vec<KeyId>,
    /// Only where a roster says whose signatures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures_needed: Option<usize>,
}

impl<'a> Document<'a> {
    pub(super) fn of(envelope: &'a Envelope<Release>, roster: Option<&ReadRoster>) -> Self {
        let signatures = roster.map(|roster| Signatures::of(envelope, roster));
        let owners =
            |it: &Signatures<'_>| it.signed_by.iter().map(|key| key.owner.clone()).collect();
        Self {
            digest: envelope.digest(),
            release: &envelope.document,
            claimed_signers: envelope.claimed_signers().collect(),
            signed_by: signatures.as_ref().map(owners),
            signatures_needed: signatures.as_ref().map(|it| it.needed),
        }
    }
}

/// What is signed, in words.
pub(in super::super) fn release(release: &Release, digest: Digest, print: &mut Print) {
    let Release { component, version, .. } = release;
    let artifact = &release.artifact;
    let before = match release.from_counter_min {
        0 => String::new(),
        least => format!("; replaces {least} and later"),
    };
    let settlement = match release.settlement {
        Settlement::Before => "open batches are settled before the switch",
        Settlement::NotNeeded => "not needed",
    };
    let seconds = |s: u32| duration_text(Duration::from_secs(s.into()));
    print.line(format_args!("Release {component} {version} for {}", release.models.join(", ")));
    print.line(format_args!("  digest      {digest}"));
    print.line(format_args!("  counter     {}{before}", release.security_counter));
    if let Some(floor) = release.raise_floor_to {
        print.line(format_args!(
            "  floor       rises to {floor}: after it, versions below cannot come back"
        ));
    }
    print.line(format_args!(
        "  artifact    {}, unpacks to {} in {} entries",
        size_text(artifact.size),
        size_text(artifact.unpacked_size),
        artifact.entries
    ));
    print.line(format_args!("  sha256      {}", artifact.sha256));
    print.line(format_args!("  settlement  {settlement}"));
    print.line(format_args!(
        "  health      {} without a break, within {}; else the old version returns",
        seconds(release.health.stable_s),
        seconds(release.health.within_s)
    ));
    print.line(format_args!(
        "  valid       {} to {}",
        time_text(release.issued_at),
        time_text(release.expires_at)
    ));
}

/// Who signed it, and how many more must.
pub(super) fn signatures(
    release: &Envelope<Release>,
    roster: Option<&ReadRoster>,
    print: &mut Print,
) {
    let Some(roster) = roster else {
        let claimed: Vec<_> = release.claimed_signers().map(|id| id.to_string()).collect();
        match claimed.is_empty() {
            true => print.line("  signed by   nobody yet"),
            false => print.line(format_args!("  signed by   unchecked: {}", claimed.join(", "))),
        }
        print.remark("name a roster with --roster to check signatures and see how many are needed");
        return;
    };
    let signatures = Signatures::of(release, roster);
    print.line(format_args!("  signed by   {}", progress(&signatures)));
    if signatures.void > 0 {
        print.warning(format_args!(
            "{} signature(s) count for nothing: not by a release key of roster {}",
            signatures.void, roster.roster.version
        ));
    }
}

/// `ana, ben: 2 of 2`, or who could still sign.
pub(super) fn progress(signatures: &Signatures<'_>) -> String {
    let owners = |keys: &[&RosterKey]| {
        keys.iter().map(|key| key.owner.as_str()).collect::<Vec<_>>().join(", ")
    };
    let have = match signatures.signed_by.is_empty() {
        true => "nobody yet".to_owned(),
        false => owners(&signatures.signed_by),
    };
    let count = format!("{} of {} needed", signatures.signed_by.len(), signatures.needed);
    match signatures.suffice() {
        true => format!("{have}: {count}, complete"),
        false => format!("{have}: {count}; {} may sign", owners(&signatures.missing)),
    }
}

/// A release as the controller knows it.
pub(super) fn published(release: &model::Release, print: &mut Print) {
    let artifact = &release.artifact;
    let signers: Vec<_> = release.signed_by.iter().map(|signer| signer.owner.as_str()).collect();
    print.line(format_args!(
        "Release {} {} for {}",
        release.component,
        release.version,
        release.models.join(", ")
    ));
    print.line(format_args!("  digest      {}", release.digest));
    print.line(format_args!("  counter     {}", release.security_counter));
    print.line(format_args!(
        "  artifact    {}, unpacks to {} in {} entries",
        size_text(artifact.size),
        size_text(artifact.unpacked_size),
        artifact.entries
    ));
    print.line(format_args!("  sha256      {}", artifact.sha256));
    print.line(format_args!("  settlement  {}", release.settlement));
    print.line(format_args!(
        "  valid       {} to {}",
        time_text(release.issued_at),
        time_text(release.expires_at)
    ));
    print.line(format_args!("  signed by   {}", signers.join(", ")));
    print.line(format_args!(
        "  published   {} by {}",
        time_text(release.published_at),
        release.published_by
    ));
}

#[cfg(test)]
mod tests {
    use shared::document::FORMAT;
    use shared::document::release::{Artifact, Health};
    use shared::time::UnixTime;

    use super::super::super::golden;
    use super::super::super::samples;
    use super::*;

    #[test]
    fn a_release_is_described_in_words_before_it_is_signed() {
        let document = Release {
            format: FORMAT,
            component: "pos".to_owned(),
            version: "2.0.0".to_owned(),
            security_counter: 12,
            models: vec!["px7".to_owned(), "px8".to_owned()],
            artifact: Artifact {
                sha256: Digest::of(b"artifact"),
                size: 13_000_000,
                unpacked_size: 40_000_000,
                entries: 120,
            },
            from_counter_min: 3,
            raise_floor_to: Some(11),
            settlement: Settlement::Before,
            health: Health { stable_s: 10, within_s: 300 },
            issued_at: UnixTime(1_795_341_600),
            expires_at: UnixTime(1_826_877_600),
        };
        let unsigned = Envelope::unsigned(document);
        let show = |print: &mut Print| {
            release(&unsigned.document, unsigned.digest(), print);
            signatures(&unsigned, None, print);
        };
        golden::check("release-unsigned", &golden::printed(show));
    }

    #[test]
    fn a_published_release_names_who_signed_it() {
        let show = |print: &mut Print| published(&samples::release(), print);
        golden::check("release-published", &golden::printed(show));
    }
}
