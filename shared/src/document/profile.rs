//! What one terminal needs to work with a provider: the whole tuple, replaced together.
//!
//! A profile has no signatures of its own: it travels beside an order, and the batch that people
//! signed holds the Merkle root over all of its profiles ([`crate::change::Rebind::profiles`]).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::digest::Digest;
use crate::id::{BindingId, PositionId, TerminalId};

/// One profile, its sealed secrets included. A message with an order, a batch and a profile must
/// stay far below [`crate::limits::MESSAGE_BYTES_MAX`].
pub const PROFILE_BYTES_MAX: usize = 8 * 1024;

/// Hosts of one profile: the first, and where to turn when it does not answer.
pub const HOSTS_MAX: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub format: u8,
    pub terminal: TerminalId,
    pub position: PositionId,
    pub binding: BindingId,
    /// Of the position's tuple; rises with every change of any part of it.
    pub version: u32,
    pub provider: String,
    pub merchant: Merchant,
    /// ISO 4217.
    pub currency: String,
    /// `host:port`, in the order in which they are tried.
    pub hosts: Vec<String>,
    /// Secrets of the tuple, sealed (age) to the terminal's own recipient; `None` where keys come
    /// another way.
    pub sealed: Option<ByteBuf>,
    pub replaces: Replaced,
}

/// What acquirers know a position by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merchant {
    /// At most 15 characters.
    pub mid: String,
    /// At most 15 characters; 8 in ISO 8583.
    pub tid: String,
    /// As it stands on receipts.
    pub name: String,
    /// Four digits (ISO 18245).
    pub mcc: String,
}

/// The binding that the profile takes the place of. A terminal that has another one by now has
/// moved since the change was planned, and refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// `None` where the POS was set up before its bindings were known here.
    pub binding: Option<BindingId>,
    pub mid: String,
    pub tid: String,
}

/// What makes a profile unusable, whoever vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundProfile {
    #[error("`{what}` is `{value}`: it has 1 to {max} printable characters")]
    Text { what: &'static str, value: String, max: usize },
    #[error("the MCC is `{0}`: it has four digits")]
    Mcc(String),
    #[error("the currency is `{0}`: it has three capital letters")]
    Currency(String),
    #[error("it names {0} hosts: there are 1 to {HOSTS_MAX}")]
    Hosts(usize),
    #[error("the new MID and TID are those of before: nothing would change")]
    Same,
}

impl Profile {
    /// Checks what no root can.
    pub fn check(&self) -> Result<(), UnsoundProfile> {
        let Merchant { mid, tid, name, mcc } = &self.merchant;
        text("provider", &self.provider, 64)?;
        text("mid", mid, 15)?;
        text("tid", tid, 15)?;
        text("name", name, 64)?;
        if mcc.len() != 4 || !mcc.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UnsoundProfile::Mcc(shown(mcc)));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|it| it.is_ascii_uppercase()) {
            return Err(UnsoundProfile::Currency(shown(&self.currency)));
        }
        if self.hosts.is_empty() || self.hosts.len() > HOSTS_MAX {
            return Err(UnsoundProfile::Hosts(self.hosts.len()));
        }
        self.hosts.iter().try_for_each(|host| text("host", host, 128))?;
        match (mid, tid) == (&self.replaces.mid, &self.replaces.tid) {
            true => Err(UnsoundProfile::Same),
            false => Ok(()),
        }
    }
}

fn text(what: &'static str, value: &str, max: usize) -> Result<(), UnsoundProfile> {
    let count = value.chars().count();
    let fits = (1..=max).contains(&count) && !value.chars().any(char::is_control);
    match fits && value.trim() == value {
        true => Ok(()),
        false => Err(UnsoundProfile::Text { what, value: shown(value), max }),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

/// A profile beside its order: its payload, and the siblings that prove that people signed for it.
/// Its place among the others is its order's ([`super::Order::index`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosed {
    pub profile: ByteBuf,
    pub path: Vec<Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::FORMAT;

    fn sound() -> Profile {
        Profile {
            format: FORMAT,
            terminal: TerminalId::from_bytes([1; 16]),
            position: PositionId::from_bytes([2; 16]),
            binding: BindingId::from_bytes([3; 16]),
            version: 2,
            provider: "beta".to_owned(),
            merchant: Merchant {
                mid: "898440154110001".to_owned(),
                tid: "B0000001".to_owned(),
                name: "North Store".to_owned(),
                mcc: "5411".to_owned(),
            },
            currency: "CNY".to_owned(),
            hosts: vec!["127.0.0.1:9001".to_owned()],
            sealed: None,
            replaces: Replaced {
                binding: None,
                mid: "105440154110001".to_owned(),
                tid: "A0000001".to_owned(),
            },
        }
    }

    type Spoil = fn(&mut Profile);

    #[test]
    fn each_part_of_the_tuple_has_a_shape() {
        assert_eq!(sound().check(), Ok(()));
        let cases: &[(&str, Spoil)] = &[
            ("no provider", |it| it.provider.clear()),
            ("a long MID", |it| it.merchant.mid = "1".repeat(16)),
            ("a blank TID", |it| it.merchant.tid = " ".to_owned()),
            ("a TID with a line", |it| it.merchant.tid = "A\n1".to_owned()),
            ("a name that is too long", |it| it.merchant.name = "n".repeat(65)),
            ("an MCC of letters", |it| it.merchant.mcc = "54a1".to_owned()),
            ("a short MCC", |it| it.merchant.mcc = "541".to_owned()),
            ("a currency in small letters", |it| it.currency = "cny".to_owned()),
            ("no host", |it| it.hosts.clear()),
            ("five hosts", |it| it.hosts = vec!["h:1".to_owned(); 5]),
            ("an empty host", |it| it.hosts = vec![String::new()]),
            ("nothing new", |it| {
                it.replaces.mid = it.merchant.mid.clone();
                it.replaces.tid = it.merchant.tid.clone();
            }),
        ];
        for (what, spoil) in cases {
            let mut profile = sound();
            spoil(&mut profile);
            assert!(profile.check().is_err(), "{what}");
        }
    }
}
