//! Asking a Wayland desktop for a screen: its ScreenCast portal shows the user a dialog and gives a PipeWire stream.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ashpd::desktop::screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType};
use ashpd::desktop::{PersistMode, ResponseError, Session};

use crate::capture::screen::elements::{Node, Wanted};
use crate::capture::stop::Stop;
use crate::capture::{CaptureProblem, ProblemKind, ScreenTarget};

const NAME: &str = "the screen";
/// Longest token that is read back, in bytes; portals give a UUID.
const LONGEST_TOKEN: u64 = 256;

/// A granted stream; it ends when this goes.
struct Grant {
    fd: OwnedFd,
    node: u32,
    session: Session<Screencast>,
}

/// The way to the portal.
pub(crate) struct Portal {
    /// D-Bus wants a place for its tasks, for as long as the session lasts.
    runtime: Option<tokio::runtime::Runtime>,
    grant: Option<Grant>,
    /// Lets a stream begin again without a second dialog.
    leave: Leave,
}

impl Portal {
    /// Keeps what the user allowed in that folder, if there is one.
    pub(crate) fn new(folder: Option<Arc<Path>>) -> Self {
        Self { runtime: None, grant: None, leave: Leave { folder, token: None } }
    }

    /// Asks for a stream, which lasts until the next time, and waits for the user's answer.
    pub(crate) fn ask(&mut self, wanted: &Wanted, stop: &Stop) -> Result<Node, CaptureProblem> {
        self.end_session();
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("runnel-portal")
                    .enable_all()
                    .build();
                none.insert(runtime.map_err(|error| CaptureProblem::from_words(NAME, error, false))?)
            }
        };
        let token = self.leave.take(wanted.target);
        let answer = runtime.block_on(async {
            tokio::select! {
                answer = ask(wanted, token.as_deref()) => answer.map_err(|error| problem(&error)),
                () = stopped(stop) => Err(CaptureProblem::new(ProblemKind::Broken, NAME, "stopped")),
            }
        });
        let (grant, token) = answer?;
        let node = Node { fd: grant.fd.as_raw_fd(), id: grant.node };
        self.grant = Some(grant);
        self.leave.keep(wanted.target, token);
        Ok(node)
    }

    fn end_session(&mut self) {
        if let (Some(grant), Some(runtime)) = (self.grant.take(), &self.runtime) {
            let close = async { tokio::time::timeout(Duration::from_secs(1), grant.session.close()).await };
            if !matches!(runtime.block_on(close), Ok(Ok(()))) {
                tracing::debug!("the portal's session did not close");
            }
        }
    }
}

/// What the user allowed, as the portal's token; each is good for one use and answered by the next.
struct Leave {
    folder: Option<Arc<Path>>,
    token: Option<String>,
}

impl Leave {
    /// The file for a kind of source: leave for a window is none for the screen.
    fn file(&self, target: ScreenTarget) -> Option<PathBuf> {
        let name = match target {
            ScreenTarget::Whole => "screen.token",
            ScreenTarget::Window(_) => "window.token",
        };
        Some(self.folder.as_ref()?.join(name))
    }

    fn take(&mut self, target: ScreenTarget) -> Option<String> {
        let kept = |path: PathBuf| {
            let file = std::fs::File::open(path).ok()?;
            let mut text = String::new();
            file.take(LONGEST_TOKEN + 1).read_to_string(&mut text).ok()?;
            let token = text.trim();
            let legal =
                (1..=LONGEST_TOKEN).contains(&(token.len() as u64)) && token.chars().all(|it| it.is_ascii_graphic());
            legal.then(|| token.to_owned())
        };
        let path = self.file(target);
        self.token.take().or_else(|| kept(path?))
    }

    fn keep(&mut self, target: ScreenTarget, token: Option<String>) {
        self.token.clone_from(&token);
        let Some(path) = self.file(target) else { return };
        let done = match token {
            Some(token) => write_private(&path, &token),
            // The desktop allowed it for this once only.
            None => std::fs::remove_file(&path),
        };
        if let Err(error) =
            done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        {
            tracing::warn!(%error, path = %path.display(), "the leave to capture the screen could not be kept");
        }
    }
}

/// Writes a file that only its owner may read: with the token this user's programs capture the screen unasked.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.end_session();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn stopped(stop: &Stop) {
    while !stop.is_set() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ask(wanted: &Wanted, token: Option<&str>) -> Result<(Grant, Option<String>), ashpd::Error> {
    let portal = Screencast::new().await?;
    let session = portal.create_session(Default::default()).await?;
    let sources = match wanted.target {
        ScreenTarget::Whole => SourceType::Monitor | SourceType::Window,
        ScreenTarget::Window(_) => SourceType::Window.into(),
    };
    let options = SelectSourcesOptions::default()
        .set_multiple(false)
        .set_sources(sources)
        .set_cursor_mode(if wanted.pointer { CursorMode::Embedded } else { CursorMode::Hidden })
        .set_persist_mode(PersistMode::Application)
        .set_restore_token(token);
    portal.select_sources(&session, options).await?.response()?;
    let streams = portal.start(&session, None, Default::default()).await?.response()?;
    let stream = streams.streams().first().ok_or(ashpd::Error::NoResponse)?;
    let node = stream.pipe_wire_node_id();
    let fd = portal.open_pipe_wire_remote(&session, Default::default()).await?;
    let token = streams.restore_token().map(str::to_owned);
    Ok((Grant { fd, node, session }, token))
}

fn problem(error: &ashpd::Error) -> CaptureProblem {
    let kind = match error {
        ashpd::Error::Response(ResponseError::Cancelled) => ProblemKind::PermissionRefused,
        ashpd::Error::PortalNotFound(_) | ashpd::Error::RequiresVersion(..) => ProblemKind::Unsupported,
        ashpd::Error::Zbus(_) => ProblemKind::Unsupported,
        ashpd::Error::Response(ResponseError::Other) => ProblemKind::Broken,
        _ => return CaptureProblem::from_words(NAME, error, false),
    };
    CaptureProblem::new(kind, NAME, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_missing_portal() {
        let kind = |error: ashpd::Error| problem(&error).kind;
        assert_eq!(kind(ashpd::Error::Response(ResponseError::Cancelled)), ProblemKind::PermissionRefused);
        assert_eq!(kind(ashpd::Error::RequiresVersion(5, 1)), ProblemKind::Unsupported);
        assert_eq!(kind(ashpd::Error::Response(ResponseError::Other)), ProblemKind::Broken);
    }

    #[test]
    fn asking_ends_when_it_is_time_to_stop() {
        let stop = Stop::default();
        stop.set();
        let wanted = Wanted { display: None, target: ScreenTarget::Whole, pointer: true, fps: 30 };
        assert!(Portal::new(None).ask(&wanted, &stop).is_err());
    }

    #[test]
    fn leave_is_kept_for_each_kind_of_source_and_for_one_use() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let grants: Arc<Path> = folder.path().join("grants").into();
        let leave = || Leave { folder: Some(grants.clone()), token: None };
        let (screen, window) = (ScreenTarget::Whole, ScreenTarget::Window(7));
        assert_eq!(leave().take(screen), None);
        leave().keep(screen, Some("3f2a-one".to_owned()));
        assert_eq!(leave().take(screen).as_deref(), Some("3f2a-one"), "after a restart");
        assert_eq!(leave().take(window), None, "leave for the screen is none for a window");
        let mode = std::fs::metadata(grants.join("screen.token")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        leave().keep(screen, None);
        assert_eq!(leave().take(screen), None, "allowed once only");
        // What is not a token is not sent to the portal.
        for junk in ["", "two words", "caf\u{e9}", &"x".repeat(300)] {
            std::fs::write(grants.join("window.token"), junk).expect("written");
            assert_eq!(leave().take(window), None, "{junk}");
        }
        let mut none = Leave { folder: None, token: None };
        none.keep(screen, Some("for now".to_owned()));
        assert_eq!(none.take(screen).as_deref(), Some("for now"));
    }
}
