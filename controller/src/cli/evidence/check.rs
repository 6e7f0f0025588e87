//! What a file of evidence proves, and what it does not. Pure.
//!
//! The controller that wrote the file is not believed: what its own key cannot sign is held
//! against the roster that the reader holds. Whatever rests on its word is said to be unproven.

use std::collections::BTreeSet;

use serde::Serialize;
use shared::change::{Change, Decommission};
use shared::codec;
use shared::digest::Digest;
use shared::document::profile::PROFILE_BYTES_MAX;
use shared::document::receipt::{Evidence, Receipt, Said};
use shared::document::roster::Role;
use shared::document::{Batch, Order, Profile, Release, SanitisationCertificate};
use shared::id::{OrderId, TerminalId};
use shared::membership::{Proof, profile_holds};
use shared::outcome::Outcome;
use shared::signature::{KnownKeys, Opened, open};
use shared::time::UnixTime;

use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::roster::ReadRoster;
use super::super::words::counted;
use super::pack::{About, Pack};
use crate::campaign::words;
use crate::deactivation::{clearance, parties};

/// In words, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) proven: Vec<String>,
    pub(super) not_proven: Vec<String>,
    /// What cannot be true. Where there is anything, nothing should be believed.
    pub(super) wrong: Vec<String>,
    /// By order.
    pub(super) finished: Vec<Finished>,
}

/// What a terminal established on its way to an end, as it signed for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finished {
    pub(super) order: OrderId,
    pub(super) terminal: TerminalId,
    /// The controller's word.
    pub(super) serial: String,
    /// When it signed.
    pub(super) at: UnixTime,
    pub(super) facts: Vec<Evidence>,
}

/// What one receipt says.
struct Told {
    line: String,
    is_end: bool,
    finished: Option<Finished>,
}

/// Holds a file against the roster of this digest.
pub(super) fn check(pack: &Pack, pin: Digest, has_head: bool) -> Result<Report, Failure> {
    let rosters = pack.entries.iter().filter(|(name, _)| name.starts_with("rosters/"));
    let rosters = ReadRoster::follow(rosters.map(|(_, bytes)| bytes.as_slice()), pin)?;
    if let Some(other) = rosters.iter().find(|it| it.roster.fleet != pack.fleet) {
        let what = format!("it is of fleet {}, your roster of {}", pack.fleet, other.roster.fleet);
        return Err(Failure::because(what).exit(Exit::NotGenuine));
    }
    let mut report = Report::default();
    let orders = pack.entries.keys().filter_map(|name| {
        let (order, _) = name.strip_prefix("orders/")?.split_once('/')?;
        Some(order)
    });
    for order in orders.collect::<BTreeSet<_>>() {
        let checked = OneOrder { pack, rosters: &rosters, folder: order, report: &mut report };
        if let Err(why) = checked.check() {
            report.wrong.push(format!("{order}: {why}"));
        }
    }
    if report.proven.is_empty() && report.wrong.is_empty() {
        report.wrong.push("it holds no order".to_owned());
    }
    report
        .not_proven
        .push("that a terminal's key is its own: compare it with what it shows".into());
    let word = "letters, notices, requests, plans, bindings, checklists, ledgers and custody: they \
                are the controller's word";
    report.not_proven.push(word.into());
    if !has_head {
        let what = "that nothing was left out or added since it was exported: name its head";
        report.not_proven.push(what.into());
    }
    Ok(report)
}

struct OneOrder<'a> {
    pack: &'a Pack,
    rosters: &'a [ReadRoster],
    folder: &'a str,
    report: &'a mut Report,
}

type Wrong = String;

impl OneOrder<'_> {
    fn maybe(&self, name: &str) -> Option<&[u8]> {
        self.pack.entries.get(&format!("orders/{}/{name}", self.folder)).map(Vec::as_slice)
    }

    fn entry(&self, name: &str) -> Result<&[u8], Wrong> {
        self.maybe(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn check(self) -> Result<(), Wrong> {
        let about: About = serde_json::from_slice(self.entry("about.json")?)
            .map_err(|error| format!("about.json cannot be read: {error}"))?;
        let (batch, by) = self.batch()?;
        let order = self.order(&about, &batch)?;
        let Batch { terminals, root, change, .. } = &batch.document;
        let proof = Proof { index: order.index, path: order.path.clone() };
        if !proof.holds(order.terminal, *terminals, *root) {
            return Err(format!("{} is no member of the batch", order.terminal));
        }
        let bound = self.profile(&about, &order, &batch.document)?;
        self.release(change)?;
        let serial = words::harmless(&about.serial);
        let what = words::of_change(change).what;
        let among = match terminals {
            1 => "the one terminal".to_owned(),
            many => format!("one of the {many} terminals"),
        };
        let mut proven = vec![
            format!("{}: {what} on {serial} ({}) was approved by {by}", order.id, order.terminal),
            format!("{}: it is {among} that they signed for", order.id),
        ];
        proven.extend(bound.map(|bound| format!("{}: {bound}", order.id)));
        let told = self.receipts(&about, &order)?;
        let has_end = told.iter().any(|it| it.is_end);
        for Told { line, finished, .. } in told {
            proven.push(format!("{}: {line}", order.id));
            self.report.finished.extend(finished);
        }
        proven.extend(self.certificate(&order)?.map(|line| format!("{}: {line}", order.id)));
        if !has_end {
            let line = format!("{}: what came of it: no receipt of {serial} says so", order.id);
            self.report.not_proven.push(line);
        }
        self.report.proven.extend(proven);
        Ok(())
    }

    /// The batch by the newest roster under which everybody has signed who must, and who that was.
    fn batch(&self) -> Result<(Opened<Batch>, String), Wrong> {
        let bytes = self.entry("batch.cose")?;
        let mut why = "no roster counts".to_owned();
        for roster in self.rosters.iter().rev().map(|it| &it.roster) {
            let opened = open::<Batch>(bytes, self.pack.fleet, &KnownKeys::of_roster(roster));
            let opened = opened.map_err(|error| format!("the batch: {error}"))?;
            let needed =
                roster.requirement(opened.document.change.verb(), opened.document.terminals);
            if opened.signed_by.count(Role::Controller) == 0 || !opened.signed_by.satisfies(needed)
            {
                why = format!(
                    "not everybody signed the batch who must by roster {}: {} approvers are needed",
                    roster.version, needed.approvers
                );
                continue;
            }
            opened.document.check().map_err(|error| format!("the batch: {error}"))?;
            let owners: Vec<_> = opened.signed_by.owners(Role::Approver).into_iter().collect();
            let by = match owners.is_empty() {
                true => format!("the controller alone, as roster {} allows", roster.version),
                false => format!("{}, by roster {}", owners.join(" and "), roster.version),
            };
            return Ok((opened, by));
        }
        Err(why)
    }

    fn order(&self, about: &About, batch: &Opened<Batch>) -> Result<Order, Wrong> {
        let bytes = self.entry("order.cose")?;
        let by_controller = |roster: &&ReadRoster| {
            let keys = KnownKeys::of_roster(&roster.roster);
            let opened = open::<Order>(bytes, self.pack.fleet, &keys);
            opened.is_ok_and(|opened| opened.signed_by.count(Role::Controller) > 0)
        };
        let roster = self.rosters.iter().find(by_controller);
        let roster =
            roster.ok_or_else(|| "no controller of the fleet signed the order".to_owned())?;
        let opened = open::<Order>(bytes, self.pack.fleet, &KnownKeys::of_roster(&roster.roster));
        let order = opened.map_err(|error| format!("the order: {error}"))?.document;
        if order.id != about.order || order.id.to_string() != self.folder {
            return Err(format!("the order is {}, filed under another name", order.id));
        }
        if order.terminal != about.terminal {
            return Err(format!("the order is for {}, not for {}", order.terminal, about.terminal));
        }
        if order.batch != batch.digest {
            return Err("the order is of another batch".to_owned());
        }
        Ok(order)
    }

    fn profile(
        &self,
        about: &About,
        order: &Order,
        batch: &Batch,
    ) -> Result<Option<String>, Wrong> {
        let found = self.maybe("profile.cbor");
        let rebind = match &batch.change {
            Change::Rebind(rebind) => rebind,
            Change::Decommission(wipe) => {
                let payload = found.ok_or_else(|| "the clearance is missing".to_owned())?;
                return clearance(payload, wipe, about, order, batch).map(Some);
            }
            Change::Ping(_)
            | Change::Backup(_)
            | Change::Drill(_)
            | Change::Upgrade(_)
            | Change::Restore(_)
            | Change::Suspend(_)
            | Change::Resume(_)
            | Change::Cancel(_) => {
                return match found {
                    Some(_) => Err("a profile is filed, and no provider is changed".to_owned()),
                    None => Ok(None),
                };
            }
        };
        let payload = found.ok_or_else(|| "the profile is missing".to_owned())?;
        let profile = codec::decode_document::<Profile>(payload, PROFILE_BYTES_MAX)
            .map_err(|error| format!("the profile: {error}"))?;
        let proof = Proof { index: order.index, path: about.profile_path.clone() };
        if !profile_holds(payload, &proof, batch.terminals, rebind.profiles) {
            return Err("nobody signed for this profile".to_owned());
        }
        if profile.terminal != order.terminal || profile.provider != rebind.to {
            return Err("the profile is another terminal's, or another provider's".to_owned());
        }
        let (old, new) = (&profile.replaces, &profile.merchant);
        let [old_mid, old_tid, mid, tid, name] =
            [&old.mid, &old.tid, &new.mid, &new.tid, &new.name].map(|it| words::harmless(it));
        Ok(Some(format!(
            "they signed for MID {mid} and TID {tid} (“{name}”) in place of {old_mid} and {old_tid}"
        )))
    }

    fn release(&self, change: &Change) -> Result<(), Wrong> {
        let named = match change {
            Change::Upgrade(upgrade) => upgrade.release,
            Change::Ping(_)
            | Change::Backup(_)
            | Change::Drill(_)
            | Change::Restore(_)
            | Change::Rebind(_)
            | Change::Suspend(_)
            | Change::Resume(_)
            | Change::Decommission(_)
            | Change::Cancel(_) => return Ok(()),
        };
        let bytes = self.entry("release.cose")?;
        let is_signed = self.rosters.iter().map(|it| &it.roster).any(|roster| {
            let opened = open::<Release>(bytes, self.pack.fleet, &KnownKeys::of_roster(roster));
            opened.is_ok_and(|opened| {
                let have = opened.signed_by.count(Role::Release);
                opened.digest == named && have >= usize::from(roster.thresholds.release)
            })
        });
        match is_signed {
            true => Ok(()),
            false => {
                Err("the release is another one, or too few release keys signed it".to_owned())
            }
        }
    }

    /// What the controller certified of the terminal's report.
    fn certificate(&self, order: &Order) -> Result<Option<String>, Wrong> {
        let Some(bytes) = self.maybe("certificate.cose") else { return Ok(None) };
        let by_controller = |roster: &ReadRoster| {
            let keys = KnownKeys::of_roster(&roster.roster);
            let opened = open::<SanitisationCertificate>(bytes, self.pack.fleet, &keys).ok()?;
            (opened.signed_by.count(Role::Controller) > 0).then_some(opened.document)
        };
        let found = self.rosters.iter().find_map(by_controller);
        let it = found.ok_or_else(|| "no controller signed the certificate".to_owned())?;
        if (it.order, it.terminal) != (order.id, order.terminal) {
            return Err(format!("the certificate is of {} on {}", it.order, it.terminal));
        }
        let verified = if it.is_verified() { "and verified" } else { "and NOT VERIFIED" };
        let at = time_text(it.certified_at);
        Ok(Some(format!("a controller certified at {at} that it is erased {verified}")))
    }

    /// What the terminal said.
    fn receipts(&self, about: &About, order: &Order) -> Result<Vec<Told>, Wrong> {
        let prefix = format!("orders/{}/receipts/", self.folder);
        let receipts = self.pack.entries.iter().filter(|(name, _)| name.starts_with(&prefix));
        let mut told = Vec::new();
        for (name, bytes) in receipts {
            let name = name.rsplit('/').next().unwrap_or(name);
            let key =
                about.terminal_key.ok_or_else(|| "the terminal's key is not told".to_owned())?;
            let opened = open::<Receipt>(bytes, self.pack.fleet, &KnownKeys::of_terminal(key));
            let opened = opened.map_err(|error| format!("receipt {name}: {error}"))?;
            if !opened.signed_by.has(key) {
                return Err(format!("receipt {name} is not signed by the key of the terminal"));
            }
            let receipt = opened.document;
            if (receipt.order, receipt.terminal) != (order.id, order.terminal) {
                return Err(format!("receipt {name} is for {}", receipt.order));
            }
            if receipt.epoch != order.epoch {
                return Err(format!("receipt {name} is of another epoch"));
            }
            let at = time_text(receipt.at);
            let (what, is_end) = said_text(&receipt.said);
            let line = format!("its terminal signed at {at}: {what}");
            let finished = match receipt.said {
                Said::Accepted | Said::Refused { .. } => None,
                Said::Finished { outcome: _, evidence } => Some(Finished {
                    order: order.id,
                    terminal: order.terminal,
                    serial: words::harmless(&about.serial),
                    at: receipt.at,
                    facts: evidence.into_iter().map(fact).collect(),
                }),
            };
            told.push(Told { line, is_end, finished });
        }
        Ok(told)
    }
}

/// As it was signed, without what could make it read otherwise.
fn fact(Evidence { step, at, note, digest }: Evidence) -> Evidence {
    Evidence { step: words::harmless(&step), at, note: words::harmless(&note), digest }
}

fn said_text(said: &Said) -> (String, bool) {
    match said {
        Said::Accepted => ("accepted".to_owned(), false),
        Said::Refused { refusal: _, detail } => {
            (format!("refused: {}", words::harmless(detail)), true)
        }
        Said::Finished { outcome, evidence } => {
            let facts = counted(evidence.len() as u64, "fact");
            (format!("{}, with {facts}", outcome_text(outcome)), true)
        }
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Succeeded { now } => format!("succeeded, now {now}"),
        Outcome::RolledBack { failure } => format!("taken back: {}", failure.detail),
        Outcome::Failed { failure } => format!("failed: {}", failure.detail),
        Outcome::RollbackFailed { failure, undoing } => {
            format!("failed, and could not be taken back: {}; {}", failure.detail, undoing.detail)
        }
        Outcome::Cancelled { reason } => format!("cancelled: {reason}"),
        Outcome::Expired => "its time ran out".to_owned(),
        Outcome::Superseded => "replaced by a newer order".to_owned(),
    };
    words::harmless(&text)
}

/// What they signed for is what the terminal itself had told, and what had to come before.
fn clearance(
    payload: &[u8],
    wipe: &Decommission,
    about: &About,
    order: &Order,
    batch: &Batch,
) -> Result<String, Wrong> {
    let it = clearance::read(payload).map_err(|error| format!("the clearance: {error}"))?;
    let proof = Proof { index: order.index, path: about.profile_path.clone() };
    if !profile_holds(payload, &proof, batch.terminals, wipe.clearances) {
        return Err("nobody signed for this clearance".to_owned());
    }
    if it.terminal != order.terminal {
        return Err("the clearance is another terminal's".to_owned());
    }
    let saved = it.manifest.map_or_else(|| "nothing".to_owned(), |it| format!("snapshot {it}"));
    let parties = it.deregistered.iter().map(parties::words);
    let parties = words::harmless(&parties.collect::<Vec<_>>().join(", "));
    Ok(format!("they signed for what it had told; saved is {saved}, deregistered with {parties}"))
}

#[cfg(test)]
mod tests;
