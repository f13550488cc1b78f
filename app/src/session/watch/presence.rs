//! Is the broadcaster there? Decides from the chunks that come and from the server's word. Pure.

use std::time::{Duration, Instant};

use backend_lite::api::BroadcastState;

/// Silence after which the server is asked what happened.
const ASK: Duration = Duration::from_millis(700);
/// How long between two questions.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Silence after which the broadcaster counts as away whatever the server says: people must not look at a frozen picture.
const AWAY: Duration = Duration::from_secs(4);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A chunk came that is newer than all before.
    Chunk,
    /// A chunk came that says it is the last.
    LastChunk,
    /// The server said where the broadcast stands.
    State(BroadcastState),
    /// Time has passed.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Ask the server where the broadcast stands.
    AskServer,
    /// The broadcaster is away.
    Away,
    /// The broadcaster is back.
    Back,
    /// It is over.
    Ended,
    /// A moderator removed it.
    TakenDown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Here,
    Away,
    Over,
}

/// The decision.
#[derive(Debug)]
pub(super) struct Presence {
    state: State,
    last_chunk: Instant,
    next_question: Instant,
    output: Vec<Output>,
}

impl Presence {
    /// A broadcast that was just joined.
    pub(super) fn new(now: Instant) -> Self {
        Self { state: State::Here, last_chunk: now, next_question: now + ASK, output: Vec::new() }
    }

    /// Takes in what happened at `now`.
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        if self.state == State::Over {
            return;
        }
        let silence = now.saturating_duration_since(self.last_chunk);
        match input {
            Input::Chunk => {
                (self.last_chunk, self.next_question) = (now, now + ASK);
                if self.state == State::Away {
                    self.turn(State::Here, Output::Back);
                }
            }
            Input::LastChunk | Input::State(BroadcastState::Ended) => self.turn(State::Over, Output::Ended),
            Input::State(BroadcastState::TakenDown) => self.turn(State::Over, Output::TakenDown),
            Input::State(BroadcastState::Stopped) if silence >= ASK && self.state == State::Here => {
                self.turn(State::Away, Output::Away);
            }
            Input::State(_) | Input::Timeout => {}
        }
        if self.state == State::Here && silence >= AWAY && input != Input::Chunk {
            self.turn(State::Away, Output::Away);
        }
        if self.state != State::Over && now >= self.next_question {
            self.next_question = now + ASK_AGAIN;
            self.output.push(Output::AskServer);
        }
    }

    fn turn(&mut self, state: State, output: Output) {
        self.state = state;
        self.output.push(output);
    }

    /// What to do next; call until `None`.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        (!self.output.is_empty()).then(|| self.output.remove(0))
    }

    /// When [`Input::Timeout`] is wanted.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Here => Some(self.next_question.min(self.last_chunk + AWAY)),
            State::Away => Some(self.next_question),
            State::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        presence: Presence,
        now: Instant,
    }

    impl Bench {
        #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
        fn new() -> Self {
            let now = Instant::now();
            Self { presence: Presence::new(now), now }
        }

        fn after(&mut self, ms: u64, input: Input) -> Vec<Output> {
            self.now += Duration::from_millis(ms);
            self.presence.handle(self.now, input);
            std::iter::from_fn(|| self.presence.poll_output()).collect()
        }
    }

    #[test]
    fn a_steady_stream_asks_nothing() {
        let mut bench = Bench::new();
        for _ in 0..100 {
            assert_eq!(bench.after(100, Input::Chunk), []);
        }
    }

    #[test]
    fn a_silent_broadcaster_is_away_within_five_seconds_even_without_a_server() {
        let mut bench = Bench::new();
        bench.after(100, Input::Chunk);
        let mut silence = 0;
        loop {
            let wait = bench.presence.poll_timeout().unwrap() - bench.now;
            silence += wait.as_millis();
            if bench.after(u64::try_from(wait.as_millis()).unwrap(), Input::Timeout).contains(&Output::Away) {
                break;
            }
            assert!(silence <= 5000);
        }
        assert_eq!(silence, 4000);
        assert_eq!(bench.after(9000, Input::Chunk), [Output::Back]);
    }

    #[test]
    fn the_servers_word_makes_it_quicker() {
        let mut bench = Bench::new();
        bench.after(100, Input::Chunk);
        assert_eq!(bench.after(500, Input::State(BroadcastState::Stopped)), [], "chunks were here a moment ago");
        assert_eq!(bench.after(200, Input::Timeout), [Output::AskServer]);
        assert_eq!(bench.after(10, Input::State(BroadcastState::Stopped)), [Output::Away]);
        assert_eq!(bench.after(1000, Input::Timeout), [Output::AskServer], "it goes on asking, for the end");
        assert_eq!(bench.after(10, Input::State(BroadcastState::Ended)), [Output::Ended]);
        assert_eq!(bench.after(10, Input::Chunk), []);
        assert_eq!(bench.presence.poll_timeout(), None);
    }

    #[test]
    fn the_last_chunk_is_the_end_without_a_question() {
        let mut bench = Bench::new();
        assert_eq!(bench.after(100, Input::Chunk), []);
        assert_eq!(bench.after(0, Input::LastChunk), [Output::Ended]);
        assert_eq!(bench.presence.poll_timeout(), None);
    }

    #[test]
    fn a_live_broadcast_that_is_slow_is_not_away() {
        let mut bench = Bench::new();
        assert_eq!(bench.after(1300, Input::Timeout), [Output::AskServer]);
        assert_eq!(bench.after(10, Input::State(BroadcastState::Live)), []);
        assert_eq!(bench.after(10, Input::State(BroadcastState::TakenDown)), [Output::TakenDown]);
    }
}
