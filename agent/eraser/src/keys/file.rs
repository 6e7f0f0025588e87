//! A key in a file: overwritten in place, removed, and its directory made durable.
//!
//! That is all that a file system offers. Flash writes elsewhere and may keep the old block, so
//! this is never more than *clear*: the report says so.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::{KeyStore, NotDestroyed, stopped};
use crate::gate::{Effect, Gate};
use crate::journal::sync_directory;
use crate::protocol::KeyMethod;
use crate::record::{Outcome, Seen};
use crate::tree::write_zeros;

#[derive(Debug)]
pub struct KeyFile<'a> {
    pub path: &'a Path,
}

impl KeyStore for KeyFile<'_> {
    fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn method(&self) -> KeyMethod {
        KeyMethod::FileRemoved
    }

    fn destroy(&self, gate: &dyn Gate) -> Result<Outcome, NotDestroyed> {
        let failed = |error: io::Error| NotDestroyed {
            why: error.to_string(),
            hint: "look at the file and at its file system, which may be read-only",
        };
        let metadata = match fs::symlink_metadata(self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(absent()),
            Err(error) => return Err(failed(error)),
        };
        if !metadata.is_file() {
            let why = "it is not a regular file".to_owned();
            return Err(NotDestroyed { why, hint: "name the file itself, not a link to it" });
        }
        gate.pass(Effect::DestroyKey).map_err(stopped)?;
        self.overwrite(metadata.len()).map_err(failed)?;
        gate.pass(Effect::RemoveName).map_err(stopped)?;
        fs::remove_file(self.path)
            .and_then(|()| self.path.parent().map_or(Ok(()), sync_directory))
            .map_err(failed)?;
        let others = metadata.nlink() > 1;
        let detail = "overwritten once and removed; flash may keep a copy of its blocks";
        let doubt = others.then(|| "it had another name, which is left, with zeros".to_owned());
        Ok(Outcome::done(detail.to_owned(), doubt))
    }

    fn is_gone(&self) -> Seen {
        match fs::symlink_metadata(self.path) {
            Ok(_) => Seen::StillThere("the file is there".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Seen::Gone("there is no such file".to_owned())
            }
            Err(error) => Seen::CannotTell(error.to_string()),
        }
    }
}

fn absent() -> Outcome {
    Outcome::nothing("there was no such file")
}

impl KeyFile<'_> {
    fn overwrite(&self, length: u64) -> io::Result<()> {
        let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).expect("flags fit");
        let mut file: File =
            OpenOptions::new().write(true).custom_flags(no_link).open(self.path)?;
        write_zeros(&mut file, length)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Open;

    #[test]
    fn a_key_file_is_gone_and_its_contents_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("key"), directory.path().join("other"));
        fs::write(&path, b"secret").unwrap();
        fs::hard_link(&path, &other).unwrap();
        let key = KeyFile { path: &path };
        assert!(key.is_there());
        let outcome = key.destroy(&Open).unwrap();
        assert!(outcome.done && outcome.doubt.is_some());
        assert!(matches!(key.is_gone(), Seen::Gone(_)));
        assert_eq!(fs::read(&other).unwrap(), [0; 6]);
        assert_eq!(key.destroy(&Open).unwrap(), absent());
    }

    #[test]
    fn a_link_to_a_key_is_refused_since_the_key_would_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("key"), directory.path().join("link"));
        fs::write(&path, b"secret").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = KeyFile { path: &link }.destroy(&Open).unwrap_err();
        assert_eq!(error.to_string(), "it is not a regular file");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert!(link.symlink_metadata().is_ok());
    }
}
