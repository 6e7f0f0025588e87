//! What is the same for all terminals of a change of provider, as it stands on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use shared::change::rebind::{Reason, RegistryOrder, Test, TestKind};
use shared::id::RequestId;
use shared::time::UnixTime;
use shared::window::Window;

use super::super::measure;
use crate::api::model::{Notice, RebindTerms, WatchWish};

#[derive(Debug, Args)]
pub(super) struct TermsArgs {
    /// The provider that the terminals are bound to now
    #[arg(long, value_name = "PROVIDER")]
    from: String,
    /// The provider that they are bound to then
    #[arg(long, value_name = "PROVIDER")]
    to: String,
    /// Which terminals may take part, for example `store=north & model=px7`
    #[arg(long = "where", value_name = "SELECTOR", default_value = "*")]
    selector: String,
    /// The terminals' MIDs, TIDs, names and secrets: see `tillward rebind start --help`
    #[arg(long, value_name = "FILE")]
    pub(super) profiles: PathBuf,
    /// Terminals of a wave, in the order of the file; what is left is the last wave
    #[arg(long = "wave", value_name = "N", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) waves: Vec<u32>,
    /// The verified request that this carries out
    #[arg(long, value_name = "REQUEST", value_parser = request_id)]
    request: RequestId,
    /// Why: fee, service, upgrade, business, contract-end, policy, …
    #[arg(long, value_parser = reason)]
    reason: Reason,
    /// Who ordered it, as the request names its requester; shown on every terminal
    #[arg(long, value_name = "NAME")]
    ordered_by: String,
    /// What people should know; shown on every terminal
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Release the old registration before the switch: NO WAY BACK FROM THEN ON
    #[arg(long)]
    release_old_first: bool,
    /// When shops may be disturbed, in each terminal's local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// When the first shop may be disturbed: the change waits as a draft, letters are written and
    /// parties are told, and `tillward rebind next` starts its first wave then; else at once
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    begins_at: Option<UnixTime>,
    /// How a store is paid meanwhile; may be repeated
    #[arg(long = "fallback", value_name = "STORE=TEXT", value_parser = pair)]
    fallbacks: Vec<(String, String)>,
    /// When a party was told by letter; may be repeated
    ///
    /// Parties are old-provider, bank, new-provider and store. `tillward rebind notice` adds how,
    /// and what came of it.
    #[arg(long = "told", value_name = "PARTY=TIME", value_parser = pair)]
    told: Vec<(String, String)>,
    /// Tests on the new binding, as kind or kind:amount, in their order; else those that the new
    /// provider wants
    #[arg(long = "test", value_name = "KIND[:AMOUNT]", value_delimiter = ',', value_parser = test)]
    tests: Vec<Test>,
    #[command(flatten)]
    watch: WatchArgs,
}

/// How the new provider is watched while shops sell with it, and what ends it. What is left out is
/// as the new provider wants it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watch (else as the new provider wants it)")]
struct WatchArgs {
    /// How long at least
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    watch_for: Option<Duration>,
    /// Until so many payments were tried, at least
    #[arg(long, value_name = "N")]
    watch_payments: Option<u32>,
    /// …but no longer than this
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    watch_at_most: Option<Duration>,
    /// How far the approval rate may fall, in percentage points
    #[arg(long, value_name = "POINTS")]
    approval_drop_max: Option<u8>,
    /// How many of 100 payments may end in an error of the host
    #[arg(long, value_name = "N")]
    host_errors_max: Option<u8>,
    /// How much longer a payment may take, in percent
    #[arg(long, value_name = "PERCENT")]
    slower_max: Option<u16>,
    /// How often the till may crash
    #[arg(long, value_name = "N")]
    crashes_max: Option<u16>,
}

impl TermsArgs {
    pub(super) fn terms(&self) -> Result<RebindTerms, measure::NotATime> {
        let notice = |(party, at): &(String, String)| {
            Ok(Notice {
                party: party.clone(),
                channel: "letter".to_owned(),
                reference: String::new(),
                sent_at: measure::unix_time(at)?,
                delivered_at: None,
                acknowledged_at: None,
            })
        };
        let seconds = |it: Duration| u32::try_from(it.as_secs()).unwrap_or(u32::MAX);
        Ok(RebindTerms {
            request: self.request,
            from: self.from.clone(),
            to: self.to.clone(),
            reason: self.reason,
            ordered_by: self.ordered_by.clone(),
            note: self.note.clone(),
            registry_order: match self.release_old_first {
                true => RegistryOrder::ReleaseOldFirst,
                false => RegistryOrder::NewFirst,
            },
            tests: Some(self.tests.clone()).filter(|tests| !tests.is_empty()),
            watch: WatchWish {
                for_s: self.watch.watch_for.map(seconds),
                payments_min: self.watch.watch_payments,
                at_most_s: self.watch.watch_at_most.map(seconds),
                approval_drop_max: self.watch.approval_drop_max,
                host_errors_max: self.watch.host_errors_max,
                slower_max: self.watch.slower_max,
                crashes_max: self.watch.crashes_max,
            },
            window: self.window,
            selector: self.selector.clone(),
            begins_at: self.begins_at,
            fallbacks: self.fallbacks.iter().cloned().collect(),
            notices: self.told.iter().map(notice).collect::<Result<_, _>>()?,
        })
    }

    /// Splits what the file lists into waves.
    pub(super) fn split<T>(&self, all: Vec<T>) -> Vec<Vec<T>> {
        let mut rest = all.into_iter();
        let mut waves: Vec<Vec<T>> = Vec::new();
        for size in &self.waves {
            waves.push(rest.by_ref().take(usize::try_from(*size).unwrap_or(usize::MAX)).collect());
        }
        waves.push(rest.collect());
        waves.retain(|wave| !wave.is_empty());
        waves
    }
}

fn request_id(text: &str) -> Result<RequestId, shared::id::NotAnId> {
    text.parse()
}

fn reason(text: &str) -> Result<Reason, String> {
    let found = Reason::ALL.into_iter().find(|reason| reason.as_str() == text);
    let all = || Reason::ALL.map(Reason::as_str).join(", ");
    found.ok_or_else(|| format!("the reasons are {}", all()))
}

pub(in super::super) fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    match name.is_empty() || value.is_empty() {
        true => Err("write NAME=VALUE"),
        false => Ok((name.to_owned(), value.to_owned())),
    }
}

pub(in super::super) fn test(text: &str) -> Result<Test, String> {
    let (name, amount) = text.split_once(':').unwrap_or((text, "0"));
    let kind = TestKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let all = || TestKind::ALL.map(TestKind::as_str).join(", ");
    let kind = kind.ok_or_else(|| format!("the kinds are {}", all()))?;
    let amount_minor = amount.parse::<i64>().ok().filter(|amount| *amount >= 0);
    let amount_minor = amount_minor.ok_or_else(|| "the amount is a whole number".to_owned())?;
    Ok(Test { kind, amount_minor })
}
