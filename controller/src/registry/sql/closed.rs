//! Whom nobody should hear from any more: terminals that are revoked, those whose unit is gone by
//! the list of units, and those whose place another one has while they may sell. What they say
//! counts for as much as before; that they speak is an alarm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::digest::PublicKey;
use shared::id::TerminalId;
use shared::time::UnixTime;

use super::session::{Transaction, list, with_id_list};
use super::tally::Differences;
use super::{alarms, guards};
use crate::registry::RegistryError;
use crate::registry::delivery::{Alarm, AlarmKind, AnyAlarm, Heard, Saying};
use crate::registry::terminal::Service;
use crate::unit::UnitState;

type Result<T> = std::result::Result<T, RegistryError>;

/// What was on its way when a terminal was cut off is no news.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(5);

/// Those among the terminals of a batch of sayings.
#[derive(Debug)]
pub(super) struct Closed {
    /// Their last key, and since when.
    revoked: BTreeMap<TerminalId, (PublicKey, UnixTime)>,
    /// What the list of units says of them, and since when.
    units: BTreeMap<TerminalId, (UnitState, UnixTime)>,
    /// Who may sell though another one has its place, by which replacement.
    replaced: BTreeMap<TerminalId, u64>,
}

impl Closed {
    pub(super) async fn load(tx: &mut Transaction, ids: &BTreeSet<TerminalId>) -> Result<Self> {
        let select = with_id_list!(
            "SELECT id, public_key, revoked_at FROM terminals
             WHERE unit = 'revoked' AND public_key IS NOT NULL AND revoked_at IS NOT NULL
                 AND id IN ",
            ""
        );
        let mut revoked = BTreeMap::new();
        for mut row in tx.rows(select, vec![list(ids)]).await? {
            revoked.insert(row.parsed("terminal")?, (row.parsed("public key")?, row.time()?));
        }
        // The states are those of `UnitState::is_closed`; of several units with one serial number
        // the one counts that is not disposed of, or else the newest.
        let select = with_id_list!(
            "SELECT terminals.id, units.state, units.state_at FROM terminals
             JOIN units ON units.serial = terminals.serial
             WHERE terminals.unit = 'enrolled'
                 AND units.state IN ('disposed', 'tampered', 'lost-stolen')
                 AND NOT EXISTS (SELECT 1 FROM units AS other
                     WHERE other.serial = units.serial AND other.id <> units.id
                         AND units.state = 'disposed'
                         AND (other.state <> 'disposed' OR other.id > units.id))
                 AND terminals.id IN ",
            ""
        );
        let mut units = BTreeMap::new();
        for mut row in tx.rows(select, vec![list(ids)]).await? {
            units.insert(row.parsed("terminal")?, (row.code()?, row.time()?));
        }
        let replaced = replaced_and_selling(tx, ids).await?;
        Ok(Self { revoked, units, replaced })
    }

    /// What people hear of that this was said.
    pub(super) fn alarm(&self, heard: &Heard) -> Option<AnyAlarm> {
        let Heard { terminal, at, saying } = heard;
        match saying {
            // The broker says it of a connection that it has ended.
            Saying::Gone => None,
            Saying::Hello(_) => self.revoked_spoke(*terminal, *at).or_else(|| {
                let (state, since) = self.units.get(terminal)?;
                Some(AnyAlarm {
                    terminal: Some(*terminal),
                    kind: AlarmKind::ClosedUnitSpoke,
                    subject: format!("{state} since {since}"),
                    detail: format!("its unit is {state} by the list, and it has connected"),
                    at: *at,
                    ended_at: None,
                })
            }),
            Saying::Report { .. } => self.revoked_spoke(*terminal, *at),
        }
    }

    /// What people hear of a terminal that is back though another one has its place: it stands
    /// until that one has stopped, or is enrolled anew.
    pub(super) fn replaced_spoke(&self, terminal: TerminalId, at: UnixTime) -> Option<Alarm> {
        let number = *self.replaced.get(&terminal)?;
        Some(two_at_one_place(terminal, number, "it has connected, and may sell", at))
    }

    fn revoked_spoke(&self, terminal: TerminalId, at: UnixTime) -> Option<AnyAlarm> {
        let (key, since) = self.revoked.get(&terminal)?;
        let detail = "somebody speaks with its key, and is not listened to";
        (at > since.plus(CUT_OFF_WITHIN))
            .then(|| AnyAlarm::revoked_spoke(terminal, *key, detail, at))
    }
}

async fn replaced_and_selling(
    tx: &mut Transaction,
    ids: &BTreeSet<TerminalId>,
) -> Result<BTreeMap<TerminalId, u64>> {
    let select = with_id_list!(
        "SELECT id FROM terminals
         WHERE unit = 'enrolled' AND service = 'in-service' AND id IN ",
        " AND id IN (SELECT old_terminal FROM replacements)"
    );
    let rows = tx.rows(select, vec![list(ids)]).await?;
    let selling = rows.into_iter().map(|mut row| row.parsed("terminal"));
    let selling: Vec<_> = selling.collect::<Result<_>>()?;
    match selling.is_empty() {
        true => Ok(BTreeMap::new()),
        false => guards::replaced(tx, &selling).await,
    }
}

/// The terminal has signed in what service it is: where another one has its place it is an alarm
/// that it sells, and the end of the alarm that it does not.
pub(super) async fn signed(
    tx: &mut Transaction,
    terminal: TerminalId,
    service: Service,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    let number = match service {
        Service::InService => guards::replaced(tx, &[terminal]).await?.remove(&terminal),
        Service::Suspended | Service::SuspendedOwing | Service::Erased => None,
    };
    let alarm = number.map(|it| two_at_one_place(terminal, it, "it has signed that it sells", at));
    alarms::stand(tx, terminal, AlarmKind::ReplacedSpoke, alarm.as_ref(), at, differences).await
}

fn two_at_one_place(terminal: TerminalId, number: u64, what: &str, at: UnixTime) -> Alarm {
    let detail = format!(
        "another terminal has its place by replacement {number}, and {what}; it is sent nothing \
         else until something stops it: stop it with \
         `tillward request new --kind suspend` and `tillward deactivate suspend`; where it is in \
         the wrong hands `tillward request new --kind decommission` and `tillward deactivate wipe \
         --lost`"
    );
    let (kind, subject) = (AlarmKind::ReplacedSpoke, format!("replacement {number}"));
    Alarm { terminal, kind, subject, detail, at, ended_at: None }
}
