//! A server on loopback that cuts, stalls, lies, and forgets what a range is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

const SIZE: usize = 300_000;

fn content() -> Vec<u8> {
    (0..SIZE).map(|at| u8::try_from(at * at % 251).expect("below 251")).collect()
}

fn artifact() -> Artifact {
    let content = content();
    Artifact {
        sha256: Digest::of(&content),
        size: content.len() as u64,
        unpacked_size: 0,
        entries: 0,
    }
}

/// What the server does with one request.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Honours the range, sends so many bytes and closes the connection.
    Send(usize),
    /// Ignores the range: 200 and everything.
    SendAll,
    /// As `Send`, but the bytes are other ones.
    SendOthers(usize),
    /// 206 with this `content-range`, and everything.
    Claim(&'static str),
    /// 200 with this `content-length`, and everything.
    Announce(usize),
    /// 200 without a length, with more bytes than were signed.
    TooMuch,
    Answer(u16),
    /// As `Answer`, with this `retry-after`.
    AnswerLater(u16, &'static str),
    /// Sends so many bytes and then nothing, until somebody closes.
    Stall(usize),
    Garbage,
    Hang,
}

/// Requests as they came: the range header of each.
type Ranges = Arc<Mutex<Vec<Option<String>>>>;

struct Server {
    base: String,
    ranges: Ranges,
}

/// Plays the script, its last line for ever.
fn server(script: &[Do]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1/artifacts", listener.local_addr().unwrap());
    let ranges = Ranges::default();
    let (script, seen) = (script.to_vec(), Arc::clone(&ranges));
    thread::spawn(move || {
        let mut script = script.into_iter().peekable();
        while let Ok((stream, _)) = listener.accept() {
            let now = script.next().expect("never empty");
            if script.peek().is_none() {
                script = vec![now].into_iter().peekable();
            }
            // A client that has gone away is part of the play.
            let _gone = answer(&stream, now, &seen);
        }
    });
    Server { base, ranges }
}

fn answer(mut stream: &TcpStream, now: Do, ranges: &Ranges) -> io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream).lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    ranges.lock().unwrap().push(range.clone());
    let content = content();
    let asked = range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let from: usize = asked.map_or(0, |from| from.parse().unwrap());
    let partly = |mut stream: &TcpStream, bytes: &[u8]| {
        let last = SIZE - 1;
        write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\n", SIZE - from)?;
        write!(stream, "Content-Range: bytes {from}-{last}/{SIZE}\r\n\r\n")?;
        stream.write_all(bytes)
    };
    let whole = |mut stream: &TcpStream, length: usize, bytes: &[u8]| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
        stream.write_all(bytes)
    };
    let some = |from: usize, length: usize| &content[from..(from + length).min(SIZE)];
    match now {
        Do::Send(length) if from > 0 => partly(stream, some(from, length)),
        Do::Send(length) => whole(stream, SIZE, some(0, length)),
        Do::SendAll => whole(stream, SIZE, &content),
        Do::SendOthers(length) => whole(stream, SIZE, &vec![7; length]),
        Do::Claim(range) => {
            write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\n\r\n")?;
            stream.write_all(&content)
        }
        Do::Announce(length) => whole(stream, length, &content),
        Do::TooMuch => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content)?;
            stream.write_all(&content)
        }
        Do::Answer(status) => {
            write!(stream, "HTTP/1.1 {status} Because\r\nContent-Length: 0\r\n\r\n")
        }
        Do::AnswerLater(status, after) => {
            write!(stream, "HTTP/1.1 {status} Because\r\nRetry-After: {after}\r\n")?;
            write!(stream, "Content-Length: 0\r\n\r\n")
        }
        Do::Stall(length) => {
            whole(stream, SIZE, some(0, length))?;
            io::copy(&mut stream, &mut io::sink()).map(drop)
        }
        Do::Garbage => stream.write_all(b"SSH-2.0-OpenSSH\r\n"),
        Do::Hang => io::copy(&mut stream, &mut io::sink()).map(drop),
    }
}

struct Terminal {
    downloads: Downloads,
    directory: tempfile::TempDir,
}

impl Terminal {
    fn at(base: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let client = || {
            let config = ureq::Agent::config_builder();
            config.http_status_as_error(false).max_redirects(0).build().into()
        };
        let path = directory.path().join("download");
        let mut downloads = Downloads::open(path, base.to_owned(), client).unwrap();
        let at_once = Duration::ZERO;
        downloads.budget = Budget { pause_first: at_once, pause_max: at_once, ..Budget::default() };
        Self { downloads, directory }
    }

    fn fetch(&self) -> Result<(), DownloadError> {
        self.downloads.fetch(&artifact(), &Stop::new(), &mut |_| {})
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        fs::read(self.downloads.path(&artifact())).ok()
    }

    fn leave(&self, bytes: &[u8]) {
        fs::write(self.downloads.path(&artifact()), bytes).unwrap();
    }
}

/// Fetches from a server with this script, which must succeed.
#[track_caller]
fn fetched(script: &[Do]) -> Vec<Option<String>> {
    let server = server(script);
    let terminal = Terminal::at(&server.base);
    terminal.fetch().unwrap();
    assert_eq!(terminal.bytes().as_deref(), Some(content().as_slice()));
    terminal.downloads.verify(&artifact()).unwrap();
    let ranges = server.ranges.lock().unwrap();
    ranges.clone()
}

/// Fetches from a server with this script, which must fail.
#[track_caller]
fn refused(script: &[Do]) -> (Terminal, DownloadError) {
    let terminal = Terminal::at(&server(script).base);
    let error = terminal.fetch().unwrap_err();
    (terminal, error)
}

#[test]
fn an_artifact_is_fetched_and_progress_is_told() {
    let server = server(&[Do::SendAll]);
    let terminal = Terminal::at(&server.base);
    let mut told = Vec::new();
    let progress = &mut |length| told.push(length);
    terminal.downloads.fetch(&artifact(), &Stop::new(), progress).unwrap();
    assert_eq!((told.first(), told.last()), (Some(&0), Some(&(SIZE as u64))));
    assert!(told.is_sorted());
    terminal.fetch().unwrap();
    assert_eq!(server.ranges.lock().unwrap().len(), 1, "what is there is not fetched again");
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let ranges = fetched(&[Do::Send(100_000), Do::Send(150_000), Do::Send(SIZE)]);
    let expected = [None, Some("bytes=100000-".to_owned()), Some("bytes=250000-".to_owned())];
    assert_eq!(ranges, expected);
}

#[test]
fn a_download_goes_on_after_a_restart_and_rehashes_what_is_there() {
    let server = server(&[Do::Send(SIZE)]);
    let terminal = Terminal::at(&server.base);
    terminal.leave(&content()[..200_000]);
    terminal.fetch().unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [Some("bytes=200000-".to_owned())]);
}

#[test]
fn a_damaged_beginning_is_found_out_and_fetched_anew() {
    let server = server(&[Do::Send(SIZE)]);
    let terminal = Terminal::at(&server.base);
    terminal.leave(&[0; 200_000]);
    terminal.fetch().unwrap();
    assert_eq!(terminal.bytes().unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), [Some("bytes=200000-".to_owned()), None]);
}

#[test]
fn what_is_longer_than_the_artifact_is_not_its_beginning() {
    let server = server(&[Do::Send(SIZE)]);
    let terminal = Terminal::at(&server.base);
    terminal.leave(&vec![0; SIZE + 1]);
    terminal.fetch().unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [None]);
}

#[test]
fn a_server_that_ignores_the_range_is_listened_to_from_the_beginning() {
    assert_eq!(fetched(&[Do::Send(100_000), Do::SendAll]).len(), 2);
}

#[test]
fn a_server_that_lies_about_the_range_is_asked_for_the_whole() {
    for lie in [
        "bytes 0-299999/300000",
        "bytes 99999-299998/300000",
        "bytes 100000-200000/300000",
        "bytes 100000-299999",
        "nonsense",
    ] {
        let ranges = fetched(&[Do::Send(100_000), Do::Claim(lie), Do::SendAll]);
        assert_eq!(ranges[1..], [Some("bytes=100000-".to_owned()), None], "{lie}");
    }
    let ranges = fetched(&[Do::Send(100_000), Do::Answer(416), Do::SendAll]);
    assert_eq!(ranges[2], None);
}

#[test]
fn another_size_is_named_whoever_says_it() {
    for script in [
        [Do::Announce(SIZE - 1), Do::Hang],
        [Do::Announce(SIZE + 1), Do::Hang],
        [Do::TooMuch, Do::Hang],
        [Do::Send(1000), Do::Claim("bytes 1000-300000/300001")],
    ] {
        let (_, error) = refused(&script);
        assert!(matches!(error, DownloadError::OtherSize { .. }), "{script:?}: {error}");
        assert_eq!(error.code(), FailureCode::ArtifactMismatch);
    }
}

#[test]
fn other_bytes_of_the_same_size_are_deleted_and_named() {
    let (terminal, error) = refused(&[Do::SendOthers(SIZE)]);
    assert!(matches!(error, DownloadError::OtherDigest { .. }), "{error}");
    assert_eq!(terminal.bytes(), None);
    terminal.leave(&vec![7; SIZE]);
    let error = terminal.downloads.verify(&artifact()).unwrap_err();
    assert!(matches!(error, DownloadError::OtherDigest { .. }), "{error}");
    assert_eq!(terminal.bytes(), None);
}

#[test]
fn a_refusal_is_not_repeated_and_an_overload_is() {
    for status in [301, 302, 403, 404, 410, 204] {
        let (_, error) = refused(&[Do::Answer(status)]);
        assert!(matches!(error, DownloadError::Status { status: s, .. } if s == status));
        assert!(!error.is_network());
    }
    assert_eq!(fetched(&[Do::Answer(503), Do::Answer(429), Do::SendAll]).len(), 3);
    let (_, error) = refused(&[Do::Answer(503)]);
    assert!(matches!(error, DownloadError::Unreachable { attempts: 5, .. }), "{error}");
    assert!(error.is_network());
}

#[test]
fn a_server_that_asks_for_later_is_left_alone_until_then_and_what_it_gave_stays() {
    let script = [Do::Send(100_000), Do::AnswerLater(503, "120"), Do::Send(SIZE)];
    let server = server(&script);
    let terminal = Terminal::at(&server.base);
    let error = terminal.fetch().unwrap_err();
    assert!(matches!(error, DownloadError::Later { status: 503, .. }), "{error}");
    assert!(error.is_network());
    assert_eq!(error.again_in(), Some(Duration::from_secs(120)));
    assert_eq!(server.ranges.lock().unwrap().len(), 2, "it is not asked again meanwhile");
    assert_eq!(terminal.bytes().unwrap(), content()[..100_000]);
    terminal.fetch().unwrap();
    assert_eq!(terminal.bytes().as_deref(), Some(content().as_slice()));
    // A date, or nothing that can be read, is as if nothing was said.
    assert_eq!(fetched(&[Do::AnswerLater(429, "soon"), Do::SendAll]).len(), 2);
}

#[test]
fn attempts_that_bring_something_are_not_counted_against_it() {
    assert_eq!(fetched(&[Do::Send(25_000)]).len(), 12);
}

#[test]
fn what_was_received_stays_for_the_next_time() {
    let (terminal, error) = refused(&[Do::Send(100_000), Do::Garbage]);
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    assert_eq!(terminal.bytes().unwrap(), content()[..100_000]);
    let error = terminal.downloads.verify(&artifact()).unwrap_err();
    assert!(matches!(error, DownloadError::Incomplete { got: 100_000, .. }), "{error}");
}

#[test]
fn a_server_that_never_lets_it_end_costs_no_more_than_the_budget() {
    let forgetting = [Do::Send(290_000), Do::Answer(416)].repeat(50);
    let (_, error) = refused(&forgetting);
    let DownloadError::BudgetSpent { received, signed } = error else { panic!("{error}") };
    assert!(received <= 3 * signed, "{received} bytes");
}

#[test]
fn a_download_that_stalls_is_given_up_the_moment_somebody_asks() {
    for script in [Do::Stall(100_000), Do::Hang] {
        let terminal = Terminal::at(&server(&[script]).base);
        let stop = Stop::new();
        let asker = stop.clone();
        let mut progress = move |length| {
            if length >= 100_000 || matches!(script, Do::Hang) {
                let asker = asker.clone();
                thread::spawn(move || asker.ask());
            }
        };
        let error = terminal.downloads.fetch(&artifact(), &stop, &mut progress).unwrap_err();
        assert!(matches!(error, DownloadError::Stopped), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_is_a_matter_of_the_network() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let terminal = Terminal::at(&format!("http://{gone}"));
    let error = terminal.fetch().unwrap_err();
    assert!(matches!(error, DownloadError::Unreachable { .. }) && error.is_network(), "{error}");
    assert!(terminal.directory.path().exists());
}

#[test]
fn a_download_can_be_discarded_twice() {
    let terminal = Terminal::at("http://unused");
    terminal.leave(b"x");
    for _twice in 0..2 {
        terminal.downloads.discard(&artifact()).unwrap();
        assert_eq!(terminal.bytes(), None);
    }
}

#[test]
fn pauses_are_drawn_and_never_exceed_the_longest() {
    let mut terminal = Terminal::at("http://unused");
    terminal.downloads.budget = Budget::default();
    let Budget { pause_max, .. } = terminal.downloads.budget;
    let pauses: Vec<_> = (1..40).map(|in_vain| terminal.downloads.pause(in_vain)).collect();
    assert!(pauses.iter().all(|pause| *pause <= pause_max));
    assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]));
}
