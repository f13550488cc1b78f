//! All services of a server, side by side.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::Limits;
use crate::accounts::Accounts;
use crate::bus::Bus;
use crate::catalog::Catalog;
use crate::chat::Chat;
use crate::clock::Clock;
use crate::config::Settings;
use crate::moderation::Moderation;
use crate::origin::Origin;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::tracker::Tracker;

/// Everything a handler may need.
#[derive(Debug)]
pub(crate) struct Services {
    /// The settings.
    pub settings: Settings,
    /// The clock.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The database.
    pub store: Store,
    /// Facts between services.
    pub bus: Bus,
    /// Accounts and sessions.
    pub accounts: Accounts,
    /// Channels and broadcasts.
    pub catalog: Catalog,
    /// Chunks and playlists.
    pub origin: Origin,
    /// Swarms.
    pub tracker: Arc<Tracker>,
    /// Chats.
    pub chat: Arc<Chat>,
    /// Take-downs.
    pub moderation: Moderation,
    pub(super) limits: Limits,
    /// Set when the server goes down: held requests and chats end.
    pub closing: CancellationToken,
    /// Chats and other tasks a shutdown waits for.
    pub tasks: TaskTracker,
    /// Grows when a broadcast is announced, for players that came too early.
    pub(super) announced: watch::Sender<u64>,
}

impl Services {
    /// Puts the parts together.
    #[expect(clippy::too_many_arguments, reason = "each is a service; a struct of them is what this makes")]
    pub(crate) fn new(
        settings: Settings,
        clock: Clock,
        metrics: Arc<Metrics>,
        store: Store,
        bus: Bus,
        origin: Origin,
        tracker: Arc<Tracker>,
        moderation: Moderation,
        closing: CancellationToken,
    ) -> Self {
        Self {
            accounts: Accounts::new(store.clone(), settings.accounts, clock.clone()),
            catalog: Catalog::new(store.clone(), clock.clone(), settings.accounts.channels_per_account),
            chat: Chat::new(settings.chat, store.clone(), clock.clone(), Arc::clone(&metrics)),
            limits: Limits::new(settings.limits),
            origin,
            tracker,
            moderation,
            settings,
            clock,
            metrics,
            store,
            bus,
            closing,
            tasks: TaskTracker::new(),
            announced: watch::Sender::new(0),
        }
    }
}

/// Who is at the other end of the connection; the listener puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What counts a connection as long as anyone holds it: a WebSocket outlives the request that opened it.
#[derive(Clone)]
pub(crate) struct Held(
    #[expect(dead_code, reason = "it is held, not looked at")] pub(crate) Arc<dyn std::any::Any + Send + Sync>,
);
