//! Money and rates as people read them. Pure.

use std::collections::BTreeMap;

use crate::provider::fees::Price;

/// `1200.00 CNY`, of an amount in hundredths.
pub(super) fn text(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, rest) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    format!("{sign}{whole}.{rest:02} {currency}")
}

/// `1200.00 CNY and 5.00 EUR`; `nothing` of none.
pub(super) fn sums(minor: &BTreeMap<String, i64>) -> String {
    let some = minor.iter().filter(|(_, amount)| **amount != 0);
    let texts: Vec<_> = some.map(|(currency, amount)| text(*amount, currency)).collect();
    match texts.is_empty() {
        true => "nothing".to_owned(),
        false => texts.join(" and "),
    }
}

/// `0.60 %`, of hundredths of a percent.
pub(super) fn percent(hundredths: u16) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// `0.60 % and 0.05`; the fixed part in hundredths of the schedule's currency.
pub fn price(price: Price) -> String {
    let Price { hundredths, fixed_minor } = price;
    match fixed_minor {
        0 => percent(hundredths),
        fixed => format!("{} and {}.{:02}", percent(hundredths), fixed / 100, fixed % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_rates_have_two_places() {
        assert_eq!(text(120_005, "CNY"), "1200.05 CNY");
        assert_eq!(text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(percent(60), "0.60 %");
        assert_eq!(price(Price { hundredths: 60, fixed_minor: 0 }), "0.60 %");
        assert_eq!(price(Price { hundredths: 60, fixed_minor: 105 }), "0.60 % and 1.05");
        let sums = |of: &[(&str, i64)]| {
            sums(&of.iter().map(|(currency, minor)| ((*currency).to_owned(), *minor)).collect())
        };
        assert_eq!(sums(&[("CNY", 100), ("EUR", 0), ("USD", 5)]), "1.00 CNY and 0.05 USD");
        assert_eq!(sums(&[("CNY", 0)]), "nothing");
    }
}
