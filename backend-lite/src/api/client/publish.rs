//! What a publisher calls.

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use runnel_p2p::wire::SignedManifest;
use runnel_p2p::wire::{SignedChunk, encode_chunk};

use super::{Client, ClientError, accept, decode, json, read};
use crate::api::*;

impl Client {
    /// `POST /v1/channels`.
    pub async fn create_channel(&self, channel: &NewChannel) -> Result<Channel, ClientError> {
        self.post("v1/channels", channel).await
    }

    /// `GET /v1/channels`: one's own.
    pub async fn my_channels(&self) -> Result<ChannelList, ClientError> {
        self.get("v1/channels").await
    }

    /// `PUT /v1/channels/{id}/keys`: manifests signed by this key are good from now on.
    pub async fn add_key(&self, channel: ChannelId, key: PublicKey) -> Result<Channel, ClientError> {
        let request = self.request(Method::PUT, &format!("v1/channels/{channel}/keys"))?;
        json(request.json(&NewKey { public_key: key }).send().await?).await
    }

    /// `DELETE /v1/channels/{id}/keys/{public_key}`: revokes a key.
    pub async fn remove_key(&self, channel: ChannelId, key: PublicKey) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, &format!("v1/channels/{channel}/keys/{key}"))?).await
    }

    /// `POST /v1/broadcasts`: announces a broadcast, or gives back the one that is still open.
    pub async fn create_broadcast(&self, broadcast: &NewBroadcast) -> Result<BroadcastInfo, ClientError> {
        self.post("v1/broadcasts", broadcast).await
    }

    /// `PATCH /v1/broadcasts/{id}`.
    pub async fn update_broadcast(
        &self,
        id: BroadcastId,
        patch: &BroadcastPatch,
    ) -> Result<BroadcastInfo, ClientError> {
        let request = self.request(Method::PATCH, &format!("v1/broadcasts/{id}"))?;
        json(request.json(patch).send().await?).await
    }

    /// `DELETE /v1/broadcasts/{id}`: ends one's own broadcast; takes another's down if one is a moderator.
    pub async fn end_broadcast(&self, id: BroadcastId) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, &format!("v1/broadcasts/{id}"))?).await
    }

    /// `POST /v1/broadcasts/{id}/ingest`: begins publishing, goes on with it, or takes it over.
    pub async fn ingest(&self, id: BroadcastId) -> Result<IngestSession, ClientError> {
        self.post(&format!("v1/broadcasts/{id}/ingest"), &serde_json::json!({})).await
    }

    /// `PUT /v1/broadcasts/{id}/manifest`.
    pub async fn put_manifest(
        &self,
        id: BroadcastId,
        fence: u64,
        manifest: &SignedManifest,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &format!("v1/broadcasts/{id}/manifest"))?;
        let request = request.header(FENCE_HEADER, fence).header("content-type", "application/octet-stream");
        self.empty(request.body(manifest.bytes().clone())).await
    }

    /// `PUT /v1/chunks/{epoch}/{rendition}/{sequence}`; repeating it is harmless.
    pub async fn put_chunk(&self, fence: u64, chunk: &SignedChunk) -> Result<PutOutcome, ClientError> {
        let header = &chunk.header;
        let path = format!("v1/chunks/{}/{}/{}", header.epoch, header.rendition, header.sequence);
        let request = self.request(Method::PUT, &path)?;
        let request = request.header(FENCE_HEADER, fence).header("content-type", "application/octet-stream");
        let response = request.body(encode_chunk(chunk)).send().await?;
        match response.status() {
            StatusCode::CREATED => Ok(PutOutcome::Stored(json(response).await?)),
            StatusCode::OK => Ok(PutOutcome::Same(json(response).await?)),
            StatusCode::INSUFFICIENT_STORAGE => {
                let body: ErrorBody = decode(&read(response, super::MAX_JSON).await?)?;
                Ok(PutOutcome::LiveOnly(body.error))
            }
            _ => match accept(response).await {
                Ok(response) => Err(ClientError::Answer(format!("status {} for a chunk", response.status()))),
                Err(error) => Err(error),
            },
        }
    }

    /// `PUT /v1/broadcasts/{id}/thumbnail`: the newest picture, a JPEG.
    pub async fn put_thumbnail(&self, id: BroadcastId, fence: u64, jpeg: Bytes) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &format!("v1/broadcasts/{id}/thumbnail"))?;
        self.empty(request.header(FENCE_HEADER, fence).header("content-type", "image/jpeg").body(jpeg)).await
    }
}
