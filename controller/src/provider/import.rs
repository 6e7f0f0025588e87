//! What a file would change, before anything is changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::{Item, Mistake, shortened};
use super::{Document, Kind, Known, changed};

/// What an import does to one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub document: Document,
    /// The version that it replaces; 0 where there is none.
    pub seen: u32,
    pub what: Effect,
    /// Which fields.
    pub fields: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ImportEffect)]
pub enum Effect {
    New,
    Changed,
    Unchanged,
}

/// What a file would change, or everything that keeps it from being taken. `known` has the newest
/// versions of all documents of the kinds that the file has or refers to.
pub fn plan(
    items: Vec<Item>,
    known: &BTreeMap<(Kind, String), Known<Document>>,
) -> Result<Vec<Change>, Vec<Mistake>> {
    let there: BTreeSet<_> = items.iter().map(|it| (it.document.kind(), it.key.clone())).collect();
    let mut mistakes = Vec::new();
    for item in &items {
        for (kind, key) in item.document.refers_to() {
            let of = (kind, key.to_owned());
            if !there.contains(&of) && !known.contains_key(&of) {
                let what = format!("there is no {kind} `{key}`, which it refers to");
                mistakes.push(Mistake { line: item.line, what });
            }
        }
        let now = known.get(&(item.document.kind(), item.key.clone())).map_or(0, |it| it.version);
        if let Some(seen) = item.version.filter(|seen| *seen != now) {
            let what = format!(
                "it was made from version {seen}, but there is version {now}: export it again, \
                 or leave `version` out to replace whatever is there"
            );
            mistakes.push(Mistake { line: item.line, what });
        }
    }
    if !mistakes.is_empty() {
        return Err(shortened(mistakes));
    }
    let changes = items.into_iter().map(|item| {
        let Item { key, document, .. } = item;
        let old = known.get(&(document.kind(), key.clone()));
        let fields = changed(old.map(|it| &it.document), &document);
        let what = match old {
            None => Effect::New,
            Some(_) if fields.is_empty() => Effect::Unchanged,
            Some(_) => Effect::Changed,
        };
        Change { key, document, seen: old.map_or(0, |it| it.version), what, fields }
    });
    Ok(changes.collect())
}

/// The kinds that must be known to judge a file.
pub fn kinds(items: &[Item]) -> BTreeSet<Kind> {
    let own = items.iter().map(|it| it.document.kind());
    let referred = items.iter().flat_map(|it| it.document.refers_to()).map(|(kind, _)| kind);
    own.chain(referred).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn items(version: Option<u32>) -> Vec<Item> {
        let all = samples::all().into_iter().zip(1..);
        all.map(|((key, document), line)| Item { line, key, version, document }).collect()
    }

    fn known(items: &[Item], version: u32) -> BTreeMap<(Kind, String), Known<Document>> {
        let known = items.iter().map(|it| {
            let known = Known { version, ..samples::known(&it.key, it.document.clone()) };
            ((it.document.kind(), it.key.clone()), known)
        });
        known.collect()
    }

    #[test]
    fn a_file_says_what_is_new_changed_and_unchanged() {
        let new = plan(items(None), &BTreeMap::new()).unwrap();
        assert!(new.iter().all(|it| (it.what, it.seen) == (Effect::New, 0)));
        let mut changed = items(Some(3));
        let known = known(&changed, 3);
        let same = plan(changed.clone(), &known).unwrap();
        assert!(same.iter().all(|it| it.what == Effect::Unchanged && it.fields.is_empty()));
        let Document::Provider(provider) = &mut changed[0].document else { panic!("another") };
        provider.sla = None;
        provider.hosts.pop();
        let one = plan(changed, &known).unwrap().remove(0);
        assert_eq!((one.what, one.seen), (Effect::Changed, 3));
        assert_eq!(one.fields, ["hosts", "sla"]);
    }

    #[test]
    fn every_reference_is_looked_at_and_all_that_is_missing_is_said() {
        let without: Vec<_> = items(None).split_off(1);
        let said = plan(without, &BTreeMap::new()).unwrap_err();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said.iter().all(|it| it.what.contains("no provider `alpha`")), "{said:?}");
        let provider = known(&items(None)[..1], 1);
        assert!(plan(items(None).split_off(1), &provider).is_ok());
    }

    #[test]
    fn a_file_from_an_older_version_is_refused() {
        let known = known(&items(None), 3);
        let said = plan(items(Some(2)), &known).unwrap_err();
        assert_eq!(said.len(), 6);
        assert!(said[0].what.contains("version 2, but there is version 3"), "{}", said[0]);
        assert!(plan(items(Some(1)), &BTreeMap::new()).is_err(), "it is gone");
        assert!(plan(items(None), &known).is_ok());
    }
}
