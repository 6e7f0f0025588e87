//! Durations, sizes, counts and points in time, as people write and read them. One way for each.
//! Pure.

use std::time::Duration;

use shared::time::UnixTime;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write for example `90s`, `5m`, `1h30m`, `14d` or `1y`")]
pub(crate) struct NotADuration(String);

/// Seconds of each unit, longest first. A year has 365 days.
const UNITS: [(char, u64); 6] =
    [('y', 365 * 86_400), ('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads whole numbers with units, longest unit first, each at most once: `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, NotADuration> {
    let wrong = || NotADuration(text.chars().take(32).collect());
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
        let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let part = count.checked_mul(units[at].1);
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        units = &units[at + 1..];
        rest = &rest[digits + unit.len_utf8()..];
    }
    match text.is_empty() {
        true => Err(wrong()),
        false => Ok(Duration::from_secs(seconds)),
    }
}

/// Writes a duration so that [`duration`] reads it; parts of a second are left out.
pub(crate) fn duration_text(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut text = String::new();
    // Weeks read badly: `14d` says more than `2w`.
    for (name, seconds) in UNITS.into_iter().filter(|(name, _)| *name != 'w') {
        if rest >= seconds {
            text.push_str(&format!("{}{name}", rest / seconds));
            rest %= seconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `1 terminal`, `2 terminals`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    }
}

/// Why a text is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a point in time: write for example `2026-11-22T10:00:00Z`, or `1795341600`")]
pub(crate) struct NotATime(String);

/// Reads RFC 3339, or whole seconds since 1970.
pub(crate) fn unix_time(text: &str) -> Result<UnixTime, NotATime> {
    let seconds = text.parse::<i64>().ok();
    let seconds = seconds.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_second()));
    let representable = |second: &i64| jiff::Timestamp::from_second(*second).is_ok();
    let seconds = seconds.filter(|second| *second >= 0).filter(representable);
    seconds.map(UnixTime).ok_or_else(|| NotATime(text.chars().take(32).collect()))
}

/// A point in time to the minute, in UTC: enough for people.
pub(crate) fn time_text(at: UnixTime) -> String {
    match jiff::Timestamp::from_second(at.0) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%MZ").to_string(),
        Err(_) => at.to_string(),
    }
}

/// Why a text is not a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of bytes: write for example `65536`, `512KiB`, `20MiB` or `1GiB`")]
pub struct NotASize(String);

/// Reads a whole number of bytes, or of one unit of 1024: `512KiB`.
pub(crate) fn size(text: &str) -> Result<u64, NotASize> {
    let wrong = || NotASize(text.chars().take(32).collect());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match &text[end..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..end].parse().map_err(|_| wrong())?;
    count.checked_mul(unit).ok_or_else(wrong)
}

/// A number of bytes, in units of 1024.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

/// A duration for people: the largest unit and the one below it.
pub(crate) fn rough_text(duration: Duration) -> String {
    let units = UNITS.into_iter().filter(|(name, _)| *name != 'w').map(|(_, seconds)| seconds);
    let mut below = units.skip_while(|seconds| *seconds > duration.as_secs()).skip(1);
    let least = below.next().unwrap_or(1);
    duration_text(Duration::from_secs(duration.as_secs() / least * least))
}

/// How long ago `at` was.
pub(crate) fn ago_text(at: UnixTime, now: UnixTime) -> String {
    format!("{} ago", rough_text(now.since(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_back_as_it_was_written() {
        for (text, seconds) in
            [("10s", 10), ("5m", 300), ("1h30m", 5_400), ("14d", 1_209_600), ("1y", 31_536_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(duration_text(Duration::from_secs(seconds)), text);
        }
        assert_eq!(duration("2w"), duration("14d"));
        assert_eq!(duration_text(Duration::ZERO), "0s");
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        let far = "99999999999999999999s";
        for text in ["", "5", "m", "5 m", "-5m", "5m5m", "30m1h", "1.5h", "5min", "1µ", far] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("584942417356y").is_err(), "overflow");
    }

    #[test]
    fn a_point_in_time_is_a_date_or_seconds() {
        assert_eq!(unix_time("0"), Ok(UnixTime(0)));
        assert_eq!(unix_time("2026-11-22T10:00:00Z"), Ok(UnixTime(1_795_341_600)));
        assert_eq!(unix_time("2026-11-22T11:00:00+01:00"), Ok(UnixTime(1_795_341_600)));
        assert_eq!(time_text(UnixTime(1_795_341_600)), "2026-11-22 10:00Z");
        for text in ["", "-1", "yesterday", "2026-11-22", "9999999999999999"] {
            assert!(unix_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_a_whole_number_of_one_unit() {
        for (text, bytes) in
            [("0", 0), ("65536", 65_536), ("7B", 7), ("512KiB", 524_288), ("3GiB", 3 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        let far = "16777216TiB";
        for text in ["", "MiB", "1.5MiB", "-1MiB", "1 MiB", "1MB", "1mib", "1MiB1", "µ", far] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_ages_are_short() {
        assert_eq!(size_text(0), "0 B");
        assert_eq!(size_text(1023), "1023 B");
        assert_eq!(size_text(1536), "1.5 KiB");
        assert_eq!(size_text(u64::MAX), "16777216.0 TiB");
        let now = UnixTime(1_000_000);
        assert_eq!(ago_text(UnixTime(1_000_000 - 93_784), now), "1d2h ago");
        let rough = |seconds| rough_text(Duration::from_secs(seconds));
        assert_eq!(rough(3 * 86_400 + 1), "3d");
        assert_eq!(rough(31_536_000 + 86_400 + 5), "1y1d");
        assert_eq!([rough(0), rough(59), rough(61)], ["0s", "59s", "1m1s"]);
        assert_eq!(ago_text(UnixTime(999_995), now), "5s ago");
        assert_eq!(ago_text(UnixTime(1_000_005), now), "0s ago");
    }
}
