//! The program is killed with SIGKILL at random points, fifty times.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agent::stop::Stop;
use shared::backup::Kind;
use snapshot::home::Home;
use snapshot::place::{Directory, Place as _};

use super::restic::restic;
use super::rig::{Rig, identity, noise, request};

/// Where the run that is to be killed finds its terminal, the order's number and the recipients.
const RIG: &str = "TILLWARD_TEST_RIG";

/// Runs in a process of its own when the other test starts it so; else on a till of its own.
#[test]
fn a_run_saves_what_its_terminal_exported() {
    let own = Rig::new();
    let (root, number, recipients) = match std::env::var(RIG) {
        Ok(told) => {
            let mut words = told.split(' ');
            let root = PathBuf::from(words.next().unwrap());
            let number = words.next().unwrap().parse().unwrap();
            (root, number, words.map(str::to_owned).collect())
        }
        Err(_) => {
            own.export("journal.db", b"a sale");
            (own.path(""), 1, own.request(1).recipients)
        }
    };
    let place = Arc::new(Directory::new(root.join("stored")));
    let home = Home::at(&root.join("state"), identity(&root.join("terminal-key")), place).unwrap();
    let request = request(&root.join("export"), number, recipients);
    snapshot::save::save(&home, &request, &|_, _| {}).unwrap();
}

#[test]
fn fifty_kills_leave_one_snapshot_and_a_repository_without_an_error() {
    let rig = Rig::new();
    let mut kills = 0;
    let mut number = 0;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while kills < 50 {
        number += 1;
        for part in 0..6 {
            rig.export(&format!("part-{part}"), &noise(u64::from(number) * 16 + part, 2_000_000));
        }
        let request = rig.request(number);
        let words = [rig.path("").display().to_string(), number.to_string()];
        let told = [words.as_slice(), &request.recipients].concat().join(" ");
        loop {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut run = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "killed::a_run_saves_what_its_terminal_exported"])
                .env(RIG, &told)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            Stop::new().wait(Duration::from_millis((state >> 33) % 600));
            run.kill().unwrap();
            if run.wait().unwrap().success() {
                break;
            }
            kills += 1;
            if kills >= 50 {
                break;
            }
        }
        let saved = rig.save(number).unwrap();
        assert_eq!(saved.number, u64::from(number));
        let snapshots = rig.stored().list(saved.repository, Kind::Snapshots).unwrap();
        assert_eq!(snapshots.len(), usize::from(number), "one for each order");
    }
    let repository = rig.save(number).unwrap().repository;
    let said = restic(&rig.for_restic(repository), &["check", "--read-data"]);
    assert!(said.contains("no errors were found"), "{said}");
}
