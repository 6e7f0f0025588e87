//! Who knows of a cut-off, by what they were told and when.

use super::*;
use crate::registry::notice::Notice;

const CUT_OFF: UnixTime = UnixTime(1_800_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: UnixTime = UnixTime(CUT_OFF.0 - 2 * 24 * 3600);

/// Announced so many days before the cut-off.
fn announced(cut_off: UnixTime, days: u32) -> Announcement {
    let at = CUT_OFF.minus(DAY * days);
    Announcement { number: 1, cut_off, resume_expected: None, at, by: "ana".to_owned() }
}

/// Told and answered so many days before the cut-off.
fn noted(party: Party, sent: u32, acknowledged: Option<u32>) -> Noted {
    let notice = Notice {
        party: party.as_str().to_owned(),
        channel: "letter".to_owned(),
        reference: String::new(),
        sent_at: CUT_OFF.minus(DAY * sent),
        delivered_at: None,
        acknowledged_at: acknowledged.map(|days| CUT_OFF.minus(DAY * days)),
    };
    Noted { notice, at: NOW, by: "ana".to_owned() }
}

fn of_bank(announced: Option<&Announcement>, notices: &[Noted]) -> Knows {
    standings(StopKind::Suspend, CUT_OFF, announced, notices, NOW)[1].knows
}

#[test]
fn a_party_knows_when_it_says_so_or_was_told_early_enough() {
    let then = announced(CUT_OFF, 10);
    for (sent, acknowledged, knows) in [
        (8, None, Knows::ToldInTime),
        (7, None, Knows::ToldInTime),
        (6, None, Knows::ToldLate),
        (6, Some(5), Knows::Acknowledged),
        (6, Some(1), Knows::ToldLate),
        (6, Some(6), Knows::Acknowledged),
        (6, Some(7), Knows::ToldLate),
        (8, Some(5), Knows::Acknowledged),
        (1, None, Knows::NotTold),
        (11, Some(5), Knows::OtherMoment),
    ] {
        let notices = [noted(Party::Bank, sent, acknowledged)];
        assert_eq!(of_bank(Some(&then), &notices), knows, "{sent} {acknowledged:?}");
    }
    assert_eq!(of_bank(Some(&then), &[noted(Party::Provider, 8, Some(8))]), Knows::NotTold);
    assert_eq!(of_bank(None, &[noted(Party::Bank, 8, Some(8))]), Knows::OtherMoment);
    let earlier = announced(CUT_OFF.minus(DAY), 10);
    assert_eq!(of_bank(Some(&earlier), &[noted(Party::Bank, 8, None)]), Knows::OtherMoment);
}

#[test]
fn who_must_know_depends_on_whether_terminals_come_back() {
    let required = |kind| {
        let all = Party::ALL.into_iter().filter(|party| party.is_required(kind));
        all.map(Party::as_str).collect::<Vec<_>>()
    };
    assert_eq!(required(StopKind::Suspend), ["provider", "bank", "customers"]);
    assert_eq!(required(StopKind::Decommission), Party::ALL.map(Party::as_str));
    for kind in [StopKind::Suspend, StopKind::Decommission] {
        for party in Party::ALL {
            assert_eq!(party.lead(kind), DAY * 7, "{party:?}");
        }
    }
}

#[test]
fn terminals_stop_when_all_who_must_know_do_or_somebody_answers_for_it() {
    let then = announced(CUT_OFF, 10);
    let answer = || Answer { by: "gil".to_owned(), why: "flood".to_owned() };
    let told_with = |notices: &[Noted], reason, answer| {
        told(reason, &standings(StopKind::Suspend, CUT_OFF, Some(&then), notices, NOW), answer)
    };
    let parties = |told: &Told| told.lacking.iter().map(|it| it.party).collect::<Vec<_>>();
    let all = [Party::Provider, Party::Bank, Party::Customers].map(|it| noted(it, 8, None));
    let whole = told_with(&all, Reason::Business, Some(answer()));
    assert!(whole.is_enough() && whole.lacking.is_empty());
    assert_eq!(whole.answer, None, "nobody answers for what is as it should be");
    let lacks = told_with(&all[1..], Reason::Business, None);
    assert_eq!((lacks.is_enough(), parties(&lacks)), (false, vec![Party::Provider]));
    let answered = told_with(&all[1..], Reason::Business, Some(answer()));
    assert_eq!((answered.is_enough(), answered.answer), (true, Some(answer())));
    for reason in Reason::ALL {
        let exempt = told_with(&[], reason, None);
        let is_emergency = matches!(reason, Reason::LostStolen | Reason::Tampered);
        assert_eq!((exempt.is_exempt, exempt.is_enough()), (is_emergency, is_emergency));
    }
}

#[test]
fn a_moment_is_announced_for_what_may_happen_and_is_not_ordered_yet() {
    use super::super::closing::tests::request;
    let later = NOW.plus(DAY);
    for kind in RequestKind::ALL {
        for state in RequestState::ALL {
            let told = may_announce(&request(kind, state), None, later, None, NOW);
            let may = matches!(state, RequestState::Accepted | RequestState::Scheduled)
                && StopKind::of(kind).is_some();
            assert_eq!(told.is_ok(), may, "{kind:?} {state}: {told:?}");
        }
    }
    let accepted = request(RequestKind::Suspend, RequestState::Accepted);
    let moving = Some(CampaignId::from_bytes([3; 16]));
    let refused = may_announce(&accepted, moving, later, None, NOW);
    assert!(matches!(refused, Err(NotAnnounced::Request(RequestRefused::InMotion(_)))));
    assert_eq!(may_announce(&accepted, None, NOW, None, NOW), Err(NotAnnounced::Passed(NOW)));
    for (resumes, may) in [(NOW, false), (later, false), (later.plus(DAY), true)] {
        let told = may_announce(&accepted, None, later, Some(resumes), NOW);
        let before = NotAnnounced::ResumesBefore { cut_off: later, resumes };
        assert_eq!(told, if may { Ok(StopKind::Suspend) } else { Err(before) });
    }
}

#[test]
fn what_is_ordered_otherwise_than_it_was_announced_is_said() {
    let later = NOW.plus(DAY);
    let told = announced(later, 1);
    assert!(differs(None, later, None).is_empty());
    assert!(differs(Some(&told), later, None).is_empty());
    let said = differs(Some(&told), NOW, Some(later));
    assert_eq!(said[0], format!("cut-off: {later} was announced, {NOW} is asked for"));
    assert_eq!(said[1], format!("expected back: no day was announced, {later} is asked for"));
}
