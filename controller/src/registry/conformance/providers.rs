//! Providers and what is about them: versions, what people vouched for, and alerts.

use futures::future::join_all;
use shared::digest::Digest;
use shared::time::UnixTime;

use super::fixture::by;
use crate::provider::fees::Band;
use crate::provider::{Document, Kind, Matter, Vouch};
use crate::registry::page::Page;
use crate::registry::provider::{NewRecord, all};
use crate::registry::{Registry, RegistryError};

fn band(key: &str, highest: u16, seen: u32) -> NewRecord {
    let document = Document::Band(Band { lowest: 0, highest });
    NewRecord { key: key.to_owned(), document, seen }
}

async fn put(registry: &dyn Registry, new: &[NewRecord], at: i64) -> Result<(), RegistryError> {
    registry.put_records(new, &by("ana", at)).await
}

async fn highest(registry: &dyn Registry, version: Option<u32>) -> Option<(u32, u16)> {
    let found = registry.record(Kind::Band, "a", version).await.expect("it is looked up")?;
    let Document::Band(band) = found.known.document else { panic!("another kind was found") };
    Some((found.known.version, band.highest))
}

pub(super) async fn a_document_has_versions_and_old_ones_stay_readable(registry: &dyn Registry) {
    assert_eq!(highest(registry, None).await, None);
    for (seen, at) in [(0, 10), (1, 20), (2, 30)] {
        let value = u16::try_from(at).expect("it is small");
        put(registry, &[band("a", value, seen)], at).await.expect("it is stored");
    }
    assert_eq!(highest(registry, None).await, Some((3, 30)));
    assert_eq!(highest(registry, Some(1)).await, Some((1, 10)));
    assert_eq!(highest(registry, Some(4)).await, None);
    let other = registry.record(Kind::Model, "a", None).await.expect("it is looked up");
    assert_eq!(other, None, "a key is a key of its kind");
    let history = async |page: &Page<u32>| {
        let list = registry.record_history(Kind::Band, "a", page).await.expect("a list");
        list.iter().map(|it| (it.known.version, it.set_at.0)).collect::<Vec<_>>()
    };
    assert_eq!(history(&Page::first(2)).await, [(3, 30), (2, 20)]);
    assert_eq!(history(&Page::after(2, 2)).await, [(1, 10)]);
    let audit = registry.audit(&Page::first(10)).await.expect("a list");
    let last = audit.last().expect("it was written down");
    assert_eq!((&*last.who, &*last.what, &*last.object), ("ana", "band-set", "a"));
    assert_eq!(last.detail, "version 3: highest; because");
}

pub(super) async fn documents_change_all_or_none_and_only_as_they_were_seen(
    registry: &dyn Registry,
) {
    put(registry, &[band("a", 1, 0)], 10).await.expect("it is stored");
    for seen in [0, 2] {
        let both = [band("b", 1, 0), band("a", 2, seen)];
        let refused = put(registry, &both, 20).await.expect_err("it was not seen so");
        assert!(
            matches!(&refused, RegistryError::DocumentMoved { which, expected, found: 1, .. }
                if which == "a" && *expected == seen),
            "{refused}"
        );
    }
    let there = all(registry, Kind::Band).await.expect("a list");
    assert_eq!(there.iter().map(|it| &*it.key).collect::<Vec<_>>(), ["a"], "nothing half done");
    let writers =
        (0..8).map(|value| async move { put(registry, &[band("a", value, 1)], 30).await });
    let done = join_all(writers).await;
    let won = done.iter().filter(|it| it.is_ok()).count();
    assert_eq!(won, 1, "one of those that saw the same version");
    assert_eq!(highest(registry, None).await.map(|it| it.0), Some(2));
}

pub(super) async fn documents_are_listed_by_key_in_pages(registry: &dyn Registry) {
    let new: Vec<_> = ["c", "B", "a", "b"].iter().map(|key| band(key, 1, 0)).collect();
    put(registry, &new, 10).await.expect("they are stored");
    let keys = async |page: &Page<String>| {
        let list = registry.records(Kind::Band, page).await.expect("a list");
        list.into_iter().map(|it| it.known.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&Page::first(3)).await, ["B", "a", "b"]);
    assert_eq!(keys(&Page::after("b".to_owned(), 3)).await, ["c"]);
    assert_eq!(all(registry, Kind::Band).await.expect("a list").len(), 4);
}

pub(super) async fn what_people_vouch_for_stays_with_the_document(registry: &dyn Registry) {
    let vouch = |of: u8, at| Vouch {
        matter: Matter::Fees,
        of: Digest([of; 32]),
        by: "ana".to_owned(),
        at: UnixTime(at),
        why: "agreed".to_owned(),
    };
    let missing = registry.vouch(Kind::Band, "a", 0, &vouch(1, 1)).await;
    assert!(matches!(missing, Err(RegistryError::Missing { .. })));
    put(registry, &[band("a", 1, 0), band("b", 1, 0)], 10).await.expect("they are stored");
    let moved = registry.vouch(Kind::Band, "a", 2, &vouch(1, 1)).await;
    assert!(matches!(moved, Err(RegistryError::DocumentMoved { expected: 2, found: 1, .. })));
    for it in [vouch(1, 20), vouch(1, 20), vouch(2, 30)] {
        registry.vouch(Kind::Band, "a", 1, &it).await.expect("it is noted");
    }
    put(registry, &[band("a", 2, 1)], 40).await.expect("it is stored");
    let vouches = async |key: &str| {
        let found = registry.record(Kind::Band, key, None).await.expect("it is looked up");
        found.expect("it is there").known.vouches
    };
    assert_eq!(vouches("a").await, [vouch(1, 20), vouch(2, 30)]);
    assert_eq!(vouches("b").await, []);
}

pub(super) async fn an_alert_is_seen_once(registry: &dyn Registry) {
    let ids = ["x".to_owned(), "y".to_owned()];
    assert!(registry.alerts_seen(&ids).await.expect("a list").is_empty());
    for at in [1, 2] {
        registry.alert_seen("x", &by("ana", at)).await.expect("it is noted");
    }
    let seen = registry.alerts_seen(&ids).await.expect("a list");
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["x"]);
    assert_eq!(registry.audit(&Page::first(10)).await.expect("a list").len(), 1);
}
