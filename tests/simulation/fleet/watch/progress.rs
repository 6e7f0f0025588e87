//! Whoever could be released is, before long: otherwise something stands still that nobody sees.

use std::time::Duration;

use controller::registry::terminal::Presence;
use shared::time::UnixTime;

use super::{Books, Class, Estate, TillNumber, Watch};

/// How long somebody may wait for nothing.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Everybody is looked at so often; whoever could be released is, after every tick.
const LOOKS_EVERY: Duration = Duration::from_secs(30 * 60);

/// As far ahead of their hours as tills are released, with some to spare.
const AHEAD_MIN: std::ops::Range<i64> = 0..100;

impl Watch {
    pub(super) fn look_for_progress(
        &mut self,
        campaign: usize,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) {
        let watched = &self.campaigns[campaign];
        let is_standing = watched.is_stopped() || now >= watched.not_after;
        if is_standing || watched.places_free() == 0 || !watched.is_in_time(now) {
            self.campaigns[campaign].could.clear();
            return;
        }
        let could = |till: &TillNumber| self.could_be_released(campaign, *till, now, estate, books);
        let is_time = now >= watched.looked_at.plus(LOOKS_EVERY);
        let known = watched.could.iter().filter(|(till, _)| could(till));
        let mut found: std::collections::BTreeMap<_, _> =
            known.map(|(till, since)| (*till, *since)).collect();
        if is_time {
            let new = watched.waiting.iter().filter(|it| !watched.could.contains_key(it));
            found.extend(new.filter(|it| could(it)).map(|till| (*till, now)));
            self.campaigns[campaign].looked_at = now;
        }
        let late = found.iter().find(|(_, since)| now >= since.plus(PATIENCE));
        if let Some((till, since)) = late {
            self.breach(format!(
                "{now}: campaign {campaign} could release till {till} since {since}"
            ));
        }
        self.campaigns[campaign].could = found;
    }

    fn could_be_released(
        &self,
        campaign: usize,
        till: TillNumber,
        now: UnixTime,
        estate: &Estate,
        books: &Books,
    ) -> bool {
        let watched = &self.campaigns[campaign];
        if books.terminal(till).presence != Presence::Online
            || !watched.is_open(watched.wave_of[&till])
            || self.goes_first(campaign, till)
            || (self.is_left_alone(till, now) && watched.class < Class::Security)
        {
            return false;
        }
        if !watched.disturbs {
            return true;
        }
        !self.store_has_too_many(campaign, till, estate)
            && !self.is_last(till, now, estate, books)
            && opens_soon(till, now, estate)
    }
}

/// Some twenty minutes, of those that come, are open.
fn opens_soon(till: TillNumber, now: UnixTime, estate: &Estate) -> bool {
    let store = estate.store_of(till);
    let is_open =
        |minute: i64| store.house.shut_at(&store.zone, UnixTime(now.0 + minute * 60)).is_none();
    let mut starts = AHEAD_MIN.step_by(20);
    starts.any(|minute| [0, 10, 20].iter().all(|more| is_open(minute + more)))
}
