//! Takes terminals in that have come to be meant after the start, where the policy says so.

use shared::id::TerminalId;
use tracing::info;

use super::super::policy::Intake;
use super::super::{survey, wave};
use super::{Execute, Motion, Result, WHO};
use crate::registry::RegistryError;
use crate::registry::audit::By;

/// Terminals taken in at once, in one transaction.
const JOINERS_MAX: usize = 500;

impl Execute {
    /// Looks at those about whom something has changed: at everybody where that is not known, and
    /// after a restart. Each falls into a wave by its place, whatever the others did meanwhile.
    pub(super) async fn take_in(
        &self,
        motion: &mut Motion,
        changed: Option<Vec<(TerminalId, String)>>,
    ) -> Result<()> {
        let (campaign, frontier) = (&motion.campaign, &motion.frontier);
        let in_time = motion.now < motion.frozen.not_after;
        match campaign.policy.membership {
            Intake::Continuous if in_time => {}
            Intake::Continuous | Intake::Snapshot => return Ok(()),
        }
        let strangers = changed.filter(|_| frontier.has_looked_over).map(|changed| {
            let ids = changed.into_iter().map(|(id, _)| id);
            ids.filter(|id| !frontier.is_member(*id)).collect::<Vec<_>>()
        });
        // A newer roster may ask for approvers, who never heard of those that join.
        let verb = campaign.change.verb();
        if strangers.as_ref().is_some_and(Vec::is_empty) || self.do_people_sign(verb, 1).await? {
            return Ok(());
        }
        let (registry, now) = (&*self.registry, motion.now);
        let not_after = motion.frozen.not_after;
        let mut joiners =
            survey::who_may_join(registry, campaign, not_after, strangers, now).await?;
        joiners.retain(|id| !frontier.is_member(*id));
        let cut: Vec<_> = motion.waves.iter().map(|it| it.wave.clone()).collect();
        let (salt, canary) = (campaign.salt, &campaign.policy.canary);
        let with_wave = |id| (id, wave::wave_of(salt, canary, &cut, id));
        let joiners: Vec<_> = joiners.into_iter().map(with_wave).collect();
        for joiners in joiners.chunks(JOINERS_MAX) {
            let why = "it is meant by the campaign's selection now".to_owned();
            let by = By { who: WHO.to_owned(), why, at: now };
            match self.registry.join(&motion.campaign, joiners, &by).await {
                Ok(joined) => {
                    info!(campaign = %motion.campaign.id, joined, "terminals have joined")
                }
                // Somebody stopped it at this moment: they join if it goes on.
                Err(RegistryError::CampaignMoved { .. }) => {
                    motion.frontier.has_looked_over = false;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            motion.frontier.join(joiners);
        }
        motion.frontier.has_looked_over = true;
        if !joiners.is_empty() {
            self.look_again(motion).await?;
        }
        Ok(())
    }

    /// It may have more members, or have been stopped, by what became known.
    pub(super) async fn look_again(&self, motion: &mut Motion) -> Result<()> {
        let id = motion.campaign.id;
        motion.waves = self.registry.waves(id).await?;
        if let Some(campaign) = self.registry.campaign(id).await?
            && let Some(frozen) = campaign.frozen
        {
            (motion.campaign, motion.frozen) = (campaign, frozen);
        }
        Ok(())
    }
}
