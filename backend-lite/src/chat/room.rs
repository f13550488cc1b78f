//! One room: who is in it, what was said lately, who must be silent. It never waits for anybody.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::JoinError;
use crate::api::{AccountId, Author, ChatEvent, ChatMessage, MessageId};
use crate::telemetry::Metrics;

/// Events one member may be behind, besides the history it gets when it enters.
const BEHIND: usize = 64;
/// Messages a member may miss in a row before it is thrown out.
const MISSED: u32 = 256;

/// An event as it goes out, written once for all.
pub(crate) type Delivery = Arc<str>;

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MemberId(pub(super) u64);

#[derive(Debug)]
struct Member {
    account: Option<AccountId>,
    events: mpsc::Sender<Delivery>,
    evicted: CancellationToken,
    missed: u32,
}

#[derive(Debug)]
pub(super) struct Room {
    members: HashMap<MemberId, Member>,
    history: VecDeque<ChatMessage>,
    mutes: HashMap<AccountId, Option<i64>>,
    kept: usize,
}

impl Room {
    pub(super) fn new(history: Vec<ChatMessage>, mutes: HashMap<AccountId, Option<i64>>, kept: usize) -> Self {
        Self { members: HashMap::new(), history: history.into(), mutes, kept }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn join(
        &mut self,
        id: MemberId,
        account: Option<Author>,
        welcome: ChatEvent,
        (most, most_of_account): (usize, usize),
    ) -> Result<(mpsc::Receiver<Delivery>, CancellationToken), JoinError> {
        if self.members.len() >= most {
            return Err(JoinError::Full(most));
        }
        let account = account.map(|author| author.id);
        self.check_often(account, most_of_account)?;
        let (events, receiver) = mpsc::channel(BEHIND + self.kept + 1);
        let evicted = CancellationToken::new();
        let recent = self.history.iter().cloned().map(ChatEvent::Message);
        for event in std::iter::once(welcome).chain(recent) {
            // The queue was made long enough for these.
            let _ = events.try_send(written(&event));
        }
        self.members.insert(id, Member { account, events, evicted: evicted.clone(), missed: 0 });
        Ok((receiver, evicted))
    }

    pub(super) fn identify(&mut self, id: MemberId, account: Author, most: usize) -> Result<(), JoinError> {
        self.check_often(Some(account.id), most)?;
        if let Some(member) = self.members.get_mut(&id) {
            member.account = Some(account.id);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, id: MemberId) {
        self.members.remove(&id);
    }

    pub(super) fn say(&mut self, message: ChatMessage, metrics: &Metrics) {
        if self.kept > 0 {
            while self.history.len() >= self.kept {
                self.history.pop_front();
            }
            self.history.push_back(message.clone());
        }
        let event = written(&ChatEvent::Message(message));
        for member in self.members.values_mut() {
            match member.events.try_send(Arc::clone(&event)) {
                Ok(()) => member.missed = 0,
                Err(_) => {
                    // One may miss chatter, but not for ever.
                    metrics.chat_dropped.add(1);
                    member.missed += 1;
                    if member.missed >= MISSED && !member.evicted.is_cancelled() {
                        metrics.chat_evicted.add(1);
                        member.evicted.cancel();
                    }
                }
            }
        }
    }

    /// Sends what must not be missed: who cannot take it must come in again.
    pub(super) fn post(&mut self, event: &ChatEvent, metrics: &Metrics) {
        let event = written(event);
        for member in self.members.values() {
            if member.events.try_send(Arc::clone(&event)).is_err() && !member.evicted.is_cancelled() {
                metrics.chat_evicted.add(1);
                member.evicted.cancel();
            }
        }
    }

    pub(super) fn author_of(&self, id: MessageId) -> Option<AccountId> {
        self.history.iter().find(|message| message.id == id).map(|message| message.author.id)
    }

    pub(super) fn forget(&mut self, id: MessageId) {
        self.history.retain(|message| message.id != id);
    }

    pub(super) fn mute(&mut self, account: AccountId, until: Option<i64>, metrics: &Metrics) {
        self.mutes.insert(account, until);
        let event = written(&ChatEvent::Muted { until });
        for member in self.members.values().filter(|member| member.account == Some(account)) {
            if member.events.try_send(Arc::clone(&event)).is_err() {
                metrics.chat_dropped.add(1);
            }
        }
    }

    pub(super) fn unmute(&mut self, account: AccountId) {
        self.mutes.remove(&account);
    }

    /// The end of an account's mute, if it is muted now.
    pub(super) fn muted(&self, account: AccountId, now: i64) -> Option<Option<i64>> {
        self.mutes.get(&account).copied().filter(|until| until.is_none_or(|until| until > now))
    }

    pub(super) fn expel(&mut self, account: AccountId) {
        for member in self.members.values().filter(|member| member.account == Some(account)) {
            member.evicted.cancel();
        }
    }

    fn check_often(&self, account: Option<AccountId>, most: usize) -> Result<(), JoinError> {
        let same = |member: &&Member| account.is_some() && member.account == account;
        if self.members.values().filter(same).count() >= most { Err(JoinError::TooOften(most)) } else { Ok(()) }
    }
}

fn written(event: &ChatEvent) -> Delivery {
    // Our own types always have a JSON form.
    serde_json::to_string(event).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u64, author: u64) -> ChatMessage {
        let author = Author { id: AccountId(author), name: "a".to_owned() };
        ChatMessage { id: MessageId(id), author, text: "hi".to_owned(), at: 0 }
    }

    fn welcome() -> ChatEvent {
        ChatEvent::Welcome { account: None, broadcast: None, state: None, max_chars: 200 }
    }

    fn read(receiver: &mut mpsc::Receiver<Delivery>) -> Vec<ChatEvent> {
        std::iter::from_fn(|| receiver.try_recv().ok()).map(|text| serde_json::from_str(&text).unwrap()).collect()
    }

    #[test]
    fn newcomers_get_the_recent_messages() {
        let metrics = Metrics::default();
        let mut room = Room::new(Vec::new(), HashMap::new(), 3);
        for id in 0..10 {
            room.say(message(id, 1), &metrics);
        }
        room.forget(MessageId(8));
        let (mut events, _) = room.join(MemberId(1), None, welcome(), (10, 10)).unwrap();
        let got = read(&mut events);
        assert_eq!(got, [welcome(), ChatEvent::Message(message(7, 1)), ChatEvent::Message(message(9, 1))]);
        assert_eq!(room.author_of(MessageId(9)), Some(AccountId(1)));
    }

    #[test]
    fn the_slow_miss_chatter_first_and_are_thrown_out_then() {
        let metrics = Metrics::default();
        let mut room = Room::new(Vec::new(), HashMap::new(), 0);
        let (_slow, slow_out) = room.join(MemberId(1), None, welcome(), (10, 10)).unwrap();
        let (mut quick, quick_out) = room.join(MemberId(2), None, welcome(), (10, 10)).unwrap();
        for id in 0..(BEHIND as u64 + u64::from(MISSED)) {
            assert!(!slow_out.is_cancelled(), "{id}");
            room.say(message(id, 1), &metrics);
            read(&mut quick);
        }
        room.say(message(9999, 1), &metrics);
        assert!(slow_out.is_cancelled() && !quick_out.is_cancelled());
        assert_eq!(metrics.chat_evicted.get(), 1);
        // What must not be missed throws out at once.
        let (_full, full_out) = room.join(MemberId(3), None, welcome(), (10, 10)).unwrap();
        for id in 0..BEHIND as u64 {
            room.say(message(id, 1), &metrics);
        }
        room.post(&ChatEvent::Deleted { id: MessageId(1) }, &metrics);
        assert!(full_out.is_cancelled());
    }

    #[test]
    fn rooms_and_accounts_have_limits() {
        let mut room = Room::new(Vec::new(), HashMap::new(), 0);
        let author = || Some(Author { id: AccountId(1), name: "a".to_owned() });
        assert!(room.join(MemberId(1), author(), welcome(), (3, 1)).is_ok());
        assert_eq!(room.join(MemberId(2), author(), welcome(), (3, 1)).unwrap_err(), JoinError::TooOften(1));
        assert!(room.join(MemberId(3), None, welcome(), (3, 1)).is_ok());
        assert!(room.identify(MemberId(3), author().unwrap(), 1).is_err());
        assert!(room.join(MemberId(4), None, welcome(), (3, 1)).is_ok());
        assert_eq!(room.join(MemberId(5), None, welcome(), (3, 1)).unwrap_err(), JoinError::Full(3));
    }
}
