//! Campaigns: their lives, members and batches.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use shared::change::Change;
use shared::codec;
use shared::digest::Digest;
use shared::id::{CampaignId, OrderId};
use shared::limits::{DOCUMENT_BYTES_MAX, short_text};
use shared::time::UnixTime;

use super::code::{self as words, Code as _};
use super::session::{
    Row, Transaction, bytes, code, int, json, maybe_text, maybe_time, text, time,
};
use super::tally::Differences;
use super::{alarms, audit, guards, orders, quarantine, waves};
use crate::campaign::plan::Held;
use crate::campaign::rate::UsedUntil;
use crate::campaign::state::{self, CampaignEvent, CampaignState};
use crate::kind::{self, Terms};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::{
    AfterStart, Campaign, Frozen, Issue, NewCampaign, Origin, Purpose, Start, StoredBatch,
};
use crate::registry::delivery::{AlarmKind, AnyAlarm};
use crate::registry::page::Page;

type Result<T> = std::result::Result<T, RegistryError>;

macro_rules! select_campaigns {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, change, selector, max_parallel, lifetime_s, salt, state, state_at,
                 state_by, state_why, created_at, created_by, started_at, not_after, members,
                 joined, root, batch, ended_at, held, policy, tripped, held_next, paced_until_ms,
                 reverts, cloned_from
             FROM campaigns ",
            $tail
        )
    };
}

fn campaign(mut row: Row) -> Result<Campaign> {
    Ok(Campaign {
        id: row.parsed("campaign")?,
        name: row.maybe_text()?,
        change: change(&row.bytes()?)?,
        selector: row.text()?,
        max_parallel: row.number()?,
        lifetime_s: row.number()?,
        salt: row.parsed("salt")?,
        state: row.code()?,
        state_at: row.time()?,
        state_by: row.text()?,
        state_why: row.text()?,
        created_at: row.time()?,
        created_by: row.text()?,
        frozen: frozen(&mut row)?,
        ended_at: row.maybe_time()?,
        held: by_reason(&mut row)?,
        policy: row.json("policy of a campaign")?,
        tripped: row.maybe_json("what stopped a campaign")?,
        held_next: by_reason(&mut row)?,
        used: UsedUntil(row.int()?),
        origin: origin(&mut row)?,
    })
}

pub(super) fn change(bytes: &[u8]) -> Result<Change> {
    codec::decode(bytes, DOCUMENT_BYTES_MAX).map_err(|_| RegistryError::Unreadable {
        what: "change",
        value: format!("{} bytes", bytes.len()),
    })
}

/// What an order asks for, unless it is a cancellation.
pub(super) async fn of_order(
    tx: &mut Transaction,
    order: OrderId,
) -> Result<Option<(CampaignId, Change)>> {
    let select = "SELECT c.id, c.change FROM orders o JOIN campaigns c ON c.id = o.campaign
         WHERE o.id = $1 AND o.purpose = 'change'";
    let Some(mut row) = tx.row(select, vec![text(order)]).await? else { return Ok(None) };
    Ok(Some((row.parsed("campaign")?, change(&row.bytes()?)?)))
}

fn origin(row: &mut Row) -> Result<Origin> {
    let (reverts, cloned_from) = (row.maybe_parsed("campaign")?, row.maybe_parsed("campaign")?);
    Ok(match (reverts, cloned_from) {
        (Some(reverted), _) => Origin::Reverts(reverted),
        (None, Some(original)) => Origin::CopyOf(original),
        (None, None) => Origin::Itself,
    })
}

/// The columns that a start fills, which are all there or all absent.
fn frozen(row: &mut Row) -> Result<Option<Frozen>> {
    let (started_at, not_after, members) = (row.maybe_time()?, row.maybe_time()?, row.maybe_int()?);
    let joined = row.number()?;
    let (root, batch) = (row.maybe_parsed("digest")?, row.maybe_parsed("digest")?);
    let (Some(started_at), Some(not_after), Some(members), Some(root), Some(batch)) =
        (started_at, not_after, members, root, batch)
    else {
        return Ok(None);
    };
    let members = u32::try_from(members).map_err(|_| RegistryError::Unreadable {
        what: "number of members",
        value: members.to_string(),
    })?;
    Ok(Some(Frozen { started_at, not_after, members, joined, root, batch }))
}

fn by_reason<T: DeserializeOwned>(row: &mut Row) -> Result<BTreeMap<Held, T>> {
    let counts: BTreeMap<String, T> = row.json("map of reasons to hold back")?;
    let reason = |(word, count): (String, T)| match words::read(&word) {
        Some(held) => Ok((held, count)),
        None => Err(RegistryError::Unreadable { what: Held::WHAT, value: word }),
    };
    counts.into_iter().map(reason).collect()
}

pub(super) async fn by_id(tx: &mut Transaction, id: CampaignId) -> Result<Option<Campaign>> {
    let row = tx.row(select_campaigns!("WHERE id = $1"), vec![text(id)]).await?;
    row.map(campaign).transpose()
}

pub(super) async fn known(tx: &mut Transaction, id: CampaignId) -> Result<Campaign> {
    let missing = || RegistryError::Missing { what: "campaign", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<CampaignId>) -> Result<Vec<Campaign>> {
    let select = select_campaigns!("WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(campaign).collect()
}

pub(super) async fn in_motion(tx: &mut Transaction) -> Result<Vec<Campaign>> {
    let select = select_campaigns!("WHERE state <> 'draft' AND ended_at IS NULL ORDER BY id");
    tx.rows(select, vec![]).await?.into_iter().map(campaign).collect()
}

pub(super) async fn awaiting_approval(
    tx: &mut Transaction,
    page: &Page<CampaignId>,
) -> Result<Vec<Campaign>> {
    let select = select_campaigns!(
        "WHERE state = 'awaiting-approval' AND ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
    );
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(campaign).collect()
}

pub(super) async fn add(tx: &mut Transaction, new: &NewCampaign, by: &By) -> Result<Campaign> {
    let insert = "INSERT INTO campaigns (id, name, change, release, selector, max_parallel,
             lifetime_s, salt, state, state_at, state_by, state_why, created_at, created_by, held,
             policy, class, reverts, cloned_from)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $10, $11, $13, $14, $15, $16,
             $17)";
    let (reverts, cloned_from) = match new.origin {
        Origin::Itself => (None, None),
        Origin::CopyOf(original) => (None, Some(original)),
        Origin::Reverts(reverted) => (Some(reverted), None),
    };
    let values = vec![
        text(new.id),
        maybe_text(new.name.as_ref()),
        bytes(&codec::encode(&new.change)),
        maybe_text(kind::release_of(&new.change)),
        text(&new.selector),
        int(new.max_parallel),
        int(new.lifetime_s),
        text(new.salt),
        code(CampaignState::Draft),
        time(by.at),
        text(&by.who),
        text(&by.why),
        json(&BTreeMap::<String, u64>::new()),
        json(&new.policy),
        code(new.policy.class.unwrap_or_else(|| Terms::of(&new.change).class)),
        maybe_text(reverts),
        maybe_text(cloned_from),
    ];
    tx.execute(insert, values).await?;
    let mut differences = Differences::default();
    differences.campaign(None, CampaignState::Draft);
    differences.write(tx).await?;
    audit::append(tx, by, "campaign-created", new.id).await?;
    known(tx, new.id).await
}

pub(super) async fn start(
    tx: &mut Transaction,
    id: CampaignId,
    start: &Start,
    by: &By,
) -> Result<Campaign> {
    let event = match start.then {
        AfterStart::Run => CampaignEvent::Start,
        AfterStart::AwaitApproval => CampaignEvent::AskForApproval,
    };
    let policy = move_on(tx, id, CampaignState::Draft, event, by).await?.policy;
    let ids: Vec<u8> = start.members.iter().flat_map(|id| *id.as_bytes()).collect();
    let insert = "INSERT INTO memberships (campaign, digest, ids) VALUES ($1, $2, $3)";
    tx.execute(insert, vec![text(id), text(Digest::of(&ids)), bytes(&ids)]).await?;
    put_batch(tx, &start.batch).await?;
    waves::add(tx, id, &start.waves).await?;
    if start.then == AfterStart::Run {
        waves::open_first(tx, id, policy.begins_at(by.at)).await?;
    }
    let update = "UPDATE campaigns SET started_at = $2, not_after = $3, members = $4, root = $5,
             batch = $6
         WHERE id = $1";
    let values = vec![
        text(id),
        time(by.at),
        time(start.not_after),
        int(start.members.len()),
        text(start.root),
        text(start.batch.digest),
    ];
    tx.execute(update, values).await?;
    known(tx, id).await
}

/// Moves the campaign if it is still where it was seen, and writes down who moved it and why.
pub(super) async fn move_on(
    tx: &mut Transaction,
    id: CampaignId,
    expected: CampaignState,
    event: CampaignEvent,
    by: &By,
) -> Result<Campaign> {
    let seen = known(tx, id).await?;
    let Campaign { state: found, ref change, ref policy, .. } = seen;
    let moved = || RegistryError::CampaignMoved { campaign: id, expected, found };
    if found != expected {
        return Err(moved());
    }
    let to = state::step(found, event)
        .map_err(|refused| RegistryError::CampaignRefused { campaign: id, refused })?;
    if is_taken_back(event) {
        guards::may_take_back(tx, &seen, None).await?;
    }
    let ended = match (found, to) {
        (_, CampaignState::Completed) => true,
        // Nothing was ever sent: nothing is to be cancelled.
        (CampaignState::Draft | CampaignState::AwaitingApproval, CampaignState::Aborted) => true,
        (_, CampaignState::Draft | CampaignState::AwaitingApproval | CampaignState::Running)
        | (_, CampaignState::Paused | CampaignState::Halted | CampaignState::Aborted) => false,
    };
    let update = "UPDATE campaigns SET state = $2, state_at = $3, state_by = $4, state_why = $5,
             ended_at = $6, taken_back_at = COALESCE($8, taken_back_at)
         WHERE id = $1 AND state = $7";
    let values = vec![
        text(id),
        code(to),
        time(by.at),
        text(&by.who),
        text(&by.why),
        maybe_time(ended.then_some(by.at)),
        code(found),
        maybe_time(is_taken_back(event).then_some(by.at)),
    ];
    let quarantines = change.is_of_lost() || matches!(change, Change::Suspend(_));
    let quarantined = if quarantines { quarantine::of_campaign(tx, id).await? } else { vec![] };
    if tx.execute(update, values).await? == 0 {
        return Err(moved());
    }
    match event {
        CampaignEvent::Resume => orders::wake(tx, id, by.at).await?,
        CampaignEvent::Approve => waves::open_first(tx, id, policy.begins_at(by.at)).await?,
        CampaignEvent::Start
        | CampaignEvent::AskForApproval
        | CampaignEvent::Pause
        | CampaignEvent::Trip
        | CampaignEvent::Abort
        | CampaignEvent::Cancel
        | CampaignEvent::Lapse
        | CampaignEvent::End
        | CampaignEvent::Reopen => {}
    }
    if found == CampaignState::AwaitingApproval {
        // That nobody had approved it holds nobody back any more.
        put_held(tx, id, &BTreeMap::new(), &BTreeMap::new()).await?;
    }
    let mut differences = Differences::default();
    differences.campaign(Some(found), to);
    tell_of_halt(tx, id, (found, to), by, &mut differences).await?;
    differences.write(tx).await?;
    audit::append(tx, by, event.audited_as(), id).await?;
    if quarantines {
        quarantine::moved(tx, id, &quarantined, by).await?;
    }
    known(tx, id).await
}

/// A campaign that was stopped by itself waits for somebody, and is an alarm until one has decided.
async fn tell_of_halt(
    tx: &mut Transaction,
    id: CampaignId,
    (from, to): (CampaignState, CampaignState),
    by: &By,
    differences: &mut Differences,
) -> Result<()> {
    let (kind, subject) = (AlarmKind::CampaignHalted, id.to_string());
    if from == CampaignState::Halted {
        alarms::end_of_none(tx, kind, &subject, by.at, differences).await?;
    }
    if to == CampaignState::Halted {
        let detail =
            format!("{}: look at `tillward campaign report {id}`, then resume or abort it", by.why);
        let (terminal, detail, at) = (None, short_text(&detail), by.at);
        let alarm = AnyAlarm { terminal, kind, subject, detail, at, ended_at: None };
        alarms::begin(tx, &alarm, differences).await?;
    }
    Ok(())
}

/// Whether people end it, and not its time.
fn is_taken_back(event: CampaignEvent) -> bool {
    match event {
        CampaignEvent::Abort | CampaignEvent::Cancel => true,
        CampaignEvent::Start
        | CampaignEvent::AskForApproval
        | CampaignEvent::Approve
        | CampaignEvent::Pause
        | CampaignEvent::Resume
        | CampaignEvent::Trip
        | CampaignEvent::Lapse
        | CampaignEvent::End
        | CampaignEvent::Reopen => false,
    }
}

pub(super) async fn settle(tx: &mut Transaction, id: CampaignId, at: UnixTime) -> Result<()> {
    let update = "UPDATE campaigns SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    tx.execute(update, vec![text(id), time(at)]).await?;
    orders::forgive(tx, id).await
}

pub(super) async fn put_held(
    tx: &mut Transaction,
    id: CampaignId,
    held: &BTreeMap<Held, u64>,
    next: &BTreeMap<Held, UnixTime>,
) -> Result<()> {
    let counts: BTreeMap<_, _> = held.iter().map(|(held, count)| (held.code(), count)).collect();
    let next: BTreeMap<_, _> = next.iter().map(|(held, at)| (held.code(), at)).collect();
    let update = "UPDATE campaigns SET held = $2, held_next = $3
         WHERE id = $1 AND (held <> $2 OR held_next <> $3)";
    tx.execute(update, vec![text(id), json(&counts), json(&next)]).await?;
    Ok(())
}

/// `change` of the first issue of a campaign, `change-1` of the second, and `change/ter-…` or
/// `change-1/ter-…` where it is for one terminal that has joined later.
fn purpose_text(purpose: Purpose, Issue { number, joiner }: Issue) -> String {
    let mut text = purpose.code().to_owned();
    if number > 0 {
        text.push_str(&format!("-{number}"));
    }
    if let Some(joiner) = joiner {
        text.push_str(&format!("/{joiner}"));
    }
    text
}

fn purpose(text: String) -> Result<(Purpose, Issue)> {
    let unreadable = || RegistryError::Unreadable { what: Purpose::WHAT, value: text.clone() };
    let (what, joiner) = match text.split_once('/') {
        Some((what, joiner)) => (what, Some(joiner.parse().map_err(|_| unreadable())?)),
        None => (text.as_str(), None),
    };
    let (word, number) = what.split_once('-').unwrap_or((what, "0"));
    let purpose = words::read(word).ok_or_else(unreadable)?;
    let number = number.parse().map_err(|_| unreadable())?;
    Ok((purpose, Issue { number, joiner }))
}

fn batch(mut row: Row) -> Result<StoredBatch> {
    let (digest, id, campaign) =
        (row.parsed("digest")?, row.parsed("batch")?, row.parsed("campaign")?);
    let (purpose, issue) = purpose(row.text()?)?;
    Ok(StoredBatch {
        digest,
        id,
        campaign,
        purpose,
        issue,
        signed: row.signed()?,
        not_before: row.time()?,
        not_after: row.time()?,
    })
}

pub(super) async fn batch_for(
    tx: &mut Transaction,
    campaign: CampaignId,
    purpose: Purpose,
    issue: Issue,
) -> Result<Option<StoredBatch>> {
    let select = "SELECT digest, id, campaign, purpose, signed, not_before, not_after FROM batches
         WHERE campaign = $1 AND purpose = $2";
    let values = vec![text(campaign), text(purpose_text(purpose, issue))];
    tx.row(select, values).await?.map(batch).transpose()
}

pub(super) async fn put_batch(tx: &mut Transaction, new: &StoredBatch) -> Result<StoredBatch> {
    if let Some(stored) = batch_for(tx, new.campaign, new.purpose, new.issue).await? {
        return Ok(stored);
    }
    let insert = "INSERT INTO batches (digest, id, campaign, purpose, signed, not_before,
             not_after)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![
        text(new.digest),
        text(new.id),
        text(new.campaign),
        text(purpose_text(new.purpose, new.issue)),
        bytes(new.signed.as_slice()),
        time(new.not_before),
        time(new.not_after),
    ];
    tx.execute(insert, values).await?;
    Ok(new.clone())
}
