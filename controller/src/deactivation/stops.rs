//! What people do about terminals that stop beside the campaigns: they announce the moment, tell
//! parties, tick off what is to be done, enter what is owed, and close the case.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::document::Manifest;
use shared::id::{RequestId, TerminalId};
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::checklist::{Item, ItemRefused, generated};
use super::closing::{CloseOut, Closing, NotClosed, Point, points};
use super::handover::{self, Bound, Handover, Row, Saved};
use super::ledger::{Entry, EntryRefused, balances};
use super::letter::{self, Letter};
use super::notice::{self, NotAnnounced, Party, Standing, StopKind, is_emergency};
use super::particulars::{NotTaken, Particulars};
use crate::campaign::{CampaignError, Campaigns};
use crate::on_record;
use crate::position::binding::BindingState;
use crate::registry::audit::By;
use crate::registry::notice::{Noted, Notice, NoticeAbout, Paper};
use crate::registry::page::PAGE_ITEMS_MAX;
use crate::registry::position::BindingsOf;
use crate::registry::stop::{Announcement, NewAnnouncement};
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};
use crate::request::{Request, RequestKind, RequestRefused, RequestState};
use crate::selector::Selector;

/// What the handover list is called among the letters.
pub const HANDOVER: &str = "handover-list";

/// Why nothing was done about a stop.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("there is no request {0}")]
    NoRequest(RequestId),
    #[error(transparent)]
    NotAnnounced(#[from] NotAnnounced),
    #[error("no moment was announced: parties cannot be told of one")]
    NoMoment,
    #[error("nobody would take part: no terminal matches what the request asks for")]
    Nobody,
    #[error(transparent)]
    Item(#[from] ItemRefused),
    #[error(transparent)]
    Entry(#[from] EntryRefused),
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    #[error(transparent)]
    NotClosed(#[from] NotClosed),
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl StopError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::NoRequest(_) => "list them with `tillward request list`",
            Self::NotAnnounced(why) => why.hint(),
            Self::NoMoment => "announce it: `tillward deactivate notice announce`",
            Self::Nobody => "look at what the selection matches: `tillward terminal list`",
            Self::Item(why) => why.hint(),
            Self::Entry(why) => why.hint(),
            Self::NotTaken(why) => why.hint(),
            Self::NotClosed(why) => return Some(why.hint()),
            Self::Campaign(error) => return error.hint().map(str::to_owned),
            Self::Registry(_) => return None,
        };
        Some(fixed.to_owned())
    }
}

/// All that belongs to one stop.
#[derive(Clone, Debug)]
pub struct Case {
    pub request: Request,
    pub kind: StopKind,
    /// Nobody is told beforehand of what is lost, stolen or tampered with.
    pub is_exempt: bool,
    pub announcement: Option<Announcement>,
    /// For the announced moment.
    pub standings: Vec<Standing>,
    pub notices: Vec<Noted>,
    pub items: Vec<Item>,
    pub ledger: Vec<Entry>,
    /// What certificates say beside terminals.
    pub particulars: Option<Particulars>,
    /// Of a decommissioning that is open: what keeps it so.
    pub open: Vec<Point>,
    pub closing: Option<Closing>,
}

#[derive(Clone, Debug)]
pub struct Stops {
    registry: Arc<dyn Registry>,
    campaigns: Campaigns,
}

impl Stops {
    pub fn new(registry: Arc<dyn Registry>, campaigns: Campaigns) -> Self {
        Self { registry, campaigns }
    }

    /// The request, and what it asks for.
    async fn known(&self, id: RequestId) -> Result<(Request, StopKind), StopError> {
        let request = self.registry.request(id).await?.ok_or(StopError::NoRequest(id))?;
        let kind = StopKind::of(request.kind).ok_or(NotAnnounced::OtherKind(request.kind))?;
        Ok((request, kind))
    }

    pub async fn case(&self, id: RequestId, now: UnixTime) -> Result<Case, StopError> {
        let (request, kind) = self.known(id).await?;
        let announcement = self.registry.announcement(id).await?;
        let notices = self.registry.notices(NoticeAbout::Stop(id)).await?;
        let standings = announcement.as_ref().map_or_else(Vec::new, |it| {
            notice::standings(kind, it.cut_off, Some(it), &notices, now).into()
        });
        let is_open = request.kind == RequestKind::Decommission && !request.state.is_over();
        let open = match is_open {
            true => points(&self.registry.case_facts(id).await?, &CloseOut::default()),
            false => Vec::new(),
        };
        Ok(Case {
            kind,
            is_exempt: is_emergency(request.asked.reason),
            announcement,
            standings,
            notices,
            items: self.registry.stop_items(id).await?,
            ledger: self.registry.ledger(id).await?,
            particulars: self.registry.particulars(id).await?,
            open,
            closing: self.registry.closing(id).await?,
            request,
        })
    }

    /// Parties may be told of this moment from now on, and people know what is to be done.
    pub async fn announce(
        &self,
        id: RequestId,
        cut_off: UnixTime,
        resume_expected: Option<UnixTime>,
        by: &By,
    ) -> Result<Announcement, StopError> {
        let (request, kind) = self.known(id).await?;
        let items = generated(kind, cut_off, &request.asked.requester);
        let new = NewAnnouncement { cut_off, resume_expected, items };
        Ok(self.registry.announce_stop(id, &new, by).await??)
    }

    /// Writes down that a party was told, or what came of it.
    pub async fn tell(&self, id: RequestId, told: &Notice, by: &By) -> Result<(), StopError> {
        self.goes_on(id).await?;
        Ok(self.registry.put_notice(NoticeAbout::Stop(id), told, by).await?)
    }

    /// A request of which people are told, with the moment that was announced.
    async fn goes_on(&self, id: RequestId) -> Result<(Request, StopKind, Announcement), StopError> {
        let (request, kind) = self.known(id).await?;
        match request.state {
            RequestState::Closed | RequestState::Rejected | RequestState::Cancelled => {
                let event = crate::request::RequestEvent::Schedule;
                let refused = RequestRefused::State { state: request.state, event };
                return Err(NotAnnounced::from(refused).into());
            }
            RequestState::Frozen => {
                return Err(NotAnnounced::from(RequestRefused::Frozen).into());
            }
            RequestState::Requested
            | RequestState::Verified
            | RequestState::Accepted
            | RequestState::Scheduled => {}
        }
        let announced = self.registry.announcement(id).await?.ok_or(StopError::NoMoment)?;
        Ok((request, kind, announced))
    }

    /// Makes the letter of every party and the handover list, and keeps each that was not made
    /// before.
    pub async fn letters(&self, id: RequestId, by: &By) -> Result<Vec<Paper>, StopError> {
        let (request, kind, announced) = self.goes_on(id).await?;
        let rows = self.rows(&request, by.at).await?;
        let (about, asked) = (NoticeAbout::Stop(id), &request.asked);
        for party in Party::ALL {
            let letter = Letter {
                party,
                kind,
                request: id,
                asked,
                cut_off: announced.cut_off,
                resume_expected: announced.resume_expected,
                announced_at: announced.at,
                announced_by: &announced.by,
                rows: &rows,
            };
            let paper = Paper::of(party.as_str(), &letter::sheet(&letter), by);
            self.registry.add_paper(about, &paper, by).await?;
        }
        let items = self.registry.stop_items(id).await?;
        let to_do = items.into_iter().filter(|it| it.done.is_none());
        let to_do: Vec<_> = to_do.map(|it| (it.what, it.owner)).collect();
        let balances = balances(&self.registry.ledger(id).await?);
        let of = Handover {
            kind,
            request: id,
            asked,
            cut_off: announced.cut_off,
            rows: &rows,
            balances: &balances,
            to_do: &to_do,
        };
        let paper = Paper::of(HANDOVER, &handover::sheet(&of), by);
        self.registry.add_paper(about, &paper, by).await?;
        Ok(self.registry.papers(about).await?)
    }

    /// Of every terminal that the request is about, by store and serial number.
    async fn rows(&self, request: &Request, now: UnixTime) -> Result<Vec<Row>, StopError> {
        let selector: Selector = request.asked.selector.parse().map_err(CampaignError::Selector)?;
        let members = self.campaigns.meant(&selector, now).await?;
        if members.is_empty() {
            return Err(StopError::Nobody);
        }
        let mut rows = Vec::new();
        for ids in members.chunks(PAGE_ITEMS_MAX as usize) {
            rows.extend(self.rows_of(ids).await?);
        }
        rows.sort_by(|a, b| (&a.store, &a.serial).cmp(&(&b.store, &b.serial)));
        Ok(rows)
    }

    async fn rows_of(&self, ids: &[TerminalId]) -> Result<Vec<Row>, RegistryError> {
        let terminals = self.registry.terminals_of(ids).await?;
        let terminals: BTreeMap<_, _> = terminals.into_iter().map(|it| (it.id, it)).collect();
        let mut bound = self.bound(ids).await?;
        let mut rows = Vec::new();
        for it in self.registry.service_facts(ids).await? {
            let zone = terminals.get(&it.terminal).map(zone).unwrap_or_default();
            let saved = match it.saved {
                Some((manifest, taken_at)) => Some(self.saved(manifest, taken_at).await?),
                None => None,
            };
            let unit = self.registry.unit(&it.serial).await?;
            rows.push(Row {
                serial: it.serial,
                model: it.model,
                store: it.store,
                lane: it.lane,
                zone,
                bound: bound.remove(&it.terminal).unwrap_or_default(),
                saved,
                service: it.service,
                service_at: it.service_at,
                bound_with: it.bound_with,
                deregistered: it.deregistered,
                unit: unit.map(|unit| unit.about),
            });
        }
        Ok(rows)
    }

    /// The bindings that shops sell with, by terminal.
    async fn bound(
        &self,
        ids: &[TerminalId],
    ) -> Result<BTreeMap<TerminalId, Vec<Bound>>, RegistryError> {
        let mut bound = BTreeMap::new();
        for position in self.registry.positions_of(ids).await? {
            let Some(terminal) = position.terminal else { continue };
            let of = BindingsOf { position: Some(position.id), provider: None };
            let found = on_record::bindings(&*self.registry, &of).await?;
            let active = found.into_iter().filter(|it| it.state == BindingState::Active);
            let known = active.map(|it| Bound {
                provider: it.provider,
                mid: it.version.tuple.mid,
                tid: it.version.tuple.tid,
            });
            bound.insert(terminal, known.collect());
        }
        Ok(bound)
    }

    async fn saved(
        &self,
        manifest: shared::digest::Digest,
        taken_at: UnixTime,
    ) -> Result<Saved, RegistryError> {
        let stored = self.registry.snapshot(manifest).await?;
        let read = |it: crate::registry::backup::snapshot::Snapshot| {
            Envelope::<Manifest>::from_bytes(it.signed.as_slice()).ok()
        };
        let batch_open = stored.and_then(read).map(|it| it.document.batch_open);
        Ok(Saved { manifest, taken_at, batch_open })
    }
}

/// The zone that it goes by, which may be another than its claim's.
fn zone(terminal: &Terminal) -> String {
    let said = terminal.said.as_ref().and_then(|said| said.zone.clone());
    said.unwrap_or_else(|| terminal.zone.clone())
}
