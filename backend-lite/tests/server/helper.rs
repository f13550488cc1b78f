//! A server, people and a publisher without a camera.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_lite::api::{
    BroadcastInfo, Channel, ChatConnection, ChatEvent, Client, ClientError, Credentials, ErrorCode, IngestSession,
    NewBroadcast, NewChannel, PutOutcome,
};
use backend_lite::config::Settings;
use backend_lite::{Clock, Server};
use bytes::Bytes;
use runnel_p2p::wire::{
    BroadcastKey, ChannelKey, ChunkFlags, ChunkInfo, Epoch, Init, Manifest, Rendition, RenditionId, Sequence,
    SignedChunk, SignedManifest, Track, TrackKind, sign_chunk,
};
use tempfile::TempDir;

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) server: Server,
}

pub(crate) fn settings(folder: &TempDir) -> Settings {
    let mut settings = Settings::local(folder.path().join("data"));
    // These tests are about the server; the swarm has its own.
    settings.tracker.seed = false;
    settings.server.shutdown = Duration::from_secs(3);
    settings
}

impl Home {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&folder);
        change(&mut settings);
        let clock = Clock::manual();
        let server = Server::start_with_clock(settings, clock.clone()).await.unwrap();
        Self { folder, clock, server }
    }

    /// The same data folder and clock, another process as it were.
    pub(crate) async fn restart(self) -> Self {
        let Self { folder, clock, server } = self;
        server.shutdown().await;
        let server = Server::start_with_clock(settings(&folder), clock.clone()).await.unwrap();
        Self { folder, clock, server }
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.server.url(), None).unwrap()
    }

    pub(crate) async fn admin(&self) -> Client {
        self.anonymous().with_token(Some(self.server.admin_token().await.unwrap()))
    }

    pub(crate) async fn guest(&self) -> Client {
        let token = self.anonymous().guest().await.unwrap().token;
        self.anonymous().with_token(Some(token))
    }

    pub(crate) async fn user(&self, name: &str) -> Client {
        let token = self.anonymous().sign_up(&credentials(name)).await.unwrap().token;
        self.anonymous().with_token(Some(token))
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.server.tick().await;
    }

    pub(crate) async fn publisher(&self, name: &str) -> Publisher {
        self.publisher_with(name, |_| {}).await
    }

    pub(crate) async fn publisher_with(&self, name: &str, change: impl FnOnce(&mut NewBroadcast)) -> Publisher {
        let client = self.user(name).await;
        let new = NewChannel { name: format!("{name}-live"), title: None };
        let channel = client.create_channel(&new).await.unwrap();
        let channel_key = ChannelKey::from_bytes(*blake3::hash(name.as_bytes()).as_bytes());
        client.add_key(channel.id, channel_key.public()).await.unwrap();
        let mut new = NewBroadcast { channel: channel.name.clone(), title: "A show".to_owned(), ..Default::default() };
        change(&mut new);
        let broadcast = client.create_broadcast(&new).await.unwrap();
        let session = client.ingest(broadcast.id).await.unwrap();
        let publisher = Publisher {
            client,
            channel,
            channel_key,
            broadcast_key: fresh_key(),
            broadcast,
            version: session.manifest_version + 1,
            init: 0,
            session,
            chunk_millis: 100,
        };
        publisher
            .client
            .put_manifest(publisher.broadcast.id, publisher.session.fence, &publisher.manifest())
            .await
            .unwrap();
        publisher
    }
}

pub(crate) fn credentials(name: &str) -> Credentials {
    Credentials { name: name.to_owned(), password: "correct horse".to_owned() }
}

pub(crate) fn fresh_key() -> BroadcastKey {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [5; 32];
    bytes[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    BroadcastKey::from_bytes(bytes)
}

pub(crate) struct Publisher {
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    pub(crate) channel_key: ChannelKey,
    pub(crate) broadcast_key: BroadcastKey,
    pub(crate) broadcast: BroadcastInfo,
    pub(crate) session: IngestSession,
    pub(crate) version: u32,
    pub(crate) init: u32,
    pub(crate) chunk_millis: u32,
}

pub(crate) fn init_data(id: u32) -> Bytes {
    format!("init segment {id}").into()
}

/// What a chunk holds: its number and some bytes.
pub(crate) fn payload(sequence: u64) -> Bytes {
    let mut payload = format!("chunk {sequence} ").into_bytes();
    payload.resize(9000 + (sequence % 7) as usize * 100, sequence as u8);
    payload.into()
}

impl Publisher {
    pub(crate) fn manifest(&self) -> SignedManifest {
        self.unsigned_manifest().sign(&self.channel_key).unwrap()
    }

    pub(crate) fn unsigned_manifest(&self) -> Manifest {
        let track = |kind, codec: &str| Track { kind, codec: codec.to_owned(), language: String::new() };
        Manifest {
            version: self.version,
            channel: self.channel.id,
            broadcast: self.broadcast.id,
            epoch: Epoch(self.session.epoch),
            broadcast_key: self.broadcast_key.public(),
            renditions: vec![Rendition {
                id: RenditionId(0),
                width: 640,
                height: 360,
                fps: 30,
                bitrate_kbps: 800,
                codecs: "av01.0.04M.08,opus".to_owned(),
                tracks: vec![track(TrackKind::Video, "av01.0.04M.08"), track(TrackKind::Audio, "opus")],
                inits: vec![Init { id: self.init, data: init_data(self.init) }],
                chunk_millis: self.chunk_millis,
                stripes: 4,
            }],
            created: 1,
        }
    }

    pub(crate) fn info(&self, sequence: u64) -> ChunkInfo {
        let micros = i64::try_from(sequence).unwrap() * i64::from(self.chunk_millis) * 1000;
        let group = u64::from(2000 / self.chunk_millis);
        ChunkInfo {
            broadcast: self.broadcast.id,
            epoch: Epoch(self.session.epoch),
            rendition: RenditionId(0),
            sequence: Sequence(sequence),
            manifest_version: self.version,
            init: self.init,
            start_micros: micros,
            duration_micros: self.chunk_millis * 1000,
            captured_micros: 1_790_000_000_000_000 + micros,
            flags: ChunkFlags { keyframe: sequence.is_multiple_of(group), discontinuity: false, end: false },
            key_id: None,
        }
    }

    pub(crate) fn chunk(&self, sequence: u64) -> SignedChunk {
        sign_chunk(&self.broadcast_key, self.info(sequence), payload(sequence)).unwrap()
    }

    pub(crate) async fn put(&self, sequence: u64) -> Result<PutOutcome, ClientError> {
        self.client.put_chunk(self.session.fence, &self.chunk(sequence)).await
    }

    pub(crate) async fn publish(&self, sequences: std::ops::Range<u64>) {
        for sequence in sequences {
            let outcome = self.put(sequence).await.unwrap();
            assert!(matches!(outcome, PutOutcome::Stored(_)), "{sequence}: {outcome:?}");
        }
    }

    /// What a publisher does that was killed and starts anew.
    pub(crate) async fn come_back(&mut self) {
        let new = NewBroadcast {
            channel: self.channel.name.clone(),
            title: "Back again".to_owned(),
            ..NewBroadcast::default()
        };
        self.broadcast = self.client.create_broadcast(&new).await.unwrap();
        self.session = self.client.ingest(self.broadcast.id).await.unwrap();
        self.broadcast_key = fresh_key();
        self.version = self.session.manifest_version + 1;
        self.init = self.session.next_init.get(&0).copied().unwrap_or(0);
        self.client.put_manifest(self.broadcast.id, self.session.fence, &self.manifest()).await.unwrap();
    }

    /// The address of something below the rendition.
    pub(crate) fn media(&self, file: &str) -> String {
        format!("/live/{}/{}/0/{file}", self.channel.name, self.session.epoch)
    }

    pub(crate) async fn playlist(&self, query: &str) -> String {
        let url = self.media(&format!("media.m3u8{query}"));
        String::from_utf8(self.client.fetch(&url).await.unwrap().to_vec()).unwrap()
    }
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> ErrorCode {
    let error = result.expect_err("this must be refused");
    error.code().unwrap_or_else(|| panic!("no answer: {error}"))
}

/// The next event that is not about viewers.
pub(crate) async fn event(chat: &mut ChatConnection) -> ChatEvent {
    loop {
        let event = tokio::time::timeout(PATIENCE, chat.next()).await.expect("an event in time");
        match event.expect("an open chat").unwrap() {
            ChatEvent::Viewers { .. } => {}
            event => return event,
        }
    }
}

/// A request as it stands, for what the client would not send.
pub(crate) async fn raw(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (u16, reqwest::header::HeaderMap, Bytes) {
    let url = client.absolute(path).unwrap();
    let mut request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body);
    if let Some(token) = client.token() {
        request = request.bearer_auth(token);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap())
}
