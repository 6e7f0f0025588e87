//! Who owes what where terminals are decommissioned: rows that are only ever added.

use shared::id::RequestId;

use super::super::session::{Row, Transaction, Value, code, int, maybe_text, text, time};
use super::super::{audit, requests, units};
use crate::deactivation::ledger::{
    Damage, Entry, EntryRefused, NewEntry, check, is_open, reversible,
};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::stop::Entered;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn enter(
    tx: &mut Transaction,
    request: RequestId,
    what: &Entered,
    by: &By,
) -> Result<std::result::Result<Entry, EntryRefused>> {
    let case = requests::known(tx, request).await?;
    if let Err(refused) = is_open(case.kind, case.state) {
        return Ok(Err(refused));
    }
    let known = entries(tx, request).await?;
    let (what, reverses) = match what {
        Entered::New(new) => {
            if let Err(refused) = check(new, &known) {
                return Ok(Err(refused));
            }
            if let Some(serial) = &new.serial
                && units::by_serial(tx, serial).await?.is_none()
            {
                return Ok(Err(EntryRefused::UnknownUnit(serial.clone())));
            }
            (new.clone(), None)
        }
        Entered::Reversal { of, reference, note } => {
            let wrong = match reversible(*of, reference, &known) {
                Ok(wrong) => wrong.what.clone(),
                Err(refused) => return Ok(Err(refused)),
            };
            let (reference, note) = (reference.clone(), note.clone());
            (NewEntry { reference, note, ..wrong }, Some(*of))
        }
    };
    let number = known.last().map_or(1, |it| it.number + 1);
    let entry = Entry { number, what, reverses, at: by.at, by: by.who.clone() };
    insert(tx, request, &entry).await?;
    let NewEntry { kind, amount_minor, currency, .. } = &entry.what;
    let back = reverses.map_or_else(String::new, |of| format!(" takes back {of}"));
    let subject = format!("{request}/{number} {} {currency} {amount_minor}{back}", kind.as_str());
    audit::append(tx, by, "ledger-entered", subject).await?;
    Ok(Ok(entry))
}

async fn insert(tx: &mut Transaction, request: RequestId, entry: &Entry) -> Result<()> {
    let insert = "INSERT INTO ledger_entries (request, seq, kind, amount_minor, currency, serial,
             cause, liability, reference, note, reverses, entered_at, entered_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let it = &entry.what;
    let values = vec![
        text(request),
        int(entry.number),
        code(it.kind),
        int(it.amount_minor),
        text(&it.currency),
        maybe_text(it.serial.as_ref()),
        maybe_text(it.damage.map(|damage| damage.cause.as_str())),
        maybe_text(it.damage.map(|damage| damage.liability.as_str())),
        text(&it.reference),
        text(&it.note),
        entry.reverses.map_or(Value::Int(None), int),
        time(entry.at),
        text(&entry.by),
    ];
    tx.execute(insert, values).await?;
    Ok(())
}

pub(super) async fn entries(tx: &mut Transaction, request: RequestId) -> Result<Vec<Entry>> {
    let select = "SELECT seq, kind, amount_minor, currency, serial, cause, liability, reference,
             note, reverses, entered_at, entered_by
         FROM ledger_entries WHERE request = $1 ORDER BY seq";
    let rows = tx.rows(select, vec![text(request)]).await?;
    rows.into_iter().map(entry).collect()
}

fn entry(mut row: Row) -> Result<Entry> {
    let number: u32 = row.number()?;
    let (kind, amount_minor, currency) = (row.code()?, row.int()?, row.text()?);
    let serial = row.maybe_text()?;
    let damage = row.maybe_code()?.zip(row.maybe_code()?);
    let damage = damage.map(|(cause, liability)| Damage { cause, liability });
    let (reference, note) = (row.text()?, row.text()?);
    let what = NewEntry { kind, amount_minor, currency, serial, damage, reference, note };
    let reverses = row.maybe_int()?.map(u32::try_from).transpose();
    let unreadable =
        |_| RegistryError::Unreadable { what: "number of an entry", value: number.to_string() };
    Ok(Entry {
        number,
        what,
        reverses: reverses.map_err(unreadable)?,
        at: row.time()?,
        by: row.text()?,
    })
}
