//! Counters that change with what they count.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::{CampaignId, TerminalId};
use shared::outcome::Waiting;

use super::code::Code;
use super::session::{Transaction, int, list, text, with_id_list};
use crate::campaign::assignment::{AssignmentState, Standing};
use crate::campaign::state::CampaignState;
use crate::registry::RegistryError;
use crate::registry::campaign::CampaignTally;
use crate::registry::fleet::FleetTally;
use crate::registry::terminal::{Presence, Unit};

type Result<T> = std::result::Result<T, RegistryError>;

const FLEET: &str = "fleet";
const ALARMS: &str = "alarms";
const OVERDUE: &str = "backups-overdue";
const ONLINE: &str = "online";
const CHANGES: &str = "changes";
const UPHEAVALS: &str = "upheavals";
const SUSPICIONS: &str = "suspicions";
const LATE: &str = "late-success";
const CONTRADICTED: &str = "contradicted";
const RETRIED: &str = "retried";
const AGAIN: &str = "again";
const SKIPPED: &str = "skipped";
const LEFT_OUT: &str = "left-out";
const ACKNOWLEDGED: &str = "acknowledged";

/// The fleet's count of upheavals, within a statement.
macro_rules! upheavals {
    () => {
        "(SELECT COALESCE(MAX(count), 0) FROM counters
             WHERE scope = 'fleet' AND name = 'upheavals')"
    };
}
pub(super) use upheavals;

/// Differences, gathered so that a transaction writes each counter once.
#[derive(Debug, Default)]
pub(super) struct Differences {
    counters: BTreeMap<(String, &'static str), i64>,
    /// Waves in which something has ended badly.
    worse: BTreeSet<(CampaignId, u16)>,
    /// Terminals on which something has ended, in the order in which it did, and whether badly.
    ended: Vec<(TerminalId, bool)>,
    /// Terminals about which something has changed by which plans decide.
    changed: BTreeSet<TerminalId>,
}

/// What must be looked at once the counters are written.
#[derive(Debug, Default)]
pub(super) struct Consequences {
    pub(super) worse: BTreeSet<(CampaignId, u16)>,
    pub(super) ended: Vec<(TerminalId, bool)>,
}

impl Differences {
    fn add(&mut self, scope: impl Into<String>, name: &'static str, by: i64) {
        *self.counters.entry((scope.into(), name)).or_default() += by;
    }

    pub(super) fn alarm(&mut self) {
        self.add(FLEET, ALARMS, 1);
    }

    pub(super) fn alarm_ended(&mut self) {
        self.add(FLEET, ALARMS, -1);
    }

    pub(super) fn suspicion(&mut self) {
        self.add(FLEET, SUSPICIONS, 1);
        self.upheaval();
    }

    pub(super) fn suspicion_lifted(&mut self) {
        self.add(FLEET, SUSPICIONS, -1);
        self.upheaval();
    }

    /// Something has changed by which plans decide about many terminals.
    pub(super) fn upheaval(&mut self) {
        self.add(FLEET, UPHEAVALS, 1);
    }

    /// Something has changed by which plans decide about this terminal.
    pub(super) fn changed(&mut self, terminal: TerminalId) {
        self.changed.insert(terminal);
    }

    /// Whether a terminal's backups are overdue.
    pub(super) fn overdue(&mut self, from: bool, to: bool) {
        self.add(FLEET, OVERDUE, i64::from(to) - i64::from(from));
    }

    pub(super) fn unit(&mut self, terminal: TerminalId, from: Option<Unit>, to: Unit) {
        if let Some(from) = from {
            self.add(FLEET, from.code(), -1);
        }
        self.add(FLEET, to.code(), 1);
        self.changed(terminal);
    }

    pub(super) fn presence(&mut self, terminal: TerminalId, from: Presence, to: Presence) {
        if from != to {
            self.changed(terminal);
        }
        let online = |presence| i64::from(presence == Presence::Online);
        self.add(FLEET, ONLINE, online(to) - online(from));
    }

    pub(super) fn campaign(&mut self, from: Option<CampaignState>, to: CampaignState) {
        if let Some(from) = from {
            self.add(FLEET, from.code(), -1);
        }
        self.add(FLEET, to.code(), 1);
    }

    pub(super) fn assignment(
        &mut self,
        (campaign, wave): (CampaignId, u16),
        terminal: TerminalId,
        from: Option<&Standing>,
        to: &Standing,
    ) {
        for (standing, by) in from.map(|from| (from, -1)).into_iter().chain([(to, 1)]) {
            for scope in [campaign.to_string(), scope_of_wave(campaign, wave)] {
                self.add(&scope, standing.state().code(), by);
                self.add(&scope, LATE, by * i64::from(standing.is_late_success()));
                self.add(&scope, CONTRADICTED, by * i64::from(standing.contradicted));
                self.add(&scope, RETRIED, by * i64::from(standing.is_retry_of_bad()));
                self.add(&scope, ACKNOWLEDGED, by * i64::from(standing.is_acknowledged()));
                self.add(&scope, LEFT_OUT, by * i64::from(standing.is_untried_and_left_out()));
            }
            if let Some(reason) = standing.waits_for() {
                self.add(scope_of_waiting(campaign), reason.code(), by);
            }
        }
        let is_bad = |standing: &Standing| standing.state().is_bad();
        if is_bad(to) && !from.is_some_and(is_bad) {
            self.worse.insert((campaign, wave));
        }
        let is_end = |standing: &Standing| standing.state().is_end();
        if is_end(to) != from.is_some_and(is_end) {
            self.changed(terminal);
        }
        let counts = |standing: &Standing| {
            is_bad(standing) || standing.state() == AssignmentState::Succeeded
        };
        if counts(to) && from.is_none_or(|from| from.state() != to.state()) {
            self.ended.push((terminal, is_bad(to)));
        }
    }

    /// Somebody wants so many more, or fewer, tried again.
    pub(super) fn again(&mut self, campaign: CampaignId, wave: u16, by: i64) {
        for scope in [campaign.to_string(), scope_of_wave(campaign, wave)] {
            self.add(&scope, AGAIN, by);
        }
    }

    /// So many more, or fewer, are left out that were never released.
    pub(super) fn skipped(&mut self, campaign: CampaignId, wave: u16, by: i64) {
        for scope in [campaign.to_string(), scope_of_wave(campaign, wave)] {
            self.add(&scope, SKIPPED, by);
        }
    }

    pub(super) fn take_consequences(&mut self) -> Consequences {
        let (worse, ended) = (std::mem::take(&mut self.worse), std::mem::take(&mut self.ended));
        Consequences { worse, ended }
    }

    pub(super) async fn write(mut self, tx: &mut Transaction) -> Result<()> {
        let changed = std::mem::take(&mut self.changed);
        self.add(FLEET, CHANGES, i64::try_from(changed.len()).unwrap_or(i64::MAX));
        for ((scope, name), by) in self.counters {
            let values = vec![text(scope), text(name), int(by)];
            if by > 0 {
                let add = "INSERT INTO counters (scope, name, count) VALUES ($1, $2, $3)
                     ON CONFLICT (scope, name) DO UPDATE SET count = counters.count + $3";
                tx.execute(add, values).await?;
            } else if by < 0 {
                let subtract =
                    "UPDATE counters SET count = count + $3 WHERE scope = $1 AND name = $2";
                tx.execute(subtract, values).await?;
            }
        }
        if !changed.is_empty() {
            // Whoever has heard of an earlier value has not heard of these.
            let update = with_id_list!(
                "UPDATE terminals SET changed_seq = (
                     SELECT count FROM counters WHERE scope = 'fleet' AND name = 'changes')
                 WHERE id IN ",
                ""
            );
            tx.execute(update, vec![list(&changed)]).await?;
        }
        Ok(())
    }
}

/// Something has changed by which plans decide about this terminal, and nothing that is counted.
pub(super) async fn changed(tx: &mut Transaction, terminal: TerminalId) -> Result<()> {
    let mut differences = Differences::default();
    differences.changed(terminal);
    differences.write(tx).await
}

/// Something has changed by which plans decide about many terminals, and nothing else that is
/// counted.
pub(super) async fn upheaval(tx: &mut Transaction) -> Result<()> {
    let mut differences = Differences::default();
    differences.upheaval();
    differences.write(tx).await
}

async fn counters(tx: &mut Transaction, scope: &str) -> Result<BTreeMap<String, u64>> {
    let rows = tx.rows("SELECT name, count FROM counters WHERE scope = $1", vec![text(scope)]);
    rows.await?.into_iter().map(|mut row| Ok((row.text()?, row.number()?))).collect()
}

pub(super) async fn fleet(tx: &mut Transaction) -> Result<FleetTally> {
    let counters = counters(tx, FLEET).await?;
    let count = |name: &str| counters.get(name).copied().unwrap_or_default();
    Ok(FleetTally {
        claimed: count(Unit::Claimed.code()),
        enrolled: count(Unit::Enrolled.code()),
        revoked: count(Unit::Revoked.code()),
        online: count(ONLINE),
        campaigns_awaiting_approval: count(CampaignState::AwaitingApproval.code()),
        campaigns_running: count(CampaignState::Running.code()),
        campaigns_paused: count(CampaignState::Paused.code()),
        campaigns_halted: count(CampaignState::Halted.code()),
        alarms: count(ALARMS),
        backups_overdue: count(OVERDUE),
        suspicions: count(SUSPICIONS),
        changes: count(CHANGES),
        upheavals: count(UPHEAVALS),
    })
}

fn scope_of_waiting(campaign: CampaignId) -> String {
    format!("{campaign}/waiting")
}

fn scope_of_wave(campaign: CampaignId, wave: u16) -> String {
    format!("{campaign}/{wave}")
}

pub(super) async fn campaign(tx: &mut Transaction, id: CampaignId) -> Result<CampaignTally> {
    let tally = assignments(tx, &id.to_string()).await?;
    let counters = counters(tx, &scope_of_waiting(id)).await?;
    let waiting = Waiting::ALL.iter().copied();
    let waiting = waiting.map(|it| (it, counters.get(it.code()).copied().unwrap_or_default()));
    Ok(CampaignTally { waiting: waiting.filter(|(_, count)| *count > 0).collect(), ..tally })
}

pub(super) async fn wave(
    tx: &mut Transaction,
    campaign: CampaignId,
    wave: u16,
) -> Result<CampaignTally> {
    assignments(tx, &scope_of_wave(campaign, wave)).await
}

async fn assignments(tx: &mut Transaction, scope: &str) -> Result<CampaignTally> {
    let counters = counters(tx, scope).await?;
    let count = |name: &str| counters.get(name).copied().unwrap_or_default();
    let states = AssignmentState::ALL.into_iter().map(|state| (state, count(state.code())));
    Ok(CampaignTally {
        by_state: states.filter(|(_, count)| *count > 0).collect(),
        late_successes: count(LATE),
        contradictions: count(CONTRADICTED),
        retried: count(RETRIED),
        acknowledged: count(ACKNOWLEDGED),
        again: count(AGAIN),
        skipped: count(SKIPPED),
        left_out: count(LEFT_OUT),
        waiting: BTreeMap::new(),
    })
}
