//! What must be so before a replacement goes on.

use std::collections::BTreeMap;

use shared::id::{PositionId, RequestId};
use shared::time::UnixTime;

use super::super::form::{Form, ReplaceReason};
use super::super::record::{Check, Commissioned, Found, Parcel, Progress, Unsettled};
use super::super::watch::Watch;
use super::*;
use crate::registry::terminal::Unit as Life;
use crate::unit::record::samples;

type S = ReplacementState;

fn terminal(number: u8, serial: &str) -> Terminal {
    Terminal {
        id: TerminalId::from_bytes([number; 16]),
        serial: serial.to_owned(),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        lane: None,
        labels: BTreeMap::new(),
        zone: "UTC".to_owned(),
        unit: Life::Enrolled,
        epoch: 1,
        public_key: None,
        certificate: None,
        presence: Presence::Offline,
        last_seen_at: None,
        working_on: None,
        said: None,
        telemetry: None,
        created_at: UnixTime(0),
        is_frozen: false,
        is_place_frozen: false,
        is_quarantined: false,
        region: None,
        service: Service::InService,
    }
}

pub(in super::super) fn replacement(state: S) -> Replacement {
    let form = Form {
        merchant: "Corner shop".to_owned(),
        old_serial: "PX-0".to_owned(),
        new_model: "px7".to_owned(),
        reason: ReplaceReason::PowerIssue,
        note: String::new(),
        answers: [].into(),
    };
    let progress = Progress { unit: Some("PX-1".to_owned()), ..Progress::default() };
    Replacement {
        number: 1,
        request: RequestId::from_bytes([1; 16]),
        form,
        old: terminal(1, "PX-0").id,
        position: PositionId::from_bytes([1; 16]),
        state,
        state_at: UnixTime(1),
        state_by: "ana".to_owned(),
        state_why: String::new(),
        progress,
        created_at: UnixTime(1),
        created_by: "ana".to_owned(),
    }
}

pub(in super::super) fn facts() -> Facts {
    Facts {
        request: RequestState::Scheduled,
        requester: "mia".to_owned(),
        old: terminal(1, "PX-0"),
        old_unit: None,
        resuming: None,
        holder: Some(terminal(1, "PX-0").id),
        unit: Some(samples::unit(UnitState::InStock)),
        new: Some(terminal(2, "PX-1")),
        saved: Some(LastBackup { manifest: Digest([7; 32]), taken_at: UnixTime(50) }),
        restored: Restored::Done(Digest([8; 32])),
        counted: 0,
        alarms: vec![],
        difference: None,
    }
}

fn by() -> By {
    By { who: "ana".to_owned(), why: "broken".to_owned(), at: UnixTime(100) }
}

fn go(state: S, said: &Said, facts: &Facts) -> Refused<Replacement> {
    Ok(advance(&replacement(state), said, None, facts, &by())?.0)
}

#[track_caller]
fn refused(state: S, said: &Said, facts: &Facts) -> ReplacementRefused {
    let why = go(state, said, facts).expect_err("it is refused");
    assert!(!why.hint().is_empty() && !why.to_string().is_empty());
    why
}

fn allocate(serial: &str) -> Said {
    Said::Allocate { serial: serial.to_owned() }
}

fn checked(all: impl IntoIterator<Item = Check>) -> Said {
    let found = all.into_iter().map(|it| (it, Found::Works)).collect();
    Said::Commission(Commissioned { found, tested: "T-1".to_owned(), by: "tom".to_owned() })
}

fn given_up(items: &[&str], accepted_by: &str) -> Said {
    let items = items.iter().map(|it| (*it).to_owned()).collect();
    Said::GiveUpOld(Unsettled {
        items,
        closed_at_host: "C-7".to_owned(),
        without_backup: false,
        accepted_by: accepted_by.to_owned(),
    })
}

#[test]
fn a_unit_of_the_model_that_may_be_deployed_is_allocated() {
    let after = go(S::Requested, &allocate("PX-1"), &facts()).unwrap();
    assert_eq!((after.state, after.progress.unit.as_deref()), (S::UnitAllocated, Some("PX-1")));
    assert_eq!((after.state_by.as_str(), after.state_at), ("ana", UnixTime(100)));
    let none = Facts { unit: None, ..facts() };
    let why = refused(S::Requested, &allocate("PX-9"), &none);
    assert_eq!(why, ReplacementRefused::NoUnit("PX-9".to_owned()));
    let why = refused(S::Requested, &allocate("PX-0"), &facts());
    assert_eq!(why, ReplacementRefused::SameUnit("PX-0".to_owned()));
    let mut other = samples::unit(UnitState::InStock);
    other.about.model = "px9".to_owned();
    let why = refused(S::Requested, &allocate("PX-1"), &Facts { unit: Some(other), ..facts() });
    assert!(matches!(why, ReplacementRefused::OtherModel { .. }));
    let mut old = samples::unit(UnitState::InStock);
    old.about.pts_expires_on = "1969-12-31".parse().ok();
    let why = refused(S::Requested, &allocate("PX-1"), &Facts { unit: Some(old), ..facts() });
    assert!(matches!(why, ReplacementRefused::ApprovalExpired { .. }));
}

#[test]
fn it_goes_on_only_from_where_it_was_seen_and_while_its_request_does() {
    let it = replacement(S::Requested);
    let moved = advance(&it, &allocate("PX-1"), Some(S::Shipped), &facts(), &by());
    let (expected, found) = (S::Shipped, S::Requested);
    assert_eq!(moved, Err(ReplacementRefused::Moved { expected, found }));
    let frozen = Facts { request: RequestState::Frozen, ..facts() };
    let why = refused(S::Requested, &allocate("PX-1"), &frozen);
    assert_eq!(why, ReplacementRefused::Request(RequestRefused::Frozen));
    assert_eq!(go(S::Requested, &Said::Cancel, &frozen).unwrap().state, S::Cancelled);
}

#[test]
fn what_arrives_otherwise_than_it_was_sent_is_frozen() {
    let receive = Said::Receive {
        serial: "PX-1".to_owned(),
        seal: Some("S-2".to_owned()),
        seal_missing: false,
        custodian: None,
    };
    assert_eq!(go(S::Shipped, &receive, &facts()).unwrap().state, S::Received);
    let differs = Facts { difference: Some("its seal reads `S-2`".to_owned()), ..facts() };
    let after = go(S::Shipped, &receive, &differs).unwrap();
    assert_eq!(after.state, S::SuspectedSubstitution);
    let advanced = advance(&replacement(S::Shipped), &receive, None, &differs, &by());
    assert_eq!(advanced.unwrap().1, ReplacementEvent::Suspect);
    assert_eq!(after.progress.difference, differs.difference);
    let pair = Said::Ship(Parcel { courier: "p".into(), tracking: "1".into(), seal: None });
    refused(S::SuspectedSubstitution, &pair, &facts());
}

#[test]
fn the_old_terminal_is_settled_by_its_own_word_alone() {
    let why = refused(S::Received, &Said::SettleOld, &facts());
    assert!(matches!(why, ReplacementRefused::OldSells { service: Service::InService, .. }));
    let mut owing = facts();
    owing.old.service = Service::SuspendedOwing;
    for (state, said) in [
        (S::Received, Said::SettleOld),
        (S::Commissioned, Said::GoLive { watch: Watch::default() }),
    ] {
        assert!(matches!(refused(state, &said, &owing), ReplacementRefused::OldOwes(_)));
    }
    let mut suspended = facts();
    suspended.old.service = Service::Suspended;
    assert_eq!(go(S::Received, &Said::SettleOld, &suspended).unwrap().state, S::OldSettled);
}

#[test]
fn a_dead_terminal_is_given_up_by_somebody_else_who_answers_for_what_it_owes() {
    let after = go(S::Received, &given_up(&["batch 7"], "ben"), &facts()).unwrap();
    assert_eq!(after.state, S::OldUnreachable);
    assert_eq!(after.progress.unsettled.unwrap().accepted_by, "ben");
    assert_eq!(after.progress.last_backup, facts().saved);
    let why = refused(S::Received, &given_up(&[], "ben"), &facts());
    assert_eq!(why, ReplacementRefused::NothingListed);
    for name in ["ana", " ANA ", "mia", ""] {
        let why = refused(S::Received, &given_up(&["batch 7"], name), &facts());
        assert!(matches!(why, ReplacementRefused::SamePerson { .. }), "{name}");
    }
    let mut online = facts();
    online.old.presence = Presence::Online;
    let why = refused(S::Received, &given_up(&["batch 7"], "ben"), &online);
    assert!(matches!(why, ReplacementRefused::OldAnswers(_)));
}

#[test]
fn what_a_dead_terminal_leaves_is_its_last_backup_or_accepted_as_lost() {
    let Said::GiveUpOld(said) = given_up(&["batch 7"], "ben") else { panic!("it is given up") };
    let open = Unsettled { closed_at_host: " ".to_owned(), ..said.clone() };
    let why = refused(S::Received, &Said::GiveUpOld(open), &facts());
    assert_eq!(why, ReplacementRefused::NotClosedAtHost);
    let unsaved = Facts { saved: None, ..facts() };
    let why = refused(S::Received, &Said::GiveUpOld(said.clone()), &unsaved);
    assert_eq!(why, ReplacementRefused::NoBackup("PX-0".to_owned()));
    let accepted = Unsettled { without_backup: true, ..said };
    let after = go(S::Received, &Said::GiveUpOld(accepted), &unsaved).unwrap();
    assert_eq!((after.state, after.progress.last_backup), (S::OldUnreachable, None));
}

#[test]
fn it_is_provisioned_once_it_has_enrolled_and_is_restored() {
    let provision = Said::Provision { nothing_to_restore: false };
    let after = go(S::Paired, &provision, &facts()).unwrap();
    assert_eq!(after.progress.new, Some(terminal(2, "PX-1").id));
    assert_eq!(after.progress.restored, Some(Digest([8; 32])));
    let why = refused(S::Paired, &provision, &Facts { new: None, ..facts() });
    assert_eq!(why, ReplacementRefused::NotEnrolled("PX-1".to_owned()));
    let campaign = CampaignId::from_bytes([3; 16]);
    let waits = Facts { restored: Restored::Open(campaign), ..facts() };
    let why = refused(S::Paired, &provision, &waits);
    assert_eq!(why, ReplacementRefused::NotRestored(campaign));
    let bare = Facts { restored: Restored::Nothing, ..facts() };
    let why = refused(S::Paired, &provision, &bare);
    assert_eq!(why, ReplacementRefused::NothingRestored("PX-1".to_owned()));
    let meant = Said::Provision { nothing_to_restore: true };
    assert_eq!(go(S::Paired, &meant, &bare).unwrap().progress.restored, None);
    let why = refused(S::Paired, &meant, &waits);
    assert_eq!(why, ReplacementRefused::NotRestored(campaign));
    let mut frozen = facts();
    frozen.new.as_mut().unwrap().is_frozen = true;
    assert!(matches!(refused(S::Paired, &provision, &frozen), ReplacementRefused::Frozen(_)));
}

#[test]
fn everything_is_tried_on_site() {
    let after = go(S::Provisioned, &checked(Check::ALL), &facts()).unwrap();
    assert_eq!(after.state, S::Commissioned);
    let most = Check::ALL.into_iter().filter(|it| *it != Check::Clock);
    let why = refused(S::Provisioned, &checked(most), &facts());
    assert_eq!(why, ReplacementRefused::Unchecked(vec!["clock"]));
    let mut found: BTreeMap<_, _> = Check::ALL.map(|it| (it, Found::Works)).into();
    found.insert(Check::Scanner, Found::Absent);
    found.insert(Check::Printer, Found::Fails);
    let (tested, by) = ("T-1".to_owned(), "tom".to_owned());
    let said = Said::Commission(Commissioned { found, tested, by: by.clone() });
    let why = refused(S::Provisioned, &said, &facts());
    assert_eq!(why, ReplacementRefused::Unchecked(vec!["printer"]));
    let found = Check::ALL.map(|it| (it, Found::Works)).into();
    let said = Said::Commission(Commissioned { found, tested: String::new(), by });
    let why = refused(S::Provisioned, &said, &facts());
    assert_eq!(why, ReplacementRefused::NotTested("PX-1".to_owned()));
}

#[test]
fn never_two_are_in_service_at_one_position() {
    let go_live = Said::GoLive { watch: Watch::default() };
    let why = refused(S::Commissioned, &go_live, &facts());
    assert!(matches!(why, ReplacementRefused::OldSells { .. }));
    let mut settled = facts();
    settled.old.service = Service::Suspended;
    let after = go(S::Commissioned, &go_live, &settled).unwrap();
    assert_eq!((after.state, after.progress.live_at), (S::Live, Some(UnixTime(100))));
    let gone = Facts { holder: None, ..settled.clone() };
    let why = refused(S::Commissioned, &go_live, &gone);
    assert!(matches!(why, ReplacementRefused::PositionMoved { .. }));

    let mut dead = replacement(S::Commissioned);
    let Said::GiveUpOld(unsettled) = given_up(&["batch 7"], "ben") else { panic!("given up") };
    dead.progress.unsettled = Some(unsettled);
    let live = |facts: &Facts| advance(&dead, &go_live, None, facts, &by());
    assert_eq!(live(&facts()).unwrap().0.state, S::Live);
    let forever = Said::GoLive { watch: Watch { for_s: u64::MAX, payments: 1 } };
    let why = advance(&dead, &forever, None, &facts(), &by());
    assert_eq!(why, Err(ReplacementRefused::WatchTooLong));
    let mut back = facts();
    back.old.presence = Presence::Online;
    assert!(matches!(live(&back), Err(ReplacementRefused::OldAnswers(_))));
    let mut frozen = settled;
    frozen.old.is_frozen = true;
    let why = refused(S::Commissioned, &go_live, &frozen);
    assert!(matches!(why, ReplacementRefused::Frozen(_)));
}

#[test]
fn no_swap_is_made_while_the_old_terminal_may_sell_again() {
    let go_live = Said::GoLive { watch: Watch::default() };
    let campaign = CampaignId::from_bytes([4; 16]);
    let mut resumes = Facts { resuming: Some(campaign), ..facts() };
    resumes.old.service = Service::Suspended;
    let why = refused(S::Commissioned, &go_live, &resumes);
    assert_eq!(why, ReplacementRefused::OldResumes { serial: "PX-0".to_owned(), campaign });
    let ended = Facts { resuming: None, ..resumes };
    assert_eq!(go(S::Commissioned, &go_live, &ended).unwrap().state, S::Live);
}

#[test]
fn only_what_sells_goes_live() {
    let go_live = Said::GoLive { watch: Watch::default() };
    let with = |change: fn(&mut Terminal)| {
        let mut facts = facts();
        facts.old.service = Service::Suspended;
        change(facts.new.as_mut().unwrap());
        facts
    };
    assert_eq!(go(S::Commissioned, &go_live, &with(|_| {})).unwrap().state, S::Live);
    for (facts, service) in [
        (with(|it| it.service = Service::Suspended), Service::Suspended),
        (with(|it| it.service = Service::SuspendedOwing), Service::SuspendedOwing),
        (with(|it| it.service = Service::Erased), Service::Erased),
    ] {
        let why = refused(S::Commissioned, &go_live, &facts);
        let serial = "PX-1".to_owned();
        assert_eq!(why, ReplacementRefused::NewStandsStill { serial, service });
    }
    let why = refused(S::Commissioned, &go_live, &with(|it| it.is_quarantined = true));
    assert_eq!(why, ReplacementRefused::NewQuarantined("PX-1".to_owned()));
}

/// It was tampered with or is lost: nobody waits for its word, and nobody else is in its place.
#[test]
fn a_revoked_terminal_has_left_its_position() {
    let go_live = Said::GoLive { watch: Watch::default() };
    let other = TerminalId::from_bytes([9; 16]);
    for (life, holder, may) in [
        (Life::Enrolled, None, false),
        (Life::Revoked, None, true),
        (Life::Revoked, Some(other), false),
    ] {
        let mut facts = Facts { holder, ..facts() };
        facts.old.unit = life;
        facts.old.service = Service::Suspended;
        assert_eq!(go(S::Commissioned, &go_live, &facts).is_ok(), may, "{life:?} {holder:?}");
        facts.old.is_frozen = true;
        assert_eq!(go(S::Commissioned, &go_live, &facts).is_ok(), may, "{life:?}, suspicious");
        facts.old.is_place_frozen = true;
        assert!(
            go(S::Commissioned, &go_live, &facts).is_err(),
            "{life:?}, its place is suspicious"
        );
    }
}

#[test]
fn somebody_else_answers_for_what_is_wrong_with_the_new_terminal() {
    let accept = |name: &str| Said::AcceptTrouble { accepted_by: name.to_owned() };
    let say = |it: &Replacement, said: &Said, facts: &Facts| {
        advance(it, said, None, facts, &by()).map(|(after, _)| after)
    };
    let mut offline = facts();
    offline.old.service = Service::Erased;
    let trouble = vec!["the new terminal is offline".to_owned()];
    let why = ReplacementRefused::Trouble(trouble.clone());
    assert_eq!(say(&watched(), &Said::Close, &offline), Err(why));
    for name in ["ana", " MIA", ""] {
        let why = say(&watched(), &accept(name), &offline);
        assert!(matches!(why, Err(ReplacementRefused::SamePerson { .. })), "{name}: {why:?}");
    }
    let answered = say(&watched(), &accept("ben"), &offline).unwrap();
    assert_eq!(answered.state, S::Watching);
    assert_eq!(answered.progress.accepted.as_ref().unwrap().trouble, trouble);
    assert_eq!(say(&answered, &Said::Close, &offline).unwrap().state, S::Closed);
    let mut works = offline.clone();
    works.new.as_mut().unwrap().presence = Presence::Online;
    assert_eq!(say(&watched(), &accept("ben"), &works), Err(ReplacementRefused::NoTrouble));
}

#[test]
fn it_is_watched_once_it_is_heard() {
    let mut live = replacement(S::Live);
    live.progress.live_at = Some(UnixTime(50));
    let watch = |facts: &Facts| advance(&live, &Said::Watch, None, facts, &by());
    let mut heard = facts();
    assert_eq!(watch(&heard), Err(ReplacementRefused::NotHeard));
    heard.new.as_mut().unwrap().last_seen_at = Some(UnixTime(51));
    assert_eq!(watch(&heard).unwrap().0.state, S::Watching);
}

/// It went live so long ago that its watch is over.
fn watched() -> Replacement {
    let mut it = replacement(S::Watching);
    it.progress.live_at = Some(UnixTime(0));
    it.progress.watch = Some(Watch { for_s: 100, payments: 50 });
    it
}

fn close(it: &Replacement, facts: &Facts) -> Refused<S> {
    Ok(advance(it, &Said::Close, None, facts, &by())?.0.state)
}

#[test]
fn it_is_closed_once_the_watch_is_over_and_the_old_unit_is_erased_and_gone() {
    let mut works = facts();
    works.new.as_mut().unwrap().presence = Presence::Online;
    let facts = || works.clone();
    let mut erased = facts();
    erased.old.service = Service::Erased;
    for state in UnitState::ALL {
        let there = Facts { old_unit: Some(state), ..erased.clone() };
        let is_gone = [
            UnitState::InStock,
            UnitState::OutForRepair,
            UnitState::Returned,
            UnitState::Disposed,
            UnitState::Tampered,
            UnitState::LostStolen,
        ]
        .contains(&state);
        assert_eq!(close(&watched(), &there).is_ok(), is_gone, "{state}");
    }
    assert!(close(&watched(), &erased).is_ok(), "it is not on the list");
    let why = ReplacementRefused::OldNotErased("PX-0".to_owned());
    assert_eq!(close(&watched(), &facts()), Err(why));
    let lost = Facts { old_unit: Some(UnitState::LostStolen), ..facts() };
    assert!(close(&watched(), &lost).is_ok(), "it can sign nothing any more");
    let mut dead = watched();
    let Said::GiveUpOld(unsettled) = given_up(&["batch 7"], "ben") else { panic!("given up") };
    dead.progress.unsettled = Some(unsettled);
    assert!(close(&dead, &facts()).is_ok(), "somebody answers for it");
    let mut young = watched();
    young.progress.watch = Some(Watch { for_s: 101, payments: 50 });
    let (until, payments) = (UnixTime(101), 50);
    assert_eq!(close(&young, &erased), Err(ReplacementRefused::StillWatched { until, payments }));
}
