//! What operators have on record before a provider is changed: who the providers are, what was
//! agreed with them, where every till stands and what it is bound to, and who wishes for what.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use shared::id::RequestId;

use super::{Host, World};

/// The new MID of every till: the merchant is one, and its tills have TIDs of their own.
pub(super) const MID: &str = "898440154110001";

/// The TID that the new provider gives to a till.
pub(super) fn tid(at: usize) -> String {
    format!("B{at:07}")
}

/// As it stands on receipts.
pub(super) fn name(at: usize) -> String {
    format!("Shop {at}")
}

fn path(file: &Path) -> Result<&str> {
    file.to_str().context("paths of tests are UTF-8")
}

/// Whose shops they all are.
const MERCHANT: &str = "the chain";

/// What nobody can learn from a till by asking it.
const LABELS: [&str; 3] = ["hardware=rev2", "key-set=2026-1", "integration=OPI/2.0"];

/// Simulated customers are declined by chance, and how long a payment takes on a busy machine says
/// nothing of the provider: it is watched leniently. Both take the same, by contracts that cost
/// nothing to end; tills of the model were seen to work with each.
fn documents(hosts: &[Host]) -> String {
    let mut text = String::from(
        "[[model]]\nkey = \"px7\"\nrebind = \"in-place\"\nkey_slots = 2\n\
         form_factor = \"countertop\"\n",
    );
    for host in hosts {
        let (name, address) = (host.name(), host.address());
        text.push_str(&format!(
            r#"
[[provider]]
key = "{name}"
name = "{name}"
clearing = "direct"
hosts = ["{address}"]
registry_order = "new-first"
currencies = ["CNY"]
integrations = [{{ protocol = "OPI", version = "2.0" }}]
tests = [
    {{ kind = "diagnosis", amount_minor = 0 }},
    {{ kind = "sale", amount_minor = 1 }},
    {{ kind = "void", amount_minor = 1 }},
    {{ kind = "receipt", amount_minor = 0 }},
]

[provider.licence]
number = "Z-{name}"
class = "acquiring"
scope = ["pos-acquiring"]
regulator = "central bank"
valid_from = "2020-01-01"
valid_until = "2090-12-31"

[provider.watch]
for_s = 2
payments_min = 3
at_most_s = 604800
approval_drop_max = 100
host_errors_max = 5
slower_max = 60000
crashes_max = 1

[[fees]]
key = "{name}-fees"
provider = "{name}"
effective_from = "2020-01-01"
currency = "CNY"
rates = [{{ class = "standard", method = "credit", hundredths = 60 }}]

[[contract]]
key = "{name}-contract"
provider = "{name}"
merchant = "{MERCHANT}"
scope = "cards and QR codes"
fees = "{name}-fees"
starts_on = "2020-01-01"
ends_on = "2090-12-31"
settled_after_days = 1
notice_days = 7
currency = "CNY"

[[compatibility]]
model = "px7"
hardware = "rev2"
key_set = "2026-1"
provider = "{name}"
status = "tested"
"#
        ));
    }
    text
}

impl World {
    /// Providers, fees, contracts, models and what works together; the licences were looked up.
    pub fn describe_providers(&self) -> Result<()> {
        let file = self.directory.join("providers.toml");
        fs::write(&file, documents(&self.hosts))?;
        self.tillward(&["provider", "import", path(&file)?])?;
        for host in &self.hosts {
            let why = ["--why", "looked up in the regulator's register"];
            self.reviewer(&[&["provider", "vouch", "licence", host.name()], &why[..]].concat())?;
        }
        Ok(())
    }

    /// A lane for each of these tills, and the binding that it has now.
    pub fn take_over_bindings(&self, terminals: &[usize]) -> Result<()> {
        let file = self.directory.join("bindings.csv");
        let mut table =
            String::from("serial,store,lane,provider,mid,tid,name,mcc,currency,registration\n");
        for at in terminals {
            let terminal = &self.terminals[*at];
            let bindings = terminal.bindings(&self.programs)?;
            let now = bindings.first().context("a till has a binding")?;
            let (shop, name) = (&terminal.shop, name(*at));
            table.push_str(&format!(
                "{},{},{at},{},{},{},{name},5411,CNY,R-{at}\n",
                shop.serial, shop.store, now.provider, now.mid, now.tid
            ));
        }
        fs::write(&file, table)?;
        self.tillward(&["binding", "import", path(&file)?])?;
        for at in terminals {
            let (shop, lane) = (&self.terminals[*at].shop, at.to_string());
            let place = ["position", "set", "--store", &shop.store, "--lane", &lane];
            let whose = ["--merchant", MERCHANT, "--merchant-class", "standard"];
            self.tillward(&[&place[..], &whose].concat())?;
            let label = ["terminal", "label", &shop.serial];
            self.tillward(&[&label[..], &LABELS].concat())?;
        }
        Ok(())
    }

    /// What each is to be bound to at another host, as the clearing registry has it.
    pub(super) fn register_with(&self, to: &Host, terminals: &[usize]) -> Result<()> {
        let address = to.address().to_string();
        for at in terminals {
            let (lane, tid, name) = (at.to_string(), tid(*at), name(*at));
            let made = self.tillward_json(&[
                "binding",
                "set",
                "--store",
                &self.terminals[*at].shop.store,
                "--lane",
                &lane,
                "--provider",
                to.name(),
                "--mid",
                MID,
                "--tid",
                &tid,
                "--name",
                &name,
                "--mcc",
                "5411",
                "--currency",
                "CNY",
                "--host",
                &address,
            ])?;
            let id = made["id"].as_str().context("a binding has an id")?;
            let register = ["binding", "register", id, "--status", "registered"];
            let reference = format!("N-{at}");
            self.tillward(&[&register, &["--reference", &reference][..]].concat())?;
        }
        Ok(())
    }

    /// Somebody wishes for it; a second operator has called them back, and accepted it.
    pub fn accepted_request(&self, from: &str, to: &str) -> Result<RequestId> {
        let id = self.request(from, to)?;
        let request = id.to_string();
        let how = ["--method", "call-back", "--contact", "the number on file"];
        self.reviewer(&[&["request", "verify", &request], &how[..]].concat())?;
        self.reviewer(&["request", "accept", &request])?;
        Ok(id)
    }

    /// Somebody wishes for it, on the telephone; nobody has called them back.
    pub fn request(&self, from: &str, to: &str) -> Result<RequestId> {
        let made = self.tillward_json(&[
            "request",
            "new",
            "--requester",
            "the chain's head office",
            "--channel",
            "telephone",
            "--reason",
            "fee",
            "--from",
            from,
            "--to",
            to,
            "--where",
            "*",
            "--fallback",
            "cash, and the QR code at the counter",
            "--clause",
            "7.2",
        ])?;
        let id = made["id"].as_str().context("a request has an id")?;
        Ok(id.parse()?)
    }

    /// Somebody wishes for one terminal to stop, to sell again or to be emptied; a second operator
    /// has called them back, and accepted it.
    pub fn accepted_wish(&self, kind: &str, reason: &str, terminal: &str) -> Result<String> {
        let made = self.tillward_json(&[
            "request",
            "new",
            "--kind",
            kind,
            "--requester",
            "the chain's head office",
            "--channel",
            "telephone",
            "--reason",
            reason,
            "--where",
            &format!("id={terminal}"),
            "--fallback",
            "Pay at the next till, or in cash.",
            "--clause",
            "7.2",
        ])?;
        let id = made["id"].as_str().context("a request has an id")?.to_owned();
        let how = ["--method", "call-back", "--contact", "the number on file"];
        self.reviewer(&[&["request", "verify", &id], &how[..]].concat())?;
        self.reviewer(&["request", "accept", &id])?;
        Ok(id)
    }

    /// Announces a suspension for this moment, and everybody who must know of it says that they do.
    pub fn told_of_stop(&self, request: &str, cut_off: &str) -> Result<()> {
        let notice =
            |words: &[&str]| self.tillward(&[&["deactivate", "notice"], words].concat()).map(drop);
        notice(&["announce", request, "--cut-off", cut_off])?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
        for party in ["provider", "bank", "customers"] {
            let told = ["tell", request, "--party", party, "--channel", "mail"];
            notice(&[&told[..], &["--sent", &now, "--acknowledged", &now]].concat())?;
        }
        Ok(())
    }
}
