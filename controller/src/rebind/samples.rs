//! For tests: what is on record before a provider is changed.

use shared::change::Rebind;
use shared::time::UnixTime;

use crate::provider::record::Provider;
use crate::provider::samples::vouch;
use crate::provider::{Kind, Matter};
use crate::registry::Registry;
use crate::registry::audit::By;
use crate::registry::provider::NewRecord;
use crate::registry::request::NewRequest;
use crate::request::{Asked, Channel, Method, RequestKind};

fn by(who: &str, at: UnixTime) -> By {
    By { who: who.to_owned(), why: "test".to_owned(), at }
}

/// Written down by *eva*, for terminals that the selector matches.
pub(crate) async fn made(registry: &dyn Registry, change: &Rebind, selector: &str, at: UnixTime) {
    let asked = Asked {
        requester: change.ordered_by.clone(),
        channel: Channel::Telephone,
        reason: change.reason,
        note: String::new(),
        from: change.from.clone(),
        to: change.to.clone(),
        selector: selector.to_owned(),
        fallback: Some("cash".to_owned()),
        clause: Some("7.2".to_owned()),
        waiver: None,
        attachments: vec![],
    };
    let new = NewRequest { id: change.request, kind: RequestKind::Rebind, asked };
    registry.add_request(&new, &by("eva", at)).await.expect("it is written down");
}

/// As [`made`], and *ben* has verified and accepted it.
pub(crate) async fn accepted(
    registry: &dyn Registry,
    change: &Rebind,
    selector: &str,
    at: UnixTime,
) {
    made(registry, change, selector, at).await;
    let (id, ben) = (change.request, by("ben", at));
    let verified = registry.verify_request(id, Method::CallBack, "+49 30 1", &ben).await;
    verified.expect("it is known").expect("it is verified");
    let accepted = registry.review_request(id, true, &ben).await;
    accepted.expect("it is known").expect("it is accepted");
}

/// Written down, and somebody has looked its licence up.
pub(crate) async fn provider(registry: &dyn Registry, key: &str, document: Provider) {
    let licence = document.licence.as_ref().expect("it has one").digest();
    let new = NewRecord { key: key.to_owned(), document: document.into(), seen: 0 };
    let by = By { who: "ana".to_owned(), why: "test".to_owned(), at: UnixTime(1) };
    registry.put_records(&[new], &by).await.expect("it is written down");
    let word = vouch(Matter::Licence, licence);
    registry.vouch(Kind::Provider, key, 1, &word).await.expect("it is the newest");
}
