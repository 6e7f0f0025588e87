//! Which numbers can be those of cards: the ranges that the card schemes publish for their issuers
//! (ISO/IEC 7812-1: the first digits name the issuer, the last is a check digit by Luhn's formula).

use std::ops::RangeInclusive;

/// First six digits of a scheme's cards, and how many digits they have.
struct Range {
    issuers: RangeInclusive<u32>,
    lengths: &'static [usize],
}

const fn range(first: u32, last: u32, lengths: &'static [usize]) -> Range {
    Range { issuers: first..=last, lengths }
}

const SIXTEEN: &[usize] = &[16];
const SIXTEEN_TO_NINETEEN: &[usize] = &[16, 17, 18, 19];
const FOURTEEN_TO_NINETEEN: &[usize] = &[14, 15, 16, 17, 18, 19];
const MAESTRO: &[usize] = &[13, 14, 15, 16, 17, 18, 19];

/// Ascending, without an overlap.
const RANGES: &[Range] = &[
    range(220_000, 220_499, SIXTEEN_TO_NINETEEN),  // Mir
    range(222_100, 272_099, SIXTEEN),              // Mastercard
    range(300_000, 305_999, FOURTEEN_TO_NINETEEN), // Diners Club
    range(309_500, 309_599, FOURTEEN_TO_NINETEEN), // Diners Club
    range(340_000, 349_999, &[15]),                // American Express
    range(352_800, 358_999, SIXTEEN_TO_NINETEEN),  // JCB
    range(360_000, 369_999, FOURTEEN_TO_NINETEEN), // Diners Club
    range(370_000, 379_999, &[15]),                // American Express
    range(380_000, 399_999, FOURTEEN_TO_NINETEEN), // Diners Club
    range(400_000, 499_999, &[13, 16, 19]),        // Visa
    range(501_800, 501_899, MAESTRO),
    range(502_000, 502_099, MAESTRO),
    range(503_800, 503_899, MAESTRO),
    range(508_000, 508_999, SIXTEEN), // RuPay
    range(510_000, 559_999, SIXTEEN), // Mastercard
    range(589_300, 589_399, MAESTRO),
    range(601_100, 601_199, SIXTEEN_TO_NINETEEN), // Discover
    range(606_985, 608_500, SIXTEEN),             // RuPay
    range(620_000, 629_999, SIXTEEN_TO_NINETEEN), // UnionPay
    range(630_400, 630_499, MAESTRO),
    range(644_000, 659_999, SIXTEEN_TO_NINETEEN), // Discover, RuPay
    range(675_900, 675_999, MAESTRO),
    range(676_100, 676_399, MAESTRO),
    range(817_200, 820_199, SIXTEEN), // RuPay, UnionPay
];

/// Whether digits (0 to 9 each) are a card number, and no article number.
pub(super) fn is_card_number(digits: &[u8]) -> bool {
    let Some(issuer) = digits.get(..6) else { return false };
    let issuer = issuer.iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
    let known = RANGES
        .iter()
        .any(|range| range.issuers.contains(&issuer) && range.lengths.contains(&digits.len()));
    known && has_luhn_digit(digits) && !is_article_number(digits)
}

fn has_luhn_digit(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().map(|(at, &digit)| match at % 2 {
        0 => u32::from(digit),
        _ if digit > 4 => u32::from(digit) * 2 - 9,
        _ => u32::from(digit) * 2,
    });
    sum.sum::<u32>() % 10 == 0
}

/// GTIN of 13 or 14 digits (GS1 General Specifications): many begin as cards do, and one in ten
/// has a digit at its end that is right by Luhn's formula too.
fn is_article_number(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(at, &digit)| match at % 2 {
        0 => u32::from(digit),
        _ => u32::from(digit) * 3,
    });
    matches!(digits.len(), 13 | 14) && weighted.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn the_ranges_ascend_and_do_not_overlap() {
        assert!(RANGES.is_sorted_by(|a, b| a.issuers.end() < b.issuers.start()));
    }

    #[test]
    fn numbers_that_schemes_publish_for_tests_are_known() {
        for number in [
            "4111111111111111",
            "4012888888881881",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "6200000000000005",
            "6759649826438453",
            "4222222222222",
        ] {
            assert!(is_card_number(&digits(number)), "{number}");
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for number in [
            "4111111111111112",
            "1111111111111117",
            "411111111111111",
            "4006381333931",
            "9501101530003",
            "",
            "4",
        ] {
            assert!(!is_card_number(&digits(number)), "{number}");
        }
    }

    #[test]
    fn an_article_whose_number_is_right_by_both_formulas_is_an_article() {
        let both = (4_000_000_000_000_u64..).map(|number| digits(&number.to_string()));
        let both = both.filter(|it| has_luhn_digit(it) && is_article_number(it));
        for number in both.take(100) {
            assert!(!is_card_number(&number), "{number:?}");
        }
    }
}
