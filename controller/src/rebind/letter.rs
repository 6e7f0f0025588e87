//! Letters and handover lists of a change of provider. Pure.

use shared::change::Rebind;
use shared::change::rebind::RegistryOrder;
use shared::document::Profile;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::facts::Party;
use crate::measure::counted;
use crate::sheet::Sheet;

/// One terminal in a handover list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub serial: String,
    pub store: String,
    pub model: String,
    pub profile: Profile,
}

#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    pub party: Party,
    pub rebind: CampaignId,
    pub asked: &'a Rebind,
    /// In the order in which they are listed.
    pub rows: &'a [Row],
    pub planned_at: UnixTime,
    pub planned_by: &'a str,
    /// When the first shop may be disturbed, where that was kept.
    pub begins_at: Option<UnixTime>,
}

/// What the party reads.
pub fn sheet(letter: &Letter<'_>) -> Sheet {
    let Letter { party, rebind, asked, rows, planned_at, planned_by, begins_at } = letter;
    let window = asked.window.map_or_else(
        || "at any time of day".to_owned(),
        |window| format!("between {window}, in each store's local time"),
    );
    let begin = begins_at.map_or_else(String::new, |at| format!(", none of them before {at}"));
    let (count, reason) = (counted(rows.len() as u64, "terminal"), asked.reason.as_str());
    let note = match asked.note.is_empty() {
        true => String::new(),
        false => format!(" ({})", asked.note),
    };
    let sheet = Sheet::new(title(*party))
        .paragraph(format!("Change {rebind}, planned at {planned_at} by {planned_by}."))
        .paragraph(body(*party, &asked.from, &asked.to, asked))
        .paragraph(format!(
            "It concerns {count}. Each is changed {window}{begin}. Reason: \
             {reason}{note}. Ordered by {}.",
            asked.ordered_by
        ));
    list(sheet, *party, rows).signatures()
}

fn title(party: Party) -> &'static str {
    match party {
        Party::OldProvider => "Notice of the end of acceptance, with handover list",
        Party::Bank => "Notice of a change of payment provider",
        Party::NewProvider => "Notice of the begin of acceptance, with handover list",
        Party::Store => "Your payment terminal changes its provider",
    }
}

fn body(party: Party, from: &str, to: &str, asked: &Rebind) -> String {
    let release = match asked.registry_order {
        RegistryOrder::NewFirst => {
            "The registrations below are released once the new ones have proven themselves."
        }
        RegistryOrder::ReleaseOldFirst => {
            "The registrations below have to be released before the new ones are accepted."
        }
    };
    match party {
        Party::OldProvider => format!(
            "The terminals below stop selling with {from} and go on with {to}. Each one's stored \
             payments and reversals are sent to you, and its batch is closed with you, before it \
             changes. {release} Refunds and chargebacks for earlier sales stay with the merchant \
             numbers below."
        ),
        Party::Bank => format!(
            "The terminals below are cleared by {to} in place of {from}. Settlements of both may \
             arrive on the same day."
        ),
        Party::NewProvider => format!(
            "The terminals below, which sell with {from} now, are bound to {to} under the new \
             numbers. Each makes test transactions before its shop sells."
        ),
        Party::Store => format!(
            "Your terminals are changed from {from} to {to}. The terminal shows who ordered it, \
             and six words. Ask for the six words by telephone before you agree, and report it as \
             suspicious on the terminal if they differ. While it is changed it takes no payments \
             for some minutes."
        ),
    }
}

/// Each party sees the numbers that are its business.
fn list(sheet: Sheet, party: Party, rows: &[Row]) -> Sheet {
    let (old, new) = match party {
        Party::OldProvider => (true, false),
        Party::NewProvider => (false, true),
        Party::Bank | Party::Store => (true, true),
    };
    let mut header = vec!["Store", "Serial", "Model"];
    if old {
        header.extend(["Old MID", "Old TID"]);
    }
    if new {
        header.extend(["New MID", "New TID", "Name on receipts"]);
    }
    let row = |Row { serial, store, model, profile }: &Row| {
        let mut cells = vec![store, serial, model];
        if old {
            cells.extend([&profile.replaces.mid, &profile.replaces.tid]);
        }
        if new {
            let it = &profile.merchant;
            cells.extend([&it.mid, &it.tid, &it.name]);
        }
        cells.into_iter().cloned().collect()
    };
    sheet.table(&header, rows.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::draft::tests::{asked, profile};
    use super::*;

    fn letter_of(party: Party, rows: &[Row], change: &Rebind) -> String {
        let rebind = CampaignId::from_bytes([1; 16]);
        let planned_at = UnixTime(1_800_000_000);
        let begins_at = Some(UnixTime(1_801_000_000));
        let planned_by = "ana";
        sheet(&Letter { party, rebind, asked: change, rows, planned_at, planned_by, begins_at })
            .html()
    }

    fn row(profile: Profile) -> Row {
        let (serial, store) = ("PX-1".to_owned(), "north".to_owned());
        Row { serial, store, model: "px7".to_owned(), profile }
    }

    #[test]
    fn each_party_reads_the_numbers_that_are_its_business() {
        let rows = [row(profile(1))];
        let (old, new) = (&rows[0].profile.replaces.tid, &rows[0].profile.merchant.tid);
        for (party, reads_old, reads_new) in [
            (Party::OldProvider, true, false),
            (Party::Bank, true, true),
            (Party::NewProvider, false, true),
            (Party::Store, true, true),
        ] {
            let said = letter_of(party, &rows, &asked());
            let cell = |text: &str| said.contains(&format!("<td>{text}</td>"));
            assert_eq!((cell(old), cell(new)), (reads_old, reads_new), "{party:?}");
        }
    }

    #[test]
    fn it_says_when_the_first_shop_is_disturbed_and_why() {
        let said = |note: &str| {
            let change = Rebind { note: note.to_owned(), ..asked() };
            letter_of(Party::Store, &[row(profile(1))], &change)
        };
        assert!(said("").contains(", none of them before 2027-01-26T21:46:40Z. Reason: fee. "));
        assert!(said("cheaper").contains("Reason: fee (cheaper). "));
    }

    #[test]
    fn nothing_that_somebody_wrote_becomes_part_of_the_page() {
        let evil = "<script>alert(1)</script>\" onload='x' & \u{202e}";
        let change = Rebind {
            from: evil.to_owned(),
            to: evil.to_owned(),
            note: evil.to_owned(),
            ordered_by: evil.to_owned(),
            ..asked()
        };
        let mut spoilt = profile(1);
        spoilt.merchant.name = evil.to_owned();
        let spoilt = Row { serial: evil.to_owned(), store: evil.to_owned(), ..row(spoilt) };
        for party in Party::ALL {
            let said = letter_of(party, std::slice::from_ref(&spoilt), &change);
            assert!(!said.contains("<script") && !said.contains("onload='"), "{said}");
            assert!(!said.contains('\u{202e}'), "{said}");
            assert!(said.contains("&lt;script&gt;"), "it is shown all the same");
            assert!(!said.contains("src=") && !said.contains("href="), "it loads nothing");
        }
    }

    #[test]
    fn the_same_change_has_the_same_letter() {
        let rows = [row(profile(1)), row(profile(2))];
        let once = letter_of(Party::Bank, &rows, &asked());
        assert_eq!(once, letter_of(Party::Bank, &rows, &asked()));
        assert_ne!(once, letter_of(Party::Bank, &rows[..1], &asked()));
    }
}
