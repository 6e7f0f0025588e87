//! For tests: what a campaign would be, and what came of one.

use std::collections::BTreeMap;

use shared::id::CampaignId;
use shared::time::UnixTime;

use super::{NOW, ago, terminal_id};
use crate::api::model::{
    AssignmentState, CampaignPlan, CampaignReport, CampaignState, PlannedBytes, PlannedGroup,
    PlannedMember, PlannedWave, PlannedZone, Reason, ReportCoverage, ReportDecision,
    ReportDiskFree, ReportHealth, ReportMoment, ReportPart, ReportPhase, ReportSign, ReportSince,
    ReportStraggler, ReportVersion, Software,
};
use crate::campaign::preflight::{Concern, Excluded};

const HOUR: i64 = 3_600;

pub(crate) fn campaign_plan() -> CampaignPlan {
    let zones = [("Europe/Berlin", 380), ("America/Argentina/Buenos_Aires", 21)];
    CampaignPlan {
        software: Some(Software { component: "pos".to_owned(), version: "2.0.0".to_owned() }),
        selector: "store~n* & model=px7".to_owned(),
        terminals: 412,
        is_continuous: false,
        sample: vec![member(1, Some("1.0.0")), member(2, None)],
        excluded: vec![
            out(Excluded::NotEnrolled, 3),
            out(Excluded::OtherModel, 1),
            out(Excluded::AlreadyThere, 120),
        ],
        concerns: vec![about(Concern::Offline, 14), about(Concern::Busy, 2)],
        bytes: Some(PlannedBytes {
            each: 13 << 20,
            all: 412 * (13 << 20),
            largest_wave: 4 << 30,
            takes_s: Some(5 * 3_600),
        }),
        approvers: 0,
        waves: vec![
            wave(1, 1, 0, "2026-11-22 11:00", "2026-11-22 07:00"),
            wave(2, 21, 14 * HOUR, "2026-11-23 01:00", "2026-11-22 21:00"),
            wave(3, 390, 39 * HOUR, "2026-11-24 02:00", "2026-11-23 22:00"),
        ],
        shut: 0,
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
    group(why.code(), why.detail(terminals), why.hint(), terminals)
}

fn about(what: Concern, terminals: u64) -> PlannedGroup {
    group(what.code(), what.detail(terminals), what.hint(), terminals)
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
        opens_at: Some(UnixTime(NOW.0 + after_s)),
        local: BTreeMap::from([
            ("Europe/Berlin".to_owned(), here.to_owned()),
            ("America/Argentina/Buenos_Aires".to_owned(), there.to_owned()),
        ]),
    }
}

pub(crate) fn campaign_report() -> CampaignReport {
    let well = |of: u64| ReportCoverage { released: of, attempted: of, succeeded: of, ..bare() };
    let large = ReportCoverage {
        released: 380,
        attempted: 362,
        succeeded: 359,
        bad: [("health-not-proven".to_owned(), 2), ("silent".to_owned(), 1)].into(),
        unreached: 4,
        untried: 2,
        open: 12,
    };
    let total = ReportCoverage { released: 402, attempted: 384, succeeded: 381, ..large.clone() };
    let part =
        |name: &str, members, coverage| ReportPart { name: name.to_owned(), members, coverage };
    CampaignReport {
        campaign: CampaignId::from_bytes([2; 16]),
        name: Some("autumn".to_owned()),
        selector: "store~n* & model=px7".to_owned(),
        state: CampaignState::Running,
        software: Some(Software { component: "pos".to_owned(), version: "2.0.0".to_owned() }),
        started_at: Some(ago(40 * HOUR)),
        ended_at: None,
        made_at: NOW,
        members: 412,
        held: 10,
        total: total.clone(),
        waves: vec![
            part("1", Some(1), well(1)),
            part("2", Some(21), well(21)),
            part("3", Some(390), large.clone()),
        ],
        stores: vec![part("nantes", None, well(22)), part("north", None, large)],
        models: vec![part("px7", None, total)],
        stragglers: vec![
            straggler(4, AssignmentState::Waiting, "till", "for the till: 1 open check", None),
            straggler(5, AssignmentState::Accepted, "", "", Some(ago(26 * HOUR))),
        ],
        stragglers_count: 16,
        waiting: vec![straggler(6, AssignmentState::Held, "offline", "it is offline", None)],
        phases: vec![
            phase("delivery", 402, [2, 7, 5_400]),
            phase("admit", 400, [0, 1, 2]),
            phase("fetch", 399, [41, 260, 2_900]),
            phase("verify", 396, [2, 3, 6]),
            phase("window", 394, [19_000, 30_500, 33_000]),
            phase("health", 384, [11, 14, 61]),
        ],
        versions: vec![
            version(None, "2.0.0", 3),
            version(Some("1.0.0"), "1.0.0", 21),
            version(Some("1.0.0"), "2.0.0", 378),
        ],
        since: ReportSince { as_brought: 380, other_version: 1, offline: 9 },
        health: health(),
        bytes_fetched: 399 * (13 << 20),
        time_line: time_line(),
        decisions: decisions(),
        part_s: 4 * 3_600,
        late_successes: 0,
        contradictions: 0,
    }
}

fn decisions() -> Vec<ReportDecision> {
    let decision = |hour: i64, who: &str, what: &str, why: &str| ReportDecision {
        at: UnixTime(NOW.0 - 40 * HOUR + hour * HOUR),
        who: who.to_owned(),
        what: what.to_owned(),
        why: why.to_owned(),
    };
    vec![
        decision(0, "operator-1", "campaign-created", ""),
        decision(1, "operator-1", "campaign-started", "winter release"),
        decision(9, "campaign-plan", "campaign-tripped", "wave 2: 3 of 40 ended badly"),
        decision(
            20,
            "operator-2",
            "campaign-resumed",
            "3 bad ends acknowledged; a bad batch of SIMs",
        ),
    ]
}

fn health() -> ReportHealth {
    let sign = |sign: &str, [compared, before, now, worse, better]: [u64; 5]| ReportSign {
        sign: sign.to_owned(),
        compared,
        before,
        now,
        worse,
        better,
    };
    ReportHealth {
        signs: vec![
            sign("offline", [384, 2, 9, 8, 1]),
            sign("till-silent", [372, 0, 1, 1, 0]),
            sign("till-restarts", [372, 14, 3, 2, 13]),
            sign("battery-low", [41, 5, 6, 2, 1]),
        ],
        disk_free: Some(ReportDiskFree {
            compared: 372,
            median_before: 3 << 30,
            median_now: 2_900 << 20,
            least_before: 212 << 20,
            least_now: 90 << 20,
        }),
    }
}

fn bare() -> ReportCoverage {
    ReportCoverage::default()
}

fn time_line() -> Vec<ReportMoment> {
    let ends =
        [(1, 0), (0, 0), (4, 0), (17, 0), (0, 0), (0, 0), (96, 1), (170, 2), (81, 0), (12, 0)];
    let begin = NOW.0 / (4 * HOUR) - 9;
    let moment = |(place, (succeeded, bad)): (i64, (u64, u64))| ReportMoment {
        from: UnixTime((begin + place) * 4 * HOUR),
        succeeded,
        bad,
    };
    (0..).zip(ends).map(moment).collect()
}

fn straggler(
    number: u8,
    state: AssignmentState,
    code: &str,
    detail: &str,
    offline_since: Option<UnixTime>,
) -> ReportStraggler {
    let (code, detail) = (code.to_owned(), detail.to_owned());
    let reason = (!code.is_empty()).then_some(Reason { code, detail, hint: None });
    ReportStraggler {
        terminal: terminal_id(number),
        serial: format!("PX-{number}"),
        store: "north".to_owned(),
        model: "px7".to_owned(),
        state,
        reason,
        since: (state != AssignmentState::Held).then_some(ago(30 * HOUR)),
        offline_since,
    }
}

fn phase(step: &str, terminals: u64, [p50_s, p90_s, p99_s]: [u64; 3]) -> ReportPhase {
    ReportPhase { step: step.to_owned(), terminals, p50_s, p90_s, p99_s }
}

fn version(before: Option<&str>, after: &str, terminals: u64) -> ReportVersion {
    let [before, after] = [before, Some(after)].map(|it| it.map(str::to_owned));
    ReportVersion { before, after, terminals }
}
