//! Campaigns in fair weather: who is released when, and how each life ends.

use shared::change::Verb;
use shared::message::Down;
use shared::outcome::{Failure, FailureCode, Outcome};
use shared::signature::PrivateKey;

use super::approvals::require_on;
use super::world::{World, by, campaign_id, id, new_campaign};
use crate::campaign::CampaignError;
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::plan::Held;
use crate::campaign::policy::Policy;
use crate::campaign::preflight::Excluded;
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::campaign::view::{self, Part};
use crate::registry::audit::By;
use crate::registry::page::Page;
use crate::request::suspicion::{NewSuspicion, Scope};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

async fn rounds(world: &mut World, count: usize) {
    for _ in 0..count {
        world.round().await;
    }
}

async fn parts(world: &World, number: u16) -> Vec<Part> {
    let campaign = world.campaign(number).await;
    let page = Page::first(100);
    let members = view::members(&*world.registry, &campaign, &page, world.now).await.unwrap();
    members.into_iter().map(|member| member.part).collect()
}

#[tokio::test]
async fn never_more_work_on_it_than_may_and_everybody_comes_through() {
    let mut world = World::new(9, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    for _ in 0..200 {
        world.round().await;
        let tally = world.tally(1).await;
        assert!(tally.places_taken() <= 2, "{tally:?}");
        if world.campaign(1).await.state == CampaignState::Completed {
            break;
        }
    }
    world.everybody_succeeded_once(1).await;
    let audit = world.registry.audit(&Page::first(1000)).await.unwrap();
    crate::registry::audit::check_chain(None, &audit).unwrap();
    let last = audit.last().unwrap();
    assert_eq!((last.what.as_str(), last.who.as_str()), ("campaign-completed", "campaign-plan"));
    assert_eq!(last.detail, "9 of 9 attempted, 0 bad");
}

#[tokio::test]
async fn who_is_offline_is_held_back_and_comes_when_it_appears() {
    let mut world = World::new(3, 1).await;
    world.terminal(2).is_on = false;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    rounds(&mut world, 30).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);
    assert_eq!(parts(&world, 1).await[1], Part::Held(Held::NeverSeen.into()));
    let held = world.campaign(1).await.held;
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [(Held::NeverSeen, 1)]);
    world.terminal(2).is_on = true;
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
    assert!(world.campaign(1).await.held.is_empty());
}

#[tokio::test]
async fn a_paused_campaign_releases_nobody_and_a_resumed_one_goes_on() {
    let mut world = World::new(4, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    rounds(&mut world, 2).await;
    world.campaigns.pause(campaign_id(1), &by(world.now)).await.unwrap();
    rounds(&mut world, 20).await;
    let tally = world.tally(1).await;
    assert!(tally.released() <= 1 && tally.open() == 0, "what was accepted goes on: {tally:?}");
    assert_eq!(world.campaign(1).await.held.keys().collect::<Vec<_>>(), [&Held::Paused]);
    world.campaigns.resume(campaign_id(1), None, &by(world.now)).await.unwrap();
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn an_order_that_was_not_accepted_before_the_pause_is_sent_after_it() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    world.round().await;
    world.terminal(1).is_on = false;
    rounds(&mut world, 1).await;
    world.campaigns.pause(campaign_id(1), &by(world.now)).await.unwrap();
    world.terminal(1).is_on = true;
    world.terminal(1).reconnect();
    rounds(&mut world, 20).await;
    assert!(world.terminal(1).carried_out.is_empty());
    world.campaigns.resume(campaign_id(1), None, &by(world.now)).await.unwrap();
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
}

/// Whether the first terminal is told the time when it connects.
async fn hears_the_time(world: &mut World) -> bool {
    let now = world.now;
    let terminal = world.terminal(1);
    terminal.reconnect();
    let said = terminal.say(now).into_iter().map(|up| (id(1), up)).collect();
    let heard = world.hear(said).await;
    heard.iter().any(|(to, message)| *to == id(1) && matches!(message, Down::FleetTime(_)))
}

#[tokio::test]
async fn whoever_is_in_quarantine_is_held_back_by_name_and_told_no_time_by_which_it_sells() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 3).await;
    let lost = crate::deactivation::samples::lost(&*world.registry, id(1), world.now).await;
    // Its own order is not what this is about.
    let by = by(world.now);
    world.registry.move_campaign(&lost, CampaignEvent::Pause, &by).await.unwrap();
    let later = world.campaigns.plan(&new_campaign(2), world.now).await.unwrap().audience;
    assert_eq!(later.members, [id(2), id(3)], "who is in it already is no member of the next one");
    assert_eq!(later.excluded_counts(), [(Excluded::Quarantined, 1)].into());
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);
    assert_eq!(parts(&world, 1).await[0], Part::Held(Held::Quarantined.into()));
    let held = world.campaign(1).await.held;
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [(Held::Quarantined, 1)]);
    assert!(!hears_the_time(&mut world).await, "its lease would let it sell again");
    rounds(&mut world, 3).await;
    assert!(world.terminal(1).carried_out.is_empty());

    let paused = world.registry.campaign(lost.id).await.unwrap().unwrap();
    world.registry.move_campaign(&paused, CampaignEvent::Abort, &by).await.unwrap();
    assert!(hears_the_time(&mut world).await);
    world.terminal(1).reconnect();
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn what_a_suspicious_terminal_has_accepted_is_taken_back_and_the_others_go_on() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).may_begin = false;
    world.start_campaign(1, 3).await;
    rounds(&mut world, 3).await;
    assert!(world.states(1).await.contains(&(State::Accepted, 1)), "{:?}", world.states(1).await);
    let scope = Scope::Terminal(id(1));
    let new = NewSuspicion { scope, source: "a call".to_owned(), note: "who?".to_owned() };
    let raised = world.registry.suspect(&new, &by(world.now)).await.unwrap();
    rounds(&mut world, 20).await;
    assert_eq!(world.campaign(1).await.state, CampaignState::Running, "its turn comes again");
    assert_eq!(world.states(1).await, [(State::Withdrawn, 1), (State::Succeeded, 2)]);
    assert!(world.terminal(1).carried_out.is_empty(), "{:?}", world.terminal(1).carried_out);
    let why = parts(&world, 1).await[0].why().map(|it| it.detail).unwrap();
    assert!(why.contains("somebody found it suspicious"), "{why}");
    assert!(raised.lifted.is_none());
}

#[tokio::test]
async fn nothing_is_taken_back_by_the_controller_alone_where_that_takes_an_approver() {
    let mut world = World::new(1, 1).await;
    require_on(&world, Verb::Cancel, 1).await;
    rounds(&mut world, 2).await;
    world.terminal(1).may_begin = false;
    world.start_campaign(1, 1).await;
    rounds(&mut world, 3).await;
    let scope = Scope::Terminal(id(1));
    let new = NewSuspicion { scope, source: "a call".to_owned(), note: "who?".to_owned() };
    world.registry.suspect(&new, &by(world.now)).await.unwrap();
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await, [(State::Accepted, 1)], "it stays with the terminal");
    require_on(&world, Verb::Cancel, 0).await;
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await, [(State::Withdrawn, 1)]);
}

#[tokio::test]
async fn an_order_that_a_suspicious_terminal_never_got_is_sent_when_two_have_looked() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    world.round().await;
    world.terminal(1).is_on = false;
    rounds(&mut world, 1).await;
    let scope = Scope::Store("berlin-1".to_owned());
    let new = NewSuspicion { scope, source: "a call".to_owned(), note: "who?".to_owned() };
    let raised = world.registry.suspect(&new, &by(world.now)).await.unwrap();
    world.terminal(1).is_on = true;
    world.terminal(1).reconnect();
    rounds(&mut world, 20).await;
    assert!(world.terminal(1).carried_out.is_empty());
    for who in ["ana", "ben"] {
        let by = By { who: who.to_owned(), ..by(world.now) };
        world.registry.lift_suspicion(raised.number, &by).await.unwrap().unwrap();
    }
    world.until_over(1, 30).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn an_aborted_campaign_cancels_what_has_not_begun_and_is_then_at_rest() {
    let mut world = World::new(4, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    rounds(&mut world, 1).await;
    world.campaigns.abort(campaign_id(1), &by(world.now)).await.unwrap();
    world.until_over(1, 30).await;
    let campaign = world.campaign(1).await;
    assert_eq!(campaign.state, CampaignState::Aborted);
    let states = world.states(1).await;
    assert_eq!(states.iter().map(|(_, count)| count).sum::<u64>(), 2, "nobody else was released");
    assert!(states.iter().all(|(state, _)| state.is_end()), "{states:?}");
    assert_eq!(campaign.held.into_iter().collect::<Vec<_>>(), [(Held::Aborted, 2)]);
    let refused = world.campaigns.resume(campaign_id(1), None, &by(world.now)).await;
    assert!(matches!(refused, Err(CampaignError::Registry(_))));
}

#[tokio::test]
async fn a_terminal_that_never_had_the_order_confirms_that_it_is_cancelled() {
    let mut world = World::new(1, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    world.round().await;
    world.restart_broker();
    world.campaigns.abort(campaign_id(1), &by(world.now)).await.unwrap();
    world.until_over(1, 30).await;
    assert_eq!(world.states(1).await, [(State::Cancelled, 1)]);
    assert!(world.terminal(1).carried_out.is_empty());
}

#[tokio::test]
async fn who_does_not_answer_gives_its_place_to_the_next() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    for number in 1..=3 {
        world.terminal(number).is_on = false;
    }
    world.start_campaign(1, 1).await;
    rounds(&mut world, 2).await;
    let parts_now = parts(&world, 1).await;
    let ordered = (1_u8..).zip(&parts_now).find(|(_, part)| part.state().is_some());
    let (away, _) = ordered.expect("one is ordered");
    for number in (1..=3).filter(|number| *number != away) {
        world.terminal(number).is_on = true;
        world.terminal(number).reconnect();
    }
    // Its terminal may have it: an hour long nobody else is at its place.
    rounds(&mut world, 170).await;
    assert_eq!(world.states(1).await, [(State::Ordered, 1)]);
    rounds(&mut world, 30).await;
    assert_eq!(world.states(1).await, [(State::Unanswered, 1), (State::Succeeded, 2)]);
    let unanswered = parts(&world, 1).await.into_iter().filter_map(|part| part.why());
    assert!(unanswered.into_iter().any(|why| why.code == "unanswered" && why.hint.is_some()));
    // It has a place again once it is back.
    world.terminal(away).is_on = true;
    world.terminal(away).reconnect();
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
}

#[tokio::test]
async fn a_campaign_whose_time_is_over_ends_with_whom_it_reached() {
    let mut world = World::new(3, 1).await;
    world.terminal(3).is_on = false;
    rounds(&mut world, 2).await;
    world.terminal(2).is_on = false;
    world.start_campaign(1, 3).await;
    rounds(&mut world, 30).await;
    world.now.0 += 7 * DAY;
    world.until_over(1, 5).await;
    let states = world.states(1).await;
    assert_eq!(states, [(State::Unreached, 1), (State::Succeeded, 1)]);
    let tally = world.tally(1).await;
    assert_eq!((tally.attempted(), tally.bad()), (1, 0), "who was never reached does not count");
    assert_eq!(parts(&world, 1).await[2], Part::Held(Held::Completed.into()));
}

#[tokio::test]
async fn who_falls_silent_counts_as_bad_until_it_speaks() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    rounds(&mut world, 2).await;
    world.terminal(1).is_on = false;
    rounds(&mut world, 20).await;
    assert_eq!(world.states(1).await.last(), Some(&(State::Succeeded, 1)));
    world.now.0 += 8 * DAY;
    rounds(&mut world, 3).await;
    assert_eq!(world.states(1).await, [(State::Silent, 1), (State::Succeeded, 1)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
    world.terminal(1).is_on = true;
    world.terminal(1).reconnect();
    rounds(&mut world, 10).await;
    let tally = world.tally(1).await;
    assert_eq!((tally.bad(), tally.late_successes), (0, 1), "a late success is kept as one");
    assert_eq!(world.states(1).await, [(State::Succeeded, 2)]);
}

#[tokio::test]
async fn a_failure_is_shown_with_its_reason_and_what_to_do() {
    let mut world = World::new(1, 1).await;
    let failure = Failure {
        code: FailureCode::DiskFull,
        step: "fetch".to_owned(),
        detail: "9 MB are missing".to_owned(),
    };
    world.terminal(1).outcome = Outcome::Failed { failure };
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    world.until_over(1, 30).await;
    let part = parts(&world, 1).await.remove(0);
    assert_eq!(part.state(), Some(State::Failed));
    let why = part.why().unwrap();
    assert_eq!((why.code.as_str(), why.detail.as_str()), ("disk-full", "fetch: 9 MB are missing"));
    assert_eq!(why.hint, Some(FailureCode::DiskFull.hint()));
    assert_eq!(part.step(), Some("hold"));
    assert_eq!(part.bytes(), (Some(2), Some(3)));
    assert_eq!(world.tally(1).await.bad(), 1);
}

#[tokio::test]
async fn a_terminal_that_lost_its_ledger_gets_its_order_again_in_a_new_epoch() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    rounds(&mut world, 2).await;
    world.terminal(1).lose_ledger();
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
    let assignment = world.registry.assignments_of(campaign_id(1), &[id(1)]).await.unwrap();
    assert_eq!((assignment[0].attempt, assignment[0].epoch), (2, 2));
}

#[tokio::test]
async fn a_terminal_that_was_set_up_anew_gets_its_order_again() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    rounds(&mut world, 3).await;
    world.terminal(1).set_up_anew(2);
    let key = world.terminal(1).key.public();
    assert_eq!(world.enrol(id(1), 100, key).await, 2);
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
    assert!(world.registry.alarms(&Page::first(9)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_terminal_signed_before_it_enrolled_anew_counts_when_it_is_heard() {
    let mut world = World::new(2, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 2).await;
    world.round().await;
    // It carries its order out, and nobody hears of that before it has another key.
    world.away(100);
    let anew = PrivateKey::from_seed(&[77; 32]);
    assert_eq!(world.enrol(id(1), 100, anew.public()).await, 2);
    world.terminal(1).key = anew;
    world.until_over(1, 60).await;
    world.everybody_succeeded_once(1).await;
    let known = world.registry.assignments_of(campaign_id(1), &[id(1)]).await.unwrap();
    assert_eq!((known[0].attempt, known[0].epoch), (1, 1), "it was not ordered again");
    assert!(world.registry.alarms(&Page::first(9)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revoked_terminal_holds_nobody_up() {
    let mut world = World::new(3, 1).await;
    rounds(&mut world, 2).await;
    world.start_campaign(1, 1).await;
    world.round().await;
    let released = world.registry.assignments(campaign_id(1), &Page::first(9)).await.unwrap();
    world.registry.revoke_terminal(released[0].terminal, &by(world.now)).await.unwrap();
    rounds(&mut world, 60).await;
    let states = world.states(1).await;
    assert_eq!(states, [(State::Cancelled, 1), (State::Succeeded, 2)]);
    assert_eq!(world.campaign(1).await.state, CampaignState::Completed);
}

#[tokio::test]
async fn what_could_never_make_progress_is_not_created() {
    let world = World::new(1, 1).await;
    let campaign = |change: &dyn Fn(&mut crate::registry::campaign::NewCampaign)| {
        let mut new = crate::registry::campaign::NewCampaign {
            id: campaign_id(9),
            name: None,
            change: shared::change::Change::Ping(shared::change::Ping { note: String::new() }),
            selector: "*".to_owned(),
            max_parallel: 1,
            policy: Policy::PLAIN,
            lifetime_s: 3600,
            salt: shared::digest::Nonce([1; 16]),
            origin: crate::registry::campaign::Origin::Itself,
        };
        change(&mut new);
        new
    };
    let refused = async |change: &dyn Fn(&mut crate::registry::campaign::NewCampaign)| {
        let refused = world.campaigns.create(&campaign(change), &by(world.now)).await;
        refused.unwrap_err().to_string()
    };
    assert!(refused(&|it| it.max_parallel = 0).await.contains("no terminal would ever"));
    assert!(refused(&|it| it.lifetime_s = 1).await.contains("choose 60 to"));
    assert!(refused(&|it| it.selector = "store==x".to_owned()).await.contains('^'));
    let nobody = refused(&|it| it.selector = "store=elsewhere".to_owned()).await;
    assert_eq!(nobody, "nobody would be a member: no terminal matches");
    world.registry.revoke_terminal(id(1), &by(world.now)).await.unwrap();
    assert_eq!(refused(&|_| {}).await, "nobody would be a member: 1 was revoked");
    let release = shared::digest::Digest::of(b"none");
    let upgrade = shared::change::Upgrade { release, window: None, backup_within_s: None };
    let unknown = refused(&|it| it.change = shared::change::Change::Upgrade(upgrade.clone())).await;
    assert_eq!(unknown, format!("there is no release {release}"));
    let key = PrivateKey::from_seed(&[1; 32]).public();
    world.enrol(id(1), 50, key).await;
    world.campaigns.create(&campaign(&|_| {}), &by(world.now)).await.unwrap();
}
