//! What is asked of a campaign before and while it is made: what is refused because nobody would
//! ever get it, what a later beginning and a copy come to; and what is shown of those that wait.

use std::time::Duration;

use shared::change::Change;
use shared::document::Batch;
use shared::message::{Progress, StepState};
use shared::outcome::Waiting;
use shared::signature::Envelope;
use shared::time::UnixTime;

use super::control::{STORE, freeze, upgrade};
use super::world::{World, by, campaign_id, id, new_campaign};
use crate::calendar::scope::Scope;
use crate::calendar::{Entry, Kind};
use crate::campaign::assignment::Fact;
use crate::campaign::plan::Held;
use crate::campaign::policy::{Gate, Policy, Share};
use crate::campaign::preflight::rules::Stuck;
use crate::campaign::view::{self, Waits};
use crate::campaign::{CampaignError, Copied, Copy};
use crate::registry::campaign::{Issue, NewCampaign, Purpose};
use crate::registry::page::Page;
use crate::registry::terminal::Presence;
use crate::store::Description;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn world(terminals: u8) -> World {
    let mut world = World::new(terminals, 1).await;
    for _ in 0..2 {
        world.round().await;
    }
    world
}

fn gated(canary: &[u8]) -> Policy {
    let gate = Gate {
        sample_min: 1,
        success_percent_min: 90,
        soak: Duration::from_secs(60),
        bad_max: Share::Count(0),
        reach_percent_min: 80,
        reach_after: Some(DAY),
    };
    Policy { canary: canary.iter().copied().map(id).collect(), gate: Some(gate), ..Policy::PLAIN }
}

/// What it comes to when it is created, and then started.
async fn made(world: &World, new: &NewCampaign) -> [Result<(), CampaignError>; 2] {
    let created = world.campaigns.create(new, &by(world.now)).await.map(drop);
    if created.is_err() {
        world.registry.add_campaign(new, &by(world.now)).await.unwrap();
    }
    [created, world.campaigns.start(new.id, &by(world.now)).await.map(drop)]
}

#[track_caller]
fn stuck(result: Result<(), CampaignError>) -> Stuck {
    match result {
        Err(CampaignError::Stuck(stuck)) => stuck,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_to_begin_later_is_signed_so_and_held_until_then() {
    let mut world = world(2).await;
    let begins = world.now.plus(HOUR);
    let policy = Policy { not_before: Some(begins), ..Policy::PLAIN };
    let new = NewCampaign { policy, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    let batch = world.registry.batch(campaign_id(1), Purpose::Change, Issue::FIRST).await;
    let batch = batch.unwrap().unwrap();
    let signed = Envelope::<Batch>::from_bytes(batch.signed.as_slice()).unwrap().document;
    assert_eq!((batch.not_before, signed.not_before), (begins, begins));
    let started_at = world.campaign(1).await.frozen.unwrap().started_at;
    assert_eq!(signed.not_after, started_at.plus(DAY * 7), "it lives from its start");
    // Each terminal sees to it that no order comes before its time.
    world.until_over(1, 300).await;
    world.everybody_succeeded_once(1).await;
    assert!(world.now > begins);
    let alarms = world.registry.alarms(&Page::first(10)).await.unwrap();
    assert!(alarms.is_empty(), "{alarms:?}");
}

#[tokio::test]
async fn what_would_begin_when_its_orders_have_ended_is_not_made() {
    let world = world(2).await;
    for (hours, is_refused) in [(24 * 7, true), (24 * 7 - 1, false)] {
        let not_before = Some(world.now.plus(HOUR * hours));
        let policy = Policy { not_before, ..Policy::PLAIN };
        let number = u16::try_from(hours).unwrap();
        let new = NewCampaign { policy, ..new_campaign(number) };
        for result in made(&world, &new).await {
            match is_refused {
                true => assert!(matches!(stuck(result), Stuck::BeginsTooLate { .. })),
                false => result.unwrap(),
            }
        }
    }
}

#[tokio::test]
async fn a_plan_begins_when_the_campaign_does() {
    let world = world(3).await;
    let begins = world.now.plus(DAY * 3);
    let policy = Policy { not_before: Some(begins), ..gated(&[1]) };
    let plan = world.campaigns.plan(&NewCampaign { policy, ..new_campaign(1) }, world.now).await;
    let forecast = plan.unwrap().forecast;
    let opens: Vec<_> = forecast.waves.iter().map(|it| it.opens_at).collect();
    assert_eq!(opens, [begins, begins.plus(Duration::from_secs(60))]);
}

/// An entry of another kind.
fn kept(kind: Kind, from: UnixTime, lasts: Duration) -> Entry {
    Entry { kind, ..freeze(from, lasts) }
}

/// Windows so far apart that no two are one.
fn many(from: UnixTime) -> Vec<Entry> {
    let window = |number: u32| Entry {
        uid: format!("w{number}"),
        ..kept(Kind::Activation, from.plus(HOUR * 2 * number), HOUR)
    };
    (1..70).map(window).collect()
}

#[tokio::test]
async fn what_windows_and_freezes_keep_from_everybody_for_good_is_refused_and_from_some_is_told() {
    let now = UnixTime(1_000_000);
    let frozen = vec![freeze(now, DAY * 30)];
    let closed = vec![kept(Kind::Activation, now.plus(DAY * 20), HOUR)];
    for (entries, said, hint) in [
        (frozen, "2 by a freeze", "until something opens"),
        (closed, "2 by windows that do not open by then", "until something opens"),
        (many(now), "2 by more windows than an order can carry", "repeat every week"),
    ] {
        let world = world(2).await;
        let scope = Scope::Store(STORE.to_owned());
        let put = world.registry.put_calendars(&scope, &entries, false, &by(world.now)).await;
        put.unwrap().unwrap();
        let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
        let new = upgrade(&world, 1, policy).await;
        for result in made(&world, &new).await {
            let stuck = stuck(result);
            assert!(stuck.to_string().ends_with(said), "{stuck}");
            assert!(stuck.hint().contains(hint), "{stuck}");
        }
    }
}

#[tokio::test]
async fn what_opens_for_somebody_in_time_is_made() {
    let world = world(2).await;
    let entries = [freeze(world.now, DAY * 6 + HOUR)];
    let put = world.registry.put_calendars(&Scope::Fleet, &entries, false, &by(world.now)).await;
    put.unwrap().unwrap();
    let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let new = upgrade(&world, 1, policy).await;
    let days = |days: u64| NewCampaign { lifetime_s: days * 86_400, ..new.clone() };
    world.campaigns.plan(&days(7), world.now).await.unwrap();
    // It may be started tomorrow, but not now.
    world.campaigns.plan(&days(6), world.now).await.unwrap();
    world.campaigns.create(&days(6), &by(world.now)).await.unwrap();
    let started = world.campaigns.start(new.id, &by(world.now)).await.map(drop);
    assert!(matches!(stuck(started), Stuck::Shut(_)));
    let refused = world.campaigns.plan(&days(4), world.now).await.map(drop);
    assert!(matches!(stuck(refused), Stuck::Shut(_)));
}

#[tokio::test]
async fn only_tills_of_their_stores_are_not_waited_for_in_vain() {
    let mut world = world(1).await;
    let new = upgrade(&world, 1, Policy::PLAIN).await;
    for result in made(&world, &new).await {
        let stuck = stuck(result);
        assert_eq!(stuck, Stuck::OnlyTills { members: 1 });
        assert!(stuck.hint().contains("--fallback"));
    }
    let plan = async |world: &World| world.campaigns.plan(&new, world.now).await.map(drop);
    // Another one may sell meanwhile, though it is not there now.
    world.arrive(2).await;
    assert!(plan(&world).await.is_ok());
    let alone = self::world(1).await;
    let said = Description { fallback: Some("by hand".to_owned()), ..Description::default() };
    alone.registry.describe_store(STORE, 0, &said, &by(alone.now)).await.unwrap();
    let new = upgrade(&alone, 1, Policy::PLAIN).await;
    assert!(alone.campaigns.plan(&new, alone.now).await.is_ok());
}

fn copy(number: u16, canary: &[u8]) -> Copy {
    Copy {
        id: campaign_id(number),
        name: None,
        selector: None,
        canary: canary.iter().copied().map(id).collect(),
        salt: new_campaign(number).salt,
    }
}

#[tokio::test]
async fn a_copy_lets_nobody_go_first_who_would_be_no_member_and_says_whom() {
    let world = world(4).await;
    let new = NewCampaign { policy: gated(&[1, 2]), ..new_campaign(1) };
    world.campaigns.create(&new, &by(world.now)).await.unwrap();
    world.registry.revoke_terminal(id(1), &by(world.now)).await.unwrap();
    let copied = world.campaigns.copy(campaign_id(1), copy(2, &[]), &by(world.now)).await;
    let Copied { campaign, dropped } = copied.unwrap();
    assert_eq!((dropped, campaign.policy.canary), (vec![id(1)], vec![id(2)]));
    assert_eq!(campaign.policy.gate, new.policy.gate);
    let original = world.campaign(1).await;
    assert_eq!(original.policy.canary, [id(1), id(2)], "nothing of it has changed");
    // Whoever is named is not dropped in silence.
    let copied = world.campaigns.copy(campaign_id(1), copy(3, &[3]), &by(world.now)).await;
    let Copied { campaign, dropped } = copied.unwrap();
    assert_eq!((dropped, campaign.policy.canary), (vec![], vec![id(3)]));
    let stranger = world.campaigns.copy(campaign_id(1), copy(4, &[1]), &by(world.now)).await;
    assert!(matches!(stranger, Err(CampaignError::Canary(_))), "{stranger:?}");
}

/// It says that it waits.
async fn waits(world: &World, number: u8, reason: Waiting, detail: &str) {
    let found = world.registry.assignments_of(campaign_id(1), &[id(number)]).await.unwrap();
    let order = found[0].order;
    let progress = Progress {
        order,
        ordinal: 9,
        step: "admit".to_owned(),
        state: StepState::Waiting { reason, detail: detail.to_owned() },
        at: world.now,
        bytes_done: None,
        bytes_total: None,
    };
    world.registry.learn(&[(order, Fact::Progress(progress))], world.now).await.unwrap();
}

#[tokio::test]
async fn of_those_that_wait_one_is_shown_in_its_own_words_and_when_hours_let_the_first_go_on() {
    let mut world = world(3).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    let policy = Policy { fallback: Some("by hand".to_owned()), ..Policy::PLAIN };
    let mut new = upgrade(&world, 1, policy).await;
    // It is a quarter to three in the afternoon there.
    if let Change::Upgrade(upgrade) = &mut new.change {
        upgrade.window = "16:00-18:00".parse().ok();
    }
    world.create_and_start(&new).await.unwrap();
    for _ in 0..6 {
        world.round().await;
    }
    assert_eq!(world.tally(1).await.open(), 3);
    waits(&world, 1, Waiting::Window, "it opens at 16:00").await;
    world.now = world.now.plus(Duration::from_secs(20));
    waits(&world, 2, Waiting::Till, "sales not settled: 2").await;
    world.now = world.now.plus(Duration::from_secs(20));
    waits(&world, 3, Waiting::Till, "sales not settled: 1").await;
    let campaign = world.campaign(1).await;
    let found = view::waits(&*world.registry, &campaign, world.now).await.unwrap();
    let shown = |number, detail: &str, next| Waits {
        terminal: id(number),
        serial: id(number).to_string(),
        detail: detail.to_owned(),
        next,
    };
    let four = UnixTime("1970-01-12T15:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second());
    let expected = [
        (Waiting::Window, shown(1, "it opens at 16:00", Some(four))),
        (Waiting::Till, shown(2, "sales not settled: 2", None)),
    ];
    assert_eq!(found, expected.into());
}

#[tokio::test]
async fn since_when_a_terminal_is_offline_is_told_with_what_it_waits_for() {
    let mut world = world(3).await;
    world.terminals.values_mut().for_each(|it| it.may_begin = false);
    let new = NewCampaign { max_parallel: 1, ..new_campaign(1) };
    world.create_and_start(&new).await.unwrap();
    for _ in 0..4 {
        world.round().await;
    }
    let at_it = world.registry.assignments(campaign_id(1), &Page::first(9)).await.unwrap();
    let at_it = at_it[0].terminal;
    let soon = world.now.plus(Duration::from_secs(1));
    assert_eq!(world.registry.mark_silent(soon, 9).await.unwrap(), 3);
    let campaign = world.campaign(1).await;
    let members = view::members(&*world.registry, &campaign, &Page::first(9), world.now).await;
    for member in members.unwrap() {
        assert_eq!(member.terminal.presence, Presence::Offline);
        let since = crate::measure::time_text(member.terminal.last_seen_at.unwrap());
        let why = member.why().unwrap();
        assert_eq!(why.code, Held::Offline.code());
        let expected = match member.terminal.id == at_it {
            true => format!("it is offline since {since}"),
            false => format!("it is offline since {since}; its turn comes when it connects"),
        };
        assert_eq!(why.detail, expected);
    }
}
