//! Where the processes of a demo or of a swarm are led from start to end: their lines are collected, a table is drawn.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::Failure;
use super::board::Board;
use super::child::{self, Line};
use super::crew::{Crew, Role};

/// How often the table is drawn.
const TICK: Duration = Duration::from_millis(500);

/// Gathers what the processes tell; pure.
pub(super) trait Collect {
    /// A process said something.
    fn take(&mut self, role: Role, line: Line);
    /// A process will say no more.
    fn ended(&mut self, role: Role);
    /// Whether the broadcaster has told its figures.
    fn published(&self) -> bool;
    /// The last problem that was told.
    fn last_problem(&self) -> Option<&str>;
    /// The rows of the live table.
    fn rows(&self) -> Vec<String>;
    /// The same in a line, where there is no terminal.
    fn plain(&self) -> String;
}

/// The processes, what they told, and the table of it.
pub(super) struct Stage<C> {
    pub(super) crew: Crew,
    pub(super) collector: C,
    board: Board,
    /// When the first chunk was published.
    pub(super) live_since: Option<Instant>,
}

impl<C: Collect> Stage<C> {
    pub(super) fn new(folder: PathBuf, collector: C, seconds: Duration) -> Result<Self, Failure> {
        let board = Board::new(collector.rows().len(), seconds);
        Ok(Self { crew: Crew::new(folder)?, collector, board, live_since: None })
    }

    /// Reads the processes' lines until `done` says something, for at most `patience`.
    pub(super) async fn until<T>(
        &mut self,
        patience: Duration,
        failure: &str,
        done: impl Fn(&C) -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut tick = tokio::time::interval(TICK);
        loop {
            if let Some(value) = done(&self.collector) {
                return Ok(value);
            }
            tokio::select! {
                news = self.crew.next() => self.take(news)?,
                _ = tick.tick() => self.board.draw(&self.collector, self.live_since.map(|since| now() - since)),
                () = tokio::time::sleep_until(deadline) => {
                    let why = self.why();
                    return Err(Failure::new(format!("{failure} within {} s{why}", patience.as_secs())).next("RUST_LOG=info shows more"));
                }
            }
        }
    }

    /// Leads `play` to its end or to Ctrl-C, and ends every process in any case.
    pub(super) async fn run(mut self, play: impl AsyncFnOnce(&mut Self) -> Result<(), Failure>) -> Result<C, Failure> {
        let ended = tokio::select! {
            ended = play(&mut self) => ended,
            () = child::interrupted() => Err(Failure::interrupted()),
        };
        self.board.finish();
        self.crew.end_all().await;
        ended.map(|()| self.collector)
    }

    fn take(&mut self, (role, news): (Role, Option<Line>)) -> Result<(), Failure> {
        let Some(line) = news else {
            self.collector.ended(role);
            let vital = match role {
                Role::Server => Some("the server ended"),
                Role::Publisher if !self.collector.published() => Some("the broadcaster ended too early"),
                Role::Publisher | Role::Viewer(_) => None,
            };
            return vital.map_or(Ok(()), |message| Err(Failure::new(format!("{message}{}", self.why()))));
        };
        self.collector.take(role, line);
        Ok(())
    }

    fn why(&self) -> String {
        self.collector.last_problem().map(|text| format!(": {text}")).unwrap_or_default()
    }

    /// The broadcast has begun: the table's clock runs.
    pub(super) fn goes_live(&mut self) {
        self.live_since = Some(now());
    }
}

/// A folder for the processes' homes, removed with this value.
pub(super) fn folder(prefix: &str) -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new().prefix(prefix).tempdir().map_err(|error| {
        Failure::new(format!("no temporary folder could be made: {error}"))
            .next("set TMPDIR to a folder you may write to")
    })
}

#[expect(clippy::disallowed_methods, reason = "a stage is a driver: it paces real processes")]
fn now() -> Instant {
    Instant::now()
}
