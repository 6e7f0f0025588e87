//! Looks over the fleet for whom a campaign would be brought to: once, in pages, and of each
//! terminal only what is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Span};
use shared::change::Change;
use shared::document::Release;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::gather;
use super::plan::{Closing, Opening};
use super::policy::Policy;
use super::preflight::forecast::{Course, Forecast, Group, Opens, forecast, time_zone};
use super::preflight::hours::{self, Alike, Hold, Stores};
use super::preflight::rules::{Intended, Start, Stuck, Warning};
use super::preflight::transfer::{Bandwidth, Transfer, transfer};
use super::preflight::{Audience, Demands, of_unit};
use super::store::StoreStanding;
use super::{CampaignError, Campaigns, read_selector, wave};
use crate::calendar::carried::NotCarried;
use crate::calendar::scope::Scope;
use crate::kind::{self, Disturbs, Terms};
use crate::registry::calendar::{self, CalendarsOf};
use crate::registry::campaign::{Campaign, NewCampaign};
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::prospect::{Ask, PROSPECTS_MAX, Prospect};
use crate::registry::{Registry, RegistryError};
use crate::selector::{Facts, Selector};

/// Stores that are looked at for who sells in them: each takes some statements.
const STORES_LOOKED_AT: usize = 200;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Stores in which a member is the last one that sells.
struct LastSelling {
    stores: u64,
    /// So many were looked at.
    of: u64,
    /// In every store one member stands, and nobody else.
    are_only_tills: bool,
}

/// What people keep of the stores in which members are.
#[derive(Debug, Default)]
struct Kept {
    entries: Vec<calendar::Kept>,
    /// Where an entry asks for them.
    regions: BTreeMap<String, String>,
}

/// What a campaign would be if it were started now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub audience: Audience,
    /// Others join later.
    pub is_continuous: bool,
    pub forecast: Forecast,
    /// How long its members fetch, where something limits that.
    pub transfer: Option<Transfer>,
    pub start: UnixTime,
    /// Until when its orders would be valid.
    pub not_after: UnixTime,
    /// How many must sign it.
    pub approvers: u8,
    /// Of an upgrade.
    pub release: Option<Release>,
    pub warnings: Vec<Warning>,
}

/// What decides, beside the members, how a campaign goes: as a new one asks for it, or as one that
/// is there has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    change: &'a Change,
    policy: &'a Policy,
    max_parallel: u32,
    lives: Duration,
}

impl<'a> Wanted<'a> {
    pub(super) fn of_known(campaign: &'a Campaign) -> Self {
        Self {
            change: &campaign.change,
            policy: &campaign.policy,
            max_parallel: campaign.max_parallel,
            lives: Duration::from_secs(campaign.lifetime_s),
        }
    }

    pub(super) fn of(new: &'a NewCampaign) -> Self {
        Self {
            change: &new.change,
            policy: &new.policy,
            max_parallel: new.max_parallel,
            lives: Duration::from_secs(new.lifetime_s),
        }
    }

    /// What holds these for so long.
    fn hold(&self, alike: &Alike, life: Span) -> Option<Hold> {
        let life = Span { from: self.policy.begins_at(life.from), ..life };
        match self.opens(alike, life)? {
            Ok((Opening::Open | Opening::At { .. }, _)) => None,
            Ok((Opening::Never(Closing::Freeze), _)) => Some(Hold::Freeze),
            Ok((Opening::Never(Closing::Window), _)) | Err(NotCarried::NeverOpens { .. }) => {
                Some(Hold::Window)
            }
            Err(NotCarried::TooMany { .. }) => Some(Hold::TooMany),
        }
    }

    /// When the shops of these may be disturbed, as it is kept today.
    fn group(&self, alike: &Alike, life: Span) -> Group {
        let (window, zone) = (self.change.window(), alike.zone.clone());
        let opens = match self.opens(alike, life) {
            _ if alike.kept.is_empty() => Opens::of(window, zone),
            Some(Ok((_, Some(calendar)))) => {
                let zone = zone.unwrap_or(TimeZone::UTC);
                Opens::Kept { calendar, window, zone, until: life.to }
            }
            None | Some(Ok((_, None))) => Opens::of(window, zone),
            Some(Err(NotCarried::NeverOpens { .. } | NotCarried::TooMany { .. })) => Opens::Never,
        };
        Group { opens, present: alike.present }
    }

    /// `None` of a zone that this machine does not know.
    fn opens(
        &self,
        alike: &Alike,
        life: Span,
    ) -> Option<Result<(Opening, Option<Calendar>), NotCarried>> {
        let zone = alike.zone.as_ref()?;
        let spread = self.policy.spread.unwrap_or_default();
        Some(gather::opens(&alike.kept, zone, self.change.window(), spread, life))
    }

    fn course(&self, release: Option<&Release>, now: UnixTime) -> Course<'_> {
        let proves_itself_s = release.map_or(0, |release| release.health.stable_s);
        Course {
            policy: self.policy,
            max_parallel: self.max_parallel,
            job: Duration::from_secs(proves_itself_s.into()),
            until: now.plus(self.lives),
        }
    }
}

impl Campaigns {
    /// What this campaign would be if it were started now; refuses what creating it would.
    pub async fn plan(&self, new: &NewCampaign, now: UnixTime) -> Result<Planned, CampaignError> {
        let selector = self.check_new(new, now).await?;
        self.planned(&selector, Wanted::of(new), Start::AnyTime, now).await
    }

    /// Refuses what has no members, and what can never make progress with those that it has.
    pub(super) async fn planned(
        &self,
        selector: &Selector,
        wanted: Wanted<'_>,
        started: Start,
        now: UnixTime,
    ) -> Result<Planned, CampaignError> {
        let release = self.release_of(wanted.change).await?;
        let audience = self.survey(selector, wanted, release.as_ref(), now).await?;
        wave::check_canary(wanted.policy, &audience.members)?;
        let stores = audience.stores();
        let transfer = self.transfer(release.as_ref(), &stores).await?;
        let Kept { entries, regions } = self.kept(wanted.change, &stores).await?;
        let life = Span { from: now, to: now.plus(wanted.lives) };
        let course = wanted.course(release.as_ref(), now);
        let foresee = |all: &[Alike]| {
            let groups: Vec<_> = all.iter().map(|alike| wanted.group(alike, life)).collect();
            let mut forecast = forecast(course, &groups, now);
            if let Some(transfer) = &transfer {
                let begins = wanted.policy.begins_at(now);
                forecast.over_at = forecast.over_at.max(begins.plus(transfer.all.takes()));
            }
            forecast
        };
        let open = foresee(&hours::alike(&[], &audience.places, &regions));
        let alike = hours::alike(&entries, &audience.places, &regions);
        let kept = if entries.is_empty() { open.clone() } else { foresee(&alike) };
        let intended = Intended {
            course,
            window: wanted.change.window(),
            audience: &audience,
            forecast: &open,
            kept: &kept,
            transfer: transfer.as_ref(),
            start: now,
            lives: wanted.lives,
            release_expires_at: release.as_ref().map(|release| release.expires_at),
        };
        intended.check(started)?;
        let mut warnings = intended.warnings();
        let zone = audience.zones().into_iter().find_map(|(zone, _)| time_zone(&zone));
        let zone = zone.unwrap_or(TimeZone::UTC);
        let at = Stores { members: &stores, regions: &regions };
        warnings.extend(hours::warnings(&entries, at, &zone, life));
        warnings.extend(held(wanted, &alike, life, started)?);
        warnings.extend(self.of_last_tills(&audience, &stores, wanted, now).await?);
        let members = u32::try_from(audience.members.len()).unwrap_or(u32::MAX);
        let approvers = self.approvers(wanted.change.verb(), members).await?;
        Ok(Planned {
            is_continuous: wanted.policy.is_continuous(),
            forecast: kept,
            audience,
            transfer,
            start: now,
            not_after: life.to,
            approvers,
            release,
            warnings,
        })
    }

    /// What people keep of these stores, where the change goes by it.
    async fn kept(
        &self,
        change: &Change,
        stores: &BTreeMap<String, u64>,
    ) -> Result<Kept, RegistryError> {
        if !Terms::of(change).keeps_calendars {
            return Ok(Kept::default());
        }
        let entries = calendar::all(&*self.registry, &CalendarsOf::default()).await?;
        let regions = self.regions(&entries, stores).await?;
        Ok(Kept { entries, regions })
    }

    /// Where a member is the last one that sells; refused is where nobody else is there.
    async fn of_last_tills(
        &self,
        audience: &Audience,
        stores: &BTreeMap<String, u64>,
        wanted: Wanted<'_>,
        now: UnixTime,
    ) -> Result<Option<Warning>, CampaignError> {
        let has_fallback = wanted.policy.fallback.is_some() || wanted.change.window().is_some();
        if Terms::of(wanted.change).disturbs != Disturbs::InItsTurn || has_fallback {
            return Ok(None);
        }
        let LastSelling { stores, of, are_only_tills } =
            self.last_selling(audience, stores, now).await?;
        if are_only_tills && !wanted.policy.is_continuous() {
            return Err(Stuck::OnlyTills { members: audience.count() }.into());
        }
        Ok((stores > 0).then_some(Warning::LastSelling { stores, of }))
    }

    /// Of the stores in which members are, where an entry asks for it.
    async fn regions(
        &self,
        entries: &[calendar::Kept],
        stores: &BTreeMap<String, u64>,
    ) -> Result<BTreeMap<String, String>, RegistryError> {
        let mut regions = BTreeMap::new();
        if entries.iter().any(|kept| matches!(kept.scope, Scope::Region(_))) {
            let names: Vec<_> = stores.keys().cloned().collect();
            for names in names.chunks(PAGE_ITEMS_MAX as usize) {
                let stores = self.registry.stores_of(names).await?.into_iter();
                regions.extend(stores.filter_map(|it| Some((it.name, it.described.region?))));
            }
        }
        Ok(regions)
    }

    /// Of the first stores; of all of them for as long as no other terminal stands in any.
    async fn last_selling(
        &self,
        audience: &Audience,
        stores: &BTreeMap<String, u64>,
        now: UnixTime,
    ) -> Result<LastSelling, RegistryError> {
        let names: Vec<_> = stores.keys().cloned().collect();
        let is_member = |id: &TerminalId| audience.members.binary_search(id).is_ok();
        let is_last = |it: &StoreStanding| {
            it.selling.len() == 1 && it.selling.iter().all(is_member) && !it.has_fallback
        };
        let mut found = LastSelling { stores: 0, of: 0, are_only_tills: !names.is_empty() };
        for names in names.chunks(STORES_LOOKED_AT) {
            let standings = self.registry.store_standings(names, now).await?;
            found.stores += standings.values().filter(|it| is_last(it)).count() as u64;
            found.of += names.len() as u64;
            found.are_only_tills &= standings.values().all(|it| it.there == 1 && is_last(it));
            if !found.are_only_tills {
                break;
            }
        }
        Ok(found)
    }

    async fn transfer(
        &self,
        release: Option<&Release>,
        members: &BTreeMap<String, u64>,
    ) -> Result<Option<Transfer>, RegistryError> {
        let Some(release) = release else { return Ok(None) };
        let stores = self.registry.download_limits().await?;
        let bandwidth = Bandwidth { limits: self.downloads, stores };
        Ok(transfer(release.artifact.size, members, &bandwidth))
    }

    /// Everybody whom the selector means, by what would become of them; at least one is a member,
    /// unless others can join.
    pub(super) async fn survey(
        &self,
        selector: &Selector,
        wanted: Wanted<'_>,
        release: Option<&Release>,
        now: UnixTime,
    ) -> Result<Audience, CampaignError> {
        let demands = demands(wanted.change, release, now.plus(wanted.lives));
        let canary: BTreeSet<_> = wanted.policy.canary.iter().copied().collect();
        let ask = selector.ask();
        let ask = Ask { components: ask.components || release.is_some(), busy: true, ..ask };
        let mut audience = Audience::default();
        let add = |it: &Prospect| audience.add(it, &demands, &canary);
        self.look_over(selector, &ask, now, add).await?;
        match audience.members.is_empty() && !wanted.policy.is_continuous() {
            true => Err(CampaignError::Nobody(audience.excluded_counts())),
            false => Ok(audience),
        }
    }

    /// The enrolled terminals that a selector means, whatever else is to be said of them; by id.
    pub async fn meant(
        &self,
        selector: &Selector,
        now: UnixTime,
    ) -> Result<Vec<TerminalId>, RegistryError> {
        let mut meant = Vec::new();
        let add = |it: &Prospect| meant.extend(of_unit(it.unit).is_none().then_some(it.id));
        self.look_over(selector, &selector.ask(), now, add).await?;
        Ok(meant)
    }

    /// Which of these terminals would be members of what is asked for.
    pub(super) async fn members_among(
        &self,
        new: &NewCampaign,
        terminals: &[TerminalId],
        now: UnixTime,
    ) -> Result<BTreeSet<TerminalId>, CampaignError> {
        if terminals.is_empty() {
            return Ok(BTreeSet::new());
        }
        let selector = read_selector(&new.selector)?;
        let release = self.release_of(&new.change).await?;
        let not_after = now.plus(Duration::from_secs(new.lifetime_s));
        let demands = demands(&new.change, release.as_ref(), not_after);
        let among = Some(terminals.to_vec());
        Ok(members(&*self.registry, &selector, &demands, among, now).await?.into_iter().collect())
    }

    async fn look_over(
        &self,
        selector: &Selector,
        ask: &Ask,
        now: UnixTime,
        is_meant: impl FnMut(&Prospect),
    ) -> Result<(), RegistryError> {
        look_over(&*self.registry, selector, ask, now, is_meant).await
    }

    pub(super) async fn release_of(
        &self,
        change: &Change,
    ) -> Result<Option<Release>, CampaignError> {
        let Some(digest) = kind::release_of(change) else { return Ok(None) };
        let stored = self.registry.release(digest).await?;
        Ok(Some(stored.ok_or(CampaignError::NoRelease(digest))?.release))
    }
}

/// Whom windows and freezes hold for as long as orders are valid. Refused is what holds all of them
/// for good; whoever joins later may well stand elsewhere.
fn held(
    wanted: Wanted<'_>,
    all: &[Alike],
    life: Span,
    started: Start,
) -> Result<Option<Warning>, Stuck> {
    if all.iter().all(|alike| alike.kept.is_empty()) {
        return Ok(None);
    }
    let shut = |life| hours::shut(all, |alike| wanted.hold(alike, life));
    let members: u64 = all.iter().map(|alike| alike.present.all().members).sum();
    let now = shut(life);
    if !wanted.policy.is_continuous() && now.all() == members {
        // Another moment of the next day may do.
        let later = match started {
            Start::Now => life,
            Start::AnyTime => Span { to: life.to.plus(DAY), ..life },
        };
        let still = shut(later);
        if still.all() == members {
            return Err(Stuck::Shut(still));
        }
    }
    // Freezes are told one by one.
    Ok((now.window + now.too_many > 0).then_some(Warning::Shut(now)))
}

/// Of these terminals, or of all, whoever would become a member of a running campaign now.
pub(super) async fn who_may_join(
    registry: &dyn Registry,
    campaign: &Campaign,
    not_after: UnixTime,
    among: Option<Vec<TerminalId>>,
    now: UnixTime,
) -> Result<Vec<TerminalId>, RegistryError> {
    let Ok(selector) = campaign.selector.parse::<Selector>() else {
        let value = campaign.selector.clone();
        return Err(RegistryError::Unreadable { what: "selection of terminals", value });
    };
    let release = match kind::release_of(&campaign.change) {
        Some(digest) => registry.release(digest).await?.map(|stored| stored.release),
        None => None,
    };
    let demands = demands(&campaign.change, release.as_ref(), not_after);
    members(registry, &selector, &demands, among, now).await
}

/// Of these terminals, or of all, those that a selector means and that a change can be brought to.
async fn members(
    registry: &dyn Registry,
    selector: &Selector,
    demands: &Demands<'_>,
    among: Option<Vec<TerminalId>>,
    now: UnixTime,
) -> Result<Vec<TerminalId>, RegistryError> {
    let ask = selector.ask();
    let ask = Ask { among, components: ask.components || demands.release.is_some(), ..ask };
    let mut members = Vec::new();
    let add = |it: &Prospect| members.extend(demands.excluded(it).is_none().then_some(it.id));
    look_over(registry, selector, &ask, now, add).await?;
    Ok(members)
}

fn demands<'a>(change: &Change, release: Option<&'a Release>, not_after: UnixTime) -> Demands<'a> {
    let disturbs = Terms::of(change).disturbs != Disturbs::Never;
    Demands { verb: change.verb(), release, not_after, disturbs }
}

async fn look_over(
    registry: &dyn Registry,
    selector: &Selector,
    ask: &Ask,
    now: UnixTime,
    mut is_meant: impl FnMut(&Prospect),
) -> Result<(), RegistryError> {
    let mut page = Page::first(PROSPECTS_MAX);
    loop {
        let prospects = registry.prospects(ask, &page).await?;
        let Some(last) = prospects.last() else { return Ok(()) };
        page = Page::after(last.id, PROSPECTS_MAX);
        let meant = prospects.iter().filter(|it| selector.matches(&Facts::from(*it), now));
        meant.for_each(&mut is_meant);
    }
}
