//! Every pair of the table, and who may do what with which papers.

use super::*;

fn asked() -> Asked {
    Asked {
        requester: "Cora Merchant".to_owned(),
        channel: Channel::Telephone,
        reason: Reason::Fee,
        note: String::new(),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        selector: "store=north".to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    }
}

fn request(state: RequestState, asked: Asked) -> Request {
    Request {
        id: RequestId::from_bytes([1; 16]),
        kind: RequestKind::Rebind,
        asked,
        state,
        state_at: UnixTime(1),
        state_by: String::new(),
        state_why: String::new(),
        frozen_from: None,
        verification: None,
        review: None,
        campaign: None,
        created_at: UnixTime(1),
        created_by: "ana".to_owned(),
    }
}

#[test]
fn every_pair_that_is_not_in_the_table_is_refused_by_name() {
    use RequestEvent::*;
    use RequestState::*;
    let table = [
        (Requested, Verify, Verified),
        (Verified, Accept, Accepted),
        (Accepted, Schedule, Scheduled),
        (Scheduled, Unschedule, Accepted),
        (Scheduled, Close, Closed),
        (Requested, Reject, Rejected),
        (Verified, Reject, Rejected),
        (Frozen, Reject, Rejected),
        (Requested, Cancel, Cancelled),
        (Verified, Cancel, Cancelled),
        (Accepted, Cancel, Cancelled),
        (Scheduled, Cancel, Cancelled),
        (Frozen, Cancel, Cancelled),
        (Requested, Freeze, Frozen),
        (Verified, Freeze, Frozen),
        (Accepted, Freeze, Frozen),
        (Scheduled, Freeze, Frozen),
    ];
    for state in RequestState::ALL {
        for event in RequestEvent::ALL {
            let row = table.iter().find(|(from, on, _)| (*from, *on) == (state, event));
            let refused = match (state, event) {
                (Requested, Accept | Schedule) => RequestRefused::Unverified,
                (Verified, Schedule) => RequestRefused::NotAccepted,
                (Frozen, Verify | Accept | Schedule | Unschedule | Close) => RequestRefused::Frozen,
                (
                    Requested | Verified | Accepted | Scheduled | Closed | Rejected | Cancelled
                    | Frozen,
                    Verify | Accept | Schedule | Unschedule | Close | Reject | Cancel | Freeze
                    | Unfreeze,
                ) => RequestRefused::State { state, event },
            };
            let expected = row.map(|(.., to)| *to).ok_or(refused);
            assert_eq!(step(state, None, event), expected, "{state} {event:?}");
        }
    }
}

#[test]
fn a_frozen_request_goes_on_where_it_was() {
    for before in RequestState::ALL {
        if let Ok(frozen) = step(before, None, RequestEvent::Freeze) {
            assert_eq!(step(frozen, Some(before), RequestEvent::Unfreeze), Ok(before));
        }
    }
}

#[test]
fn whoever_made_it_or_wrote_it_down_does_not_verify_or_accept_it() {
    let verify = |by: &str, contact: &str| {
        let (by, contact) = (by.to_owned(), contact.to_owned());
        let how = Verification { method: Method::CallBack, contact, by, at: UnixTime(2) };
        request(RequestState::Requested, asked()).verified(&how)
    };
    for same in ["ana", "ANA ", "cora  merchant"] {
        let refused = RequestRefused::SamePerson { name: same.to_owned(), what: "verify" };
        assert_eq!(verify(same, "+1"), Err(refused), "{same}");
        let accepted = request(RequestState::Verified, asked()).accepted(same, UnixTime(2));
        let refused = RequestRefused::SamePerson { name: same.to_owned(), what: "accept" };
        assert_eq!(accepted, Err(refused), "{same}");
    }
    assert_eq!(verify("ben", " "), Err(RequestRefused::NoContact));
    assert_eq!(verify("ben", "+1"), Ok(RequestState::Verified));
}

#[test]
fn it_is_accepted_with_a_fallback_a_clause_or_waiver_and_papers_that_hold() {
    let now = UnixTime(100);
    let accept = |asked| request(RequestState::Verified, asked).accepted("ben", now);
    assert_eq!(accept(asked()), Ok(RequestState::Accepted));
    let none = Asked { fallback: Some(" ".to_owned()), ..asked() };
    assert_eq!(accept(none), Err(RequestRefused::NoFallback));
    let none = Asked { clause: None, ..asked() };
    assert_eq!(accept(none.clone()), Err(RequestRefused::NoClause));
    let waived = Asked { waiver: Some("no contract yet".to_owned()), ..none };
    assert_eq!(accept(waived), Ok(RequestState::Accepted));
    let paper = |expires_at, reviewer: Option<&str>| Asked {
        attachments: vec![Attachment {
            name: "licence".to_owned(),
            sha256: Digest::of(b"licence"),
            expires_at,
            reviewer: reviewer.map(str::to_owned),
        }],
        ..asked()
    };
    let named = || "licence".to_owned();
    let refused = accept(paper(Some(now), Some("ben")));
    assert_eq!(refused, Err(RequestRefused::Expired(named())));
    assert_eq!(accept(paper(None, None)), Err(RequestRefused::Unread(named())));
    assert_eq!(accept(paper(Some(UnixTime(101)), Some("ben"))), Ok(RequestState::Accepted));
}

#[test]
fn everything_that_is_wrong_with_it_is_told_at_once() {
    assert_eq!(mistakes(RequestKind::Rebind, &asked()), Vec::<String>::new());
    let attachment = Attachment {
        name: String::new(),
        sha256: Digest::of(b"x"),
        expires_at: None,
        reviewer: None,
    };
    let wrong = Asked {
        requester: "\u{1b}[2J".to_owned(),
        reason: Reason::Other,
        to: "alpha".to_owned(),
        selector: "nothing".to_owned(),
        clause: Some(String::new()),
        attachments: vec![attachment; ATTACHMENTS_MAX + 1],
        ..asked()
    };
    assert_eq!(mistakes(RequestKind::Rebind, &wrong).len(), 6 + ATTACHMENTS_MAX + 1);
}
