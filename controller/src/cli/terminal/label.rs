//! `tillward terminal label`: what is known of a terminal beside what it says of itself.

use std::collections::BTreeMap;

use clap::Args;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use crate::api::model::{Labels, Terminal};

/// Set labels of a terminal, or take them away
///
/// Selections know them as `--where label.KEY=VALUE`. These are known elsewhere too: the
/// compatibility matrix looks at `hardware` (the revision) and `key-set`, and at `firmware` and
/// `kernel` (the EMV kernel) where the till does not say them itself; a change of provider looks at
/// `integration`, which is how the shop's cash register speaks to the till, as PROTOCOL/VERSION.
///
/// Labels stay when the terminal enrols again, also in another shop.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward terminal label PX-1 hardware=rev2 key-set=2026-1 integration=OPI/2.0 ring-")]
pub(in super::super) struct LabelTerminal {
    /// Its id (`trm-…`) or its serial number
    terminal: String,
    /// `KEY=VALUE` sets a label, `KEY-` takes it away
    #[arg(required = true, value_name = "LABEL", value_parser = label)]
    labels: Vec<(String, Option<String>)>,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl LabelTerminal {
    pub(super) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let labels: BTreeMap<_, _> = self.labels.iter().cloned().collect();
        if labels.len() != self.labels.len() {
            return Err(Failure::because("a label is named twice"));
        }
        let id = super::identify(&self.terminal, client).await?;
        let asked = Labels { labels, reason: self.reason.clone() };
        let terminal: Terminal = client.label_terminal(id, &asked).await?;
        match self.json {
            true => print.json(&terminal),
            false => super::list(&[terminal], now, print),
        }
        Ok(Exit::Done)
    }
}

fn label(text: &str) -> Result<(String, Option<String>), &'static str> {
    let told = "write KEY=VALUE, or KEY- to take a label away";
    let (key, value) = match (text.split_once('='), text.strip_suffix('-')) {
        (Some((key, value)), _) => (key, Some(value.to_owned())),
        (None, Some(key)) => (key, None),
        (None, None) => return Err(told),
    };
    match key.is_empty() || value.as_ref().is_some_and(String::is_empty) {
        true => Err(told),
        false => Ok((key.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_set_or_taken_away() {
        let is = |text: &str| label(text).map(|(key, value)| format!("{key} {value:?}"));
        assert_eq!(is("kernel=7").as_deref(), Ok("kernel Some(\"7\")"));
        assert_eq!(is("key-set=a-").as_deref(), Ok("key-set Some(\"a-\")"));
        assert_eq!(is("key-set-").as_deref(), Ok("key-set None"));
        for wrong in ["", "-", "kernel", "=7", "kernel="] {
            assert!(is(wrong).is_err(), "{wrong}");
        }
    }
}
