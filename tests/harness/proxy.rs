//! A network that can be counted, slowed and cut: a relay on loopback before one server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// Relays connections to a server that may move. Ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: Mutex<SocketAddr>,
    /// Both ends of every live connection, to be cut.
    live: Mutex<Vec<TcpStream>>,
    cut: AtomicBool,
    ended: AtomicBool,
    bytes: AtomicU64,
    /// Of one connection and direction; 0 is as fast as it goes.
    bytes_per_s: AtomicU64,
}

/// Relayed at once. Small enough for a slow line to be slow smoothly.
const PIECE_BYTES: usize = 16 * 1024;

impl Proxy {
    pub fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            live: Mutex::new(Vec::new()),
            cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            bytes_per_s: AtomicU64::new(0),
        });
        let relay = Arc::clone(&shared);
        thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            for client in listener.incoming() {
                if relay.ended.load(Ordering::Acquire) {
                    break;
                }
                if let Ok(client) = client {
                    relay.take(client);
                }
            }
        })?;
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server has moved; new connections go there.
    pub fn point_to(&self, server: SocketAddr) {
        *locked(&self.shared.server) = server;
    }

    /// Breaks every connection, and refuses new ones until [`Proxy::mend`].
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Release);
        self.shared.break_all();
    }

    pub fn mend(&self) {
        self.shared.cut.store(false, Ordering::Release);
    }

    pub fn slow_down(&self, bytes_per_s: u64) {
        self.shared.bytes_per_s.store(bytes_per_s, Ordering::Release);
    }

    pub fn full_speed(&self) {
        self.slow_down(0);
    }

    /// Relayed so far, in both directions.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.break_all();
        // Wakes the listener, which then sees that it is over.
        let _woken = TcpStream::connect(self.address);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

impl Shared {
    fn take(self: &Arc<Self>, client: TcpStream) {
        if self.cut.load(Ordering::Acquire) {
            return;
        }
        let server = *locked(&self.server);
        let Ok(server) = TcpStream::connect_timeout(&server, Duration::from_secs(2)) else {
            return;
        };
        let ends = [&client, &server].map(|end| {
            // Only speed is lost when this fails.
            let _faster = end.set_nodelay(true);
            end.try_clone()
        });
        let [Ok(client_again), Ok(server_again)] = ends else { return };
        for (from, to) in [(client, server), (server_again, client_again)] {
            if let Ok(end) = from.try_clone() {
                locked(&self.live).push(end);
            }
            let relay = Arc::clone(self);
            // A connection without a relay is closed, as on a network that is full.
            let _relay = thread::Builder::new().spawn(move || relay.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            // Before anybody has them: whoever got an answer finds it counted.
            self.bytes.fetch_add(length as u64, Ordering::AcqRel);
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
            self.take_time(length);
        }
        // Either end may be gone already.
        let _closed = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
    }

    #[expect(clippy::disallowed_methods, reason = "a slow line is what is simulated here")]
    fn take_time(&self, length: usize) {
        let rate = self.bytes_per_s.load(Ordering::Acquire);
        if rate > 0 {
            thread::sleep(Duration::from_secs_f64(length as f64 / rate as f64));
        }
    }

    fn break_all(&self) {
        for end in locked(&self.live).drain(..) {
            // Already closed is just as well.
            let _closed = end.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut out = client.try_clone().unwrap();
                    let mut input = client;
                    let _over = io::copy(&mut input, &mut out);
                });
            }
        });
        address
    }

    fn ask(proxy: &Proxy) -> io::Result<[u8; 4]> {
        let mut stream = TcpStream::connect(proxy.address())?;
        stream.write_all(b"till")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).map(|()| answer)
    }

    #[test]
    fn what_is_relayed_is_counted_and_a_cut_line_relays_nothing() {
        let proxy = Proxy::start(echo()).unwrap();
        assert_eq!(&ask(&proxy).unwrap(), b"till");
        assert_eq!(proxy.bytes(), 8);
        proxy.cut();
        assert!(ask(&proxy).is_err());
        proxy.mend();
        assert_eq!(&ask(&proxy).unwrap(), b"till");
    }
}
