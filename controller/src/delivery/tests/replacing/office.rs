//! Those who carry a replacement out, and whose turn it is: each looks first, and does what is
//! missing, so that whoever was interrupted goes on.

use std::sync::Arc;

use shared::backup::{Selection, SnapshotOf};
use shared::change::rebind::{Test, TestKind};
use shared::change::{Change, Restore, Verb};
use shared::digest::{Digest, Nonce};
use shared::document::Batch;
use shared::document::clearance::Deregistered;
use shared::id::CampaignId;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::super::approvals::approver;
use super::super::world::{FLEET, by};
use super::look::{Look, Stage};
use super::shop::{self, NEW, OLD, claim, enrolment, request_id};
use crate::campaign::Campaigns;
use crate::campaign::assignment::AssignmentState;
use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignState;
use crate::deactivation::notice::Answer;
use crate::deactivation::{Checked, Deactivations, NewChange, Resumption, Wanted};
use crate::registry::Registry;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, Issue, NewCampaign, Purpose};
use crate::registry::page::Page;
use crate::registry::replacement::{NewReplacement, ReplacementStep};
use crate::registry::terminal::{ClaimState, Enrolled, Service};
use crate::replacement::ReplacementState as S;
use crate::replacement::form::{Form, ReplaceReason};
use crate::replacement::record::{Check, Commissioned, Found, Parcel, Said, Unsettled};
use crate::replacement::watch::Watch;
use crate::request::RequestKind;
use crate::unit::custody::UnitStep;
use crate::unit::record::Condition;
use crate::unit::remains::NewWord;
use crate::unit::{UnitEvent, UnitState};

/// Something that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Begin,
    Say(What),
    /// A change is asked for, or what was only drafted of it is started.
    Ask(Verb),
    /// By the next approver.
    Approve(Verb),
    Abort(Verb),
    Enrol,
    Deregister,
    /// That the old unit was sanitised by hand, by the next of two people.
    Sanitise,
    Move(UnitEvent),
}

/// What is said about the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Allocate,
    Ship,
    Receive,
    Settle,
    GiveUp,
    Pair,
    Provision,
    Commission,
    GoLive,
    Watch,
    Close,
    Cancel,
}

type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

pub(super) struct Office {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) campaigns: Campaigns,
}

/// Whether the old terminal is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    Alive,
    Dead,
}

impl Stage {
    fn next(&self, verb: Verb) -> Option<Deed> {
        match self.state {
            CampaignState::Draft => Some(Deed::Ask(verb)),
            CampaignState::AwaitingApproval => Some(Deed::Approve(verb)),
            CampaignState::Running
            | CampaignState::Paused
            | CampaignState::Halted
            | CampaignState::Aborted
            | CampaignState::Completed => None,
        }
    }

    fn has_succeeded(&self) -> bool {
        self.assignment == Some(AssignmentState::Succeeded)
    }
}

impl Look {
    /// What somebody has to do now; `None` while something else is waited for, and at the end.
    pub(super) fn next(&self, old: Old) -> Option<Deed> {
        let Some(case) = self.case else { return Some(Deed::Begin) };
        let say = |what| Some(Deed::Say(what));
        match case {
            S::Requested => say(What::Allocate),
            S::UnitAllocated => say(What::Ship),
            S::Shipped => say(What::Receive),
            S::Received if old == Old::Dead => say(What::GiveUp),
            S::Received if self.service() == Some(Service::Suspended) => say(What::Settle),
            S::Received => self.change("suspend", Verb::Suspend),
            S::OldSettled | S::OldUnreachable => say(What::Pair),
            S::Paired if self.own_claim == Some("open") => Some(Deed::Enrol),
            S::Paired if self.has_ended("restore") => say(What::Provision),
            S::Paired => self.change("restore", Verb::Restore),
            S::Provisioned => say(What::Commission),
            S::Commissioned => say(What::GoLive),
            S::Live => say(What::Watch),
            S::Watching => self.after_the_swap(old),
            S::Closed | S::SuspectedSubstitution => None,
            S::Cancelled => self.give_back(),
        }
    }

    fn service(&self) -> Option<Service> {
        self.terminals.get(&shop::old()).map(|it| it.service)
    }

    fn change(&self, word: &str, verb: Verb) -> Option<Deed> {
        match self.campaigns.get(word) {
            None => Some(Deed::Ask(verb)),
            Some(stage) => stage.next(verb),
        }
    }

    fn has_ended(&self, word: &str) -> bool {
        self.campaigns.get(word).is_some_and(Stage::has_succeeded)
    }

    fn after_the_swap(&self, old: Old) -> Option<Deed> {
        let is_alive = old == Old::Alive;
        if !self.is_watch_over {
            return None;
        }
        if is_alive && !self.is_deregistered {
            return Some(Deed::Deregister);
        }
        if is_alive && self.service() != Some(Service::Erased) {
            return self.change("wipe", Verb::Decommission);
        }
        match self.units[0] {
            UnitState::SwappedOut if !is_alive && self.sanitised_by < 2 => Some(Deed::Sanitise),
            UnitState::SwappedOut => Some(Deed::Move(UnitEvent::AwaitReturn)),
            UnitState::AwaitingReturn => Some(Deed::Move(UnitEvent::Return)),
            UnitState::InStock
            | UnitState::Allocated
            | UnitState::InTransit
            | UnitState::AtSite
            | UnitState::InService
            | UnitState::Suspended
            | UnitState::OutForRepair
            | UnitState::Returned
            | UnitState::Disposed
            | UnitState::Tampered
            | UnitState::LostStolen => Some(Deed::Say(What::Close)),
        }
    }

    /// The old terminal sells again, and what was under way is ended.
    fn give_back(&self) -> Option<Deed> {
        for (word, verb) in [("suspend", Verb::Suspend), ("restore", Verb::Restore)] {
            let stage = self.campaigns.get(word);
            let is_waiting = |it: &Stage| {
                matches!(it.state, CampaignState::Draft | CampaignState::AwaitingApproval)
            };
            if stage.is_some_and(is_waiting) {
                return Some(Deed::Abort(verb));
            }
        }
        match self.service() {
            Some(Service::Suspended) => self.change("resume", Verb::Resume),
            Some(Service::InService | Service::SuspendedOwing | Service::Erased) | None => None,
        }
    }
}

impl What {
    fn said(self, claim_key: shared::digest::PublicKey) -> Said {
        match self {
            Self::Allocate => Said::Allocate { serial: NEW.to_owned() },
            Self::Ship => Said::Ship(Parcel {
                courier: "parcels".to_owned(),
                tracking: "1Z".to_owned(),
                seal: Some("BAG-7".to_owned()),
            }),
            Self::Receive => Said::Receive {
                serial: NEW.to_owned(),
                seal: Some("BAG-7".to_owned()),
                seal_missing: false,
                custodian: None,
            },
            Self::Settle => Said::SettleOld,
            Self::GiveUp => Said::GiveUpOld(Unsettled {
                items: vec!["batch 7".to_owned()],
                closed_at_host: "C-7".to_owned(),
                without_backup: false,
                accepted_by: "ben".to_owned(),
            }),
            Self::Pair => Said::Pair { claim_key },
            Self::Provision => Said::Provision { nothing_to_restore: false },
            Self::Commission => Said::Commission(Commissioned {
                found: Check::ALL.map(|it| (it, Found::Works)).into(),
                tested: "T-1".to_owned(),
                by: "tom".to_owned(),
            }),
            Self::GoLive => Said::GoLive { watch: Watch { for_s: 600, payments: 50 } },
            Self::Watch => Said::Watch,
            Self::Close => Said::Close,
            Self::Cancel => Said::Cancel,
        }
    }
}

impl Office {
    pub(super) async fn carry_out(&self, deed: Deed, now: UnixTime) -> Done {
        let by = by(now);
        match deed {
            Deed::Begin => self.begin(now).await?,
            Deed::Say(what) => self.say(what, now).await?,
            Deed::Ask(verb) => self.ask(verb, now).await?,
            Deed::Approve(verb) => self.approve(verb, now).await?,
            Deed::Abort(verb) => {
                let campaign = self.campaign(verb).await?.ok_or("nobody asked for it")?;
                self.campaigns.abort(campaign.id, &by).await?;
            }
            Deed::Enrol => self.enrol(now).await?,
            Deed::Deregister => {
                let (with, reference) = ("alpha".to_owned(), "D-1".to_owned());
                let told = Deregistered { with, reference };
                self.registry.put_deregistration(shop::old(), &told, &by).await?;
            }
            Deed::Sanitise => {
                let said = self.registry.unit_remains(OLD).await?.words.len();
                let word =
                    NewWord { reference: "S-1".to_owned(), paper: Digest::of(b"certificate") };
                let by = By { who: ["ana", "ben"][said.min(1)].to_owned(), ..by };
                self.registry.sanitise_unit(OLD, &word, &by).await??;
            }
            Deed::Move(event) => {
                let counted = (event == UnitEvent::Return).then(Vec::new);
                let condition = counted.as_ref().map(|_| Condition::Damaged);
                let step = UnitStep { accessories: counted, condition, ..UnitStep::plain(event) };
                self.registry.move_unit(OLD, &step, &by).await??;
            }
        }
        Ok(())
    }

    async fn begin(&self, now: UnixTime) -> Done {
        let form = Form {
            merchant: "Corner shop".to_owned(),
            old_serial: OLD.to_owned(),
            new_model: "px7".to_owned(),
            reason: ReplaceReason::ChipReadError,
            note: String::new(),
            answers: [].into(),
        };
        let position = self.registry.positions_of(&[shop::old()]).await?;
        let position = position.first().ok_or("the old terminal stands nowhere")?.id;
        let request = request_id(RequestKind::Replace);
        let new = NewReplacement { request, form, old: shop::old(), position };
        self.registry.add_replacement(&new, &by(now)).await??;
        Ok(())
    }

    async fn say(&self, what: What, now: UnixTime) -> Done {
        // Each time it is paired another claim is made.
        let claims = self.registry.claims(&Page::first(99)).await?;
        let made = claims.iter().filter(|it| it.serial == NEW).count();
        let claim = claim(2, u8::try_from(made)?, NEW, None);
        let said = what.said(claim.key);
        let claim = (what == What::Pair).then_some(claim);
        let step = ReplacementStep { seen: None, said, claim };
        self.registry.move_replacement(1, &step, &by(now)).await??;
        Ok(())
    }

    async fn campaign(
        &self,
        verb: Verb,
    ) -> Result<Option<Campaign>, crate::registry::RegistryError> {
        let all = self.registry.campaigns(&Page::first(99)).await?;
        Ok(all.into_iter().find(|it| it.change.verb() == verb))
    }

    async fn ask(&self, verb: Verb, now: UnixTime) -> Done {
        let by = by(now);
        if let Some(drafted) = self.campaign(verb).await? {
            self.campaigns.start(drafted.id, &by).await?;
            return Ok(());
        }
        let close_store = Some("ben".to_owned());
        let (kind, wanted) = match verb {
            Verb::Suspend => {
                let cut_off = now.plus(std::time::Duration::from_secs(60));
                let (resume_expected, delay) = (None, None);
                let wanted =
                    Wanted::Suspend { cut_off, resume_expected, delay, is_given_up: false };
                (RequestKind::Suspend, wanted)
            }
            Verb::Resume => {
                let what = crate::deactivation::plan::CHECKED.map(str::to_owned).into();
                let tests = [TestKind::Diagnosis, TestKind::Sale, TestKind::Void];
                let tests = tests.map(|kind| Test { kind, amount_minor: 1 }).into();
                let checked = Some(Checked { what, by: "tess".to_owned() });
                let vouch = Some("ben".to_owned());
                let wanted = Resumption { tests, checked, vouch, ..Resumption::default() };
                (RequestKind::Resume, Wanted::Resume(wanted))
            }
            Verb::Decommission => {
                let wanted = Wanted::Wipe { cool_off_s: 60, is_lost: false };
                (RequestKind::Decommission, wanted)
            }
            Verb::Ping
            | Verb::Backup
            | Verb::Collect
            | Verb::RenewCertificate
            | Verb::Upgrade
            | Verb::Restore
            | Verb::Rebind
            | Verb::Cancel => return self.restore(now).await,
        };
        let request = request_id(kind);
        let untold = Some(Answer { by: "ben".to_owned(), why: "they were called".to_owned() });
        let new = NewChange { request, wanted, name: None, lifetime_s: None, close_store, untold };
        let desk = Deactivations::new(Arc::clone(&self.registry), self.campaigns.clone());
        desk.create(new, &by).await?;
        Ok(())
    }

    async fn restore(&self, now: UnixTime) -> Done {
        let saved = shop::saved();
        let of = SnapshotOf {
            terminal: shop::old(),
            repository: saved.manifest.repository,
            snapshot: saved.manifest.snapshot,
            manifest: saved.digest,
        };
        let restore = Restore { of, selection: Selection::Everything, key: None, window: None };
        let new = NewCampaign {
            id: CampaignId::generate(),
            name: None,
            change: Change::Restore(restore),
            selector: format!("serial={NEW}"),
            max_parallel: 1,
            policy: Policy::PLAIN,
            lifetime_s: 3600,
            salt: Nonce([1; 16]),
            origin: crate::registry::campaign::Origin::Itself,
        };
        self.campaigns.create(&new, &by(now)).await?;
        self.campaigns.start(new.id, &by(now)).await?;
        Ok(())
    }

    async fn approve(&self, verb: Verb, now: UnixTime) -> Done {
        let campaign = self.campaign(verb).await?.ok_or("nobody asked for it")?.id;
        let batch = self.registry.batch(campaign, Purpose::Change, Issue::FIRST).await?;
        let batch = batch.ok_or("there is nothing to sign")?;
        let signed = self.registry.approvals(batch.digest).await?.len();
        let mut envelope = Envelope::<Batch>::from_bytes(batch.signed.as_slice())?;
        envelope.sign(FLEET, &approver(u8::try_from(signed)? + 1));
        self.campaigns.approve(campaign, &envelope.to_bytes(), &by(now)).await?;
        Ok(())
    }

    /// A person on site enters the line; where the answer was lost, once more.
    async fn enrol(&self, now: UnixTime) -> Done {
        let claims = self.registry.claims(&Page::first(99)).await?;
        let open = |it: &&crate::registry::terminal::Claim| {
            it.serial == NEW && matches!(it.state, ClaimState::Open)
        };
        let claim = claims.iter().find(open).ok_or("no claim is open")?.id;
        match self.registry.enrol(&enrolment(claim, 2), &by(now)).await? {
            Enrolled::Done(_) => Ok(()),
            Enrolled::Refused(why) => Err(why.to_string().into()),
        }
    }
}
