//! What somebody says that moves a replacement on.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::duration;
use super::super::print::Print;
use super::show::whole;
use crate::api::model::{
    NewReplacementEvent, ReplacementCheck, ReplacementCommissioned, ReplacementFound,
    ReplacementMoved, ReplacementParcel, ReplacementState, ReplacementStep, ReplacementUnsettled,
    ReplacementWatch,
};

/// What every step has.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The number of the replacement
    #[arg(value_name = "NUMBER")]
    pub(super) number: u64,
    /// Kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub(super) why: Option<String>,
    /// Do nothing where it is in another state by now
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(super) if_state: Option<ReplacementState>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    which: Which,
}

/// A unit from stock is meant for it
#[derive(Debug, Args)]
pub(crate) struct Allocate {
    #[command(flatten)]
    which: Which,
    /// The serial number of the unit
    #[arg(long, value_name = "SERIAL")]
    unit: String,
}

/// The unit is on its way
#[derive(Debug, Args)]
pub(crate) struct Ship {
    #[command(flatten)]
    which: Which,
    #[arg(long, value_name = "NAME")]
    courier: String,
    /// What the courier calls the parcel
    #[arg(long, value_name = "TEXT")]
    tracking: String,
    /// What the seal reads that was applied
    #[arg(long, value_name = "TEXT")]
    seal: Option<String>,
}

/// The unit has arrived: say what is read on it
///
/// A serial number or a seal that differs from what was sent freezes the replacement.
#[derive(Debug, Args)]
pub(crate) struct Receive {
    #[command(flatten)]
    which: Which,
    /// As it is read on the unit
    #[arg(long, value_name = "SERIAL")]
    serial_read: String,
    /// As it is read on the parcel or the unit
    #[arg(long, value_name = "TEXT")]
    seal: Option<String>,
    /// There is no seal
    #[arg(long, conflicts_with = "seal")]
    no_seal: bool,
    /// Who answers for it from now on
    #[arg(long, value_name = "NAME")]
    custodian: Option<String>,
}

/// The old terminal is dead: list what it may still owe, and who answers for it
#[derive(Debug, Args)]
pub(crate) struct OldUnreachable {
    #[command(flatten)]
    which: Which,
    /// A batch, receipt or refund that is not settled, or that nothing is; may be repeated
    #[arg(long, value_name = "TEXT", required = true)]
    unsettled: Vec<String>,
    /// What the provider calls the closing of its batch at their side
    #[arg(long, value_name = "REFERENCE")]
    closed_at_host: String,
    /// No verified snapshot of it exists, and that is accepted too
    #[arg(long)]
    without_backup: bool,
    /// Who answers for it: somebody else than you and the requester
    #[arg(long, value_name = "NAME")]
    accepted_by: String,
}

/// Somebody on site has tried all of it
///
/// Each of screen, reader, contactless, scanner, printer, network, ecr-link and clock is named
/// once: it works, the unit has none, or it fails.
#[derive(Debug, Args)]
pub(crate) struct Commission {
    #[command(flatten)]
    which: Which,
    /// What works
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_parser = check)]
    works: Vec<ReplacementCheck>,
    /// What the unit has none of
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_parser = check)]
    absent: Vec<ReplacementCheck>,
    /// What does not work
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_parser = check)]
    fails: Vec<ReplacementCheck>,
    /// What the provider calls the test payment that was made on it and given back
    #[arg(long, value_name = "REFERENCE")]
    tested: String,
    /// Who tried it
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// The new unit has enrolled, and what was to be restored onto it is there
#[derive(Debug, Args)]
pub(crate) struct Provisioned {
    #[command(flatten)]
    which: Which,
    /// It needs nothing of the old terminal
    #[arg(long)]
    nothing_to_restore: bool,
}

/// Swap the two: the new terminal takes the position of the old one
///
/// It is then watched for a time or for a number of payments, whichever is first. The old terminal
/// is not erased before that is over.
#[derive(Debug, Args)]
pub(crate) struct Live {
    #[command(flatten)]
    which: Which,
    /// How long it is watched
    #[arg(long, value_name = "DURATION", default_value = "72h", value_parser = duration)]
    watch_for: Duration,
    /// How many payments are enough, by its snapshots
    #[arg(long, value_name = "COUNT", default_value_t = ReplacementWatch::default().payments)]
    watch_payments: u64,
}

/// Name who answers for what is wrong with the new terminal now
///
/// While something is wrong the watch is not over, however long it lasts, and the old terminal is
/// not erased. What goes wrong later is not covered.
#[derive(Debug, Args)]
pub(crate) struct AcceptTrouble {
    #[command(flatten)]
    which: Which,
    /// Who answers for it: neither you nor who asked for the replacement
    #[arg(long, value_name = "NAME")]
    accepted_by: String,
}

fn state(text: &str) -> Result<ReplacementState, String> {
    let known = ReplacementState::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = ReplacementState::ALL.iter().map(|it| it.as_str()).collect();
        format!("`{text}` is no state: write {}", words.join(", "))
    })
}

fn check(text: &str) -> Result<ReplacementCheck, String> {
    let known = ReplacementCheck::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = ReplacementCheck::ALL.iter().map(|it| it.as_str()).collect();
        format!("`{text}` is nothing to check: write {}", words.join(", "))
    })
}

impl Which {
    pub(super) async fn say(
        &self,
        said: ReplacementStep,
        client: &Client,
    ) -> Result<ReplacementMoved, Failure> {
        let (reason, if_state) = (self.why.clone(), self.if_state);
        let asked = NewReplacementEvent { said, reason, if_state };
        Ok(client.move_replacement(self.number, &asked).await?)
    }

    async fn tell(
        &self,
        said: ReplacementStep,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let moved = self.say(said, client).await?;
        match self.json {
            true => print.json(&moved),
            false => whole(&moved.replacement, &[], print),
        }
        // It was written down; a unit that may be another is not a success.
        Ok(if moved.replacement.state.is_suspected() { Exit::Failed } else { Exit::Done })
    }
}

impl Plain {
    pub(super) async fn run(
        &self,
        said: ReplacementStep,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        self.which.tell(said, client, print).await
    }
}

impl Allocate {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = ReplacementStep::Allocate { serial: self.unit.clone() };
        self.which.tell(said, client, print).await
    }
}

impl Ship {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = ReplacementStep::Ship(ReplacementParcel {
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            seal: self.seal.clone(),
        });
        self.which.tell(said, client, print).await
    }
}

impl Receive {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = ReplacementStep::Receive {
            serial: self.serial_read.clone(),
            seal: self.seal.clone(),
            seal_missing: self.no_seal,
            custodian: self.custodian.clone(),
        };
        self.which.tell(said, client, print).await
    }
}

impl OldUnreachable {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = ReplacementStep::GiveUpOld(ReplacementUnsettled {
            items: self.unsettled.clone(),
            closed_at_host: self.closed_at_host.clone(),
            without_backup: self.without_backup,
            accepted_by: self.accepted_by.clone(),
        });
        self.which.tell(said, client, print).await
    }
}

impl Provisioned {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let nothing_to_restore = self.nothing_to_restore;
        self.which.tell(ReplacementStep::Provision { nothing_to_restore }, client, print).await
    }
}

impl AcceptTrouble {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let said = ReplacementStep::AcceptTrouble { accepted_by: self.accepted_by.clone() };
        self.which.tell(said, client, print).await
    }
}

impl Live {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let (for_s, payments) = (self.watch_for.as_secs(), self.watch_payments);
        let watch = ReplacementWatch { for_s, payments };
        self.which.tell(ReplacementStep::GoLive { watch }, client, print).await
    }
}

impl Commission {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let found = self.found();
        let (tested, by) = (self.tested.clone(), self.by.clone());
        let said = ReplacementStep::Commission(ReplacementCommissioned { found, tested, by });
        self.which.tell(said, client, print).await
    }

    /// What is said to work and to fail fails.
    fn found(&self) -> BTreeMap<ReplacementCheck, ReplacementFound> {
        let lists = [
            (&self.works, ReplacementFound::Works),
            (&self.absent, ReplacementFound::Absent),
            (&self.fails, ReplacementFound::Fails),
        ];
        let each =
            lists.into_iter().flat_map(|(all, found)| all.iter().map(move |it| (*it, found)));
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_shown() {
        assert_eq!(state("old-settled"), Ok(ReplacementState::OldSettled));
        assert!(state("old").unwrap_err().contains("old-settled"));
        assert_eq!(check("ecr-link"), Ok(ReplacementCheck::EcrLink));
        assert!(check("battery").unwrap_err().contains("ecr-link"));
    }
}
