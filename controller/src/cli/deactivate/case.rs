//! `tillward deactivate case` and `close`, and what belongs to a stop as people read it.

use clap::Args;
use shared::id::RequestId;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{NOTHING, counted, or_nothing};
use super::request_id;
use crate::api::model::{
    NewStopClosing, ServiceTold, Stop, StopClosing, StopItem, StopParty, StopPerson,
};
use crate::money::text;

/// Show who was told, what people are to do, what is owed, and what keeps a case open
#[derive(Debug, Args)]
pub(in super::super) struct Case {
    #[command(flatten)]
    of: CaseArgs,
}

/// Which case, and how it is shown.
#[derive(Debug, Args)]
pub(super) struct CaseArgs {
    /// The request that asks for it
    #[arg(value_name = "REQUEST", value_parser = request_id)]
    pub(super) request: RequestId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CaseArgs {
    /// Prints the case, or the part of it that people ask for.
    pub(super) fn show(
        &self,
        stop: &Stop,
        part: fn(&Stop, &mut Print),
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self.json {
            true => print.json(stop),
            false => part(stop, print),
        }
        Ok(Exit::Done)
    }
}

/// Close a decommissioning: every unit is back or gone, certified, and nobody owes anything
///
/// A unit is back once it was returned and restocked, and gone once it is disposed of. One that is
/// reported as lost is answered for by name; so is what is still owed, and a terminal that stays
/// and sells. Whoever answers is not whoever closes it or asked for it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate close REQUEST --note 'returned in good time; deposit came late' \\
    --accept-balance 'Gil'")]
pub(in super::super) struct Close {
    #[command(flatten)]
    of: CaseArgs,
    /// What came of it, and what is to be done otherwise next time
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Who answers for units that are lost
    #[arg(long, value_name = "NAME")]
    presumed_lost: Option<String>,
    /// Why there is no certificate of what a unit held, where there is none
    #[arg(long, value_name = "TEXT")]
    no_certificate: Option<String>,
    /// Who accepts what is still owed
    #[arg(long, value_name = "NAME")]
    accept_balance: Option<String>,
    /// Who answers for terminals that stay where they are and sell
    #[arg(long, value_name = "NAME")]
    staying: Option<String>,
}

impl Case {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        self.of.show(&client.stop(self.of.request).await?, whole, print)
    }
}

impl Close {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = NewStopClosing {
            note: self.note.clone(),
            presumed_lost: self.presumed_lost.clone(),
            no_certificate: self.no_certificate.clone(),
            accept_balance: self.accept_balance.clone(),
            staying: self.staying.clone(),
        };
        self.of.show(&client.close_stop(self.of.request, &said).await?, whole, print)
    }
}

pub(super) fn whole(stop: &Stop, print: &mut Print) {
    let Stop { request, kind, reason, requester, .. } = stop;
    print.line(format_args!("{kind} for {requester} ({}), {request}", reason.as_str()));
    parts(stop, print);
}

/// Everything but whose it is.
pub(super) fn parts(stop: &Stop, print: &mut Print) {
    print.line("");
    told(stop, print);
    if !stop.checklist.is_empty() {
        print.line("");
        checklist(stop, print);
    }
    if stop.kind == "decommission" {
        print.line("");
        ledger(stop, print);
        print.line("");
        particulars(stop, print);
    }
    match &stop.closing {
        Some(it) => closing(it, print),
        None => open(stop, print),
    }
}

/// Who was told of which moment.
pub(super) fn told(stop: &Stop, print: &mut Print) {
    if stop.is_exempt {
        let reason = stop.reason.as_str();
        print.line(format_args!("nobody is told beforehand: the reason is {reason}"));
        return;
    }
    let Some(announced) = &stop.announcement else {
        print.line("no moment was announced");
        return;
    };
    let back = announced
        .resume_expected
        .map_or_else(String::new, |at| format!(", expected back at {}", time_text(at)));
    print.line(format_args!(
        "announced for {}{back}, at {} by {}",
        time_text(announced.cut_off),
        time_text(announced.at),
        announced.by
    ));
    parties(&stop.parties, print);
}

pub(super) fn parties(parties: &[StopParty], print: &mut Print) {
    let rows = parties.iter().map(|it| {
        let notice = it.notice.as_ref();
        [
            it.party.clone(),
            if it.is_required { "yes" } else { "no" }.to_owned(),
            time_text(it.by),
            it.knows.clone(),
            or_nothing(notice.map(|it| &it.channel)),
            or_nothing(notice.map(|it| time_text(it.sent_at))),
            or_nothing(notice.and_then(|it| it.acknowledged_at).map(time_text)),
            or_nothing(it.recorded_by.as_ref()),
        ]
    });
    let header =
        ["party", "required", "told by", "knows", "channel", "sent", "acknowledged", "noted by"];
    print.table(header, rows.collect(), "nobody has to be told");
}

pub(super) fn checklist(stop: &Stop, print: &mut Print) {
    let rows = stop.checklist.iter().map(|it| {
        [it.item.clone(), it.owner.clone(), time_text(it.due_at), standing(it), it.what.clone()]
    });
    let header = ["item", "owner", "due", "state", "what"];
    print.table(header, rows.collect(), "nothing is to be done: no moment was announced");
    if stop.late > 0 {
        let items = counted(stop.late, "late item");
        print.warning(format_args!("the checklist has {items}: it is AT RISK"));
        print.hint("do them, then `tillward deactivate checklist tick`");
    }
}

fn standing(it: &StopItem) -> String {
    match &it.done {
        Some(done) => format!("done by {} at {}", done.by, time_text(done.at)),
        None if it.is_late => "LATE".to_owned(),
        None => "open".to_owned(),
    }
}

/// What certificates will say beside terminals.
pub(super) fn particulars(stop: &Stop, print: &mut Print) {
    let Some(said) = &stop.particulars else {
        print.line("certificates say no more than what terminals sign");
        return;
    };
    print.line("certificates say beside what terminals sign:");
    let person = |it: &Option<StopPerson>| it.as_ref().map(|it| in_full(it).join(", "));
    for (what, text) in [
        ("media", said.media_type.clone()),
        ("held before", said.confidentiality_before.clone()),
        ("holds then", said.confidentiality_after.clone()),
        ("destination", said.destination.clone()),
        ("responsible", person(&said.responsible)),
        ("validated by", person(&said.validator)),
    ] {
        if let Some(text) = text {
            print.line(format_args!("  {what:<12}  {text}"));
        }
    }
}

fn in_full(it: &StopPerson) -> Vec<&str> {
    let StopPerson { name, title, location, contact } = it;
    let more = [title, location, contact].into_iter().flatten().map(String::as_str);
    [name.as_str()].into_iter().chain(more).collect()
}

pub(super) fn ledger(stop: &Stop, print: &mut Print) {
    let rows = stop.ledger.iter().map(|it| {
        let damage = it
            .damage
            .map(|it| format!(" ({}, liable: {})", it.cause.as_str(), it.liability.as_str()));
        let back = it.reverses.map(|of| format!(", takes back {of}"));
        let (damage, back) = (damage.unwrap_or_default(), back.unwrap_or_default());
        [
            it.number.to_string(),
            format!("{}{damage}{back}", it.kind.as_str()),
            money(it.amount_minor, &it.currency),
            or_nothing(it.serial.as_ref()),
            it.reference.clone(),
            it.by.clone(),
            time_text(it.at),
            if it.note.is_empty() { NOTHING.to_owned() } else { it.note.clone() },
        ]
    });
    let header = ["entry", "kind", "minor units", "unit", "reference", "by", "at", "note"];
    print.table(header, rows.collect(), "nothing is entered into its ledger");
    for (currency, minor) in &stop.balances {
        let left = match *minor {
            0 => "balanced".to_owned(),
            minor if minor < 0 => {
                let owed = text(minor.saturating_neg(), currency);
                format!("the merchant still has to pay {owed}")
            }
            minor => format!("the merchant is still to get {}", text(minor, currency)),
        };
        print.line(format_args!("  {currency}  {left}"));
    }
}

fn money(minor: i64, currency: &str) -> String {
    format!("{currency} {minor}")
}

fn open(stop: &Stop, print: &mut Print) {
    if stop.kind != "decommission" {
        return;
    }
    print.line("");
    if stop.open.is_empty() {
        print.line("nothing keeps it open: `tillward deactivate close`");
        return;
    }
    print.line("open:");
    stop.open.iter().for_each(|it| print.line(format_args!("  {}", it.detail)));
    let mut hints: Vec<_> = stop.open.iter().map(|it| it.hint.as_str()).collect();
    hints.sort_unstable();
    hints.dedup();
    hints.into_iter().for_each(|hint| print.hint(hint));
}

fn closing(it: &StopClosing, print: &mut Print) {
    print.line("");
    print.line(format_args!("closed at {} by {}: {}", time_text(it.at), it.by, it.note));
    for unit in &it.units {
        let state = or_nothing(unit.state);
        let certificate = or_nothing(unit.certificate.map(|digest| digest.short()));
        print.line(format_args!("  {}  {state}, certificate {certificate}", unit.serial));
    }
    for (what, name) in [
        ("presumed lost, answered for by", &it.presumed_lost),
        ("no certificate:", &it.no_certificate),
        ("what is owed is accepted by", &it.accepted_by),
        ("what stays is answered for by", &it.staying),
    ] {
        if let Some(name) = name {
            print.line(format_args!("  {what} {name}"));
        }
    }
}

/// Whether enough was told for terminals to stop.
pub(super) fn enough(told: &ServiceTold, print: &mut Print) {
    if told.is_exempt {
        print.line("  notices     nobody is told beforehand of what is lost or tampered with");
        return;
    }
    if told.lacking.is_empty() {
        print.line("  notices     all who must know do");
    }
    for it in &told.lacking {
        let (party, knows, by) = (&it.party, &it.knows, time_text(it.by));
        print.line(format_args!("  notices     {party}: {knows}, to be told by {by}"));
    }
    if let Some(answer) = &told.answer {
        print.line(format_args!("  untold      {} answers for it: {}", answer.by, answer.why));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{closed_stop, stop};
    use super::*;

    #[test]
    fn a_case_says_who_knows_what_is_late_what_is_owed_and_what_keeps_it_open() {
        golden::check("stop-case", &golden::printed(|print| whole(&stop(), print)));
        golden::check("stop-closed", &golden::printed(|print| whole(&closed_stop(), print)));
        let exempt = Stop { is_exempt: true, ..stop() };
        let said = golden::printed(|print| told(&exempt, print));
        assert_eq!(said, "nobody is told beforehand: the reason is contract-end\n");
    }
}
