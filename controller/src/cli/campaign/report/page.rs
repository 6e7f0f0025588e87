//! The report as a page: the same figures, with pictures. Pure.

use super::super::super::measure::{duration_text, size_text, time_text};
use super::super::super::words::{or_nothing, word};
use super::{
    attempted, bad, decided, disk, in_order, released, seconds, sign, since, times, title,
};
use crate::api::model::{
    CampaignReport, ReportCoverage, ReportHealth, ReportPart, ReportStraggler,
};
use crate::chart::{self, Bar, Part, Range};
use crate::sheet::Sheet;

/// Rows of a table on the page. More is no reading; the CSV file has every terminal.
const ROWS_MAX: usize = 100;

/// Bars of one picture.
const BARS_MAX: usize = 20;

const WELL: Part = Part { name: "succeeded", colour: "#2a6f97" };
const BADLY: Part = Part { name: "ended badly", colour: "#c1121f" };

const ENDS: [Part; 6] = [
    WELL,
    BADLY,
    Part { name: "open", colour: "#e9a820" },
    Part { name: "unreached", colour: "#8d99ae" },
    Part { name: "untried", colour: "#c9ccd1" },
    Part { name: "not released", colour: "#e8eaed" },
];

const SHOWN: [Part; 2] =
    [Part { name: "show it", colour: "#c1121f" }, Part { name: "do not", colour: "#d3e3ec" }];

const SPANS: [Part; 3] = [
    Part { name: "half of the terminals", colour: "#2a6f97" },
    Part { name: "90 %", colour: "#89b6d0" },
    Part { name: "99 %", colour: "#d3e3ec" },
];

pub(super) fn page(report: &CampaignReport) -> String {
    let mut sheet = Sheet::new(title(report))
        .paragraph(format!("State: {}. Where: {}.", word(&report.state), report.selector))
        .paragraph(format!("{}. Made at {}.", upper(&times(report)), time_text(report.made_at)))
        .paragraph(format!("Attempted: {}.", attempted(&report.total)))
        .picture(whole(report), "All members, by what became of them");
    if report.software.is_some() {
        let fetched = size_text(report.bytes_fetched);
        let since = since(report.since);
        sheet = sheet
            .paragraph(format!("Terminals fetched {fetched}. Of those that succeeded, {since}."));
    }
    sheet = time_line(sheet, report);
    sheet = part(sheet, ["Waves", "Wave"], &report.waves);
    sheet = phases(sheet, report);
    sheet = part(sheet, ["Stores", "Store"], &report.stores);
    sheet = part(sheet, ["Models", "Model"], &report.models);
    sheet = failures(sheet, report);
    sheet = versions(sheet, report);
    sheet = health(sheet, &report.health);
    sheet = decisions(sheet, report);
    let missing = [
        ("Released, and missing", &report.stragglers, report.stragglers_count),
        ("Not released yet", &report.waiting, report.held),
    ];
    for (heading, some, count) in missing {
        sheet = stragglers(sheet, heading, some, count);
    }
    sheet.html()
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

fn ends(of: &ReportCoverage, held: u64) -> Vec<u64> {
    vec![of.succeeded, bad(of), of.open, of.unreached, of.untried, held]
}

fn whole(report: &CampaignReport) -> chart::Svg {
    let bar = Bar { name: "all".to_owned(), parts: ends(&report.total, report.held) };
    chart::parts_of_wholes(&ENDS, &[bar])
}

fn time_line(sheet: Sheet, report: &CampaignReport) -> Sheet {
    let (Some(first), Some(last)) = (report.time_line.first(), report.time_line.last()) else {
        return sheet;
    };
    let columns: Vec<_> = report.time_line.iter().map(|it| [it.succeeded, it.bad]).collect();
    let [first, last] = [first, last].map(|it| time_text(it.from));
    let part = duration_text(std::time::Duration::from_secs(report.part_s));
    let picture = chart::columns([WELL, BADLY], &columns, [&first, &last]);
    sheet.heading("Time line").picture(picture, format!("Ends, by each {part}"))
}

/// A picture of the first ones, and a table.
fn part(sheet: Sheet, [heading, by]: [&str; 2], parts: &[ReportPart]) -> Sheet {
    if parts.is_empty() {
        return sheet;
    }
    let parts = in_order(parts);
    let held =
        |it: &ReportPart| it.members.map_or(0, |all| all.saturating_sub(it.coverage.released));
    let bar = |it: &&ReportPart| Bar { name: it.name.clone(), parts: ends(&it.coverage, held(it)) };
    let bars: Vec<_> = parts.iter().take(BARS_MAX).map(bar).collect();
    let shown = match parts.len() > BARS_MAX {
        true => format!("The {BARS_MAX} of {} that went worst", parts.len()),
        false => "By what became of their terminals".to_owned(),
    };
    let rows = parts.iter().take(ROWS_MAX).map(|it| {
        let of = &it.coverage;
        let ends = [of.succeeded, bad(of), of.open, of.unreached, of.untried];
        let ends = ends.map(|it| it.to_string());
        [vec![it.name.clone(), released(it)], ends.to_vec()].concat()
    });
    let header = [by, "Released", "Succeeded", "Bad", "Open", "Unreached", "Untried"];
    let picture = chart::parts_of_wholes(&ENDS, &bars);
    sheet.heading(heading).picture(picture, shown).table(&header, rows.collect())
}

fn phases(sheet: Sheet, report: &CampaignReport) -> Sheet {
    if report.phases.is_empty() {
        return sheet;
    }
    let range = |it: &crate::api::model::ReportPhase| Range {
        name: it.step.clone(),
        p50_s: it.p50_s,
        p90_s: it.p90_s,
        p99_s: it.p99_s,
    };
    let ranges: Vec<_> = report.phases.iter().map(range).collect();
    let rows = report.phases.iter().map(|it| {
        let [p50, p90, p99] = [it.p50_s, it.p90_s, it.p99_s].map(seconds);
        vec![it.step.clone(), it.terminals.to_string(), p50, p90, p99]
    });
    sheet
        .heading("How long each step took")
        .picture(chart::ranges(SPANS, &ranges), "By the terminals' own clocks")
        .table(&["Step", "Terminals", "Half within", "90 % within", "99 % within"], rows.collect())
}

fn failures(sheet: Sheet, report: &CampaignReport) -> Sheet {
    if report.total.bad.is_empty() {
        return sheet;
    }
    let rows = report.total.bad.iter().map(|(code, count)| vec![code.clone(), count.to_string()]);
    sheet.heading("What went wrong").table(&["Code", "Terminals"], rows.collect())
}

fn versions(sheet: Sheet, report: &CampaignReport) -> Sheet {
    if report.versions.is_empty() {
        return sheet;
    }
    let rows = report.versions.iter().map(|it| {
        let [before, after] = [&it.before, &it.after].map(|it| or_nothing(it.as_ref()));
        vec![before, after, it.terminals.to_string()]
    });
    sheet.heading("Versions").table(&["Before", "After", "Terminals"], rows.collect())
}

fn decisions(sheet: Sheet, report: &CampaignReport) -> Sheet {
    if report.decisions.is_empty() {
        return sheet;
    }
    let rows = report.decisions.iter().map(|it| {
        let what = upper(&decided(&it.what));
        vec![time_text(it.at), it.who.clone(), what, it.why.clone()]
    });
    sheet.heading("What was decided").table(&["When", "By", "Campaign", "Why"], rows.collect())
}

fn health(mut sheet: Sheet, of: &ReportHealth) -> Sheet {
    if !of.signs.is_empty() {
        let rows = of.signs.iter().map(|it| {
            let numbers = [it.before, it.now, it.worse, it.better, it.compared];
            let numbers = numbers.map(|it| it.to_string());
            [vec![upper(sign(&it.sign))], numbers.to_vec()].concat()
        });
        let header = ["Sign", "Before", "Now", "Worse", "Better", "Terminals compared"];
        let bar = |name: &str, of: u64, all: u64| Bar {
            name: name.to_owned(),
            parts: vec![of, all.saturating_sub(of)],
        };
        let bars = of.signs.iter().flat_map(|it| {
            // As long as a picture has room for.
            let name = upper(&it.sign.replace('-', " "));
            [
                bar(&format!("{name}, before"), it.before, it.compared),
                bar(&format!("{name}, now"), it.now, it.compared),
            ]
        });
        let bars: Vec<_> = bars.collect();
        sheet = sheet
            .heading("Health before and now")
            .picture(
                chart::parts_of_wholes(&SHOWN, &bars),
                "Of the terminals that are compared, whose number stands at the end",
            )
            .table(&header, rows.collect());
    }
    match &of.disk_free {
        Some(it) => sheet.paragraph(format!("{}.", upper(&disk(it)))),
        None => sheet,
    }
}

fn stragglers(sheet: Sheet, heading: &str, some: &[ReportStraggler], count: u64) -> Sheet {
    if count == 0 {
        return sheet;
    }
    let rows = some.iter().take(ROWS_MAX).map(|it| {
        let since = or_nothing(it.since.map(time_text));
        let offline = or_nothing(it.offline_since.map(time_text));
        let why = or_nothing(it.reason.as_ref().map(|reason| &reason.detail));
        let place = [it.serial.clone(), it.store.clone(), it.model.clone(), word(&it.state)];
        [place.to_vec(), vec![since, why, offline]].concat()
    });
    let header = ["Serial", "Store", "Model", "State", "Since", "What keeps it", "Offline since"];
    let shown = some.len().min(ROWS_MAX);
    let heading = match count > shown as u64 {
        true => format!("{heading}: {shown} of {count}"),
        false => format!("{heading}: {count}"),
    };
    sheet.heading(heading).table(&header, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::super::golden;
    use super::super::super::super::samples::campaign_report;
    use super::*;

    #[test]
    fn a_page_shows_it_with_pictures_and_loads_nothing() {
        let page = page(&campaign_report());
        golden::check("campaign-report-page", &page);
        for loads in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(loads), "{loads}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    }

    #[test]
    fn what_terminals_said_is_text_on_the_page() {
        let mut report = campaign_report();
        report.stores[0].name = "<img onerror=x>".to_owned();
        report.stragglers[0].serial = "\u{202e}<b>".to_owned();
        let page = page(&report);
        assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains('\u{202e}'));
    }
}
