//! Signed orders, until their terminals have answered for them.

use std::collections::{BTreeMap, BTreeSet};

use shared::document::order::Stream;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::limits::ORDERS_IN_FLIGHT_MAX;
use shared::message::{Parcel, SignedBytes};
use shared::time::UnixTime;

use super::quarantine::{is_wipe_of_lost, terminal_is_quarantined};
use super::session::{
    Row, Transaction, bytes, code, int, list, maybe_time, text, time, with_id_list,
};
use super::suspicions::holds_back;
use super::tally::Differences;
use super::{assignments, campaigns, control, quarantine, rebinds, scheduling, suspicions, tally};
use crate::campaign::assignment::{AssignmentState, Fact};
use crate::campaign::plan::{self, Room};
use crate::campaign::rate::{Rate, UsedUntil};
use crate::campaign::state::CampaignState;
use crate::campaign::store::{StoreRule, StoreStanding};
use crate::kind::Disturbs;
use crate::registry::RegistryError;
use crate::registry::campaign::{Assignment, Campaign, Purpose};
use crate::registry::delivery::{Delivered, NewOrder, Numbering, Owed};

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn numbering(
    tx: &mut Transaction,
    terminals: &[TerminalId],
) -> Result<Vec<Numbering>> {
    let select = with_id_list!(
        "SELECT id, epoch, order_seq, (
             SELECT COALESCE(MAX(seq), 0) FROM orders
             WHERE terminal = terminals.id AND epoch = terminals.epoch AND stream = 'approved'),
             (SELECT MAX(used_at) FROM claims WHERE claims.terminal = terminals.id)
         FROM terminals WHERE unit = 'enrolled' AND service <> 'erased' AND id IN ",
        " ORDER BY id"
    );
    let numbering = |mut row: Row| {
        Ok(Numbering {
            terminal: row.parsed("terminal")?,
            epoch: row.number()?,
            order_seq: row.number()?,
            approved_seq: row.number()?,
            claimed_at: row.maybe_time()?,
        })
    };
    tx.rows(select, vec![list(terminals)]).await?.into_iter().map(numbering).collect()
}

pub(super) async fn issue(
    tx: &mut Transaction,
    campaign: CampaignId,
    purpose: Purpose,
    orders: &[NewOrder],
    at: UnixTime,
) -> Result<Vec<OrderId>> {
    let known_campaign = campaigns::known(tx, campaign).await?;
    let Campaign { state: found, change, .. } = &known_campaign;
    let found = *found;
    let (expected, is_so) = match purpose {
        Purpose::Change => (CampaignState::Running, found == CampaignState::Running),
        Purpose::Cancel => (CampaignState::Aborted, found == CampaignState::Aborted),
        Purpose::Withdraw => {
            let is_so = matches!(found, CampaignState::Halted | CampaignState::Running);
            (CampaignState::Halted, is_so)
        }
        Purpose::Recall => {
            let is_so = matches!(
                found,
                CampaignState::Running | CampaignState::Paused | CampaignState::Halted
            );
            (CampaignState::Running, is_so)
        }
    };
    if !is_so {
        return Err(RegistryError::CampaignMoved { campaign, expected, found });
    }
    let mut differences = Differences::default();
    let mut issued = Vec::new();
    let terminals: Vec<_> = orders.iter().map(|order| order.terminal).collect();
    let (suspected, skipped) = match purpose {
        Purpose::Change | Purpose::Recall => (
            suspicions::frozen_among(tx, campaign, &terminals).await?,
            BTreeSet::from_iter(control::skipped(tx, campaign, &terminals).await?),
        ),
        // What ends an order is never in the way.
        Purpose::Cancel | Purpose::Withdraw => (BTreeSet::new(), BTreeSet::new()),
    };
    let is_frozen = |it: &TerminalId| suspected.contains(it) || skipped.contains(it);
    // Once nobody finds it suspicious any more its turn comes again. Whoever is left out is done,
    // until somebody takes it in again.
    let comes_again =
        |it: &TerminalId| known_campaign.terms().comes_again() && !skipped.contains(it);
    let quarantined = match purpose {
        Purpose::Change if !change.is_of_lost() => quarantine::among(tx, &terminals).await?,
        Purpose::Change | Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => Vec::new(),
    };
    let known = assignments::of(tx, campaign, &terminals).await?;
    let known: BTreeMap<_, _> = known.into_iter().map(|it| (it.terminal, it)).collect();
    let mut admission = match purpose {
        Purpose::Change => Some(Admission::load(tx, &known_campaign, &terminals, at).await?),
        Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => None,
    };
    for order in orders {
        let before = known.get(&order.terminal);
        let wanted = match purpose {
            Purpose::Change => {
                !is_frozen(&order.terminal)
                    && !quarantined.contains(&order.terminal)
                    && assignments::is_next_attempt(before, order)
                    && admission.as_ref().is_some_and(|it| it.admits(order.terminal, before))
            }
            Purpose::Cancel | Purpose::Withdraw => !is_known(tx, order.id).await?,
            Purpose::Recall => is_frozen(&order.terminal) && !is_known(tx, order.id).await?,
        };
        if !wanted || !takes_next_number(tx, order, at).await? {
            continue;
        }
        insert(tx, order, at).await?;
        match purpose {
            Purpose::Change => {
                assignments::put_attempt(tx, order, before, at, &mut differences).await?;
                if let Some(admission) = &mut admission {
                    admission.take(order.terminal, before);
                }
            }
            Purpose::Cancel => assignments::put_cancel_order(tx, order).await?,
            Purpose::Recall | Purpose::Withdraw => {
                assignments::put_cancel_order(tx, order).await?;
                let is_for_now = purpose == Purpose::Withdraw || comes_again(&order.terminal);
                if let Some(before) = before.filter(|_| is_for_now) {
                    let mut now = before.standing.clone();
                    now.learn(Fact::Halted(at));
                    assignments::put_standing(tx, before, &now, &mut differences).await?;
                }
            }
        }
        issued.push(order.id);
    }
    differences.write(tx).await?;
    if let Some(admission) = admission {
        admission.write(tx, campaign).await?;
    }
    Ok(issued)
}

/// Orders that have lent their places have one again, as far as there is room; then they are sent
/// again. Gives those that have.
pub(super) async fn grant(
    tx: &mut Transaction,
    campaign: CampaignId,
    wanted: &[OrderId],
    at: UnixTime,
) -> Result<Vec<OrderId>> {
    let campaign = campaigns::known(tx, campaign).await?;
    if campaign.state != CampaignState::Running {
        let (expected, found) = (CampaignState::Running, campaign.state);
        return Err(RegistryError::CampaignMoved { campaign: campaign.id, expected, found });
    }
    let lent = assignments::by_orders(tx, wanted).await?;
    let terminals: Vec<_> = lent.iter().map(|it| it.terminal).collect();
    let mut admission = Admission::load(tx, &campaign, &terminals, at).await?;
    let mut differences = Differences::default();
    let mut granted = Vec::new();
    for before in &lent {
        let mut now = before.standing.clone();
        now.learn(Fact::Granted(at));
        let is_lent = before.standing.state() == AssignmentState::Unanswered;
        if !is_lent || !admission.admits(before.terminal, Some(before)) {
            continue;
        }
        assignments::put_standing(tx, before, &now, &mut differences).await?;
        admission.take(before.terminal, Some(before));
        let send = "UPDATE terminals SET deliver_at = $2 WHERE id = $1";
        tx.execute(send, vec![text(before.terminal), time(at)]).await?;
        granted.push(before.order);
    }
    differences.write(tx).await?;
    admission.write(tx, campaign.id).await?;
    Ok(granted)
}

/// What members of a campaign share, and their stores, as they stand in this transaction.
struct Admission {
    room: Room,
    stores: BTreeMap<String, StoreStanding>,
    store_of: BTreeMap<TerminalId, String>,
    rule: StoreRule,
    rate: Option<(Rate, UsedUntil)>,
    released: u64,
    now: UnixTime,
}

impl Admission {
    async fn load(
        tx: &mut Transaction,
        campaign: &Campaign,
        terminals: &[TerminalId],
        now: UnixTime,
    ) -> Result<Self> {
        let Campaign { policy, max_parallel, used, .. } = campaign;
        let tally = tally::campaign(tx, campaign.id).await?;
        let (mut stores, mut store_of) = (BTreeMap::new(), BTreeMap::new());
        if campaign.terms().disturbs == Disturbs::InItsTurn {
            store_of = scheduling::stores_of(tx, terminals).await?;
            let names: BTreeSet<_> = store_of.values().cloned().collect();
            stores = scheduling::standings(tx, &Vec::from_iter(names), now).await?;
        }
        Ok(Self {
            room: Room::new(*max_parallel, policy, *used, &tally, now),
            stores,
            store_of,
            rule: plan::store_rule(policy, campaign.change.window().is_some()),
            rate: policy.rate.map(|rate| (rate, *used)),
            released: 0,
            now,
        })
    }

    fn admits(&self, terminal: TerminalId, before: Option<&Assignment>) -> bool {
        if has_a_place(before) {
            return true;
        }
        let store = self.store_of.get(&terminal).and_then(|name| self.stores.get(name));
        self.room.why_not().is_none()
            && store.is_none_or(|store| store.why_not(terminal, self.rule).is_none())
    }

    fn take(&mut self, terminal: TerminalId, before: Option<&Assignment>) {
        if has_a_place(before) {
            return;
        }
        self.room.take();
        self.released += 1;
        if let Some(name) = self.store_of.get(&terminal)
            && let Some(store) = self.stores.get_mut(name)
        {
            store.disturb(terminal);
        }
    }

    async fn write(self, tx: &mut Transaction, campaign: CampaignId) -> Result<()> {
        let Some((rate, used)) = self.rate.filter(|_| self.released > 0) else { return Ok(()) };
        let UsedUntil(used) = rate.used(used, self.now, self.released);
        let update = "UPDATE campaigns SET paced_until_ms = $2 WHERE id = $1";
        tx.execute(update, vec![text(campaign), int(used)]).await?;
        Ok(())
    }
}

/// An order that is made anew for a new epoch is at its old one's place.
fn has_a_place(before: Option<&Assignment>) -> bool {
    before.is_some_and(|before| before.standing.state().takes_a_place())
}

async fn is_known(tx: &mut Transaction, order: OrderId) -> Result<bool> {
    Ok(tx.row("SELECT id FROM orders WHERE id = $1", vec![text(order)]).await?.is_some())
}

async fn takes_next_number(tx: &mut Transaction, order: &NewOrder, at: UnixTime) -> Result<bool> {
    let update = match order.stream {
        Stream::Routine => {
            "UPDATE terminals SET order_seq = order_seq + 1, deliver_at = $4
             WHERE id = $1 AND epoch = $2 AND order_seq = $3 - 1 AND unit = 'enrolled'
                 AND service <> 'erased'"
        }
        // Few of an epoch's orders need people: their number is looked up, not kept.
        Stream::Approved => {
            "UPDATE terminals SET deliver_at = $4
             WHERE id = $1 AND epoch = $2 AND unit = 'enrolled' AND service <> 'erased'
                 AND $3 - 1 = (
                 SELECT COALESCE(MAX(seq), 0) FROM orders
                 WHERE terminal = $1 AND epoch = $2 AND stream = 'approved')"
        }
    };
    let values = vec![text(order.terminal), int(order.epoch), int(order.seq), time(at)];
    Ok(tx.execute(update, values).await? == 1)
}

async fn insert(tx: &mut Transaction, order: &NewOrder, at: UnixTime) -> Result<()> {
    let insert = "INSERT INTO orders (id, terminal, epoch, stream, seq, campaign, purpose, attempt,
             batch, signed, not_after, made_at, owed, sends, upheavals)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, 0, $13)";
    let values = vec![
        text(order.id),
        text(order.terminal),
        int(order.epoch),
        code(order.stream),
        int(order.seq),
        text(order.campaign),
        code(order.purpose),
        int(order.attempt),
        text(order.batch),
        bytes(order.signed.as_slice()),
        time(order.not_after),
        time(at),
        int(order.upheavals),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn due(
    tx: &mut Transaction,
    now: UnixTime,
    limit: u32,
) -> Result<Vec<TerminalId>> {
    let select = "SELECT id FROM terminals
         WHERE presence = 'online' AND deliver_at IS NOT NULL AND deliver_at <= $1
         ORDER BY deliver_at LIMIT $2";
    let rows = tx.rows(select, vec![time(now), int(limit)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

pub(super) async fn owed(
    tx: &mut Transaction,
    terminals: &[TerminalId],
    each: u32,
    now: UnixTime,
) -> Result<Vec<Owed>> {
    let select = with_id_list!(
        concat!(
            "SELECT id, terminal, sends, sent_at, signed, batch, release, profile, path FROM (
             SELECT orders.id, orders.terminal, orders.sends, orders.sent_at,
                 orders.signed, batches.signed AS batch, releases.signed AS release,
                 campaign_profiles.profile, campaign_profiles.path,
                 ROW_NUMBER() OVER (PARTITION BY orders.terminal ORDER BY CASE WHEN ",
            is_wipe_of_lost!("orders.campaign"),
            " THEN 0 ELSE 1 END, CASE campaigns.class WHEN 'decommission' THEN 0
                 WHEN 'security' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END, orders.seq) AS place
             FROM orders
             JOIN terminals ON terminals.id = orders.terminal
             JOIN campaigns ON campaigns.id = orders.campaign
             JOIN batches ON batches.digest = orders.batch
             LEFT JOIN releases
                 ON releases.digest = campaigns.release AND orders.purpose = 'change'
             LEFT JOIN campaign_profiles ON campaign_profiles.campaign = orders.campaign
                 AND campaign_profiles.terminal = orders.terminal AND orders.purpose = 'change'
             WHERE orders.owed = 1 AND orders.epoch = terminals.epoch
                 AND terminals.unit = 'enrolled' AND terminals.service <> 'erased'
                 AND orders.not_after > $2
                 AND (",
            is_wipe_of_lost!("orders.campaign"),
            " OR NOT ",
            terminal_is_quarantined!(),
            ")
                 AND (orders.purpose <> 'change' OR (campaigns.state = 'running'
                     AND NOT EXISTS (SELECT 1 FROM assignments
                         WHERE assignments.order_id = orders.id
                             AND assignments.state = 'unanswered')
                     AND NOT EXISTS (SELECT 1 FROM suspicions WHERE ",
            holds_back!("orders.campaign"),
            ")
                     AND NOT EXISTS (SELECT 1 FROM requests
                         WHERE requests.state = 'frozen' AND requests.campaign IN (campaigns.id, (
                             SELECT rebind FROM rebind_waves WHERE campaign = campaigns.id)))))
                 AND orders.terminal IN ",
        ),
        ") AS theirs
         WHERE place <= $3 ORDER BY terminal, place"
    );
    let owed = |mut row: Row| {
        Ok(Owed {
            order: row.parsed("order")?,
            terminal: row.parsed("terminal")?,
            sends: row.number()?,
            sent_at: row.maybe_time()?,
            parcel: Parcel {
                order: row.signed()?,
                batch: row.signed()?,
                release: row.maybe_bytes()?.map(SignedBytes::new),
                profile: rebinds::enclosed(&mut row)?,
            },
        })
    };
    let rows = tx.rows(select, vec![list(terminals), time(now), int(each)]).await?;
    rows.into_iter().map(owed).collect()
}

pub(super) async fn left_alone(
    tx: &mut Transaction,
    terminals: &[TerminalId],
) -> Result<Vec<TerminalId>> {
    // What has accepted its wipe carries it out, heard of or not.
    let select = with_id_list!(
        concat!(
            "SELECT id FROM terminals WHERE service <> 'erased' AND ",
            terminal_is_quarantined!(),
            " AND NOT EXISTS (SELECT 1 FROM deactivation_members AS emptied
                 JOIN campaigns ON campaigns.id = emptied.campaign
                 LEFT JOIN assignments ON assignments.campaign = emptied.campaign
                     AND assignments.terminal = emptied.terminal
                 WHERE emptied.terminal = terminals.id AND ",
            is_wipe_of_lost!("campaigns.id"),
            "    AND (assignments.state IN ('accepted', 'waiting', 'working', 'undoing', 'silent')
                     OR (campaigns.state = 'running'
                         AND COALESCE(assignments.state, 'ordered') IN ('ordered', 'unanswered')
                         AND NOT EXISTS (SELECT 1 FROM requests WHERE requests.state = 'frozen'
                             AND requests.campaign = campaigns.id)
                         AND NOT EXISTS (SELECT 1 FROM suspicions WHERE ",
            holds_back!("campaigns.id"),
            "))))
                 AND id IN "
        ),
        " ORDER BY id"
    );
    let rows = tx.rows(select, vec![list(terminals)]).await?;
    rows.into_iter().map(|mut row| row.parsed("terminal")).collect()
}

pub(super) async fn delivered(
    tx: &mut Transaction,
    sent: &[Delivered],
    now: UnixTime,
) -> Result<()> {
    let orders: Vec<_> = sent.iter().flat_map(|it| &it.orders).collect();
    if !orders.is_empty() {
        let update =
            with_id_list!("UPDATE orders SET sends = sends + 1, sent_at = $2 WHERE id IN ", "");
        tx.execute(update, vec![list(orders), time(now)]).await?;
    }
    let seen: BTreeSet<_> = sent.iter().flat_map(|it| &it.seen).collect();
    let terminals: Vec<_> = sent.iter().map(|it| it.terminal).collect();
    let each = u32::try_from(ORDERS_IN_FLIGHT_MAX).unwrap_or(1);
    // Ordered of a terminal after it was looked at, perhaps in the same second: it stays due.
    let missed: BTreeSet<_> = owed(tx, &terminals, each, now)
        .await?
        .into_iter()
        .filter(|it| !seen.contains(&it.order))
        .map(|it| it.terminal)
        .collect();
    let mut by_time: BTreeMap<Option<UnixTime>, Vec<TerminalId>> = BTreeMap::new();
    for it in sent.iter().filter(|it| !missed.contains(&it.terminal)) {
        by_time.entry(it.again_at).or_default().push(it.terminal);
    }
    for (again_at, terminals) in by_time {
        // What became due while this was sent stays due.
        let look_again = with_id_list!(
            "UPDATE terminals SET deliver_at = $2 WHERE deliver_at <= $3 AND id IN ",
            ""
        );
        tx.execute(look_again, vec![list(terminals), maybe_time(again_at), time(now)]).await?;
    }
    Ok(())
}

/// The terminal has it, or will not have it: it need not be sent again.
pub(super) async fn answered(tx: &mut Transaction, order: OrderId) -> Result<()> {
    let update = "UPDATE orders SET owed = 0 WHERE id = $1 AND owed = 1";
    tx.execute(update, vec![text(order)]).await?;
    Ok(())
}

/// Orders of earlier epochs are worth nothing any more.
pub(super) async fn void_before(
    tx: &mut Transaction,
    terminal: TerminalId,
    epoch: u32,
) -> Result<()> {
    let orders = "UPDATE orders SET owed = 0 WHERE terminal = $1 AND epoch < $2 AND owed = 1";
    tx.execute(orders, vec![text(terminal), int(epoch)]).await?;
    let assignments = "UPDATE assignments SET voided = 1
         WHERE terminal = $1 AND epoch < $2 AND ended = 0";
    tx.execute(assignments, vec![text(terminal), int(epoch)]).await?;
    Ok(())
}

/// A new connection: whatever was on its way on the old one may have been lost.
pub(super) async fn send_again(tx: &mut Transaction, terminal: TerminalId) -> Result<()> {
    let update = "UPDATE orders SET sent_at = NULL
         WHERE terminal = $1 AND owed = 1 AND sent_at IS NOT NULL";
    tx.execute(update, vec![text(terminal)]).await?;
    Ok(())
}

/// Answers were lost on this side: the terminal gives them again from its ledger when it is sent
/// the orders again.
pub(super) async fn owe_again(
    tx: &mut Transaction,
    terminal: TerminalId,
    epoch: u32,
) -> Result<()> {
    let update = "UPDATE orders SET owed = 1, sent_at = NULL
         WHERE terminal = $1 AND epoch = $2 AND id IN (
             SELECT order_id FROM assignments WHERE terminal = $1 AND epoch = $2 AND ended = 0)";
    tx.execute(update, vec![text(terminal), int(epoch)]).await?;
    Ok(())
}

/// A resumed campaign's orders are sent again.
pub(super) async fn wake(tx: &mut Transaction, campaign: CampaignId, at: UnixTime) -> Result<()> {
    let update = "UPDATE terminals SET deliver_at = $2
         WHERE id IN (SELECT terminal FROM orders WHERE campaign = $1 AND owed = 1)";
    tx.execute(update, vec![text(campaign), time(at)]).await?;
    Ok(())
}

/// Nothing of this campaign need be sent any more.
pub(super) async fn forgive(tx: &mut Transaction, campaign: CampaignId) -> Result<()> {
    let update = "UPDATE orders SET owed = 0 WHERE campaign = $1 AND owed = 1";
    tx.execute(update, vec![text(campaign)]).await?;
    Ok(())
}
