//! Time alone moves an assignment when its terminal does not.

use std::sync::PoisonError;
use std::time::Duration;

use shared::time::UnixTime;
use tracing::info;

use super::super::assignment::{AssignmentState, Fact, GivenUp, Unheard};
use super::{ASSIGNMENTS_MAX, Execute, Motion, Result, behind};
use crate::delivery::presence::SILENT_AFTER;
use crate::kind::Silence;
use crate::registry::campaign::Assignment;
use crate::registry::page::Page;

/// An order that could not be sent for so long lends its place to another terminal, and is not sent
/// before it has one again.
const SEND_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The same of one that was sent and not answered: its terminal may have it, and be at it.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3600);

/// How often it is looked who is at it and away: hours are waited for, and a minute is nothing.
const AWAY_EVERY: Duration = Duration::from_secs(60);

const FAR: UnixTime = UnixTime(i64::MAX);

/// Since when terminals can be heard. While the controller or its broker is away everybody seems to
/// be, and afterwards all need time to come back: nobody may be given up for that.
///
/// A memory only: after a restart it begins anew.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    since: Option<UnixTime>,
    looked_at: Option<UnixTime>,
}

impl Hearing {
    fn is_due(&self, now: UnixTime) -> bool {
        self.looked_at.is_none_or(|at| now >= at.plus(AWAY_EVERY))
    }

    /// `heard_at`: when anybody was heard last who is online.
    fn listen(&mut self, heard_at: Option<UnixTime>, now: UnixTime) {
        let not_before = now.minus(SILENT_AFTER);
        let hears = heard_at.is_some_and(|at| at >= not_before);
        let before = self.since.filter(|_| self.looked_at >= Some(not_before));
        (self.since, self.looked_at) = (hears.then(|| before.unwrap_or(now)), Some(now));
    }
}

impl Execute {
    /// Gives since when terminals can be heard.
    pub(super) async fn listen(&self, now: UnixTime) -> Result<Option<UnixTime>> {
        let hearing = || self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
        if hearing().is_due(now) {
            let heard_at = self.registry.last_heard().await?;
            hearing().listen(heard_at, now);
        }
        Ok(hearing().since)
    }

    /// Gives whether that changed anything.
    pub(super) async fn give_up_waiting(&self, motion: &Motion) -> Result<bool> {
        let (now, not_after) = (motion.now, motion.frozen.not_after);
        if now < not_after {
            let (unsent, sent) = (now.minus(SEND_PATIENCE), now.minus(ANSWER_PATIENCE));
            let (id, most) = (motion.campaign.id, ASSIGNMENTS_MAX);
            let lent = self.registry.assignments_unanswered(id, unsent, sent, most).await?;
            self.learn(&lent, &[Fact::Unanswered(now)], now).await?;
            return Ok(!lent.is_empty());
        }
        let mut has_given_up = false;
        for state in [AssignmentState::Ordered, AssignmentState::Unanswered] {
            has_given_up |=
                self.give_up(motion, state, (FAR, false), |_| Unheard::Unreached).await?;
        }
        let terms = motion.campaign.terms();
        if now < not_after.plus(terms.patience) {
            return Ok(has_given_up);
        }
        let since = (now.minus(terms.patience), terms.is_waited_for);
        let at_it = [AssignmentState::Working, AssignmentState::Undoing];
        for state in [AssignmentState::Accepted, AssignmentState::Waiting].into_iter().chain(at_it)
        {
            let as_what = |it: &Assignment| {
                let disturbs = |of: Silence| it.standing.has_come_to(of.disturbs_from);
                let has_begun = at_it.contains(&state)
                    || terms.may_begin_unheard()
                    || terms.silence.is_some_and(disturbs);
                if has_begun { Unheard::Silent } else { Unheard::Expired }
            };
            has_given_up |= self.give_up(motion, state, since, as_what).await?;
        }
        Ok(has_given_up)
    }

    /// Those that have been in this state since before then, and whose terminals have been away as
    /// long where that is asked.
    async fn give_up(
        &self,
        motion: &Motion,
        state: AssignmentState,
        (before, away): (UnixTime, bool),
        as_what: impl Fn(&Assignment) -> Unheard,
    ) -> Result<bool> {
        let (id, now) = (motion.campaign.id, motion.now);
        let found =
            self.registry.assignments_since(id, state, before, away, ASSIGNMENTS_MAX).await?;
        for unheard in [Unheard::Unreached, Unheard::Expired, Unheard::Silent] {
            let fact = Fact::GivenUp(GivenUp { as_what: unheard, at: now });
            let some: Vec<_> = found.iter().filter(|it| as_what(it) == unheard).cloned().collect();
            self.learn(&some, &[fact], now).await?;
        }
        Ok(!found.is_empty())
    }

    /// Whoever has begun and is away for too long counts as a bad end, so that a change that kills
    /// terminals stops its campaign. Its order stays what it is: what the terminal says later is
    /// heard. Gives whether there was anybody.
    pub(super) async fn give_up_who_is_away(&self, motion: &mut Motion) -> Result<bool> {
        let (id, now) = (motion.campaign.id, motion.now);
        let terms = motion.campaign.terms();
        let Some(silence) = terms.silence.filter(|_| now >= motion.frontier.away_at) else {
            return Ok(false);
        };
        let mut has_given_up = false;
        motion.frontier.away_at = now.plus(AWAY_EVERY);
        let is_heard_for = |patience: Duration| {
            let before = now.minus(patience);
            motion.heard_since.is_some_and(|since| since <= before).then_some(before)
        };
        let silent = Fact::GivenUp(GivenUp { as_what: Unheard::Silent, at: now });
        if let Some(before) = is_heard_for(silence.preparing) {
            let page = Page::first(ASSIGNMENTS_MAX);
            let away = self.registry.assignments_away(id, before, &page).await?;
            has_given_up |= !away.is_empty();
            self.learn(&away, std::slice::from_ref(&silent), now).await?;
        }
        if let Some(before) = is_heard_for(silence.disturbing) {
            let page = Page { after: motion.frontier.away_after, limit: ASSIGNMENTS_MAX };
            let mut away = self.registry.assignments_away(id, before, &page).await?;
            motion.frontier.away_after = behind(&away);
            away.retain(|it| it.standing.has_come_to(silence.disturbs_from));
            if !away.is_empty() {
                info!(campaign = %id, count = away.len(), "terminals are away from their work");
            }
            has_given_up |= !away.is_empty();
            self.learn(&away, &[silent], now).await?;
        }
        Ok(has_given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Since when it hears after looks at these minutes, each with whether anybody is heard.
    fn since(looks: &[(u32, bool)]) -> Option<u32> {
        let start = UnixTime(1_000_000);
        let mut hearing = Hearing::default();
        for (minute, hears) in looks {
            let now = start.plus(MINUTE * *minute);
            hearing.listen(hears.then_some(now), now);
        }
        hearing.since.map(|at| u32::try_from(at.since(start).as_secs() / 60).unwrap())
    }

    #[test]
    fn whoever_does_not_listen_or_hears_nobody_begins_anew() {
        assert_eq!(since(&[]), None);
        assert_eq!(since(&[(0, true), (1, true), (30, true)]), Some(0));
        assert_eq!(since(&[(0, true), (30, false)]), None, "nobody is there to be heard");
        assert_eq!(since(&[(0, true), (30, false), (40, true)]), Some(40));
        assert_eq!(since(&[(0, true), (180, true)]), Some(180), "it was away itself");
    }
}
