//! The checked settings, one struct a section.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::api::SharingDefault;

/// The port of a server that nobody configured.
pub const DEFAULT_PORT: u16 = 7450;

/// All settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the community says about itself.
    pub community: CommunitySettings,
    /// The listener.
    pub server: ServerSettings,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Who may come in.
    pub accounts: AccountSettings,
    /// Publishing.
    pub ingest: IngestSettings,
    /// What is kept, where and how long.
    pub retention: RetentionSettings,
    /// Chats.
    pub chat: ChatSettings,
    /// The tracker and the server's own node.
    pub tracker: TrackerSettings,
    /// Rate limits.
    pub limits: LimitSettings,
    /// Metrics on a listener of their own.
    pub metrics: Option<SocketAddr>,
    /// What is logged, in the form of `RUST_LOG`.
    pub log: String,
}

impl Settings {
    /// Defaults for an embedded server: loopback, any free port.
    pub fn local(data: PathBuf) -> Self {
        let mut settings = super::RawSettings::default().check().expect("defaults are tested to be right");
        settings.data = data;
        settings.server.listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        settings
    }
}

/// What the community says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunitySettings {
    /// Its name.
    pub name: String,
    /// Address of the terms of use.
    pub terms: String,
    /// Address of the privacy notice.
    pub privacy: String,
    /// Where abuse is reported.
    pub abuse_contact: String,
    /// Where copyright claims go.
    pub copyright_contact: String,
    /// How old one must be.
    pub minimum_age: u8,
    /// The oldest client that still works.
    pub oldest_client: String,
    /// How far viewers share here at most.
    pub sharing_default: SharingDefault,
}

/// The listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate files; without them plain HTTP.
    pub tls: Option<TlsSettings>,
    /// The address the outside knows, if not the one it listens on; no slash at the end.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Web origins that may open a chat, besides the server's own.
    pub allowed_origins: Vec<String>,
    /// Open connections in all.
    pub max_connections: usize,
    /// Open connections of one address; loopback and private addresses are left out.
    pub max_connections_per_address: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a client may pause inside a request's body.
    pub body_timeout: Duration,
    /// How long a shutdown waits for what is under way.
    pub shutdown: Duration,
}

/// Certificate files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSettings {
    /// Whether anyone may make an account.
    pub signup: bool,
    /// Whether guests may come in.
    pub guests: bool,
    /// How long a session lasts.
    pub session: Duration,
    /// How long a guest lasts.
    pub guest_session: Duration,
    /// How many channels one account may own.
    pub channels_per_account: u32,
}

/// Publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestSettings {
    /// How long a broadcast waits for a lost publisher.
    pub grace: Duration,
    /// Silence after which the broadcast counts as stopped.
    pub lost: Duration,
    /// The largest chunk taken.
    pub max_chunk_bytes: usize,
    /// How much of a rendition stays in memory, by time.
    pub window: Duration,
    /// How much of a rendition stays in memory, by size.
    pub window_bytes: usize,
    /// How many broadcasts may be open at once.
    pub max_broadcasts: usize,
}

/// What is kept, where and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Chunks on disk, in bytes; the oldest go first.
    pub bytes: u64,
    /// Chunks older than this go.
    pub age: Duration,
    /// How long an ended broadcast without replay stays for those who are behind.
    pub ended: Duration,
    /// Chat messages older than this go.
    pub messages: Duration,
}

/// Chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatSettings {
    /// Whether guests may write.
    pub guests: bool,
    /// The longest message, in characters.
    pub max_chars: usize,
    /// Messages an account may send at once.
    pub burst: u32,
    /// Seconds until it may send another one.
    pub every: Duration,
    /// How many recent messages a newcomer gets.
    pub history: usize,
    /// How many may be in one room.
    pub max_members: usize,
    /// How many connections one account may have in one room.
    pub connections_per_account: usize,
}

/// The tracker and the server's own node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerSettings {
    /// How often peers announce themselves, before the spread of 30 %.
    pub interval: Duration,
    /// How many candidates an answer holds.
    pub candidates: usize,
    /// How many peers of one broadcast may share an address; loopback and private addresses are left out.
    pub peers_per_address: usize,
    /// How many peers one broadcast may have.
    pub max_peers: usize,
    /// How long a ticket holds.
    pub ticket: Duration,
    /// Whether the server's own node seeds.
    pub seed: bool,
    /// Where the seeding node listens; without it, on the server's own address.
    pub seed_listen: Option<IpAddr>,
}

/// Rate limits, each for one address or account; loopback is left out where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// Sign-ins within five minutes.
    pub sign_in: u32,
    /// New accounts within five minutes.
    pub sign_up: u32,
    /// New guests within five minutes.
    pub guests: u32,
    /// Other API calls within ten seconds; media and chunks have their own limits by size.
    pub api: u32,
}

/// A range of addresses: `10.0.0.0/8` or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// Says why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address, or one with a prefix length such as 10.0.0.0/8")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(NetworkError) } else { Ok(Self { address, prefix }) }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn networks_contain_what_they_should() {
        let inside =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(inside("10.0.0.0/8", "10.9.8.7"));
        assert!(!inside("10.0.0.0/8", "11.0.0.0"));
        assert!(inside("0.0.0.0/0", "1.2.3.4"));
        assert!(inside("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(inside("fd00::/8", "fd12::1"));
        assert!(!inside("::/0", "1.2.3.4"));
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
