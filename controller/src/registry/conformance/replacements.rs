//! Replacements: two units, one position, and never both in service there.

use futures::future::join;
use shared::change::rebind::Reason;
use shared::digest::Digest;
use shared::id::RequestId;
use shared::time::UnixTime;

use super::fixture::*;
use super::requests::request_id;
use crate::position::{Position, PositionEvent, PositionState};
use crate::registry::Registry;
use crate::registry::page::Page;
use crate::registry::position::PutPosition;
use crate::registry::replacement::{NewReplacement, ReplacementStep};
use crate::registry::request::NewRequest;
use crate::registry::terminal::{ClaimRefusal, ClaimState, Enrolled};
use crate::replacement::form::{Form, ReplaceReason};
use crate::replacement::record::{
    Check, Commissioned, Found, Parcel, Replacement, Said, Unsettled,
};
use crate::replacement::refused::ReplacementRefused;
use crate::replacement::watch::Watch;
use crate::replacement::{NotMoved, ReplacementEvent, ReplacementState as S};
use crate::request::RequestState;
use crate::request::{Asked, Channel, Method, RequestEvent, RequestKind, RequestRefused};
use crate::unit::custody::UnitStep;
use crate::unit::import::NewUnit;
use crate::unit::record::{About, Accessory, Condition};
use crate::unit::remains::NewWord;
use crate::unit::{UnitEvent, UnitRefused, UnitState};

fn about(serial: &str) -> About {
    About {
        serial: serial.to_owned(),
        model: "T650".to_owned(),
        store: "depot".to_owned(),
        hardware: None,
        firmware: None,
        property_number: None,
        custodian: None,
        seal: Some("S-1".to_owned()),
        connections: None,
        accessories: vec![Accessory { name: "base".to_owned(), count: 1 }],
        warranty_from: None,
        warranty_until: None,
        pts_approval: None,
        pts_expires_on: None,
        condition: Condition::New,
        residual_value: None,
        inspection_every_days: 90,
    }
}

async fn request(registry: &dyn Registry, number: u8) -> RequestId {
    let asked = Asked {
        requester: "cora".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::FaultHardware,
        note: String::new(),
        from: String::new(),
        to: String::new(),
        selector: "store=berlin-1".to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let new = NewRequest { id: request_id(number), kind: RequestKind::Replace, asked };
    let id = registry.add_request(&new, &by("ana", 5)).await.expect("it is written down").id;
    let verified = registry.verify_request(id, Method::CallBack, "+49 30 1", &by("ben", 6)).await;
    verified.expect("it is known").expect("it is verified");
    let accepted = registry.review_request(id, true, &by("ben", 6)).await;
    accepted.expect("it is known").expect("it is accepted");
    id
}

/// Terminal 1 is in service in a lane; unit 2 is in stock; a request is accepted.
pub(super) async fn shop(registry: &dyn Registry) -> (Position, NewReplacement) {
    let mut old = claim(1, 1);
    old.lane = Some("1".to_owned());
    registry.add_claim(&old, &by("op", 1)).await.expect("it is made");
    let enrolled = registry.enrol(&enrolment(old.id, 1), &by("enrolment", 2)).await;
    assert!(matches!(enrolled, Ok(Enrolled::Done(_))), "{enrolled:?}");
    let put = PutPosition {
        store: "berlin-1".to_owned(),
        lane: "1".to_owned(),
        merchant: Some("Corner shop".to_owned()),
        merchant_class: None,
        fallback: None,
    };
    let position = registry.put_position(&put, &by("op", 3)).await.expect("it is set");
    let units = ["SN-001", "SN-002"].map(|serial| NewUnit { line: 1, about: about(serial) });
    let added = registry.add_units(&units, false, &by("op", 3)).await.expect("it is decided");
    assert_eq!(added, Ok(2));
    let commission =
        UnitStep { position: Some(position.id), ..UnitStep::plain(UnitEvent::Commission) };
    let receive = UnitStep {
        seal: crate::unit::inspection::SealSeen::Reads("S-1".to_owned()),
        ..UnitStep::plain(UnitEvent::Receive)
    };
    let plain = UnitStep::plain;
    for step in [plain(UnitEvent::Allocate), plain(UnitEvent::Ship), receive, commission] {
        let moved = registry.move_unit("SN-001", &step, &by("op", 4)).await;
        moved.expect("it is known").expect("it may");
    }
    let form = Form {
        merchant: "Corner shop".to_owned(),
        old_serial: "SN-001".to_owned(),
        new_model: "T650".to_owned(),
        reason: ReplaceReason::ChipReadError,
        note: String::new(),
        answers: [].into(),
    };
    let (request, old, id) = (request(registry, 1).await, terminal_id(1), position.id);
    (position, NewReplacement { request, form, old, position: id })
}

pub(super) async fn begin(
    registry: &dyn Registry,
    new: &NewReplacement,
) -> Result<Replacement, ReplacementRefused> {
    registry.add_replacement(new, &by("op", 10)).await.expect("all of it is known")
}

pub(super) async fn say(
    registry: &dyn Registry,
    said: Said,
    at: i64,
) -> Result<S, ReplacementRefused> {
    let is_pairing = matches!(said, Said::Pair { .. });
    let claim = is_pairing.then(|| claim(2, 1));
    let step = ReplacementStep { seen: None, said, claim };
    let moved = registry.move_replacement(1, &step, &by("op", at)).await.expect("it is known");
    moved.map(|it| it.state)
}

fn ship() -> Said {
    let (courier, tracking) = ("parcels".to_owned(), "1Z".to_owned());
    Said::Ship(Parcel { courier, tracking, seal: Some("BAG-7".to_owned()) })
}

fn receive(seal: &str) -> Said {
    Said::Receive {
        serial: "SN-002".to_owned(),
        seal: Some(seal.to_owned()),
        seal_missing: false,
        custodian: Some("shop manager".to_owned()),
    }
}

fn allocate() -> Said {
    Said::Allocate { serial: "SN-002".to_owned() }
}

fn give_up() -> Said {
    let (items, accepted_by) = (vec!["batch 7".to_owned()], "ben".to_owned());
    let closed_at_host = "C-7".to_owned();
    Said::GiveUpOld(Unsettled { items, closed_at_host, without_backup: true, accepted_by })
}

fn pair() -> Said {
    Said::Pair { claim_key: key(2) }
}

const PROVISION: Said = Said::Provision { nothing_to_restore: true };

/// Watched for ten seconds.
pub(super) const GO_LIVE: Said = Said::GoLive { watch: Watch { for_s: 10, payments: 50 } };

fn commission() -> Said {
    let found = Check::ALL.map(|it| (it, Found::Works)).into();
    let (tested, by) = ("T-1".to_owned(), "tom".to_owned());
    Said::Commission(Commissioned { found, tested, by })
}

async fn enrol_new(registry: &dyn Registry) -> Enrolled {
    let enrolled = registry.enrol(&enrolment(claim(2, 1).id, 2), &by("enrolment", 20)).await;
    enrolled.expect("it is decided")
}

/// Until it can go live.
pub(super) async fn commissioned(registry: &dyn Registry) {
    for said in [allocate(), ship(), receive("BAG-7"), give_up(), pair()] {
        say(registry, said, 11).await.expect("it goes on");
    }
    let early = say(registry, PROVISION, 12).await;
    assert_eq!(early, Err(ReplacementRefused::NotEnrolled("SN-002".to_owned())));
    assert!(matches!(enrol_new(registry).await, Enrolled::Done(_)));
    for said in [PROVISION, commission()] {
        say(registry, said, 21).await.expect("it goes on");
    }
}

async fn unit(registry: &dyn Registry, serial: &str) -> UnitState {
    registry.unit(serial).await.expect("it is asked").expect("it is on the list").state
}

async fn lane(registry: &dyn Registry, number: u8) -> Option<String> {
    let terminal = registry.terminal(terminal_id(number)).await.expect("it is asked");
    terminal.expect("it is known").lane
}

async fn asked(registry: &dyn Registry) -> RequestState {
    registry.request(request_id(1)).await.expect("it is asked").expect("it is known").state
}

/// The old unit goes back. It is dead: nobody but people can say that nothing is left on it.
async fn returned(registry: &dyn Registry) {
    let returned = UnitStep {
        accessories: Some(vec![]),
        condition: Some(Condition::Damaged),
        ..UnitStep::plain(UnitEvent::Return)
    };
    let waits = UnitStep::plain(UnitEvent::AwaitReturn);
    let refused = registry.move_unit("SN-001", &waits, &by("op", 42)).await.expect("it is known");
    assert!(matches!(refused, Err(UnitRefused::NotErased { .. })), "{refused:?}");
    let shredded = NewWord { reference: "S-1".to_owned(), paper: Digest::of(b"certificate") };
    for who in ["ana", "ben"] {
        let said = registry.sanitise_unit("SN-001", &shredded, &by(who, 42)).await;
        said.expect("it is known").expect("they may");
    }
    for step in [waits, returned] {
        let moved = registry.move_unit("SN-001", &step, &by("op", 43)).await;
        moved.expect("it is known").expect("it may");
    }
}

pub(super) async fn a_replacement_swaps_two_terminals_in_one_step(registry: &dyn Registry) {
    let (position, new) = shop(registry).await;
    assert!(registry.has_merchant("Corner shop").await.expect("it is asked"));
    assert!(!registry.has_merchant("Nobody").await.expect("it is asked"));
    let begun = begin(registry, &new).await.expect("it is begun");
    assert_eq!((begun.number, begun.state, &begun.form), (1, S::Requested, &new.form));
    assert_eq!(asked(registry).await, RequestState::Scheduled);
    commissioned(registry).await;
    let holder = async || {
        registry.position(position.id).await.expect("it is asked").expect("it is known").terminal
    };
    assert_eq!(holder().await, Some(terminal_id(1)), "the old one can come back until then");
    assert_eq!(unit(registry, "SN-001").await, UnitState::InService);
    assert_eq!(unit(registry, "SN-002").await, UnitState::AtSite);

    assert_eq!(say(registry, GO_LIVE, 30).await, Ok(S::Live));
    assert_eq!(holder().await, Some(terminal_id(2)));
    assert_eq!(unit(registry, "SN-001").await, UnitState::SwappedOut);
    assert_eq!(unit(registry, "SN-002").await, UnitState::InService);
    assert_eq!((lane(registry, 1).await, lane(registry, 2).await), (None, Some("1".to_owned())));
    let (state, event) = (S::Live, ReplacementEvent::Cancel);
    let late = say(registry, Said::Cancel, 31).await;
    assert_eq!(late, Err(NotMoved { state, event }.into()));

    assert_eq!(say(registry, Said::Watch, 31).await, Err(ReplacementRefused::NotHeard));
    let greeting = greeting_of(terminal_id(2), hello(1, 0), 40);
    registry.apply(&[greeting]).await.expect("it is applied");
    assert_eq!(say(registry, Said::Watch, 41).await, Ok(S::Watching));
    let watched = registry.replacement_watch(1, UnixTime(39)).await.expect("it is known");
    let watched = watched.expect("it is watched");
    assert_eq!((watched.until, watched.is_over, watched.payments), (UnixTime(40), false, 0));
    let early = say(registry, Said::Close, 39).await;
    assert!(matches!(early, Err(ReplacementRefused::StillWatched { .. })), "{early:?}");
    let early = say(registry, Said::Close, 42).await;
    assert!(matches!(early, Err(ReplacementRefused::OldNotBack { .. })), "{early:?}");
    returned(registry).await;
    assert_eq!(say(registry, Said::Close, 44).await, Ok(S::Closed));
    assert_eq!(asked(registry).await, RequestState::Closed);

    let moves = registry.replacement_moves(1, &Page::first(99)).await.expect("a list");
    let told: Vec<_> = moves.iter().map(|it| (it.number, it.event.as_str())).collect();
    let expected = [
        "allocate",
        "ship",
        "receive",
        "give-up-old",
        "pair",
        "provision",
        "commission",
        "go-live",
        "watch",
        "close",
    ];
    assert_eq!(told, (1..).zip(expected).collect::<Vec<_>>());
    assert_eq!((moves[7].from, moves[7].to, moves[7].at), (S::Commissioned, S::Live, UnixTime(30)));
    let audit = registry.audit(&Page::first(999)).await.expect("it is read");
    let at_once = audit.iter().filter(|it| it.at == UnixTime(30));
    let at_once: Vec<_> = at_once.map(|it| it.what.as_str()).collect();
    let swapped = ["unit-swapped-out", "position-filled", "unit-commissioned"];
    // Nobody has heard that it stopped.
    let given_up = ["replacement-live", "quarantine-began"];
    assert_eq!(at_once, [&swapped[..], &given_up].concat());
    let all = registry.replacements(&Page::first(9)).await.expect("a list");
    assert_eq!(all.len(), 1);
    assert_eq!(registry.replacement(2).await.expect("it is asked"), None);
}

pub(super) async fn a_swap_that_cannot_be_whole_changes_nothing(registry: &dyn Registry) {
    let (position, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    let vacated = registry.move_position(position.id, PositionEvent::Vacate, &by("op", 25)).await;
    vacated.expect("it is known").expect("it may");
    let refused = say(registry, GO_LIVE, 30).await;
    assert!(matches!(refused, Err(ReplacementRefused::PositionMoved { .. })), "{refused:?}");
    let filled = registry.fill_position(position.id, terminal_id(1), &by("op", 31)).await;
    filled.expect("both are known").expect("it may");
    // Somebody takes the new unit away.
    let gone = UnitStep::plain(UnitEvent::ReportLost);
    registry.move_unit("SN-002", &gone, &by("op", 32)).await.expect("known").expect("it may");
    let refused = say(registry, GO_LIVE, 33).await;
    assert!(matches!(refused, Err(ReplacementRefused::Frozen(_))), "{refused:?}");
    let open = registry.suspicions(false, &Page::first(9)).await.expect("a list");
    for who in ["ana", "ben"] {
        let lifted = registry.lift_suspicion(open[0].number, &by(who, 34)).await;
        lifted.expect("it is known").expect("they may");
    }
    let refused = say(registry, GO_LIVE, 35).await;
    assert!(matches!(refused, Err(ReplacementRefused::Unit { .. })), "{refused:?}");
    assert_eq!(unit(registry, "SN-001").await, UnitState::InService);
    let there = registry.position(position.id).await.expect("it is asked").expect("known");
    assert_eq!((there.state, there.terminal), (PositionState::Occupied, Some(terminal_id(1))));
    assert_eq!(lane(registry, 1).await, Some("1".to_owned()));
}

pub(super) async fn one_replacement_at_a_time_is_about_a_terminal(registry: &dyn Registry) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    let again = begin(registry, &new).await;
    assert!(matches!(again, Err(ReplacementRefused::Request(_))), "{again:?}");
    let other = NewReplacement { request: request(registry, 2).await, ..new };
    assert_eq!(begin(registry, &other).await, Err(ReplacementRefused::InAnother(1)));
    let ended = registry.end_request(request_id(1), RequestEvent::Cancel, &by("op", 11)).await;
    assert_eq!(ended.expect("it is known"), Err(RequestRefused::BeingReplaced(1)));
    assert_eq!(say(registry, Said::Cancel, 12).await, Ok(S::Cancelled));
    assert!(begin(registry, &other).await.is_ok(), "the first is over");
}

/// Days are days in UTC, and all of this happens on the first one.
pub(super) async fn a_unit_whose_approval_has_run_out_is_not_allocated(registry: &dyn Registry) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    let until = |serial: &str, day: &str| About {
        pts_approval: Some("4-40123".to_owned()),
        pts_expires_on: day.parse().ok(),
        ..about(serial)
    };
    let units = [until("SN-003", "1969-12-31"), until("SN-004", "1970-01-01")];
    let units = units.map(|about| NewUnit { line: 1, about });
    let added = registry.add_units(&units, false, &by("op", 3)).await.expect("it is decided");
    assert_eq!(added, Ok(2));
    let refused = say(registry, Said::Allocate { serial: "SN-003".to_owned() }, 11).await;
    let Err(ReplacementRefused::ApprovalExpired { serial, day }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((serial.as_str(), day.to_string().as_str()), ("SN-003", "1969-12-31"));
    assert_eq!(unit(registry, "SN-003").await, UnitState::InStock);
    let on_its_last_day = Said::Allocate { serial: "SN-004".to_owned() };
    assert_eq!(say(registry, on_its_last_day, 12).await, Ok(S::UnitAllocated));
}

pub(super) async fn a_parcel_that_differs_freezes_the_replacement(registry: &dyn Registry) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    for said in [allocate(), ship()] {
        say(registry, said, 11).await.expect("it goes on");
    }
    let received = say(registry, receive("BAG-8"), 12).await;
    assert_eq!(received, Ok(S::SuspectedSubstitution));
    assert_eq!(unit(registry, "SN-002").await, UnitState::Tampered);
    let it = registry.replacement(1).await.expect("it is asked").expect("it is known");
    assert!(it.progress.difference.is_some_and(|it| it.contains("BAG-8")));
    assert!(say(registry, give_up(), 13).await.is_err());
    assert_eq!(say(registry, Said::Cancel, 14).await, Ok(S::Cancelled));
    assert_eq!(unit(registry, "SN-002").await, UnitState::Tampered);
    assert_eq!(asked(registry).await, RequestState::Accepted);
}

pub(super) async fn a_cancelled_replacement_gives_back_what_it_took(registry: &dyn Registry) {
    let (position, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    for said in [allocate(), ship(), receive("BAG-7"), give_up(), pair()] {
        say(registry, said, 11).await.expect("it goes on");
    }
    assert_eq!(say(registry, Said::Cancel, 12).await, Ok(S::Cancelled));
    let claim = registry.claim(claim(2, 1).id).await.expect("it is asked").expect("it is known");
    assert_eq!(claim.state, ClaimState::Replaced);
    assert_eq!(enrol_new(registry).await, Enrolled::Refused(ClaimRefusal::Replaced));
    assert_eq!(unit(registry, "SN-002").await, UnitState::AwaitingReturn);
    assert_eq!(unit(registry, "SN-001").await, UnitState::InService);
    let there = registry.position(position.id).await.expect("it is asked").expect("it is known");
    assert_eq!(there.terminal, Some(terminal_id(1)));
    assert_eq!(asked(registry).await, RequestState::Accepted);
}

pub(super) async fn what_is_lost_or_tampered_with_is_replaced_all_the_same(
    registry: &dyn Registry,
) {
    let (position, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    for event in [UnitEvent::ReportTampered, UnitEvent::ReportLost] {
        let moved = registry.move_unit("SN-001", &UnitStep::plain(event), &by("op", 11)).await;
        moved.expect("it is known").expect("it may");
    }
    registry.revoke_terminal(terminal_id(1), &by("op", 11)).await.expect("it is revoked");
    commissioned(registry).await;
    assert_eq!(say(registry, GO_LIVE, 30).await, Ok(S::Live));
    assert_eq!(unit(registry, "SN-001").await, UnitState::LostStolen, "nobody has found it");
    assert_eq!(unit(registry, "SN-002").await, UnitState::InService);
    let there = registry.position(position.id).await.expect("it is asked").expect("it is known");
    assert_eq!(there.terminal, Some(terminal_id(2)));
}

pub(super) async fn a_swap_happens_once_however_many_ask_for_it(registry: &dyn Registry) {
    let (_, new) = shop(registry).await;
    begin(registry, &new).await.expect("it is begun");
    commissioned(registry).await;
    let (one, other) = join(say(registry, GO_LIVE, 30), say(registry, GO_LIVE, 30)).await;
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    let moves = registry.replacement_moves(1, &Page::after(7, 9)).await.expect("a list");
    assert_eq!(moves.len(), 1);
}
