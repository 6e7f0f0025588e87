//! Terminals that stop, sell again, or are emptied: what people decide about them.
//!
//! [`plan`] says what speaks against it, [`risk`] who may not stop in time, [`overdue`] what is
//! late of a case, and [`validity`] whether what a terminal sold by is valid yet; all are pure, and
//! [`gather`] looks up what the last needs. [`parties`] says where a terminal has to be
//! deregistered before it is wiped, also pure. [`watch`] raises alarms. [`stops`] is what people do
//! beside it: they tell parties ([`notice`], [`letter`], [`handover`]), tick off what is to be done
//! ([`checklist`]), enter what is owed ([`ledger`]) and close the case ([`closing`]). [`certify`]
//! writes the certificate of each terminal that has signed that it is erased, with what people said
//! of it ([`particulars`]). Each change of service is one campaign, and carries out one accepted
//! request. A decommissioning takes two: the suspension, which settles and saves, and then the
//! wipe, approved when that is behind it.

pub mod certify;
pub mod checklist;
pub mod clearance;
pub mod closing;
pub mod downtime;
mod gather;
pub mod handover;
pub mod ledger;
pub mod letter;
pub mod notice;
pub mod overdue;
pub mod particulars;
pub mod parties;
pub mod plan;
pub mod risk;
#[cfg(test)]
pub(crate) mod samples;
pub mod stops;
pub mod validity;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::change::rebind::{Reason, Test};
use shared::change::{Change, Decommission, Resume, SettlementDelay, Suspend};
use shared::digest::{Digest, Nonce};
use shared::document::batch::UnsoundBatch;
use shared::document::clearance::Deregistered;
use shared::document::{Batch, FORMAT};
use shared::id::{BatchId, CampaignId, RequestId, TerminalId};
use shared::limits::TEXT_BYTES_MAX;
use shared::time::UnixTime;
use shared::window::Window;

use crate::campaign::policy::Policy;
use crate::campaign::{CampaignError, Campaigns};
use crate::finding::Asks;
use crate::provider::compatibility::range::NotARange;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, NewCampaign, Origin};
use crate::registry::deactivation::{NewDeactivation, ServiceFacts, Withdrawn};
use crate::registry::notice::NoticeAbout;
use crate::registry::page::PAGE_ITEMS_MAX;
use crate::registry::rebind::NotBegun;
use crate::registry::stop::NewAnnouncement;
use crate::registry::terminal::{Service, Unit};
use crate::registry::{Registry, RegistryError};
use crate::request::{Asked, Request, RequestKind};
use crate::selector::Selector;
use crate::text::is_said;
use checklist::generated;
use notice::{Answer, StopKind, Told, is_emergency};
use parties::{Party, Word};
use plan::{CHECKED, Obstacle, Plan, Step};
use validity::Minimums;

/// Why a change of service was not begun.
#[derive(Debug, thiserror::Error)]
pub enum DeactivationError {
    #[error("there is no request {0}")]
    NoRequest(RequestId),
    #[error("{request} asks to {}, not to {wanted}", .kind.as_str())]
    OtherKind { request: RequestId, kind: RequestKind, wanted: &'static str },
    #[error("nobody would take part: no terminal matches what the request asks for")]
    Nobody,
    #[error("the plan does not allow it: {}", obstacles(.0))]
    Planned(Box<Plan>),
    #[error("a lowest version is none that could be compared with")]
    NotAVersion(#[from] NotARange),
    #[error("{name} asks for it, and cannot answer for it too")]
    SamePerson { name: String },
    #[error("whoever answers for parties that were not told says why")]
    NoAnswer,
    #[error("nobody has checked {} on site", .0.join(", "))]
    Unchecked(Vec<&'static str>),
    #[error("only `lost-stolen` and `tampered` are wiped without more, not `{}`", .0.as_str())]
    NotLost(Reason),
    #[error("the cut-off {0} has passed")]
    CutOffPassed(UnixTime),
    #[error("they are expected back at {resumes}, and stop at {cut_off}: not before")]
    ResumesBefore { cut_off: UnixTime, resumes: UnixTime },
    #[error("what is lost is erased at once, and a cool-off of {0} s is asked for")]
    LostWaits(u32),
    #[error("no terminal of the request is suspended and owes something")]
    NobodyOwes,
    #[error(transparent)]
    Unsound(#[from] UnsoundBatch),
    #[error("{0} is in service: who still sells is deregistered nowhere")]
    StillSells(String),
    #[error("what {0} parties call it is more than a clearance holds")]
    TooManyParties(usize),
    #[error("{with} does not call it {reference} by what is written down")]
    NotDeregistered { with: String, reference: String },
    #[error("it is written down as deregistered with {} by `{}`", .0.with, .0.reference)]
    AlreadyTold(Deregistered),
    #[error("the wipe {campaign} relies on it")]
    Relied { campaign: CampaignId },
    #[error(
        "a party and its reference have 1 to {TEXT_BYTES_MAX} printable characters, and no \
         reference reads as a statement that none is needed"
    )]
    NotAReference,
    #[error("nobody says why there is nothing to deregister")]
    NoReason,
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl DeactivationError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Planned(plan) => {
                let found = plan.open_findings();
                let hints = plan.open_obstacles().into_iter().map(Obstacle::hint);
                let hints = hints.chain(plan.told.as_ref().and_then(Told::hint));
                let hints: BTreeSet<_> = hints.chain(found.iter().map(validity::hint)).collect();
                return Some(hints.into_iter().collect::<Vec<_>>().join("; "));
            }
            Self::NoRequest(_) => "list them with `tillward request list`",
            Self::OtherKind { .. } => "make a request of that kind: `tillward request new --kind`",
            Self::Nobody => "look at what the selection matches: `tillward terminal list`",
            Self::SamePerson { .. } => "name whoever answers for it: somebody else",
            Self::NoAnswer => "say who, and why: `--untold-by NAME --untold-why TEXT`",
            Self::NotAVersion(_) => "write digits, for example `--at-least pos=2.0.0`",
            Self::Unchecked(_) => {
                "have somebody look at the terminal, then name what they checked with --checked"
            }
            Self::NotLost(_) => "suspend it first: `tillward deactivate suspend`",
            Self::CutOffPassed(_) => "choose a moment that is still to come",
            Self::ResumesBefore { .. } => notice::RESUME_LATER,
            Self::LostWaits(_) => "leave out either `--lost` or `--cool-off`",
            Self::NobodyOwes => "look at what they owe: `tillward deactivate show`",
            Self::Unsound(UnsoundBatch::DelayUnanswered) => {
                "say why, and name who accepts it: `--delay-reason`, `--delay-accepted-by`"
            }
            Self::Unsound(UnsoundBatch::DelayAfter(_) | UnsoundBatch::DelayUntil { .. }) => {
                "choose when it is due after the time in which it is tried: `--delay-after`, \
                 `--delay-until`"
            }
            Self::Unsound(UnsoundBatch::GivenUpMany(_)) => {
                "ask for each of them by itself: one terminal is given up for one other"
            }
            Self::Unsound(UnsoundBatch::GivenUpReturns(_)) => {
                "leave out either `--given-up` or `--resume-expected`"
            }
            Self::Unsound(UnsoundBatch::CutOff { .. }) => {
                "choose a cut-off within three days: approvals live no longer"
            }
            Self::Unsound(UnsoundBatch::CoolOff(_)) => {
                "choose a shorter time in which it may be cancelled: `--cool-off`"
            }
            Self::Unsound(UnsoundBatch::NoCoolOff) => {
                "choose a time in which it may be cancelled: `--cool-off`"
            }
            Self::Unsound(UnsoundBatch::Tests(_)) => {
                "name the tests, a diagnosis and a sale among them: `--test`"
            }
            Self::Unsound(UnsoundBatch::DelayCurrency(_)) => {
                "write the currency as in EUR: `--delay-settlement TOTAL:CURRENCY`"
            }
            Self::StillSells(_) => "suspend it first: `tillward deactivate suspend`",
            Self::TooManyParties(_) => {
                "take one back, or shorten its reference: `tillward deactivate deregister \
                 --withdraw`"
            }
            Self::AlreadyTold(_) => {
                "if that was a mistake take it back first: the same with `--reference` as it is \
                 written down, and `--withdraw`"
            }
            Self::Relied { .. } => {
                "abort that first: `tillward campaign abort`; people sign for what is written down"
            }
            Self::NotDeregistered { .. } => "look at what is: `tillward terminal show`",
            Self::NoReason => "say why: `--none-needed WHY`",
            Self::NotBegun(why) => why.hint(),
            Self::Campaign(error) => return error.hint().map(str::to_owned),
            Self::Unsound(_) | Self::NotAReference | Self::Registry(_) => return None,
        };
        Some(fixed.to_owned())
    }
}

fn obstacles(plan: &Plan) -> String {
    let each = plan.open().into_iter().map(|(detail, serials)| {
        let some: Vec<_> = serials.iter().take(8).copied().collect();
        let more = match serials.len().saturating_sub(some.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}: {detail}", some.join(", "))
    });
    let told = plan.told.as_ref().filter(|it| !it.is_enough());
    let told = told.into_iter().flat_map(|it| &it.lacking);
    let told = told.map(|it| format!("{} {}", it.party.as_str(), it.knows.detail()));
    let found = plan.open_findings().into_iter();
    let found = found.map(|it| format!("{} ({}): {}", it.code, it.about, it.detail));
    each.chain(told).chain(found).collect::<Vec<_>>().join("; ")
}

/// What somebody asks for, checked by nobody yet.
#[derive(Clone, Debug)]
pub struct NewChange {
    pub request: RequestId,
    pub wanted: Wanted,
    pub name: Option<String>,
    /// How long its orders are valid from now, in seconds.
    pub lifetime_s: Option<u64>,
    /// Who answers for stores in which nobody sells any more.
    pub close_store: Option<String>,
    /// Who answers for parties that do not know of it.
    pub untold: Option<Answer>,
}

impl NewChange {
    /// Everybody who is said to answer for something.
    fn who_answers(&self) -> impl Iterator<Item = &String> {
        let of_resume = match &self.wanted {
            Wanted::Resume(resume) => Some(resume.overrides.values().chain(&resume.vouch)),
            Wanted::Suspend { .. } | Wanted::Settle { .. } | Wanted::Wipe { .. } => None,
        };
        let accepts = self.wanted.delay().map(|delay| &delay.accepted_by);
        let tells = self.untold.as_ref().map(|it| &it.by);
        self.close_store.iter().chain(accepts).chain(tells).chain(of_resume.into_iter().flatten())
    }
}

#[derive(Clone, Debug)]
pub enum Wanted {
    Suspend {
        cut_off: UnixTime,
        resume_expected: Option<UnixTime>,
        delay: Option<SettlementDelay>,
        /// The terminal answers nobody: its order waits until it is heard again.
        is_given_up: bool,
    },
    /// Of the request's terminals those that are suspended and owe something: they settle, however
    /// long that takes, and are saved anew.
    Settle {
        resume_expected: Option<UnixTime>,
    },
    Resume(Resumption),
    Wipe {
        cool_off_s: u32,
        is_lost: bool,
    },
}

/// Selling again, and what it needs.
#[derive(Clone, Debug, Default)]
pub struct Resumption {
    pub tests: Vec<Test>,
    pub checked: Option<Checked>,
    pub window: Option<Window>,
    pub at_least: Minimums,
    /// Who answers for a finding of the plan, by its code.
    pub overrides: BTreeMap<String, String>,
    /// Who answers for everything that nobody has told.
    pub vouch: Option<String>,
}

/// What a person has looked at on site before terminals sell again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    pub what: BTreeSet<String>,
    pub by: String,
}

impl Wanted {
    fn step(&self) -> Step {
        match self {
            Self::Suspend { cut_off, is_given_up, .. } => {
                Step::Suspend { cut_off: *cut_off, is_given_up: *is_given_up }
            }
            Self::Settle { .. } => Step::Settle,
            Self::Resume(_) => Step::Resume,
            Self::Wipe { is_lost, .. } => Step::Wipe { is_lost: *is_lost },
        }
    }

    /// A decommissioning is asked for once, and begins with a suspension.
    fn is_asked_by(&self, kind: RequestKind) -> bool {
        match self {
            Self::Suspend { .. } | Self::Settle { .. } => {
                matches!(kind, RequestKind::Suspend | RequestKind::Decommission)
            }
            Self::Resume(_) => kind == RequestKind::Resume,
            Self::Wipe { .. } => kind == RequestKind::Decommission,
        }
    }

    fn delay(&self) -> Option<&SettlementDelay> {
        match self {
            Self::Suspend { delay, .. } => delay.as_ref(),
            Self::Settle { .. } | Self::Resume(_) | Self::Wipe { .. } => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Suspend { .. } | Self::Settle { .. } => "suspend",
            Self::Resume(_) => "resume",
            Self::Wipe { .. } => "decommission",
        }
    }
}

/// What is kept of a plan, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    pub plan: Plan,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
    /// Of each component, at least this version.
    #[serde(default, skip_serializing_if = "Minimums::is_empty")]
    pub at_least: Minimums,
}

/// What people decide about terminals that stop.
#[derive(Clone, Debug)]
pub struct Deactivations {
    registry: Arc<dyn Registry>,
    campaigns: Campaigns,
}

/// A change that nothing speaks against yet.
struct Prepared {
    kind: RequestKind,
    asked: Asked,
    facts: Vec<ServiceFacts>,
    plan: Plan,
}

impl Deactivations {
    pub fn new(registry: Arc<dyn Registry>, campaigns: Campaigns) -> Self {
        Self { registry, campaigns }
    }

    /// What would become of it now; nothing is written.
    pub async fn plan(&self, new: &NewChange, by: &By) -> Result<Plan, DeactivationError> {
        Ok(self.prepare(new, by).await?.plan)
    }

    async fn prepare(&self, new: &NewChange, by: &By) -> Result<Prepared, DeactivationError> {
        let request = self.registry.request(new.request).await?;
        let request = request.ok_or(DeactivationError::NoRequest(new.request))?;
        if !new.wanted.is_asked_by(request.kind) {
            let (request, kind) = (request.id, request.kind);
            let wanted = new.wanted.word();
            return Err(DeactivationError::OtherKind { request, kind, wanted });
        }
        check_consistent(&new.wanted, by.at)?;
        let asks = Asks { by: &by.who, ordered_by: &request.asked.requester };
        if let Some(name) = new.who_answers().find(|name| !asks.is_another(name)) {
            return Err(DeactivationError::SamePerson { name: name.clone() });
        }
        let unsaid = |it: &&Answer| it.by.trim().is_empty() || it.why.trim().is_empty();
        if new.untold.as_ref().filter(unsaid).is_some() {
            return Err(DeactivationError::NoAnswer);
        }
        let selector: Selector = request.asked.selector.parse().map_err(CampaignError::Selector)?;
        let members = self.campaigns.meant(&selector, by.at).await?;
        if members.is_empty() {
            return Err(DeactivationError::Nobody);
        }
        let mut facts = Vec::new();
        for ids in members.chunks(PAGE_ITEMS_MAX as usize) {
            facts.extend(self.registry.service_facts(ids).await?);
        }
        if let Wanted::Settle { .. } = &new.wanted {
            facts.retain(|it| it.service == Service::SuspendedOwing);
            if facts.is_empty() {
                return Err(DeactivationError::NobodyOwes);
            }
        }
        let stores: BTreeSet<_> = facts.iter().map(|it| it.store.clone()).collect();
        let stores: Vec<_> = stores.into_iter().collect();
        let besides = self.registry.selling_besides(&stores, &members, by.at).await?;
        let step = new.wanted.step();
        let mut plan = plan::plan(step, &facts, &besides, new.close_store.clone(), by.at);
        plan.told = self.told(&request, new, by.at).await?;
        plan.differs = self.differs(&request, new).await?;
        if let Wanted::Resume(resume) = &new.wanted {
            plan.unchecked = unchecked(resume).into_iter().map(str::to_owned).collect();
            let asks = [asks.by, asks.ordered_by];
            let terminals = gather::facts(&*self.registry, &facts, asks, by.at).await?;
            let at_least = validity::ranges(&resume.at_least)?;
            let papers = &request.asked.attachments;
            plan.findings = validity::look(&terminals, papers, &at_least, by.at);
            let (overrides, vouch) = (&resume.overrides, resume.vouch.as_deref());
            plan.answered = validity::answers(&plan.findings, overrides, vouch);
        }
        Ok(Prepared { kind: request.kind, asked: request.asked, facts, plan })
    }

    /// Who knows of a suspension; nobody is told of anything else.
    async fn told(
        &self,
        request: &Request,
        new: &NewChange,
        now: UnixTime,
    ) -> Result<Option<Told>, RegistryError> {
        let reason = request.asked.reason;
        let (cut_off, resume_expected) = match &new.wanted {
            Wanted::Suspend { cut_off, resume_expected, .. } => (*cut_off, *resume_expected),
            Wanted::Wipe { is_lost: true, .. } if is_emergency(reason) => {
                return Ok(Some(notice::told(reason, &[], None)));
            }
            Wanted::Settle { .. } | Wanted::Resume(_) | Wanted::Wipe { .. } => return Ok(None),
        };
        let Some(kind) = StopKind::of(request.kind) else { return Ok(None) };
        let announced = self.registry.announcement(request.id).await?;
        // Whoever was told of another return knows nothing of this one.
        let announced = announced.filter(|it| it.resume_expected == resume_expected);
        let notices = self.registry.notices(NoticeAbout::Stop(request.id)).await?;
        let standings = notice::standings(kind, cut_off, announced.as_ref(), &notices, now);
        Ok(Some(notice::told(reason, &standings, new.untold.clone())))
    }

    /// Where a suspension is another than the one that was announced.
    async fn differs(
        &self,
        request: &Request,
        new: &NewChange,
    ) -> Result<Vec<String>, RegistryError> {
        // Of what is lost or tampered with nothing is announced anew either.
        let (cut_off, resume_expected) = match new.wanted {
            Wanted::Suspend { cut_off, resume_expected, .. }
                if !is_emergency(request.asked.reason) =>
            {
                (cut_off, resume_expected)
            }
            Wanted::Suspend { .. }
            | Wanted::Settle { .. }
            | Wanted::Resume(_)
            | Wanted::Wipe { .. } => return Ok(Vec::new()),
        };
        let announced = self.registry.announcement(request.id).await?;
        Ok(notice::differs(announced.as_ref(), cut_off, resume_expected))
    }

    /// What is announced with a suspension that was not announced before.
    async fn unannounced(
        &self,
        new: &NewChange,
        kind: RequestKind,
        asked: &Asked,
    ) -> Result<Option<NewAnnouncement>, RegistryError> {
        let Wanted::Suspend { cut_off, resume_expected, .. } = new.wanted else {
            return Ok(None);
        };
        let Some(kind) = StopKind::of(kind).filter(|_| !is_emergency(asked.reason)) else {
            return Ok(None);
        };
        let announced = self.registry.announcement(new.request).await?;
        let is_new = announced
            .is_none_or(|it| (it.cut_off, it.resume_expected) != (cut_off, resume_expected));
        let items = generated(kind, cut_off, &asked.requester);
        Ok(is_new.then_some(NewAnnouncement { cut_off, resume_expected, items }))
    }

    /// Drafts it and starts it; it then waits for its approvers.
    pub async fn create(&self, new: NewChange, by: &By) -> Result<Campaign, DeactivationError> {
        let Prepared { kind, asked, facts, plan } = self.prepare(&new, by).await?;
        let checked = check_wanted(&new.wanted, &asked, by.at)?;
        if plan.is_blocked() {
            return Err(DeactivationError::Planned(Box::new(plan)));
        }
        if let Some(large) = facts.iter().find(|it| !clearance::fits(&it.deregistered)) {
            return Err(DeactivationError::TooManyParties(large.deregistered.len()));
        }
        let clearances = match &new.wanted {
            Wanted::Wipe { is_lost, .. } => clearance::enclosed(&facts, *is_lost),
            Wanted::Suspend { .. } | Wanted::Settle { .. } | Wanted::Resume(_) => BTreeMap::new(),
        };
        let root = clearance::root(&clearances);
        let announcement = self.unannounced(&new, kind, &asked).await?;
        let untold = plan.told.as_ref().and_then(Told::answered);
        let selector = asked.selector.clone();
        let change = change(&new, asked, root, by.at);
        let lifetime_s = new.lifetime_s.unwrap_or_else(|| change.lifetime_s_max());
        let members: Vec<_> = facts.iter().map(|it| it.terminal).collect();
        check_change(&change, members.len(), by.at, lifetime_s)?;
        let campaign = NewCampaign {
            id: CampaignId::generate(),
            name: new.name,
            change,
            selector,
            // Whoever is to stop stops at once, and whoever is lost is not waited for.
            max_parallel: u32::try_from(members.len()).unwrap_or(u32::MAX).max(1),
            policy: Policy::PLAIN,
            lifetime_s,
            salt: salt(),
            origin: Origin::Itself,
        };
        self.campaigns.check(&campaign, by.at).await?;
        let at_least = match &new.wanted {
            Wanted::Resume(resume) => resume.at_least.clone(),
            Wanted::Suspend { .. } | Wanted::Settle { .. } | Wanted::Wipe { .. } => Minimums::new(),
        };
        let answered = plan.answered.clone();
        let kept = Kept { plan, checked, at_least };
        let plan = serde_json::to_string(&kept).expect("plans are texts and numbers");
        let (request, close_store) = (new.request, new.close_store);
        let new = NewDeactivation {
            campaign,
            clearances,
            members,
            request,
            plan,
            answered,
            announcement,
            untold,
            close_store,
        };
        let campaign = self.registry.add_deactivation(&new, by).await??;
        Ok(self.campaigns.start(campaign.id, by).await?)
    }

    /// Writes down that a provider or a registry no longer knows a terminal, or that somebody says
    /// that there is nothing to deregister there.
    pub async fn deregister(
        &self,
        terminal: TerminalId,
        (party, word): (&Party, &Word),
        by: &By,
    ) -> Result<(), DeactivationError> {
        let told = Deregistered { with: party.to_string(), reference: word.to_string() };
        let is_passed_off = matches!(word, Word::Reference(text) if !parties::is_reference(text));
        let (Party::Provider(name) | Party::Registry(name)) = party;
        if !is_said(name) || !is_said(&told.with) || !is_said(&told.reference) || is_passed_off {
            return Err(DeactivationError::NotAReference);
        }
        if let Word::NoneNeeded { why, .. } = word
            && why.trim().is_empty()
        {
            return Err(DeactivationError::NoReason);
        }
        let facts = self.registry.service_facts(&[terminal]).await?.pop();
        if let Some(facts) = facts {
            if facts.service == Service::InService && !self.is_gone(&facts).await? {
                return Err(DeactivationError::StillSells(facts.serial));
            }
            let mut then = facts.deregistered;
            if let Some(known) = then.iter().find(|it| it.with == told.with)
                && known.reference != told.reference
            {
                return Err(DeactivationError::AlreadyTold(known.clone()));
            }
            then.retain(|it| it.with != told.with);
            then.push(told.clone());
            if !clearance::fits(&then) {
                return Err(DeactivationError::TooManyParties(then.len()));
            }
        }
        Ok(self.registry.put_deregistration(terminal, &told, by).await?)
    }

    /// Whether it is in the wrong hands, or in none, by what people have said.
    async fn is_gone(&self, facts: &ServiceFacts) -> Result<bool, RegistryError> {
        let terminal = self.registry.terminal(facts.terminal).await?;
        let unit = self.registry.unit(&facts.serial).await?;
        // Another one has the place of what answers nobody.
        Ok(facts.is_replaced
            || terminal.is_some_and(|it| it.is_quarantined || it.unit == Unit::Revoked)
            || unit.is_some_and(|it| it.state.is_closed()))
    }

    /// Takes that back, where it was written down by mistake.
    pub async fn withdraw_deregistration(
        &self,
        terminal: TerminalId,
        (party, word): (&Party, &Word),
        by: &By,
    ) -> Result<(), DeactivationError> {
        let told = Deregistered { with: party.to_string(), reference: word.to_string() };
        match self.registry.withdraw_deregistration(terminal, &told, by).await? {
            Withdrawn::Done => Ok(()),
            Withdrawn::NotThere => {
                let Deregistered { with, reference } = told;
                Err(DeactivationError::NotDeregistered { with, reference })
            }
            Withdrawn::Relied { campaign } => Err(DeactivationError::Relied { campaign }),
        }
    }
}

/// What the request says is what people sign for.
fn change(new: &NewChange, asked: Asked, clearances: Digest, now: UnixTime) -> Change {
    let Asked { requester: ordered_by, reason, note, fallback, .. } = asked;
    let request = new.request;
    let suspend = |cut_off, resume_expected, delay, is_given_up| Suspend {
        request,
        reason,
        ordered_by: ordered_by.clone(),
        note: note.clone(),
        cut_off,
        fallback: fallback.clone().unwrap_or_default(),
        resume_expected,
        delay,
        is_given_up,
    };
    match new.wanted.clone() {
        Wanted::Suspend { cut_off, resume_expected, delay, is_given_up } => {
            Change::Suspend(Box::new(suspend(cut_off, resume_expected, delay, is_given_up)))
        }
        // It stands still already.
        Wanted::Settle { resume_expected } => {
            Change::Suspend(Box::new(suspend(now, resume_expected, None, false)))
        }
        Wanted::Resume(Resumption { tests, window, .. }) => {
            let resume = Resume { request, reason, ordered_by, note, tests, window };
            Change::Resume(Box::new(resume))
        }
        Wanted::Wipe { cool_off_s, is_lost } => Change::Decommission(Box::new(Decommission {
            request,
            reason,
            ordered_by,
            note,
            cool_off_s,
            clearances,
            is_lost,
        })),
    }
}

/// What no plan of terminals can say.
fn check_wanted(
    wanted: &Wanted,
    asked: &Asked,
    now: UnixTime,
) -> Result<Option<Checked>, DeactivationError> {
    match wanted {
        Wanted::Suspend { cut_off, .. } if *cut_off < now => {
            Err(DeactivationError::CutOffPassed(*cut_off))
        }
        Wanted::Wipe { is_lost: true, .. }
            if !matches!(asked.reason, Reason::LostStolen | Reason::Tampered) =>
        {
            Err(DeactivationError::NotLost(asked.reason))
        }
        Wanted::Resume(resume) => match unchecked(resume) {
            lacking if lacking.is_empty() => Ok(resume.checked.clone()),
            lacking => Err(DeactivationError::Unchecked(lacking)),
        },
        Wanted::Suspend { .. } | Wanted::Settle { .. } | Wanted::Wipe { .. } => Ok(None),
    }
}

/// Whether what is asked for contradicts itself.
fn check_consistent(wanted: &Wanted, now: UnixTime) -> Result<(), DeactivationError> {
    let (cut_off, resume_expected) = match wanted {
        Wanted::Suspend { cut_off, resume_expected, .. } => (*cut_off, *resume_expected),
        Wanted::Settle { resume_expected } => (now, *resume_expected),
        Wanted::Wipe { cool_off_s, is_lost: true } if *cool_off_s > 0 => {
            return Err(DeactivationError::LostWaits(*cool_off_s));
        }
        Wanted::Resume(_) | Wanted::Wipe { .. } => return Ok(()),
    };
    match notice::resumes_before(cut_off, resume_expected) {
        Some(resumes) => Err(DeactivationError::ResumesBefore { cut_off, resumes }),
        None => Ok(()),
    }
}

/// What people have to check before terminals sell again, and nobody has.
fn unchecked(resume: &Resumption) -> Vec<&'static str> {
    let has = |what: &&str| resume.checked.as_ref().is_some_and(|it| it.what.contains(*what));
    CHECKED.into_iter().filter(|what| !has(what)).collect()
}

fn check_change(
    change: &Change,
    members: usize,
    now: UnixTime,
    lifetime_s: u64,
) -> Result<(), UnsoundBatch> {
    let batch = Batch {
        format: FORMAT,
        id: BatchId::from_bytes([0; 16]),
        change: change.clone(),
        terminals: u32::try_from(members).unwrap_or(u32::MAX),
        root: Digest([0; 32]),
        not_before: now,
        not_after: now.plus(std::time::Duration::from_secs(lifetime_s)),
    };
    batch.check()
}

fn salt() -> Nonce {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the operating system gives randomness");
    Nonce(salt)
}
