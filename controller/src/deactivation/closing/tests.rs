//! What keeps a decommissioning open, and who may close it.

use shared::change::rebind::Reason;
use shared::id::RequestId;

use super::*;
use crate::request::{Asked, Channel, RequestState};

const ASKED: UnixTime = UnixTime(100);

pub(crate) fn request(kind: RequestKind, state: RequestState) -> Request {
    let asked = Asked {
        requester: "Cora Merchant".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::ContractEnd,
        note: String::new(),
        from: String::new(),
        to: String::new(),
        selector: "store=north".to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    Request {
        id: RequestId::from_bytes([1; 16]),
        kind,
        asked,
        state,
        state_at: ASKED,
        state_by: "ana".to_owned(),
        state_why: String::new(),
        frozen_from: None,
        verification: None,
        review: None,
        campaign: Some(CampaignId::from_bytes([2; 16])),
        created_at: ASKED,
        created_by: "ana".to_owned(),
    }
}

fn unit(state: Option<UnitState>) -> UnitFacts {
    UnitFacts {
        serial: "PX-1".to_owned(),
        state,
        state_at: state.map(|_| UnixTime(200)),
        returned_at: state.map(|_| UnixTime(150)),
        certificate: Some(Digest([3; 32])),
        sells: false,
    }
}

fn facts(unit: UnitFacts) -> CaseFacts {
    CaseFacts {
        request: request(RequestKind::Decommission, RequestState::Scheduled),
        units: vec![unit],
        balances: BTreeMap::from([("EUR".to_owned(), 0)]),
        in_motion: None,
    }
}

fn note() -> CloseOut {
    CloseOut { note: "all went well".to_owned(), ..CloseOut::default() }
}

fn gil() -> Option<String> {
    Some("gil".to_owned())
}

#[test]
fn a_unit_is_back_when_it_was_returned_and_restocked_or_is_gone_for_good() {
    let serial = || "PX-1".to_owned();
    for state in UnitState::ALL {
        let expected = match state {
            UnitState::InStock | UnitState::Disposed => vec![],
            UnitState::LostStolen => vec![Point::Lost { serial: serial() }],
            UnitState::Allocated
            | UnitState::InTransit
            | UnitState::AtSite
            | UnitState::InService
            | UnitState::Suspended
            | UnitState::OutForRepair
            | UnitState::AwaitingReturn
            | UnitState::Returned
            | UnitState::Tampered
            | UnitState::SwappedOut => vec![Point::NotBack { serial: serial(), state }],
        };
        assert_eq!(points(&facts(unit(Some(state))), &note()), expected, "{state}");
    }
    let earlier = UnitFacts { state_at: Some(UnixTime(99)), ..unit(Some(UnitState::Disposed)) };
    for unknown in [unit(None), earlier] {
        let open = points(&facts(unknown), &note());
        assert_eq!(open, [Point::NotOnTheList { serial: serial() }]);
    }
    for returned_at in [None, Some(UnixTime(99))] {
        let shelf = UnitFacts { returned_at, ..unit(Some(UnitState::InStock)) };
        let never = points(&facts(shelf), &note());
        assert_eq!(never, [Point::NeverReturned { serial: serial() }], "{returned_at:?}");
    }
    let answered = CloseOut { presumed_lost: gil(), ..note() };
    assert_eq!(points(&facts(unit(Some(UnitState::LostStolen))), &answered), []);
    let away = points(&facts(unit(Some(UnitState::Suspended))), &answered);
    assert_eq!(away.len(), 1, "only what is reported as lost is presumed lost");
}

#[test]
fn it_needs_a_certificate_or_a_word_why_there_is_none() {
    let without = UnitFacts { certificate: None, ..unit(Some(UnitState::Disposed)) };
    let open = points(&facts(without.clone()), &note());
    assert_eq!(open, [Point::NoCertificate { serial: "PX-1".to_owned() }]);
    let said = CloseOut { no_certificate: Some("shredded whole".to_owned()), ..note() };
    let found = decide(&facts(without), &said, "ben").unwrap();
    assert_eq!(found.no_certificate.as_deref(), Some("shredded whole"));
    let found = decide(&facts(unit(Some(UnitState::Disposed))), &said, "ben").unwrap();
    assert_eq!(found.no_certificate, None, "it was not needed");
}

#[test]
fn nobody_owes_anything_or_somebody_accepts_what_is_owed() {
    let mut facts = facts(unit(Some(UnitState::Disposed)));
    facts.balances = BTreeMap::from([("EUR".to_owned(), -5), ("USD".to_owned(), 7)]);
    let owed = |currency: &str, minor| Point::Owed { currency: currency.to_owned(), minor };
    assert_eq!(points(&facts, &note()), [owed("EUR", -5), owed("USD", 7)]);
    assert!(owed("EUR", -5).detail().contains("has to pay 0.05 EUR"));
    assert!(owed("USD", 7).detail().contains("is still to get 0.07 USD"));
    let accepted = CloseOut { accept_balance: gil(), ..note() };
    assert_eq!(decide(&facts, &accepted, "ben").unwrap().accepted_by, gil());
}

#[test]
fn whoever_closes_it_or_asked_for_it_answers_for_nothing() {
    let lost = facts(unit(Some(UnitState::LostStolen)));
    for name in ["ben", " Ben ", "cora  merchant", ""] {
        let named = Some(name.to_owned());
        let lost_by = CloseOut { presumed_lost: named.clone(), ..note() };
        let accepted_by = CloseOut { accept_balance: named.clone(), ..note() };
        for said in [lost_by, accepted_by] {
            let refused = decide(&lost, &said, "ben");
            assert_eq!(refused, Err(NotClosed::SamePerson { name: name.to_owned() }), "{name}");
        }
    }
    let answered = CloseOut { presumed_lost: gil(), ..note() };
    assert_eq!(decide(&lost, &answered, "ben").unwrap().presumed_lost, gil());
}

#[test]
fn only_a_decommissioning_that_was_carried_out_is_closed_so() {
    let done = || facts(unit(Some(UnitState::Disposed)));
    assert!(decide(&done(), &note(), "ben").is_ok());
    let with = |change: &dyn Fn(&mut CaseFacts)| {
        let mut facts = done();
        change(&mut facts);
        decide(&facts, &note(), "ben")
    };
    let other = with(&|it| it.request.kind = RequestKind::Suspend);
    assert_eq!(other, Err(NotClosed::OtherKind(RequestKind::Suspend)));
    for state in RequestState::ALL.into_iter().filter(|it| *it != RequestState::Scheduled) {
        let mut facts = done();
        facts.request.state = state;
        let refused = decide(&facts, &note(), "ben");
        assert!(matches!(refused, Err(NotClosed::Request(_))), "{state}");
    }
    let campaign = CampaignId::from_bytes([2; 16]);
    let moving = with(&|it| it.in_motion = Some(campaign));
    assert_eq!(moving, Err(NotClosed::Open(vec![Point::InMotion { campaign }])));
    let nothing = Err(NotClosed::Open(vec![Point::NothingStopped]));
    assert_eq!(with(&|it| it.units.clear()), nothing);
    let silent = decide(&done(), &CloseOut { note: " ".to_owned(), ..note() }, "ben");
    assert_eq!(silent, Err(NotClosed::NoNote));
}

#[test]
fn a_terminal_that_sells_keeps_it_open_until_somebody_lets_it_stay() {
    let sells = |state| UnitFacts { sells: true, certificate: None, ..unit(state) };
    let serial = || "PX-1".to_owned();
    for state in [None, Some(UnitState::InService)] {
        let facts = facts(sells(state));
        assert_eq!(points(&facts, &note()), [Point::Sells { serial: serial() }]);
        let stays = CloseOut { staying: gil(), ..note() };
        let found = decide(&facts, &stays, "ana").unwrap();
        assert_eq!((found.staying, found.no_certificate), (gil(), None));
        for name in ["ana", " cora merchant"] {
            let said = CloseOut { staying: Some(name.to_owned()), ..note() };
            let refused = decide(&facts, &said, "ana");
            assert!(matches!(refused, Err(NotClosed::SamePerson { .. })), "{name}");
        }
    }
    // What is lost or in the depot stays nowhere, whatever its terminal signed last.
    let lost = facts(sells(Some(UnitState::LostStolen)));
    let stays = CloseOut { staying: gil(), ..note() };
    assert!(points(&lost, &stays).contains(&Point::Lost { serial: serial() }));
    let stopped = facts(unit(Some(UnitState::InService)));
    assert!(!points(&stopped, &stays).is_empty(), "it does not sell");
}
