//! Every kind of id, in alphabetical order. Ids cannot be swapped: each kind is a type of its own,
//! and its prefix is part of the text, so that a pasted wrong id is named as such.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is not the id that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    #[error("`{text}` is not a `{wanted}-…` id")]
    OtherKind { text: String, wanted: &'static str },
    #[error("`{text}` is not an id: after `{wanted}-` come 32 hexadecimal digits, in lower case")]
    Malformed { text: String, wanted: &'static str },
}

fn read(text: &str, prefix: &'static str) -> Result<Uuid, NotAnId> {
    let shown = || text.chars().take(64).collect::<String>();
    let Some(digits) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) else {
        return Err(NotAnId::OtherKind { text: shown(), wanted: prefix });
    };
    let plain =
        digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match Uuid::try_parse(digits) {
        Ok(id) if plain => Ok(id),
        Ok(_) | Err(_) => Err(NotAnId::Malformed { text: shown(), wanted: prefix }),
    }
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with, before the hyphen.
            pub const PREFIX: &'static str = $prefix;

            /// A new id. Ids made later sort later (UUID version 7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id made of these bytes: for ids that are derived from others, and for tests,
            /// which must repeat.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}-{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

typed_id! {
    /// One signed statement of what is to be done, and on which terminals.
    BatchId = "bat";
    /// One provider's tuple for one position: MID, TID, name and what goes with them.
    BindingId = "bnd";
    /// A change for many terminals, followed to its end.
    CampaignId = "cmp";
    /// A one-time permission for one serial number to enrol.
    ClaimId = "clm";
    /// All terminals under one roster. Part of what every signature covers.
    FleetId = "flt";
    /// One signed instruction for one terminal; also the id of the job that carries it out.
    OrderId = "ord";
    /// One disk or bucket for backups; another one in its place has another id.
    PlaceId = "plc";
    /// A place in a store that a terminal fills: a lane, a counter.
    PositionId = "pos";
    /// The backups of one terminal under one key: a repository in restic's format.
    RepositoryId = "rep";
    /// Somebody's wish for a change, and how it was verified.
    RequestId = "req";
    /// A physical terminal, given at enrolment and never reused.
    TerminalId = "trm";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = TerminalId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("trm-"));
    }

    #[test]
    fn a_pasted_id_of_another_kind_is_named_as_such() {
        let order = OrderId::from_bytes([7; 16]).to_string();
        let refusal = order.parse::<TerminalId>().unwrap_err().to_string();
        assert_eq!(refusal, format!("`{order}` is not a `trm-…` id"));
    }

    #[test]
    fn texts_that_only_look_like_ids_are_refused() {
        for text in ["trm-", "trm-12", "trm-0123456789ABCDEF0123456789ABCDEF", "trm", ""] {
            assert!(text.parse::<TerminalId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_fit_certificate_names_and_topic_levels() {
        let text = TerminalId::generate().to_string();
        assert!((8..=40).contains(&text.len()));
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }
}
