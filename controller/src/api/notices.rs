//! Notices and letters, whatever they are about.

use super::model::{Letter, Notice};
use super::problem::{Code, Refusal};
use super::texts::check_texts;
use crate::registry::notice as stored;

/// A notice to one of these parties, as it is kept.
pub(super) fn kept(notice: &Notice, parties: &[&str]) -> Result<stored::Notice, Refusal> {
    let Notice { party, channel, reference, sent_at, delivered_at, acknowledged_at } = notice;
    if !parties.contains(&party.as_str()) {
        let detail = format!("nobody is called `{party}`");
        let hint = format!("the parties are {}", parties.join(", "));
        return Err(Refusal::new(Code::Invalid, detail).hint(hint));
    }
    check_texts([channel, reference])?;
    for (what, at) in [("delivered_at", delivered_at), ("acknowledged_at", acknowledged_at)] {
        if at.is_some_and(|at| at < *sent_at) {
            let detail = format!("`{what}` is before `sent_at`");
            let hint = "nobody gets or answers what was not sent yet: look at the dates";
            return Err(Refusal::new(Code::Invalid, detail).hint(hint));
        }
    }
    Ok(stored::Notice {
        party: party.clone(),
        channel: channel.clone(),
        reference: reference.clone(),
        sent_at: *sent_at,
        delivered_at: *delivered_at,
        acknowledged_at: *acknowledged_at,
    })
}

pub(super) fn told(notice: stored::Notice) -> Notice {
    let stored::Notice { party, channel, reference, sent_at, delivered_at, acknowledged_at } =
        notice;
    Notice { party, channel, reference, sent_at, delivered_at, acknowledged_at }
}

pub(super) fn letter(paper: stored::Paper) -> Letter {
    let stored::Paper { party, digest, html, text, made_at, made_by } = paper;
    Letter { party, digest, html, text, made_at, made_by }
}
