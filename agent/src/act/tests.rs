//! Each action, with a till in memory and slots on a real disk.

use std::sync::Arc;
use std::time::Duration;

use shared::digest::Digest;
use shared::document::release::{Artifact, Health, Settlement};
use shared::id::{OrderId, TerminalId};
use shared::outcome::FailureCode;
use shared::time::{ClockConfidence, UnixTime};

use super::toy_till::{Later, ToyTill};
use super::*;
use crate::install::SlotDir;
use crate::job::{Found, Given, Ticket};
use crate::maintenance::Work;
use crate::pos::{Left, PosError, protocol};

pub(crate) struct Shop {
    pub(crate) hands: Hands,
    pub(crate) till: Arc<ToyTill>,
    pub(crate) release: Release,
    bytes: Vec<u8>,
    pub(crate) directory: tempfile::TempDir,
}

/// A terminal that runs 1.0.0, and release 2.0.0 of one file.
pub(crate) fn shop() -> Shop {
    let directory = tempfile::tempdir().unwrap();
    let slots = directory.path().join("slots");
    std::fs::create_dir_all(slots.join("pos/1.0.0-00000000")).unwrap();
    std::os::unix::fs::symlink("1.0.0-00000000", slots.join("pos/current")).unwrap();
    let till = Arc::new(ToyTill::new());
    let nowhere = || ureq::Agent::new_with_defaults();
    let base = "http://127.0.0.1:1".to_owned();
    let downloads = Downloads::open(directory.path().join("download"), base, nowhere).unwrap();
    let installer = Box::new(SlotDir::open(slots).unwrap());
    let hands = Hands::new(installer, Box::new(Arc::clone(&till)), downloads, "pos".to_owned());
    let (release, bytes) = release();
    Shop { hands, till, release, bytes, directory }
}

fn release() -> (Release, Vec<u8>) {
    release_of("till", 0o755, "two!")
}

fn release_of(name: &str, mode: u32, content: &str) -> (Release, Vec<u8>) {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    let bytes = zstd::stream::encode_all(&*builder.into_inner().unwrap(), 3).unwrap();
    let sha256 = Digest::of(&bytes);
    let unpacked_size = content.len() as u64;
    let artifact = Artifact { sha256, size: bytes.len() as u64, unpacked_size, entries: 1 };
    let release = Release {
        format: 1,
        component: "pos".to_owned(),
        version: "2.0.0".to_owned(),
        security_counter: 2,
        models: Vec::new(),
        artifact,
        from_counter_min: 0,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 1, within_s: 2 },
        issued_at: UnixTime(0),
        expires_at: UnixTime(i64::MAX),
    };
    (release, bytes)
}

pub(crate) fn task(release: &Release, ticket: u64, action: Action) -> Task {
    let release = Box::new(release.clone());
    let digest = Digest([9; 32]);
    let subject = Arc::new(Subject::Upgrade { digest, release, backup_within_s: None });
    let order = OrderId::from_bytes([1; 16]);
    Task { ticket: Ticket(ticket), order, action, subject, given: given() }
}

pub(crate) fn given() -> Given {
    Given {
        at: UnixTime(1_800_000_000),
        clock: ClockConfidence::Attested,
        floor: UnixTime(1_799_999_000),
        proven: UnixTime(1_800_000_000),
        terminal: TerminalId::from_bytes([4; 16]),
        roster_version: 1,
        recipients: ["age1a".to_owned(), "age1b".to_owned()].into(),
        attempt: 0,
        suspended: false,
        established: None,
        locked: false,
    }
}

impl Shop {
    pub(crate) fn act(&self, action: Action) -> Reply {
        self.hands.carry_out(&task(&self.release, 1, action), &Stop::new(), &mut |_, _| {})
    }

    #[track_caller]
    pub(crate) fn done(&self, action: Action) -> Proof {
        let reply = self.act(action);
        let Reply::Done(proof) = reply else { panic!("{action:?}: {reply:?}") };
        proof
    }

    #[track_caller]
    fn fails(&self, action: Action) -> (FailureCode, Again) {
        let reply = self.act(action);
        let Reply::Failed { code, again, .. } = reply else { panic!("{action:?}: {reply:?}") };
        (code, again)
    }

    /// The release becomes one of a single file, and is staged.
    pub(crate) fn stage(&mut self, name: &str, mode: u32, content: &str) {
        (self.release, self.bytes) = release_of(name, mode, content);
        self.downloaded();
        self.done(Action::Stage);
    }

    pub(crate) fn downloaded(&self) {
        let path = self.hands.downloads.path(&self.release.artifact);
        std::fs::write(path, &self.bytes).unwrap();
    }

    fn current(&self) -> String {
        let link = self.directory.path().join("slots/pos/current");
        std::fs::read_link(link).unwrap().to_string_lossy().into_owned()
    }
}

#[test]
fn an_upgrade_goes_through_its_actions_and_each_can_be_repeated() {
    let shop = shop();
    shop.downloaded();
    for action in [Action::Admit, Action::Fetch, Action::Verify, Action::Stage] {
        shop.done(action);
        shop.done(action);
    }
    assert_eq!(shop.act(Action::ProbeSlot), Reply::Found(Found::DidNot));
    shop.done(Action::SwitchSlot);
    shop.done(Action::SwitchSlot);
    assert_eq!(shop.act(Action::ProbeSlot), Reply::Found(Found::Happened));
    shop.done(Action::CommitSlot);
    shop.done(Action::CommitSlot);
    shop.done(Action::DiscardDownload);
    let installed = shop.hands.installed();
    assert_eq!((installed[0].version.as_str(), installed[0].security_counter), ("2.0.0", 2));
    let script = shop.directory.path().join("slots/pos/current/till");
    assert_eq!(std::fs::read(script).unwrap(), b"two!");
}

#[test]
fn the_way_back_leads_to_the_old_version_and_can_be_taken_twice() {
    let shop = shop();
    shop.downloaded();
    shop.done(Action::Stage);
    shop.done(Action::SwitchSlot);
    for _twice in 0..2 {
        shop.done(Action::SwitchBack);
        assert_eq!(shop.current(), "1.0.0-00000000");
    }
    shop.done(Action::DiscardStaged);
    shop.done(Action::DiscardStaged);
    assert_eq!(shop.fails(Action::SwitchSlot), (FailureCode::SwitchFailed, Again::Pointless));
}

#[test]
fn what_makes_no_sense_here_is_not_begun() {
    let mut shop = shop();
    shop.release.component = "kiosk".to_owned();
    assert_eq!(shop.fails(Action::Admit), (FailureCode::NotApplicable, Again::Pointless));
    shop.release.component = "pos".to_owned();
    shop.release.version = "../2".to_owned();
    assert_eq!(shop.fails(Action::Admit).1, Again::Pointless);
    shop.release.version = "2.0.0".to_owned();
    shop.release.artifact.size = u64::MAX / 4;
    let waits = shop.act(Action::Admit);
    assert!(matches!(waits, Reply::NotYet { waiting: Waiting::Disk, .. }), "{waits:?}");
    std::fs::remove_file(shop.directory.path().join("slots/pos/current")).unwrap();
    assert_eq!(shop.fails(Action::Admit), (FailureCode::NotApplicable, Again::Pointless));
}

#[test]
fn a_release_that_runs_already_is_told_as_such_by_the_till_alone() {
    let shop = shop();
    shop.downloaded();
    for action in [Action::Stage, Action::SwitchSlot, Action::CommitSlot] {
        shop.done(action);
    }
    shop.till.turn(|knobs| knobs.version = "2.0.0".to_owned());
    let Reply::AlreadySo(proof) = shop.act(Action::Admit) else { panic!("not already so") };
    assert_eq!(proof.version.as_deref(), Some("2.0.0"));
    shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("starting".to_owned())));
    assert!(matches!(shop.act(Action::Admit), Reply::NotYet { waiting: Waiting::Till, .. }));
}

#[test]
fn a_release_that_counts_less_than_what_runs_is_not_admitted_whatever_was_told_before() {
    let mut shop = shop();
    shop.downloaded();
    for action in [Action::Stage, Action::SwitchSlot] {
        shop.done(action);
    }
    shop.release.version = "1.9.0".to_owned();
    shop.release.security_counter = 1;
    for commit in [false, true] {
        if commit {
            let newer = shop.hands.installer.slots("pos").unwrap().current.unwrap().name;
            shop.hands.installer.commit("pos", &newer).unwrap();
        }
        assert_eq!(shop.fails(Action::Admit), (FailureCode::NotApplicable, Again::Pointless));
    }
    shop.release.security_counter = 2;
    shop.done(Action::Admit);
}

/// Release 2.0.0 is current and sells, but nobody wrote down that it has proven itself; the next
/// release is 3.0.0.
fn shop_with_a_lost_commit() -> Shop {
    let mut shop = shop();
    shop.downloaded();
    for action in [Action::Stage, Action::SwitchSlot] {
        shop.done(action);
    }
    shop.till.turn(|knobs| knobs.version = "2.0.0".to_owned());
    shop.release.version = "3.0.0".to_owned();
    shop.release.security_counter = 3;
    shop
}

#[test]
fn the_way_back_leads_to_what_ran_even_if_its_commit_was_lost() {
    let shop = shop_with_a_lost_commit();
    shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("a sale".to_owned())));
    assert!(matches!(shop.act(Action::Admit), Reply::NotYet { waiting: Waiting::Till, .. }));
    shop.till.turn(|knobs| knobs.broken = None);
    for action in [Action::Admit, Action::Stage, Action::SwitchSlot, Action::SwitchBack] {
        shop.done(action);
    }
    assert!(shop.current().starts_with("2.0.0-"), "{}", shop.current());
}

#[test]
fn a_version_that_is_broken_is_no_way_back_and_may_be_replaced() {
    let shop = shop_with_a_lost_commit();
    shop.till.turn(|knobs| knobs.printer = false);
    let proof = shop.done(Action::Admit);
    assert!(proof.findings[0].note.contains("stays unproven: self-test failed"), "{proof:?}");
    for action in [Action::Stage, Action::SwitchSlot, Action::SwitchBack] {
        shop.done(action);
    }
    assert_eq!(shop.current(), "1.0.0-00000000");
}

#[test]
fn bytes_that_are_not_there_or_not_the_signed_ones_are_not_staged() {
    let shop = shop();
    assert_eq!(shop.fails(Action::Verify).0, FailureCode::ArtifactUnavailable);
    let path = shop.hands.downloads.path(&shop.release.artifact);
    std::fs::write(&path, vec![0; shop.bytes.len()]).unwrap();
    assert_eq!(shop.fails(Action::Stage), (FailureCode::ArtifactMismatch, Again::Pointless));
    assert_eq!(shop.fails(Action::Verify).0, FailureCode::ArtifactMismatch);
    assert!(!path.exists());
}

#[test]
fn without_a_network_fetching_waits_and_is_nobodys_fault() {
    let shop = shop();
    let stop = Stop::new();
    stop.ask();
    let fetch = task(&shop.release, 1, Action::Fetch);
    let reply = shop.hands.carry_out(&fetch, &stop, &mut |_, _| {});
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Network, .. }), "{reply:?}");
}

#[test]
fn a_till_that_is_waited_for_says_what_is_open_on_it() {
    let shop = shop();
    let says = || {
        let Reply::Till { detail, .. } = shop.act(Action::AskTill) else { panic!("no answer") };
        detail
    };
    shop.till.turn(|knobs| (knobs.left, knobs.batch_open) = (Left::default(), false));
    assert_eq!(says(), "");
    shop.till.turn(|knobs| knobs.batch_open = true);
    assert_eq!(says(), "sales not settled: 2");
    let left = Left { unsent_reversals: 1, stored_offline: u64::MAX, open_preauthorisations: 9 };
    shop.till.turn(|knobs| knobs.left = left);
    assert_eq!(says(), format!("sales not settled: 2, payments not sent: {}", u64::MAX));
}

#[test]
fn a_till_is_not_asked_while_the_battery_is_low() {
    let shop = shop();
    let supplies = shop.directory.path().join("supplies");
    let battery = |file: &str, value: &str| {
        let battery = supplies.join("BAT0");
        std::fs::create_dir_all(&battery).unwrap();
        std::fs::write(battery.join(file), value).unwrap();
    };
    battery("type", "Battery");
    battery("capacity", "31");
    battery("status", "Discharging");
    let supplies = Supplies { directory: supplies.clone(), floor_percent: 50 };
    let shop = Shop { hands: shop.hands.with_supplies(supplies), ..shop };
    let low = "it holds 31 %, is not charged, and is to hold 50 %".to_owned();
    let says = || shop.act(Action::AskTill);
    assert_eq!(says(), Reply::Till { work: Work::LowBattery, detail: low });
    battery("status", "Charging");
    assert!(matches!(says(), Reply::Till { work: Work::Free, .. }), "{:?}", says());
}

#[test]
fn the_till_is_asked_and_no_answer_is_not_a_yes() {
    let shop = shop();
    let ask = || {
        let reply = shop.act(Action::AskTill);
        let Reply::Till { work, .. } = reply else { panic!("{reply:?}") };
        work
    };
    assert_eq!(ask(), Work::Free);
    shop.till.turn(|knobs| knobs.work = protocol::Work::Busy);
    assert_eq!(ask(), Work::Busy);
    shop.till.turn(|knobs| knobs.work = protocol::Work::Postpone);
    assert_eq!(ask(), Work::Postpone);
    for broken in [
        PosError::NoAnswer(Duration::from_secs(1)),
        PosError::NotReady(String::new()),
        PosError::Failed(String::new()),
        PosError::Unintelligible(String::new()),
    ] {
        shop.till.turn(|knobs| knobs.broken = Some(broken));
        assert_eq!(ask(), Work::NoAnswer);
    }
}

#[test]
fn what_the_till_is_not_ready_for_waits_and_what_it_refuses_fails() {
    let shop = shop();
    for action in [Action::HoldTrading, Action::ReleaseTrading, Action::Drain, Action::Settle] {
        shop.done(action);
        shop.till.turn(|knobs| knobs.broken = Some(PosError::NotReady("busy".to_owned())));
        assert!(matches!(shop.act(action), Reply::NotYet { waiting: Waiting::Till, .. }));
        shop.till.turn(|knobs| knobs.broken = Some(PosError::Refused("no".to_owned())));
        assert_eq!(shop.fails(action), (FailureCode::PosRefused, Again::Worthwhile));
        shop.till.turn(|knobs| knobs.broken = Some(PosError::Unsupported("no".to_owned())));
        assert_eq!(shop.fails(action), (FailureCode::PosRefused, Again::Pointless));
        shop.till.turn(|knobs| knobs.broken = None);
    }
}

#[test]
fn a_hold_that_the_till_takes_up_late_is_released_again() {
    let shop = shop();
    let under_way = std::cell::Cell::new(Some(shop.hands.holds.begin()));
    let time = Later::default().at(130, || {
        shop.done(Action::HoldTrading);
        under_way.take();
    });
    assert!(matches!(shop.hands.release_trading(&time), Reply::Done(_)));
    assert_eq!(
        shop.till.turn(|knobs| knobs.asked.clone()),
        ["status", "release", "hold", "release"]
    );

    let _never_ends = shop.hands.holds.begin();
    let reply = shop.hands.release_trading(&Later::default().stop_at(3));
    assert!(matches!(reply, Reply::NotYet { waiting: Waiting::Till, .. }), "{reply:?}");
}

#[test]
fn what_is_left_to_send_is_waited_for_and_a_preauthorisation_is_not() {
    let shop = shop();
    shop.till.turn(|knobs| knobs.left.open_preauthorisations = 2);
    let proof = shop.done(Action::Drain);
    assert!(proof.findings[0].note.contains("2 pre-authorisations stay open"));
    shop.till.turn(|knobs| knobs.left.stored_offline = 1);
    assert!(matches!(shop.act(Action::Drain), Reply::NotYet { waiting: Waiting::Till, .. }));
    shop.till.turn(|knobs| (knobs.left.stored_offline, knobs.left.unsent_reversals) = (0, 1));
    assert!(matches!(shop.act(Action::Drain), Reply::NotYet { waiting: Waiting::Till, .. }));
}

#[test]
fn totals_that_differ_stop_everything() {
    let shop = shop();
    let proof = shop.done(Action::Settle);
    assert!(proof.findings[0].note.contains("reference a-42"), "{proof:?}");
    shop.till.turn(|knobs| knobs.host_count = 4);
    assert_eq!(shop.fails(Action::Settle), (FailureCode::SettlementMismatch, Again::Pointless));
}

#[test]
fn equal_totals_without_the_hosts_reference_are_not_settled() {
    let shop = shop();
    for reference in ["", " "] {
        shop.till.turn(|knobs| knobs.host_reference = reference);
        let reply = shop.act(Action::Settle);
        let Reply::Failed { code, detail, .. } = reply else { panic!("{reply:?}") };
        assert_eq!(code, FailureCode::SettlementMismatch);
        assert!(detail.contains("no reference"), "{detail}");
    }
}

#[test]
fn a_restart_is_over_when_another_process_answers() {
    let shop = shop();
    shop.till.turn(|knobs| knobs.restarts_into = Some("2.0.0".to_owned()));
    let reply = shop.hands.restart(&shop.release, &Later::default());
    assert_eq!(reply, done("version 2.0.0 answers".to_owned()));
    assert_eq!(lock(&shop.hands.replaced).as_deref(), Some("1"));
}

#[test]
fn a_restart_that_brings_nothing_back_has_failed() {
    let shop = shop();
    let time = Later::default();
    let reply = shop.hands.restart(&shop.release, &time);
    assert!(
        matches!(reply, Reply::Failed { code: FailureCode::RestartFailed, .. }),
        "the same process still answers: {reply:?}"
    );
    assert_eq!(crate::machine::Timekeeper::uptime(&time), Duration::from_secs(120));
}

#[test]
fn a_new_version_is_waited_for_no_longer_than_its_release_asks_for() {
    let mut shop = shop();
    shop.downloaded();
    shop.done(Action::Stage);
    shop.done(Action::SwitchSlot);
    for (stated_s, waited_s) in [(20, 20), (3600, 120)] {
        shop.release.health.within_s = stated_s;
        let time = Later::default();
        let reply = shop.hands.restart(&shop.release, &time);
        assert!(matches!(reply, Reply::Failed { code: FailureCode::RestartFailed, .. }));
        assert_eq!(crate::machine::Timekeeper::uptime(&time), Duration::from_secs(waited_s));
    }
}

#[test]
fn a_till_that_hangs_is_asked_to_restart_until_it_does() {
    let shop = shop();
    let hangs = PosError::NoAnswer(Duration::from_secs(10));
    shop.till.turn(|knobs| {
        knobs.broken = Some(hangs.clone());
        knobs.restart = Err(hangs.clone());
        knobs.restarts_into = Some("2.0.0".to_owned());
    });
    let time = Later::default().at(25, || shop.till.turn(|knobs| knobs.restart = Ok(())));
    let reply = shop.hands.restart(&shop.release, &time);
    assert_eq!(reply, done("version 2.0.0 answers".to_owned()));
    let restarts =
        shop.till.turn(|knobs| knobs.asked.iter().filter(|asked| **asked == "restart").count());
    assert_eq!(restarts, 4, "at 0, 10, 20 and 30 seconds");
}
