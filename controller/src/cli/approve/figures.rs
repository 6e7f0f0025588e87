//! A number so large that nobody reads past it. Pure.

const HEIGHT: usize = 5;

/// Rows of each digit, three wide.
const DIGITS: [[&str; HEIGHT]; 10] = [
    ["███", "█ █", "█ █", "█ █", "███"],
    [" █ ", "██ ", " █ ", " █ ", "███"],
    ["███", "  █", "███", "█  ", "███"],
    ["███", "  █", "███", "  █", "███"],
    ["█ █", "█ █", "███", "  █", "  █"],
    ["███", "█  ", "███", "  █", "███"],
    ["███", "█  ", "███", "█ █", "███"],
    ["███", "  █", "  █", "  █", "  █"],
    ["███", "█ █", "███", "█ █", "███"],
    ["███", "█ █", "███", "  █", "███"],
];

/// The number's lines, from the top.
pub(super) fn large(number: u32) -> Vec<String> {
    let digits: Vec<_> = number.to_string().bytes().map(|b| usize::from(b - b'0')).collect();
    let row = |row: usize| {
        let cells = digits.iter().map(|digit| {
            // Twice as wide as high is how characters look square.
            DIGITS[*digit][row].chars().flat_map(|c| [c, c]).collect::<String>()
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    (0..HEIGHT).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_drawn_digit_by_digit() {
        let expected = [
            "  ██    ██████",
            "████    ██  ██",
            "  ██    ██  ██",
            "  ██    ██  ██",
            "██████  ██████",
        ];
        assert_eq!(large(10), expected);
    }

    #[test]
    fn no_two_digits_look_alike() {
        let all: std::collections::BTreeSet<_> = (0..10).map(large).collect();
        assert_eq!(all.len(), 10);
    }
}
