//! The time that cores spent on an encoder's own threads.

use std::collections::BTreeMap;
use std::time::Duration;

/// Time spent by the calling thread and by every thread that started since; `None` where the system does not tell.
///
/// It is the time of the whole process without that of its other threads, as an encoder's threads may have ended.
/// Threads that other parts of the process start meanwhile are counted too, which only makes us careful.
pub(crate) struct Threads {
    before: BTreeMap<u32, Duration>,
    process: Option<Duration>,
}

impl Threads {
    /// Remembers which threads there are.
    pub(crate) fn remember() -> Self {
        let mut before = times();
        if let Some(own) = own() {
            before.remove(&own);
        }
        Self { before, process: process() }
    }

    /// Time spent so far by the calling thread (since it was remembered) and by the threads that are new.
    pub(crate) fn spent(&self) -> Option<Duration> {
        let now = times();
        let of_thread = |(thread, then): (&u32, &Duration)| now.get(thread).map(|now| now.saturating_sub(*then));
        let others: Duration = self.before.iter().filter_map(of_thread).sum();
        Some(process()?.saturating_sub(self.process?).saturating_sub(others))
    }
}

/// Number of the calling thread.
#[cfg(target_os = "linux")]
fn own() -> Option<u32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// Nanoseconds on a core of each of our threads, from the first field of its `schedstat`.
#[cfg(target_os = "linux")]
fn times() -> BTreeMap<u32, Duration> {
    let read = |thread: u32| {
        let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    let Ok(entries) = std::fs::read_dir("/proc/self/task") else { return BTreeMap::new() };
    let threads = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    threads.filter_map(|thread| Some((thread, read(thread)?))).collect()
}

/// Time on the cores of all our threads, those that ended too: fields 14 and 15 of `stat`, in hundredths of a second.
#[cfg(target_os = "linux")]
fn process() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, which may hold anything.
    let fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let mut ticks = fields.skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(Duration::from_millis((user + system) * 10))
}

#[cfg(not(target_os = "linux"))]
fn process() -> Option<Duration> {
    None
}

#[cfg(not(target_os = "linux"))]
fn own() -> Option<u32> {
    None
}

#[cfg(not(target_os = "linux"))]
fn times() -> BTreeMap<u32, Duration> {
    BTreeMap::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_on_threads_that_came_and_went_is_counted() {
        let threads = Threads::remember();
        let work = || (0..200_000_000u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        let worker = std::thread::Builder::new().name("worker".into()).spawn(work).expect("a thread");
        worker.join().expect("it ends");
        let spent = threads.spent().expect("Linux tells");
        assert!(spent >= Duration::from_millis(20), "{spent:?}");
    }
}
