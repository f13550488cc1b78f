//! Chats: one room a channel, in memory; the database keeps what was said and may be late.

mod limit;
mod log;
mod room;
mod said;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use runnel_p2p::wire::ChannelId;
use tokio_util::sync::CancellationToken;

use crate::api::{AccountId, Author, ChatEvent, ChatMessage, MessageId, NewMute};
use crate::clock::{Clock, after};
use crate::config::ChatSettings;
use crate::store::{MessageRow, Sanction, Store, StoreError};
use crate::telemetry::Metrics;

use limit::Buckets;
use log::Log;
use room::Room;
pub(crate) use room::{Delivery, MemberId};
pub(crate) use said::Refused;

/// Why somebody did not get into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum JoinError {
    /// The room is full.
    #[error("{0} are in this chat, which is the limit")]
    Full(usize),
    /// The account is in too often.
    #[error("this account is in this chat {0} times, which is the limit")]
    TooOften(usize),
}

/// A seat in a room; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    chat: Arc<Chat>,
    channel: ChannelId,
    member: MemberId,
    /// What the room sends.
    pub events: tokio::sync::mpsc::Receiver<Delivery>,
    /// The room threw the member out: it was too slow, or is banned.
    pub evicted: CancellationToken,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.chat.leave(self.channel, self.member);
    }
}

/// All chats.
#[derive(Debug)]
pub(crate) struct Chat {
    settings: ChatSettings,
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    rooms: Mutex<HashMap<ChannelId, Room>>,
    buckets: Mutex<Buckets>,
    log: Log,
    last_id: AtomicU64,
    next_member: AtomicU64,
}

impl Chat {
    /// Chats whose messages are kept in this store.
    pub(crate) fn new(settings: ChatSettings, store: Store, clock: Clock, metrics: Arc<Metrics>) -> Arc<Self> {
        let log = Log::start(store.clone(), Arc::clone(&metrics));
        Arc::new(Self {
            buckets: Mutex::new(Buckets::new(settings.burst, settings.every)),
            settings,
            store,
            clock,
            metrics,
            rooms: Mutex::default(),
            log,
            last_id: AtomicU64::new(0),
            next_member: AtomicU64::new(0),
        })
    }

    /// Enters a room; the recent messages wait in the seat already.
    pub(crate) async fn join(
        self: &Arc<Self>,
        channel: ChannelId,
        account: Option<Author>,
        welcome: ChatEvent,
    ) -> Result<Seat, JoinError> {
        if !self.rooms.lock().contains_key(&channel) {
            let (history, mutes) = self.load(channel).await;
            // Somebody may have opened it meanwhile, with a newer history.
            self.rooms.lock().entry(channel).or_insert_with(|| Room::new(history, mutes, self.settings.history));
        }
        let member = MemberId(self.next_member.fetch_add(1, Ordering::Relaxed));
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(channel).or_insert_with(|| Room::new(Vec::new(), HashMap::new(), self.settings.history));
        let limits = (self.settings.max_members, self.settings.connections_per_account);
        let (events, evicted) = room.join(member, account, welcome, limits)?;
        drop(rooms);
        self.metrics.chat_members.add(1);
        Ok(Seat { chat: Arc::clone(self), channel, member, events, evicted })
    }

    /// Tells the room who a member is, once it has signed in.
    pub(crate) fn identify(&self, seat: &Seat, account: Author) -> Result<(), JoinError> {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(&seat.channel) else { return Ok(()) };
        room.identify(seat.member, account, self.settings.connections_per_account)
    }

    /// Says something to everyone in a room.
    pub(crate) fn say(&self, channel: ChannelId, author: &Author, text: &str) -> Result<ChatMessage, Refused> {
        let result = self.try_say(channel, author, text);
        let counter = if result.is_ok() { &self.metrics.chat_messages } else { &self.metrics.chat_refused };
        counter.add(1);
        result
    }

    fn try_say(&self, channel: ChannelId, author: &Author, text: &str) -> Result<ChatMessage, Refused> {
        let text = said::tidy(text, self.settings.max_chars)?;
        let now = self.clock.unix_micros();
        if let Some(until) = self.muted(channel, author.id) {
            return Err(Refused::Muted { until });
        }
        self.buckets.lock().take(author.id, self.clock.now())?;
        let message = ChatMessage { id: self.next_id(now), author: author.clone(), text, at: now / 1000 };
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.say(message.clone(), &self.metrics);
        }
        self.log.add(MessageRow {
            id: message.id,
            channel,
            author: author.id,
            author_name: author.name.clone(),
            text: message.text.clone(),
            at_millis: message.at,
        });
        Ok(message)
    }

    /// Sends an event to everyone in a room.
    pub(crate) fn post(&self, channel: ChannelId, event: &ChatEvent) {
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.post(event, &self.metrics);
        }
    }

    /// Who wrote a message, and where.
    pub(crate) async fn message(&self, id: MessageId) -> Result<Option<(AccountId, ChannelId)>, StoreError> {
        let known = {
            let rooms = self.rooms.lock();
            rooms.iter().find_map(|(channel, room)| Some((room.author_of(id)?, *channel)))
        };
        match known {
            Some(known) => Ok(Some(known)),
            None => Ok(self.store.message(id).await?.map(|row| (row.author, row.channel))),
        }
    }

    /// Deletes a message everywhere.
    pub(crate) async fn delete(&self, channel: ChannelId, id: MessageId, by: AccountId) -> Result<(), StoreError> {
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.forget(id);
            room.post(&ChatEvent::Deleted { id }, &self.metrics);
        }
        self.log.delete(id, by).await
    }

    /// Mutes an account in a room.
    pub(crate) async fn mute(&self, channel: ChannelId, mute: &NewMute, by: AccountId) -> Result<(), StoreError> {
        let now = self.clock.unix_seconds();
        let until = mute.seconds.map(|seconds| after(now, Duration::from_secs(seconds)));
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.mute(mute.account, until, &self.metrics);
        }
        let reason = mute.reason.chars().take(200).collect();
        self.store.mute(channel, mute.account, &Sanction { until, reason }, by, now).await
    }

    /// Lets an account write again; tells whether it was muted.
    pub(crate) async fn unmute(&self, channel: ChannelId, account: AccountId) -> Result<bool, StoreError> {
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.unmute(account);
        }
        self.store.unmute(channel, account).await
    }

    /// Throws an account out of all rooms.
    pub(crate) fn expel(&self, account: AccountId) {
        for room in self.rooms.lock().values_mut() {
            room.expel(account);
        }
    }

    /// Forgets rooms nobody is in, and buckets that are full again.
    pub(crate) fn tick(&self) {
        self.rooms.lock().retain(|_, room| !room.is_empty());
        self.buckets.lock().prune(self.clock.now());
    }

    /// Waits until everything said so far is in the database.
    pub(crate) async fn flush(&self) {
        self.log.flush().await;
    }

    fn leave(&self, channel: ChannelId, member: MemberId) {
        if let Some(room) = self.rooms.lock().get_mut(&channel) {
            room.leave(member);
        }
        self.metrics.chat_members.sub(1);
    }

    fn muted(&self, channel: ChannelId, account: AccountId) -> Option<Option<i64>> {
        let now = self.clock.unix_seconds();
        self.rooms.lock().get(&channel)?.muted(account, now)
    }

    fn next_id(&self, now_micros: i64) -> MessageId {
        let now = u64::try_from(now_micros).unwrap_or(0);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_id.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).unwrap_or(now);
        MessageId(now.max(last + 1))
    }

    async fn load(&self, channel: ChannelId) -> (Vec<ChatMessage>, HashMap<AccountId, Option<i64>>) {
        let history = match self.store.recent_messages(channel, self.settings.history).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "a chat opens without its history");
                Vec::new()
            }
        };
        let mutes = match self.store.mutes(channel, self.clock.unix_seconds()).await {
            Ok(mutes) => mutes,
            Err(error) => {
                tracing::warn!(%error, "a chat opens without its mutes");
                Vec::new()
            }
        };
        let message = |row: MessageRow| ChatMessage {
            id: row.id,
            author: Author { id: row.author, name: row.author_name },
            text: row.text,
            at: row.at_millis,
        };
        (history.into_iter().map(message).collect(), mutes.into_iter().collect())
    }
}
