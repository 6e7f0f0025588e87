//! The scenario *rebind*: tills that sell are moved to another payment provider in two waves, while
//! the field happens to them; the first wave is taken back again.

mod incidents;
mod table;

use std::path::Path;

use anyhow::{Context as _, Result};
use harness::wait::wait_for;
use harness::world::Profiles;
use serde_json::Value;

use super::{Scenario, Section};
use crate::books::Books;
use crate::campaign::{CAMPAIGN_PATIENCE, follow, states};
use crate::promises::Promises;
use crate::stage::{SOON, Stage};
use incidents::Incidents;

pub(super) const REBIND: Scenario = Scenario {
    name: "rebind",
    about: "tills move from provider alpha to beta; one is declined, one loses power, some go back",
    terminals_min: 4,
    leaves: "some tills sell with beta; the first wave and the one that was declined with alpha",
    commands: &[
        "rebind list",
        "rebind show CAMPAIGN --facts",
        "rebind letters CAMPAIGN --to letters",
        "evidence export CAMPAIGN --to beta.evidence.tar",
    ],
    play,
};

/// At least so many are in the second wave, where each has a part to play.
const SECOND_MIN: usize = 3;

/// Long enough for two people to sign for the second wave, and for an operator to take the first
/// one back. All else is as the provider wants it.
const WATCH: [&str; 2] = ["--watch-for", "20s"];

/// Who was to move, and to whom each is bound in the end.
struct Cast {
    /// Taken back by the operator.
    first: Vec<usize>,
    second: Vec<usize>,
    declined: usize,
    powerless: usize,
    offline: usize,
}

impl Cast {
    fn of(terminals: usize) -> Self {
        let first = (terminals / 2).min(terminals - SECOND_MIN);
        Self {
            first: (0..first).collect(),
            second: (first..terminals).collect(),
            declined: first,
            powerless: first + 1,
            offline: first + 2,
        }
    }

    fn all(&self) -> Vec<usize> {
        [&self.first[..], &self.second].concat()
    }

    /// In the end.
    fn provider(&self, at: usize) -> &'static str {
        if self.first.contains(&at) || at == self.declined { "alpha" } else { "beta" }
    }
}

fn play(stage: &mut Stage, promises: &mut Promises) -> Result<Section> {
    let before = Books::read(&stage.world)?;
    let cast = Cast::of(stage.world.terminals.len());
    let all = cast.all();
    let profiles = stage.world.profiles(&stage.world.hosts[1], &all, |serial| {
        Some(format!("the key that beta has given {serial}"))
    })?;
    let [first, second] = ask(stage, &profiles, &cast)?;
    approve(stage, &first, cast.first.len())?;
    wait_for_watch(stage, &first, cast.first.len())?;
    stage.tell.step("the first wave sells with beta, and is watched");
    promises.equal(
        "the first wave sold with beta",
        &providers(stage, &cast.first)?,
        &vec!["beta".to_owned(); cast.first.len()],
    );
    promises.check("no till had two active bindings, nor none", one_active(stage)?);

    let mut incidents = Incidents::begin(stage, &cast)?;
    stage.operator(&["rebind", "next", &first, "--despite", "the duty manager"])?;
    approve(stage, &second, cast.second.len())?;
    let why = "the north stores have another contract";
    stage.operator(&["rebind", "undo", &first, "--yes", "--why", why])?;
    let Stage { world, tell, .. } = stage;
    let moved =
        follow(world, &second, |world, terminals| incidents.happen(world, terminals, &cast, tell))?;
    let undone = wait_until_undone(stage, &first)?;
    stage.tell.step("both waves are over");
    incidents.promise(promises);
    outcomes(stage, &cast, &undone, &moved, promises)?;
    promises.check("…no till had two active bindings, nor none", one_active(stage)?);
    sell_on(stage, &cast, promises)?;
    let request = profiles.request.to_string();
    stage.operator(&["request", "close", &request, "--reason", "both waves are over"])?;

    // While trading is held, a test sale may still stand.
    let tests_left = Books::read(&stage.world)?.tests_left();
    promises.equal("no test sale stands", &tests_left, &0);
    let after = stage.close_books()?;
    after.promise(promises);
    let outcome = |serial: &str| {
        let found = undone.iter().chain(&moved).find(|it| it["serial"] == serial);
        found.and_then(|it| it["state"].as_str()).unwrap_or("-").to_owned()
    };
    let section = table::section(stage, &cast, outcome, &before, &after, promises)?;
    stage.sell_again()?;
    Ok(section)
}

/// The campaigns of both waves; nobody has signed for one yet.
fn ask(stage: &Stage, profiles: &Profiles, cast: &Cast) -> Result<[String; 2]> {
    let mut terms = profiles.terms()?;
    terms.push(format!("--wave={}", cast.first.len()));
    let terms: Vec<_> = terms.iter().map(String::as_str).chain(WATCH).collect();
    let plan = stage.operator(&[&["rebind", "plan"], &terms[..]].concat())?;
    stage.tell.answer(&plan);
    stage.tell.step("all that the plan looks at is on record, and it is asked for");
    let start = ["rebind", "start", "--name", "beta", "--max-parallel", "32"];
    let made = stage.world.tillward_json(&[&start, &terms[..]].concat())?;
    let wave = |at: usize| {
        let id = made["waves"][at]["id"].as_str();
        id.map(str::to_owned).with_context(|| format!("wave {at} has no campaign: {made:#}"))
    };
    Ok([wave(0)?, wave(1)?])
}

/// Two people sign, each on a machine of their own.
fn approve(stage: &Stage, campaign: &str, terminals: usize) -> Result<()> {
    let count = terminals.to_string();
    for approver in ["approver-1", "approver-2"] {
        let file = stage.world.directory().join(format!("{campaign}-{approver}.json"));
        let path = text(&file)?;
        stage.operator(&["approve", "export", campaign, "--to", path])?;
        let said = stage.world.approve_offline("sign", &file, approver, &["--yes-for", &count])?;
        stage.tell.step(&format!("{approver} has signed for {terminals} terminals, offline"));
        if approver == "approver-1" {
            stage.tell.answer(&said);
        }
        stage.operator(&["approve", "import", path])?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the demo's paths are UTF-8")
}

fn terminals(stage: &Stage, campaign: &str) -> Result<Vec<Value>> {
    let show = stage.world.tillward_json(&["campaign", "show", campaign])?;
    Ok(show["terminals"].as_array().cloned().unwrap_or_default())
}

fn wait_for_watch(stage: &Stage, campaign: &str, count: usize) -> Result<()> {
    wait_for("the first wave is watched", CAMPAIGN_PATIENCE, || {
        let list = terminals(stage, campaign).map_err(|error| format!("{error:#}"))?;
        let watched = list.iter().filter(|it| it["step"] == "watch").count();
        if watched == count { Ok(()) } else { Err(format!("{watched} are of {list:#?}")) }
    })?;
    Ok(())
}

/// Every terminal of the wave has said how it ended.
fn wait_until_undone(stage: &Stage, campaign: &str) -> Result<Vec<Value>> {
    let is_over = |it: &Value| {
        let state = it["state"].as_str().unwrap_or_default();
        ["cancelled", "failed", "rolled-back", "rollback-failed", "succeeded"].contains(&state)
    };
    let ended = wait_for("the first wave is over", CAMPAIGN_PATIENCE, || {
        let list = terminals(stage, campaign).map_err(|error| format!("{error:#}"))?;
        if list.iter().all(is_over) { Ok(list) } else { Err(format!("{:?}", states(&list))) }
    })?;
    Ok(ended)
}

fn providers(stage: &Stage, of: &[usize]) -> Result<Vec<String>> {
    let provider = |at: &usize| stage.world.terminals[*at].provider(&stage.world.programs);
    of.iter().map(provider).collect()
}

/// The provider of the one active binding of each lane, in the order of the tills.
fn on_record(stage: &Stage) -> Result<Vec<String>> {
    let list = stage.world.tillward_json(&["binding", "list"])?;
    let list = list["items"].as_array().cloned().unwrap_or_default();
    let of = |at: usize| {
        let name = format!("Shop {at}");
        let active = list
            .iter()
            .filter(|it| it["state"] == "active" && it["version"]["tuple"]["name"] == name.as_str())
            .filter_map(|it| it["provider"].as_str());
        active.collect::<Vec<_>>().join(" and ")
    };
    Ok((0..stage.world.terminals.len()).map(of).collect())
}

/// Every till sells with exactly one provider.
fn one_active(stage: &Stage) -> Result<Result<(), String>> {
    for terminal in &stage.world.terminals {
        let bindings = terminal.bindings(&stage.world.programs)?;
        let active = bindings.iter().filter(|it| it.state == "active").count();
        if active != 1 {
            return Ok(Err(format!("{}: {bindings:?}", terminal.shop.serial)));
        }
    }
    Ok(Ok(()))
}

fn outcomes(
    stage: &Stage,
    cast: &Cast,
    undone: &[Value],
    moved: &[Value],
    promises: &mut Promises,
) -> Result<()> {
    promises.equal(
        "the first wave was undone while it was watched",
        &states(undone),
        &vec!["rolled-back".to_owned(); cast.first.len()],
    );
    let expected = cast.second.iter().map(|at| match *at == cast.declined {
        true => (stage.world.terminals[*at].shop.serial.clone(), "rolled-back".to_owned()),
        false => (stage.world.terminals[*at].shop.serial.clone(), "succeeded".to_owned()),
    });
    let seen = moved.iter().map(|it| {
        let text = |key: &str| it[key].as_str().unwrap_or("-").to_owned();
        (text("serial"), text("state"))
    });
    promises.equal(
        "the second wave moved, but for the one that beta declined",
        &seen.collect::<Vec<_>>(),
        &expected.collect::<Vec<_>>(),
    );
    let all = cast.all();
    let bound: Vec<_> = all.iter().map(|at| cast.provider(*at).to_owned()).collect();
    promises.equal("every till is bound as its outcome says", &providers(stage, &all)?, &bound);
    promises.equal("…and so it stands in the controller's registry", &on_record(stage)?, &bound);
    let mut others = Vec::new();
    for at in all {
        let terminal = &stage.world.terminals[at];
        if terminal.bindings(&stage.world.programs)?.len() != 1 {
            others.push(terminal.shop.serial.clone());
        }
    }
    promises.equal("the keys of the other provider are gone from all", &others, &Vec::new());
    Ok(())
}

/// Every shop sells with the provider that it has now.
fn sell_on(stage: &Stage, cast: &Cast, promises: &mut Promises) -> Result<()> {
    let books = |at: usize| {
        let terminal = &stage.world.terminals[at];
        terminal.books_with(cast.provider(at)).map(|books| books.taken_minor)
    };
    let before: Vec<_> = cast.all().into_iter().map(books).collect::<Result<_>>()?;
    let sold = wait_for("every shop sells on", SOON, || {
        let mut idle = Vec::new();
        for (at, before) in cast.all().into_iter().zip(&before) {
            // A refund takes something away, too.
            if books(at).map_err(|error| format!("{error:#}"))? == *before {
                idle.push(stage.world.terminals[at].shop.serial.clone());
            }
        }
        if idle.is_empty() { Ok(()) } else { Err(format!("{idle:?} do not")) }
    });
    promises.check(
        "every shop sells with the provider that it has now",
        sold.map_err(|error| error.to_string()),
    );
    Ok(())
}
