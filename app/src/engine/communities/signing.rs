//! Who one is in a community.

use backend_lite::api::{self, Client, ClientError, Credentials};

use super::{Core, News};
use crate::command::Secret;
use crate::engine::Tell;
use crate::paths::Paths;
use crate::session::account;
use crate::state::{ChannelId, CommunityId, Event, Person};

impl Core {
    /// Who one is now; a token replaces the one that was kept.
    pub(in crate::engine) fn signed_in(&mut self, id: &CommunityId, token: Option<String>, person: Option<Person>) {
        if let Some(token) = &token
            && let Err(error) = account::keep_token(&self.paths, &id.0, Some(token))
        {
            tracing::warn!(%error, "the sign-in is forgotten at the end");
        }
        let Some(member) = self.communities.get_mut(id) else { return };
        if let (Some(token), Some(client)) = (token, &member.client) {
            member.client = Some(client.with_token(Some(token)));
        }
        member.person.clone_from(&person);
        self.outlet.emit(Event::SignedIn { community: id.clone(), person });
    }

    pub(in crate::engine) fn sign_in(&mut self, id: &CommunityId, name: String, password: Secret, fresh: bool) {
        let Some(client) = self.communities.get(id).and_then(|member| member.client().ok()) else { return };
        let (tell, id) = (self.tell.clone(), id.clone());
        tokio::spawn(async move {
            let credentials = Credentials { name, password: password.expose().to_owned() };
            let session = if fresh { client.sign_up(&credentials).await } else { client.sign_in(&credentials).await };
            let outcome = match session {
                Ok(session) => {
                    let client = client.with_token(Some(session.token.clone()));
                    let person = person(&client, session.account).await;
                    Ok((session.token, person))
                }
                Err(error) => Err(error),
            };
            // The engine may be ending.
            let _ = tell.send(crate::engine::News::Community(News::SignedIn { id, outcome })).await;
        });
    }

    pub(in crate::engine) fn sign_out(&mut self, id: &CommunityId) {
        if let Err(error) = account::keep_token(&self.paths, &id.0, None) {
            tracing::warn!(%error, "the sign-in could not be forgotten");
        }
        if let Some(member) = self.communities.get_mut(id)
            && let Some(client) = member.client.clone()
        {
            member.client = Some(client.with_token(None));
            tokio::spawn(async move {
                if let Err(error) = client.sign_out().await {
                    tracing::info!(%error, "the server was not told of the sign-out");
                }
            });
        }
        self.signed_in(id, None, None);
    }
}

/// Asks a community who it is, and whom the kept token makes us.
pub(super) fn reach(tell: &Tell, paths: &Paths, address: String, embedded: bool, wanted: Option<String>) {
    let (tell, paths) = (tell.clone(), paths.clone());
    tokio::spawn(async move {
        let news = match greet(&paths, &address).await {
            Ok((community, client, person)) => {
                News::Reached { address, embedded, wanted, community: Box::new(community), client, person }
            }
            Err(error) => News::Unreachable { address, error },
        };
        // The engine may be ending.
        let _ = tell.send(crate::engine::News::Community(news)).await;
    });
}

async fn greet(paths: &Paths, address: &str) -> Result<(api::Community, Client, Option<Person>), ClientError> {
    let client = Client::new(address, None)?;
    let community = client.community().await?;
    let Some(token) = account::kept_token(paths, &community.id) else { return Ok((community, client, None)) };
    let signed_in = client.with_token(Some(token));
    match signed_in.me().await {
        Ok(account) => {
            let person = person(&signed_in, account).await;
            Ok((community, signed_in, Some(person)))
        }
        Err(error) if error.code().is_some() => Ok((community, client, None)),
        Err(error) => Err(error),
    }
}

/// An account as the screens show it.
pub(in crate::engine) async fn person(client: &Client, account: api::Account) -> Person {
    let channels = client.my_channels().await.map(|list| list.items).unwrap_or_default();
    let channel = channels.first().map(|channel| ChannelId(channel.id.to_string()));
    Person { name: account.name, guest: account.role == api::Role::Guest, channel }
}
