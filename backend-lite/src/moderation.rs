//! The community's key and what it signs: take-downs that the swarm obeys.

use std::io;
use std::path::Path;

use runnel_p2p::wire::{BroadcastId, CommunityKey, PublicKey, Revocation, RevocationError, Revoked, SignedRevocation};

use crate::api::AccountId;
use crate::clock::Clock;
use crate::random;
use crate::store::{Store, StoreError};

/// Why there is no community key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the community's key file failed: {0}")]
    File(#[from] io::Error),
    /// The file holds something else.
    #[error("the community's key file does not hold a key; put the right one back from a backup")]
    Content,
}

/// Reads the community's key, or draws one on the first run.
pub(crate) fn community_key(file: &Path) -> Result<CommunityKey, KeyError> {
    match std::fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map_err(|_| KeyError::Content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = CommunityKey::from_bytes(random::bytes());
            write_secret(file, &key.to_secret_text())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

fn write_secret(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut handle = options.open(file)?;
    writeln!(handle, "{text}")?;
    handle.sync_all()
}

/// Signs and keeps take-downs.
#[derive(Debug)]
pub(crate) struct Moderation {
    key: CommunityKey,
    store: Store,
    clock: Clock,
}

impl Moderation {
    /// Moderation in the name of this key.
    pub(crate) fn new(key: CommunityKey, store: Store, clock: Clock) -> Self {
        Self { key, store, clock }
    }

    /// The key's public half, by which clients know the community.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The community's id, which follows from its key.
    pub(crate) fn community_id(&self) -> String {
        hex::encode(&blake3::derive_key("runnel community id 1", &self.key.public().0)[..16])
    }

    /// Signs that a broadcast is taken down.
    pub(crate) fn revoke(&self, broadcast: BroadcastId, reason: &str) -> Result<SignedRevocation, RevocationError> {
        let issued = u64::try_from(self.clock.unix_micros()).unwrap_or(0);
        Revocation { issued, revoked: Revoked::Broadcast(broadcast), reason: reason.to_owned() }.sign(&self.key)
    }

    /// Keeps a take-down for good.
    pub(crate) async fn keep(
        &self,
        broadcast: BroadcastId,
        revocation: &SignedRevocation,
        by: AccountId,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.store.take_down(broadcast, revocation.bytes(), by, reason, self.clock.unix_seconds()).await
    }

    /// The take-down of a broadcast, if there is one.
    pub(crate) async fn revocation(&self, broadcast: BroadcastId) -> Result<Option<bytes::Bytes>, StoreError> {
        self.store.revocation(broadcast).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_drawn_once_and_kept_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("community.key");
        let first = community_key(&file).unwrap();
        assert_eq!(community_key(&file).unwrap().public(), first.public());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "rubbish").unwrap();
        assert!(matches!(community_key(&file), Err(KeyError::Content)));
    }
}
