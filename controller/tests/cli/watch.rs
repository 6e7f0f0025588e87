//! Campaigns: created, decided about, and watched to their end.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::digest::Digest;

use crate::fake_api::{FakeApi, page};
use crate::fleet::Fleet;
use crate::{Ran, run, text};

fn campaign_id() -> String {
    format!("cmp-{}", "02".repeat(16))
}

fn campaign(state: &str) -> Value {
    json!({
        "id": campaign_id(), "name": "autumn",
        "change": { "upgrade": { "release": Digest::of(b"release"), "window": "22:00-06:00" } },
        "software": { "component": "pos", "version": "2.0.0" },
        "where": "store=north", "max_parallel": 2, "state": state,
        "state_by": "operator", "state_at": 0,
        "state_reason": null, "terminals": 2, "by_state": {}, "held": [], "created_at": 0,
        "created_by": "operator", "started_at": 0, "ended_at": null, "not_after_s": 1_209_600,
        "not_after": null, "late_successes": 0, "contradictions": 0,
        "policy": { "waves": [], "stop": "finish" }, "waves": [], "bad": 0, "at_it": 0,
        "class": "normal",
    })
}

fn plan() -> Value {
    json!({
        "software": { "component": "pos", "version": "2.0.0" }, "where": "store=north",
        "terminals": 2, "is_continuous": false, "sample": [], "excluded": [], "concerns": [],
        "bytes": null,
        "approvers": 0, "waves": [], "shut": 0, "over_at": 0, "takes_s": 0,
        "not_after_s": 604_800,
        "zones": [], "elsewhere": 0, "warnings": [],
    })
}

fn assignment(number: u8, state: &str, step: Option<&str>) -> Value {
    json!({
        "campaign": campaign_id(),
        "terminal": format!("trm-{}", format!("{number:02x}").repeat(16)),
        "serial": format!("PX-{number}"), "store": "north", "model": "px7", "state": state,
        "reason": null, "order": null, "step": step, "bytes_done": null, "bytes_total": null,
        "version_now": null, "updated_at": null,
    })
}

struct Watched {
    _fleet: Fleet,
    api: FakeApi,
    context: PathBuf,
}

impl Watched {
    fn new() -> Self {
        let fleet = Fleet::insecure();
        let api = FakeApi::start(&fleet);
        let context = fleet.context_for(api.port);
        Self { _fleet: fleet, api, context }
    }

    /// Plays these moments: the campaign's state, and its terminals.
    fn play(&self, moments: &[(&str, Vec<Value>)]) -> &Self {
        let path = format!("GET /v1/campaigns/{}", campaign_id());
        self.api.say(&path, moments.iter().map(|(state, _)| (200, campaign(state))));
        let terminals = moments.iter().map(|(_, terminals)| (200, page(json!(terminals))));
        self.api.say(&format!("{path}/terminals"), terminals);
        self
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&[&["--context", text(&self.context), "campaign"], arguments].concat())
    }

    fn watch(&self, more: &[&str]) -> Ran {
        let id = campaign_id();
        self.run(&[&["watch", &id, "--every", "0s"], more].concat())
    }
}

#[test]
fn a_campaign_is_followed_change_by_change_to_a_good_end() {
    let watched = Watched::new();
    let held = assignment(2, "held", None);
    watched.play(&[
        ("draft", vec![]),
        ("running", vec![assignment(1, "ordered", None), held.clone()]),
        ("running", vec![assignment(1, "working", Some("fetch")), held.clone()]),
        ("running", vec![assignment(1, "working", Some("fetch")), held]),
        ("running", vec![assignment(1, "succeeded", None), assignment(2, "working", None)]),
        ("completed", vec![assignment(1, "succeeded", None), assignment(2, "succeeded", None)]),
    ]);
    let expected = "\
campaign  draft
campaign  running
PX-1  ordered
PX-2  held
PX-1  working  fetch
PX-1  succeeded
PX-2  working
campaign  completed
PX-2  succeeded
";
    assert_eq!(watched.watch(&[]).ok(), expected);
}

#[test]
fn an_end_that_fell_short_has_an_exit_code_of_its_own() {
    let watched = Watched::new();
    let ended = vec![assignment(1, "succeeded", None), assignment(2, "rolled-back", None)];
    watched.play(&[("completed", ended)]);
    watched.watch(&[]).failed(3);

    let working = vec![assignment(1, "working", None), assignment(2, "held", None)];
    let over = vec![assignment(1, "succeeded", None), assignment(2, "held", None)];
    watched.play(&[("aborted", working), ("aborted", over)]);
    let ran = watched.watch(&[]);
    assert!(ran.out.ends_with("PX-1  succeeded\n"), "{}", ran.out);
    ran.failed(3);
}

#[test]
fn programs_get_one_line_of_json_for_each_change() {
    let watched = Watched::new();
    watched.play(&[
        ("running", vec![assignment(1, "working", None)]),
        ("completed", vec![assignment(1, "succeeded", None)]),
    ]);
    let out = watched.watch(&["--json"]).ok();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<_> = lines
        .iter()
        .map(|line| {
            let (kind, value) = line.as_object().unwrap().iter().next().unwrap();
            format!("{kind} {}", value["state"].as_str().unwrap())
        })
        .collect();
    let expected =
        ["campaign running", "assignment working", "campaign completed", "assignment succeeded"];
    assert_eq!(states, expected);
}

#[test]
fn a_campaign_is_asked_for_in_the_words_of_the_api() {
    let watched = Watched::new();
    watched.api.say("POST /v1/campaigns/plan", [(200, plan())]);
    watched.api.say("POST /v1/campaigns", [(201, campaign("draft"))]);
    let digest = Digest::of(b"release").to_string();
    let asked = [
        "--release",
        &digest,
        "--where",
        "store=north",
        "--max-parallel",
        "2",
        "--window",
        "22:00-06:00",
        "--not-after",
        "7d",
        "--name",
        "autumn",
    ];
    let ran = watched.run(&[&["create"], asked.as_slice()].concat());
    assert!(ran.err.contains(&format!("tillward campaign start {}", campaign_id())), "{}", ran.err);
    let out = ran.ok();
    let [members, summary] = ["In: 2 terminals", "Campaign autumn"].map(|it| out.find(it).unwrap());
    assert!(members < summary, "who is in is said before it is made: {out}");
    let request: Value = serde_json::from_slice(&watched.api.heard()[0].body).unwrap();
    let expected = json!({
        "change": { "upgrade": {
            "release": digest, "window": "22:00-06:00", "backup_within_s": null,
        } },
        "where": "store=north", "max_parallel": 2, "not_after_s": 604_800, "name": "autumn",
        "policy": null,
    });
    assert_eq!(request, expected);
    let before = watched.api.asked();
    assert_eq!(before, ["POST /v1/campaigns/plan", "POST /v1/campaigns"]);
    for planned in [&["plan"][..], &["create", "--dry-run"]] {
        let out = watched.run(&[planned, asked.as_slice()].concat()).ok();
        assert!(out.starts_with("Plan, if it were started now"), "{out}");
    }
    let since = &watched.api.asked()[before.len()..];
    assert_eq!(since, ["POST /v1/campaigns/plan"; 2], "nothing is created");
    let complaint = watched
        .run(&["create", "--release", "nowhere", "--where", "a=b", "--max-parallel", "1"])
        .failed(1);
    assert!(complaint.contains("`nowhere` is neither a digest nor a release's directory"));
}

#[test]
fn decisions_carry_their_reason_and_an_abort_is_not_made_by_accident() {
    let watched = Watched::new();
    let id = campaign_id();
    for action in ["start", "pause", "resume", "abort"] {
        watched.api.say(&format!("POST /v1/campaigns/{id}/{action}"), [(200, campaign("paused"))]);
    }
    watched.play(&[("running", vec![])]);
    watched.run(&["start", &id]).ok();
    watched.run(&["pause", &id, "--reason", "the provider is down"]).ok();
    let heard = watched.api.heard();
    assert_eq!(heard[0].body, br#"{"reason":null}"#);
    assert_eq!(heard[1].body, br#"{"reason":"the provider is down"}"#);

    let complaint = watched.run(&["abort", &id]).failed(1);
    assert!(complaint.contains("hint: pass --yes if you are sure"), "{complaint}");
    let aborts = |watched: &Watched| {
        watched.api.asked().iter().filter(|what| what.ends_with("/abort")).count()
    };
    assert_eq!(aborts(&watched), 0);
    watched.run(&["abort", &id, "--yes"]).ok();
    assert_eq!(aborts(&watched), 1);
}
