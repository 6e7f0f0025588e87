//! What goes into a file of evidence: which orders, and what else there is of them.

use std::collections::BTreeSet;

use shared::document::SanitisationCertificate;
use shared::id::{CampaignId, OrderId, TerminalId};
use shared::signature::Envelope;

use super::super::client::{Client, ClientError};
use super::super::failure::Failure;
use super::{What, pack};
use crate::api::model::{Change, OrderEvidence};
use crate::rebind::draft;

/// Names that no order has, and what is there.
type Beside = Vec<(String, Vec<u8>)>;

/// The orders that are meant, each once, and what is said of all of them.
pub(super) async fn orders(client: &Client, what: What) -> Result<(Vec<OrderId>, Beside), Failure> {
    match what {
        What::Order(order) => Ok((vec![order], vec![])),
        What::Campaign(id) => {
            let assignments = client.assignments(id).await?;
            Ok((assignments.into_iter().filter_map(|it| it.order).collect(), vec![]))
        }
        What::Replacement(number) => {
            let case = client.replacement(number).await?;
            let history = client.replacement_history(number).await?;
            let mut orders = Vec::new();
            for terminal in [Some(case.old), case.new].into_iter().flatten() {
                let of_terminal = client.terminal(terminal).await?.assignments.into_iter();
                let since = of_terminal.filter(|it| it.updated_at >= Some(case.created_at));
                orders.extend(since.filter_map(|it| it.order));
            }
            let name = |what: &str| format!("replacements/{number}/{what}.json");
            let beside =
                vec![(name("case"), pack::json(&case)), (name("history"), pack::json(&history))];
            Ok((orders, beside))
        }
    }
}

/// What else was said of each order, its campaign and its terminal.
pub(super) async fn beside(client: &Client, all: &[OrderEvidence]) -> Result<Beside, Failure> {
    let mut beside = Vec::new();
    let (mut campaigns, mut units) = (BTreeSet::new(), BTreeSet::new());
    let mut stops = BTreeSet::new();
    for it in all {
        if campaigns.insert(it.campaign) {
            let of_campaign = of_campaign(client, it.campaign).await?;
            beside.extend(of_campaign.beside);
            stops.extend(of_campaign.is_about_service.then_some(it.campaign));
        }
        // One that cannot be read is noticed by whoever verifies; a wipe has a clearance instead.
        let profile = it.profile.as_ref().and_then(|payload| draft::read(&payload.0).ok());
        if let Some(profile) = profile {
            let bindings = client.bindings(Some(profile.position), None).await?;
            beside.push((format!("orders/{}/bindings.json", it.order), pack::json(&bindings)));
        }
        if stops.contains(&it.campaign) {
            if units.insert(it.terminal) {
                beside.extend(of_unit(client, it.terminal, &it.serial).await?);
            }
            let certificate = certificate(client, it).await?;
            let name = format!("orders/{}/certificate.cose", it.order);
            beside.extend(certificate.map(|signed| (name, signed)));
        }
    }
    Ok(beside)
}

struct OfCampaign {
    beside: Beside,
    /// It stops a terminal, lets it go on, or ends it.
    is_about_service: bool,
}

/// For a change of provider and for terminals that stop: who wished for it and how that was
/// verified, what its plan came to and who answered for what. Of a stop also who was told, what
/// people did, what was owed, and how it was closed.
async fn of_campaign(client: &Client, id: CampaignId) -> Result<OfCampaign, Failure> {
    let name = |what: &str| format!("campaigns/{id}/{what}.json");
    let (plan, request, stop, is_about_service) = match client.campaign(id).await?.change {
        Change::Rebind(change) => {
            let planned = client.rebind(id).await?.planned;
            (pack::json(&planned), change.request, None, false)
        }
        Change::Suspend(_) | Change::Resume(_) | Change::Decommission(_) => {
            let found = client.deactivation(id).await?;
            (pack::json(&found.planned), found.request, found.stop, true)
        }
        Change::Ping(_)
        | Change::Backup(_)
        | Change::Drill(_)
        | Change::Upgrade(_)
        | Change::Restore(_) => return Ok(OfCampaign { beside: vec![], is_about_service: false }),
    };
    let request = pack::json(&client.request_of(request).await?);
    let mut beside = vec![(name("plan"), plan), (name("request"), request)];
    beside.extend(stop.map(|stop| (name("stop"), pack::json(&stop))));
    Ok(OfCampaign { beside, is_about_service })
}

/// Where a unit has been and who looked at it, if anybody keeps that of it.
async fn of_unit(client: &Client, id: TerminalId, serial: &str) -> Result<Beside, Failure> {
    let unit = match client.unit(serial).await {
        Ok(unit) => unit,
        Err(ClientError::Refused(problem)) if problem.status == 404 => return Ok(vec![]),
        Err(error) => return Err(error.into()),
    };
    let name = |what: &str| format!("terminals/{id}/{what}.json");
    Ok(vec![
        (name("unit"), pack::json(&unit)),
        (name("custody"), pack::json(&client.unit_history(serial).await?)),
        (name("inspections"), pack::json(&client.unit_inspections(serial).await?)),
    ])
}

/// That this order erased its terminal, as the controller signed it.
async fn certificate(client: &Client, of: &OrderEvidence) -> Result<Option<Vec<u8>>, Failure> {
    let all = client.sanitisations(of.terminal).await?;
    let is_of_order = |signed: &[u8]| {
        let read = Envelope::<SanitisationCertificate>::from_bytes(signed);
        read.is_ok_and(|it| it.document.order == of.order)
    };
    Ok(all.into_iter().map(|it| it.signed.0).find(|signed| is_of_order(signed)))
}
