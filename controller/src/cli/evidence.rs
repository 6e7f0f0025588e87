//! `tillward evidence`: what proves what was done, in one file that is checked without a network.

mod check;
mod gather;
mod pack;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shared::digest::Digest;
use shared::document::receipt::Evidence;
use shared::durable::{Readers, replace_file};
use shared::id::{CampaignId, OrderId};

use super::approve::TrustArgs;
use super::client::Client;
use super::context::ContextArgs;
use super::failure::{Exit, Failure};
use super::print::Print;
use super::words::counted;
use check::{Finished, Report};

/// Of more than so many orders nobody reads every fact unasked.
const ORDERS_WITH_FACTS_MAX: usize = 50;

/// Take away what proves what was done, or check it
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    Export(Export),
    Verify(Verify),
}

/// Write all that proves what was ordered and done into one file
///
/// The signed bytes themselves: rosters, batches with their approvers' signatures, orders, profiles
/// and the terminals' own receipts, with letters and notices; of terminals that stop, also what
/// people did and what was owed, where the unit has been, and its certificate of sanitisation.
///
/// Keep the printed head elsewhere: it shows later that nothing was
/// left out or added.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward evidence export CAMPAIGN --to beta.evidence.tar")]
pub(super) struct Export {
    /// An order, a campaign with all of its orders, or a replacement with all that was ordered of
    /// either terminal since it was asked for
    #[arg(value_name = "ORDER|CAMPAIGN|NUMBER", value_parser = what)]
    what: What,
    /// The file to write; must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Check a file of evidence, without a network, and say what it proves and what it does not
///
/// Signatures count by the rosters of the file that follow from the one that you hold: hold one
/// that is no newer than what is to be proven.
///
/// Under *Facts* stands what each terminal established on the way, step by step, as it signed for
/// it. Of more than 50 orders that is shown with `--facts` only.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward evidence verify beta.evidence.tar --roster 1.cose --head DIGEST")]
pub(super) struct Verify {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// The head that was printed when it was exported
    #[arg(long, value_name = "DIGEST")]
    head: Option<Digest>,
    /// Show the facts of every order, however many there are
    #[arg(long)]
    facts: bool,
    /// Print JSON, with all facts
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Order(OrderId),
    Campaign(CampaignId),
    /// By its number.
    Replacement(u64),
}

fn what(text: &str) -> Result<What, String> {
    if let Ok(number) = text.parse() {
        return Ok(What::Replacement(number));
    }
    let order = text.parse().map(What::Order);
    order.or_else(|_| text.parse().map(What::Campaign)).map_err(|_: shared::id::NotAnId| {
        "write the id of an order, `ord-…`, or of a campaign, `cmp-…`, or the number of a \
         replacement"
            .to_owned()
    })
}

impl EvidenceCommand {
    pub(super) async fn run(
        &self,
        context: &ContextArgs,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        match self {
            Self::Export(args) => args.run(&Client::new(context.read()?)?, print).await,
            Self::Verify(args) => args.run(context, print),
        }
    }
}

impl Export {
    async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        if self.to.exists() {
            let what = format!("{} exists already and is left as it is", self.to.display());
            return Err(Failure::because(what).hint("choose another name"));
        }
        let (orders, mut beside) = gather::orders(client, self.what).await?;
        if orders.is_empty() {
            return Err(Failure::because("nothing was ordered: there is nothing to prove"));
        }
        let mut all = Vec::new();
        for order in orders {
            let evidence = client.evidence(order).await?;
            let withdrawal = evidence.cancelled_by;
            all.push(evidence);
            if let Some(withdrawal) = withdrawal {
                all.push(client.evidence(withdrawal).await?);
            }
        }
        beside.extend(gather::beside(client, &all).await?);
        let packed = pack::pack(&all, beside).map_err(Failure::new)?;
        replace_file(&self.to, &packed.bytes, Readers::Owner).map_err(Failure::new)?;
        print.line(format_args!("{}", self.to.display()));
        print.line(format_args!("  orders    {}", all.len()));
        print.line(format_args!("  entries   {}", packed.entries));
        print.line(format_args!("  head      {}", packed.head));
        print.remark(format_args!(
            "\nKeep the head elsewhere. To check it:\n  tillward evidence verify {} --roster \
             ROSTER --head {}",
            self.to.display(),
            packed.head
        ));
        Ok(Exit::Done)
    }
}

impl Verify {
    fn run(&self, context: &ContextArgs, print: &mut Print) -> Result<Exit, Failure> {
        let pin = self.trust.pin(context)?;
        let bytes = std::fs::read(&self.file).map_err(|error| {
            Failure::new(error).context(format!("cannot read {}", self.file.display()))
        })?;
        let not_genuine = |why: pack::NotAPack| {
            Failure::new(why)
                .exit(Exit::NotGenuine)
                .hint("believe nothing in it: take the file again from where it was kept")
        };
        let opened = pack::open(&bytes).map_err(not_genuine)?;
        if let Some(head) = self.head.filter(|head| *head != opened.head) {
            let found = opened.head;
            return Err(not_genuine(pack::NotAPack::OtherHead { found, wanted: head }));
        }
        let report = check::check(&opened, pin, self.head.is_some())?;
        match self.json {
            true => print.json(&report),
            false => shown(&report, self.facts, print),
        }
        match report.wrong.is_empty() {
            true => Ok(Exit::Done),
            false => {
                let count = counted(report.wrong.len() as u64, "thing");
                Err(Failure::because(format_args!("{count} in it cannot be true"))
                    .exit(Exit::NotGenuine)
                    .hint("somebody changed it, or made it without the right to"))
            }
        }
    }
}

fn shown(report: &Report, all_facts: bool, print: &mut Print) {
    let section = |title: &str, lines: &[String], print: &mut Print| {
        if !lines.is_empty() {
            print.line(title);
            lines.iter().for_each(|line| print.line(format_args!("  {line}")));
        }
    };
    section("Proven", &report.proven, print);
    let finished: Vec<_> = report.finished.iter().filter(|it| !it.facts.is_empty()).collect();
    let is_short = all_facts || finished.len() <= ORDERS_WITH_FACTS_MAX;
    if is_short && !finished.is_empty() {
        print.line("Facts");
        finished.iter().for_each(|it| facts(it, print));
    }
    section("Not proven", &report.not_proven, print);
    section("WRONG", &report.wrong, print);
    if !is_short {
        let orders = counted(finished.len() as u64, "order");
        print.remark(format_args!("\nThe facts of {orders} are shown with `--facts`."));
    }
}

fn facts(it: &Finished, print: &mut Print) {
    print.line(format_args!("  {}: {} signed for", it.order, it.serial));
    let width = it.facts.iter().map(|fact| fact.step.chars().count()).max().unwrap_or_default();
    for Evidence { step, at, note, digest } in &it.facts {
        // To the second: how long a shop was held is read from these.
        print.line(format_args!("    {at}  {step:width$}  {note}"));
        if let Some(digest) = digest {
            print.line(format_args!("    {:20}  {:width$}  record {digest}", "", ""));
        }
    }
}

#[cfg(test)]
mod tests;
