//! `tillward rebind show` and `list`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::super::approve::describe::{BINDING_HEADER, binding_row};
use super::super::campaign::show::{summary, table};
use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::time_text;
use super::super::print::Print;
use super::super::words::{or_nothing, word};
use super::{campaign_id, facts};
use crate::api::model::{Assignment, Change, MemberProfile, RebindShown};
use crate::rebind::draft;

/// Show a change of provider: every wave, every terminal, its words and what it waits for
#[derive(Debug, Args)]
pub(in super::super) struct Show {
    /// The campaign of any of its waves
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// And what each terminal has signed of its steps: settled batches, backup, tests, the figures
    /// of its watch, and how long it did not sell
    #[arg(long)]
    facts: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List changes of provider
#[derive(Debug, Args)]
pub(in super::super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Whole<'a> {
    rebind: &'a RebindShown,
    terminals: &'a [Assignment],
    profiles: &'a [MemberProfile],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<facts::Facts>,
}

impl Show {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let rebind = client.rebind(self.campaign).await?;
        let (mut terminals, mut profiles) = (Vec::new(), Vec::new());
        for wave in &rebind.waves {
            terminals.extend(client.assignments(wave.id).await?);
            profiles.extend(client.member_profiles(wave.id).await?);
        }
        let facts = match self.facts {
            true => facts::read(client, &terminals).await?,
            false => vec![],
        };
        if self.json {
            let (terminals, profiles) = (&terminals, &profiles);
            let whole = Whole { rebind: &rebind, terminals, profiles, facts };
            print.json(&whole);
            return Ok(Exit::Done);
        }
        head(&rebind, print);
        print.line("");
        let serials = terminals.iter().map(|it| (it.terminal, it.serial.as_str())).collect();
        bindings(&profiles, &serials, print);
        if !terminals.is_empty() {
            print.line("");
            table(&terminals, now, print);
        }
        if self.facts {
            print.line("");
            facts::shown(&facts, print);
        }
        Ok(Exit::Done)
    }
}

impl List {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let rebinds = client.rebinds().await?;
        if self.json {
            print.json_list(&rebinds);
            return Ok(Exit::Done);
        }
        let header = ["name", "change", "waves", "created", "by", "id"];
        let rows = rebinds.iter().map(|rebind| {
            let first = rebind.waves.first();
            let states: Vec<_> = rebind.waves.iter().map(|wave| word(&wave.state)).collect();
            [
                or_nothing(first.and_then(|wave| wave.name.clone())),
                what(rebind),
                states.join(", "),
                time_text(rebind.created_at),
                rebind.created_by.clone(),
                rebind.id.to_string(),
            ]
        });
        print.table(header, rows.collect(), "no provider was ever changed");
        Ok(Exit::Done)
    }
}

/// `alpha to beta`.
fn what(rebind: &RebindShown) -> String {
    let change = rebind.waves.first().map(|wave| &wave.change);
    match change {
        Some(Change::Rebind(rebind)) => format!("{} to {}", rebind.from, rebind.to),
        Some(
            Change::Ping(_)
            | Change::Backup(_)
            | Change::Drill(_)
            | Change::Upgrade(_)
            | Change::Restore(_)
            | Change::Suspend(_)
            | Change::Resume(_)
            | Change::Decommission(_),
        )
        | None => "-".to_owned(),
    }
}

/// The change itself, without its terminals.
pub(super) fn head(rebind: &RebindShown, print: &mut Print) {
    if let Some(first) = rebind.waves.first() {
        summary(first, print);
    }
    for (number, wave) in (1..).zip(&rebind.waves) {
        print.line(format_args!("  wave {number}    {} {}", word(&wave.state), wave.id));
    }
    for notice in &rebind.notices {
        let at = |at: Option<UnixTime>| at.map_or_else(|| "not yet".to_owned(), time_text);
        print.line(format_args!(
            "  told      {} by {} at {}, delivered {}, acknowledged {}",
            notice.party,
            notice.channel,
            time_text(notice.sent_at),
            at(notice.delivered_at),
            at(notice.acknowledged_at)
        ));
    }
    let overrides = rebind.planned.get("overrides").and_then(|it| it.as_object());
    for (code, name) in overrides.into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        print.line(format_args!("  despite   {code}: {name} answers for it"));
    }
}

fn bindings(
    profiles: &[MemberProfile],
    serials: &BTreeMap<shared::id::TerminalId, &str>,
    print: &mut Print,
) {
    let row = |member: &MemberProfile| {
        let id = member.terminal.to_string();
        let serial = serials.get(&member.terminal).copied().unwrap_or(&id);
        let profile = draft::read(&member.profile.0).ok()?;
        Some(binding_row(serial, &profile, member.code.as_deref()))
    };
    let mut rows: Vec<_> = profiles.iter().filter_map(row).collect();
    rows.sort();
    print.table(BINDING_HEADER, rows, "no terminal is bound anew");
}
