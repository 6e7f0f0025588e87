//! The policy of a campaign as it stands on the command line.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use shared::document::order::Class;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::measure;
use super::super::terminal;
use super::super::words::word;
use super::create::digest;
use crate::campaign::policy::{Intake, Named, NotAPolicy, Policy, Share, StopPolicy};
use crate::campaign::rate::Rate;

/// How carefully a campaign goes.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// `careful`, `usual`, `emergency`, or a file that holds one; else one wave that nothing stops
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// Who becomes a member: `snapshot`, whoever is meant when it is started, or `continuous`,
    /// whoever comes to be meant after that, too
    ///
    /// Whoever joins passes the same gates, budgets and rate as all others. Only for what nobody
    /// has to sign.
    #[arg(long, value_name = "WHAT", value_parser = intake)]
    membership: Option<Intake>,
    /// A terminal of the first wave, before all others; may be given several times
    #[arg(long, value_name = "SERIAL", requires = "policy")]
    canary: Vec<String>,
    /// Instead of the policy's waves: `3`, `5%` or `rest` of those that are left after `--canary`
    #[arg(long, value_name = "SHARE", requires = "policy", value_delimiter = ',')]
    waves: Vec<Share>,
    /// Instead of what the policy says of terminals that have begun when the campaign is stopped
    #[arg(long, value_name = "WHAT", requires = "policy", value_parser = stop_policy)]
    stop: Option<StopPolicy>,
    /// What a terminal goes back to that has succeeded when the campaign is stopped
    #[arg(long, value_name = "DIGEST|DIR")]
    revert_to: Option<String>,
    /// Terminals that may work on it at the same time; else as the policy says
    ///
    /// One to which an order could not be sent for ten minutes, or that has not answered for an
    /// hour, lends its place to another; it is not sent anything before it has a place again.
    #[arg(long, value_name = "N", required_unless_present = "policy",
          value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// How fast terminals are released: for example `100/h`
    #[arg(long, value_name = "N/TIME")]
    rate: Option<Rate>,
    /// Terminals of one store that may be disturbed at once, by whatever campaigns
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    store_at_once: Option<u32>,
    /// How a store sells while its last selling terminal is at it
    ///
    /// Without a word of it, of the store's own or of a window, no such terminal is released.
    #[arg(long, value_name = "TEXT")]
    fallback: Option<String>,
    /// Before whom it goes: `decommission`, `security`, `normal` or `background`
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<Class>,
    /// Over how long terminals begin once their shops may be disturbed, each at its own moment
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    spread: Option<Duration>,
    /// How often one terminal may be tried again by `campaign retry`
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Nothing is released before: for example `2026-11-22T10:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    not_before: Option<UnixTime>,
}

/// What the arguments come to.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) max_parallel: u32,
    pub(super) policy: Option<Policy>,
}

impl PolicyArgs {
    pub(super) async fn read(&self, client: &Client) -> Result<Course, Failure> {
        let named = self.policy.as_deref().map(read).transpose()?;
        let of_file = named.as_ref().and_then(|it| it.max_parallel);
        let mut policy = named.map_or(Policy::PLAIN, |it| it.policy);
        if !self.waves.is_empty() {
            policy.waves.clone_from(&self.waves);
        }
        policy.membership = self.membership.unwrap_or(policy.membership);
        policy.stop = self.stop.unwrap_or(policy.stop);
        policy.revert_to = self.revert_to.as_deref().map(digest).transpose()?;
        policy.rate = self.rate.or(policy.rate);
        policy.store_at_once = self.store_at_once.or(policy.store_at_once);
        policy.fallback.clone_from(&self.fallback);
        policy.class = self.class.or(policy.class);
        policy.retries_max = self.retries.unwrap_or(policy.retries_max);
        policy.not_before = self.not_before;
        policy.spread = self.spread.or(policy.spread);
        for serial in &self.canary {
            policy.canary.push(terminal::identify(serial, client).await?);
        }
        policy.check().map_err(not_a_policy)?;
        let max_parallel = self.max_parallel.or(of_file).ok_or_else(|| {
            Failure::because("the policy does not say how many terminals may be at it together")
                .hint("say `max_parallel` in its file, or `--max-parallel`")
        })?;
        let policy = Some(policy).filter(|policy| *policy != Policy::PLAIN);
        Ok(Course { max_parallel, policy })
    }
}

/// One that is built in, or else a file.
fn read(name: &str) -> Result<Named, Failure> {
    if Named::BUILT_IN.contains(&name) {
        return Named::built_in(name).map_err(not_a_policy);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(not_a_policy(NotAPolicy::Unknown(name.to_owned())));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::because(format_args!("cannot read {name}: {error}")))?;
    Named::read(&text).map_err(|error| {
        let failure = Failure::because(format_args!("the policy in {name}: {error}"));
        with_hint(failure, &error)
    })
}

fn not_a_policy(error: NotAPolicy) -> Failure {
    with_hint(Failure::because(&error), &error)
}

fn with_hint(failure: Failure, error: &NotAPolicy) -> Failure {
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A class as it is written everywhere.
pub(super) fn class(text: &str) -> Result<Class, String> {
    let found = Class::ALL.into_iter().find(|it| word(it) == text);
    found.ok_or_else(|| "choose `decommission`, `security`, `normal` or `background`".to_owned())
}

fn intake(text: &str) -> Result<Intake, String> {
    let found = Intake::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or_else(|| "choose `snapshot` or `continuous`".to_owned())
}

fn stop_policy(text: &str) -> Result<StopPolicy, String> {
    let found = StopPolicy::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or_else(|| "choose `finish`, `keep` or `revert`".to_owned())
}
