//! A terminal in a directory: keys, data, logs, a spool, an image of a disk, an identity.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use eraser::protocol::{Key, Wipe};
use eraser::wipe;
use tempfile::TempDir;

pub(crate) struct Site {
    directory: TempDir,
}

impl Site {
    pub(crate) fn make() -> Self {
        // In memory where there is such a place: a thousand wipes synchronise many times each.
        let memory = Some(Path::new("/dev/shm")).filter(|memory| memory.is_dir());
        let directory = memory.map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        let site = Self { directory: directory.expect("a directory") };
        for folder in ["data/old", "logs", "identity"] {
            fs::create_dir_all(site.root().join(folder)).expect("a folder");
        }
        let contents = [
            ("key", "secret key"),
            ("handle", "what the TPM keeps"),
            ("data/sales.db", "sales"),
            ("data/old/sales.db", "older sales"),
            ("logs/pos.log", "log"),
            ("spool", "spooled"),
            ("disk", "an image"),
            ("identity/key.pem", "identity"),
            ("outside", "not to be wiped"),
        ];
        for (name, text) in contents {
            fs::write(site.root().join(name), text).expect("a file");
        }
        symlink(site.root().join("outside"), site.data().join("link")).expect("a link");
        site
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn lifecycle(&self) -> PathBuf {
        self.root().join("lifecycle")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.root().join("key")
    }

    /// What a program erases.
    pub(crate) fn handle(&self) -> PathBuf {
        self.root().join("handle")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.root().join("identity")
    }

    pub(crate) fn wipe(&self) -> Wipe {
        let handle = self.handle().to_str().expect("ASCII").to_owned();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let program = Key::Program {
            erase: words(&["/bin/rm", &handle]),
            check: words(&["/usr/bin/test", "!", "-e", &handle]),
        };
        Wipe {
            order: "o1".to_owned(),
            lifecycle: self.lifecycle(),
            keys: vec![Key::File { path: self.key_file() }, program],
            paths: vec![self.data(), self.root().join("logs"), self.root().join("spool")],
            devices: vec![self.root().join("disk")],
            identity: vec![self.identity()],
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        wipe::state(&self.lifecycle()).expect("a journal").0.as_str()
    }

    /// While anything of the data is missing or was overwritten, no key is left.
    pub(crate) fn keys_go_before_data(&self) {
        let sales = fs::read(self.data().join("sales.db")).unwrap_or_default();
        let older = fs::read(self.data().join("old/sales.db")).unwrap_or_default();
        let disk = fs::read(self.root().join("disk")).unwrap_or_default();
        if sales != b"sales" || older != b"older sales" || disk != b"an image" {
            assert!(!self.key_file().exists() && !self.handle().exists(), "a key outlives data");
        }
    }

    pub(crate) fn all_is_gone(&self) {
        let left: Vec<_> = fs::read_dir(self.root())
            .expect("the directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII"))
            .filter(|name| !["disk", "identity", "lifecycle", "outside"].contains(&name.as_str()))
            .collect();
        assert!(left.is_empty(), "left: {left:?}");
        assert_eq!(fs::read(self.root().join("disk")).expect("the image"), [0; 8]);
        assert_eq!(fs::read(self.root().join("outside")).expect("a file"), b"not to be wiped");
        assert_eq!(fs::read(self.identity().join("key.pem")).expect("a file"), b"identity");
    }

    pub(crate) fn nothing_is_gone(&self) {
        assert_eq!(fs::read(self.key_file()).expect("the key"), b"secret key");
        assert!(self.handle().exists() && self.data().join("old/sales.db").exists());
    }

    /// What a cut does to the copy that is being written, if it was made already.
    pub(crate) fn tear_older_copy(&self) {
        self.tear(|counters| counters[0] > counters[1]);
    }

    pub(crate) fn tear_newest_copy(&self) {
        self.tear(|counters| counters[0] < counters[1]);
    }

    fn tear(&self, second: impl Fn([u64; 2]) -> bool) {
        let copies = ["wipe.a", "wipe.b"].map(|name| self.lifecycle().join(name));
        let bytes = copies.each_ref().map(|copy| fs::read(copy).unwrap_or_default());
        // Before both are made, one is made by rename: it is there whole or not at all.
        if bytes.iter().any(Vec::is_empty) {
            return;
        }
        let counter =
            |bytes: &Vec<u8>| u64::from_be_bytes(bytes[4..12].try_into().expect("eight bytes"));
        let at = usize::from(second(bytes.each_ref().map(counter)));
        let mut torn = bytes[at].clone();
        torn[12..600].fill(b'#');
        fs::write(&copies[at], torn).expect("the torn copy");
    }
}
