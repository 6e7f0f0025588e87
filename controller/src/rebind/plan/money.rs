//! Money and rates as people read them. Pure.

/// `1200.00 CNY`, of an amount in hundredths.
pub(super) fn text(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, rest) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    format!("{sign}{whole}.{rest:02} {currency}")
}

/// `0.60 %`, of hundredths of a percent.
pub(super) fn percent(hundredths: u32) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_rates_have_two_places() {
        assert_eq!(text(120_005, "CNY"), "1200.05 CNY");
        assert_eq!(text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(percent(60), "0.60 %");
    }
}
