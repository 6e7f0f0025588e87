//! What waits for people's signatures.

use shared::digest::KeyId;
use shared::document::order::Stream;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use super::fixture::*;
use crate::campaign::state::{CampaignEvent, CampaignState};
use crate::registry::campaign::{AfterStart, Approval, Campaign, Issue, Purpose, SignedAnew};
use crate::registry::delivery::NewOrder;
use crate::registry::page::Page;
use crate::registry::{Registry, RegistryError};

fn approval(owner: &str, number: u8) -> Approval {
    Approval {
        key: KeyId([number; 16]),
        owner: owner.to_owned(),
        roster: 2,
        imported_at: UnixTime(20 + i64::from(number)),
        imported_by: "op".to_owned(),
    }
}

fn signed_anew(approval: &Approval, is_approved: bool) -> SignedAnew {
    let signed = SignedBytes::new(approval.owner.as_bytes().to_vec());
    SignedAnew { signed, approvals: vec![approval.clone()], is_approved }
}

/// Campaign 1 over terminal 1 waits for approvers.
async fn waiting(registry: &dyn Registry) -> Campaign {
    enrol(registry, 1, 1).await;
    start_then(registry, 1, &[1], AfterStart::AwaitApproval).await
}

async fn said(registry: &dyn Registry) -> Vec<(String, String)> {
    let entries = registry.audit(&Page::first(1000)).await.expect("they are listed");
    entries.into_iter().map(|entry| (entry.what, entry.detail)).collect()
}

pub(super) async fn a_campaign_waits_until_everybody_has_signed(registry: &dyn Registry) {
    let campaign = waiting(registry).await;
    assert_eq!(campaign.state, CampaignState::AwaitingApproval);
    assert_eq!(campaign.frozen.expect("it is frozen").members, 1);
    start_then(registry, 2, &[1], AfterStart::AwaitApproval).await;
    start_then(registry, 3, &[1], AfterStart::Run).await;
    let listed = async |page| {
        let waiting = registry.campaigns_awaiting_approval(&page).await.expect("they are listed");
        waiting.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(Page::first(9)).await, [campaign_id(2), campaign_id(1)]);
    assert_eq!(listed(Page::after(campaign_id(2), 9)).await, [campaign_id(1)]);
    let tally = registry.fleet_tally().await.expect("it is told");
    assert_eq!((tally.campaigns_awaiting_approval, tally.campaigns_running), (2, 1));
    let in_motion = registry.campaigns_in_motion().await.expect("they are listed");
    assert_eq!(in_motion.len(), 3, "those that wait are looked at too");
    let orders = [order(1, 1, 1)];
    let early = registry.issue(campaign_id(1), Purpose::Change, &orders, UnixTime(20)).await;
    assert!(matches!(early, Err(RegistryError::CampaignMoved { .. })), "nothing is ordered");

    let seen = batch(1, Purpose::Change);
    let (gil, han) = (approval("gil", 1), approval("han", 2));
    let first = registry.sign_batch(&seen, &signed_anew(&gil, false), &by("op", 21)).await;
    assert_eq!(first.expect("it is taken").state, CampaignState::AwaitingApproval);
    let stale = registry.sign_batch(&seen, &signed_anew(&han, true), &by("op", 22)).await;
    assert!(matches!(stale, Err(RegistryError::SignedMeanwhile { .. })), "{stale:?}");
    let seen =
        registry.batch(campaign_id(1), Purpose::Change, Issue::FIRST).await.expect("it is found");
    let seen = seen.expect("it is there");
    assert_eq!(seen.signed.as_slice(), b"gil");
    let second = registry.sign_batch(&seen, &signed_anew(&han, true), &by("op", 22)).await;
    assert_eq!(second.expect("it is taken").state, CampaignState::Running);
    let approvals = registry.approvals(seen.digest).await.expect("they are listed");
    assert_eq!(approvals, [gil, han.clone()]);
    let late = registry.sign_batch(&seen, &signed_anew(&han, true), &by("op", 23)).await;
    assert!(matches!(late, Err(RegistryError::CampaignMoved { .. })), "it runs already");
    assert_eq!(listed(Page::first(9)).await, [campaign_id(2)]);

    let said = said(registry).await;
    let said: Vec<_> = said.iter().map(|(what, detail)| (what.as_str(), detail.as_str())).collect();
    let of = |wanted: &str| said.iter().filter(|(what, _)| *what == wanted).count();
    assert_eq!(
        (of("approval-requested"), of("approval-signed"), of("campaign-approved")),
        (2, 2, 1)
    );
    let key = KeyId([1; 16]);
    assert!(said.contains(&("approval-signed", &format!("gil, by key {key} of roster 2"))));
}

pub(super) async fn an_approver_ends_a_campaign_that_waits_or_runs(registry: &dyn Registry) {
    let waits = waiting(registry).await;
    let ida = approval("ida", 3);
    let cancel = |number| batch(number, Purpose::Cancel);
    let ended = registry.cancel_campaign(&waits, &cancel(1), &ida, &by("op", 30)).await;
    let ended = ended.expect("it is cancelled");
    assert_eq!((ended.state, ended.ended_at), (CampaignState::Aborted, Some(UnixTime(30))));
    assert!(ended.held.is_empty());
    let runs = start(registry, 2, &[1]).await;
    let stopped = registry.cancel_campaign(&runs, &cancel(2), &ida, &by("op", 31)).await;
    let stopped = stopped.expect("it is cancelled");
    assert_eq!((stopped.state, stopped.ended_at), (CampaignState::Aborted, None));
    let stored =
        registry.batch(campaign_id(2), Purpose::Cancel, Issue::FIRST).await.expect("it is found");
    assert_eq!(stored, Some(cancel(2)), "it is what terminals are sent");
    let approvals = registry.approvals(cancel(2).digest).await.expect("they are listed");
    assert_eq!(approvals.as_slice(), std::slice::from_ref(&ida));
    let again = registry.cancel_campaign(&waits, &cancel(1), &ida, &by("op", 32)).await;
    assert!(matches!(again, Err(RegistryError::CampaignMoved { .. })));
    let said = said(registry).await;
    assert_eq!(said.iter().filter(|(what, _)| what == "approval-cancelled").count(), 2);
}

pub(super) async fn a_wait_that_lapses_or_is_aborted_is_over_at_once(registry: &dyn Registry) {
    for (number, event) in [(1, CampaignEvent::Lapse), (2, CampaignEvent::Abort)] {
        enrol(registry, number, 1).await;
        let waits = start_then(registry, number, &[number], AfterStart::AwaitApproval).await;
        let over = registry.move_campaign(&waits, event, &by("plan", 40)).await;
        let over = over.expect("it is moved");
        assert_eq!((over.state, over.ended_at), (CampaignState::Aborted, Some(UnixTime(40))));
    }
    assert!(registry.campaigns_in_motion().await.expect("they are listed").is_empty());
}

pub(super) async fn approved_orders_are_numbered_for_themselves(registry: &dyn Registry) {
    enrol(registry, 1, 1).await;
    for campaign in [1, 2, 3] {
        start(registry, campaign, &[1]).await;
    }
    let approved = |campaign, seq| NewOrder { stream: Stream::Approved, ..order(campaign, 1, seq) };
    assert!(issue(registry, &order(1, 1, 1)).await);
    assert!(!issue(registry, &approved(2, 2)).await, "1 comes first here too");
    assert!(issue(registry, &approved(2, 1)).await);
    assert!(!issue(registry, &approved(3, 1)).await, "1 is used");
    assert!(issue(registry, &approved(3, 2)).await);
    let numbering = registry.numbering(&[terminal_id(1)]).await.expect("it is read");
    assert_eq!((numbering[0].order_seq, numbering[0].approved_seq), (1, 2));
    let due = registry.owed(&[terminal_id(1)], 9, UnixTime(30)).await.expect("it is asked");
    assert_eq!(due.len(), 3, "all of them are owed");
}
