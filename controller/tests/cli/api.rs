//! Commands that ask the API: what they send, what they show, and how they complain.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use shared::claim::Claim;
use shared::digest::Digest;

use crate::fake_api::{FakeApi, page};
use crate::fleet::Fleet;
use crate::{Ran, run, text};

struct Office {
    fleet: Fleet,
    api: FakeApi,
    context: PathBuf,
}

impl Office {
    fn open() -> Self {
        let fleet = Fleet::insecure();
        let api = FakeApi::start(&fleet);
        let context = fleet.context_for(api.port);
        Self { fleet, api, context }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&[&["--context", text(&self.context)], arguments].concat())
    }
}

fn status() -> Value {
    json!({
        "version": "0.1.0", "fleet": format!("flt-{}", "01".repeat(16)), "now_at": 1_795_341_600,
        "registry": "sqlite",
        "broker": {"kind": "embedded", "address": "localhost:8883", "connected": true},
        "places": [{"name": "cellar", "region": "north", "there": true}],
        "terminals": {"claimed": 0, "enrolled": 2, "revoked": 0, "online": 1},
        "campaigns_awaiting_approval": 0, "campaigns_running": 0, "campaigns_paused": 0,
        "campaigns_halted": 0,
        "alarms": 0, "backups_overdue": 0, "roster_version": 1,
        "suspicions": {"count": 0, "first": []}, "provider_alerts": {"count": 0, "first": []},
        "reports_waiting": 0, "a_field_from_the_future": true,
    })
}

fn terminal(number: u8) -> Value {
    json!({
        "id": format!("trm-{}", format!("{number:02x}").repeat(16)),
        "serial": format!("PX-{number}"),
        "store": "north", "model": "px7", "lane": null, "labels": {}, "zone": "UTC",
        "lifecycle": "enrolled", "presence": "online", "epoch": 1, "last_seen_at": null,
        "is_frozen": false, "is_quarantined": false,
        "service": "in-service",
        "working_on": null, "certificate_expires_at": null, "agent_version": "0.1.0",
        "components": [], "roster_version": 1, "outbox_depth": 0, "outbox_dropped": 0,
    })
}

#[test]
fn the_token_goes_to_the_controller_and_the_answer_to_the_person() {
    let office = Office::open();
    office.api.say("GET /v1/status", [(200, status())]);
    let said = office.run(&["status"]).ok();
    assert!(said.contains("terminals   2 enrolled, 1 online"), "{said}");
    let shown = office.run(&["status", "--json"]).json();
    assert_eq!(shown["terminals"]["online"], 1);
    let token = fs::read_to_string(office.fleet.at("operator/token")).unwrap();
    let authorization = format!("Bearer {}", token.trim_end());
    assert!(office.api.heard().iter().all(|heard| heard.authorization == authorization));
}

#[test]
fn lists_are_fetched_to_their_last_page() {
    let office = Office::open();
    let first = json!({"items": [terminal(1), terminal(2)], "next": "PX-2&x"});
    let second = page(json!([terminal(3)]));
    office.api.say("GET /v1/terminals", [(200, first), (200, second)]);
    let shown = office.run(&["terminal", "list", "--where", "store=a b & model=px7", "--json"]);
    let shown = shown.json();
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["next"], Value::Null);
    let selector = "where=store%3Da+b+%26+model%3Dpx7";
    let pages = ["", "&after=PX-2%26x"];
    let expected = pages.map(|rest| format!("GET /v1/terminals?{selector}&limit=1000{rest}"));
    assert_eq!(office.api.asked(), expected);
}

#[test]
fn decisions_are_listed_from_where_one_stopped() {
    let office = Office::open();
    office.api.say("GET /v1/audit", [(200, page(json!([])))]);
    let ran = office.run(&["audit", "show", "--after", "41"]);
    assert_eq!(ran.err, "nothing was decided\n");
    assert_eq!(ran.ok(), "");
    assert_eq!(office.api.asked(), ["GET /v1/audit?limit=1000&after=41"]);
}

#[test]
fn a_terminal_is_found_by_its_serial_number_as_well() {
    let office = Office::open();
    let mut detail = terminal(2);
    for list in ["deregistered", "payment_keys", "assignments"] {
        detail[list] = json!([]);
    }
    let path = format!("GET /v1/terminals/trm-{}", "02".repeat(16));
    office.api.say("GET /v1/terminals", [(200, page(json!([terminal(1), terminal(2)])))]);
    office.api.say(&path, [(200, detail)]);
    let said = office.run(&["terminal", "show", "PX-2"]).ok();
    assert!(said.starts_with("Terminal PX-2 (trm-0202"), "{said}");
    let complaint = office.run(&["terminal", "show", "PX-7"]).failed(1);
    assert!(complaint.contains("no terminal has the serial number or id `PX-7`"), "{complaint}");
}

fn issued(office: &Office) -> Value {
    let fleet = format!("flt-{}", "0a".repeat(16));
    json!({
        "claim": format!("clm-{}", "0b".repeat(16)), "terminal": format!("trm-{}", "0c".repeat(16)),
        "serial": "PX-1", "fleet": fleet, "url": format!("https://localhost:{}", office.api.port),
        "ca": Digest::of(b"ca"), "roster": Digest::of(b"roster"), "expires_at": 1_900_000_000,
    })
}

const CLAIM: [&str; 9] =
    ["terminal", "claim", "--serial", "PX-1", "--store", "north", "--model", "px7", "--no-qr"];

#[test]
fn a_claim_is_one_line_whose_seed_the_controller_never_hears() {
    let office = Office::open();
    office.api.say("POST /v1/claims", [(201, issued(&office))]);
    let file = office.fleet.beside("px-1.claim");
    let more = ["--lane", "3", "--label", "wave=pilot", "--ttl", "2h", "-o", text(&file)];
    let line = office.run(&[CLAIM.as_slice(), more.as_slice()].concat()).ok();
    let claim: Claim = line.parse().unwrap();
    assert_eq!(claim.serial, "PX-1");

    let sent = office.api.heard().remove(0).body;
    let request: Value = serde_json::from_slice(&sent).unwrap();
    let public = claim.seed.claim_key().public();
    let expected = json!({
        "serial": "PX-1", "store": "north", "model": "px7", "lane": "3",
        "labels": {"wave": "pilot"}, "zone": "UTC", "claim_key": public, "ttl_s": 7200,
    });
    assert_eq!(request, expected);
    let seed = line.split("&seed=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(seed.len(), 32);
    assert!(!String::from_utf8(sent).unwrap().contains(seed));

    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = office.run(&[CLAIM.as_slice(), more.as_slice()].concat()).failed(1);
    assert!(again.contains("px-1.claim exists already"), "{again}");
    let json = office.run(&[CLAIM.as_slice(), &["--json"]].concat()).json();
    let other: Claim = json["line"].as_str().unwrap().parse().unwrap();
    assert_ne!(other.seed.claim_key().public(), public, "every claim has a seed of its own");
}

#[test]
fn what_can_be_known_to_be_wrong_is_not_sent() {
    let office = Office::open();
    let claim = |serial, zone| {
        office.run(&[
            "terminal", "claim", "--serial", serial, "--store", "n", "--model", "m", "--zone", zone,
        ])
    };
    let complaint = claim("PX 1", "UTC").failed(1);
    assert!(complaint.contains("`PX 1` is no serial number"), "{complaint}");
    let complaint = claim("PX-1", "Mars/Olympus").failed(1);
    assert!(complaint.contains("`Mars/Olympus` is no time zone"), "{complaint}");
    assert!(complaint.contains("hint: name it as in the IANA database"), "{complaint}");
    let digest = Digest::of(b"release").to_string();
    let create = |more: &[&str]| {
        let fixed = ["campaign", "create", "--release", &digest, "--where", "store=a"];
        office.run(&[fixed.as_slice(), more].concat())
    };
    create(&["--max-parallel", "0"]).failed(2);
    let complaint = create(&["--max-parallel", "1", "--window", "22-6"]).failed(2);
    assert!(complaint.contains("`22-6` is not a window"), "{complaint}");
    let complaint =
        office.run(&["campaign", "show", &format!("trm-{}", "01".repeat(16))]).failed(2);
    assert!(complaint.contains("is not a `cmp-…` id"), "{complaint}");
    assert_eq!(office.api.asked(), Vec::<String>::new());
}

#[test]
fn a_refusal_says_what_the_controller_said_and_what_to_do() {
    let office = Office::open();
    let problem = json!({
        "type": "urn:tillward:problem:claim-exists", "title": "the claim cannot be made",
        "status": 409, "detail": "PX-1 is enrolled already", "hint": "claim another lane",
    });
    office.api.say("POST /v1/claims", [(409, problem)]);
    let complaint = office.run(&CLAIM).failed(6);
    assert_eq!(complaint, "error: PX-1 is enrolled already\nhint: claim another lane\n");

    let problem = json!({
        "type": "urn:tillward:problem:unauthorized", "title": "not recognised", "status": 401,
        "detail": "the token is nobody's",
    });
    office.api.say("GET /v1/status", [(401, problem)]);
    let complaint = office.run(&["status"]).failed(6);
    assert!(complaint.contains("hint: is the token in `token_file` still valid?"), "{complaint}");
    office.api.say("GET /v1/status", [(200, json!({"mood": "good"}))]);
    let complaint = office.run(&["status"]).failed(1);
    assert!(complaint.contains("is not one of this API"), "{complaint}");
    office.api.say("GET /v1/status", [(502, json!("Bad Gateway"))]);
    let complaint = office.run(&["status"]).failed(1);
    assert!(complaint.contains("answered 502 Bad Gateway without saying why"), "{complaint}");
}

#[test]
fn a_controller_that_is_away_or_a_stranger_is_told_apart() {
    let (office, other) = (Office::open(), Fleet::insecure());
    let stranger = other.context_for(office.api.port);
    let complaint = run(&["--context", text(&stranger), "status"]).failed(4);
    assert!(complaint.contains("does not show a certificate of this fleet"), "{complaint}");
    assert_eq!(office.api.asked(), Vec::<String>::new(), "the token was not sent");

    let port = office.api.port;
    let Office { fleet, api, context } = office;
    drop(api);
    let complaint = run(&["--context", text(&context), "status"]).failed(5);
    let start = format!("error: the controller at https://localhost:{port} cannot be reached\n");
    assert!(complaint.starts_with(&start), "{complaint}");
    assert!(complaint.contains("  because: "), "{complaint}");
    drop(fleet);
    let complaint = run(&["status"]).failed(1);
    assert!(complaint.contains("hint: pass --context FILE or set TILLWARD_CONTEXT"), "{complaint}");
}

fn published(digest: &str) -> Value {
    json!({
        "digest": digest, "component": "pos", "version": "2.0.0", "security_counter": 12,
        "models": ["px7"],
        "artifact": {"sha256": Digest::of(b"a"), "size": 1, "unpacked_size": 1, "entries": 1},
        "settlement": "not-needed", "issued_at": 0, "expires_at": 1, "signed_by": [],
        "published_at": 0, "published_by": "operator",
    })
}

#[test]
fn publishing_sends_the_artifact_once_and_can_be_repeated() {
    let office = Office::open();
    let source = office.fleet.beside("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("till"), "x".repeat(300_000)).unwrap();
    let out = office.fleet.beside("out");
    let options = ["--component", "pos", "--version", "2.0.0", "--model", "px7", "--counter", "1"];
    let build = ["release", "build", text(&source), "-o", text(&out), "--json"];
    let built = run(&[build.as_slice(), &options].concat()).json();
    let sha256 = built["artifact"]["sha256"].as_str().unwrap();
    let artifact = fs::read(out.join("artifact.tar.zst")).unwrap();
    let digest = built["digest"].as_str().unwrap();

    let stored = json!({"sha256": sha256, "size": artifact.len()});
    office.api.say(&format!("PUT /v1/artifacts/{sha256}"), [(201, stored)]);
    office.api.say("POST /v1/releases", [(201, published(digest))]);
    let said = office.run(&["release", "publish", text(&out)]);
    assert!(said.err.contains("tillward campaign create --release"), "{}", said.err);
    said.ok();
    let heard = office.api.heard();
    let whats: Vec<_> = heard.iter().map(|heard| heard.what.as_str()).collect();
    let (head, put) =
        (format!("HEAD /v1/artifacts/{sha256}"), format!("PUT /v1/artifacts/{sha256}"));
    assert_eq!(whats, [head.as_str(), put.as_str(), "POST /v1/releases"]);
    assert_eq!(heard[1].body, artifact);
    assert_eq!(heard[2].body, fs::read(out.join("release.cose")).unwrap());

    // The controller says how large what it has is: of another size, it is sent again.
    office.api.say(&head, [(200, json!(artifact.len())), (200, json!(1))]);
    let again = office.run(&["release", "publish", text(&out)]);
    assert!(again.err.contains("the controller has the artifact already"), "{}", again.err);
    again.ok();
    office.run(&["release", "publish", text(&out)]).ok();
    let expected = [&whats, ["HEAD", "POST /v1/releases"].as_slice(), &whats].concat().len();
    let asked = office.api.asked();
    assert_eq!(asked.iter().filter(|what| **what == put).count(), 2);
    assert_eq!(asked.len(), expected);
    fs::write(out.join("artifact.tar.zst"), "other bytes").unwrap();
    office.run(&["release", "publish", text(&out)]).failed(4);
    assert_eq!(office.api.asked().len(), expected, "what is not genuine is not sent");
}
