//! Channels and their keys.

use runnel_p2p::wire::{ChannelId, PublicKey};

use super::{Catalog, CatalogError, KEYS, clean, text};
use crate::api::{AccountId, Channel, NewChannel};
use crate::name::{self, Name};
use crate::random;
use crate::store::{ChannelRow, StoreError};

impl Catalog {
    /// Makes a channel.
    pub(crate) async fn create_channel(&self, new: &NewChannel, owner: AccountId) -> Result<Channel, CatalogError> {
        let name = Name::parse(&new.name)?;
        let title = new.title.clone().unwrap_or_default();
        text("title", &title, 0, 140)?;
        let row = ChannelRow {
            id: ChannelId(random::bytes()),
            name: name.as_str().to_owned(),
            title: clean(&title),
            owner,
            keys: Vec::new(),
        };
        let most = self.channels_per_account;
        match self.store.add_channel(&row, name.key(), most, self.clock.unix_seconds()).await {
            Ok(true) => Ok(self.channel_info(row)),
            Ok(false) => Err(CatalogError::TooManyChannels(most)),
            Err(StoreError::Taken) => Err(CatalogError::Taken(row.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// The channels of an account.
    pub(crate) async fn channels_of(&self, owner: AccountId) -> Result<Vec<Channel>, CatalogError> {
        let rows = self.store.channels_of(owner).await?;
        Ok(rows.into_iter().map(|row| self.channel_info(row)).collect())
    }

    /// Finds a channel by id or name.
    pub(crate) async fn channel(&self, id_or_name: &str) -> Result<Channel, CatalogError> {
        let row = match id_or_name.parse::<ChannelId>() {
            Ok(id) => self.store.channel(id).await?,
            Err(_) => self.store.channel_by_name(&name::fold(id_or_name)).await?,
        };
        let row = row.ok_or_else(|| CatalogError::NoChannel(id_or_name.chars().take(64).collect()))?;
        Ok(self.channel_info(row))
    }

    /// Lets a key sign for a channel.
    pub(crate) async fn add_key(&self, channel: &Channel, key: PublicKey) -> Result<Channel, CatalogError> {
        if channel.keys.len() >= KEYS && !channel.keys.contains(&key) {
            return Err(CatalogError::TooManyKeys);
        }
        if !self.store.add_key(channel.id, key, self.clock.unix_seconds()).await? {
            return Err(CatalogError::RevokedKey);
        }
        self.channel(&channel.id.to_string()).await
    }

    /// Revokes a key; tells whether it was good before.
    pub(crate) async fn revoke_key(&self, channel: ChannelId, key: PublicKey) -> Result<bool, CatalogError> {
        Ok(self.store.revoke_key(channel, key, self.clock.unix_seconds()).await?)
    }

    fn channel_info(&self, row: ChannelRow) -> Channel {
        let live = self.current(row.id).filter(|broadcast| broadcast.state.is_open());
        Channel { id: row.id, name: row.name, title: row.title, owner: row.owner, keys: row.keys, live }
    }
}
