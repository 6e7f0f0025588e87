//! What this controller knows for a plan: the one place where facts come from. What other plans ask
//! for too is in [`crate::on_record`].
//!
//! What is kept nowhere is said to be unknown, so that the plan says so too.

mod terms;

use std::collections::{BTreeMap, BTreeSet};

use shared::document::Profile;
use shared::document::profile::Enclosed;
use shared::id::{CampaignId, PositionId, TerminalId};
use shared::time::UnixTime;

use super::draft;
use super::facts::{
    Bound, Capability, Facts, Known, Next, RequestFacts, StoreFacts, TerminalFacts, Wish,
};
use super::letter::Row;
use crate::on_record::{self, Settling};
use crate::position::Position;
use crate::position::binding::{Binding, BindingState};
use crate::provider::compatibility;
use crate::provider::contract::LegalReview;
use crate::provider::day::Day;
use crate::provider::model::{Model, RebindCapability};
use crate::provider::record::Integration;
use crate::provider::{Kind, fees};
use crate::registry::audit::By;
use crate::registry::page::{PAGE_ITEMS_MAX, Page};
use crate::registry::position::BindingsOf;
use crate::registry::provider::all;
use crate::registry::terminal::{Terminal, Unit};
use crate::registry::{Registry, RegistryError};
use crate::request::Request;
use crate::selector::Selector;
use terms::{Documents, Mover};

/// The merchant class of a position of which none was written down.
const USUAL_CLASS: &str = "standard";

/// A label that says of a terminal how the shop's cash register speaks to it.
const INTEGRATION: &str = "integration";

/// Goes through the fleet once, in pages.
pub(super) async fn facts(
    registry: &dyn Registry,
    selector: &Selector,
    wish: &Wish,
    review: &LegalReview,
    by: &By,
) -> Result<Facts, RegistryError> {
    let now = by.at;
    let asks = [by.who.as_str(), wish.ordered_by.as_str()];
    let request = registry.request(wish.request).await?;
    let look = Look::new(registry, request.as_ref(), wish, now).await?;
    let wanted = || wish.waves.iter().flatten();
    let ids: BTreeSet<_> = wanted().filter_map(|it| it.terminal).collect();
    let serials: BTreeSet<_> = wanted().filter_map(|it| it.serial.as_deref()).collect();
    let (mut movers, mut without_class, mut without_merchant) = (BTreeSet::new(), 0, 0);
    let mut terminals = BTreeMap::new();
    let mut without_profile = Vec::new();
    let mut stores: BTreeMap<String, StoreFacts> = BTreeMap::new();
    let mut page = Page::first(PAGE_ITEMS_MAX);
    loop {
        let found = registry.terminals(&page).await?;
        let Some(last) = found.last() else { break };
        page = Page::after(last.id, PAGE_ITEMS_MAX);
        let filled = on_record::positions(registry, &found).await?;
        let in_words = with_fallback(registry, &found).await?;
        let selectors = [selector].into_iter().chain(&look.requested);
        let settling = Settling::asked_by(selectors, &found, registry).await?;
        let busy = in_changes(registry, &found, wish.carried_by).await?;
        for terminal in &found {
            let position = filled.get(&terminal.id);
            let facts = TerminalFacts {
                in_change: busy.get(&terminal.id).copied(),
                ..look.at_terminal(terminal, &settling, selector, position, wish)
            };
            let store = stores.entry(terminal.store.clone()).or_default();
            store.working += u32::from(facts.is_selling);
            store.has_fallback |= position.is_some_and(|it| it.fallback.is_some())
                || in_words.contains(&terminal.store);
            if ids.contains(&terminal.id) || serials.contains(terminal.serial.as_str()) {
                let class = position.and_then(|it| it.merchant_class.clone());
                without_class += u32::from(class.is_none());
                let class = class.unwrap_or_else(|| USUAL_CLASS.to_owned());
                let merchant = position.and_then(|it| it.merchant.clone());
                without_merchant += u32::from(merchant.is_none());
                movers.insert(Mover { merchant, class });
                terminals.insert(terminal.id, facts);
            } else if facts.is_selected && facts.is_enrolled {
                without_profile.push(facts);
            }
        }
    }
    let documents = documents(registry, asks).await?;
    let (from, to) = (wish.from.as_str(), wish.to.as_str());
    let at = wish.begins_at;
    let merchants: Option<BTreeSet<_>> = movers.iter().map(|it| it.merchant.clone()).collect();
    let merchants = merchants.as_ref().filter(|_| !movers.is_empty());
    let count = terminals.len() as u32;
    Ok(Facts {
        now,
        stores,
        without_profile,
        request: request.map(|it| RequestFacts {
            state: it.state,
            from: it.asked.from,
            to: it.asked.to,
            reason: it.asked.reason,
            requester: it.asked.requester,
            campaign: it.campaign,
        }),
        target: on_record::provider(registry, to, asks, at).await?,
        fees: documents.fees((from, to), &movers, at),
        without_class,
        merchants: merchants.iter().flat_map(|them| them.iter().cloned()).collect(),
        without_merchant: match documents.merchants(from, to) > 1 {
            true => without_merchant,
            false => 0,
        },
        leaving: documents.leaving(from, merchants, at),
        joining: documents.joining(to, merchants, count, review, at),
        by_serial: terminals.values().map(|it| (it.serial.clone(), it.id)).collect(),
        terminals,
    })
}

/// Those of their stores of which somebody has said how they sell meanwhile.
async fn with_fallback(
    registry: &dyn Registry,
    terminals: &[Terminal],
) -> Result<BTreeSet<String>, RegistryError> {
    let names: BTreeSet<_> = terminals.iter().map(|it| it.store.clone()).collect();
    let stores = registry.stores_of(&names.into_iter().collect::<Vec<_>>()).await?.into_iter();
    Ok(stores.filter(|it| it.described.fallback.is_some()).map(|it| it.name).collect())
}

async fn documents(registry: &dyn Registry, asks: [&str; 2]) -> Result<Documents, RegistryError> {
    let each = |kind| all(registry, kind);
    let bands = each(Kind::Band).await?.into_iter();
    let bands = bands.filter_map(|it| it.band()).map(|it| (it.key, it.document));
    let fees = each(Kind::Fees).await?.into_iter();
    Ok(Documents {
        bands: fees::bands(bands),
        fees: fees.filter_map(|it| it.fees()).map(|it| it.but_for_words_of(asks)).collect(),
        contracts: on_record::contracts(registry, asks).await?,
    })
}

/// The waves of other changes that are not over, by terminals that they are about.
async fn in_changes(
    registry: &dyn Registry,
    of: &[Terminal],
    carried_by: Option<CampaignId>,
) -> Result<BTreeMap<TerminalId, CampaignId>, RegistryError> {
    let ids: Vec<_> = of.iter().map(|it| it.id).collect();
    Ok(registry.rebinding(&ids, carried_by).await?.into_iter().collect())
}

/// What is looked up once for all terminals.
struct Look {
    requested: Option<Selector>,
    /// The active bindings of every provider, by position.
    active: BTreeMap<PositionId, Vec<Binding>>,
    /// What positions have in hand with the new provider.
    next: BTreeMap<PositionId, Next>,
    models: BTreeMap<String, Model>,
    matrix: Vec<compatibility::Row>,
    today: Day,
    now: UnixTime,
}

impl Look {
    async fn new(
        registry: &dyn Registry,
        request: Option<&Request>,
        wish: &Wish,
        now: UnixTime,
    ) -> Result<Self, RegistryError> {
        let (mut active, mut next) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for it in on_record::bindings(registry, &BindingsOf::default()).await? {
            if it.provider == wish.to && it.state.is_in_hand() {
                let (binding, version) = (it.id, it.version.clone());
                next.insert(it.position, Next { binding, version });
            }
            if it.state == BindingState::Active {
                active.entry(it.position).or_default().push(it);
            }
        }
        let models = all(registry, Kind::Model).await?.into_iter();
        let models = models.filter_map(|it| it.model()).map(|it| (it.key, it.document));
        Ok(Self {
            requested: request.and_then(|it| it.asked.selector.parse().ok()),
            active,
            next,
            models: models.collect(),
            matrix: on_record::matrix(registry).await?,
            today: Day::of(wish.begins_at),
            now,
        })
    }

    fn at_terminal(
        &self,
        terminal: &Terminal,
        settling: &Settling,
        selector: &Selector,
        position: Option<&Position>,
        wish: &Wish,
    ) -> TerminalFacts {
        let position = position.map(|it| it.id);
        let asked = settling.facts(terminal);
        let (compatible, matrix_row) =
            on_record::compatible(&self.matrix, terminal, Some(&wish.to));
        let model = self.models.get(&terminal.model);
        TerminalFacts {
            id: terminal.id,
            serial: terminal.serial.clone(),
            store: terminal.store.clone(),
            model: terminal.model.clone(),
            is_enrolled: terminal.unit == Unit::Enrolled,
            is_selling: terminal.sells(self.now),
            is_selected: selector.matches(&asked, self.now),
            in_change: None,
            is_requested: self.requested.as_ref().is_some_and(|it| it.matches(&asked, self.now)),
            has_recipient: terminal.said.as_ref().is_some_and(|said| said.recipient.is_some()),
            position,
            bound: position.map_or(Known::Unknown, |it| self.bound(it, wish)),
            next: position.and_then(|it| self.next.get(&it)).cloned(),
            compatible,
            matrix_row,
            capability: model.map_or(Known::Unknown, |it| Known::Is(self.capability(it))),
            free_slot: model.map_or(Known::Unknown, |it| Known::Is(it.key_slots > 1)),
            integration: integration(&terminal.labels),
        }
    }

    /// Where a position serves several acquirers, the one that is to be left counts.
    fn bound(&self, position: PositionId, wish: &Wish) -> Known<Bound> {
        let active = self.active.get(&position).map(Vec::as_slice).unwrap_or_default();
        let theirs = active.iter().find(|it| it.provider == wish.from);
        match theirs.or_else(|| active.first()) {
            None => Known::Unknown,
            Some(it) => Known::Is(Bound {
                binding: it.id,
                provider: it.provider.clone(),
                mid: it.version.tuple.mid.clone(),
                tid: it.version.tuple.tid.clone(),
            }),
        }
    }

    fn capability(&self, model: &Model) -> Capability {
        match (model.rebind, model.pts_expired_on(self.today)) {
            (RebindCapability::Never, _) => Capability::Never,
            (RebindCapability::VendorOnly, _) => Capability::VendorOnly,
            (RebindCapability::InPlace, Some(day)) => Capability::ApprovalExpired(day.to_string()),
            (RebindCapability::InPlace, None) => Capability::InPlace,
        }
    }
}

/// As `PROTOCOL/VERSION`, where somebody has written it down.
fn integration(labels: &BTreeMap<String, String>) -> Known<Integration> {
    let label = labels.get(INTEGRATION).and_then(|it| it.split_once('/'));
    let label = label.filter(|(protocol, version)| !protocol.is_empty() && !version.is_empty());
    label.map_or(Known::Unknown, |(protocol, version)| {
        let (protocol, version) = (protocol.to_owned(), version.to_owned());
        Known::Is(Integration { protocol, version })
    })
}

/// A profile that was sound when it was stored.
pub(super) fn profile(of: TerminalId, enclosed: &Enclosed) -> Result<Profile, RegistryError> {
    draft::read(&enclosed.profile)
        .map_err(|_| RegistryError::Unreadable { what: "profile", value: of.to_string() })
}

/// What letters say of each terminal.
pub(super) async fn rows(
    registry: &dyn Registry,
    profiles: &[(TerminalId, Enclosed)],
) -> Result<Vec<Row>, RegistryError> {
    let mut rows = Vec::new();
    for some in profiles.chunks(PAGE_ITEMS_MAX as usize) {
        let ids: Vec<_> = some.iter().map(|(id, _)| *id).collect();
        let known = registry.terminals_of(&ids).await?;
        let known: BTreeMap<_, _> = known.into_iter().map(|it| (it.id, it)).collect();
        for (id, enclosed) in some {
            let profile = profile(*id, enclosed)?;
            let missing = || RegistryError::Missing { what: "terminal", which: id.to_string() };
            let terminal = known.get(id).ok_or_else(missing)?;
            rows.push(Row {
                serial: terminal.serial.clone(),
                store: terminal.store.clone(),
                model: terminal.model.clone(),
                profile,
            });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
