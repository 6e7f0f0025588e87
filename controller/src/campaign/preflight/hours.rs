//! What windows and freezes, as people keep them, mean for whoever would be a member. Pure.
//!
//! They are said beside the dates of a plan, which do not count them in: what a terminal goes by is
//! what stands when its order is made.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use shared::calendar::Span;

use super::rules::Warning;
use crate::calendar::Kind;
use crate::calendar::scope::Scope;
use crate::registry::calendar::Kept;

/// Members by their stores, and in which region these are, where somebody has said so.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    pub stores: &'a BTreeMap<String, u64>,
    pub regions: &'a BTreeMap<String, String>,
}

impl Places<'_> {
    fn concerns(&self, scope: &Scope, store: &str) -> bool {
        match scope {
            Scope::Fleet => true,
            Scope::Region(region) => self.regions.get(store) == Some(region),
            Scope::Store(name) => name == store,
        }
    }

    /// Members in stores of which this holds.
    fn members(&self, is_meant: impl Fn(&str) -> bool) -> u64 {
        self.stores.iter().filter(|(store, _)| is_meant(store)).map(|(_, members)| members).sum()
    }
}

/// Of whatever stands while orders are valid; entries on each terminal's clock are read in `zone`.
pub fn warnings(entries: &[Kept], at: Places<'_>, zone: &TimeZone, life: Span) -> Vec<Warning> {
    let freeze = |kept: &Kept| {
        let span = *kept.entry.freezes(zone, life).first()?;
        let members = at.members(|store| at.concerns(&kept.scope, store));
        let (uid, scope) = (kept.entry.uid.clone(), kept.scope.clone());
        let is_endless = span.from <= life.from && life.to <= span.to;
        let until = (!is_endless).then_some(span.to);
        (members > 0).then_some(Warning::Freeze { uid, scope, members, from: span.from, until })
    };
    let of_kind = |kept: &&Kept, is_freeze| (kept.entry.kind == Kind::Freeze) == is_freeze;
    let mut warnings: Vec<_> =
        entries.iter().filter(|it| of_kind(it, true)).filter_map(freeze).collect();
    let windows: Vec<_> = entries.iter().filter(|it| of_kind(it, false)).collect();
    let has_hours = |store: &str| windows.iter().any(|kept| at.concerns(&kept.scope, store));
    let members = at.members(has_hours);
    warnings.extend((members > 0).then_some(Warning::Hours { members }));
    warnings
}

#[cfg(test)]
mod tests {
    use shared::time::UnixTime;

    use super::*;
    use crate::calendar::{Clock, Entry};

    fn kept(scope: Scope, kind: Kind, from: &str, to: &str) -> Kept {
        let entry = Entry {
            uid: "x".to_owned(),
            summary: String::new(),
            kind,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            clock: Clock::EachTerminals,
            repeat: None,
            except: vec![],
        };
        let (set_by, why) = ("op".to_owned(), String::new());
        let set_at = UnixTime(1);
        Kept { number: 1, scope, entry, version: 1, set_at, set_by, why, ended: None }
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_second())
    }

    #[test]
    fn each_freeze_says_whom_it_holds_and_until_when() {
        let stores = [("kyoto", 6), ("osaka", 4), ("lisbon", 5)];
        let stores = stores.map(|(name, members)| (name.to_owned(), members)).into();
        let regions = ["kyoto", "osaka"].map(|store| (store.to_owned(), "kansai".to_owned()));
        let places = Places { stores: &stores, regions: &regions.into() };
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let life = Span { from: at("2026-11-30T00:00:00Z"), to: at("2026-12-07T00:00:00Z") };
        let (store, region) =
            (Scope::Store("kyoto".to_owned()), Scope::Region("kansai".to_owned()));
        let said = |entries: &[Kept]| warnings(entries, places, &tokyo, life);
        let freeze = |scope: &Scope, from, to| kept(scope.clone(), Kind::Freeze, from, to);
        let (monday, tuesday) = ("2026-12-01T00:00", "2026-12-02T00:00");
        for (scope, members) in [(&store, 6), (&region, 10), (&Scope::Fleet, 15)] {
            let (from, until) = (at("2026-11-30T15:00:00Z"), Some(at("2026-12-01T15:00:00Z")));
            let (uid, whose) = ("x".to_owned(), scope.clone());
            let expected = Warning::Freeze { uid, scope: whose, members, from, until };
            assert_eq!(said(&[freeze(scope, monday, tuesday)]), [expected]);
        }
        let over = freeze(&store, "2026-11-01T00:00", "2026-11-02T00:00");
        let elsewhere = freeze(&Scope::Store("rome".to_owned()), monday, tuesday);
        assert_eq!(said(&[over, elsewhere]), []);
        let endless = said(&[freeze(&store, "2026-11-01T00:00", "2027-11-02T00:00")]);
        assert!(matches!(endless[..], [Warning::Freeze { until: None, .. }]), "{endless:?}");
        let window = |scope: &Scope| kept(scope.clone(), Kind::Activation, monday, tuesday);
        let hours = said(&[window(&store), window(&region)]);
        assert_eq!(hours, [Warning::Hours { members: 10 }], "each store once");
    }
}
