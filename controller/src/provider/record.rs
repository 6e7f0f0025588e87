//! One provider: licence, certificates, hosts, and how a terminal comes to it.

use serde::{Deserialize, Serialize};
use shared::change::rebind::{RegistryOrder, Test, TestKind, Watch};
use shared::digest::Digest;
use shared::document::batch::TESTS_MAX;
use shared::document::profile::HOSTS_MAX;
use utoipa::ToSchema;

use super::day::Day;
use super::digest_of;
use super::text::{LIST_ITEMS_MAX, Mistakes};
use crate::terminal::label;

/// Who clears payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
    pub clearing: Clearing,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    /// What was promised for the time until somebody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<String>,
    /// `host:port`, in the order in which they are tried: 1 to 4.
    #[serde(default)]
    pub hosts: Vec<String>,
    #[schema(value_type = String, example = "new-first")]
    pub registry_order: RegistryOrder,
    /// The first three digits of each MID of this provider, where MIDs are made so: then they
    /// have 15 digits, of which the 8th to the 11th are the MCC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquirer_code: Option<String>,
    /// In this order, on a new binding, before the shop sells there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub tests: Vec<Test>,
    /// How a change to this provider is watched, where nothing else is said.
    #[schema(value_type = Object)]
    pub watch: Watch,
    /// How an electronic cash register may speak to the till; nothing for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Integration>,
    /// ISO 4217.
    #[serde(default)]
    pub currencies: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    pub number: String,
    pub class: String,
    #[serde(default)]
    pub scope: Vec<Scope>,
    /// Who gave it.
    pub regulator: String,
    pub valid_from: Day,
    pub valid_until: Day,
    /// SHA-256 of the document, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
}

/// What a licence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Payments by card at a terminal: what a target of a change needs.
    PosAcquiring,
    QrAcquiring,
    Online,
    Prepaid,
}

/// Who holds the merchant's money on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clearing {
    /// The provider itself, in one step.
    Direct,
    /// Somebody between the provider and the merchant.
    Indirect,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// For example `PCI DSS`.
    pub kind: String,
    pub number: String,
    pub valid_until: Day,
}

/// Whom to ask. A role, not a private person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub role: String,
    /// A telephone number, or an address for mail.
    pub reach: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
}

/// How a cash register speaks to a till.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    pub protocol: String,
    pub version: String,
}

impl Licence {
    /// What is vouched for when it was looked up.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }
}

impl Provider {
    /// What is vouched for when indirect clearing is accepted: of whom, and by which licence.
    pub fn clearing_digest(&self) -> Digest {
        digest_of(&(&self.name, self.clearing, &self.licence))
    }

    /// Whether a cash register that speaks so can work with it.
    pub fn integrates(&self, with: &Integration) -> bool {
        self.integrations.is_empty() || self.integrations.contains(with)
    }

    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        mistakes.text("name", &self.name);
        if let Some(licence) = &self.licence {
            licence.check(mistakes);
        }
        mistakes.few("certificates", &self.certificates, LIST_ITEMS_MAX);
        let named = self.certificates.iter().map(|it| (&it.kind, &it.number));
        mistakes.each_once("certificates", named);
        for certificate in &self.certificates {
            mistakes.text("certificates.kind", &certificate.kind);
            mistakes.text("certificates.number", &certificate.number);
        }
        mistakes.few("contacts", &self.contacts, LIST_ITEMS_MAX);
        for contact in &self.contacts {
            mistakes.text("contacts.role", &contact.role);
            mistakes.text("contacts.reach", &contact.reach);
            mistakes.maybe_text("contacts.hours", contact.hours.as_deref());
        }
        mistakes.maybe_text("sla", self.sla.as_deref());
        if self.hosts.is_empty() {
            mistakes.add("`hosts` is empty: write 1 to 4, as `pay.example.com:443`");
        }
        mistakes.few("hosts", &self.hosts, HOSTS_MAX);
        mistakes.each_once("hosts", &self.hosts);
        for host in self.hosts.iter().filter(|host| !is_host(host)) {
            let host = super::text::shown(host);
            mistakes.add(format!("`hosts` has `{host}`: write `host:port` with a port from 1"));
        }
        if let Some(code) = &self.acquirer_code
            && (code.len() != 3 || !code.bytes().all(|it| it.is_ascii_digit()))
        {
            let code = super::text::shown(code);
            mistakes.add(format!("`acquirer_code` is `{code}`: write three digits"));
        }
        mistakes.few("tests", &self.tests, TESTS_MAX);
        let has = |kind| self.tests.iter().any(|it| it.kind == kind);
        let is_whole = has(TestKind::Diagnosis) && has(TestKind::Sale);
        if !self.tests.is_empty() && !is_whole {
            mistakes.add("`tests` has no `diagnosis` or no `sale`: no change is without them");
        }
        for test in &self.tests {
            mistakes.not_negative("tests.amount_minor", test.amount_minor);
        }
        self.check_watch(mistakes);
        mistakes.few("integrations", &self.integrations, LIST_ITEMS_MAX);
        mistakes.each_once("integrations", &self.integrations);
        for Integration { protocol, version } in &self.integrations {
            // As the label `integration` of a terminal says it, which ends a protocol at a `/`.
            let both = format!("{protocol}/{version}");
            let is_split = !(protocol.is_empty() || protocol.contains('/') || version.is_empty());
            if !is_split || !label::is_word(&both) {
                let both = super::text::shown(&both);
                let word = label::WORD;
                mistakes.add(format!(
                    "`integrations` has `{both}`: write a protocol without `/` and a version, \
                     which make PROTOCOL/VERSION together: {word}"
                ));
            }
        }
        if self.currencies.is_empty() {
            mistakes.add("`currencies` is empty: write at least one, as `CNY`");
        }
        mistakes.few("currencies", &self.currencies, LIST_ITEMS_MAX);
        mistakes.each_once("currencies", &self.currencies);
        self.currencies.iter().for_each(|it| mistakes.currency("currencies", it));
    }

    fn check_watch(&self, mistakes: &mut Mistakes) {
        let watch = &self.watch;
        if watch.at_most_s < watch.for_s {
            let (least, most) = (watch.for_s, watch.at_most_s);
            mistakes.add(format!("`watch.at_most_s` is {most}, less than `watch.for_s`, {least}"));
        }
        let percents = [
            ("watch.approval_drop_max", watch.approval_drop_max),
            ("watch.host_errors_max", watch.host_errors_max),
        ];
        for (field, value) in percents.into_iter().filter(|(_, value)| *value > 100) {
            mistakes.add(format!("`{field}` is {value}: write 0 to 100"));
        }
    }
}

impl Licence {
    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.text("licence.number", &self.number);
        mistakes.text("licence.class", &self.class);
        mistakes.text("licence.regulator", &self.regulator);
        mistakes.each_once("licence.scope", &self.scope);
        let (from, until) = (self.valid_from, self.valid_until);
        mistakes.in_order(("licence.valid_from", from), ("licence.valid_until", until));
        if let Some(digest) = &self.document_sha256 {
            mistakes.digest("licence.document_sha256", digest);
        }
    }
}

/// `name:443`, `192.0.2.1:443` or `[2001:db8::1]:443`.
fn is_host(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let name = |it: &str| {
        let plain = |it: u8| it.is_ascii_alphanumeric() || b"-.".contains(&it);
        !it.is_empty() && it.bytes().all(plain)
    };
    let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = match address {
        Some(address) => {
            let plain = |it: u8| it.is_ascii_hexdigit() || b":.".contains(&it);
            address.contains(':') && address.bytes().all(plain)
        }
        None => name(host),
    };
    let is_port = port.bytes().all(|it| it.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0);
    // A profile takes no longer one.
    is_host && is_port && text.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn hosts_have_a_name_and_a_port() {
        for good in ["a:1", "pay.example.com:443", "192.0.2.1:65535", "[2001:db8::1]:443"] {
            assert!(is_host(good), "{good}");
        }
        let long = format!("{}:1", "a".repeat(128));
        for bad in
            ["", "a", ":1", "a:", "a:0", "a:65536", "a:+1", "a b:1", "::1:443", "[a]:1", &long]
        {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn an_integration_is_one_that_a_label_can_say() {
        let with = |protocol: &str, version: &str| {
            let mut provider = samples::provider();
            let (protocol, version) = (protocol.to_owned(), version.to_owned());
            provider.integrations = vec![Integration { protocol, version }];
            samples::mistakes(provider)
        };
        for (protocol, version) in [("OPI", "2.0"), ("ZVT", "13.10/b"), ("p", &"v".repeat(62))] {
            assert_eq!(with(protocol, version), Vec::<String>::new(), "{protocol}/{version}");
        }
        for (protocol, version) in [
            ("", "2.0"),
            ("OPI", ""),
            ("OPI/NL", "2.0"),
            ("Open Payment", "2.0"),
            ("OPI", "2.0 (NL)"),
            ("OPI", "2,0"),
            ("p", &"v".repeat(63)),
        ] {
            let said = with(protocol, version);
            let is_told = said.len() == 1 && said[0].starts_with("`integrations` has `");
            assert!(is_told, "{protocol}/{version}: {said:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut provider = samples::provider();
        assert_eq!(samples::mistakes(provider.clone()), Vec::<String>::new());
        provider.name = String::new();
        provider.hosts = vec!["a".into(); 5];
        provider.acquirer_code = Some("12".into());
        provider.currencies = vec!["cny".into()];
        provider.watch.at_most_s = 0;
        provider.watch.host_errors_max = 101;
        provider.tests[1].amount_minor = -1;
        let licence = provider.licence.as_mut().unwrap();
        licence.valid_from = licence.valid_until.plus_days(1);
        licence.document_sha256 = Some("00".into());
        let said = samples::mistakes(provider).join("\n");
        for field in [
            "`name`",
            "`hosts` has 5",
            "`hosts` names one twice",
            "`hosts` has `a`",
            "`acquirer_code`",
            "`currencies`",
            "`watch.at_most_s`",
            "`watch.host_errors_max`",
            "`tests.amount_minor`",
            "`licence.valid_until`",
            "`licence.document_sha256`",
        ] {
            assert!(said.contains(field), "{field}: {said}");
        }
    }
}
