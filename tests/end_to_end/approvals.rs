//! People's signatures, from the roster that asks for them to the terminals that count them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{AssignmentState as State, CampaignState};
use controller::key_file::{KeyFile, Unlock};
use harness::world::{Broker, Registry, World};
use shared::change::Verb;
use shared::document::Roster;
use shared::floor::{Requirement, Signers};
use shared::id::CampaignId;
use shared::signature::Envelope;

use crate::fleet::{Fleet, GOOD};

/// The second roster asks for two approvers of an upgrade; two of the root keys sign it.
fn require_two_approvers(world: &mut World) -> Result<()> {
    let rosters = world.directory().join("fleet/controller/rosters");
    let first = Envelope::<Roster>::from_bytes(&fs::read(rosters.join("1.cose"))?)?;
    let mut roster = first.document.clone();
    (roster.version, roster.previous) = (2, Some(first.digest()));
    let two = Requirement { signers: Signers::Controller, approvers: 2 };
    roster.requirements.insert(Verb::Upgrade, two);
    let mut second = Envelope::unsigned(roster);
    for name in ["root-1", "root-2"] {
        let secret = KeyFile::read(&world.offline_key(name))?.open(&Unlock::InsecureDev)?;
        second.sign(first.document.fleet, &secret.signing());
    }
    fs::write(rosters.join("2.cose"), second.to_bytes())?;
    world.restart_controller()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("paths of tests are UTF-8")
}

/// Two shops sell, and an upgrade of both waits for two approvers.
fn waiting() -> Result<(Fleet, String, CampaignId)> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    require_two_approvers(&mut fleet.world)?;
    for (at, store) in ["north", "south"].into_iter().enumerate() {
        fleet.open_shop(store)?;
        fleet.world.enrol_and_start(at)?;
    }
    fleet.wait_until_online(2)?;
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "2"])?;
    let look = fleet.wait_until(campaign, "it says for what it waits", |look| {
        look.campaign.held.iter().any(|it| it.reason.code == "not-approved" && it.terminals == 2)
    })?;
    assert_eq!(look.campaign.state, CampaignState::AwaitingApproval);
    let shown = fleet.world.tillward(&["campaign", "show", &campaign.to_string()])?;
    ensure!(shown.contains("awaiting-approval"), "{shown}");
    ensure!(shown.contains("2 × the campaign waits for the signatures"), "{shown}");
    Ok((fleet, release, campaign))
}

/// A copy of what the controller asks approvers to sign.
pub(crate) fn exported(fleet: &Fleet, campaign: CampaignId, name: &str) -> Result<PathBuf> {
    let file = fleet.world.directory().join(name);
    fleet.world.tillward(&["approve", "export", &campaign.to_string(), "--to", text(&file)?])?;
    Ok(file)
}

/// On an approver's own machine: no context, no controller, only the first roster.
pub(crate) fn offline(
    fleet: &Fleet,
    doing: &str,
    file: &Path,
    who: &str,
    more: &[&str],
) -> Result<String> {
    fleet.world.approve_offline(doing, file, who, more)
}

pub(crate) fn import(fleet: &Fleet, file: &Path) -> Result<String> {
    fleet.world.tillward(&["approve", "import", text(file)?])
}

fn orders(fleet: &Fleet, campaign: CampaignId) -> Result<usize> {
    let query = format!("SELECT id FROM orders WHERE campaign = '{campaign}'");
    Ok(fleet.world.records.rows(&query)?.len())
}

#[test]
fn an_upgrade_waits_for_two_people_who_sign_apart_and_terminals_count_both() {
    two_sign_apart().unwrap();
}

fn two_sign_apart() -> Result<()> {
    let (mut fleet, _, campaign) = waiting()?;
    let listed = fleet.world.tillward_json(&["approve", "request", "list"])?;
    assert_eq!(listed["items"][0]["campaign"], campaign.to_string());
    for (who, approver) in ["approver-1", "approver-2"].into_iter().enumerate() {
        let file = exported(&fleet, campaign, &format!("for-{approver}.json"))?;
        let said = offline(&fleet, "sign", &file, approver, &["--yes-for", "2"])?;
        ensure!(said.contains("Install a release") && said.contains("pos-sim 2.0.0"), "{said}");
        ensure!(said.contains("TERMINALS   2"), "{said}");
        assert_eq!(orders(&fleet, campaign)?, 0, "{who} have signed");
        import(&fleet, &file)?;
        let again = import(&fleet, &file).map_err(|refused| refused.to_string());
        let again = again.expect_err("it was brought already");
        ensure!(again.contains("not here already") || again.contains("running already"), "{again}");
    }
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded; 2]);
    for at in 0..2 {
        assert_eq!(fleet.version(at)?, "2.0.0");
    }
    let owners = "SELECT owner FROM approvals ORDER BY owner";
    assert_eq!(fleet.world.records.rows(owners)?, [["approver-1"], ["approver-2"]]);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

#[test]
fn what_one_approver_cancels_reaches_no_terminal_whoever_has_signed_it() {
    one_cancels().unwrap();
}

fn one_cancels() -> Result<()> {
    let (mut fleet, release, campaign) = waiting()?;
    let file = exported(&fleet, campaign, "signed.json")?;
    offline(&fleet, "sign", &file, "approver-1", &["--yes-for", "2"])?;
    import(&fleet, &file)?;
    let wish = exported(&fleet, campaign, "cancelled.json")?;
    offline(&fleet, "cancel", &wish, "approver-2", &["--yes", "--reason", "wrong day"])?;
    import(&fleet, &wish)?;
    let ended = fleet.look(campaign)?;
    assert_eq!(ended.campaign.state, CampaignState::Aborted);
    let reason = ended.campaign.state_reason.as_deref();
    assert_eq!(reason, Some("cancelled by approver-2: wrong day"));
    offline(&fleet, "sign", &file, "approver-2", &["--yes-for", "2"])?;
    import(&fleet, &file).expect_err("it is over");

    // A later campaign shows that the controller had every occasion to send something.
    let again = fleet.campaign(&release, "store=north", &["--max-parallel", "1"])?;
    let file = exported(&fleet, again, "again.json")?;
    for approver in ["approver-1", "approver-2"] {
        offline(&fleet, "sign", &file, approver, &["--yes-for", "1"])?;
    }
    import(&fleet, &file)?;
    assert_eq!(fleet.complete(again)?.states(), [State::Succeeded]);
    assert_eq!(orders(&fleet, campaign)?, 0);
    assert_eq!(fleet.version(1)?, "1.0.0");
    fleet.check_once_in_effect(again)?;
    fleet.check_books()
}
