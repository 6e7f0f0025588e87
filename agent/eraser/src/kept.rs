//! What must outlive the first half of a wipe, by where it really is: links and mounts can lead to
//! it under other names than those that the request was checked by.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub struct Kept {
    real: Vec<PathBuf>,
    inodes: BTreeSet<(u64, u64)>,
}

impl Kept {
    /// Of the paths that are there. The others cannot be hit.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut kept = Self::default();
        for path in paths {
            if let (Ok(real), Ok(metadata)) = (fs::canonicalize(path), fs::metadata(path)) {
                kept.real.push(real);
                kept.inodes.insert((metadata.dev(), metadata.ino()));
            }
            // A link among them is kept as itself, too.
            if let Ok(Some(place)) = place_of(path) {
                kept.real.push(place);
            }
        }
        kept
    }

    pub fn is_inode(&self, device: u64, inode: u64) -> bool {
        self.inodes.contains(&(device, inode))
    }

    /// What is kept that lies in `real` or holds it.
    pub fn overlaps(&self, real: &Path) -> Option<&Path> {
        let kept = self.real.iter().find(|kept| kept.starts_with(real) || real.starts_with(kept));
        kept.map(PathBuf::as_path)
    }
}

/// Where a name really is, without following the name itself. `None` if its directory is gone.
pub fn place_of(path: &Path) -> io::Result<Option<PathBuf>> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    match fs::canonicalize(parent) {
        Ok(parent) => Ok(Some(parent.join(name))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
