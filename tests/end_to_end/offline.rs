//! A terminal that holds an order and its artifact needs no network to carry it out.

use anyhow::{Context as _, Result};
use controller::api::model::AssignmentState as State;
use harness::wait::wait_for;

use crate::fleet::{Fleet, GOOD, SOON, unix_now};

#[test]
fn a_terminal_that_is_cut_off_after_its_download_upgrades_alone_and_reports_when_it_is_back() {
    upgrades_alone().unwrap();
}

fn upgrades_alone() -> Result<()> {
    let mut fleet = Fleet::small(&["north"])?;
    let release = fleet.world.publish_till(&GOOD)?;
    fleet.world.terminals[0].fault(&fleet.world.programs, &["busy"])?;
    let campaign = fleet.campaign(&release, "model=px7", &["--max-parallel", "1"])?;
    let waiting = fleet.wait_until(campaign, "it waits for its till", |look| {
        look.count(|state| state == State::Waiting) == 1
    })?;
    assert_eq!(waiting.terminals[0].step.as_deref(), Some("till"));
    fleet.world.mqtt.cut();
    fleet.world.https.cut();
    fleet.world.terminals[0].fault(&fleet.world.programs, &["clear"])?;
    wait_for("the new version sells, though nobody is reached", SOON, || {
        let terminal = &fleet.world.terminals[0];
        let status = terminal.till_status(&fleet.world.programs);
        let status = status.map_err(|error| format!("{error:#}"))?;
        let runs = status["application"]["version"] == "2.0.0" && status["trading"] == "open";
        // The job's last step removes the download.
        if runs && terminal.downloaded() == 0 { Ok(()) } else { Err(status.to_string()) }
    })?;
    fleet.wait_until_it_sells(0)?;
    let mended_at = unix_now();
    fleet.world.https.mend();
    let before = fleet.look(campaign)?;
    assert_eq!(before.states(), [State::Waiting], "nobody has been told yet");
    fleet.world.mqtt.mend();
    let ended = fleet.complete(campaign)?;
    assert_eq!(ended.states(), [State::Succeeded]);
    let said = "SELECT said_at, received_at FROM receipts WHERE said = 'finished'";
    let row = fleet.world.records.rows(said)?.pop().context("there is a final receipt")?;
    let times = row.iter().map(|text| text.parse::<i64>()).collect::<Result<Vec<_>, _>>()?;
    assert!(times[0] <= mended_at && mended_at <= times[1], "{times:?} around {mended_at}");
    fleet.check_once_in_effect(campaign)?;
    fleet.check_books()
}
