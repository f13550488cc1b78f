//! What has to be there before one goes live: an account, a channel, its key.

use std::sync::Arc;

use backend_lite::api::{Client, ClientError, NewChannel};
use runnel_media::capture::SourceSpec;
use runnel_p2p::wire::ChannelKey;

use super::keys;
use crate::engine::communities::person;
use crate::engine::{Tell, problem};
use crate::keys::Keys;
use crate::paths::Paths;
use crate::session::account::{self, AccountError};
use crate::session::broadcast::MediaProblem;
use crate::state::{ChannelId, Person, Problem};

/// Everything that a broadcast needs of the community.
pub(in crate::engine) struct Ready {
    pub(super) token: String,
    pub(super) person: Person,
    pub(super) channel: ChannelId,
    pub(super) key: ChannelKey,
}

/// Gets it, making what does not exist yet.
pub(super) async fn prepare(
    paths: &Paths,
    client: Client,
    community: &str,
    address: &str,
    embedded: bool,
    held: Option<Arc<Keys>>,
    tell: &Tell,
) -> Result<Ready, Problem> {
    let said_no = |error: &ClientError| problem::server(error, address);
    // On one's own server an account is made on the way; elsewhere one signs in first.
    let client = if embedded {
        account::sign_in_or_up(&client, paths, community, &own_name()).await.map_err(|error| match &error {
            AccountError::Server(error) => said_no(error),
            AccountError::NameTaken(_) => Problem::NameTaken,
            other => {
                tracing::warn!(error = %other, "no account could be made");
                Problem::Unexpected
            }
        })?
    } else {
        client
    };
    let Some(token) = client.token().map(str::to_owned) else { return Err(Problem::NotAllowed) };
    let account = client.me().await.map_err(|error| said_no(&error))?;
    let mine = client.my_channels().await.map_err(|error| said_no(&error))?;
    let channel = match mine.items.into_iter().next() {
        Some(channel) => channel,
        None => {
            let fresh = NewChannel { name: account.name.clone(), title: None };
            client.create_channel(&fresh).await.map_err(|error| said_no(&error))?
        }
    };
    let channel = ChannelId(channel.id.to_string());
    let key = keys::key(paths, held, community, &channel.0, tell).await?;
    let person = person(&client, account).await;
    Ok(Ready { token, person, channel, key })
}

/// A name for the account on one's own server, from who one is on this machine.
fn own_name() -> String {
    let user = ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = user.chars().filter(legal).take(32).collect();
    if name.len() < 3 { "streamer".to_owned() } else { name }
}

/// What a person can do about a problem of the pipeline.
pub(super) fn device_problem(problem: &MediaProblem, source: &SourceSpec) -> Option<Problem> {
    use runnel_media::pipeline::publish::PublishProblem;
    match problem {
        PublishProblem::Capture { what, problem } => Some(problem::capture(*what, problem, source)),
        _ => None,
    }
}
