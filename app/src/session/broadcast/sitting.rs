//! One publishing run as the server sees it: how it is opened, and opened again.

use std::time::Duration;

use backend_lite::api::{
    BroadcastInfo, Channel, Client, ClientError, IngestSession, NewBroadcast, NewChannel, PublicKey,
};
use tokio_util::sync::CancellationToken;

use super::book::{RENDITION, Start};
use super::{About, BroadcastConfig};
use crate::session::{Backoff, clock};

/// An open run.
pub(super) struct Sitting {
    pub(super) client: Client,
    pub(super) channel: Channel,
    pub(super) broadcast: BroadcastInfo,
    pub(super) session: IngestSession,
    /// The server's clock minus ours, in microseconds.
    pub(super) clock_offset: i64,
    /// Who signs revocations.
    pub(super) community_key: PublicKey,
}

impl Sitting {
    /// Asks the server for everything that publishing needs.
    pub(super) async fn open(config: &BroadcastConfig) -> Result<Self, ClientError> {
        let client = Client::new(&config.server, Some(config.token.clone()))?;
        let community = client.community().await?;
        let channel = own_channel(&client, config).await?;
        let broadcast = client.create_broadcast(&announcement(&channel, &config.about)).await?;
        let session = client.ingest(broadcast.id).await?;
        let clock_offset = clock::server_offset(&client).await;
        Ok(Self { client, channel, broadcast, session, clock_offset, community_key: community.key })
    }

    /// As [`Sitting::open`], again and again until the server answers; `None` when stopped meanwhile.
    pub(super) async fn open_patiently(
        config: &BroadcastConfig,
        stop: &CancellationToken,
        mut waiting: impl FnMut(&ClientError),
    ) -> Result<Option<Self>, ClientError> {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));
        loop {
            let outcome = tokio::select! {
                outcome = Self::open(config) => outcome,
                () = stop.cancelled() => return Ok(None),
            };
            match outcome {
                Ok(sitting) => return Ok(Some(sitting)),
                Err(error) if error.is_temporary() => {
                    let wait = backoff.wait().max(error.retry_after().unwrap_or_default());
                    tracing::info!(%error, ?wait, "the server does not take the broadcast yet");
                    waiting(&error);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stop.cancelled() => return Ok(None),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where the books of this run begin.
    pub(super) fn start(&self) -> Start {
        Start {
            channel: self.channel.id,
            broadcast: self.broadcast.id,
            epoch: self.session.epoch,
            sequence: self.session.cursor.get(&RENDITION.0).copied().unwrap_or(0),
            init: self.session.next_init.get(&RENDITION.0).copied().unwrap_or(0),
            manifest_version: self.session.manifest_version,
        }
    }
}

/// The channel with our key on it; made if it does not exist.
async fn own_channel(client: &Client, config: &BroadcastConfig) -> Result<Channel, ClientError> {
    let channel = match client.channel(&config.channel).await {
        Err(error) if error.is_not_found() => {
            client.create_channel(&NewChannel { name: config.channel.clone(), title: None }).await?
        }
        other => other?,
    };
    let public = config.key.public();
    if channel.keys.contains(&public) { Ok(channel) } else { client.add_key(channel.id, public).await }
}

fn announcement(channel: &Channel, about: &About) -> NewBroadcast {
    let title = if about.title.trim().is_empty() { channel.name.clone() } else { about.title.clone() };
    NewBroadcast {
        channel: channel.id.to_string(),
        title,
        category: about.category.clone(),
        language: about.language.clone(),
        visibility: about.visibility,
        ..NewBroadcast::default()
    }
}
