//! What is on a unit: what its terminal signed, what was certified, and who answers for the rest.

use shared::digest::Digest;
use shared::document::SanitisationCertificate;
use shared::signature::Envelope;

use super::super::audit;
use super::super::session::{Row, Transaction, int, text, time};
use super::known;
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::terminal::Service;
use crate::unit::UnitRefused;
use crate::unit::record::Unit;
use crate::unit::remains::{Facts, NewWord, Remains, Word};

type Result<T> = std::result::Result<T, RegistryError>;

pub(in super::super) async fn of(tx: &mut Transaction, unit: &Unit) -> Result<Remains> {
    Ok(facts(tx, unit).await?.remains())
}

async fn facts(tx: &mut Transaction, unit: &Unit) -> Result<Facts> {
    let select = "SELECT t.epoch, t.service, t.service_at, s.digest, s.signed FROM terminals t
         LEFT JOIN sanitisations s ON s.order_id = t.service_order AND t.service = 'erased'
         WHERE t.serial = $1";
    let words = words(tx, unit.number).await?;
    let Some(mut row) = tx.row(select, vec![text(&unit.about.serial)]).await? else {
        let (epoch, service) = (0, Service::InService);
        return Ok(Facts { epoch, service, service_at: None, certificate: None, words });
    };
    let (epoch, service, service_at) = (row.number()?, row.code()?, row.maybe_time()?);
    // What enrolled was an earlier unit with its serial number, which is gone.
    let epoch = if is_of_an_earlier_unit(tx, unit).await? { 0 } else { epoch };
    let certificate = row.maybe_parsed("digest")?.zip(row.maybe_bytes()?);
    let certificate = certificate.map(|(digest, signed)| (digest, is_verified(&signed)));
    Ok(Facts { epoch, service, service_at, certificate, words })
}

/// Whether nobody has enrolled since the last unit with this serial number was disposed of.
async fn is_of_an_earlier_unit(tx: &mut Transaction, unit: &Unit) -> Result<bool> {
    let select = "SELECT earlier.id FROM units AS earlier
         WHERE earlier.serial = $1 AND earlier.id < $2 AND earlier.state = 'disposed'
             AND NOT EXISTS (SELECT 1 FROM claims
                 WHERE claims.serial = $1 AND claims.used_at >= earlier.state_at)
         LIMIT 1";
    let values = vec![text(&unit.about.serial), int(unit.number)];
    Ok(tx.row(select, values).await?.is_some())
}

/// One that cannot be read proves nothing.
fn is_verified(signed: &[u8]) -> bool {
    let read = Envelope::<SanitisationCertificate>::from_bytes(signed);
    read.is_ok_and(|it| it.document.is_verified())
}

async fn words(tx: &mut Transaction, unit: u64) -> Result<Vec<Word>> {
    let select = "SELECT reference, paper, epoch, said_by, why, said_at FROM unit_sanitisations
         WHERE unit = $1 ORDER BY seq";
    let word = |mut row: Row| {
        let said = NewWord { reference: row.text()?, paper: row.parsed::<Digest>("digest")? };
        let (epoch, by, why, at) = (row.number()?, row.text()?, row.text()?, row.time()?);
        Ok(Word { said, epoch, by, why, at })
    };
    tx.rows(select, vec![int(unit)]).await?.into_iter().map(word).collect()
}

pub(super) async fn known_of(tx: &mut Transaction, serial: &str) -> Result<Facts> {
    let unit = known(tx, serial).await?;
    facts(tx, &unit).await
}

pub(super) async fn say(
    tx: &mut Transaction,
    serial: &str,
    said: &NewWord,
    by: &By,
) -> Result<std::result::Result<Facts, UnitRefused>> {
    let unit = known(tx, serial).await?;
    let before = facts(tx, &unit).await?;
    if let Err(refused) = before.may_say(unit.state, said, &by.who) {
        return Ok(Err(refused));
    }
    let insert = "INSERT INTO unit_sanitisations (unit, seq, reference, paper, epoch, said_by, why,
             said_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = vec![
        int(unit.number),
        int(before.words.len() + 1),
        text(&said.reference),
        text(said.paper),
        int(before.epoch),
        text(&by.who),
        text(&by.why),
        time(by.at),
    ];
    tx.execute(insert, values).await?;
    let subject = format!("{serial} {} {}", said.reference, said.paper);
    audit::append(tx, by, "unit-sanitised", subject).await?;
    Ok(Ok(facts(tx, &unit).await?))
}
