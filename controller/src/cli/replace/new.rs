//! `tillward replace new`.

use clap::Args;
use shared::id::{NotAnId, RequestId};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::print::Print;
use super::super::rebind::terms::pair;
use super::show::whole;
use crate::api::model::{NewReplacement, ReplaceReason, ReplacementBegun, ReplacementForm};

/// Begin a replacement, or see everything that is wrong with what is asked for
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  tillward replace new --request req-… --merchant 'Corner shop' --serial PX-1 --model px8 \\
    --reason chip-read-error")]
pub(crate) struct New {
    /// The accepted request that it carries out
    #[arg(long, value_name = "REQUEST", value_parser = request_id)]
    request: RequestId,
    /// Whose shop it is, as contracts name the merchant
    #[arg(long, value_name = "NAME")]
    merchant: String,
    /// Of the terminal that is there
    #[arg(long, value_name = "SERIAL")]
    serial: String,
    /// The model that comes
    #[arg(long, value_name = "KEY")]
    model: String,
    /// chip-read-error, compromised, incorrect-key-injection, incorrect-password, power-issue,
    /// suspected-tampering, tampered, terminal-error or other
    #[arg(long, value_parser = reason)]
    reason: ReplaceReason,
    /// Needed where the reason is `other`
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who answers for what speaks against it, by its code (`old-suspended`, `untested`): somebody
    /// else than who asks for it
    #[arg(long = "override", value_name = "CODE=NAME", value_parser = pair)]
    overrides: Vec<(String, String)>,
    /// Only look whether it could be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn request_id(text: &str) -> Result<RequestId, NotAnId> {
    text.parse()
}

fn reason(text: &str) -> Result<ReplaceReason, String> {
    let known = ReplaceReason::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let words: Vec<_> = ReplaceReason::ALL.iter().map(|it| it.as_str()).collect();
        format!("`{text}` is no reason: write {}", words.join(", "))
    })
}

impl New {
    pub(super) async fn run(&self, client: &Client, print: &mut Print) -> Result<Exit, Failure> {
        let form = ReplacementForm {
            merchant: self.merchant.clone(),
            old_serial: self.serial.clone(),
            new_model: self.model.clone(),
            reason: self.reason,
            note: self.note.clone(),
            answers: self.overrides.iter().cloned().collect(),
        };
        let asked = NewReplacement { request: self.request, form, dry_run: self.dry_run };
        let begun = client.replace(&asked).await?;
        match self.json {
            true => print.json(&begun),
            false => tell(&begun, print),
        }
        Ok(if begun.mistakes.is_empty() { Exit::Done } else { Exit::Failed })
    }
}

fn tell(begun: &ReplacementBegun, print: &mut Print) {
    if let Some(it) = &begun.replacement {
        return whole(it, &[], print);
    }
    if begun.mistakes.is_empty() {
        return print.remark("Nothing speaks against it.");
    }
    let rows = begun.mistakes.iter().map(|it| [it.field.clone(), it.what.clone()]);
    print.table(["field", "what is wrong"], rows.collect(), "");
    print.hint("correct all of it, and ask again: nothing was begun");
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::*;
    use crate::api::model::ReplacementMistake;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mistake = |field: &str, what: &str| ReplacementMistake {
            field: field.to_owned(),
            what: what.to_owned(),
        };
        let mistakes = vec![
            mistake("merchant", "is not written down for north/1"),
            mistake("new_model", "lacks what the old one has: fiscal"),
        ];
        let begun = ReplacementBegun { mistakes, replacement: None };
        golden::check("replace-mistakes", &golden::printed(|print| tell(&begun, print)));
        assert_eq!(reason("tampered"), Ok(ReplaceReason::Tampered));
        assert!(reason("broken").unwrap_err().contains("power-issue"));
    }
}
