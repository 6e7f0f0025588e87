//! A terminal in the wrong hands, for tests of other parts.

use std::collections::BTreeMap;

use shared::change::rebind::Reason;
use shared::change::{Change, Decommission};
use shared::digest::{Digest, Nonce};
use shared::id::{BatchId, CampaignId, RequestId, TerminalId};
use shared::membership::Membership;
use shared::message::SignedBytes;
use shared::time::UnixTime;

use crate::campaign::policy::Policy;
use crate::campaign::state::CampaignEvent;
use crate::campaign::wave::{Wave, Whom};
use crate::rebind::draft::tests::asked;
use crate::rebind::samples::accepted;
use crate::registry::Registry;
use crate::registry::audit::By;
use crate::registry::campaign::{
    AfterStart, Campaign, Issue, NewCampaign, Purpose, Start, StoredBatch,
};
use crate::registry::deactivation::NewDeactivation;

/// A wipe of this terminal as lost, approved and running. Nobody could carry it out: its papers
/// are empty.
pub(crate) async fn lost(registry: &dyn Registry, terminal: TerminalId, at: UnixTime) -> Campaign {
    let by = By { who: "ana".to_owned(), why: "stolen".to_owned(), at };
    let (id, request) = (CampaignId::generate(), RequestId::generate());
    accepted(registry, &shared::change::Rebind { request, ..asked() }, "*", at).await;
    let change = Change::Decommission(Box::new(Decommission {
        request,
        reason: Reason::LostStolen,
        ordered_by: "cora".to_owned(),
        note: String::new(),
        cool_off_s: 0,
        clearances: Digest([0; 32]),
        is_lost: true,
    }));
    let campaign = NewCampaign {
        id,
        name: None,
        change,
        selector: "*".to_owned(),
        max_parallel: 1,
        policy: Policy::PLAIN,
        lifetime_s: 3600,
        salt: Nonce([1; 16]),
        origin: crate::registry::campaign::Origin::Itself,
    };
    let (members, plan) = (vec![terminal], "{}".to_owned());
    let new = NewDeactivation {
        campaign,
        clearances: BTreeMap::new(),
        members,
        request,
        plan,
        answered: BTreeMap::new(),
        announcement: None,
        untold: None,
        close_store: Some("hana".to_owned()),
    };
    let begun = registry.add_deactivation(&new, &by).await.expect("it is decided");
    begun.expect("it is begun");
    let not_after = UnixTime(at.0 + 3600);
    let batch = StoredBatch {
        digest: Digest::of(id.as_bytes()),
        id: BatchId::generate(),
        campaign: id,
        purpose: Purpose::Change,
        issue: Issue::FIRST,
        signed: SignedBytes::new(Vec::new()),
        not_before: at,
        not_after,
    };
    let start = Start {
        members: vec![terminal],
        root: Membership::of([terminal]).root(),
        batch,
        not_after,
        then: AfterStart::AwaitApproval,
        waves: vec![Wave { size: 1, whom: Whom::Rest }],
    };
    let waits = registry.start_campaign(id, &start, &by).await.expect("it is started");
    registry.move_campaign(&waits, CampaignEvent::Approve, &by).await.expect("it is approved")
}
