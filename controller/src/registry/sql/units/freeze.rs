//! A unit that may be another one: nothing goes to its terminal, and people hear of it.

use super::super::session::{Transaction, code, text, time};
use super::super::tally::Differences;
use super::super::{alarms, suspicions, terminals};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::delivery::{AlarmKind, AnyAlarm};
use crate::request::suspicion::{NewSuspicion, Scope};
use crate::unit::UnitEvent;

type Result<T> = std::result::Result<T, RegistryError>;

/// Somebody looks after what was tampered with, or has what was lost: there is nothing to alarm
/// about any more.
pub(super) async fn end_alarms(tx: &mut Transaction, serial: &str, by: &By) -> Result<()> {
    let mut differences = Differences::default();
    let of_unit = "UPDATE alarms SET ended_at = $3
         WHERE terminal IS NULL AND kind = $1 AND subject = $2 AND ended_at IS NULL";
    let of_terminal = "UPDATE alarms SET ended_at = $3
         WHERE terminal IN (SELECT id FROM terminals WHERE serial = $2) AND kind = $1
             AND ended_at IS NULL";
    let all =
        [(of_unit, AlarmKind::SuspectedSubstitution), (of_terminal, AlarmKind::ClosedUnitSpoke)];
    for (end, kind) in all {
        for _ in 0..tx.execute(end, vec![code(kind), text(serial), time(by.at)]).await? {
            differences.alarm_ended();
        }
    }
    differences.write(tx).await
}

/// Somebody has said that it is lost or was opened: whoever has it is sent nothing until two people
/// have looked. What is no terminal has nobody to be kept from anything.
pub(super) async fn reported(
    tx: &mut Transaction,
    serial: &str,
    event: UnitEvent,
    by: &By,
) -> Result<()> {
    let note = format!("unit {serial} was {}", event.in_the_past());
    suspect(tx, serial, note, by).await.map(drop)
}

/// It may be another unit: nothing is sent to its terminal until two people have looked. Of a unit
/// that is no terminal an alarm is raised.
pub(super) async fn freeze(
    tx: &mut Transaction,
    serial: &str,
    difference: &str,
    by: &By,
) -> Result<()> {
    let note = format!("unit {serial} may be another one: {difference}");
    if suspect(tx, serial, note.clone(), by).await? {
        return Ok(());
    }
    let (kind, subject, at) = (AlarmKind::SuspectedSubstitution, serial.to_owned(), by.at);
    let forget = "DELETE FROM alarms WHERE terminal IS NULL AND kind = $1 AND subject = $2
         AND ended_at IS NOT NULL";
    tx.execute(forget, vec![code(kind), text(serial)]).await?;
    let alarm = AnyAlarm { terminal: None, kind, subject, detail: note, at, ended_at: None };
    let mut differences = Differences::default();
    if alarms::raise(tx, &alarm, None).await? {
        differences.alarm();
    }
    differences.write(tx).await
}

/// Whether it is a terminal at all.
async fn suspect(tx: &mut Transaction, serial: &str, note: String, by: &By) -> Result<bool> {
    let Some(terminal) = terminals::by_serial(tx, serial).await? else { return Ok(false) };
    let scope = Scope::Terminal(terminal.id);
    let source = format!("unit {serial}, at {}, by {}", by.at, by.who);
    suspicions::raise(tx, &NewSuspicion { scope, source, note }, by).await?;
    Ok(true)
}
