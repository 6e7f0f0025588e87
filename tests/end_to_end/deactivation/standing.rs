//! A till that stands still while its terminal loses what it knows, and is enrolled anew as after a
//! long holiday: it stands still on both sides, and people let it sell.

use super::*;
use crate::damage::fill_with_rubbish;

#[test]
fn a_suspended_till_whose_terminal_lost_its_books_and_enrolled_anew_sells_when_it_is_resumed() {
    enrolled_anew().unwrap();
}

fn enrolled_anew() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north"])?;
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    let serial = fleet.world.terminals[0].shop.serial.clone();
    suspend(&mut fleet, "suspend", &serial)?;

    // The database is lost; what is kept beside it is not. A newer version lets nobody sell.
    fleet.world.terminals[0].kill_agent()?;
    let books = fleet.world.terminals[0].state().join("queue");
    fill_with_rubbish(&books.join("queue.sled"))?;
    enrol_anew(&mut fleet, &serial, "suspended")?;
    upgrade(&mut fleet, &serial)?;

    // Everything is lost: it goes on by what the controller knows, but for what it has saved.
    fleet.world.terminals[0].kill_agent()?;
    fs::remove_dir_all(&books)?;
    enrol_anew(&mut fleet, &serial, "suspended-owing")?;
    stands_still(&fleet, 0)?;

    let resume = request(&fleet, "resume", "business", &serial)?;
    let words = ["resume", "--request", &resume, "--checked-by", "Tess"];
    let checked = ["--checked", "screen,printer,reader,scanner,battery"];
    let more = ["--at-least", "pos-sim=2.0.0", "--vouch", "Bo"];
    let (campaign, _) = approved(&fleet, &[&words[..], &checked, &more].concat())?;
    succeeded(&mut fleet, campaign)?;
    fleet.wait_until_it_sells(0)?;
    let said = fleet.terminal(&serial)?.terminal;
    ensure!(said.service == "in-service", "{said:?}");
    fleet.check_books()
}

/// By a new claim, into the same state directory; what the controller knows it as then.
fn enrol_anew(fleet: &mut Fleet, serial: &str, service: &str) -> Result<()> {
    let before = fleet.terminal(serial)?.terminal.epoch;
    fleet.world.enrol_and_start(0)?;
    wait_for("it is enrolled anew, and nobody lets it sell", SOON, || {
        let said = fleet.terminal(serial).map_err(|error| format!("{error:#}"))?.terminal;
        let is_online = said.presence == Presence::Online;
        match said.epoch > before && is_online && said.service == service {
            true => Ok(()),
            false => Err(format!("{said:?}")),
        }
    })?;
    stands_still(fleet, 0)
}
