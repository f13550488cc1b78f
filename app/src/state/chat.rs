//! The chat of one channel, as far as the screens keep it.

use std::collections::VecDeque;

use runnel_media::format::WallClock;

/// Messages kept: as much as anyone scrolls back in a live chat.
pub const MAX_MESSAGES: usize = 1000;

/// Whether one can read and write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChatPhase {
    /// Not joined yet, or joining again after a loss.
    #[default]
    Connecting,
    /// Open.
    Open,
    /// One may read but not write: signed out, or muted by a moderator.
    ReadOnly,
    /// The broadcast has ended.
    Closed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its id, by which it can be deleted.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// What.
    pub text: String,
    /// When, by the server's clock.
    pub at: WallClock,
    /// Whether one wrote it oneself.
    pub own: bool,
}

/// Something that happened in a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatEvent {
    /// Whether one can read and write changed.
    Phase(ChatPhase),
    /// A message came.
    Message(ChatMessage),
    /// A message was deleted, by its id.
    Deleted(String),
}

/// The newest messages and how many have come in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chat {
    /// Whether one can read and write.
    pub phase: ChatPhase,
    /// The newest messages, oldest first; at most [`MAX_MESSAGES`].
    pub messages: VecDeque<ChatMessage>,
    /// Messages that ever came: who draws them knows by it what is new.
    pub received: u64,
}

impl Chat {
    /// Folds one event in.
    pub fn apply(&mut self, event: ChatEvent) {
        match event {
            ChatEvent::Phase(phase) => self.phase = phase,
            ChatEvent::Message(message) => {
                self.received += 1;
                self.messages.push_back(message);
                if self.messages.len() > MAX_MESSAGES {
                    self.messages.pop_front();
                }
            }
            ChatEvent::Deleted(id) => self.messages.retain(|message| message.id != id),
        }
    }
}
