//! What is overdue of a request that stops terminals beside its campaigns: parties that nobody has
//! told, what people were to do, what a till that stopped owes, and a deposit that nobody gave
//! back. Pure.

use std::time::Duration;

use shared::time::UnixTime;

use super::checklist::Item;
use super::ledger::{Entry, balances, deposits};
use super::notice::{Standing, is_emergency};
use crate::registry::deactivation::Owing;
use crate::registry::stop::Announcement;
use crate::request::{Request, RequestState};

/// Providers write 30 to 45 days for a final settlement, counted from the end. Where a contract
/// says when a deposit is due, `tillward provider alerts` says so on that day.
const DEPOSIT_WITHIN: Duration = Duration::from_secs(45 * 24 * 3600);

/// For people: who does not know and what is not done, and what to do about it; `None` while all of
/// it is in time. Whoever is told of a moment is told before terminals are ordered for it: then
/// all who must know do, or somebody has answered for them.
pub fn stop(
    request: &Request,
    announced: &Announcement,
    standings: &[Standing],
    items: &[Item],
    now: UnixTime,
) -> Option<String> {
    let is_to_be_told = request.state == RequestState::Accepted
        && !is_emergency(request.asked.reason)
        && now <= announced.cut_off;
    let untold = standings.iter().filter(|it| is_to_be_told && it.is_lacking() && now > it.by);
    let untold: Vec<_> = untold
        .map(|it| format!("`{}` {}, by {}", it.party.as_str(), it.knows.detail(), it.by))
        .collect();
    let undone = items.iter().filter(|it| it.is_late(now));
    let undone: Vec<_> = undone
        .map(|it| format!("`{}` of {} was to be done by {}", it.item, it.owner, it.due_at))
        .collect();
    let hint = match (untold.is_empty(), undone.is_empty()) {
        (true, true) => return None,
        (false, true) => "tell them, then `tillward deactivate notice tell`",
        (true, false) => "do it, then `tillward deactivate checklist tick`",
        (false, false) => {
            "tell and do it, then `tillward deactivate notice tell` and `checklist tick`"
        }
    };
    let all: Vec<_> = untold.into_iter().chain(undone).collect();
    Some(format!("it is announced for {}: {}; {hint}", announced.cut_off, all.join(", and ")))
}

/// For people: what a terminal that stopped should have settled.
pub fn settlement(owing: &Owing, now: UnixTime) -> Option<String> {
    (now > owing.settled_by).then(|| {
        let who = match owing.accepted_by.as_str() {
            "" => "nobody has accepted that it is open".to_owned(),
            who => format!("{who} has accepted it until then"),
        };
        format!(
            "it has not settled by {}, and {who}: let it settle, `tillward deactivate settle`; \
             else ask its provider",
            owing.settled_by
        )
    })
}

/// For people: which deposits nobody has given back in time. What was set off against fees and
/// damage is given back. `ends_at`: the announced cut-off, if there is one.
pub fn deposit(entries: &[Entry], ends_at: Option<UnixTime>, now: UnixTime) -> Option<String> {
    let left = balances(entries);
    let late = deposits(entries).into_iter().filter_map(|(currency, (held, since))| {
        let due_at = since.max(ends_at.unwrap_or(since)).plus(DEPOSIT_WITHIN);
        let left = left.get(&currency).copied().unwrap_or_default().min(held);
        (left > 0 && now > due_at).then(|| format!("{currency} {left} since {due_at}"))
    });
    let late: Vec<_> = late.collect();
    (!late.is_empty()).then(|| {
        format!(
            "of its deposit the merchant is still to get {}: ask the provider, then \
             `tillward deactivate ledger add`",
            late.join(", and ")
        )
    })
}

#[cfg(test)]
mod tests;
