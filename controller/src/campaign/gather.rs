//! Looks up what a plan decides by: the members in question, what else goes on with them, the
//! stores that they stand in, and the windows and freezes of these.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use shared::calendar::{Calendar, Closed, Jitter, Opening as Hours, Part, Span, Weekly};
use shared::id::TerminalId;
use shared::time::UnixTime;
use shared::window::Window;
use tracing::warn;

use super::plan::{Candidate, Closing, Opening};
use super::store::StoreStanding;
use crate::calendar::Kind;
use crate::calendar::carried::{self, NotCarried};
use crate::kind::Disturbs;
use crate::registry::calendar::Kept;
use crate::registry::campaign::Campaign;
use crate::registry::terminal::Terminal;
use crate::registry::{Registry, RegistryError};

/// Members, in the order in which they were asked about, and all stores in which they stand.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidate>,
    pub(super) stores: BTreeMap<String, StoreStanding>,
    /// What the orders of each carry; those of which nothing closes are left out.
    pub(super) calendars: BTreeMap<TerminalId, Calendar>,
    /// The fleet's count of upheavals before they were looked up: what changes after that, orders
    /// made of them do not know.
    pub(super) upheavals: u64,
}

impl Gathered {
    /// Nothing lets them be disturbed before the orders run out: an order would have no hours that
    /// it could carry.
    pub(super) fn who_never_opens(&self) -> BTreeSet<TerminalId> {
        let never = |it: &&Candidate| matches!(it.opening, Opening::Never(_));
        self.candidates.iter().filter(never).map(|it| it.terminal).collect()
    }
}

/// Each member with its wave. At most [`crate::registry::page::PAGE_ITEMS_MAX`] at a time.
pub(super) async fn candidates(
    registry: &dyn Registry,
    campaign: &Campaign,
    members: &[(TerminalId, u16)],
    now: UnixTime,
) -> Result<Gathered, RegistryError> {
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let terminals = registry.terminals_of(&ids).await?;
    of(registry, campaign, members, &terminals, now).await
}

/// The same, of terminals that are known already.
pub(super) async fn of(
    registry: &dyn Registry,
    campaign: &Campaign,
    members: &[(TerminalId, u16)],
    terminals: &[Terminal],
    now: UnixTime,
) -> Result<Gathered, RegistryError> {
    let upheavals = registry.fleet_tally().await?.upheavals;
    let ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    let known: BTreeMap<_, _> = terminals.iter().map(|it| (it.id, it)).collect();
    let besides = registry.besides(campaign.id, &ids).await?;
    let names: BTreeSet<_> = terminals.iter().map(|it| it.store.clone()).collect();
    let terms = campaign.terms();
    let stores = match terms.disturbs {
        Disturbs::InItsTurn => {
            let names: Vec<_> = names.iter().cloned().collect();
            registry.store_standings(&names, now).await?
        }
        Disturbs::Never | Disturbs::AsPlanned => BTreeMap::new(),
    };
    let mut kept = BTreeMap::new();
    for name in names.into_iter().filter(|_| terms.keeps_calendars) {
        let of_store = registry.calendars_of_store(&name).await?;
        kept.insert(name, of_store);
    }
    let (candidates, calendars) = (vec![], BTreeMap::new());
    let mut gathered = Gathered { candidates, stores, calendars, upheavals };
    for (id, wave) in members {
        let Some(terminal) = known.get(id) else { continue };
        let kept = kept.get(&terminal.store).map(Vec::as_slice).unwrap_or_default();
        let (opening, calendar) = match terms.keeps_calendars {
            true => opening(campaign, kept, terminal, now),
            false => (Opening::Open, None),
        };
        gathered.calendars.extend(calendar.map(|calendar| (*id, calendar)));
        let besides = besides.get(id).copied().unwrap_or_default();
        gathered.candidates.push(Candidate::of(terminal, *wave, besides, opening));
    }
    Ok(gathered)
}

/// When a terminal may be disturbed next, and the calendar by which its order says so.
pub fn opening(
    campaign: &Campaign,
    kept: &[Kept],
    terminal: &Terminal,
    now: UnixTime,
) -> (Opening, Option<Calendar>) {
    let not_after = campaign.frozen.map_or(now, |frozen| frozen.not_after);
    // A zone that this machine does not know is the terminal's to know: it opens its own windows.
    let Ok(zone) = TimeZone::get(&terminal.zone) else { return (Opening::Open, None) };
    let life = Span { from: now, to: not_after };
    let spread = campaign.policy.spread.unwrap_or_default();
    match opens(kept, &zone, campaign.change.window(), spread, life) {
        Ok(opens) => opens,
        Err(NotCarried::NeverOpens { kind: Kind::Freeze, .. }) => {
            (Opening::Never(Closing::Freeze), None)
        }
        Err(NotCarried::NeverOpens { .. }) => (Opening::Never(Closing::Window), None),
        Err(error @ NotCarried::TooMany { .. }) => {
            let (terminal, shown) = (terminal.id, &error as &dyn std::error::Error);
            warn!(campaign = %campaign.id, %terminal, error = shown, "no order can say when");
            (Opening::Never(Closing::Window), None)
        }
    }
}

/// The same, of whatever is ordered in this zone for so long.
pub(super) fn opens(
    kept: &[Kept],
    zone: &TimeZone,
    window: Option<Window>,
    spread: Duration,
    life: Span,
) -> Result<(Opening, Option<Calendar>), NotCarried> {
    let calendar = carried::carried(kept, zone, life, seconds(spread))?;
    let calendar = calendar.or_else(|| of_window(window, spread));
    Ok((next(calendar.as_ref(), window, zone, life.from, life.to), calendar))
}

/// Stores of which windows and freezes are looked up where it is only to be shown.
const STORES_SHOWN: usize = 10;

/// When hours let the first of these terminals go on that wait for them, of as few stores as tell
/// it. Those of which nothing is closed any more are left out.
pub(super) async fn openings(
    registry: &dyn Registry,
    campaign: &Campaign,
    terminals: &[&Terminal],
    now: UnixTime,
) -> Result<BTreeMap<TerminalId, UnixTime>, RegistryError> {
    let mut openings = BTreeMap::new();
    let mut by_store = BTreeMap::<&str, Vec<Kept>>::new();
    for terminal in terminals {
        let store = terminal.store.as_str();
        if !by_store.contains_key(store) {
            if by_store.len() == STORES_SHOWN {
                continue;
            }
            let kept = match campaign.terms().keeps_calendars {
                true => registry.calendars_of_store(store).await?,
                false => vec![],
            };
            by_store.insert(store, kept);
        }
        let (opening, _) = opening(campaign, &by_store[store], terminal, now);
        if let Opening::At { at, .. } = opening {
            openings.insert(terminal.id, at);
        }
    }
    Ok(openings)
}

fn seconds(spread: Duration) -> u32 {
    u32::try_from(spread.as_secs()).unwrap_or(u32::MAX)
}

/// The change's own window says when; the order, over how long they begin.
fn of_window(window: Option<Window>, spread: Duration) -> Option<Calendar> {
    let window = window.filter(|_| !spread.is_zero())?;
    Some(Calendar {
        download: vec![],
        activation: vec![Hours::Weekly(Weekly::daily(window))],
        freezes: vec![],
        spread_s: seconds(spread),
    })
}

/// The first moment at which it may fetch or disturb its shop: whichever of its parts has windows
/// of its own, and of these the sooner.
fn next(
    calendar: Option<&Calendar>,
    window: Option<Window>,
    zone: &TimeZone,
    now: UnixTime,
    not_after: UnixTime,
) -> Opening {
    let any_time = Calendar { download: vec![], activation: vec![], freezes: vec![], spread_s: 0 };
    let calendar = calendar.unwrap_or(&any_time);
    let hours = |part| calendar.hours(part, zone, Jitter::NONE);
    let activation = hours(Part::Activation).within(window);
    let closed = match activation.closed_at(now) {
        None => return Opening::Open,
        Some(closed) => closed,
    };
    let of = match closed {
        Closed::Freeze => Closing::Freeze,
        Closed::Window | Closed::Spread | Closed::Margin => Closing::Window,
    };
    let Some(disturbed_at) = activation.next_opening(now, not_after) else {
        return Opening::Never(of);
    };
    // Where downloads have hours of their own, what is to be fetched in them is sent for in time.
    let fetched_at = match calendar.download.is_empty() {
        true => None,
        false => hours(Part::Download).next_opening(now, not_after),
    };
    Opening::At { at: fetched_at.map_or(disturbed_at, |at| at.min(disturbed_at)), of }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().expect("a test's own time").as_second())
    }

    fn window(text: &str) -> Window {
        text.parse().expect("a test's own window")
    }

    fn calendar(
        download: Option<&str>,
        activation: Option<&str>,
        freeze: Option<Span>,
    ) -> Calendar {
        let daily = |text: Option<&str>| -> Vec<Hours> {
            text.into_iter().map(|text| Hours::Weekly(Weekly::daily(window(text)))).collect()
        };
        Calendar {
            download: daily(download),
            activation: daily(activation),
            freezes: freeze.into_iter().collect(),
            spread_s: 0,
        }
    }

    #[test]
    fn the_next_moment_is_read_off_the_terminals_own_clock() {
        let zone = TimeZone::get("Europe/Berlin").expect("the machine knows it");
        let noon = at("2026-11-22T11:00:00Z");
        let far = at("2026-12-06T11:00:00Z");
        let tonight = at("2026-11-22T21:00:00Z");
        let freeze = Span { from: at("2026-11-22T00:00:00Z"), to: at("2026-11-24T00:00:00Z") };
        let endless = Span { to: at("2027-01-01T00:00:00Z"), ..freeze };
        let opens = |at, of| Opening::At { at, of };
        for (calendar, window_of_change, expected) in [
            (None, None, Opening::Open),
            (None, Some("22:00-06:00"), opens(tonight, Closing::Window)),
            (None, Some("08:00-20:00"), Opening::Open),
            (
                Some(calendar(None, Some("22:00-04:00"), None)),
                None,
                opens(tonight, Closing::Window),
            ),
            // Both must be open.
            (
                Some(calendar(None, Some("23:00-04:00"), None)),
                Some("22:00-06:00"),
                opens(at("2026-11-22T22:00:00Z"), Closing::Window),
            ),
            (
                Some(calendar(None, Some("08:00-10:00"), None)),
                Some("22:00-06:00"),
                Opening::Never(Closing::Window),
            ),
            // What is fetched in the afternoon is sent for before it.
            (
                Some(calendar(Some("14:00-16:00"), Some("22:00-04:00"), None)),
                None,
                opens(at("2026-11-22T13:00:00Z"), Closing::Window),
            ),
            (Some(calendar(None, None, Some(freeze))), None, opens(freeze.to, Closing::Freeze)),
            (Some(calendar(None, None, Some(endless))), None, Opening::Never(Closing::Freeze)),
        ] {
            let window = window_of_change.map(window);
            let found = next(calendar.as_ref(), window, &zone, noon, far);
            assert_eq!(found, expected, "{calendar:?} {window_of_change:?}");
        }
    }

    #[test]
    fn a_spread_needs_a_window_to_spread_over() {
        let hour = Duration::from_secs(3_600);
        assert_eq!(of_window(None, hour), None);
        assert_eq!(of_window(Some(window("22:00-06:00")), Duration::ZERO), None);
        let spread = of_window(Some(window("22:00-06:00")), hour).expect("there is one");
        assert_eq!((spread.spread_s, spread.activation.len(), spread.check()), (3_600, 1, Ok(())));
    }
}
