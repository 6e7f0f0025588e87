//! An operator's hand on a campaign: how many at once, when, pause, resume and abort.

use anyhow::{Context as _, Result};
use controller::api::model::{
    AssignmentState as State, CampaignPlan, CampaignReport, CampaignState, ReportSign, WhyNot,
};
use harness::wait::wait_for;
use shared::id::CampaignId;

use crate::fleet::{Fleet, GOOD, Look, SOON, unix_now};

#[test]
fn one_at_a_time_means_that_the_next_begins_when_the_one_before_has_said_its_end() {
    one_at_a_time().unwrap();
}

fn one_at_a_time() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north", "south"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    let mut most = 0;
    let ended = fleet.follow(campaign, |_, look: &Look| {
        most = most.max(look.count(|state| state != State::Held && !state.is_end()));
        Ok(())
    })?;
    assert_eq!((most, ended.states()), (1, vec![State::Succeeded; 3]));
    let turns = fleet.world.records.rows(&format!(
        "SELECT o.made_at, r.received_at FROM orders o JOIN receipts r ON r.order_id = o.id
         WHERE o.campaign = '{campaign}' AND r.said = 'finished' ORDER BY o.made_at"
    ))?;
    let seconds = |text: &str| text.parse::<i64>().context("a point in time is a number");
    for pair in turns.windows(2) {
        let (ended, next_made) = (seconds(&pair[0][1])?, seconds(&pair[1][0])?);
        assert!(
            next_made >= ended,
            "an order was made before the one before it had ended: {turns:?}"
        );
    }
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

#[test]
fn a_paused_campaign_lets_finish_what_was_accepted_and_begins_nothing_until_it_is_resumed() {
    pause_and_resume().unwrap();
}

fn pause_and_resume() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    fleet.wait_until(campaign, "a terminal accepts", |look| {
        look.count(|state| matches!(state, State::Accepted | State::Waiting | State::Working)) == 1
    })?;
    decide(&fleet, "pause", campaign)?;
    let paused = fleet.wait_until(campaign, "it succeeds, and the other is held", |look| {
        let held = look.campaign.held.iter().find(|held| held.reason.code == "paused");
        look.count(|state| state == State::Succeeded) == 1
            && held.is_some_and(|held| held.terminals == 1)
    })?;
    assert_eq!(paused.campaign.state, CampaignState::Paused);
    let orders = fleet.world.records.rows("SELECT id FROM orders")?;
    assert_eq!(orders.len(), 1, "nothing was ordered while it was paused");
    decide(&fleet, "resume", campaign)?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded; 2]);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

#[test]
fn terminals_wait_by_name_for_a_closed_window_and_an_abort_cancels_what_has_not_begun() {
    window_and_abort().unwrap();
}

fn window_and_abort() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    let off = fleet.open_shop("north")?;
    fleet.world.enrol(off)?;
    let release = fleet.world.publish_till(&GOOD)?;
    let window = window_in_two_hours();
    let more = ["--max-parallel", "9", "--window", window.as_str()];
    let campaign = fleet.campaign(&release, "model=px7", &more)?;
    let waiting = fleet.wait_until(campaign, "two wait for the window", |look| {
        look.count(|state| state == State::Waiting) == 2
            && look.campaign.held.iter().any(|held| held.reason.code == "never-seen")
    })?;
    for terminal in waiting.terminals.iter().filter(|it| it.state == State::Waiting) {
        let reason = terminal.reason.as_ref().context("who waits says why")?;
        assert_eq!((reason.code.as_str(), terminal.step.as_deref()), ("window", Some("window")));
        assert!(reason.detail.contains(&window), "{}", reason.detail);
    }
    let zones = "SELECT DISTINCT said_zone FROM terminals WHERE said_zone IS NOT NULL";
    assert_eq!(fleet.world.records.rows(zones)?, [["Asia/Shanghai"]], "as their claims say");
    fleet.world.tillward(&[
        "campaign",
        "abort",
        &campaign.to_string(),
        "--yes",
        "--reason",
        "wrong release",
    ])?;
    let aborted = fleet.wait_until(campaign, "both are cancelled", |look| {
        look.count(|state| state == State::Cancelled) == 2
    })?;
    assert_eq!(aborted.campaign.state, CampaignState::Aborted);
    assert_eq!(aborted.campaign.state_reason.as_deref(), Some("wrong release"));
    fleet.start_agent(off)?;
    fleet.wait_until_online(3)?;
    for at in 0..3 {
        assert_eq!(fleet.version(at)?, "1.0.0");
        fleet.wait_until_it_sells(at)?;
    }
    let orders = format!("SELECT id FROM orders WHERE campaign = '{campaign}'");
    assert_eq!(fleet.world.records.rows(&orders)?.len(), 4, "two orders, each cancelled once");
    // What was aborted stands in nobody's way.
    let again = fleet.campaign(&release, "model=px7", &["--max-parallel", "3"])?;
    assert_eq!(fleet.complete(again)?.states(), [State::Succeeded; 3]);
    fleet.check_once_in_effect(again)?;
    fleet.check_books()
}

#[test]
fn what_a_suspicious_terminal_waits_with_is_taken_back_and_the_others_keep_theirs() {
    suspicion().unwrap();
}

fn suspicion() -> Result<()> {
    let fleet = Fleet::small(&["north", "south"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    let window = window_in_two_hours();
    let more = ["--max-parallel", "9", "--window", window.as_str()];
    let campaign = fleet.campaign(&release, "model=px7", &more)?;
    fleet.wait_until(campaign, "both wait for the window", |look| {
        look.count(|state| state == State::Waiting) == 2
    })?;
    let what = ["--store", "north", "--note", "who ordered this?"];
    fleet.world.tillward(&[&["request", "suspicious"][..], &what].concat())?;
    let taken = fleet.wait_until(campaign, "one is taken back", |look| {
        look.count(|state| state == State::Withdrawn) == 1
    })?;
    assert_eq!(taken.campaign.state, CampaignState::Running);
    assert_eq!(taken.count(|state| state == State::Waiting), 1, "nobody suspects the other one");
    let withdrawn = taken.terminals.iter().find(|it| it.state == State::Withdrawn);
    let why = withdrawn.and_then(|it| it.reason.as_ref()).context("it says why")?;
    assert!(why.detail.contains("somebody found it suspicious"), "{}", why.detail);
    let status = fleet.world.tillward_json(&["status"])?;
    assert_eq!((&status["suspicions"]["count"], &status["alarms"]), (&1.into(), &1.into()));
    let abort = ["campaign", "abort", &campaign.to_string(), "--yes", "--reason", "another day"];
    fleet.world.tillward(&abort)?;
    fleet.wait_until(campaign, "the other is cancelled", |look| {
        look.states() == [State::Withdrawn, State::Cancelled]
    })?;
    let orders = format!("SELECT id FROM orders WHERE campaign = '{campaign}'");
    assert_eq!(fleet.world.records.rows(&orders)?.len(), 4, "two orders, each cancelled once");
    let again = fleet.campaign(&release, "model=px7", &["--max-parallel", "9"])?;
    let held = fleet.wait_until(again, "only the other one gets an order", |look| {
        let frozen = look.campaign.held.iter().find(|held| held.reason.code == "frozen");
        look.count(|state| state == State::Succeeded) == 1
            && frozen.is_some_and(|held| held.terminals == 1)
    })?;
    assert_eq!(held.campaign.state, CampaignState::Running);
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    assert_eq!(fleet.version(0)?, "1.0.0", "the suspicious one is as it was");
    fleet.check_books()
}

#[test]
fn a_terminal_with_a_low_battery_waits_for_its_charger() {
    low_battery().unwrap();
}

fn low_battery() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let portable = fleet.open_shop("south")?;
    fleet.world.terminals[portable].run_on_battery(31, "Discharging")?;
    fleet.world.enrol_and_start(portable)?;
    wait_for("it has told what its battery holds", SOON, || {
        let shown = fleet.world.tillward(&["terminal", "show", "TW-2"]);
        let shown = shown.map_err(|error| format!("{error:#}"))?;
        let told = "31 %, not charged: changes wait until it holds 50 % or is charged";
        if shown.contains(told) { Ok(()) } else { Err(shown) }
    })?;
    let release = fleet.world.publish_till(&GOOD)?;
    let plan = ["campaign", "plan", "--release", &release, "--where", "model=px7"];
    let more = ["--max-parallel", "9", "--fallback", "by hand"];
    let plan = [&plan[..], &more].concat();
    let plan: CampaignPlan = serde_json::from_value(fleet.world.tillward_json(&plan)?)?;
    let low = plan.concerns.iter().find(|group| group.reason.code == "battery-low");
    assert_eq!(low.map(|group| group.terminals), Some(1), "{:?}", plan.concerns);
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "9"])?;
    let waiting =
        fleet.wait_until(campaign, "the portable one waits, the other is done", |look| {
            look.states() == [State::Succeeded, State::Waiting]
        })?;
    let reason = waiting.terminals[portable].reason.as_ref().context("who waits says why")?;
    assert_eq!(reason.code, "battery");
    assert!(reason.detail.contains("it holds 31 %"), "{}", reason.detail);
    let why = fleet.world.tillward_json(&["campaign", "why", &campaign.to_string()])?;
    let why: WhyNot = serde_json::from_value(why)?;
    let counted = why.waiting.iter().find(|it| it.reason.code == "battery");
    assert_eq!(counted.map(|it| it.terminals), Some(1), "{:?}", why.waiting);
    fleet.wait_until_it_sells(portable)?;
    assert_eq!(fleet.version(portable)?, "1.0.0", "its shop was not disturbed");
    fleet.world.terminals[portable].run_on_battery(31, "Charging")?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded; 2]);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

#[test]
fn a_report_compares_how_tills_did_when_they_were_released_with_what_they_told_since() {
    health_before_and_after().unwrap();
}

fn health_before_and_after() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "south"])?;
    wait_for("both have told that their tills answer", SOON, || {
        for serial in ["TW-1", "TW-2"] {
            let shown = fleet.terminal(serial).map_err(|error| format!("{error:#}"))?;
            match shown.terminal.telemetry.as_ref().and_then(|it| it.till) {
                Some(till) if till.answers => {}
                other => return Err(format!("{serial}: {other:?}")),
            }
        }
        Ok(())
    })?;
    let release = fleet.world.publish_till(&GOOD)?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "9"])?;
    assert_eq!(fleet.complete(campaign)?.states(), [State::Succeeded; 2]);
    let id = campaign.to_string();
    let both_well = ReportSign {
        sign: "till-silent".to_owned(),
        compared: 2,
        before: 0,
        now: 0,
        worse: 0,
        better: 0,
    };
    wait_for("both have told since how they do", SOON, || {
        let report = fleet.world.tillward_json(&["campaign", "report", &id]);
        let report = report.map_err(|error| format!("{error:#}"))?;
        let report: CampaignReport =
            serde_json::from_value(report).map_err(|error| error.to_string())?;
        let disk = report.health.disk_free.map(|it| it.compared);
        match report.health.signs.contains(&both_well) && disk == Some(2) {
            true => Ok(()),
            false => Err(format!("{:?}", report.health)),
        }
    })?;
    let table = tempfile::NamedTempFile::new()?;
    let path = table.path().to_str().context("its path is text")?;
    let shown = fleet.world.tillward(&["campaign", "report", &id, "--csv", path])?;
    assert!(shown.contains("till does not answer") && shown.contains("completed"), "{shown}");
    let table = std::fs::read_to_string(path)?;
    for line in table.lines().skip(1) {
        assert!(line.contains(",1.0.0,2.0.0,true,true,answers,answers,"), "{table}");
    }
    assert_eq!(table.lines().count(), 3);
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

#[test]
fn whoever_comes_to_be_meant_later_joins_a_continuous_campaign_by_its_gates() {
    late_joiners().unwrap();
}

/// One is labelled once the campaign runs, another enrols, and the controller is killed in between.
fn late_joiners() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north", "south"])?;
    let label = |fleet: &Fleet, serial: &str| {
        fleet.world.tillward(&["terminal", "label", serial, "ring=early"]).map(|_| ())
    };
    label(&fleet, "TW-1")?;
    let release = fleet.world.publish_till(&GOOD)?;
    let more = ["--membership", "continuous", "--not-after", "6h", "--max-parallel", "9"];
    let campaign = fleet.campaign(&release, "label.ring=early or store=west", &more)?;
    let done = |fleet: &Fleet, what, count| {
        fleet.wait_until(campaign, what, |look| {
            look.campaign.state == CampaignState::Running
                && look.states() == vec![State::Succeeded; count]
        })
    };
    done(&fleet, "the one that was there has it, and others may still come", 1)?;
    label(&fleet, "TW-2")?;
    done(&fleet, "the one that was labelled has it, too", 2)?;
    fleet.world.restart_controller()?;
    let late = fleet.open_shop("west")?;
    fleet.world.enrol_and_start(late)?;
    done(&fleet, "the one that enrolled has it, too", 3)?;
    assert_eq!(fleet.version(2)?, "1.0.0", "nobody meant it");
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}

fn decide(fleet: &Fleet, action: &str, campaign: CampaignId) -> Result<()> {
    fleet.world.tillward(&["campaign", action, &campaign.to_string()]).map(|_| ())
}

/// One hour, in Shanghai, which opens in less than two, and in more than one: soon enough for
/// orders, and not before a test is over.
fn window_in_two_hours() -> String {
    let hour = (unix_now() / 3600 + 8) % 24;
    format!("{:02}:00-{:02}:00", (hour + 2) % 24, (hour + 3) % 24)
}
