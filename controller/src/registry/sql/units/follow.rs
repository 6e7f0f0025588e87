//! A unit after its terminal has signed in what service it is, and the alarm where the two differ.

use shared::id::{OrderId, TerminalId};
use shared::time::UnixTime;

use super::super::session::Transaction;
use super::super::tally::Differences;
use super::super::{alarms, closed, terminals};
use super::{by_serial, step_unit};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::delivery::{Alarm, AlarmKind};
use crate::registry::terminal::{Service, Terminal};
use crate::unit::UnitState;
use crate::unit::follow::{Follow, follow};

type Result<T> = std::result::Result<T, RegistryError>;

/// The terminal has signed that it is in this service by that order. A unit that is not on the
/// list is nobody's mistake; one that cannot follow stays as it is, and people hear of it.
pub(in super::super) async fn signed(
    tx: &mut Transaction,
    terminal: TerminalId,
    (service, order): (Service, OrderId),
    by: &By,
    differences: &mut Differences,
) -> Result<()> {
    let Some(known) = terminals::by_id(tx, terminal).await? else { return Ok(()) };
    closed::signed(tx, terminal, service, by.at, differences).await?;
    let differs = match moved(tx, &known.serial, service, by).await {
        Ok(differs) => differs,
        // A report that cannot be applied would hold up everything behind it.
        Err(damaged @ RegistryError::Unreadable { .. }) => Some(damaged.to_string()),
        Err(error) => return Err(error),
    };
    let alarm = differs.map(|what| Alarm {
        terminal,
        kind: AlarmKind::UnitDiffers,
        subject: known.serial.clone(),
        detail: format!("it has signed, by {order}, that it is {}: {what}", word(service)),
        at: by.at,
        ended_at: None,
    });
    alarms::stand(tx, terminal, AlarmKind::UnitDiffers, alarm.as_ref(), by.at, differences).await
}

/// Gives why the unit stays as it is though it should not.
async fn moved(
    tx: &mut Transaction,
    serial: &str,
    service: Service,
    by: &By,
) -> Result<Option<String>> {
    let Some(unit) = by_serial(tx, serial).await? else { return Ok(None) };
    Ok(match follow(unit.state, service) {
        Follow::Stays => None,
        Follow::Steps(event) => match step_unit(tx, serial, event, by).await? {
            Ok(_) => None,
            Err(refused) => Some(format!("unit {serial}: {refused}; {}", refused.hint())),
        },
        Follow::Differs => Some(differing(serial, unit.state)),
    })
}

fn differing(serial: &str, state: UnitState) -> String {
    format!(
        "unit {serial} is {state} by the list; find out which is so, and say what happened to it \
         with `tillward unit move`"
    )
}

/// Somebody has moved the unit: where it is as its terminal says, there is nothing to alarm about
/// any more.
pub(super) async fn end_alarm(
    tx: &mut Transaction,
    serial: &str,
    state: UnitState,
    by: &By,
) -> Result<()> {
    let Some(Terminal { id, service, .. }) = terminals::by_serial(tx, serial).await? else {
        return Ok(());
    };
    match follow(state, service) {
        Follow::Stays => {}
        Follow::Steps(_) | Follow::Differs => return Ok(()),
    }
    let mut differences = Differences::default();
    end_differing(tx, id, by.at, &mut differences).await?;
    differences.write(tx).await
}

/// Nothing that the terminal has signed counts any more: it enrolled anew, or was revoked.
pub(in super::super) async fn forget(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    alarms::stand(tx, terminal, AlarmKind::ReplacedSpoke, None, at, differences).await?;
    end_differing(tx, terminal, at, differences).await
}

async fn end_differing(
    tx: &mut Transaction,
    terminal: TerminalId,
    at: UnixTime,
    differences: &mut Differences,
) -> Result<()> {
    alarms::stand(tx, terminal, AlarmKind::UnitDiffers, None, at, differences).await
}

fn word(service: Service) -> &'static str {
    match service {
        Service::InService => "in service",
        Service::Suspended | Service::SuspendedOwing => "suspended",
        Service::Erased => "erased",
    }
}
