//! Recording to a playable `.mp4`: an init segment and its chunks, one after another.
//!
//! Every chunk reaches the file by one write, so a kill loses at most the newest; a chunk that does not fit
//! (a full disk) is cut off again, so that what is there stays playable, and recording goes on at a keyframe.
//! Time in each file begins at zero, however late the recording did.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::rebase::Rebase;

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be made.
    #[error("cannot create recording {path}")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A fragment could not be written; the file ends before it.
    #[error("cannot write to recording {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

struct Output<W> {
    file: W,
    rebase: Rebase,
    path: PathBuf,
    init: u32,
    length: u64,
}

/// What a recording is written to; files, and in tests something that runs full.
pub trait Sink: Write + Seek {
    /// Cuts everything from `length` on.
    ///
    /// # Errors
    /// Whatever the system says.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

type Open<W> = Box<dyn FnMut(&Path) -> io::Result<W> + Send>;

/// Writes a recording.
pub struct Recorder<W: Sink = File> {
    path: PathBuf,
    open: Open<W>,
    output: Option<Output<W>>,
    files: Vec<PathBuf>,
    wait_for_keyframe: bool,
}

impl Recorder<File> {
    /// A recording at this path; an existing file is overwritten. The file appears with the first init segment.
    ///
    /// # Errors
    /// [`RecordError::Create`] if its folder does not exist or cannot be written to.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RecordError> {
        let path = path.into();
        // Found out now and not when the first chunk comes.
        File::create(&path).map_err(|source| RecordError::Create { path: path.clone(), source })?;
        Ok(Self::with_opener(path, Box::new(|path| File::create(path))))
    }
}

impl<W: Sink> Recorder<W> {
    /// A recording into whatever `open` gives for a path.
    pub fn with_opener(path: PathBuf, open: Open<W>) -> Self {
        Self { path, open, output: None, files: Vec::new(), wait_for_keyframe: true }
    }

    /// The files written so far, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// An init segment. A new one (another size) starts a new file, `NAME-2.mp4`, since players expect one per file.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn init(&mut self, id: u32, data: &[u8]) -> Result<(), RecordError> {
        if self.output.as_ref().is_some_and(|output| output.init == id) {
            return Ok(());
        }
        self.output = None;
        let path = self.next_path();
        let mut file = (self.open)(&path).map_err(|source| RecordError::Create { path: path.clone(), source })?;
        file.write_all(data).map_err(|source| RecordError::Write { path: path.clone(), source })?;
        self.files.push(path.clone());
        self.output = Some(Output { file, rebase: Rebase::default(), path, init: id, length: data.len() as u64 });
        self.wait_for_keyframe = true;
        Ok(())
    }

    /// A chunk. What belongs to no known init segment, or comes before a keyframe, is left out.
    ///
    /// # Errors
    /// [`RecordError::Write`]; the recording then goes on at the next keyframe.
    pub fn chunk(&mut self, init: u32, keyframe: bool, data: &[u8]) -> Result<(), RecordError> {
        let Some(output) = self.output.as_mut().filter(|output| output.init == init) else { return Ok(()) };
        if self.wait_for_keyframe && !keyframe {
            return Ok(());
        }
        let data = output.rebase.apply(data);
        match output.file.write_all(&data).and_then(|()| output.file.flush()) {
            Ok(()) => {
                output.length += data.len() as u64;
                self.wait_for_keyframe = false;
                Ok(())
            }
            Err(source) => {
                self.wait_for_keyframe = true;
                let path = output.path.clone();
                // If even that fails, players pass over the torn fragment at the end.
                let _ = output.file.cut(output.length).and_then(|()| output.file.seek(SeekFrom::Start(output.length)));
                Err(RecordError::Write { path, source })
            }
        }
    }

    fn next_path(&self) -> PathBuf {
        if self.files.is_empty() {
            return self.path.clone();
        }
        let stem = self.path.file_stem().map_or_else(|| "recording".into(), |stem| stem.to_string_lossy());
        let extension = self.path.extension().map_or_else(|| "mp4".into(), |extension| extension.to_string_lossy());
        self.path.with_file_name(format!("{stem}-{}.{extension}", self.files.len() + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// A disk of a few bytes.
    struct SmallDisk {
        data: Arc<Mutex<Cursor<Vec<u8>>>>,
        room: Arc<Mutex<usize>>,
    }

    impl Write for SmallDisk {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let mut disk = self.data.lock();
            let room = *self.room.lock() - disk.position() as usize;
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.write(&data[..data.len().min(room)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for SmallDisk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.data.lock().seek(to)
        }
    }

    impl Sink for SmallDisk {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.data.lock().get_mut().truncate(length as usize);
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_one_fragment_and_goes_on_at_a_keyframe() {
        let (data, room) = (Arc::new(Mutex::new(Cursor::new(Vec::new()))), Arc::new(Mutex::new(12)));
        let (disk, left) = (data.clone(), room.clone());
        let open = move |_: &Path| Ok(SmallDisk { data: disk.clone(), room: left.clone() });
        let mut recorder = Recorder::with_opener("a.mp4".into(), Box::new(open));
        recorder.init(1, b"init").expect("room for it");
        recorder.chunk(1, false, b"early").expect("left out before a keyframe");
        recorder.chunk(1, true, b"key1").expect("room for it");
        let error = recorder.chunk(1, false, b"too long").expect_err("no room");
        assert!(matches!(error, RecordError::Write { .. }));
        assert_eq!(data.lock().get_ref(), b"initkey1", "the torn fragment is gone");
        *room.lock() = 100;
        recorder.chunk(1, false, b"orphan").expect("left out");
        recorder.chunk(1, true, b"key2").expect("room again");
        assert_eq!(data.lock().get_ref(), b"initkey1key2");
    }

    #[test]
    fn a_new_init_segment_starts_a_new_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("show.mp4");
        let mut recorder = Recorder::create(&path).expect("a file");
        for id in [3, 3, 4] {
            recorder.init(id, b"init").expect("written");
            recorder.chunk(id, true, b"chunk").expect("written");
        }
        recorder.chunk(3, true, b"old").expect("left out");
        assert_eq!(recorder.files(), [path.clone(), folder.path().join("show-2.mp4")]);
        assert_eq!(std::fs::read(&path).expect("the file"), b"initchunkchunk");
        assert_eq!(std::fs::read(&recorder.files()[1]).expect("the file"), b"initchunk");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(matches!(Recorder::create("/nowhere/at/all.mp4"), Err(RecordError::Create { .. })));
    }
}
