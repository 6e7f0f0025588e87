//! Tables as people bring them, and as nobody should.

use super::*;
use crate::provider::samples;

const POLICY: BindingPolicy = BindingPolicy { one_active: true };

fn row(line: u32, serial: &str, lane: &str, tid: &str) -> Row {
    Row {
        line,
        serial: (!serial.is_empty()).then(|| serial.to_owned()),
        store: "north".to_owned(),
        lane: lane.to_owned(),
        provider: "alpha".to_owned(),
        tuple: Tuple { tid: tid.to_owned(), ..Tuple::example() },
        registration: None,
    }
}

fn place(lane: &str) -> (String, String) {
    ("north".to_owned(), lane.to_owned())
}

fn unit(number: u8) -> TerminalId {
    TerminalId::from_bytes([number; 16])
}

/// Units PX-1 to PX-3, of which the first fills lane 1 and is bound there.
fn known() -> Known {
    let of = |number: u8| KnownUnit {
        id: unit(number),
        is_revoked: false,
        fills: (number == 1).then(|| place("1")),
        store: "north".to_owned(),
        lane: Some(number.to_string()),
    };
    let id = PositionId::from_bytes([1; 16]);
    let state = PositionState::Occupied;
    let position = KnownPosition { id, state, terminal: Some(unit(1)) };
    Known {
        positions: BTreeMap::from([(place("1"), position)]),
        units: (1..=3).map(|number| (format!("PX-{number}"), of(number))).collect(),
        bindings: vec![KnownBinding {
            id: BindingId::from_bytes([7; 16]),
            position: id,
            provider: "alpha".to_owned(),
            state: BindingState::Active,
            tuple: Tuple::example(),
        }],
        providers: BTreeMap::new(),
    }
}

fn wrong(rows: Vec<Row>, known: &Known) -> Vec<(u32, String)> {
    let mistakes = plan(rows, known, POLICY).expect_err("something is wrong");
    mistakes.into_iter().map(|it| (it.line, it.what)).collect()
}

#[test]
fn a_mid_is_one_of_its_provider_where_that_is_known() {
    let mut known = known();
    let row = |line, tid: &str, provider: &str, mid: &str| {
        let mut row = row(line, "", &line.to_string(), tid);
        (row.provider, row.tuple.mid) = (provider.to_owned(), mid.to_owned());
        row
    };
    let rows = vec![
        row(5, "T-5", "beta", "898440154110001"),
        row(6, "T-6", "beta", "105440154110001"),
        row(7, "T-7", "beta", "M-1"),
        row(8, "T-8", "gamma", "M-1"),
    ];
    assert!(plan(rows.clone(), &known, POLICY).is_ok(), "nothing is known of either provider");
    known.providers.insert("beta".to_owned(), samples::provider());
    let lines: Vec<_> = wrong(rows, &known);
    assert_eq!(lines.iter().map(|it| it.0).collect::<Vec<_>>(), [6, 7], "{lines:?}");
    assert!(lines[0].1.contains("`105`") && lines[0].1.contains("`898`"), "{lines:?}");
}

#[test]
fn an_estate_is_taken_over_and_what_is_known_stays() {
    let rows = vec![row(2, "PX-1", "1", "T-1"), row(3, "PX-2", "2", "T-2"), row(4, "", "9", "T-9")];
    let steps = plan(rows, &known(), POLICY).expect("nothing is wrong");
    let steps: Vec<_> = steps.iter().map(|it| (it.row.line, it.fill, it.is_known)).collect();
    assert_eq!(steps, [(2, None, true), (3, Some(unit(2)), false), (4, None, false)]);
}

#[test]
fn every_mistake_of_every_row_is_told() {
    let mut known = known();
    known.units.get_mut("PX-3").expect("it is there").is_revoked = true;
    let rows = vec![
        row(2, "PX-2", "2", "T 2"),
        row(3, "PX-2", "4", "T-4"),
        row(4, "PX-9", "5", "T-4"),
        row(5, "PX-3", "3", "T-1"),
        row(6, "PX-1", "1", "T-6"),
        Row { store: " north".to_owned(), ..row(7, "", "7", "T-7") },
    ];
    let found = wrong(rows, &known);
    let found: Vec<_> = found.iter().map(|(line, what)| (*line, what.as_str())).collect();
    assert_eq!(
        found,
        [
            (2, "`tid` is `T 2`: it has 1 to 15 letters, digits or marks"),
            (3, "an earlier row puts PX-2 into another position"),
            (4, "no terminal has serial number `PX-9`: claim it first"),
            (4, "an earlier row has the same provider, MID and TID"),
            (5, "PX-3 was revoked"),
            (5, "binding bnd-07070707070707070707070707070707 has this MID and TID"),
            (6, "binding bnd-07070707070707070707070707070707 is active there, and differs"),
            (7, "`store` is empty, longer than 200 characters, or has spaces around it"),
        ]
    );
}

#[test]
fn two_active_bindings_of_a_position_are_a_question_of_policy() {
    let other = |line| Row { provider: "beta".to_owned(), ..row(line, "", "2", "T-3") };
    let rows = vec![row(2, "", "2", "T-2"), other(3)];
    assert_eq!(wrong(rows.clone(), &known()).len(), 1);
    assert!(plan(rows, &known(), BindingPolicy { one_active: false }).is_ok());
    let beside = Row { lane: "1".to_owned(), ..other(2) };
    assert_eq!(wrong(vec![beside], &known()).len(), 1);
}

#[test]
fn a_unit_is_taken_over_where_it_was_claimed_for_and_nowhere_else() {
    assert_eq!(wrong(vec![row(2, "PX-2", "8", "T-2")], &known()).len(), 1);
    assert_eq!(wrong(vec![row(2, "PX-1", "8", "T-2")], &known()).len(), 2);
    assert_eq!(wrong(vec![row(2, "PX-2", "1", "T-1")], &known()).len(), 2);
}

#[test]
fn a_hostile_table_costs_no_more_than_its_limits() {
    assert_eq!(wrong(vec![], &known()).len(), 1);
    let many = |count: usize| vec![row(1, "", "", ""); count];
    assert_eq!(wrong(many(ROWS_MAX + 1), &known()).len(), 1);
    assert_eq!(wrong(many(ROWS_MAX), &known()).len(), MISTAKES_MAX);
}
