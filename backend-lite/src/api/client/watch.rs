//! What a viewer calls.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use runnel_p2p::wire::SignedManifest;
use runnel_p2p::wire::{SignedChunk, decode_chunk};

use super::{Client, ClientError, MAX_JSON, MAX_MEDIA, accept, json, read};
use crate::api::*;

impl Client {
    /// `GET /v1/channels/{id or name}`.
    pub async fn channel(&self, id_or_name: &str) -> Result<Channel, ClientError> {
        self.get(&format!("v1/channels/{}", segment(id_or_name))).await
    }

    /// `GET /v1/broadcasts/{id}`.
    pub async fn broadcast(&self, id: BroadcastId) -> Result<BroadcastInfo, ClientError> {
        self.get(&format!("v1/broadcasts/{id}")).await
    }

    /// `GET /v1/live`.
    pub async fn live(&self, query: &LiveQuery) -> Result<LiveList, ClientError> {
        json(self.request(Method::GET, "v1/live")?.query(query).send().await?).await
    }

    /// `GET /v1/broadcasts/{id}/manifest`; waits up to 10 s for the first one.
    pub async fn manifest(&self, id: BroadcastId) -> Result<SignedManifest, ClientError> {
        let response = self.request(Method::GET, &format!("v1/broadcasts/{id}/manifest"))?.send().await?;
        let bytes = read(accept(response).await?, MAX_JSON).await?;
        SignedManifest::from_bytes(bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// `GET /v1/chunks/{epoch}/{rendition}/{sequence}`; waits up to 10 s for one that is about to come.
    ///
    /// The chunk is decoded, not verified: give it to a verifier or to `Node::supply_origin`.
    pub async fn chunk(&self, epoch: u64, rendition: u8, sequence: u64) -> Result<SignedChunk, ClientError> {
        let path = format!("v1/chunks/{epoch}/{rendition}/{sequence}");
        let response = self.request(Method::GET, &path)?.timeout(Duration::from_secs(15)).send().await?;
        let bytes = read(accept(response).await?, MAX_MEDIA).await?;
        decode_chunk(bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// `GET /v1/chunks/{epoch}/{rendition}`: the first sequence kept, the last keyframe and the next to come.
    pub async fn chunk_range(&self, epoch: u64, rendition: u8) -> Result<ChunkRange, ClientError> {
        self.get(&format!("v1/chunks/{epoch}/{rendition}")).await
    }

    /// `GET /v1/broadcasts/{id}/thumbnail`.
    pub async fn thumbnail(&self, id: BroadcastId) -> Result<Bytes, ClientError> {
        let response = self.request(Method::GET, &format!("v1/broadcasts/{id}/thumbnail"))?.send().await?;
        read(accept(response).await?, MAX_JSON).await
    }

    /// Fetches anything else the server named, such as a playlist or a picture; without a body on 304.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, ClientError> {
        let response = self.request(Method::GET, url)?.send().await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Bytes::new());
        }
        read(accept(response).await?, MAX_MEDIA).await
    }

    /// `POST /v1/broadcasts/{id}/peers`.
    pub async fn announce(&self, id: BroadcastId, announce: &Announce) -> Result<Announced, ClientError> {
        self.post(&format!("v1/broadcasts/{id}/peers"), announce).await
    }

    /// `GET /v1/broadcasts/{id}/stats`: what all who watch now got from where.
    pub async fn swarm_stats(&self, id: BroadcastId) -> Result<PeerStats, ClientError> {
        self.get(&format!("v1/broadcasts/{id}/stats")).await
    }

    /// `DELETE /v1/messages/{id}`.
    pub async fn delete_message(&self, id: MessageId) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, &format!("v1/messages/{id}"))?).await
    }

    /// `POST /v1/channels/{id}/mutes`.
    pub async fn mute(&self, channel: ChannelId, mute: &NewMute) -> Result<(), ClientError> {
        self.empty(self.request(Method::POST, &format!("v1/channels/{channel}/mutes"))?.json(mute)).await
    }

    /// `DELETE /v1/channels/{id}/mutes/{account}`.
    pub async fn unmute(&self, channel: ChannelId, account: AccountId) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, &format!("v1/channels/{channel}/mutes/{account}"))?).await
    }
}

/// Escapes what a user typed so that it stays one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else if byte == b'.' && text.bytes().any(|byte| byte != b'.') {
            out.push('.');
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(segment("caf.live"), "caf.live");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("a/b?c"), "a%2Fb%3Fc");
    }
}
