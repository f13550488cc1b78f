//! Writes what was said to the database, many messages at once, behind the speakers' backs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::api::{AccountId, MessageId};
use crate::store::{MessageRow, Store, StoreError};
use crate::telemetry::Metrics;

/// Messages that may wait for the database; beyond that they are shown and not kept.
const WAITING: usize = 2048;
/// Messages in one transaction.
const AT_ONCE: usize = 256;
/// How long to collect them.
const COLLECT: Duration = Duration::from_millis(50);

#[derive(Debug)]
enum Entry {
    Add(MessageRow),
    Delete { id: MessageId, by: AccountId, done: oneshot::Sender<Result<(), StoreError>> },
    Flush { done: oneshot::Sender<()> },
}

/// The way to the database; its task ends when this is dropped and all is written.
#[derive(Debug)]
pub(super) struct Log {
    entries: mpsc::Sender<Entry>,
    metrics: Arc<Metrics>,
}

impl Log {
    pub(super) fn start(store: Store, metrics: Arc<Metrics>) -> Self {
        let (entries, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(store, receiver, Arc::clone(&metrics)));
        Self { entries, metrics }
    }

    pub(super) fn add(&self, row: MessageRow) {
        if self.entries.try_send(Entry::Add(row)).is_err() {
            self.metrics.chat_not_stored.add(1);
        }
    }

    /// Deletes in turn, so that a message that is still waiting is not written after its deletion.
    pub(super) async fn delete(&self, id: MessageId, by: AccountId) -> Result<(), StoreError> {
        let (done, wait) = oneshot::channel();
        if self.entries.send(Entry::Delete { id, by, done }).await.is_err() {
            return Err(StoreError::Closed);
        }
        wait.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.entries.send(Entry::Flush { done }).await.is_ok() {
            let _ = wait.await;
        }
    }
}

async fn run(store: Store, mut entries: mpsc::Receiver<Entry>, metrics: Arc<Metrics>) {
    let mut batch: Vec<MessageRow> = Vec::new();
    loop {
        let entry = if batch.is_empty() {
            entries.recv().await
        } else if batch.len() >= AT_ONCE {
            write(&store, &mut batch, &metrics).await;
            continue;
        } else {
            match tokio::time::timeout(COLLECT, entries.recv()).await {
                Ok(entry) => entry,
                Err(_) => {
                    write(&store, &mut batch, &metrics).await;
                    continue;
                }
            }
        };
        match entry {
            Some(Entry::Add(row)) => batch.push(row),
            Some(Entry::Delete { id, by, done }) => {
                write(&store, &mut batch, &metrics).await;
                // Whoever asked may have gone.
                let _ = done.send(store.delete_message(id, by).await);
            }
            Some(Entry::Flush { done }) => {
                write(&store, &mut batch, &metrics).await;
                let _ = done.send(());
            }
            None => {
                write(&store, &mut batch, &metrics).await;
                return;
            }
        }
    }
}

async fn write(store: &Store, batch: &mut Vec<MessageRow>, metrics: &Metrics) {
    if batch.is_empty() {
        return;
    }
    if let Err(error) = store.add_messages(batch).await {
        metrics.chat_not_stored.add(batch.len() as u64);
        tracing::warn!(%error, messages = batch.len(), "chat messages were shown but not stored");
    }
    batch.clear();
}
