//! What an acquirer knows a position by, and what makes it unusable. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::document::Profile;
use shared::document::profile::{HOSTS_MAX, Merchant};

use crate::provider::merchant;
use crate::provider::record::Provider;

/// Everything about a binding that is replaced together: never a part of it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuple {
    pub mid: String,
    pub tid: String,
    /// As it stands on receipts.
    pub name: String,
    /// Four digits (ISO 18245).
    pub mcc: String,
    /// ISO 4217.
    pub currency: String,
    /// `host:port`, in the order in which they are tried. An estate that is taken over may not
    /// know them; nothing is staged without one.
    pub hosts: Vec<String>,
    /// Three digits; where there is one, the MID begins with it.
    pub acquirer_code: Option<String>,
    /// Unified social credit code of the merchant (GB 32100).
    pub uscc: Option<String>,
    /// What the merchant's bank calls the account; never its number.
    pub settlement_account: Option<String>,
    pub install_address: Option<String>,
}

impl Tuple {
    /// What a profile binds its terminal to.
    pub fn of(profile: &Profile) -> Self {
        let Merchant { mid, tid, name, mcc } = profile.merchant.clone();
        Self {
            mid,
            tid,
            name,
            mcc,
            currency: profile.currency.clone(),
            hosts: profile.hosts.clone(),
            acquirer_code: None,
            uscc: None,
            settlement_account: None,
            install_address: None,
        }
    }
}

/// One thing that is wrong with a tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleMistake {
    /// For example `mid`.
    pub field: &'static str,
    pub what: String,
}

impl fmt::Display for TupleMistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` {}", self.field, self.what)
    }
}

/// Everything that is wrong, in the order of the fields. `provider`: as the registry knows it; of
/// one that it does not know, the tuple's own acquirer code is all that is asked about the MID.
pub fn mistakes(tuple: &Tuple, provider: Option<&Provider>) -> Vec<TupleMistake> {
    let mut found = Found(Vec::new());
    let Tuple { mid, tid, name, mcc, currency, hosts, .. } = tuple;
    found.code("mid", mid, 15);
    let theirs = provider.and_then(|it| it.acquirer_code.as_deref());
    let own = tuple.acquirer_code.as_deref().filter(|code| digits(code, 3));
    if let Some(acquirer) = theirs.or(own) {
        for mistake in merchant::check_mid_of(acquirer, mid, mcc).err().unwrap_or_default() {
            found.say("mid", mistake.to_string());
        }
    }
    found.code("tid", tid, 15);
    found.line("name", name, 64);
    if !digits(mcc, 4) {
        found.say("mcc", format!("is `{}`: it has four digits", shown(mcc)));
    }
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        found.say("currency", format!("is `{}`: it has three capital letters", shown(currency)));
    }
    if hosts.len() > HOSTS_MAX {
        found.say("hosts", format!("has {} hosts: there are at most {HOSTS_MAX}", hosts.len()));
    }
    hosts.iter().for_each(|host| found.host(host));
    if let Some(code) = tuple.acquirer_code.as_ref().filter(|code| !digits(code, 3)) {
        found.say("acquirer_code", format!("is `{}`: it has three digits", shown(code)));
    }
    if let Some((theirs, own)) = theirs.zip(own).filter(|(theirs, own)| theirs != own) {
        found.say("acquirer_code", format!("is `{own}`, and the provider's is `{theirs}`"));
    }
    if let Some(code) = tuple.uscc.as_ref().filter(|code| !is_uscc(code)) {
        found.say("uscc", format!("is `{}`: it is not a valid code of 18 signs", shown(code)));
    }
    let lines = [
        ("settlement_account", &tuple.settlement_account, 64),
        ("install_address", &tuple.install_address, 200),
    ];
    for (field, line, max) in lines {
        line.iter().for_each(|line| found.line(field, line, max));
    }
    found.0
}

struct Found(Vec<TupleMistake>);

impl Found {
    fn say(&mut self, field: &'static str, what: String) {
        self.0.push(TupleMistake { field, what });
    }

    /// Letters, digits and marks, without a space: acquirers compare them byte by byte.
    fn code(&mut self, field: &'static str, text: &str, max: usize) {
        let fits = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            let what = format!("is `{}`: it has 1 to {max} letters, digits or marks", shown(text));
            self.say(field, what);
        }
    }

    fn line(&mut self, field: &'static str, text: &str, max: usize) {
        let fits = (1..=max).contains(&text.chars().count())
            && !text.trim().is_empty()
            && !text.chars().any(char::is_control);
        if !fits {
            let what = format!("is `{}`: it has 1 to {max} printable characters", shown(text));
            self.say(field, what);
        }
    }

    fn host(&mut self, host: &str) {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let named = (1..=120).contains(&name.len()) && name.bytes().all(plain);
        if !named || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            self.say("hosts", format!("names `{}`: write `host:port`", shown(host)));
        }
    }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is wrong is shown, but not all of it: nobody knows what was pasted.
fn shown(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The last of 18 signs proves the others.
fn is_uscc(code: &str) -> bool {
    const SIGNS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let values = code.bytes().map(|byte| SIGNS.iter().position(|sign| *sign == byte));
    let Some(values) = values.collect::<Option<Vec<_>>>() else { return false };
    let [values @ .., check] = values.as_slice() else { return false };
    let sum: usize = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    values.len() == WEIGHTS.len() && *check == (31 - sum % 31) % 31
}

#[cfg(test)]
impl Tuple {
    pub(crate) fn example() -> Self {
        Self {
            mid: "M-1".to_owned(),
            tid: "T-1".to_owned(),
            name: "Corner shop".to_owned(),
            mcc: "5411".to_owned(),
            currency: "EUR".to_owned(),
            hosts: vec!["alpha.example:9001".to_owned()],
            acquirer_code: None,
            uscc: None,
            settlement_account: None,
            install_address: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::samples;

    #[track_caller]
    fn check(tuple: &Tuple, provider: Option<&Provider>, fields: &[&str]) {
        let found = mistakes(tuple, provider);
        let found: Vec<_> = found.iter().map(|it| it.field).collect();
        assert_eq!(found, fields, "{tuple:?}");
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        check(&Tuple::example(), None, &[]);
        let wrong = Tuple {
            mid: String::new(),
            tid: "a b".to_owned(),
            name: "\u{7}".to_owned(),
            mcc: "541".to_owned(),
            currency: "eur".to_owned(),
            hosts: vec!["x".to_owned(); 5],
            acquirer_code: Some("12".to_owned()),
            uscc: Some("91350100M000100Y44".to_owned()),
            settlement_account: Some(" ".to_owned()),
            install_address: Some("x".repeat(201)),
        };
        let fields = [
            "mid",
            "tid",
            "name",
            "mcc",
            "currency",
            "hosts",
            "hosts",
            "hosts",
            "hosts",
            "hosts",
            "hosts",
            "acquirer_code",
            "uscc",
            "settlement_account",
            "install_address",
        ];
        check(&wrong, None, &fields);
    }

    #[test]
    fn hosts_have_a_name_and_a_port() {
        for host in ["a.example", "a.example:", ":80", "a:0", "a:65536", "a b:1", "http://a:1"] {
            check(&Tuple { hosts: vec![host.into()], ..Tuple::example() }, None, &["hosts"]);
        }
    }

    #[test]
    fn a_mid_says_its_acquirer_and_its_mcc_where_acquirers_have_codes() {
        let with = |mid: &str| Tuple { mid: mid.to_owned(), ..Tuple::example() };
        let provider = |code: Option<&str>| Provider {
            acquirer_code: code.map(str::to_owned),
            ..samples::provider()
        };
        let known = provider(Some("102"));
        let rule = Some(&known);
        check(&with("102290054110001"), rule, &[]);
        check(&with("103290054110001"), rule, &["mid"]);
        check(&with("102290054120001"), rule, &["mid"]);
        check(&with("103290054120001"), rule, &["mid", "mid"]);
        check(&with("10229005411000"), rule, &["mid"]);
        check(&with("10229005411000X"), rule, &["mid"]);
        check(&with("１０２２９"), rule, &["mid", "mid"]);
        check(&with("M-1"), None, &[]);
        check(&with("M-1"), Some(&provider(None)), &[]);
        let own = Tuple { acquirer_code: Some("102".into()), ..with("103290054110001") };
        check(&own, None, &["mid"]);
        check(&own, Some(&provider(None)), &["mid"]);
        check(&own, Some(&provider(Some("103"))), &["acquirer_code"]);
        check(&own, rule, &["mid"]);
    }

    #[test]
    fn a_social_credit_code_is_proven_by_its_last_sign() {
        assert!(is_uscc("91350100M000100Y43"));
        for wrong in ["91350100M000100Y44", "91350100M000100Y4", "91350100M000100Y433", ""] {
            assert!(!is_uscc(wrong), "{wrong}");
        }
        assert!(!is_uscc("91350100M000100I43"), "there is no letter I");
    }
}
