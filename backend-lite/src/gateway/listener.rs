//! The public listener: caps on connections, time limits on heads, TLS, an orderly end.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::limits::group;
use super::state::{Held, Peer};
use super::tls::Tls;
use crate::config::ServerSettings;
use crate::telemetry::{self, Metrics};

/// How long the loop rests when the system has no more file handles.
const OUT_OF_HANDLES: Duration = Duration::from_millis(100);
/// Requests at the same time on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Accepts connections until told to stop.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) router: Router,
    pub(crate) settings: ServerSettings,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Stops accepting and asks open connections to end after what they are doing.
    pub(crate) closing: CancellationToken,
    /// Cuts what is still open.
    pub(crate) cut: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct PerAddress(Mutex<HashMap<IpAddr, usize>>);

/// Counts one connection of an address as long as it lives.
#[derive(Debug)]
struct Seat {
    counts: Arc<PerAddress>,
    metrics: Arc<Metrics>,
    group: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.connections_open.sub(1);
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.group);
            }
        }
    }
}

impl Listener {
    pub(crate) async fn run(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.settings.max_connections));
        let counts = Arc::new(PerAddress::default());
        let shared = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.closing.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // One connection that broke early, or no handles left: either passes.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(OUT_OF_HANDLES).await;
                    continue;
                }
            };
            let seat = shared.seat(&counts, peer.ip());
            let (Ok(permit), Some(seat)) = (Arc::clone(&room).try_acquire_owned(), seat) else {
                shared.metrics.connections_refused.add(1);
                tracing::debug!(from = telemetry::short(peer.ip()), "a connection was refused");
                continue;
            };
            shared.metrics.connections.add(1);
            let connection = Arc::clone(&shared);
            shared.tasks.spawn(async move {
                let held = Held(Arc::new((permit, seat)));
                let cut = connection.cut.clone();
                tokio::select! {
                    () = connection.serve(stream, peer, held) => {}
                    () = cut.cancelled() => {}
                }
            });
        }
    }

    fn seat(&self, counts: &Arc<PerAddress>, ip: IpAddr) -> Option<Seat> {
        let group = group(ip);
        // A household, a school or a proxy is many people.
        let counted =
            !crate::tracker::is_local(ip) && !self.settings.trusted_proxies.iter().any(|network| network.contains(ip));
        let mut all = counts.0.lock();
        let count = all.entry(group).or_insert(0);
        if counted && *count >= self.settings.max_connections_per_address {
            return None;
        }
        *count += 1;
        self.metrics.connections_open.add(1);
        Some(Seat { counts: Arc::clone(counts), metrics: Arc::clone(&self.metrics), group })
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, held: Held) {
        // Small answers go out at once; a stream that cannot do that works all the same.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.http1(stream, peer, held).await };
        let acceptor = TlsAcceptor::from(tls.config());
        let handshake = tokio::time::timeout(self.settings.header_timeout, acceptor.accept(stream));
        let Ok(Ok(stream)) = handshake.await else { return };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream, peer, held).await;
        } else {
            self.http1(stream, peer, held).await;
        }
    }

    async fn http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr, held: Held) {
        let (service, _) = self.service(peer, held);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.header_timeout)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            // Whatever a client does wrong ends its connection and nothing else.
            _ = connection.as_mut() => return,
            () = self.closing.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    async fn http2(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr, held: Held) {
        let (service, used) = self.service(peer, held);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(Some(Duration::from_secs(20)))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_header_list_size(32 << 10)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let idle = async {
            tokio::time::sleep(self.settings.header_timeout).await;
            if used.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            // A connection without a single request in time is not one.
            () = idle => return,
            () = self.closing.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    fn service(
        &self,
        peer: SocketAddr,
        held: Held,
    ) -> (
        TowerToHyperService<
            impl tower::Service<
                hyper::Request<Incoming>,
                Response = axum::response::Response,
                Error = std::convert::Infallible,
                Future: Send,
            > + Clone
            + use<>,
        >,
        Arc<AtomicBool>,
    ) {
        let used = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&used);
        let service = self.router.clone().map_request(move |request: hyper::Request<Incoming>| {
            mark.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(held.clone());
            request
        });
        (TowerToHyperService::new(service), used)
    }
}
