//! Records what is watched: puts chunks in order, since they complete in any, and hands them to the writer's thread.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use runnel_media::package::record::{RecordError, Recorder};

/// Chunks that wait for one that is missing before it is given up: about ten seconds.
const PATIENCE: usize = 100;
/// Things that may wait for a slow disk.
const QUEUE: usize = 512;

/// What the writer is told.
enum Piece {
    Init(u32, Bytes),
    Chunk { init: u32, keyframe: bool, data: Bytes },
}

/// A recording that runs; dropping it finishes the file.
pub struct Recording {
    order: Order<(u32, bool, Bytes)>,
    writer: Option<SyncSender<Piece>>,
    thread: Option<JoinHandle<Vec<PathBuf>>>,
    lost: u64,
}

impl Recording {
    /// Starts writing to `path`.
    ///
    /// # Errors
    /// When the file or the writer's thread cannot be made.
    pub fn start(path: PathBuf) -> Result<Self, RecordingError> {
        let recorder = Recorder::create(&path)?;
        let (writer, pieces) = sync_channel(QUEUE);
        let thread =
            std::thread::Builder::new().name("runnel-record".to_owned()).spawn(move || write(recorder, &pieces))?;
        Ok(Self { order: Order::default(), writer: Some(writer), thread: Some(thread), lost: 0 })
    }

    /// An init segment, under the id that chunks name.
    pub fn init(&mut self, id: u32, data: Bytes) {
        self.send(Piece::Init(id, data));
    }

    /// A chunk, in whatever order it completes.
    pub fn chunk(&mut self, sequence: u64, init: u32, keyframe: bool, data: Bytes) {
        self.order.put(sequence, (init, keyframe, data));
        self.write_ready();
    }

    /// A chunk that will never come.
    pub fn missing(&mut self, sequence: u64) {
        self.order.skip(sequence);
        self.write_ready();
    }

    fn write_ready(&mut self) {
        while let Some((init, keyframe, data)) = self.order.take() {
            self.send(Piece::Chunk { init, keyframe, data });
        }
    }

    fn send(&mut self, piece: Piece) {
        let Some(writer) = &self.writer else { return };
        if let Err(TrySendError::Full(_)) = writer.try_send(piece) {
            self.lost += 1;
            if self.lost.is_power_of_two() {
                tracing::warn!(lost = self.lost, "the disk is too slow for the recording: parts of it are missing");
            }
        }
    }

    /// Finishes, and gives the files that were written.
    pub fn finish(mut self) -> Vec<PathBuf> {
        self.end()
    }

    fn end(&mut self) -> Vec<PathBuf> {
        self.order.give_up();
        self.write_ready();
        self.writer = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a recording could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file could not be made.
    #[error(transparent)]
    File(#[from] RecordError),
    /// The writer's thread could not be started.
    #[error("the recording's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

fn write(mut recorder: Recorder, pieces: &std::sync::mpsc::Receiver<Piece>) -> Vec<PathBuf> {
    let mut failing = false;
    while let Ok(piece) = pieces.recv() {
        let (keyframe, written) = match piece {
            Piece::Init(id, data) => (false, recorder.init(id, &data)),
            Piece::Chunk { init, keyframe, data } => (keyframe, recorder.chunk(init, keyframe, &data)),
        };
        match written {
            // After a hole nothing but a keyframe is tried, and what is left out counts as written.
            Ok(()) if failing && keyframe => {
                tracing::warn!("the recording goes on");
                failing = false;
            }
            Ok(()) => {}
            // A full disk fails with every keyframe; one line tells it.
            Err(error) if !failing => {
                tracing::error!("{}", trouble(&error));
                failing = true;
            }
            Err(_) => {}
        }
    }
    recorder.files().to_vec()
}

/// What happened, what is kept, and what to do, for the person to read.
fn trouble(error: &RecordError) -> String {
    let (RecordError::Create { path, source } | RecordError::Write { path, source }) = error;
    let (path, then) = (path.display(), "the show goes on, and what was recorded until now is kept and can be played");
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("the disk is full, so {path} has a hole from here on: {then}; make room, and the recording goes on")
        }
        _ => format!("{path} cannot be written ({source}), so it has a hole from here on: {then}"),
    }
}

/// Puts numbered things in order; what is missing holds up the rest for a while only. Pure.
#[derive(Debug)]
struct Order<T> {
    waiting: BTreeMap<u64, Option<T>>,
    next: Option<u64>,
    patience: usize,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: None, patience: PATIENCE }
    }
}

impl<T> Order<T> {
    fn put(&mut self, sequence: u64, value: T) {
        if self.next.is_none_or(|next| sequence >= next) {
            self.waiting.insert(sequence, Some(value));
        }
    }

    fn skip(&mut self, sequence: u64) {
        if self.next.is_some_and(|next| sequence >= next) {
            self.waiting.entry(sequence).or_insert(None);
        }
    }

    /// Holes are waited for no longer.
    fn give_up(&mut self) {
        self.patience = 0;
    }

    fn take(&mut self) -> Option<T> {
        loop {
            let (&first, _) = self.waiting.first_key_value()?;
            let ready = match self.next {
                // The first chunks of all may come in any order: a few are awaited to find the earliest.
                None => self.waiting.len() > self.patience.min(3),
                Some(next) => first <= next || self.waiting.len() > self.patience,
            };
            if !ready {
                return None;
            }
            let (sequence, value) = self.waiting.pop_first()?;
            self.next = Some(sequence + 1);
            if value.is_some() {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(order: &mut Order<u64>) -> Vec<u64> {
        std::iter::from_fn(|| order.take()).collect()
    }

    #[test]
    fn chunks_are_put_in_order() {
        let mut order = Order::default();
        for sequence in [7, 5, 6, 8] {
            order.put(sequence, sequence);
        }
        assert_eq!(drain(&mut order), [5, 6, 7, 8]);
        order.put(10, 10);
        assert!(drain(&mut order).is_empty());
        order.put(9, 9);
        assert_eq!(drain(&mut order), [9, 10]);
        order.put(3, 3);
        assert!(drain(&mut order).is_empty(), "too late");
    }

    #[test]
    fn a_hole_that_is_known_or_old_holds_nothing_up() {
        let mut order = Order { next: Some(0), ..Order::default() };
        order.put(1, 1);
        order.skip(0);
        assert_eq!(drain(&mut order), [1]);
        for sequence in 3..=102 {
            order.put(sequence, sequence);
        }
        assert!(drain(&mut order).is_empty());
        order.put(103, 103);
        assert_eq!(drain(&mut order).len(), 101);
    }

    #[test]
    fn the_end_gives_all_that_is_there() {
        let mut order = Order { next: Some(0), ..Order::default() };
        order.put(5, 5);
        order.put(9, 9);
        order.give_up();
        assert_eq!(drain(&mut order), [5, 9]);
    }
}
