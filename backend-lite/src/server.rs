//! A whole server: opens what it needs, runs until told to stop, closes in order.

mod folder;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::AccountError;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::listener::Listener;
use crate::gateway::tls::{Tls, TlsError};
use crate::gateway::{self, Services};
use crate::moderation::{KeyError, Moderation, community_key};
use crate::origin::{Origin, OriginParts};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::tracker::Tracker;
use crate::tracker::seeder::Seeder;

use folder::DataFolder;

/// How often states are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often viewers are counted.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// How often old things are swept.
const SWEEP: Duration = Duration::from_secs(60);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Somebody else listens there.
    #[error(
        "{address} is in use by another program, perhaps another backend-lite; \
         stop it, or choose another port: server.listen = \"{}:{}\"",
        address.ip(),
        address.port().checked_add(1).unwrap_or(1024)
    )]
    PortInUse {
        /// Where the server was to listen.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; check server.listen")]
    Listen {
        /// Where the server was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error(
        "another server uses the folder {}{}; stop it, or choose another folder with the key data",
        folder.display(),
        holder.as_ref().map(|url| format!(" (it answers at {url})")).unwrap_or_default()
    )]
    DataLocked {
        /// The folder.
        folder: PathBuf,
        /// The address of the server that uses it.
        holder: Option<String>,
    },
    /// The data folder cannot be used.
    #[error("cannot use the folder {}: {source}; check the key data and its permissions", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Store(#[from] StoreError),
    /// There is no community key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate files are no good.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The first admin could not be made.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// A running server; drop it only after [`Server::shutdown`], or its tasks end where they stand.
#[derive(Debug)]
pub struct Server {
    services: Arc<Services>,
    url: String,
    address: SocketAddr,
    first_token: Option<String>,
    cut: CancellationToken,
    /// Everything but requests: ticks and listeners.
    stopping: CancellationToken,
    background: TaskTracker,
    connections: TaskTracker,
    folder: DataFolder,
}

impl Server {
    /// Starts a server; must be called inside a tokio runtime, which its tasks then run on.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        Self::start_with_clock(settings, Clock::system()).await
    }

    /// Starts a server that lives by another clock, for tests.
    pub async fn start_with_clock(settings: Settings, clock: Clock) -> Result<Self, ServerError> {
        let folder = DataFolder::lock(&settings.data)?;
        let failed = |source| ServerError::Folder { folder: settings.data.clone(), source };
        // Before anything else takes time: who comes second should hear it at once.
        let tls = settings.server.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let listener = listen(settings.server.listen).await?;
        let metrics_listener = match settings.metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let address = listener.local_addr().map_err(failed)?;
        let key = community_key(&settings.data.join("community.key"))?;
        let store = Store::open(&settings.data.join("runnel.sqlite")).await?;
        let (metrics, bus, stopping) = (Arc::new(Metrics::default()), Bus::new(), CancellationToken::new());
        let closing = CancellationToken::new();
        let origin = Origin::new(OriginParts {
            ingest: settings.ingest,
            retention: settings.retention,
            folder: settings.data.join("chunks"),
            store: store.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
            metrics: Arc::clone(&metrics),
            closing: closing.clone(),
        })
        .map_err(failed)?;
        let tracker =
            Arc::new(Tracker::new(settings.tracker.clone(), clock.clone(), key.clone(), Arc::clone(&metrics)));
        let moderation = Moderation::new(key.clone(), store.clone(), clock.clone());
        let services =
            Arc::new(Services::new(settings, clock, metrics, store, bus, origin, tracker, moderation, closing));
        let first_token = services.accounts.first_run().await?.map(|token| token.reveal().to_owned());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url =
            services.settings.server.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", reachable(address)));
        folder.publish(&format!("{scheme}://{}", reachable(address))).map_err(failed_in(&services))?;
        let server = Self {
            url,
            address,
            first_token,
            cut: CancellationToken::new(),
            stopping,
            background: TaskTracker::new(),
            connections: TaskTracker::new(),
            folder,
            services,
        };
        server.seed(key);
        server.services.restore().await?;
        server.run(listener, metrics_listener, tls);
        Ok(server)
    }

    /// The server's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first admin's token, if this run made it: show it once, it is kept nowhere.
    pub fn admin_token_if_first_run(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// A new token of the first admin, for the program that embeds the server.
    pub async fn admin_token(&self) -> Result<String, ServerError> {
        Ok(self.services.accounts.admin_token().await?.reveal().to_owned())
    }

    /// Does now what the clock would do later; with a manual clock, call it after advancing.
    pub async fn tick(&self) {
        self.services.tick().await;
        self.services.slow_tick();
        self.services.sweep().await;
    }

    /// Stops taking connections, releases held requests, lets the rest finish for a bounded time, and closes.
    pub async fn shutdown(self) {
        let most = self.services.settings.server.shutdown;
        self.stopping.cancel();
        self.services.closing.cancel();
        for tasks in [&self.connections, &self.background, &self.services.tasks] {
            tasks.close();
        }
        let drain = async {
            self.connections.wait().await;
            self.services.tasks.wait().await;
        };
        if tokio::time::timeout(most, drain).await.is_err() {
            tracing::warn!(seconds = most.as_secs(), "some connections did not end in time and are cut");
        }
        self.cut.cancel();
        let rest = async {
            self.connections.wait().await;
            self.background.wait().await;
            self.services.chat.flush().await;
            self.services.origin.flush().await;
            self.services.store.close().await;
        };
        if tokio::time::timeout(most, rest).await.is_err() {
            tracing::warn!("the disk did not take the last writes in time");
        }
        self.folder.release();
    }

    fn seed(&self, key: runnel_p2p::wire::CommunityKey) {
        let services = &self.services;
        if !services.settings.tracker.seed {
            return;
        }
        let origin_of = Arc::downgrade(services);
        Seeder {
            tracker: Arc::clone(&services.tracker),
            bus: services.bus.clone(),
            key,
            listen: services.settings.tracker.seed_listen.unwrap_or(services.settings.server.listen.ip()),
            metrics: Arc::clone(&services.metrics),
            is_open: Arc::new(move |broadcast| {
                let state = origin_of.upgrade().and_then(|services| services.origin.state(broadcast));
                state.is_some_and(crate::api::BroadcastState::is_open)
            }),
            closing: services.closing.clone(),
            tasks: services.tasks.clone(),
        }
        .start();
    }

    fn run(&self, listener: TcpListener, metrics_listener: Option<TcpListener>, tls: Option<Arc<Tls>>) {
        let services = &self.services;
        let listen = |router: Router, tls: Option<Arc<Tls>>| Listener {
            router,
            settings: services.settings.server.clone(),
            tls,
            metrics: Arc::clone(&services.metrics),
            closing: self.stopping.clone(),
            cut: self.cut.clone(),
            tasks: self.connections.clone(),
        };
        let main = listen(gateway::router(Arc::clone(services)), tls.clone());
        self.background.spawn(main.run(listener));
        if let Some(listener) = metrics_listener {
            let shown = Arc::clone(services);
            let page = get(move || std::future::ready(gateway::metrics_page(&shown)));
            self.background.spawn(listen(Router::new().route("/metrics", page), None).run(listener));
        }
        let ticking = Arc::clone(services);
        self.every(TICK, move || {
            let services = Arc::clone(&ticking);
            async move { services.tick().await }
        });
        let counting = Arc::clone(services);
        self.every(SLOW_TICK, move || {
            counting.slow_tick();
            std::future::ready(())
        });
        let sweeping = Arc::clone(services);
        self.every(SWEEP, move || {
            let (services, tls) = (Arc::clone(&sweeping), tls.clone());
            async move {
                services.sweep().await;
                if let Some(tls) = tls {
                    tls.refresh();
                }
            }
        });
    }

    fn every<F: Future<Output = ()> + Send>(&self, period: Duration, act: impl Fn() -> F + Send + 'static) {
        let stopping = self.stopping.clone();
        self.background.spawn(async move {
            let mut interval = tokio::time::interval(period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => return,
                    _ = interval.tick() => act().await,
                }
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a shutdown these are set already; without one they end all tasks.
        self.stopping.cancel();
        self.services.closing.cancel();
        self.cut.cancel();
    }
}

fn failed_in(services: &Services) -> impl FnOnce(io::Error) -> ServerError + use<> {
    let folder = services.settings.data.clone();
    |source| ServerError::Folder { folder, source }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServerError::PortInUse { address },
        _ => ServerError::Listen { address, source },
    })
}

/// An address that this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
