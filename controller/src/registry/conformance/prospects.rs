//! Terminals as whoever plans for a whole fleet sees them.

use std::collections::BTreeMap;

use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::assignment::Fact;
use crate::campaign::frontier::UpTo;
use crate::registry::Registry;
use crate::registry::page::Page;
use crate::registry::prospect::{Ask, PROSPECTS_MAX, Prospect};
use crate::registry::terminal::Presence;
use crate::selector::{Facts, Selector};
use crate::store::Description;

const EVERYTHING: Ask = Ask {
    among: None,
    regions: true,
    id: None,
    serial: None,
    model: None,
    store: None,
    zone: None,
    labels: true,
    components: true,
    providers: true,
    busy: true,
};

async fn asked(registry: &dyn Registry, ask: &Ask) -> Vec<Prospect> {
    registry.prospects(ask, &Page::first(PROSPECTS_MAX)).await.expect("they are looked over")
}

fn numbers(of: &[Prospect]) -> Vec<u8> {
    of.iter().map(|it| it.id.as_bytes()[15]).collect()
}

/// Terminals 1 to 4 in two stores, of which 3 never enrols and 4 is of another model and zone.
async fn fleet(registry: &dyn Registry) {
    for number in [1, 2] {
        enrol(registry, number, 1).await;
    }
    let mut third = claim(3, 1);
    third.store = "berlin-2".to_owned();
    let mut fourth = claim(4, 1);
    fourth.model = "px7".to_owned();
    fourth.zone = "Asia/Shanghai".to_owned();
    for claim in [&third, &fourth] {
        registry.add_claim(claim, &by("op", 1)).await.expect("it is made");
    }
    registry.enrol(&enrolment(fourth.id, 4), &by("enrolment", 2)).await.expect("it enrols");
}

pub(super) async fn of_a_whole_fleet_each_terminal_is_seen_as_by_itself(registry: &dyn Registry) {
    fleet(registry).await;
    registry.apply(&[greeting(hello(1, 0), 100)]).await.expect("it is heard");
    let found = asked(registry, &EVERYTHING).await;
    assert_eq!(numbers(&found), [1, 2, 3, 4]);
    for it in &found {
        let terminal =
            registry.terminal(it.id).await.expect("it is looked up").expect("it is known");
        let certificate = terminal.certificate.map(|it| it.expires_at);
        assert_eq!(
            (&it.serial, &it.model, &it.store, &it.lane, &it.zone, it.unit, it.service),
            (
                &terminal.serial,
                &terminal.model,
                &terminal.store,
                &terminal.lane,
                &terminal.zone,
                terminal.unit,
                terminal.service,
            )
        );
        assert_eq!((it.presence, it.last_seen_at), (terminal.presence, terminal.last_seen_at));
        assert_eq!(it.certificate_expires_at, certificate);
        let said = terminal.said.as_ref();
        assert_eq!(it.agent_version.as_deref(), said.map(|it| it.agent_version.as_str()));
        assert_eq!(it.components.as_ref(), said.map(|it| &it.components));
        assert_eq!(it.labels.as_ref(), Some(&terminal.labels));
    }
    assert_eq!((found[0].presence, found[1].presence), (Presence::Online, Presence::NeverSeen));
    // What nobody asks for is not read.
    for it in asked(registry, &Ask::default()).await {
        assert_eq!((it.labels, it.components), (None, None));
    }
}

pub(super) async fn a_terminal_opens_windows_where_it_says_it_is(registry: &dyn Registry) {
    fleet(registry).await;
    let mut elsewhere = hello(1, 0);
    elsewhere.zone = "Europe/Lisbon".to_owned();
    registry.apply(&[greeting(elsewhere, 100)]).await.expect("it is heard");
    let found = asked(registry, &Ask::default()).await;
    let zones: Vec<_> = found.iter().map(|it| (it.zone.as_str(), it.opens_in.as_str())).collect();
    let berlin = "Europe/Berlin";
    assert_eq!(zones[..2], [(berlin, "Europe/Lisbon"), (berlin, berlin)]);
}

pub(super) async fn what_a_selector_has_in_common_is_looked_up_and_the_rest_is_asked(
    registry: &dyn Registry,
) {
    fleet(registry).await;
    let coast = Description { region: Some("coast".to_owned()), ..Description::default() };
    let described = registry.describe_store("berlin-2", 0, &coast, &by("op", 3)).await;
    described.expect("the store is known");
    let fourth = terminal_id(4).to_string();
    for (text, given, meant) in [
        ("*", vec![1, 2, 3, 4], vec![1, 2, 3, 4]),
        ("store=berlin-2", vec![3], vec![3]),
        ("store=berlin-1 & model=T650", vec![1, 2], vec![1, 2]),
        ("model=px7", vec![4], vec![4]),
        ("zone=Asia/Shanghai", vec![4], vec![4]),
        ("serial=SN-002", vec![2], vec![2]),
        ("serial=SN-002 & store=berlin-2", vec![2], vec![]),
        (&format!("id={fourth}"), vec![4], vec![4]),
        (&format!("id={fourth} & zone=Europe/Berlin"), vec![], vec![]),
        ("store=berlin-2 or model=px7", vec![1, 2, 3, 4], vec![3, 4]),
        ("label.ring=canary & not serial~*3", vec![1, 2, 3, 4], vec![1, 2, 4]),
        ("state=enrolled & zone=Europe/Berlin", vec![1, 2, 3], vec![1, 2]),
        ("region=coast", vec![1, 2, 3, 4], vec![3]),
    ] {
        let selector: Selector = text.parse().expect("it is one");
        let found = asked(registry, &selector.ask()).await;
        assert_eq!(numbers(&found), given, "{text}");
        let is_meant = |it: &&Prospect| selector.matches(&Facts::from(*it), UnixTime(100));
        let found: Vec<_> = found.iter().filter(is_meant).cloned().collect();
        assert_eq!(numbers(&found), meant, "{text}");
    }
}

pub(super) async fn a_fleet_is_looked_over_in_pages(registry: &dyn Registry) {
    fleet(registry).await;
    let mut page = Page::first(3);
    let first = registry.prospects(&Ask::default(), &page).await.expect("they are looked over");
    assert_eq!(numbers(&first), [1, 2, 3]);
    page = Page::after(terminal_id(3), 3);
    let rest = registry.prospects(&Ask::default(), &page).await.expect("they are looked over");
    assert_eq!(numbers(&rest), [4]);
    page = Page::after(terminal_id(4), 3);
    assert_eq!(registry.prospects(&Ask::default(), &page).await.expect("they are"), []);
}

/// Whom a running campaign would take in is asked of those about whom something has changed.
pub(super) async fn what_terminals_are_selected_by_is_told_when_it_changes(
    registry: &dyn Registry,
) {
    fleet(registry).await;
    let now = async || registry.fleet_tally().await.expect("a tally").changes;
    let since = async |changes| {
        let upheavals = registry.fleet_tally().await.expect("a tally").upheavals;
        let changed = registry.changes(UpTo { changes, upheavals }).await.expect("they are told");
        let of = changed.of.expect("it is known about whom");
        of.iter().map(|(id, _)| id.as_bytes()[15]).collect::<Vec<_>>()
    };
    let before = now().await;
    registry.apply(&[greeting(hello(1, 0), 100)]).await.expect("it is heard");
    let online = now().await;
    assert_eq!(since(before).await, [1], "it came");
    registry.apply(&[greeting(hello(1, 0), 101)]).await.expect("it is heard");
    assert_eq!(since(online).await, [0_u8; 0], "it says the same again");
    let mut newer = hello(1, 0);
    newer.agent_version = "9.9.9".to_owned();
    registry.apply(&[greeting(newer, 102)]).await.expect("it is heard");
    assert_eq!(since(online).await, [1], "it runs something else");
    let before = now().await;
    let wish = BTreeMap::from([("ring".to_owned(), Some("late".to_owned()))]);
    registry.label_terminal(terminal_id(2), &wish, &by("op", 103)).await.expect("it is labelled");
    assert_eq!(since(before).await, [2]);
    let among = Some(vec![terminal_id(2), terminal_id(4), terminal_id(9)]);
    let few = asked(registry, &Ask { among, ..EVERYTHING }).await;
    assert_eq!(numbers(&few), [2, 4]);
    let ring = |it: &Prospect| it.labels.as_ref().and_then(|labels| labels.get("ring")).cloned();
    let rings: Vec<_> = few.iter().filter_map(ring).collect();
    assert_eq!(rings, ["late", "canary"]);
}

pub(super) async fn whoever_has_an_order_that_has_not_ended_is_busy(registry: &dyn Registry) {
    fleet(registry).await;
    start(registry, 1, &[1, 2]).await;
    start(registry, 2, &[1]).await;
    for order in [order(1, 1, 1), order(1, 2, 1), order(2, 1, 2)] {
        assert!(issue(registry, &order).await);
    }
    let busy = async || {
        let found = asked(registry, &EVERYTHING).await;
        found.into_iter().map(|it| it.busy_with).collect::<Vec<_>>()
    };
    let (one, two) = (Some(campaign_id(1)), Some(campaign_id(2)));
    assert_eq!(busy().await, [two, one, None, None], "the newest one is named");
    let withdrawn = [(order_id(1, 2, 1), Fact::Withdrawn(UnixTime(30)))];
    registry.learn(&withdrawn, UnixTime(30)).await.expect("it is learnt");
    assert_eq!(busy().await, [two, None, None, None]);
    let nobody_asks = asked(registry, &Ask::default()).await;
    assert!(nobody_asks.iter().all(|it| it.busy_with.is_none()));
}
