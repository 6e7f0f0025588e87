//! What is found, what is passed by, and that it does not matter where the stream is cut.

use super::*;

const NUMBER: &str = "4111111111111111";

fn scan(bytes: &[u8]) -> Option<Hit> {
    let mut scanner = Scanner::new();
    scanner.feed(bytes).or_else(|| scanner.finish())
}

#[track_caller]
fn found(bytes: &[u8], found: CardData, offset: u64) {
    assert_eq!(scan(bytes), Some(Hit { found, offset }));
    for cut in 0..=bytes.len() {
        let mut scanner = Scanner::new();
        let (first, second) = bytes.split_at(cut);
        let hit = scanner.feed(first).or_else(|| scanner.feed(second));
        assert_eq!(hit.or_else(|| scanner.finish()), Some(Hit { found, offset }), "cut at {cut}");
    }
}

#[test]
fn a_number_is_found_wherever_it_stands_and_wherever_the_stream_is_cut() {
    for (text, offset) in [
        ("4111111111111111", 0),
        ("pan: 4111111111111111\n", 5),
        ("\"4111111111111111\"", 1),
        ("VISA4111111111111111EUR", 4),
        ("4111 1111 1111 1111", 0),
        ("2026 4111-1111-1111-1111.", 5),
        ("3782 822463 10005", 0),
        ("0.5 4111111111111111", 4),
    ] {
        found(text.as_bytes(), CardData::Number, offset);
    }
}

#[test]
fn a_number_is_found_in_utf_16_of_either_order() {
    let little: Vec<u8> = NUMBER.bytes().flat_map(|byte| [byte, 0]).collect();
    let big: Vec<u8> = NUMBER.bytes().flat_map(|byte| [0, byte]).collect();
    found(&little, CardData::Number, 0);
    found(&big, CardData::Number, 1);
    let grouped = "x 4111 1111 1111 1111";
    let grouped: Vec<u8> = grouped.bytes().flat_map(|byte| [byte, 0]).collect();
    found(&grouped, CardData::Number, 4);
}

#[test]
fn tracks_are_found_whatever_number_they_hold() {
    found(b"%B1234567890123456^DOE/J^2912", CardData::Track1, 2);
    found(b";1234567890123456=29121010000?", CardData::Track2, 1);
}

#[test]
fn what_only_looks_like_a_number_is_passed_by() {
    for text in [
        "4111111111111112",
        "41111111111111110000",
        "0.4111111111111111",
        "4006381333931",
        "1700000000000",
        "20260131120000123",
        "4111  1111 1111 1111",
        "4111/1111/1111/1111",
        "41 11 11 11 11 11 11 11",
        "3f4111111111111111aabbccddeeff00",
        "550e8400-e29b-41d4-a716-446655440000",
        "%B12345^",
        ";1234567890123456=12",
        ";1234567890123456",
    ] {
        assert_eq!(scan(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn two_zero_bytes_are_an_end() {
    let bytes: Vec<u8> = NUMBER.bytes().flat_map(|byte| [byte, 0, 0, 0]).collect();
    assert_eq!(scan(&bytes), None);
}

/// Bytes are fed one by one, of which none is ever passed over, and all at once.
#[test]
fn what_is_passed_over_changes_nothing() {
    const WORDS: [&[u8]; 14] = [
        b"4111111111111111",
        b"4111 1111 1111 1111",
        b"4111-1111-1111-1111",
        b"%B4111111111111111^",
        b";4111111111111111=",
        b"30121011",
        b"4\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x001\x00",
        b"deadbeefdeadbeef",
        b"the words of a shop",
        b"\0\0",
        b" \0-\0",
        b".",
        b"7",
        b"\xff\xfe",
    ];
    let mut state = 7_u64;
    let mut hits = 0;
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.extend_from_slice(WORDS[(state >> 33) as usize % WORDS.len()]);
        }
        let (mut whole, mut single) = (Scanner::new(), Scanner::new());
        let one_by_one = text.chunks(1).find_map(|byte| single.feed(byte));
        let one_by_one = one_by_one.or_else(|| single.finish());
        let at_once = whole.feed(&text).or_else(|| whole.finish());
        assert_eq!(at_once, one_by_one, "{:?}", String::from_utf8_lossy(&text));
        hits += u32::from(at_once.is_some());
    }
    assert!((2_000..18_000).contains(&hits), "{hits} hits");
}
