//! Decides what is wrong, from books alone. Pure.
//!
//! `before` and `after` are the tills' journals read before and after the hosts' ledgers. What a
//! till had finished **before** must be at the host; what is at the host must be known **after**.

use std::collections::{BTreeMap, BTreeSet};

use super::books::{Batch, Direction, Host, Movement, Settlement, Span, Till};
use super::report::{Counts, Finding, Report, TillReport, Wrong};
use crate::till::CURRENCY;
use crate::till::journal::{Sale, State};

pub(super) fn compare(before: &[Till], hosts: &[Host], after: &[Till]) -> Report {
    let mut findings = Vec::new();
    let mut tills = Vec::new();
    let mut total = Counts::default();
    for (before, after) in before.iter().zip(after) {
        let audit = TillAudit { before, after, hosts };
        let wrong = audit.findings();
        let mut counts = audit.counts();
        for Finding { wrong, count, .. } in &wrong {
            match wrong {
                Wrong::Lost => counts.lost += count,
                Wrong::Doubled => counts.doubled += count,
                Wrong::SettledTwice => counts.settled_twice += count,
                Wrong::AnotherHost => counts.wrong_host += count,
                Wrong::TestLeft => counts.tests_left += count,
            }
        }
        total.add(&counts);
        findings.extend(wrong);
        let versions = versions(&after.selling);
        tills.push(TillReport { terminal: after.terminal.clone(), versions, counts });
    }
    let audited: BTreeSet<_> = after.iter().map(|till| till.terminal.as_str()).collect();
    let not_audited = terminals(hosts).difference(&audited).map(|it| (*it).to_owned()).collect();
    Report { currency: CURRENCY, tills, total, findings, not_audited }
}

fn terminals(hosts: &[Host]) -> BTreeSet<&str> {
    hosts.iter().flat_map(|host| &host.movements).map(|it| it.terminal.as_str()).collect()
}

/// One till against all hosts.
struct TillAudit<'a> {
    before: &'a Till,
    after: &'a Till,
    hosts: &'a [Host],
}

/// A host's movement for a sale, and which host's.
type AtHost<'a> = (&'a str, &'a Movement);

impl TillAudit<'_> {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let at_hosts = self.movements_by_sale();
        let stans: BTreeSet<_> = self.after.sales.keys().chain(at_hosts.keys()).copied().collect();
        for stan in stans {
            let movements = at_hosts.get(&stan).map_or(&[][..], Vec::as_slice);
            let (before, after) = (self.before.sales.get(&stan), self.after.sales.get(&stan));
            let home = |sale: &Sale| self.after.host_of(&sale.binding).to_owned();
            let home = after.or(before).map(home).unwrap_or_default();
            if let Some((wrong, why)) = judge_sale(before, movements, after, &home) {
                findings.push(self.finding(wrong, 1, format!("sale {stan}: {why}")));
            }
        }
        self.judge_refunds(&at_hosts, &mut findings);
        self.judge_tests(&mut findings);
        self.judge_batches(&mut findings);
        findings
    }

    /// A sale is given back once, whole, and by the host that took it.
    fn judge_refunds(
        &self,
        at_hosts: &BTreeMap<i64, Vec<AtHost<'_>>>,
        findings: &mut Vec<Finding>,
    ) {
        let mut given_back: BTreeMap<(&str, i64), i64> = BTreeMap::new();
        for movements in at_hosts.values() {
            let reversed = of(movements, Direction::Reversal).next().is_some();
            for (host, refund) in of(movements, Direction::Charge) {
                if let (Some(of), false) = (refund.refund_of, reversed) {
                    *given_back.entry((host, of)).or_default() -= refund.amount_minor;
                }
            }
        }
        for ((host, stan), amount_minor) in given_back {
            let movements = at_hosts.get(&stan).map_or(&[][..], Vec::as_slice);
            let at_host = |what| {
                let there = of(movements, what).filter(|(name, _)| *name == host);
                there.map(|(_, movement)| movement.amount_minor).sum::<i64>()
            };
            let charged = at_host(Direction::Charge) - at_host(Direction::Reversal);
            if amount_minor > charged {
                let why = format!("{host} charged {charged} and gave back {amount_minor}");
                findings.push(self.finding(Wrong::Doubled, 1, format!("sale {stan}: {why}")));
            }
        }
    }

    /// A test sale costs nobody anything in the end. While trading is held, it may not be the end
    /// yet.
    fn judge_tests(&self, findings: &mut Vec<Finding>) {
        if self.after.is_held {
            return;
        }
        let refunded: BTreeSet<_> = self
            .after
            .sales
            .values()
            .filter(|refund| refund.state == State::Approved)
            .filter_map(|refund| refund.refund_of)
            .collect();
        for sale in self.after.sales.values() {
            let is_paid = sale.is_test && sale.refund_of.is_none() && sale.state == State::Approved;
            if is_paid && !refunded.contains(&sale.stan) {
                let what = format!("test sale {} of {} stands", sale.stan, sale.binding);
                findings.push(self.finding(Wrong::TestLeft, 1, what));
            }
        }
    }

    /// Whether a sale of this terminal is one of the till's: its own, or taken over.
    fn is_ours(&self, terminal: &str) -> bool {
        terminal == self.after.terminal || self.after.took_over.as_deref() == Some(terminal)
    }

    fn movements_by_sale(&self) -> BTreeMap<i64, Vec<AtHost<'_>>> {
        let mut by_sale: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for host in self.hosts {
            for movement in &host.movements {
                if self.is_ours(&movement.terminal) {
                    by_sale.entry(movement.stan).or_default().push((host.name.as_str(), movement));
                }
            }
        }
        by_sale
    }

    fn judge_batches(&self, findings: &mut Vec<Finding>) {
        let mut settled: BTreeMap<(String, i64), Vec<&Settlement>> = BTreeMap::new();
        for host in self.hosts {
            for settlement in &host.settlements {
                if settlement.terminal == self.after.terminal {
                    let batch = (host.name.clone(), settlement.batch);
                    settled.entry(batch).or_default().push(settlement);
                }
            }
        }
        for (batch, settlements) in &settled {
            let (wrong, count, why) = judge_settlements(
                settlements,
                self.batch_at(&self.after.batches, batch),
                self.taken_by_host(&batch.0, batch.1),
            );
            if let Some(wrong) = wrong {
                let what = format!("batch {} of {}: {why}", batch.1, batch.0);
                findings.push(self.finding(wrong, count, what));
            }
        }
        for ((binding, number), figures) in &self.before.batches {
            let at_host = (self.after.host_of(binding).to_owned(), *number);
            if figures.is_settled && !settled.contains_key(&at_host) {
                let what =
                    format!("batch {number} of {binding}: settled on the till, not at the host");
                findings.push(self.finding(Wrong::Lost, figures.count.max(1), what));
            }
        }
    }

    /// The till's batch of that number at that host; a number is used once, whatever the binding.
    fn batch_at<'b>(
        &self,
        batches: &'b BTreeMap<(String, i64), Batch>,
        (host, number): &(String, i64),
    ) -> Option<&'b Batch> {
        let ours = |key: &(String, i64)| key.1 == *number && self.after.host_of(&key.0) == host;
        batches.iter().find(|(key, _)| ours(key)).map(|(_, batch)| batch)
    }

    /// Count and total of what the host has charged in the batch.
    fn taken_by_host(&self, name: &str, batch: i64) -> (i64, i64) {
        let hosts = self.hosts.iter().filter(|host| host.name == name);
        let movements = hosts.flat_map(|host| &host.movements);
        let ours = movements.filter(|it| it.terminal == self.after.terminal && it.batch == batch);
        ours.fold((0, 0), |(count, total), movement| match movement.what {
            Direction::Charge => (count + 1, total + movement.amount_minor),
            Direction::Reversal => (count - 1, total - movement.amount_minor),
            Direction::Other => (count, total),
        })
    }

    fn finding(&self, wrong: Wrong, count: i64, what: String) -> Finding {
        Finding { terminal: self.after.terminal.clone(), wrong, count, what }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for sale in self.after.sales.values() {
            match sale.state {
                State::Approved | State::Stored if sale.is_test => {
                    counts.tests += i64::from(sale.refund_of.is_none());
                }
                State::Reversed if sale.is_test => {
                    counts.tests += i64::from(sale.refund_of.is_none());
                }
                State::Approved | State::Stored => {
                    counts.sales += 1;
                    counts.amount_minor += sale.amount_minor;
                    let batch = self.after.batches.get(&(sale.binding.clone(), sale.batch));
                    counts.open += i64::from(!batch.is_some_and(|batch| batch.is_settled));
                }
                State::Declined => counts.declined += 1,
                State::Reversed => counts.reversed += 1,
                State::Begun | State::Reversing => counts.in_doubt += 1,
                State::Held => counts.open_preauthorisations += 1,
            }
        }
        for batch in self.after.batches.values() {
            counts.batches_settled += i64::from(batch.is_settled);
        }
        let repeats = self.hosts.iter().filter_map(|host| host.repeats.get(&self.after.terminal));
        counts.settlement_repeats = repeats.sum();
        for gap in gaps_ms(&self.after.selling) {
            counts.downtime_ms += gap;
            counts.longest_gap_ms = counts.longest_gap_ms.max(gap);
        }
        counts
    }
}

/// What is wrong with one sale, if anything.
fn judge_sale(
    before: Option<&Sale>,
    movements: &[AtHost<'_>],
    after: Option<&Sale>,
    home: &str,
) -> Option<(Wrong, String)> {
    let strange = movements.iter().find(|(host, it)| {
        *host != home && it.what != Direction::Charge && (before.is_some() || after.is_some())
    });
    if let Some((host, _)) = strange {
        return Some((Wrong::AnotherHost, format!("a sale of {home}, and {host} was told of it")));
    }
    let charges: Vec<_> = of(movements, Direction::Charge).collect();
    let reversals = of(movements, Direction::Reversal).count();
    if charges.len() > 1 {
        let hosts: Vec<_> = charges.iter().map(|(host, _)| *host).collect();
        let text = format!("charged {} times, by {}", charges.len(), hosts.join(" and "));
        return Some((Wrong::Doubled, text));
    }
    if reversals > charges.len() {
        return Some((Wrong::Doubled, format!("given back {reversals} times")));
    }
    if charges.len() == reversals {
        let missing = before.is_some_and(|sale| sale.state == State::Approved);
        return missing.then(|| (Wrong::Lost, "approved on the till, not at the host".into()));
    }
    let (host, charge) = *charges[0];
    let Some(sale) = after else {
        return Some((Wrong::Lost, format!("charged by {host}, unknown to the till")));
    };
    let was_reversed = before.is_some_and(|sale| sale.state == State::Reversed);
    let lost = |why: String| Some((Wrong::Lost, why));
    match sale.state {
        State::Declined => lost(format!("charged by {host}, declined on the till")),
        State::Held => lost(format!("charged by {host}, only held on the till")),
        State::Reversed if was_reversed => lost(format!("reversed, and still charged by {host}")),
        State::Reversed | State::Begun | State::Reversing => None,
        State::Approved | State::Stored => {
            let till = (home, sale.batch, sale.amount_minor);
            let there = (host, charge.batch, charge.amount_minor);
            (till != there).then(|| {
                let why = format!("(host, batch, amount) is {till:?} on the till, {there:?} there");
                (Wrong::Lost, why)
            })
        }
    }
}

fn of<'a>(
    movements: &'a [AtHost<'a>],
    what: Direction,
) -> impl Iterator<Item = &'a AtHost<'a>> + 'a {
    movements.iter().filter(move |(_, movement)| movement.what == what)
}

/// What is wrong with a batch that its host has settled, if anything, with how much it concerns.
fn judge_settlements(
    settlements: &[&Settlement],
    on_till: Option<&Batch>,
    taken_by_host: (i64, i64),
) -> (Option<Wrong>, i64, String) {
    let again = settlements.len() - 1;
    if again > 0 {
        let count = i64::try_from(again).unwrap_or(i64::MAX);
        return (Some(Wrong::SettledTwice), count, format!("settled {} times", again + 1));
    }
    let Settlement { count, total_minor, .. } = settlements[0];
    let settled = (*count, *total_minor);
    if settled != taken_by_host {
        let why = format!("the host settled {settled:?} and charged {taken_by_host:?}");
        return (Some(Wrong::Lost), (settled.0 - taken_by_host.0).abs().max(1), why);
    }
    match on_till {
        Some(batch) if batch.is_closed => {
            let till = (batch.count, batch.total_minor);
            let why = format!("the host settled {settled:?}, the till counted {till:?}");
            let wrong = (till != settled).then_some(Wrong::Lost);
            (wrong, (till.0 - settled.0).abs().max(1), why)
        }
        Some(_) => (Some(Wrong::Lost), settled.0.max(1), "settled, and open on the till".into()),
        None => (Some(Wrong::Lost), settled.0.max(1), "settled, and unknown to the till".into()),
    }
}

fn versions(selling: &[Span]) -> Vec<String> {
    let mut versions: Vec<_> = selling.iter().map(|span| span.version.clone()).collect();
    versions.dedup();
    versions
}

/// The times between spans. A clock that was set back makes no gap of it.
fn gaps_ms(selling: &[Span]) -> impl Iterator<Item = i64> {
    selling.windows(2).map(|pair| (pair[1].from_ms - pair[0].until_ms).max(0))
}

#[cfg(test)]
mod tests;
