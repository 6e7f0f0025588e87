//! Real programs in real slots.

use super::*;
use crate::act::tests::{Shop, shop};
use crate::job::{Action, Found};

/// A shop that has staged a release with this preflight.
fn shop_with(script: &str) -> Shop {
    let mut shop = shop();
    shop.stage("preflight", 0o755, &format!("#!/bin/sh\n{script}\n"));
    shop
}

#[track_caller]
fn refused(shop: &Shop) -> String {
    let reply = shop.act(Action::RunPreflight);
    let Reply::Failed { code, detail, again } = reply else { panic!("{reply:?}") };
    assert_eq!((code, again), (FailureCode::PreflightFailed, Again::Pointless), "{detail}");
    assert_eq!(shop.act(Action::ProbeSlot), Reply::Found(Found::DidNot), "it went live");
    detail
}

#[test]
fn a_release_without_a_preflight_goes_on() {
    for (name, mode) in [("till", 0o755), ("preflight", 0o644), ("preflight/notes", 0o755)] {
        let mut shop = shop();
        shop.stage(name, mode, "exit 1");
        let proof = shop.done(Action::RunPreflight);
        assert_eq!(proof.findings[0].note, "the release brings no preflight", "{name}");
    }
}

#[test]
fn a_preflight_knows_where_it_is_and_nothing_of_who_started_it() {
    let shop = shop_with(
        "[ \"$PWD\" = \"$TILLWARD_SLOT\" ] && [ -x \"$TILLWARD_SLOT/preflight\" ] || exit 1
         [ \"${TILLWARD_CURRENT##*/}\" = 1.0.0-00000000 ] && [ -d \"$TILLWARD_CURRENT\" ] || exit 2
         [ \"$TILLWARD_VERSION\" = 2.0.0 ] && [ -z \"$CARGO_MANIFEST_DIR$HOME\" ] || exit 3
         read -r line && exit 4
         [ \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ ] || exit 5
         echo ready",
    );
    for _twice in 0..2 {
        let proof = shop.done(Action::RunPreflight);
        assert_eq!(proof.findings[0].note, "preflight passed: ready");
    }
}

#[test]
fn what_a_preflight_says_last_is_told_and_the_version_does_not_go_live() {
    let shop = shop_with("echo fine; echo 'no \\033[31mreader' >&2; echo; exit 3");
    let detail = refused(&shop);
    assert!(detail.ends_with("exit status: 3: no [31mreader"), "{detail}");
    let shop = shop_with("yes noise | head -n 100000; echo 'a long line'; kill -TERM $$");
    let detail = refused(&shop);
    assert!(detail.contains("signal") && detail.ends_with("a long line"), "{detail}");
    let shop = shop_with("head -c 100000 /dev/zero | tr '\\0' x; exit 1");
    assert!(refused(&shop).chars().filter(|char| *char == 'x').count() <= 201);
}

#[test]
fn a_preflight_that_cannot_be_started_is_tried_again() {
    let mut shop = shop();
    shop.stage("preflight", 0o755, "#!/nowhere/interpreter\n");
    let reply = shop.act(Action::RunPreflight);
    let Reply::Failed { code, again, .. } = reply else { panic!("{reply:?}") };
    assert_eq!((code, again), (FailureCode::PreflightFailed, Again::Worthwhile));
}

/// A shell that says its number, with a child that would outlive it and keeps the output open.
fn lingering(end: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("sleep 1000 & echo $!; {end}"));
    command
}

#[track_caller]
fn nothing_is_left_of(ran: &Ran) {
    let state = format!("/proc/{}/stat", ran.last_line.parse::<u32>().unwrap());
    // The kernel may still be taking it down, and somebody else reaps it.
    let runs = || std::fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs() {
        assert!(Instant::now() < deadline, "{state} is there still");
        thread::yield_now();
    }
}

#[test]
fn whatever_a_preflight_started_ends_with_it() {
    let minute = Duration::from_secs(60);
    let ran = run(lingering("exit 0"), minute, &Stop::new()).unwrap();
    assert!(matches!(ran.end, End::Exited(status) if status.success()), "{ran:?}");
    nothing_is_left_of(&ran);
    let ran = run(lingering("wait"), Duration::from_millis(300), &Stop::new()).unwrap();
    assert!(matches!(ran.end, End::TookTooLong), "{ran:?}");
    nothing_is_left_of(&ran);
}

#[test]
fn a_preflight_is_ended_when_somebody_asks_to_stop() {
    let stop = Stop::new();
    stop.ask();
    let ran = run(lingering("wait"), Duration::from_secs(60), &stop).unwrap();
    assert!(matches!(ran.end, End::Interrupted), "{ran:?}");
}
