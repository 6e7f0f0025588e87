//! Which files are meant: inside their directories, and reached without a link.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use agent::snapshot::protocol::{AllowedPath, EXPORT};

use super::{ListingError, Wanted, no_data, path_folder};

/// A relative path that stays where it begins, as it is written in a listing.
pub(crate) fn inside(path: &str) -> Option<String> {
    let mut components = Path::new(path).components().peekable();
    components.peek()?;
    let plain = components.all(|component| matches!(component, Component::Normal(_)));
    let same = !path.contains(['\n', '\0']) && !path.contains("//") && !path.ends_with('/');
    (plain && same && !path.starts_with("./") && !path.contains("/./")).then(|| path.to_owned())
}

/// Where a file of a directory lies, if no link leads to it.
pub(super) fn without_links(root: &Path, path: &str) -> Result<PathBuf, ListingError> {
    let mut at = root.to_owned();
    for component in Path::new(path).components() {
        at.push(component);
        let about = fs::symlink_metadata(&at);
        let about =
            about.map_err(|source| ListingError::Unreadable { path: path.to_owned(), source })?;
        if about.is_symlink() {
            return Err(no_data(format!("`{path}` is, or lies behind, a link")));
        }
    }
    Ok(at)
}

/// Files of the export that belong to no data set are found, and not saved.
pub(super) fn untold(
    export: &Path,
    told: &BTreeSet<String>,
    findings: &mut Vec<String>,
) -> Result<(), ListingError> {
    let mut files = Vec::new();
    below(export, EXPORT, &mut files, findings)?;
    for (path, _) in files.into_iter().filter(|(path, _)| !told.contains(path)) {
        findings.push(format!("`{path}` belongs to no data set and was not saved"));
    }
    Ok(())
}

/// Everything below an allow-listed path, which may be missing.
pub(super) fn allowed(
    allowed: &AllowedPath,
    findings: &mut Vec<String>,
) -> Result<Vec<Wanted>, ListingError> {
    let folder = path_folder(&allowed.name);
    let about = match fs::symlink_metadata(&allowed.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(format!("`{}` is not there", allowed.path.display()));
            return Ok(Vec::new());
        }
        about => about.map_err(|source| unreadable(&allowed.path, source))?,
    };
    let mut files = Vec::new();
    if about.is_dir() {
        below(&allowed.path, &folder, &mut files, findings)?;
    } else {
        let name = allowed.path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| no_data("an allowed path has no plain name".to_owned()))?;
        entry(&allowed.path, about.file_type(), format!("{folder}/{name}"), &mut files, findings)?;
    }
    let data_set = || allowed.name.clone();
    let wanted = files.into_iter().map(|(path, from)| Wanted { path, data_set: data_set(), from });
    Ok(wanted.collect())
}

fn unreadable(path: &Path, source: io::Error) -> ListingError {
    ListingError::Unreadable { path: path.display().to_string(), source }
}

type Files = Vec<(String, PathBuf)>;

fn below(
    directory: &Path,
    folder: &str,
    files: &mut Files,
    findings: &mut Vec<String>,
) -> Result<(), ListingError> {
    let entries = fs::read_dir(directory).map_err(|source| unreadable(directory, source))?;
    for found in entries {
        let found = found.map_err(|source| unreadable(directory, source))?;
        let kind = found.file_type().map_err(|source| unreadable(&found.path(), source))?;
        match found.file_name().to_str().filter(|name| !name.contains('\n')) {
            Some(name) => {
                entry(&found.path(), kind, format!("{folder}/{name}"), files, findings)?;
            }
            None => findings.push(format!("a name in `{folder}` is no text and was not saved")),
        }
    }
    Ok(())
}

fn entry(
    from: &Path,
    kind: fs::FileType,
    path: String,
    files: &mut Files,
    findings: &mut Vec<String>,
) -> Result<(), ListingError> {
    if kind.is_dir() {
        return below(from, &path, files, findings);
    }
    if kind.is_file() {
        files.push((path, from.to_owned()));
    } else {
        findings.push(format!("`{path}` is no plain file and was not saved"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_and_is_written_in_one_way() {
        for path in ["a", "a/b", "a b/ü", "..a"] {
            assert_eq!(inside(path).as_deref(), Some(path));
        }
        for path in ["", "/", "/a", "..", "a/..", "a/../b", "./a", "a/./b", "a//b", "a/", "a\nb"] {
            assert_eq!(inside(path), None, "{path:?}");
        }
    }
}
