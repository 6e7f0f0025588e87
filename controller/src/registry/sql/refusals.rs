//! What terminals refuse of what could harm a shop, in the audit log beside who ordered it: a
//! forgery, or an approval that came too late, is seen where people look for what was decided.

use serde::Serialize;
use shared::change::Verb;
use shared::document::receipt::{Receipt, Said};
use shared::id::{BatchId, OrderId, TerminalId};
use shared::limits::short_text;
use shared::time::UnixTime;

use super::session::{Row, Transaction, int, text};
use super::{audit, campaigns};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::Purpose;

type Result<T> = std::result::Result<T, RegistryError>;

/// How the audit log names it.
const ORDER_REFUSED: &str = "order-refused";

/// How the audit log begins what it says of an order that nobody here has made.
const UNKNOWN: &str = "an order that this registry did not make";

/// Of one terminal, code and day: whoever forges outside of the registry is seen by the first, and
/// nobody fills the log. Another code has room of its own, so none hides behind many of another.
const STRANGE_PER_CODE_AND_DAY_MAX: u32 = 4;

/// After so many days a refusal that comes again is written down again.
const STRANGE_KEPT_DAYS: i64 = 30;

const DAY_S: i64 = 24 * 3600;

/// Writes down the refusal of an order that is not in the registry, or is another terminal's. What
/// it was to do is not known, so it counts as what could harm a shop.
pub(super) async fn note_strange(
    tx: &mut Transaction,
    terminal: TerminalId,
    receipt: &Receipt,
    heard_at: UnixTime,
) -> Result<()> {
    let Said::Refused { refusal, detail } = &receipt.said else { return Ok(()) };
    let (code, day) = (word(refusal), heard_at.0.div_euclid(DAY_S));
    let forget = "DELETE FROM strange_refusals WHERE terminal = $1 AND day < $2";
    tx.execute(forget, vec![text(terminal), int(day - STRANGE_KEPT_DAYS)]).await?;
    let count = "SELECT COUNT(*) FROM strange_refusals
         WHERE terminal = $1 AND code = $2 AND day = $3";
    let row = tx.row(count, vec![text(terminal), text(&code), int(day)]).await?;
    let noted: u32 = row.map_or(Ok(0), |mut row| row.number())?;
    if noted >= STRANGE_PER_CODE_AND_DAY_MAX {
        return Ok(());
    }
    let insert = "INSERT INTO strange_refusals (terminal, order_id, code, day)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = vec![text(terminal), text(receipt.order), text(&code), int(day)];
    if tx.execute(insert, values).await? == 0 {
        return Ok(());
    }
    let last = match noted + 1 {
        STRANGE_PER_CODE_AND_DAY_MAX => "; more of these today are not written down",
        _ => "",
    };
    let why = format!("{UNKNOWN}: {code}: {}{last}", short_text(detail));
    let by = By { who: terminal.to_string(), why, at: receipt.at.min(heard_at) };
    audit::append(tx, &by, ORDER_REFUSED, receipt.order).await
}

/// Writes down a refusal whose receipt is kept for the first time: one entry for each.
pub(super) async fn note(
    tx: &mut Transaction,
    receipt: &Receipt,
    heard_at: UnixTime,
) -> Result<()> {
    let Said::Refused { refusal, detail } = &receipt.said else { return Ok(()) };
    let Some((batch, verb)) = ordered(tx, receipt.order).await? else { return Ok(()) };
    if !could_harm(verb) {
        return Ok(());
    }
    let (verb, code) = (word(&verb), word(refusal));
    let why = format!("{verb} of {batch}: {code}: {}", short_text(detail));
    let at = receipt.at.min(heard_at);
    let by = By { who: receipt.terminal.to_string(), why, at };
    audit::append(tx, &by, ORDER_REFUSED, receipt.order).await
}

/// Whether a shop could be harmed by what was refused, or by its refusal.
fn could_harm(verb: Verb) -> bool {
    match verb {
        Verb::Suspend
        | Verb::Resume
        | Verb::Restore
        | Verb::Rebind
        | Verb::Decommission
        | Verb::Cancel => true,
        Verb::Ping | Verb::Backup | Verb::Collect | Verb::RenewCertificate | Verb::Upgrade => false,
    }
}

/// As it is written everywhere else.
fn word(it: &impl Serialize) -> String {
    let value = serde_json::to_value(it).unwrap_or_default();
    value.as_str().map(str::to_owned).unwrap_or_default()
}

async fn ordered(tx: &mut Transaction, order: OrderId) -> Result<Option<(BatchId, Verb)>> {
    let select = "SELECT o.purpose, b.id, c.change FROM orders o
         JOIN batches b ON b.digest = o.batch
         JOIN campaigns c ON c.id = o.campaign
         WHERE o.id = $1";
    let read = |mut row: Row| {
        let (purpose, batch) = (row.code()?, row.parsed("batch")?);
        let verb = match purpose {
            Purpose::Change => campaigns::change(&row.bytes()?)?.verb(),
            Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => Verb::Cancel,
        };
        Ok((batch, verb))
    };
    tx.row(select, vec![text(order)]).await?.map(read).transpose()
}
