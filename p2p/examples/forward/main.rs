//! How much a node forwards for a second of CPU, against a bare `libp2p-stream` copy over the same transport; and what a
//! node costs that watches while it feeds eight others.
//!
//! `cargo run -p runnel-p2p --example forward [-- MBITS [SECONDS]]`
//!
//! Three parties stand in a row, each in a thread of its own: one sends, the middle one passes on, the last one receives.
//! The swarm's middle verifies, stores and schedules what it passes on; the bare middle copies bytes from stream to stream.
//! Both rows get the same bytes in real time and at the same time, over QUIC on loopback. The figure is what arrived,
//! divided by the CPU time of the middle's thread; that of the other two is not counted.

mod bare;
mod node;

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Result};
use tokio::task::LocalSet;

/// How much of the stream is one chunk.
const CHUNK: Duration = Duration::from_millis(100);

/// The stream that the watching node gets, and how many others it feeds.
const WATCHED: (f64, usize) = (2.6, 8);

/// What is sent through a row.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// How many chunks go ahead of those that count.
    warm_up: u64,
    /// How many chunks there are in all.
    chunks: u64,
    size: usize,
    mbits: f64,
}

impl Load {
    fn new(mbits: f64, warm_up: f64, seconds: f64) -> Self {
        let chunks = |seconds: f64| (seconds / CHUNK.as_secs_f64()).ceil() as u64;
        let warm_up = chunks(warm_up);
        let size = (mbits * 1e6 / 8.0 * CHUNK.as_secs_f64()) as usize;
        Self { warm_up, chunks: warm_up + chunks(seconds), size, mbits }
    }

    /// The bytes that count.
    fn counted(self) -> u64 {
        (self.chunks - self.warm_up) * self.size as u64
    }

    /// Bytes that do not repeat from chunk to chunk.
    fn payload(self, sequence: u64) -> Vec<u8> {
        (0..self.size as u64).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 7 ^ sequence) as u8).collect()
    }
}

/// What one row did.
struct Outcome {
    /// What came out at its end.
    bytes: u64,
    /// What its middle used.
    cpu: Duration,
}

impl Outcome {
    fn mbits_per_cpu_second(&self) -> f64 {
        self.bytes as f64 * 8e-6 / self.cpu.as_secs_f64()
    }
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<f64>());
    let mbits = numbers.next().unwrap_or(Ok(20.0)).context("MBITS is a number")?;
    let seconds = numbers.next().unwrap_or(Ok(10.0)).context("SECONDS is a number")?;

    // As long as the store fills, memory is taken that later is only used again; the store holds 30 s, or 32 MiB.
    let warm_up = (f64::from(32 << 20) * 8e-6 / mbits).min(30.0);
    let load = Load::new(mbits, warm_up, seconds);
    // At the same time, so that whatever else the machine does troubles both alike.
    let bare = std::thread::Builder::new().name("bare".into()).spawn(move || bare::row(load))?;
    let ours = node::row(load)?;
    let bare = done(bare)?;
    let ratio = ours.mbits_per_cpu_second() / bare.mbits_per_cpu_second();
    let (watched, children) = WATCHED;
    let watching = node::fan(Load::new(watched, 2.0, seconds), children)?;
    let share = watching.cpu.as_secs_f64() / seconds;

    println!("{mbits} Mbit/s for {seconds} s through the middle of three parties:");
    for (name, outcome) in [("bare libp2p-stream", &bare), ("runnel node", &ours)] {
        println!(
            "{name:>20}: {:7.1} Mbit arrived, {:7.1} ms CPU, {:7.1} Mbit per CPU second",
            outcome.bytes as f64 * 8e-6,
            outcome.cpu.as_secs_f64() * 1e3,
            outcome.mbits_per_cpu_second()
        );
    }
    println!("{:>20}: {ratio:.2} (wanted: 0.70)", "ratio");
    let percent = share * 100.0;
    println!("a node that watches {watched} Mbit/s and feeds {children} others: {percent:.1} % of a core (wanted: 3)");
    Ok(())
}

/// Runs a party in a thread and a runtime of its own, so that its CPU time can be told from that of others.
fn party<T, F>(name: &str, future: impl FnOnce() -> F + Send + 'static) -> Result<std::thread::JoinHandle<Result<T>>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + 'static,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, future())
    };
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(run)?)
}

/// Waits for a party.
fn done<T>(party: std::thread::JoinHandle<Result<T>>) -> Result<T> {
    party.join().map_err(|_| anyhow::anyhow!("a party panicked"))?
}

/// The CPU time that this thread used so far.
fn cpu() -> Result<Duration> {
    const LINUX: &str = "CPU time is read the Linux way";
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context(LINUX)?;
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok()).context(LINUX)?;
    Ok(Duration::from_nanos(nanoseconds))
}
