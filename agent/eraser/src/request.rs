//! Which requests are refused, by what they say alone. Pure: where names lead to is looked at by
//! `tree` and `device` when they get there.

use std::path::{Component, Path};

use crate::protocol::{Key, Wipe};

/// An id of an order is 40 characters; others have longer ones.
pub const ORDER_CHARS_MAX: usize = 128;
/// What a terminal has is counted in single digits. The report of the most that is allowed fits
/// into a copy of the journal (`journal::COPY_BYTES`).
pub const KEYS_MAX: usize = 16;
pub const PATHS_MAX: usize = 64;
pub const DEVICES_MAX: usize = 16;

/// Without these a terminal does not start again, and its wipe would never be finished.
const NEEDED_TO_START: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/var",
    "/var/lib",
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the order has no name, or one of more than {ORDER_CHARS_MAX} characters")]
    Order,
    #[error("{what}: {count} are more than {max}")]
    TooMany { what: &'static str, count: usize, max: usize },
    #[error("nothing is to be wiped: no key, no path, no device")]
    Nothing,
    #[error("`{0}` is not an absolute path without `.` and `..`")]
    NotPlain(String),
    #[error("`{0}` is needed to start the terminal")]
    NeededToStart(String),
    #[error("`{path}` holds, or is in, {kept} `{other}`")]
    Overlaps { path: String, kept: &'static str, other: String },
    #[error("a program is to be run, and none is named")]
    NoProgram,
}

pub fn check(wipe: &Wipe) -> Result<(), Unfit> {
    if wipe.order.is_empty() || wipe.order.chars().count() > ORDER_CHARS_MAX {
        return Err(Unfit::Order);
    }
    let backups = wipe.keys.iter().map(|key| match key {
        Key::Luks { header_backups, .. } => header_backups.len(),
        Key::File { .. } | Key::Program { .. } => 0,
    });
    for (what, count, max) in [
        ("keys", wipe.keys.len(), KEYS_MAX),
        ("header backups", backups.sum(), KEYS_MAX),
        ("paths", wipe.paths.len(), PATHS_MAX),
        ("devices", wipe.devices.len(), DEVICES_MAX),
        ("identity paths", wipe.identity.len(), PATHS_MAX),
    ] {
        if count > max {
            return Err(Unfit::TooMany { what, count, max });
        }
    }
    if wipe.keys.is_empty() && wipe.paths.is_empty() && wipe.devices.is_empty() {
        return Err(Unfit::Nothing);
    }
    plain(&wipe.lifecycle)?;
    for key in &wipe.keys {
        check_key(key, wipe)?;
    }
    for path in &wipe.paths {
        removable(path)?;
        apart(path, wipe)?;
    }
    for path in &wipe.identity {
        removable(path)?;
        apart_from(path, "the lifecycle directory", &wipe.lifecycle)?;
    }
    for device in &wipe.devices {
        plain(device)?;
        apart(device, wipe)?;
    }
    Ok(())
}

fn check_key(key: &Key, wipe: &Wipe) -> Result<(), Unfit> {
    match key {
        Key::File { path } => plain(path).and_then(|()| apart(path, wipe)),
        Key::Luks { device, header_backups } => {
            for path in std::iter::once(device).chain(header_backups) {
                plain(path)?;
                apart(path, wipe)?;
            }
            Ok(())
        }
        Key::Program { erase, check } => [erase, check].into_iter().try_for_each(|command| {
            let program = command.first().ok_or(Unfit::NoProgram)?;
            plain(Path::new(program))
        }),
    }
}

/// Absolute, and the same however it is read. `Path` itself passes over `.` inside and `//`.
fn plain(path: &Path) -> Result<(), Unfit> {
    let named = path.components().skip(1).all(|part| matches!(part, Component::Normal(_)));
    let dots = path.as_os_str().as_encoded_bytes().split(|byte| *byte == b'/').any(|p| p == b".");
    let ends = path.as_os_str().as_encoded_bytes().contains(&0);
    if path.is_absolute() && path.parent().is_some() && named && !dots && !ends {
        return Ok(());
    }
    Err(Unfit::NotPlain(path.display().to_string()))
}

fn removable(path: &Path) -> Result<(), Unfit> {
    plain(path)?;
    match NEEDED_TO_START.iter().any(|needed| Path::new(needed) == path) {
        true => Err(Unfit::NeededToStart(path.display().to_string())),
        false => Ok(()),
    }
}

/// Neither holds nor is in what must outlive the first half.
fn apart(path: &Path, wipe: &Wipe) -> Result<(), Unfit> {
    apart_from(path, "the lifecycle directory", &wipe.lifecycle)?;
    wipe.identity.iter().try_for_each(|kept| apart_from(path, "the identity", kept))
}

fn apart_from(path: &Path, kept: &'static str, other: &Path) -> Result<(), Unfit> {
    if path.starts_with(other) || other.starts_with(path) {
        let (path, other) = (path.display().to_string(), other.display().to_string());
        return Err(Unfit::Overlaps { path, kept, other });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wipe() -> Wipe {
        Wipe {
            order: "ord_1".to_owned(),
            lifecycle: "/var/lib/tillward-lifecycle".into(),
            keys: vec![Key::File { path: "/var/lib/pos/key".into() }],
            paths: vec!["/var/lib/pos".into()],
            devices: vec!["/dev/disk/by-partlabel/pos".into()],
            identity: vec!["/var/lib/tillward/identity".into()],
        }
    }

    #[test]
    fn an_ordinary_request_is_fit() {
        check(&wipe()).unwrap();
        // Names that only begin alike are apart.
        let paths =
            vec!["/var/lib/tillward-lifecycle-data".into(), "/var/lib/tillward/spool".into()];
        check(&Wipe { paths, ..wipe() }).unwrap();
    }

    #[test]
    fn dangerous_paths_are_refused() {
        for path in [
            "/",
            "//",
            "",
            "var",
            "./var",
            "/var/../etc",
            "/var/lib/pos/..",
            "/./var",
            "/a/./b",
            "/usr",
            "/etc",
            "/etc/",
            "/var",
            "/var/lib",
            "/boot",
            "/var/lib/tillward",
            "/var/lib/tillward-lifecycle",
            "/var/lib/tillward-lifecycle/a",
            "/var/lib/tillward/identity",
            "/var/lib/tillward/identity/key",
            "/a\0b",
        ] {
            let result = check(&Wipe { paths: vec![path.into()], ..wipe() });
            assert!(result.is_err(), "{path}");
        }
        for path in ["/", "etc", "/usr", "/var/lib/tillward-lifecycle", "/var/lib", "/a/../b"] {
            let result = check(&Wipe { identity: vec![path.into()], ..wipe() });
            assert!(result.is_err(), "{path}");
        }
        for path in ["/", "dev/x", "/var/lib/tillward-lifecycle/image"] {
            let result = check(&Wipe { devices: vec![path.into()], ..wipe() });
            assert!(result.is_err(), "{path}");
        }
        for path in ["key", "/var/lib/tillward/identity/key", "/var/lib/tillward-lifecycle/key"] {
            let keys = vec![Key::File { path: path.into() }];
            assert!(check(&Wipe { keys, ..wipe() }).is_err(), "{path}");
            let backup = Key::Luks { device: "/dev/x".into(), header_backups: vec![path.into()] };
            assert!(check(&Wipe { keys: vec![backup], ..wipe() }).is_err(), "{path}");
        }
    }

    #[test]
    fn the_same_rule_holds_for_the_lifecycle_directory_itself() {
        for lifecycle in ["/", "lifecycle", "/var/../lifecycle", "/var/lib/pos/lifecycle"] {
            assert!(check(&Wipe { lifecycle: lifecycle.into(), ..wipe() }).is_err(), "{lifecycle}");
        }
    }

    #[test]
    fn programs_are_named_in_full() {
        for erase in [vec![], vec!["tpm2_evictcontrol".to_owned()]] {
            let key = Key::Program { erase, check: vec!["/bin/true".to_owned()] };
            assert!(check(&Wipe { keys: vec![key], ..wipe() }).is_err());
        }
    }

    #[test]
    fn too_much_nothing_and_no_order_are_refused() {
        let order = String::new();
        assert_eq!(check(&Wipe { order, ..wipe() }), Err(Unfit::Order));
        let many = vec!["/p".into(); PATHS_MAX + 1];
        let error = check(&Wipe { paths: many, ..wipe() }).unwrap_err();
        assert_eq!(error.to_string(), "paths: 65 are more than 64");
        let nothing = Wipe { keys: vec![], paths: vec![], devices: vec![], ..wipe() };
        assert_eq!(check(&nothing), Err(Unfit::Nothing));
    }
}
