//! Who may do what: the one place in the server where that is decided.

use crate::api::{Account, AccountId, Role, Visibility};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Nobody we know.
    Anonymous,
    /// A signed-in account that is not banned.
    Account(Account),
}

impl Actor {
    /// The account, if signed in.
    pub(crate) fn account(&self) -> Option<&Account> {
        match self {
            Self::Anonymous => None,
            Self::Account(account) => Some(account),
        }
    }

    fn is(&self, owner: AccountId) -> bool {
        self.account().is_some_and(|account| account.id == owner)
    }

    fn at_least(&self, role: Role) -> bool {
        self.account().is_some_and(|account| account.role >= role)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Make a channel.
    CreateChannel,
    /// Change a channel's keys or title.
    EditChannel,
    /// Announce a broadcast on a channel.
    CreateBroadcast,
    /// Change a broadcast's title and flags.
    EditBroadcast,
    /// End a broadcast in good order.
    EndBroadcast,
    /// Remove a broadcast by a signed revocation.
    TakeDown,
    /// Send chunks, manifests and pictures.
    Publish,
    /// See a broadcast, its playlists, chunks, peers and chat.
    Watch,
    /// Find a broadcast in the live list.
    List,
    /// Write in a chat.
    WriteChat,
    /// Delete a message.
    DeleteMessage,
    /// Mute somebody in a channel.
    Mute,
    /// Ban somebody from the community.
    Ban,
    /// Change somebody's role.
    SetRole,
    /// Read metrics.
    ReadMetrics,
}

/// What it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// The community as a whole.
    Community,
    /// A channel.
    Channel {
        /// Who owns it.
        owner: AccountId,
    },
    /// A broadcast.
    Broadcast {
        /// Who owns its channel.
        owner: AccountId,
        /// Who may see it.
        visibility: Visibility,
    },
    /// A channel's chat.
    Chat {
        /// Who owns the channel.
        owner: AccountId,
        /// Whether guests may write.
        guests_may_write: bool,
    },
    /// A chat message.
    Message {
        /// Who wrote it.
        author: AccountId,
        /// Who owns the channel.
        channel_owner: AccountId,
    },
    /// An account.
    Account {
        /// Which one.
        id: AccountId,
        /// Its role.
        role: Role,
    },
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Denied {
    /// Nobody is signed in, and somebody would have to be.
    #[error("you are not signed in")]
    Unauthenticated,
    /// Signed in, but this is not for them.
    #[error("you are not allowed to do this")]
    Forbidden,
}

/// Decides whether `actor` may do `action` on `object`; what is not named here is denied.
pub(crate) fn authorise(actor: &Actor, action: Action, object: &Object) -> Result<(), Denied> {
    if allowed(actor, action, object) {
        Ok(())
    } else if *actor == Actor::Anonymous {
        Err(Denied::Unauthenticated)
    } else {
        Err(Denied::Forbidden)
    }
}

fn allowed(actor: &Actor, action: Action, object: &Object) -> bool {
    let moderator = actor.at_least(Role::Moderator);
    let admin = actor.at_least(Role::Admin);
    match (action, *object) {
        (Action::CreateChannel, Object::Community) => actor.at_least(Role::User),
        (Action::EditChannel, Object::Channel { owner }) => actor.is(owner) || admin,
        // Not even an admin speaks in a streamer's name: that is what the channel's keys are for.
        (Action::CreateBroadcast, Object::Channel { owner }) => actor.is(owner),
        (Action::Publish, Object::Broadcast { owner, .. }) => actor.is(owner),
        (Action::EditBroadcast | Action::EndBroadcast, Object::Broadcast { owner, .. }) => actor.is(owner),
        (Action::TakeDown, Object::Broadcast { .. }) => moderator,
        (Action::Watch, Object::Broadcast { owner, visibility }) => match visibility {
            Visibility::Public | Visibility::Unlisted => true,
            Visibility::Members => actor.at_least(Role::User) || actor.is(owner),
        },
        (Action::List, Object::Broadcast { owner, visibility }) => match visibility {
            Visibility::Public => true,
            Visibility::Unlisted => actor.is(owner) || moderator,
            Visibility::Members => actor.at_least(Role::User),
        },
        (Action::WriteChat, Object::Chat { owner, guests_may_write }) => {
            actor.at_least(Role::User) || actor.is(owner) || guests_may_write && actor.at_least(Role::Guest)
        }
        (Action::DeleteMessage, Object::Message { author, channel_owner }) => {
            actor.is(author) || actor.is(channel_owner) || moderator
        }
        (Action::Mute, Object::Channel { owner }) => actor.is(owner) || moderator,
        // Nobody bans somebody of their own rank or above, themselves included.
        (Action::Ban, Object::Account { role, .. }) => {
            moderator && actor.account().is_some_and(|account| account.role > role)
        }
        (Action::SetRole, Object::Account { id, role }) => admin && !actor.is(id) && role != Role::Guest,
        (Action::ReadMetrics, Object::Community) => admin,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: AccountId = AccountId(1);

    fn actor(role: Role, id: u64) -> Actor {
        Actor::Account(Account { id: AccountId(id), name: "somebody".to_owned(), role })
    }

    /// One line an action: may anonymous, a guest, a user, the owner, a moderator, an admin?
    #[test]
    fn the_whole_matrix() {
        use Action::*;
        let actors = [
            Actor::Anonymous,
            actor(Role::Guest, 2),
            actor(Role::User, 3),
            actor(Role::User, OWNER.0),
            actor(Role::Moderator, 4),
            actor(Role::Admin, 5),
        ];
        let channel = Object::Channel { owner: OWNER };
        let broadcast = |visibility| Object::Broadcast { owner: OWNER, visibility };
        let public = broadcast(Visibility::Public);
        let chat = |guests_may_write| Object::Chat { owner: OWNER, guests_may_write };
        let account = |role| Object::Account { id: AccountId(9), role };
        for (action, object, row) in [
            (CreateChannel, Object::Community, [0, 0, 1, 1, 1, 1]),
            (EditChannel, channel, [0, 0, 0, 1, 0, 1]),
            (CreateBroadcast, channel, [0, 0, 0, 1, 0, 0]),
            (EditBroadcast, public, [0, 0, 0, 1, 0, 0]),
            (EndBroadcast, public, [0, 0, 0, 1, 0, 0]),
            (TakeDown, public, [0, 0, 0, 0, 1, 1]),
            (Publish, public, [0, 0, 0, 1, 0, 0]),
            (Watch, public, [1, 1, 1, 1, 1, 1]),
            (Watch, broadcast(Visibility::Unlisted), [1, 1, 1, 1, 1, 1]),
            (Watch, broadcast(Visibility::Members), [0, 0, 1, 1, 1, 1]),
            (List, public, [1, 1, 1, 1, 1, 1]),
            (List, broadcast(Visibility::Unlisted), [0, 0, 0, 1, 1, 1]),
            (List, broadcast(Visibility::Members), [0, 0, 1, 1, 1, 1]),
            (WriteChat, chat(true), [0, 1, 1, 1, 1, 1]),
            (WriteChat, chat(false), [0, 0, 1, 1, 1, 1]),
            (DeleteMessage, Object::Message { author: AccountId(3), channel_owner: OWNER }, [0, 0, 1, 1, 1, 1]),
            (DeleteMessage, Object::Message { author: AccountId(8), channel_owner: OWNER }, [0, 0, 0, 1, 1, 1]),
            (Mute, channel, [0, 0, 0, 1, 1, 1]),
            (Ban, account(Role::Guest), [0, 0, 0, 0, 1, 1]),
            (Ban, account(Role::User), [0, 0, 0, 0, 1, 1]),
            (Ban, account(Role::Moderator), [0, 0, 0, 0, 0, 1]),
            (Ban, account(Role::Admin), [0, 0, 0, 0, 0, 0]),
            (SetRole, account(Role::User), [0, 0, 0, 0, 0, 1]),
            (SetRole, account(Role::Guest), [0, 0, 0, 0, 0, 0]),
            (SetRole, Object::Account { id: AccountId(5), role: Role::Admin }, [0, 0, 0, 0, 0, 0]),
            (ReadMetrics, Object::Community, [0, 0, 0, 0, 0, 1]),
            // An action on something it does not fit is denied to all.
            (TakeDown, channel, [0, 0, 0, 0, 0, 0]),
            (Publish, Object::Community, [0, 0, 0, 0, 0, 0]),
        ] {
            for (actor, expected) in actors.iter().zip(row) {
                let result = authorise(actor, action, &object);
                assert_eq!(result.is_ok(), expected == 1, "{actor:?} {action:?} {object:?}");
                if result.is_err() {
                    let anonymous = *actor == Actor::Anonymous;
                    assert_eq!(result == Err(Denied::Unauthenticated), anonymous);
                }
            }
        }
    }
}
