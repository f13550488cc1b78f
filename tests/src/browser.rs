//! A real browser that plays a stream with hls.js and reports what it saw.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::Process;

const HLS_JS: &str = include_str!("../fixtures/hls.light.min.js");
const PAGE: &str = include_str!("../fixtures/player.html");

/// What the page reports once it has played long enough, or given up.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// Seconds the picture moved on.
    pub played_seconds: f64,
    /// Frames that the browser decoded.
    pub frames: u64,
    /// Of those, frames it did not show.
    pub dropped: u64,
    /// Width of the picture.
    pub width: u32,
    /// Height of the picture.
    pub height: u32,
    /// hls.js' own figure of how far behind live it plays, in seconds.
    pub latency_seconds: f64,
    /// Whether sound was decoded.
    pub audio_bytes: u64,
    /// Fatal errors, in hls.js' words.
    pub errors: Vec<String>,
}

/// Plays `playlist` in headless Chromium until the page has seen `seconds` of it.
///
/// # Errors
/// When the browser cannot start or reports nothing within `limit`.
pub fn play(chromium: &std::path::Path, playlist: &str, seconds: u32, limit: Duration) -> Result<Report> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (sender, reports) = sync_channel(1);
    let page = PAGE.replace("{{playlist}}", playlist).replace("{{seconds}}", &seconds.to_string());
    std::thread::Builder::new().name("test-page".into()).spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if serve(stream, &page, &sender).unwrap_or(false) {
                break;
            }
        }
    })?;
    let profile = tempfile::tempdir()?;
    let _browser = Process::start(
        Command::new(chromium)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("http://{address}/"))
            .stderr(std::process::Stdio::null()),
    )?;
    let report = reports.recv_timeout(limit).context("the browser reported nothing")?;
    serde_json::from_str(&report).context("the page's report is JSON")
}

/// Answers one request; true once the report has come.
fn serve(stream: TcpStream, page: &str, report: &SyncSender<String>) -> Result<bool> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (kind, body) = match (method, path) {
        ("POST", "/report") => {
            let mut text = String::new();
            reader.by_ref().take(length).read_to_string(&mut text)?;
            report.send(text)?;
            ("text/plain", "")
        }
        (_, "/hls.js") => ("text/javascript", HLS_JS),
        (_, "/") => ("text/html; charset=utf-8", page),
        _ => ("text/plain", ""),
    };
    let mut stream = reader.into_inner();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    Ok(method == "POST")
}
