//! Who is in, who is out, and what is said of either.

use shared::document::FORMAT;
use shared::document::release::{Artifact, Health, Settlement};
use shared::id::CampaignId;
use shared::message::Component;

use super::*;

const NOT_AFTER: UnixTime = UnixTime(1_000_000);

fn release() -> Release {
    Release {
        format: FORMAT,
        component: "pos".to_owned(),
        version: "2.0.0".to_owned(),
        security_counter: 5,
        models: vec!["px5".to_owned(), "px7".to_owned()],
        artifact: Artifact {
            sha256: shared::digest::Digest([1; 32]),
            size: 1,
            unpacked_size: 1,
            entries: 1,
        },
        from_counter_min: 3,
        raise_floor_to: None,
        settlement: Settlement::NotNeeded,
        health: Health { stable_s: 10, within_s: 60 },
        issued_at: UnixTime(1),
        expires_at: UnixTime(i64::MAX),
    }
}

/// Sells with version 1.0.0, and is connected.
pub(super) fn prospect(number: u8) -> Prospect {
    Prospect {
        id: TerminalId::from_bytes([number; 16]),
        serial: format!("PX-{number:03}"),
        model: "px7".to_owned(),
        store: "north".to_owned(),
        region: None,
        lane: None,
        zone: "Europe/Berlin".to_owned(),
        opens_in: "Europe/Berlin".to_owned(),
        unit: Unit::Enrolled,
        service: Service::InService,
        presence: Presence::Online,
        last_seen_at: Some(UnixTime(900)),
        certificate_expires_at: Some(NOT_AFTER),
        agent_version: Some("0.1.0".to_owned()),
        disk_free_bytes: None,
        battery_is_low: false,
        is_frozen: false,
        is_quarantined: false,
        labels: None,
        components: Some(vec![pos("1.0.0", 3)]),
        providers: vec![],
        busy_with: None,
    }
}

fn pos(version: &str, security_counter: u64) -> Component {
    Component { name: "pos".to_owned(), version: version.to_owned(), security_counter }
}

/// Runs this, and nothing else is special about it.
fn runs(version: &str, counter: u64) -> Prospect {
    Prospect { components: Some(vec![pos(version, counter)]), ..prospect(1) }
}

fn of_upgrade(release: &Release) -> Demands<'_> {
    let (verb, disturbs) = (Verb::Upgrade, true);
    Demands { verb, release: Some(release), not_after: NOT_AFTER, disturbs }
}

/// Of an upgrade, as [`release`] says.
fn excluded(it: &Prospect) -> Option<Excluded> {
    let release = release();
    of_upgrade(&release).excluded(it)
}

/// The same terminal, asked for nothing in particular.
fn excluded_from_ping(it: &Prospect) -> Option<Excluded> {
    let disturbs = false;
    Demands { verb: Verb::Ping, release: None, not_after: NOT_AFTER, disturbs }.excluded(it)
}

#[test]
fn who_would_refuse_the_change_or_has_it_is_out_and_whoever_may_take_it_later_is_in() {
    let never = Prospect {
        presence: Presence::NeverSeen,
        components: None,
        agent_version: None,
        ..prospect(1)
    };
    let other = vec![Component { name: "firmware".to_owned(), ..pos("2.0.0", 9) }];
    let whatever_it_is = [
        (prospect(1), None),
        (Prospect { unit: Unit::Claimed, ..prospect(1) }, Some(Excluded::NotEnrolled)),
        (Prospect { unit: Unit::Revoked, ..prospect(1) }, Some(Excluded::Revoked)),
        (Prospect { service: Service::Erased, ..prospect(1) }, Some(Excluded::Erased)),
        (Prospect { is_quarantined: true, ..prospect(1) }, Some(Excluded::Quarantined)),
    ];
    let of_upgrade = [
        (Prospect { model: "px9".to_owned(), ..prospect(1) }, Some(Excluded::OtherModel), None),
        (runs("2.0.0", 5), Some(Excluded::AlreadyThere), None),
        (runs("2.0.0", 1), Some(Excluded::AlreadyThere), None),
        (runs("3.0.0", 6), Some(Excluded::CounterTooLow), None),
        (runs("3.0.0", 5), None, None),
        (runs("0.9.0", 2), Some(Excluded::RunningTooOld), None),
        // As if it had counted to nothing.
        (Prospect { components: Some(other), ..prospect(1) }, Some(Excluded::RunningTooOld), None),
        // Nobody knows what it runs.
        (never, None, None),
        (Prospect { is_frozen: true, ..prospect(1) }, None, None),
        (Prospect { presence: Presence::Offline, ..prospect(1) }, None, None),
        (Prospect { service: Service::Suspended, ..prospect(1) }, None, None),
    ];
    let whatever_it_is = whatever_it_is.map(|(it, why)| (it, why, why));
    for (it, upgrade, ping) in whatever_it_is.into_iter().chain(of_upgrade) {
        assert_eq!((excluded(&it), excluded_from_ping(&it)), (upgrade, ping), "{it:?}");
    }
}

#[test]
fn an_agent_that_does_not_know_a_verb_is_out_of_whatever_asks_for_it() {
    let with = |version: &str| Prospect { agent_version: Some(version.to_owned()), ..prospect(1) };
    assert_eq!(excluded(&with("0.0.9")), Some(Excluded::AgentTooOld));
    assert_eq!(excluded_from_ping(&with("0.1.0-rc1")), Some(Excluded::AgentTooOld));
    for known in ["0.1.0", "0.2", "1.0.0", "nightly"] {
        assert_eq!(excluded(&with(known)), None, "{known}");
    }
}

fn audience(prospects: &[Prospect], canary: &[TerminalId]) -> Audience {
    let release = release();
    let demands = of_upgrade(&release);
    let canary = canary.iter().copied().collect();
    let mut audience = Audience::default();
    prospects.iter().for_each(|it| audience.add(it, &demands, &canary));
    audience
}

#[test]
fn of_a_member_everything_is_said_that_may_keep_the_change_from_it() {
    let busy_with = Some(CampaignId::from_bytes([1; 16]));
    let ends = Some(UnixTime(NOT_AFTER.0 - 1));
    let [frozen, busy, offline] = [1, 2, 3].map(prospect);
    let needed = release().artifact.room_bytes() + SLOTS_RESERVE_BYTES;
    let audience = audience(
        &[
            Prospect { is_frozen: true, presence: Presence::NeverSeen, ..frozen },
            Prospect { busy_with, service: Service::SuspendedOwing, ..busy },
            Prospect { presence: Presence::Offline, certificate_expires_at: ends, ..offline },
            prospect(4),
            Prospect { battery_is_low: true, disk_free_bytes: Some(needed - 1), ..prospect(6) },
            Prospect { disk_free_bytes: Some(needed), ..prospect(7) },
            Prospect { busy_with, unit: Unit::Revoked, ..prospect(5) },
        ],
        &[],
    );
    let counts: Vec<_> = audience.concerns.iter().map(|(what, of)| (*what, of.count)).collect();
    use Concern as Is;
    let all = [
        Is::Suspected,
        Is::NeverSeen,
        Is::Offline,
        Is::Busy,
        Is::Suspended,
        Is::CertificateEnds,
        Is::BatteryLow,
        Is::DiskShort,
    ];
    assert_eq!(counts, all.map(|what| (what, 1)));
    assert_eq!(audience.members.len(), 6);
    assert_eq!(audience.excluded_counts(), [(Excluded::Revoked, 1)].into());
}

#[test]
fn of_many_some_are_shown_and_of_few_all() {
    let many: Vec<_> = (1..=200).map(prospect).collect();
    let audience = audience(&many, &[]);
    assert_eq!((audience.sample.count, audience.sample.sample().len()), (200, SAMPLE_MAX));
    let first = audience.sample.sample()[0];
    assert_eq!((first.serial.as_str(), first.version.as_deref()), ("PX-001", Some("1.0.0")));
    let mut backwards = many.clone();
    backwards.reverse();
    assert_eq!(super::tests::audience(&backwards, &[]).sample, audience.sample);
    let few = super::tests::audience(&many[..3], &[]);
    let shown: Vec<_> = few.sample.sample().into_iter().map(|it| it.serial.as_str()).collect();
    assert_eq!(shown, ["PX-001", "PX-002", "PX-003"]);
}

#[test]
fn members_are_counted_by_the_zone_in_which_they_open_windows() {
    let there = |number| Prospect { opens_in: "Asia/Shanghai".to_owned(), ..prospect(number) };
    let never = Prospect { presence: Presence::NeverSeen, ..there(3) };
    let prospects = [prospect(1), there(2), never, there(4)];
    let audience = audience(&prospects, &[prospects[0].id, prospects[1].id]);
    let heads = |members, seen| Heads { members, seen };
    let store = &prospects[0].store;
    let shanghai = Present { listed: heads(1, 1), others: heads(2, 1) };
    let berlin = Present { listed: heads(1, 1), others: heads(0, 0) };
    let place = |zone: &str, present| (zone.to_owned(), [(store.clone(), present)].into());
    let places = [place("Asia/Shanghai", shanghai), place("Europe/Berlin", berlin)];
    assert_eq!(audience.places, places.into());
    assert_eq!(audience.present(), Present { listed: heads(2, 2), others: heads(2, 1) });
    assert_eq!(audience.stores(), [(store.clone(), 4)].into());
    let all = [("Asia/Shanghai".to_owned(), 3), ("Europe/Berlin".to_owned(), 1)];
    assert_eq!(audience.zones(), all);
}
