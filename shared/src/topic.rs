//! Every MQTT topic, written and read by one type. Broker access rules are built from it too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::TerminalId;

/// Terminals are spread over 256 shards, so that a controller or a broker can take some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u8);

impl Shard {
    /// The first byte of the SHA-256 of the id's text: stable for ever, evenly spread.
    pub fn of(terminal: TerminalId) -> Self {
        Self(Digest::of(terminal.to_string().as_bytes()).0[0])
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:03}", self.0)
    }
}

/// Where messages travel. QoS 1, never retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Controller → one terminal: orders, acknowledgements, fleet time.
    Down(TerminalId),
    /// Terminal → controller: hello, reports, receipts, telemetry, and the last will.
    Up(TerminalId),
}

/// What a controller subscribes to: everything that terminals say.
pub const UP_FILTER: &str = "tw/1/+/+/up";

/// What a controller subscribes to when it serves one shard.
pub fn up_filter(shard: Shard) -> String {
    format!("tw/1/{shard}/+/up")
}

impl Topic {
    pub fn terminal(self) -> TerminalId {
        match self {
            Self::Down(terminal) | Self::Up(terminal) => terminal,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self {
            Self::Down(_) => "down",
            Self::Up(_) => "up",
        };
        let terminal = self.terminal();
        write!(out, "tw/1/{}/{terminal}/{direction}", Shard::of(terminal))
    }
}

/// Why a text is not one of our topics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a topic of this system (`tw/1/<shard>/<terminal>/up` or `…/down`)")]
pub struct NotATopic(String);

impl FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        let wrong = || NotATopic(text.chars().take(128).collect());
        let mut levels = text.split('/');
        let mut next = || levels.next().ok_or_else(wrong);
        if (next()?, next()?) != ("tw", "1") {
            return Err(wrong());
        }
        let shard = next()?;
        let terminal = next()?.parse::<TerminalId>().map_err(|_| wrong())?;
        let topic = match next()? {
            "down" => Self::Down(terminal),
            "up" => Self::Up(terminal),
            _ => return Err(wrong()),
        };
        match levels.next() {
            None if shard == Shard::of(terminal).to_string() => Ok(topic),
            None | Some(_) => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: TerminalId = TerminalId::from_bytes([9; 16]);

    #[test]
    fn every_topic_reads_back_as_it_was_written() {
        for topic in [Topic::Down(TERMINAL), Topic::Up(TERMINAL)] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
    }

    #[test]
    fn foreign_topics_are_refused() {
        let up = Topic::Up(TERMINAL).to_string();
        let wrong_shard = format!("tw/1/{:03}/{TERMINAL}/up", Shard::of(TERMINAL).0 ^ 1);
        let corpus = [
            up.replace("tw/1/", "tw/2/"),
            up.replace("tw/", "twx/"),
            format!("{up}/more"),
            format!("{up}/"),
            up.replace("/up", "/sideways"),
            up.replace("/up", ""),
            up.replace("trm-", "ord-"),
            wrong_shard,
            UP_FILTER.to_owned(),
            String::new(),
            "/".repeat(1000),
        ];
        for text in corpus {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_controllers_filters_cover_what_terminals_write() {
        let up = Topic::Up(TERMINAL).to_string();
        let levels: Vec<_> = up.split('/').collect();
        let matches = |filter: &str| {
            let filter: Vec<_> = filter.split('/').collect();
            filter.len() == levels.len()
                && filter.iter().zip(&levels).all(|(want, got)| *want == "+" || want == got)
        };
        assert!(matches(UP_FILTER));
        assert!(matches(&up_filter(Shard::of(TERMINAL))));
    }
}
