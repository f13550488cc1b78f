//! `runnel serve-embedded`: the embedded server alone, for the demo.

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::child::{self, Line};
use crate::embedded::Embedded;
use crate::paths::Paths;

/// Options of `runnel serve-embedded`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Speak in JSON lines, and end when standard input closes.
    #[arg(long, hide = true)]
    pub lines: bool,
}

/// Serves until asked to end.
///
/// # Errors
/// When the server cannot be started.
pub fn run(paths: &Paths, args: &ServeArgs) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    if args.lines {
        child::end_with_parent(stop.clone())?;
    }
    let server = Embedded::start(&paths.server())?;
    if server.is_attached() {
        return Err(Failure::new(format!("a server runs here already, at {}", server.url())));
    }
    if args.lines {
        child::print(&Line::Server { url: server.url().to_owned() });
    } else {
        println!("server: {}", server.url());
    }
    super::runtime()?.block_on(async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = child::interrupted() => {}
        }
    });
    drop(server);
    Ok(())
}
