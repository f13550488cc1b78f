//! A client with one method for each route.

mod chat;
mod publish;
mod watch;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

pub use self::chat::{ChatConnection, ChatSink, ChatStream};
use super::*;

/// Longest answer read into memory for anything but media, in bytes.
const MAX_JSON: usize = 4 << 20;

/// Longest media answer read into memory, in bytes.
const MAX_MEDIA: usize = 64 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server said no, and why.
    #[error("{error}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        error: ApiError,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },
    /// The server could not be reached, or the connection broke.
    #[error("no answer from the server: {0}")]
    Transport(#[from] reqwest::Error),
    /// The answer is not what this client understands.
    #[error("the server's answer makes no sense: {0}")]
    Answer(String),
    /// The address of the server is not an HTTP address.
    #[error("{0:?} is not an address like https://example.org")]
    BadUrl(String),
}

impl ClientError {
    /// The server's code, if the server answered.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Api { error, .. } => Some(error.code),
            _ => None,
        }
    }

    /// Whether someone else has taken the broadcast over.
    pub fn is_stale_fence(&self) -> bool {
        self.code() == Some(ErrorCode::StaleFence)
    }

    /// Whether the thing does not exist (any more).
    pub fn is_not_found(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::NotFound | ErrorCode::Gone))
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Api { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Transport(error) => !error.is_builder(),
            _ => false,
        }
    }

    /// How long the server asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Speaks to one community's server; cheap to clone, keeps connections open.
#[derive(Debug, Clone)]
pub struct Client {
    base: Url,
    token: Option<String>,
    http: reqwest::Client,
    /// WebSockets need HTTP/1.1.
    upgrades: reqwest::Client,
}

impl Client {
    /// A client for the server at `base_url`, signed in if there is a token.
    pub fn new(base_url: &str, token: Option<String>) -> Result<Self, ClientError> {
        Self::with_certificates(base_url, token, &[])
    }

    /// A client that also trusts these certificates (PEM), for communities with their own authority.
    pub fn with_certificates(base_url: &str, token: Option<String>, pems: &[&[u8]]) -> Result<Self, ClientError> {
        let bad = || ClientError::BadUrl(base_url.to_owned());
        let mut base = Url::parse(base_url).map_err(|_| bad())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let certificates = pems.iter().map(|pem| reqwest::Certificate::from_pem(pem)).collect::<Result<Vec<_>, _>>()?;
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("runnel/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(5))
                .tcp_nodelay(true)
                .redirect(reqwest::redirect::Policy::none())
                .tls_certs_merge(certificates.clone())
        };
        Ok(Self { base, token, http: builder().build()?, upgrades: builder().http1_only().build()? })
    }

    /// The same client with another token, or none.
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { token, ..self.clone() }
    }

    /// The server's address, with a `/` at the end.
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    /// The token in use.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The full address of something the server named, such as a playlist.
    pub fn absolute(&self, url: &str) -> Result<Url, ClientError> {
        self.base.join(url).map_err(|_| ClientError::BadUrl(url.to_owned()))
    }

    /// `GET /v1/time`.
    pub async fn time(&self) -> Result<ServerTime, ClientError> {
        self.get("v1/time").await
    }

    /// `GET /v1/community`.
    pub async fn community(&self) -> Result<Community, ClientError> {
        self.get("v1/community").await
    }

    /// `GET /health/live`.
    pub async fn live_health(&self) -> Result<Health, ClientError> {
        self.get("health/live").await
    }

    /// `GET /health/ready`; an unready server is an `Ok` whose `ok` is false.
    pub async fn ready_health(&self) -> Result<Health, ClientError> {
        let response = self.request(Method::GET, "health/ready")?.send().await?;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            return decode(&read(response, MAX_JSON).await?);
        }
        json(response).await
    }

    /// `POST /v1/accounts`: makes an account and signs it in.
    pub async fn sign_up(&self, credentials: &Credentials) -> Result<Session, ClientError> {
        self.post("v1/accounts", credentials).await
    }

    /// `POST /v1/sessions`.
    pub async fn sign_in(&self, credentials: &Credentials) -> Result<Session, ClientError> {
        self.post("v1/sessions", credentials).await
    }

    /// `POST /v1/sessions/guest`.
    pub async fn guest(&self) -> Result<Session, ClientError> {
        self.post("v1/sessions/guest", &serde_json::json!({})).await
    }

    /// `DELETE /v1/sessions/current`: the token stops working.
    pub async fn sign_out(&self) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, "v1/sessions/current")?).await
    }

    /// `GET /v1/accounts/me`.
    pub async fn me(&self) -> Result<Account, ClientError> {
        self.get("v1/accounts/me").await
    }

    /// `PUT /v1/accounts/{id}/role`; for admins.
    pub async fn set_role(&self, account: AccountId, role: Role) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &format!("v1/accounts/{account}/role"))?;
        self.empty(request.json(&RoleChange { role })).await
    }

    /// `POST /v1/bans`; for moderators.
    pub async fn ban(&self, ban: &NewBan) -> Result<(), ClientError> {
        self.empty(self.request(Method::POST, "v1/bans")?.json(ban)).await
    }

    /// `DELETE /v1/bans/{account}`; for moderators.
    pub async fn unban(&self, account: AccountId) -> Result<(), ClientError> {
        self.empty(self.request(Method::DELETE, &format!("v1/bans/{account}"))?).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ClientError> {
        let url = self.absolute(path)?;
        let request = self.http.request(method, url).timeout(Duration::from_secs(20));
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        json(self.request(Method::GET, path)?.send().await?).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl serde::Serialize) -> Result<T, ClientError> {
        json(self.request(Method::POST, path)?.json(body).send().await?).await
    }

    async fn empty(&self, request: RequestBuilder) -> Result<(), ClientError> {
        accept(request.send().await?).await.map(drop)
    }
}

async fn accept(response: Response) -> Result<Response, ClientError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = read(response, MAX_JSON).await?;
    let error = match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(body) => body.error,
        Err(_) => ApiError::new(ErrorCode::Unknown, format!("the server answered {status}"), ""),
    };
    Err(ClientError::Api { status: status.as_u16(), error, retry_after })
}

async fn read(mut response: Response, limit: usize) -> Result<bytes::Bytes, ClientError> {
    let mut body = bytes::BytesMut::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > limit {
            return Err(ClientError::Answer(format!("an answer above {limit} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    decode(&read(accept(response).await?, MAX_JSON).await?)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.to_string()))
}
