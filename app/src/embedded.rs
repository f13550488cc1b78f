//! The server inside the app: one a data folder, on a runtime of its own.
//!
//! A second app on the machine finds the folder taken and attaches to the first one's server instead.
//! The lock is the server's own; what is added here is the waiting, the runtime and the end.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use backend_lite::config::Settings;
use backend_lite::{Server, ServerError};
use tokio::sync::oneshot;

/// A server on this machine: our own, or the one of another app.
pub struct Embedded {
    url: String,
    own: Option<Own>,
}

struct Own {
    admin_token: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// It could not be started.
    #[error("the embedded server could not be started: {0}")]
    Start(#[from] ServerError),
    /// Its thread or runtime could not be started.
    #[error("the embedded server's threads could not be started: {0}")]
    Threads(#[from] std::io::Error),
    /// It ended before it listened.
    #[error("the embedded server ended before it listened")]
    Died,
    /// Another process holds the data and no server of it answers.
    #[error(
        "the server's data in {0} is in use by another program that does not answer (end it, or name another folder with --home)"
    )]
    Held(String),
}

/// Name of the file that keeps the port.
const PORT: &str = "port";

/// How often, and how long apart, another app's server is looked for while it starts.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

impl Embedded {
    /// Starts the server of this data folder, or attaches to the one that runs; may take some seconds.
    ///
    /// # Errors
    /// When neither is possible.
    pub fn start(data: &Path) -> Result<Self, EmbeddedError> {
        let mut port = kept_port(data);
        for _ in 0..ATTEMPTS {
            let mut settings = Settings::local(data.to_owned());
            settings.server.listen.set_port(port);
            settings.community.name = own_name();
            match Self::start_own(settings) {
                // Somebody else has it now.
                Err(EmbeddedError::Start(ServerError::PortInUse { .. })) if port != 0 => port = 0,
                Ok(server) => {
                    keep_port(data, server.url());
                    return Ok(server);
                }
                Err(EmbeddedError::Start(ServerError::DataLocked { holder, .. })) => {
                    if let Some(url) = holder.filter(|url| answers(url)) {
                        return Ok(Self { url, own: None });
                    }
                    // The other app is starting or ending: either way it is clear in a moment.
                    std::thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
        Err(EmbeddedError::Held(data.display().to_string()))
    }

    /// Starts a server with these settings on a thread and runtime of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_own(settings: Settings) -> Result<Self, EmbeddedError> {
        let (started, outcome) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("runnel-server".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("runnel-server")
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    // The other end waits for exactly one value; if it is gone there is nobody to tell.
                    let _ = started.send(Err(EmbeddedError::Threads(error)));
                    return;
                }
            };
            runtime.block_on(async {
                match Server::start(settings).await {
                    Ok(server) => {
                        let admin_token = server.admin_token().await.map_err(EmbeddedError::Start);
                        let _ = started.send(admin_token.map(|token| (server.url().to_owned(), token)));
                        // Dropping the sender is as good as sending.
                        let _ = stopped.await;
                        server.shutdown().await;
                    }
                    Err(error) => {
                        let _ = started.send(Err(EmbeddedError::Start(error)));
                    }
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(2));
        })?;
        let (url, admin_token) = outcome.recv().map_err(|_| EmbeddedError::Died)??;
        Ok(Self { url, own: Some(Own { admin_token, stop: Some(stop), thread: Some(thread) }) })
    }

    /// The server's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether another app runs it.
    pub fn is_attached(&self) -> bool {
        self.own.is_none()
    }

    /// A token that may do everything, if the server is ours; it dies with the process.
    pub fn admin_token(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.admin_token.as_str())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            drop(own.stop.take());
            if let Some(thread) = own.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("the embedded server panicked");
            }
        }
    }
}

/// What the community on one's own machine calls itself.
fn own_name() -> String {
    match sysinfo::System::host_name() {
        Ok(host) if !host.is_empty() => format!("Runnel on {host}"),
        _ => "Runnel".to_owned(),
    }
}

/// The port of the last time: who knew the server by it finds it again.
fn kept_port(data: &Path) -> u16 {
    std::fs::read_to_string(data.join(PORT)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn keep_port(data: &Path, url: &str) {
    let Some((_, port)) = url.rsplit_once(':') else { return };
    if let Err(error) = crate::settings::file::replace(&data.join(PORT), port.as_bytes()) {
        tracing::debug!(%error, "the server's port could not be kept");
    }
}

/// Whether a server answers at `url`; asked on a small runtime so that callers need none.
fn answers(url: &str) -> bool {
    let Ok(client) = backend_lite::api::Client::new(url, None) else { return false };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return false };
    runtime.block_on(async {
        matches!(tokio::time::timeout(Duration::from_secs(2), client.live_health()).await, Ok(Ok(health)) if health.ok)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_app_attaches_to_the_first_ones_server() {
        let folder = tempfile::tempdir().unwrap();
        let first = Embedded::start(folder.path()).unwrap();
        let second = Embedded::start(folder.path()).unwrap();
        assert_eq!((first.is_attached(), second.is_attached()), (false, true));
        assert_eq!(first.url(), second.url());
        assert!(second.admin_token().is_none());
        drop(second);
        assert!(answers(first.url()), "leaving does not end the other's server");
        let url = first.url().to_owned();
        drop(first);
        assert!(!answers(&url));
        let third = Embedded::start(folder.path()).unwrap();
        assert!(!third.is_attached(), "the folder is free again");
        assert_eq!(third.url(), url, "and the server is where it was");
    }
}
