//! A change of provider: planned over what is known, drafted as campaigns with a profile for every
//! member, and begun wave by wave.
//!
//! [`plan`] decides who can be rebound, how, and what speaks against it; [`draft`] whether profiles
//! can be what people sign for; [`letter`] what parties are told; [`usual`] how a provider wants
//! to be tested and watched. All of them are pure. [`gather`] looks up what this controller knows.
//! Here are the decisions that people make.

pub mod draft;
pub mod facts;
mod gather;
pub mod letter;
pub mod plan;
#[cfg(test)]
pub(crate) mod samples;
pub mod usual;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::change::{Change, Rebind as Asked};
use shared::digest::Nonce;
use shared::document::Profile;
use shared::document::profile::Enclosed;
use shared::id::CampaignId;
use shared::limits::APPROVED_ORDER_LIFETIME_S_MAX;
use shared::time::UnixTime;

use crate::campaign::assignment::AssignmentState;
use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignState;
use crate::campaign::{CampaignError, Campaigns};
use crate::finding::Asks;
use crate::position::tuple::Tuple;
use crate::provider::Kind;
use crate::provider::contract::LegalReview;
use crate::provider::record::Provider;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, NewCampaign, Origin};
use crate::registry::notice::{Notice, NoticeAbout, Paper};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::position::NewBinding;
use crate::registry::rebind::{NewRebind, NewWave, NotBegun, Rebind};
use crate::registry::{Registry, RegistryError};
use crate::request::RequestState;
use crate::selector::Selector;
use draft::{Draft, DraftRefused, Drafted};
use facts::{Brings, Party, Wanted, Wish};
use letter::Letter;
use plan::{Finding, Plan};

/// Why a change of provider was not begun.
#[derive(Debug, thiserror::Error)]
pub enum RebindError {
    #[error("{campaign} is no wave of a change of provider")]
    NoRebind { campaign: CampaignId },
    #[error(transparent)]
    Draft(#[from] DraftRefused),
    #[error("{}", findings(.0))]
    Planned(Vec<Finding>),
    #[error("every wave was started: the last one is {0}")]
    NoNext(CampaignId),
    #[error("{}", not_asked(*.rebind, *.state))]
    NotAsked { rebind: CampaignId, state: Option<RequestState> },
    #[error("{name} asks for it, and cannot answer for it too")]
    SamePerson { name: String },
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    #[error("parties were told that nothing begins before {begins_at}")]
    TooEarly { begins_at: UnixTime },
    #[error("wave {wave} is not over well: {why}")]
    NotWell { wave: usize, why: String },
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl RebindError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoRebind { .. } => Some("list them with `tillward rebind list`"),
            Self::Draft(DraftRefused::Batch(_)) => Some(
                "correct providers, tests, watch or window; what is left out is the provider's",
            ),
            Self::Draft(_) => Some("correct the file of profiles"),
            Self::Planned(_) => Some(
                "look at the whole plan with `tillward rebind plan`; who answers for what may be \
                 overridden is named with --override CODE=NAME",
            ),
            Self::NoNext(_) => None,
            Self::NotAsked { .. } => Some("look at its request with `tillward request list`"),
            Self::SamePerson { .. } => Some("name whoever answers for it: somebody else"),
            Self::NotBegun(why) => Some(why.hint()),
            Self::TooEarly { .. } => Some(
                "wait until then; who answers for beginning earlier is named with --despite NAME",
            ),
            Self::NotWell { .. } => {
                Some("look at the wave; who answers for going on is named with --despite NAME")
            }
            Self::Campaign(error) => error.hint(),
            Self::Registry(_) => None,
        }
    }
}

fn not_asked(rebind: CampaignId, state: Option<RequestState>) -> String {
    match state {
        Some(state) => format!("the request that {rebind} carries out is {state}"),
        None => format!("no request asks for {rebind} any more"),
    }
}

fn findings(found: &[Finding]) -> String {
    let each = found.iter().map(|it| format!("{} ({}): {}", it.code, it.about, it.detail));
    format!("the plan does not allow it: {}", each.collect::<Vec<_>>().join("; "))
}

/// What somebody asks for, checked by nobody yet.
#[derive(Clone, Debug)]
pub struct NewChange {
    pub name: Option<String>,
    pub wish: Wish,
    /// What is the same for all; the root over the profiles is put in here.
    pub asked: Asked,
    pub max_parallel: u32,
    /// How long orders of a wave are valid from its start, in seconds.
    pub lifetime_s: Option<u64>,
    /// Payloads of profiles, wave by wave.
    pub waves: Vec<Vec<Vec<u8>>>,
    /// Who answers for a finding, by its code.
    pub overrides: BTreeMap<String, String>,
}

/// What people decide about changes of provider.
#[derive(Clone, Debug)]
pub struct Rebinds {
    registry: Arc<dyn Registry>,
    campaigns: Campaigns,
    review: LegalReview,
}

impl Rebinds {
    /// `review` says which contracts somebody who knows the law has to have read.
    pub fn new(registry: Arc<dyn Registry>, campaigns: Campaigns, review: LegalReview) -> Self {
        Self { registry, campaigns, review }
    }

    /// What would become of it now; nothing is written.
    pub async fn plan(&self, wish: &Wish, by: &By) -> Result<Plan, RebindError> {
        let count = wish.waves.iter().map(Vec::len).sum();
        if count > draft::TERMINALS_MAX {
            return Err(DraftRefused::TooMany(count).into());
        }
        let selector: Selector = wish.selector.parse().map_err(CampaignError::Selector)?;
        let facts = gather::facts(&*self.registry, &selector, wish, &self.review, by).await?;
        Ok(plan::plan(&facts, wish))
    }

    /// The provider as it was described last, where somebody has.
    pub async fn described(&self, provider: &str) -> Result<Option<Provider>, RebindError> {
        let record = self.registry.record(Kind::Provider, provider, None).await?;
        Ok(record.and_then(|it| it.known.provider()).map(|it| it.document))
    }

    /// Drafts every wave and starts the first, which then waits for its approvers; one that is to
    /// begin later is started as any next wave is.
    pub async fn create(&self, new: NewChange, by: &By) -> Result<Rebind, RebindError> {
        let drafts = draft::waves(&new.waves, &new.asked)?;
        let each = |draft: &Draft| draft.members.values().map(|it| wanted(&it.profile)).collect();
        let wish = Wish { waves: drafts.iter().map(each).collect(), ..new.wish };
        let asks = Asks { by: &by.who, ordered_by: &wish.ordered_by };
        if let Some(name) = new.overrides.values().find(|name| !asks.is_another(name)) {
            return Err(RebindError::SamePerson { name: name.clone() });
        }
        let plan = self.plan(&wish, by).await?;
        let open = plan.open(&new.overrides);
        if !open.is_empty() {
            return Err(RebindError::Planned(open));
        }
        let lifetime_s = new.lifetime_s.unwrap_or(APPROVED_ORDER_LIFETIME_S_MAX);
        let count = drafts.len();
        let mut waves = Vec::new();
        for (number, draft) in (1..).zip(&drafts) {
            let campaign = NewCampaign {
                id: CampaignId::generate(),
                name: new.name.as_ref().map(|name| match count {
                    1 => name.clone(),
                    _ => format!("{name}, wave {number} of {count}"),
                }),
                change: draft.change(&new.asked),
                selector: wish.selector.clone(),
                max_parallel: new.max_parallel,
                policy: Policy::PLAIN,
                lifetime_s,
                salt: salt(),
                origin: Origin::Itself,
            };
            self.campaigns.check(&campaign, by.at).await?;
            waves.push(NewWave { campaign, profiles: draft.enclosed() });
        }
        let rebind = NewRebind {
            waves,
            bindings: bindings(&plan, &drafts),
            plan: plan.as_json(&new.overrides, &wish),
            notices: wish.notices,
            request: wish.request,
        };
        let rebind = self.registry.add_rebind(&rebind, by).await??;
        // One that is to begin later waits as a draft: letters are written, parties are told, and
        // it is planned once more when its first wave is started.
        if wish.begins_at <= by.at {
            self.campaigns.start(rebind.id, by).await?;
        }
        Ok(rebind)
    }

    pub async fn of(&self, campaign: CampaignId) -> Result<Rebind, RebindError> {
        let found = self.registry.rebind_of(campaign).await?;
        found.ok_or(RebindError::NoRebind { campaign })
    }

    /// Starts the next wave, if all went well in the one before or somebody answers for it.
    pub async fn next(
        &self,
        campaign: CampaignId,
        despite: Option<&str>,
        by: &By,
    ) -> Result<Campaign, RebindError> {
        let rebind = self.of(campaign).await?;
        let mut before = None;
        for (number, id) in (1..).zip(rebind.waves.iter().copied()) {
            let found = self.registry.campaign(id).await?;
            let wave = found.ok_or(CampaignError::NoCampaign(id))?;
            if wave.state != CampaignState::Draft {
                before = Some((number, wave));
                continue;
            }
            self.is_asked_for(&rebind).await?;
            let Change::Rebind(asked) = &wave.change else {
                return Err(RebindError::NoRebind { campaign: wave.id });
            };
            let asks = Asks { by: &by.who, ordered_by: &asked.ordered_by };
            let despite = despite.filter(|name| asks.is_another(name));
            if let Some((number, wave)) = &before {
                self.went_well(*number, wave, despite).await?;
            }
            let begins_at = plan::kept(&rebind.plan).begins_at.filter(|at| by.at < *at);
            if let (Some(begins_at), None) = (begins_at, despite) {
                return Err(RebindError::TooEarly { begins_at });
            }
            self.may_still(&rebind, &wave, by).await?;
            let why = match despite {
                Some(name) => format!("{} ({name} answers for it)", by.why),
                None => by.why.clone(),
            };
            return Ok(self.campaigns.start(id, &By { why, ..by.clone() }).await?);
        }
        Err(RebindError::NoNext(rebind.waves.last().copied().unwrap_or(campaign)))
    }

    async fn went_well(
        &self,
        wave: usize,
        campaign: &Campaign,
        despite: Option<&str>,
    ) -> Result<(), RebindError> {
        let tally = self.registry.campaign_tally(campaign.id).await?;
        let members = campaign.frozen.map_or(0, |frozen| u64::from(frozen.members));
        let succeeded = tally.by_state.get(&AssignmentState::Succeeded).copied().unwrap_or(0);
        let well = campaign.state == CampaignState::Completed && succeeded == members;
        if well || despite.is_some() {
            return Ok(());
        }
        let state = campaign.state.as_str();
        let why = format!("it is {state}, and {succeeded} of {members} terminals succeeded");
        Err(RebindError::NotWell { wave, why })
    }

    /// Whether its request still asks for it. Nobody answers for one that was frozen or ended.
    async fn is_asked_for(&self, rebind: &Rebind) -> Result<(), RebindError> {
        let request = self.registry.request_of(rebind.id).await?;
        match request.as_ref().map(|it| it.state) {
            Some(RequestState::Scheduled) => Ok(()),
            state => Err(RebindError::NotAsked { rebind: rebind.id, state }),
        }
    }

    /// Plans the wave once more, as it is now: whatever was fine when the change was begun may have
    /// ended since. Who answered then for a finding answers for it now.
    async fn may_still(
        &self,
        rebind: &Rebind,
        wave: &Campaign,
        by: &By,
    ) -> Result<(), RebindError> {
        let Change::Rebind(asked) = &wave.change else {
            return Err(RebindError::NoRebind { campaign: wave.id });
        };
        let kept = plan::kept(&rebind.plan);
        let profiles = profiles(&*self.registry, wave.id).await?;
        let mut terminals = Vec::new();
        for (id, enclosed) in &profiles {
            terminals.push(wanted(&gather::profile(*id, enclosed)?));
        }
        let wish = Wish {
            request: asked.request,
            carried_by: Some(rebind.id),
            reason: asked.reason,
            ordered_by: asked.ordered_by.clone(),
            from: asked.from.clone(),
            to: asked.to.clone(),
            selector: wave.selector.clone(),
            registry_order: asked.registry_order,
            tests: asked.tests.clone(),
            watch: asked.watch,
            begins_at: by.at,
            waves: vec![terminals],
            fallbacks: kept.fallbacks,
            notices: rebind.notices.clone(),
        };
        let open = self.plan(&wish, by).await?.open(&kept.overrides);
        match open.is_empty() {
            true => Ok(()),
            false => Err(RebindError::Planned(open)),
        }
    }

    /// Writes down that a party was told, or what came of it.
    pub async fn notice(
        &self,
        campaign: CampaignId,
        notice: &Notice,
        by: &By,
    ) -> Result<Rebind, RebindError> {
        let rebind = self.of(campaign).await?;
        self.registry.put_notice(NoticeAbout::Rebind(rebind.id), notice, by).await?;
        self.of(campaign).await
    }

    /// Makes the letter of every party, and keeps each that was not made before.
    pub async fn letters(&self, campaign: CampaignId, by: &By) -> Result<Vec<Paper>, RebindError> {
        let rebind = self.of(campaign).await?;
        let mut rows = Vec::new();
        let mut asked = None;
        for wave in &rebind.waves {
            let found = self.registry.campaign(*wave).await?;
            let found = found.ok_or(CampaignError::NoCampaign(*wave))?;
            let profiles = profiles(&*self.registry, *wave).await?;
            rows.extend(gather::rows(&*self.registry, &profiles).await?);
            if let Change::Rebind(change) = found.change {
                asked.get_or_insert(*change);
            }
        }
        let asked = asked.ok_or(RebindError::NoRebind { campaign })?;
        let begins_at = plan::kept(&rebind.plan).begins_at;
        let about = NoticeAbout::Rebind(rebind.id);
        rows.sort_by(|a, b| (&a.store, &a.serial).cmp(&(&b.store, &b.serial)));
        for party in Party::ALL {
            let letter = Letter {
                party,
                rebind: rebind.id,
                asked: &asked,
                rows: &rows,
                planned_at: rebind.created_at,
                planned_by: &rebind.created_by,
                begins_at,
            };
            let paper = Paper::of(party.as_str(), &letter::sheet(&letter), by);
            self.registry.add_paper(about, &paper, by).await?;
        }
        Ok(self.registry.papers(about).await?)
    }
}

fn wanted(profile: &Profile) -> Wanted {
    Wanted {
        serial: None,
        terminal: Some(profile.terminal),
        is_sealed: profile.sealed.is_some(),
        replaces: Some((profile.replaces.mid.clone(), profile.replaces.tid.clone())),
        brings: Brings {
            mid: profile.merchant.mid.clone(),
            tid: profile.merchant.tid.clone(),
            name: profile.merchant.name.clone(),
            mcc: profile.merchant.mcc.clone(),
            currency: profile.currency.clone(),
            hosts: profile.hosts.clone(),
            position: Some(profile.position),
            binding: Some(profile.binding),
        },
    }
}

/// The bindings that positions have not in hand yet with the new provider. A terminal whose
/// position nobody has written down is bound, and its position is not known here.
fn bindings(plan: &Plan, drafts: &[Draft]) -> Vec<NewBinding> {
    let drafted: BTreeMap<_, _> = drafts.iter().flat_map(|it| &it.members).collect();
    let missing = plan.terminals.iter().filter(|it| it.next.is_none());
    let new = missing.filter_map(|it| {
        let (position, Drafted { profile, .. }) = (it.position?, drafted.get(&it.terminal?)?);
        Some(NewBinding {
            id: profile.binding,
            position,
            provider: profile.provider.clone(),
            tuple: Tuple::of(profile),
        })
    });
    new.collect()
}

/// All profiles of a campaign, by terminal.
pub async fn profiles(
    registry: &dyn Registry,
    campaign: CampaignId,
) -> Result<Vec<(shared::id::TerminalId, Enclosed)>, RegistryError> {
    let mut all = Vec::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let next = registry.profiles(campaign, &page).await?;
        let Some((last, _)) = next.last() else { return Ok(all) };
        page = Page::after(*last, PAGE_ITEMS_MAX);
        all.extend(next);
    }
}

fn salt() -> Nonce {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the operating system gives randomness");
    Nonce(salt)
}
