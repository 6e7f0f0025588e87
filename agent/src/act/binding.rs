//! Actions on the till's bindings. The profile names the new one, and says which one it replaces:
//! that is the old one. A till may have more, with other acquirers; they are left alone. Which are
//! active is the till's own word.

mod proving;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::backup::Newest;
use shared::document::Profile;
use shared::document::profile::Replaced;
use shared::limits::SLOTS_RESERVE_BYTES;
use shared::outcome::{FailureCode, Waiting};

use super::data::{kept_at, on_disk};
use super::till::{left_over, not_done, settled};
use super::{Hands, done};
use crate::job::rebind::{Change, RebindAction};
use crate::job::{Again, Finding, Found, Proof, Reply, Task};
use crate::pos::{Binding, BindingState, Host, PosError, Tuple};
use crate::snapshot::protocol;
use crate::stop::Stop;

/// How long a snapshot may take from the last byte sent to being verified in both places, while
/// the shop waits.
const VERIFIED_WITHIN: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One action of a change of provider.
struct Errand<'a> {
    hands: &'a Hands,
    change: &'a Change,
    task: &'a Task,
    stop: &'a Stop,
}

/// Why it was not done; it becomes the reply.
pub(super) type NotDone = Box<Reply>;

impl Hands {
    pub(super) fn rebind(
        &self,
        action: RebindAction,
        change: &Change,
        task: &Task,
        stop: &Stop,
    ) -> Reply {
        let errand = Errand { hands: self, change, task, stop };
        let reply = match action {
            RebindAction::CheckBinding => errand.check_binding(),
            RebindAction::Announce => errand.announce(),
            RebindAction::Stage => errand.stage(),
            RebindAction::Preflight => errand.preflight(),
            RebindAction::DrainOld => errand.drain_old(),
            RebindAction::SettleOld => errand.settle_old(),
            RebindAction::ConfirmSaved => self.confirm_saved(task, stop),
            RebindAction::Switch => errand.switch(),
            RebindAction::ProbeSwitch => errand.probe_switch(),
            RebindAction::TestNew => errand.test_new(),
            RebindAction::Watch => errand.watch(),
            RebindAction::EraseOld => errand.erase_old(),
            RebindAction::EmptyNew => errand.empty_new(),
            RebindAction::SwitchBack => errand.switch_back(),
            RebindAction::TestOld => errand.test_old(),
            RebindAction::EraseNew => errand.erase_new(),
            RebindAction::StopTrading => errand.stop_trading(),
        };
        reply.unwrap_or_else(|reply| *reply)
    }

    fn bindings(&self) -> Result<Vec<Binding>, NotDone> {
        let status = self.pos.status();
        status.map(|status| status.bindings).map_err(|error| pos(&error, FailureCode::PosRefused))
    }

    /// One, but for tills with several acquirers.
    pub(super) fn active_bindings(&self) -> Result<Vec<Binding>, NotDone> {
        let mut bindings = self.bindings()?;
        let mut is_first = true;
        bindings.retain(|it| {
            let only_the_first = std::mem::take(&mut is_first);
            it.state.map_or(only_the_first, |state| state == BindingState::Active)
        });
        Ok(bindings)
    }

    /// Until the snapshot of what was exported under this hold, or a later one, is available.
    pub(super) fn confirm_saved(&self, task: &Task, stop: &Stop) -> Result<Reply, NotDone> {
        let Some(backups) = &self.backups else { return Err(no_backups()) };
        let taken_at = kept_at(backups)?;
        let deadline = Instant::now() + VERIFIED_WITHIN;
        loop {
            let request = super::data::reach(backups, task);
            let said = backups.program.ask(protocol::Task::Newest, request, stop, &mut |_, _| {});
            let said = said.map_err(|error| Box::new(super::data::unanswered(error)))?;
            let newest: Newest = crate::snapshot::read(said)
                .map_err(|error| Box::new(super::data::unanswered(error)))?;
            if let Some(available) = newest.available.filter(|it| it.taken_at >= taken_at) {
                let number = available.number;
                let note = format!("snapshot {number} is verified in both places");
                let finding = Finding { note, digest: Some(available.manifest) };
                return Ok(Reply::Done(Proof { version: None, findings: vec![finding] }));
            }
            if Instant::now() >= deadline || stop.is_asked() {
                let detail = "the snapshot is not verified in both places yet".to_owned();
                return Err(waiting(Waiting::Network, detail));
            }
            stop.wait(LOOK_EVERY);
        }
    }
}

impl Errand<'_> {
    fn profile(&self) -> &Profile {
        &self.change.profile
    }

    /// How the till calls the new binding.
    fn new_binding(&self) -> String {
        self.profile().binding.to_string()
    }

    fn bindings(&self) -> Result<Vec<Binding>, NotDone> {
        self.hands.bindings()
    }

    fn active(&self) -> Result<Vec<Binding>, NotDone> {
        self.hands.active_bindings()
    }

    /// Whether it is the one that the job began with, whatever state it is in by now.
    fn is_old(&self, it: &Binding) -> bool {
        let Change { rebind, profile, .. } = self.change;
        let is_it = match profile.replaces.binding {
            Some(binding) => it.binding == binding.to_string(),
            None => is_bound(it, &rebind.from, &profile.replaces),
        };
        is_it && it.binding != self.new_binding()
    }

    /// The binding that the job began with: active before the switch, standing by after it.
    fn old(&self) -> Result<Binding, NotDone> {
        let old = self.bindings()?.into_iter().find(|it| self.is_old(it));
        old.ok_or_else(|| {
            let detail = "the till knows no binding to return to".to_owned();
            failed(FailureCode::OtherBinding, detail, Again::Worthwhile)
        })
    }

    fn check_binding(&self) -> Result<Reply, NotDone> {
        let Change { rebind, profile, .. } = self.change;
        let (new, replaced) = (self.new_binding(), &profile.replaces);
        let active = self.active()?;
        if active.iter().any(|it| it.binding == new) {
            return Err(other_binding(format!("{new} is active already")));
        }
        let Some(found) = active.iter().find(|it| self.is_old(it)).or(active.first()) else {
            return Err(other_binding("the till has no active binding".to_owned()));
        };
        if !self.is_old(found) || !is_bound(found, &rebind.from, replaced) {
            let or_none = |said: &Option<String>| said.clone().unwrap_or("nothing".to_owned());
            return Err(other_binding(format!(
                "the till is bound to {} with MID {} and TID {}; the change is from {} with {} \
                 and {}",
                or_none(&found.provider),
                or_none(&found.mid),
                or_none(&found.tid),
                rebind.from,
                replaced.mid,
                replaced.tid,
            )));
        }
        Ok(done(format!("bound to {} as {}", rebind.from, found.binding)))
    }

    fn announce(&self) -> Result<Reply, NotDone> {
        let shown = self.hands.pos.show_notice(&self.change.notice());
        match shown {
            Ok(()) => Ok(done(format!("the till shows the code {}", self.change.code))),
            // A till without a screen for this sells on; the evidence says so.
            Err(PosError::Unsupported(why)) => Ok(done(format!("the till shows no notice: {why}"))),
            Err(error) => Err(pos(&error, FailureCode::PosRefused)),
        }
    }

    fn stage(&self) -> Result<Reply, NotDone> {
        let profile = self.profile();
        let tuple = Tuple {
            version: profile.version,
            provider: profile.provider.clone(),
            mid: profile.merchant.mid.clone(),
            tid: profile.merchant.tid.clone(),
            name: profile.merchant.name.clone(),
            mcc: profile.merchant.mcc.clone(),
            currency: profile.currency.clone(),
            hosts: profile.hosts.clone(),
            secret: self.secret()?,
        };
        match self.hands.pos.stage_binding(&self.new_binding(), &tuple) {
            Ok(check) => {
                let check = check.map_or_else(String::new, |it| format!(", key check value {it}"));
                let Profile { provider, binding, .. } = profile;
                Ok(done(format!("{provider} stands by as {binding}{check}")))
            }
            Err(error) => Err(pos(&error, FailureCode::NoFreeSlot)),
        }
    }

    /// Opened by the program that holds this terminal's key, and kept nowhere.
    fn secret(&self) -> Result<Option<String>, NotDone> {
        let Some(sealed) = &self.profile().sealed else { return Ok(None) };
        let Some(backups) = &self.hands.backups else { return Err(no_backups()) };
        let request = json!({ "sealed": data_encoding::BASE64.encode(sealed) }).to_string();
        let said = backups.program.ask(protocol::Task::Unseal, request, self.stop, &mut |_, _| {});
        let said = said.map_err(|error| {
            let mut reply = super::data::unanswered(error);
            if let Reply::Failed { code, .. } = &mut reply
                && *code == FailureCode::NotRestorable
            {
                *code = FailureCode::NotSealedToThis;
            }
            Box::new(reply)
        })?;
        match said.get("secret").and_then(Value::as_str) {
            Some(secret) => Ok(Some(secret.to_owned())),
            None => {
                let detail = "the backup program's answer has no secret".to_owned();
                Err(failed(FailureCode::Internal, detail, Again::Worthwhile))
            }
        }
    }

    fn preflight(&self) -> Result<Reply, NotDone> {
        let Some(backups) = &self.hands.backups else { return Err(no_backups()) };
        let free = backups.free_bytes();
        let free = free.map_err(|error| Box::new(on_disk(backups.state.path(), &error)))?;
        if free < SLOTS_RESERVE_BYTES {
            let detail = format!("{free} bytes are free for the export, not {SLOTS_RESERVE_BYTES}");
            return Err(failed(FailureCode::DiskFull, detail, Again::Worthwhile));
        }
        let hosts = self.hands.pos.host_check();
        let hosts = hosts.map_err(|error| pos(&error, FailureCode::PosRefused))?;
        let (new, old) = (self.new_binding(), self.old()?.binding);
        all_answer(&hosts, &[&new, &old])?;
        let room = "the disk has room, and backups are made here";
        Ok(done(format!("the hosts of {new}, {old} answer, {room}")))
    }

    fn drain_old(&self) -> Result<Reply, NotDone> {
        self.drained(&self.old()?.binding)
    }

    fn drained(&self, binding: &str) -> Result<Reply, NotDone> {
        let left = self.hands.pos.drain(Some(binding));
        Ok(left_over(left.map_err(|error| pos(&error, FailureCode::DrainIncomplete))?))
    }

    fn settle_old(&self) -> Result<Reply, NotDone> {
        self.settled(&self.old()?.binding)
    }

    fn settled(&self, binding: &str) -> Result<Reply, NotDone> {
        let batches = self.hands.pos.settle(Some(binding));
        Ok(settled(&batches.map_err(|error| pos(&error, FailureCode::SettlementMismatch))?))
    }

    fn switch(&self) -> Result<Reply, NotDone> {
        self.switched(&self.new_binding())
    }

    fn switched(&self, to: &str) -> Result<Reply, NotDone> {
        let active = self.hands.pos.switch_binding(to);
        let active = active.map_err(|error| pos(&error, FailureCode::SwitchFailed))?;
        match active == to {
            true => Ok(done(format!("{to} is active"))),
            false => {
                let detail = format!("the till says that {active} is active, not {to}");
                Err(failed(FailureCode::SwitchFailed, detail, Again::Worthwhile))
            }
        }
    }

    fn probe_switch(&self) -> Result<Reply, NotDone> {
        let active = self.active()?;
        let found = match active.is_empty() {
            true => Found::Unknown,
            false if active.iter().any(|it| it.binding == self.new_binding()) => Found::Happened,
            false => Found::DidNot,
        };
        Ok(Reply::Found(found))
    }

    /// A till that was asked before, and whose answer was lost, has none to erase.
    fn erase_old(&self) -> Result<Reply, NotDone> {
        let new = self.new_binding();
        if !self.active()?.iter().any(|it| it.binding == new) {
            let detail = format!("{new} is not the active binding");
            return Err(failed(FailureCode::OtherBinding, detail, Again::Worthwhile));
        }
        let Some(old) = self.bindings()?.into_iter().find(|it| self.is_old(it)) else {
            return Ok(done(format!("nothing is left of {}", self.change.rebind.from)));
        };
        // What it has to send is sent to its own host first, and settled there.
        for reply in [self.drained(&old.binding)?, self.settled(&old.binding)?] {
            if !matches!(reply, Reply::Done(_)) {
                return Ok(reply);
            }
        }
        self.erased(&old.binding)?;
        Ok(done(format!("erased: {}", old.binding)))
    }

    fn erased(&self, binding: &str) -> Result<(), NotDone> {
        let erased = self.hands.pos.erase_binding(binding);
        erased.map_err(|error| pos(&error, FailureCode::PosRefused))
    }

    /// A customer whose card was authorised before the way back may complete the sale after it:
    /// what has come to the binding since it was emptied is settled with its host first.
    fn erase_new(&self) -> Result<Reply, NotDone> {
        let emptied = self.empty_new()?;
        if !matches!(emptied, Reply::Done(_)) {
            return Ok(emptied);
        }
        self.erased(&self.new_binding())?;
        Ok(done(format!("{} is erased", self.new_binding())))
    }

    fn empty_new(&self) -> Result<Reply, NotDone> {
        let new = self.new_binding();
        if !self.bindings()?.iter().any(|it| it.binding == new) {
            return Ok(Reply::Done(Proof::default()));
        }
        let drained = self.drained(&new)?;
        if !matches!(drained, Reply::Done(_)) {
            return Ok(drained);
        }
        self.void_tests(&new)?;
        self.settled(&new)
    }

    fn switch_back(&self) -> Result<Reply, NotDone> {
        self.switched(&self.old()?.binding)
    }

    /// A host that is not reached has refused nothing.
    fn test_old(&self) -> Result<Reply, NotDone> {
        let old = self.old()?.binding;
        let hosts = self.hands.pos.host_check();
        let hosts = hosts.map_err(|error| pos(&error, FailureCode::TestFailed))?;
        match hosts.iter().find(|host| host.binding == old) {
            Some(host) if host.reachable => Ok(done(format!("the host of {old} answers"))),
            Some(host) => {
                let detail = format!("the host of {old} does not answer: {}", host.detail);
                Err(waiting(Waiting::Network, detail))
            }
            None => {
                let detail = format!("the till did not ask the host of {old}");
                Err(failed(FailureCode::TestFailed, detail, Again::Worthwhile))
            }
        }
    }

    fn stop_trading(&self) -> Result<Reply, NotDone> {
        let stopped = self.hands.pos.stop_trading(&self.change.fallback());
        stopped.map_err(|error| pos(&error, FailureCode::PosRefused))?;
        Ok(done("trading is stopped, and the till says what to do instead".to_owned()))
    }
}

/// Whether the hosts of these bindings were asked, and answered.
pub(super) fn all_answer(hosts: &[Host], bindings: &[&str]) -> Result<(), NotDone> {
    let missing = bindings.iter().filter_map(|wanted| {
        match hosts.iter().find(|host| host.binding == *wanted) {
            Some(host) if host.reachable => None,
            Some(host) => Some(format!("{wanted}: {}", host.detail)),
            None => Some(format!("{wanted}: the till did not ask its host")),
        }
    });
    let missing: Vec<_> = missing.collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(waiting(Waiting::Network, format!("not reached: {}", missing.join("; ")))),
    }
}

fn is_bound(it: &Binding, provider: &str, to: &Replaced) -> bool {
    let is = |said: &Option<String>, wanted: &str| said.as_deref() == Some(wanted);
    is(&it.provider, provider) && is(&it.mid, &to.mid) && is(&it.tid, &to.tid)
}

pub(super) fn pos(error: &PosError, otherwise: FailureCode) -> NotDone {
    Box::new(not_done(error, otherwise))
}

pub(super) fn failed(code: FailureCode, detail: String, again: Again) -> NotDone {
    Box::new(Reply::Failed { code, detail, again })
}

pub(super) fn waiting(waiting: Waiting, detail: String) -> NotDone {
    Box::new(Reply::NotYet { waiting, detail, again_in: None })
}

fn other_binding(detail: String) -> NotDone {
    failed(FailureCode::OtherBinding, detail, Again::Pointless)
}

fn no_backups() -> NotDone {
    let detail = "this terminal makes no backups, and none is rebound without one: its agent.toml \
                  has no `[backup]`";
    failed(FailureCode::NotApplicable, detail.to_owned(), Again::Pointless)
}

#[cfg(test)]
mod tests;
