//! Stores as people describe them, and the windows and freezes that people keep.

use super::fixture::*;
use crate::calendar::said::Said;
use crate::calendar::scope::Scope;
use crate::calendar::{Entry, Kind};
use crate::pacing::Limit;
use crate::registry::calendar::{CalendarRefused, CalendarsOf, Effect, Kept, STANDING_MAX, all};
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};
use crate::store::{Description, Set, Store};

/// One enrolled terminal in each of these stores, numbered from 1.
async fn stores(registry: &dyn Registry, names: &[&str]) {
    for (number, name) in (1..).zip(names) {
        let mut new = claim(number, 1);
        new.store = (*name).to_owned();
        registry.add_claim(&new, &by("op", 1)).await.expect("claims are made");
        let enrolment = enrolment(new.id, number);
        registry.enrol(&enrolment, &by("enrolment", 2)).await.expect("it enrols");
    }
}

fn in_region(region: &str) -> Description {
    Description { region: Some(region.to_owned()), ..Description::default() }
}

async fn describe(
    registry: &dyn Registry,
    name: &str,
    seen: u32,
    described: &Description,
) -> Result<Store, RegistryError> {
    registry.describe_store(name, seen, described, &by("op", 5)).await
}

async fn audited(registry: &dyn Registry, what: &str) -> Vec<String> {
    let log = registry.audit(&Page::first(1000)).await.expect("a list");
    log.into_iter().filter(|it| it.what == what).map(|it| it.object).collect()
}

pub(super) async fn a_store_is_described_by_who_has_seen_its_last_description(
    registry: &dyn Registry,
) {
    stores(registry, &["north", "west"]).await;
    let found = registry.store("north").await.expect("it is asked").expect("it is known");
    assert_eq!((found.version, &found.set), (0, &None));
    assert_eq!(found.described, Description::default());
    let described = Description {
        region: Some("coast".to_owned()),
        at_once_max: Some(2),
        fallback: Some("cash, and the counter".to_owned()),
        download_limit: Limit::of(512 * 1024).ok(),
    };
    let stored = describe(registry, "north", 0, &described).await.expect("nobody was before");
    assert_eq!((stored.version, &stored.described), (1, &described));
    assert_eq!(stored.set, Some(Set { at: by("op", 5).at, by: "op".to_owned() }));
    let limits = async || registry.download_limits().await.expect("a list");
    let limit = Limit::of(512 * 1024).expect("it is one");
    assert_eq!(limits().await, [("north".to_owned(), limit)].into(), "nothing is said of west");
    match describe(registry, "north", 0, &Description::default()).await {
        Err(RegistryError::DocumentMoved { expected: 0, found: 1, .. }) => {}
        other => panic!("somebody was before: {other:?}"),
    }
    let terminal = registry.terminal(terminal_id(1)).await.expect("it is asked");
    assert_eq!(terminal.expect("it is known").region.as_deref(), Some("coast"));
    let cleared = describe(registry, "north", 1, &Description::default()).await;
    assert_eq!(cleared.expect("it is the newest").described, Description::default());
    assert!(limits().await.is_empty());
    match describe(registry, "nowhere", 0, &described).await {
        Err(RegistryError::Missing { what: "store", .. }) => {}
        other => panic!("there is no such store: {other:?}"),
    }
    assert_eq!(audited(registry, "store-described").await, ["north", "north"]);
}

pub(super) async fn stores_are_listed_by_name_and_in_pages(registry: &dyn Registry) {
    stores(registry, &["west", "north", "east"]).await;
    let names = |found: Vec<Store>| found.into_iter().map(|it| it.name).collect::<Vec<_>>();
    let first = names(registry.stores(&Page::first(2)).await.expect("a list"));
    assert_eq!(first, ["east", "north"]);
    let rest = registry.stores(&Page::after("north".to_owned(), 2)).await.expect("a list");
    assert_eq!(names(rest), ["west"]);
    let these = ["west".to_owned(), "nowhere".to_owned(), "east".to_owned()];
    assert_eq!(names(registry.stores_of(&these).await.expect("a list")), ["east", "west"]);
    assert_eq!(registry.zones_of_store("west").await.expect("a list"), ["Europe/Berlin"]);
    registry.revoke_terminal(terminal_id(1), &by("op", 6)).await.expect("it is known");
    assert!(registry.zones_of_store("west").await.expect("a list").is_empty());
    assert_eq!(registry.store("nowhere").await.expect("it is asked"), None);
}

fn entry(uid: &str, kind: Kind, day: u8) -> Entry {
    let said = Said {
        uid: uid.to_owned(),
        summary: format!("day {day}"),
        kind,
        from: format!("2026-12-{day:02} 22:00"),
        to: format!("2026-12-{:02} 06:00", day + 1),
        zone: day.is_multiple_of(2).then(|| "Europe/Berlin".to_owned()),
        repeat: Some("FREQ=WEEKLY".to_owned()),
        until: Some("2027-03-01".to_owned()),
        except: vec![],
    };
    said.entry().expect("a test's own entry")
}

fn freeze(uid: &str, day: u8) -> Entry {
    entry(uid, Kind::Freeze, day)
}

async fn put(
    registry: &dyn Registry,
    scope: &Scope,
    entries: &[Entry],
) -> Result<Vec<Effect>, CalendarRefused> {
    let put = registry.put_calendars(scope, entries, false, &by("op", 7)).await;
    put.expect("the scope is there")
}

async fn standing(registry: &dyn Registry, of: CalendarsOf) -> Vec<Kept> {
    all(registry, &of).await.expect("a list")
}

fn uids(kept: &[Kept]) -> Vec<&str> {
    kept.iter().map(|it| it.entry.uid.as_str()).collect()
}

pub(super) async fn an_entry_takes_the_place_of_the_one_with_its_kind_and_uid(
    registry: &dyn Registry,
) {
    use Effect::{New, Replaced, Unchanged};
    let fleet = Scope::Fleet;
    assert_eq!(put(registry, &fleet, &[freeze("a", 1), freeze("b", 2)]).await, Ok(vec![New, New]));
    let again = [freeze("a", 1), freeze("b", 3), freeze("c", 4)];
    let dry = registry.put_calendars(&fleet, &again, true, &by("op", 7)).await;
    assert_eq!(dry.expect("it is there"), Ok(vec![Unchanged, Replaced, New]));
    assert_eq!(standing(registry, CalendarsOf::default()).await.len(), 2, "only looked at");
    assert_eq!(put(registry, &fleet, &again).await, Ok(vec![Unchanged, Replaced, New]));
    let of_uid = || CalendarsOf { uid: Some("b".to_owned()), ..CalendarsOf::default() };
    let [now] = <[Kept; 1]>::try_from(standing(registry, of_uid()).await).expect("one stands");
    assert_eq!((now.version, &now.entry, &now.scope), (2, &again[1], &fleet));
    assert_eq!((now.set_by.as_str(), now.why.as_str()), ("op", "because"));
    let ever = standing(registry, CalendarsOf { ended_too: true, ..of_uid() }).await;
    let [before, _] = <[Kept; 2]>::try_from(ever).expect("two are known");
    assert_eq!((before.version, before.entry), (1, freeze("b", 2)));
    assert_eq!(before.ended.map(|it| it.by).as_deref(), Some("op"));
    // Another kind is another entry: nobody's windows are lost by the wrong word.
    assert_eq!(put(registry, &fleet, &[entry("b", Kind::Activation, 3)]).await, Ok(vec![New]));
    let written = ["fleet: freeze a", "fleet: freeze b", "fleet: freeze b", "fleet: freeze c"];
    let activation = ["fleet: activation b"];
    assert_eq!(audited(registry, "calendar-set").await, [&written[..], &activation].concat());
}

pub(super) async fn an_entry_that_is_removed_is_kept_as_ended(registry: &dyn Registry) {
    put(registry, &Scope::Fleet, &[freeze("a", 1)]).await.expect("it fits");
    let number = standing(registry, CalendarsOf::default()).await[0].number;
    let remove = async || registry.remove_calendar(number, &by("op", 8)).await;
    let removed = remove().await.expect("it is known").expect("it stands");
    assert_eq!(removed.ended.map(|it| (it.by, it.why)), Some(("op".into(), "because".into())));
    let refused = remove().await.expect("it is known");
    let (uid, scope) = ("a".to_owned(), Scope::Fleet);
    assert_eq!(refused, Err(CalendarRefused::Ended { number, uid, scope }));
    assert!(standing(registry, CalendarsOf::default()).await.is_empty());
    let found = registry.calendar(number).await.expect("it is asked").expect("it is known");
    assert!(found.ended.is_some());
    match registry.remove_calendar(number + 1, &by("op", 8)).await {
        Err(RegistryError::Missing { what: "calendar", .. }) => {}
        other => panic!("there is no such entry: {other:?}"),
    }
    assert_eq!(put(registry, &Scope::Fleet, &[freeze("a", 1)]).await, Ok(vec![Effect::New]));
    assert_eq!(standing(registry, CalendarsOf::default()).await[0].version, 2);
    assert_eq!(audited(registry, "calendar-removed").await, ["fleet: freeze a"]);
}

pub(super) async fn a_store_goes_by_the_fleet_s_its_region_s_and_its_own(registry: &dyn Registry) {
    stores(registry, &["north", "west"]).await;
    describe(registry, "north", 0, &in_region("coast")).await.expect("it is known");
    describe(registry, "west", 0, &in_region("hills")).await.expect("it is known");
    let (coast, hills) = (Scope::Region("coast".to_owned()), Scope::Region("hills".to_owned()));
    let (north, west) = (Scope::Store("north".to_owned()), Scope::Store("west".to_owned()));
    let scopes = [&north, &west, &coast, &hills, &Scope::Fleet];
    for (day, scope) in (1_u8..).zip(scopes) {
        let kind = if day.is_multiple_of(2) { Kind::Download } else { Kind::Freeze };
        let uid = scope.to_string();
        put(registry, scope, &[entry(&uid, kind, day)]).await.expect("it fits");
    }
    let of = async |store: &str| registry.calendars_of_store(store).await.expect("it is known");
    assert_eq!(uids(&of("north").await), ["fleet", "region coast", "store north"]);
    assert_eq!(uids(&of("west").await), ["fleet", "region hills", "store west"]);
    describe(registry, "west", 1, &Description::default()).await.expect("it is the newest");
    assert_eq!(uids(&of("west").await), ["fleet", "store west"]);
    let listed = async |scope: Option<&Scope>, kind| {
        let of = CalendarsOf { scope: scope.cloned(), kind, ..CalendarsOf::default() };
        let found = standing(registry, of).await;
        uids(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(&coast), None).await, ["region coast"]);
    assert_eq!(listed(None, Some(Kind::Download)).await, ["store west", "region hills"]);
    assert_eq!(listed(Some(&Scope::Fleet), Some(Kind::Download)).await, [""; 0]);
    let of = CalendarsOf::default();
    let first = registry.calendars(&of, &Page::first(2)).await.expect("a list");
    assert_eq!(uids(&first), ["store north", "store west"]);
    let next = registry.calendars(&of, &Page::after(first[1].number, 2)).await.expect("a list");
    assert_eq!(uids(&next), ["region coast", "region hills"]);
}

pub(super) async fn nobody_keeps_a_calendar_for_a_place_that_is_not_there(registry: &dyn Registry) {
    stores(registry, &["north"]).await;
    let missing = async |scope: Scope| match registry
        .put_calendars(&scope, &[freeze("a", 1)], false, &by("op", 7))
        .await
    {
        Err(RegistryError::Missing { what, which }) => (what, which),
        other => panic!("{scope} is not there: {other:?}"),
    };
    let (coast, west) = ("coast".to_owned(), "west".to_owned());
    assert_eq!(missing(Scope::Region(coast.clone())).await, ("region", coast));
    assert_eq!(missing(Scope::Store(west.clone())).await, ("store", west.clone()));
    match registry.calendars_of_store(&west).await {
        Err(RegistryError::Missing { what: "store", .. }) => {}
        other => panic!("it is not there: {other:?}"),
    }
}

pub(super) async fn a_scope_has_at_most_so_many_entries_and_nothing_is_half_kept(
    registry: &dyn Registry,
) {
    let many: Vec<_> = (0..STANDING_MAX).map(|at| freeze(&format!("e-{at}"), 1)).collect();
    put(registry, &Scope::Fleet, &many).await.expect("they fit");
    let more = [freeze("e-1", 2), freeze("one-more", 1)];
    let (scope, count) = (Scope::Fleet, STANDING_MAX + 1);
    let refused = Err(CalendarRefused::TooMany { scope, count });
    assert_eq!(put(registry, &Scope::Fleet, &more).await, refused);
    let of = CalendarsOf { uid: Some("e-1".to_owned()), ..CalendarsOf::default() };
    assert_eq!(standing(registry, of).await[0].entry, many[1]);
    assert_eq!(put(registry, &Scope::Fleet, &more[..1]).await, Ok(vec![Effect::Replaced]));
}
