//! Deleting what is too old, too much, or of a broadcast that is over.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::retention::{self, Aged};
use super::{Origin, OriginError, disk};

impl Origin {
    /// Deletes chunks that retention does not allow any more.
    pub(crate) async fn sweep(&self) -> Result<(), OriginError> {
        let mut keep = self.store.kept_epochs().await?;
        keep.extend(self.runs.read().by_epoch.keys());
        let root = self.disk.root().to_owned();
        let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(self.clock.unix_micros()).unwrap_or(0));
        let (age, bytes) = (self.retention.age, self.retention.bytes);
        let swept = tokio::task::spawn_blocking(move || {
            let over: Vec<u64> = disk::epochs(&root).into_iter().filter(|epoch| !keep.contains(epoch)).collect();
            let files = files(&root);
            let plan = retention::plan(files, now, age, bytes);
            let deleted: HashSet<PathBuf> = plan
                .into_iter()
                .filter(|file| std::fs::remove_file(&file.path).is_ok())
                .map(|file| file.path)
                .collect();
            let left: u64 = self::files(&root).iter().map(|file| file.bytes).sum();
            (over, deleted, left)
        })
        .await;
        let Ok((over, deleted, left)) = swept else { return Ok(()) };
        for epoch in over {
            self.disk.remove(epoch).await;
        }
        self.metrics.disk_bytes.set(left);
        if !deleted.is_empty() {
            let root = self.disk.root();
            for run in self.runs.read().by_broadcast.values() {
                run.with(|state| {
                    for track in state.tracks.values_mut() {
                        track.forget_files(|file| deleted.contains(&file.path(root)));
                    }
                });
            }
        }
        Ok(())
    }
}

fn files(root: &Path) -> Vec<Aged> {
    let mut all = Vec::new();
    for epoch in disk::epochs(root) {
        for rendition in disk::renditions(root, epoch) {
            for file in disk::files(root, epoch, rendition) {
                let path = file.path(root);
                if let Ok(metadata) = path.metadata()
                    && let Ok(modified) = metadata.modified()
                {
                    all.push(Aged { path, bytes: metadata.len(), modified });
                }
            }
        }
    }
    all
}
