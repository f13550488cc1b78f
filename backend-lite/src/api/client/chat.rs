//! The chat WebSocket, seen from the client.

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode, header};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::{Role as SocketRole, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::watch::segment;
use super::{Client, ClientError, accept};
use crate::api::{ChatCommand, ChatEvent};

type Socket = WebSocketStream<reqwest::Upgraded>;

impl Client {
    /// `GET /v1/channels/{id or name}/chat`: enters a channel's room.
    pub async fn chat(&self, channel: &str) -> Result<ChatConnection, ClientError> {
        let url = self.absolute(&format!("v1/channels/{}/chat", segment(channel)))?;
        let mut request = self
            .upgrades
            .request(Method::GET, url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let response = accept(response).await?;
            return Err(ClientError::Answer(format!("status {} for a WebSocket", response.status())));
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .max_message_size(Some(64 << 10))
            .max_frame_size(Some(64 << 10));
        let upgraded = response.upgrade().await?;
        let socket = WebSocketStream::from_raw_socket(upgraded, SocketRole::Client, Some(config)).await;
        let (sink, stream) = socket.split();
        Ok(ChatConnection { sink: ChatSink { sink }, stream: ChatStream { stream } })
    }
}

/// An open chat; split it to send and receive from different tasks.
#[derive(Debug)]
pub struct ChatConnection {
    sink: ChatSink,
    stream: ChatStream,
}

impl ChatConnection {
    /// Says something to the room.
    pub async fn say(&mut self, text: &str) -> Result<(), ClientError> {
        self.sink.say(text).await
    }

    /// The next event; `None` once the server has closed.
    pub async fn next(&mut self) -> Option<Result<ChatEvent, ClientError>> {
        self.stream.next().await
    }

    /// Both halves.
    pub fn split(self) -> (ChatSink, ChatStream) {
        (self.sink, self.stream)
    }
}

/// The sending half of a chat.
#[derive(Debug)]
pub struct ChatSink {
    sink: SplitSink<Socket, Message>,
}

impl ChatSink {
    /// Says something to the room.
    pub async fn say(&mut self, text: &str) -> Result<(), ClientError> {
        self.send(&ChatCommand::Say { text: text.to_owned() }).await
    }

    /// Sends any command.
    pub async fn send(&mut self, command: &ChatCommand) -> Result<(), ClientError> {
        let text = serde_json::to_string(command).map_err(|error| ClientError::Answer(error.to_string()))?;
        self.sink.send(Message::Text(Utf8Bytes::from(text))).await.map_err(broken)
    }

    /// Leaves the room.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        self.sink.close().await.map_err(broken)
    }
}

/// The receiving half of a chat; answers pings by itself while it is polled.
#[derive(Debug)]
pub struct ChatStream {
    stream: SplitStream<Socket>,
}

impl ChatStream {
    /// The next event; `None` once the server has closed.
    pub async fn next(&mut self) -> Option<Result<ChatEvent, ClientError>> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).map_err(|error| ClientError::Answer(error.to_string())));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(broken(error))),
            }
        }
    }
}

fn broken(error: tokio_tungstenite::tungstenite::Error) -> ClientError {
    ClientError::Answer(format!("the chat connection broke: {error}"))
}
