//! What people accept of tills that cannot settle, as arguments of `tillward deactivate suspend`.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use shared::change::{Covers, SettlementDelay};
use shared::time::UnixTime;

use super::super::measure;

/// How long it is tried where nobody says otherwise: hosts that close at night are back by then.
const AFTER: &str = "12h";

#[derive(Debug, Args)]
pub(super) struct Delay {
    /// Accept that a terminal whose host is away or counts otherwise is suspended before it has
    /// settled: `whatever-is-open`, or no more than TOTAL:CURRENCY in the smallest unit. It is not
    /// wiped before it has settled
    #[arg(long = "delay-settlement", value_name = "WHAT")]
    #[arg(requires_all = ["until", "why", "accepted_by"])]
    most: Option<Most>,
    /// With TOTAL:CURRENCY, how many payments and reversals need not be sent; else none
    #[arg(long = "delay-unsent", value_name = "COUNT", requires = "most")]
    unsent: Option<u32>,
    /// How long after the cut-off it is tried first, at most 3 days
    #[arg(long = "delay-after", value_name = "DURATION", value_parser = measure::duration)]
    #[arg(default_value = AFTER)]
    after: Duration,
    /// By when it must have settled all the same
    #[arg(long = "delay-until", value_name = "TIME", value_parser = measure::unix_time)]
    #[arg(requires = "most")]
    until: Option<UnixTime>,
    /// Why that is accepted
    #[arg(long = "delay-reason", value_name = "TEXT", requires = "most")]
    why: Option<String>,
    /// Who accepts it: not whoever asks for the suspension
    #[arg(long = "delay-accepted-by", value_name = "NAME", requires = "most")]
    accepted_by: Option<String>,
}

/// `whatever-is-open`, or `125000:CNY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Most {
    WhateverIsOpen,
    UpTo { total_minor: u64, currency: String },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither `whatever-is-open` nor a total and its currency, for example `125000:CNY`"
)]
struct NotAnAmount(String);

impl FromStr for Most {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        if text == "whatever-is-open" {
            return Ok(Self::WhateverIsOpen);
        }
        let amount = text.split_once(':').and_then(|(total, currency)| {
            let total_minor = total.parse().ok()?;
            Some(Self::UpTo { total_minor, currency: currency.to_owned() })
        });
        amount.ok_or_else(|| NotAnAmount(text.chars().take(32).collect()))
    }
}

impl Delay {
    /// `None` where nothing of it was asked for.
    pub(super) fn wish(&self) -> Option<SettlementDelay> {
        let covers = match self.most.clone()? {
            Most::WhateverIsOpen => Covers::WhateverIsOpen,
            Most::UpTo { total_minor, currency } => {
                Covers::UpTo { total_minor, currency, unsent: self.unsent.unwrap_or_default() }
            }
        };
        Some(SettlementDelay {
            covers,
            after_s: u32::try_from(self.after.as_secs()).unwrap_or(u32::MAX),
            settled_by: self.until?,
            reason: self.why.clone()?,
            accepted_by: self.accepted_by.clone()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        delay: Delay,
    }

    fn read(words: &str) -> Result<Option<SettlementDelay>, clap::Error> {
        Line::try_parse_from(format!("suspend {words}").split_whitespace())
            .map(|it| it.delay.wish())
    }

    #[test]
    fn an_exception_is_whole_or_is_not_asked_for() {
        let answered = "--delay-until 1800000000 --delay-reason host --delay-accepted-by Hana";
        let covers = |words: &str| {
            read(&format!("--delay-settlement {words} {answered}")).map(|it| it.unwrap().covers)
        };
        assert_eq!(covers("whatever-is-open").unwrap(), Covers::WhateverIsOpen);
        let up_to =
            |unsent| Covers::UpTo { total_minor: 1_250, currency: "CNY".to_owned(), unsent };
        assert_eq!(covers("1250:CNY").unwrap(), up_to(0));
        assert_eq!(covers("1250:CNY --delay-unsent 3").unwrap(), up_to(3));
        assert_eq!(read("").unwrap(), None);
        for words in [answered, "--delay-settlement whatever-is-open", "--delay-unsent 1"] {
            assert!(read(words).is_err(), "{words}");
        }
        for most in ["1250", "CNY:1250", "-1:CNY", "everything"] {
            assert!(covers(most).is_err(), "{most}");
        }
        let all = read(&format!("--delay-settlement 1:CNY --delay-after 2h {answered}"));
        let wanted = SettlementDelay {
            covers: Covers::UpTo { total_minor: 1, currency: "CNY".to_owned(), unsent: 0 },
            after_s: 7_200,
            settled_by: UnixTime(1_800_000_000),
            reason: "host".to_owned(),
            accepted_by: "Hana".to_owned(),
        };
        assert_eq!(all.unwrap(), Some(wanted));
    }
}
