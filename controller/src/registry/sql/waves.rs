//! The waves of a campaign, and what stops it.

use shared::id::CampaignId;
use shared::time::UnixTime;

use super::session::{Row, Transaction, int, json, text, time};
use super::{assignments, campaigns, tally};
use crate::campaign::gate;
use crate::campaign::state::{self, CampaignEvent, CampaignState};
use crate::campaign::wave::{Wave, Whom};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::campaign::{Campaign, Tripped, WaveEvent, WaveStanding};

type Result<T> = std::result::Result<T, RegistryError>;

/// In the audit log: nobody stops a campaign that its own gate stops.
const WHO: &str = "gate";

pub(super) async fn add(tx: &mut Transaction, campaign: CampaignId, waves: &[Wave]) -> Result<()> {
    let insert = "INSERT INTO campaign_waves (campaign, wave, size, whom) VALUES ($1, $2, $3, $4)";
    for (number, wave) in waves.iter().enumerate() {
        let values = vec![text(campaign), int(number), int(wave.size), text(whom_text(&wave.whom))];
        tx.execute(insert, values).await?;
    }
    Ok(())
}

/// One more terminal is in it.
pub(super) async fn grow(tx: &mut Transaction, campaign: CampaignId, number: u16) -> Result<()> {
    let update = "UPDATE campaign_waves SET size = size + 1 WHERE campaign = $1 AND wave = $2";
    tx.execute(update, vec![text(campaign), int(number)]).await?;
    Ok(())
}

fn whom_text(whom: &Whom) -> String {
    match whom {
        Whom::Listed => "listed".to_owned(),
        Whom::Rest => "rest".to_owned(),
        Whom::Below(place) => place.to_string(),
    }
}

fn whom(text: String) -> Result<Whom> {
    match text.as_str() {
        "listed" => Ok(Whom::Listed),
        "rest" => Ok(Whom::Rest),
        place => place
            .parse()
            .map(Whom::Below)
            .map_err(|_| RegistryError::Unreadable { what: "bound of a wave", value: text }),
    }
}

/// The campaign runs from this moment on.
pub(super) async fn open_first(
    tx: &mut Transaction,
    campaign: CampaignId,
    at: UnixTime,
) -> Result<()> {
    let update = "UPDATE campaign_waves SET opened_at = $2
         WHERE campaign = $1 AND wave = 0 AND opened_at IS NULL";
    tx.execute(update, vec![text(campaign), time(at)]).await?;
    Ok(())
}

pub(super) async fn of(tx: &mut Transaction, campaign: CampaignId) -> Result<Vec<WaveStanding>> {
    let select = "SELECT wave, size, whom, opened_at, reached_at, passed_at
         FROM campaign_waves WHERE campaign = $1 ORDER BY wave";
    let mut waves = Vec::new();
    for row in tx.rows(select, vec![text(campaign)]).await? {
        waves.push(standing(tx, campaign, row).await?);
    }
    Ok(waves)
}

async fn standing(
    tx: &mut Transaction,
    campaign: CampaignId,
    mut row: Row,
) -> Result<WaveStanding> {
    let number = row.number()?;
    Ok(WaveStanding {
        number,
        wave: Wave { size: row.number()?, whom: whom(row.text()?)? },
        opened_at: row.maybe_time()?,
        reached_at: row.maybe_time()?,
        passed_at: row.maybe_time()?,
        tally: tally::wave(tx, campaign, number).await?,
    })
}

/// Gives whether the wave was still where it was seen.
pub(super) async fn move_on(
    tx: &mut Transaction,
    campaign: CampaignId,
    number: u16,
    event: WaveEvent,
    at: UnixTime,
) -> Result<bool> {
    let update = match event {
        WaveEvent::Reached => {
            "UPDATE campaign_waves SET reached_at = $3
             WHERE campaign = $1 AND wave = $2 AND opened_at IS NOT NULL AND reached_at IS NULL"
        }
        WaveEvent::Passed => {
            "UPDATE campaign_waves SET passed_at = $3
             WHERE campaign = $1 AND wave = $2 AND opened_at IS NOT NULL AND passed_at IS NULL"
        }
    };
    let values = vec![text(campaign), int(number), time(at)];
    if tx.execute(update, values).await? == 0 {
        return Ok(false);
    }
    if event == WaveEvent::Passed {
        let open = "UPDATE campaign_waves SET opened_at = $3
             WHERE campaign = $1 AND wave = $2 + 1 AND opened_at IS NULL";
        tx.execute(open, vec![text(campaign), int(number), time(at)]).await?;
    }
    Ok(true)
}

/// Stops campaigns in which something has ended badly, where that is more than may.
pub(super) async fn look(
    tx: &mut Transaction,
    worse: impl IntoIterator<Item = (CampaignId, u16)>,
    at: UnixTime,
) -> Result<()> {
    for (id, number) in worse {
        let campaign = campaigns::known(tx, id).await?;
        let Some(gate) = &campaign.policy.gate else { continue };
        let waves = of(tx, id).await?;
        let Some(wave) = waves.iter().find(|it| it.number == number) else { continue };
        if let Some(trip) = gate::trips(gate, wave.tried()) {
            stop(tx, id, Tripped { wave: number, trip, at }).await?;
        }
    }
    Ok(())
}

/// Stops the campaign, unless it is not running any more.
pub(super) async fn stop(tx: &mut Transaction, id: CampaignId, tripped: Tripped) -> Result<()> {
    let found = campaigns::known(tx, id).await?.state;
    if state::step(found, CampaignEvent::Trip).is_err() {
        return Ok(());
    }
    let update = "UPDATE campaigns SET tripped = $2 WHERE id = $1";
    tx.execute(update, vec![text(id), json(&tripped)]).await?;
    let why = format!("wave {}: {}", tripped.wave + 1, tripped.trip);
    let by = By { who: WHO.to_owned(), why, at: tripped.at };
    campaigns::move_on(tx, id, found, CampaignEvent::Trip, &by).await?;
    Ok(())
}

/// Whatever has ended badly so far is let pass, where that is as many as the person knew of. Each
/// is marked: what is let pass and ends well after all makes no room for another failure.
pub(super) async fn resume(
    tx: &mut Transaction,
    campaign: CampaignId,
    known: u64,
    by: &By,
) -> Result<Campaign> {
    let resumed =
        campaigns::move_on(tx, campaign, CampaignState::Halted, CampaignEvent::Resume, by).await?;
    let bad = tally::campaign(tx, campaign).await?.bad();
    if bad != known {
        return Err(RegistryError::OtherFailures { campaign, known, bad });
    }
    assignments::let_pass(tx, campaign).await?;
    Ok(resumed)
}
