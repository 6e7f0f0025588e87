//! The policy of a campaign as it stands on the command line.

use std::fs;
use std::path::Path;

use clap::Args;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::terminal;
use crate::campaign::policy::{Named, NotAPolicy, Policy, Share, StopPolicy};

/// How carefully a campaign goes.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// `careful`, `usual`, `emergency`, or a file that holds one; else one wave that nothing stops
    #[arg(long, value_name = "NAME|FILE")]
    policy: Option<String>,
    /// A terminal of the first wave, before all others; may be given several times
    #[arg(long, value_name = "SERIAL", requires = "policy")]
    canary: Vec<String>,
    /// Instead of the policy's waves: `3`, `5%` or `rest` of those that are left after `--canary`
    #[arg(long, value_name = "SHARE", requires = "policy", value_delimiter = ',')]
    waves: Vec<Share>,
    /// Instead of what the policy says of terminals that have begun when the campaign is stopped
    #[arg(long, value_name = "WHAT", requires = "policy", value_parser = stop_policy)]
    stop: Option<StopPolicy>,
    /// Terminals that may work on it at the same time; else as the policy says
    ///
    /// One that is not heard for ten minutes lends its place to another. Its order stays valid, so
    /// it may join later, beside those that are at work then.
    #[arg(long, value_name = "N", required_unless_present = "policy",
          value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
}

/// What the arguments come to.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) max_parallel: u32,
    pub(super) policy: Option<Policy>,
}

impl PolicyArgs {
    pub(super) async fn read(&self, client: &Client) -> Result<Course, Failure> {
        let Some(named) = self.policy.as_deref().map(read).transpose()? else {
            let max_parallel = self.max_parallel.unwrap_or(1);
            return Ok(Course { max_parallel, policy: None });
        };
        let mut policy = named.policy;
        if !self.waves.is_empty() {
            policy.waves.clone_from(&self.waves);
        }
        policy.stop = self.stop.unwrap_or(policy.stop);
        for serial in &self.canary {
            policy.canary.push(terminal::identify(serial, client).await?);
        }
        policy.check().map_err(not_a_policy)?;
        let max_parallel = self.max_parallel.or(named.max_parallel).ok_or_else(|| {
            Failure::because("the policy does not say how many terminals may be at it together")
                .hint("say `max_parallel` in its file, or `--max-parallel`")
        })?;
        Ok(Course { max_parallel, policy: Some(policy) })
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

fn stop_policy(text: &str) -> Result<StopPolicy, String> {
    let found = StopPolicy::ALL.into_iter().find(|it| it.as_str() == text);
    found.ok_or_else(|| "choose `finish`, `keep` or `revert`".to_owned())
}
