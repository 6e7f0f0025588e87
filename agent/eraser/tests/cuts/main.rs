//! The power is cut before every effect of a wipe, and again before every effect of the next run.
//! Whatever happens: one report, everything gone, and no key that outlives the first lost byte of
//! data. Then the whole by the program itself.

mod site;

use std::cell::Cell;
use std::fs;
use std::io;

use eraser::failure::Failure;
use eraser::gate::{Effect, Gate, Open};
use eraser::journal::JournalError;
use eraser::phase::State;
use eraser::protocol::{Line, Method, Report};
use eraser::wipe::{self, Eraser};

use site::Site;

/// Lets so many effects pass. The power does not come back.
struct Cut {
    left: Cell<u32>,
    before: Cell<Option<Effect>>,
}

impl Cut {
    fn after(effects: u32) -> Self {
        Self { left: Cell::new(effects), before: Cell::new(None) }
    }
}

impl Gate for Cut {
    fn pass(&self, effect: Effect) -> io::Result<()> {
        match self.left.get() {
            0 => {
                self.before.set(self.before.get().or(Some(effect)));
                Err(io::Error::other("the power was cut"))
            }
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }
}

fn with<'a>(gate: &'a dyn Gate) -> Eraser<'a> {
    Eraser { clock: &|| 1_700_000_000, gate, say: &|_| {} }
}

/// The first run, or the next after a cut: the agent asks again only where nothing was accepted.
fn start(site: &Site, gate: &dyn Gate) -> Result<Report, Failure> {
    match with(gate).resume(&site.lifecycle())? {
        Some(report) => Ok(report),
        None => with(gate).run(site.wipe()),
    }
}

#[test]
fn a_cut_before_every_effect_and_a_second_one_lose_nothing() {
    let mut expected = None;
    let mut cuts = 0;
    for first in 0.. {
        let mut first_was_whole = false;
        for second in 0.. {
            let site = Site::make();
            let cut = Cut::after(first);
            first_was_whole = start(&site, &cut).is_ok();
            if cut.before.get() == Some(Effect::WriteJournal) {
                // What was being written is torn, which leaves what was there before.
                site.tear_older_copy();
            }
            site.keys_go_before_data();
            let cut = Cut::after(second);
            let second_was_whole = start(&site, &cut).is_ok();
            site.keys_go_before_data();
            let report = start(&site, &Open).expect("nothing is in its way");
            site.all_is_gone();
            assert_eq!(start(&site, &Open).expect("it is over"), report, "one report");
            assert!(report.verified, "cut at {first} and {second}: {:?}", report.not_verified);
            assert_eq!(report.method, Method::Clear);
            let facts = |report: &Report| {
                let destroyed = report.keys.iter().map(|key| (key.destroyed, key.verified));
                let removed = report.paths.iter().map(|path| (path.removed, path.verified));
                destroyed.chain(removed).collect::<Vec<_>>()
            };
            let phases: Vec<_> = report.phases.iter().map(|p| p.phase.clone()).collect();
            assert_eq!(phases, ["keys", "data", "discard", "verify"], "each once");
            let expected = expected.get_or_insert_with(|| facts(&report));
            assert_eq!(&facts(&report), expected, "cut at {first} and {second}");
            cuts += 1;
            if second_was_whole {
                break;
            }
        }
        if first_was_whole {
            break;
        }
    }
    assert!(cuts > 200, "only {cuts} cuts: the wipe did not pass its gate");
}

#[test]
fn a_cut_before_every_effect_of_forgetting_ends_with_a_tombstone() {
    for first in 0.. {
        let site = Site::make();
        let report = start(&site, &Open).unwrap();
        assert!(site.identity().exists());
        let whole = with(&Cut::after(first)).forget(&site.lifecycle()).is_ok();
        // The boot unit carries it on once it has begun, and leaves it alone before.
        assert_eq!(start(&site, &Open).unwrap(), report);
        with(&Open).forget(&site.lifecycle()).unwrap();
        assert!(!site.identity().exists());
        assert_eq!(site.state(), "forgotten");
        let tombstone = fs::read_to_string(site.lifecycle().join("decommissioned")).unwrap();
        let expected = r#"{"decommissioned":{"at":1700000000,"order":"o1","verified":true}}"#;
        assert_eq!(tombstone.trim(), expected);
        with(&Open).forget(&site.lifecycle()).unwrap();
        if whole {
            return;
        }
    }
}

#[test]
fn the_identity_is_not_removed_before_all_else_is() {
    let site = Site::make();
    assert!(matches!(with(&Open).forget(&site.lifecycle()), Err(Failure::NoWipe)));
    for effects in 0..20 {
        let site = Site::make();
        start(&site, &Cut::after(effects)).unwrap_err();
        with(&Open).forget(&site.lifecycle()).unwrap_err();
        assert!(site.identity().join("key.pem").exists());
    }
}

#[test]
fn between_the_first_key_and_the_last_look_it_says_nothing_but_wiping() {
    let mut seen = Vec::new();
    for effects in 0.. {
        let site = Site::make();
        let whole = start(&site, &Cut::after(effects)).is_ok();
        let state = wipe::state(&site.lifecycle()).unwrap().0;
        let told = wipe::told(&site.lifecycle()).unwrap();
        match told {
            Line::Wiping { order } => assert!(order == "o1" && state.is_wiping(), "{state:?}"),
            Line::Report(_) => assert_eq!(state, State::Erased),
            Line::State { .. } => assert!(!state.is_wiping(), "{state:?}"),
            Line::Phase(_) | Line::Checked { .. } | Line::Failed(_) => panic!("{told:?}"),
        }
        if !seen.contains(&state) {
            seen.push(state);
        }
        if whole {
            break;
        }
    }
    use State::*;
    assert_eq!(seen, [None, Accepted, Keys, Data, Discard, Verify, Erased]);
}

#[test]
fn another_order_waits_until_this_one_is_over() {
    let site = Site::make();
    start(&site, &Cut::after(5)).unwrap_err();
    let mut other = site.wipe();
    other.order = "o2".to_owned();
    let refused = with(&Open).run(other.clone());
    assert!(matches!(refused, Err(Failure::OtherOrder { .. })));
    let report = with(&Open).run(site.wipe()).unwrap();
    assert_eq!(with(&Open).run(site.wipe()).unwrap(), report, "the same order, the same report");
    assert!(matches!(with(&Open).run(other.clone()), Err(Failure::OtherOrder { .. })));
    with(&Open).forget(&site.lifecycle()).unwrap();
    assert_eq!(with(&Open).run(site.wipe()).unwrap(), report, "also after that");
    // Enrolled again, and to be wiped again: what is gone already is no proof of this wipe.
    let second = with(&Open).run(other).unwrap();
    assert_eq!((second.order.as_str(), second.verified), ("o2", false));
}

#[test]
fn a_wipe_is_cancelled_only_before_anything_is_destroyed() {
    for effects in 0.. {
        let site = Site::make();
        let whole = start(&site, &Cut::after(effects)).is_ok();
        let was = site.state();
        let cancelled = with(&Open).cancel(&site.lifecycle(), "o1");
        assert_eq!(cancelled.is_ok(), was == "accepted", "after {effects} effects: {was}");
        if cancelled.is_ok() {
            site.nothing_is_gone();
            assert_eq!(site.state(), "none");
        }
        if whole {
            break;
        }
    }
    let site = Site::make();
    start(&site, &Cut::after(2)).unwrap_err();
    let other = with(&Open).cancel(&site.lifecycle(), "o2");
    assert!(matches!(other, Err(Failure::OtherOrder { .. })));
    // The copy that is damaged may have said that keys are being destroyed.
    site.tear_older_copy();
    let unsure = with(&Open).cancel(&site.lifecycle(), "o1");
    assert!(matches!(unsure, Err(Failure::MaybeBegun)));
}

#[test]
fn a_journal_that_cannot_be_read_is_an_error_for_every_command() {
    let site = Site::make();
    start(&site, &Cut::after(8)).unwrap_err();
    site.tear_older_copy();
    site.tear_newest_copy();
    let is_unreadable =
        |failure: &Failure| matches!(failure, Failure::Journal(JournalError::Unreadable(_)));
    let lifecycle = site.lifecycle();
    assert!(matches!(wipe::state(&lifecycle), Err(JournalError::Unreadable(_))));
    assert!(matches!(wipe::told(&lifecycle), Err(JournalError::Unreadable(_))));
    let eraser = with(&Open);
    assert!(is_unreadable(&eraser.run(site.wipe()).unwrap_err()));
    assert!(is_unreadable(&eraser.resume(&lifecycle).unwrap_err()));
    assert!(is_unreadable(&eraser.forget(&lifecycle).unwrap_err()));
    assert!(is_unreadable(&eraser.cancel(&lifecycle, "o1").unwrap_err()));
}

#[test]
fn one_key_that_cannot_be_destroyed_saves_no_other_and_keeps_the_wipe_unfinished() {
    let site = Site::make();
    // Where the file should be is a folder: nothing that this store knows how to destroy.
    fs::remove_file(site.key_file()).unwrap();
    fs::create_dir(site.key_file()).unwrap();
    let failure = start(&site, &Open).unwrap_err();
    let Failure::Undone(undone) = &failure else { panic!("{failure}") };
    assert_eq!(undone.len(), 1);
    assert_eq!(undone[0].why, "it is not a regular file");
    assert!(!site.handle().exists(), "the other key is gone");
    assert!(site.data().join("sales.db").exists(), "data waits for the last key");
    assert_eq!(site.state(), "keys");
    fs::remove_dir(site.key_file()).unwrap();
    fs::write(site.key_file(), b"secret").unwrap();
    assert!(start(&site, &Open).unwrap().verified);
    site.all_is_gone();
}

#[test]
fn a_device_that_went_away_is_waited_for_and_one_that_never_was_is_not() {
    let site = Site::make();
    let mut wipe = site.wipe();
    wipe.devices.push(site.root().join("no-such-device"));
    let disk = site.root().join("disk");
    // Accepted with the device, carried on without it.
    with(&Cut::after(2)).run(wipe).unwrap_err();
    fs::rename(&disk, site.root().join("identity/pulled-out")).unwrap();
    let Failure::Undone(undone) = start(&site, &Open).unwrap_err() else { panic!("a failure") };
    assert_eq!((undone.len(), site.state()), (1, "discard"));
    assert!(undone[0].hint.starts_with("attach the device again"));
    fs::rename(site.root().join("identity/pulled-out"), &disk).unwrap();
    let report = start(&site, &Open).unwrap();
    assert!(report.devices[0].discarded && report.devices[0].verified);
    assert!(!report.devices[1].discarded && !report.devices[1].verified && !report.verified);
    site.all_is_gone();
}

#[test]
fn what_stays_in_a_folder_is_named_and_the_wipe_is_carried_on() {
    let site = Site::make();
    let mut wipe = site.wipe();
    // A link into the identity, under a name that the request could not be refused by.
    let way = site.root().join("way");
    std::os::unix::fs::symlink(site.identity(), &way).unwrap();
    wipe.paths.push(way.join("key.pem"));
    let failure = with(&Open).run(wipe).unwrap_err();
    let Line::Failed(failed) = failure.line(State::Data) else { panic!("a failure") };
    assert!(failed.what.ends_with("way/key.pem`"), "{}", failed.what);
    assert!(failed.why.contains("must not go yet"), "{}", failed.why);
    assert!(site.identity().join("key.pem").exists());
    assert!(!site.data().exists(), "the others went");
    assert_eq!(site.state(), "data");
    fs::remove_file(&way).unwrap();
    let report = with(&Open).resume(&site.lifecycle()).unwrap().unwrap();
    assert!(report.verified, "{:?}", report.not_verified);
}
