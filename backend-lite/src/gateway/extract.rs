//! What handlers take out of requests; whatever does not fit is refused in our own words.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path as AxumPath, Query as AxumQuery, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::state::{Peer, Services};
use crate::accounts::Token;
use crate::api::{ErrorCode, FENCE_HEADER};
use crate::authorise::{Action, Actor, Denied, Object, authorise};
use crate::config::Network;

/// Who asks, from where.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) actor: Actor,
    pub(crate) token: Option<Token>,
    pub(crate) address: ClientAddress,
}

impl Asker {
    /// Whether the asker may do this.
    pub(crate) fn may(&self, action: Action, object: &Object) -> Result<(), Denied> {
        authorise(&self.actor, action, object)
    }
}

impl FromRequestParts<Arc<Services>> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Failure> {
        let address = ClientAddress::of(parts, &services.settings.server.trusted_proxies);
        let Some(token) = bearer(&parts.headers)? else {
            return Ok(Self { actor: Actor::Anonymous, token: None, address });
        };
        match services.accounts.actor(&token).await? {
            Actor::Anonymous => {
                Err(Failure::new(ErrorCode::Unauthenticated, "the token does not work (any more)", "sign in again"))
            }
            actor => Ok(Self { actor, token: Some(token), address }),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<Token>, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim())).flatten()
    });
    match token {
        Some(token) => Ok(Some(token)),
        None => {
            Err(Failure::new(ErrorCode::Unauthenticated, "the Authorization header holds no token", "sign in again"))
        }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    pub(crate) ip: IpAddr,
    /// It came straight from this machine, not through a proxy that we do not know.
    pub(crate) at_home: bool,
}

impl ClientAddress {
    pub(crate) fn of(parts: &Parts, trusted: &[Network]) -> Self {
        // Only the listener knows; a request without it is treated as a stranger's.
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let forwarded = forwarded(&parts.headers);
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
        if !is_trusted(&peer) {
            let through_a_proxy = !forwarded.is_empty() || parts.headers.contains_key(header::FORWARDED);
            return Self { ip: peer, at_home: peer.is_loopback() && !through_a_proxy };
        }
        // From the right: each trusted proxy vouches for the one before it.
        let client = forwarded.into_iter().rev().map_while(|entry| entry).find(|address| !is_trusted(address));
        Self { ip: client.unwrap_or(peer), at_home: false }
    }
}

/// The entries of `X-Forwarded-For`; `None` stands for one that is no address.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = headers.get_all("x-forwarded-for").into_iter();
    let entries = values.flat_map(|value| value.to_str().unwrap_or("?").split(','));
    entries.map(|entry| entry.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())).take(32).collect()
}

impl FromRequestParts<Arc<Services>> for ClientAddress {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Failure> {
        Ok(Self::of(parts, &services.settings.server.trusted_proxies))
    }
}

/// The fence of a publishing session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence(pub(crate) u64);

impl<S: Sync> FromRequestParts<S> for Fence {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let value = parts.headers.get(FENCE_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        value.map(Self).ok_or_else(|| {
            let message = format!("the header {FENCE_HEADER} is missing or no number");
            Failure::new(ErrorCode::BadRequest, message, "send the fence that the ingest session gave")
        })
    }
}

/// Values in the path; what cannot be one does not exist.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found: Result<AxumPath<T>, PathRejection> = AxumPath::from_request_parts(parts, state).await;
        found
            .map(|AxumPath(value)| Self(value))
            .map_err(|_| Failure::new(ErrorCode::NotFound, "there is nothing here", ""))
    }
}

/// Values in the query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found: Result<AxumQuery<T>, QueryRejection> = AxumQuery::from_request_parts(parts, state).await;
        found.map(|AxumQuery(value)| Self(value)).map_err(|error| Failure::new(ErrorCode::BadRequest, error, ""))
    }
}

/// A whole body, which must arrive in time.
#[derive(Debug)]
pub(crate) struct Whole(pub(crate) Bytes);

impl FromRequest<Arc<Services>> for Whole {
    type Rejection = Failure;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, Failure> {
        // A slow line may take a few times the pause that is allowed, but not for ever.
        let most = services.settings.server.body_timeout * 3;
        read(request, services, most).await.map(Self)
    }
}

async fn read(request: Request, services: &Arc<Services>, most: Duration) -> Result<Bytes, Failure> {
    let body: Result<Result<Bytes, BytesRejection>, _> =
        tokio::time::timeout(most, Bytes::from_request(request, services)).await;
    match body {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Failure::new(ErrorCode::TooLarge, "the body is larger than allowed here", ""))
        }
        Ok(Err(_)) => Err(Failure::new(ErrorCode::BadRequest, "the body broke off", "send it again")),
        Err(_) => Err(Failure::new(ErrorCode::BadRequest, "the body came too slowly", "send it again")),
    }
}

/// A body of JSON.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Services>> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, Failure> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // A form on a foreign page can send text, but not this type.
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            let message = format!("the content type {kind:?} is not application/json");
            return Err(Failure::new(ErrorCode::BadRequest, message, "send JSON"));
        }
        let body = read(request, services, services.settings.server.body_timeout).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let code = if error.is_data() { ErrorCode::BadValue } else { ErrorCode::BadRequest };
            Failure::new(code, error, "")
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> ClientAddress {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        ClientAddress::of(&parts, &trusted)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let spoofed = address("203.0.113.9:1", &["127.0.0.1"], &[]);
        assert_eq!((spoofed.ip, spoofed.at_home), (ip("203.0.113.9"), false));
        assert!(address("127.0.0.1:1", &[], &[]).at_home);
        assert!(!address("127.0.0.1:1", &["203.0.113.9"], &[]).at_home, "an unknown proxy on this machine");
        let chain = address("10.0.0.1:1", &["1.1.1.1, 203.0.113.9", "10.0.0.2"], &["10.0.0.0/8"]);
        assert_eq!((chain.ip, chain.at_home), (ip("203.0.113.9"), false));
        assert_eq!(address("10.0.0.1:1", &["rubbish"], &["10.0.0.0/8"]).ip, ip("10.0.0.1"));
        assert_eq!(address("10.0.0.1:1", &["203.0.113.9, rubbish"], &["10.0.0.0/8"]).ip, ip("10.0.0.1"));
    }
}
