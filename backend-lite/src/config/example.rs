//! The commented example.

/// A config file with every key, its default and what it means.
pub const EXAMPLE: &str = r##"# backend-lite: every key with its default. Remove the "# " in front of a key to change it.
# Check a file with: backend-lite check-config FILE

# Folder of the database, the chunks and the community's key. Back it up; one server at a time uses it.
# data = "runnel-data"

# What is logged, in the form of RUST_LOG.
# log = "info"

[community]
# name = "A Runnel community"
# Addresses of the terms of use and the privacy notice, and whom to write to.
# terms = ""
# privacy = ""
# abuse_contact = ""
# copyright_contact = ""
# minimum_age = 0
# oldest_client = "0.1.0"
# How far viewers pass on what they watch to each other: "off" (the server carries everything), "lan" (within a local network),
# "crowd" (once more watch than a viewer named), "on". A viewer never shares more than the viewer allowed.
# sharing_default = "on"

[server]
# Only this machine reaches 127.0.0.1. To serve others: "0.0.0.0:7450" or "[::]:7450", better with [server.tls].
# listen = "127.0.0.1:7450"
# The address the outside knows, where a proxy stands in front.
# public_url = ""
# Proxies whose X-Forwarded-For is believed: addresses or networks.
# trusted_proxies = []
# Web origins (https://example.org) that may open chats, besides the server's own.
# allowed_origins = []
# max_connections = 10000
# Loopback and private addresses are left out of this one.
# max_connections_per_address = 64
# header_timeout_seconds = 10
# body_timeout_seconds = 10
# shutdown_seconds = 10

# TLS by certificate files:
# [server.tls]
# certificate = "/etc/runnel/chain.pem"
# key = "/etc/runnel/key.pem"

[accounts]
# signup = true
# guests = true
# session_seconds = 7776000
# guest_session_seconds = 86400
# channels_per_account = 10

[ingest]
# How long a broadcast waits for a publisher that vanished, before it ends.
# grace_seconds = 60
# Silence after which viewers are told that the broadcast stopped.
# lost_milliseconds = 3000
# max_chunk_bytes = 4194304
# What of each rendition stays in memory.
# window_seconds = 30
# window_bytes = 67108864
# max_broadcasts = 100

[retention]
# Chunks on disk: the oldest go when there are more, or when they are older.
# gigabytes = 10
# age_seconds = 604800
# How long an ended broadcast without replay stays for those who are behind.
# ended_seconds = 120
# message_seconds = 2592000

[chat]
# guests = true
# max_chars = 200
# Messages an account may send at once, and how long until it may send another.
# burst = 5
# milliseconds_per_message = 1000
# history = 50
# max_members = 10000
# connections_per_account = 8

[tracker]
# interval_seconds = 10
# candidates = 40
# Peers of one broadcast behind one address; loopback and private addresses are left out.
# peers_per_address = 8
# max_peers = 50000
# ticket_seconds = 600
# The server's own node gives viewers the first copies. It listens on the server's address unless this says another.
# seed = true
# seed_listen = "127.0.0.1"

[limits]
# For one address: sign-ins, new accounts and new guests in five minutes, other calls in ten seconds.
# sign_in = 15
# sign_up = 5
# guests = 30
# api = 200

[metrics]
# Prometheus metrics without a token, on a listener of their own. /metrics on the main one wants an admin's token.
# listen = "127.0.0.1:7451"
"##;
