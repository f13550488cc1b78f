//! What has to be there before one goes live: an account, a channel, its key.

use std::sync::Arc;

use age::secrecy::SecretString;
use backend_lite::api::{Client, ClientError, NewChannel};
use runnel_media::capture::SourceSpec;
use runnel_p2p::wire::ChannelKey;

use super::News;
use crate::command::Secret;
use crate::engine::communities::person;
use crate::engine::{Tell, problem};
use crate::keys::{KeyError, Keys, StoreError};
use crate::paths::Paths;
use crate::session::account::{self, AccountError};
use crate::session::broadcast::MediaProblem;
use crate::state::{ChannelId, Notice, Person, Problem};

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
    keys: Option<Arc<Keys>>,
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
    let key = key(paths, keys, community, &channel.0, tell).await?;
    let person = person(&client, account).await;
    Ok(Ready { token, person, channel, key })
}

async fn key(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    community: &str,
    channel: &str,
    tell: &Tell,
) -> Result<ChannelKey, Problem> {
    let keys = match keys {
        Some(keys) => keys,
        None => {
            let (keys, lasting) = open(paths).await?;
            if !lasting {
                let missing = crate::state::Event::Notice(Notice::Problem(Problem::KeyringMissing));
                let _ = tell.send(crate::engine::News::Pass(missing)).await;
            }
            // The engine may be ending.
            let _ = tell.send(crate::engine::News::Studio(News::Keys(keys.clone()))).await;
            keys
        }
    };
    let (community, channel) = (community.to_owned(), channel.to_owned());
    let key = tokio::task::spawn_blocking(move || keys.get_or_create(&community, &channel)).await;
    key.map_err(|_| Problem::Unexpected)?.map_err(|error| {
        tracing::warn!(%error, "the channel's key could not be had");
        Problem::KeyringMissing
    })
}

/// The keys, and whether they outlive the app: without a keyring and a passphrase one can go live all the same.
async fn open(paths: &Paths) -> Result<(Arc<Keys>, bool), Problem> {
    let paths = paths.clone();
    // The keyring is asked over D-Bus and may show a dialog.
    let opened = tokio::task::spawn_blocking(move || {
        let passphrase = std::env::var_os("RUNNEL_PASSPHRASE_FILE").and_then(|file| std::fs::read_to_string(file).ok());
        Keys::open(&paths, passphrase.map(|text| SecretString::from(text.trim().to_owned())))
    });
    match opened.await.map_err(|_| Problem::Unexpected)? {
        Ok(keys) => Ok((Arc::new(keys), true)),
        Err(KeyError::Store(StoreError::NoKeyring)) => {
            tracing::info!("there is no keyring: the key lasts as long as the app");
            Ok((Arc::new(Keys::ephemeral()), false))
        }
        Err(error) => {
            tracing::warn!(%error, "the keys could not be opened");
            Err(Problem::KeyringMissing)
        }
    }
}

/// A name for the account on one's own server, from who one is on this machine.
fn own_name() -> String {
    let user = ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = user.chars().filter(legal).take(32).collect();
    if name.len() < 3 { "streamer".to_owned() } else { name }
}

/// Exports the channel's key into a file that the person chooses; `None` where they chose none.
pub(super) async fn export(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    community: &str,
    channel: &str,
    passphrase: Secret,
) -> Option<Notice> {
    let keys = match keys {
        Some(keys) => keys,
        None => match open(paths).await {
            Ok((keys, _)) => keys,
            Err(problem) => return Some(Notice::Problem(problem)),
        },
    };
    let file = rfd::AsyncFileDialog::new().set_file_name("runnel-key.age").save_file().await?;
    let path = file.path().to_owned();
    let (community, channel) = (community.to_owned(), channel.to_owned());
    let written = tokio::task::spawn_blocking(move || {
        let sealed = keys.export(&community, &channel, SecretString::from(passphrase.expose().to_owned()))?;
        let named = |error: std::io::Error| KeyError::Index { path: path.clone(), reason: error.to_string() };
        crate::settings::file::replace(&path, &sealed).map_err(named)?;
        Ok::<_, KeyError>(path)
    });
    Some(match written.await {
        Ok(Ok(path)) => Notice::KeysExported { path: path.display().to_string() },
        Ok(Err(error)) => {
            tracing::warn!(%error, "the key could not be exported");
            Notice::Problem(Problem::KeyringMissing)
        }
        Err(_) => Notice::Problem(Problem::Unexpected),
    })
}

/// Revokes this machine's key on the server and makes a new one.
pub(super) async fn revoke(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    client: Client,
    address: &str,
    community: &str,
    channel: &str,
) -> Notice {
    let keys = match keys {
        Some(keys) => keys,
        None => match open(paths).await {
            Ok((keys, _)) => keys,
            Err(problem) => return Notice::Problem(problem),
        },
    };
    let (id, name) = (community.to_owned(), channel.to_owned());
    let exchanged = tokio::task::spawn_blocking(move || {
        let old = keys.get(&id, &name)?;
        keys.forget(&id, &name)?;
        Ok::<_, KeyError>((old, keys.get_or_create(&id, &name)?))
    });
    let (old, fresh) = match exchanged.await {
        Ok(Ok(exchanged)) => exchanged,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the key could not be exchanged");
            return Notice::Problem(Problem::KeyringMissing);
        }
        Err(_) => return Notice::Problem(Problem::Unexpected),
    };
    let told = async {
        let channel = client.channel(channel).await?;
        client.add_key(channel.id, fresh.public()).await?;
        if let Some(old) = old.filter(|old| channel.keys.contains(&old.public())) {
            client.remove_key(channel.id, old.public()).await?;
        }
        Ok::<_, ClientError>(())
    };
    match told.await {
        Ok(()) => Notice::KeyRevoked,
        Err(error) => Notice::Problem(problem::server(&error, address)),
    }
}

/// What a person can do about a problem of the pipeline.
pub(super) fn device_problem(problem: &MediaProblem, source: &SourceSpec) -> Option<Problem> {
    use runnel_media::pipeline::publish::PublishProblem;
    match problem {
        PublishProblem::Capture { what, problem } => Some(problem::capture(*what, problem, source)),
        _ => None,
    }
}
