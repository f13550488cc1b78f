//! Chunks on disk: one file a segment, written by one thread, readable after a crash at any byte.
//!
//! A file holds whole chunks one after the other, each behind its length (4 bytes, big end first).

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait; beyond that the disk is too slow.
const WAITING: usize = 512;
/// No file of a segment is larger.
const LARGEST: u64 = 256 << 20;
const ENDING: &str = ".rnl";

/// One segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentFile {
    pub(super) epoch: u64,
    pub(super) rendition: u8,
    pub(super) msn: u64,
    /// Sequence of its first chunk.
    pub(super) first: u64,
    /// Discontinuities before it.
    pub(super) discontinuities: u64,
    pub(super) discontinuity: bool,
}

impl SegmentFile {
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        let name = format!(
            "{:08}-{:010}-{}-{}{ENDING}",
            self.msn,
            self.first,
            self.discontinuities,
            u8::from(self.discontinuity)
        );
        folder(root, self.epoch, self.rendition).join(name)
    }

    fn parse(epoch: u64, rendition: u8, name: &str) -> Option<Self> {
        let mut fields = name.strip_suffix(ENDING)?.split('-');
        let mut number = || fields.next()?.parse::<u64>().ok();
        let file = Self {
            epoch,
            rendition,
            msn: number()?,
            first: number()?,
            discontinuities: number()?,
            discontinuity: number()? == 1,
        };
        fields.next().is_none().then_some(file)
    }
}

pub(super) fn epoch_folder(root: &Path, epoch: u64) -> PathBuf {
    root.join(epoch.to_string())
}

fn folder(root: &Path, epoch: u64, rendition: u8) -> PathBuf {
    epoch_folder(root, epoch).join(rendition.to_string())
}

/// Why a chunk was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    #[error("the disk is full")]
    Full,
    #[error("the disk is too slow")]
    Slow,
    #[error("the disk failed: {0}")]
    Failed(io::Error),
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed(error),
        }
    }
}

type Reply = oneshot::Sender<Result<(), DiskError>>;

enum Command {
    Append { file: SegmentFile, chunk: Bytes, reply: Reply },
    Remove { epoch: u64, reply: oneshot::Sender<()> },
    Flush { reply: oneshot::Sender<()> },
}

/// Hands chunks to the writer; cheap to clone. The thread ends when the last one is gone.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
    commands: mpsc::Sender<Command>,
}

impl Disk {
    /// Starts the writer on a folder.
    pub(super) fn start(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let (commands, receiver) = mpsc::channel(WAITING);
        let mut writer = Writer { root: root.clone(), open: HashMap::new() };
        std::thread::Builder::new().name("chunk-writer".to_owned()).spawn(move || writer.run(receiver))?;
        Ok(Self { root, commands })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Queues a chunk; the receiver tells when it is written. Calls are carried out in order.
    pub(super) fn append(&self, file: SegmentFile, chunk: Bytes) -> oneshot::Receiver<Result<(), DiskError>> {
        let (reply, receiver) = oneshot::channel();
        if let Err(refused) = self.commands.try_send(Command::Append { file, chunk, reply })
            && let Command::Append { reply, .. } = refused.into_inner()
        {
            // The receiver is in our hands, so it is there.
            let _ = reply.send(Err(DiskError::Slow));
        }
        receiver
    }

    /// Forgets an epoch: closes and deletes its files.
    pub(super) async fn remove(&self, epoch: u64) {
        let (reply, receiver) = oneshot::channel();
        // A writer that is gone has nothing open; the next start sweeps what is left.
        if self.commands.send(Command::Remove { epoch, reply }).await.is_ok() {
            let _ = receiver.await;
        }
    }

    /// Waits until everything queued before is written.
    pub(super) async fn flush(&self) {
        let (reply, receiver) = oneshot::channel();
        if self.commands.send(Command::Flush { reply }).await.is_ok() {
            let _ = receiver.await;
        }
    }
}

struct Writer {
    root: PathBuf,
    open: HashMap<(u64, u8), (SegmentFile, File)>,
}

impl Writer {
    fn run(&mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            match command {
                Command::Append { file, chunk, reply } => {
                    let result = self.append(file, &chunk).map_err(DiskError::from);
                    if result.is_err() {
                        // Open it anew next time: there may be room by then.
                        self.open.remove(&(file.epoch, file.rendition));
                    }
                    // A publisher that went away does not listen.
                    let _ = reply.send(result);
                }
                Command::Remove { epoch, reply } => {
                    self.open.retain(|(open, _), _| *open != epoch);
                    let folder = epoch_folder(&self.root, epoch);
                    if let Err(error) = fs::remove_dir_all(&folder)
                        && error.kind() != io::ErrorKind::NotFound
                    {
                        tracing::warn!(folder = %folder.display(), %error, "cannot delete chunks");
                    }
                    let _ = reply.send(());
                }
                Command::Flush { reply } => {
                    let _ = reply.send(());
                }
            }
        }
    }

    fn append(&mut self, file: SegmentFile, chunk: &Bytes) -> io::Result<()> {
        let key = (file.epoch, file.rendition);
        if self.open.get(&key).is_none_or(|(open, _)| *open != file) {
            let path = file.path(&self.root);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let handle = OpenOptions::new().append(true).create(true).open(path)?;
            self.open.insert(key, (file, handle));
        }
        let Some((_, handle)) = self.open.get_mut(&key) else { return Ok(()) };
        let before = handle.metadata()?.len();
        let length = u32::try_from(chunk.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut frame = Vec::with_capacity(4 + chunk.len());
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(chunk);
        if let Err(error) = handle.write_all(&frame) {
            // Half a chunk would hide those after it. If even this fails, reading stops there and loses nothing else.
            let _ = handle.set_len(before);
            return Err(error);
        }
        Ok(())
    }
}

/// Reads the chunks of a segment, up to the first damaged one, and how many bytes were good.
pub(super) fn read(root: &Path, file: &SegmentFile) -> io::Result<(Vec<Bytes>, u64)> {
    let handle = File::open(file.path(root))?;
    let mut data = Vec::new();
    handle.take(LARGEST).read_to_end(&mut data)?;
    let mut rest = Bytes::from(data);
    let (mut chunks, mut good) = (Vec::new(), 0);
    while rest.len() >= 4 {
        let length = rest.get_u32() as usize;
        if length > rest.len() {
            break;
        }
        chunks.push(rest.split_to(length));
        good += 4 + length as u64;
    }
    Ok((chunks, good))
}

/// Cuts a damaged end off, so that more can be appended.
pub(super) fn cut(root: &Path, file: &SegmentFile, good: u64) -> io::Result<()> {
    let handle = OpenOptions::new().write(true).open(file.path(root))?;
    if handle.metadata()?.len() > good {
        handle.set_len(good)?;
    }
    Ok(())
}

/// The renditions of an epoch that have a folder.
pub(super) fn renditions(root: &Path, epoch: u64) -> Vec<u8> {
    names(&epoch_folder(root, epoch)).filter_map(|name| name.parse().ok()).collect()
}

/// The files of a rendition in order.
pub(super) fn files(root: &Path, epoch: u64, rendition: u8) -> Vec<SegmentFile> {
    let mut files: Vec<SegmentFile> =
        names(&folder(root, epoch, rendition)).filter_map(|name| SegmentFile::parse(epoch, rendition, &name)).collect();
    files.sort_unstable_by_key(|file| (file.msn, file.first));
    files
}

/// The epochs that have a folder.
pub(super) fn epochs(root: &Path) -> Vec<u64> {
    names(root).filter_map(|name| name.parse().ok()).collect()
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: SegmentFile =
        SegmentFile { epoch: 7, rendition: 0, msn: 3, first: 60, discontinuities: 1, discontinuity: true };

    #[tokio::test]
    async fn what_is_written_is_read_and_a_torn_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let disk = Disk::start(root.clone()).unwrap();
        for chunk in [&b"one"[..], b"two"] {
            disk.append(FILE, Bytes::from_static(chunk)).await.unwrap().unwrap();
        }
        let path = FILE.path(&root);
        let whole = fs::read(&path).unwrap();
        for cut_at in 0..whole.len() {
            fs::write(&path, &whole[..cut_at]).unwrap();
            let (chunks, good) = read(&root, &FILE).unwrap();
            assert_eq!(chunks.len(), cut_at / 7);
            cut(&root, &FILE, good).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), good);
        }
        assert_eq!(files(&root, 7, 0), [FILE]);
        assert_eq!((epochs(&root), renditions(&root, 7)), (vec![7], vec![0]));
        disk.remove(7).await;
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_said_and_survived() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let path = FILE.path(&root);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let disk = Disk::start(root.clone()).unwrap();
        let result = disk.append(FILE, Bytes::from_static(b"x")).await.unwrap();
        assert!(matches!(result, Err(DiskError::Full)));
        fs::remove_file(&path).unwrap();
        disk.append(FILE, Bytes::from_static(b"x")).await.unwrap().unwrap();
        assert_eq!(read(&root, &FILE).unwrap().0, ["x"]);
    }
}
