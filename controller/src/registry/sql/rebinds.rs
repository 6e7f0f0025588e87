//! Changes of provider: waves, profiles, and orders as evidence.

use async_trait::async_trait;
use shared::codec;
use shared::digest::Digest;
use shared::document::Profile;
use shared::document::profile::{Enclosed, PROFILE_BYTES_MAX};
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::message::SignedBytes;

use super::session::{
    Access, Database, Row, Transaction, bytes, int, list as list_of, maybe_text, text, time,
    with_id_list,
};
use super::{
    SqlRegistry, audit, bindings, campaigns, deactivations, finish, notices, read, requests,
    transaction, write,
};
use crate::registry::RegistryError;
use crate::registry::audit::By;
use crate::registry::notice::NoticeAbout;
use crate::registry::page::Page;
use crate::registry::rebind::{NewRebind, NewWave, NotBegun, Rebind, RebindRegistry, StoredOrder};
use crate::request::{RequestKind, RequestRefused};

type Result<T> = std::result::Result<T, RegistryError>;

#[async_trait]
impl<D: Database> RebindRegistry for SqlRegistry<D> {
    async fn add_rebind(
        &self,
        new: &NewRebind,
        by: &By,
    ) -> Result<std::result::Result<Rebind, NotBegun>> {
        write!(self, "add a change of provider", tx => add(tx, new, by))
    }

    async fn rebind_of(&self, campaign: CampaignId) -> Result<Option<Rebind>> {
        read!(self, "find a change of provider", tx => of_campaign(tx, campaign))
    }

    async fn rebinding(
        &self,
        terminals: &[TerminalId],
        but: Option<CampaignId>,
    ) -> Result<Vec<(TerminalId, CampaignId)>> {
        read!(self, "find changes in hand", tx => rebinding(tx, terminals, but))
    }

    async fn rebinds(&self, page: &Page<CampaignId>) -> Result<Vec<CampaignId>> {
        read!(self, "list changes of provider", tx => list(tx, page))
    }

    async fn profiles(
        &self,
        campaign: CampaignId,
        page: &Page<TerminalId>,
    ) -> Result<Vec<(TerminalId, Enclosed)>> {
        read!(self, "list profiles", tx => profiles(tx, campaign, page))
    }

    async fn order(&self, id: OrderId) -> Result<Option<StoredOrder>> {
        read!(self, "find an order", tx => order(tx, id))
    }
}

/// Looks at everything that may be refused before it writes.
async fn add(
    tx: &mut Transaction,
    new: &NewRebind,
    by: &By,
) -> Result<std::result::Result<Rebind, NotBegun>> {
    let missing = || RegistryError::Missing { what: "wave", which: "1".to_owned() };
    let rebind = new.waves.first().ok_or_else(missing)?.campaign.id;
    let request = match requests::to_schedule(tx, new.request).await? {
        Ok(request) if request.kind == RequestKind::Rebind => request,
        Ok(request) => return Ok(Err(RequestRefused::OtherKind(request.kind).into())),
        Err(refused) => return Ok(Err(refused.into())),
    };
    for binding in &new.bindings {
        if let Err(refused) = bindings::may_add(tx, binding).await? {
            return Ok(Err(refused.into()));
        }
    }
    for wave in &new.waves {
        let members: Vec<_> = wave.profiles.keys().copied().collect();
        let mut taken = rebinding(tx, &members, None).await?;
        // Whoever stands still refuses a change of provider, and waits for it in vain.
        taken.extend(deactivations::deactivating(tx, &members).await?);
        if let Some(&(terminal, campaign)) = taken.first() {
            return Ok(Err(NotBegun::InAnotherChange { terminal, campaign }));
        }
    }
    for wave in &new.waves {
        campaigns::add(tx, &wave.campaign, by).await?;
    }
    let insert = "INSERT INTO rebinds (id, plan, created_at, created_by) VALUES ($1, $2, $3, $4)";
    let values = vec![text(rebind), text(&new.plan), time(by.at), text(&by.who)];
    tx.execute(insert, values).await?;
    for (number, wave) in (1_u32..).zip(&new.waves) {
        add_wave(tx, rebind, number, wave).await?;
    }
    for notice in &new.notices {
        notices::write(tx, NoticeAbout::Rebind(rebind), notice, by).await?;
    }
    for binding in &new.bindings {
        bindings::write_new(tx, binding, by).await?;
    }
    requests::put_scheduled(tx, request, rebind, by).await?;
    audit::append(tx, by, "rebind-created", rebind).await?;
    Ok(Ok(of_campaign(tx, rebind).await?.ok_or_else(missing)?))
}

async fn add_wave(
    tx: &mut Transaction,
    rebind: CampaignId,
    number: u32,
    wave: &NewWave,
) -> Result<()> {
    let NewWave { campaign, profiles } = wave;
    let insert = "INSERT INTO rebind_waves (campaign, rebind, wave) VALUES ($1, $2, $3)";
    tx.execute(insert, vec![text(campaign.id), text(rebind), int(number)]).await?;
    for (terminal, enclosed) in profiles {
        put_enclosed(tx, campaign.id, *terminal, enclosed).await?;
    }
    Ok(())
}

/// What a campaign holds for one terminal: a profile, or a clearance.
pub(super) async fn put_enclosed(
    tx: &mut Transaction,
    campaign: CampaignId,
    terminal: TerminalId,
    enclosed: &Enclosed,
) -> Result<()> {
    let path: Vec<u8> = enclosed.path.iter().flat_map(|sibling| sibling.0).collect();
    let insert = "INSERT INTO campaign_profiles (campaign, terminal, profile, path)
         VALUES ($1, $2, $3, $4)";
    let values = vec![text(campaign), text(terminal), bytes(&enclosed.profile), bytes(&path)];
    tx.execute(insert, values).await?;
    Ok(())
}

/// What a terminal is bound to by a wave; `None` of another kind of campaign.
pub(super) async fn profile_of(
    tx: &mut Transaction,
    campaign: CampaignId,
    terminal: TerminalId,
) -> Result<Option<Profile>> {
    let select = "SELECT profile FROM campaign_profiles WHERE campaign = $1 AND terminal = $2";
    let Some(mut row) = tx.row(select, vec![text(campaign), text(terminal)]).await? else {
        return Ok(None);
    };
    let profile = codec::decode_document(&row.bytes()?, PROFILE_BYTES_MAX);
    profile.map(Some).map_err(|_| RegistryError::Unreadable {
        what: "profile",
        value: format!("of {terminal} in {campaign}"),
    })
}

/// A profile and its path as they were selected, both or none.
pub(super) fn enclosed(row: &mut Row) -> Result<Option<Enclosed>> {
    let (profile, path) = (row.maybe_bytes()?, row.maybe_bytes()?);
    let Some((profile, path)) = profile.zip(path) else { return Ok(None) };
    let (siblings, rest) = path.as_chunks::<32>();
    if !rest.is_empty() {
        let value = format!("{} bytes", path.len());
        return Err(RegistryError::Unreadable { what: "path of a profile", value });
    }
    let path = siblings.iter().map(|sibling| Digest(*sibling)).collect();
    Ok(Some(Enclosed { profile: profile.into(), path }))
}

pub(super) async fn of_campaign(
    tx: &mut Transaction,
    campaign: CampaignId,
) -> Result<Option<Rebind>> {
    let select = "SELECT id, plan, created_at, created_by FROM rebinds
         WHERE id = (SELECT rebind FROM rebind_waves WHERE campaign = $1)";
    let Some(mut row) = tx.row(select, vec![text(campaign)]).await? else { return Ok(None) };
    let id: CampaignId = row.parsed("campaign")?;
    let (plan, created_at, created_by) = (row.text()?, row.time()?, row.text()?);
    let select = "SELECT campaign FROM rebind_waves WHERE rebind = $1 ORDER BY wave";
    let waves = tx.rows(select, vec![text(id)]).await?;
    let waves = waves.into_iter().map(|mut row| row.parsed("campaign"));
    let waves = waves.collect::<Result<_>>()?;
    let notices = notices::of(tx, NoticeAbout::Rebind(id)).await?;
    let notices = notices.into_iter().map(|it| it.notice).collect();
    Ok(Some(Rebind { id, waves, plan, created_at, created_by, notices }))
}

pub(super) async fn rebinding(
    tx: &mut Transaction,
    terminals: &[TerminalId],
    but: Option<CampaignId>,
) -> Result<Vec<(TerminalId, CampaignId)>> {
    let select = with_id_list!(
        "SELECT p.terminal, p.campaign FROM campaign_profiles p
         JOIN campaigns c ON c.id = p.campaign
         JOIN rebind_waves w ON w.campaign = p.campaign
         WHERE c.ended_at IS NULL AND ($2 IS NULL OR w.rebind <> $2) AND p.terminal IN ",
        " ORDER BY p.terminal, p.campaign"
    );
    let rows = tx.rows(select, vec![list_of(terminals), maybe_text(but)]).await?;
    rows.into_iter().map(|mut row| Ok((row.parsed("terminal")?, row.parsed("campaign")?))).collect()
}

async fn list(tx: &mut Transaction, page: &Page<CampaignId>) -> Result<Vec<CampaignId>> {
    let select = "SELECT id FROM rebinds WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
    let rows = tx.rows(select, vec![maybe_text(page.after), int(page.items())]).await?;
    rows.into_iter().map(|mut row| row.parsed("campaign")).collect()
}

async fn profiles(
    tx: &mut Transaction,
    campaign: CampaignId,
    page: &Page<TerminalId>,
) -> Result<Vec<(TerminalId, Enclosed)>> {
    let select = "SELECT terminal, profile, path FROM campaign_profiles
         WHERE campaign = $1 AND ($2 IS NULL OR terminal > $2) ORDER BY terminal LIMIT $3";
    let values = vec![text(campaign), maybe_text(page.after), int(page.items())];
    let mut profiles = Vec::new();
    for mut row in tx.rows(select, values).await? {
        let terminal = row.parsed("terminal")?;
        profiles.extend(enclosed(&mut row)?.map(|enclosed| (terminal, enclosed)));
    }
    Ok(profiles)
}

async fn order(tx: &mut Transaction, id: OrderId) -> Result<Option<StoredOrder>> {
    let select = "SELECT orders.id, orders.terminal, orders.campaign, orders.purpose,
             orders.signed, batches.signed, releases.signed, campaign_profiles.profile,
             campaign_profiles.path, assignments.cancel_order
         FROM orders
         JOIN campaigns ON campaigns.id = orders.campaign
         JOIN batches ON batches.digest = orders.batch
         LEFT JOIN releases ON releases.digest = campaigns.release AND orders.purpose = 'change'
         LEFT JOIN campaign_profiles ON campaign_profiles.campaign = orders.campaign
             AND campaign_profiles.terminal = orders.terminal AND orders.purpose = 'change'
         LEFT JOIN assignments ON assignments.order_id = orders.id
         WHERE orders.id = $1";
    let order = |mut row: Row| {
        Ok(StoredOrder {
            id: row.parsed("order")?,
            terminal: row.parsed("terminal")?,
            campaign: row.parsed("campaign")?,
            purpose: row.code()?,
            signed: row.signed()?,
            batch: row.signed()?,
            release: row.maybe_bytes()?.map(SignedBytes::new),
            profile: enclosed(&mut row)?,
            cancelled_by: row.maybe_parsed("order")?,
        })
    };
    tx.row(select, vec![text(id)]).await?.map(order).transpose()
}
