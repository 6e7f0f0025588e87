//! What windows and freezes, as people keep them, mean for whoever would be a member. Pure.
//!
//! They are said beside the dates of a plan, which do not count them in: what a terminal goes by is
//! what stands when its order is made.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use shared::calendar::Span;

use super::forecast::time_zone;
use super::rules::Warning;
use crate::calendar::Kind;
use crate::calendar::scope::Scope;
use crate::registry::calendar::Kept;

/// Members by their stores, and in which region these are, where somebody has said so.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    pub stores: &'a BTreeMap<String, u64>,
    /// Again, by the zones in which they open windows.
    pub zones: &'a BTreeMap<String, BTreeMap<String, u64>>,
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

/// What keeps orders from a terminal for as long as they are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Freeze,
    /// No window opens in time.
    Window,
    /// More windows than an order carries.
    TooMany,
}

/// How many members each of these holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shut {
    pub freeze: u64,
    pub window: u64,
    pub too_many: u64,
}

impl Shut {
    pub fn all(&self) -> u64 {
        self.freeze + self.window + self.too_many
    }

    fn add(&mut self, hold: Hold, members: u64) {
        match hold {
            Hold::Freeze => self.freeze += members,
            Hold::Window => self.window += members,
            Hold::TooMany => self.too_many += members,
        }
    }
}

/// `3 by a freeze, 2 by windows that do not open by then`
impl fmt::Display for Shut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.freeze, "by a freeze"),
            (self.window, "by windows that do not open by then"),
            (self.too_many, "by more windows than an order can carry"),
        ];
        let said = parts.iter().filter(|(members, _)| *members > 0);
        let said: Vec<_> = said.map(|(members, what)| format!("{members} {what}")).collect();
        out.write_str(&said.join(", "))
    }
}

/// Members by what holds them for good; `hold` says it of a zone and of what concerns a store in
/// it, and is asked once for all stores of which the same is kept.
pub fn shut(
    entries: &[Kept],
    at: Places<'_>,
    hold: impl Fn(&[Kept], &TimeZone) -> Option<Hold>,
) -> Shut {
    let mut by_scope = BTreeMap::<_, Vec<&Kept>>::new();
    for kept in entries {
        by_scope.entry((kept.scope.word(), kept.scope.subject())).or_default().push(kept);
    }
    let mut shut = Shut::default();
    for (name, stores) in at.zones {
        // Who is in a zone that this machine does not know opens windows by itself.
        let Some(zone) = time_zone(name) else { continue };
        let mut known = BTreeMap::new();
        for (store, members) in stores {
            let region = at.regions.get(store).map_or("", String::as_str);
            let scopes = [("fleet", ""), ("region", region), ("store", store.as_str())];
            let scopes = scopes.map(|scope| by_scope.get_key_value(&scope));
            let found =
                known.entry(scopes.map(|it| it.map(|(scope, _)| *scope))).or_insert_with(|| {
                    let kept = scopes.iter().flatten().flat_map(|(_, kept)| kept.iter());
                    hold(&kept.copied().cloned().collect::<Vec<_>>(), &zone)
                });
            if let Some(hold) = *found {
                shut.add(hold, *members);
            }
        }
    }
    shut
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
        let zones = BTreeMap::new();
        let places = Places { stores: &stores, zones: &zones, regions: &regions.into() };
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

    #[test]
    fn who_is_held_for_good_is_counted_by_what_holds_and_asked_about_once_for_all_alike() {
        let count = |stores: &[(&str, u64)]| -> BTreeMap<String, u64> {
            stores.iter().map(|(store, members)| ((*store).to_owned(), *members)).collect()
        };
        let stores = count(&[("kyoto", 6), ("osaka", 4), ("nara", 3), ("lisbon", 5)]);
        let zones = [
            ("Asia/Tokyo".to_owned(), count(&[("kyoto", 6), ("osaka", 3), ("nara", 3)])),
            ("Europe/Lisbon".to_owned(), count(&[("osaka", 1), ("lisbon", 5)])),
            ("Mars/Olympus".to_owned(), count(&[("kyoto", 9)])),
        ];
        let zones = zones.into();
        let regions = [("kyoto".to_owned(), "kansai".to_owned())].into();
        let places = Places { stores: &stores, zones: &zones, regions: &regions };
        let (from, to) = ("2026-12-01T00:00", "2026-12-02T00:00");
        let region = kept(Scope::Region("kansai".to_owned()), Kind::Freeze, from, to);
        let store = kept(Scope::Store("osaka".to_owned()), Kind::Activation, from, to);
        let asked = std::cell::Cell::new(0);
        let hold = |kept: &[Kept], zone: &TimeZone| {
            asked.set(asked.get() + 1);
            match (kept.first()?.entry.kind, zone.iana_name()) {
                (Kind::Freeze, _) => Some(Hold::Freeze),
                (_, Some("Asia/Tokyo")) => Some(Hold::Window),
                (_, _) => Some(Hold::TooMany),
            }
        };
        let found = shut(&[region, store], places, hold);
        assert_eq!(found, Shut { freeze: 6, window: 3, too_many: 1 });
        assert_eq!(asked.get(), 5, "once for nara, once for lisbon");
        let said = "6 by a freeze, 3 by windows that do not open by then, \
                    1 by more windows than an order can carry";
        assert_eq!((found.to_string().as_str(), found.all()), (said, 10));
    }
}
