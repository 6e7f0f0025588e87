//! How the terminal is powered, as the kernel tells it.
//!
//! Linux shows every supply as a directory with a file for each value; where these come from is
//! its `Documentation/ABI/testing/sysfs-class-power`. What has no battery, or one that does not
//! say what it holds, is taken to be on mains: a till that cannot be asked must not be held back
//! from its upgrades for ever.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use shared::message::Battery;

use crate::machine;

/// A battery's own chip may take its time to answer, and nothing here changes faster.
const READ_EVERY: Duration = Duration::from_secs(60);

/// Where the supplies are, and what is asked of a battery before a shop is disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplies {
    pub directory: PathBuf,
    pub floor_percent: u8,
}

impl Supplies {
    /// Of a terminal on mains.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { directory: "/no/such/place".into(), floor_percent: 50 }
    }

    /// Of several batteries the fullest counts: any one of them keeps the terminal going.
    pub fn battery(&self) -> Option<Battery> {
        let mut fullest = None;
        let mut is_powered = false;
        for supply in fs::read_dir(&self.directory).ok()?.flatten() {
            let supply = Supply(supply.path());
            // Of a mouse or a headset.
            if supply.says("scope", &["Device"]) {
                continue;
            }
            if supply.says("type", &["Battery"]) {
                fullest = fullest.max(supply.capacity());
                is_powered |= supply.says("status", &["Charging", "Full", "Not charging"]);
            } else {
                is_powered |= supply.value("online").is_some_and(|online| online != "0");
            }
        }
        let floor_percent = self.floor_percent;
        fullest.map(|percent| Battery { percent, floor_percent, is_powered })
    }

    /// Why a shop is not to be disturbed now, if its battery keeps it from that.
    pub fn keeps_waiting(&self) -> Option<String> {
        let battery = self.battery().filter(|battery| battery.is_low())?;
        let Battery { percent, floor_percent, .. } = battery;
        Some(format!("it holds {percent} %, is not charged, and is to hold {floor_percent} %"))
    }
}

struct Supply(PathBuf);

impl Supply {
    fn value(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.0.join(name)).ok()?;
        Some(text.trim().to_owned())
    }

    fn says(&self, name: &str, words: &[&str]) -> bool {
        self.value(name).is_some_and(|value| words.contains(&value.as_str()))
    }

    fn capacity(&self) -> Option<u8> {
        let percent: u8 = self.value("capacity")?.parse().ok()?;
        (percent <= 100).then_some(percent)
    }
}

/// Remembers for a while what was read.
#[derive(Debug)]
pub struct Gauge {
    supplies: Supplies,
    read: Cell<Option<(Duration, Option<Battery>)>>,
}

impl Gauge {
    pub fn new(supplies: Supplies) -> Self {
        Self { supplies, read: Cell::new(None) }
    }

    pub fn battery(&self) -> Option<Battery> {
        let now = machine::uptime();
        match self.read.get() {
            Some((at, battery)) if now < at + READ_EVERY => battery,
            Some(_) | None => {
                let battery = self.supplies.battery();
                self.read.set(Some((now, battery)));
                battery
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Supplies of these files: a supply's name, a file's, and what it says.
    fn found(files: &[(&str, &str, &str)]) -> Option<Battery> {
        let directory = tempfile::tempdir().expect("a directory");
        for (supply, file, value) in files {
            let supply = directory.path().join(supply);
            fs::create_dir_all(&supply).expect("a supply");
            fs::write(supply.join(file), format!("{value}\n")).expect("a value");
        }
        Supplies { directory: directory.path().to_owned(), floor_percent: 50 }.battery()
    }

    const fn holds(percent: u8, is_powered: bool) -> Option<Battery> {
        Some(Battery { percent, floor_percent: 50, is_powered })
    }

    #[test]
    fn what_supplies_say() {
        let battery = |percent, status| {
            vec![
                ("BAT0", "type", "Battery"),
                ("BAT0", "capacity", percent),
                ("BAT0", "status", status),
            ]
        };
        let mains = |online| vec![("AC", "type", "Mains"), ("AC", "online", online)];
        for (supplies, expected) in [
            (vec![], None),
            (vec![mains("1")], None),
            (vec![battery("31", "Discharging")], holds(31, false)),
            (vec![battery("31", "Unknown"), mains("0")], holds(31, false)),
            (vec![battery("31", "Discharging"), mains("1")], holds(31, true)),
            (vec![battery("31", "Charging")], holds(31, true)),
            (vec![battery("100", "Full")], holds(100, true)),
            (vec![battery("80", "Not charging")], holds(80, true)),
            (vec![battery("0", "Discharging")], holds(0, false)),
            // What makes no sense is no battery.
            (vec![battery("101", "Discharging")], None),
            (vec![battery("-1", "Discharging")], None),
            (vec![battery("many", "Discharging")], None),
            (vec![vec![("BAT0", "type", "Battery"), ("BAT0", "status", "Discharging")]], None),
        ] {
            assert_eq!(found(&supplies.concat()), expected, "{supplies:?}");
        }
    }

    #[test]
    fn the_fullest_of_several_counts_and_none_of_another_device() {
        let two = [
            ("BAT0", "type", "Battery"),
            ("BAT0", "capacity", "20"),
            ("BAT1", "type", "Battery"),
            ("BAT1", "capacity", "70"),
            ("mouse", "type", "Battery"),
            ("mouse", "scope", "Device"),
            ("mouse", "capacity", "90"),
            ("mouse", "status", "Charging"),
        ];
        assert_eq!(found(&two), holds(70, false));
    }

    #[test]
    fn only_what_is_low_and_not_charged_is_waited_for() {
        for (percent, is_powered, is_low) in
            [(49, false, true), (50, false, false), (0, true, false), (100, false, false)]
        {
            let battery = Battery { percent, floor_percent: 50, is_powered };
            assert_eq!(battery.is_low(), is_low, "{battery:?}");
        }
    }

    #[test]
    fn no_directory_is_no_battery() {
        let nowhere = Supplies::none();
        assert_eq!((nowhere.battery(), nowhere.keeps_waiting()), (None, None));
    }
}
