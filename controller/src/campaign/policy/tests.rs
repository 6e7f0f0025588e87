//! Policies as people write them: what is read, and what can never work.

use super::*;

const GATE: &str = "
    [gate]
    sample_min = 3
    success_percent_min = 95
    soak = '2h'
    bad_max = '1'
    reach_percent_min = 80
    reach_after = '1d12h'
";

fn read(head: &str) -> Result<Named, NotAPolicy> {
    Named::read(&format!("{head}{GATE}"))
}

#[test]
fn those_that_are_built_in_can_be_read_and_one_is_more_careful_than_the_next() {
    let [careful, usual, emergency] = Named::BUILT_IN
        .map(|name| Named::built_in(name).unwrap_or_else(|it| panic!("{name}: {it}")));
    let gate = |it: &Named| it.policy.gate.clone().expect("each has one");
    for (more, less) in [(&careful, &usual), (&usual, &emergency)] {
        assert!(more.max_parallel < less.max_parallel);
        assert!(more.policy.waves.len() > less.policy.waves.len());
        assert!(gate(more).soak > gate(less).soak);
        assert!(gate(more).bad_max.allowed_of(1_000) < gate(less).bad_max.allowed_of(1_000));
    }
    let unknown = Named::built_in("brave").unwrap_err();
    assert_eq!(unknown, NotAPolicy::Unknown("brave".to_owned()));
    assert!(unknown.hint().is_some_and(|hint| hint.contains("`careful`")));
}

#[test]
fn a_policy_is_read_as_people_write_it_and_kept_as_it_was_read() {
    let named = read("max_parallel = 4\nwaves = ['3', '5%', 'rest']\nstop = 'revert'").unwrap();
    assert_eq!(named.max_parallel, Some(4));
    let policy = named.policy;
    assert_eq!(policy.waves, [Share::Count(3), Share::Percent(5), Share::Rest]);
    assert_eq!(policy.stop, StopPolicy::Revert);
    let gate = policy.gate.as_ref().expect("it has one");
    assert_eq!(gate.soak, Duration::from_secs(7_200));
    assert_eq!(gate.reach_after, Some(Duration::from_secs(36 * 3_600)));
    let json = serde_json::to_string(&policy).unwrap();
    assert!(json.contains(r#""waves":["3","5%","rest"]"#), "{json}");
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    assert_eq!(
        serde_json::from_str::<Policy>("{}").unwrap(),
        Policy::PLAIN,
        "of before there were any"
    );
}

#[test]
fn every_key_of_a_file_comes_into_its_policy() {
    let every = "
        max_parallel = 4
        membership = 'continuous'
        waves = ['3', 'rest']
        stop = 'keep'
        store_at_once = 2
        rate = '200/h'
        spread = '30m'
        class = 'background'
        retries_max = 5
    ";
    let Named { policy, max_parallel } = read(every).unwrap();
    assert_eq!(max_parallel, Some(4));
    let expected = Policy {
        membership: Intake::Continuous,
        canary: vec![],
        waves: vec![Share::Count(3), Share::Rest],
        gate: read("").unwrap().policy.gate,
        stop: StopPolicy::Keep,
        revert_to: None,
        rate: "200/h".parse().ok(),
        store_at_once: Some(2),
        fallback: None,
        class: Some(Class::Background),
        retries_max: 5,
        not_before: None,
        spread: Some(Duration::from_secs(1_800)),
    };
    assert_eq!(policy, expected);
}

#[test]
fn what_could_never_move_or_never_stop_is_refused_by_name() {
    use NotAPolicy as Not;
    let gated = |from: &str, to: &str| Named::read(&GATE.replace(from, to));
    for (read, why) in [
        (read("max_parallel = 0"), Not::NoPlaces),
        (read("waves = ['0']"), Not::EmptyWave(1)),
        (read("waves = ['1', 'rest', '2']"), Not::RestBeforeOthers(2)),
        (read(&format!("waves = {:?}", ["1"; 32])), Not::TooManyWaves(32)),
        (Named::read("waves = ['1']"), Not::NoGate),
        (gated("sample_min = 3", "sample_min = 0"), Not::NoSample),
        (gated("= 95", "= 101"), Not::Percent { field: "`success_percent_min`", percent: 101 }),
        (gated("= 95", "= 0"), Not::Percent { field: "`success_percent_min`", percent: 0 }),
        (gated("= 80", "= 0"), Not::Percent { field: "`reach_percent_min`", percent: 0 }),
        (gated("'2h'", "'91d'"), Not::Soak(Duration::from_secs(91 * 86_400))),
        (gated("bad_max = '1'", "bad_max = 'rest'"), Not::NoBudget),
    ] {
        let refused = read.expect_err(&why.to_string());
        assert_eq!(refused, why);
        assert!(refused.hint().is_some(), "{refused}");
    }
    assert!(Named::read("waves = ['rest']").is_ok(), "one wave needs no gate");
}

#[test]
fn a_mistake_in_the_file_is_shown_where_it_is() {
    for (text, said) in [
        ("waves = ['few']", "`few` is no number of terminals"),
        ("waves = ['101%']", "`101%` is no number of terminals"),
        ("waves = ['0%']", "`0%` is no number of terminals"),
        ("wave = []", "unknown field `wave`"),
        ("stop = 'never'", "unknown variant `never`"),
        ("waves", "TOML parse error at line"),
    ] {
        let refused = Named::read(text).expect_err(text).to_string();
        assert!(refused.contains(said), "{refused}");
    }
    let soak = Named::read(&GATE.replace("'2h'", "'soon'")).unwrap_err().to_string();
    assert!(soak.contains("`soon` is not a duration"), "{soak}");
}

#[test]
fn a_part_of_a_wave_is_never_nobody_and_a_part_that_may_fail_is_never_too_many() {
    assert_eq!([1, 10, 19, 20, 21].map(|it| Share::Percent(5).of_wave(it)), [1, 1, 1, 1, 2]);
    assert_eq!([1, 19, 20, 21, 40].map(|it| Share::Percent(5).allowed_of(it)), [0, 0, 1, 1, 2]);
    assert_eq!(Share::Percent(5).of_wave(0), 0);
    assert_eq!(Share::Count(7).of_wave(3), 3);
    assert_eq!(Share::Rest.of_wave(3), 3);
    for text in ["3", "5%", "rest"] {
        assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
    }
}
