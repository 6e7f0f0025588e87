//! What people decide about single members of a campaign, and about its place among others.

use std::collections::BTreeMap;

use shared::id::{CampaignId, TerminalId};
use shared::time::UnixTime;

use super::code::Code as _;
use super::session::{Row, Transaction, code, int, json, list, text, time, with_id_list};
use super::tally::{self, Differences};
use super::{assignments, audit, campaigns, guards, scheduling};
use crate::campaign::assignment::{AssignmentState, Fact, Standing};
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::{Assignment, Campaign, NotAgain, Reprioritised};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn reprioritise(
    tx: &mut Transaction,
    seen: &Campaign,
    wish: Reprioritised,
    by: &By,
) -> Result<Campaign> {
    let found = campaigns::known(tx, seen.id).await?;
    if found.state != seen.state || found.ended_at.is_some() {
        let (campaign, expected) = (seen.id, seen.state);
        return Err(RegistryError::CampaignMoved { campaign, expected, found: found.state });
    }
    let Reprioritised { class, max_parallel, seen_class, seen_max_parallel } = wish;
    let is_other = (class.is_some() && seen_class.is_some_and(|it| it != found.class()))
        || (max_parallel.is_some() && seen_max_parallel.is_some_and(|it| it != found.max_parallel));
    if is_other {
        let (campaign, class) = (seen.id, found.class().code());
        let max_parallel = found.max_parallel;
        return Err(RegistryError::OtherPlace { campaign, class, max_parallel });
    }
    let mut policy = found.policy.clone();
    policy.class = class.or(policy.class);
    let class = policy.class.unwrap_or_else(|| found.terms().class);
    let max_parallel = max_parallel.unwrap_or(found.max_parallel);
    let update = "UPDATE campaigns SET policy = $2, class = $3, max_parallel = $4 WHERE id = $1";
    let values = vec![text(seen.id), json(&policy), code(class), int(max_parallel)];
    tx.execute(update, values).await?;
    let why = format!("class {}, at most {max_parallel} at a time; {}", class.code(), by.why);
    let by = By { why: why.trim_end_matches("; ").to_owned(), ..by.clone() };
    audit::append(tx, &by, "campaign-reprioritised", seen.id).await?;
    // Whoever waits behind others may be the first now, of this campaign and of those.
    tally::upheaval(tx).await?;
    campaigns::known(tx, seen.id).await
}

/// Those of these terminals that the campaign leaves out by somebody's word.
pub(super) async fn skipped(
    tx: &mut Transaction,
    campaign: CampaignId,
    ids: &[TerminalId],
) -> Result<Vec<TerminalId>> {
    let select = with_id_list!(
        "SELECT terminal FROM campaign_skips WHERE campaign = $2 AND terminal IN ",
        " ORDER BY terminal"
    );
    let rows = tx.rows(select, vec![list(ids), text(campaign)]).await?;
    rows.into_iter().map(|mut row: Row| row.parsed("terminal")).collect()
}

/// Leaves members out, each with its wave. Whoever is at it is called back where it still can be.
/// Gives how many were not left out before.
pub(super) async fn skip(
    tx: &mut Transaction,
    campaign: CampaignId,
    members: &[(TerminalId, u16)],
    by: &By,
) -> Result<u64> {
    let found = check_open(tx, campaign).await?;
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    guards::may_take_back(tx, &found, Some(&ids)).await?;
    let released = assignments::of(tx, campaign, &ids).await?;
    let mut differences = Differences::default();
    let mut skipped = 0;
    for (terminal, wave) in members {
        let insert = "INSERT INTO campaign_skips (campaign, terminal, wave, at, by_whom, why)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (campaign, terminal) DO NOTHING";
        let values = vec![
            text(campaign),
            text(terminal),
            int(*wave),
            time(by.at),
            text(&by.who),
            text(&by.why),
        ];
        if tx.execute(insert, values).await? == 0 {
            continue;
        }
        match released.iter().find(|it| it.terminal == *terminal) {
            Some(it) => leave_out(tx, it, &mut differences).await?,
            None => differences.skipped(campaign, *wave, 1),
        }
        differences.changed(*terminal);
        audit::append(tx, by, "terminal-skipped", format!("{campaign} {terminal}")).await?;
        skipped += 1;
    }
    differences.write(tx).await?;
    Ok(skipped)
}

/// Takes members in again. Gives how many were left out before.
pub(super) async fn unskip(
    tx: &mut Transaction,
    campaign: CampaignId,
    ids: &[TerminalId],
    by: &By,
) -> Result<u64> {
    check_open(tx, campaign).await?;
    let released = assignments::of(tx, campaign, ids).await?;
    let mut differences = Differences::default();
    let mut back = 0;
    for terminal in ids {
        let select = "SELECT wave FROM campaign_skips WHERE campaign = $1 AND terminal = $2";
        let found = tx.row(select, vec![text(campaign), text(terminal)]).await?;
        let Some(mut row) = found else { continue };
        let wave = row.number()?;
        let delete = "DELETE FROM campaign_skips WHERE campaign = $1 AND terminal = $2";
        tx.execute(delete, vec![text(campaign), text(terminal)]).await?;
        if !released.iter().any(|it| it.terminal == *terminal) {
            differences.skipped(campaign, wave, -1);
        }
        differences.changed(*terminal);
        audit::append(tx, by, "terminal-taken-in", format!("{campaign} {terminal}")).await?;
        back += 1;
    }
    for mut it in released {
        let now = Standing { left_out: false, ..it.standing.clone() };
        assignments::put_standing(tx, &it, &now, &mut differences).await?;
        it.standing = now;
        comes_again(tx, &it, by.at, &mut differences).await?;
    }
    differences.write(tx).await?;
    Ok(back)
}

/// Of one that was released: it is not tried again, and its wave does not wait for it once it has
/// ended. What it comes to all the same counts.
async fn leave_out(
    tx: &mut Transaction,
    it: &Assignment,
    differences: &mut Differences,
) -> Result<()> {
    if it.again {
        let update = "UPDATE assignments SET again = 0 WHERE order_id = $1";
        tx.execute(update, vec![text(it.order)]).await?;
        differences.again(it.campaign, it.wave, -1);
    }
    let now = Standing { left_out: true, ..it.standing.clone() };
    assignments::put_standing(tx, it, &now, differences).await
}

/// What was taken back of one terminal, for a reason that holds no longer, comes again as what a
/// halt has taken back does: where it had not begun, and nobody has it left out.
async fn comes_again(
    tx: &mut Transaction,
    it: &Assignment,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let recalled =
        "SELECT orders.id FROM assignments JOIN orders ON orders.id = assignments.cancel_order
         WHERE assignments.order_id = $1 AND orders.purpose = 'recall'";
    if tx.row(recalled, vec![text(it.order)]).await?.is_none()
        || !campaigns::known(tx, it.campaign).await?.terms().comes_again()
        || !skipped(tx, it.campaign, &[it.terminal]).await?.is_empty()
    {
        return Ok(());
    }
    let mut now = it.standing.clone();
    now.learn(Fact::Halted(at));
    assignments::put_standing(tx, it, &now, differences).await
}

async fn check_open(tx: &mut Transaction, campaign: CampaignId) -> Result<Campaign> {
    let found = campaigns::known(tx, campaign).await?;
    match found.state {
        CampaignState::Running | CampaignState::Paused | CampaignState::Halted => Ok(found),
        CampaignState::Draft
        | CampaignState::AwaitingApproval
        | CampaignState::Completed
        | CampaignState::Aborted => {
            let (expected, found) = (CampaignState::Running, found.state);
            Err(RegistryError::CampaignMoved { campaign, expected, found })
        }
    }
}

/// Marks these terminals to be tried again. Gives why each of the others is not.
pub(super) async fn again(
    tx: &mut Transaction,
    campaign: CampaignId,
    ids: &[TerminalId],
    by: &By,
) -> Result<BTreeMap<TerminalId, NotAgain>> {
    let found = check_again(tx, campaign, by.at).await?;
    let known = assignments::of(tx, campaign, ids).await?;
    let known: BTreeMap<_, _> = known.into_iter().map(|it| (it.terminal, it)).collect();
    let skipped = skipped(tx, campaign, ids).await?;
    let mut differences = Differences::default();
    let mut not = BTreeMap::new();
    for terminal in ids {
        let why_not = match known.get(terminal) {
            None => Some(NotAgain::NotReleased),
            Some(_) if skipped.contains(terminal) => Some(NotAgain::Skipped),
            Some(it) => why_not_again(it, found.policy.retries_max),
        };
        if let Some(why) = why_not {
            not.insert(*terminal, why);
            continue;
        }
        let wave = known.get(terminal).map_or(0, |it| it.wave);
        let update = "UPDATE assignments SET again = 1 WHERE campaign = $1 AND terminal = $2";
        tx.execute(update, vec![text(campaign), text(terminal)]).await?;
        differences.again(campaign, wave, 1);
        audit::append(tx, by, "terminal-retried", format!("{campaign} {terminal}")).await?;
        scheduling::pardon(tx, *terminal).await?;
    }
    differences.write(tx).await?;
    if found.state == CampaignState::Completed && not.len() < ids.len() {
        campaigns::move_on(tx, campaign, found.state, CampaignEvent::Reopen, by).await?;
    }
    Ok(not)
}

/// One that is completed goes on for whoever is tried again, as long as its orders live.
async fn check_again(
    tx: &mut Transaction,
    campaign: CampaignId,
    now: UnixTime,
) -> Result<Campaign> {
    let known = campaigns::known(tx, campaign).await?;
    let found = match known.state {
        CampaignState::Completed => known,
        CampaignState::Draft
        | CampaignState::AwaitingApproval
        | CampaignState::Running
        | CampaignState::Paused
        | CampaignState::Halted
        | CampaignState::Aborted => check_open(tx, campaign).await?,
    };
    match found.frozen.map(|it| it.not_after) {
        Some(at) if at <= now => Err(RegistryError::OrdersRanOut { campaign, at }),
        Some(_) | None => Ok(found),
    }
}

fn why_not_again(it: &Assignment, retries_max: u32) -> Option<NotAgain> {
    let state = it.standing.state();
    let comes_by_itself = matches!(state, AssignmentState::Withdrawn | AssignmentState::Reverted);
    if it.again || comes_by_itself {
        Some(NotAgain::Already)
    } else if !state.is_end() {
        Some(NotAgain::UnderWay)
    } else if state == AssignmentState::Succeeded {
        Some(NotAgain::Succeeded)
    } else {
        (it.retries >= retries_max).then_some(NotAgain::TooOften { max: retries_max })
    }
}

/// Up to which ends of a campaign there are to try again at once.
pub(super) async fn ended_badly(
    tx: &mut Transaction,
    campaign: CampaignId,
    after: Option<TerminalId>,
    limit: u32,
) -> Result<Vec<TerminalId>> {
    let select = "SELECT terminal FROM assignments
         WHERE campaign = $1 AND terminal > $2 AND again = 0
             AND state IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed')
         ORDER BY terminal LIMIT $3";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = tx.rows(select, vec![text(campaign), text(after), int(limit)]).await?;
    rows.into_iter().map(|mut row: Row| row.parsed("terminal")).collect()
}

/// A person has looked at a terminal that failed again and again.
pub(super) async fn pardon(tx: &mut Transaction, terminal: TerminalId, by: &By) -> Result<bool> {
    let is_new = scheduling::pardon(tx, terminal).await?;
    if is_new {
        audit::append(tx, by, "terminal-pardoned", terminal).await?;
    }
    Ok(is_new)
}

/// The campaigns that take this one back, oldest first.
pub(super) async fn reverting(
    tx: &mut Transaction,
    campaign: CampaignId,
) -> Result<Vec<CampaignId>> {
    let select = "SELECT id FROM campaigns WHERE reverts = $1 ORDER BY created_at, id";
    let rows = tx.rows(select, vec![text(campaign)]).await?;
    rows.into_iter().map(|mut row: Row| row.parsed("campaign")).collect()
}
