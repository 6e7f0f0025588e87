//! What plans decide by: what has changed since, what else goes on with terminals, and how their
//! stores stand.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use shared::document::order::Class;
use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::session::{Row, Transaction, int, list, maybe_time, text, with_id_list};
use super::tally::{self, Consequences, Differences};
use super::{assignments, campaigns, control, guards, stores, terminals, waves};
use crate::campaign::frontier::UpTo;
use crate::campaign::penalty;
use crate::campaign::store::StoreStanding;
use crate::kind::Disturbs;
use crate::registry::RegistryError;
use crate::registry::campaign::{Besides, Campaign, Changes};
use crate::registry::terminal::Terminal;

type Result<T> = std::result::Result<T, RegistryError>;

/// Where more has changed since somebody up_to, everybody may have.
const CHANGED_MAX: usize = 5_000;

pub(super) async fn changes(tx: &mut Transaction, since: UpTo) -> Result<Changes> {
    let tally = tally::fleet(tx).await?;
    let up_to = UpTo { changes: tally.changes, upheavals: tally.upheavals };
    if up_to.upheavals != since.upheavals {
        return Ok(Changes { up_to, of: None });
    }
    if up_to.changes == since.changes {
        return Ok(Changes { up_to, of: Some(vec![]) });
    }
    let select = "SELECT id, store FROM terminals WHERE changed_seq > $1
         ORDER BY changed_seq LIMIT $2";
    let rows = tx.rows(select, vec![int(since.changes), int(CHANGED_MAX + 1)]).await?;
    if rows.len() > CHANGED_MAX {
        return Ok(Changes { up_to, of: None });
    }
    let changed = |mut row: Row| Ok((row.parsed("terminal")?, row.text()?));
    Ok(Changes { up_to, of: Some(rows.into_iter().map(changed).collect::<Result<_>>()?) })
}

/// Campaigns are few, and asked about again and again.
#[derive(Default)]
struct Known(BTreeMap<CampaignId, Campaign>);

impl Known {
    async fn get(&mut self, tx: &mut Transaction, id: CampaignId) -> Result<&Campaign> {
        match self.0.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => Ok(new.insert(campaigns::known(tx, id).await?)),
        }
    }
}

/// Of which terminals something is expected, by which campaigns.
async fn open(tx: &mut Transaction, ids: &[TerminalId]) -> Result<Vec<(TerminalId, CampaignId)>> {
    let select = with_id_list!(
        "SELECT terminal, campaign FROM assignments WHERE ended = 0 AND terminal IN ",
        " ORDER BY terminal, campaign"
    );
    let rows = tx.rows(select, vec![list(ids)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.parsed("campaign")?))).collect()
}

pub(super) async fn besides(
    tx: &mut Transaction,
    campaign: CampaignId,
    ids: &[TerminalId],
) -> Result<BTreeMap<TerminalId, Besides>> {
    let mut besides: BTreeMap<TerminalId, Besides> = BTreeMap::new();
    let mut known = Known::default();
    for (terminal, other) in open(tx, ids).await? {
        if other != campaign {
            let class: Class = known.get(tx, other).await?.class();
            let busy = &mut besides.entry(terminal).or_default().busy;
            *busy = (*busy).max(Some(class));
        }
    }
    let select = with_id_list!(
        "SELECT id, penalty_until FROM terminals WHERE penalty_until IS NOT NULL AND id IN ",
        " ORDER BY id"
    );
    for mut row in tx.rows(select, vec![list(ids)]).await? {
        let terminal = row.parsed("terminal")?;
        besides.entry(terminal).or_default().penalty_until = row.maybe_time()?;
    }
    for terminal in control::skipped(tx, campaign, ids).await? {
        besides.entry(terminal).or_default().is_skipped = true;
    }
    Ok(besides)
}

pub(super) async fn standings(
    tx: &mut Transaction,
    names: &[String],
    now: UnixTime,
) -> Result<BTreeMap<String, StoreStanding>> {
    let mut known = Known::default();
    let mut standings = BTreeMap::new();
    for name in names {
        let there = terminals::enrolled_in(tx, name).await?;
        let ids: Vec<_> = there.iter().map(|it: &Terminal| it.id).collect();
        let mut disturbed = BTreeSet::new();
        for (terminal, campaign) in open(tx, &ids).await? {
            if known.get(tx, campaign).await?.terms().disturbs != Disturbs::Never {
                disturbed.insert(terminal);
            }
        }
        let mut selling = guards::selling(tx, &there, now).await?;
        for lost in assignments::lost_at_it(tx, &ids).await? {
            selling.remove(&lost);
        }
        let fallback = "SELECT id FROM positions WHERE store = $1 AND fallback IS NOT NULL LIMIT 1";
        let of_a_place = tx.row(fallback, vec![text(name)]).await?.is_some();
        let described = stores::known(tx, name).await?.described;
        let has_fallback = of_a_place || described.fallback.is_some();
        let at_once_max = described.at_once_max;
        let there = ids.len() as u64;
        let standing = StoreStanding { there, selling, disturbed, at_once_max, has_fallback };
        standings.insert(name.clone(), standing);
    }
    Ok(standings)
}

/// In which stores these terminals stand.
pub(super) async fn stores_of(
    tx: &mut Transaction,
    ids: &[TerminalId],
) -> Result<BTreeMap<TerminalId, String>> {
    let select = with_id_list!("SELECT id, store FROM terminals WHERE id IN ", " ORDER BY id");
    let rows = tx.rows(select, vec![list(ids)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.text()?))).collect()
}

/// What follows from ends that became known, once they are counted: campaigns that are stopped, and
/// terminals that are left alone for a while.
pub(super) async fn follow(
    tx: &mut Transaction,
    consequences: Consequences,
    at: UnixTime,
) -> Result<()> {
    let Consequences { worse, ended } = consequences;
    for (terminal, is_bad) in ended {
        let count = "SELECT failures FROM terminals WHERE id = $1";
        let Some(mut row) = tx.row(count, vec![text(terminal)]).await? else { continue };
        let before: u32 = row.number()?;
        let failures = if is_bad { before.saturating_add(1) } else { 0 };
        if failures == before {
            continue;
        }
        let update = "UPDATE terminals SET failures = $2, penalty_until = $3 WHERE id = $1";
        let until = penalty::until(failures, at);
        tx.execute(update, vec![text(terminal), int(failures), maybe_time(until)]).await?;
    }
    waves::look(tx, worse, at).await
}

/// A person has looked: its failures count no more. Gives whether there were any.
pub(super) async fn pardon(tx: &mut Transaction, terminal: TerminalId) -> Result<bool> {
    let update = "UPDATE terminals SET failures = 0, penalty_until = NULL
         WHERE id = $1 AND failures > 0";
    if tx.execute(update, vec![text(terminal)]).await? == 0 {
        return Ok(false);
    }
    let mut differences = Differences::default();
    differences.changed(terminal);
    differences.write(tx).await?;
    Ok(true)
}
