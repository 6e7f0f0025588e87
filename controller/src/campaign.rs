//! One change for many terminals, followed to its end.
//!
//! [`plan`] decides whom to release, [`policy`] is what its operator wants of it, [`mod@wave`] cuts
//! its members into waves, [`gate`] says what must be so before the next wave begins and what stops
//! it, [`state`] which moves a campaign may make, [`approval`] whose signatures it has and needs,
//! and [`assignment`] what is known of it on one terminal; all of them are pure, as is
//! [`preflight`], which says beforehand who would be a member and what would come of it, and
//! [`mod@report`], which says afterwards what did. [`survey`] looks over the fleet, [`execute`]
//! carries plans out, [`view`] says how it goes, and [`mod@review`] looks back. Here are the
//! decisions that people make: to create, to start, to pause, to resume, to abort; in [`collect`]
//! those of approvers.

pub mod approval;
pub mod assignment;
pub mod collect;
pub mod execute;
pub mod frontier;
pub mod gate;
pub mod gather;
mod paper;
pub mod penalty;
pub mod plan;
pub mod policy;
pub mod preflight;
pub mod rate;
pub mod report;
mod revert;
pub mod review;
mod start;
pub mod state;
pub mod store;
pub mod survey;
pub mod view;
pub mod wave;
pub mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::change::{Change, Verb};
use shared::digest::{Digest, Nonce};
use shared::floor;
use shared::id::{CampaignId, RepositoryId, TerminalId};
use shared::limits::{SIGNATURES_MAX, short_text};
use shared::membership::Profiles;
use shared::time::UnixTime;
use shared::window::Window;

use crate::auth::roster;
use crate::delivery::Signer;
use crate::kind::{self, Chosen, Needs, Terms, Wished};
use crate::measure;
use crate::pacing::Limits;
use crate::rebind;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, NewCampaign, NotAgain, Origin, Reprioritised};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::{Registry, RegistryError};
use crate::selector::{NotASelector, Selector};
use approval::ApprovalRefused;
use policy::{NotAPolicy, Policy};
use preflight::Excluded;
use preflight::rules::{self, Stuck};
use state::{CampaignEvent, CampaignState};
use survey::Wanted;
use wave::NotAMember;

/// A campaign whose orders live shorter than this reaches nobody.
pub const LIFETIME_S_MIN: u64 = 60;

/// Why a campaign is not what was wished for.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    #[error("the selection of terminals cannot be read: {0}")]
    Selector(NotASelector),
    #[error("there is no release {0}")]
    NoRelease(Digest),
    #[error("release {digest} expired at {at}")]
    ReleaseExpired { digest: Digest, at: UnixTime },
    #[error("with `max_parallel` 0 no terminal would ever be released")]
    NoPlaces,
    #[error("the policy cannot work: {0}")]
    Policy(NotAPolicy),
    #[error(transparent)]
    Canary(#[from] NotAMember),
    #[error("it could never make progress: {0}")]
    Stuck(#[from] Stuck),
    #[error("{campaign} was halted: {why}")]
    Halted { campaign: CampaignId, why: String, bad: u64 },
    #[error("the soaks of its waves take {} at least, and its orders live for {}",
        measure::duration_text(*.takes), measure::duration_text(*.lives))]
    TooLong { takes: Duration, lives: Duration },
    #[error("a life of {wished} s is not possible: choose {LIFETIME_S_MIN} to {max}")]
    Lifetime { wished: u64, max: u64 },
    #[error("window {from_min} to {to_min} is beyond the minutes of a day")]
    Window { from_min: u16, to_min: u16 },
    #[error("a cancellation is part of the campaign that is aborted, not one of its own")]
    CancelByItself,
    #[error("a change of provider is no campaign by itself: each terminal's profile belongs to it")]
    RebindByItself,
    #[error("a change of service is no campaign by itself: it carries out a request")]
    ServiceByItself,
    #[error("{campaign} is a wave of a change of provider")]
    IsAWave { campaign: CampaignId },
    #[error("not every member can take part any more: {}", excluded(.0))]
    MembersGone(BTreeMap<Excluded, u64>),
    #[error("the profiles of {0} are not those that its change names")]
    OtherProfiles(CampaignId),
    #[error("{repository} is purged, or being purged, since {at}: nothing is restored from it")]
    Purged { repository: RepositoryId, at: UnixTime },
    #[error("no terminal can read a batch that {0} approvers have signed")]
    TooManyApprovers(u8),
    #[error("{0} asks for nobody's approval")]
    NothingToApprove(CampaignId),
    #[error("the controller knows no roster, and so nobody who could approve anything")]
    NoRoster,
    #[error(transparent)]
    Approval(#[from] ApprovalRefused),
    #[error("{terminal} is no member of {campaign}")]
    Stranger { campaign: CampaignId, terminal: TerminalId },
    #[error("people have signed {0}: nothing is tried again under another batch than theirs")]
    NeedsPeople(CampaignId),
    #[error("nothing brings a terminal back on which this change has succeeded")]
    NoWayBack,
    #[error("nobody goes back to release {to}: {why}")]
    NotAWayBack { to: Digest, why: &'static str },
    #[error("people sign for each of its terminals, so that nobody can join it later")]
    NobodyJoins,
    #[error("whom `{0}` means changes by time alone, so that nobody could say when they join")]
    JoinedByTime(String),
    #[error("nobody would be a member: {}", excluded(.0))]
    Nobody(BTreeMap<Excluded, u64>),
    #[error("there is no campaign {0}")]
    NoCampaign(CampaignId),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl CampaignError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Selector(_) => Some("write for example `store=berlin-1 & model=T650`"),
            Self::NoRelease(_) => Some("publish the release first"),
            Self::ReleaseExpired { .. } => Some("sign a release that is valid for longer"),
            Self::NoPlaces => Some("choose at least 1"),
            Self::Policy(policy) => policy.hint(),
            Self::Canary(_) => Some("name members, or leave it out"),
            Self::Stuck(stuck) => Some(stuck.hint()),
            Self::Halted { .. } => Some(
                "look at what has failed, and say how many that is: `--acknowledge N` (--json: \
                 `acknowledge`)",
            ),
            Self::TooLong { .. } => Some("let orders live longer, or waves soak for less"),
            Self::Lifetime { .. } => None,
            Self::Window { .. } => Some("write for example `22:00-06:00`"),
            Self::CancelByItself => Some("abort the campaign"),
            Self::RebindByItself => Some("plan and begin it with `tillward rebind`"),
            Self::ServiceByItself => Some("plan and begin it with `tillward deactivate`"),
            Self::IsAWave { .. } => Some("start it with `tillward rebind next`"),
            Self::MembersGone(_) => Some("abort it, and plan those that are left again"),
            Self::OtherProfiles(_) => Some("abort it, and plan it again; look for who changed it"),
            Self::Purged { .. } => Some("choose another snapshot"),
            Self::TooManyApprovers(_) => {
                Some("add a next roster that asks for fewer approvers, signed by the root keys")
            }
            Self::NothingToApprove(_) => {
                Some("list what does with `tillward approve request list`")
            }
            Self::NoRoster => Some("add the fleet's roster"),
            Self::Approval(refused) => refused.hint(),
            Self::Stranger { .. } => Some("list its members with `tillward campaign show`"),
            Self::NeedsPeople(_) => Some("ask for it anew, for those terminals"),
            Self::NoWayBack => Some("choose `--stop finish` or `--stop keep`"),
            Self::NotAWayBack { .. } => {
                Some("sign the old content as a release with the campaign's counter")
            }
            Self::NobodyJoins => Some("choose `--membership snapshot`"),
            Self::JoinedByTime(_) => {
                Some("leave out `last-seen`, or choose `--membership snapshot`")
            }
            Self::Nobody(_) => Some("look at what the selection matches with `terminal list`"),
            Self::NoCampaign(_) => Some("list the campaigns"),
            Self::Registry(_) => None,
        }
    }
}

fn excluded(counts: &BTreeMap<Excluded, u64>) -> String {
    if counts.is_empty() {
        return "no terminal matches".to_owned();
    }
    let parts = counts.iter().map(|(why, count)| format!("{count} {}", why.detail(*count)));
    parts.collect::<Vec<_>>().join(", ")
}

/// As what a campaign is copied.
#[derive(Clone, Debug)]
pub struct Copy {
    pub id: CampaignId,
    pub name: Option<String>,
    pub selector: Option<String>,
    /// Who is to go first; else those of the original that would still be members.
    pub canary: Vec<TerminalId>,
    pub salt: Nonce,
}

/// A copy as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub campaign: Campaign,
    /// Who went first in the original and would be no member of this one.
    pub dropped: Vec<TerminalId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    Done,
    Undone,
}

/// What came of having members tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    pub again: u64,
    pub not: BTreeMap<TerminalId, NotAgain>,
}

impl Retried {
    fn add(&mut self, asked: &[TerminalId], not: BTreeMap<TerminalId, NotAgain>) {
        self.again += (asked.len() - not.len()) as u64;
        self.not.extend(not);
    }
}

/// What people decide about campaigns.
#[derive(Clone, Debug)]
pub struct Campaigns {
    registry: Arc<dyn Registry>,
    signer: Arc<Signer>,
    downloads: Limits,
}

impl Campaigns {
    pub fn new(registry: Arc<dyn Registry>, signer: Arc<Signer>) -> Self {
        Self { registry, signer, downloads: Limits::default() }
    }

    /// With what limits how fast terminals fetch.
    pub fn limited(self, downloads: Limits) -> Self {
        Self { downloads, ..self }
    }

    /// Refuses whatever could never make progress.
    pub async fn create(&self, new: &NewCampaign, by: &By) -> Result<Campaign, CampaignError> {
        self.plan(new, by.at).await?;
        Ok(self.registry.add_campaign(new, by).await?)
    }

    /// As [`Self::create`], by a schedule: what it does not come to in one period is for the next
    /// one, and no zone in which it is late keeps it from the others.
    pub async fn create_in_turn(
        &self,
        new: &NewCampaign,
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let selector = self.check_new(new, by.at).await?;
        self.survey(&selector, Wanted::of(new), None, by.at).await?;
        Ok(self.registry.add_campaign(new, by).await?)
    }

    /// All but who would be a member, of what people and schedules ask for; gives the selection.
    async fn check_new(&self, new: &NewCampaign, now: UnixTime) -> Result<Selector, CampaignError> {
        match Terms::of(&new.change).wished {
            Wished::ByRebind => Err(CampaignError::RebindByItself),
            Wished::ByRequest => Err(CampaignError::ServiceByItself),
            Wished::ByItself | Wished::ByAbort => self.check(new, now).await,
        }
    }

    /// All but whether anybody would be a member; gives the selection.
    pub(crate) async fn check(
        &self,
        new: &NewCampaign,
        now: UnixTime,
    ) -> Result<Selector, CampaignError> {
        let selector = read_selector(&new.selector)?;
        if new.max_parallel == 0 {
            return Err(CampaignError::NoPlaces);
        }
        let max = Terms::of(&new.change).lifetime_s_max;
        if !(LIFETIME_S_MIN..=max).contains(&new.lifetime_s) {
            return Err(CampaignError::Lifetime { wished: new.lifetime_s, max });
        }
        check_policy(&new.policy, Duration::from_secs(new.lifetime_s))?;
        if new.policy.is_continuous() {
            self.check_joining(&new.change, &selector).await?;
        }
        self.check_change(&new.change, now).await?;
        if let Some(to) = new.policy.revert_to {
            self.check_way_back(&new.change, to, now).await?;
        }
        Ok(selector)
    }

    /// Whether whoever has succeeded could go back to that.
    async fn check_way_back(
        &self,
        change: &Change,
        to: Digest,
        now: UnixTime,
    ) -> Result<(), CampaignError> {
        let back = kind::undo(change, to).ok_or(CampaignError::NoWayBack)?;
        self.check_change(&back, now).await?;
        let (new, old) = (self.release_of(change).await?, self.release_of(&back).await?);
        let (Some(new), Some(old)) = (new, old) else { return Ok(()) };
        let models_left = new.models.iter().any(|model| !old.models.contains(model));
        let why = if new == old {
            "it is the release that the campaign brings"
        } else if new.component != old.component {
            "it is of another component"
        } else if models_left {
            "it is not for all models that the campaign's is for"
        } else if old.security_counter < new.security_counter {
            "its security counter is lower, and terminals never go back in that"
        } else {
            return Ok(());
        };
        Err(CampaignError::NotAWayBack { to, why })
    }

    /// Whether terminals can become members after the start.
    async fn check_joining(
        &self,
        change: &Change,
        selector: &Selector,
    ) -> Result<(), CampaignError> {
        if self.approvers(change.verb(), 1).await? > 0 {
            return Err(CampaignError::NobodyJoins);
        }
        match selector.goes_by_time() {
            true => Err(CampaignError::JoinedByTime(selector.to_string())),
            false => Ok(()),
        }
    }

    async fn check_change(&self, change: &Change, now: UnixTime) -> Result<(), CampaignError> {
        if let Some(window @ Window { from_min, to_min }) = change.window()
            && !window.is_sound()
        {
            return Err(CampaignError::Window { from_min, to_min });
        }
        if Terms::of(change).wished == Wished::ByAbort {
            return Err(CampaignError::CancelByItself);
        }
        match kind::needs(change) {
            Needs::Nothing => Ok(()),
            Needs::Repository(repository) => self.is_there(repository).await,
            Needs::Release(digest) => self.is_valid(digest, now).await,
        }
    }

    async fn is_valid(&self, digest: Digest, now: UnixTime) -> Result<(), CampaignError> {
        let stored = self.registry.release(digest).await?;
        let release = stored.ok_or(CampaignError::NoRelease(digest))?.release;
        match release.expires_at {
            at if at <= now => Err(CampaignError::ReleaseExpired { digest, at }),
            _ => Ok(()),
        }
    }

    /// Nothing is restored from what is gone or going; and whoever restores keeps it from going.
    async fn is_there(&self, id: RepositoryId) -> Result<(), CampaignError> {
        let repository = self.registry.repository(id).await?;
        match repository.and_then(|it| it.purged_at.or(it.purging_at)) {
            Some(at) => Err(CampaignError::Purged { repository: id, at }),
            None => Ok(()),
        }
    }

    /// How many approvers must sign this, by the newest roster.
    async fn approvers(&self, verb: Verb, terminals: u32) -> Result<u8, CampaignError> {
        let newest = roster::newest(&*self.registry).await?;
        let approvers = match newest {
            Some(roster) => roster.requirement(verb, terminals).approvers,
            None => floor::floor(verb, terminals).approvers,
        };
        // Besides the controller's own signature.
        match usize::from(approvers) < SIGNATURES_MAX {
            true => Ok(approvers),
            false => Err(CampaignError::TooManyApprovers(approvers)),
        }
    }

    /// Fixes the members and signs for them. From here on the campaign runs by itself, once the
    /// approvers have signed too where the roster asks for any.
    pub async fn start(&self, id: CampaignId, by: &By) -> Result<Campaign, CampaignError> {
        self.start_as(Wish::OfPeople, id, by).await
    }

    /// As [`Self::start`], by a schedule: see [`Self::create_in_turn`].
    pub async fn start_in_turn(&self, id: CampaignId, by: &By) -> Result<Campaign, CampaignError> {
        self.start_as(Wish::OfSchedule, id, by).await
    }

    async fn start_as(
        &self,
        wish: Wish,
        id: CampaignId,
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let campaign = self.known(id).await?;
        if let Needs::Repository(repository) = kind::needs(&campaign.change) {
            self.is_there(repository).await?;
        }
        let verb = campaign.change.verb();
        // How many terminals there are changes how many approvers, never whether there are any.
        let event = match self.approvers(verb, 1).await? {
            0 => CampaignEvent::Start,
            _ => CampaignEvent::AskForApproval,
        };
        self.check_move(&campaign, event)?;
        if campaign.policy.is_continuous() {
            self.check_joining(&campaign.change, &read_selector(&campaign.selector)?).await?;
        }
        self.check_change(&campaign.change, by.at).await?;
        let members = match campaign.terms().chosen {
            Chosen::ByProfile => self.bound(id, campaign.change.enclosed()).await?,
            Chosen::ByRequest => {
                self.all_still(self.registry.deactivation_members(id).await?).await?
            }
            Chosen::BySelector => self.selected(wish, &campaign, by.at).await?,
        };
        wave::check_canary(&campaign.policy, &members)?;
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        self.approvers(verb, count).await?;
        Ok(start::with_members(&*self.registry, &self.signer, campaign, members, by).await?)
    }

    async fn selected(
        &self,
        wish: Wish,
        campaign: &Campaign,
        now: UnixTime,
    ) -> Result<Vec<TerminalId>, CampaignError> {
        let selector = read_selector(&campaign.selector)?;
        let wanted = Wanted::of_known(campaign);
        let audience = match wish {
            Wish::OfPeople => {
                self.planned(&selector, wanted, rules::Start::Now, now).await?.audience
            }
            Wish::OfSchedule => self.survey(&selector, wanted, None, now).await?,
        };
        Ok(audience.members)
    }

    /// The members of a change of provider, or of a wipe, are those that have a profile or a
    /// clearance in it: all of them, because the root over these is fixed.
    async fn bound(
        &self,
        id: CampaignId,
        root: Option<Digest>,
    ) -> Result<Vec<TerminalId>, CampaignError> {
        let profiles = rebind::profiles(&*self.registry, id).await?;
        let payloads = profiles.into_iter().map(|(id, it)| (id, it.profile.into_vec()));
        let payloads: BTreeMap<_, _> = payloads.collect();
        if payloads.is_empty() || Some(Profiles::of(&payloads).root()) != root {
            return Err(CampaignError::OtherProfiles(id));
        }
        self.all_still(payloads.into_keys().collect()).await
    }

    /// All of them, or it is not started.
    async fn all_still(&self, members: Vec<TerminalId>) -> Result<Vec<TerminalId>, CampaignError> {
        let mut gone = BTreeMap::new();
        for ids in members.chunks(PAGE_ITEMS_MAX as usize) {
            for terminal in self.registry.terminals_of(ids).await? {
                if let Some(why) = preflight::of_unit(terminal.unit) {
                    *gone.entry(why).or_default() += 1;
                }
            }
        }
        match gone.is_empty() {
            true => Ok(members),
            false => Err(CampaignError::MembersGone(gone)),
        }
    }

    pub async fn pause(&self, id: CampaignId, by: &By) -> Result<Campaign, CampaignError> {
        self.move_on(id, CampaignEvent::Pause, by).await
    }

    /// A campaign that its own gate has stopped goes on only for somebody who knows how many
    /// terminals have ended badly: only further ones can stop it again.
    pub async fn resume(
        &self,
        id: CampaignId,
        acknowledged: Option<u64>,
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let campaign = self.known(id).await?;
        if campaign.state != CampaignState::Halted {
            return self.move_on(id, CampaignEvent::Resume, by).await;
        }
        let bad = self.registry.campaign_tally(id).await?.bad();
        let why = campaign.state_why.clone();
        let known = acknowledged.ok_or(CampaignError::Halted { campaign: id, why, bad })?;
        let why = format!("{known} bad ends acknowledged; {}", by.why);
        let by = By { why: short_text(why.trim_end_matches("; ")), ..by.clone() };
        Ok(self.registry.resume_halted(&campaign, known, &by).await?)
    }

    /// Another place among others: before whom it goes, and how many may be at it.
    pub async fn reprioritise(
        &self,
        id: CampaignId,
        wish: Reprioritised,
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        if wish.max_parallel == Some(0) {
            return Err(CampaignError::NoPlaces);
        }
        let campaign = self.known(id).await?;
        Ok(self.registry.reprioritise(&campaign, wish, by).await?)
    }

    /// The same change by the same policy, not started; for others where a selection is given. Who
    /// went first and would be no member now, mostly because it runs the release since, is left
    /// out of the canary list.
    pub async fn copy(
        &self,
        id: CampaignId,
        as_what: Copy,
        by: &By,
    ) -> Result<Copied, CampaignError> {
        let original = self.known(id).await?;
        let Copy { id: copy, name, selector, canary, salt } = as_what;
        let mut new = NewCampaign {
            id: copy,
            name: name.or(original.name),
            change: original.change,
            selector: selector.unwrap_or(original.selector),
            max_parallel: original.max_parallel,
            policy: original.policy,
            lifetime_s: original.lifetime_s,
            salt,
            origin: Origin::CopyOf(id),
        };
        let mut dropped = Vec::new();
        if canary.is_empty() {
            let members = self.members_among(&new, &new.policy.canary, by.at).await?;
            dropped.extend(new.policy.canary.extract_if(.., |it| !members.contains(it)));
        } else {
            new.policy.canary = canary;
        }
        let campaign = self.create(&new, by).await?;
        Ok(Copied { campaign, dropped })
    }

    /// Leaves members out, or takes them in again. Gives how many that changed.
    pub async fn skip(
        &self,
        id: CampaignId,
        members: &[TerminalId],
        what: Skip,
        by: &By,
    ) -> Result<u64, CampaignError> {
        let campaign = self.known(id).await?;
        for terminal in members {
            if !view::is_member(&*self.registry, &campaign, *terminal).await? {
                return Err(CampaignError::Stranger { campaign: id, terminal: *terminal });
            }
        }
        if what == Skip::Undone {
            return Ok(self.registry.unskip(id, members, by).await?);
        }
        let waves = self.registry.waves(id).await?;
        let cut: Vec<_> = waves.into_iter().map(|it| it.wave).collect();
        let (salt, canary) = (campaign.salt, &campaign.policy.canary);
        let with_wave = |it: &TerminalId| (*it, wave::wave_of(salt, canary, &cut, *it));
        let members: Vec<_> = members.iter().map(with_wave).collect();
        Ok(self.registry.skip(id, &members, by).await?)
    }

    /// Has members tried again that have ended: these, or all that ended badly. Gives how many are,
    /// and why each of the others is not.
    pub async fn retry(
        &self,
        id: CampaignId,
        members: Option<&[TerminalId]>,
        by: &By,
    ) -> Result<Retried, CampaignError> {
        let campaign = self.known(id).await?;
        if !campaign.terms().comes_again() {
            return Err(CampaignError::NeedsPeople(id));
        }
        let mut retried = Retried::default();
        if let Some(members) = members {
            retried.add(members, self.registry.retry(id, members, by).await?);
            return Ok(retried);
        }
        let mut page = Page::first(PAGE_ITEMS_MAX);
        loop {
            let some = self.registry.ended_badly(id, &page).await?;
            let Some(last) = some.last() else { return Ok(retried) };
            page = Page::after(*last, PAGE_ITEMS_MAX);
            retried.add(&some, self.registry.retry(id, &some, by).await?);
        }
    }

    /// Nothing is released any more, and what has not begun is cancelled.
    pub async fn abort(&self, id: CampaignId, by: &By) -> Result<Campaign, CampaignError> {
        self.move_on(id, CampaignEvent::Abort, by).await
    }

    async fn move_on(
        &self,
        id: CampaignId,
        event: CampaignEvent,
        by: &By,
    ) -> Result<Campaign, CampaignError> {
        let campaign = self.known(id).await?;
        self.check_move(&campaign, event)?;
        Ok(self.registry.move_campaign(&campaign, event, by).await?)
    }

    fn check_move(&self, campaign: &Campaign, event: CampaignEvent) -> Result<(), RegistryError> {
        let refused = |refused| RegistryError::CampaignRefused { campaign: campaign.id, refused };
        state::step(campaign.state, event).map(|_: CampaignState| ()).map_err(refused)
    }

    async fn known(&self, id: CampaignId) -> Result<Campaign, CampaignError> {
        self.registry.campaign(id).await?.ok_or(CampaignError::NoCampaign(id))
    }
}

/// Who wants a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    OfPeople,
    OfSchedule,
}

/// A policy that can come to its end before the campaign's orders do.
fn check_policy(policy: &Policy, lives: Duration) -> Result<(), CampaignError> {
    policy.check().map_err(CampaignError::Policy)?;
    let takes = policy.least_time();
    match takes < lives {
        true => Ok(()),
        false => Err(CampaignError::TooLong { takes, lives }),
    }
}

fn read_selector(text: &str) -> Result<Selector, CampaignError> {
    text.parse().map_err(CampaignError::Selector)
}
