//! What people say of the payment keys of terminals.

use shared::id::TerminalId;

use super::session::{Row, Transaction, code, int, maybe_text, text, time};
use super::{audit, terminals};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::terminal::keys::{KeyWord, NewKeyWord};

type Result<T> = std::result::Result<T, RegistryError>;

/// Since it enrolled last, by kind.
pub(super) async fn of(
    tx: &mut Transaction,
    terminal: TerminalId,
    epoch: u32,
) -> Result<Vec<KeyWord>> {
    let select = "SELECT kind, valid_until, said_by, recorded_at, recorded_by FROM payment_keys
         WHERE terminal = $1 AND epoch = $2 ORDER BY kind";
    let rows = tx.rows(select, vec![text(terminal), int(epoch)]).await?;
    let word = |mut row: Row| {
        Ok(KeyWord {
            kind: row.code()?,
            until: row.maybe_parsed("day")?,
            said_by: row.text()?,
            recorded_at: row.time()?,
            recorded_by: row.text()?,
        })
    };
    rows.into_iter().map(word).collect()
}

/// In place of what was said before of these kinds.
pub(super) async fn put(
    tx: &mut Transaction,
    terminal: TerminalId,
    said: &NewKeyWord,
    by: &By,
) -> Result<Vec<KeyWord>> {
    let known = terminals::known(tx, terminal).await?;
    for kind in &said.kinds {
        let insert = "INSERT INTO payment_keys (terminal, epoch, kind, valid_until, said_by,
                 recorded_at, recorded_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (terminal, epoch, kind) DO UPDATE SET valid_until = $4, said_by = $5,
                 recorded_at = $6, recorded_by = $7";
        let values = vec![
            text(terminal),
            int(known.epoch),
            code(*kind),
            maybe_text(said.until),
            text(&said.said_by),
            time(by.at),
            text(&by.who),
        ];
        tx.execute(insert, values).await?;
        let until = said.until.map_or("gone".to_owned(), |day| format!("until {day}"));
        let subject = format!("{terminal} {kind} {until} {}", said.said_by);
        audit::append(tx, by, "payment-keys-said", subject).await?;
    }
    of(tx, terminal, known.epoch).await
}
