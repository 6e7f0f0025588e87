//! The scenario *deactivate*: one till closes over a holiday and comes back, one is decommissioned
//! with a certificate, one is stolen and emptied when it is connected again, and one is replaced by
//! another unit.

mod replace;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use serde_json::Value;

use super::{Scenario, Section};
use crate::books::Books;
use crate::campaign::{all_succeeded, complete, states};
use crate::promises::Promises;
use crate::stage::{SOON, Stage};

pub(super) const DEACTIVATE: Scenario = Scenario {
    name: "deactivate",
    about: "one till closes for a holiday, one for good with proof, one is stolen, one replaced",
    terminals_min: 5,
    leaves: "three tills are erased; the others sell, one of them new in the place of another",
    commands: &[
        "deactivate list",
        "deactivate show CAMPAIGN",
        "deactivate case REQUEST",
        "deactivate certificate show TW-2",
        "replace show 1",
        "audit verify",
    ],
    play,
};

/// For two people to sign, by program, before a till stops.
const AHEAD: Duration = Duration::from_secs(30);

/// From a cut-off until a till stands still: its terminal knows the time in whole seconds, and asks
/// the till then.
const STOPPED_WITHIN_MS: i64 = 5_000;

/// Who has a part; the others sell on.
const HOLIDAY: usize = 0;
const RETIRED: usize = 1;
const STOLEN: usize = 2;
const REPLACED: usize = 3;
const CAST: [(usize, &str); 4] =
    [(HOLIDAY, "holiday"), (RETIRED, "decommissioned"), (STOLEN, "stolen"), (REPLACED, "replaced")];

const ERASED: [usize; 3] = [RETIRED, STOLEN, REPLACED];

fn play(stage: &mut Stage, promises: &mut Promises) -> Result<Section> {
    let case = replace::begin(stage)?;
    let (retired, cut_off) = stop(stage, promises)?;
    let before = sales(stage)?;

    stage.tell.step("the holiday is over: somebody has looked at the till, and it is tested");
    let resume = wish(stage, "resume", "business", HOLIDAY)?;
    let checked = ["--checked", "screen,printer,reader,scanner,battery", "--checked-by", "Tess"];
    let serial = stage.world.terminals[HOLIDAY].shop.serial.clone();
    let keys = ["--kind", "pin,sred", "--until", "2099-12-31", "--said-by", "Kim"];
    stage.operator(&[&["terminal", "keys", &serial], &keys[..]].concat())?;
    // Unless providers were described before, nobody knows what this till is bound to; and where
    // upgrades went before, it may have missed one.
    let vouched = ["--vouch", "Bo", "--override", "behind-peers=Bo"];
    let words = [&["resume", "--request", &resume], &checked[..], &vouched].concat();
    let campaign = approved(stage, &words)?;
    replace::take_over(stage, &case, promises)?;
    let ended = complete(&mut stage.world, &campaign)?;
    promises.equal("the holiday till passed its tests", &states(&ended), &all_succeeded(1));
    promises.check("…and sells again", sells_again(stage, HOLIDAY, before[HOLIDAY])?);
    let shown = stage.world.tillward_json(&["deactivate", "show", &campaign])?;
    promises.check(
        "…and how long it stood still is known by what it signed",
        match shown["downtime_s"].as_u64() {
            Some(_) => Ok(()),
            None => Err(format!("{}", shown["terminals"])),
        },
    );
    promises.check(
        "the tills that stay closed sold nothing since their cut-off",
        began_no_sale_after(stage, &[RETIRED, REPLACED], cut_off)?,
    );
    let replaced = wish(stage, "decommission", "fault-hardware", REPLACED)?;
    deregister(stage, REPLACED, &case.position)?;
    let none = ["--registry", "of-cards", "--none-needed", "No registry is kept here."];
    stage.operator(&[&["deactivate", "deregister", case.old_serial()], &none[..]].concat())?;
    let early = [&["deactivate"], &wipe(&replaced)[..]].concat();
    promises.check(
        "the old till is not wiped while the new one is watched",
        refused(stage, &early, "may have to come back"),
    );
    replace::prove(stage, &case, promises)?;

    let books = stage.close_books()?;
    books.promise(promises);
    promises.equal("no test sale stands", &books.tests_left(), &0);
    let early = [&["deactivate"], &wipe(&retired)[..]].concat();
    promises.check("no wipe before it is deregistered", refused(stage, &early, "deregistered"));
    let position = replace::position_of(stage, RETIRED)?;
    deregister(stage, RETIRED, &position)?;
    promises.check(
        "…nor while only its provider has said so, and no registry",
        refused(stage, &early, "deregistered with a registry"),
    );
    let serial = stage.world.terminals[RETIRED].shop.serial.clone();
    let told = ["--registry", "of-cards", "--reference", "R-2026-41"];
    stage.operator(&[&["deactivate", "deregister", &serial], &told[..]].concat())?;
    erase(stage, &[(RETIRED, &retired), (REPLACED, &replaced)], promises)?;
    stolen(stage, promises)?;
    let certificates = certificates(stage, promises)?;
    replace::close(stage, &case, promises)?;
    let proven = audit(stage, promises)?;
    let mut section = table::section(stage, &case, &certificates, promises)?;
    section.note(proven);
    sell_on(stage)?;
    Ok(section)
}

/// Three tills stop at a moment that they hold themselves; the request by which one is then
/// decommissioned, and that moment.
fn stop(stage: &mut Stage, promises: &mut Promises) -> Result<(String, u64)> {
    stage.tell.step("three tills are to stop at a moment: for a holiday, for good, and for a unit");
    let holiday = wish(stage, "suspend", "business", HOLIDAY)?;
    let retired = wish(stage, "decommission", "contract-end", RETIRED)?;
    let replaced = wish(stage, "suspend", "fault-hardware", REPLACED)?;
    let moment = now() + AHEAD.as_secs();
    let cut_off = moment.to_string();
    let of = |request| ["suspend", "--request", request, "--cut-off", &cut_off];
    let untold = [&["deactivate"], &of(&holiday)[..]].concat();
    promises.check(
        "no till stops before provider, bank and customers know",
        refused(stage, &untold, "was not told"),
    );
    // A week is longer than a demo: parties say that they know, or somebody answers for them.
    stage.world.told_of_stop(&holiday, &cut_off)?;
    let answered = ["--untold-by", "Gil", "--untold-why", "all of them were called"];
    let mut campaigns = vec![approved(stage, &of(&holiday))?];
    for request in [&retired, &replaced] {
        campaigns.push(approved(stage, &[&of(request)[..], &answered].concat())?);
    }
    // Without the controller: they hold the moment themselves.
    stage.tell.step("the network goes down before the cut-off, and comes back after it");
    wait_until_armed(stage, &campaigns)?;
    stage.world.mqtt.cut();
    let stopped_in_time = wait_until_stopped(stage)?;
    stage.world.mqtt.mend();
    promises.check("all three stopped at their cut-off, with no connection", stopped_in_time);
    promises.check(
        "…and began no sale after it, by their own journals",
        began_no_sale_after(stage, &[HOLIDAY, RETIRED, REPLACED], moment)?,
    );
    for campaign in &campaigns {
        let ended = complete(&mut stage.world, campaign)?;
        promises.equal("…and were settled and saved", &states(&ended), &all_succeeded(1));
    }
    Ok((retired, moment))
}

/// Each sale is in the till's journal from the moment at which it begins; one that has begun before
/// is let end.
fn began_no_sale_after(
    stage: &Stage,
    tills: &[usize],
    cut_off: u64,
) -> Result<std::result::Result<(), String>> {
    let cut_off_ms = i64::try_from(cut_off)? * 1_000;
    for at in tills {
        let terminal = &stage.world.terminals[*at];
        let serial = &terminal.shop.serial;
        let last = terminal.last_sale_began_ms()?.with_context(|| format!("{serial} has sold"))?;
        let late = last - cut_off_ms;
        if late > STOPPED_WITHIN_MS {
            return Ok(Err(format!("{serial} began a sale {late} ms after its cut-off")));
        }
    }
    Ok(Ok(()))
}

fn wipe(request: &str) -> [&str; 6] {
    ["wipe", "--request", request, "--cool-off", "2s", "--yes"]
}

/// With each provider that knows it by the bindings of its place.
fn deregister(stage: &Stage, at: usize, position: &str) -> Result<()> {
    let serial = stage.world.terminals[at].shop.serial.as_str();
    let all = stage.list(&["binding", "list"])?;
    let known = ["active", "standby", "retiring"];
    let knows = |it: &&Value| {
        it["position"] == position && it["state"].as_str().is_some_and(|it| known.contains(&it))
    };
    let providers: BTreeSet<_> =
        all.iter().filter(knows).filter_map(|it| it["provider"].as_str()).collect();
    for provider in providers {
        let told = ["--with", provider, "--reference", "D-2026-117"];
        stage.operator(&[&["deactivate", "deregister", serial], &told[..]].concat())?;
    }
    Ok(())
}

/// Whether a command is not taken, for this reason.
fn refused(stage: &Stage, words: &[&str], why: &str) -> std::result::Result<(), String> {
    match stage.world.tillward(words) {
        Err(error) if format!("{error:#}").contains(why) => Ok(()),
        Err(error) => Err(format!("{error:#}")),
        Ok(_) => Err("it was taken".to_owned()),
    }
}

/// Those that stay closed, each with the request that wants it.
fn erase(stage: &mut Stage, all: &[(usize, &str)], promises: &mut Promises) -> Result<()> {
    stage.tell.step("the terminals that stay closed are erased");
    let mut campaigns = Vec::new();
    for (at, request) in all {
        let serial = stage.world.terminals[*at].shop.serial.clone();
        campaigns.push((serial, approved(stage, &wipe(request))?));
    }
    for (serial, campaign) in campaigns {
        complete(&mut stage.world, &campaign)?;
        let proven = wait_for("its certificate is written", SOON, || {
            match wiped(stage, &campaign).map_err(|error| format!("{error:#}"))?.as_str() {
                "erased-proven" => Ok(()),
                other => Err(other.to_owned()),
            }
        });
        let proven = proven.map_err(|error| format!("{error:#}"));
        promises.check(format!("{serial} proved that it is erased"), proven);
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An accepted request for one terminal.
fn wish(stage: &Stage, kind: &str, reason: &str, at: usize) -> Result<String> {
    let serial = &stage.world.terminals[at].shop.serial;
    let id = stage.ids()?.remove(serial).with_context(|| format!("{serial} has an id"))?;
    stage.world.accepted_wish(kind, reason, &id)
}

/// A change of service, signed by two people, each on a machine of their own.
fn approved(stage: &Stage, words: &[&str]) -> Result<String> {
    let made = stage.operator_json(&[&["deactivate"], words].concat())?;
    let campaign = made["campaign"]["id"].as_str().context("a campaign has an id")?.to_owned();
    signed(stage, campaign)
}

/// By both of them; the campaign.
fn signed(stage: &Stage, campaign: String) -> Result<String> {
    for approver in ["approver-1", "approver-2"] {
        let file = stage.world.directory().join(format!("{campaign}-{approver}.json"));
        let path = file.to_str().context("paths are UTF-8")?;
        stage.operator(&["approve", "export", &campaign, "--to", path])?;
        let said = stage.world.approve_offline("sign", &file, approver, &["--yes-for", "1"])?;
        if approver == "approver-1" {
            stage.tell.answer(&said);
        }
        stage.operator(&["approve", "import", path])?;
    }
    Ok(campaign)
}

/// Each terminal has the moment in its own books.
fn wait_until_armed(stage: &Stage, campaigns: &[String]) -> Result<()> {
    for campaign in campaigns {
        wait_for("the terminal holds its cut-off", SOON, || {
            let show = stage.world.tillward_json(&["campaign", "show", campaign]);
            let show = show.map_err(|error| format!("{error:#}"))?;
            match show["terminals"][0]["step"].as_str() {
                Some("cut-off") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })?;
    }
    Ok(())
}

/// Whether these tills stood still soon after their cut-off.
fn wait_until_stopped(stage: &Stage) -> Result<std::result::Result<(), String>> {
    for at in [HOLIDAY, RETIRED, REPLACED] {
        let stopped = wait_for("the till stands still", AHEAD + SOON, || {
            let said = status(stage, at)?;
            match said["stopped"].is_string() && said["trading"] == "held" {
                true => Ok(()),
                false => Err(format!("{} {}", said["trading"], said["stopped"])),
            }
        });
        if let Err(error) = stopped {
            return Ok(Err(format!("{error:#}")));
        }
    }
    Ok(Ok(()))
}

fn status(stage: &Stage, at: usize) -> std::result::Result<Value, String> {
    let said = stage.world.terminals[at].till_status(&stage.world.programs);
    said.map_err(|error| format!("{error:#}"))
}

/// Of each till so far, while all of them can be asked.
fn sales(stage: &Stage) -> Result<Vec<i64>> {
    let books = Books::read(&stage.world)?;
    let serials = stage.world.terminals.iter().map(|it| it.shop.serial.as_str());
    serials.map(|serial| Ok(books.of(serial)?.sales)).collect()
}

fn sells_again(stage: &Stage, at: usize, before: i64) -> Result<std::result::Result<(), String>> {
    let sold = wait_for("the till has sold something", SOON, || {
        match sales(stage).map_err(|error| format!("{error:#}"))?[at] {
            sales if sales > before => Ok(()),
            sales => Err(format!("{sales} sales")),
        }
    });
    Ok(sold.map(|_| ()).map_err(|error| format!("{error:#}")))
}

fn wiped(stage: &Stage, campaign: &str) -> Result<String> {
    let show = stage.world.tillward_json(&["deactivate", "show", campaign])?;
    Ok(show["terminals"][0]["wipe"].as_str().unwrap_or("-").to_owned())
}

/// It is away with money in it, and comes back.
fn stolen(stage: &mut Stage, promises: &mut Promises) -> Result<()> {
    stage.tell.step("a terminal is stolen: nobody reaches it, and its till takes money still");
    let serial = stage.world.terminals[STOLEN].shop.serial.clone();
    let before = stage.world.hosts[0].books_of(&serial)?;
    stage.world.terminals[STOLEN].kill_agent()?;
    stage.world.terminals[STOLEN].ask_till(&stage.world.programs, RELEASE)?;
    let request = wish(stage, "decommission", "lost-stolen", STOLEN)?;
    let campaign = approved(stage, &["wipe", "--request", &request, "--lost", "--yes"])?;
    promises.equal(
        "nobody claims that it is erased",
        &wiped(stage, &campaign)?,
        &"requested".into(),
    );
    wait_for("it has taken money that nobody has settled", SOON, || {
        let books = stage.world.hosts[0].books_of(&serial).map_err(|it| format!("{it:#}"))?;
        match books.taken_minor > before.taken_minor {
            true => Ok(()),
            false => Err(format!("{books:?}")),
        }
    })?;
    let programs = stage.world.programs.clone();
    stage.world.terminals[STOLEN].start_agent(&programs)?;
    let ended = complete(&mut stage.world, &campaign)?;
    promises.equal("it was emptied when it came back", &states(&ended), &all_succeeded(1));
    let books = stage.world.hosts[0].books_of(&serial)?;
    promises.equal(
        "…after it had settled what it had taken",
        &books.settled_minor,
        &books.taken_minor,
    );
    Ok(())
}

const RELEASE: &str = "{\"id\":1,\"do\":\"release\"}";

/// Each erased terminal has one, which a roster alone proves; its short digest, by terminal.
fn certificates(stage: &Stage, promises: &mut Promises) -> Result<Vec<(usize, String)>> {
    let roster = stage.world.directory().join("fleet/offline/rosters/1.cose");
    let roster = roster.to_str().context("paths are UTF-8")?;
    let mut found = Vec::new();
    for at in ERASED {
        let serial = stage.world.terminals[at].shop.serial.as_str();
        let file = stage.world.directory().join(format!("{serial}.cose"));
        let path = file.to_str().context("paths are UTF-8")?;
        let words = ["deactivate", "certificate", "show", serial, "--output", path, "--json"];
        let shown = wait_for("its certificate is written", SOON, || {
            stage.world.tillward(&words).map_err(|error| format!("{error:#}"))
        })?;
        let shown: Value = serde_json::from_str(&shown)?;
        let verify = ["deactivate", "certificate", "verify", path, "--roster", roster];
        let verified = stage.operator(&verify);
        promises.check(
            format!("the certificate of {serial} is genuine"),
            verified.map(|_| ()).map_err(|error| format!("{error:#}")),
        );
        // Of its files the names alone are looked for.
        let sampled = "sampled".into();
        promises.equal("…and says how it was verified", &shown["verification"], &sampled);
        let digest = shown["digest"].as_str().context("a certificate has a digest")?;
        found.push((at, digest.chars().take(8).collect()));
    }
    Ok(found)
}

/// The log holds what was decided, and a file proves one entry of it without the controller; in
/// words.
fn audit(stage: &Stage, promises: &mut Promises) -> Result<String> {
    let entries = stage.list(&["audit", "show"])?;
    let seqs = entries.iter().filter(|it| it["what"] == "terminal-erased");
    let seqs: Vec<_> = seqs.filter_map(|it| it["seq"].as_u64()).collect();
    promises.equal("the log says who was erased", &seqs.len(), &ERASED.len());
    let seq = seqs.first().context("somebody was erased")?.to_string();
    let file = stage.world.directory().join("erased.proof.json");
    let path = file.to_str().context("paths are UTF-8")?;
    wait_for("the log is signed so far", crate::campaign::CAMPAIGN_PATIENCE, || {
        let proven = stage.world.tillward(&["audit", "prove", &seq, "--to", path]);
        proven.map(|_| ()).map_err(|error| format!("{error:#}"))
    })?;
    let verify = |more: &[&str]| {
        let said = stage.operator(&[&["audit", "verify"], more].concat());
        said.map(|_| ()).map_err(|error| format!("{error:#}"))
    };
    promises.check("the whole log is whole", verify(&[]));
    promises.check("one entry is proven by a file alone", verify(&["--proof", path]));
    let proof: Value = serde_json::from_slice(&fs::read(&file)?)?;
    let digests = proof["path"].as_array().context("a proof has a path")?.len();
    let checkpoint = &proof["checkpoint"];
    let root: String = checkpoint["root"].as_str().unwrap_or_default().chars().take(8).collect();
    Ok(format!(
        "Audit log: entry {seq} (terminal-erased) is proven by {digests} digests in {} entries \
         signed for with the root {root}….",
        checkpoint["size"]
    ))
}

/// The tills that are left.
fn sell_on(stage: &Stage) -> Result<()> {
    for (at, terminal) in stage.world.terminals.iter().enumerate() {
        if !ERASED.contains(&at) {
            terminal.ask_till(&stage.world.programs, RELEASE)?;
        }
    }
    Ok(())
}
