//! Chats: one task a room, joined again after a loss.

use std::collections::HashMap;
use std::time::Duration;

use backend_lite::api::{self, ChatEvent as Said, Client, MessageId};
use runnel_media::format::WallClock;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Core, News, Tell, problem};
use crate::session::Backoff;
use crate::state::{ChannelId, ChatEvent, ChatMessage, ChatPhase, CommunityId, Event, Notice};

/// Words that may wait for a slow server.
const WAITING: usize = 16;

/// A room that is open; dropping it leaves.
pub(super) struct Room {
    say: mpsc::Sender<String>,
    _leave: DropGuard,
}

/// All rooms that are open.
pub(super) type Rooms = HashMap<(CommunityId, ChannelId), Room>;

/// Opens a room on a task of its own.
pub(super) fn open(client: Client, community: CommunityId, channel: ChannelId, tell: Tell) -> Room {
    let stop = CancellationToken::new();
    let (say, words) = mpsc::channel(WAITING);
    let talk = Talk { client, community, channel, tell, words, own: None };
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stopped.cancelled() => {}
            () = talk.run() => {}
        }
    });
    Room { say, _leave: stop.drop_guard() }
}

impl Room {
    /// Says something; false where too much waits already.
    pub(super) fn say(&self, text: String) -> bool {
        self.say.try_send(text).is_ok()
    }
}

struct Talk {
    client: Client,
    community: CommunityId,
    channel: ChannelId,
    tell: Tell,
    words: mpsc::Receiver<String>,
    own: Option<api::AccountId>,
}

impl Talk {
    async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));
        loop {
            match self.client.chat(&self.channel.0).await {
                Ok(connection) => {
                    backoff.reset();
                    self.talk(connection).await;
                }
                Err(error) if error.is_not_found() => {
                    self.event(ChatEvent::Phase(ChatPhase::Closed)).await;
                    return;
                }
                Err(error) => tracing::debug!(%error, "the chat could not be joined"),
            }
            self.event(ChatEvent::Phase(ChatPhase::Connecting)).await;
            tokio::time::sleep(backoff.wait()).await;
        }
    }

    async fn talk(&mut self, connection: api::ChatConnection) {
        let (mut sink, mut stream) = connection.split();
        loop {
            tokio::select! {
                said = stream.next() => match said {
                    Some(Ok(said)) => self.heard(said).await,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the chat broke off");
                        return;
                    }
                    None => return,
                },
                Some(text) = self.words.recv() => {
                    if self.own.is_none() && !self.become_guest().await {
                        self.event(ChatEvent::Phase(ChatPhase::ReadOnly)).await;
                        continue;
                    }
                    let command = self.client.token().map(str::to_owned).filter(|_| self.own.is_none());
                    if let Some(token) = command
                        && let Err(error) = sink.send(&api::ChatCommand::Hello { token }).await
                    {
                        tracing::debug!(%error, "the chat did not take the sign-in");
                        return;
                    }
                    if let Err(error) = sink.say(&text).await {
                        tracing::debug!(%error, "the chat did not take the words");
                        return;
                    }
                }
            }
        }
    }

    /// Who has no account speaks as a guest, if the community lets guests in.
    async fn become_guest(&mut self) -> bool {
        if self.client.token().is_some() {
            return true;
        }
        match self.client.guest().await {
            Ok(session) => {
                self.client = self.client.with_token(Some(session.token));
                true
            }
            Err(error) => {
                tracing::info!(%error, "guests may not speak");
                false
            }
        }
    }

    async fn heard(&mut self, said: Said) {
        match said {
            Said::Welcome { account, .. } => {
                self.own = account.map(|author| author.id);
                self.event(ChatEvent::Phase(ChatPhase::Open)).await;
            }
            Said::Message(message) => {
                let message = ChatMessage {
                    id: message.id.to_string(),
                    own: self.own == Some(message.author.id),
                    author: message.author.name,
                    text: message.text,
                    at: WallClock::from_micros(message.at.saturating_mul(1000)),
                };
                self.event(ChatEvent::Message(message)).await;
            }
            Said::Deleted { id } => self.event(ChatEvent::Deleted(id.to_string())).await,
            Said::Muted { .. } => self.event(ChatEvent::Phase(ChatPhase::ReadOnly)).await,
            Said::State { state, .. } if !state.is_open() => self.event(ChatEvent::Phase(ChatPhase::Closed)).await,
            other => tracing::debug!(?other, "the chat said something for others"),
        }
    }

    async fn event(&self, event: ChatEvent) {
        let event = Event::Chat { community: self.community.clone(), channel: self.channel.clone(), event };
        // The engine may be ending.
        let _ = self.tell.send(News::Pass(event)).await;
    }
}

impl Core {
    /// The room of a channel, opened if it is not.
    pub(super) fn enter_room(&mut self, community: &CommunityId, channel: &ChannelId) {
        let key = (community.clone(), channel.clone());
        if self.rooms.contains_key(&key) {
            return;
        }
        if let Some(client) = self.communities.get(community).and_then(|member| member.client().ok()) {
            let room = open(client, community.clone(), channel.clone(), self.tell.clone());
            self.rooms.insert(key, room);
        }
    }

    /// Leaves all rooms but those of what is watched and of one's own broadcast.
    pub(super) fn leave_rooms(&mut self) {
        let (watched, own) = (self.viewing.channel(), self.studio.channel());
        self.rooms.retain(|key, _| Some(key) == watched.as_ref() || Some(key) == own.as_ref());
    }

    pub(super) fn send_chat(&mut self, community: &CommunityId, channel: &ChannelId, text: String) {
        let key = (community.clone(), channel.clone());
        let said = self.rooms.get(&key).is_some_and(|room| room.say(text));
        if !said {
            self.problem(crate::state::Problem::Busy);
        }
    }

    pub(super) fn delete_message(&mut self, community: &CommunityId, message: &str) {
        let client =
            self.communities.get(community).and_then(|member| Some((member.client().ok()?, member.address.clone())));
        let (Some((client, address)), Ok(id)) = (client, message.parse()) else { return };
        let tell = self.tell.clone();
        tokio::spawn(async move {
            if let Err(error) = client.delete_message(MessageId(id)).await {
                let notice = Notice::Problem(problem::server(&error, &address));
                let _ = tell.send(News::Pass(Event::Notice(notice))).await;
            }
        });
    }
}
