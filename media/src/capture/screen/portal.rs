//! Asking a Wayland desktop for a screen: its ScreenCast portal shows the user a dialog and gives a PipeWire stream.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use ashpd::desktop::screencast::{CursorMode, Screencast, SelectSourcesOptions, SourceType};
use ashpd::desktop::{PersistMode, ResponseError, Session};

use crate::capture::screen::elements::{Node, Wanted};
use crate::capture::stop::Stop;
use crate::capture::{CaptureProblem, ProblemKind, ScreenTarget};

const NAME: &str = "the screen";

/// A granted stream; it ends when this goes.
struct Grant {
    fd: OwnedFd,
    node: u32,
    session: Session<Screencast>,
}

/// The way to the portal.
#[derive(Default)]
pub(crate) struct Portal {
    /// D-Bus wants a place for its tasks, for as long as the session lasts.
    runtime: Option<tokio::runtime::Runtime>,
    grant: Option<Grant>,
    /// Lets a stream that broke off begin again without a second dialog.
    restore_token: Option<String>,
}

impl Portal {
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
        let token = self.restore_token.take();
        let answer = runtime.block_on(async {
            tokio::select! {
                answer = ask(wanted, token.as_deref()) => answer.map_err(|error| problem(&error)),
                () = stopped(stop) => Err(CaptureProblem::new(ProblemKind::Broken, NAME, "stopped")),
            }
        });
        let (grant, token) = answer?;
        let node = Node { fd: grant.fd.as_raw_fd(), id: grant.node };
        (self.grant, self.restore_token) = (Some(grant), token);
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
        assert!(Portal::default().ask(&wanted, &stop).is_err());
    }
}
