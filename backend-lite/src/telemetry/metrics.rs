//! Counters and gauges, written in the text form of Prometheus.
//!
//! There is a fixed number of them: nothing a stranger sends can add one.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// What it stands at.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub(crate) fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    /// Raises it.
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Lowers it, not below zero.
    pub(crate) fn sub(&self, by: u64) {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| Some(value.saturating_sub(by))).ok();
    }

    /// What it stands at.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! metrics {
    ($($kind:ident $name:ident $text:literal $help:literal),* $(,)?) => {
        /// All metrics of a server.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $(#[doc = $help] pub(crate) $name: $kind,)*
        }

        impl Metrics {
            /// All of them in Prometheus's text form.
            pub(crate) fn render(&self) -> String {
                let mut text = String::with_capacity(4096);
                $(
                    let kind = match stringify!($kind) { "Count" => "counter", _ => "gauge" };
                    let _ = writeln!(text, concat!("# HELP ", $text, " ", $help));
                    let _ = writeln!(text, concat!("# TYPE ", $text, " {}"), kind);
                    let _ = writeln!(text, concat!($text, " {}"), self.$name.get());
                )*
                text
            }
        }
    };
}

metrics! {
    Count connections "runnel_connections_total" "Connections accepted.",
    Count connections_refused "runnel_connections_refused_total" "Connections refused because of a limit.",
    Gauge connections_open "runnel_connections_open" "Connections open now.",
    Count requests "runnel_http_requests_total" "Requests answered.",
    Count requests_4xx "runnel_http_client_errors_total" "Requests answered with 4xx.",
    Count requests_5xx "runnel_http_server_errors_total" "Requests answered with 5xx.",
    Count panics "runnel_http_panics_total" "Handlers that panicked; each is a bug.",
    Count rate_limited "runnel_rate_limited_total" "Requests refused by a rate limit.",
    Gauge waiting "runnel_held_requests" "Requests held for what is about to come.",
    Count chunks_in "runnel_chunks_in_total" "Chunks taken from publishers.",
    Count bytes_in "runnel_chunk_bytes_in_total" "Bytes of chunks taken from publishers.",
    Count chunks_not_stored "runnel_chunks_not_stored_total" "Chunks that went out live but not to disk.",
    Count media_out "runnel_media_requests_total" "Chunks, parts and segments given out.",
    Count bytes_out "runnel_media_bytes_out_total" "Bytes of media given out by HTTP.",
    Gauge window_bytes "runnel_window_bytes" "Chunks in memory, in bytes.",
    Gauge disk_bytes "runnel_disk_bytes" "Chunks on disk at the last sweep, in bytes.",
    Gauge broadcasts_open "runnel_broadcasts_open" "Broadcasts that are waiting, live or stopped.",
    Gauge viewers "runnel_viewers" "Viewers of all broadcasts, from the tracker.",
    Count announces "runnel_announces_total" "Announces of peers.",
    Count announces_refused "runnel_announces_refused_total" "Announces refused.",
    Count seeded_chunks "runnel_seeded_chunks_total" "Chunks handed to the server's own node.",
    Count seeder_missed "runnel_seeder_missed_total" "Chunks the server's own node was too slow for.",
    Gauge chat_members "runnel_chat_members" "Open chat connections.",
    Count chat_messages "runnel_chat_messages_total" "Chat messages taken.",
    Count chat_refused "runnel_chat_refused_total" "Chat messages refused.",
    Count chat_dropped "runnel_chat_dropped_total" "Chat events a slow client missed.",
    Count chat_evicted "runnel_chat_evicted_total" "Chat clients closed because they were too slow.",
    Count chat_not_stored "runnel_chat_not_stored_total" "Chat messages that could not be stored.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_whole() {
        let metrics = Metrics::default();
        metrics.chunks_in.add(3);
        metrics.waiting.sub(1);
        let text = metrics.render();
        assert!(text.contains("# TYPE runnel_chunks_in_total counter\nrunnel_chunks_in_total 3\n"));
        assert!(text.contains("# TYPE runnel_held_requests gauge\nrunnel_held_requests 0\n"));
        assert_eq!(text.lines().count() % 3, 0);
    }
}
