//! A file system in memory that forgets what was not synchronised when the power fails.
//!
//! Files keep what was last synchronised, or what was written since, or half of it. Directories
//! keep any subset of the changes since they were synchronised: a real file system keeps their
//! order, so what survives this survives that. A rename is one change: all or nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::install::fs::{Disk, Kind, Mode};

type Names = BTreeMap<String, Node>;

#[derive(Clone, Debug)]
enum Node {
    File(usize),
    Directory(usize),
    Symlink(PathBuf),
}

#[derive(Clone, Debug)]
enum Change {
    Add(String, Node),
    Remove(String),
    Rename(String, String, Node),
}

#[derive(Clone, Debug, Default)]
struct FileBytes {
    written: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Directory {
    seen: Names,
    durable: Names,
    unsynchronised: Vec<Change>,
}

/// What becomes of what was not synchronised.
#[derive(Clone, Copy, Debug)]
pub(in crate::install) enum Fate {
    Lost,
    Kept,
    /// By these bits, one after another.
    Drawn(u64),
}

impl Fate {
    fn keeps(&mut self) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Drawn(bits) => {
                // xorshift64: the draw must repeat, not impress.
                *bits ^= *bits << 13;
                *bits ^= *bits >> 7;
                *bits ^= *bits << 17;
                *bits & 1 == 1
            }
        }
    }
}

#[derive(Clone, Debug)]
struct State {
    files: Vec<FileBytes>,
    directories: Vec<Directory>,
    /// Changes until the power fails.
    left: Option<usize>,
    done: usize,
}

#[derive(Clone, Debug)]
pub(in crate::install) struct CrashDisk(Rc<RefCell<State>>);

#[derive(Debug)]
pub(in crate::install) struct OpenFile {
    disk: CrashDisk,
    file: usize,
}

impl CrashDisk {
    pub(in crate::install) fn new() -> Self {
        let directories = vec![Directory::default()];
        Self(Rc::new(RefCell::new(State { files: Vec::new(), directories, left: None, done: 0 })))
    }

    /// Lets the power fail after this many changes from now on.
    pub(in crate::install) fn cut_after(&self, changes: usize) {
        let mut state = self.0.borrow_mut();
        state.left = Some(changes);
        state.done = 0;
    }

    /// How many changes were made since [`Self::cut_after`].
    pub(in crate::install) fn changes(&self) -> usize {
        self.0.borrow().done
    }

    /// What is there when the power returns.
    pub(in crate::install) fn after_power_cut(&self, mut fate: Fate) -> Self {
        let mut state = self.0.borrow().clone();
        for file in &mut state.files {
            if file.written != file.durable {
                file.durable = match (fate.keeps(), fate.keeps()) {
                    (true, true) => file.written.clone(),
                    (true, false) => file.written[..file.written.len() / 2].to_vec(),
                    (false, _) => file.durable.clone(),
                };
            }
            file.written.clone_from(&file.durable);
        }
        for directory in &mut state.directories {
            for change in std::mem::take(&mut directory.unsynchronised) {
                if fate.keeps() {
                    apply(&mut directory.durable, change);
                }
            }
            directory.seen.clone_from(&directory.durable);
        }
        state.left = None;
        Self(Rc::new(RefCell::new(state)))
    }

    /// Everything below a directory as a reader sees it, following one symbolic link at the top:
    /// path → bytes. `None` where nothing is.
    pub(in crate::install) fn tree(&self, path: &Path) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
        let path = match self.read_link(path) {
            Ok(Some(target)) => path.parent()?.join(target),
            Ok(None) | Err(_) => path.to_owned(),
        };
        let mut found = BTreeMap::new();
        self.collect(&path, Path::new(""), &mut found).ok()?;
        Some(found)
    }

    fn collect(
        &self,
        top: &Path,
        below: &Path,
        found: &mut BTreeMap<PathBuf, Vec<u8>>,
    ) -> io::Result<()> {
        for (name, kind) in self.children(&top.join(below))? {
            let path = below.join(name);
            match kind {
                Kind::Directory => self.collect(top, &path, found)?,
                Kind::File | Kind::Symlink => {
                    let bytes = self.read_file(&top.join(&path), u64::MAX)?.unwrap_or_default();
                    found.insert(path, bytes);
                }
            }
        }
        Ok(())
    }

    fn children(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        let state = self.0.borrow();
        let directory = &state.directories[state.directory(path)?];
        let kind = |node: &Node| match node {
            Node::File(_) => Kind::File,
            Node::Directory(_) => Kind::Directory,
            Node::Symlink(_) => Kind::Symlink,
        };
        Ok(directory.seen.iter().map(|(name, node)| (name.clone(), kind(node))).collect())
    }

    fn change(&self, path: &Path, change: impl FnOnce(String) -> Change) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.spend()?;
        let at = state.directory(path.parent().expect("paths have parents"))?;
        let change = change(name_of(path));
        apply(&mut state.directories[at].seen, change.clone());
        state.directories[at].unsynchronised.push(change);
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8 here").to_owned()
}

fn apply(names: &mut Names, change: Change) {
    match change {
        Change::Add(name, node) => drop(names.insert(name, node)),
        Change::Remove(name) => drop(names.remove(&name)),
        Change::Rename(from, to, node) => {
            names.remove(&from);
            names.insert(to, node);
        }
    }
}

impl State {
    fn spend(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the power failed"))?;
        }
        self.done += 1;
        Ok(())
    }

    fn directory(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for part in path.components() {
            let name = part.as_os_str().to_str().expect("names are UTF-8 here");
            match self.directories[at].seen.get(name) {
                Some(Node::Directory(next)) => at = *next,
                Some(Node::File(_) | Node::Symlink(_)) => {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(at)
    }

    fn node(&self, path: &Path) -> io::Result<Option<Node>> {
        let at = match self.directory(path.parent().expect("paths have parents")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        Ok(self.directories[at].seen.get(&name_of(path)).cloned())
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.borrow_mut();
        state.spend()?;
        state.files[self.file].written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for CrashDisk {
    type File = OpenFile;

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        if self.0.borrow().node(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let new = {
            let mut state = self.0.borrow_mut();
            state.directories.push(Directory::default());
            Node::Directory(state.directories.len() - 1)
        };
        self.change(path, |name| Change::Add(name, new))
    }

    fn create_file(&self, path: &Path, _mode: Mode) -> io::Result<OpenFile> {
        if self.0.borrow().node(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = {
            let mut state = self.0.borrow_mut();
            state.files.push(FileBytes::default());
            state.files.len() - 1
        };
        self.change(path, |name| Change::Add(name, Node::File(file)))?;
        Ok(OpenFile { disk: self.clone(), file })
    }

    fn sync_file(&self, file: &mut OpenFile) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.spend()?;
        let bytes = &mut state.files[file.file];
        bytes.durable.clone_from(&bytes.written);
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.spend()?;
        let at = state.directory(path)?;
        let directory = &mut state.directories[at];
        directory.durable.clone_from(&directory.seen);
        directory.unsynchronised.clear();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "renames stay within a directory");
        let node = self.0.borrow().node(from)?.ok_or(io::ErrorKind::NotFound)?;
        self.change(from, |name| Change::Rename(name, name_of(to), node))
    }

    fn symlink(&self, target: &Path, link: &Path) -> io::Result<()> {
        if self.0.borrow().node(link)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(link, |name| Change::Add(name, Node::Symlink(target.to_owned())))
    }

    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        match self.0.borrow().node(path)? {
            Some(Node::Symlink(target)) => Ok(Some(target)),
            Some(Node::File(_) | Node::Directory(_)) => Err(io::ErrorKind::InvalidInput.into()),
            None => Ok(None),
        }
    }

    fn read_file(&self, path: &Path, _bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.borrow();
        match state.node(path)? {
            Some(Node::File(file)) => Ok(Some(state.files[file].written.clone())),
            Some(Node::Directory(_) | Node::Symlink(_)) => Err(io::ErrorKind::InvalidInput.into()),
            None => Ok(None),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        match self.children(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            found => found,
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        if self.0.borrow().node(path)?.is_none() {
            return Ok(());
        }
        self.change(path, Change::Remove)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        for (name, kind) in self.list(path)? {
            match kind {
                Kind::Directory => self.remove_tree(&path.join(name))?,
                Kind::File | Kind::Symlink => self.remove_file(&path.join(name))?,
            }
        }
        self.remove_file(path)
    }
}
