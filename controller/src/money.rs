//! Amounts of money as people read them. Pure.

/// `1200.00 CNY`, of an amount in the currency's smallest unit.
pub(crate) fn text(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let places = places(currency);
    let unit = 10_u64.pow(places);
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    match places {
        0 => format!("{sign}{whole} {currency}"),
        places => format!("{sign}{whole}.{rest:0width$} {currency}", width = places as usize),
    }
}

/// Decimal places of a currency (ISO 4217, the list of 2024); two where it is not among those that
/// have others.
fn places(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_places_of_its_currency() {
        assert_eq!(text(120_005, "CNY"), "1200.05 CNY");
        assert_eq!(text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(text(120_000, "JPY"), "120000 JPY");
        assert_eq!(text(1_005, "KWD"), "1.005 KWD");
    }
}
