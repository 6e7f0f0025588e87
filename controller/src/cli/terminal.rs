//! `tillward terminal`: claims for new terminals, and what the known ones say.

pub(super) mod claim;
mod keys;
mod label;
mod pardon;
mod recipient;
mod revoke;

use clap::{Args, Subcommand};
use shared::id::TerminalId;
use shared::message;
use shared::time::UnixTime;

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::{ago_text, size_text, time_text};
use super::print::Print;
use super::words::{NOTHING, counted, or_nothing, word};
use crate::api::model::{Battery, Component, Terminal, TerminalDetail, TillHealth};

/// Claim new terminals, and see how the known ones do
#[derive(Debug, Subcommand)]
pub(super) enum TerminalCommand {
    Claim(claim::ClaimTerminal),
    Claims(claim::ListClaims),
    List(List),
    Show(Show),
    Label(label::LabelTerminal),
    Keys(keys::Keys),
    Pardon(pardon::Pardon),
    Revoke(revoke::RevokeTerminal),
    Recipient(recipient::WriteRecipient),
}

/// List terminals
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward terminal list --where 'store=north & model=px7'")]
pub(super) struct List {
    /// Only those that this selects, for example `store=north & model=px7`
    #[arg(long = "where", value_name = "SELECTOR")]
    selector: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one terminal, and what was asked of it
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl TerminalCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = || -> Result<Client, Failure> { Ok(Client::new(context.read()?)?) };
        match self {
            Self::Claim(args) => args.run(&client()?, now, print).await,
            Self::Claims(args) => args.run(&client()?, print).await,
            Self::List(args) => {
                let terminals = client()?.terminals(args.selector.as_deref()).await?;
                match args.json {
                    true => print.json_list(&terminals),
                    false => list(&terminals, now, print),
                }
                Ok(Exit::Done)
            }
            Self::Show(args) => {
                let client = client()?;
                let id = identify(&args.terminal, &client).await?;
                let detail = client.terminal(id).await?;
                match args.json {
                    true => print.json(&detail),
                    false => show(&detail, now, print),
                }
                Ok(Exit::Done)
            }
            Self::Revoke(args) => args.run(&client()?, now, print).await,
            Self::Label(args) => args.run(&client()?, now, print).await,
            Self::Keys(args) => args.run(&client()?, print).await,
            Self::Pardon(args) => args.run(&client()?, now, print).await,
            Self::Recipient(args) => args.run(&client()?, print).await,
        }
    }
}

/// The terminal that an operator means.
pub(super) async fn identify(text: &str, client: &Client) -> Result<TerminalId, Failure> {
    if text.starts_with(TerminalId::PREFIX)
        && let Ok(id) = text.parse()
    {
        return Ok(id);
    }
    let terminals = client.terminals(None).await?;
    let found = terminals.iter().find(|terminal| terminal.serial == text);
    found.map(|terminal| terminal.id).ok_or_else(|| {
        Failure::because(format_args!("no terminal has the serial number or id `{text}`"))
            .hint("`tillward terminal list` shows those that are known")
    })
}

fn list(terminals: &[Terminal], now: UnixTime, print: &mut Print) {
    let header = [
        "serial",
        "store",
        "model",
        "state",
        "reachable",
        "seen",
        "software",
        "certificate until",
        "id",
    ];
    let rows = terminals.iter().map(|terminal| {
        [
            terminal.serial.clone(),
            place(terminal),
            terminal.model.clone(),
            state(terminal),
            word(&terminal.presence),
            or_nothing(terminal.last_seen_at.map(|at| ago_text(at, now))),
            software(&terminal.components),
            or_nothing(terminal.certificate_expires_at.map(time_text)),
            terminal.id.to_string(),
        ]
    });
    print.table(header, rows.collect(), "no terminal");
}

fn state(terminal: &Terminal) -> String {
    let frozen = if terminal.is_frozen { ", frozen" } else { "" };
    let quarantined = if terminal.is_quarantined { ", quarantined" } else { "" };
    let service = match terminal.service.as_str() {
        "in-service" => String::new(),
        other => format!(", {other}"),
    };
    format!("{}{service}{frozen}{quarantined}", word(&terminal.lifecycle))
}

fn place(terminal: &Terminal) -> String {
    match &terminal.lane {
        Some(lane) => format!("{}/{lane}", terminal.store),
        None => terminal.store.clone(),
    }
}

fn software(components: &[Component]) -> String {
    let each = components.iter().map(|it| format!("{} {}", it.name, it.version));
    let text = each.collect::<Vec<_>>().join(", ");
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

fn show(detail: &TerminalDetail, now: UnixTime, print: &mut Print) {
    let terminal = &detail.terminal;
    print.line(format_args!("Terminal {} ({})", terminal.serial, terminal.id));
    print.line(format_args!("  model        {}", terminal.model));
    print.line(format_args!("  place        {}, zone {}", place(terminal), terminal.zone));
    if let Some(used) = &terminal.zone_used {
        let other = if *used == terminal.zone { "" } else { ", which is not that of its claim" };
        print.line(format_args!("  windows      open in zone {used}{other}"));
    }
    for (key, value) in &terminal.labels {
        print.line(format_args!("  label        {key}={value}"));
    }
    print.line(format_args!("  state        {}", state(terminal)));
    match terminal.last_seen_at {
        Some(at) => print.line(format_args!(
            "  reachable    {}, last seen {}",
            word(&terminal.presence),
            ago_text(at, now)
        )),
        None => print.line(format_args!("  reachable    {}", word(&terminal.presence))),
    }
    print.line(format_args!("  software     {}", software(&terminal.components)));
    print.line(format_args!("  agent        {}", or_nothing(terminal.agent_version.as_ref())));
    print.line(format_args!("  working on   {}", or_nothing(terminal.working_on)));
    print.line(format_args!("  epoch        {}", terminal.epoch));
    if let Some(version) = terminal.roster_version {
        print.line(format_args!("  roster       {version}"));
    }
    if let (Some(depth), Some(dropped)) = (terminal.outbox_depth, terminal.outbox_dropped) {
        print.line(format_args!("  outbox       {depth} waiting, {dropped} dropped ever"));
    }
    if let Some(it) = &terminal.telemetry {
        let (free, ago) = (size_text(it.disk_free_bytes), ago_text(it.at, now));
        print.line(format_args!("  disk free    {free}, {ago}"));
        if let Some(battery) = &it.battery {
            print.line(format_args!("  battery      {}", battery_text(battery)));
        }
        if let Some(till) = it.till {
            print.line(format_args!("  till         {}", till_text(till)));
        }
        print.line(format_args!(
            "  turned away  {} refused, {} unreadable",
            counted(it.orders_refused, "order"),
            counted(it.messages_unreadable, "message")
        ));
    }
    if let Some(at) = terminal.certificate_expires_at {
        print.line(format_args!("  certificate  until {}", time_text(at)));
    }
    if let Some(it) = &terminal.recipient {
        print.line(format_args!("  recipient    {}", it.recipient));
        print.line(format_args!("  key          {}", it.key));
    }
    for it in &detail.deregistered {
        print.line(format_args!("  deregistered {}: {}", it.with, it.reference));
    }
    for it in &detail.payment_keys {
        let until = it.until.map_or("GONE".to_owned(), |day| format!("good until {day}"));
        let kind = it.kind.as_str();
        print.line(format_args!("  keys         {kind}: {until}, says {}", it.said_by));
    }
    if let Some(it) = &detail.locked {
        let until = it.ended_at.map_or_else(|| "now".to_owned(), time_text);
        print.line(format_args!("  locked       {} to {until}: {}", time_text(it.at), it.detail));
        if it.ended_at.is_none() {
            print.warning("it has locked itself: it sells nothing until it has contact again");
            print.hint("see that it connects; it unlocks by itself");
        }
    }
    if terminal.is_frozen {
        print.warning("it is frozen: nothing is released or sent to it");
        print.hint("look into it: `tillward request suspicions`; two people lift it");
    }
    if terminal.is_quarantined {
        print.warning("it is in quarantine: it is sent what stops or empties it, and nothing else");
        print.hint(
            "if it was found, `tillward campaign abort` what empties it, or enrol it anew; a wipe \
             that ran out (`tillward alarms`) is taken back by asking for another and aborting \
             that; where another one has its place, have it stopped: `tillward deactivate suspend`",
        );
    }
    if detail.assignments.is_empty() {
        return print.remark("\nNothing was asked of it yet.");
    }
    print.line("");
    let rows = detail.assignments.iter().map(|assignment| {
        [
            assignment.campaign.to_string(),
            word(&assignment.state),
            or_nothing(assignment.step.as_ref()),
            or_nothing(assignment.updated_at.map(time_text)),
            or_nothing(assignment.reason.as_ref().map(|reason| &reason.detail)),
        ]
    });
    print.table(["campaign", "state", "step", "since", "reason"], rows.collect(), "");
}

/// As the terminal's own status says it.
fn battery_text(it: &Battery) -> String {
    let Battery { percent, floor_percent, is_powered, is_low: _ } = *it;
    message::Battery { percent, floor_percent, is_powered }.to_string()
}

/// As the terminal's own status says it.
pub(super) fn till_text(it: TillHealth) -> String {
    let TillHealth { answers, restarts } = it;
    message::TillHealth { answers, restarts }.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::samples::{NOW, assignments, claimed_terminal, lease_ran_out, terminal};
    use super::*;
    use crate::api::model::{DeregisteredWith, PaymentKeyKind, PaymentKeys};

    #[test]
    fn terminals_are_listed_one_by_line() {
        let terminals = [terminal(1), claimed_terminal()];
        golden::check("terminal-list", &golden::printed(|print| list(&terminals, NOW, print)));
        golden::check("terminal-list-empty", &golden::printed(|print| list(&[], NOW, print)));
    }

    #[test]
    fn a_terminal_shows_what_it_is_and_what_was_asked_of_it() {
        let locked = Some(lease_ran_out());
        let of = |terminal, locked, assignments| TerminalDetail {
            terminal,
            locked,
            deregistered: vec![],
            payment_keys: vec![],
            assignments,
        };
        let detail = of(terminal(2), locked, assignments());
        golden::check("terminal-show", &golden::printed(|print| show(&detail, NOW, print)));
        let lost = TerminalDetail {
            deregistered: vec![DeregisteredWith {
                with: "registry DE".to_owned(),
                reference: "none needed: there is none, says ana".to_owned(),
            }],
            payment_keys: vec![PaymentKeys {
                kind: PaymentKeyKind::Pin,
                until: None,
                said_by: "Kim".to_owned(),
                recorded_at: NOW,
                recorded_by: "op".to_owned(),
            }],
            ..of(terminal(3), None, vec![])
        };
        golden::check("terminal-show-lost", &golden::printed(|print| show(&lost, NOW, print)));
        let terminal = claimed_terminal();
        let new = of(terminal, None, vec![]);
        golden::check("terminal-show-claimed", &golden::printed(|print| show(&new, NOW, print)));
    }
}
