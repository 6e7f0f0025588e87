//! A host that is down when a till is to stop: it waits, is allowed to settle later, and is not
//! emptied before it has.

use super::*;

#[test]
fn a_till_whose_host_is_down_is_suspended_with_what_it_owes_and_emptied_once_it_has_settled() {
    host_is_down().unwrap();
}

fn host_is_down() -> Result<()> {
    let mut fleet = Fleet::small(&["north", "north"])?;
    let programs = fleet.world.programs.clone();
    fleet.world.terminals[0].fault(&programs, &["host-unreachable"])?;
    for at in 0..2 {
        fleet.wait_until_it_sells(at)?;
    }
    let serial = fleet.world.terminals[0].shop.serial.clone();

    // Ordered to settle first, it waits.
    let first = request(&fleet, "suspend", "business", &serial)?;
    let cut_off = (now() + AHEAD.as_secs()).to_string();
    let words = ["suspend", "--request", &first, "--cut-off", &cut_off];
    let (first, shown) = approved(&fleet, &[&words[..], &ANSWERED].concat())?;
    ensure!(!shown.contains("WHATEVER"), "{shown}");
    let unsent = "wait to be sent";
    let waits = detail_of(&fleet, first, |detail| detail.contains(unsent))?;
    ensure!(waits["service"] == "in-service" && waits["owing"].is_null(), "{waits:#}");

    // People accept that it settles later, and it goes on from there.
    let ending = request(&fleet, "decommission", "business", &serial)?;
    let cut_off = (now() + AHEAD.as_secs()).to_string();
    let until = (now() + 7 * 86_400).to_string();
    let words = ["suspend", "--request", &ending, "--cut-off", &cut_off];
    let asker = ["--delay-accepted-by", "the chain's head office"];
    let delay = ["--delay-settlement", "whatever-is-open", "--delay-after", "0s"];
    let why = ["--delay-until", &until, "--delay-reason", "The host is down."];
    let nobody = fleet
        .world
        .tillward(&[&["deactivate"], &words[..], &delay[..], &why[..], &asker[..]].concat());
    ensure!(nobody.is_err_and(|it| it.to_string().contains("cannot answer")), "who asks accepts");
    let hana = ["--delay-accepted-by", "Hana Head"];
    let words = [&words[..], &delay[..], &why[..], &hana[..], &ANSWERED[..]].concat();
    let (second, shown) = approved(&fleet, &words)?;
    ensure!(shown.contains("WHATEVER IS OPEN") && shown.contains("Hana Head"), "{shown}");
    succeeded(&mut fleet, second)?;
    let ended = fleet.complete(first)?;
    ensure!(ended.states() == [State::Superseded], "{:#?}", ended.terminals);
    let owes = detail_of(&fleet, second, |_| true)?;
    let owing = &owes["owing"];
    let stored = owing["owed"][0]["stored_offline"].as_u64();
    ensure!(owes["service"] == "suspended-owing" && stored > Some(0), "{owes:#}");
    ensure!(owing["is_late"] == false && owing["accepted_by"] == "Hana Head", "{owes:#}");
    let said = status(&fleet, 0)?;
    ensure!(said["trading"] == "held" && said["stopped"].is_string(), "{said:#}");

    // Nothing is emptied before it has settled.
    let told = ["--with", "alpha", "--reference", "D-2026-118"];
    fleet.world.tillward(&[&["deactivate", "deregister", &serial], &told[..]].concat())?;
    let wipe = ["wipe", "--request", &ending, "--cool-off", "2s", "--yes"];
    let early = fleet.world.tillward(&[&["deactivate"], &wipe[..]].concat());
    ensure!(early.is_err_and(|it| it.to_string().contains("has not settled")), "it owes");

    // The host is there again; what was owed is settled, and saved anew.
    fleet.world.terminals[0].fault(&programs, &["clear"])?;
    let (settling, _) = approved(&fleet, &["settle", "--request", &ending])?;
    succeeded(&mut fleet, settling)?;
    let settled = detail_of(&fleet, settling, |_| true)?;
    ensure!(settled["service"] == "suspended" && settled["owing"].is_null(), "{settled:#}");
    stands_still(&fleet, 0)?;
    fleet.check_books()?;
    let (campaign, _) = approved(&fleet, &wipe)?;
    succeeded(&mut fleet, campaign)?;
    is_empty(&fleet, 0)?;
    is_certified(&fleet, &serial, "D-2026-118").map(drop)
}

/// The one terminal of a change of service, once what is said of it is so.
fn detail_of(fleet: &Fleet, campaign: CampaignId, wanted: impl Fn(&str) -> bool) -> Result<Value> {
    let show = ["deactivate", "show", &campaign.to_string()];
    let so_far = wait_for("the terminal has come so far", SOON, || {
        let said = fleet.world.tillward_json(&show).map_err(|error| format!("{error:#}"))?;
        let terminal = said["terminals"][0].clone();
        match wanted(terminal["detail"].as_str().unwrap_or_default()) {
            true => Ok(terminal),
            false => Err(format!("{terminal:#}")),
        }
    });
    Ok(so_far?)
}
