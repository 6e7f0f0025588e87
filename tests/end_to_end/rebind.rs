//! A change of provider: planned, signed for by two people, carried out by tills that sell, and
//! taken back by themselves or by an operator. The money stays with the host that took it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use controller::api::model::{AssignmentState as State, CampaignState};
use data_encoding::BASE64;
use harness::wait::wait_for;
use harness::world::Profiles;
use serde_json::Value;
use shared::id::CampaignId;

use crate::approvals::{exported, import, offline};
use crate::backups::begun;
use crate::fleet::{Fleet, Look, SOON};

/// As the provider wants it: over as soon as it has begun well.
const SHORT: [&str; 0] = [];

/// Long enough for an operator to change their mind.
const LONG: [&str; 2] = ["--watch-for", "1h"];

fn all(fleet: &Fleet) -> Vec<usize> {
    (0..fleet.world.terminals.len()).collect()
}

/// These terminals are to be moved to *beta*, and nobody has signed for it yet.
fn asked(fleet: &Fleet, profiles: &Profiles, watch: &[&str]) -> Result<CampaignId> {
    let terms = profiles.terms()?;
    let terms: Vec<_> = terms.iter().map(String::as_str).collect();
    let start = ["rebind", "start", "--max-parallel", "9"];
    begun(fleet, &[&start, &terms[..], watch].concat())
}

/// Two people sign for it; what the second one was shown.
fn signed(fleet: &Fleet, rebind: CampaignId, terminals: usize) -> Result<String> {
    let mut shown = String::new();
    for approver in ["approver-1", "approver-2"] {
        let file = exported(fleet, rebind, &format!("{rebind}-{approver}.json"))?;
        let count = terminals.to_string();
        shown = offline(fleet, "sign", &file, approver, &["--yes-for", &count])?;
        import(fleet, &file)?;
    }
    Ok(shown)
}

/// All terminals are to be moved to *beta*, which two people have signed.
fn started(fleet: &Fleet, watch: &[&str]) -> Result<CampaignId> {
    let terminals = all(fleet);
    let profiles = fleet.world.profiles(&fleet.world.hosts[1], &terminals, |_| None)?;
    let rebind = asked(fleet, &profiles, watch)?;
    signed(fleet, rebind, terminals.len())?;
    Ok(rebind)
}

/// The till has one binding, and it is with this provider.
fn is_bound(fleet: &Fleet, at: usize, provider: &str) -> Result<()> {
    let bindings = fleet.world.terminals[at].bindings(&fleet.world.programs)?;
    match bindings.as_slice() {
        [one] if one.state == "active" && one.provider == provider => Ok(()),
        other => bail!("not bound to {provider} alone: {other:#?}"),
    }
}

/// The controller's own record of the lane: the state of its binding with either provider.
fn is_on_record(fleet: &Fleet, at: usize, alpha: &str, beta: &str) -> Result<()> {
    let list = fleet.world.tillward_json(&["binding", "list"])?;
    let list = list["items"].as_array().context("it is a list")?;
    let state = |provider: &str| {
        let of_till = |it: &&Value| it["version"]["tuple"]["name"] == format!("Shop {at}");
        let mut found = list.iter().filter(of_till).filter(|it| it["provider"] == provider);
        found.next().and_then(|it| it["state"].as_str()).unwrap_or("none").to_owned()
    };
    let found = (state("alpha"), state("beta"));
    ensure!(found == (alpha.to_owned(), beta.to_owned()), "{found:?} in {list:#?}");
    Ok(())
}

/// The till has taken money with this provider, and all of it is settled.
fn took_money(fleet: &Fleet, at: usize, provider: &str) -> Result<()> {
    let serial = &fleet.world.terminals[at].shop.serial;
    let host = fleet.world.hosts.iter().find(|host| host.name() == provider);
    let books = host.context("there is such a host")?.books_of(serial)?;
    ensure!(books.taken_minor > 0 && books.taken_minor == books.settled_minor, "{books:?}");
    Ok(())
}

/// Every shop sells again, no test sale stands, and the books are right.
fn check_money(fleet: &Fleet) -> Result<()> {
    for at in all(fleet) {
        fleet.wait_until_it_sells(at)?;
    }
    // While trading is held, a test sale may still stand.
    let books = fleet.world.audit()?;
    ensure!(books["total"]["tests_left"] == 0, "{books:#}");
    fleet.check_books()
}

fn wait_for_step(fleet: &Fleet, rebind: CampaignId, step: &str) -> Result<Look> {
    fleet.wait_until(rebind, &format!("every terminal is at `{step}`"), |look| {
        !look.terminals.is_empty()
            && look.terminals.iter().all(|it| it.step.as_deref() == Some(step))
    })
}

#[test]
fn selling_tills_move_to_another_provider_and_their_sales_stay_where_they_were_made() {
    moved().unwrap();
}

fn moved() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    let terminals = all(&fleet);
    for at in &terminals {
        fleet.wait_until_it_sells(*at)?;
    }
    let profiles = fleet.world.profiles(&fleet.world.hosts[1], &terminals, |_| None)?;
    let terms = profiles.terms()?;
    let terms: Vec<_> = terms.iter().map(String::as_str).collect();
    let plan = fleet.world.tillward(&[&["rebind", "plan"], &terms[..]].concat())?;
    ensure!(plan.contains("TW-1") && plan.contains("when the watch is over"), "{plan}");
    ensure!(plan.contains("nothing speaks against it") || plan.contains("tells"), "{plan}");

    let rebind = asked(&fleet, &profiles, &SHORT)?;
    assert_eq!(fleet.look(rebind)?.campaign.state, CampaignState::AwaitingApproval);
    let shown = signed(&fleet, rebind, terminals.len())?;
    ensure!(shown.contains("alpha") && shown.contains("B0000001"), "{shown}");
    let ended = fleet.complete(rebind)?;
    assert_eq!(ended.states(), [State::Succeeded; 2], "{:#?}", ended.terminals);
    for at in &terminals {
        is_bound(&fleet, *at, "beta")?;
        is_on_record(&fleet, *at, "retiring", "active")?;
    }
    fleet.check_once_in_effect(rebind)?;
    is_proven(&fleet, rebind)?;
    check_money(&fleet)?;
    for at in terminals {
        took_money(&fleet, at, "alpha")?;
        took_money(&fleet, at, "beta")?;
    }
    Ok(())
}

/// All of it is one file that the first roster alone proves; what only the controller says is in
/// there too, and is called that.
fn is_proven(fleet: &Fleet, rebind: CampaignId) -> Result<()> {
    let file = fleet.world.directory().join("beta.evidence.tar");
    let path = file.to_str().context("paths of tests are UTF-8")?;
    fleet.world.tillward(&["evidence", "export", &rebind.to_string(), "--to", path])?;
    let roster = fleet.world.directory().join("fleet/offline/rosters/1.cose");
    let roster = roster.to_str().context("paths of tests are UTF-8")?;
    let said = fleet.world.tillward(&["evidence", "verify", path, "--roster", roster])?;
    for part in ["approver-1 and approver-2", "TID B0000000", "its terminal signed", "succeeded"] {
        ensure!(said.contains(part), "`{part}` is missing in {said}");
    }
    let bytes = fs::read(&file)?;
    let text = String::from_utf8_lossy(&bytes);
    for part in ["request.json", "the number on file", "plan.json", "bindings.json", "N-0"] {
        ensure!(text.contains(part), "`{part}` is not in the file");
    }
    Ok(())
}

#[test]
fn a_change_that_nobody_asked_for_or_verified_is_not_begun_whoever_answers_for_it() {
    unasked().unwrap();
}

fn unasked() -> Result<()> {
    let fleet = Fleet::small(&["north"])?;
    let world = &fleet.world;
    let profiles = world.profiles_only(&world.hosts[1], &[0], |_| None)?;
    let refused = |profiles: &Profiles, code: &str| -> Result<()> {
        let terms = profiles.terms()?;
        let terms: Vec<_> = terms.iter().map(String::as_str).collect();
        let named = format!("--override={code}=the duty manager");
        let start = ["rebind", "start", "--max-parallel", "9", &named];
        let refused = world.tillward(&[&start[..], &terms].concat());
        let refused = refused.expect_err("it is not begun").to_string();
        ensure!(refused.contains(code), "{refused}");
        Ok(())
    };
    // Nobody answers for what is not known, either.
    refused(&profiles, "request-unknown")?;
    let mut asked = profiles.clone();
    asked.request = world.request("alpha", "beta")?;
    refused(&asked, "request-unverified")?;
    asked.request = world.accepted_request("beta", "alpha")?;
    refused(&asked, "other-request")?;
    let campaigns = world.tillward_json(&["campaign", "list"])?;
    ensure!(campaigns["items"].as_array().is_some_and(Vec::is_empty), "{campaigns:#}");
    is_bound(&fleet, 0, "alpha")
}

#[test]
fn a_till_whose_test_sale_is_declined_returns_to_its_old_provider_by_itself() {
    declined().unwrap();
}

fn declined() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].fault(&programs, &["test-declined"])?;
    let rebind = started(&fleet, &SHORT)?;
    let ended = fleet.complete(rebind)?;
    assert_eq!(ended.states(), [State::RolledBack, State::Succeeded], "{:#?}", ended.terminals);
    let reason = ended.terminals[0].reason.as_ref().map(|reason| reason.code.as_str());
    assert_eq!(reason, Some("test-failed"));
    for (at, provider) in ["alpha", "beta"].into_iter().enumerate() {
        is_bound(&fleet, at, provider)?;
    }
    is_on_record(&fleet, 0, "active", "failed")?;
    is_on_record(&fleet, 1, "retiring", "active")?;
    fleet.check_once_in_effect(rebind)?;
    check_money(&fleet)?;
    took_money(&fleet, 0, "alpha")?;
    took_money(&fleet, 1, "beta")
}

#[test]
fn a_terminal_that_loses_power_while_it_switches_goes_on_to_the_new_provider() {
    powerless().unwrap();
}

fn powerless() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    let programs = fleet.world.programs.clone();
    // It switches, and its agent is not told.
    fleet.world.terminals[0].fault(&programs, &["switch-hangs"])?;
    let rebind = started(&fleet, &SHORT)?;
    wait_for("the till has switched", SOON, || {
        let provider = fleet.world.terminals[0].provider(&programs);
        match provider.map_err(|error| format!("{error:#}"))?.as_str() {
            "beta" => Ok(()),
            other => Err(other.to_owned()),
        }
    })?;
    let terminal = &mut fleet.world.terminals[0];
    terminal.lose_power()?;
    terminal.fault(&programs, &["clear"])?;
    terminal.power_returns(&programs)?;
    let ended = fleet.complete(rebind)?;
    assert_eq!(ended.states(), [State::Succeeded], "{:#?}", ended.terminals);
    is_bound(&fleet, 0, "beta")?;
    fleet.check_once_in_effect(rebind)?;
    check_money(&fleet)
}

#[test]
fn what_is_taken_back_while_it_is_watched_sells_with_the_old_provider_again() {
    taken_back().unwrap();
}

fn taken_back() -> Result<()> {
    let fleet = Fleet::small(&["north", "south"])?;
    let rebind = started(&fleet, &LONG)?;
    wait_for_step(&fleet, rebind, "watch")?;
    for at in 0..2 {
        // The shop sells with the new provider meanwhile.
        assert_eq!(fleet.world.terminals[at].provider(&fleet.world.programs)?, "beta");
        fleet.wait_until_it_sells(at)?;
    }
    let undo = rebind.to_string();
    fleet.world.tillward(&["rebind", "undo", &undo, "--yes", "--why", "the fees were wrong"])?;
    let ended = fleet.wait_until(rebind, "both are back", |look| {
        look.count(|state| state == State::RolledBack) == 2
    })?;
    assert_eq!(ended.campaign.state, CampaignState::Aborted);
    for at in 0..2 {
        is_bound(&fleet, at, "alpha")?;
    }
    check_money(&fleet)?;
    for at in 0..2 {
        took_money(&fleet, at, "alpha")?;
        took_money(&fleet, at, "beta")?;
    }
    Ok(())
}

#[test]
fn a_secret_reaches_its_till_and_nobody_on_the_way_can_read_it() {
    sealed().unwrap();
}

fn sealed() -> Result<()> {
    const SECRET: &str = "terminal-master-key-0815-4711";
    let fleet = Fleet::small(&["north"])?;
    fleet.wait_until_it_sells(0)?;
    let profiles = fleet
        .world
        .profiles(&fleet.world.hosts[1], &[0], |serial| Some(format!("{SECRET}-{serial}")))?;
    let encoded = BASE64.encode(format!("{SECRET}-TW-1").as_bytes());
    ensure!(holds(&profiles.file, SECRET)?, "the search finds what is there");
    let rebind = asked(&fleet, &profiles, &LONG)?;
    signed(&fleet, rebind, 1)?;
    wait_for_step(&fleet, rebind, "watch")?;
    let till = fleet.world.terminals[0].till_directory();
    ensure!(holds(&till, &encoded)?, "the till has its key");
    let controller = fleet.world.directory().join("fleet/controller");
    let agent = fleet.world.terminals[0].state();
    for elsewhere in [&controller, &agent, &fleet.world.logs()] {
        for form in [SECRET, &encoded] {
            ensure!(!holds(elsewhere, form)?, "`{form}` is in {}", elsewhere.display());
        }
    }
    let undo = rebind.to_string();
    fleet.world.tillward(&["rebind", "undo", &undo, "--yes"])?;
    fleet.wait_until(rebind, "it is back", |look| {
        look.count(|state| state == State::RolledBack) == 1
    })?;
    ensure!(!holds(&till, &encoded)?, "the key of the new binding is gone");
    check_money(&fleet)
}

/// Whether any file in there holds these bytes.
fn holds(place: &Path, text: &str) -> Result<bool> {
    let mut search = Command::new("grep");
    let ended = search.args(["-rqaF", "--", text]).arg(place).status()?;
    match ended.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("searching {} ended with {ended}", place.display()),
    }
}
