//! What terminals refuse of what could harm a shop, in the audit log beside who ordered it: a
//! forgery, or an approval that came too late, is seen where people look for what was decided.

use serde::Serialize;
use shared::change::Verb;
use shared::document::receipt::{Receipt, Said};
use shared::id::{BatchId, OrderId};
use shared::limits::short_text;
use shared::time::UnixTime;

use super::session::{Row, Transaction, text};
use super::{audit, campaigns};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::Purpose;

type Result<T> = std::result::Result<T, RegistryError>;

/// How the audit log names it.
const ORDER_REFUSED: &str = "order-refused";

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
            Purpose::Cancel | Purpose::Recall => Verb::Cancel,
        };
        Ok((batch, verb))
    };
    tx.row(select, vec![text(order)]).await?.map(read).transpose()
}
