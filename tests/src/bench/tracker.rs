//! How many announces the tracker answers with one core.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use backend_lite::api::{Announce, BroadcastId, Client, Credentials, NewBroadcast, NewChannel};
use runnel_p2p::node::Keypair;

use super::memory::start_server;
use super::usage::cpu_seconds_of;
use super::{Bound, Table};

/// Viewers of the swarm that announces.
const VIEWERS: u32 = 10_000;
/// Every one of them announces within so many seconds, six times as often as is bound.
const ROUND: f64 = 10.0;

/// Announces of ten thousand viewers, each from an address of its own, as they come behind a proxy.
pub(super) fn announces(table: &mut Table) -> Result<()> {
    let home = tempfile::tempdir()?;
    let (server, url) = start_server(&home, "trusted_proxies = [\"127.0.0.1\"]\n")?;
    let broadcast = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(broadcast(&url))?;
    let mut connection = Connection::open(&url, broadcast)?;
    let announces = (0..VIEWERS).map(announce).collect::<Result<Vec<_>>>()?;
    for (viewer, announce) in (0..).zip(&announces) {
        connection.announce(viewer, announce)?;
    }
    let before = cpu_seconds_of(server.id())?;
    let mut named = 0;
    for (viewer, announce) in (0..).zip(&announces) {
        named += connection.announce(viewer, announce)?;
    }
    let rate = f64::from(VIEWERS) / (cpu_seconds_of(server.id())? - before).max(0.01);
    table.add("tracker", "announces a second on one core, 10,000 viewers", rate, Bound::Least(1000.0 / 6.0));
    table.add("tracker", "share of a core at one in ten seconds each", f64::from(VIEWERS) / ROUND / rate, Bound::None);
    table.add("tracker", "viewers named in an answer", named as f64 / f64::from(VIEWERS), Bound::None);
    Ok(())
}

/// A broadcast that waits for its broadcaster.
async fn broadcast(url: &str) -> Result<BroadcastId> {
    let client = Client::new(url, None)?;
    let credentials = Credentials { name: "bench".to_owned(), password: "correct horse".to_owned() };
    let client = client.with_token(Some(client.sign_up(&credentials).await?.token));
    let channel = client.create_channel(&NewChannel { name: "bench".to_owned(), title: None }).await?;
    let new = NewBroadcast { channel: channel.name, title: "Bench".to_owned(), ..NewBroadcast::default() };
    Ok(client.create_broadcast(&new).await?.id)
}

/// A viewer with a public address; a tenth can hand the stream on many times.
fn announce(viewer: u32) -> Result<Announce> {
    let mut secret = [1; 32];
    secret[..4].copy_from_slice(&viewer.to_le_bytes());
    let peer_id = Keypair::ed25519_from_bytes(secret)?.public().to_peer_id().to_string();
    let addresses =
        vec![format!("/ip4/{}/udp/4001/quic-v1", address(viewer)), format!("/ip4/{}/tcp/4001", address(viewer))];
    let uplink_kbps = Some(if viewer.is_multiple_of(10) { 50_000 } else { 4_000 });
    Ok(Announce { peer_id, addresses, uplink_kbps, ..Announce::default() })
}

fn address(viewer: u32) -> String {
    format!("11.{}.{}.9", viewer / 256, viewer % 256)
}

/// A connection that is kept, as a proxy keeps it.
struct Connection {
    stream: BufReader<TcpStream>,
    path: String,
    host: String,
}

impl Connection {
    fn open(url: &str, broadcast: BroadcastId) -> Result<Self> {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream: BufReader::new(stream), path: format!("/v1/broadcasts/{broadcast}/peers"), host })
    }

    /// Announces a viewer; how many others were named.
    fn announce(&mut self, viewer: u32, announce: &Announce) -> Result<usize> {
        let body = serde_json::to_vec(announce)?;
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nx-forwarded-for: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.host,
            address(viewer),
            body.len()
        )
        .into_bytes();
        request.extend(body);
        self.stream.get_mut().write_all(&request)?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if !status.contains(" 200 ") {
            bail!("{status}{}", String::from_utf8_lossy(&body));
        }
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(answer["peers"].as_array().context("peers are named")?.len())
    }
}
