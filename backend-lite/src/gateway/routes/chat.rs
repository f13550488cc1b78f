//! The chat's WebSocket and what moderators do with it.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures::{SinkExt, StreamExt};

use crate::accounts::Token;
use crate::api::{AccountId, Author, Channel, ChatCommand, ChatEvent, ErrorCode, MessageId, NewMute};
use crate::authorise::{Action, Actor, Denied, Object, authorise};
use crate::chat::Seat;
use crate::gateway::extract::{Asker, Json, Path};
use crate::gateway::failure::Failure;
use crate::gateway::state::{Held, Services};

/// Largest frame a client may send.
const MOST_BYTES: usize = 4 << 10;
/// A quiet client is asked for a sign of life so often.
const PING: Duration = Duration::from_secs(20);
/// And is gone after so many unanswered ones.
const PINGS: u32 = 3;
/// Frames that were refused before the connection is closed.
const REFUSALS: u32 = 100;

pub(super) async fn enter(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(channel): Path<String>,
    headers: HeaderMap,
    held: Option<Extension<Held>>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Failure> {
    check_origin(&services, &headers)?;
    let channel = services.catalog.channel(&channel).await?;
    let broadcast = services.catalog.current(channel.id).map(|info| services.complete(info));
    if let Some(info) = &broadcast {
        asker.may(Action::Watch, &Object::Broadcast { owner: channel.owner, visibility: info.visibility })?;
    }
    let author = author(&asker.actor);
    let open = broadcast.filter(|info| info.state.is_open());
    let welcome = ChatEvent::Welcome {
        account: author.clone(),
        broadcast: open.as_ref().map(|info| info.id),
        state: open.as_ref().map(|info| info.state),
        max_chars: u32::try_from(services.settings.chat.max_chars).unwrap_or(u32::MAX),
    };
    let seat = services.chat.join(channel.id, author, welcome).await?;
    let upgrade = upgrade
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(256 << 10)
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES);
    let tasks = services.tasks.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        let visit = Visit { services, channel, seat, actor: asker.actor, refusals: 0, _held: held };
        tasks.track_future(visit.run(socket))
    }))
}

/// A page on a foreign site must not speak in its visitor's name. Programs send no origin.
fn check_origin(services: &Services, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let server = &services.settings.server;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own =
        ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host) && !host.is_empty());
    let public = server.public_url.as_deref() == Some(origin);
    if own || public || server.allowed_origins.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::Forbidden,
        format!("pages of {origin:?} may not open this chat"),
        "see server.allowed_origins",
    ))
}

fn author(actor: &Actor) -> Option<Author> {
    actor.account().map(|account| Author { id: account.id, name: account.name.clone() })
}

/// One connection, from its welcome to its end.
struct Visit {
    services: Arc<Services>,
    channel: Channel,
    seat: Seat,
    actor: Actor,
    refusals: u32,
    /// The connection counts until the visit is over.
    _held: Option<Extension<Held>>,
}

impl Visit {
    async fn run(mut self, socket: WebSocket) {
        let (mut sink, mut stream) = socket.split();
        let closing = self.services.closing.clone();
        let evicted = self.seat.evicted.clone();
        let mut ping = tokio::time::interval(PING);
        ping.reset();
        let mut unanswered = 0;
        let (code, reason) = loop {
            let out = tokio::select! {
                biased;
                () = closing.cancelled() => break (close_code::RESTART, "the server is shutting down"),
                () = evicted.cancelled() => break (close_code::POLICY, "too slow, or banned"),
                event = self.seat.events.recv() => match event {
                    Some(event) => Message::Text(event.as_ref().into()),
                    None => break (close_code::NORMAL, ""),
                },
                frame = stream.next() => {
                    unanswered = 0;
                    match frame {
                        Some(Ok(Message::Text(text))) => match self.hear(&text).await {
                            Some(answer) => answer,
                            None if self.refusals >= REFUSALS => break (close_code::POLICY, "too many refused messages"),
                            None => continue,
                        },
                        Some(Ok(Message::Close(_))) | None => break (close_code::NORMAL, ""),
                        Some(Ok(Message::Binary(_))) => break (close_code::UNSUPPORTED, "text only"),
                        Some(Ok(_)) => continue,
                        Some(Err(_)) => break (close_code::SIZE, "the frame is too large or broken"),
                    }
                }
                _ = ping.tick() => {
                    unanswered += 1;
                    if unanswered > PINGS {
                        break (close_code::AWAY, "no sign of life");
                    }
                    Message::Ping(Default::default())
                }
            };
            // A client that takes nothing does not hold this task: its queue fills, and it is thrown out.
            let sent = tokio::select! {
                sent = sink.send(out) => sent,
                () = evicted.cancelled() => break (close_code::POLICY, "too slow, or banned"),
                () = closing.cancelled() => break (close_code::RESTART, "the server is shutting down"),
            };
            if sent.is_err() {
                return;
            }
        };
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // The other side may be gone or stuck; it has had its chance.
        let _ = tokio::time::timeout(Duration::from_secs(1), sink.send(close)).await;
    }

    /// Takes what the client says; gives what must be answered to it alone.
    async fn hear(&mut self, text: &str) -> Option<Message> {
        match self.obey(text).await {
            Ok(answer) => answer,
            Err(failure) => {
                self.refusals += 1;
                let error = failure.error;
                Some(ChatEvent::Error { code: error.code, message: error.message, next: error.next })
            }
        }
        .and_then(|event| serde_json::to_string(&event).ok())
        .map(|text| Message::Text(text.into()))
        .filter(|_| self.refusals < REFUSALS)
    }

    async fn obey(&mut self, text: &str) -> Result<Option<ChatEvent>, Failure> {
        let command = serde_json::from_str::<ChatCommand>(text).map_err(|error| {
            Failure::new(ErrorCode::BadRequest, error, "see the API's description of chat commands")
        })?;
        match command {
            ChatCommand::Hello { token } => self.sign_in(&token).await,
            ChatCommand::Say { text } => {
                let guests_may_write = self.services.settings.chat.guests;
                let object = Object::Chat { owner: self.channel.owner, guests_may_write };
                authorise(&self.actor, Action::WriteChat, &object)?;
                let author = author(&self.actor).ok_or(Denied::Unauthenticated)?;
                self.services.chat.say(self.channel.id, &author, &text)?;
                Ok(None)
            }
        }
    }

    async fn sign_in(&mut self, token: &str) -> Result<Option<ChatEvent>, Failure> {
        let refused =
            || Failure::new(ErrorCode::Unauthenticated, "the token does not work (any more)", "sign in again");
        let token = Token::parse(token).ok_or_else(refused)?;
        let actor = self.services.accounts.actor(&token).await?;
        let author = author(&actor).ok_or_else(refused)?;
        self.services.chat.identify(&self.seat, author.clone())?;
        self.actor = actor;
        let open = self.services.catalog.current(self.channel.id).map(|info| self.services.complete(info));
        let open = open.filter(|info| info.state.is_open());
        Ok(Some(ChatEvent::Welcome {
            account: Some(author),
            broadcast: open.as_ref().map(|info| info.id),
            state: open.as_ref().map(|info| info.state),
            max_chars: u32::try_from(self.services.settings.chat.max_chars).unwrap_or(u32::MAX),
        }))
    }
}

pub(super) async fn delete_message(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<u64>,
) -> Result<StatusCode, Failure> {
    let by = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    let found = services.chat.message(MessageId(id)).await?;
    let (author, channel) = found.ok_or_else(|| Failure::new(ErrorCode::NotFound, "there is no such message", ""))?;
    let channel = services.catalog.channel(&channel.to_string()).await?;
    asker.may(Action::DeleteMessage, &Object::Message { author, channel_owner: channel.owner })?;
    services.chat.delete(channel.id, MessageId(id), by).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn mute(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(channel): Path<String>,
    Json(mute): Json<NewMute>,
) -> Result<StatusCode, Failure> {
    let channel = services.catalog.channel(&channel).await?;
    asker.may(Action::Mute, &Object::Channel { owner: channel.owner })?;
    let by = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    services.chat.mute(channel.id, &mute, by).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unmute(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path((channel, account)): Path<(String, u64)>,
) -> Result<StatusCode, Failure> {
    let channel = services.catalog.channel(&channel).await?;
    asker.may(Action::Mute, &Object::Channel { owner: channel.owner })?;
    if services.chat.unmute(channel.id, AccountId(account)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failure::new(ErrorCode::NotFound, "this account is not muted here", ""))
    }
}
