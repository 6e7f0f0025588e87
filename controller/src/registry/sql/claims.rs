//! Claims, and the enrolments that use them.

use shared::id::ClaimId;
use shared::time::UnixTime;

use super::code::ClaimWord;
use super::session::{Row, Transaction, code, int, json, maybe_text, text, time};
use super::{audit, positions, quarantine, terminals, units};
use crate::position::PositionState;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::registry::terminal::{
    Claim, ClaimRefusal, ClaimState, Enrolled, Enrolment, NewClaim, Unit, WRONG_GUESSES_MAX,
};
use crate::unit::{UnitRefused, UnitState};

type Result<T> = std::result::Result<T, RegistryError>;

macro_rules! select_claims {
    ($tail:literal) => {
        concat!(
            "SELECT id, terminal, serial, model, store, lane, labels, zone, claim_key, expires_at,
                 wrong_guesses, state, used_by, used_at, created_at, created_by
             FROM claims ",
            $tail
        )
    };
}

fn claim(mut row: Row) -> Result<Claim> {
    Ok(Claim {
        id: row.parsed("claim")?,
        terminal: row.parsed("terminal")?,
        serial: row.text()?,
        model: row.text()?,
        store: row.text()?,
        lane: row.maybe_text()?,
        labels: row.json("set of labels")?,
        zone: row.text()?,
        key: row.parsed("public key")?,
        expires_at: row.time()?,
        wrong_guesses: row.number()?,
        state: state(&mut row)?,
        created_at: row.time()?,
        created_by: row.text()?,
    })
}

fn state(row: &mut Row) -> Result<ClaimState> {
    let (word, used_by, used_at) = (row.code()?, row.maybe_parsed("digest")?, row.maybe_time()?);
    match (word, used_by, used_at) {
        (ClaimWord::Open, ..) => Ok(ClaimState::Open),
        (ClaimWord::Locked, ..) => Ok(ClaimState::Locked),
        (ClaimWord::Replaced, ..) => Ok(ClaimState::Replaced),
        (ClaimWord::Used, Some(spki), Some(at)) => Ok(ClaimState::Used { spki, at }),
        (ClaimWord::Used, ..) => Err(RegistryError::Unreadable {
            what: "used claim",
            value: "nobody who used it".to_owned(),
        }),
    }
}

pub(super) async fn by_id(tx: &mut Transaction, id: ClaimId) -> Result<Option<Claim>> {
    let row = tx.row(select_claims!("WHERE id = $1"), vec![text(id)]).await?;
    row.map(claim).transpose()
}

async fn known(tx: &mut Transaction, id: ClaimId) -> Result<Claim> {
    let missing = || RegistryError::Missing { what: "claim", which: id.to_string() };
    by_id(tx, id).await?.ok_or_else(missing)
}

pub(super) async fn by_serial(tx: &mut Transaction, serial: &str) -> Result<Option<Claim>> {
    let select = select_claims!("WHERE serial = $1 ORDER BY id DESC LIMIT 1");
    tx.row(select, vec![text(serial)]).await?.map(claim).transpose()
}

pub(super) async fn page(tx: &mut Transaction, page: &Page<ClaimId>) -> Result<Vec<Claim>> {
    let select = select_claims!("WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(claim).collect()
}

pub(super) async fn add(tx: &mut Transaction, new: &NewClaim, by: &By) -> Result<Claim> {
    if let Some(state) = closed_unit(tx, &new.serial).await? {
        let (serial, refused) = (new.serial.clone(), UnitRefused::Closed(state));
        return Err(RegistryError::UnitRefused { serial, refused });
    }
    let terminal = terminals::announce(tx, new, by.at).await?;
    let replace = "UPDATE claims SET state = $2 WHERE terminal = $1 AND state = $3";
    let values = vec![text(terminal), code(ClaimWord::Replaced), code(ClaimWord::Open)];
    tx.execute(replace, values).await?;
    let insert = "INSERT INTO claims (id, terminal, serial, model, store, lane, labels, zone,
             claim_key, expires_at, wrong_guesses, state, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13)";
    let values = vec![
        text(new.id),
        text(terminal),
        text(&new.serial),
        text(&new.model),
        text(&new.store),
        maybe_text(new.lane.as_ref()),
        json(&new.labels),
        text(&new.zone),
        text(new.key),
        time(new.expires_at),
        code(ClaimWord::Open),
        time(by.at),
        text(&by.who),
    ];
    tx.execute(insert, values).await?;
    audit::append(tx, by, "claim-made", new.id).await?;
    known(tx, new.id).await
}

pub(super) async fn wrong_guess(tx: &mut Transaction, id: ClaimId, by: &By) -> Result<Claim> {
    let claim = known(tx, id).await?;
    let guesses = claim.wrong_guesses.saturating_add(1);
    tx.execute("UPDATE claims SET wrong_guesses = $2 WHERE id = $1", vec![text(id), int(guesses)])
        .await?;
    if claim.state == ClaimState::Open && guesses >= WRONG_GUESSES_MAX {
        put_state(tx, id, ClaimWord::Locked).await?;
        audit::append(tx, by, "claim-locked", id).await?;
    }
    known(tx, id).await
}

async fn put_state(tx: &mut Transaction, id: ClaimId, state: ClaimWord) -> Result<()> {
    let update = "UPDATE claims SET state = $2 WHERE id = $1";
    tx.execute(update, vec![text(id), code(state)]).await?;
    Ok(())
}

pub(super) async fn enrol(
    tx: &mut Transaction,
    enrolment: &Enrolment,
    by: &By,
) -> Result<Enrolled> {
    let claim = known(tx, enrolment.claim).await?;
    let terminal = terminals::known(tx, claim.terminal).await?;
    if let Err(refusal) = claim.admits(enrolment.spki, by.at) {
        return Ok(Enrolled::Refused(refusal));
    }
    // It may have been closed since the claim was made, and enrolling would end its quarantine.
    if let Some(state) = closed_unit(tx, &claim.serial).await? {
        return Ok(Enrolled::Refused(ClaimRefusal::UnitClosed { state }));
    }
    match claim.state {
        ClaimState::Used { .. } if terminal.unit == Unit::Revoked => {
            return Ok(Enrolled::Refused(ClaimRefusal::Revoked));
        }
        // The answer to the first time was lost on its way.
        ClaimState::Used { .. } => {
            terminals::put_certificate(tx, terminal.id, enrolment.certificate).await?;
        }
        ClaimState::Open | ClaimState::Locked | ClaimState::Replaced => {
            if is_closed(tx, &claim).await? {
                return Ok(Enrolled::Refused(ClaimRefusal::PlaceClosed));
            }
            if let Some(by) = terminals::at_place(tx, &claim).await? {
                return Ok(Enrolled::Refused(ClaimRefusal::PlaceTaken { by }));
            }
            terminals::enrol(tx, &terminal, &claim, enrolment, by.at).await?;
            mark_used(tx, enrolment, by.at).await?;
            if terminal.is_quarantined && quarantine::among(tx, &[terminal.id]).await?.is_empty() {
                quarantine::ended(tx, terminal.id, by).await?;
            }
        }
    }
    audit::append(tx, by, "terminal-enrolled", terminal.id).await?;
    Ok(Enrolled::Done(terminals::known(tx, claim.terminal).await?))
}

/// The state in which nobody should hear from the unit with this serial number.
async fn closed_unit(tx: &mut Transaction, serial: &str) -> Result<Option<UnitState>> {
    let unit = units::by_serial(tx, serial).await?;
    Ok(unit.map(|unit| unit.state).filter(|state| state.is_closed()))
}

/// Whether the position that the claim names is closed.
async fn is_closed(tx: &mut Transaction, claim: &Claim) -> Result<bool> {
    let Some(lane) = &claim.lane else { return Ok(false) };
    let position = positions::at(tx, &claim.store, lane).await?;
    Ok(position.is_some_and(|it| it.state == PositionState::Closed))
}

async fn mark_used(tx: &mut Transaction, enrolment: &Enrolment, at: UnixTime) -> Result<()> {
    let update = "UPDATE claims SET state = $2, used_by = $3, used_at = $4 WHERE id = $1";
    let values = vec![text(enrolment.claim), code(ClaimWord::Used), text(enrolment.spki), time(at)];
    tx.execute(update, values).await?;
    Ok(())
}
