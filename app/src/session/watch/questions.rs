//! What a viewer asks the server for: where the broadcast is, whether it goes on, its newest description.

use std::time::Duration;

use backend_lite::api::{BroadcastState, ChunkRange, ClientError};

use super::feed::Feed;
use super::find::Renewed;
use super::viewing::{Over, Viewing};
use super::{Phase, WatchError, presence};
use crate::session::broadcast::RENDITION;
use crate::session::clock;
use crate::settings::P2pMode;

/// How long peers have to give the start before the server is asked for it.
const PEERS_FIRST: Duration = Duration::from_millis(150);
/// How long a question to the server may take.
const QUESTION: Duration = Duration::from_secs(3);
/// Longest start that the server gives: one GOP and a little.
const LONGEST_START: u64 = 64;

/// What a question to the server brought.
pub(super) enum Answer {
    Range(Result<ChunkRange, ClientError>),
    /// Where the broadcast stands, and whether the channel shows another one.
    State {
        state: Option<BroadcastState>,
        superseded: bool,
    },
    Manifest(Result<Box<Renewed>, WatchError>),
    /// Peers had their chance to give the start.
    StartDue,
}

impl Viewing<'_> {
    /// Asks where the broadcast is, and rings when peers had their chance to give the start.
    pub(super) fn ask_range(&self) {
        let (client, epoch, tell) = (self.found.client.clone(), self.found.manifest.epoch.0, self.answers.0.clone());
        tokio::spawn(async move {
            let range = client.chunk_range(epoch, RENDITION.0).await;
            // The viewing may be over by now.
            if tell.send(Answer::Range(range)).await.is_ok() {
                tokio::time::sleep(PEERS_FIRST).await;
                let _ = tell.send(Answer::StartDue).await;
            }
        });
    }

    /// Asks where the broadcast stands, and whether the channel shows another one.
    pub(super) fn ask_state(&self) {
        let (client, tell) = (self.found.client.clone(), self.answers.0.clone());
        let (id, channel) = (self.found.broadcast.id, self.found.broadcast.channel);
        tokio::spawn(async move {
            let question = async {
                let state = client.broadcast(id).await.map(|info| info.state).ok();
                let over = !state.is_some_and(BroadcastState::is_open);
                let live = if over { client.channel(&channel.to_string()).await.ok() } else { None };
                let superseded = live.and_then(|channel| channel.live).is_some_and(|live| live.id != id);
                Answer::State { state, superseded }
            };
            if let Ok(answer) = tokio::time::timeout(QUESTION, question).await {
                let _ = tell.send(answer).await;
            }
        });
    }

    /// Asks for the newest manifest, once at a time.
    pub(super) fn renew(&mut self) {
        if std::mem::replace(&mut self.renewing, true) {
            return;
        }
        let (found, tell) = (self.found.clone(), self.answers.0.clone());
        tokio::spawn(async move {
            let renewed = found.refresh().await.map(Box::new);
            let _ = tell.send(Answer::Manifest(renewed)).await;
        });
    }

    /// Takes in what a question brought.
    pub(super) fn answered(&mut self, answer: Answer) -> Option<Over> {
        match answer {
            Answer::Range(Ok(range)) => {
                self.start = Some(range);
                if let (Feed::Swarm(swarm), Some(keyframe)) = (&self.feed, range.keyframe)
                    && let Err(error) = swarm.node.live_edge(keyframe, range.next.saturating_sub(1))
                {
                    tracing::debug!(%error, "the node was not told where the broadcast is");
                }
            }
            Answer::Range(Err(error)) => tracing::debug!(%error, "the server does not say where the broadcast is"),
            Answer::StartDue => self.fetch_start(),
            Answer::State { superseded: true, .. } => return Some(Over::Superseded),
            Answer::State { state: Some(state), .. } => {
                let away = matches!(self.session.status.borrow().phase, Phase::Away);
                if away && matches!(state, BroadcastState::Live | BroadcastState::Waiting) {
                    // A broadcaster who comes back signs with another key, which the manifest names.
                    self.renew();
                }
                self.present(presence::Input::State(state));
            }
            Answer::State { state: None, .. } => {}
            Answer::Manifest(renewed) => {
                self.renewing = false;
                match renewed {
                    Ok(renewed) => {
                        let Renewed { channel_keys, signed, manifest } = *renewed;
                        if let Feed::Swarm(swarm) = &self.feed {
                            let keys = swarm.node.set_channel_keys(channel_keys.clone());
                            if let Err(error) = keys.and_then(|()| swarm.node.update_manifest(signed.clone())) {
                                tracing::debug!(%error, "the node did not take the manifest");
                            }
                        }
                        self.found.channel_keys = channel_keys;
                        self.renewed(signed, manifest);
                    }
                    Err(error) => tracing::info!(%error, "the manifest could not be renewed"),
                }
            }
        }
        None
    }

    /// Fetches from the server what peers have not given of the GOP to start with.
    fn fetch_start(&mut self) {
        let Some(range) = self.start.filter(|_| self.session.config.mode == P2pMode::Assist) else { return };
        let start = range.keyframe.unwrap_or(range.first).max(range.next.saturating_sub(LONGEST_START));
        let Feed::Swarm(swarm) = &mut self.feed else { return };
        let deadline = clock::now() + QUESTION;
        for sequence in (start..range.next).filter(|sequence| !self.arrived.contains(sequence)) {
            swarm.fetch(sequence, deadline);
        }
    }
}
