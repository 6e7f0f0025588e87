//! `tillward audit`: who decided what, and whether the log of it is still the one that it was.

mod check;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::digest::Digest;
use shared::document::Checkpoint;
use shared::document::roster::Role;
use shared::durable::{Readers, replace_file};
use shared::signature::{KnownKeys, open};

use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::measure::time_text;
use super::print::Print;
use super::release::RosterArgs;
use super::roster::ReadRoster;
use super::words::counted;
use crate::api::model::{AuditCheckpoint, AuditEntry, AuditProof};

/// List who decided what, and check that nothing of it was changed
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    Show(Show),
    Verify(Verify),
    Prove(Prove),
}

/// List who decided what, and when
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Only those after the one with this number
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check that no entry of the log was changed, taken away, added or moved
///
/// Fetches the whole log, computes the root of its tree, and compares it with what the controller
/// has signed and with the checkpoint that you kept from last time. With --proof, checks a file of
/// `tillward audit prove` instead, without a controller.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward audit verify --kept audit.checkpoint
  tillward audit verify --proof decision-42.json --roster 1.cose --kept audit.checkpoint")]
pub(super) struct Verify {
    /// The newest checkpoint that you have seen; it is replaced by the one that follows from it
    ///
    /// Keep it where whoever can change the registry cannot.
    #[arg(long, value_name = "FILE")]
    kept: Option<PathBuf>,
    /// Check this proof of one entry, without a controller
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    roster: RosterArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Write what proves one entry into a file that is checked without a controller
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward audit prove 42 --to decision-42.json")]
pub(super) struct Prove {
    /// The number of the entry
    seq: u64,
    /// The file to write; must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Verified {
    /// Entries that were looked at.
    entries: u64,
    /// Of the checkpoint.
    size: u64,
    root: Digest,
    /// The size of the checkpoint that was kept, where there was one.
    kept: Option<u64>,
}

impl AuditCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Show(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Verify(args) => args.run(context, print).await,
            Self::Prove(args) => args.run(&Client::new(context.read()?)?, print).await,
        }
    }
}

impl Show {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let entries = client.audit(self.after).await?;
        match self.json {
            true => print.json_list(&entries),
            false => list(entries, print),
        }
        Ok(Exit::Done)
    }
}

impl Verify {
    async fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let roster = self.roster.read(context)?.ok_or_else(|| {
            Failure::because("no roster says whose signatures count")
                .hint("name one with --roster FILE, or a context with --context FILE")
        })?;
        let before = self.kept(&roster)?;
        match &self.proof {
            Some(file) => self.proof(file, &roster, before.as_ref(), print),
            None => self.whole(context, &roster, before.as_ref(), print).await,
        }
    }

    /// `None` where there is no such file yet.
    fn kept(&self, roster: &ReadRoster) -> Result<Option<Checkpoint>, Failure> {
        let Some(file) = &self.kept else { return Ok(None) };
        // A proof is compared with what is there; the whole log is kept for the next time.
        if !file.exists() && self.proof.is_none() {
            return Ok(None);
        }
        let bytes = fs::read(file).map_err(|error| unread(file, error))?;
        signed(&bytes, roster).map(Some).map_err(|failure| {
            failure.context(format!("{} is no checkpoint of this fleet", file.display()))
        })
    }

    async fn whole(
        &self,
        context: &ContextArgs,
        roster: &ReadRoster,
        kept: Option<&Checkpoint>,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let client = Client::new(context.read()?)?;
        // First the checkpoint: what is decided meanwhile is behind it.
        let told = client.audit_checkpoint().await?;
        let newest = signed(&told.signed.0, roster)?;
        let entries = read_through(&client, check::Reading::new(&newest, kept)).await?;
        if let Some(file) = &self.kept {
            replace_file(file, &told.signed.0, Readers::Owner)?;
        }
        let found = Verified {
            entries,
            size: newest.size,
            root: newest.root,
            kept: kept.map(|it| it.size),
        };
        match self.json {
            true => print.json(&found),
            false => tell(&found, self.kept.as_deref(), print),
        }
        Ok(Exit::Done)
    }

    fn proof(
        &self,
        file: &Path,
        roster: &ReadRoster,
        kept: Option<&Checkpoint>,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let bytes = fs::read(file).map_err(|error| unread(file, error))?;
        let proof: AuditProof = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(error).context(format!("{} is no proof of an entry", file.display()))
        })?;
        let checkpoint = signed(&proof.checkpoint.signed.0, roster)?;
        let AuditCheckpoint { size, root, at, .. } = proof.checkpoint;
        if (size, root, at) != (checkpoint.size, checkpoint.root, checkpoint.at) {
            let what = format!("{} says another checkpoint than it brings", file.display());
            return Err(Failure::because(what).exit(Exit::NotGenuine).hint(check::HINT_OF_FILE));
        }
        check::one(&proof.entry.clone().into(), &proof.path, &checkpoint, kept).map_err(
            |error| Failure::new(error).exit(Exit::NotGenuine).hint(check::HINT_OF_FILE),
        )?;
        if let Some(kept) = kept.filter(|kept| kept.size != checkpoint.size) {
            print.warning(format_args!(
                "not compared with what you kept, which is over {} entries and not {size}: that \
                 takes the whole log, without --proof",
                kept.size
            ));
        }
        match self.json {
            true => print.json(&proof.entry),
            false => {
                let (size, at) = (checkpoint.size, time_text(checkpoint.at));
                list(vec![proof.entry], print);
                print.line(format_args!(
                    "\nIt is in the log of {}, as the controller signed for at {at}.",
                    counted(size, "decision")
                ));
            }
        }
        Ok(Exit::Done)
    }
}

impl Prove {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        if self.to.exists() {
            let what = format!("{} exists already and is left as it is", self.to.display());
            return Err(Failure::because(what).hint("choose another name"));
        }
        let proof: AuditProof = client.audit_proof(self.seq).await?;
        let text = serde_json::to_vec_pretty(&proof).map_err(Failure::new)?;
        replace_file(&self.to, &text, Readers::Owner)?;
        print.line(format_args!("{}", self.to.display()));
        print.remark(format_args!(
            "\nTo check it, with a roster and without a controller:\n  tillward audit verify \
             --proof {} --roster ROSTER",
            self.to.display()
        ));
        Ok(Exit::Done)
    }
}

/// How many entries there are, if they are what was signed for.
async fn read_through(client: &Client, mut reading: check::Reading<'_>) -> Result<u64, Failure> {
    let other =
        |error: check::NotTheLog| Failure::new(error).exit(Exit::NotGenuine).hint(check::HINT);
    let mut after = None;
    loop {
        let page = client.audit_page(after).await?;
        let entries: Vec<_> = page.items.into_iter().map(Into::into).collect();
        reading.take(&entries).map_err(other)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return reading.end().map_err(other),
        }
    }
}

/// As a controller of the roster signed it.
fn signed(bytes: &[u8], roster: &ReadRoster) -> Result<Checkpoint, Failure> {
    let roster = &roster.roster;
    let opened = open::<Checkpoint>(bytes, roster.fleet, &KnownKeys::of_roster(roster));
    let opened = opened.map_err(|error| Failure::new(error).exit(Exit::NotGenuine))?;
    match opened.signed_by.count(Role::Controller) {
        0 => Err(Failure::because("no controller of the roster signed the checkpoint")
            .exit(Exit::NotGenuine)),
        _ => Ok(opened.document),
    }
}

fn unread(file: &Path, error: std::io::Error) -> Failure {
    Failure::new(error).context(format!("cannot read {}", file.display()))
}

fn tell(found: &Verified, kept: Option<&Path>, print: &mut Print) {
    let Verified { entries, size, root, kept: before } = found;
    print.line(format_args!("{}, none changed, missing or moved", counted(*entries, "decision")));
    print.line(format_args!("  signed for   {size}"));
    print.line(format_args!("  root         {root}"));
    match before {
        Some(before) => print.line(format_args!("  begins with  the {before} that you knew")),
        None => print.warning(
            "nothing was kept from last time: a log that was made anew as a whole looks like this \
             too",
        ),
    }
    match kept {
        Some(file) => print.line(format_args!("  kept in      {}", file.display())),
        None => print.hint("keep a checkpoint outside of this machine with --kept FILE"),
    }
}

fn list(entries: Vec<AuditEntry>, print: &mut Print) {
    let row = |entry: AuditEntry| {
        let AuditEntry { seq, at, who, what, object, detail, .. } = entry;
        [seq.to_string(), time_text(at), who, what, object, detail]
    };
    let rows = entries.into_iter().map(row).collect();
    print.table(["seq", "at", "who", "what", "object", "detail"], rows, "nothing was decided");
}

#[cfg(test)]
mod tests {
    use shared::id::{BatchId, OrderId, TerminalId};

    use super::super::golden;
    use super::super::samples::audit_entry;
    use super::*;

    #[test]
    fn decisions_are_listed_one_by_line() {
        let refused = AuditEntry {
            seq: 8,
            who: TerminalId::from_bytes([1; 16]).to_string(),
            what: "order-refused".to_owned(),
            object: OrderId::from_bytes([3; 16]).to_string(),
            detail: format!(
                "decommission of {}: not-suspended: this terminal is in service",
                BatchId::from_bytes([4; 16])
            ),
            ..audit_entry()
        };
        let entries = vec![audit_entry(), refused];
        golden::check("audit", &golden::printed(|print| list(entries, print)));
    }

    #[test]
    fn a_log_that_was_looked_through_says_what_it_was_compared_with() {
        let root = Digest::of(b"root");
        let found = Verified { entries: 12, size: 11, root, kept: Some(7) };
        let file = Path::new("audit.checkpoint");
        let said = golden::printed(|print| tell(&found, Some(file), print));
        golden::check("audit-verify", &said);
        let first = Verified { kept: None, ..found };
        golden::check("audit-verify-first", &golden::printed(|print| tell(&first, None, print)));
    }
}
