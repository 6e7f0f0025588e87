//! The language in tables, and for any selector and any text: what it means, how it is written,
//! where it goes wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shared::message::Component;

use super::glob::Piece;
use super::key::{KEYS, PRESENCES, STATES};
use super::*;
use crate::registry::terminal::{Presence, Service, Unit};

const DAY_S: i64 = 24 * 3600;
const NOW: UnixTime = UnixTime(1_800_000_000);

/// Whatever facts borrow.
struct Known {
    labels: BTreeMap<String, String>,
    components: Vec<Component>,
    providers: Vec<String>,
}

fn known() -> Known {
    let version = |name: &str, version: &str| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        security_counter: 1,
    };
    Known {
        labels: BTreeMap::from([("ring".to_owned(), "canary".to_owned())]),
        components: vec![version("pos", "1.10.0+b7"), version("kernel", "nightly")],
        providers: vec!["north-pay".to_owned(), "card-house".to_owned()],
    }
}

fn facts(known: &Known) -> Facts<'_> {
    Facts {
        id: TerminalId::from_bytes([1; 16]),
        serial: "SN-7",
        model: "T650",
        store: "Köln \"Dom\"",
        region: Some("west"),
        lane: None,
        zone: "Europe/Berlin",
        labels: Some(&known.labels),
        components: &known.components,
        providers: &known.providers,
        unit: Unit::Enrolled,
        service: Service::InService,
        is_frozen: Some(false),
        is_quarantined: Some(false),
        presence: Presence::Offline,
        last_seen_at: Some(UnixTime(NOW.0 - 3 * DAY_S)),
    }
}

fn read(text: &str) -> Selector {
    text.parse().unwrap_or_else(|why| panic!("{why}"))
}

#[track_caller]
fn check_on(facts: &Facts<'_>, text: &str, matches: bool) {
    let selector = read(text);
    assert_eq!(selector.matches(facts, NOW), matches, "{text}");
    assert_eq!(selector.to_string().parse(), Ok(selector), "{text}");
}

#[track_caller]
fn check(text: &str, matches: bool) {
    check_on(&facts(&known()), text, matches);
}

#[test]
fn every_key_is_compared_with_its_own_value() {
    check("*", true);
    check("model=T650", true);
    check(" model = T650 & serial=SN-7 ", true);
    check("model=T650 & serial=SN-8", false);
    check("model!=T650", false);
    check(r#"store="Köln \"Dom\"""#, true);
    check("region=west", true);
    check("zone=Europe/Berlin & zone!=Europe/Paris", true);
    check("version.pos=1.10.0+b7", true);
    check("version.pos!=1.10.0+b7", false);
    check("label.ring=canary", true);
    check(&format!("id={}", TerminalId::from_bytes([1; 16])), true);
    check("presence=offline", true);
    check("presence=online", false);
}

#[test]
fn a_terminal_has_all_its_providers() {
    check("provider=north-pay", true);
    check("provider=card-house", true);
    check("provider!=card-house", false);
    check("provider in (other, card-house)", true);
    check("provider~north-*", true);
    check("provider=other", false);
}

#[test]
fn a_terminal_is_in_several_states() {
    let known = known();
    let of = |unit, service| Facts { unit, service, ..facts(&known) };
    let selling = of(Unit::Enrolled, Service::InService);
    check_on(&selling, "state=enrolled & state=in-service", true);
    check_on(&selling, "state in (frozen, quarantined, suspended)", false);
    check_on(&of(Unit::Claimed, Service::InService), "state=in-service", false);
    check_on(&of(Unit::Claimed, Service::InService), "state=claimed", true);
    check_on(&of(Unit::Revoked, Service::Erased), "state=revoked & state=erased", true);
    check_on(&of(Unit::Enrolled, Service::Suspended), "state!=in-service", true);
    check_on(&of(Unit::Enrolled, Service::Suspended), "state=suspended", true);
    check_on(&of(Unit::Enrolled, Service::SuspendedOwing), "state=suspended", false);
    check_on(&of(Unit::Enrolled, Service::SuspendedOwing), "state=suspended-owing", true);
    let kept = Facts { is_frozen: Some(true), is_quarantined: Some(true), ..facts(&known) };
    check_on(&kept, "state=frozen & state=quarantined & state=in-service", true);
    check_on(&Facts { presence: Presence::NeverSeen, ..kept }, "presence=never-seen", true);
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    check("model=T650 or model=P400 and lane=3", true);
    check("(model=T650 or model=P400) and lane=3", false);
    check("not model=P400 and serial=SN-7", true);
    check("not (model=P400 or serial=SN-7)", false);
    check("not not model=T650", true);
    check("!model=P400&!(lane=3|serial=SN-8)", true);
    check("not(model=T650)or(serial=SN-7)", true);
    check("* and not model=T650", false);
    check("not *", false);
    check("model in (P400, T650)", true);
    check("model in(P400,\"P 500\")", false);
    check("not model in (P400)", true);
}

#[test]
fn words_of_the_language_are_values_where_a_value_stands() {
    let (known, words) = (known(), ["and", "or", "not", "in", "last-seen", "store"]);
    for word in words {
        let facts = Facts { lane: Some(word), ..facts(&known) };
        check_on(&facts, &format!("lane={word} and lane in ({word}, {word})"), true);
    }
    check("label.and!=or&label.not!=and", true);
}

#[test]
fn versions_are_in_order_part_by_part() {
    check("version.pos>1.9", true);
    check("version.pos<1.9", false);
    check("version.pos >= 1.10", true);
    check("version.pos<=1.10.0", true);
    check("version.pos<1.10.1-rc1", true);
    // A build of a version is neither before nor after it.
    check("version.pos<1.10.0", false);
    check("version.pos>1.10.0", false);
    check("version.pos>=1.10.0+b8", true);
    // Equality is that of the text.
    check("version.pos=1.10.0", false);
    check("version.pos~1.10.*", true);
}

#[test]
fn ages_are_counted_back_from_now() {
    check("last-seen<4d", true);
    check("last-seen<3d", false);
    check("last-seen<=3d", true);
    check("last-seen>=72h", true);
    check("last-seen>71h and last-seen<4321m and last-seen<1w", true);
    // By a clock that was set back since.
    let known = known();
    let ahead = Facts { last_seen_at: Some(UnixTime(NOW.0 + 9)), ..facts(&known) };
    check_on(&ahead, "last-seen<1m and last-seen<=0m", true);
}

#[test]
fn patterns_stand_for_whole_texts() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("?", "", false),
        ("?", "ü", true),
        ("a*", "a", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-d", false),
        ("*bc", "abcbc", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("ab", "abc", false),
        (r#""a\*b""#, "a*b", true),
        (r#""a\*b""#, "axb", false),
        (r#""""#, "", true),
        (r#""North *""#, "North Sea", true),
    ] {
        let known = known();
        let facts = Facts { store: text, ..facts(&known) };
        check_on(&facts, &format!("store~{pattern}"), fits);
    }
    check("zone~Europe/*", true);
    check("lane~*", false);
}

#[test]
fn no_pattern_is_slow() {
    let (known, text) = (known(), "a".repeat(4000));
    let pattern = format!("store~{}b", "a*".repeat(2000));
    check_on(&Facts { store: &text, ..facts(&known) }, &pattern, false);
}

/// Of every key that may be unknown: equal to none, different from all, in no order.
#[test]
fn what_is_not_known_differs_from_everything() {
    let known = known();
    let bare = Facts {
        region: None,
        lane: None,
        labels: None,
        components: &[],
        providers: &[],
        is_frozen: None,
        is_quarantined: None,
        last_seen_at: None,
        ..facts(&known)
    };
    for key in ["region", "lane", "label.ring", "version.pos", "provider"] {
        check_on(&bare, &format!("{key}=3"), false);
        check_on(&bare, &format!(r#"{key}="""#), false);
        check_on(&bare, &format!("{key} in (3, 4)"), false);
        check_on(&bare, &format!("{key}~*"), false);
        check_on(&bare, &format!("{key}!=3"), true);
        check_on(&bare, &format!("not {key}=3"), true);
    }
    for order in ["<", "<=", ">", ">="] {
        check_on(&bare, &format!("last-seen{order}3d"), false);
        check_on(&bare, &format!("version.pos{order}1"), false);
        check_on(&bare, &format!("not last-seen{order}3d"), true);
        // Known, but no version that has a place in an order.
        check(&format!("version.kernel{order}1"), false);
    }
    check_on(&bare, "state in (frozen, quarantined)", false);
    check_on(&bare, "not state in (frozen, quarantined)", true);
}

#[test]
fn what_the_registry_may_look_up_by_is_what_all_have() {
    let none = Pushdown::default();
    let store = Pushdown { store: Some("a"), ..none };
    let id = TerminalId::from_bytes([1; 16]);
    let several = format!("(zone=z and serial=s) and id={id} and model=m and lane=3");
    let all = Pushdown {
        id: Some(id),
        serial: Some("s"),
        model: Some("m"),
        store: None,
        zone: Some("z"),
    };
    for (text, common) in [
        ("*", none),
        ("store=a", store),
        ("store in (a)", store),
        ("store in (a, b)", none),
        ("store=a or model=m", none),
        ("store=a and (model=m or model=n)", store),
        ("store=a and not model=m and version.pos<2", store),
        ("not store=a", none),
        ("store!=a", none),
        ("store~a", none),
        (&several, all),
    ] {
        assert_eq!(read(text).pushdown(), common, "{text}");
    }
}

#[test]
fn providers_are_looked_up_only_for_who_asks() {
    assert!(read("store=a and not (lane=1 or provider~n*)").asks_for_providers());
    assert!(!read("store=provider and label.provider=x").asks_for_providers());
}

#[test]
fn it_is_written_in_one_form() {
    for (text, canonical) in [
        (" * ", "*"),
        ("store=a&lane!=\"3\"", "store=a and lane!=3"),
        ("a b", ""),
        ("(store=a)", "store=a"),
        ("store=a|(model=m|model=n)", "store=a or model=m or model=n"),
        ("store=a&(model=m|model=n)", "store=a and (model=m or model=n)"),
        ("(store=a&lane=1)|model=n", "store=a and lane=1 or model=n"),
        ("!(!store=a)", "not not store=a"),
        ("not(store=a&lane=1)", "not (store=a and lane=1)"),
        ("model in(a,\"b c\",c)", "model in (a, \"b c\", c)"),
        ("model in (a)", "model=a"),
        ("model~a***?b", "model~a*?b"),
        ("model ~ \"a*b c\"", "model~\"a*b c\""),
        ("model ~ \"\\*\"", "model~\"\\*\""),
        ("last-seen < 48h", "last-seen<2d"),
        ("last-seen >= 90m", "last-seen>=90m"),
        ("last-seen > 0w", "last-seen>0m"),
        ("version.pos < 2", "version.pos<2"),
    ] {
        let written = text.parse::<Selector>().map(|it| it.to_string());
        assert_eq!(written.unwrap_or_default(), canonical, "{text}");
    }
}

#[test]
fn whatever_the_page_shows_is_as_it_says() {
    let page = include_str!("../../../deploy/selectors.md");
    let blocks = page.split("```text\n").skip(1).filter_map(|it| it.split("```").next());
    let (mut shown, mut mistakes) = (0, 0);
    for block in blocks {
        if block.starts_with("expected ") {
            let text = block.lines().nth(1).expect("a mistake has three lines");
            assert_eq!(refusal(text.trim_start()), block.trim_end());
            mistakes += 1;
            continue;
        }
        for line in block.lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
            read(line);
            shown += 1;
        }
    }
    assert!(shown > 9 && mistakes == 1, "{shown} selectors, {mistakes} mistakes");
    let named = |key: &str| page.contains(&format!("`{key}`"));
    let keys = KEYS.split(", ").flat_map(|it| it.split(" or "));
    assert!(keys.chain(STATES.iter().chain(PRESENCES).copied()).all(named));
}

fn refusal(text: &str) -> String {
    text.parse::<Selector>().expect_err(text).to_string()
}

#[test]
fn a_mistake_is_pointed_at() {
    let lines = "expected `=`, `!=`, `~` or `in (…)`\n  store berlin\n        ^";
    assert_eq!(refusal("store berlin"), lines);
    let keys = format!("a key: {KEYS} (or `*` for every terminal, `not`, `(`)");
    assert_eq!(refusal("modell=T650"), format!("expected {keys}\n  modell=T650\n  ^"));
    let of_text = "`=`, `!=`, `~` or `in (…)`";
    let value = "a value; in double quotes if it has blanks";
    let after = "`and` or `or` and another term, or the end";
    let states = format!("a state: {}", STATES.join(", "));
    let presences = format!("a presence: {}", PRESENCES.join(", "));
    for (text, at, expected) in [
        ("", 0, keys.as_str()),
        ("store", 5, of_text),
        ("store=", 6, value),
        ("store=a model=b", 8, after),
        ("store=a &", 9, &keys),
        ("store=ä & & model=b", 10, &keys),
        ("store=ä and or model=b", 12, &keys),
        ("store=a and and=b", 12, &keys),
        ("store=\"never closed", 6, "a closing `\"` for this one"),
        ("store=\"never closed\\", 6, "a closing `\"` for this one"),
        (r#"store="a\n""#, 9, "`\"` or `\\` after a `\\`"),
        (r#"store~"a\n""#, 9, "`\"`, `\\`, `*` or `?` after a `\\`"),
        ("store=berlin*", 12, "the end of the value: patterns follow a `~`"),
        ("store~ & model=b", 7, "a pattern, in which `*` is any letters and `?` is one"),
        ("* model=b", 2, after),
        ("(store=a", 8, "`and` or `or` and another term, or `)`"),
        ("(store=a]", 8, "`and` or `or` and another term, or `)`"),
        ("store=a)", 7, after),
        ("()", 1, &keys),
        ("not", 3, &keys),
        ("label.=x", 0, &keys),
        ("store<4", 5, of_text),
        ("state~in*", 5, "`=`, `!=` or `in (…)`"),
        ("state=sold", 6, &states),
        ("state in (erased, lost)", 18, &states),
        ("presence!=seen", 10, &presences),
        ("model in a, b", 9, "`(` and the values that it may have"),
        ("model in (a b)", 12, "`,` and another value, or `)`"),
        ("model in (a,)", 12, value),
        ("model in ()", 10, value),
        ("version.pos 4", 12, "`=`, `!=`, `<`, `<=`, `>`, `>=`, `~` or `in (…)`"),
        ("version.pos<new", 12, "a version, which begins with a digit: 1.4 or 1.4.7-rc2"),
        ("last-seen=3d", 9, "`<`, `<=`, `>` or `>=`"),
        ("last-seen<3", 10, "an age: 90m, 12h, 3d or 2w"),
        ("last-seen<+3d", 10, "an age: 90m, 12h, 3d or 2w"),
        ("last-seen<d", 10, "an age: 90m, 12h, 3d or 2w"),
        ("last-seen<99999999999d", 10, "an age: 90m, 12h, 3d or 2w"),
    ] {
        let expected = expected.to_owned();
        let wrong = NotASelector { text: text.to_owned(), at, expected };
        assert_eq!(text.parse::<Selector>(), Err(wrong), "{text}");
    }
    assert!(refusal("id=SN-7").starts_with("expected a terminal's id (`SN-7` is not"));
}

#[test]
fn what_is_bounded_is_pointed_at() {
    let at = |text: &str| text.parse::<Selector>().map_err(|wrong| (wrong.at, wrong.expected));
    let deep = format!("at most {DEPTH_MAX} brackets and `not`s inside each other");
    for (opening, letters) in [("(", 1), ("!", 1), ("not ", 4), ("not(", 2), ("! ( ", 2)] {
        let text: String = opening.repeat(10_000).chars().take(LETTERS_MAX).collect();
        assert_eq!(at(&text), Err((DEPTH_MAX * letters, deep.clone())), "{opening}");
    }
    let nested = |depth| format!("{}store=a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(at(&nested(DEPTH_MAX)).is_ok());
    assert!(at(&nested(DEPTH_MAX + 1)).is_err());
    // What is closed again counts no more.
    assert!(at(&["((store=a))"; 2 * DEPTH_MAX].join("|")).is_ok());

    let many = |values| ["lane=a"; VALUES_MAX + 1][..values].join("&");
    assert!(at(&many(VALUES_MAX)).is_ok());
    let too_many = (7 * VALUES_MAX + 5, format!("at most {VALUES_MAX} values"));
    assert_eq!(at(&many(VALUES_MAX + 1)), Err(too_many));
    assert!(at(&format!("lane in ({})", ["a"; VALUES_MAX + 1].join(","))).is_err());

    let long = |letters| format!("store=\"{}\"", "ü".repeat(letters));
    assert!(at(&long(LETTERS_MAX - 8)).is_ok());
    assert_eq!(at(&long(LETTERS_MAX - 7)), Err((60, format!("at most {LETTERS_MAX} letters"))));
    assert!(refusal(&long(LETTERS_MAX)).len() < 300);
    // Written canonically it would be longer than what is read.
    let tight = format!("!{}", ["lane=a"; 250].join("|!"));
    let tight = format!("{tight}|store=\"{}\"", "x".repeat(LETTERS_MAX - tight.len() - 20));
    assert!(at(&tight).is_err());
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.:/+-]{1,8}", "[^\\p{Cc}]{0,12}", "(and|or|not|in|[*]|[?]|[\\\\])"]
}

fn key() -> impl Strategy<Value = Key> {
    let fixed = [Key::Store, Key::Region, Key::Lane, Key::Model, Key::Serial, Key::Zone];
    prop_oneof![
        proptest::sample::select(fixed.to_vec()),
        Just(Key::Provider),
        "[a-z.]{1,6}".prop_map(Key::Version),
        "[a-z.=-]{1,6}".prop_map(|name| Key::Label(name.replace('=', "_"))),
    ]
}

fn glob() -> impl Strategy<Value = Glob> {
    let piece = prop_oneof![
        "[^\\p{Cc}]".prop_filter_map("one", |it| it.chars().next()).prop_map(Piece::Letter),
        proptest::sample::select(vec!['"', '\\', '*', '?', 'a', 'b']).prop_map(Piece::Letter),
        Just(Piece::One),
        Just(Piece::Any),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(Glob::new)
}

fn order() -> impl Strategy<Value = Order> {
    proptest::sample::select(vec![Order::Below, Order::AtMost, Order::Above, Order::AtLeast])
}

fn term() -> impl Strategy<Value = Term> {
    let comparison = prop_oneof![
        value().prop_map(Comparison::Equal),
        value().prop_map(Comparison::Different),
        proptest::collection::vec(value(), 2..4).prop_map(Comparison::OneOf),
        glob().prop_map(Comparison::Like),
    ];
    let word = |key: Key, words: &[&'static str]| {
        let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
        word.prop_map(move |it| Term::Text(key.clone(), Comparison::Equal(it)))
    };
    prop_oneof![
        4 => (key(), comparison).prop_map(|(key, comparison)| Term::Text(key, comparison)),
        1 => word(Key::State, STATES),
        1 => word(Key::Presence, PRESENCES),
        1 => ("[a-z]{1,3}", order(), "[0-9]{1,3}[.][0-9]{1,3}(-rc1)?")
            .prop_map(|(component, order, than)| Term::Version { component, order, than }),
        1 => (order(), 0..100_000_u64)
            .prop_map(|(order, min)| Term::LastSeen(order, Age(Duration::from_secs(60 * min)))),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![1 => Just(Expression::Everyone), 9 => term().prop_map(Expression::Term)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let several = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several().prop_map(Expression::all),
            several().prop_map(Expression::any),
            inner.prop_map(|it| Expression::Not(Box::new(it))),
        ]
    })
}

/// As the language was before it had anything but `=`, `!=` and `&`.
fn plain_terms() -> impl Strategy<Value = (String, Selector)> {
    let one = (key(), any::<bool>(), value(), any::<bool>(), " {0,2}", " {0,2}");
    proptest::collection::vec(one, 1..32).prop_map(|terms| {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        for (key, is_equal, value, bare, before, after) in terms {
            let sign = if is_equal { "=" } else { "!=" };
            let bare = bare && !value.is_empty() && value.chars().all(grammar::is_plain);
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let written = if bare { value.clone() } else { format!("\"{quoted}\"") };
            text.push(format!("{before}{key}{after}{sign}{before}{written}{after}"));
            let comparison = if is_equal { Comparison::Equal } else { Comparison::Different };
            expected.push(Expression::Term(Term::Text(key, comparison(value))));
        }
        (text.join("&"), Selector(Expression::all(expected)))
    })
}

proptest! {
    #[test]
    fn what_was_written_with_equality_alone_means_what_it_meant(
        (text, expected) in plain_terms(),
    ) {
        prop_assert_eq!(text.parse(), Ok(expected));
    }

    #[test]
    fn it_reads_back_as_it_was_written(expression in expression()) {
        let selector = Selector(expression);
        let text = selector.to_string();
        let again = text.parse::<Selector>();
        prop_assert_eq!(again.as_ref(), Ok(&selector), "{}", text);
    }

    #[test]
    fn not_turns_around_and_shares_out(one in expression(), other in expression()) {
        let known = known();
        let matches = |it: Expression| it.matches(&facts(&known), NOW);
        let not = |it: &Expression| Expression::Not(Box::new(it.clone()));
        prop_assert_ne!(matches(not(&one)), matches(one.clone()));
        let both = Expression::all(vec![one.clone(), other.clone()]);
        let neither = Expression::any(vec![not(&one), not(&other)]);
        prop_assert_eq!(matches(not(&both)), matches(neither));
    }

    #[test]
    fn who_is_meant_has_what_is_common(expression in expression()) {
        let (known, selector) = (known(), Selector(expression));
        let facts = facts(&known);
        if selector.matches(&facts, NOW) {
            let common = selector.pushdown();
            prop_assert!(common.id.is_none_or(|it| it == facts.id));
            prop_assert!(common.store.is_none_or(|it| it == facts.store));
            prop_assert!(common.model.is_none_or(|it| it == facts.model));
            prop_assert!(common.serial.is_none_or(|it| it == facts.serial));
            prop_assert!(common.zone.is_none_or(|it| it == facts.zone));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        points_inside(&text)?;
    }

    #[test]
    fn no_mistake_in_a_selector_makes_it_panic(
        expression in expression(),
        at in any::<proptest::sample::Index>(),
        removed in 0..3_usize,
        added in "([()!&|*?~<>=, \"\\\\]|and|in|not|\\PC|\\n){0,3}",
    ) {
        let letters: Vec<char> = Selector(expression).to_string().chars().collect();
        let at = at.index(letters.len() + 1);
        let rest = letters.iter().skip(at + removed);
        let mut text: String = letters.iter().take(at).collect();
        text.extend(added.chars().chain(rest.copied()));
        points_inside(&text)?;
    }
}

/// Or it is a selector, which reads back as the same.
fn points_inside(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<Selector>() {
        Ok(read) => prop_assert_eq!(read.to_string().parse(), Ok(read)),
        Err(wrong) => {
            prop_assert!(wrong.at <= text.chars().count());
            prop_assert!(!wrong.expected.is_empty());
            prop_assert_eq!(wrong.to_string().lines().count(), 3);
        }
    }
    Ok(())
}
