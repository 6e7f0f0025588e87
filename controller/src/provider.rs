//! Who clears payments, at what price, by which contract, and on which tills that works. Pure.
//!
//! Everything here is a [`Document`] that people write, as JSON, CSV or TOML. Its versions are
//! never changed: a change is the next version. What people vouch for (that a licence was looked
//! up, that a rate outside its band is meant) is no part of a document but stands beside it as a
//! [`Vouch`], which names the very text that was vouched for: it lapses when that changes, and no
//! file that is imported can claim it.

pub mod alerts;
pub mod compatibility;
pub mod contract;
pub mod day;
pub mod fees;
pub mod files;
pub mod import;
pub mod merchant;
pub mod model;
pub mod record;
pub mod target;
pub mod text;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shared::digest::Digest;
use shared::time::UnixTime;
use utoipa::ToSchema;

use compatibility::Row;
use contract::Contract;
use fees::{Band, FeeSchedule};
use model::Model;
use record::Provider;
use text::Mistakes;

use crate::request::is_same_person;

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = DocumentKind)]
pub enum Kind {
    /// Who clears payments
    Provider,
    /// What one provider takes, by merchant class
    Fees,
    /// What a merchant class may be asked for
    Band,
    /// What was agreed with a provider
    Contract,
    /// What a model of terminal can do
    Model,
    /// What was seen to work together
    Compatibility,
}

impl Kind {
    /// In the order in which they refer to one another.
    pub const ALL: [Self; 6] =
        [Self::Provider, Self::Fees, Self::Band, Self::Contract, Self::Model, Self::Compatibility];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Fees => "fees",
            Self::Band => "band",
            Self::Contract => "contract",
            Self::Model => "model",
            Self::Compatibility => "compatibility",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no kind of document: write {list}",
    list = Kind::ALL.map(Kind::as_str).join(", ")
)]
pub struct NotAKind(String);

impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| NotAKind(text::shown(text)))
    }
}

/// One thing that people write down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Document {
    Provider(Provider),
    Fees(FeeSchedule),
    Band(Band),
    Contract(Contract),
    Model(Model),
    Compatibility(Row),
}

impl Document {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Provider(_) => Kind::Provider,
            Self::Fees(_) => Kind::Fees,
            Self::Band(_) => Kind::Band,
            Self::Contract(_) => Kind::Contract,
            Self::Model(_) => Kind::Model,
            Self::Compatibility(_) => Kind::Compatibility,
        }
    }

    /// The key that follows from what it says, where people do not choose one.
    pub fn own_key(&self) -> Option<String> {
        match self {
            Self::Compatibility(row) => Some(row.key()),
            Self::Provider(_)
            | Self::Fees(_)
            | Self::Band(_)
            | Self::Contract(_)
            | Self::Model(_) => None,
        }
    }

    /// Everything that is wrong with it by itself, under this key.
    pub fn mistakes(&self, key: &str) -> Vec<String> {
        let mut mistakes = Mistakes::default();
        match self.own_key() {
            Some(own) if own != key => {
                mistakes.add(format!("its key is `{own}`, which follows from what it is about"));
            }
            Some(_) => {}
            None => mistakes.key("key", key),
        }
        match self {
            Self::Provider(it) => it.check(&mut mistakes),
            Self::Fees(it) => it.check(&mut mistakes),
            Self::Band(it) => it.check(&mut mistakes),
            Self::Contract(it) => it.check(&mut mistakes),
            Self::Model(it) => it.check(&mut mistakes),
            Self::Compatibility(it) => it.check(&mut mistakes),
        }
        mistakes.found()
    }

    /// The documents that must be there for this one to make sense.
    pub fn refers_to(&self) -> Vec<(Kind, &str)> {
        match self {
            Self::Fees(it) => vec![(Kind::Provider, it.provider.as_str())],
            Self::Contract(it) => {
                vec![(Kind::Provider, it.provider.as_str()), (Kind::Fees, it.fees.as_str())]
            }
            Self::Compatibility(it) => {
                it.provider.iter().map(|key| (Kind::Provider, key.as_str())).collect()
            }
            Self::Provider(_) | Self::Band(_) | Self::Model(_) => vec![],
        }
    }
}

/// What a person can vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Matter {
    /// The provider's licence was looked up in the regulator's register
    Licence,
    /// A provider that clears through somebody else is used all the same
    Clearing,
    /// Rates outside of their band are meant
    Fees,
    /// A contract was read by somebody who knows the law
    Legal,
}

impl Matter {
    pub const ALL: [Self; 4] = [Self::Licence, Self::Clearing, Self::Fees, Self::Legal];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Licence => "licence",
            Self::Clearing => "clearing",
            Self::Fees => "fees",
            Self::Legal => "legal",
        }
    }

    /// The kind of document that it is about.
    pub fn kind(self) -> Kind {
        match self {
            Self::Licence | Self::Clearing => Kind::Provider,
            Self::Fees => Kind::Fees,
            Self::Legal => Kind::Contract,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nobody vouches for `{0}`: write {list}",
    list = Matter::ALL.map(Matter::as_str).join(", ")
)]
pub struct NotAMatter(String);

impl FromStr for Matter {
    type Err = NotAMatter;

    fn from_str(text: &str) -> Result<Self, NotAMatter> {
        let known = Self::ALL.into_iter().find(|matter| matter.as_str() == text);
        known.ok_or_else(|| NotAMatter(text::shown(text)))
    }
}

/// A person's word about a part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    pub matter: Matter,
    /// SHA-256 of what was vouched for. It counts for nothing else.
    pub of: Digest,
    pub by: String,
    pub at: UnixTime,
    pub why: String,
}

/// The newest version of a document, or an older one, and what people vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<T> {
    pub key: String,
    /// From 1; rises with every change.
    pub version: u32,
    pub document: T,
    pub vouches: Vec<Vouch>,
}

impl<T> Known<T> {
    /// The newest word about this part of it, as it is now.
    pub fn vouched(&self, matter: Matter, of: Digest) -> Option<&Vouch> {
        self.vouches.iter().filter(|it| it.matter == matter && it.of == of).max_by_key(|it| it.at)
    }

    /// Without what these people said: nobody vouches for what they want themselves. That a licence
    /// was looked up is a fact, whoever did.
    pub fn but_for_words_of(mut self, people: [&str; 2]) -> Self {
        let is_one = |name: &str| people.iter().any(|it| is_same_person(it, name));
        self.vouches.retain(|it| it.matter == Matter::Licence || !is_one(&it.by));
        self
    }

    /// The same about a part of it, or about another form of it.
    pub fn map<U>(self, other: impl FnOnce(T) -> U) -> Known<U> {
        let Self { key, version, document, vouches } = self;
        Known { key, version, document: other(document), vouches }
    }
}

macro_rules! as_one_kind {
    ($($(#[$doc:meta])* $name:ident: $kind:ident of $of:ty),+) => {
        impl Known<Document> {
            $($(#[$doc])*
            pub fn $name(self) -> Option<Known<$of>> {
                let Self { key, version, document, vouches } = self;
                let Document::$kind(document) = document else { return None };
                Some(Known { key, version, document, vouches })
            })+
        }
    };
}

as_one_kind! {
    /// `None` for another kind, as below.
    provider: Provider of Provider,
    fees: Fees of FeeSchedule,
    band: Band of Band,
    contract: Contract of Contract,
    model: Model of Model,
    row: Compatibility of Row
}

/// The parts of a document that differ, by the names of its fields; all of a new one.
pub fn changed(old: Option<&Document>, new: &Document) -> Vec<String> {
    let fields = |document: &Document| match serde_json::to_value(document) {
        Ok(serde_json::Value::Object(fields)) => fields,
        Ok(_) | Err(_) => unreachable!("a document has fields"),
    };
    let (old, new) = (old.map(fields).unwrap_or_default(), fields(new));
    let gone = old.keys().filter(|field| !new.contains_key(*field));
    let differ = new.iter().filter(|(field, value)| old.get(*field) != Some(value));
    let mut changed: Vec<_> = gone.chain(differ.map(|(field, _)| field)).cloned().collect();
    changed.retain(|field| field != "kind");
    changed.sort();
    changed
}

/// What a vouch names: the text of what was vouched for.
fn digest_of(part: &impl Serialize) -> Digest {
    Digest::of(&serde_json::to_vec(part).expect("documents have text keys and no floats"))
}

#[cfg(test)]
pub(crate) mod samples;
