//! How a provider wants to be tested and watched, and where less than that is asked for. Pure.

use serde::{Deserialize, Serialize};
use shared::change::rebind::{Test, TestKind, Watch};
use utoipa::ToSchema;

use crate::provider::record::Provider;

/// What of a watch is to be other than the provider wants it; a part that is left out is as the
/// provider wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WatchWish {
    /// How long at least, in seconds.
    pub for_s: Option<u32>,
    /// Until so many payments were tried, at least.
    pub payments_min: Option<u32>,
    /// A shop with few customers is not watched for longer than this, in seconds.
    pub at_most_s: Option<u32>,
    /// How far the approval rate may fall, in percentage points.
    pub approval_drop_max: Option<u8>,
    /// How many of 100 payments may end in an error of the host.
    pub host_errors_max: Option<u8>,
    /// How much longer a payment may take, in percent.
    pub slower_max: Option<u16>,
    /// How often the till may crash.
    pub crashes_max: Option<u16>,
}

/// Three days and fifty payments, as shops are usually watched after a change.
const WATCH: Watch = Watch {
    for_s: 3 * 24 * 3600,
    payments_min: 50,
    at_most_s: 7 * 24 * 3600,
    approval_drop_max: 5,
    host_errors_max: 5,
    slower_max: 50,
    crashes_max: 1,
};

/// The host knows this merchant, takes a payment, gives it back, and a receipt is right.
const TESTS: [Test; 4] = [
    Test { kind: TestKind::Diagnosis, amount_minor: 0 },
    Test { kind: TestKind::Sale, amount_minor: 1 },
    Test { kind: TestKind::Void, amount_minor: 1 },
    Test { kind: TestKind::Receipt, amount_minor: 0 },
];

/// The tests that are asked for, or else the provider's own, or else the usual ones.
pub fn tests(asked: Option<Vec<Test>>, provider: Option<&Provider>) -> Vec<Test> {
    let theirs = || provider.map(|it| it.tests.clone()).filter(|tests| !tests.is_empty());
    asked.or_else(theirs).unwrap_or_else(|| TESTS.to_vec())
}

/// The provider's own watch, but for what is asked for.
pub fn watch(asked: WatchWish, provider: Option<&Provider>) -> Watch {
    let usual = provider.map_or(WATCH, |it| it.watch);
    let for_s = asked.for_s.unwrap_or(usual.for_s);
    Watch {
        for_s,
        payments_min: asked.payments_min.unwrap_or(usual.payments_min),
        at_most_s: asked.at_most_s.unwrap_or(usual.at_most_s.max(for_s)),
        approval_drop_max: asked.approval_drop_max.unwrap_or(usual.approval_drop_max),
        host_errors_max: asked.host_errors_max.unwrap_or(usual.host_errors_max),
        slower_max: asked.slower_max.unwrap_or(usual.slower_max),
        crashes_max: asked.crashes_max.unwrap_or(usual.crashes_max),
    }
}

/// The provider's tests that are not done, in its order and for its amounts at least.
pub(super) fn left_out(provider: &Provider, asked: &[Test]) -> Vec<String> {
    let mut rest = asked;
    let mut missing = Vec::new();
    for wanted in &provider.tests {
        let Test { kind, amount_minor } = *wanted;
        match rest.iter().position(|it| it.kind == kind && it.amount_minor >= amount_minor) {
            Some(at) => rest = &rest[at + 1..],
            None if amount_minor == 0 => missing.push(kind.as_str().to_owned()),
            None => missing.push(format!("{} of {amount_minor}", kind.as_str())),
        }
    }
    missing
}

/// In what this watch sees less, or bears more, than the provider wants.
pub(super) fn weaker(provider: &Provider, asked: &Watch) -> Vec<String> {
    let usual = &provider.watch;
    let less = [
        ("for_s", asked.for_s, usual.for_s),
        ("payments_min", asked.payments_min, usual.payments_min),
        ("at_most_s", asked.at_most_s, usual.at_most_s),
    ];
    let more = [
        ("approval_drop_max", asked.approval_drop_max.into(), usual.approval_drop_max.into()),
        ("host_errors_max", asked.host_errors_max.into(), usual.host_errors_max.into()),
        ("slower_max", u32::from(asked.slower_max), u32::from(usual.slower_max)),
        ("crashes_max", asked.crashes_max.into(), usual.crashes_max.into()),
    ];
    let less = less.into_iter().filter(|(_, asked, usual)| asked < usual);
    let more = more.into_iter().filter(|(_, asked, usual)| asked > usual);
    let each = less.chain(more);
    each.map(|(what, asked, usual)| format!("{what} is {asked}, not {usual}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::samples::provider;

    fn test(kind: TestKind) -> Test {
        Test { kind, amount_minor: 0 }
    }

    #[test]
    fn what_is_asked_for_counts_and_else_what_the_provider_wants() {
        let theirs = provider();
        let asked = vec![test(TestKind::Qr)];
        assert_eq!(tests(Some(asked.clone()), Some(&theirs)), asked);
        assert_eq!(tests(None, Some(&theirs)), theirs.tests);
        let silent = Provider { tests: vec![], ..provider() };
        assert_eq!(tests(None, Some(&silent)), TESTS);
        assert_eq!(tests(None, None), TESTS);

        assert_eq!(watch(WatchWish::default(), Some(&theirs)), theirs.watch);
        assert_eq!(watch(WatchWish::default(), None), WATCH);
        let crashes_max = Some(7);
        let watched = watch(WatchWish { crashes_max, ..WatchWish::default() }, Some(&theirs));
        assert_eq!(watched, Watch { crashes_max: 7, ..theirs.watch });
        let for_s = Some(theirs.watch.at_most_s + 1);
        let longer = watch(WatchWish { for_s, ..WatchWish::default() }, Some(&theirs));
        assert_eq!(longer.at_most_s, longer.for_s, "at most is never less than at least");
    }

    #[test]
    fn less_than_the_provider_wants_is_named() {
        let theirs = provider();
        assert_eq!(left_out(&theirs, &theirs.tests), [""; 0]);
        let sale = |amount_minor| Test { kind: TestKind::Sale, amount_minor };
        let diagnosis = test(TestKind::Diagnosis);
        assert_eq!(left_out(&theirs, &[sale(1)]), ["diagnosis"]);
        assert_eq!(left_out(&theirs, &[diagnosis, sale(0)]), ["sale of 1"], "for less");
        assert_eq!(left_out(&theirs, &[sale(1), diagnosis]), ["sale of 1"], "in another order");
        let more = [diagnosis, test(TestKind::Receipt), sale(9), test(TestKind::Void)];
        assert_eq!(left_out(&theirs, &more), [""; 0]);
        let twice = Provider { tests: vec![diagnosis, sale(1), sale(1)], ..provider() };
        assert_eq!(left_out(&twice, &[diagnosis, sale(1)]), ["sale of 1"], "once is not twice");
        assert_eq!(weaker(&theirs, &theirs.watch), [""; 0]);
        let stricter = Watch { for_s: 7200, crashes_max: 0, slower_max: 1, ..theirs.watch };
        assert_eq!(weaker(&theirs, &stricter), [""; 0]);
        let looser = Watch { for_s: 60, crashes_max: 9, ..theirs.watch };
        assert_eq!(weaker(&theirs, &looser), ["for_s is 60, not 3600", "crashes_max is 9, not 0"]);
    }
}
