//! A whole case, act by act, each on a copy of the registry's file: as it is meant to go, and cut
//! off at everything that is asked of the database.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::change::Verb;
use shared::digest::{Digest, Nonce};
use shared::document::FORMAT;
use shared::document::receipt::{Receipt, Said};
use shared::id::TerminalId;
use shared::message::{Hello, SignedBytes};
use shared::outcome::Outcome;
use shared::owed::SUSPENDED;
use shared::signature::Envelope;
use shared::time::{ClockConfidence, UnixTime};

use super::super::world::{FLEET, controller_key};
use super::look::{Look, look};
use super::office::{Deed, Office, Old};
use super::shop::{self, BEGAN};
use crate::background::Poke;
use crate::campaign::Campaigns;
use crate::campaign::assignment::AssignmentState;
use crate::campaign::execute::Execute;
use crate::campaign::state::CampaignState;
use crate::deactivation::certify::Certify;
use crate::delivery::Signer;
use crate::registry::delivery::{Heard, Report, Saying};
use crate::registry::page::Page;
use crate::registry::sql::fuse::Fuse;
use crate::registry::terminal::{Presence, Service, Unit as Life};
use crate::registry::{self, Registry};
use crate::replacement::ReplacementState as S;

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Do(Deed),
    /// A terminal's next receipt about this change arrives.
    Tell(Verb),
    /// A terminal connects.
    Greet(TerminalId),
    /// The controller's reconcilers have their turn.
    Tick,
    /// An hour goes by.
    Wait,
}

/// A controller on this file. What it knows besides is nothing.
struct Desk {
    office: Office,
    registry: Arc<dyn Registry>,
    execute: Execute,
    certify: Certify,
}

impl Desk {
    async fn open(file: &Path, fuse: Fuse, torn_after: Option<&'static str>) -> Self {
        let registry = registry::on_disk_with_fuse(file, fuse, torn_after).await.unwrap();
        let signer = Arc::new(Signer::new(FLEET, controller_key()));
        let campaigns = Campaigns::new(Arc::clone(&registry), Arc::clone(&signer));
        let execute = Execute::new(Arc::clone(&registry), Arc::clone(&signer), Poke::new());
        let certify = Certify::new(Arc::clone(&registry), signer, vec!["a".to_owned()]);
        let office = Office { registry: Arc::clone(&registry), campaigns };
        Self { office, registry, execute, certify }
    }

    async fn act(
        &self,
        act: Act,
        now: UnixTime,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match act {
            Act::Do(deed) => self.office.carry_out(deed, now).await?,
            Act::Tell(verb) => self.tell(verb, now).await?,
            Act::Greet(terminal) => {
                let saying = Saying::Hello(hello(terminal));
                self.registry.apply(&[Heard { terminal, at: now, saying }]).await?;
            }
            Act::Tick => {
                self.execute.step(now).await?;
                self.certify.step(now).await?;
            }
            Act::Wait => {}
        }
        Ok(())
    }

    /// The terminal says `Accepted` to what it has not answered, and else how it ended.
    async fn tell(
        &self,
        verb: Verb,
        now: UnixTime,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let all = self.registry.campaigns(&Page::first(9)).await?;
        let campaign = all.iter().find(|it| it.change.verb() == verb).ok_or("nobody asked")?;
        let assignments = self.registry.assignments(campaign.id, &Page::first(9)).await?;
        let it = assignments.first().ok_or("nothing is ordered")?;
        let is_answered = !self.registry.receipts(it.order).await?.is_empty();
        let now_is = if verb == Verb::Suspend { SUSPENDED } else { "done" };
        let outcome = Outcome::Succeeded { now: now_is.to_owned() };
        let said = match is_answered {
            false => Said::Accepted,
            true => Said::Finished { outcome, evidence: super::evidence(verb) },
        };
        let before = if matches!(verb, Verb::Suspend | Verb::Restore) { 0 } else { 2 };
        let seq = before + 1 + u64::from(is_answered);
        let (terminal, epoch, order) = (it.terminal, 1, it.order);
        let clock = ClockConfidence::Attested;
        let receipt = Receipt { format: FORMAT, terminal, epoch, order, said, at: now, clock };
        let signed = SignedBytes::new(Envelope::unsigned(receipt.clone()).to_bytes());
        let report = Report::Receipt { receipt, signed };
        let saying = Saying::Report { epoch, seq, up_to: seq, report };
        // The answer was lost on its way, so it comes twice.
        let heard = Heard { terminal, at: now, saying };
        self.registry.apply(&[heard.clone(), heard]).await?;
        Ok(())
    }
}

fn hello(terminal: TerminalId) -> Hello {
    Hello {
        challenge: Some(Digest::of(terminal.as_bytes())),
        boot_nonce: Nonce([7; 16]),
        epoch: 1,
        order_seq: 0,
        ledger: Digest::of(b"ledger"),
        outbox_depth: 0,
        outbox_acknowledged: 0,
        outbox_dropped: 0,
        roster_version: 1,
        agent_version: "0.1.0".to_owned(),
        components: vec![],
        zone: "Europe/Berlin".to_owned(),
        ledger_lost: false,
        working_on: None,
        recipient: None,
        log: None,
        locked: None,
        stands: None,
    }
}

/// What happens next while nobody is in the way; `None` at the end.
pub(super) fn next(look: &Look, old: Old) -> Option<Act> {
    let new = look.terminals.get(&shop::new());
    if new.is_some_and(|it| it.life == Life::Enrolled && it.presence != Presence::Online) {
        return Some(Act::Greet(shop::new()));
    }
    let verbs = [
        ("suspend", Verb::Suspend),
        ("restore", Verb::Restore),
        ("resume", Verb::Resume),
        ("wipe", Verb::Decommission),
    ];
    for (word, verb) in verbs {
        let Some(stage) = look.campaigns.get(word) else { continue };
        let is_asked = matches!(stage.state, CampaignState::Running | CampaignState::Aborted);
        match stage.assignment {
            Some(AssignmentState::Succeeded) if !stage.is_over => return Some(Act::Tick),
            Some(AssignmentState::Succeeded) => {}
            Some(_) => return Some(Act::Tell(verb)),
            None if is_asked && !stage.is_over => return Some(Act::Tick),
            None => {}
        }
    }
    let service = look.terminals.get(&shop::old()).map(|it| it.service);
    if service == Some(Service::Erased) && look.certificates == 0 {
        return Some(Act::Tick);
    }
    match look.case {
        Some(S::Live) if !look.is_heard => Some(Act::Greet(shop::new())),
        Some(S::Watching) if !look.is_watch_over => Some(Act::Wait),
        Some(_) | None => look.next(old).map(Act::Do),
    }
}

/// The registry between two acts. Nobody writes into it any more: each act gets a copy.
pub(super) struct Moment {
    file: PathBuf,
    now: UnixTime,
    pub(super) look: Look,
}

impl Moment {
    /// All that was committed is in the file itself from now on, so that it can be copied.
    async fn of(file: PathBuf, now: UnixTime, desk: Desk) -> Self {
        let look = look(&*desk.registry, now).await.unwrap();
        drop(desk);
        registry::tamper(&file, &["PRAGMA wal_checkpoint(TRUNCATE)"]).await;
        Self { file, now, look }
    }
}

#[derive(Debug, Default)]
pub(super) struct Found {
    /// How often the power failed.
    pub(super) cuts: usize,
    /// How often it left something between before and after, from which it failed again.
    pub(super) halves: usize,
    pub(super) wrong: Vec<String>,
}

pub(super) struct Bench {
    directory: tempfile::TempDir,
    files: Cell<usize>,
    pub(super) torn_after: Option<&'static str>,
    old: Old,
}

impl Bench {
    /// With a shop that is open.
    pub(super) async fn set_up(old: Old) -> (Self, Moment) {
        let directory = tempfile::tempdir().unwrap();
        let bench = Self { directory, files: Cell::new(0), torn_after: None, old };
        let file = bench.new_file();
        let desk = Desk::open(&file, Fuse::endless(), None).await;
        desk.registry.migrate().await.unwrap();
        super::super::approvals::require_in(&*desk.registry, BEGAN, Verb::Ping, 0).await;
        shop::open(&*desk.registry).await;
        if old == Old::Alive {
            desk.act(Act::Greet(shop::old()), BEGAN).await.unwrap();
        }
        let moment = Moment::of(file, BEGAN, desk).await;
        assert_eq!(moment.look.wrong(), Vec::<String>::new());
        (bench, moment)
    }

    fn new_file(&self) -> PathBuf {
        self.files.set(self.files.get() + 1);
        self.directory.path().join(format!("{}.sqlite", self.files.get()))
    }

    fn copy(&self, moment: &Moment) -> PathBuf {
        let file = self.new_file();
        std::fs::copy(&moment.file, &file).unwrap();
        file
    }

    fn next(&self, moment: &Moment) -> Option<Act> {
        next(&moment.look, self.old)
    }

    /// As it is meant to go.
    pub(super) async fn then(&self, moment: &Moment, act: Act) -> Moment {
        let (file, now) = (self.copy(moment), after(act, moment.now));
        let desk = Desk::open(&file, Fuse::endless(), None).await;
        if let Err(error) = desk.act(act, now).await {
            panic!("{act:?}: {error} in {:#?}", moment.look);
        }
        Moment::of(file, now, desk).await
    }

    /// Every moment until the end, this one included.
    pub(super) async fn to_the_end(&self, from: Moment, found: &mut Found) -> Vec<Moment> {
        let mut moments = vec![from];
        while let Some(last) = moments.last()
            && let Some(act) = self.next(last)
        {
            assert!(moments.len() < 100, "it comes to no end: {:#?}", last.look);
            let moment = self.then(last, act).await;
            assert_ne!(moment.look, last.look, "{act:?} changes nothing");
            found.note(act, "undisturbed", &moment.look);
            moments.push(moment);
        }
        moments
    }

    /// The power fails at everything that this act asks of the database, and again at everything
    /// that is asked when it has come back.
    ///
    /// Where it left the registry as it was, to the last row, it has failed there already: a
    /// controller knows nothing that is not in its registry.
    pub(super) async fn cut(&self, from: &Moment, act: Act, found: &mut Found) {
        let goal = self.then(from, act).await.look;
        let mut halves = self.cut_once(from, act, &goal, found).await;
        found.halves += halves.len();
        while let Some(half) = halves.pop() {
            let Some(again) = self.next(&half) else { continue };
            let then = self.then(&half, again).await;
            let further = self.cut_once(&half, again, &then.look, found).await;
            found.halves += further.len();
            halves.extend(further);
            // It comes to the same end as any other.
            self.to_the_end(then, found).await;
        }
    }

    /// The power fails once everywhere in this act, and nobody goes on.
    pub(super) async fn seek(&self, from: &Moment, act: Act, found: &mut Found) {
        let goal = self.then(from, act).await.look;
        found.halves += self.cut_once(from, act, &goal, found).await.len();
    }

    /// Gives what is neither as before nor as after.
    async fn cut_once(
        &self,
        from: &Moment,
        act: Act,
        goal: &Look,
        found: &mut Found,
    ) -> Vec<Moment> {
        let before = registry::content(&from.file).await;
        let mut halves: Vec<Moment> = Vec::new();
        let now = after(act, from.now);
        for at in 0.. {
            let (file, fuse) = (self.copy(from), Fuse::endless());
            let desk = Desk::open(&file, fuse.clone(), self.torn_after).await;
            fuse.set(at);
            let done = desk.act(act, now).await;
            if !fuse.is_blown() {
                done.unwrap();
                return halves;
            }
            drop(desk);
            found.cuts += 1;
            let is_as_before =
                is_untouched(&from.file, &file) || registry::content(&file).await == before;
            if is_as_before {
                std::fs::remove_file(&file).unwrap();
                continue;
            }
            let desk = Desk::open(&file, Fuse::endless(), None).await;
            let look = look(&*desk.registry, now).await.unwrap();
            found.note(act, &format!("cut at {at}"), &look);
            if look != *goal {
                let is_new = halves.iter().all(|half| half.look != look);
                if is_new {
                    halves.push(Moment::of(file, now, desk).await);
                }
            } else if matches!(act, Act::Tell(_) | Act::Greet(_) | Act::Tick) {
                // It was done, and nobody heard of it: it is done again.
                self.repeat(&desk, act, now, goal, found).await;
            }
        }
        halves
    }

    async fn repeat(&self, desk: &Desk, act: Act, now: UnixTime, goal: &Look, found: &mut Found) {
        if let Act::Tell(_) = act {
            // What it would say next is another thing: see `Desk::tell`, which says all twice.
            return;
        }
        desk.act(act, now).await.unwrap();
        let again = look(&*desk.registry, now).await.unwrap();
        if again != *goal {
            found.wrong.push(format!("{act:?} does more when it is done again"));
        }
    }
}

/// Whether nothing was written at all, which is quicker to see than what is in the files.
fn is_untouched(before: &Path, now: &Path) -> bool {
    let log = std::fs::metadata(now.with_extension("sqlite-wal")).map_or(0, |it| it.len());
    log == 0 && std::fs::read(before).unwrap() == std::fs::read(now).unwrap()
}

fn after(act: Act, now: UnixTime) -> UnixTime {
    now.plus(if act == Act::Wait { Duration::from_secs(3600) } else { Duration::from_secs(1) })
}

impl Found {
    fn note(&mut self, act: Act, when: &str, look: &Look) {
        let wrong = look.wrong().into_iter();
        self.wrong.extend(wrong.map(|what| format!("{act:?}, {when}: {what}")));
    }
}
