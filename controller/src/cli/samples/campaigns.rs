//! For tests: what a campaign would be.

use std::collections::BTreeMap;

use shared::time::UnixTime;

use super::{NOW, terminal_id};
use crate::api::model::{
    CampaignPlan, PlannedBytes, PlannedGroup, PlannedMember, PlannedWave, PlannedZone, Reason,
    Software,
};
use crate::campaign::preflight::{Concern, Excluded};

const HOUR: i64 = 3_600;

pub(crate) fn campaign_plan() -> CampaignPlan {
    let zones = [("Europe/Berlin", 380), ("America/Argentina/Buenos_Aires", 21)];
    CampaignPlan {
        software: Some(Software { component: "pos".to_owned(), version: "2.0.0".to_owned() }),
        selector: "store~n* & model=px7".to_owned(),
        terminals: 412,
        sample: vec![member(1, Some("1.0.0")), member(2, None)],
        excluded: vec![
            out(Excluded::NotEnrolled, 3),
            out(Excluded::OtherModel, 1),
            out(Excluded::AlreadyThere, 120),
        ],
        concerns: vec![about(Concern::Offline, 14), about(Concern::Busy, 2)],
        bytes: Some(PlannedBytes { each: 13 << 20, all: 412 * (13 << 20), largest_wave: 4 << 30 }),
        approvers: 0,
        waves: vec![
            wave(1, 1, 0, "2026-11-22 11:00", "2026-11-22 07:00"),
            wave(2, 21, 14 * HOUR, "2026-11-23 01:00", "2026-11-22 21:00"),
            wave(3, 390, 39 * HOUR, "2026-11-24 02:00", "2026-11-23 22:00"),
        ],
        over_at: UnixTime(NOW.0 + 60 * HOUR),
        takes_s: 60 * 3_600,
        not_after_s: 14 * 86_400,
        zones: zones
            .map(|(zone, terminals)| PlannedZone { zone: zone.to_owned(), terminals })
            .to_vec(),
        elsewhere: 11,
        warnings: vec![Reason {
            code: "fewer-waves".to_owned(),
            detail: "the policy names 4 waves, and the members fill 3".to_owned(),
            hint: None,
        }],
    }
}

fn member(number: u8, version: Option<&str>) -> PlannedMember {
    PlannedMember {
        terminal: terminal_id(number),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        version: version.map(str::to_owned),
    }
}

fn out(why: Excluded, terminals: u64) -> PlannedGroup {
    group(why.code(), why.detail(), why.hint(), terminals)
}

fn about(what: Concern, terminals: u64) -> PlannedGroup {
    group(what.code(), what.detail(), what.hint(), terminals)
}

fn group(code: &str, detail: &str, hint: Option<&str>, terminals: u64) -> PlannedGroup {
    let hint = hint.map(str::to_owned);
    let reason = Reason { code: code.to_owned(), detail: detail.to_owned(), hint };
    let shown = u8::try_from(terminals.min(10)).expect("ten at most");
    PlannedGroup { reason, terminals, sample: (1..=shown).map(|it| member(it, None)).collect() }
}

fn wave(number: u64, terminals: u64, after_s: i64, here: &str, there: &str) -> PlannedWave {
    PlannedWave {
        number,
        terminals,
        opens_at: UnixTime(NOW.0 + after_s),
        local: BTreeMap::from([
            ("Europe/Berlin".to_owned(), here.to_owned()),
            ("America/Argentina/Buenos_Aires".to_owned(), there.to_owned()),
        ]),
    }
}
