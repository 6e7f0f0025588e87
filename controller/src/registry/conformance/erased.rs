//! Terminals that are erased, and what their certificates say.

use shared::document::Receipt;
use shared::document::order::Stream;
use shared::document::profile::Enclosed;
use shared::document::receipt::Said;
use shared::document::sanitisation::Person;
use shared::message::SignedBytes;
use shared::outcome::Outcome;
use shared::signature::Envelope;
use shared::time::{ClockConfidence, UnixTime};

use super::fixture::*;
use super::followed::wipe;
use super::requests::{accepted_to, request_id};
use crate::deactivation::particulars::{NotTaken, Particulars};
use crate::registry::Registry;
use crate::registry::campaign::{AfterStart, NewCampaign};
use crate::registry::deactivation::NewDeactivation;
use crate::registry::delivery::{Heard, NewOrder, Report};
use crate::registry::page::Page;
use crate::request::{RequestKind, RequestState};

/// Campaign 1 wipes terminals 1 and 2.
async fn wiping(registry: &dyn Registry) {
    for number in 1..=2 {
        enrol(registry, number, 1).await;
    }
    accepted_to(registry, 1, RequestKind::Decommission).await;
    let members = vec![terminal_id(1), terminal_id(2)];
    let enclosed = || Enclosed { profile: vec![1; 5].into(), path: vec![] };
    let new = NewDeactivation {
        campaign: NewCampaign { change: wipe(), ..new_campaign(1) },
        clearances: members.iter().map(|id| (*id, enclosed())).collect(),
        members,
        request: request_id(1),
        plan: "{}".to_owned(),
        answered: [].into(),
        announcement: None,
        untold: None,
        close_store: Some("hana".to_owned()),
    };
    let added = registry.add_deactivation(&new, &by("op", 10)).await;
    added.expect("all is known").expect("it is begun");
    start_created(registry, 1, &[1, 2], AfterStart::Run).await;
    for number in 1..=2 {
        let order = NewOrder { stream: Stream::Approved, ..order(1, number, 1) };
        assert!(issue(registry, &order).await);
    }
}

/// Terminal 2 has told this end, as its `seq`-th report.
async fn told(registry: &dyn Registry, seq: u64, outcome: Outcome, at: i64) -> SignedBytes {
    let receipt = Receipt {
        format: 1,
        terminal: terminal_id(2),
        epoch: 1,
        order: order_id(1, 2, 1),
        said: Said::Finished { outcome, evidence: vec![] },
        at: UnixTime(at),
        clock: ClockConfidence::Attested,
    };
    let signed = SignedBytes::new(Envelope::unsigned(receipt.clone()).to_bytes());
    let report = Report::Receipt { receipt, signed: signed.clone() };
    let heard = Heard { terminal: terminal_id(2), ..heard(seq, report) };
    registry.apply(&[heard]).await.expect("it is applied");
    signed
}

pub(super) async fn only_what_succeeded_is_certified_and_what_cannot_be_is_gone_past(
    registry: &dyn Registry,
) {
    wiping(registry).await;
    let first = Page::first(1);
    let nobody = registry.uncertified(&first).await.expect("they are looked up");
    assert_eq!(nobody, (vec![], None), "nobody is erased");
    // What this one has signed cannot be read again.
    let mut damaged = finished(order_id(1, 1, 1), succeeded(), 40);
    if let Report::Receipt { signed, .. } = &mut damaged {
        *signed = SignedBytes::new(b"damaged".to_vec());
    }
    registry.apply(&[heard(1, damaged)]).await.expect("it is applied");
    let success = told(registry, 1, succeeded(), 40).await;
    told(registry, 2, failed(), 30).await;
    let (found, last) = registry.uncertified(&first).await.expect("they are looked up");
    assert_eq!((found, last), (vec![], Some(terminal_id(1))));
    let next = Page::after(terminal_id(1), 1);
    let (found, last) = registry.uncertified(&next).await.expect("they are looked up");
    assert_eq!(last, Some(terminal_id(2)));
    assert_eq!(found[0].receipt, success, "it has told an earlier end too");
    assert_eq!(found[0].request, Some(request_id(1)));
    let end = registry.uncertified(&Page::after(terminal_id(2), 1)).await;
    assert_eq!(end.expect("they are looked up"), (vec![], None));
}

pub(super) async fn what_certificates_say_beside_terminals_is_kept_with_an_open_case(
    registry: &dyn Registry,
) {
    accepted_to(registry, 1, RequestKind::Decommission).await;
    accepted_to(registry, 2, RequestKind::Suspend).await;
    let person = |name: &str| Person {
        name: name.to_owned(),
        title: Some("manager".to_owned()),
        location: None,
        contact: None,
    };
    let said = Particulars {
        destination: Some("the provider".to_owned()),
        responsible: Some(person("Cora")),
        ..Particulars::default()
    };
    let put = async |number, said: &Particulars| {
        let put = registry.put_particulars(request_id(number), said, &by("op", 20)).await;
        put.expect("it is known")
    };
    let found = async || registry.particulars(request_id(1)).await.expect("it is asked");
    assert_eq!(found().await, None);
    assert_eq!(put(1, &said).await, Ok(()));
    assert_eq!(found().await, Some(said.clone()));
    let other = Particulars { validator: Some(person("Tess")), ..Particulars::default() };
    assert_eq!(put(1, &other).await, Ok(()), "the newest counts");
    assert_eq!(found().await, Some(other));
    assert_eq!(put(2, &said).await, Err(NotTaken::OtherKind(RequestKind::Suspend)));
    let cancel = crate::request::RequestEvent::Cancel;
    let ended = registry.end_request(request_id(1), cancel, &by("ben", 30)).await;
    ended.expect("it is known").expect("it is cancelled");
    assert_eq!(put(1, &said).await, Err(NotTaken::Over(RequestState::Cancelled)));
}
