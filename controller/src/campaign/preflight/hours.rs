//! What windows and freezes, as people keep them, mean for whoever would be a member. Pure.
//!
//! They are told as they stand today. What a terminal goes by is what stands when its order is
//! made.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use shared::calendar::Span;

use super::forecast::time_zone;
use super::rules::Warning;
use super::{Places, Present};
use crate::calendar::Kind;
use crate::calendar::scope::Scope;
use crate::registry::calendar::Kept;

/// Members by their stores, and in which region these are, where somebody has said so.
#[derive(Clone, Copy, Debug)]
pub struct Stores<'a> {
    pub members: &'a BTreeMap<String, u64>,
    pub regions: &'a BTreeMap<String, String>,
}

impl Stores<'_> {
    fn concerns(&self, scope: &Scope, store: &str) -> bool {
        match scope {
            Scope::Fleet => true,
            Scope::Region(region) => self.regions.get(store) == Some(region),
            Scope::Store(name) => name == store,
        }
    }

    /// Members in stores of which this holds.
    fn count(&self, is_meant: impl Fn(&str) -> bool) -> u64 {
        self.members.iter().filter(|(store, _)| is_meant(store)).map(|(_, members)| members).sum()
    }
}

/// Of whatever stands while orders are valid; entries on each terminal's clock are read in `zone`.
pub fn warnings(entries: &[Kept], at: Stores<'_>, zone: &TimeZone, life: Span) -> Vec<Warning> {
    let freeze = |kept: &Kept| {
        let span = *kept.entry.freezes(zone, life).first()?;
        let members = at.count(|store| at.concerns(&kept.scope, store));
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
    let members = at.count(has_hours);
    warnings.extend((members > 0).then_some(Warning::Hours { members }));
    warnings
}

/// Members whose shops may be disturbed at the same moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Alike {
    /// `None` of one that this machine does not know: who is there opens windows by itself.
    pub zone: Option<TimeZone>,
    /// What concerns their stores.
    pub kept: Vec<Kept>,
    pub present: Present,
}

/// All members, by zone and by what is kept of their stores.
pub fn alike(entries: &[Kept], places: &Places, regions: &BTreeMap<String, String>) -> Vec<Alike> {
    let mut by_scope = BTreeMap::<_, Vec<&Kept>>::new();
    for kept in entries {
        by_scope.entry((kept.scope.word(), kept.scope.subject())).or_default().push(kept);
    }
    let mut all = Vec::new();
    for (name, stores) in places {
        let mut known = BTreeMap::<_, Present>::new();
        for (store, present) in stores {
            let region = regions.get(store).map_or("", String::as_str);
            let scopes = [("fleet", ""), ("region", region), ("store", store.as_str())];
            let scopes = scopes.map(|scope| by_scope.get_key_value(&scope).map(|(at, _)| *at));
            *known.entry(scopes).or_default() += *present;
        }
        let zone = time_zone(name);
        all.extend(known.into_iter().map(|(scopes, present)| {
            let kept = scopes.iter().flatten().flat_map(|scope| &by_scope[scope]);
            Alike { zone: zone.clone(), kept: kept.copied().cloned().collect(), present }
        }));
    }
    all
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

/// Members by what holds them for good, as `hold` says of each.
pub fn shut(all: &[Alike], hold: impl Fn(&Alike) -> Option<Hold>) -> Shut {
    let mut shut = Shut::default();
    for alike in all {
        if let Some(hold) = hold(alike) {
            shut.add(hold, alike.present.all().members);
        }
    }
    shut
}

#[cfg(test)]
mod tests {
    use shared::time::UnixTime;

    use super::*;
    use crate::calendar::{Clock, Entry};
    use crate::campaign::preflight::Heads;

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
        let places = Stores { members: &stores, regions: &regions.into() };
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
    fn members_are_alike_by_zone_and_by_what_is_kept_of_their_stores() {
        let count = |stores: &[(&str, u64)]| -> BTreeMap<String, Present> {
            let heads = |members| Heads { members, seen: members };
            let present = |members| Present { listed: heads(1), others: heads(members - 1) };
            stores.iter().map(|(store, members)| ((*store).to_owned(), present(*members))).collect()
        };
        let places = [
            (
                "Asia/Tokyo".to_owned(),
                count(&[("kyoto", 6), ("osaka", 3), ("nara", 3), ("kobe", 2)]),
            ),
            ("Europe/Lisbon".to_owned(), count(&[("osaka", 1), ("lisbon", 5)])),
            ("Mars/Olympus".to_owned(), count(&[("kyoto", 9)])),
        ];
        let places = places.into();
        let regions = [("kyoto".to_owned(), "kansai".to_owned())].into();
        let (from, to) = ("2026-12-01T00:00", "2026-12-02T00:00");
        let region = kept(Scope::Region("kansai".to_owned()), Kind::Freeze, from, to);
        let store = kept(Scope::Store("osaka".to_owned()), Kind::Activation, from, to);
        let all = alike(&[region, store], &places, &regions);
        let told: Vec<_> = all
            .iter()
            .map(|it| {
                let zone = it.zone.as_ref().and_then(TimeZone::iana_name);
                (zone, it.kept.len(), it.present.listed.members, it.present.all().members)
            })
            .collect();
        let (tokyo, lisbon) = (Some("Asia/Tokyo"), Some("Europe/Lisbon"));
        let expected = [
            (tokyo, 0, 2, 5),
            (tokyo, 1, 1, 3),
            (tokyo, 1, 1, 6),
            (lisbon, 0, 1, 5),
            (lisbon, 1, 1, 1),
            (None, 1, 1, 9),
        ];
        assert_eq!(told, expected);
        let hold = |it: &Alike| match (it.kept.first()?.entry.kind, it.zone.as_ref()?.iana_name()) {
            (Kind::Freeze, _) => Some(Hold::Freeze),
            (_, Some("Asia/Tokyo")) => Some(Hold::Window),
            (_, _) => Some(Hold::TooMany),
        };
        let found = shut(&all, hold);
        assert_eq!(found, Shut { freeze: 6, window: 3, too_many: 1 });
        let said = "6 by a freeze, 3 by windows that do not open by then, \
                    1 by more windows than an order can carry";
        assert_eq!((found.to_string().as_str(), found.all()), (said, 10));
        let plain = alike(&[], &places, &regions);
        assert_eq!(plain.len(), 3, "by zone alone where nothing is kept");
    }
}
