//! Numbers that a provider gives to merchants.

use super::record::Provider;
use super::text::shown;

/// Why a MID is not one of this provider: what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MidMistake {
    #[error("is `{0}`: it has 15 digits, acquirer 3, area 4, MCC 4, sequence 4")]
    NotFifteenDigits(String),
    #[error("begins with `{found}`, and the acquirer code is `{expected}`")]
    OtherAcquirer { found: String, expected: String },
    #[error("says MCC `{found}` in its 8th to 11th digit, and `mcc` is `{expected}`")]
    OtherTrade { found: String, expected: String },
}

/// Checks a MID as it is made where acquirers have codes: acquirer (3 digits), area (4), MCC (4),
/// sequence (4). A provider without an acquirer code gives numbers of its own kind, of which
/// nothing is known here.
pub fn check_mid(provider: &Provider, mid: &str, mcc: &str) -> Result<(), Vec<MidMistake>> {
    provider.acquirer_code.as_ref().map_or(Ok(()), |acquirer| check_mid_of(acquirer, mid, mcc))
}

/// The same for this acquirer code.
pub fn check_mid_of(acquirer: &str, mid: &str, mcc: &str) -> Result<(), Vec<MidMistake>> {
    if mid.len() != 15 || !mid.bytes().all(|it| it.is_ascii_digit()) {
        return Err(vec![MidMistake::NotFifteenDigits(shown(mid))]);
    }
    let mut mistakes = Vec::new();
    if &mid[..3] != acquirer {
        let (found, expected) = (mid[..3].to_owned(), acquirer.to_owned());
        mistakes.push(MidMistake::OtherAcquirer { found, expected });
    }
    if &mid[7..11] != mcc {
        let (found, expected) = (mid[7..11].to_owned(), shown(mcc));
        mistakes.push(MidMistake::OtherTrade { found, expected });
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_mid_begins_with_its_acquirer_and_holds_its_mcc() {
        let provider = samples::provider();
        assert_eq!(provider.acquirer_code.as_deref(), Some("898"));
        assert_eq!(check_mid(&provider, "898440154110001", "5411"), Ok(()));
        let acquirer = MidMistake::OtherAcquirer { found: "105".into(), expected: "898".into() };
        let trade = MidMistake::OtherTrade { found: "5411".into(), expected: "5812".into() };
        assert_eq!(check_mid(&provider, "105440154110001", "5411"), Err(vec![acquirer.clone()]));
        assert_eq!(check_mid(&provider, "898440154110001", "5812"), Err(vec![trade.clone()]));
        let both = check_mid(&provider, "105440154110001", "5812");
        assert_eq!(both, Err(vec![acquirer, trade]));
        // Shifted by one, the MCC stands elsewhere.
        assert!(check_mid(&provider, "898440541100001", "5411").is_err());
        for mid in ["", "89844015411000", "8984401541100011", "89844015411000a", "８９８４４"]
        {
            let wrong = check_mid(&provider, mid, "5411").unwrap_err();
            assert!(matches!(wrong[..], [MidMistake::NotFifteenDigits(_)]), "{mid}");
        }
    }

    #[test]
    fn a_provider_without_a_code_gives_any_number() {
        let mut provider = samples::provider();
        provider.acquirer_code = None;
        assert_eq!(check_mid(&provider, "M-1", "5411"), Ok(()));
    }
}
