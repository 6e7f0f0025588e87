//! For tests: a replacement that is live, and one whose parcel differs.

use shared::digest::Digest;
use shared::id::RequestId;

use super::{ago, position_id, terminal_id};
use crate::api::model::{
    ReplaceReason, Replacement, ReplacementCheck, ReplacementCommissioned, ReplacementEvent,
    ReplacementForm, ReplacementFound, ReplacementHistory, ReplacementLastBackup, ReplacementNext,
    ReplacementParcel, ReplacementState, ReplacementUnsettled, ReplacementWatched, UnitState,
};

const HOUR: i64 = 3600;

pub(crate) fn replacements() -> Vec<Replacement> {
    let live = Replacement {
        number: 7,
        request: RequestId::from_bytes([4; 16]),
        form: ReplacementForm {
            merchant: "Corner shop".to_owned(),
            old_serial: "PX-1".to_owned(),
            new_model: "px8".to_owned(),
            reason: ReplaceReason::Other,
            note: "fell into the water".to_owned(),
            answers: [("untested".to_owned(), "Gil".to_owned())].into(),
        },
        old: terminal_id(1),
        position: position_id(1),
        state: ReplacementState::Live,
        state_at: ago(HOUR),
        state_by: "ana".to_owned(),
        state_reason: Some("the shop opens".to_owned()),
        next: ReplacementNext {
            who: "operator".to_owned(),
            what: "see that it sells: `tillward replace watch`".to_owned(),
        },
        unit: Some("PX-8".to_owned()),
        unit_state: Some(UnitState::InService),
        parcel: Some(ReplacementParcel {
            courier: "parcels".to_owned(),
            tracking: "1Z-7".to_owned(),
            seal: Some("BAG-7".to_owned()),
        }),
        difference: None,
        unsettled: Some(ReplacementUnsettled {
            items: vec!["batch 41".to_owned(), "refund 9".to_owned()],
            closed_at_host: "C-41".to_owned(),
            without_backup: false,
            accepted_by: "ben".to_owned(),
        }),
        last_backup: Some(ReplacementLastBackup {
            manifest: Digest([7; 32]),
            taken_at: ago(60 * HOUR),
        }),
        claim: None,
        new: Some(terminal_id(2)),
        restored: Some(Digest([7; 32])),
        commissioned: Some(ReplacementCommissioned {
            found: [
                (ReplacementCheck::Screen, ReplacementFound::Works),
                (ReplacementCheck::Scanner, ReplacementFound::Absent),
            ]
            .into(),
            tested: "T-1".to_owned(),
            by: "tom".to_owned(),
        }),
        live_at: Some(ago(HOUR)),
        watched: Some(ReplacementWatched {
            until: ago(-71 * HOUR),
            payments: 12,
            payments_wanted: 50,
            is_over: false,
            trouble: vec!["the new terminal is offline".to_owned()],
            unanswered: vec!["the new terminal is offline".to_owned()],
        }),
        accepted: None,
        created_at: ago(40 * HOUR),
        created_by: "ana".to_owned(),
    };
    let frozen = Replacement {
        number: 6,
        state: ReplacementState::SuspectedSubstitution,
        state_reason: None,
        next: ReplacementNext {
            who: "two people".to_owned(),
            what: "keep the unit apart".to_owned(),
        },
        unit_state: Some(UnitState::Tampered),
        difference: Some("its seal reads `BAG-9`, not `BAG-7`".to_owned()),
        unsettled: None,
        last_backup: None,
        new: None,
        restored: None,
        commissioned: None,
        live_at: None,
        watched: None,
        ..live.clone()
    };
    vec![live, frozen]
}

pub(crate) fn replacement_past() -> Vec<ReplacementHistory> {
    vec![
        ReplacementHistory {
            number: 1,
            event: ReplacementEvent::Allocate,
            from: ReplacementState::Requested,
            to: ReplacementState::UnitAllocated,
            at: ago(39 * HOUR),
            by: "sam".to_owned(),
            reason: None,
        },
        ReplacementHistory {
            number: 2,
            event: ReplacementEvent::GoLive,
            from: ReplacementState::Commissioned,
            to: ReplacementState::Live,
            at: ago(HOUR),
            by: "ana".to_owned(),
            reason: Some("the shop opens".to_owned()),
        },
    ]
}
