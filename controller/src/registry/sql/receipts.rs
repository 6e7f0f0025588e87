//! Signed receipts, as they came.

use shared::digest::Digest;
use shared::document::receipt::{Receipt, Said};
use shared::id::OrderId;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::session::{Row, Transaction, bytes, int, text, time};
use crate::registry::RegistryError;

type Result<T> = std::result::Result<T, RegistryError>;

/// An honest terminal makes two for an order, and two more whenever it is asked again.
const PER_ORDER_MAX: u32 = 64;

/// Keeps a receipt that was not kept before; gives whether it was kept now.
pub(super) async fn keep(
    tx: &mut Transaction,
    receipt: &Receipt,
    signed: &SignedBytes,
    received_at: UnixTime,
) -> Result<bool> {
    let said = match &receipt.said {
        Said::Accepted => "accepted",
        Said::Refused { .. } => "refused",
        Said::Finished { .. } => "finished",
    };
    let insert = "INSERT INTO receipts (digest, terminal, order_id, said, said_at, signed,
             received_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT COUNT(*) FROM receipts WHERE order_id = $3) < $8
         ON CONFLICT (digest) DO NOTHING";
    let values = vec![
        text(Digest::of(signed.as_slice())),
        text(receipt.terminal),
        text(receipt.order),
        text(said),
        time(receipt.at),
        bytes(signed.as_slice()),
        time(received_at),
        int(PER_ORDER_MAX),
    ];
    Ok(tx.execute(insert, values).await? == 1)
}

pub(super) async fn of(tx: &mut Transaction, order: OrderId) -> Result<Vec<SignedBytes>> {
    let select = "SELECT signed FROM receipts WHERE order_id = $1 ORDER BY said_at, digest";
    let rows = tx.rows(select, vec![text(order)]).await?;
    rows.into_iter().map(|mut row: Row| row.signed()).collect()
}
