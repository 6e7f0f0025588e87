//! Letters and handover lists, as pages that can be printed. Pure.
//!
//! Everything that somebody wrote is escaped, and the pages load nothing: they read the same on
//! any machine and in ten years.

use std::fmt::Write as _;

use shared::change::Rebind;
use shared::change::rebind::RegistryOrder;
use shared::document::Profile;
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::facts::Party;

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

const STYLE: &str = "body{font:11pt/1.45 serif;max-width:46em;margin:2em auto;padding:0 1em}\
    h1{font-size:15pt}table{border-collapse:collapse;width:100%;font:9pt/1.3 sans-serif}\
    th,td{border:1px solid #888;padding:.25em .5em;text-align:left}\
    thead{display:table-header-group}tr{break-inside:avoid}.sign{margin-top:4em}\
    .sign span{display:inline-block;width:45%;\
    border-top:1px solid #000;margin-right:4%}@page{margin:18mm}";

/// The page, whole.
pub fn html(letter: &Letter<'_>) -> String {
    let Letter { party, rebind, asked, rows, planned_at, planned_by, begins_at } = letter;
    let mut out = String::new();
    let title = title(*party);
    page(
        &mut out,
        format_args!("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"),
    );
    page(&mut out, format_args!("<title>{title}</title><style>{STYLE}</style></head><body>"));
    page(&mut out, format_args!("<h1>{title}</h1>"));
    let (from, to) = (escaped(&asked.from), escaped(&asked.to));
    page(
        &mut out,
        format_args!("<p>Change {rebind}, planned at {planned_at} by {}.</p>", {
            escaped(planned_by)
        }),
    );
    page(&mut out, format_args!("<p>{}</p>", body(*party, &from, &to, asked)));
    let window = asked.window.map_or_else(
        || "at any time of day".to_owned(),
        |window| format!("between {window}, in each store's local time"),
    );
    let begin = begins_at.map_or_else(String::new, |at| format!(", none of them before {at}"));
    let (count, reason) = (rows.len(), asked.reason.as_str());
    let note = match asked.note.is_empty() {
        true => String::new(),
        false => format!(" ({})", escaped(&asked.note)),
    };
    page(
        &mut out,
        format_args!(
            "<p>It concerns {count} terminals. Each is changed {window}{begin}. Reason: \
             {reason}{note}. Ordered by {}.</p>",
            escaped(&asked.ordered_by)
        ),
    );
    list(&mut out, *party, rows);
    page(
        &mut out,
        format_args!(
            "<p class=\"sign\"><span>Place, date, signature (sender)</span><span>Place, date, \
         signature (received)</span></p></body></html>"
        ),
    );
    out
}

fn page(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a text takes what is written to it");
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
fn list(out: &mut String, party: Party, rows: &[Row]) {
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
    page(out, format_args!("<table><thead><tr>"));
    header.iter().for_each(|name| page(out, format_args!("<th>{name}</th>")));
    page(out, format_args!("</tr></thead><tbody>"));
    for Row { serial, store, model, profile } in rows {
        let mut cells = vec![store, serial, model];
        if old {
            cells.extend([&profile.replaces.mid, &profile.replaces.tid]);
        }
        if new {
            let it = &profile.merchant;
            cells.extend([&it.mid, &it.tid, &it.name]);
        }
        let cells = cells.into_iter().map(|cell| format!("<td>{}</td>", escaped(cell)));
        page(out, format_args!("<tr>{}</tr>", cells.collect::<String>()));
    }
    page(out, format_args!("</tbody></table>"));
}

/// As text in a page, and nothing else.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Direction marks and control characters could make a page read otherwise.
            c if c.is_control()
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
                || matches!(c, '\u{2066}'..='\u{2069}') =>
            {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
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
        html(&Letter { party, rebind, asked: change, rows, planned_at, planned_by, begins_at })
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
