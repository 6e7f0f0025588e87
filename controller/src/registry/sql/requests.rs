//! Requests for changes, and the trait's methods over these statements and `suspicions`.

use async_trait::async_trait;
use shared::id::{CampaignId, RequestId};

use super::session::{
    Access, Database, Row, Transaction, Value, code, int, json, maybe_text, text, time,
};
use super::{
    SqlRegistry, audit, campaigns, finish, read, replacements, suspicions, transaction, write,
};
use crate::campaign::state::CampaignState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::request::{NewRequest, RequestRegistry};
use crate::request::suspicion::{NewSuspicion, NotLifted, Suspicion};
use crate::request::{
    Asked, Method, Request, RequestEvent, RequestKind, RequestRefused, RequestState, Review,
    Verification,
};

type Result<T> = std::result::Result<T, RegistryError>;

type Refused<T> = std::result::Result<T, RequestRefused>;

#[async_trait]
impl<D: Database> RequestRegistry for SqlRegistry<D> {
    async fn add_request(&self, new: &NewRequest, by: &By) -> Result<Request> {
        write!(self, "write down a request", tx => add(tx, new, by))
    }

    async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        read!(self, "find a request", tx => by_id(tx, id))
    }

    async fn request_of(&self, campaign: CampaignId) -> Result<Option<Request>> {
        read!(self, "find a campaign's request", tx => of(tx, campaign))
    }

    async fn requests(&self, page: &Page<RequestId>) -> Result<Vec<Request>> {
        read!(self, "list requests", tx => listed(tx, page))
    }

    async fn verify_request(
        &self,
        id: RequestId,
        method: Method,
        contact: &str,
        by: &By,
    ) -> Result<Refused<Request>> {
        write!(self, "verify a request", tx => verify(tx, id, method, contact, by))
    }

    async fn review_request(
        &self,
        id: RequestId,
        is_accepted: bool,
        by: &By,
    ) -> Result<Refused<Request>> {
        write!(self, "review a request", tx => review(tx, id, is_accepted, by))
    }

    async fn schedule_request(
        &self,
        id: RequestId,
        campaign: CampaignId,
        by: &By,
    ) -> Result<Refused<Request>> {
        write!(self, "schedule a request", tx => schedule(tx, id, campaign, by))
    }

    async fn end_request(
        &self,
        id: RequestId,
        event: RequestEvent,
        by: &By,
    ) -> Result<Refused<Request>> {
        write!(self, "end a request", tx => end(tx, id, event, by))
    }

    async fn suspect(&self, new: &NewSuspicion, by: &By) -> Result<Suspicion> {
        write!(self, "freeze what is suspicious", tx => suspicions::raise(tx, new, by))
    }

    async fn suspicion(&self, number: u64) -> Result<Option<Suspicion>> {
        read!(self, "find a suspicion", tx => suspicions::by_number(tx, number))
    }

    async fn suspicions(&self, lifted_too: bool, page: &Page<u64>) -> Result<Vec<Suspicion>> {
        read!(self, "list suspicions", tx => suspicions::page(tx, lifted_too, page))
    }

    async fn lift_suspicion(
        &self,
        number: u64,
        by: &By,
    ) -> Result<std::result::Result<Suspicion, NotLifted>> {
        write!(self, "lift a suspicion", tx => suspicions::lift(tx, number, by))
    }
}

macro_rules! select_requests {
    ($tail:literal) => {
        concat!(
            "SELECT id, kind, asked, state, state_at, state_by, state_why, frozen_from,
                 verification, review, campaign, created_at, created_by
             FROM requests ",
            $tail
        )
    };
}

fn request(mut row: Row) -> Result<Request> {
    Ok(Request {
        id: row.parsed("request")?,
        kind: row.code()?,
        asked: row.json::<Asked>("request")?,
        state: row.code()?,
        state_at: row.time()?,
        state_by: row.text()?,
        state_why: row.text()?,
        frozen_from: row.maybe_code()?,
        verification: row.maybe_json::<Verification>("verification")?,
        review: row.maybe_json::<Review>("review")?,
        campaign: row.maybe_parsed("campaign")?,
        created_at: row.time()?,
        created_by: row.text()?,
    })
}

async fn by_id(tx: &mut Transaction, id: RequestId) -> Result<Option<Request>> {
    let row = tx.row(select_requests!("WHERE id = $1"), vec![text(id)]).await?;
    row.map(request).transpose()
}

pub(super) async fn known(tx: &mut Transaction, id: RequestId) -> Result<Request> {
    let missing = || RegistryError::Missing { what: "request", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

/// The first wave of a change of provider stands for all of them.
async fn of(tx: &mut Transaction, campaign: CampaignId) -> Result<Option<Request>> {
    let select = select_requests!(
        "WHERE campaign IN ($1, (SELECT rebind FROM rebind_waves WHERE campaign = $1))"
    );
    let row = tx.row(select, vec![text(campaign)]).await?;
    row.map(request).transpose()
}

async fn listed(tx: &mut Transaction, page: &Page<RequestId>) -> Result<Vec<Request>> {
    let select = select_requests!("WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(request).collect()
}

/// Those that stop terminals, newest first, from their acceptance to their end.
pub(super) async fn open_stops(
    tx: &mut Transaction,
    page: &Page<RequestId>,
) -> Result<Vec<Request>> {
    let select = select_requests!(
        "WHERE kind IN ('suspend', 'decommission')
             AND state IN ('accepted', 'scheduled', 'frozen')
             AND ($1 IS NULL OR id < $1)
         ORDER BY id DESC LIMIT $2"
    );
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(request).collect()
}

async fn add(tx: &mut Transaction, new: &NewRequest, by: &By) -> Result<Request> {
    if by_id(tx, new.id).await?.is_some() {
        return Err(RegistryError::Exists { what: "request", which: new.id.to_string() });
    }
    let insert = "INSERT INTO requests (id, kind, asked, state, state_at, state_by, state_why,
             created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $5, $6)";
    let values = vec![
        text(new.id),
        code(new.kind),
        json(&new.asked),
        code(RequestState::Requested),
        time(by.at),
        text(&by.who),
        text(&by.why),
    ];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "request-made", new.id).await?;
    known(tx, new.id).await
}

/// Writes the state, and what changed with it.
pub(super) async fn put(
    tx: &mut Transaction,
    it: &Request,
    event: RequestEvent,
    by: &By,
) -> Result<Request> {
    let update = "UPDATE requests SET state = $2, state_at = $3, state_by = $4, state_why = $5,
             frozen_from = $6, verification = $7, review = $8, campaign = $9
         WHERE id = $1";
    let maybe_json = |text: Option<Value>| text.unwrap_or(Value::Text(None));
    let values = vec![
        text(it.id),
        code(it.state),
        time(by.at),
        text(&by.who),
        text(&by.why),
        maybe_text(it.frozen_from.map(RequestState::as_str)),
        maybe_json(it.verification.as_ref().map(json)),
        maybe_json(it.review.as_ref().map(json)),
        maybe_text(it.campaign),
    ];
    tx.execute(update, values).await?;
    audit::append(tx, by, event.audited_as(), it.id).await?;
    known(tx, it.id).await
}

async fn verify(
    tx: &mut Transaction,
    id: RequestId,
    method: Method,
    contact: &str,
    by: &By,
) -> Result<Refused<Request>> {
    let mut it = known(tx, id).await?;
    let (who, contact) = (by.who.clone(), contact.to_owned());
    let how = Verification { method, contact, by: who, at: by.at };
    match it.verified(&how) {
        Ok(state) => it.state = state,
        Err(refused) => return Ok(Err(refused)),
    }
    it.verification = Some(how);
    Ok(Ok(put(tx, &it, RequestEvent::Verify, by).await?))
}

async fn review(
    tx: &mut Transaction,
    id: RequestId,
    is_accepted: bool,
    by: &By,
) -> Result<Refused<Request>> {
    let mut it = known(tx, id).await?;
    let (event, decided) = match is_accepted {
        true => (RequestEvent::Accept, it.accepted(&by.who, by.at)),
        false => (RequestEvent::Reject, it.step(RequestEvent::Reject)),
    };
    match decided {
        Ok(state) => it.state = state,
        Err(refused) => return Ok(Err(refused)),
    }
    // Else one person could end what two have to lift, and its campaign would go on.
    if let (false, Some(campaign)) = (is_accepted, in_motion(tx, &it).await?) {
        return Ok(Err(RequestRefused::InMotion(campaign)));
    }
    if let (false, Some(number)) = (is_accepted, replacements::in_motion(tx, it.id).await?) {
        return Ok(Err(RequestRefused::BeingReplaced(number)));
    }
    it.frozen_from = None;
    let (who, why) = (by.who.clone(), by.why.clone());
    it.review = Some(Review { is_accepted, by: who, at: by.at, why });
    Ok(Ok(put(tx, &it, event, by).await?))
}

/// The campaign that carries it out, or another wave of it, unless they have all ended: one that
/// is aborted has not while a terminal is still undoing it.
pub(super) async fn in_motion(tx: &mut Transaction, it: &Request) -> Result<Option<CampaignId>> {
    let Some(campaign) = it.campaign else { return Ok(None) };
    let select = "SELECT id FROM campaigns WHERE ended_at IS NULL
             AND (id = $1 OR id IN (SELECT campaign FROM rebind_waves WHERE rebind = $1))
         ORDER BY id LIMIT 1";
    let row = tx.row(select, vec![text(campaign)]).await?;
    row.map(|mut row| row.parsed("campaign")).transpose()
}

async fn schedule(
    tx: &mut Transaction,
    id: RequestId,
    campaign: CampaignId,
    by: &By,
) -> Result<Refused<Request>> {
    let it = match to_schedule(tx, id).await? {
        Ok(it) => it,
        Err(refused) => return Ok(Err(refused)),
    };
    if it.kind == RequestKind::Replace {
        return Ok(Err(RequestRefused::OtherKind(it.kind)));
    }
    let expected = CampaignState::Draft;
    let found = campaigns::known(tx, campaign).await?.state;
    if found != expected {
        return Err(RegistryError::CampaignMoved { campaign, expected, found });
    }
    if let Some(other) = of(tx, campaign).await? {
        return Ok(Err(RequestRefused::CampaignTaken(campaign, other.id)));
    }
    Ok(Ok(put_scheduled(tx, it, campaign, by).await?))
}

/// The request, if it can be scheduled now.
pub(super) async fn to_schedule(tx: &mut Transaction, id: RequestId) -> Result<Refused<Request>> {
    let it = known(tx, id).await?;
    Ok(it.step(RequestEvent::Schedule).map(|state| Request { state, ..it }))
}

/// One that [`to_schedule`] gave; the campaign carries out no other.
pub(super) async fn put_scheduled(
    tx: &mut Transaction,
    mut it: Request,
    campaign: CampaignId,
    by: &By,
) -> Result<Request> {
    it.campaign = Some(campaign);
    put(tx, &it, RequestEvent::Schedule, by).await
}

/// Takes a request off the schedule whose campaign is over.
pub(super) async fn put_unscheduled(
    tx: &mut Transaction,
    mut it: Request,
    by: &By,
) -> Result<Request> {
    if let Ok(state) = it.step(RequestEvent::Unschedule) {
        (it.state, it.campaign) = (state, None);
        return put(tx, &it, RequestEvent::Unschedule, by).await;
    }
    Ok(it)
}

async fn end(
    tx: &mut Transaction,
    id: RequestId,
    event: RequestEvent,
    by: &By,
) -> Result<Refused<Request>> {
    let mut it = known(tx, id).await?;
    match event {
        RequestEvent::Cancel | RequestEvent::Unschedule | RequestEvent::Close => {}
        RequestEvent::Verify
        | RequestEvent::Accept
        | RequestEvent::Schedule
        | RequestEvent::Reject
        | RequestEvent::Freeze
        | RequestEvent::Unfreeze => {
            return Ok(Err(RequestRefused::State { state: it.state, event }));
        }
    }
    if (it.kind, event) == (RequestKind::Decommission, RequestEvent::Close) {
        return Ok(Err(RequestRefused::ByItsUnits));
    }
    match it.step(event) {
        Ok(state) => it.state = state,
        Err(refused) => return Ok(Err(refused)),
    }
    if let Some(campaign) = in_motion(tx, &it).await? {
        return Ok(Err(RequestRefused::InMotion(campaign)));
    }
    if let Some(number) = replacements::in_motion(tx, it.id).await? {
        return Ok(Err(RequestRefused::BeingReplaced(number)));
    }
    it.frozen_from = None;
    if event == RequestEvent::Unschedule {
        it.campaign = None;
    }
    Ok(Ok(put(tx, &it, event, by).await?))
}
