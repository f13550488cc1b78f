//! `runnel doctor`: what this machine has and can do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use clap::Args;
use runnel_media::capture::{self, Device};
use runnel_media::encode::EncoderChoice;
use runnel_media::encode::probe::{self, ProbeRequest, ProbeTable};
use runnel_media::format::WallClock;
use runnel_media::render::offscreen::Offscreen;

use super::Failure;
use super::options::PictureArgs;
use crate::keys::SystemKeyring;
use crate::paths::Paths;
use crate::session::clock;
use crate::settings::Settings;

/// Options of `runnel doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What the encoders are measured at.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// Server to reach; the one that was last used where none is named.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints what was found.
///
/// # Errors
/// When the encoders could not be measured: without one nobody can go live.
pub fn run(paths: &Paths, args: &DoctorArgs) -> Result<(), Failure> {
    println!("Runnel {} on {}", env!("CARGO_PKG_VERSION"), machine());
    println!("settings: {}", paths.settings().display());
    match SystemKeyring::open() {
        Ok(_) => println!("keys: the system's keyring"),
        Err(error) => println!("keys: {error}"),
    }
    devices();
    gpu();
    network(paths, args)?;
    encoders(paths, args)
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} {}, {cores} cores", std::env::consts::OS, std::env::consts::ARCH)
}

fn devices() {
    let found = capture::devices();
    for (what, devices) in [
        ("cameras", &found.cameras),
        ("microphones", &found.microphones),
        ("sound outputs", &found.audio_outputs),
        ("screens and windows", &found.screens),
    ] {
        println!("\n{what}:");
        if devices.is_empty() {
            println!("  none");
        }
        for Device { id, name } in devices {
            println!("  {id}  {name}");
        }
    }
}

fn gpu() {
    println!("\ngraphics:");
    match Offscreen::new() {
        Ok(offscreen) => println!("  {}", offscreen.adapter()),
        Err(error) => println!("  none that draws ({error}); watching needs --headless here"),
    }
}

fn network(paths: &Paths, args: &DoctorArgs) -> Result<(), Failure> {
    println!("\nnetwork:");
    let can = |able: bool| if able { "yes" } else { "no" };
    for (name, ip) in [("IPv4", IpAddr::V4(Ipv4Addr::UNSPECIFIED)), ("IPv6", IpAddr::V6(Ipv6Addr::UNSPECIFIED))] {
        let address = SocketAddr::new(ip, 0);
        println!(
            "  {name}: can listen for viewers by QUIC {}, by TCP {}",
            can(UdpSocket::bind(address).is_ok()),
            can(TcpListener::bind(address).is_ok())
        );
    }
    let settings = Settings::load(paths).file.get().clone();
    let joined = settings.communities.joined.iter().map(|community| community.url.clone());
    let servers: Vec<_> = args.server.clone().map_or_else(|| joined.collect(), |server| vec![server]);
    if servers.is_empty() {
        println!("  no community was joined yet; --server URL tries one");
    }
    let runtime = super::runtime()?;
    for server in servers {
        println!("  {}", runtime.block_on(reach(&server)));
    }
    Ok(())
}

async fn reach(server: &str) -> String {
    let client = match backend_lite::api::Client::new(server, None) {
        Ok(client) => client,
        Err(error) => return format!("{server}: {error}"),
    };
    let started = clock::now();
    match tokio::time::timeout(PATIENCE, client.community()).await {
        Ok(Ok(community)) => {
            let took = (clock::now() - started).as_millis();
            let offset = clock::server_offset(&client).await / 1000;
            format!("{server}: {} answers in {took} ms; its clock is {offset:+} ms from ours", community.name)
        }
        Ok(Err(error)) => format!("{server}: {error}"),
        Err(_) => format!("{server}: no answer within {} s", PATIENCE.as_secs()),
    }
}

fn encoders(paths: &Paths, args: &DoctorArgs) -> Result<(), Failure> {
    let picture = &args.picture;
    println!("\nencoders at {}, {} frames/s, {} kbit/s (measured now):", picture.size, picture.fps, picture.bitrate);
    let request = ProbeRequest::new(picture.size, picture.fps, picture.bitrate, EncoderChoice::clone(&picture.encoder));
    let now = WallClock::from_micros(clock::unix_micros());
    // Asked for explicitly, so measured anew; the result is what the next broadcast uses.
    match std::fs::remove_file(paths.probe_cache()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::debug!(%error, "the old measurement stays");
        }
        _ => {}
    }
    let table = probe::cached_or_run(Some(&paths.probe_cache()), now, &request)?;
    print!("{}", rows(&table));
    Ok(())
}

fn rows(table: &ProbeTable) -> String {
    let mut text = format!("  {:<14} {:>9} {:>6} {:>10}  why\n", "name", "frames/s", "CPU", "delay");
    for row in &table.rows {
        let measured = row.fps > 0.0;
        let figure = |value: String| if measured { value } else { "-".to_owned() };
        text.push_str(&format!(
            "  {:<14} {:>9} {:>6} {:>10}  {}\n",
            row.name,
            figure(format!("{:.0}", row.fps)),
            figure(format!("{:.0} %", row.cpu * 100.0)),
            figure(format!("{:.0} ms", row.delay_ms)),
            row.verdict
        ));
    }
    text.push_str(&format!("  chosen: {} ({})\n", table.chosen, table.reason));
    text
}
