//! From a channel's name to a verified broadcast.

use std::time::Duration;

use backend_lite::api::{BroadcastInfo, Client, ClientError, PublicKey};
use runnel_p2p::wire::{Manifest, SignedManifest};
use tokio_util::sync::CancellationToken;

use super::{Phase, WatchConfig, WatchError};
use crate::session::Backoff;

/// How often a channel that is not live is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A broadcast that can be watched.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) broadcast: BroadcastInfo,
    pub(super) channel_keys: Vec<PublicKey>,
    pub(super) community_key: PublicKey,
    pub(super) signed: SignedManifest,
    pub(super) manifest: Manifest,
}

/// What is new about a broadcast.
pub(super) struct Renewed {
    pub(super) channel_keys: Vec<PublicKey>,
    pub(super) signed: SignedManifest,
    pub(super) manifest: Manifest,
}

/// Finds what the channel shows; waits for the server, and for the show where that was asked. `None` when stopped.
pub(super) async fn find(
    config: &WatchConfig,
    stop: &CancellationToken,
    mut tell: impl FnMut(Phase),
) -> Result<Option<Found>, WatchError> {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));
    loop {
        let attempt = tokio::select! {
            attempt = attempt(config) => attempt,
            () = stop.cancelled() => return Ok(None),
        };
        let wait = match attempt {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) if config.wait => {
                tell(Phase::Waiting);
                LOOK
            }
            Ok(None) => return Err(WatchError::NotLive(config.channel.clone())),
            Err(WatchError::Server(error)) if error.is_temporary() => {
                tell(Phase::Connecting { problem: error.to_string() });
                backoff.wait().max(error.retry_after().unwrap_or_default())
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

async fn attempt(config: &WatchConfig) -> Result<Option<Found>, WatchError> {
    let client = Client::new(&config.server, config.token.clone())?;
    let (community, channel) = tokio::try_join!(client.community(), client.channel(&config.channel))?;
    let Some(broadcast) = channel.live else { return Ok(None) };
    let signed = match client.manifest(broadcast.id).await {
        Ok(signed) => signed,
        // Announced, but nothing was published yet.
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let manifest = signed.verify(&channel.keys)?;
    if manifest.broadcast != broadcast.id || manifest.renditions.is_empty() {
        return Err(WatchError::Empty);
    }
    Ok(Some(Found { client, broadcast, channel_keys: channel.keys, community_key: community.key, signed, manifest }))
}

impl Found {
    /// The newest manifest of the same broadcast, verified by the keys that the channel has now: they may have been changed.
    pub(super) async fn refresh(&self) -> Result<Renewed, WatchError> {
        let id = self.broadcast.channel.to_string();
        let (channel, signed) = tokio::try_join!(self.client.channel(&id), self.client.manifest(self.broadcast.id))?;
        let manifest = signed.verify(&channel.keys)?;
        if manifest.broadcast != self.broadcast.id {
            return Err(ClientError::Answer("a manifest of another broadcast".to_owned()).into());
        }
        Ok(Renewed { channel_keys: channel.keys, signed, manifest })
    }
}
