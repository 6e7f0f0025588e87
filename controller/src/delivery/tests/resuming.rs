//! A till that stood still and is to sell again: what it sold by has to be valid yet, and who
//! answers for what nobody has told is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::change::rebind::{Reason, Test, TestKind};
use shared::id::{CampaignId, RequestId};
use shared::message::{Component, Hello};
use shared::time::UnixTime;

use super::control::upgrade;
use super::on_record::on_record;
use super::rebinds::{approve, until_over};
use super::world::{World, by, id};
use crate::campaign::assignment::AssignmentState as State;
use crate::campaign::policy::Policy;
use crate::deactivation::notice::Answer;
use crate::deactivation::parties::{Party, Word};
use crate::deactivation::plan::{CHECKED, Plan};
use crate::deactivation::{
    Checked, DeactivationError, Deactivations, Kept, NewChange, Resumption, Wanted,
};
use crate::provider::samples::day;
use crate::registry::audit::By;
use crate::registry::delivery::{Heard, Saying};
use crate::registry::page::Page;
use crate::registry::request::NewRequest;
use crate::registry::terminal::Service;
use crate::request::suspicion::{NewSuspicion, Scope};
use crate::request::{Asked, Channel, Method, RequestKind};
use crate::terminal::keys::{KeyKind, NewKeyWord};

fn deactivations(world: &World) -> Deactivations {
    Deactivations::new(Arc::clone(&world.registry), world.campaigns.clone())
}

/// Of terminal 1: *cora* wishes for it, *eva* wrote it down, *ben* has verified and accepted it.
async fn accepted(world: &World, number: u8, kind: RequestKind) -> RequestId {
    let asked = Asked {
        requester: "cora".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::Business,
        note: String::new(),
        from: String::new(),
        to: String::new(),
        selector: format!("id={}", id(1)),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let request = RequestId::from_bytes([number; 16]);
    let person = |who: &str| By { who: who.to_owned(), ..by(world.now) };
    let new = NewRequest { id: request, kind, asked };
    world.registry.add_request(&new, &person("eva")).await.unwrap();
    let (ben, contact) = (person("ben"), "+49 30 1");
    world.registry.verify_request(request, Method::CallBack, contact, &ben).await.unwrap().unwrap();
    world.registry.review_request(request, true, &ben).await.unwrap().unwrap();
    request
}

async fn service(world: &World) -> Service {
    world.registry.terminal(id(1)).await.unwrap().unwrap().service
}

fn suspension(request: RequestId, cut_off: UnixTime) -> NewChange {
    let (resume_expected, delay) = (None, None);
    let wanted = Wanted::Suspend { cut_off, resume_expected, delay, is_given_up: false };
    let untold = Some(Answer { by: "Gil".to_owned(), why: "told by telephone".to_owned() });
    NewChange { request, wanted, name: None, lifetime_s: None, close_store: None, untold }
}

/// Everything is on record, and terminal 1 has signed that it stands still.
async fn suspended() -> World {
    let mut world = on_record().await;
    let request = accepted(&world, 50, RequestKind::Suspend).await;
    let cut_off = world.now.plus(Duration::from_secs(60));
    let new = suspension(request, cut_off);
    let campaign = deactivations(&world).create(new, &by(world.now)).await.unwrap();
    approve(&world, campaign.id).await;
    until_over(&mut world, campaign.id).await;
    assert_eq!(service(&world).await, Service::Suspended);
    world
}

fn resumption(request: RequestId, vouch: Option<&str>) -> NewChange {
    let test = |kind| Test { kind, amount_minor: 1 };
    let checked = Checked { what: CHECKED.map(str::to_owned).into(), by: "Tess".to_owned() };
    let wanted = Wanted::Resume(Resumption {
        tests: [TestKind::Diagnosis, TestKind::Sale].map(test).into(),
        checked: Some(checked),
        vouch: vouch.map(str::to_owned),
        ..Resumption::default()
    });
    NewChange { request, wanted, name: None, lifetime_s: None, close_store: None, untold: None }
}

fn codes(error: &DeactivationError) -> Vec<String> {
    let DeactivationError::Planned(plan) = error else { panic!("{error}") };
    plan.open_findings().into_iter().map(|it| it.code).collect()
}

#[tokio::test]
async fn whoever_answers_for_what_nobody_has_told_is_kept_and_in_the_log() {
    let mut world = suspended().await;
    let request = accepted(&world, 51, RequestKind::Resume).await;
    let changes = deactivations(&world);
    let refused = changes.create(resumption(request, None), &by(world.now)).await.unwrap_err();
    // Nobody has said how long its keys are good, looked a licence up, or tried this model with it.
    assert_eq!(codes(&refused), ["keys-unknown", "licence-unknown", "untested"]);
    assert!(refused.hint().unwrap().contains("tillward provider vouch licence"));
    for own in ["op", "Cora", " "] {
        let refused = changes.create(resumption(request, Some(own)), &by(world.now)).await;
        assert!(matches!(refused, Err(DeactivationError::SamePerson { .. })), "{own}");
    }
    let campaign = changes.create(resumption(request, Some("Bo")), &by(world.now)).await.unwrap();
    let found = world.registry.deactivation(campaign.id).await.unwrap().unwrap();
    let kept: Kept = serde_json::from_str(&found.plan).unwrap();
    let named = |code: &str| (code.to_owned(), "Bo".to_owned());
    let expected = ["keys-unknown", "licence-unknown", "untested"].map(named);
    assert_eq!(kept.plan.answered, BTreeMap::from(expected));
    assert_eq!(kept.plan.findings.len(), 3);
    assert!(kept.plan.terminals[0].suspended_by.is_some());
    let log = world.registry.audit(&Page::first(500)).await.unwrap();
    let answered: Vec<_> = log.iter().filter(|it| it.what == "deactivation-answered").collect();
    assert_eq!(answered.len(), 3);
    assert!(answered.iter().all(|it| it.object.ends_with(" Bo")), "{answered:?}");
    approve(&world, campaign.id).await;
    until_over(&mut world, campaign.id).await;
    assert_eq!(service(&world).await, Service::InService);
}

#[tokio::test]
async fn a_terminal_that_its_provider_has_forgotten_does_not_sell_again() {
    let world = suspended().await;
    let request = accepted(&world, 51, RequestKind::Resume).await;
    let mut new = resumption(request, Some("Bo"));
    let Wanted::Resume(resume) = &mut new.wanted else { panic!("it is one") };
    resume.at_least = BTreeMap::from([("pos".to_owned(), "99.0".to_owned())]);
    resume.overrides = BTreeMap::from([("deregistered".to_owned(), "Bo".to_owned())]);
    let told = (&Party::Provider("alpha".to_owned()), &Word::Reference("D-1".to_owned()));
    deactivations(&world).deregister(id(1), told, &by(world.now)).await.unwrap();
    let refused = deactivations(&world).create(new.clone(), &by(world.now)).await.unwrap_err();
    assert_eq!(codes(&refused), ["deregistered"], "nobody answers for that");
    let DeactivationError::Planned(plan) = refused else { panic!("{refused}") };
    let answered: Vec<_> = plan.answered.keys().collect();
    let unknown = ["keys-unknown", "licence-unknown", "untested", "version-unknown"];
    assert_eq!(answered, unknown, "it told no version");
    let Wanted::Resume(resume) = &mut new.wanted else { panic!("it is one") };
    resume.checked.as_mut().unwrap().what.remove("reader");
    let plan = deactivations(&world).plan(&new, &by(world.now)).await.unwrap();
    assert_eq!((plan.unchecked.as_slice(), plan.is_blocked()), (&["reader".to_owned()][..], true));
    let Wanted::Resume(resume) = &mut new.wanted else { panic!("it is one") };
    resume.at_least = BTreeMap::from([("pos".to_owned(), "newest".to_owned())]);
    let refused = deactivations(&world).create(new, &by(world.now)).await;
    assert!(matches!(refused, Err(DeactivationError::NotAVersion(_))), "{refused:?}");
}

#[tokio::test]
async fn payment_keys_are_asked_for_until_somebody_says_how_long_they_are_good() {
    let world = suspended().await;
    let request = accepted(&world, 51, RequestKind::Resume).await;
    let new = resumption(request, Some("Bo"));
    let plan = async || deactivations(&world).plan(&new, &by(world.now)).await.unwrap();
    let of_keys = |plan: &Plan| -> Vec<_> {
        let keys = plan.findings.iter().filter(|it| it.code.starts_with("keys-"));
        keys.map(|it| it.code.clone()).collect()
    };
    let say = async |until: Option<&str>| {
        let said_by = "Kim".to_owned();
        let word = NewKeyWord { kinds: [KeyKind::Pin].into(), until: until.map(day), said_by };
        world.registry.put_keys(id(1), &word, &by(world.now)).await.unwrap()
    };
    assert_eq!(of_keys(&plan().await), ["keys-unknown"]);
    assert_eq!(say(Some("1970-12-31")).await.len(), 1);
    assert_eq!(of_keys(&plan().await), [""; 0]);
    assert!(!plan().await.is_blocked());
    for gone in [Some("1970-01-01"), None] {
        say(gone).await;
        assert_eq!(of_keys(&plan().await), ["keys-ended"], "{gone:?}");
        assert!(plan().await.is_blocked(), "nobody answers for that");
    }
    let log = world.registry.audit(&Page::first(500)).await.unwrap();
    let said: Vec<_> = log.iter().filter(|it| it.what == "payment-keys-said").collect();
    assert_eq!(said.len(), 3);
    assert!(said.iter().all(|it| it.object.ends_with(" Kim")), "{said:?}");
}

#[tokio::test]
async fn whoever_stood_still_while_its_peers_were_upgraded_is_upgraded_first() {
    let mut world = suspended().await;
    let mut new = upgrade(&world, 60, Policy::PLAIN).await;
    new.selector = format!("id={}", id(2));
    world.create_and_start(&new).await.unwrap();
    let request = accepted(&world, 51, RequestKind::Resume).await;
    let mut resume = resumption(request, Some("Bo"));
    let refused = async |world: &World, resume: &NewChange| {
        let plan = deactivations(world).plan(resume, &by(world.now)).await.unwrap();
        plan.open_findings().into_iter().map(|it| it.code).collect::<Vec<_>>()
    };
    assert_eq!(refused(&world, &resume).await, [""; 0], "it is not over yet");
    world.until_over(60, 500).await;
    let runs = |version: &str| Component {
        name: "pos".to_owned(),
        version: version.to_owned(),
        security_counter: 1,
    };
    let hello = Hello { components: vec![runs("1.9")], ..world.terminal(1).hello() };
    let (terminal, at) = (id(1), world.now);
    let heard = Heard { terminal, at, saying: Saying::Hello(hello) };
    world.registry.apply(&[heard]).await.unwrap();
    assert_eq!(refused(&world, &resume).await, ["behind-peers"], "nobody vouches for that");
    let Wanted::Resume(wish) = &mut resume.wanted else { panic!("it is one") };
    wish.overrides = BTreeMap::from([("behind-peers".to_owned(), "Bo".to_owned())]);
    assert_eq!(refused(&world, &resume).await, [""; 0]);
}

#[tokio::test]
async fn a_fleet_that_keeps_no_records_resumes_when_somebody_vouches_for_it() {
    let mut world = super::rebinds::ready().await;
    let request = accepted(&world, 50, RequestKind::Suspend).await;
    let cut_off = world.now.plus(Duration::from_secs(60));
    let new = suspension(request, cut_off);
    let campaign = deactivations(&world).create(new, &by(world.now)).await.unwrap();
    approve(&world, campaign.id).await;
    until_over(&mut world, campaign.id).await;
    let request = accepted(&world, 51, RequestKind::Resume).await;
    let changes = deactivations(&world);
    let refused = changes.create(resumption(request, None), &by(world.now)).await.unwrap_err();
    assert_eq!(codes(&refused), ["binding-unknown", "keys-unknown", "untested"]);
    let campaign = changes.create(resumption(request, Some("Bo")), &by(world.now)).await.unwrap();
    approve(&world, campaign.id).await;
    until_over(&mut world, campaign.id).await;
    assert_eq!(service(&world).await, Service::InService);
}

async fn state(world: &World, campaign: CampaignId) -> State {
    let known = world.registry.assignments_of(campaign, &[id(1)]).await.unwrap();
    known[0].standing.state()
}

/// Terminal 1 holds its order to stop, and comes to no end by it.
async fn armed(lifetime_s: Option<u64>) -> (World, CampaignId, UnixTime) {
    let mut world = on_record().await;
    world.terminal(1).may_begin = false;
    let request = accepted(&world, 50, RequestKind::Suspend).await;
    let cut_off = world.now.plus(Duration::from_secs(600));
    let new = NewChange { lifetime_s, ..suspension(request, cut_off) };
    let campaign = deactivations(&world).create(new, &by(world.now)).await.unwrap();
    approve(&world, campaign.id).await;
    for _ in 0..4 {
        world.round().await;
    }
    assert_eq!(state(&world, campaign.id).await, State::Accepted);
    (world, campaign.id, cut_off)
}

#[tokio::test]
async fn a_till_that_has_stopped_stays_so_whoever_finds_it_suspicious() {
    for (is_stopped, expected) in [(false, State::Cancelled), (true, State::Accepted)] {
        let (mut world, campaign, cut_off) = armed(None).await;
        if is_stopped {
            world.now = cut_off;
        }
        let (scope, source) = (Scope::Terminal(id(1)), "a call".to_owned());
        let new = NewSuspicion { scope, source, note: "who is that?".to_owned() };
        world.registry.suspect(&new, &by(world.now)).await.unwrap();
        for _ in 0..6 {
            world.round().await;
        }
        assert_eq!(state(&world, campaign).await, expected, "stopped: {is_stopped}");
    }
}

/// Time passes in steps in which those that are on say hello.
async fn hours(world: &mut World, hours: u32) {
    for _ in 0..4 * hours {
        world.now = world.now.plus(Duration::from_secs(900));
        world.round().await;
    }
}

#[tokio::test]
async fn a_till_that_stops_is_waited_for_while_it_is_there() {
    let (mut world, campaign, _) = armed(Some(7_200)).await;
    let over = async |world: &World| {
        world.registry.campaign(campaign).await.unwrap().unwrap().ended_at.is_some()
    };
    hours(&mut world, 30).await;
    assert_eq!(state(&world, campaign).await, State::Accepted, "its order ran out long ago");
    world.terminal(1).is_on = false;
    hours(&mut world, 12).await;
    assert_eq!((state(&world, campaign).await, over(&world).await), (State::Accepted, false));
    hours(&mut world, 13).await;
    assert_eq!((state(&world, campaign).await, over(&world).await), (State::Silent, true));
    let unstopped = world.registry.unstopped().await.unwrap();
    assert_eq!(unstopped, [(campaign, id(1))]);
}
