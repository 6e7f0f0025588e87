//! What somebody asks for who wants a terminal replaced, and everything that is wrong with it.
//! Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shared::id::TerminalId;
use shared::limits::TEXT_BYTES_MAX;
use utoipa::ToSchema;

use crate::finding::{self, Asks, Finding, Weight, finding};
use crate::position::Position;
use crate::provider::compatibility::{Status, Verdict};
use crate::provider::day::Day;
use crate::provider::model::Model;
use crate::registry::terminal::{Service, Terminal, Unit};
use crate::text::is_said;

/// Codes of what speaks against a form.
const SUSPENDED: &str = "old-suspended";
const UNTESTED: &str = "untested";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplacementForm)]
pub struct Form {
    /// As contracts name it.
    pub merchant: String,
    /// Of the terminal that is there.
    pub old_serial: String,
    /// The key of the model that comes.
    pub new_model: String,
    pub reason: ReplaceReason,
    #[serde(default)]
    pub note: String,
    /// Who answers for what speaks against it, by the code of the finding: somebody else than who
    /// asks for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceReason {
    ChipReadError,
    Compromised,
    IncorrectKeyInjection,
    IncorrectPassword,
    PowerIssue,
    SuspectedTampering,
    Tampered,
    TerminalError,
    /// The note says which.
    Other,
}

impl ReplaceReason {
    pub const ALL: [Self; 9] = [
        Self::ChipReadError,
        Self::Compromised,
        Self::IncorrectKeyInjection,
        Self::IncorrectPassword,
        Self::PowerIssue,
        Self::SuspectedTampering,
        Self::Tampered,
        Self::TerminalError,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChipReadError => "chip-read-error",
            Self::Compromised => "compromised",
            Self::IncorrectKeyInjection => "incorrect-key-injection",
            Self::IncorrectPassword => "incorrect-password",
            Self::PowerIssue => "power-issue",
            Self::SuspectedTampering => "suspected-tampering",
            Self::Tampered => "tampered",
            Self::TerminalError => "terminal-error",
            Self::Other => "other",
        }
    }
}

/// What is known of what the form names.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Whether any position is this merchant's.
    pub has_merchant: bool,
    pub old: Option<Terminal>,
    /// That the old terminal fills.
    pub position: Option<Position>,
    pub old_model: Option<Model>,
    pub new_model: Option<Model>,
    /// What the matrix says of the new model with the position's provider; `None` where nothing is
    /// bound there.
    pub verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub field: &'static str,
    pub what: String,
}

/// A form without mistakes is about this terminal at this position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub old: TerminalId,
    pub position: Position,
}

/// Everything that is wrong with it at once.
pub fn check(
    form: &Form,
    known: &Known,
    asks: Asks<'_>,
    today: Day,
) -> Result<Checked, Vec<Mistake>> {
    let mut found = Vec::new();
    let mut say = |field, what: String| found.push(Mistake { field, what });
    if !known.has_merchant {
        let merchant = &form.merchant;
        say("merchant", format!("no position is of a merchant `{merchant}`"));
    }
    match &known.old {
        None if !shared::claim::is_serial(&form.old_serial) => {
            let max = shared::claim::SERIAL_BYTES_MAX;
            say("old_serial", format!("has 1 to {max} printable characters without a space"));
        }
        None => say("old_serial", format!("no terminal is called `{}`", form.old_serial)),
        Some(old) => {
            if old.unit != Unit::Enrolled {
                say("old_serial", "is no enrolled terminal".to_owned());
            }
            if old.service == Service::Erased {
                say("old_serial", "is erased: there is nothing left to replace".to_owned());
            }
            check_serial(form, known, &mut say);
            check_place(form, known, &mut say);
        }
    }
    check_model(form, known, today, &mut say);
    check_answers(form, known, asks, &mut say);
    if form.reason == ReplaceReason::Other && form.note.trim().is_empty() {
        say("note", "is empty, and the reason is `other`: say which".to_owned());
    }
    if form.note.len() > TEXT_BYTES_MAX {
        say("note", format!("is longer than {TEXT_BYTES_MAX} bytes"));
    }
    match (&known.old, &known.position) {
        (Some(old), Some(position)) if found.is_empty() => {
            Ok(Checked { old: old.id, position: position.clone() })
        }
        (Some(_) | None, Some(_) | None) => Err(found),
    }
}

fn check_serial(form: &Form, known: &Known, say: &mut impl FnMut(&'static str, String)) {
    let rule = known.old_model.as_ref().and_then(|model| model.serial.as_ref());
    if let Some(why) = rule.and_then(|rule| rule.why_not(&form.old_serial)) {
        say("old_serial", why);
    }
}

/// What speaks against it, and is begun all the same where somebody answers for it.
pub fn findings(form: &Form, known: &Known) -> Vec<Finding> {
    let mut found = Vec::new();
    let is_out = known.old.as_ref().is_some_and(|old| match old.service {
        Service::Suspended | Service::SuspendedOwing => true,
        Service::InService | Service::Erased => false,
    });
    if is_out {
        let detail =
            "is suspended: nobody has sold with it since, and it may be meant to come back";
        found.push(finding(SUSPENDED, Weight::NeedsName, &form.old_serial, detail));
    }
    if known.verdict.as_ref().is_some_and(|it| it.status == Status::Unknown) {
        let detail = "was never seen to work with the provider of the position: no row of the \
             compatibility matrix says so";
        found.push(finding(UNTESTED, Weight::Unknown, &form.new_model, detail));
    }
    found
}

fn check_answers(
    form: &Form,
    known: &Known,
    asks: Asks<'_>,
    say: &mut impl FnMut(&'static str, String),
) {
    for (code, name) in &form.answers {
        if !is_said(code) || !is_said(name) {
            say("answers", "are empty, too long, or more than one line".to_owned());
        } else if ![SUSPENDED, UNTESTED].contains(&code.as_str()) {
            let known = format!("`{SUSPENDED}` and `{UNTESTED}`");
            say(
                "answers",
                format!("name `{code}`, for which nobody can answer: there are {known}"),
            );
        } else if !asks.is_another(name) {
            say("answers", format!("`{name}` asks for it, and cannot answer for it too"));
        }
    }
    for it in finding::open(&findings(form, known), &form.answers) {
        let field = if it.code == UNTESTED { "new_model" } else { "old_serial" };
        let Finding { code, detail, .. } = it;
        say(field, format!("{detail}; name who answers for it: `--override {code}=NAME`"));
    }
}

fn check_place(form: &Form, known: &Known, say: &mut impl FnMut(&'static str, String)) {
    let Some(position) = &known.position else {
        return say("old_serial", "fills no position: put it into its lane first".to_owned());
    };
    let (store, lane) = (&position.store, &position.lane);
    match &position.merchant {
        Some(merchant) if *merchant == form.merchant => {}
        Some(merchant) => {
            say("merchant", format!("is not whose lane {store}/{lane} is: that is `{merchant}`"));
        }
        None => say("merchant", format!("is not written down for {store}/{lane}")),
    }
}

fn check_model(form: &Form, known: &Known, today: Day, say: &mut impl FnMut(&'static str, String)) {
    let Some(model) = &known.new_model else {
        let model = &form.new_model;
        return say("new_model", format!("no model `{model}` is described"));
    };
    if let Some(day) = model.pts_expired_on(today) {
        say("new_model", format!("its approval has run out on {day}"));
    }
    if let Some(old) = &known.old_model {
        let lacks = model.lacks(&old.capabilities);
        if !lacks.is_empty() {
            let lacks: Vec<_> = lacks.iter().map(|it| word(*it)).collect();
            say("new_model", format!("lacks what the old one has: {}", lacks.join(", ")));
        }
    }
    if known.verdict.as_ref().is_some_and(|it| it.status == Status::Blocked) {
        say("new_model", "does not work with the provider of the position".to_owned());
    }
}

fn word(capability: crate::provider::model::Capability) -> String {
    let word = serde_json::to_value(capability).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
