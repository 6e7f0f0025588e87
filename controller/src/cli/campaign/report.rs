//! `tillward campaign report`: what a campaign has come to, on a screen, in a table and on a page.

mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use shared::durable::{Readers, replace_file};
use shared::id::CampaignId;
use shared::time::UnixTime;

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::measure::{ago_text, rough_text, size_text, time_text};
use super::super::print::Print;
use super::super::terminal::till_text;
use super::super::words::{counted, or_nothing, word};
use super::campaign_id;
use crate::api::model::{
    Assignment, CampaignReport, Condition, Presence, ReportCoverage, ReportDiskFree, ReportHealth,
    ReportMember, ReportPart, ReportSince, ReportStraggler,
};

/// Rows of what there may be many of; `--json` has more, `--csv` every terminal.
const ROWS_MAX: usize = 20;

/// Say what a campaign has come to: whom it reached, how long it took, and who is missing
///
/// Made anew each time from all terminals that the campaign was released to.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The campaign
    #[arg(value_name = "CAMPAIGN", value_parser = campaign_id)]
    campaign: CampaignId,
    /// Also write a table of all members, one terminal a line
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Also write a page with charts, which loads nothing: to be printed, sent and filed
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) async fn run(
        &self,
        client: &Client,
        now: UnixTime,
        print: &mut Print,
    ) -> Result<Exit, Failure> {
        let report = client.campaign_report(self.campaign).await?;
        if let Some(file) = &self.csv {
            let members = client.assignments(self.campaign).await?;
            let conditions = client.report_members(self.campaign).await?;
            write(file, &table(&members, &conditions).map_err(Failure::new)?)?;
        }
        if let Some(file) = &self.html {
            write(file, &page::page(&report))?;
        }
        match self.json {
            true => print.json(&report),
            false => whole(&report, now, print),
        }
        Ok(Exit::Done)
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    replace_file(file, text.as_bytes(), Readers::Owner).map_err(Failure::new)
}

fn whole(report: &CampaignReport, now: UnixTime, print: &mut Print) {
    print.line(title(report));
    print.line(format_args!("  state     {}", word(&report.state)));
    print.line(format_args!("  where     {}", report.selector));
    print.line(format_args!("  time      {}", times(report)));
    let members = counted(report.members, "terminal");
    print.line(format_args!("  members   {members}, {} not released yet", report.held));
    print.line(format_args!("  attempted {}", attempted(&report.total)));
    if report.software.is_some() {
        print.line(format_args!("  fetched   {}", size_text(report.bytes_fetched)));
        print.line(format_args!("  since     {}", since(report.since)));
    }
    let parts = [("wave", &report.waves), ("store", &report.stores), ("model", &report.models)];
    for (by, parts) in parts.into_iter().filter(|(_, parts)| !parts.is_empty()) {
        print.line("");
        coverage(by, parts, print);
    }
    if !report.total.bad.is_empty() {
        print.line("");
        let rows = report.total.bad.iter().map(|(code, count)| [code.clone(), count.to_string()]);
        print.table(["ended badly by", "terminals"], rows.collect(), "");
    }
    if !report.phases.is_empty() {
        print.line("");
        let rows = report.phases.iter().map(|it| {
            let [p50, p90, p99] = [it.p50_s, it.p90_s, it.p99_s].map(seconds);
            [it.step.clone(), it.terminals.to_string(), p50, p90, p99]
        });
        print.table(["step", "terminals", "half within", "90 %", "99 %"], rows.collect(), "");
    }
    if !report.versions.is_empty() {
        print.line("");
        let rows = report.versions.iter().map(|it| {
            let [before, after] = [&it.before, &it.after].map(|it| or_nothing(it.as_ref()));
            [before, after, it.terminals.to_string()]
        });
        print.table(["version before", "after", "terminals"], rows.collect(), "");
    }
    health(&report.health, print);
    if !report.decisions.is_empty() {
        print.line("");
        let rows = report.decisions.iter().map(|it| {
            let why = or_nothing(Some(&it.why).filter(|why| !why.is_empty()));
            [time_text(it.at), it.who.clone(), decided(&it.what), why]
        });
        print.table(["decided", "by", "campaign", "why"], rows.collect(), "");
    }
    missing(report, now, print);
}

fn health(of: &ReportHealth, print: &mut Print) {
    if !of.signs.is_empty() {
        print.line("");
        let rows = of.signs.iter().map(|it| {
            let numbers = [it.before, it.now, it.worse, it.better, it.compared];
            let [before, now, worse, better, compared] = numbers.map(|it| it.to_string());
            [sign(&it.sign).to_owned(), before, now, worse, better, compared]
        });
        let header = ["health of those tried", "before", "now", "worse", "better", "compared"];
        print.table(header, rows.collect(), "");
    }
    if let Some(it) = &of.disk_free {
        print.line(disk(it));
    }
}

/// `disk free: median 3.0 GiB before, 2.8 GiB now; least 212 MiB before, 90 MiB now (9 terminals)`
fn disk(it: &ReportDiskFree) -> String {
    let ReportDiskFree { compared, median_before, median_now, least_before, least_now } = *it;
    let sizes = [median_before, median_now, least_before, least_now].map(size_text);
    let [median_before, median_now, least_before, least_now] = sizes;
    let of = counted(compared, "terminal");
    format!(
        "disk free: median {median_before} before, {median_now} now; least {least_before} before, \
         {least_now} now ({of})"
    )
}

/// `resumed`, of `campaign-resumed`.
fn decided(what: &str) -> String {
    match what {
        "campaign-tripped" => "halted".to_owned(),
        other => other.strip_prefix("campaign-").unwrap_or(other).replace('-', " "),
    }
}

/// A newer controller may know of others.
fn sign(sign: &str) -> &str {
    match sign {
        "till-silent" => "till does not answer",
        "till-restarts" => "till restarts by itself",
        "battery-low" => "battery low",
        other => other,
    }
}

fn title(report: &CampaignReport) -> String {
    let name = report.name.as_deref().unwrap_or("without a name");
    let what = report.software.as_ref().map(|it| format!(", {} {}", it.component, it.version));
    format!("Report on campaign {name}{} ({})", what.unwrap_or_default(), report.campaign)
}

fn times(report: &CampaignReport) -> String {
    match (report.started_at, report.ended_at) {
        (None, _) => "not started".to_owned(),
        (Some(from), None) => format!("since {}", time_text(from)),
        (Some(from), Some(to)) => {
            let took = rough_text(to.since(from));
            format!("{} to {}, {took}", time_text(from), time_text(to))
        }
    }
}

/// `412 of 500 released (82 %), 409 succeeded (99 %)`
fn attempted(of: &ReportCoverage) -> String {
    format!(
        "{} of {} released{}, {} succeeded{}",
        of.attempted,
        of.released,
        percent(of.attempted, of.released),
        of.succeeded,
        percent(of.succeeded, of.attempted)
    )
}

/// Rounded down, so that what is not all is never 100 %.
fn percent(part: u64, whole: u64) -> String {
    match u128::from(part) * 100 / u128::from(whole.max(1)) {
        _ if whole == 0 => String::new(),
        percent => format!(" ({percent} %)"),
    }
}

fn since(since: ReportSince) -> String {
    let ReportSince { as_brought, other_version, offline } = since;
    format!("{as_brought} still run it, {other_version} something else, {offline} are offline")
}

fn seconds(seconds: u64) -> String {
    rough_text(Duration::from_secs(seconds))
}

fn bad(of: &ReportCoverage) -> u64 {
    of.bad.values().sum()
}

/// Waves in their order, and of everything else what went worst first.
fn in_order(parts: &[ReportPart]) -> Vec<&ReportPart> {
    let mut parts: Vec<_> = parts.iter().collect();
    if parts.iter().any(|it| it.members.is_none()) {
        parts.sort_by_key(|it| {
            let missing = it.coverage.open + it.coverage.unreached;
            (std::cmp::Reverse((bad(&it.coverage), missing)), it.name.clone())
        });
    }
    parts
}

fn coverage(by: &str, parts: &[ReportPart], print: &mut Print) {
    let rows = in_order(parts).into_iter().take(ROWS_MAX).map(|it| {
        let of = &it.coverage;
        let numbers = [of.succeeded, bad(of), of.unreached, of.untried, of.open];
        let [succeeded, bad, unreached, untried, open] = numbers.map(|it| it.to_string());
        [it.name.clone(), released(it), succeeded, bad, unreached, untried, open]
    });
    let header = [by, "released", "succeeded", "bad", "unreached", "untried", "open"];
    print.table(header, rows.collect(), "");
    let more = parts.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        print.line(format_args!("… and {} more, which went better", counted(more as u64, by)));
    }
}

/// `21 of 390`, of a wave.
fn released(it: &ReportPart) -> String {
    match it.members {
        Some(members) => format!("{} of {members}", it.coverage.released),
        None => it.coverage.released.to_string(),
    }
}

fn missing(report: &CampaignReport, now: UnixTime, print: &mut Print) {
    let parts = [
        ("Released, and missing", &report.stragglers, report.stragglers_count),
        ("Not released yet", &report.waiting, report.held),
    ];
    for (what, some, count) in parts {
        if count == 0 {
            continue;
        }
        print.line(format_args!("\n{what}: {}", counted(count, "terminal")));
        let rows = some.iter().take(ROWS_MAX).map(|it| {
            let since = or_nothing(it.since.map(|at| ago_text(at, now)));
            [it.serial.clone(), it.store.clone(), word(&it.state), since, blocked(it, now)]
        });
        print.table(["serial", "store", "state", "since", "what keeps it"], rows.collect(), "");
        let more = count.saturating_sub(some.len().min(ROWS_MAX) as u64);
        if more > 0 {
            print.line(format_args!("… and {} more", counted(more, "terminal")));
        }
    }
}

fn blocked(it: &ReportStraggler, now: UnixTime) -> String {
    let why = it.reason.as_ref().map(|reason| reason.detail.clone());
    let offline = it.offline_since.map(|at| format!("offline since {}", ago_text(at, now)));
    let parts: Vec<_> = why.into_iter().chain(offline).collect();
    or_nothing((!parts.is_empty()).then(|| parts.join("; ")))
}

/// One member a line.
fn table(members: &[Assignment], conditions: &[ReportMember]) -> Result<String, csv::Error> {
    let conditions: BTreeMap<_, _> = conditions.iter().map(|it| (it.terminal, it)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "terminal",
        "serial",
        "store",
        "model",
        "state",
        "code",
        "reason",
        "step",
        "version",
        "since",
        "version_before",
        "version_last_told",
        "online_before",
        "online_now",
        "till_before",
        "till_now",
        "disk_free_before",
        "disk_free_now",
        "battery_before",
        "battery_now",
        "told_at",
        "wave",
    ])?;
    for it in members {
        let reason = it.reason.as_ref();
        let (code, detail) =
            reason.map(|it| (it.code.as_str(), it.detail.as_str())).unwrap_or_default();
        let row = [
            it.terminal.to_string(),
            as_text(&it.serial),
            as_text(&it.store),
            as_text(&it.model),
            word(&it.state),
            as_text(code),
            as_text(detail),
            as_text(it.step.as_deref().unwrap_or_default()),
            as_text(it.version_now.as_deref().unwrap_or_default()),
            it.updated_at.map(|at| at.to_string()).unwrap_or_default(),
        ];
        let condition = conditions.get(&it.terminal).map(|it| condition(it)).unwrap_or_default();
        writer.write_record(row.iter().chain(&condition))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last columns of a member that was released.
fn condition(it: &ReportMember) -> [String; 12] {
    let text = |of: &Option<String>| as_text(of.as_deref().unwrap_or_default());
    let online = |it: &Condition| (it.presence == Presence::Online).to_string();
    let online_before = it.before.as_ref().map(online).unwrap_or_default();
    let online_now = online(&it.now);
    // What it told before it was released is nothing that it has told since.
    let has_told = it.before.is_none_or(|before| before.told_at != it.now.told_at);
    let both = |told: fn(&Condition) -> String| {
        let now = if has_told { told(&it.now) } else { String::new() };
        [it.before.as_ref().map(told).unwrap_or_default(), now]
    };
    let [till_before, till_now] = both(|it| it.till.map(till_text).unwrap_or_default());
    let [disk_before, disk_now] =
        both(|it| it.disk_free_bytes.map(|bytes| bytes.to_string()).unwrap_or_default());
    let [battery_before, battery_now] = both(|it| match it.battery_is_low {
        None => String::new(),
        Some(is_low) => if is_low { "low" } else { "enough" }.to_owned(),
    });
    [
        text(&it.version_before),
        text(&it.version_now),
        online_before,
        online_now,
        till_before,
        till_now,
        disk_before,
        disk_now,
        battery_before,
        battery_now,
        it.now.told_at.map(|at| at.to_string()).unwrap_or_default(),
        it.wave.to_string(),
    ]
}

/// What a terminal said is never taken for a formula where the table is opened.
fn as_text(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::golden;
    use super::super::super::samples::{NOW, assignments, campaign_report};
    use super::*;
    use crate::api::model::{Reason, TillHealth};

    #[test]
    fn a_report_says_how_it_went_by_wave_store_and_model_and_who_is_missing() {
        let show = |print: &mut Print| whole(&campaign_report(), NOW, print);
        golden::check("campaign-report", &golden::printed(show));
    }

    #[test]
    fn a_campaign_that_was_not_started_has_come_to_nothing() {
        let report = CampaignReport {
            started_at: None,
            members: 0,
            held: 0,
            total: ReportCoverage::default(),
            waves: vec![],
            stores: vec![],
            models: vec![],
            stragglers: vec![],
            stragglers_count: 0,
            waiting: vec![],
            phases: vec![],
            versions: vec![],
            since: ReportSince::default(),
            health: ReportHealth::default(),
            bytes_fetched: 0,
            time_line: vec![],
            decisions: vec![],
            ..campaign_report()
        };
        let show = |print: &mut Print| whole(&report, NOW, print);
        golden::check("campaign-report-nothing", &golden::printed(show));
    }

    #[test]
    fn a_table_has_every_member_and_no_formula() {
        let mut members = assignments();
        members[0].store = "=HYPERLINK(\"http://evil\")".to_owned();
        members[1].reason = Some(Reason {
            code: "till".to_owned(),
            detail: "1 open check, \"A7\"".to_owned(),
            hint: None,
        });
        let at = |presence, till, disk_free_bytes| Condition {
            presence,
            told_at: Some(UnixTime(i64::try_from(disk_free_bytes).unwrap())),
            disk_free_bytes: Some(disk_free_bytes),
            battery_is_low: Some(false),
            till,
        };
        let till = |restarts| Some(TillHealth { answers: true, restarts });
        let released = ReportMember {
            terminal: members[0].terminal,
            wave: 2,
            version_before: Some("1.0.0".to_owned()),
            version_now: Some("=2".to_owned()),
            before: Some(at(Presence::Online, till(0), 1 << 30)),
            now: at(Presence::Offline, till(3), 1 << 29),
        };
        let written = table(&members, &[released]).unwrap();
        golden::check("campaign-report-csv", &written);
        assert_eq!(written.lines().count(), members.len() + 1);
        let mut reader = csv::Reader::from_reader(written.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(&rows[0][2], "'=HYPERLINK(\"http://evil\")");
        assert_eq!(&rows[1][6], "1 open check, \"A7\"");
    }
}
