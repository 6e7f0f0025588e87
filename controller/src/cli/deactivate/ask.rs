//! `tillward deactivate suspend`, `resume`, `wipe` and `deregister`.

use std::time::Duration;

use clap::Args;
use shared::change::rebind::Test;
use shared::id::RequestId;
use shared::time::UnixTime;
use shared::window::Window;

use super::super::client::Client;
use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::measure;
use super::super::print::Print;
use super::super::rebind::terms::{pair, test};
use super::super::terminal;
use super::delay::Delay;
use super::{request_id, show};
use crate::api::model::{
    CheckedOnSite, Deregistration, NewDeactivation, ResumeWish, SettleWish, SuspendWish, Untold,
    WantedService, WipeWish,
};

/// What every change of service is asked with.
#[derive(Debug, Args)]
struct Terms {
    /// The accepted request that this carries out
    #[arg(long, value_name = "REQUEST", value_parser = request_id)]
    request: RequestId,
    /// Say what speaks against it and what must be so by when; nothing is written
    #[arg(long)]
    plan: bool,
    /// How long approvers and terminals have; else 3 days, and 90 for what is lost or given up
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    not_after: Option<Duration>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Stop terminals at a moment, settle, and save; nothing is erased
///
/// Each terminal holds the moment by itself, and stops then whether it is connected or not. Until
/// it is settled and saved, `tillward campaign abort` lets it sell again.
///
/// A terminal that cannot settle waits, stopped, until it can. With `--delay-settlement` it is
/// saved and suspended all the same, with what it owes, once it was tried for long enough; also
/// where it waits already by an earlier request.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate suspend --request REQUEST --cut-off 2026-12-04T15:00:00+01:00 \\
    --resume-expected 2027-01-04T08:00:00+01:00
  tillward deactivate suspend --request REQUEST --cut-off 2026-12-04T15:00:00+01:00 \\
    --delay-settlement whatever-is-open --delay-after 4h --delay-until 2026-12-11T12:00:00+01:00 \\
    --delay-reason 'The host is down until Monday.' --delay-accepted-by 'Hana Head'")]
pub(in super::super) struct Suspend {
    #[command(flatten)]
    terms: Terms,
    /// When they stop: within three days
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    cut_off: UnixTime,
    /// When they are to sell again; left out before a decommissioning
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    resume_expected: Option<UnixTime>,
    /// Who answers for stores in which nobody sells any more
    #[arg(long, value_name = "NAME")]
    close_store: Option<String>,
    /// Who answers for parties that do not know of it (`tillward deactivate notice`)
    #[arg(long, value_name = "NAME", requires = "untold_why")]
    untold_by: Option<String>,
    /// Why they need not know
    #[arg(long, value_name = "TEXT", requires = "untold_by")]
    untold_why: Option<String>,
    /// The terminal answers nobody, and a replacement is about it: its order waits for 90 days, and
    /// stops it as soon as it is heard again
    #[arg(long, conflicts_with = "resume_expected")]
    given_up: bool,
    #[command(flatten)]
    delay: Delay,
}

/// Settle what suspended terminals owe, and save them anew
///
/// Of the request's terminals those that were suspended before they had settled. Each stays
/// stopped, tries to send and to settle until it has, and signs that it is suspended and owes
/// nothing; then it can be wiped.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate settle --request REQUEST")]
pub(in super::super) struct Settle {
    #[command(flatten)]
    terms: Terms,
    /// When they are to sell again; left out before a decommissioning
    #[arg(long, value_name = "TIME", value_parser = measure::unix_time)]
    resume_expected: Option<UnixTime>,
}

/// Let suspended terminals sell again, once they have passed their tests
///
/// What they sold by has to be valid yet: binding, registration, licence, contract, certificates,
/// payment keys (`tillward terminal keys`), and versions no older than what campaigns have brought
/// to their peers. What nobody has told is unknown, and somebody answers for it by name.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate resume --request REQUEST --checked-by 'Tess' \\
    --checked screen,printer,reader,scanner,battery --test diagnosis,sale:1,void,batch-close \\
    --at-least pos=2.0.0 --vouch 'Bo'")]
pub(in super::super) struct Resume {
    #[command(flatten)]
    terms: Terms,
    /// What somebody has looked at on site: screen, printer, reader, scanner and battery
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    checked: Vec<String>,
    /// Who has
    #[arg(long, value_name = "NAME")]
    checked_by: String,
    /// Tests before anybody sells, as kind or kind:amount, in their order
    #[arg(long = "test", value_name = "KIND[:AMOUNT]", value_delimiter = ',', value_parser = test)]
    #[arg(default_value = "diagnosis,sale:1,void,batch-close")]
    tests: Vec<Test>,
    /// When terminals may be tested, in their local time; else at any time
    #[arg(long, value_name = "HH:MM-HH:MM")]
    window: Option<Window>,
    /// The lowest version of a component with which a terminal sells again; below it, it is
    /// upgraded first. Besides what campaigns have brought to its model in its store
    #[arg(long, value_name = "COMPONENT=VERSION", value_parser = pair)]
    at_least: Vec<(String, String)>,
    /// Who answers for a finding of the plan, by its code: somebody else than who asks for it
    #[arg(long = "override", value_name = "CODE=NAME", value_parser = pair)]
    overrides: Vec<(String, String)>,
    /// Who answers for everything that nobody has told this controller, as where it has no records
    /// of providers: somebody else than who asks for it
    #[arg(long, value_name = "NAME")]
    vouch: Option<String>,
}

/// Erase everything on terminals, for good
///
/// Only of terminals that are suspended, saved in both places and deregistered with their providers
/// and a registry; or, with `--lost`, of those in the wrong hands. Each has accepted nothing before
/// its approvers have signed for what it itself told, and waits for the cool-off, in which any one
/// approver can cancel.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate wipe --request REQUEST --cool-off 1h")]
pub(in super::super) struct Wipe {
    #[command(flatten)]
    terms: Terms,
    /// How long each terminal waits once it has accepted; what is lost does not wait
    #[arg(long, value_name = "DURATION", value_parser = measure::duration)]
    #[arg(default_value = "1h")]
    cool_off: Duration,
    /// They are lost, stolen or tampered with: stop them at once, send what money they hold, and
    /// erase them though they were never suspended
    #[arg(long, conflicts_with = "cool_off")]
    lost: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Write down that a provider or a registry no longer knows a terminal
///
/// Before it is wiped, each provider that knows it by the bindings of its place has to have said
/// so, and a registry of terminals, a scheme's or a country's; where no binding is known, anybody
/// of these. `--none-needed` says that there is nothing to deregister, in your name: approvers read
/// it before they sign, and it is in the certificate.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward deactivate deregister PX-1 --with alpha --reference D-2026-117
  tillward deactivate deregister PX-1 --registry unionpay --reference U-2026-3
  tillward deactivate deregister PX-1 --registry DE --none-needed 'There is no registry in Germany.'
  tillward deactivate deregister PX-1 --with alpha --reference D-2026-117 --withdraw")]
pub(in super::super) struct Deregister {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    #[command(flatten)]
    party: WithWhom,
    #[command(flatten)]
    word: ByWhat,
    /// It was written down by mistake: take it back
    #[arg(long)]
    withdraw: bool,
    /// Kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct WithWhom {
    /// The provider, as bindings name it
    #[arg(long, value_name = "PROVIDER")]
    with: Option<String>,
    /// The registry of terminals: a scheme's, or a country's
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ByWhat {
    /// What they call it
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Why there is nothing to deregister there; you answer for it
    #[arg(long, value_name = "WHY")]
    none_needed: Option<String>,
}

/// What people answer for by name.
#[derive(Debug, Default)]
struct Answered {
    close_store: Option<String>,
    untold: Option<Untold>,
}

impl Terms {
    async fn run(
        &self,
        wanted: WantedService,
        answered: Answered,
        client: &Client,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let asked = NewDeactivation {
            request: self.request,
            wanted,
            name: self.name.clone(),
            not_after_s: self.not_after.map(|lifetime| lifetime.as_secs()),
            close_store: answered.close_store,
            untold: answered.untold,
        };
        if self.plan {
            let plan = client.plan_deactivation(&asked).await?;
            match self.json {
                true => print.json(&plan),
                false => show::plan(&plan, print),
            }
            return Ok(if plan.is_blocked { Exit::Failed } else { Exit::Done });
        }
        let begun = client.deactivate(&asked).await?;
        match self.json {
            true => print.json(&begun),
            false => {
                show::whole(&begun, print);
                print.remark(format_args!(
                    "\nNothing is sent before its approvers have signed. Next:\n  tillward \
                     approve export {} --to request.json",
                    begun.campaign.id
                ));
            }
        }
        Ok(Exit::Done)
    }
}

impl Suspend {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let (cut_off, resume_expected) = (self.cut_off, self.resume_expected);
        let delay = self.delay.wish();
        let given_up = self.given_up;
        let wish = SuspendWish { cut_off, resume_expected, delay, given_up };
        let wanted = WantedService::Suspend(wish);
        let untold = self.untold_by.clone().zip(self.untold_why.clone());
        let untold = untold.map(|(by, why)| Untold { by, why });
        let answered = Answered { close_store: self.close_store.clone(), untold };
        self.terms.run(wanted, answered, client, print).await
    }
}

impl Settle {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let wanted = WantedService::Settle(SettleWish { resume_expected: self.resume_expected });
        self.terms.run(wanted, Answered::default(), client, print).await
    }
}

impl Resume {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let checked = CheckedOnSite {
            what: self.checked.iter().cloned().collect(),
            by: self.checked_by.clone(),
        };
        let wanted = WantedService::Resume(ResumeWish {
            tests: self.tests.clone(),
            checked,
            window: self.window,
            at_least: self.at_least.iter().cloned().collect(),
            overrides: self.overrides.iter().cloned().collect(),
            vouch: self.vouch.clone(),
        });
        self.terms.run(wanted, Answered::default(), client, print).await
    }
}

impl Wipe {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        if !self.yes && !self.terms.plan {
            let question = "Ask for these terminals to be erased, for good?";
            if !confirm::is_meant(question, "ask for it", print)? {
                return Ok(Exit::Failed);
            }
        }
        let cool_off_s = match self.lost {
            true => 0,
            false => u32::try_from(self.cool_off.as_secs()).unwrap_or(u32::MAX),
        };
        let wanted = WantedService::Wipe(WipeWish { cool_off_s, is_lost: self.lost });
        self.terms.run(wanted, Answered::default(), client, print).await
    }
}

impl Deregister {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let id = terminal::identify(&self.terminal, client).await?;
        let WithWhom { with, registry } = &self.party;
        let ByWhat { reference, none_needed } = &self.word;
        let with = with.as_ref().or(registry.as_ref()).cloned().unwrap_or_default();
        let told = Deregistration {
            with: with.clone(),
            registry: registry.is_some(),
            reference: reference.clone(),
            none_needed: none_needed.clone(),
            withdraw: self.withdraw,
            reason: self.reason.clone(),
        };
        let terminal = client.deregister(id, &told).await?;
        let is = match (self.withdraw, none_needed.is_some()) {
            (false, false) => "is deregistered",
            (true, false) => "is no longer deregistered",
            (false, true) => "need not be deregistered",
            (true, true) => "has to be deregistered",
        };
        let word = reference.as_ref().or(none_needed.as_ref()).map_or("", String::as_str);
        match self.json {
            true => print.json(&terminal),
            false => {
                print.line(format_args!("{} {is} with {with} ({word})", terminal.serial));
            }
        }
        Ok(Exit::Done)
    }
}
