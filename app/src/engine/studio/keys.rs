//! The channel's keys: opening them where they lie, and what a person does with them.

use std::path::PathBuf;
use std::sync::Arc;

use age::secrecy::SecretString;
use backend_lite::api::{Client, ClientError};
use runnel_p2p::wire::ChannelKey;

use super::News;
use crate::command::Secret;
use crate::engine::files::Wish;
use crate::engine::{Core, Tell, problem};
use crate::keys::{KeyError, Keys, StoreError};
use crate::paths::Paths;
use crate::state::{CommunityId, Event, Notice, Problem};

/// Largest file of keys that is read.
const MOST: u64 = 1 << 20;

impl Core {
    /// Asks for a file to export to, where there is something to export.
    pub(in crate::engine) fn want_export(&mut self, passphrase: Secret) {
        match self.own_channel() {
            Some(_) => self.want_file(Wish::ExportKeys(passphrase)),
            None => self.problem(Problem::KeyNotHere),
        }
    }

    pub(in crate::engine) fn export_keys(&mut self, path: PathBuf, fresh: bool, passphrase: Secret) {
        let Some((community, channel)) = self.own_channel() else { return self.problem(Problem::KeyNotHere) };
        let (paths, keys, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let exported = export(&paths, keys, &tell, (community, channel), (path, fresh), passphrase).await;
            notify(&tell, exported.unwrap_or_else(Notice::Problem)).await;
        });
    }

    pub(in crate::engine) fn import_keys(&mut self, path: PathBuf, passphrase: Secret) {
        let (paths, keys, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let imported = import(&paths, keys, &tell, path, passphrase).await;
            notify(&tell, imported.unwrap_or_else(Notice::Problem)).await;
        });
    }

    pub(in crate::engine) fn revoke_key(&mut self) {
        if self.studio.live.is_some() || self.studio.starting.is_some() {
            // What is on air is signed with the old key to its end.
            return self.problem(Problem::OnAir);
        }
        let Some((community, channel)) = self.own_channel() else { return self.problem(Problem::KeyNotHere) };
        let Some(member) = self.communities.get(&CommunityId(community.clone())) else { return };
        let (Ok(client), address) = (member.client(), member.address.clone()) else { return };
        let (paths, keys, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let revoked = revoke(&paths, keys, &tell, client, &address, &community, &channel).await;
            notify(&tell, revoked.map_or_else(Notice::Problem, |()| Notice::KeyRevoked)).await;
        });
    }

    /// Opens, or begins, the file that keeps keys where there is no keyring; a key that lived in memory goes into it.
    pub(in crate::engine) fn unlock_keys(&mut self, passphrase: Secret) {
        let own =
            self.studio.channel().map(|(community, channel)| (community.0, channel.0)).or_else(|| self.own_channel());
        let (paths, held, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let opened = blocking(move || {
                let keys = Keys::open(&paths, Some(secret(&passphrase)))?;
                if let (Some(held), Some((community, channel))) = (held, own) {
                    keys.keep(&held, &community, &channel)?;
                }
                Ok(Arc::new(keys))
            });
            let notice = match opened.await {
                Ok(keys) => {
                    hand_over(&tell, keys).await;
                    Notice::KeysKept
                }
                Err(problem) => Notice::Problem(problem),
            };
            notify(&tell, notice).await;
        });
    }

    /// The community and channel on which one goes live.
    fn own_channel(&self) -> Option<(String, String)> {
        let id = self.current()?;
        let channel = self.communities.get(&id)?.person.as_ref()?.channel.clone()?;
        Some((id.0, channel.0))
    }
}

async fn notify(tell: &Tell, notice: Notice) {
    // The engine may be ending.
    let _ = tell.send(crate::engine::News::Pass(Event::Notice(notice))).await;
}

async fn hand_over(tell: &Tell, keys: Arc<Keys>) {
    // The engine may be ending.
    let _ = tell.send(crate::engine::News::Studio(News::Keys(keys))).await;
}

fn secret(passphrase: &Secret) -> SecretString {
    SecretString::from(passphrase.expose().to_owned())
}

/// Keyrings are asked over D-Bus and may show a dialog, and passphrases are slow by design: not for a task.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Result<T, KeyError> + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(act).await.map_err(|_| Problem::Unexpected)?;
    done.map_err(|error| problem::keys(&error))
}

/// The keys, where they lie; without a keyring and a passphrase one can go live all the same, and is told.
async fn open(paths: &Paths, keys: Option<Arc<Keys>>, tell: &Tell) -> Result<Arc<Keys>, Problem> {
    if let Some(keys) = keys {
        return Ok(keys);
    }
    let paths = paths.clone();
    let (keys, lasting) = blocking(move || {
        let passphrase = std::env::var_os("RUNNEL_PASSPHRASE_FILE").and_then(|file| std::fs::read_to_string(file).ok());
        match Keys::open(&paths, passphrase.map(|text| SecretString::from(text.trim().to_owned()))) {
            Ok(keys) => Ok((keys, true)),
            Err(KeyError::Store(StoreError::NoKeyring)) => Ok((Keys::ephemeral(), false)),
            Err(error) => Err(error),
        }
    })
    .await?;
    let keys = Arc::new(keys);
    hand_over(tell, keys.clone()).await;
    if !lasting {
        tracing::info!("there is no keyring: the key lasts as long as the app");
        notify(tell, Notice::Problem(Problem::KeyringMissing)).await;
    }
    Ok(keys)
}

/// The key of a channel, made on the first call.
pub(super) async fn key(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    community: &str,
    channel: &str,
    tell: &Tell,
) -> Result<ChannelKey, Problem> {
    let keys = open(paths, keys, tell).await?;
    let (community, channel) = (community.to_owned(), channel.to_owned());
    blocking(move || keys.get_or_create(&community, &channel)).await
}

/// Exports the channel's key into a file, which must not be there already where it is to be a fresh one.
async fn export(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    tell: &Tell,
    (community, channel): (String, String),
    (path, fresh): (PathBuf, bool),
    passphrase: Secret,
) -> Result<Notice, Problem> {
    let keys = open(paths, keys, tell).await?;
    let written = blocking(move || {
        let sealed = keys.export(&community, &channel, secret(&passphrase))?;
        let failed = |source| KeyError::Store(StoreError::File { path: path.clone(), source });
        if fresh && path.exists() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        crate::settings::file::replace(&path, &sealed).map_err(failed)?;
        Ok(path)
    });
    Ok(Notice::KeysExported { path: written.await?.display().to_string() })
}

/// Takes in a key that was exported elsewhere.
async fn import(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    tell: &Tell,
    path: PathBuf,
    passphrase: Secret,
) -> Result<Notice, Problem> {
    let keys = open(paths, keys, tell).await?;
    blocking(move || {
        let failed = |source| KeyError::Store(StoreError::File { path: path.clone(), source });
        let mut sealed = Vec::new();
        let file = std::fs::File::open(&path).map_err(failed)?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST), &mut sealed).map_err(failed)?;
        keys.import(&sealed, secret(&passphrase))
    })
    .await?;
    Ok(Notice::KeysImported)
}

/// Revokes this machine's key on the server and makes a new one.
async fn revoke(
    paths: &Paths,
    keys: Option<Arc<Keys>>,
    tell: &Tell,
    client: Client,
    address: &str,
    community: &str,
    channel: &str,
) -> Result<(), Problem> {
    let keys = open(paths, keys, tell).await?;
    let (id, name) = (community.to_owned(), channel.to_owned());
    let (old, fresh) = blocking(move || {
        let old = keys.get(&id, &name)?;
        keys.forget(&id, &name)?;
        Ok((old, keys.get_or_create(&id, &name)?))
    })
    .await?;
    let told = async {
        let channel = client.channel(channel).await?;
        client.add_key(channel.id, fresh.public()).await?;
        if let Some(old) = old.filter(|old| channel.keys.contains(&old.public())) {
            client.remove_key(channel.id, old.public()).await?;
        }
        Ok::<_, ClientError>(())
    };
    told.await.map_err(|error| problem::server(&error, address))
}
