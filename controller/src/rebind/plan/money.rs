//! Money and rates as people read them. Pure.

use std::collections::BTreeMap;

use crate::money::text;
use crate::provider::fees::Price;

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

/// `0.60 % and 5 minor units`, of the schedule's currency.
pub fn price(price: Price) -> String {
    let Price { hundredths, fixed_minor } = price;
    match fixed_minor {
        0 => percent(hundredths),
        fixed => format!("{} and {fixed} minor units", percent(hundredths)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sums_have_two_places() {
        assert_eq!(percent(60), "0.60 %");
        assert_eq!(price(Price { hundredths: 60, fixed_minor: 0 }), "0.60 %");
        assert_eq!(price(Price { hundredths: 60, fixed_minor: 105 }), "0.60 % and 105 minor units");
        let sums = |of: &[(&str, i64)]| {
            sums(&of.iter().map(|(currency, minor)| ((*currency).to_owned(), *minor)).collect())
        };
        assert_eq!(sums(&[("CNY", 100), ("EUR", 0), ("USD", 5)]), "1.00 CNY and 0.05 USD");
        assert_eq!(sums(&[("CNY", 0)]), "nothing");
    }
}
