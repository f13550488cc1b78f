//! Every key, its default and its range.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use toml::Table;

use super::reader::Section;
use super::{
    AccountSettings, ChatSettings, CommunitySettings, ConfigProblem, DEFAULT_PORT, IngestSettings, LimitSettings,
    RetentionSettings, ServerSettings, Settings, TlsSettings, TrackerSettings,
};

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;

/// Reads all sections; on any problem gives all of them.
pub(super) fn check(table: &Table) -> Result<Settings, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let mut root = Section::root(table, &mut problems);
    let settings = Settings {
        data: PathBuf::from(root.text("data", "runnel-data", 4096)),
        log: root.text("log", "info", 1024),
        community: root.or_empty("community", community),
        server: root.or_empty("server", server),
        accounts: root.or_empty("accounts", accounts),
        ingest: root.or_empty("ingest", ingest),
        retention: root.or_empty("retention", retention),
        chat: root.or_empty("chat", chat),
        tracker: root.or_empty("tracker", tracker),
        limits: root.or_empty("limits", limits),
        metrics: root.or_empty("metrics", |section| section.parsed("listen", "an address and port")),
    };
    root.finish();
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn seconds(section: &mut Section<'_>, name: &'static str, default: u64, least: u64, most: u64) -> Duration {
    Duration::from_secs(section.whole(name, default, least..=most))
}

fn count(section: &mut Section<'_>, name: &'static str, default: u64, least: u64, most: u64) -> usize {
    usize::try_from(section.whole(name, default, least..=most)).unwrap_or(usize::MAX)
}

fn small(section: &mut Section<'_>, name: &'static str, default: u64, least: u64, most: u64) -> u32 {
    u32::try_from(section.whole(name, default, least..=most)).unwrap_or(u32::MAX)
}

fn community(section: &mut Section<'_>) -> CommunitySettings {
    CommunitySettings {
        name: section.text("name", "A Runnel community", 80),
        terms: section.text("terms", "", 500),
        privacy: section.text("privacy", "", 500),
        abuse_contact: section.text("abuse_contact", "", 200),
        copyright_contact: section.text("copyright_contact", "", 200),
        minimum_age: u8::try_from(section.whole("minimum_age", 0, 0..=99)).unwrap_or(0),
        oldest_client: section.text("oldest_client", "0.1.0", 40),
        sharing_default: section.parsed("sharing_default", "off, lan, crowd or on").unwrap_or_default(),
    }
}

fn server(section: &mut Section<'_>) -> ServerSettings {
    let default = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT);
    let listen = section.parsed("listen", "an address and port such as 127.0.0.1:7450").unwrap_or(default);
    let public_url = section.text("public_url", "", 500);
    let public_url = public_url.trim_end_matches('/');
    if !(public_url.is_empty() || public_url.starts_with("http://") || public_url.starts_with("https://")) {
        section.problem("public_url", format!("{public_url:?} does not begin with http:// or https://"));
    }
    ServerSettings {
        listen,
        tls: section.section("tls", |tls| TlsSettings {
            certificate: tls.required("certificate", "the path of the certificate chain (PEM)").into(),
            key: tls.required("key", "the path of the private key (PEM)").into(),
        }),
        public_url: (!public_url.is_empty()).then(|| public_url.to_owned()),
        trusted_proxies: section.list("trusted_proxies", "an address or network", 64),
        allowed_origins: section.list("allowed_origins", "a web origin", 64),
        max_connections: count(section, "max_connections", 10_000, 16, 1_000_000),
        max_connections_per_address: count(section, "max_connections_per_address", 64, 4, 100_000),
        header_timeout: seconds(section, "header_timeout_seconds", 10, 1, 120),
        body_timeout: seconds(section, "body_timeout_seconds", 10, 1, 120),
        shutdown: seconds(section, "shutdown_seconds", 10, 1, 300),
    }
}

fn accounts(section: &mut Section<'_>) -> AccountSettings {
    AccountSettings {
        signup: section.flag("signup", true),
        guests: section.flag("guests", true),
        session: seconds(section, "session_seconds", 90 * DAY, 60, 3650 * DAY),
        guest_session: seconds(section, "guest_session_seconds", DAY, 60, 30 * DAY),
        channels_per_account: small(section, "channels_per_account", 10, 1, 10_000),
    }
}

fn ingest(section: &mut Section<'_>) -> IngestSettings {
    IngestSettings {
        grace: seconds(section, "grace_seconds", 60, 1, 3600),
        lost: Duration::from_millis(section.whole("lost_milliseconds", 3000, 500..=30_000)),
        max_chunk_bytes: count(section, "max_chunk_bytes", 4 * MIB, 64 << 10, 64 * MIB),
        window: seconds(section, "window_seconds", 30, 12, 600),
        window_bytes: count(section, "window_bytes", 64 * MIB, MIB, 4096 * MIB),
        max_broadcasts: count(section, "max_broadcasts", 100, 1, 10_000),
    }
}

fn retention(section: &mut Section<'_>) -> RetentionSettings {
    RetentionSettings {
        bytes: section.whole("gigabytes", 10, 1..=1_000_000) * 1024 * MIB,
        age: seconds(section, "age_seconds", 7 * DAY, 60, 3650 * DAY),
        ended: seconds(section, "ended_seconds", 120, 10, DAY),
        messages: seconds(section, "message_seconds", 30 * DAY, 60, 3650 * DAY),
    }
}

fn chat(section: &mut Section<'_>) -> ChatSettings {
    ChatSettings {
        guests: section.flag("guests", true),
        max_chars: count(section, "max_chars", 200, 1, 2000),
        burst: small(section, "burst", 5, 1, 100),
        every: Duration::from_millis(section.whole("milliseconds_per_message", 1000, 10..=600_000)),
        history: count(section, "history", 50, 0, 500),
        max_members: count(section, "max_members", 10_000, 1, 1_000_000),
        connections_per_account: count(section, "connections_per_account", 8, 1, 1000),
    }
}

fn tracker(section: &mut Section<'_>) -> TrackerSettings {
    TrackerSettings {
        interval: seconds(section, "interval_seconds", 10, 1, 300),
        candidates: count(section, "candidates", 40, 1, 200),
        peers_per_address: count(section, "peers_per_address", 8, 1, 10_000),
        max_peers: count(section, "max_peers", 50_000, 2, 1_000_000),
        ticket: seconds(section, "ticket_seconds", 600, 30, 86_400),
        seed: section.flag("seed", true),
        seed_listen: section.parsed("seed_listen", "an IP address"),
    }
}

fn limits(section: &mut Section<'_>) -> LimitSettings {
    LimitSettings {
        sign_in: small(section, "sign_in", 15, 1, 100_000),
        sign_up: small(section, "sign_up", 5, 1, 100_000),
        guests: small(section, "guests", 30, 1, 100_000),
        api: small(section, "api", 200, 10, 1_000_000),
    }
}
