//! How one roster follows another, and who can make that happen.

use agent::clock::{NotTheTime, open_fleet_time};
use agent::roster::{Trust, Unbelieved};
use harness::keys::{Ceremony, NOW, entry, payload_digest, terminal};
use shared::digest::{Digest, Nonce};
use shared::document::Roster;
use shared::document::roster::{Role, UnsoundRoster};
use shared::message::SignedBytes;
use shared::signature::PrivateKey;
use shared::time::UnixTime;

const NONCE: Nonce = Nonce([5; 16]);

fn pinned(ceremony: &Ceremony) -> Trust {
    let trust = Trust::pinned(ceremony.fleet, ceremony.roster_digest(), &ceremony.signed_roster());
    trust.expect("the ceremony's roster is sound")
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

/// A second roster in which keys 51, 52 and 53 are the root keys, and the old ones are gone.
fn with_new_root(ceremony: &Ceremony) -> (Roster, [PrivateKey; 3]) {
    let new = [51, 52, 53].map(key);
    let mut roster = Ceremony::next_roster(&ceremony.roster);
    roster.keys.retain(|key| key.role != Role::Root);
    roster.keys.extend(new.iter().map(|key| entry(Role::Root, "new", key.public())));
    roster.keys.sort_by_key(|key| key.id);
    (roster, new)
}

#[test]
fn only_the_pinned_roster_begins_a_chain() {
    let ceremony = Ceremony::of(1);
    let signed = ceremony.signed_roster();
    assert_eq!(pinned(&ceremony).version(), 1);
    let (fleet, digest) = (ceremony.fleet, ceremony.roster_digest());

    let other_pin = Trust::pinned(fleet, Digest::of(b"another"), &signed);
    assert!(matches!(other_pin, Err(Unbelieved::NotPinned { .. })));
    let other_fleet = Trust::pinned(Ceremony::of(2).fleet, digest, &signed);
    assert!(matches!(other_fleet, Err(Unbelieved::OtherFleet { .. })));
    let by_one = ceremony.sign(ceremony.roster.clone(), &[&ceremony.root[0]]);
    let by_one = Trust::pinned(fleet, digest, &by_one);
    assert!(matches!(by_one, Err(Unbelieved::TooFewNewKeys { have: 1, need: 2, .. })));
    let cut = SignedBytes::new(signed.as_slice()[1..].to_vec());
    assert!(matches!(Trust::pinned(fleet, digest, &cut), Err(Unbelieved::Unreadable(_))));
}

#[test]
fn a_chain_begins_at_the_pinned_roster_wherever_it_stands() {
    let ceremony = Ceremony::of(1);
    let [one, two, _] = &ceremony.root;
    let second = Ceremony::next_roster(&ceremony.roster);
    let third = Ceremony::next_roster(&second);
    let rosters = [ceremony.roster.clone(), second, third.clone()];
    let digests = rosters.each_ref().map(payload_digest);
    let all = rosters.map(|roster| ceremony.sign(roster, &[one, two]));
    let begun = |pin, sent: &[SignedBytes]| Trust::pinned_among(ceremony.fleet, pin, sent);
    for pin in digests {
        let trust = begun(pin, &all).expect("it stands among them");
        assert_eq!(trust.digest(), digests[2], "those after it are followed");
    }

    let garbage = SignedBytes::new(b"of another time".to_vec());
    let after_garbage = begun(digests[1], &[garbage.clone(), all[1].clone()]);
    assert_eq!(after_garbage.expect("what is before it is passed over").version(), 2);
    let absent = begun(digests[2], &all[..2]);
    assert!(matches!(absent, Err(Unbelieved::NotPinned { got, .. }) if got == digests[0]));
    assert!(matches!(begun(digests[0], &[]), Err(Unbelieved::NoRoster { .. })));

    let gap = begun(digests[0], &[all[0].clone(), all[2].clone()]);
    assert!(matches!(gap, Err(Unbelieved::NotNext { got: 3, held: 1 })));
    let by_one = ceremony.sign(third, &[one]);
    let weak = begun(digests[0], &[all[0].clone(), all[1].clone(), by_one]);
    assert!(matches!(weak, Err(Unbelieved::TooFewOldKeys { got: 3, have: 1, need: 2 })));
    let before_garbage = begun(digests[1], &[all[1].clone(), garbage]);
    assert!(matches!(before_garbage, Err(Unbelieved::Unreadable(_))));
}

#[test]
fn what_was_kept_is_read_back_as_it_was() {
    let held = pinned(&Ceremony::of(1));
    let again = Trust::pinned(held.fleet(), held.digest(), held.signed());
    assert_eq!(again.expect("it was believed before").version(), held.version());
}

#[test]
fn root_keys_are_replaced_by_the_old_and_the_new_together() {
    let ceremony = Ceremony::of(1);
    let [old, ..] = &ceremony.root;
    let old_two = [old, &ceremony.root[1]];
    let (roster, new) = with_new_root(&ceremony);
    let held = pinned(&ceremony);
    let follow = |keys: &[&PrivateKey]| held.follow(&ceremony.sign(roster.clone(), keys));

    let only_new = follow(&[&new[0], &new[1], &new[2]]);
    assert!(matches!(only_new, Err(Unbelieved::TooFewOldKeys { have: 0, need: 2, .. })));
    let one_old = follow(&[&new[0], &new[1], old]);
    assert!(matches!(one_old, Err(Unbelieved::TooFewOldKeys { have: 1, need: 2, .. })));
    let only_old = follow(&old_two);
    assert!(matches!(only_old, Err(Unbelieved::TooFewNewKeys { have: 0, need: 2, .. })));
    let one_new = follow(&[old_two[0], old_two[1], &new[0]]);
    assert!(matches!(one_new, Err(Unbelieved::TooFewNewKeys { have: 1, need: 2, .. })));

    let next = follow(&[old_two[0], old_two[1], &new[0], &new[2]]).expect("both agree");
    assert_eq!(next.version(), 2);
    let third = ceremony.sign(Ceremony::next_roster(&roster), &old_two);
    let by_gone_keys = next.follow(&third);
    assert!(matches!(
        by_gone_keys,
        Err(Unbelieved::TooFewNewKeys { have: 0, .. })
            | Err(Unbelieved::TooFewOldKeys { have: 0, .. })
    ));
}

#[test]
fn what_a_key_is_called_in_the_new_roster_says_nothing_of_the_old() {
    let ceremony = Ceremony::of(1);
    let held = pinned(&ceremony);
    let mut roster = Ceremony::next_roster(&ceremony.roster);
    let swapped = |role| match role {
        Role::Root => Role::Release,
        Role::Release => Role::Root,
        Role::Approver | Role::Controller => role,
    };
    roster.keys.iter_mut().for_each(|key| key.role = swapped(key.role));
    let Ceremony { root, release, .. } = &ceremony;
    let by_release_keys = ceremony.sign(roster.clone(), &[&release[0], &release[1], &release[2]]);
    let refused = held.follow(&by_release_keys);
    assert!(matches!(refused, Err(Unbelieved::TooFewOldKeys { have: 0, .. })));
    let by_both = ceremony.sign(roster, &[&root[0], &root[1], &release[0], &release[1]]);
    assert!(held.follow(&by_both).is_ok());
}

#[test]
fn versions_follow_one_another_without_a_gap_or_a_fork() {
    let ceremony = Ceremony::of(1);
    let held = pinned(&ceremony);
    let keys = [&ceremony.root[0], &ceremony.root[1]];
    let second = Ceremony::next_roster(&ceremony.roster);
    let third = Ceremony::next_roster(&second);
    let skipped = held.follow(&ceremony.sign(third.clone(), &keys));
    assert!(matches!(skipped, Err(Unbelieved::NotNext { got: 3, held: 1 })));
    let again = held.follow(&ceremony.signed_roster());
    assert!(matches!(again, Err(Unbelieved::NotNext { got: 1, held: 1 })));
    let forked = Roster { previous: Some(Digest::of(b"another first")), ..second.clone() };
    let forked = held.follow(&ceremony.sign(forked, &keys));
    assert!(matches!(forked, Err(Unbelieved::OtherPrevious { got: 2, held: 1 })));

    let all = [
        ceremony.signed_roster(),
        ceremony.sign(second.clone(), &keys),
        ceremony.sign(third, &keys),
    ];
    let mut trust = held;
    assert!(trust.catch_up(&all[2..]).is_err(), "the second is missing");
    assert_eq!(trust.version(), 1);
    trust.catch_up(&all).expect("what is known already is passed over");
    assert_eq!(trust.version(), 3);
    trust.catch_up(&all).expect("sent once more");
    let other_third = Roster { issued_at: NOW, ..Ceremony::next_roster(&second) };
    let other_third = trust.catch_up(&[ceremony.sign(other_third, &keys)]);
    assert!(matches!(other_third, Err(Unbelieved::NotNext { got: 3, held: 3 })));
}

#[test]
fn no_roster_lowers_what_is_compiled_in() {
    let ceremony = Ceremony::of(1);
    let keys = [&ceremony.root[0], &ceremony.root[1], &ceremony.root[2]];
    let mut roster = Ceremony::next_roster(&ceremony.roster);
    roster.thresholds.release = 1;
    let lowered = pinned(&ceremony).follow(&ceremony.sign(roster, &keys));
    let wanted = UnsoundRoster::ThresholdBelowFloor { role: Role::Release, got: 1, floor: 2 };
    assert!(matches!(lowered, Err(Unbelieved::Unsound(unsound)) if unsound == wanted));
}

#[test]
fn a_roster_that_ran_out_gives_no_power_but_leads_on() {
    let ceremony = Ceremony::of(1);
    let keys = [&ceremony.root[0], &ceremony.root[1]];
    let held = pinned(&ceremony);
    let end = ceremony.roster.expires_at;
    assert!(held.in_force(UnixTime(end.0 - 1)).is_ok());
    assert!(held.in_force(end).is_err());

    let link = Roster { expires_at: NOW, ..Ceremony::next_roster(&ceremony.roster) };
    let valid = Roster { expires_at: UnixTime(end.0 + 1), ..Ceremony::next_roster(&link) };
    let mut trust = held;
    trust.catch_up(&[ceremony.sign(link, &keys)]).expect("a link, however old");
    assert!(trust.in_force(NOW).is_err());
    trust.catch_up(&[ceremony.sign(valid, &keys)]).expect("the next");
    assert!(trust.in_force(end).is_ok());
}

#[test]
fn the_controllers_key_makes_nobody_root() {
    let ceremony = Ceremony::of(1);
    let held = pinned(&ceremony);
    let controller = &ceremony.controller;
    let (mut roster, new) = with_new_root(&ceremony);
    let mine = roster.keys.iter_mut().find(|key| key.role == Role::Controller);
    mine.expect("the controller is in the roster").role = Role::Root;
    for keys in [vec![controller], vec![controller, &new[0], &new[1], &new[2]]] {
        assert!(held.follow(&ceremony.sign(roster.clone(), &keys)).is_err());
    }
}

#[test]
fn the_time_is_told_by_a_controller_to_this_terminal_while_its_roster_lasts() {
    let ceremony = Ceremony::of(1);
    let trust = pinned(&ceremony);
    let ours = terminal(2);
    let told = ceremony.fleet_time(ours, NONCE, NOW);
    let time = open_fleet_time(&told, ours, &trust).expect("it is in order");
    assert_eq!((time.at, time.nonce), (NOW, NONCE));

    let other_terminal = open_fleet_time(&told, terminal(1), &trust);
    assert!(matches!(other_terminal, Err(NotTheTime::OtherTerminal { .. })));
    let other_fleet = Ceremony::of(2).fleet_time(ours, NONCE, NOW);
    let other_fleet = open_fleet_time(&other_fleet, ours, &trust);
    assert!(matches!(other_fleet, Err(NotTheTime::NotByController)));
    for key in [&ceremony.root[0], &ceremony.approver[0], &ceremony.release[0]] {
        let by_other = ceremony.sign(time.clone(), &[key]);
        let by_other = open_fleet_time(&by_other, ours, &trust);
        assert!(matches!(by_other, Err(NotTheTime::NotByController)));
    }
    let end = ceremony.roster.expires_at;
    let beyond = ceremony.fleet_time(ours, NONCE, end);
    let beyond = open_fleet_time(&beyond, ours, &trust);
    assert!(matches!(beyond, Err(NotTheTime::AfterRoster { at, .. }) if at == end));
    let order = open_fleet_time(&ceremony.signed_roster(), ours, &trust);
    assert!(matches!(order, Err(NotTheTime::Unreadable(_))));
}

#[test]
fn a_roster_is_named_by_its_payload_however_it_is_signed() {
    let ceremony = Ceremony::of(1);
    assert_eq!(pinned(&ceremony).digest(), payload_digest(&ceremony.roster));
}
