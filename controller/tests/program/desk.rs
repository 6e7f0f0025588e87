//! What an operator's desk does about providers, positions and requests, against a real
//! controller: what is wrong is refused by name, with what to do, and the program says so by its
//! exit code.

use std::fs;
use std::process::Command;

use crate::{Fleet, Serving};

/// Of nothing that is there.
const NOBODY: &str = "0192f0c1d2e34f5061728394a5b6c7d8";

/// A desk of one controller.
struct Desk {
    fleet: Fleet,
    _serving: Serving,
}

impl Desk {
    fn open() -> Self {
        let fleet = Fleet::insecure();
        let serving = fleet.serve(&[]);
        let status = fleet.status(&serving.https);
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        Self { fleet, _serving: serving }
    }

    /// Writes a file, and gives its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.fleet.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Exit code, standard output and standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let operator = self.fleet.directory.path().join("fleet/operator");
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillward"));
        let ran = program.args(arguments).arg("--context").arg(operator).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        (out, err)
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (out, _) = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap()
    }

    /// Ends with this code, and says all of this.
    #[track_caller]
    fn wrong(&self, arguments: &[&str], code: i32, said: &[&str]) {
        let (found, out, err) = self.run(arguments);
        assert_eq!(found, code, "{arguments:?}: {out}\n{err}");
        for part in said {
            let all = format!("{out}{err}");
            assert!(all.contains(part), "{arguments:?} does not say `{part}`: {all}");
        }
    }
}

const ALPHA: &str = r#"
[[provider]]
key = "alpha"
name = "Alpha Payments"
clearing = "direct"
contacts = [{ role = "hotline", reach = "+49 30 0000000" }]
hosts = ["pay.example.com:443"]
registry_order = "new-first"
acquirer_code = "898"
tests = [{ kind = "diagnosis", amount_minor = 0 }, { kind = "sale", amount_minor = 1 }]
currencies = ["CNY"]
[provider.licence]
number = "Z1"
class = "acquiring"
scope = ["pos-acquiring"]
regulator = "bank"
valid_from = "2020-01-01"
valid_until = "2020-12-31"
[provider.watch]
for_s = 3600
payments_min = 20
at_most_s = 86400
approval_drop_max = 5
host_errors_max = 3
slower_max = 50
crashes_max = 0
"#;

fn binding<'a>(lane: &'a str, provider: &'a str, mid: &'a str) -> Vec<&'a str> {
    let place = ["binding", "set", "--store", "north", "--lane", lane, "--provider", provider];
    let tuple = ["--mid", mid, "--tid", lane, "--name", "Shop", "--mcc", "5411"];
    [&place[..], &tuple, &["--currency", "CNY"]].concat()
}

#[test]
fn a_provider_is_written_down_vouched_for_and_told_when_it_runs_out() {
    let desk = Desk::open();
    let file = desk.file("alpha.toml", ALPHA);
    let unnamed = desk.file("alpha.txt", ALPHA);
    let broken = desk.file("broken.toml", "[[provider]]\nkey = \"beta\"\n");
    let missing = "hint: `tillward provider list` lists those that are known";
    desk.wrong(&["provider", "show", "alpha"], 6, &["there is no provider `alpha`", missing]);
    desk.wrong(&["provider", "history", "alpha"], 6, &[missing]);
    desk.wrong(&["provider", "vouch", "licence", "alpha", "--why", "x"], 6, &[missing]);
    desk.wrong(&["provider", "vouch", "x", "alpha", "--why", "x"], 2, &["licence, clearing"]);
    desk.wrong(&["provider", "list", "--kind", "x"], 2, &["write provider, fees"]);
    desk.wrong(&["provider", "import", &unnamed], 1, &["neither .csv nor .toml", "hint: "]);
    desk.wrong(&["provider", "import", "nothing.csv"], 1, &["cannot read nothing.csv"]);
    desk.wrong(&["provider", "import", &broken], 6, &["line 1: missing field", "hint: mend"]);
    desk.ok(&["provider", "import", &file, "--dry-run"]);
    assert_eq!(desk.json(&["provider", "list"])["items"].as_array().map(Vec::len), Some(0));
    desk.ok(&["provider", "import", &file, "--why", "first"]);
    desk.wrong(
        &["provider", "show", "alpha", "--version", "9"],
        6,
        &["`alpha` has no version 9: the newest is 1", "tillward provider history alpha"],
    );
    let clearing = ["provider", "vouch", "clearing", "alpha", "--why", "x"];
    desk.wrong(&clearing, 6, &["`alpha` clears by itself: there is nothing to do"]);
    let licence = ["provider", "vouch", "licence", "alpha", "--why", "register"];
    desk.wrong(&licence, 6, &["another person vouches", "hint: `tillward operator new`"]);
    let (_, told) = desk.ok(&["status"]);
    assert!(told.contains("warning: 1 alert: `tillward provider alerts`"), "{told}");
    assert!(told.contains("licence of alpha: until 2020-12-31, over"), "{told}");
    desk.wrong(&["provider", "alerts", "--seen", "x"], 6, &["no alert `x`", "hint: "]);
    desk.ok(&["provider", "alerts", "--seen", "licence.alpha.2020-12-31.over"]);
    assert_eq!(desk.json(&["status"])["provider_alerts"]["count"], 0);
    let (out, err) = desk.ok(&["compat", "check", "--model", "px7", "--provider", "beta"]);
    assert!(out.contains("only in a pilot"), "{out}");
    for stranger in ["provider `beta` is not", "model `px7` is not"] {
        assert!(err.contains(stranger), "{err}");
    }
    desk.wrong(&["compat", "show", "x"], 6, &["hint: `tillward compat list`"]);
    desk.wrong(&["compat", "check", "--model", "px7"], 2, &["--provider"]);
}

#[test]
fn the_file_of_providers_that_the_page_shows_is_taken() {
    let desk = Desk::open();
    let page = include_str!("../../../deploy/provider-change.md");
    let shown = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```\n"));
    let (shown, _) = shown.expect("the page shows a file");
    desk.ok(&["provider", "import", &desk.file("beta.toml", shown)]);
    let contracts = desk.json(&["provider", "list", "--kind", "contract"]);
    assert_eq!(contracts["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn positions_and_bindings_are_refused_by_name() {
    let desk = Desk::open();
    desk.ok(&["provider", "import", &desk.file("alpha.toml", ALPHA)]);
    let position = desk.json(&["position", "set", "--store", "north", "--lane", "1"]);
    let position = position["id"].as_str().unwrap();
    let (terminal, binding_id) = (format!("trm-{NOBODY}"), format!("bnd-{NOBODY}"));
    let bare = ["position", "set", "--store", "north", "--lane", " 1"];
    desk.wrong(&bare, 6, &["`lane` is empty, longer than"]);
    let about = format!("position {position}: a position that is planned cannot be vacated");
    desk.wrong(&["position", "vacate", position], 6, &[&about, "hint: "]);
    let unit = "hint: `tillward terminal list`";
    desk.wrong(&["position", "fill", position, &terminal], 6, &["there is no terminal", unit]);
    desk.wrong(&["position", "fill", "pos-1", &terminal], 2, &["`pos-1` is not an id"]);
    let place = format!("pos-{NOBODY}");
    desk.wrong(&["position", "close", &place], 6, &["hint: `tillward position list`"]);

    let said = ["begins with `105`, and the acquirer code is `898`", "says MCC `5812`"];
    desk.wrong(&binding("1", "alpha", "105440158120001"), 6, &said);
    desk.wrong(&binding("1", "alpha", "M-1"), 6, &["`mid` is `M-1`: it has 15 digits"]);
    desk.ok(&binding("1", "alpha", "898440154110001"));
    let (_, told) = desk.ok(&binding("1", "beta", "M-1"));
    assert!(told.contains("`beta` is not in the registry: its MIDs were not checked"), "{told}");
    let found = desk.json(&["binding", "list", "--provider", "beta"]);
    let id = found["items"][0]["id"].as_str().unwrap();
    let unknown = ["there is no binding", "hint: `tillward binding list`"];
    for command in ["show", "history"] {
        desk.wrong(&["binding", command, &binding_id], 6, &unknown);
    }
    let step = format!("{id}=change");
    desk.wrong(&["binding", "move", &step], 2, &["`change` is no step: write adopt, stage"]);
    let step = format!("{id}=finish");
    desk.wrong(&["binding", "move", &step], 6, &[id, "cannot be retired", "hint: "]);
    let register = ["binding", "register", id, "--status", "cancelled"];
    desk.wrong(&register, 6, &[&format!("binding {id}: "), "hint: note what comes before"]);

    let columns = desk.file("columns.csv", "store,lane,colour\nnorth,1,blue\n");
    let said = ["no column `colour`", "the column `mid` is missing", "nothing is taken over"];
    desk.wrong(&["binding", "import", &columns], 6, &said);
    let header = "store,lane,provider,mid,tid,name,mcc,currency";
    let estate = |rows: &str| desk.file("estate.csv", &format!("{header}\n{rows}"));
    desk.wrong(&["binding", "import", &estate("")], 6, &["there are no rows", "hint: mend"]);
    let rows = "south,1,alpha,M-1,T-2,Shop,5411,CNY\nsouth,2,gamma,M-1,T-3,Shop,5411\n";
    desk.wrong(&["binding", "import", &estate(rows)], 6, &["3     it has 7 columns"]);
    let rows = "south,1,alpha,M-1,T-2,Shop,5411,CNY\nsouth,2,gamma,M-1,T-3,Shop,5411,CNY\n";
    desk.wrong(&["binding", "import", &estate(rows)], 6, &["2     `mid` is `M-1`"]);
    let rows = "south,2,gamma,M-1,T-3,Shop,5411,CNY\n";
    let (_, told) = desk.ok(&["binding", "import", &estate(rows)]);
    assert!(told.contains("provider `gamma` is not in the registry"), "{told}");
}

#[test]
fn requests_and_suspicions_are_refused_by_name() {
    let desk = Desk::open();
    let wish = |reason: &'static str| {
        let who = ["request", "new", "--requester", "Cora", "--channel", "telephone"];
        let what = ["--reason", reason, "--from", "alpha", "--to", "beta"];
        [&who[..], &what, &["--where", "store=north", "--fallback", "cash"]].concat()
    };
    desk.wrong(&wish("dunno"), 2, &["`dunno` is no reason: write one of fee, service"]);
    let made = desk.json(&wish("fee"));
    let id = made["id"].as_str().unwrap();
    let about = format!("request {id}: ");
    let verify = ["request", "verify", id, "--method", "call-back", "--contact", "+49 30 1"];
    desk.wrong(&verify, 6, &[&about, "somebody else must verify it", "hint: "]);
    desk.wrong(&["request", "accept", id], 6, &[&about, "nobody has verified", "hint: "]);
    for (command, past) in [("close", "closed"), ("unschedule", "taken off the schedule")] {
        let why = format!("{about}a request that is requested cannot be {past}");
        desk.wrong(&["request", command, id, "--reason", "x"], 6, &[&why, "hint: "]);
        desk.wrong(&["request", command, id, "--json"], 6, &[&why, "hint: "]);
        desk.wrong(&["request", command, "req-1"], 2, &["`req-1` is not an id"]);
        let nobody = format!("req-{NOBODY}");
        desk.wrong(&["request", command, &nobody], 6, &["hint: `tillward request list`"]);
    }
    let raise = |scope: &'static str, which: &str| {
        let all = ["request", "suspicious", scope, which, "--note", "who?"];
        all.map(str::to_owned)
    };
    let nowhere = raise("--store", "nowhere");
    let nowhere: Vec<_> = nowhere.iter().map(String::as_str).collect();
    desk.wrong(&nowhere, 6, &["there is no store `nowhere`", "hint: "]);
    let this = raise("--request", id);
    let this: Vec<_> = this.iter().map(String::as_str).collect();
    desk.ok(&this);
    let (_, told) = desk.ok(&["status"]);
    assert!(told.contains("warning: 1 suspicion, frozen until two people"), "{told}");
    assert!(told.contains(&format!("request {id}, by operator: who?")), "{told}");
    let (alarms, _) = desk.ok(&["alarms"]);
    assert!(alarms.contains(&format!("finds request {id} suspicious: who?")), "{alarms}");
    desk.wrong(&["request", "close", id], 6, &[&about, "it is frozen", "hint: look into it"]);
    desk.wrong(&["request", "unfreeze", "x", "--why", "y"], 2, &["write its number, as"]);
    desk.wrong(&["request", "unfreeze", "9", "--why", "y"], 6, &["no suspicion `9`", "hint: "]);
    let number = desk.json(&["status"])["suspicions"]["first"][0]["number"].to_string();
    let lift = ["request", "unfreeze", &number, "--why", "it was a test"];
    desk.ok(&lift);
    desk.wrong(&lift, 6, &["somebody else must confirm it", "hint: ask a colleague"]);
}

#[test]
fn evidence_is_asked_for_and_checked_by_name() {
    let desk = Desk::open();
    let to = desk.fleet.directory.path().join("proof.tar");
    let to = to.to_str().unwrap();
    let what = "write the id of an order, `ord-…`, or of a campaign, `cmp-…`";
    desk.wrong(&["evidence", "export", "x", "--to", to], 2, &[what]);
    let (order, campaign) = (format!("ord-{NOBODY}"), format!("cmp-{NOBODY}"));
    desk.wrong(&["evidence", "export", &order, "--to", to], 6, &["there is no order"]);
    let listed = "hint: `tillward campaign list`";
    desk.wrong(&["evidence", "export", &campaign, "--to", to], 6, &[listed]);
    let taken = desk.file("taken.tar", "mine");
    desk.wrong(&["evidence", "export", &order, "--to", &taken], 1, &["is left as it is", "hint: "]);
    desk.wrong(&["evidence", "verify", "nothing.tar"], 1, &["cannot read nothing.tar"]);
    let roster = desk.fleet.directory.path().join("fleet/offline/rosters/1.cose");
    let roster = roster.to_str().unwrap();
    let long = desk.file("long.tar", &"no archive at all\n".repeat(100));
    for stranger in [&taken, &long] {
        let verify = ["evidence", "verify", stranger, "--roster", roster];
        desk.wrong(&verify, 4, &["it is no file of evidence", "hint: believe nothing in it"]);
    }
    assert!(!std::path::Path::new(to).exists());
}
