//! A request for approval in words: what people read before they put their names to it.

use std::collections::BTreeMap;

use shared::change::Change;
use shared::code_words;
use shared::document::Profile;
use shared::document::roster::Role;
use shared::time::UnixTime;

use super::super::measure::time_text;
use super::super::print::Print;
use super::super::release::describe;
use super::super::words::{counted, or_nothing, word};
use super::checked::Checked;
use super::figures;
use crate::api::model::{
    Approval, ApprovalMember, CampaignState, CheckedOnSite, PlannedFee, PlannedWord, ServiceWord,
};
use crate::campaign::words;
use crate::deactivation::parties;
use crate::provider::fees::Price;
use crate::rebind::plan::price_text;

/// Stores that are named; the others are counted.
const STORES_MAX: usize = 8;

/// Terminals that are named; the others are counted.
const SERIALS_MAX: usize = 25;
/// On one line.
const SERIALS_A_LINE: usize = 5;

/// Everything that a signature would cover, from a file that was checked.
pub(super) fn checked(request: &Checked, now: UnixTime, print: &mut Print) {
    let batch = &request.batch.document;
    let said = words::of_change(&batch.change);
    print.line(format_args!("{}:", said.what));
    for (name, value) in &said.terms {
        print.line(format_args!("  {name:<10}  {value}"));
    }
    if let Some(release) = &request.release {
        print.line("");
        describe::release(&release.document, release.digest(), print);
    }
    bindings(request, print);
    clearances(request, print);
    if let Some(planned) = &request.request.planned {
        controllers_word(planned, print);
    }
    if let Some(service) = &request.request.service {
        word_on_service(service, print);
    }
    print.line("\nFor so many terminals:\n");
    number(batch.terminals, print);
    print.line(format_args!("\n  stores      {}", stores(request)));
    for line in serials(&batch.change, &request.request.members) {
        print.line(format_args!("  {line}"));
    }
    let from = time_text(batch.not_before);
    print.line(format_args!("  valid       {from} until {}", time_text(batch.not_after)));
    print.line(format_args!("  campaign    {}", request.request.campaign));
    print.line(format_args!("  batch       {}", batch.id));
    print.line(format_args!("  digest      {}", request.batch.digest()));
    print.line(format_args!("  members     {}", batch.root));
    let (version, digest) = (request.roster.version, request.roster_digest);
    print.line(format_args!("  fleet       {}", request.roster.fleet));
    print.line(format_args!("  roster      {version}, {digest}"));
    print.line(format_args!("  signed by   {}", progress(request)));
    if request.request.cancellation.is_some() {
        print.warning("the file carries a cancellation: `import` ends the campaign");
    }
    if batch.not_after <= now {
        print.warning("its time is over: no terminal would take it");
    }
    if request.roster.expires_at <= now {
        print.warning("its roster has expired: no terminal follows it");
    }
}

/// What the plan came to when it was asked for: no signature covers it.
fn controllers_word(planned: &PlannedWord, print: &mut Print) {
    let PlannedWord { downtime_s, fees, penalty, answered } = planned;
    print.line("\nThe controller says of its plan (nobody signs this):");
    print.line(format_args!("  each shop waits   {downtime_s} s"));
    let unknown = || "not known".to_owned();
    print.line(format_args!("  cost of leaving   {}", penalty.clone().unwrap_or_else(unknown)));
    let fees = fees.as_ref().map_or_else(|| vec![unknown()], |fees| fees.iter().map(fee).collect());
    for fee in fees {
        print.line(format_args!("  fees              {}", words::harmless(&fee)));
    }
    despite(answered, print);
}

/// Who looked at what is to sell again, and who answers for what is not known of it.
fn word_on_service(service: &ServiceWord, print: &mut Print) {
    let ServiceWord { checked, at_least, answered } = service;
    print.line("\nThe controller says of its plan (nobody signs this):");
    if let Some(CheckedOnSite { what, by }) = checked {
        let what: Vec<_> = what.iter().map(|it| words::harmless(it)).collect();
        let (what, by) = (what.join(", "), words::harmless(by));
        print.line(format_args!("  checked on site   {what} by {by}"));
    }
    for (component, version) in at_least {
        let (component, version) = (words::harmless(component), words::harmless(version));
        print.line(format_args!("  at least          {component} {version}"));
    }
    despite(answered, print);
}

fn despite(answered: &BTreeMap<String, String>, print: &mut Print) {
    for (code, name) in answered {
        let (code, name) = (words::harmless(code), words::harmless(name));
        print.line(format_args!("  despite           {code}: {name} answers for it"));
    }
}

/// `standard, credit: 0.60 % now, 0.55 % then`.
pub(in super::super) fn fee(fee: &PlannedFee) -> String {
    let price = |price: Option<Price>| price.map_or_else(|| "nobody says".to_owned(), price_text);
    let PlannedFee { class, method, before, after } = fee;
    format!("{class}, {}: {} now, {} then", method.as_str(), price(*before), price(*after))
}

/// What each terminal is bound to now and then, with the words that it will show.
fn bindings(request: &Checked, print: &mut Print) {
    if request.profiles.is_empty() {
        return;
    }
    print.line("");
    let serials = request.request.members.iter().map(|it| (it.terminal, it.serial.as_str()));
    let serials: BTreeMap<_, _> = serials.collect();
    let batch = request.batch.digest();
    let rows = request.profiles.iter().map(|(terminal, profile)| {
        let serial = serials.get(terminal).copied().unwrap_or_default();
        binding_row(serial, profile, Some(&code_words::code(batch, *terminal)))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    print.table(BINDING_HEADER, rows, "nobody is bound anew");
}

/// What each terminal's wipe rests on, with the words that it will show.
fn clearances(request: &Checked, print: &mut Print) {
    if request.clearances.is_empty() {
        return;
    }
    print.line("");
    let serials = request.request.members.iter().map(|it| (it.terminal, it.serial.as_str()));
    let serials: BTreeMap<_, _> = serials.collect();
    let batch = request.batch.digest();
    let rows = request.clearances.iter().map(|(terminal, it)| {
        let serial = serials.get(terminal).copied().unwrap_or_default();
        let deregistered = it.deregistered.iter().map(parties::words);
        let deregistered = deregistered.collect::<Vec<_>>().join(", ");
        let none = |text: String| if text.is_empty() { "NOTHING".to_owned() } else { text };
        [
            words::harmless(serial),
            none(it.suspended_by.map(|order| order.to_string()).unwrap_or_default()),
            none(it.manifest.map(|manifest| manifest.short()).unwrap_or_default()),
            words::harmless(&none(deregistered)),
            it.challenge.short(),
            code_words::code(batch, *terminal),
        ]
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    let header = ["serial", "suspended by", "saved as", "deregistered", "challenge", "six words"];
    print.table(header, rows, "nothing is cleared");
}

pub(in super::super) const BINDING_HEADER: [&str; 9] = [
    "serial",
    "old MID",
    "old TID",
    "new MID",
    "new TID",
    "name on receipts",
    "MCC",
    "hosts",
    "six words",
];

/// One terminal's change of binding, old first.
pub(in super::super) fn binding_row(
    serial: &str,
    profile: &Profile,
    code: Option<&str>,
) -> [String; 9] {
    let (old, new) = (&profile.replaces, &profile.merchant);
    let [old_mid, old_tid] = [&old.mid, &old.tid].map(|it| words::harmless(it));
    let [mid, tid, name] = [&new.mid, &new.tid, &new.name].map(|it| words::harmless(it));
    let mcc = words::harmless(&format!("{}, {}", new.mcc, profile.currency));
    let hosts = words::harmless(&profile.hosts.join(" "));
    [words::harmless(serial), old_mid, old_tid, mid, tid, name, mcc, hosts, or_nothing(code)]
}

/// In large figures where a person reads, and always as digits.
fn number(terminals: u32, print: &mut Print) {
    if print.person_reads() {
        for row in figures::large(terminals) {
            print.line(format_args!("    {row}"));
        }
        print.line("");
    }
    print.line(format_args!("  TERMINALS   {}", grouped(terminals)));
}

/// `1 terminal`, `12 345 terminals`.
pub(super) fn how_many(terminals: u32) -> String {
    match terminals {
        1 => counted(1, "terminal"),
        many => format!("{} terminals", grouped(many)),
    }
}

/// `12 345`: in groups of three.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups = groups.map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(" ")
}

fn stores(request: &Checked) -> String {
    let stores = request.stores();
    let named = stores.iter().take(STORES_MAX).map(|(store, count)| format!("{store} {count}"));
    let mut named: Vec<_> = named.collect();
    if stores.len() > STORES_MAX {
        named.push(format!("and {} more", counted((stores.len() - STORES_MAX) as u64, "store")));
    }
    named.join(", ")
}

/// Whom it is for, where no table says so: their ids are those under the root, the serial numbers
/// are the controller's word as in all tables.
fn serials(change: &Change, members: &[ApprovalMember]) -> Vec<String> {
    let is_named = match change {
        Change::Suspend(_) | Change::Resume(_) | Change::Restore(_) => true,
        // Those have their tables, or are about whoever a selector means.
        Change::Rebind(_)
        | Change::Decommission(_)
        | Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Cancel(_) => false,
    };
    if !is_named {
        return Vec::new();
    }
    let mut all: Vec<_> = members.iter().map(|it| words::harmless(&it.serial)).collect();
    all.sort();
    let more = all.len().saturating_sub(SERIALS_MAX);
    all.truncate(SERIALS_MAX);
    let mut lines: Vec<_> = all.chunks(SERIALS_A_LINE).map(|it| it.join(", ")).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let names = std::iter::once("serials").chain(std::iter::repeat(""));
    names.zip(lines).map(|(name, line)| format!("{name:<10}  {line}")).collect()
}

/// `gil: 1 of 2 needed; han may sign`.
pub(super) fn progress(request: &Checked) -> String {
    let standing = &request.standing;
    let have: Vec<_> = standing.owners.iter().map(String::as_str).collect();
    let count = format!("{} of {} needed", have.len(), standing.needed.approvers);
    let have = if have.is_empty() { "no approver yet".to_owned() } else { have.join(", ") };
    if standing.is_approved {
        return format!("{have}: {count}, complete");
    }
    let holders = request.roster.holders(Role::Approver).map(|key| key.owner.as_str());
    let missing: std::collections::BTreeSet<_> =
        holders.filter(|owner| !standing.owners.contains(*owner)).collect();
    let missing: Vec<_> = missing.into_iter().collect();
    format!("{have}: {count}; {} may sign", missing.join(", "))
}

/// As the controller tells it, which is to be checked before anything is signed.
pub(super) fn told(approval: &Approval, print: &mut Print) {
    let name = approval.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    print.line(format_args!("Campaign{name} ({})", approval.campaign));
    print.line(format_args!("  state       {}", word(&approval.state)));
    print.line(format_args!("  what        {}", approval.what));
    for term in &approval.terms {
        print.line(format_args!("  {:<10}  {}", term.name, term.value));
    }
    print.line(format_args!("  terminals   {}", grouped(approval.terminals)));
    print.line(format_args!("  where       {}", approval.selector));
    print.line(format_args!("  digest      {}", approval.digest));
    print.line(format_args!("  until       {}", time_text(approval.not_after)));
    print.line(format_args!("  signed by   {}", told_progress(approval)));
    for signer in &approval.signed_by {
        let counts = if signer.counts { "" } else { ", which counts no more" };
        print.line(format_args!(
            "              {} brought by {} at {}{counts}",
            signer.owner,
            signer.imported_by,
            time_text(signer.imported_at)
        ));
    }
}

/// `gil: 1 of 2 needed by roster 3`.
pub(super) fn told_progress(approval: &Approval) -> String {
    let counting = approval.signed_by.iter().filter(|signer| signer.counts);
    let owners: std::collections::BTreeSet<_> = counting.map(|it| it.owner.as_str()).collect();
    let names: Vec<_> = owners.iter().copied().collect();
    let names = if names.is_empty() { "no approver yet".to_owned() } else { names.join(", ") };
    let (needed, roster) = (approval.approvers_needed, approval.roster_version);
    format!("{names}: {} of {needed} needed by roster {roster}", owners.len())
}

pub(super) fn list(approvals: &[Approval], print: &mut Print) {
    let header = ["name", "what", "terminals", "signed", "until", "campaign"];
    let rows = approvals.iter().map(|approval| {
        let counting = approval.signed_by.iter().filter(|signer| signer.counts).count();
        [
            or_nothing(approval.name.as_ref()),
            approval.what.clone(),
            grouped(approval.terminals),
            format!("{counting} of {}", approval.approvers_needed),
            time_text(approval.not_after),
            approval.campaign.to_string(),
        ]
    });
    print.table(header, rows.collect(), "nothing waits for approval");
}

/// What to do next about it.
pub(super) fn next(approval: &Approval, print: &mut Print) {
    let id = approval.campaign;
    match approval.state {
        CampaignState::AwaitingApproval => {
            print.remark(format_args!("\nNext:\n  tillward approve export {id} --to request.json"));
        }
        CampaignState::Running => {
            print.remark(format_args!("\nNext:\n  tillward campaign watch {id}"));
        }
        CampaignState::Draft
        | CampaignState::Paused
        | CampaignState::Halted
        | CampaignState::Completed
        | CampaignState::Aborted => {}
    }
}

#[cfg(test)]
mod tests {
    use shared::backup::{Selection, SnapshotOf};
    use shared::change::{Ping, Restore};
    use shared::digest::Digest;
    use shared::id::{RepositoryId, TerminalId};

    use super::super::super::golden;
    use super::super::super::samples::approval;
    use super::*;

    #[test]
    fn what_waits_says_who_has_signed_and_whose_signature_counts_no_more() {
        let show = |print: &mut Print| {
            told(&approval(), print);
            next(&approval(), print);
        };
        golden::check("approval-told", &golden::printed(show));
        let unnamed = Approval { name: None, signed_by: Vec::new(), ..approval() };
        let waiting = [approval(), unnamed];
        golden::check("approval-list", &golden::printed(|print| list(&waiting, print)));
    }

    #[test]
    fn whom_a_change_without_a_table_is_for_is_named() {
        let of = SnapshotOf {
            terminal: TerminalId::from_bytes([1; 16]),
            repository: RepositoryId::from_bytes([1; 16]),
            snapshot: Digest([2; 32]),
            manifest: Digest([3; 32]),
        };
        let restore = Restore { of, selection: Selection::Everything, key: None, window: None };
        let member = |number: u8| ApprovalMember {
            terminal: TerminalId::from_bytes([number; 16]),
            serial: format!("PX-{number:02}"),
            store: "north".to_owned(),
        };
        let named = |change: &Change, count: u8| {
            let members: Vec<_> = (1..=count).rev().map(member).collect();
            serials(change, &members)
        };
        let restore = Change::Restore(restore);
        assert_eq!(named(&restore, 2), ["serials     PX-01, PX-02"]);
        let many = named(&restore, 28);
        golden::check(
            "approval-serials",
            &golden::printed(|print| {
                many.iter().for_each(|line| print.line(line));
            }),
        );
        assert!(named(&Change::Ping(Ping { note: String::new() }), 2).is_empty());
    }

    #[test]
    fn a_number_is_read_in_groups_of_three() {
        let read: Vec<_> = [0, 12, 999, 1_000, 4_294_967_295].map(grouped).into();
        assert_eq!(read, ["0", "12", "999", "1 000", "4 294 967 295"]);
    }
}
