//! Short messages at the foot of the window.

use std::time::{Duration, Instant};

use super::Problem;

/// Toasts shown at one time.
pub const MAX_TOASTS: usize = 3;
/// How long a toast that is not an error stays.
const LIFE: Duration = Duration::from_secs(6);

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something worked.
    Good,
    /// Something works worse than it should.
    Warn,
    /// Something does not work: stays until read.
    Error,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something went wrong; said with its next step.
    Problem(Problem),
    /// A community was joined.
    Joined {
        /// Its name.
        name: String,
    },
    /// The server answers again.
    Reconnected {
        /// The community's name.
        name: String,
    },
    /// A followed channel went live.
    FollowedLive {
        /// The channel's name.
        name: String,
    },
    /// Keys were exported.
    KeysExported {
        /// Where to.
        path: String,
    },
    /// Keys were taken in.
    KeysImported,
    /// Keys are kept in a file from now on.
    KeysKept,
    /// A key was revoked.
    KeyRevoked,
    /// A screenshot or recording was saved.
    Saved {
        /// Where to.
        path: String,
    },
}

impl Notice {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Problem(
                Problem::EncoderSlow { .. }
                // It works all the same, until the app is closed.
                | Problem::KeyringMissing
                | Problem::UploadSlow
                | Problem::UploadLost
                | Problem::Busy
                | Problem::NotLive,
            ) => Severity::Warn,
            Self::FollowedLive { .. } => Severity::Info,
            Self::Problem(_) => Severity::Error,
            _ => Severity::Good,
        }
    }
}

impl Notice {
    /// Whether it stays until it is read: errors do, and what is lost for good if nobody reads it.
    fn stays(&self) -> bool {
        self.severity() == Severity::Error || *self == Self::Problem(Problem::KeyringMissing)
    }
}

/// One message on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// By which it is dismissed.
    pub id: u64,
    /// What it says.
    pub notice: Notice,
    /// When it came.
    pub born: Instant,
    /// How many times it came: a repeated message counts instead of piling up.
    pub times: u32,
}

/// The messages on the screen, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toasts {
    items: Vec<Toast>,
    next_id: u64,
}

impl Toasts {
    /// Adds a message; where there is no room the least important, oldest one goes.
    pub fn push(&mut self, now: Instant, notice: Notice) {
        if let Some(same) = self.items.iter_mut().find(|toast| toast.notice == notice) {
            same.times = same.times.saturating_add(1);
            same.born = now;
            return;
        }
        self.next_id += 1;
        self.items.push(Toast { id: self.next_id, notice, born: now, times: 1 });
        if self.items.len() > MAX_TOASTS {
            let least = (0..self.items.len()).min_by_key(|&index| (self.items[index].notice.severity(), index));
            least.map(|index| self.items.remove(index));
        }
    }

    /// Takes a message away.
    pub fn dismiss(&mut self, id: u64) {
        self.items.retain(|toast| toast.id != id);
    }

    /// Takes away what had its time.
    pub fn expire(&mut self, now: Instant) {
        let over = |toast: &Toast| now.saturating_duration_since(toast.born) >= LIFE;
        self.items.retain(|toast| toast.notice.stays() || !over(toast));
    }

    /// When the next message will have had its time.
    pub fn next_expiry(&self) -> Option<Instant> {
        let mortal = self.items.iter().filter(|toast| !toast.notice.stays());
        mortal.map(|toast| toast.born + LIFE).min()
    }

    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Toast> {
        self.items.iter()
    }
}
