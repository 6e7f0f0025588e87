//! Connections of operators and terminals: TLS 1.3, with the certificate that a client shows, if
//! it shows one, handed to every request on the connection.
//!
//! Nobody holds a place for long by being slow: not in the handshake, not with a header, not by
//! falling silent. Not here: how long an operation itself may take.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use hyper_util::rt::TokioTimer;
use shared::id::FleetId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;
use tracing::debug;

use crate::auth::ClientCertificate;
use crate::background::Tasks;

/// See the broker's: two round trips on the slowest mobile link, with room.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// From the first byte of a request to the end of its headers.
const HEADER_MAX: Duration = Duration::from_secs(10);

/// A connection on which nothing moves is closed: a request that is thought about for longer
/// does not exist, and a download that stalls for longer is better begun again.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// Connections at the same time. Downloads of a whole region fit; each takes about 50 KiB.
const CONNECTIONS_MAX: usize = 4096;

/// How long requests may go on when the controller ends.
const GRACE: Duration = Duration::from_secs(5);

/// Why HTTPS cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("HTTPS cannot listen on {address}: the port is in use")]
    PortInUse { address: SocketAddr },
    #[error("HTTPS cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl ListenError {
    /// What to do about it, in the imperative.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "end the other program, or choose another `https.listen`",
            Self::Listen { .. } => "choose an address of this machine for `https.listen`",
        }
    }
}

/// The certificate that the client of this connection showed.
#[derive(Clone, Debug)]
pub(super) struct Shown(pub(super) Option<ClientCertificate>);

/// A port that is listened on, and nobody is served yet.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source: io::Error| {
            if source.kind() == io::ErrorKind::AddrInUse {
                return ListenError::PortInUse { address };
            }
            ListenError::Listen { address, source }
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// With the real port where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the tasks are asked to end.
    pub(super) fn serve(
        self,
        router: axum::Router,
        fleet: FleetId,
        mut tls: rustls::ServerConfig,
        tasks: &Tasks,
    ) {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = Acceptor {
            tls: TlsAcceptor::from(Arc::new(tls)),
            fleet,
            seats: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        };
        let handle = axum_server::Handle::new();
        let mut server = axum_server::Server::<SocketAddr>::from_listener(self.listener)
            .acceptor(acceptor)
            .handle(handle.clone())
            .http1_only();
        let mut http = server.http_builder().http1();
        http.timer(TokioTimer::new()).header_read_timeout(HEADER_MAX).max_headers(64);
        let stop = tasks.stop();
        tasks.spawn("https", async move {
            let serving = server.serve(router.into_make_service());
            tokio::pin!(serving);
            tokio::select! {
                biased;
                () = stop.cancelled() => handle.graceful_shutdown(Some(GRACE)),
                ended = &mut serving => panic!("the HTTPS listener ended: {ended:?}"),
            }
            if let Err(error) = serving.await {
                debug!(%error, "the HTTPS listener ended");
            }
        });
    }
}

/// Does the handshake and finds out who it is.
#[derive(Clone)]
struct Acceptor {
    tls: TlsAcceptor,
    fleet: FleetId,
    seats: Arc<Semaphore>,
}

type Accepting<S> =
    Pin<Box<dyn Future<Output = io::Result<(Patient, AddExtension<S, Shown>)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Patient;
    type Service = AddExtension<S, Shown>;
    type Future = Accepting<S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { tls, fleet, seats } = self.clone();
        Box::pin(async move {
            let seat = seats.try_acquire_owned().map_err(|_| refused("too many connections"))?;
            stream.set_nodelay(true)?;
            let shaken = tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await;
            let stream = shaken.map_err(|_| refused("no handshake in time"))??;
            let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
            let certificate = certificate.map(|der| ClientCertificate::read(der, fleet));
            let certificate = certificate.transpose().map_err(|why| refused(&why.to_string()))?;
            let service = Extension(Shown(certificate)).layer(service);
            Ok((Patient::new(stream, seat), service))
        })
    }
}

fn refused(why: &str) -> io::Error {
    debug!(why, "connection refused");
    io::Error::new(io::ErrorKind::ConnectionRefused, why.to_owned())
}

/// A stream that gives up when nothing has moved for [`IDLE_MAX`], in either direction.
struct Patient {
    stream: TlsStream<TcpStream>,
    patience: Pin<Box<Sleep>>,
    _seat: OwnedSemaphorePermit,
}

impl Patient {
    fn new(stream: TlsStream<TcpStream>, seat: OwnedSemaphorePermit) -> Self {
        Self { stream, patience: Box::pin(tokio::time::sleep(IDLE_MAX)), _seat: seat }
    }

    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.patience.as_mut().reset(Instant::now() + IDLE_MAX);
            return poll;
        }
        match self.patience.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.judge(context, poll)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, poll)
    }
}
