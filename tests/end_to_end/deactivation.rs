//! Terminals that stop, sell again, and are emptied with proof: real tills, real approvals, real
//! files.

mod owing;
mod standing;

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use controller::api::model::{AssignmentState as State, Lifecycle, Presence};
use harness::wait::wait_for;
use serde_json::Value;
use shared::digest::Digest;
use shared::id::{CampaignId, RepositoryId};

use crate::approvals::{exported, import, offline};
use crate::fleet::{Fleet, GOOD, SOON};
use crate::holder::Holder;

/// Between an order's acceptance and its cut-off: enough for two people to sign by program.
const AHEAD: Duration = Duration::from_secs(25);

/// Who answers for parties that were not told a week ahead.
const ANSWERED: [&str; 4] = ["--untold-by", "Gil", "--untold-why", "all of them were called"];

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Somebody wishes for it; a second operator has called them back, and accepted it.
fn request(fleet: &Fleet, kind: &str, reason: &str, serial: &str) -> Result<String> {
    let id = fleet.terminal(serial)?.terminal.id;
    fleet.world.accepted_wish(kind, reason, &id.to_string())
}

/// Asked for, and signed by two people; what the second one was shown.
fn approved(fleet: &Fleet, words: &[&str]) -> Result<(CampaignId, String)> {
    let begun = fleet.world.tillward_json(&[&["deactivate"], words].concat())?;
    let campaign: CampaignId =
        begun["campaign"]["id"].as_str().context("a campaign has an id")?.parse()?;
    let mut shown = String::new();
    for approver in ["approver-1", "approver-2"] {
        let file = exported(fleet, campaign, &format!("{campaign}-{approver}.json"))?;
        shown = offline(fleet, "sign", &file, approver, &["--yes-for", "1"])?;
        import(fleet, &file)?;
    }
    Ok((campaign, shown))
}

fn succeeded(fleet: &mut Fleet, campaign: CampaignId) -> Result<()> {
    let ended = fleet.complete(campaign)?;
    ensure!(ended.states() == [State::Succeeded], "{:#?}", ended.terminals);
    Ok(())
}

fn status(fleet: &Fleet, at: usize) -> Result<Value> {
    fleet.world.terminals[at].till_status(&fleet.world.programs)
}

/// The till says that it stands still and owes nothing, and tells customers where to pay.
fn stands_still(fleet: &Fleet, at: usize) -> Result<()> {
    let said = status(fleet, at)?;
    let binding = &said["bindings"][0];
    let owes = ["unsent_reversals", "stored_offline"].iter().any(|it| binding[it] != 0);
    let stopped = said["stopped"].as_str().unwrap_or_default();
    ensure!(said["trading"] == "held" && stopped.contains("next till"), "{said:#}");
    ensure!(!owes && binding["open_batch"]["count"] == 0, "{said:#}");
    Ok(())
}

fn suspend(fleet: &mut Fleet, kind: &str, serial: &str) -> Result<()> {
    let request = request(fleet, kind, "business", serial)?;
    let cut_off = (now() + AHEAD.as_secs()).to_string();
    let words = ["suspend", "--request", &request, "--cut-off", &cut_off];
    let untold = fleet.world.tillward(&[&["deactivate"], &words[..]].concat());
    ensure!(untold.is_err_and(|it| it.to_string().contains("bank was not told")), "nobody knows");
    // A week is longer than a test: parties say that they know, or somebody answers for them.
    let (campaign, shown) = match kind {
        "suspend" => {
            fleet.world.told_of_stop(&request, &cut_off)?;
            approved(fleet, &words)?
        }
        _ => approved(fleet, &[&words[..], &ANSWERED].concat())?,
    };
    ensure!(shown.contains("Stop taking payments") && shown.contains("next till"), "{shown}");
    succeeded(fleet, campaign)?;
    let said = fleet.terminal(serial)?.terminal;
    ensure!(said.service == "suspended", "{said:?}");
    Ok(())
}

#[test]
fn a_till_stops_at_its_cut_off_sells_again_after_its_tests_and_is_emptied_with_a_certificate() {
    whole_life().unwrap();
}

fn whole_life() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north"])?;
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    let serial = fleet.world.terminals[0].shop.serial.clone();

    // Nothing that nobody asked for, or that is asked for with another kind of request.
    let resume = request(&fleet, "resume", "business", &serial)?;
    let wrong = ["deactivate", "suspend", "--request", &resume, "--cut-off", "4102444800"];
    let refused = fleet.world.tillward(&wrong).map_err(|error| error.to_string());
    ensure!(refused.is_err_and(|why| why.contains("not to suspend")), "another kind");

    suspend(&mut fleet, "suspend", &serial)?;
    stands_still(&fleet, 0)?;
    // A restart of everything on the terminal lets nobody sell.
    fleet.world.terminals[0].lose_power()?;
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].power_returns(&programs)?;
    fleet.wait_until_online(2)?;
    let again = wait_for("the till answers", SOON, || {
        stands_still(&fleet, 0).map_err(|error| format!("{error:#}"))
    });
    again?;

    let words = ["resume", "--request", &resume, "--checked-by", "Tess"];
    let unchecked = fleet.world.tillward(&[&["deactivate"], &words[..]].concat());
    ensure!(unchecked.is_err_and(|it| it.to_string().contains("screen")), "nobody looked");
    let checked = ["--checked", "screen,printer,reader,scanner,battery"];
    let words = [&words[..], &checked].concat();
    let unknown = fleet.world.tillward(&[&["deactivate"], &words[..]].concat());
    ensure!(unknown.is_err_and(|it| it.to_string().contains("binding-unknown")), "nobody vouched");
    let words = [&words[..], &["--at-least", "pos-sim=2.0.0", "--vouch", "Bo"]].concat();
    let too_old = fleet.world.tillward(&[&["deactivate"], &words[..]].concat());
    ensure!(too_old.is_err_and(|it| it.to_string().contains("pos-sim 1.0.0")), "it is too old");
    upgrade(&mut fleet, &serial)?;
    let (campaign, shown) = approved(&fleet, &words)?;
    ensure!(shown.contains("Bo answers") && shown.contains("by Tess"), "{shown}");
    ensure!(shown.contains("pos-sim 2.0.0"), "{shown}");
    succeeded(&mut fleet, campaign)?;
    fleet.wait_until_it_sells(0)?;
    let show = fleet.world.tillward_json(&["deactivate", "show", &campaign.to_string()])?;
    ensure!(show["downtime_s"].as_u64().is_some_and(|it| it > 0), "{show:#}");
    ensure!(show["downtime_s"] == show["terminals"][0]["downtime_s"], "{show:#}");

    // The end: suspended once more, deregistered, erased.
    suspend(&mut fleet, "decommission", &serial)?;
    let requests = fleet.world.tillward_json(&["request", "list"])?;
    let of_kind = |it: &&Value| it["asked"]["kind"] == "decommission";
    let requests = requests["items"].as_array().context("a list")?.clone();
    let request = requests.iter().find(of_kind).context("it was asked for")?["id"].clone();
    let request = request.as_str().context("an id")?.to_owned();
    let wipe = ["wipe", "--request", &request, "--cool-off", "2s", "--yes"];
    let early = fleet.world.tillward(&[&["deactivate"], &wipe[..]].concat());
    ensure!(early.is_err_and(|it| it.to_string().contains("deregistered")), "not deregistered");
    let told = ["--with", "alpha", "--reference", "D-2026-117"];
    fleet.world.tillward(&[&["deactivate", "deregister", &serial], &told[..]].concat())?;
    let told = ["--registry", "of-cards", "--none-needed", "There is none here."];
    fleet.world.tillward(&[&["deactivate", "deregister", &serial], &told[..]].concat())?;
    let books = fleet.world.audit()?;
    ensure!(books["total"]["tests_left"] == 0, "{books:#}");
    fleet.check_books()?;

    let (campaign, shown) = approved(&fleet, &wipe)?;
    ensure!(shown.contains("ERASE EVERYTHING") && shown.contains("D-2026-117"), "{shown}");
    ensure!(shown.contains("of-cards") && shown.contains("none needed"), "{shown}");
    succeeded(&mut fleet, campaign)?;
    is_empty(&fleet, 0)?;
    is_certified(&fleet, &serial, "D-2026-117")?;
    is_proven(&fleet, campaign)?;
    is_closed(&fleet, &request, &serial)
}

/// What was ordered and signed is taken away in one file, which a roster alone proves.
fn is_proven(fleet: &Fleet, campaign: CampaignId) -> Result<()> {
    let file = fleet.world.directory().join("wipe.evidence.tar").display().to_string();
    fleet.world.tillward(&["evidence", "export", &campaign.to_string(), "--to", &file])?;
    let roster = fleet.world.directory().join("fleet/offline/rosters/1.cose");
    let roster = roster.display().to_string();
    let proven = fleet.world.tillward(&["evidence", "verify", &file, "--roster", &roster])?;
    ensure!(proven.contains("Proven"), "{proven}");
    Ok(())
}

/// It is closed once the unit is back and what was paid for it is given back.
fn is_closed(fleet: &Fleet, request: &str, serial: &str) -> Result<()> {
    let tillward = |words: &[&str]| fleet.world.tillward(words);
    let close = ["deactivate", "close", request, "--note", "returned in good time"];
    let early = tillward(&close);
    let unlisted = "is not on the list of units";
    ensure!(early.is_err_and(|it| it.to_string().contains(unlisted)), "it is nowhere");
    tillward(&["request", "close", request]).err().context("only with its units")?;
    tillward(&["unit", "add", serial, "--model", "px7", "--store", "depot", "--seal", "S-1"])?;
    let step = |event: &str, more: &[&str]| {
        let words = ["unit", "move", serial, event, "--why", "the end of a test"];
        tillward(&[&words[..], more].concat()).map(drop)
    };
    step("allocate", &[])?;
    step("ship", &[])?;
    step("receive", &["--seal", "S-1"])?;
    for event in ["commission", "suspend", "await-return"] {
        step(event, &[])?;
    }
    step("return", &["--accessory", "base", "--condition", "good"])?;
    step("restock", &[])?;
    let deposit = ["deactivate", "ledger", "add", request, "deposit-paid", "EUR", "30000"];
    tillward(&[&deposit[..], &["--reference", "C-7"]].concat())?;
    let owed = tillward(&close);
    ensure!(owed.is_err_and(|it| it.to_string().contains("still to get 300.00 EUR")), "a deposit");
    let closed = tillward(&[&close[..], &["--accept-balance", "Gil"]].concat())?;
    ensure!(closed.contains("closed at") && closed.contains("accepted by Gil"), "{closed}");
    Ok(())
}

/// To the next version while it stands still, and it stands still afterwards.
fn upgrade(fleet: &mut Fleet, serial: &str) -> Result<()> {
    let whom = format!("id={}", fleet.terminal(serial)?.terminal.id);
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, &whom, &["--max-parallel", "1"])?;
    succeeded(fleet, campaign)?;
    ensure!(fleet.version(0)? == GOOD.version, "the new version runs");
    stands_still(fleet, 0)?;
    wait_for("the controller knows what it runs", SOON, || {
        let said = fleet.terminal(serial).map_err(|error| format!("{error:#}"))?;
        match said.terminal.components.iter().any(|it| it.version == GOOD.version) {
            true => Ok(()),
            false => Err(format!("{:?}", said.terminal.components)),
        }
    })?;
    Ok(())
}

/// Nothing of the till and the agent is left but that it is erased, and the agent idles.
fn is_empty(fleet: &Fleet, at: usize) -> Result<()> {
    let terminal = &fleet.world.terminals[at];
    wait_for("the agent has given up its identity and all else", SOON, || {
        let left = fs::read_dir(terminal.state()).map_err(|error| error.to_string())?;
        let left: Vec<_> = left.flatten().map(|it| it.file_name()).collect();
        // Software is nobody's data.
        if left == ["slots"] { Ok(()) } else { Err(format!("{left:?}")) }
    })?;
    for file in terminal.records_of_till() {
        ensure!(!file.exists(), "{} is there", file.display());
    }
    ensure!(terminal.lifecycle().join("decommissioned").exists(), "no tombstone");
    Ok(())
}

fn is_certified(fleet: &Fleet, serial: &str, reference: &str) -> Result<()> {
    let file = fleet.world.directory().join("certificate.cose");
    let page = fleet.world.directory().join("certificate.html");
    let (file_text, page_text) = (file.display().to_string(), page.display().to_string());
    let show =
        ["deactivate", "certificate", "show", serial, "-o", &file_text, "--html", &page_text];
    let shown = wait_for("its certificate is written", SOON, || {
        fleet.world.tillward(&show).map_err(|error| format!("{error:#}"))
    })?;
    ensure!(shown.contains(reference) && shown.contains("approver-1, approver-2"), "{shown}");
    ensure!(fs::read_to_string(&page)?.contains(serial), "the page names it");
    let roster = fleet.world.directory().join("fleet/offline/rosters/1.cose");
    let roster = roster.display().to_string();
    let verify = ["deactivate", "certificate", "verify", &file_text, "--roster", &roster];
    let verified = fleet.world.tillward(&verify)?;
    ensure!(verified.contains("signed by"), "{verified}");
    let mut forged = fs::read(&file)?;
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    fs::write(&file, forged)?;
    ensure!(fleet.world.tillward(&verify).is_err(), "a changed certificate is refused");
    let said = fleet.terminal(serial)?.terminal;
    ensure!(said.service == "erased" && said.lifecycle != Lifecycle::Claimed, "{said:?}");
    Ok(())
}

#[test]
fn a_stolen_till_that_comes_back_is_stopped_sends_its_money_and_is_emptied() {
    stolen().unwrap();
}

fn stolen() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north"])?;
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    let serial = fleet.world.terminals[1].shop.serial.clone();
    let release = fleet.world.publish_till(&GOOD)?;
    let artifact = artifact(&fleet)?;
    let holder = Holder::of(&fleet.world, 1)?;
    ensure!(holder.get(&artifact)?.status == 200, "it is a terminal like any other");
    // A copy of the till's records from before shows that there was something to find.
    let records = fleet.world.terminals[1].records_of_till();
    fleet.world.terminals[1].kill_agent()?;
    let request = request(&fleet, "decommission", "lost-stolen", &serial)?;
    let wipe = ["wipe", "--request", &request, "--lost", "--yes"];
    let (campaign, shown) = approved(&fleet, &wipe)?;
    ensure!(shown.contains("wrong hands"), "{shown}");
    let waits = fleet.world.tillward_json(&["deactivate", "show", &campaign.to_string()])?;
    let word = waits["terminals"][0]["wipe"].as_str().map(str::to_owned);
    ensure!(word.as_deref() == Some("requested"), "{waits:#}");
    ensure!(records.iter().any(|file| file.exists()), "nothing to erase");
    is_in_quarantine(&fleet, &serial, &holder, &artifact)?;
    is_left_out(&fleet, &release)?;

    fleet.start_agent(1)?;
    succeeded(&mut fleet, campaign)?;
    is_empty(&fleet, 1)?;
    let query = format!("SELECT campaign FROM orders WHERE terminal = '{}'", holder.terminal());
    let ordered = fleet.world.records.rows(&query)?;
    ensure!(ordered == [[campaign.to_string()]], "nothing but its wipe: {ordered:?}");
    let still = holder.get(&artifact)?;
    ensure!(still.code() == Some("quarantined"), "a copy of its key fetches nothing: {still:?}");
    wait_for("its certificate says that it is erased", SOON, || {
        let show = ["deactivate", "show", &campaign.to_string()];
        let said = fleet.world.tillward_json(&show).map_err(|error| format!("{error:#}"))?;
        match said["terminals"][0]["wipe"].as_str() {
            Some("erased-proven") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })?;
    Ok(())
}

/// The path of the one artifact that was published.
fn artifact(fleet: &Fleet) -> Result<String> {
    let built = fleet.world.directory().join(format!("release-{}-{}", GOOD.version, GOOD.counter));
    let built = built.display().to_string();
    let shown = fleet.world.tillward_json(&["release", "show", &built])?;
    let sha256 = shown["artifact"]["sha256"].as_str().context("a release has an artifact")?;
    Ok(format!("/v1/artifacts/{sha256}"))
}

/// Whoever plans an upgrade of all is told that this one would be no member, and why.
fn is_left_out(fleet: &Fleet, release: &str) -> Result<()> {
    let what = ["campaign", "plan", "--release", release, "--where", "model=px7"];
    let how = ["--max-parallel", "2", "--fallback", "by hand"];
    let plan = fleet.world.tillward_json(&[&what[..], &how].concat())?;
    let excluded = plan["excluded"].as_array().context("a plan says who is out")?;
    let is_told = |it: &Value| it["code"] == "quarantined" && it["terminals"] == 1;
    ensure!(excluded.iter().any(is_told) && plan["terminals"] == 1, "{plan:#}");
    Ok(())
}

/// What the audit log says that happened to this terminal's quarantine.
fn noted(fleet: &Fleet, holder: &Holder) -> Result<Vec<String>> {
    let query = format!(
        "SELECT what FROM audit WHERE object = '{}' AND what LIKE 'quarantine-%' ORDER BY seq",
        holder.terminal()
    );
    Ok(fleet.world.records.rows(&query)?.concat())
}

/// The console says so, and whoever has its key gets nothing of the controller.
fn is_in_quarantine(fleet: &Fleet, serial: &str, holder: &Holder, artifact: &str) -> Result<()> {
    let shown = fleet.terminal(serial)?.terminal;
    ensure!(shown.is_quarantined && shown.lifecycle == Lifecycle::Enrolled, "{shown:?}");
    let listed = fleet.world.tillward(&["terminal", "list"])?;
    ensure!(listed.contains("enrolled, quarantined"), "{listed}");
    let shown = fleet.world.tillward(&["terminal", "show", serial])?;
    ensure!(shown.contains("enrolled, quarantined"), "{shown}");
    ensure!(noted(fleet, holder)? == ["quarantine-began"], "{:?}", noted(fleet, holder)?);
    let object = format!("/v1/backups/{}/data/{}", RepositoryId::generate(), Digest::of(b"pack"));
    let asked = [
        holder.get(artifact)?,
        holder.get("/v1/backups/newest")?,
        holder.get(&object)?,
        holder.put(&object, "pack")?,
    ];
    for answer in asked {
        ensure!((answer.status, answer.code()) == (403, Some("quarantined")), "{answer:?}");
    }
    let own = holder.get("/v1/self")?;
    ensure!(own.status == 200, "its order must find it: {own:?}");
    Ok(())
}

#[test]
fn a_till_that_was_only_mislaid_is_like_any_other_once_its_wipe_is_taken_back() {
    mislaid().unwrap();
}

fn mislaid() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north"])?;
    let serial = fleet.world.terminals[1].shop.serial.clone();
    let release = fleet.world.publish_till(&GOOD)?;
    let (artifact, holder) = (artifact(&fleet)?, Holder::of(&fleet.world, 1)?);
    fleet.world.terminals[1].kill_agent()?;
    let request = request(&fleet, "decommission", "lost-stolen", &serial)?;
    let (wipe, _) = approved(&fleet, &["wipe", "--request", &request, "--lost", "--yes"])?;
    is_in_quarantine(&fleet, &serial, &holder, &artifact)?;
    is_left_out(&fleet, &release)?;

    let found = ["--yes", "--reason", "it was in the drawer"];
    fleet.world.tillward(&[&["campaign", "abort", &wipe.to_string()], &found[..]].concat())?;
    ensure!(!fleet.terminal(&serial)?.terminal.is_quarantined, "it was taken back");
    let noted = noted(&fleet, &holder)?;
    ensure!(noted == ["quarantine-began", "quarantine-ended"], "{noted:?}");
    ensure!(holder.get(&artifact)?.status == 200, "it may fetch again");
    fleet.start_agent(1)?;
    fleet.wait_until_online(2)?;
    let upgrade = fleet.campaign(&release, "model=px7", &["--max-parallel", "2"])?;
    let ended = fleet.complete(upgrade)?;
    ensure!(ended.states() == [State::Succeeded; 2], "{:#?}", ended.terminals);
    fleet.check_books()
}
