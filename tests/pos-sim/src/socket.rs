//! Unix sockets in a data directory of any length.
//!
//! The kernel takes 107 bytes for a socket's path. Temporary and build directories are often
//! longer, so a long path is spoken through the directory's descriptor in `/proc`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What fits everywhere, the closing zero included.
const PATH_BYTES_MAX: usize = 100;

/// Listens on `directory/name`, in place of whatever socket an earlier process left there.
pub(crate) fn listen(directory: &Path, name: &str) -> io::Result<UnixListener> {
    at(directory, name, |path| {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        UnixListener::bind(path)
    })
}

/// Connects to `directory/name`. May block when the other side lives but no longer accepts.
pub(crate) fn connect(directory: &Path, name: &str) -> io::Result<UnixStream> {
    at(directory, name, |path| UnixStream::connect(path))
}

fn at<T>(directory: &Path, name: &str, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = directory.join(name);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return act(&path);
    }
    let directory = File::open(directory)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_a_long_path_can_hold_a_socket() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let listener = listen(&deep, "till.sock").unwrap();
        connect(&deep, "till.sock").unwrap();
        listener.accept().unwrap();
        assert!(deep.join("till.sock").exists());
    }

    #[test]
    fn a_socket_left_by_a_dead_process_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(listen(dir.path(), "till.sock").unwrap());
        assert!(connect(dir.path(), "till.sock").is_err());
        let _listener = listen(dir.path(), "till.sock").unwrap();
        connect(dir.path(), "till.sock").unwrap();
    }
}
