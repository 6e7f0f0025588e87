//! For tests: a request for a change of provider.

use shared::change::Rebind;
use shared::time::UnixTime;

use super::{Asked, Channel, Method, RequestKind};
use crate::registry::Registry;
use crate::registry::audit::By;
use crate::registry::request::NewRequest;

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
