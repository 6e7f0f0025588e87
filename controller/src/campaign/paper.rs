//! The batches and orders of a campaign, made ready to be signed.
//!
//! Their ids are derived from what they are for. A controller that is killed between signing and
//! storing makes the same order again, and not a second one.

use std::time::Duration;

use shared::calendar::Calendar;
use shared::change::Change;
use shared::digest::Digest;
use shared::document::order::{Class, Stream};
use shared::floor;
use shared::id::{BatchId, CampaignId, OrderId, TerminalId};
use shared::limits::ROUTINE_ORDER_LIFETIME_S_MAX;
use shared::membership::Membership;
use shared::time::UnixTime;

use crate::delivery::{OrderPaper, Signer};
use crate::registry::campaign::{Issue, Purpose, StoredBatch};
use crate::registry::delivery::NewOrder;

/// What a batch says, beside whom it is for.
#[derive(Clone, Debug)]
pub(super) struct BatchTerms {
    pub(super) campaign: CampaignId,
    pub(super) purpose: Purpose,
    pub(super) issue: Issue,
    pub(super) change: Change,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
}

pub(super) fn batch(signer: &Signer, terms: BatchTerms, members: &Membership) -> StoredBatch {
    let BatchTerms { campaign, purpose, issue, change, not_before, not_after } = terms;
    let id = batch_id(campaign, purpose, issue);
    let paper = signer.batch(id, change, members, not_before, not_after);
    StoredBatch {
        digest: paper.digest,
        id,
        campaign,
        purpose,
        issue,
        signed: paper.signed,
        not_before,
        not_after,
    }
}

/// The place of an order among the others of its terminal.
#[derive(Clone, Debug)]
pub(super) struct OrderPlace {
    pub(super) terminal: TerminalId,
    pub(super) epoch: u32,
    pub(super) seq: u64,
    pub(super) attempt: u32,
    /// Of the campaign, from 0.
    pub(super) wave: u16,
    pub(super) class: Class,
    pub(super) calendar: Option<Calendar>,
    /// See [`NewOrder::upheavals`].
    pub(super) upheavals: u64,
}

/// The order for one member; `None` for a stranger.
pub(super) fn order(
    signer: &Signer,
    batch: &StoredBatch,
    change: &Change,
    place: OrderPlace,
    members: &Membership,
) -> Option<NewOrder> {
    let OrderPlace { terminal, epoch, seq, attempt, wave, class, calendar, upheavals } = place;
    let proof = members.proof(terminal)?;
    let id = order_id(batch.campaign, batch.purpose, terminal, attempt);
    let stream = stream(batch.purpose, change);
    let signed = signer.order(OrderPaper {
        id,
        terminal,
        epoch,
        stream,
        seq,
        batch: batch.digest,
        proof,
        not_before: batch.not_before,
        not_after: batch.not_after,
        calendar,
        class,
    });
    Some(NewOrder {
        id,
        terminal,
        epoch,
        stream,
        seq,
        campaign: batch.campaign,
        purpose: batch.purpose,
        attempt,
        issue: batch.issue.number,
        wave,
        batch: batch.digest,
        signed,
        not_after: batch.not_after,
        upheavals,
    })
}

/// Until when a batch that cancels another one can be carried out. Its time is its own: a till that
/// has accepted an order can be in a watch of days when the time of that order is long over. It is
/// as long as terminals allow, so that it outlasts every job that it may have to end.
pub(super) fn cancelled_until(not_before: UnixTime) -> UnixTime {
    not_before.plus(Duration::from_secs(ROUTINE_ORDER_LIFETIME_S_MAX))
}

/// In which stream such orders are numbered. A cancellation never needs people, whatever it
/// cancels.
pub(super) fn stream(purpose: Purpose, change: &Change) -> Stream {
    match purpose {
        Purpose::Change if floor::needs_people(change.verb()) => Stream::Approved,
        Purpose::Change | Purpose::Cancel | Purpose::Recall | Purpose::Withdraw => Stream::Routine,
    }
}

fn derived(kind: &str, parts: &[&str]) -> [u8; 16] {
    let digest = Digest::of(format!("tillward/1/{kind}/{}", parts.join("/")).as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&digest.0[..16]);
    id
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Change => "change",
        Purpose::Cancel => "cancel",
        Purpose::Recall => "recall",
        Purpose::Withdraw => "withdraw",
    }
}

pub(super) fn batch_id(campaign: CampaignId, purpose: Purpose, issue: Issue) -> BatchId {
    let (campaign, number) = (campaign.to_string(), issue.number.to_string());
    let joiner = issue.joiner.map(|joiner| joiner.to_string());
    let mut parts = vec![campaign.as_str(), name(purpose)];
    if issue != Issue::FIRST {
        parts.push(&number);
    }
    parts.extend(joiner.as_deref());
    BatchId::from_bytes(derived("batch", &parts))
}

fn order_id(campaign: CampaignId, purpose: Purpose, terminal: TerminalId, attempt: u32) -> OrderId {
    let (campaign, terminal) = (campaign.to_string(), terminal.to_string());
    let parts = [campaign.as_str(), name(purpose), &terminal, &attempt.to_string()];
    OrderId::from_bytes(derived("order", &parts))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::change::Ping;
    use shared::document::{Batch, Order};
    use shared::id::FleetId;
    use shared::membership::Proof;
    use shared::signature::{KnownKeys, PrivateKey, open};

    use super::*;

    const FLEET: FleetId = FleetId::from_bytes([9; 16]);

    #[test]
    fn an_order_carries_the_proof_that_its_batch_means_the_terminal() {
        let key = PrivateKey::from_seed(&[1; 32]);
        let known = KnownKeys::of_terminal(key.public());
        let signer = Signer::new(FLEET, key);
        let terminals: Vec<_> = (0..5).map(|n| TerminalId::from_bytes([n; 16])).collect();
        let members = Membership::of(terminals[..4].iter().copied());
        let change = Change::Ping(Ping { note: "hello".to_owned() });
        let terms = BatchTerms {
            campaign: CampaignId::from_bytes([1; 16]),
            purpose: Purpose::Change,
            issue: Issue::FIRST,
            change: change.clone(),
            not_before: UnixTime(10),
            not_after: UnixTime(20),
        };
        let batch = batch(&signer, terms, &members);
        let place = |terminal| OrderPlace {
            terminal,
            epoch: 3,
            seq: 7,
            attempt: 1,
            wave: 0,
            class: Class::Normal,
            calendar: None,
            upheavals: 0,
        };
        let made = |terminal| order(&signer, &batch, &change, place(terminal), &members);
        let made_order = made(terminals[2]).expect("it is a member");
        let opened = open::<Order>(made_order.signed.as_slice(), FLEET, &known).unwrap();
        assert!(!opened.signed_by.is_empty());
        let said = opened.document;
        assert_eq!((said.id, said.epoch, said.seq), (made_order.id, 3, 7));
        let opened = open::<Batch>(batch.signed.as_slice(), FLEET, &known).unwrap();
        assert_eq!((opened.digest, said.batch), (batch.digest, batch.digest));
        assert_eq!((opened.document.terminals, opened.document.root), (4, members.root()));
        let proof = Proof { index: said.index, path: said.path };
        assert!(proof.holds(terminals[2], 4, members.root()));
        assert_eq!(made(terminals[4]), None, "a stranger gets nothing");
    }

    #[test]
    fn ids_repeat_and_differ_where_they_must() {
        let campaign = CampaignId::from_bytes([1; 16]);
        let mut seen = BTreeSet::new();
        let purposes = [Purpose::Change, Purpose::Cancel, Purpose::Recall, Purpose::Withdraw];
        for purpose in purposes {
            for terminal in [1, 2].map(|n| TerminalId::from_bytes([n; 16])) {
                for attempt in [1, 2] {
                    let id = order_id(campaign, purpose, terminal, attempt);
                    assert_eq!(id, order_id(campaign, purpose, terminal, attempt));
                    assert!(seen.insert(id));
                }
            }
        }
        let of_issue = |issue| purposes.map(|purpose| batch_id(campaign, purpose, issue));
        let joiners = [None, Some(TerminalId::from_bytes([1; 16]))];
        let issues =
            [0, 1, 2].into_iter().flat_map(|number| joiners.map(|joiner| Issue { number, joiner }));
        let batches: BTreeSet<_> = issues.flat_map(of_issue).collect();
        assert_eq!(batches.len(), 6 * purposes.len());
    }
}
