//! What people say of a sanitisation, as certificates will say it.

use shared::id::RequestId;

use super::super::session::{Transaction, json, text, time};
use super::super::{audit, requests};
use crate::deactivation::particulars::{NotTaken, Particulars};
use crate::registry::RegistryError;
use crate::registry::audit::By;

type Result<T> = std::result::Result<T, RegistryError>;

pub(super) async fn put(
    tx: &mut Transaction,
    request: RequestId,
    said: &Particulars,
    by: &By,
) -> Result<std::result::Result<(), NotTaken>> {
    let case = requests::known(tx, request).await?;
    if let Err(refused) = said.check(case.kind, case.state) {
        return Ok(Err(refused));
    }
    let insert = "INSERT INTO stop_particulars (request, said, said_at, said_by)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (request) DO UPDATE SET said = $2, said_at = $3, said_by = $4";
    let values = vec![text(request), json(said), time(by.at), text(&by.who)];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "stop-particulars-recorded", request).await?;
    Ok(Ok(()))
}

pub(super) async fn of(tx: &mut Transaction, request: RequestId) -> Result<Option<Particulars>> {
    let select = "SELECT said FROM stop_particulars WHERE request = $1";
    let row = tx.row(select, vec![text(request)]).await?;
    row.map(|mut row| row.json("what certificates say")).transpose()
}
